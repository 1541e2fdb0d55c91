//! Keys that come after what they encrypt.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use mqscope_capture::Capture;
use mqscope_dissect::{Indexer, RowId, Settings, Unseen};

#[test]
fn connections_are_decrypted_when_their_keys_come_however_late_and_in_whatever_pieces() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures");
    let log = fs::read(captures.join("mqttjs-mqtts-13.keys")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keylog = folder.path().join("keys");
    let packets = |indexer: &Indexer| {
        let snapshot = indexer.snapshot();
        (0..snapshot.len())
            .filter(|&row| snapshot.row(RowId(row)).is_some_and(|row| row.packet_type().is_some()))
            .count()
    };
    let mut found = Vec::new();
    // With the keys there from the start, and in pieces after the last frame.
    for size in [None, Some(log.len()), Some(100), Some(1)] {
        let _ = fs::remove_file(&keylog);
        if size.is_none() {
            fs::write(&keylog, &log).unwrap();
        }
        let settings = Settings { keylog: Some(keylog.clone()), await_keys: true, ..Settings::default() };
        let mut capture = Capture::open(&captures.join("mqttjs-mqtts-13.pcapng")).unwrap();
        let mut indexer = Indexer::new(settings, capture.store());
        let _ = indexer.look_for_keys(&mut Unseen).unwrap();
        while let Some(frame) = capture.next_frame().unwrap() {
            let _ = indexer.push(&frame, &mut Unseen).unwrap();
        }
        if let Some(size) = size {
            assert_eq!(packets(&indexer), 0);
            assert_ne!(indexer.snapshot().traffic().encrypted, 0);
            for piece in log.chunks(size) {
                let mut file = OpenOptions::new().create(true).append(true).open(&keylog).unwrap();
                file.write_all(piece).unwrap();
                let _ = indexer.look_for_keys(&mut Unseen).unwrap();
            }
        }
        let _ = indexer.finish(&mut Unseen).unwrap();
        assert_eq!(indexer.snapshot().traffic().encrypted, 0, "{size:?}");
        found.push(packets(&indexer));
    }
    assert!(found[0] > 0 && found.iter().all(|&count| count == found[0]), "{found:?}");
}
