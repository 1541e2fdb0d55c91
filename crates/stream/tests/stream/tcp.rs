//! One direction: order, loss, and what is remarked on.

use mqscope_stream::{Analysis, Direction, GapCause, Limits};

use crate::build::{ACK, FIN, RST, SYN, Tcp};
use crate::tap::{MS, SECOND, Tap, What, client, server, syn_ack};

#[test]
fn in_order_data_comes_at_once_and_in_one_piece() {
    let mut tap = Tap::connected();
    tap.client(0, b"hello ");
    assert_eq!(tap.client_text(), "hello ");
    tap.client(6, b"world");
    assert_eq!(tap.client_text(), "hello world");
    assert_eq!(tap.seen.got.len(), 2);
    assert_eq!((tap.seen.got[1].frame, tap.seen.got[1].completed, tap.seen.got[1].offset), (5, 5, 6));
}

#[test]
fn a_retransmission_brings_nothing_twice() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.client(0, b"abc");
    assert_eq!(tap.client_text(), "abc");
    assert_eq!(tap.remarks(), Analysis::RETRANSMISSION);
    tap.server_acknowledges(3);
    tap.client(0, b"abc");
    assert_eq!(tap.remarks(), Analysis::RETRANSMISSION | Analysis::SPURIOUS_RETRANSMISSION);
}

#[test]
fn an_overlap_brings_only_its_new_end() {
    let mut tap = Tap::connected();
    tap.client(0, b"abcd");
    tap.client(2, b"XXef");
    assert_eq!(tap.client_text(), "abcdef");
}

#[test]
fn out_of_order_data_waits_for_what_is_before_it() {
    let mut tap = Tap::connected();
    tap.client(3, b"def");
    assert_eq!(tap.remarks(), Analysis::LOST_SEGMENT);
    assert_eq!(tap.client_text(), "");
    tap.client(0, b"abc");
    assert_eq!(tap.remarks(), Analysis::OUT_OF_ORDER);
    assert_eq!(tap.client_text(), "abcdef");
    let late = &tap.seen.got[1];
    assert_eq!((late.frame, late.completed), (4, 5), "carried by frame 4, complete with frame 5");
    assert_eq!(tap.reassembler.held_bytes(), 0);
}

#[test]
fn what_comes_much_later_than_its_followers_was_sent_again() {
    let mut tap = Tap::connected();
    tap.client(3, b"def");
    tap.time += 200 * MS;
    tap.client(0, b"abc");
    assert_eq!(tap.remarks(), Analysis::RETRANSMISSION);
}

#[test]
fn two_duplicate_acknowledgements_ask_for_a_fast_retransmission() {
    let mut tap = Tap::connected();
    tap.client(3, b"def");
    tap.server_acknowledges(0);
    for _ in 0..2 {
        tap.server_acknowledges(0);
        assert_eq!(tap.remarks(), Analysis::DUPLICATE_ACK);
    }
    tap.client(0, b"abc");
    assert_eq!(tap.remarks(), Analysis::RETRANSMISSION | Analysis::FAST_RETRANSMISSION);
}

#[test]
fn the_first_bytes_for_a_place_stand() {
    let mut tap = Tap::connected();
    tap.client(2, b"cd");
    tap.client(0, b"abXYef");
    assert!(tap.remarks().contains(Analysis::CONFLICTING_OVERLAP));
    assert_eq!(tap.client_text(), "abcdef");
}

#[test]
fn an_overlap_with_the_same_bytes_is_no_conflict() {
    let mut tap = Tap::connected();
    tap.client(2, b"cd");
    tap.client(5, b"f");
    tap.client(0, b"abcdefg");
    assert!(!tap.remarks().contains(Analysis::CONFLICTING_OVERLAP));
    assert_eq!(tap.client_text(), "abcdefg");
}

