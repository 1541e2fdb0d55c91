use mqscope_capture::{CaptureError, Damage, Truncation};

use crate::build::Order::{Big, Little};
use crate::build::{MICRO, NANO, PATCHED, Pcap};
use crate::walk;

#[test]
fn microseconds_and_nanoseconds_of_either_byte_order() {
    for order in [Little, Big] {
        let micro = walk(&Pcap::new(order, MICRO).frame(1_700_000_000, 999_999, b"abc").bytes);
        assert_eq!(micro.times(), [1_700_000_000_999_999_000]);
        let nano = walk(&Pcap::new(order, NANO).frame(1_700_000_000, 999_999_999, b"abc").bytes);
        assert_eq!(nano.times(), [1_700_000_000_999_999_999]);
        for walk in [micro, nano] {
            let frame = &walk.frames[0];
            assert_eq!((frame.number, frame.interface, frame.link, frame.at), (1, 0, 1, 40));
            assert_eq!((frame.original_len, frame.bytes.as_slice()), (3, &b"abc"[..]));
            assert!(walk.error.is_none() && walk.truncation.is_none());
        }
    }
}

#[test]
fn seconds_reach_to_2106() {
    let walk = walk(&Pcap::new(Little, MICRO).frame(u32::MAX, 0, b"").bytes);
    assert_eq!(walk.times(), [4_294_967_295_000_000_000]);
}

#[test]
fn a_frame_cut_by_the_snap_length_keeps_its_original_length() {
    let walk = walk(&Pcap::new(Little, MICRO).record(1, 0, (3, 1_500), &[], b"abc").bytes);
    assert_eq!((walk.frames[0].original_len, walk.frames[0].bytes.len()), (1_500, 3));
}

#[test]
fn patched_files_have_longer_record_headers() {
    // interface 4, protocol 2, packet type 1, padding 1
    let more = [2, 0, 0, 0, 0, 8, 0, 0];
    for order in [Little, Big] {
        let file = Pcap::new(order, PATCHED).record(1, 2, (3, 3), &more, b"abc").record(
            2,
            3,
            (4, 4),
            &more,
            b"defg",
        );
        let walk = walk(&file.bytes);
        assert_eq!(walk.payloads(), [&b"abc"[..], b"defg"]);
        assert_eq!(walk.times(), [1_000_002_000, 2_000_003_000]);
    }
}

#[test]
fn the_second_patch_had_still_longer_record_headers() {
    let more = [2, 0, 0, 0, 0, 8, 0, 0xff, 0xff, 0, 0, 0];
    let file = (1..4).fold(Pcap::new(Little, PATCHED), |file, n| file.record(n, n, (3, 60), &more, b"abc"));
    assert_eq!(walk(&file.bytes).payloads(), [b"abc"; 3]);
}

#[test]
fn some_wrote_longer_record_headers_under_the_usual_magic_number() {
    for more in [&[9, 9, 9, 9][..], &[2, 0, 0, 0, 0, 8, 0, 0]] {
        for order in [Little, Big] {
            let file = (1..9).fold(Pcap::new(order, MICRO), |file, n| {
                file.record(1_700_000_000 + n, n, (6, 60), more, b"abcdef")
            });
            assert_eq!(walk(&file.bytes).payloads(), [b"abcdef"; 8], "{} more bytes", more.len());
        }
    }
}

#[test]
fn a_damaged_usual_file_is_not_taken_for_another() {
    let file = Pcap::new(Little, MICRO).frame(1, 1, b"abc").record(9, 9, (u32::MAX, 9), &[], b"");
    let walk = walk(&file.bytes);
    assert_eq!(walk.payloads(), [b"abc"]);
    assert!(walk.error.is_some());
}

#[test]
fn ixia_files_have_four_more_bytes_behind_the_header() {
    for (magic, time) in [(0x1c00_01ab, 1_000_002_000), (0x1c00_01ac, 1_000_000_002)] {
        for order in [Little, Big] {
            let mut file = Pcap::new(order, magic);
            file.bytes.extend(order.u32(19));
            let walk = walk(&file.frame(1, 2, b"abc").bytes);
            assert_eq!((walk.times(), walk.payloads()), (vec![time], vec![&b"abc"[..]]));
        }
    }
}

