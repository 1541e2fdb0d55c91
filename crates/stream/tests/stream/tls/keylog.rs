//! The text of key logs.

use mqscope_stream::tls::LineError;

use super::*;

const RANDOM: [u8; 32] = [0xab; 32];

fn line(label: &str, secret: usize) -> String {
    format!("{label} {} {}\n", "aB".repeat(32), "0F".repeat(secret))
}

#[test]
fn a_master_secret_or_both_application_secrets_are_enough() {
    let mut keys = KeyLog::default();
    keys.add(line("CLIENT_TRAFFIC_SECRET_0", 32).as_bytes());
    keys.add(line("SERVER_HANDSHAKE_TRAFFIC_SECRET", 32).as_bytes());
    assert!(!keys.has(&RANDOM) && keys.len() == 1);
    keys.add(line("SERVER_TRAFFIC_SECRET_0", 32).as_bytes());
    assert!(keys.has(&RANDOM) && keys.len() == 1);
    let mut keys = KeyLog::default();
    keys.add(line("CLIENT_RANDOM", 48).as_bytes());
    assert!(keys.has(&RANDOM) && !keys.has(&[0; 32]));
}

#[test]
fn text_comes_in_any_pieces() {
    let text = format!("# by hand\r\n\r\n{}", line("CLIENT_RANDOM", 48).replace('\n', "\r\n"));
    for size in 1..text.len() {
        let mut keys = KeyLog::default();
        for piece in text.as_bytes().chunks(size) {
            assert!(!keys.has(&RANDOM));
            keys.add(piece);
        }
        assert!(keys.has(&RANDOM), "pieces of {size}");
        assert_eq!(keys.malformed(), []);
    }
}

#[test]
fn a_last_line_without_an_end_waits_for_it() {
    let text = line("CLIENT_RANDOM", 48);
    let mut keys = KeyLog::default();
    keys.add(text.trim_end().as_bytes());
    assert!(keys.is_empty());
    keys.add_block(b"EXPORTER_SECRET 00 11");
    keys.add(b"\n");
    assert!(keys.has(&RANDOM));
    let mut block = KeyLog::default();
    block.add_block(text.trim_end().as_bytes());
    assert!(block.has(&RANDOM));
}

#[test]
fn other_labels_are_passed_over_and_bad_lines_are_counted() {
    let mut keys = KeyLog::default();
    keys.add(line("EXPORTER_SECRET", 32).as_bytes());
    keys.add(b"RSA 0011223344556677 00\nECH_SECRET 00 11\n   \n# CLIENT_RANDOM\n");
    assert_eq!((keys.len(), keys.malformed_lines()), (0, 0));
    keys.add(b"nonsense\nCLIENT_RANDOM 00 11\n");
    keys.add(line("CLIENT_RANDOM", 32).as_bytes());
    keys.add(line("SERVER_TRAFFIC_SECRET_0", 33).as_bytes());
    keys.add(line("CLIENT_RANDOM", 48).replace("0F", "0G").as_bytes());
    keys.add(b"a b c d\n");
    keys.add("CLIENT_RANDOM ".repeat(100_000).as_bytes());
    keys.add(b"\n");
    let found: Vec<(u64, LineError)> =
        keys.malformed().iter().map(|found| (found.line, found.wrong)).collect();
    assert_eq!(
        found,
        [
            (6, LineError::TooFewWords),
            (7, LineError::Random),
            (8, LineError::Secret),
            (9, LineError::Secret),
            (10, LineError::Secret),
            (11, LineError::TooManyWords),
            (12, LineError::TooLong)
        ]
    );
    assert!(keys.is_empty());
    keys.add(line("CLIENT_RANDOM", 48).as_bytes());
    assert!(keys.has(&RANDOM), "a long line spoils none after it");
    for _ in 0..100 {
        keys.add(b"nonsense\n");
    }
    assert_eq!((keys.malformed().len(), keys.malformed_lines()), (8, 107));
}

#[test]
fn secrets_do_not_show() {
    let mut keys = KeyLog::default();
    keys.add(
        format!("{}{}", line("CLIENT_RANDOM", 48), line("SERVER_TRAFFIC_SECRET_0", 48).trim_end()).as_bytes(),
    );
    let shown = format!("{keys:?}");
    assert_eq!(shown, "KeyLog { sessions: 1, malformed: 0, .. }");
}