#[test]
fn sequence_numbers_wrap_also_out_of_order() {
    let mut tap = Tap::new();
    let isn = u32::MAX - 3;
    tap.handshake(isn, 0);
    let part = |offset: u32, data: &[u8]| Tcp::data(isn.wrapping_add(1 + offset), data);
    tap.tcp(&part(4, b"ef"));
    tap.tcp(&part(6, b"gh"));
    tap.tcp(&part(2, b"cd"));
    tap.tcp(&part(0, b"ab"));
    tap.tcp(&part(8, b"ij"));
    assert_eq!(tap.client_text(), "abcdefghij");
}

#[test]
fn a_keep_alive_brings_nothing_and_its_answer_is_no_duplicate() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.server_acknowledges(3);
    for garbage in [&b""[..], b"\0"] {
        tap.client(2, garbage);
        assert_eq!(tap.remarks(), Analysis::KEEP_ALIVE);
        tap.server_acknowledges(3);
        assert_eq!(tap.remarks(), Analysis::KEEP_ALIVE_ACK);
    }
    tap.client(3, b"def");
    assert_eq!(tap.client_text(), "abcdef");
}

#[test]
fn a_keep_alive_at_the_start_of_the_capture_brings_nothing() {
    let mut tap = Tap::new();
    tap.server_acknowledges(3);
    tap.client(2, b"\0");
    for (i, data) in [b"de", b"fg", b"hi"].into_iter().enumerate() {
        tap.client(3 + 2 * i as u32, data);
    }
    assert_eq!(tap.seen.text(0, Direction::Reverse), "defghi", "the server was seen first");
}

#[test]
fn what_is_lost_is_remarked_on_once() {
    let mut tap = Tap::connected();
    tap.tcp(&Tcp { flags: ACK, ..client(500, b"") });
    assert_eq!(tap.remarks(), Analysis::LOST_SEGMENT);
    tap.tcp(&Tcp { flags: ACK, ack: 9101, ..client(500, b"") });
    assert_eq!(tap.remarks(), Analysis::ACK_LOST_SEGMENT);
    tap.tcp(&Tcp { ack: 9101, ..client(500, b"abc") });
    assert_eq!(tap.remarks(), Analysis::NONE);
}

#[test]
fn the_byte_of_a_zero_window_probe_counts_once() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.tcp(&Tcp { ack: client(3, b"").seq, window: 0, flags: ACK, ..server(0, b"") });
    assert_eq!(tap.remarks(), Analysis::ZERO_WINDOW);
    tap.client(3, b"d");
    assert_eq!(tap.remarks(), Analysis::ZERO_WINDOW_PROBE);
    tap.tcp(&Tcp { ack: client(3, b"").seq, window: 500, flags: ACK, ..server(0, b"") });
    assert_eq!(tap.remarks(), Analysis::WINDOW_UPDATE);
    tap.client(3, b"def");
    assert_eq!(tap.client_text(), "abcdef");
}

#[test]
fn a_syn_may_bring_data() {
    let mut tap = Tap::new();
    tap.tcp(&Tcp { flags: SYN, ..Tcp::data(1000, b"early ") });
    tap.tcp(&syn_ack(1006, 9000));
    tap.client(6, b"data");
    assert_eq!(tap.client_text(), "early data");
    assert_eq!(tap.gaps(), []);
}

#[test]
fn the_text_of_a_reset_is_no_data() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.tcp(&Tcp { flags: RST, ..client(3, b"no route") });
    tap.finish();
    assert_eq!(tap.client_text(), "abc");
}

#[test]
fn an_acknowledged_hole_becomes_a_gap_when_nothing_fills_it_soon() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.client(5, b"fgh");
    tap.server_acknowledges(8);
    assert_eq!(tap.remarks(), Analysis::NONE);
    assert_eq!(tap.client_text(), "abc", "the two frames may stand in the wrong order");
    tap.time += 200 * MS;
    tap.server_acknowledges(8);
    assert_eq!(tap.client_text(), "abc??fgh");
    assert_eq!(tap.gaps(), [(2, GapCause::Lost)]);
    let after = tap.seen.got.last().expect("bytes");
    assert_eq!((after.frame, after.completed), (5, 5), "nothing else completed what follows a gap");
    tap.client(8, b"i");
    assert_eq!(tap.client_text(), "abc??fghi");
}

