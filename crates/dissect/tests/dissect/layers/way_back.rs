//! From a packet down to the frames that carried it.

use std::ops::Range;

use mqscope_dissect::annotate::Secrets;
use mqscope_dissect::{Reader, RowId, RowKind, Side};
use mqscope_websocket::{Decoder, Events, MessageInfo, Sender};
use mqscope_wire::Notes;

use super::{Carriage, SIDES, carriages, record, steady};
use crate::carriage::{Cut, Write, sender};
use crate::tape::*;

const PASSWORD: &[u8] = b"open sesame, open";

/// Collects what WebSocket messages carry.
#[derive(Default)]
struct Carried(Vec<u8>);

impl Events for Carried {
    fn data(&mut self, bytes: &[u8], _: Range<u64>, _: &MessageInfo) {
        self.0.extend_from_slice(bytes);
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What frames carry that begin with a header, where no earlier message is needed to read them.
fn unwrapped(carriage: &Carriage, sender: Sender, frames: &[u8]) -> Vec<u8> {
    let mut carried = Carried::default();
    Decoder::new(sender, carriage.websocket.flatten()).push(frames, &mut carried);
    carried.0
}

/// A CONNECT with a password, and what follows in `steady`.
fn with_password(writes: usize) -> Vec<Write> {
    let mut body = b"\0\x04MQTT\x04\xc2\0\x3c\0\x03dev\0\x03bob\0\x11".to_vec();
    body.extend_from_slice(PASSWORD);
    let connect = [&[0x10, body.len() as u8], &body[..]].concat();
    let mut conversation = steady(writes);
    conversation[0].1[0] = connect;
    conversation
}

#[test]
fn every_packet_keeps_its_way_back() {
    for carriage in carriages() {
        let wire = carriage.carry(&with_password(3));
        let whole = SIDES.map(|from| super::Piece { from, range: 0..wire.stream(from).len() });
        for pieces in [super::pieces(&wire, &[]), whole.to_vec(), one_a_write(&wire)] {
            let (tape, _) = record(&wire, &pieces);
            let (_keys, settings) = wire.settings();
            let dissected = tape.dissect_with(settings);
            let (mut reader, mut notes) = (Reader::new(dissected.store.clone()), Notes::new());
            for id in (0..dissected.snapshot.len()).map(RowId) {
                let view = dissected.snapshot.view(id, &mut reader).unwrap();
                let RowKind::Packet(_) = view.row.kind() else { continue };
                let sender = sender(if view.side == Side::Client { From::Client } else { From::Server });
                let packet = view.bytes.to_vec();
                let outline =
                    dissected.snapshot.outline(id, Secrets::Shown, &mut reader, &mut notes).unwrap();
                let names: Vec<&str> = outline.layers.iter().map(|layer| &*layer.name).collect();
                let frames = names.iter().take_while(|name| name.starts_with("Frame ")).count();
                assert!(frames > 0, "{}: {names:?}", carriage.name);
                assert_eq!(
                    names[frames..],
                    [&carriage.layers()[..], &["MQTT"]].concat(),
                    "{}",
                    carriage.name
                );
                let [.., mqtt] = &outline.layers[..] else { panic!("no layer") };
                assert_eq!(mqtt.bytes, packet, "{}", carriage.name);
                let websocket = outline.layers.iter().find(|layer| layer.name == "WebSocket");
                if let Some(websocket) = websocket.filter(|_| super::loss::stands_alone(&carriage)) {
                    let carried = unwrapped(&carriage, sender, &websocket.bytes);
                    assert!(
                        holds(&carried, &packet),
                        "{}: {packet:02x?} not in {carried:02x?}",
                        carriage.name
                    );
                }
                for node in &outline.nodes {
                    let layer = &outline.layers[node.layer];
                    assert!(node.start + node.len <= layer.bytes.len(), "{}: {node:?}", carriage.name);
                }
            }
        }
    }
}

#[test]
fn the_way_back_does_not_lead_into_another_connection() {
    for carriage in carriages() {
        if carriage.cut != Cut::Packet
            || !super::loss::stands_alone(&carriage)
            || carriage.websocket.is_none()
        {
            continue;
        }
        let wires = [carriage.carry(&steady(3)), carriage.carry(&steady(3))];
        let mut tape = Tape::new();
        let mut talks = [tape.open(50_000), tape.open(50_001)];
        // Each write comes in two halves, between those of the other connection.
        for number in 0..wires[0].passed.len() {
            for half in [0, 1] {
                for (wire, talk) in wires.iter().zip(&mut talks) {
                    let passed = &wire.passed[number];
                    let (first, second) = passed.bytes.split_at(passed.bytes.len() / 2);
                    tape.send(talk, passed.from, if half == 0 { first } else { second });
                }
            }
        }
        let mut both = wires[0].settings();
        std::io::Write::write_all(&mut both.0, wires[1].keys.as_bytes()).unwrap();
        let dissected = tape.dissect_with(both.1);
        let (mut reader, mut notes) = (Reader::new(dissected.store.clone()), Notes::new());
        let mut packets = 0;
        for id in (0..dissected.snapshot.len()).map(RowId) {
            let view = dissected.snapshot.view(id, &mut reader).unwrap();
            let RowKind::Packet(_) = view.row.kind() else { continue };
            packets += 1;
            let sender = sender(if view.side == Side::Client { From::Client } else { From::Server });
            let packet = view.bytes.to_vec();
            let outline = dissected.snapshot.outline(id, Secrets::Shown, &mut reader, &mut notes).unwrap();
            let websocket = outline.layers.iter().find(|layer| layer.name == "WebSocket").unwrap();
            assert_eq!(unwrapped(&carriage, sender, &websocket.bytes), packet, "{}", carriage.name);
        }
        let sent = |from| wires.iter().map(|wire| wire.packets(from).len()).sum::<usize>();
        assert_eq!(packets, SIDES.map(sent).iter().sum::<usize>(), "{}", carriage.name);
    }
}

/// Each write in a segment of its own.
fn one_a_write(wire: &crate::carriage::Wire) -> Vec<super::Piece> {
    let mut at = [0, 0];
    let piece = |passed: &crate::carriage::Passed| {
        let start = at[passed.from as usize];
        at[passed.from as usize] += passed.bytes.len();
        super::Piece { from: passed.from, range: start..at[passed.from as usize] }
    };
    wire.passed.iter().map(piece).collect()
}

#[test]
fn a_password_is_in_no_layer_that_anyone_can_read() {
    for carriage in carriages() {
        let wire = carriage.carry(&with_password(2));
        // The CONNECT alone in its segment, then together with all else.
        let whole = SIDES.map(|from| super::Piece { from, range: 0..wire.stream(from).len() });
        for pieces in [one_a_write(&wire), whole.to_vec()] {
            let (tape, _) = record(&wire, &pieces);
            let (_keys, settings) = wire.settings();
            let dissected = tape.dissect_with(settings);
            let (mut reader, mut notes) = (Reader::new(dissected.store.clone()), Notes::new());
            // The bytes that carry the password on the wire, below TLS if there is some.
            let mut disguised = vec![PASSWORD.to_vec()];
            let shown = dissected.snapshot.rows().map(|row| row.id).collect::<Vec<_>>();
            for &id in &shown {
                let outline =
                    dissected.snapshot.outline(id, Secrets::Shown, &mut reader, &mut notes).unwrap();
                let of_connect = outline.layers.last().is_some_and(|mqtt| holds(&mqtt.bytes, PASSWORD));
                let websocket = outline.layers.iter().find(|layer| layer.name == "WebSocket");
                if let Some(websocket) = websocket.filter(|_| of_connect) {
                    disguised.extend(disguises(&carriage, &websocket.bytes));
                }
            }
            for id in shown {
                let outline =
                    dissected.snapshot.outline(id, Secrets::Redacted, &mut reader, &mut notes).unwrap();
                for layer in &outline.layers {
                    let is_encrypted =
                        carriage.tls.is_some() && (layer.name == "TLS" || layer.name.starts_with("Frame "));
                    for secret in disguised.iter().filter(|_| !is_encrypted) {
                        assert!(
                            !holds(&layer.bytes, secret),
                            "{}: {} of row {id:?}",
                            carriage.name,
                            layer.name
                        );
                    }
                }
                for node in &outline.nodes {
                    assert!(!holds(node.value.as_bytes(), PASSWORD), "{}: {node:?}", carriage.name);
                }
            }
        }
    }
}

/// Data with the places of what it was made from.
#[derive(Default)]
struct Pieces(Vec<(Vec<u8>, Range<usize>, bool)>);

impl Events for Pieces {
    fn data(&mut self, bytes: &[u8], from: Range<u64>, message: &MessageInfo) {
        self.0.push((bytes.to_vec(), from.start as usize..from.end as usize, message.compressed));
    }
}

/// The password as it stands in a client's first frames: masked, and maybe compressed and in parts. Parts of three
/// bytes and less may stand anywhere.
fn disguises(carriage: &Carriage, frames: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Pieces::default();
    Decoder::new(Sender::Client, carriage.websocket.flatten()).push(frames, &mut pieces);
    let whole: Vec<u8> = pieces.0.iter().flat_map(|piece| piece.0.iter().copied()).collect();
    let secret = whole.windows(PASSWORD.len()).position(|window| window == PASSWORD).unwrap();
    let mut found = Vec::new();
    let mut at = 0;
    for (bytes, from, compressed) in pieces.0 {
        let start = secret.max(at) - at;
        let end = (secret + PASSWORD.len()).min(at + bytes.len()).max(at) - at;
        at += bytes.len();
        if start + 3 < end {
            let part = if compressed { from } else { from.start + start..from.start + end };
            found.push(frames[part].to_vec());
        }
    }
    assert!(!found.is_empty(), "{}: no password in {frames:02x?}", carriage.name);
    found
}
