use std::thread;
use std::time::Duration;

use mqscope_capture::{CaptureError, Interface, Spool};

use crate::walk_on;

fn ethernet() -> Interface {
    Interface { name: Some("lo".to_owned()), link: 1, ..Interface::default() }
}

#[test]
fn followers_see_what_was_flushed() {
    let mut spool = Spool::create(ethernet(), None).unwrap();
    let mut capture = spool.follow();
    spool.write(1_700_000_000_123_456_789, 1_500, b"abc").unwrap();
    assert!(capture.next_frame().unwrap().is_none(), "not flushed");
    spool.flush().unwrap();
    let frame = capture.next_frame().unwrap().unwrap();
    assert_eq!((frame.number, frame.time, frame.link), (1, 1_700_000_000_123_456_789, 1));
    assert_eq!((frame.original_len, frame.bytes), (1_500, &b"abc"[..]));
    assert!(capture.next_frame().unwrap().is_none() && capture.is_live());
    spool.write(1, 4, b"defg").unwrap();
    drop(spool);
    assert_eq!(walk_late(&mut capture), [b"defg".to_vec()]);
    assert!(!capture.is_live());
}

fn walk_late(capture: &mut mqscope_capture::Capture) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(frame) = capture.next_frame().unwrap() {
        frames.push(frame.bytes.to_vec());
    }
    frames
}

#[test]
fn every_follower_sees_every_frame_while_they_are_written() {
    let mut spool = Spool::create(ethernet(), None).unwrap();
    let followers =
        [spool.follow(), spool.follow()].map(|capture| thread::spawn(move || walk_on(capture).payload_sum()));
    let noise = [0x5a; 1_500];
    let mut sum = 0;
    for n in 0..20_000_usize {
        let len = n % 1_500;
        spool.write(n as i64, len as u32, &noise[..len]).unwrap();
        sum += len;
        if n % 97 == 0 {
            spool.flush().unwrap();
        }
    }
    drop(spool);
    for follower in followers {
        assert_eq!(follower.join().unwrap(), (20_000, sum));
    }
}

impl crate::Walk {
    fn payload_sum(&self) -> (usize, usize) {
        (self.frames.len(), self.frames.iter().map(|frame| frame.bytes.len()).sum())
    }
}

#[test]
fn waiting_returns_when_a_frame_comes_and_when_the_writer_ends() {
    let mut spool = Spool::create(ethernet(), None).unwrap();
    let mut capture = spool.follow();
    assert!(capture.next_frame().unwrap().is_none());
    let writer = thread::spawn(move || {
        spool.write(1, 3, b"abc").unwrap();
        spool.flush().unwrap();
    });
    assert_eq!(walk_on(capture).payloads(), [b"abc"]);
    writer.join().unwrap();
}

#[test]
fn a_ring_lets_go_of_the_oldest_and_counts_them() {
    let bound = 64_000;
    let mut spool = Spool::create(ethernet(), Some(bound)).unwrap();
    let mut early = spool.follow();
    for n in 0..1_000 {
        spool.write(n, 1_000, &[n as u8; 1_000]).unwrap();
        spool.flush().unwrap();
    }
    let store = early.store();
    let frame = early.next_frame().unwrap().unwrap();
    // The frame that is the oldest kept has the number and the bytes it always had.
    let (number, at) = (frame.number, frame.at);
    assert!(number > 930 && frame.bytes == [(number - 1) as u8; 1_000] && frame.time == number as i64 - 1);
    assert_eq!(early.stats().ring_drops, number - 1);
    let error = store.read(40, &mut [0; 1]).unwrap_err();
    assert!(matches!(error, CaptureError::Dropped { at: 40, oldest } if oldest == at - 16));
    drop(spool);
    let rest = walk_late(&mut early);
    assert_eq!(rest.len() as u64 + number, 1_000);
    assert_eq!(early.stats().frames + early.stats().ring_drops, 1_000);
}

#[test]
fn a_reader_that_keeps_up_with_a_ring_loses_nothing() {
    let mut spool = Spool::create(ethernet(), Some(16_000)).unwrap();
    let mut capture = spool.follow();
    for n in 0..5_000_u64 {
        spool.write(n as i64, 100, &[n as u8; 100]).unwrap();
        spool.flush().unwrap();
        let frame = capture.next_frame().unwrap().unwrap();
        assert_eq!((frame.number, frame.bytes[0]), (n + 1, n as u8));
    }
    assert_eq!(capture.stats().ring_drops, 0);
}

#[test]
fn a_stop_reaches_the_writer_and_losses_reach_the_reader() {
    let mut spool = Spool::create(ethernet(), None).unwrap();
    let capture = spool.follow();
    spool.set_drops(5, 2);
    assert_eq!((capture.stats().kernel_drops, capture.stats().interface_drops), (5, 2));
    assert!(!spool.is_stopped());
    capture.stopper().unwrap().stop();
    assert!(spool.is_stopped());
    capture.wait(Duration::ZERO);
}

#[test]
fn a_dropped_follower_stops_nobody() {
    let spool = Spool::create(ethernet(), None).unwrap();
    drop(spool.follow());
    assert!(!spool.is_stopped());
}

#[test]
fn times_the_spool_cannot_hold_become_the_nearest() {
    let mut spool = Spool::create(ethernet(), None).unwrap();
    let capture = spool.follow();
    spool.write(-5, 1, b"a").unwrap();
    spool.write(i64::MAX, 1, b"b").unwrap();
    drop(spool);
    assert_eq!(walk_on(capture).times(), [0, 4_294_967_295_999_999_999]);
}