#[test]
fn an_acknowledged_hole_becomes_a_gap_while_no_frame_comes() {
    let mut tap = Tap::connected();
    tap.client(2, b"c");
    tap.server_acknowledges(3);
    tap.tick(100 * MS);
    assert_eq!(tap.client_text(), "");
    tap.tick(100 * MS);
    assert_eq!(tap.client_text(), "??c");
}

#[test]
fn an_acknowledged_hole_becomes_a_gap_after_many_segments() {
    let mut tap = Tap::connected();
    tap.client(1, b"b");
    tap.server_acknowledges(2);
    for i in 2..60 {
        tap.client(i, b"b");
    }
    assert_eq!(tap.gaps(), []);
    for i in 60..80 {
        tap.client(i, b"b");
    }
    assert_eq!(tap.gaps(), [(1, GapCause::Lost)]);
    assert_eq!(tap.client_text(), format!("?{}", "b".repeat(79)));
}

#[test]
fn many_acknowledged_holes_do_not_wait_for_one_another() {
    let mut tap = Tap::connected();
    for i in 1..=50 {
        tap.client(2 * i, b"b");
        tap.server_acknowledges(2 * i + 1);
    }
    tap.tick(200 * MS);
    tap.tick(200 * MS);
    assert_eq!(tap.client_text(), format!("??b{}", "?b".repeat(49)));
}

#[test]
fn an_acknowledgement_that_overtook_its_data_costs_nothing() {
    let mut tap = Tap::connected();
    tap.server_acknowledges(6);
    assert_eq!(tap.remarks(), Analysis::ACK_LOST_SEGMENT);
    tap.client(3, b"def");
    tap.client(0, b"abc");
    assert_eq!(tap.client_text(), "abcdef");
    assert_eq!(tap.gaps(), []);
}

#[test]
fn an_unacknowledged_hole_waits_for_its_retransmission() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.client(6, b"ghi");
    tap.server_acknowledges(3);
    tap.time += 20 * SECOND;
    tap.client(3, b"def");
    assert_eq!(tap.client_text(), "abcdefghi");
}

#[test]
fn one_sided_captures_wait_a_little_for_what_is_missing() {
    let mut tap = Tap::new();
    tap.tcp(&Tcp { flags: SYN, ..Tcp::data(1000, b"") });
    tap.client(0, b"abc");
    tap.client(5, b"fgh");
    tap.time += 2 * SECOND;
    tap.client(8, b"i");
    assert_eq!(tap.client_text(), "abc");
    tap.time += SECOND;
    tap.client(9, b"j");
    assert_eq!(tap.client_text(), "abc??fghij");
}

#[test]
fn a_wild_acknowledgement_skips_nothing() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.server_acknowledges(500_000);
    tap.time += SECOND;
    tap.client(3, b"def");
    assert_eq!(tap.client_text(), "abcdef");
}

#[test]
fn a_lost_last_segment_shows_at_the_fin() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.tcp(&Tcp { flags: FIN | ACK, ..client(5, b"") });
    tap.server_acknowledges(6);
    tap.tick(SECOND);
    assert_eq!(tap.client_text(), "abc??");
}

#[test]
fn bytes_acknowledged_but_never_seen_are_a_gap_at_the_end() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.server_acknowledges(7);
    tap.finish();
    assert_eq!(tap.client_text(), "abc????");
}

#[test]
fn nothing_stands_behind_a_fin() {
    let mut tap = Tap::connected();
    tap.tcp(&Tcp { flags: FIN | ACK, ..client(0, b"abc") });
    tap.client(1, b"bcdef");
    tap.client(4, b"ef");
    tap.finish();
    assert_eq!(tap.client_text(), "abc");
    assert_eq!(tap.gaps(), []);
}

#[test]
fn a_start_in_mid_stream_says_so_and_takes_what_was_overtaken() {
    let mut tap = Tap::new();
    tap.client(103, b"def");
    tap.client(100, b"abc");
    assert_eq!(tap.client_text(), "", "an earlier segment may come");
    tap.client(106, b"ghi");
    assert_eq!(tap.client_text(), "abcdefghi");
    assert_eq!(tap.gaps(), [(0, GapCause::Midstream)]);
    tap.client(109, b"jkl");
    assert_eq!(tap.client_text(), "abcdefghijkl");
}

