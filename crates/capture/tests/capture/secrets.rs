//! Keys that come with a capture.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mqscope_capture::{Capture, CaptureError, Comments, Damage, Frame, Writer};

use crate::build::Order::{Big, Little};
use crate::build::{MICRO, Pcap, Pcapng};
use crate::{open, walk};

const TLS_KEY_LOG: u32 = 0x544c_534b;

fn secrets(file: Pcapng, kind: u32, lines: &[u8]) -> Pcapng {
    let mut body = file.order.u32(kind).to_vec();
    body.extend(file.order.u32(lines.len() as u32));
    body.extend(lines);
    file.block(10, &body)
}

/// Everything in its order: keys as they are, frames in brackets.
fn told(mut capture: Capture) -> String {
    let mut told = String::new();
    loop {
        while let Some(lines) = capture.take_secrets().expect("secrets") {
            assert!(lines.len() <= 1 << 20);
            told += std::str::from_utf8(&lines).expect("tests send text");
        }
        if let Some(frame) = capture.next_frame().expect("frames") {
            told += &format!("[{}]", String::from_utf8_lossy(frame.bytes));
            continue;
        }
        if !capture.is_live() {
            return told;
        }
        capture.wait(Duration::from_secs(10));
    }
}

/// Keys before, between, behind and at the start of a section of another byte order.
fn sample() -> Vec<u8> {
    let file = Pcapng::new(Little).interface(1, 0, &[]);
    let file = secrets(secrets(file, TLS_KEY_LOG, b"one "), TLS_KEY_LOG, b"two ").enhanced(0, 1, b"a", &[]);
    let file = secrets(file.enhanced(0, 2, b"b", &[]), TLS_KEY_LOG, b"three").enhanced(0, 3, b"c", &[]);
    let file =
        secrets(file.section(Big), TLS_KEY_LOG, b"four").interface(1, 0, &[]).enhanced(0, 4, b"d", &[]);
    secrets(file, TLS_KEY_LOG, b"five").bytes
}

const TOLD: &str = "one two [a][b]three[c]four[d]five";

#[test]
fn keys_come_before_the_frames_that_they_stand_before() {
    assert_eq!(told(open(&sample()).unwrap()), TOLD);
}

#[test]
fn keys_come_from_packed_files_and_pipes_alike() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&sample()).unwrap();
    assert_eq!(told(open(&encoder.finish().unwrap()).unwrap()), TOLD);

    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    writer.write_all(&sample()).unwrap();
    drop(writer);
    assert_eq!(told(Capture::open(path.as_ref()).unwrap()), TOLD);
}

#[test]
fn keys_that_nobody_asks_for_are_passed_over() {
    assert_eq!(walk(&sample()).payloads(), [b"a", b"b", b"c", b"d"]);
    let mut capture = open(&sample()).unwrap();
    assert_eq!(capture.take_secrets().unwrap().as_deref(), Some(&b"one "[..]));
    assert_eq!(capture.next_frame().unwrap().unwrap().bytes, b"a");
    assert_eq!(capture.next_frame().unwrap().unwrap().bytes, b"b");
    assert_eq!(told(capture), "three[c]four[d]five");
}

#[test]
fn asking_for_keys_keeps_the_next_frame_as_it_is() {
    let mut capture =
        open(&Pcapng::new(Big).interface(1, 0, &[]).enhanced(0, 5, b"abc", &[(1, b"note")]).bytes).unwrap();
    for _ in 0..3 {
        assert_eq!(capture.take_secrets().unwrap(), None);
    }
    let frame = capture.next_frame().unwrap().unwrap();
    assert_eq!((frame.number, frame.bytes, frame.comments.count()), (1, &b"abc"[..], 1));
    assert_eq!(capture.take_secrets().unwrap(), None);
    assert!(capture.next_frame().unwrap().is_none());
}

#[test]
fn other_protocols_keys_and_files_without_keys_give_none() {
    let wireguard = secrets(Pcapng::new(Little), 0x5747_4b4c, b"LOCAL_STATIC_PRIVATE_KEY");
    assert_eq!(told(open(&secrets(wireguard, TLS_KEY_LOG, b"").interface(1, 0, &[]).bytes).unwrap()), "");
    assert_eq!(told(open(&Pcap::new(Little, MICRO).frame(1, 1, b"abc").bytes).unwrap()), "[abc]");
}

#[test]
fn many_keys_come_in_parts_that_end_with_a_line() {
    let lines: String = (0..60_000).map(|n| format!("CLIENT_RANDOM {n:032x} {n:048x}\n")).collect();
    assert!(lines.len() > 5 << 20);
    let file = secrets(Pcapng::new(Little), TLS_KEY_LOG, lines.as_bytes()).interface(1, 0, &[]);
    let mut capture = open(&file.bytes).unwrap();
    let mut parts = Vec::new();
    while let Some(part) = capture.take_secrets().unwrap() {
        assert!(part.ends_with(b"\n") && part.len() <= 1 << 20);
        parts.push(part);
    }
    assert_eq!(parts.len(), 6);
    assert!(parts.concat() == lines.as_bytes());
    let endless = secrets(Pcapng::new(Little), TLS_KEY_LOG, &vec![b'x'; 3 << 20]);
    assert_eq!(told(open(&endless.bytes).unwrap()).len(), 3 << 20);
}

#[test]
fn keys_that_are_cut_or_do_not_fit_are_told() {
    let whole = secrets(Pcapng::new(Little), TLS_KEY_LOG, b"CLIENT_RANDOM");
    let cut = &whole.bytes[..whole.bytes.len() - 1];
    let mut capture = open(cut).unwrap();
    assert_eq!(capture.take_secrets().unwrap(), None, "half a line is no key");
    let truncation = capture.truncation().expect("what is missing");
    assert_eq!((truncation.need, truncation.have), (Some(36), 35));

    let mut overrun = whole.bytes.clone();
    overrun[28 + 12] = 200;
    let error = open(&overrun).unwrap().take_secrets().unwrap_err();
    let damage = Damage::Overrun { len: 200, room: 16 };
    assert!(
        matches!(error, CaptureError::Damaged { at: 28, damage: found, .. } if found == damage),
        "{error}"
    );
}

#[test]
fn keys_are_written_only_when_asked_for() {
    let bytes = b"abc";
    let frame = Frame {
        number: 1,
        time: 0,
        interface: 0,
        link: 1,
        at: 0,
        original_len: 3,
        bytes,
        comments: Comments::default(),
    };
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.key_log(b"CLIENT_RANDOM 00 11\n").unwrap();
    writer.frame(&frame).unwrap();
    assert_eq!(told(open(&writer.finish().unwrap()).unwrap()), "CLIENT_RANDOM 00 11\n[abc]");
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.frame(&frame).unwrap();
    assert_eq!(told(open(&writer.finish().unwrap()).unwrap()), "[abc]");
}