#[test]
fn aix_files_have_nanoseconds_swapped_lengths_and_their_own_link_numbers() {
    for (number, link) in [(6, 1), (9, 6), (15, 10), (24, 0)] {
        let file = Pcap::with(Big, MICRO, (2, 2), number).record(1, 2, (60, 3), &[], b"abc");
        let walk = walk(&file.bytes);
        assert_eq!((walk.frames[0].link, walk.frames[0].time), (link, 1_000_000_002));
        assert_eq!((walk.frames[0].original_len, walk.payloads()), (60, vec![&b"abc"[..]]));
    }
}

#[test]
fn the_lengths_stood_the_other_way_round_before_version_2_3() {
    for version in [(2, 0), (2, 2), (543, 0)] {
        let walk = walk(&Pcap::with(Little, MICRO, version, 1).record(1, 2, (60, 3), &[], b"abc").bytes);
        assert_eq!((walk.frames[0].original_len, walk.payloads()), (60, vec![&b"abc"[..]]));
    }
    for lengths in [(60, 3), (3, 60)] {
        let walk = walk(&Pcap::with(Little, MICRO, (2, 3), 1).record(1, 2, lengths, &[], b"abc").bytes);
        assert_eq!((walk.frames[0].original_len, walk.payloads()), (60, vec![&b"abc"[..]]));
    }
}

#[test]
fn the_upper_bits_of_the_network_field_tell_the_check_sequence() {
    let walk = walk(&Pcap::with(Little, MICRO, (2, 4), 0x2400_0001).frame(1, 2, b"abc").bytes);
    assert_eq!(walk.frames[0].link, 1);
    assert_eq!(walk.capture.interfaces()[0].fcs_len, 4);
}

#[test]
fn the_numbers_of_some_systems_for_bare_ip_become_the_common_one() {
    for number in [12, 14, 101] {
        assert_eq!(
            walk(&Pcap::with(Little, MICRO, (2, 4), number).frame(1, 2, b"E").bytes).frames[0].link,
            101
        );
    }
}

#[test]
fn a_cut_record_is_told_and_the_frames_before_it_are_given() {
    let mut file = Pcap::new(Little, MICRO).frame(1, 2, b"abc").frame(3, 4, b"defg").bytes;
    file.truncate(file.len() - 1);
    let walk = walk(&file);
    assert_eq!(walk.payloads(), [b"abc"]);
    assert_eq!(walk.truncation, Some(Truncation { at: 43, need: Some(20), have: 19 }));
    assert_eq!(walk.truncation.unwrap().to_string(), "cut short in the record at byte 43: need 20, have 19");
}

#[test]
fn an_absurd_length_is_damage_and_takes_no_memory() {
    let file =
        Pcap::new(Little, MICRO).frame(1, 2, b"abc").record(3, 4, (0xffff_fff0, 0xffff_fff0), &[], b"xyz");
    let walk = walk(&file.bytes);
    assert_eq!(walk.payloads(), [b"abc"]);
    let damage = Damage::FrameTooLong { len: 0xffff_fff0, most: 16 << 20 };
    assert!(
        matches!(walk.error, Some(CaptureError::Damaged { at: 43, damage: found, .. }) if found == damage)
    );
}

#[test]
fn frames_longer_than_the_buffer_and_frames_across_its_ends() {
    let long = vec![7; 3 << 20];
    let mut file = Pcap::new(Little, MICRO);
    let mut lens = Vec::new();
    for n in 0..2_000 {
        let len = if n == 1_000 { long.len() } else { n * 7 % 1_460 };
        file = file.frame(n as u32, 0, &long[..len]);
        lens.push(len);
    }
    let walk = walk(&file.bytes);
    assert_eq!(walk.frames.iter().map(|frame| frame.bytes.len()).collect::<Vec<_>>(), lens);
    assert_eq!(walk.capture.progress().done, file.bytes.len() as u64);
    assert_eq!(walk.capture.progress().total, Some(file.bytes.len() as u64));
}