#[test]
fn a_start_in_mid_stream_waits_a_moment_only() {
    let mut tap = Tap::new();
    tap.client(100, b"abc");
    tap.tick(50 * MS);
    assert_eq!(tap.client_text(), "abc");
}

#[test]
fn a_start_is_known_from_either_half_of_the_handshake() {
    let mut answer_only = Tap::new();
    answer_only.tcp(&syn_ack(1000, 9000));
    answer_only.client(0, b"abc");
    answer_only.server(0, b"def");
    assert_eq!(answer_only.client_text() + &answer_only.server_text(), "abcdef");
    assert_eq!(answer_only.gaps(), []);

    let mut answer_missing = Tap::new();
    answer_missing.tcp(&Tcp { flags: SYN, ..client(u32::MAX, b"") });
    answer_missing.client(0, b"abc");
    answer_missing.server(0, b"def");
    assert_eq!(answer_missing.client_text() + &answer_missing.server_text(), "abcdef");
    assert_eq!(answer_missing.gaps(), []);
}

#[test]
fn a_snap_length_leaves_gaps_of_the_right_size() {
    let mut tap = Tap::connected();
    for (i, data) in [b"abcdef", b"ghijkl"].into_iter().enumerate() {
        let frame = client(6 * i as u32, data).frame();
        tap.link(1, frame.len(), &frame[..54 + 2]);
    }
    assert_eq!(tap.client_text(), "ab????gh????");
    assert_eq!(tap.gaps(), [(4, GapCause::Cut), (4, GapCause::Cut)]);
}

#[test]
fn a_cut_segment_may_come_out_of_order() {
    let mut tap = Tap::connected();
    let frame = client(3, b"defghi").frame();
    tap.link(1, frame.len(), &frame[..54 + 2]);
    tap.client(9, b"jkl");
    tap.client(0, b"abc");
    assert_eq!(tap.client_text(), "abcde????jkl");
    let last = tap.seen.got.last().expect("bytes");
    assert_eq!((last.frame, last.completed), (5, 5), "after a gap only the bytes behind it count");
}

#[test]
fn a_hole_is_given_up_when_too_much_waits_behind_it() {
    let limits = Limits { direction_bytes: 10_000, ..Limits::default() };
    let mut tap = Tap::with(limits);
    tap.handshake(1000, 9000);
    for i in 1..=100 {
        tap.client(100 * i, &[b'x'; 100]);
        assert!(tap.reassembler.held_bytes() <= limits.direction_bytes);
    }
    assert_eq!(tap.gaps(), [(100, GapCause::Limit)]);
    assert_eq!(tap.seen.got.len(), 101);
}

#[test]
fn a_segment_larger_than_all_that_may_be_held_is_handed_out() {
    let mut tap = Tap::with(Limits { total_bytes: 50, ..Limits::default() });
    tap.handshake(1000, 9000);
    tap.client(2, b"cde");
    assert_eq!(tap.client_text(), "??cde");
    assert_eq!(tap.gaps(), [(2, GapCause::Limit)]);
    tap.client(0, b"ab");
    tap.client(5, b"f");
    assert_eq!(tap.client_text(), "??cdef");
}

#[test]
fn a_mid_stream_start_that_may_not_be_held_is_handed_out() {
    let mut tap = Tap::with(Limits { total_bytes: 50, ..Limits::default() });
    tap.client(2, b"cde");
    tap.client(5, b"f");
    assert_eq!(tap.client_text(), "cdef");
    assert_eq!(tap.gaps(), [(0, GapCause::Midstream)]);
}

#[test]
fn the_end_of_the_capture_hands_out_what_waits() {
    let mut tap = Tap::connected();
    tap.client(1, b"b");
    tap.client(3, b"d");
    tap.finish();
    assert_eq!(tap.client_text(), "?b?d");
    assert!(tap.seen.got.iter().any(|got| got.what == What::Gap(1, GapCause::Lost)));
}
