//! One MQTT conversation in each encapsulation: the same packets for us, the same segments for tshark.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use mqscope_capture::{Comments, Frame, Writer};
use serde_json::{Value, json};

use crate::program::{run, tool};

// As the crate that takes the frames apart tests itself with.
#[allow(dead_code)]
#[path = "../../crates/stream/tests/stream/build.rs"]
mod build;
#[path = "../../crates/stream/tests/stream/encapsulations.rs"]
mod encapsulations;

use build::{ACK, CLIENT, FIN, PSH, SERVER, SYN, Tcp};
use encapsulations::{ALL, Encapsulation};

const FIRST_PORT: u16 = 40_000;
const CONNECT: &[u8] = b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03dev";
const CONNACK: &[u8] = b"\x20\x02\0\0";
const PUBLISH: &[u8] = b"\x32\x1a\0\x09plant/one\0\x07twenty-one C.";
const PUBACK: &[u8] = b"\x40\x02\0\x07";
const DISCONNECT: &[u8] = b"\xe0\0";

/// The client's port in the conversation that is held in this way.
fn port(way: usize) -> u16 {
    FIRST_PORT + way as u16
}

/// A whole connection, as IP packets; the PUBLISH is in two segments.
fn conversation(port: u16) -> Vec<Vec<u8>> {
    let (client, server) = (SocketAddr::new(CLIENT.ip(), port), SERVER);
    let publish = PUBLISH.split_at(11);
    let turns: [(bool, u16, &[u8]); 13] = [
        (true, SYN, b""),
        (false, SYN | ACK, b""),
        (true, ACK, b""),
        (true, PSH | ACK, CONNECT),
        (false, PSH | ACK, CONNACK),
        (true, PSH | ACK, publish.0),
        (true, PSH | ACK, publish.1),
        (false, PSH | ACK, PUBACK),
        (true, PSH | ACK, DISCONNECT),
        (true, FIN | ACK, b""),
        (false, ACK, b""),
        (false, FIN | ACK, b""),
        (true, ACK, b""),
    ];
    let mut next = [7_000u32, u32::MAX - 3]; // the server's wraps, the client's does not
    let mut packets = Vec::new();
    for (number, (asks, flags, data)) in turns.into_iter().enumerate() {
        let (from, to) = if asks { (client, server) } else { (server, client) };
        let (own, other) = (usize::from(!asks), usize::from(asks));
        let ack = if flags & ACK == 0 { 0 } else { next[other] };
        let segment = Tcp { from, to, seq: next[own], ack, flags, window: 501, data: data.to_vec() };
        let taken = data.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        next[own] = next[own].wrapping_add(taken);
        let mut packet = segment.ip();
        packet[4..6].copy_from_slice(&(port ^ (number as u16) << 8).to_be_bytes());
        packets.push(packet);
    }
    packets
}

/// A pcapng file under construction, frames a millisecond apart.
struct File {
    folder: tempfile::TempDir,
    writer: Writer<Vec<u8>>,
    frames: u64,
}

impl File {
    fn new() -> Self {
        let writer = Writer::new(Vec::new()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), writer, frames: 0 }
    }

    fn packet(&mut self, way: &Encapsulation, packet: &[u8]) {
        for bytes in (way.wrap)(packet) {
            let time = 1_700_000_000_000_000_000 + self.frames as i64 * 1_000_000;
            let (interface, original_len) = (way.link.into(), bytes.len() as u32);
            let (number, comments) = (0, Comments::default());
            let frame = Frame {
                number,
                time,
                interface,
                link: way.link,
                at: 0,
                original_len,
                bytes: &bytes,
                comments,
            };
            self.writer.frame(&frame).unwrap();
            self.frames += 1;
        }
    }

    fn finish(self) -> (tempfile::TempDir, PathBuf) {
        let path = self.folder.path().join("networks.pcapng");
        std::fs::write(&path, self.writer.finish().unwrap()).unwrap();
        (self.folder, path)
    }
}

/// What was said in each conversation, by its port: direction, packet, and the frame that completed it.
fn said(path: &Path) -> BTreeMap<u16, Vec<(Value, Value, u64)>> {
    let mut said = BTreeMap::<_, Vec<_>>::new();
    for line in run(["dump", "-T", "json", "-r", path.to_str().unwrap()]).expect(0).json_lines() {
        let client = if line["from"] == "client" { &line["src"] } else { &line["dst"] };
        let port = client.as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
        let what = json!([line["packet"]["cmd"], line["packet"]["topic"], line["packet"]["payload"]]);
        said.entry(port).or_default().push((line["from"].clone(), what, line["frame"].as_u64().unwrap()));
    }
    said
}

#[track_caller]
fn is_the_conversation(said: &[(Value, Value, u64)], way: &str) {
    let expected = [
        ("client", json!(["connect", null, null])),
        ("server", json!(["connack", null, null])),
        ("client", json!(["publish", "plant/one", "twenty-one C."])),
        ("server", json!(["puback", null, null])),
        ("client", json!(["disconnect", null, null])),
    ];
    let said: Vec<_> = said.iter().map(|(from, what, _)| (from.as_str().unwrap(), what.clone())).collect();
    assert_eq!(said, expected, "{way}");
}

