//! How flows are told apart, begin and end.

use mqscope_stream::{Analysis, CloseReason, Direction, FlowKey, Limits};

use crate::build::{ACK, CLIENT, CLIENT6, FIN, RST, SERVER, SERVER6, SYN, Tcp};
use crate::tap::{CLIENT_ISN, MS, SECOND, Tap, client, server, syn_ack};

fn fin(tap: &mut Tap) {
    tap.tcp(&Tcp { flags: FIN | ACK, ..client(0, b"") });
    tap.tcp(&Tcp { flags: FIN | ACK, ack: CLIENT_ISN + 2, ..server(0, b"") });
}

#[test]
fn the_opener_is_who_sent_the_syn() {
    let tap = Tap::connected();
    assert_eq!(tap.seen.keys, [FlowKey { a: CLIENT, b: SERVER }]);
    assert_eq!(tap.seen.round_trips, [MS]);
}

#[test]
fn the_opener_is_known_from_the_answer_to_its_syn() {
    let mut tap = Tap::new();
    tap.tcp(&syn_ack(1000, 9000));
    tap.tcp(&Tcp { flags: SYN, ..client(u32::MAX, b"") });
    assert_eq!(tap.seen.keys, [FlowKey { a: CLIENT, b: SERVER }]);
}

#[test]
fn without_a_handshake_the_first_sender_counts_as_opener() {
    let mut tap = Tap::new();
    tap.server(0, b"x");
    tap.client(0, b"y");
    tap.finish();
    assert_eq!(tap.seen.keys, [FlowKey { a: SERVER, b: CLIENT }]);
    assert_eq!(tap.seen.text(0, Direction::Forward), "x");
    assert_eq!(tap.seen.text(0, Direction::Reverse), "y");
}

#[test]
fn flows_of_both_ip_versions_count_together() {
    let mut tap = Tap::connected();
    tap.tcp(&Tcp { from: CLIENT6, to: SERVER6, flags: SYN, ..Tcp::data(7, b"") });
    tap.tcp(&Tcp { from: CLIENT6, to: SERVER6, ..Tcp::data(8, b"six") });
    tap.tcp(&Tcp { from: SERVER6, to: CLIENT6, ack: 8, flags: SYN | ACK, ..Tcp::data(0, b"") });
    assert_eq!(tap.seen.keys[1], FlowKey { a: CLIENT6, b: SERVER6 });
    assert_eq!(tap.seen.text(1, Direction::Forward), "six");
    assert_eq!(tap.seen.keys.len(), 2);
}

#[test]
fn a_new_syn_on_the_same_ports_is_a_new_flow() {
    let mut tap = Tap::connected();
    tap.client(0, b"old");
    tap.handshake(70_000, 80_000);
    assert!(tap.seen.remarks.contains(&Analysis::REUSED_PORTS));
    tap.tcp(&Tcp::data(70_001, b"new"));
    assert_eq!(tap.seen.text(0, Direction::Forward), "old");
    assert_eq!(tap.seen.text(1, Direction::Forward), "new");
    assert_eq!(tap.reasons(), [(0, CloseReason::Reused)]);
}

#[test]
fn a_new_flow_may_be_opened_from_the_other_side() {
    let mut tap = Tap::connected();
    fin(&mut tap);
    tap.tcp(&Tcp { flags: SYN, ..server(500, b"") });
    assert_eq!(tap.seen.keys[1], FlowKey { a: SERVER, b: CLIENT });
}

#[test]
fn every_frame_seen_twice_changes_nothing() {
    let mut tap = Tap::new();
    let syn = Tcp { flags: SYN, ..client(u32::MAX, b"") };
    let frames = [
        syn,
        syn_ack(1000, 9000),
        client(0, b"abc"),
        server(0, b"xyz"),
        Tcp { flags: FIN | ACK, ..client(3, b"def") },
        Tcp { flags: FIN | ACK, ack: 1008, ..server(3, b"") },
        Tcp { flags: ACK, ack: 9005, ..client(7, b"") },
    ];
    for frame in &frames {
        tap.tcp(frame);
        tap.tcp(frame);
    }
    tap.finish();
    assert_eq!((tap.client_text(), tap.server_text()), ("abcdef".into(), "xyz".into()));
    assert_eq!(tap.seen.keys.len(), 1);
    assert_eq!(tap.reasons(), [(0, CloseReason::Fin)]);
}

#[test]
fn a_flow_is_over_when_both_sides_ended_their_streams() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.tcp(&Tcp { flags: FIN | ACK, ..client(3, b"") });
    tap.server(0, b"still ");
    tap.server(6, b"here");
    assert_eq!(tap.reasons(), []);
    tap.tcp(&Tcp { flags: FIN | ACK, ..server(10, b"") });
    assert_eq!(tap.reasons(), [(0, CloseReason::Fin)]);
    let close = tap.seen.closes[0].1;
    assert_eq!((close.by, close.at.frame), (Some(Direction::Forward), 5));
    assert_eq!(tap.server_text(), "still here");
}

#[test]
fn an_end_that_came_early_waits_for_the_data_before_it() {
    let mut tap = Tap::connected();
    tap.tcp(&Tcp { flags: FIN | ACK, ..server(0, b"") });
    tap.tcp(&Tcp { flags: FIN | ACK, ..client(3, b"def") });
    assert_eq!(tap.reasons(), []);
    tap.client(0, b"abc");
    assert_eq!(tap.client_text(), "abcdef");
    assert_eq!(tap.reasons(), [(0, CloseReason::Fin)]);
}

