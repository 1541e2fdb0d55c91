//! What the layers between TCP and MQTT cost: `cargo bench -p mqscope-dissect --bench layers`.
//!
//! One conversation, carried in five ways: a hundred devices publish messages of 64 bytes, every other one with QoS 1.
//! Each packet is a message of WebSocket and a record of TLS of its own; a segment holds those of eight publications,
//! or of their four acknowledgements. Prints the best of several rounds of each way, all in turn: nanoseconds of
//! processor time a packet to index the capture, from the file to the last row, and what that is of the plain way's.
//!
//! One name after `--` runs that way alone, for a profiler.

#[path = "../tests/dissect/ends.rs"]
mod ends;
#[path = "../tests/dissect/tape.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod tape;

use std::fs;

use ends::Ends;
use mqscope_capture::Capture;
use mqscope_dissect::{Indexer, Settings, Unseen};
use mqscope_websocket::{Deflate, Encoder, Kind, Sender};
use rustix::time::{ClockId, clock_gettime};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use tape::{CONNACK, CONNECT, From, Talk, Tape, ack, publish};

const CONNECTIONS: u16 = 100;
const TURNS: u16 = 250;
/// Publications a turn, and acknowledgements.
const PUBLISHED: u16 = 8;
const ACKNOWLEDGED: u16 = 4;
const PACKETS: u32 = CONNECTIONS as u32 * (2 + TURNS as u32 * (PUBLISHED as u32 + ACKNOWLEDGED as u32));
const ROUNDS: usize = 7;

#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    websocket: bool,
    deflate: Option<Deflate>,
    tls: bool,
}

/// A device's connection, layer by layer.
struct Device {
    talk: Talk,
    ends: Option<Ends>,
    encoders: Option<[Encoder; 2]>,
    key: u32,
}

fn main() {
    let deflate = Deflate {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let plain = Way { name: "tcp", websocket: false, deflate: None, tls: false };
    let ways = [
        plain,
        Way { name: "ws", websocket: true, ..plain },
        Way { name: "ws-deflate", websocket: true, deflate: Some(deflate), ..plain },
        Way { name: "tls", tls: true, ..plain },
        Way { name: "wss", websocket: true, tls: true, ..plain },
    ];
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let ways: Vec<Way> =
        ways.into_iter().filter(|way| wanted.as_ref().is_none_or(|wanted| wanted == way.name)).collect();
    let directory = tempfile::tempdir().expect("a temporary folder");
    let mut captures = Vec::new();
    for way in &ways {
        let (tape, keys) = record(*way);
        let keylog = directory.path().join(way.name);
        fs::write(&keylog, keys).expect("room for keys");
        captures.push((tape, Settings { keylog: Some(keylog), ..Settings::default() }));
    }
    let mut best = vec![f64::INFINITY; ways.len()];
    for _ in 0..ROUNDS {
        for ((tape, settings), best) in captures.iter().zip(&mut best) {
            *best = best.min(round(tape.capture(), settings.clone()));
        }
    }
    println!("{PACKETS} packets, {CONNECTIONS} connections");
    for (way, best_of_way) in ways.iter().zip(&best) {
        println!("{:<10} {best_of_way:>6.0} ns a packet  {:>5.2} x tcp", way.name, best_of_way / best[0]);
    }
}

/// Nanoseconds of processor time a packet.
fn round(mut capture: Capture, settings: Settings) -> f64 {
    let began = clock_gettime(ClockId::ThreadCPUTime);
    let mut indexer = Indexer::new(settings, capture.store());
    let _ = indexer.run(&mut capture, &mut Unseen).expect("the capture is whole");
    let ended = clock_gettime(ClockId::ThreadCPUTime);
    assert_eq!(indexer.snapshot().rows().filter(|row| row.packet_type().is_some()).count() as u32, PACKETS);
    let nanos = (ended.tv_sec - began.tv_sec) * 1_000_000_000 + (ended.tv_nsec - began.tv_nsec);
    nanos as f64 / f64::from(PACKETS)
}

/// The conversation as a capture, and the keys that it takes.
fn record(way: Way) -> (Tape, String) {
    let mut tape = Tape::new();
    let mut devices: Vec<Device> =
        (0..CONNECTIONS).map(|number| Device::open(&mut tape, way, number)).collect();
    for turn in 0..TURNS {
        for (number, device) in devices.iter_mut().enumerate() {
            let first = turn * PUBLISHED;
            let topic = format!("plant/line{}/device{number}/temperature", number % 10);
            let messages: Vec<Vec<u8>> = (first..first + PUBLISHED)
                .map(|count| {
                    let payload = format!(
                        "{{\"count\":{count:>8},\"celsius\":{:>8},\"unit\":\"degrees\",\"ok\":true}}",
                        count % 977
                    );
                    assert_eq!(payload.len(), 64);
                    publish(&topic, (count % 2) as u8, count, payload.as_bytes())
                })
                .collect();
            device.send(&mut tape, From::Client, &messages);
            let acks: Vec<Vec<u8>> =
                (first..first + PUBLISHED).filter(|count| count % 2 == 1).map(|id| ack(0x40, id)).collect();
            device.send(&mut tape, From::Server, &acks);
        }
    }
    let keys = devices.iter().filter_map(|device| device.ends.as_ref()).map(Ends::keys).collect();
    (tape, keys)
}

impl Device {
    fn open(tape: &mut Tape, way: Way, number: u16) -> Self {
        let mut device =
            Self { talk: tape.open(20_000 + number), ends: None, encoders: None, key: u32::from(number) };
        if way.tls {
            let ends = Ends::connect(TLS13_AES_128_GCM_SHA256);
            for (sender, bytes) in &ends.passed {
                tape.send(&mut device.talk, from(*sender), bytes);
            }
            device.ends = Some(ends);
        }
        if way.websocket {
            let extension = match way.deflate {
                Some(_) => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                None => "",
            };
            let request = format!(
                "GET /mqtt HTTP/1.1\r\nHost: broker.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Protocol: mqtt\r\n{extension}\r\n"
            );
            let response = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                 Sec-WebSocket-Protocol: mqtt\r\n{extension}\r\n"
            );
            device.send(tape, From::Client, &[request.into_bytes()]);
            device.send(tape, From::Server, &[response.into_bytes()]);
            device.encoders =
                Some([Sender::Client, Sender::Server].map(|sender| Encoder::new(sender, way.deflate)));
        }
        device.send(tape, From::Client, &[CONNECT.to_vec()]);
        device.send(tape, From::Server, &[CONNACK.to_vec()]);
        device
    }

    /// Sends packets in one segment.
    fn send(&mut self, tape: &mut Tape, from: From, packets: &[Vec<u8>]) {
        let sender = match from {
            From::Client => Sender::Client,
            From::Server => Sender::Server,
        };
        let mut segment = Vec::new();
        for packet in packets {
            let mut message = Vec::new();
            match &mut self.encoders {
                Some(encoders) => {
                    self.key = self.key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    encoders[from as usize].message(Kind::Binary, packet, || self.key, &mut message);
                }
                None => message.extend_from_slice(packet),
            }
            match &mut self.ends {
                Some(ends) => segment.extend(ends.say(sender, &message)),
                None => segment.extend(message),
            }
        }
        tape.send(&mut self.talk, from, &segment);
    }
}

fn from(sender: Sender) -> From {
    match sender {
        Sender::Client => From::Client,
        Sender::Server => From::Server,
    }
}
