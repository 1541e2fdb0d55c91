//! One conversation, carried in all the ways there are.

use std::io::Write as _;

use mqscope_dissect::{RowKind, Settings, Side};
use mqscope_websocket::{Deflate, Encoder, Header, Kind, Opcode, Sender, apply_mask};
use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite as suite;
use tempfile::NamedTempFile;

use crate::ends::Ends;
use crate::tape::{Dissected, From};

/// Packets that one side writes at once.
pub(crate) type Write = (From, Vec<Vec<u8>>);

/// What stands between TCP and MQTT.
#[derive(Clone, Copy)]
pub(crate) struct Carriage {
    pub(crate) name: &'static str,
    pub(crate) tls: Option<SupportedCipherSuite>,
    pub(crate) websocket: Option<Option<Deflate>>,
    pub(crate) cut: Cut,
}

/// What is in one message of WebSocket, or in one record of TLS where there is no WebSocket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Packet,
    /// All packets of a write.
    Write,
    /// So many bytes of a write.
    Bytes(usize),
    /// All packets of a write; a message in fragments of so many bytes, with a Ping behind each.
    Fragments(usize),
}

/// What passes on TCP.
pub(crate) struct Wire {
    pub(crate) passed: Vec<Passed>,
    pub(crate) keys: String,
}

/// Bytes that are good for whole packets, or for none: a handshake's.
pub(crate) struct Passed {
    pub(crate) from: From,
    pub(crate) bytes: Vec<u8>,
    pub(crate) packets: Vec<Vec<u8>>,
}

pub(crate) const TAKEOVER: Deflate = Deflate {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};
pub(crate) const NO_TAKEOVER: Deflate =
    Deflate { server_no_context_takeover: true, client_no_context_takeover: true, ..TAKEOVER };
const WINDOWS: Deflate = Deflate { server_max_window_bits: 9, client_max_window_bits: 10, ..TAKEOVER };

pub(crate) fn carriages() -> Vec<Carriage> {
    let (tls12, tls13) = (suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, suite::TLS13_AES_128_GCM_SHA256);
    let chacha = suite::TLS13_CHACHA20_POLY1305_SHA256;
    let tcp = Carriage { name: "tcp", tls: None, websocket: None, cut: Cut::Packet };
    let tls = |name, suite, cut| Carriage { name, tls: Some(suite), cut, ..tcp };
    let ws = |name, deflate, cut| Carriage { name, websocket: Some(deflate), cut, ..tcp };
    let wss = |name, suite, deflate, cut| Carriage { tls: Some(suite), ..ws(name, deflate, cut) };
    vec![
        tcp,
        ws("ws", None, Cut::Packet),
        ws("ws, several packets a message", None, Cut::Write),
        ws("ws, several messages a packet", None, Cut::Bytes(7)),
        ws("ws, fragments", None, Cut::Fragments(5)),
        ws("deflate", Some(TAKEOVER), Cut::Packet),
        ws("deflate, several packets a message", Some(TAKEOVER), Cut::Write),
        ws("deflate, several messages a packet", Some(TAKEOVER), Cut::Bytes(7)),
        ws("deflate, fragments", Some(TAKEOVER), Cut::Fragments(5)),
        ws("deflate, small windows", Some(WINDOWS), Cut::Packet),
        ws("deflate, no takeover", Some(NO_TAKEOVER), Cut::Packet),
        ws("deflate, no takeover, fragments", Some(NO_TAKEOVER), Cut::Fragments(5)),
        tls("tls 1.2", tls12, Cut::Packet),
        tls("tls 1.3", tls13, Cut::Packet),
        tls("tls 1.3, several packets a record", chacha, Cut::Write),
        tls("tls 1.3, several records a packet", tls13, Cut::Bytes(7)),
        wss("wss 1.3", tls13, None, Cut::Packet),
        wss("wss 1.2, several messages a packet", tls12, None, Cut::Bytes(7)),
        wss("wss 1.3, deflate", tls13, Some(TAKEOVER), Cut::Write),
        wss("wss 1.3, deflate, no takeover", tls13, Some(NO_TAKEOVER), Cut::Packet),
    ]
}

impl Carriage {
    /// The names of the layers between a frame and a packet.
    pub(crate) fn layers(&self) -> Vec<&'static str> {
        let tls = self.tls.map(|_| "TLS");
        let websocket = self.websocket.map(|_| "WebSocket");
        tls.into_iter().chain(websocket).collect()
    }

    /// The conversation, carried.
    pub(crate) fn carry(&self, writes: &[Write]) -> Wire {
        let mut line = Line::open(self);
        for (from, packets) in writes {
            let whole = packets.concat();
            match self.cut {
                Cut::Packet => {
                    for packet in packets {
                        line.pass(*from, &[packet], vec![packet.clone()]);
                    }
                }
                Cut::Write | Cut::Fragments(_) => line.pass(*from, &[&whole], packets.clone()),
                Cut::Bytes(most) => {
                    line.pass(*from, &whole.chunks(most).collect::<Vec<_>>(), packets.clone());
                }
            }
        }
        Wire { passed: line.passed, keys: line.ends.map(|ends| ends.keys()).unwrap_or_default() }
    }
}

impl Wire {
    /// All bytes of one side.
    pub(crate) fn stream(&self, from: From) -> Vec<u8> {
        let passed = self.passed.iter().filter(|passed| passed.from == from);
        passed.flat_map(|passed| passed.bytes.iter().copied()).collect()
    }

