//! What holds for every stream, however it was cut up, sent and captured.

use mqscope_stream::{Direction, Limits};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::build::{ACK, CLIENT, FIN, SERVER, SYN, Tcp, carried, ethernet, fragments, udp};
use crate::encapsulations::ALL;
use crate::tap::{Tap, What};

/// A stream and how it goes over the wire: segments as ranges of it, in the order of the capture.
#[derive(Clone, Debug)]
struct Sent {
    isn: u32,
    bytes: Vec<u8>,
    segments: Vec<(usize, usize)>,
}

/// Streams in segments that cover them, some twice, some longer than they need be, none more than `late` places behind
/// its turn.
fn sent(late: usize) -> impl Strategy<Value = Sent> {
    let isn = prop_oneof![any::<u32>(), u32::MAX - 300..=u32::MAX];
    let bytes = prop::collection::vec(any::<u8>(), 1..400);
    let cuts = prop::collection::vec(any::<Index>(), 0..30);
    let extra = prop::collection::vec((any::<Index>(), any::<Index>()), 0..10);
    let delays = prop::collection::vec(0..=late, 48);
    (isn, bytes, cuts, extra, delays).prop_map(|(isn, bytes, cuts, extra, delays)| {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut segments: Vec<(usize, usize)> = cuts.windows(2).map(|cut| (cut[0], cut[1])).collect();
        for (from, to) in extra {
            // sent again: anything of what was sent by then
            let place = from.index(segments.len());
            let known = segments[..=place].iter().map(|segment| segment.1).max().unwrap_or(0);
            let (a, b) = (from.index(known), to.index(known) + 1);
            segments.insert(place + 1, (a.min(b - 1), b.max(a + 1)));
        }
        let mut order: Vec<usize> = (0..segments.len()).collect();
        order.sort_by_key(|i| i + delays[i % delays.len()]);
        let segments = order.into_iter().map(|i| segments[i]).collect();
        Sent { isn, bytes, segments }
    })
}

impl Sent {
    fn segment(&self, (from, to): (usize, usize)) -> Tcp {
        Tcp::data(self.isn.wrapping_add(1 + from as u32), &self.bytes[from..to])
    }

    fn fin(&self) -> Tcp {
        Tcp { flags: FIN | ACK, ..self.segment((self.bytes.len(), self.bytes.len())) }
    }
}

