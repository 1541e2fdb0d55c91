use mqscope_capture::{Capture, CaptureError, Looks};

use crate::build::Order::Little;
use crate::build::{MICRO, Pcap};
use crate::{Home, open};

fn looks(bytes: &[u8]) -> String {
    match open(bytes) {
        Err(CaptureError::NotACapture { looks, .. }) => looks.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_is_no_capture_is_told_what_it_looks_like_and_what_reads_it() {
    assert_eq!(looks(b""), "it is empty");
    assert_eq!(looks(b"30 0a 00 04 74 65\n"), "it looks like hexadecimal text; mqscope decode reads that");
    assert_eq!(looks(b"0x30, 0x0a\n"), "it looks like hexadecimal text; mqscope decode reads that");
    assert_eq!(looks(b" {\"cmd\": \"publish\"}"), "it looks like JSON; mqscope encode makes packets of it");
    assert_eq!(looks(b"[workspace]\n"), "it looks like text; captures are pcap or pcapng files");
    assert_eq!(looks(b"scenario: smoke\n"), "it looks like text; captures are pcap or pcapng files");
    assert_eq!(
        looks(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"),
        "it looks like bare MQTT packets; mqscope decode --raw reads them"
    );
    assert_eq!(
        looks(b"\x10\x0e\x00\x06MQIsdp\x03"),
        "it looks like bare MQTT packets; mqscope decode --raw reads them"
    );
    assert_eq!(
        looks(b"snoop\0\0\0\0\0\0\x02"),
        "it looks like a Solaris snoop capture; editcap converts it to pcapng"
    );
    assert_eq!(looks(b"\xfd7zXZ\0\0"), "it looks like an xz archive; unxz unpacks it");
    assert_eq!(looks(&[1, 2, 3, 4, 5]), "neither pcap nor pcapng, nor either in gzip or zstd");
}

#[test]
fn a_header_that_is_cut_is_told() {
    assert_eq!(
        looks(&Pcap::new(Little, MICRO).bytes[..20]),
        "it ends within its header: need 24 bytes, have 20"
    );
}

#[test]
fn an_archive_that_is_cut_before_anything_is_told() {
    // Each begins, and its first block does not end.
    for archive in [&b"\x28\xb5\x2f\xfd\x04\x58\x05\x01\0"[..], b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc0"] {
        assert_eq!(looks(archive), "its compressed data is cut short, before anything of it can be unpacked");
    }
}

#[test]
fn a_capture_without_frames_is_a_capture() {
    let mut capture = open(&Pcap::new(Little, MICRO).bytes).unwrap();
    assert!(capture.next_frame().unwrap().is_none());
    assert!(!capture.is_live() && capture.truncation().is_none());
}

#[test]
fn a_missing_file_and_a_directory_are_named() {
    let home = Home::new();
    let missing = home.directory.path().join("missing.pcap");
    let error = Capture::open(&missing).unwrap_err();
    let expected = format!("cannot open {}: No such file or directory (os error 2)", missing.display());
    assert_eq!(error.to_string(), expected);
    let error = Capture::open(home.directory.path()).unwrap_err();
    let expected =
        format!("cannot open {}: is a directory; name a capture file in it", home.directory.path().display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn reads_past_the_end_of_the_store_are_errors() {
    let capture = open(&Pcap::new(Little, MICRO).frame(1, 2, b"abc").bytes).unwrap();
    let mut buf = [0; 4];
    let error = capture.store().read(40, &mut buf).unwrap_err();
    assert!(matches!(error, CaptureError::BeyondEnd { at: 40, len: 4, end: 43 }));
    assert_eq!(error.to_string(), "no bytes at 40 to 44: the store ends at 43");
    assert!(capture.store().read(u64::MAX - 1, &mut buf).is_err());
}

#[test]
fn looks_can_be_told_apart() {
    assert!(matches!(open(b"[1]"), Err(CaptureError::NotACapture { looks: Looks::Json, .. })));
}
