//! Display filters on the command line. What they mean is tested where they live, in `dissect`.

use crate::program::{at_root, run};

const CAPTURE: &str = "captures/mqttjs-v311.pcapng";

fn dump(arguments: &[&str]) -> Vec<String> {
    let capture = at_root(CAPTURE);
    let mut all = vec!["dump", "-r", capture.to_str().expect("a path"), "-T", "fields"];
    all.extend(arguments);
    run(all).expect(0).text().lines().map(str::to_owned).collect()
}

#[test]
fn a_filter_is_asked_of_packets_and_per_frame_of_all_that_a_frame_completes() {
    let both = "mqtt.qos == 0 and mqtt.qos == 1";
    let of_packets = dump(&["-Y", both, "-e", "frame.number"]);
    assert_eq!(of_packets, [""; 0]);
    let of_frames = dump(&["-Y", both, "-e", "mqtt.qos", "--per-frame"]);
    assert!(!of_frames.is_empty() && of_frames.iter().all(|row| row == "0,1"), "{of_frames:?}");
    // The frames that do not match leave nothing behind in the rows of those that do.
    let frames = dump(&["-Y", "mqtt.qos === 0", "-e", "mqtt.qos", "--per-frame"]);
    assert!(
        !frames.is_empty() && frames.iter().all(|row| row.split(',').all(|qos| qos == "0")),
        "{frames:?}"
    );
}

#[test]
fn a_count_of_matches_counts_frames_where_rows_are_frames() {
    let rows = dump(&["-c", "2", "-Y", "mqtt.topic", "-e", "mqtt.topic", "--per-frame"]);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows, dump(&["-Y", "mqtt.topic", "-e", "mqtt.topic", "--per-frame"])[..2]);
}

#[test]
fn a_filter_that_looks_ahead_finds_answered_requests() {
    let rows = dump(&["-Y", "mqtt.msgtype == publish and mqtt.response_in", "-e", "mqtt.qos"]);
    assert!(!rows.is_empty() && rows.iter().all(|qos| qos != "0"), "{rows:?}");
}

#[test]
fn a_wrong_filter_is_shown_with_its_place_and_the_nearest_name() {
    let capture = at_root(CAPTURE);
    let capture = capture.to_str().expect("a path");
    let said = run(["dump", "-r", capture, "-Y", "mqtt.qos and mqtt.topik"]).expect(2);
    assert!(said.err.contains("did you mean mqtt.topic?"), "{}", said.err);
    assert!(said.err.contains("mqtt.qos and mqtt.topik\n             ^~~~~~~~~~"), "{}", said.err);
    let said = run(["dump", "-r", capture, "-Y", "mqtt.topic == mqtt.topik"]).expect(0);
    assert!(said.err.contains("mqtt.topik is no field and is taken as text"), "{}", said.err);
}