proptest! {
    #[test]
    fn reordered_repeated_and_overlapping_segments_give_the_stream(sent in sent(8)) {
        let mut tap = Tap::new();
        tap.handshake(sent.isn, 77);
        for segment in &sent.segments {
            tap.tcp(&sent.segment(*segment));
        }
        prop_assert_eq!(tap.reassembler.held_bytes(), 0);
        prop_assert_eq!(tap.gaps(), []);
        prop_assert_eq!(tap.seen.bytes(0, Direction::Forward), sent.bytes);
    }

    #[test]
    fn one_segment_a_byte_and_one_for_all_give_the_same(sent in sent(0), order in prop::collection::vec(any::<u8>(), 400)) {
        let len = sent.bytes.len();
        let mut bytes: Vec<_> = (0..len).map(|i| (i, i + 1)).collect();
        let mut shuffled = bytes.clone();
        shuffled.sort_by_key(|(i, _)| i / 20 * 256 + usize::from(order[*i]));
        let backwards: Vec<_> = bytes.iter().rev().copied().collect();
        bytes.push((0, len));
        for segments in [vec![(0, len)], bytes, shuffled, backwards] {
            let mut tap = Tap::new();
            tap.handshake(sent.isn, 77);
            for segment in segments {
                tap.tcp(&sent.segment(segment));
            }
            prop_assert_eq!(tap.gaps(), []);
            prop_assert_eq!(tap.seen.bytes(0, Direction::Forward), &sent.bytes[..]);
        }
    }

    /// Each segment in an encapsulation of its own, some in two.
    #[test]
    fn whatever_is_around_the_segments_they_give_the_stream(
        sent in sent(8),
        ways in prop::collection::vec((any::<Index>(), prop::option::of(any::<Index>())), 48),
    ) {
        let mut tap = Tap::new();
        tap.handshake(sent.isn, 77);
        for (number, (segment, (way, again))) in sent.segments.iter().zip(ways.iter().cycle()).enumerate() {
            let mut packet = sent.segment(*segment).ip();
            packet[4..6].copy_from_slice(&(number as u16 + 1).to_be_bytes());
            for way in [Some(way), again.as_ref()].into_iter().flatten() {
                let way = &ALL[way.index(ALL.len())];
                for frame in (way.wrap)(&packet) {
                    tap.link(way.link, frame.len(), &frame);
                }
            }
        }
        prop_assert_eq!(tap.reassembler.stats().malformed, 0);
        prop_assert_eq!(tap.gaps(), []);
        prop_assert_eq!(tap.seen.bytes(0, Direction::Forward), sent.bytes);
    }

    /// Acknowledgements never make a gap of what merely comes late, be they early or late themselves.
    #[test]
    fn acknowledgements_out_of_order_do_no_harm(sent in sent(8), acks in prop::collection::vec(any::<Index>(), 100)) {
        let mut tap = Tap::new();
        tap.handshake(sent.isn, 77);
        for (segment, ack) in sent.segments.iter().zip(acks.iter().cycle()) {
            let ack = sent.isn.wrapping_add(1 + ack.index(sent.bytes.len() + 1) as u32);
            tap.tcp(&Tcp { from: SERVER, to: CLIENT, seq: 78, ack, flags: ACK, ..Tcp::data(0, b"") });
            tap.tcp(&sent.segment(*segment));
        }
        prop_assert_eq!(tap.gaps(), []);
        prop_assert_eq!(tap.seen.bytes(0, Direction::Forward), sent.bytes);
    }

    #[test]
    fn whatever_was_captured_stands_in_its_place_and_gaps_are_exact(
        sent in sent(8),
        lost in prop::collection::vec(any::<bool>(), 20),
        cut in prop::collection::vec(prop_oneof![4 => Just(0usize), 1 => 1..50usize], 20),
    ) {
        let mut tap = Tap::new();
        tap.handshake(sent.isn, 77);
        let mut captured = vec![false; sent.bytes.len()];
        for (i, segment) in sent.segments.iter().enumerate() {
            if !lost[i % lost.len()] {
                let frame = sent.segment(*segment).frame();
                let kept = frame.len() - cut[i % cut.len()].min(segment.1 - segment.0);
                captured[segment.0..segment.0 + kept - 54].fill(true);
                tap.link(1, frame.len(), &frame[..kept]);
            }
        }
        tap.tcp(&sent.fin());
        tap.finish();
        let mut end = 0;
        for got in &tap.seen.got {
            prop_assert_eq!(got.offset as usize, end);
            match &got.what {
                What::Bytes(bytes) => {
                    prop_assert_eq!(&sent.bytes[end..end + bytes.len()], &bytes[..]);
                    end += bytes.len();
                }
                What::Gap(missing, _) => end += *missing as usize,
            }
        }
        prop_assert_eq!(end, sent.bytes.len(), "the last byte before the FIN is accounted for");
        if cut.iter().all(|cut| *cut == 0) {
            let missing = captured.iter().filter(|captured| !**captured).count() as u64;
            prop_assert_eq!(tap.gaps().iter().map(|gap| gap.0).sum::<u64>(), missing);
        }
    }

    #[test]
    fn a_start_in_mid_stream_gives_all_though_two_segments_swapped(sent in sent(1)) {
        let mut tap = Tap::new();
        for segment in &sent.segments {
            tap.tcp(&sent.segment(*segment));
        }
        tap.finish();
        prop_assert_eq!(tap.seen.bytes(0, Direction::Forward), sent.bytes);
    }

    #[test]
    fn fragments_in_any_order_give_the_segment(
        data in prop::collection::vec(any::<u8>(), 1..600),
        size in 1usize..20,
        order in prop::collection::vec(any::<u64>(), 100),
        tunnel in any::<bool>(),
    ) {
        let mut tap = Tap::new();
        tap.handshake(1000, 77);
        let mut packet = Tcp::data(1001, &data).ip();
        if tunnel {
            packet = carried(17, &udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(0x0800, &packet)[..]].concat()));
        }
        let mut parts: Vec<_> = fragments(&packet, 8 * size).into_iter().zip(&order).collect();
        parts.sort_by_key(|(_, order)| **order);
        for (part, _) in &parts {
            tap.ethernet(&ethernet(0x0800, part));
        }
        prop_assert_eq!(tap.seen.bytes(0, Direction::Forward), data);
    }
}

