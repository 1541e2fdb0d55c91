use std::io::{Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mqscope_capture::{Capture, CaptureError};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::build::Order::Little;
use crate::build::{MICRO, Pcap};
use crate::{Home, Walk, walk, walk_on};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// Frames of many lengths, in all longer than the buffers, that packing makes little shorter.
fn sample() -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0x7f
    };
    let mut frame = |n: u32| (0..n).map(|_| noise()).collect::<Vec<_>>();
    (0..1_000).fold(Pcap::new(Little, MICRO), |file, n| file.frame(n, n, &frame(n))).bytes
}

fn same(packed: &Walk, plain: &Walk) {
    assert_eq!(packed.frames, plain.frames);
    assert_eq!(packed.truncation, plain.truncation);
    assert!(packed.error.is_none(), "{:?}", packed.error);
}

#[test]
fn gzip_and_zstd_give_what_the_plain_file_gives() {
    let plain = walk(&sample());
    same(&walk(&gzip(&sample())), &plain);
    same(&walk(&zstd(&sample())), &plain);
    assert_eq!(plain.frames.len(), 1_000);
}

#[test]
fn gzip_members_and_zstd_frames_follow_each_other() {
    let plain = sample();
    let (first, rest) = plain.split_at(100_001);
    let (second, third) = rest.split_at(7);
    same(&walk(&[gzip(first), gzip(b""), gzip(second), gzip(third)].concat()), &walk(&plain));
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"hello"].concat();
    let frames = [skippable.clone(), zstd(first), zstd(second), skippable, zstd(third)].concat();
    same(&walk(&frames), &walk(&plain));
}

#[test]
fn a_cut_archive_gives_the_frames_before_the_cut() {
    let plain = walk(&sample());
    for packed in [gzip(&sample()), zstd(&sample())] {
        for part in [packed.len() / 2, packed.len() - 1] {
            let cut = walk(&packed[..part]);
            assert!(
                cut.truncation.is_some() && cut.error.is_none(),
                "{part} of {}: {:?}",
                packed.len(),
                cut.error
            );
            assert_eq!(cut.frames, plain.frames[..cut.frames.len()]);
            // Half of the bytes hold seven in ten of the frames, less what a cut block of 128 KiB takes.
            assert!(cut.frames.len() > 450, "only {} frames of {part} bytes", cut.frames.len());
        }
    }
}

#[test]
fn a_wrong_checksum_is_an_error_behind_the_frames() {
    let mut sum = gzip(&sample());
    let at = sum.len() - 8;
    sum[at] ^= 1;
    let walk = walk(&sum);
    assert!(matches!(walk.error, Some(CaptureError::Source(_))), "{:?}", walk.error);
    assert_eq!(walk.frames.len(), 1_000);
}

#[test]
fn progress_counts_compressed_bytes() {
    let packed = gzip(&sample());
    let progress = walk(&packed).capture.progress();
    assert_eq!((progress.done, progress.total), (packed.len() as u64, Some(packed.len() as u64)));
}

#[test]
fn a_pipe_is_live_until_it_is_closed() {
    let plain = sample();
    let (reader, mut writer) = pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let header = 24 + 15;
    writer.write_all(&plain[..header]).unwrap();
    let mut capture = Capture::open(path.as_ref()).unwrap();
    assert!(capture.next_frame().unwrap().is_none() && capture.is_live());
    let feeder = thread::spawn(move || {
        for part in plain[header..].chunks(1_009) {
            writer.write_all(part).unwrap();
        }
    });
    let piped = walk_on(capture);
    feeder.join().unwrap();
    drop(reader);
    same(&piped, &walk(&sample()));
    assert!(!piped.capture.is_live());
}

#[test]
fn a_compressed_pipe_is_unpacked() {
    let (reader, mut writer) = pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let feeder = thread::spawn(move || writer.write_all(&gzip(&sample())).unwrap());
    let capture = Capture::open(path.as_ref()).unwrap();
    same(&walk_on(capture), &walk(&sample()));
    feeder.join().unwrap();
}

