//! What every target does with its bytes.

use std::io::Write;
use std::time::Duration;

use mqscope_capture::Capture;

/// Reads all that a file of these bytes gives and holds it against the store.
pub fn read_all(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let Ok(mut capture) = Capture::open(file.path()) else { return };
    let store = capture.store();
    let (mut number, mut again) = (0, Vec::new());
    loop {
        while let Ok(Some(lines)) = capture.take_secrets() {
            assert!(!lines.is_empty());
        }
        let frame = capture.next_frame().map(|frame| {
            frame.map(|frame| {
                number += 1;
                assert_eq!(frame.number, number);
                again.resize(frame.bytes.len(), 0);
                store.read(frame.at, &mut again).expect("a frame's bytes stand in the store");
                assert_eq!(again, frame.bytes);
                frame.comments.for_each(drop);
            })
        });
        match frame {
            Ok(Some(())) => {}
            Ok(None) if capture.is_live() => capture.wait(Duration::from_secs(1)),
            Ok(None) => break,
            Err(_) => {
                assert!(capture.next_frame().is_ok_and(|frame| frame.is_none()), "nothing follows an error");
                return;
            }
        }
    }
    if let Some(truncation) = capture.truncation() {
        assert!(truncation.need.is_none_or(|need| need > truncation.have));
    }
}
