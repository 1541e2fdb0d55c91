//! Captures made by hand: connections, their segments, and what goes wrong with them.

use std::io::Write as _;
use std::ops::ControlFlow;

use mqscope_capture::{Capture, Store};
use mqscope_dissect::{Indexer, PacketView, Reader, RowId, Settings, Snapshot, Unseen};
use tempfile::NamedTempFile;

/// The frames of a capture, one a millisecond.
pub(crate) struct Tape {
    records: Vec<u8>,
    frames: u32,
}

/// A connection from 10.0.0.2 to 10.0.0.1.
pub(crate) struct Talk {
    client_port: u16,
    server_port: u16,
    /// Sequence numbers, of client and server.
    next: [u32; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Client,
    Server,
}

const SYN: u8 = 2;
const ACK: u8 = 16;
const PSH_ACK: u8 = 24;
const FIN_ACK: u8 = 17;

impl Tape {
    pub(crate) fn new() -> Self {
        let mut records = Vec::new();
        for word in [0xa1b2_3c4d_u32, 4 << 16 | 2, 0, 0, 0x4_0000, 101] {
            records.extend_from_slice(&word.to_le_bytes());
        }
        Self { records, frames: 0 }
    }

    /// Opens a connection to port 1883.
    pub(crate) fn open(&mut self, client_port: u16) -> Talk {
        self.open_to(client_port, 1883)
    }

    pub(crate) fn open_to(&mut self, client_port: u16, server_port: u16) -> Talk {
        let mut talk = self.middle(client_port, server_port);
        self.segment(&talk, From::Client, SYN, 0, &[]);
        talk.next[0] += 1;
        self.segment(&talk, From::Server, SYN | ACK, 0, &[]);
        talk.next[1] += 1;
        self.segment(&talk, From::Client, ACK, 0, &[]);
        talk
    }

    /// Opens a connection of which only what `from` sends is captured.
    pub(crate) fn open_half(&mut self, from: From, client_port: u16, server_port: u16) -> Talk {
        let mut talk = self.middle(client_port, server_port);
        let flags = if from == From::Client { SYN } else { SYN | ACK };
        self.segment(&talk, from, flags, 0, &[]);
        talk.next[from as usize] += 1;
        talk
    }

    /// A connection that was opened before the capture began.
    pub(crate) fn middle(&mut self, client_port: u16, server_port: u16) -> Talk {
        Talk { client_port, server_port, next: [1_000, 4_294_967_000] }
    }

    /// Bytes in one segment.
    pub(crate) fn send(&mut self, talk: &mut Talk, from: From, bytes: &[u8]) {
        self.segment(talk, from, PSH_ACK, 0, bytes);
        talk.next[from as usize] = talk.next[from as usize].wrapping_add(bytes.len() as u32);
    }

    pub(crate) fn client(&mut self, talk: &mut Talk, bytes: &[u8]) {
        self.send(talk, From::Client, bytes);
    }

    pub(crate) fn server(&mut self, talk: &mut Talk, bytes: &[u8]) {
        self.send(talk, From::Server, bytes);
    }

    /// Bytes in segments of at most `most`.
    pub(crate) fn send_in(&mut self, talk: &mut Talk, from: From, bytes: &[u8], most: usize) {
        for piece in bytes.chunks(most) {
            self.send(talk, from, piece);
        }
    }

    /// Bytes that were sent and never captured.
    pub(crate) fn lose(&mut self, talk: &mut Talk, from: From, bytes: &[u8]) {
        talk.next[from as usize] = talk.next[from as usize].wrapping_add(bytes.len() as u32);
    }

    /// A segment `ahead` of where its direction stands, which stays where it is.
    pub(crate) fn send_ahead(&mut self, talk: &Talk, from: From, ahead: u32, bytes: &[u8]) {
        self.segment(talk, from, PSH_ACK, ahead, bytes);
    }

    /// An acknowledgement of all that was sent.
    pub(crate) fn ack(&mut self, talk: &Talk, from: From) {
        self.segment(talk, from, ACK, 0, &[]);
    }

    pub(crate) fn close(&mut self, talk: &mut Talk) {
        for from in [From::Client, From::Server] {
            self.segment(talk, from, FIN_ACK, 0, &[]);
            talk.next[from as usize] = talk.next[from as usize].wrapping_add(1);
        }
        self.segment(talk, From::Client, ACK, 0, &[]);
    }

