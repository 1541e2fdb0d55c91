use std::fs::File;

use mqscope_capture::{Capture, Comments, Frame, Writer};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::build::Order::{self, Big, Little};
use crate::build::{MICRO, NANO, PATCHED, Pcap, Pcapng};
use crate::{Home, open, walk};

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Little), Just(Big)]
}

fn pcap() -> impl Strategy<Value = Vec<u8>> {
    let record = (any::<u32>(), 0..1_000_000_u32, vec(any::<u8>(), 0..80));
    let magic = prop_oneof![Just(MICRO), Just(NANO), Just(PATCHED)];
    (order(), magic, vec(record, 0..8)).prop_map(|(order, magic, records)| {
        let more: &[u8] = if magic == PATCHED { &[0; 8] } else { &[] };
        let file = records.into_iter().fold(Pcap::new(order, magic), |file, (seconds, fraction, frame)| {
            let len = frame.len() as u32;
            file.record(seconds, fraction, (len, len), more, &frame)
        });
        file.bytes
    })
}

fn pcapng() -> impl Strategy<Value = Vec<u8>> {
    let section = (
        order(),
        vec((0..300_u16, 0..=9_u8), 1..4),
        vec((any::<u32>(), any::<u64>(), vec(any::<u8>(), 0..80)), 0..6),
    );
    vec(section, 1..4).prop_map(|sections| {
        let mut file = Pcapng { order: Little, bytes: Vec::new() };
        for (order, interfaces, frames) in sections {
            file = file.section(order);
            let count = interfaces.len() as u32;
            for (link, resolution) in interfaces {
                file = file.interface(link, 0, &[(9, &[resolution])]);
            }
            for (interface, ticks, frame) in frames {
                file = file.enhanced(interface % count, ticks >> 12, &frame, &[]);
            }
        }
        file.bytes
    })
}

/// Reads on for as long as there is anything; what counts is that it ends, and how much memory it needs.
fn read_all(bytes: &[u8]) {
    if let Ok(mut capture) = open(bytes) {
        while let Ok(Some(frame)) = capture.next_frame() {
            assert!(
                frame.at + frame.bytes.len() as u64 <= bytes.len() as u64
                    || bytes[0] == 0x1f
                    || bytes[0] == 0x28
            );
            frame.comments.for_each(drop);
        }
    }
}

/// The frames as another library sees them: time, link, original length, bytes.
fn oracle(bytes: &[u8]) -> Vec<(i64, u16, u32, Vec<u8>)> {
    let mut reader = create_reader(1 << 16, bytes).expect("a capture");
    let (mut frames, mut interfaces, mut link, mut unit) = (Vec::new(), Vec::new(), 0, 1_000);
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        link = header.network.0 as u16;
                        unit = if header.is_nanosecond_precision() { 1 } else { 1_000 };
                    }
                    PcapBlockOwned::Legacy(record) => {
                        let time =
                            i64::from(record.ts_sec) * 1_000_000_000 + i64::from(record.ts_usec) * unit;
                        frames.push((
                            time,
                            link,
                            record.origlen,
                            record.data[..record.caplen as usize].to_vec(),
                        ));
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        interfaces.push((interface.linktype.0 as u16, interface.if_tsresol));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(frame)) => {
                        let (link, resolution) = interfaces[frame.if_id as usize];
                        let ticks = u64::from(frame.ts_high) << 32 | u64::from(frame.ts_low);
                        let time = u128::from(ticks) * 10_u128.pow(9 - u32::from(resolution));
                        let time = i64::try_from(time).unwrap_or(i64::MAX);
                        frames.push((time, link, frame.origlen, frame.packet_data().to_vec()));
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(offset);
            }
            Err(PcapError::Eof) => return frames,
            Err(PcapError::Incomplete(_)) => reader.refill().expect("a refill"),
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn ours(bytes: &[u8]) -> Vec<(i64, u16, u32, Vec<u8>)> {
    let walk = walk(bytes);
    assert!(walk.error.is_none() && walk.truncation.is_none());
    walk.frames.into_iter().map(|frame| (frame.time, frame.link, frame.original_len, frame.bytes)).collect()
}

