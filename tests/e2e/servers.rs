//! Brokers and clients of others, on loopback.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::program::{mqscope, tool};

/// A mosquitto of its own port. It ends with the value.
pub(crate) struct Mosquitto {
    child: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Mosquitto {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With these lines for its listener.
    pub(crate) fn start_with(listener: &str) -> Self {
        // It cannot be told to choose a port. One that is free now may be gone a moment later: then another.
        (0..20).find_map(|_| Self::try_start(free_port(), listener)).expect("mosquitto finds a port")
    }

    fn try_start(port: u16, listener: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\n{listener}\nallow_anonymous true\nlog_dest stderr\nset_tcp_nodelay true\n"
        );
        std::fs::write(&config, text).unwrap();
        let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
        let mut child = Command::new("mosquitto")
            .env("PATH", path)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("mosquitto: {error}; run ./tests/setup --tests"));
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let runs = log.any(|line| line.contains(" running"));
        // Nobody reads on, but it must not be held up.
        std::thread::spawn(move || log.for_each(drop));
        if runs {
            return Some(Self { child, port, _folder: folder });
        }
        child.wait().unwrap();
        None
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Publishes as a client of mosquitto's does, to its end.
pub(crate) fn mosquitto_pub(port: u16, arguments: &[&str]) {
    tool(Command::new("mosquitto_pub").args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(arguments));
}
