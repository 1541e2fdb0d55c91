use mqscope_capture::{CaptureError, Damage, Truncation};

use crate::build::Order::{Big, Little};
use crate::build::Pcapng;
use crate::{Walk, walk};

const SECOND: u64 = 1_700_000_000;

fn damage(walk: &Walk) -> Option<Damage> {
    match walk.error {
        Some(CaptureError::Damaged { damage, .. }) => Some(damage),
        _ => None,
    }
}

#[test]
fn an_enhanced_packet_of_either_byte_order() {
    for order in [Little, Big] {
        let file = Pcapng::new(order).interface(1, 0, &[]).enhanced(0, SECOND * 1_000_000 + 7, b"abc", &[]);
        let walk = walk(&file.bytes);
        let frame = &walk.frames[0];
        assert_eq!((frame.number, frame.interface, frame.link, frame.at), (1, 0, 1, 28 + 20 + 28));
        assert_eq!((frame.time, frame.original_len), (1_700_000_000_000_007_000, 103));
        assert_eq!(frame.bytes, b"abc");
        assert!(walk.error.is_none() && walk.truncation.is_none());
    }
}

#[test]
fn interfaces_differ_in_link_and_resolution_and_offset() {
    for order in [Little, Big] {
        let offset = order.u64(1_000);
        let file = Pcapng::new(order)
            .interface(1, 0, &[(2, b"eth0"), (9, &[9])])
            .interface(113, 96, &[(2, b"any"), (3, b"all of them"), (9, &[0x80 | 20]), (13, &[4])])
            .interface(101, 0, &[(14, &offset)])
            .enhanced(0, 5, b"a", &[])
            .enhanced(1, 3 << 19, b"b", &[])
            .enhanced(2, 1, b"c", &[]);
        let walk = walk(&file.bytes);
        assert_eq!(walk.times(), [5, 1_500_000_000, 1_000_000_001_000]);
        assert_eq!(walk.frames.iter().map(|frame| frame.link).collect::<Vec<_>>(), [1, 113, 101]);
        let interfaces = walk.capture.interfaces();
        assert_eq!(interfaces[0].name.as_deref(), Some("eth0"));
        assert_eq!(interfaces[1].description.as_deref(), Some("all of them"));
        assert_eq!((interfaces[1].snaplen, interfaces[1].fcs_len), (96, 4));
    }
}

#[test]
fn sections_have_their_own_byte_order_and_their_own_interfaces() {
    let file = Pcapng::new(Little)
        .interface(1, 0, &[])
        .interface(113, 0, &[])
        .enhanced(1, 1, b"a", &[])
        .section(Big)
        .interface(101, 0, &[(9, &[0])])
        .enhanced(0, 2, b"b", &[]);
    let walk = walk(&file.bytes);
    let seen = walk.frames.iter().map(|frame| (frame.interface, frame.link, frame.time)).collect::<Vec<_>>();
    assert_eq!(seen, [(1, 113, 1_000), (2, 101, 2_000_000_000)]);
}

#[test]
fn simple_packets_are_cut_by_the_snap_length_and_have_no_time() {
    for order in [Little, Big] {
        let mut body = order.u32(60).to_vec();
        body.extend(b"abcdef");
        let limited = Pcapng::new(order).interface(1, 5, &[]).block(3, &body);
        assert_eq!(walk(&limited.bytes).payloads(), [b"abcde"]);
        let mut body = order.u32(6).to_vec();
        body.extend(b"abcdef");
        let whole = walk(&Pcapng::new(order).interface(1, 0, &[]).block(3, &body).bytes);
        assert_eq!((whole.payloads(), whole.times()), (vec![&b"abcdef"[..]], vec![0]));
    }
}

#[test]
fn obsolete_packets_count_their_drops_beside_the_interface() {
    for order in [Little, Big] {
        let file = Pcapng::new(order).interface(1, 0, &[]).interface(113, 0, &[]);
        let mut body = order.u16(1).to_vec();
        body.extend(order.u16(0xffff));
        body.extend(order.u32(0));
        body.extend(order.u32(9));
        body.extend(order.u32(3));
        body.extend(order.u32(3));
        body.extend(b"abc");
        let walk = walk(&file.block(2, &body).bytes);
        assert_eq!((walk.frames[0].link, walk.frames[0].time), (113, 9_000));
        assert_eq!(walk.payloads(), [b"abc"]);
    }
}

#[test]
fn other_blocks_are_passed_over_however_long() {
    let names = [1, 0, 5, 0, 127, 0, 0, 1, 0, 0, 0, 0];
    let file = Pcapng::new(Little)
        .block(4, &names)
        .block(0xbad, b"custom")
        .interface(1, 0, &[])
        .block(0x0000_0bbb, &vec![9; 40 << 20])
        .block(9, b"journal entry")
        .enhanced(0, 1, b"abc", &[]);
    assert_eq!(walk(&file.bytes).payloads(), [b"abc"]);
}