#[test]
fn dropping_the_reader_ends_the_unpacking() {
    let (reader, mut writer) = pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    writer.write_all(&sample()[..1_000]).unwrap();
    let capture = Capture::open(path.as_ref()).unwrap();
    drop((capture, reader));
    // Whoever fills the pipe meets its closed end at last.
    while writer.write_all(&[0; 65_536]).is_ok() {}
}

#[test]
fn what_is_no_capture_is_not_unpacked_to_its_end() {
    let (reader, mut writer) = pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    writer.write_all(&[b'a'; 1_000]).unwrap();
    let error = Capture::open(path.as_ref()).unwrap_err();
    assert!(matches!(error, CaptureError::NotACapture { .. }));
    drop(reader);
    while writer.write_all(&[b'a'; 65_536]).is_ok() {}
}

#[test]
fn a_store_outlives_its_capture() {
    let path = Home::new();
    let path = path.file(&gzip(&sample()));
    let mut capture = Capture::open(&path).unwrap();
    let at = loop {
        let frame = capture.next_frame().unwrap().unwrap();
        if frame.bytes.len() == 500 {
            break frame.at;
        }
    };
    let store = capture.store();
    drop(capture);
    let mut bytes = [0; 500];
    store.read(at, &mut bytes).unwrap();
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&gzip(&sample())[..]).read_to_end(&mut plain).unwrap();
    assert_eq!(bytes, plain[at as usize..at as usize + 500]);
}

#[test]
fn waiting_for_a_pipe_returns_when_bytes_come() {
    let (reader, mut writer) = pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    writer.write_all(&Pcap::new(Little, MICRO).bytes).unwrap();
    let mut capture = Capture::open(path.as_ref()).unwrap();
    assert!(capture.next_frame().unwrap().is_none());
    let feeder = thread::spawn(move || {
        writer.write_all(&Pcap::new(Little, MICRO).frame(1, 2, b"abc").bytes[24..]).unwrap();
        writer
    });
    let frame = loop {
        capture.wait(Duration::from_secs(10));
        if let Some(frame) = capture.next_frame().unwrap() {
            break frame;
        }
    };
    assert_eq!(frame.bytes, b"abc");
    drop(feeder.join().unwrap());
}

#[test]
fn archives_with_any_byte_changed_end_without_panic() {
    let plain = (0..20).fold(Pcap::new(Little, MICRO), |file, n| file.frame(n, n, b"the same again")).bytes;
    let home = Home::new();
    for packed in [gzip(&plain), zstd(&plain)] {
        for at in 0..packed.len() {
            let mut changed = packed.clone();
            changed[at] ^= 0x55;
            if let Ok(mut capture) = Capture::open(&home.file(&changed)) {
                while let Ok(Some(_)) = capture.next_frame() {}
                assert!(capture.stats().frames <= 20);
            }
        }
    }
}

#[test]
fn a_stop_ends_a_pipe_that_nobody_closes() {
    let (reader, mut writer) = pipe().unwrap();
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let file = Pcap::new(Little, MICRO).frame(1, 2, b"abc").frame(3, 4, b"defg").bytes;
    writer.write_all(&file[..file.len() - 1]).unwrap();
    let mut capture = Capture::open(path.as_ref()).unwrap();
    while capture.next_frame().unwrap().is_none() {
        capture.wait(Duration::from_secs(10));
    }
    let stopper = capture.stopper().unwrap();
    let waiter = thread::spawn(move || {
        while capture.next_frame().unwrap().is_none() && capture.is_live() {
            capture.wait(Duration::from_secs(10));
        }
        capture
    });
    stopper.stop();
    let capture = waiter.join().unwrap();
    assert!(!capture.is_live() && capture.truncation().is_none());
    assert_eq!(capture.stats().frames, 1);
    drop(writer);
}
