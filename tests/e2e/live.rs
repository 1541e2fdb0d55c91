//! Traffic as it happens: on an interface, and through a tap.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Said, finish, mqscope, run};
use crate::servers::{Mosquitto, free_port, mosquitto_pub};

/// `dump` at work, a packet a line.
pub(crate) struct Dump {
    child: Child,
    packets: Receiver<Value>,
}

impl Dump {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = mqscope()
            .args(["dump", "-T", "json"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, packets) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let packet = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"));
                if sender.send(packet).is_err() {
                    break;
                }
            }
        });
        Self { child, packets }
    }

    /// Publishes until a packet is seen: only then is it certain to be listening.
    fn wait_until_it_sees(&self, port: u16) {
        for _ in 0..100 {
            mosquitto_pub(port, &["-i", "early", "-t", "live/early", "-m", "?"]);
            if self.packets.recv_timeout(Duration::from_millis(100)).is_ok() {
                return;
            }
        }
        panic!("nothing was captured");
    }

    /// Knocks until the tap opens.
    pub(crate) fn wait_until_it_listens(&self, port: u16) {
        let patience = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "the tap does not listen");
            std::thread::yield_now();
        }
    }

    /// The packets of one client's connection, up to its DISCONNECT.
    pub(crate) fn conversation(&self, client_id: &str) -> Vec<Value> {
        let mut seen: Vec<Value> = Vec::new();
        loop {
            let line = self.packets.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| {
                panic!("no DISCONNECT of {client_id} came after {seen:#?}");
            });
            if line["client_id"] == client_id {
                let ends = line["packet"]["cmd"] == "disconnect";
                seen.push(line);
                if ends {
                    return seen;
                }
            }
        }
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who sent what, in order.
fn commands(packets: &[Value]) -> Vec<(&str, &str)> {
    packets
        .iter()
        .map(|line| (line["from"].as_str().unwrap(), line["packet"]["cmd"].as_str().unwrap()))
        .collect()
}

const EXACTLY_ONCE: [(&str, &str); 7] = [
    ("client", "connect"),
    ("server", "connack"),
    ("client", "publish"),
    ("server", "pubrec"),
    ("client", "pubrel"),
    ("server", "pubcomp"),
    ("client", "disconnect"),
];

/// Whether this process may capture: root may.
fn may_capture() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
}

#[test]
fn a_live_capture_shows_a_conversation_whole() {
    let broker = Mosquitto::start();
    let filter = format!("tcp port {}", broker.port);
    if !may_capture() {
        // Then the remedy is what must be right.
        return expect_remedy(run(["dump", "-i", "lo", "-f", &filter]));
    }
    let dump = Dump::start(&["-i", "lo", "-f", &filter]);
    dump.wait_until_it_sees(broker.port);
    mosquitto_pub(broker.port, &["-i", "exact", "-t", "live/two", "-m", "seen", "-q", "2"]);
    let seen = dump.conversation("exact");
    assert_eq!(commands(&seen), EXACTLY_ONCE);
    assert_eq!(seen[2]["packet"]["payload"], "seen");
}

fn expect_remedy(said: Said) {
    let said = said.expect(5);
    assert!(said.err.contains("setcap cap_net_raw,cap_net_admin=eip"), "{}", said.err);
    assert!(said.err.contains("--tap"), "{}", said.err);
}

#[test]
fn without_the_right_to_capture_the_remedy_is_told() {
    let mut command = if may_capture() {
        let mut without_it = Command::new("setpriv");
        without_it
            .args(["--bounding-set=-net_raw,-net_admin", "--inh-caps=-all", "--"])
            .arg(mqscope().get_program());
        without_it
    } else {
        mqscope()
    };
    expect_remedy(finish(command.args(["dump", "-i", "lo"]), b""));
}

#[test]
fn a_tap_passes_a_conversation_on_and_shows_it_whole() {
    let broker = Mosquitto::start();
    let listen = free_port();
    let dump = Dump::start(&["--tap", &format!("127.0.0.1:{listen}={}", broker.url())]);
    dump.wait_until_it_listens(listen);
    mosquitto_pub(listen, &["-i", "exact", "-t", "tap/two", "-m", "seen", "-q", "2"]);
    let seen = dump.conversation("exact");
    assert_eq!(commands(&seen), EXACTLY_ONCE);
    assert_eq!(seen[2]["packet"]["payload"], "seen");
}