#[test]
fn comments_go_with_their_frame() {
    let options: &[(u16, &[u8])] =
        &[(2, &[0; 4]), (1, b"first"), (1, "zweite ß".as_bytes()), (0, b""), (1, b"no")];
    for order in [Little, Big] {
        let file = Pcapng::new(order).interface(1, 0, &[]).enhanced(0, 1, b"abc", options).enhanced(
            0,
            1,
            b"abcd",
            &[],
        );
        let walk = walk(&file.bytes);
        assert_eq!(walk.frames[0].comments, ["first", "zweite ß"]);
        assert!(walk.frames[1].comments.is_empty());
    }
}

#[test]
fn interface_statistics_tell_what_was_lost() {
    for order in [Little, Big] {
        let file = Pcapng::new(order).interface(1, 0, &[]).interface(1, 0, &[]);
        let mut body = order.u32(1).to_vec();
        body.extend([0; 8]);
        body.extend(file.option(5, &order.u64(3)));
        body.extend(file.option(7, &order.u64(4)));
        let walk = walk(&file.block(5, &body).bytes);
        assert_eq!((walk.capture.stats().interface_drops, walk.capture.stats().kernel_drops), (3, 4));
    }
}

#[test]
fn statistics_of_an_interface_that_is_not_there_do_no_harm() {
    let mut body = Little.u32(9).to_vec();
    body.extend([0; 8]);
    let file = Pcapng::new(Little).interface(1, 0, &[]).block(5, &body).enhanced(0, 1, b"abc", &[]);
    assert_eq!(walk(&file.bytes).payloads(), [b"abc"]);
}

#[test]
fn a_cut_block_is_told_also_if_it_is_one_to_pass_over() {
    let whole = Pcapng::new(Little).interface(1, 0, &[]).enhanced(0, 1, b"abc", &[]).bytes;
    let at = whole.len() as u64;
    let mut passed = Pcapng { order: Little, bytes: whole.clone() }.block(0xbad, &[1; 400_000]).bytes;
    passed.truncate(passed.len() - 1);
    assert_eq!(walk(&passed).truncation, Some(Truncation { at, need: Some(400_012), have: 400_011 }));
    passed.truncate(whole.len() + 100);
    assert_eq!(walk(&passed).truncation, Some(Truncation { at, need: Some(400_012), have: 100 }));
    let mut framed = Pcapng { order: Little, bytes: whole.clone() }.enhanced(0, 1, b"abc", &[]).bytes;
    framed.truncate(framed.len() - 1);
    assert_eq!(walk(&framed).truncation, Some(Truncation { at, need: Some(36), have: 35 }));
}

#[test]
fn broken_blocks_are_damage() {
    let start = || Pcapng::new(Little).interface(1, 0, &[]);
    let mut odd = start().block(0xbad, b"").bytes;
    let at = odd.len() - 8;
    odd[at] = 13;
    assert_eq!(damage(&walk(&odd)), Some(Damage::BlockLength { len: 13 }));
    let mut ends = start().enhanced(0, 1, b"abc", &[]).bytes;
    let at = ends.len() - 4;
    ends[at] = 40;
    assert_eq!(damage(&walk(&ends)), Some(Damage::BlockLengths { first: 36, last: 40 }));
    let unknown = start().enhanced(1, 1, b"abc", &[]).bytes;
    assert_eq!(damage(&walk(&unknown)), Some(Damage::UnknownInterface { id: 1 }));
    let short = start().block(6, &[0; 16]).bytes;
    assert_eq!(damage(&walk(&short)), Some(Damage::BlockLength { len: 28 }));
    let mut overrun = vec![0; 24];
    overrun[12] = 5;
    assert_eq!(damage(&walk(&start().block(6, &overrun).bytes)), Some(Damage::Overrun { len: 5, room: 4 }));
    let mut mark = start().section(Little).bytes;
    let at = mark.len() - 20;
    mark[at] = 0;
    assert_eq!(damage(&walk(&mark)), Some(Damage::ByteOrder));
}

#[test]
fn an_absurd_block_length_takes_no_memory() {
    let mut file = Pcapng::new(Little).interface(1, 0, &[]).bytes;
    let at = file.len() as u64;
    file.extend([6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let walk = walk(&file);
    assert!(matches!(damage(&walk), Some(Damage::FrameTooLong { len: 0xffff_fffc, .. })));
    assert!(matches!(walk.error, Some(CaptureError::Damaged { at: found, .. }) if found == at));
}

#[test]
fn interfaces_without_end_are_damage() {
    let one = Pcapng::new(Little).interface(1, 0, &[]).bytes;
    let mut file = one.clone();
    for _ in 0..65_536 {
        file.extend(&one[28..]);
    }
    assert_eq!(damage(&walk(&file)), Some(Damage::TooManyInterfaces { most: 65_536 }));
}