/// Segments that break every rule, on few flows and near to one another so that they meet.
fn wild_segment() -> impl Strategy<Value = Vec<u8>> {
    let near = prop_oneof![0..600u32, any::<u32>(), u32::MAX - 300..=u32::MAX];
    let flags = prop_oneof![4 => Just(ACK), 1 => Just(SYN), 1 => Just(SYN | ACK), 1 => Just(FIN | ACK), 2 => 0..64u16];
    let data = prop::collection::vec(any::<u8>(), 0..120);
    (near.clone(), near, flags, any::<u16>(), data, 0..3u16, any::<bool>()).prop_map(
        |(seq, ack, flags, window, data, port, forward)| {
            let mut client = CLIENT;
            client.set_port(50_000 + port);
            let (from, to) = if forward { (client, SERVER) } else { (SERVER, client) };
            Tcp { from, to, seq, ack, flags, window, data }.frame()
        },
    )
}

fn wild_frame() -> impl Strategy<Value = Vec<u8>> {
    let broken = (wild_segment(), prop::collection::vec((any::<Index>(), any::<u8>()), 1..6)).prop_map(
        |(mut frame, changes)| {
            for (place, value) in changes {
                let place = place.index(frame.len());
                frame[place] = value;
            }
            frame
        },
    );
    let fragment = (wild_segment(), any::<u16>(), 0..4u8).prop_map(|(mut frame, offset, id)| {
        frame[20..22].copy_from_slice(&(offset & 0x200f).to_be_bytes());
        frame[19] = id;
        frame
    });
    prop_oneof![
        6 => wild_segment(),
        2 => broken,
        2 => fragment,
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

proptest! {
    /// The tap checks that offsets follow one another, that bytes are those of the store, that nothing comes after an
    /// end, and that limits hold.
    #[test]
    fn no_frames_whatsoever_break_a_promise(
        frames in prop::collection::vec((wild_frame(), any::<Index>(), 0..100_000_000_000i64), 1..120),
        link in prop_oneof![8 => Just(1u16), 1 => prop::sample::select(vec![0u16, 9, 12, 50, 51, 101, 108, 113, 276])],
        flows in 1..5usize,
    ) {
        let limits = Limits { direction_bytes: 600, total_bytes: 1500, flows, fragment_bytes: 1200 };
        let mut tap = Tap::with(limits);
        for (frame, cut, time) in &frames {
            tap.time = tap.time.wrapping_add(time / 50 - 100_000_000);
            let kept = if time % 4 == 0 { cut.index(frame.len() + 1) } else { frame.len() };
            tap.link(link, frame.len(), &frame[..kept]);
        }
        tap.finish();
        prop_assert_eq!(tap.seen.closes.len(), tap.seen.keys.len(), "every flow ends once");
    }

    #[test]
    fn headers_of_no_bytes_whatsoever_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..150),
        link in prop::sample::select(vec![0u16, 1, 9, 12, 50, 51, 101, 108, 113, 276, 999]),
        first in prop::sample::select(vec![0x45u8, 0x46, 0x60]),
        ether_type in prop::sample::select(vec![0x0800u16, 0x86dd, 0x8100, 0x8847, 0x8864, 0x6558, 60]),
    ) {
        let mut bytes = bytes;
        if bytes.len() > 15 && link == 1 {
            bytes[12..14].copy_from_slice(&ether_type.to_be_bytes());
            bytes[14] = first;
        }
        let found = mqscope_stream::headers(link, bytes.len() as u32, &bytes);
        let mut end = 0;
        for layer in &found.layers {
            prop_assert!(layer.start >= end, "layers follow one another");
            end = layer.start + layer.len;
        }
        prop_assert!(end as usize <= bytes.len());
        prop_assert!(found.payload.is_none_or(|payload| payload.start >= end && payload.end as usize <= bytes.len()));
    }
}
