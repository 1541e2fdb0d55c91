//! Filters asked of real packets, against tshark's answers.
//!
//! `filters.txt` holds what Wireshark 4.0 says: for each filter and capture the numbers of the frames that match, of
//! those frames that complete exactly one packet, so that a frame and a packet are the same thing. `filters.py`
//! writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::Path;

use mqscope_capture::Capture;
use mqscope_dissect::filter::Filter;
use mqscope_dissect::{Indexer, PacketView, Reader, Settings, Snapshot};

const GOLDEN: &str = include_str!("filters.txt");

fn capture(name: &str) -> Capture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures").join(name);
    Capture::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn index(capture: &mut Capture) -> Snapshot {
    let mut indexer = Indexer::new(Settings::default(), capture.store());
    let flow = indexer.run(capture, &mut mqscope_dissect::Unseen).expect("a capture that can be read");
    assert_eq!(flow, ControlFlow::Continue(()));
    indexer.snapshot()
}

/// The frames that complete one packet, if that packet matches.
fn matching_frames(filter: &Filter, snapshot: &Snapshot, reader: &mut Reader) -> String {
    let mut packets = BTreeMap::<u64, u32>::new();
    let mut matching = BTreeMap::<u64, bool>::new();
    for row in snapshot.rows() {
        *packets.entry(row.frame.number).or_default() += 1;
        let view = snapshot.view(row.id, reader).expect("a packet that can be read again");
        matching.insert(row.frame.number, filter.matches(&view));
    }
    let mut frames = String::new();
    for (frame, _) in matching.iter().filter(|(frame, matches)| **matches && packets[frame] == 1) {
        let comma = if frames.is_empty() { "" } else { "," };
        write!(frames, "{comma}{frame}").expect("a string takes all");
    }
    if frames.is_empty() { "none".to_owned() } else { frames }
}

#[test]
fn filters_mean_what_they_mean_to_tshark() {
    let mut lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
    let names = lines.next().expect("a line with the captures").split('\t');
    let mut captures: Vec<_> = names
        .map(|name| {
            let mut capture = capture(name);
            let snapshot = index(&mut capture);
            (name, snapshot, Reader::new(capture.store()))
        })
        .collect();

    let mut differences = String::new();
    let mut count = 0;
    while let Some(text) = lines.next() {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture(text)));
        for (name, snapshot, reader) in &mut captures {
            let expected = lines.next().expect("a line a capture").trim();
            let actual = matching_frames(&filter, snapshot, reader);
            if actual != expected {
                writeln!(differences, "{text}\n{name}\n  tshark {expected}\n  here   {actual}")
                    .expect("a string");
            }
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
    assert!(differences.is_empty(), "{differences}");
}

/// Seen while it is indexed and read again, a packet is the same to a filter that does not look ahead.
#[test]
fn a_filter_answers_the_same_while_indexing_and_afterwards() {
    for name in ["mqttjs-v5.pcapng", "malformed.pcap", "midstream.pcap", "aliyun-p2p.pcap"] {
        for text in [
            "mqtt.topic",
            "mqtt.client_id contains \"a\"",
            "tcp.srcport == 1883",
            "mqtt.json(\"$\")",
            "_ws.malformed",
        ] {
            let filter = Filter::parse(text).expect(text);
            let mut source = capture(name);
            let mut indexer = Indexer::new(Settings::default(), source.store());
            let mut at_once = Vec::new();
            let mut visitor = |packet: &PacketView<'_>| {
                at_once.push(filter.matches(packet));
                ControlFlow::Continue(())
            };
            let _ = indexer.run(&mut source, &mut visitor).expect(name);
            let snapshot = indexer.snapshot();
            let mut reader = Reader::new(source.store());
            let later: Vec<bool> = snapshot
                .rows()
                .map(|row| filter.matches(&snapshot.view(row.id, &mut reader).expect(name)))
                .collect();
            assert_eq!(at_once.len(), later.len(), "{name}");
            let known_later = |text: &str| text.contains("client_id");
            let same =
                at_once.iter().zip(&later).all(|(then, now)| then == now || (known_later(text) && *now));
            assert!(same, "{name}: {text}\n{at_once:?}\n{later:?}");
        }
    }
}

#[test]
fn a_filter_is_asked_of_packets_not_frames() {
    let mut source = capture("mqttjs-large.pcapng.zst");
    let snapshot = index(&mut source);
    let mut reader = Reader::new(source.store());
    let mut rows = |text: &str| -> usize {
        let filter = Filter::parse(text).expect(text);
        snapshot
            .rows()
            .filter(|row| filter.matches(&snapshot.view(row.id, &mut reader).expect("a packet")))
            .count()
    };
    let publishes = rows("mqtt.msgtype == publish");
    let mut frames: Vec<u64> =
        snapshot.rows().filter(|row| row.first >> 4 == 3).map(|row| row.frame.number).collect();
    frames.dedup();
    assert!(frames.len() < publishes, "several packets share a frame here");
    assert_eq!(rows("mqtt.qos == 0") + rows("mqtt.qos == 1") + rows("mqtt.qos == 2"), publishes);
    assert_eq!(rows("mqtt.qos == 0 and mqtt.qos == 1"), 0);
}