    /// All packets of one side.
    pub(crate) fn packets(&self, from: From) -> Vec<Vec<u8>> {
        let passed = self.passed.iter().filter(|passed| passed.from == from);
        passed.flat_map(|passed| passed.packets.iter().cloned()).collect()
    }

    /// Settings with the keys of the connection, which stand in the file.
    pub(crate) fn settings(&self) -> (NamedTempFile, Settings) {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(self.keys.as_bytes()).unwrap();
        let settings = Settings { keylog: Some(file.path().to_owned()), ..Settings::default() };
        (file, settings)
    }
}

/// The whole packets of client and server that are shown, with the numbers of the frames that completed them.
pub(crate) fn shown(dissected: &Dissected) -> [Vec<(Vec<u8>, u64)>; 2] {
    let mut shown = [Vec::new(), Vec::new()];
    dissected.map(|packet| {
        if matches!(packet.row.kind(), RowKind::Packet(_)) && packet.error().is_none() && !packet.is_cut() {
            shown[usize::from(packet.side == Side::Server)].push((packet.bytes.to_vec(), packet.frame()));
        }
    });
    shown
}

/// Both sides of a connection as they speak.
struct Line {
    ends: Option<Ends>,
    encoders: Option<[Encoder; 2]>,
    cut: Cut,
    key: u32,
    passed: Vec<Passed>,
}

impl Line {
    fn open(carriage: &Carriage) -> Self {
        let ends = carriage.tls.map(Ends::connect);
        let of_tls = ends.iter().flat_map(|ends| ends.passed.clone());
        let passed = of_tls
            .map(|(sender, bytes)| {
                let from = if sender == Sender::Client { From::Client } else { From::Server };
                Passed { from, bytes, packets: Vec::new() }
            })
            .collect();
        let mut line = Self { ends, encoders: None, cut: carriage.cut, key: 0x1234_5678, passed };
        if let Some(deflate) = carriage.websocket {
            let (offer, answer) = match deflate {
                Some(deflate) => extensions(deflate),
                None => Default::default(),
            };
            let request = format!(
                "GET /mqtt HTTP/1.1\r\nHost: broker.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Protocol: mqtt\r\n{offer}\r\n"
            );
            let response = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                 Sec-WebSocket-Protocol: mqtt\r\n{answer}\r\n"
            );
            line.pass(From::Client, &[request.as_bytes()], Vec::new());
            line.pass(From::Server, &[response.as_bytes()], Vec::new());
            line.encoders =
                Some([Sender::Client, Sender::Server].map(|sender| Encoder::new(sender, deflate)));
        }
        line
    }

    fn pass(&mut self, from: From, messages: &[&[u8]], packets: Vec<Vec<u8>>) {
        let mut bytes = Vec::new();
        for message in messages {
            let message = self.message(from, message);
            bytes.extend(match &mut self.ends {
                Some(ends) => ends.say(sender(from), &message),
                None => message,
            });
        }
        self.passed.push(Passed { from, bytes, packets });
    }

    fn message(&mut self, from: From, payload: &[u8]) -> Vec<u8> {
        let Some(encoders) = &mut self.encoders else { return payload.to_vec() };
        let key = &mut self.key;
        let mut next_key = || {
            *key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *key
        };
        let mut out = Vec::new();
        encoders[from as usize].message(Kind::Binary, payload, &mut next_key, &mut out);
        let Cut::Fragments(most) = self.cut else { return out };
        let whole = Header::parse(&out).unwrap();
        let mut payload = out.split_off(whole.header_len.into());
        if let Some(key) = whole.mask {
            apply_mask(&mut payload, key, 0);
        }
        out.clear();
        let pieces: Vec<&[u8]> = payload.chunks(most).collect();
        for (number, piece) in pieces.iter().enumerate() {
            let (first, fin) = (number == 0, number + 1 == pieces.len());
            let opcode = if first { whole.opcode } else { Opcode::Continuation };
            let mask = whole.mask.map(|_| next_key().to_ne_bytes());
            let header = Header::new(opcode, piece.len() as u64, mask);
            Header { fin, rsv1: whole.rsv1 && first, ..header }.encode(&mut out);
            let start = out.len();
            out.extend_from_slice(piece);
            if let Some(mask) = mask {
                apply_mask(&mut out[start..], mask, 0);
            }
            encoders[from as usize].ping(b"?", &mut next_key, &mut out);
        }
        out
    }
}

pub(crate) fn sender(from: From) -> Sender {
    match from {
        From::Client => Sender::Client,
        From::Server => Sender::Server,
    }
}

/// The header lines that agree on it.
fn extensions(deflate: Deflate) -> (String, String) {
    let mut answer = "Sec-WebSocket-Extensions: permessage-deflate".to_owned();
    for (set, name) in [
        (deflate.server_no_context_takeover, "server_no_context_takeover"),
        (deflate.client_no_context_takeover, "client_no_context_takeover"),
    ] {
        if set {
            answer += &format!("; {name}");
        }
    }
    for (bits, name) in [
        (deflate.server_max_window_bits, "server_max_window_bits"),
        (deflate.client_max_window_bits, "client_max_window_bits"),
    ] {
        if bits < 15 {
            answer += &format!("; {name}={bits}");
        }
    }
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n".to_owned();
    (offer, answer + "\r\n")
}

/// So many random cases, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(cases: u32) -> proptest::test_runner::Config {
    let told = std::env::var("PROPTEST_CASES").ok().and_then(|told| told.parse().ok());
    proptest::test_runner::Config {
        failure_persistence: None,
        ..proptest::test_runner::Config::with_cases(told.unwrap_or(cases))
    }
}