/// The other library knows the numbers of some systems for bare IP as they are.
fn common(mut frames: Vec<(i64, u16, u32, Vec<u8>)>) -> Vec<(i64, u16, u32, Vec<u8>)> {
    for frame in &mut frames {
        if matches!(frame.1, 12 | 14) {
            frame.1 = 101;
        }
    }
    frames
}

const MAGIC_NUMBERS: [[u8; 4]; 5] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x1f, 0x8b, 8, 0],
    [0x28, 0xb5, 0x2f, 0xfd],
    [0xab, 1, 0, 0x1c],
];

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_bytes_behind_each_magic_number_never_panic(
        magic in prop::sample::select(&MAGIC_NUMBERS[..]),
        bytes in vec(any::<u8>(), 0..300),
    ) {
        read_all(&[&magic[..], &bytes].concat());
    }

    #[test]
    fn arbitrary_blocks_never_panic(
        order in order(), blocks in vec((0..12_u32, vec(any::<u8>(), 0..80)), 0..8),
    ) {
        let start = Pcapng::new(order).interface(1, 0, &[]);
        read_all(&blocks.into_iter().fold(start, |file, (kind, body)| file.block(kind, &body)).bytes);
    }

    #[test]
    fn damaged_captures_never_panic(
        mut bytes in prop_oneof![pcap(), pcapng()], at in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let at = at.index(bytes.len());
        bytes[at] = with;
        read_all(&bytes);
    }

    #[test]
    fn frames_that_are_written_are_read_again(
        frames in vec((0..3_u32, prop_oneof![Just(1_u16), Just(113), Just(276)], 0..i64::MAX, any::<u32>(),
            vec(any::<u8>(), 0..200)), 0..20),
    ) {
        let mut writer = Writer::new(Vec::new()).unwrap();
        for (interface, link, time, original_len, bytes) in &frames {
            let (interface, link, time, original_len) = (*interface, *link, *time, *original_len);
            let comments = Comments::default();
            writer.frame(&Frame { number: 0, time, interface, link, at: 0, original_len, bytes, comments }).unwrap();
        }
        let file = writer.finish().unwrap();
        let expected = frames.into_iter().map(|(_, link, time, len, bytes)| (time, link, len, bytes)).collect::<Vec<_>>();
        prop_assert_eq!(&ours(&file), &expected);
        prop_assert_eq!(oracle(&file), expected);
    }

    #[test]
    fn pcap_parser_sees_the_same_frames_in_pcap(bytes in pcap().prop_filter("it does not know the patch", |bytes| {
        ![[0x34, 0xcd, 0xb2, 0xa1], [0xa1, 0xb2, 0xcd, 0x34]].contains(&[bytes[0], bytes[1], bytes[2], bytes[3]])
    })) {
        prop_assert_eq!(ours(&bytes), common(oracle(&bytes)));
    }

    #[test]
    fn pcap_parser_sees_the_same_frames_in_pcapng(bytes in pcapng()) {
        prop_assert_eq!(ours(&bytes), common(oracle(&bytes)));
    }
}

proptest! {
    // Each case opens a file for every one of its bytes.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_capture_cut_anywhere_gives_a_beginning_of_its_frames(bytes in prop_oneof![pcap(), pcapng()]) {
        let whole = walk(&bytes);
        prop_assert!(whole.error.is_none() && whole.truncation.is_none());
        let home = Home::new();
        let path = home.file(&bytes);
        let file = File::options().write(true).open(&path).unwrap();
        for len in (0..bytes.len()).rev() {
            file.set_len(len as u64).unwrap();
            let Ok(mut capture) = Capture::open(&path) else { continue };
            let mut count = 0;
            while let Some(frame) = capture.next_frame().unwrap() {
                prop_assert_eq!(&crate::Owned::from(frame), &whole.frames[count]);
                count += 1;
            }
            let end = whole.frames[..count].last().map_or(0, |frame| frame.at + frame.bytes.len() as u64);
            prop_assert!(end <= len as u64);
            // No frame that is whole was kept back.
            if let Some(next) = whole.frames.get(count) {
                prop_assert!(next.at + next.bytes.len() as u64 + 8 > len as u64);
            }
            if let Some(truncation) = capture.truncation() {
                prop_assert!(truncation.need.unwrap() > truncation.have);
                prop_assert_eq!(truncation.at + truncation.have, len as u64);
            }
        }
    }
}
