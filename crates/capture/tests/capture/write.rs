use std::io::{self, Write, pipe};

use mqscope_capture::{Comments, Frame, Interface, Writer};

use crate::build::Order::Big;
use crate::build::Pcapng;
use crate::{open, walk};

fn frame(interface: u32, link: u16, time: i64, bytes: &[u8]) -> Frame<'_> {
    let original_len = bytes.len() as u32 + 9;
    Frame { number: 1, time, interface, link, at: 0, original_len, bytes, comments: Comments::default() }
}

#[test]
fn what_was_written_is_read_again() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let described = Interface {
        name: Some("eth0".to_owned()),
        description: Some("uplink".to_owned()),
        link: 1,
        snaplen: 96,
        fcs_len: 4,
        ..Interface::default()
    };
    writer.interface(7, &described).unwrap();
    writer.frame(&frame(7, 1, 1_700_000_000_123_456_789, b"abc")).unwrap();
    writer.frame(&frame(7, 113, 2, b"")).unwrap();
    writer.frame(&frame(0, 1, -1, b"abcd")).unwrap();
    writer.frame(&frame(7, 1, i64::MAX, b"e")).unwrap();
    let walk = walk(&writer.finish().unwrap());
    assert_eq!(walk.times(), [1_700_000_000_123_456_789, 2, 0, i64::MAX]);
    assert_eq!(walk.payloads(), [&b"abc"[..], b"", b"abcd", b"e"]);
    let places = walk.frames.iter().map(|frame| (frame.interface, frame.link, frame.original_len));
    assert_eq!(places.collect::<Vec<_>>(), [(0, 1, 12), (1, 113, 9), (2, 1, 13), (0, 1, 10)]);
    assert_eq!(walk.capture.interfaces()[0], described);
}

#[test]
fn comments_are_kept() {
    let file = Pcapng::new(Big).interface(1, 0, &[]).enhanced(0, 1, b"abc", &[(1, b"one"), (1, b"two")]);
    let mut capture = open(&file.bytes).unwrap();
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.frame(&capture.next_frame().unwrap().unwrap()).unwrap();
    let walk = walk(&writer.finish().unwrap());
    assert_eq!(walk.frames[0].comments, ["one", "two"]);
}

#[test]
fn a_reader_that_went_away_is_a_broken_pipe() {
    let (reader, pipe) = pipe().unwrap();
    drop(reader);
    let mut writer = Writer::new(pipe).unwrap();
    assert_eq!(writer.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn flushed_frames_are_in_the_output() {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = Writer::new(Count(0)).unwrap();
    writer.frame(&frame(0, 1, 1, &[0; 1_000])).unwrap();
    writer.flush().unwrap();
    assert!(writer.finish().unwrap().0 > 1_000);
}
