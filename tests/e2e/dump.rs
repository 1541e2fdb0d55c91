//! `dump`: what it reads, what it leaves out, what it writes, and how it fails.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::captures::{self, shipped};
use crate::program::{self, at_root, mqscope, run, run_with, tool};

fn capture(name: &str) -> String {
    at_root("captures").join(name).to_str().unwrap().to_owned()
}

/// The numbers of the frames that a filter leaves; with `--per-frame` it is asked of frames.
fn frames(path: &str, filter: &str, options: &[&str]) -> BTreeSet<u64> {
    let arguments = ["dump", "-r", path, "-T", "fields", "-e", "frame.number", "-Y", filter];
    run(arguments.iter().chain(options)).expect(0).text().lines().map(|line| line.parse().unwrap()).collect()
}

fn tshark_frames(path: &str, filter: &str) -> BTreeSet<u64> {
    let mut command = Command::new("tshark");
    command.args(["-r", path, "-T", "fields", "-e", "frame.number", "-Y", &format!("mqtt && ({filter})")]);
    let out = String::from_utf8(tool(&mut command)).unwrap();
    out.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn filters_leave_the_frames_that_tshark_leaves() {
    let filters = [
        "mqtt.msgtype == 3",
        "mqtt.msgtype == \"Publish Message\" or mqtt.msgtype == 4",
        "mqtt.qos > 0 and mqtt.retain == 1",
        "mqtt.qos <= 1 and not tcp.srcport == 1883",
        "mqtt.topic contains \"two\"",
        "mqtt.topic matches \"^v[0-9]+/two/(kept|bytes)$\"",
        "mqtt.msg contains 00:ff",
        "mqtt.conflag.uname == True && mqtt.kalive <= 1",
        "mqtt.len in {10..20, 2}",
        "tcp.dstport == 1883 and frame.len > 100",
        "!(mqtt.qos == 1)",
        "not mqtt.msgid",
        "mqtt.qos != 1",
        "mqtt.username or mqtt.willtopic",
    ];
    for name in ["mqttjs-v31.pcap", "mqttjs-v311.pcapng", "mqttjs-v5.pcapng", "mosquitto-v31.pcap"] {
        let path = capture(name);
        for filter in filters {
            assert_eq!(
                frames(&path, filter, &["--per-frame"]),
                tshark_frames(&path, filter),
                "{name}: {filter}"
            );
        }
    }
}

#[test]
fn a_filter_is_asked_of_a_packet_unless_frames_are_asked_for() {
    // Frame 10 holds one PUBLISH at QoS 0 and one at QoS 1.
    let path = capture("mqttjs-v311.pcapng");
    let filter = "mqtt.topic == \"v311/zero\" and mqtt.qos == 1";
    assert!(frames(&path, filter, &[]).is_empty());
    let of_frames = frames(&path, filter, &["--per-frame"]);
    assert!(!of_frames.is_empty());
    assert_eq!(of_frames, tshark_frames(&path, filter));
}

#[test]
fn a_wrong_filter_is_shown_where_it_is_wrong_with_the_nearest_name() {
    let said = run(["dump", "-r", &capture("mqttjs-v5.pcapng"), "-Y", "mqtt.qos == 2 and mqtt.topik == 1"])
        .expect(2);
    assert!(said.err.contains("mqtt.topik") && said.err.contains("mqtt.topic"), "{}", said.err);
    let caret = said.err.lines().find_map(|line| line.find('^')).expect("a caret");
    assert_eq!(caret, "mqtt.qos == 2 and ".len(), "{}", said.err);
    assert!(said.out.is_empty());
}

#[test]
fn standard_input_gives_what_the_file_gives() {
    for path in shipped() {
        let file = run(["dump", "-r", path.to_str().unwrap()]).expect(0).out;
        let piped = run_with(["dump", "-r", "-"], &fs::read(&path).unwrap()).expect(0).out;
        assert_eq!(String::from_utf8_lossy(&piped), String::from_utf8_lossy(&file), "{}", path.display());
    }
}

#[test]
fn a_file_cut_short_gives_what_is_there_and_says_what_is_missing() {
    let whole = fs::read(capture("mqttjs-v31.pcap")).unwrap();
    let all = run_with(["dump", "-r", "-"], &whole).expect(0);
    let cut = run_with(["dump", "-r", "-"], &whole[..whole.len() / 2]);
    assert!(cut.text().lines().count() > 10, "{}", cut.text());
    assert!(all.text().starts_with(cut.text()), "what is there is as in the whole file");
    assert!(cut.err.contains("cut short") && cut.err.contains("need"), "{}", cut.err);
}

#[test]
fn what_is_no_capture_is_refused() {
    for path in [capture("README.md"), capture("nothing.pcap")] {
        let said = run(["dump", "-r", &path]).expect(5);
        assert!(said.err.contains(&path) && said.out.is_empty(), "{}", said.err);
    }
}

#[test]
fn frames_are_written_as_a_capture_that_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written.pcapng");
    let written = written.to_str().unwrap();
    // Where segments were lost on the way, a packet can be completed by a frame that has nothing of it.
    for path in shipped().into_iter().filter(|path| !path.to_str().unwrap().contains("/lossy-")) {
        const PUBLISH: [&str; 2] = ["-Y", "mqtt.msgtype == publish"];
        captures::dump(&path, PUBLISH.into_iter().chain(["-w", written])).expect(0);
        let rows = |file: &str, filter: &str| -> BTreeSet<String> {
            let columns = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "tcp.payload"];
            let rows = tool(Command::new("tshark").args(["-r", file, "-Y", filter]).args(columns));
            String::from_utf8(rows).unwrap().lines().map(str::to_owned).collect()
        };
        let said = captures::dump(&path, PUBLISH.into_iter().chain(["-T", "fields", "-e", "frame.number"]))
            .expect(0);
        let numbers: BTreeSet<_> = said.text().lines().collect();
        let path = path.to_str().unwrap();
        if numbers.is_empty() {
            assert!(["keyless", "refused", "strangers"].iter().any(|name| path.contains(name)), "{path}");
            continue;
        }
        let numbers: Vec<_> = numbers.into_iter().collect();
        let completing = rows(path, &format!("frame.number in {{{}}}", numbers.join(",")));
        let written = rows(written, "frame");
        // Of a packet that spans frames, the earlier ones too.
        assert!(written.is_superset(&completing), "{path}");
        let with_data = rows(path, "tcp.len > 0 or ip.flags.mf == 1 or ip.frag_offset > 0");
        assert!(written.is_subset(&with_data), "{path}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = mqscope()
        .args(["dump", "-T", "hex", "-r", &capture("mqttjs-large.pcapng.zst")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn secrets_are_shown_only_when_asked_for() {
    for form in ["text", "hex", "json"] {
        let path = capture("mqttjs-v5.pcapng");
        // As text and as bytes.
        let secret = |said: &str| said.contains("kWh-2026") || said.contains("6b 57 68 2d");
        let arguments = ["dump", "-r", &path, "-T", form, "-Y", "mqtt.msgtype == connect"];
        let said = run(arguments).expect(0);
        assert!(!secret(said.text()), "{form}: {}", said.text());
        let said = run(arguments.into_iter().chain(["--show-secrets"])).expect(0);
        assert!(secret(said.text()), "{form}: {}", said.text());
    }
    for (options, expected) in [(&[][..], "(redacted)"), (&["--show-secrets"], "kWh-2026")] {
        let path = capture("mqttjs-v31.pcap");
        let arguments = ["dump", "-r", &path, "-T", "fields", "-e", "mqtt.passwd", "-Y", "mqtt.passwd"];
        assert_eq!(run(arguments.iter().chain(options)).expect(0).text().trim_end(), expected);
    }
}

#[test]
fn nothing_from_the_wire_reaches_a_terminal_as_a_command() {
    // A PUBLISH whose topic and payload hold escape sequences, in a capture made of it.
    let topic = "a\x1b]0;owned\x07/\u{202e}b";
    let mut packet = vec![0x30, (2 + topic.len() + 4) as u8, 0, topic.len() as u8];
    packet.extend(topic.as_bytes());
    packet.extend(b"\x1b[2J");
    let capture = one_frame(&packet);
    for form in ["text", "hex", "json"] {
        let said = run_with(
            ["dump", "-r", "-", "-d", "tcp.port==1883,mqtt", "-T", form, "--color", "never"],
            &capture,
        )
        .expect(0);
        assert!(said.text().contains("owned"), "{form}: {}", said.text());
        let bad = said.text().chars().find(|&c| c.is_control() && c != '\n' || c == '\u{202e}');
        assert_eq!(bad, None, "{form}: {:?}", said.text());
    }
}

/// A pcap of one frame: raw IPv4, TCP from port 40000 to 1883.
fn one_frame(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(40 + data.len()).unwrap();
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 101, 0, 0, length.into(), length.into()] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0x45, 0]);
    file.extend(length.to_be_bytes());
    file.extend([0, 1, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    file.extend(40000_u16.to_be_bytes());
    file.extend(1883_u16.to_be_bytes());
    file.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    file.extend(data);
    file
}

#[test]
fn a_key_log_asked_for_has_to_be_there_and_one_that_the_environment_names_need_not() {
    let path = capture("mqttjs-mqtts-13.pcapng");
    let keys = capture("mqttjs-mqtts-13.keys");
    let folder = at_root("captures").to_str().unwrap().to_owned();
    let with_environment = |keys: &str| {
        let mut command = mqscope();
        program::finish(command.args(["dump", "-r", &path]).env("SSLKEYLOGFILE", keys), b"").expect(0)
    };
    let decrypted = run(["dump", "-r", &path, "--keylog", &keys]).expect(0);
    assert!(decrypted.text().contains("CONNECT"));
    assert_eq!(with_environment(&keys).text(), decrypted.text());
    for (keys, problem) in [("not-there.keys", "is not there"), (folder.as_str(), "is no file")] {
        let refused = run(["dump", "-r", &path, "--keylog", keys]).expect(5);
        assert!(refused.err.contains(problem), "{}", refused.err);
        assert_eq!(with_environment(keys).text(), "");
    }
    assert!(with_environment(&folder).err.contains("SSLKEYLOGFILE"));
    assert!(!with_environment("not-there.keys").err.contains("not-there"));
}

#[test]
fn a_capture_that_cannot_be_read_as_packets_is_said_to_be_one() {
    /// Lengths of a pcap's header and of a record's, and where a record's captured length stands.
    const FILE: usize = 24;
    const RECORD: usize = 16;
    const CAPTURED: usize = 8;

    let whole = std::fs::read(capture("mosquitto-v31.pcap")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let said = run(["dump", "-r", path.to_str().unwrap()]).expect(0);
        assert_eq!(said.text(), "");
        said.err
    };
    let wireless = [&whole[..20], &105_u32.to_le_bytes(), &whole[FILE..]].concat();
    let error = said("wireless.pcap", &wireless);
    assert!(error.contains("no MQTT was found in"), "{error}");
    assert!(error.contains("of link type 105, which is not known here: capture as Ethernet"), "{error}");

    let (mut headers, mut rest) = (whole[..FILE].to_vec(), &whole[FILE..]);
    while let Some((head, behind)) = rest.split_at_checked(RECORD) {
        let len = u32::from_le_bytes(head[CAPTURED..][..4].try_into().unwrap()) as usize;
        let kept = len.min(66);
        headers.extend_from_slice(&head[..CAPTURED]);
        headers.extend_from_slice(&(kept as u32).to_le_bytes());
        headers.extend_from_slice(&head[CAPTURED + 4..]);
        headers.extend_from_slice(&behind[..kept]);
        rest = &behind[len..];
    }
    let error = said("headers.pcap", &headers);
    assert!(error.contains("TCP segments were cut by the capture's snap length"), "{error}");
}

#[test]
fn a_capture_filter_is_for_live_capture() {
    let refused = run(["dump", "-r", &capture("mosquitto-v31.pcap"), "-f", "tcp"]).expect(2);
    assert!(refused.err.contains("-Y takes a display filter"), "{}", refused.err);
}

#[test]
fn a_key_log_that_does_not_fit_is_said_not_to() {
    let path = capture("mqttjs-mqtts-13.pcapng");
    let said = |keys: &str| run(["dump", "-r", &path, "--keylog", keys]).expect(0).err;
    let others = said(&capture("mqttjs-mqtts-12.keys"));
    assert!(others.contains("could not be decrypted") && others.contains("these not among them"), "{others}");
    let none = said(at_root("Cargo.toml").to_str().unwrap());
    assert!(none.contains("could not be decrypted") && none.contains("has no secrets"), "{none}");
}

#[test]
fn the_last_line_of_a_key_log_counts_without_its_end() {
    let path = capture("mqttjs-mqtts-13.pcapng");
    let lines = fs::read_to_string(capture("mqttjs-mqtts-13.keys")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    fs::write(&keys, lines.trim_end()).unwrap();
    let packets = |keys: &str| run(["dump", "-r", &path, "--keylog", keys]).expect(0).text().lines().count();
    assert_eq!(packets(keys.to_str().unwrap()), packets(&capture("mqttjs-mqtts-13.keys")));
}
