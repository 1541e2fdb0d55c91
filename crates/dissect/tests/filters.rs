//! Filters asked of real packets, against tshark's answers.
//!
//! `filters.txt` holds what Wireshark 4.0 says: for each filter and capture the numbers of the frames that match, of
//! those that complete a packet. `filters.py` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::Path;

use mqscope_capture::Capture;
use mqscope_dissect::annotate::Secrets;
use mqscope_dissect::fields::FieldId;
use mqscope_dissect::filter::Filter;
use mqscope_dissect::outline::Outline;
use mqscope_dissect::{Indexer, PacketView, Reader, Settings, Snapshot};
use mqscope_wire::{Notes, PacketType};

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

/// Frames by number, each with whether it completes one packet only.
type Frames = BTreeMap<u64, bool>;

/// The frames that match as a whole, and of those that complete one packet the ones whose packet matches.
fn matching_frames(text: &str, snapshot: &Snapshot, reader: &mut Reader) -> (Frames, Frames) {
    let filter = parse(text);
    let mut whole = parse(text).of_frames();
    let (mut frames, mut singles) = (Frames::new(), Frames::new());
    let rows: Vec<_> = snapshot.rows().collect();
    for packets in rows.chunk_by(|a, b| a.frame.number == b.frame.number) {
        let (number, single) = (packets[0].frame.number, packets.len() == 1);
        let mut matches = false;
        for row in packets {
            let view = snapshot.view(row.id, reader).expect("a packet that can be read again");
            whole.add(&view);
            matches = filter.matches(&view);
        }
        if whole.take() {
            frames.insert(number, single);
        }
        if single && matches {
            singles.insert(number, single);
        }
    }
    (frames, singles)
}

fn parse(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture(text)))
}

fn listed(frames: &Frames) -> String {
    let numbers: Vec<String> = frames.keys().map(u64::to_string).collect();
    if numbers.is_empty() { "none".to_owned() } else { numbers.join(",") }
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
        for (name, snapshot, reader) in &mut captures {
            let expected = lines.next().expect("a line a capture").trim();
            let (frames, singles) = matching_frames(text, snapshot, reader);
            let frames_alone: Frames =
                frames.iter().filter(|(_, single)| **single).map(|(n, s)| (*n, *s)).collect();
            if listed(&frames) != expected {
                let frames = listed(&frames);
                writeln!(differences, "{text}\n{name}\n  tshark {expected}\n  here   {frames}")
                    .expect("a string");
            }
            assert_eq!(frames_alone, singles, "{text}: a frame of one packet is that packet");
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
    let mut frames: Vec<u64> = snapshot
        .rows()
        .filter(|row| row.packet_type() == Some(PacketType::Publish))
        .map(|row| row.frame.number)
        .collect();
    frames.dedup();
    assert!(frames.len() < publishes, "several packets share a frame here");
    assert_eq!(rows("mqtt.qos == 0") + rows("mqtt.qos == 1") + rows("mqtt.qos == 2"), publishes);
    assert_eq!(rows("mqtt.qos == 0 and mqtt.qos == 1"), 0);
}

const CAPTURES: [&str; 8] = [
    "mqttjs-v31.pcap",
    "mqttjs-v5.pcapng",
    "mqttjs-v5-server.pcapng",
    "mqttjs-large.pcapng.zst",
    "mosquitto-bridge.pcapng",
    "malformed.pcap",
    "midstream.pcap",
    "aliyun-p2p.pcap",
];

/// What the index alone can answer, it answers as the packet would.
#[test]
fn a_row_answers_as_its_packet() {
    let fields = FieldId::all().map(|field| field.name().to_owned());
    let more = [
        "",
        "mqtt.qos == 1",
        "not mqtt.qos == 1",
        "mqtt.qos == 1 and mqtt.msgid == 1",
        "mqtt.qos == 1 or mqtt.msgid == 1",
        "mqtt.msgtype == publish xor mqtt.dupflag == 0",
        "mqtt.msgtype == publish xor mqtt.topic",
        "mqtt.topic contains \"a\"",
        "len(mqtt.topic) > 3",
        "mqtt.topic[0:1] == \"v\"",
        "max(mqtt.len, mqtt.qos) > 3",
        "mqtt.qos in {mqtt.msgid, 0}",
        "mqtt.json(\"$\")",
        "mqtt.json(\"$.a\") == 1 or mqtt.qos == 0",
        "mqtt.topic_filter(\"#\")",
        "not mqtt.topic_filter(\"v5/#\")",
        "mqtt.client_id matches \"a\"",
        "frame.number & 1",
        "tcp.stream == 1 or tcp.port == 1",
    ];
    let filters: Vec<String> = fields.chain(more.map(str::to_owned)).collect();
    for name in CAPTURES {
        let mut source = capture(name);
        let snapshot = index(&mut source);
        let mut reader = Reader::new(source.store());
        for text in &filters {
            let filter = Filter::parse(text).expect(text);
            for row in snapshot.rows() {
                let quick = snapshot.matches(row.id, &filter, &mut reader).expect("a packet");
                let slow = filter.matches(&snapshot.view(row.id, &mut reader).expect("a packet"));
                assert_eq!(quick, slow, "{name}, frame {}: {text}", row.frame.number);
            }
        }
    }
}

#[test]
fn a_row_need_not_be_read_for_what_the_index_knows() {
    let mut source = capture("mqttjs-v5.pcapng");
    let snapshot = index(&mut source);
    // Another capture, whose bytes end too soon: whoever reads all packets from it fails.
    let mut reader = Reader::new(capture("aliyun-p2p.pcap").store());
    for (text, readable) in [
        ("mqtt.msgtype == publish and mqtt.qos > 0", true),
        ("frame.number > 20 and tcp.stream == 0", true),
        ("mqtt.client_id contains \"a\"", true),
        ("mqtt.clientid == \"a\" and mqtt.msgtype == publish", true),
        ("mqtt.topic == \"a\"", false),
    ] {
        let filter = Filter::parse(text).expect(text);
        let mut answers = snapshot.rows().map(|row| snapshot.matches(row.id, &filter, &mut reader).is_ok());
        assert_eq!(answers.all(|ok| ok), readable, "{text}");
    }
}

/// The tree of a packet offers filters for its lines: each is one, and holds for the packet.
#[test]
fn the_filters_that_a_packets_tree_offers_hold_for_it() {
    let mut notes = Notes::new();
    let mut count = 0;
    for name in CAPTURES {
        let mut source = capture(name);
        let snapshot = index(&mut source);
        let mut reader = Reader::new(source.store());
        for row in snapshot.rows() {
            let view = snapshot.view(row.id, &mut reader).expect("a packet");
            let outline = Outline::of(&view, Secrets::Shown, &mut notes);
            for text in outline.nodes.iter().filter_map(|node| node.filter.as_ref()) {
                let filter =
                    Filter::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.picture(text)));
                assert!(filter.matches(&view), "{name}, frame {}: {text}", row.frame.number);
                count += 1;
            }
        }
    }
    assert!(count > 1000, "{count}");
}
