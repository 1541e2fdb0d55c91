//! Brokers and clients of others, on loopback.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::program::{mqscope, tool};

pub(crate) use mosquitto::{Mosquitto, free_port};

mod mosquitto;

/// The broker built in, at ports of its own. It ends with the value.
pub(crate) struct EmbeddedBroker {
    child: Child,
    /// Where it speaks WebSocket: address, port and path.
    pub(crate) websocket: String,
}

impl EmbeddedBroker {
    pub(crate) fn start() -> Self {
        let mut child = mqscope()
            .args(["broker", "--listen", "127.0.0.1:0", "--websocket", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let websocket = lines.find_map(|line| Some(line.split_once("ws://")?.1.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, websocket: websocket.expect("an address") }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Publishes as a client of mosquitto's does, to its end.
pub(crate) fn mosquitto_pub(port: u16, arguments: &[&str]) {
    tool(Command::new("mosquitto_pub").args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(arguments));
}