#[test]
fn a_reset_flow_still_takes_what_was_under_way() {
    let mut tap = Tap::connected();
    tap.tcp(&Tcp { flags: RST | ACK, ..client(0, b"") });
    tap.server(0, b"crossing");
    assert_eq!(tap.reasons(), []);
    tap.tick(SECOND);
    assert_eq!(tap.server_text(), "crossing");
    assert_eq!(tap.reasons(), [(0, CloseReason::Reset)]);
    assert_eq!(tap.seen.closes[0].1.by, Some(Direction::Forward));
    assert_eq!(tap.seen.closes[0].1.at.frame, 4);
}

#[test]
fn a_reset_that_its_sender_goes_on_after_was_not_of_the_flow() {
    for seq in [0, 3 + 0x3000_0000] {
        let mut tap = Tap::connected();
        tap.client(0, b"abc");
        tap.tcp(&Tcp { flags: RST, ..client(seq, b"") });
        tap.client(3, b"def");
        tap.tick(2 * SECOND);
        tap.client(6, b"ghi");
        assert_eq!(tap.client_text(), "abcdefghi");
        assert_eq!(tap.reasons(), []);
        // One that overtook what was sent before it is.
        tap.tcp(&Tcp { flags: RST, ..client(12, b"") });
        tap.client(9, b"jkl");
        tap.tick(2 * SECOND);
        assert_eq!(tap.client_text(), "abcdefghijkl");
        assert_eq!(tap.reasons(), [(0, CloseReason::Reset)]);
    }
}

#[test]
fn a_refused_connection_is_one_flow_that_was_reset() {
    let mut tap = Tap::new();
    tap.tcp(&Tcp { flags: SYN, ..client(u32::MAX, b"") });
    tap.tcp(&Tcp { flags: RST | ACK, seq: 0, ..server(0, b"") });
    tap.finish();
    assert_eq!(tap.reasons(), [(0, CloseReason::Reset)]);
}

#[test]
fn a_one_sided_flow_is_over_soon_after_its_fin() {
    let mut tap = Tap::new();
    tap.tcp(&Tcp { flags: SYN, ..Tcp::data(1000, b"") });
    tap.client(0, b"abc");
    tap.tcp(&Tcp { flags: FIN, ..client(3, b"") });
    tap.tick(SECOND);
    assert_eq!(tap.reasons(), [(0, CloseReason::Fin)]);
}

#[test]
fn a_closed_flow_takes_no_more_and_late_copies_open_none() {
    let mut tap = Tap::connected();
    tap.client(0, b"abc");
    tap.tcp(&Tcp { flags: FIN | ACK, ..client(3, b"") });
    tap.tcp(&Tcp { flags: FIN | ACK, ..server(0, b"") });
    tap.client(0, b"abc");
    tap.tcp(&Tcp { flags: RST, ..client(4, b"") });
    tap.finish();
    assert_eq!(tap.seen.keys.len(), 1);
    assert_eq!(tap.reasons(), [(0, CloseReason::Fin)]);
}

#[test]
fn the_same_syn_long_after_a_reset_is_a_new_attempt() {
    let mut tap = Tap::new();
    for _ in 0..2 {
        tap.tcp(&Tcp { flags: SYN, ..client(u32::MAX, b"") });
        tap.tcp(&Tcp { flags: RST | ACK, seq: 0, ..server(0, b"") });
        tap.tick(2 * SECOND);
    }
    assert_eq!(tap.reasons(), [(0, CloseReason::Reset), (1, CloseReason::Reset)]);
}

#[test]
fn data_far_behind_belongs_to_a_new_flow_whose_start_is_missing() {
    let mut tap = Tap::connected();
    tap.client(0, b"old");
    for i in 0..3u32 {
        tap.tcp(&Tcp::data(3_000_000_000 + 3 * i, b"new"));
    }
    assert_eq!(tap.seen.text(1, Direction::Forward), "newnewnew");
    assert_eq!(tap.reasons(), [(0, CloseReason::Reused)]);
}

#[test]
fn the_end_of_the_capture_closes_what_is_open_in_order() {
    let mut tap = Tap::connected();
    tap.tcp(&Tcp { from: CLIENT6, to: SERVER6, flags: SYN, ..Tcp::data(7, b"") });
    tap.finish();
    assert_eq!(tap.reasons(), [(0, CloseReason::End), (1, CloseReason::End)]);
}

#[test]
fn flows_beyond_the_limit_push_out_the_silent() {
    let mut tap = Tap::with(Limits { flows: 2, ..Limits::default() });
    let syn = |port: u16| {
        let mut from = CLIENT;
        from.set_port(port);
        Tcp { from, flags: SYN, ..Tcp::data(0, b"") }
    };
    let data = |port: u16, seq: u32| Tcp { flags: ACK, ..Tcp { data: b"x".to_vec(), seq, ..syn(port) } };
    tap.tcp(&syn(1));
    tap.tcp(&syn(2));
    tap.tcp(&syn(3)); // looks at both, forgets the first
    assert_eq!(tap.reasons(), [(0, CloseReason::Idle)]);
    tap.tcp(&data(3, 1));
    tap.tcp(&syn(4));
    assert_eq!(tap.reasons(), [(0, CloseReason::Idle), (1, CloseReason::Idle)]);
    tap.tcp(&data(3, 2));
    assert_eq!(tap.seen.text(2, Direction::Forward), "xx", "the one in use stayed");
}