/// The rows of these fields, as both programs print them.
fn rows(lines: &[u8]) -> BTreeMap<u64, Vec<String>> {
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        (cells.next().unwrap().parse().unwrap(), cells.collect())
    };
    std::str::from_utf8(lines).unwrap().lines().map(row).collect()
}

/// The client's port in a row.
fn port_of(row: &[String]) -> u16 {
    row[1..3].iter().map(|port| port.parse().unwrap()).max().unwrap()
}

#[test]
fn every_encapsulation_shows_the_same_packets_and_tshark_the_same_segments() {
    let mut file = File::new();
    // Each waits for the others, so that as many flows are open at once.
    let conversations: Vec<_> = (0..ALL.len()).map(|way| conversation(port(way))).collect();
    for turn in 0..conversations[0].len() {
        for (way, packets) in ALL.iter().zip(&conversations) {
            file.packet(way, &packets[turn]);
        }
    }
    let (_folder, path) = file.finish();
    let said = said(&path);
    for (number, way) in ALL.iter().enumerate() {
        is_the_conversation(said.get(&port(number)).map_or(&[], Vec::as_slice), way.name);
    }

    let columns = ["tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.len", "frame.protocols", "tcp.payload"];
    let fields = |count: usize| {
        ["frame.number"].into_iter().chain(columns.into_iter().take(count)).flat_map(|field| ["-e", field])
    };
    let theirs = rows(&tool(
        Command::new("tshark")
            .arg("-r")
            .arg(&path)
            // No label says what is behind it, and Linux's port is not the assigned one.
            .args(["-d", "mpls.label==35,pwethcw", "-d", "udp.port==8472,vxlan"])
            .args(["-Y", "tcp", "-T", "fields"])
            .args(fields(6)),
    ));
    let mut payloads = BTreeMap::<(u16, u16), String>::new();
    for cells in theirs.values() {
        let ports = (cells[1].parse().unwrap(), cells[2].parse().unwrap());
        payloads.entry(ports).or_default().push_str(&cells[5]);
    }
    let hex =
        |packets: &[&[u8]]| packets.concat().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (number, way) in ALL.iter().enumerate() {
        let asked = payloads.get(&(port(number), SERVER.port()));
        assert_eq!(asked, Some(&hex(&[CONNECT, PUBLISH, DISCONNECT])), "tshark, {}", way.name);
        let answered = payloads.get(&(SERVER.port(), port(number)));
        assert_eq!(answered, Some(&hex(&[CONNACK, PUBACK])), "tshark, {}", way.name);
    }

    let arguments = ["dump", "-T", "fields", "--per-frame", "-r", path.to_str().unwrap()];
    let ours = rows(&run(arguments.into_iter().chain(fields(5))).expect(0).out);
    assert_eq!(ours.len(), 5 * ALL.len());
    for (frame, ours) in ours {
        let theirs = &theirs[&frame];
        let (all, fragment) = (&theirs[..5], ours[3].is_empty());
        if fragment {
            assert_eq!(ours[0], theirs[0], "frame {frame}: its stream");
        } else {
            // ERSPAN I is a name for Ethernet in GRE: it has no header that could be shown.
            let unnamed = ALL[usize::from(port_of(&ours)) - usize::from(FIRST_PORT)].name == "erspan 1";
            let theirs = if unnamed { all[4].replace(":erspan", "") } else { all[4].clone() };
            assert_eq!((&ours[..4], &ours[4]), (&all[..4], &theirs), "frame {frame}");
        }
    }
}

#[test]
fn what_is_captured_twice_is_shown_once_with_its_first_frame() {
    let mut file = File::new();
    let mut firsts = BTreeMap::new();
    for (number, way) in ALL.iter().enumerate() {
        let ways = if number % 2 == 0 { [&ALL[0], way] } else { [way, &ALL[4]] };
        for packet in conversation(port(number)) {
            for (turn, way) in ways.into_iter().enumerate() {
                file.packet(way, &packet);
                if turn == 0 && packet.len() > 40 {
                    firsts.entry(port(number)).or_insert_with(Vec::new).push(file.frames);
                }
            }
        }
    }
    let (_folder, path) = file.finish();
    let said = said(&path);
    for (number, way) in ALL.iter().enumerate() {
        let said = &said[&port(number)];
        is_the_conversation(said, way.name);
        let mut firsts = firsts[&port(number)].clone();
        firsts.remove(2); // the PUBLISH is complete with its second segment
        assert_eq!(said.iter().map(|(.., frame)| *frame).collect::<Vec<_>>(), firsts, "{}", way.name);
    }
    let wrong = "tcp.analysis.retransmission or tcp.analysis.duplicate_ack or mqtt.dupflag == 1";
    let found = run(["dump", "-r", path.to_str().unwrap(), "-Y", wrong]).expect(0);
    assert_eq!(found.text(), "");
}