    fn segment(&mut self, talk: &Talk, from: From, flags: u8, ahead: u32, bytes: &[u8]) {
        let (client, server) = ([10, 0, 0, 2], [10, 0, 0, 1]);
        let (source, destination, source_port, destination_port) = match from {
            From::Client => (client, server, talk.client_port, talk.server_port),
            From::Server => (server, client, talk.server_port, talk.client_port),
        };
        let sequence = talk.next[from as usize].wrapping_add(ahead);
        let acknowledgement = if flags & ACK == 0 { 0 } else { talk.next[1 - from as usize] };
        let mut frame = vec![0x45, 0];
        frame.extend_from_slice(&(40 + bytes.len() as u16).to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
        frame.extend_from_slice(&source);
        frame.extend_from_slice(&destination);
        frame.extend_from_slice(&source_port.to_be_bytes());
        frame.extend_from_slice(&destination_port.to_be_bytes());
        frame.extend_from_slice(&sequence.to_be_bytes());
        frame.extend_from_slice(&acknowledgement.to_be_bytes());
        frame.extend_from_slice(&[0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        frame.extend_from_slice(bytes);
        self.frames += 1;
        let (seconds, millis) = (1_700_000_000 + self.frames / 1_000, self.frames % 1_000);
        for word in [seconds, millis * 1_000_000, frame.len() as u32, frame.len() as u32] {
            self.records.extend_from_slice(&word.to_le_bytes());
        }
        self.records.extend_from_slice(&frame);
    }

    /// Frames so far: the number of the newest.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.into()
    }

    /// The tape as a file.
    pub(crate) fn capture(&self) -> Capture {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&self.records).unwrap();
        // The open file outlives its name.
        Capture::open(file.path()).unwrap()
    }

    /// Indexes the tape.
    pub(crate) fn dissect(&self) -> Dissected {
        self.dissect_with(Settings::default())
    }

    pub(crate) fn dissect_with(&self, settings: Settings) -> Dissected {
        let mut capture = self.capture();
        let mut indexer = Indexer::new(settings, capture.store());
        let _ = indexer.run(&mut capture, &mut Unseen).unwrap();
        Dissected { snapshot: indexer.snapshot(), store: capture.store() }
    }

    /// Shows each packet while the tape is indexed.
    pub(crate) fn watch(&self, mut look: impl FnMut(&PacketView<'_>)) {
        let mut capture = self.capture();
        let mut indexer = Indexer::new(Settings::default(), capture.store());
        let _ = indexer
            .run(&mut capture, &mut |packet: &PacketView<'_>| {
                look(packet);
                ControlFlow::Continue(())
            })
            .unwrap();
    }
}

impl Talk {
    /// What was lost is sent after all.
    pub(crate) fn take_back(&mut self, from: From, len: usize) {
        self.next[from as usize] = self.next[from as usize].wrapping_sub(len as u32);
    }
}

/// An index and the bytes that it is about.
pub(crate) struct Dissected {
    pub(crate) snapshot: Snapshot,
    pub(crate) store: Store,
}

impl Dissected {
    /// What `look` makes of each packet, read again.
    pub(crate) fn map<T>(&self, mut look: impl FnMut(&PacketView<'_>) -> T) -> Vec<T> {
        let mut reader = Reader::new(self.store.clone());
        (0..self.snapshot.len())
            .map(|row| look(&self.snapshot.view(RowId(row), &mut reader).unwrap()))
            .collect()
    }

    /// One word a packet: `C:PUBLISH`, with its side before and remarks behind.
    pub(crate) fn packets(&self) -> Vec<String> {
        self.map(describe)
    }

    /// The same in the order of the frames: where bytes are waited for, packets become certain later than others that
    /// follow them.
    pub(crate) fn packets_by_frame(&self) -> Vec<String> {
        let mut packets = self.map(|packet| (packet.frame(), packet.row.id, describe(packet)));
        packets.sort();
        packets.into_iter().map(|(_, _, packet)| packet).collect()
    }
}

/// Side and type, the topic of a PUBLISH, and what is odd about it.
pub(crate) fn describe(packet: &PacketView<'_>) -> String {
    let side = if packet.side.name() == "client" { "C" } else { "S" };
    let mut text = format!("{side}:{}", packet.row.kind().name());
    if let Some(topic) = packet.topic {
        text.push_str(&format!(" {}", String::from_utf8_lossy(topic)));
    }
    if packet.error().is_some() {
        text.push_str(if packet.is_cut() { " cut" } else { " malformed" });
    }
    if packet.is_inferred() {
        text.push_str(" inferred");
    }
    let mut notes = mqscope_wire::Notes::new();
    for (breach, _) in packet.breaches(&mut notes) {
        text.push_str(&format!(" !{}", breach.id(packet.version())));
    }
    text
}

/// A CONNECT of 3.1.1 with a new session.
pub(crate) const CONNECT: &[u8] = b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03dev";
pub(crate) const CONNACK: &[u8] = b"\x20\x02\0\0";
pub(crate) const PINGREQ: &[u8] = b"\xc0\0";
pub(crate) const PINGRESP: &[u8] = b"\xd0\0";
pub(crate) const DISCONNECT: &[u8] = b"\xe0\0";
/// The same of 5.0; the server takes ten aliases, the client five.
pub(crate) const CONNECT_5: &[u8] = b"\x10\x13\0\x04MQTT\x05\x02\0\x3c\x03\x22\0\x05\0\x03dev";
pub(crate) const CONNACK_5: &[u8] = b"\x20\x06\0\0\x03\x22\0\x0a";

/// A PUBLISH of 3.1.1; QoS 0 where `id` is 0.
pub(crate) fn publish(topic: &str, qos: u8, id: u16, payload: &[u8]) -> Vec<u8> {
    publish_with(topic, qos, id, &[], payload)
}

/// A PUBLISH with encoded properties, their length included; none in 3.1.1.
pub(crate) fn publish_with(topic: &str, qos: u8, id: u16, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    if qos > 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(properties);
    body.extend_from_slice(payload);
    let mut packet = vec![0x30 | qos << 1];
    let mut rest = body.len();
    loop {
        let more = rest > 127;
        packet.push((rest % 128) as u8 | if more { 0x80 } else { 0 });
        rest /= 128;
        if !more {
            break;
        }
    }
    packet.extend_from_slice(&body);
    packet
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK: two bytes of packet identifier.
pub(crate) fn ack(first: u8, id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![first, 2, high, low]
}
