//! `run` over TLS and WebSocket: to real brokers, with certificates made for the test.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

use crate::live::Dump;
use crate::program::{Said, run};
use crate::runs::SCENARIO;
use crate::servers::{EmbeddedBroker, Mosquitto, free_port};

/// A certificate authority, and what it issued for a broker called `localhost`.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority for tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { folder: tempfile::tempdir().unwrap(), issuer };
        authority.write("ca.pem", &pem("CERTIFICATE", authority.issuer.der()));
        authority.write("ca.key", &pem("PRIVATE KEY", &authority.issuer.key().serialize_der()));
        authority.issue("broker", vec!["localhost".to_owned()]);
        authority
    }

    /// `name.pem` and `name.key`, with the name as its common name.
    fn issue(&self, name: &str, hosts: Vec<String>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(&format!("{name}.pem"), &pem("CERTIFICATE", certificate.der()));
        self.write(&format!("{name}.key"), &pem("PRIVATE KEY", &key.serialize_der()));
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A mosquitto that speaks TLS; `more` are further lines of its listener.
    fn mosquitto(&self, more: &str) -> Mosquitto {
        let file = |name| self.folder().join(name).display().to_string();
        let (cert, key) = (file("broker.pem"), file("broker.key"));
        Mosquitto::start_with(&format!("certfile {cert}\nkeyfile {key}\n{more}"))
    }

    /// Runs the scenario at a target, with paths relative to this folder.
    fn run(&self, target: &str) -> Said {
        self.run_text(&format!("target: {target}{SCENARIO}"))
    }

    fn run_text(&self, text: &str) -> Said {
        let scenario = self.folder().join("scenario.yaml");
        fs::write(&scenario, text).unwrap();
        let out = self.folder().join("report");
        run(["run", scenario.to_str().unwrap(), "--out", out.to_str().unwrap()])
    }

    fn summary(&self) -> Value {
        let text = fs::read(self.folder().join("report/summary.json")).expect("a summary");
        serde_json::from_slice(&text).expect("JSON")
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in der.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// How many samples a latency has, or how much a counter counts, over all groups and phases.
fn sum(summary: &Value, list: &str, name: &str) -> u64 {
    let metrics = summary["results"][list].as_array().or_else(|| summary[list].as_array()).expect("a list");
    let of = |metric: &Value| metric["count"].as_u64().or_else(|| metric["response"]["count"].as_u64());
    metrics.iter().filter(|metric| metric["name"] == name).map(|metric| of(metric).expect("a count")).sum()
}

#[test]
fn tls_to_mosquitto_loses_nothing() {
    let authority = Authority::new();
    let broker = authority.mosquitto("");
    authority
        .run(&format!("{{brokers: 'mqtts://localhost:{}', tls: {{ca: ca.pem}}}}", broker.port))
        .expect(0);
    assert_eq!(sum(&authority.summary(), "latencies", "tls_handshake_latency"), 21);
}

/// Rivals of the same names throw the devices out, which come back and throw the rivals out for good.
#[test]
fn a_device_resumes_its_own_sessions_only() {
    let authority = Authority::new();
    for version in ["tlsv1.3", "tlsv1.2"] {
        let broker = authority.mosquitto(&format!("tls_version {version}"));
        for (resumption, resumed) in [(true, 20), (false, 0)] {
            let text = format!(
                "target: {{brokers: 'mqtts://localhost:{}', tls: {{ca: ca.pem, resumption: {resumption}}}}}
groups:
  devices: {{count: 20, client_id: 'd{{{{i}}}}', subscribe: t, reconnect: {{min: 10ms, max: 10ms, jitter: none}}}}
  rivals: {{count: 20, client_id: 'd{{{{i}}}}', subscribe: t}}
phases:
  - {{name: ramp, devices: {{connect: {{rate: 200/s}}}}, until: 'devices.subscribed == 100%', timeout: 30s}}
  - {{name: again, rivals: {{connect: {{rate: 200/s}}}}, duration: 2s}}",
                broker.port
            );
            authority.run_text(&text).expect(0);
            let summary = authority.summary();
            assert_eq!(sum(&summary, "latencies", "tls_handshake_latency"), 60, "{version}");
            assert_eq!(sum(&summary, "counters", "reconnects"), 20, "{version}");
            assert_eq!(sum(&summary, "counters", "tls_resumed"), resumed, "{version}: first ones are full");
        }
    }
}

#[test]
fn tls_of_before_1_3_is_spoken_too() {
    let authority = Authority::new();
    let broker = authority.mosquitto("tls_version tlsv1.2\nciphers ECDHE-ECDSA-AES128-GCM-SHA256\n");
    let target = format!(
        "{{brokers: 'tls://127.0.0.1:{}', tls: {{ca: ca.pem, server_name: localhost}}}}",
        broker.port
    );
    authority.run(&target).expect(0);
}

#[test]
fn websocket_to_the_embedded_broker_loses_nothing() {
    let authority = Authority::new();
    let broker = EmbeddedBroker::start();
    authority.run(&format!("{{brokers: 'ws://{}'}}", broker.websocket)).expect(0);
    assert_eq!(sum(&authority.summary(), "latencies", "ws_upgrade_latency"), 21);
}

#[test]
fn a_certificate_that_is_not_trusted_names_the_key_that_mends_it() {
    let (authority, other) = (Authority::new(), Authority::new());
    let broker = authority.mosquitto("");
    let url = format!("mqtts://localhost:{}", broker.port);
    for (target, says) in [
        (format!("{{brokers: '{url}', tls: {{ca: ca.pem}}}}"), "name its authority in target.tls.ca"),
        (format!("{{brokers: '{url}', tls: {{insecure: true}}}}"), ""),
    ] {
        let said = other.run(&target);
        if says.is_empty() {
            said.expect(0);
        } else {
            let said = said.expect(5);
            assert!(said.text().contains(says), "{}", said.text());
            assert_eq!(sum(&other.summary(), "counters", "tls_handshake_failed"), 21);
        }
    }
}

#[test]
fn a_certificate_for_another_name_says_for_which() {
    let authority = Authority::new();
    let broker = authority.mosquitto("");
    let said =
        authority.run(&format!("{{brokers: 'mqtts://127.0.0.1:{}', tls: {{ca: ca.pem}}}}", broker.port));
    let said = said.expect(5);
    let text = said.text().replace('\n', " ");
    assert!(text.contains("not for 127.0.0.1") && text.contains("localhost"), "{text}");
}

#[test]
fn a_broker_without_tls_is_told() {
    let authority = Authority::new();
    let broker = Mosquitto::start();
    let said =
        authority.run(&format!("{{brokers: 'mqtts://localhost:{}', tls: {{ca: ca.pem}}}}", broker.port));
    let said = said.expect(5);
    assert!(said.text().contains("does it speak TLS on this port?"), "{}", said.text());
}

/// A listener that takes nobody without a certificate, and names clients by it.
fn strict(authority: &Authority) -> Mosquitto {
    let ca = authority.folder().join("ca.pem").display().to_string();
    authority.mosquitto(&format!("cafile {ca}\nrequire_certificate true\nuse_identity_as_username true\nuse_username_as_clientid true\n"))
}

#[test]
fn a_certificate_is_issued_to_each_device_or_asked_for() {
    let authority = Authority::new();
    let broker = strict(&authority);
    let url = format!("mqtts://localhost:{}", broker.port);
    let issue = "client: {issue_from: {ca: ca.pem, key: ca.key}}";
    // All 21 names differ, or mosquitto would have one client throw out the other.
    authority.run(&format!("{{brokers: '{url}', tls: {{ca: ca.pem, resumption: true, {issue}}}}}")).expect(0);
    let said = authority.run(&format!("{{brokers: '{url}', tls: {{ca: ca.pem}}}}")).expect(5);
    assert!(said.text().contains("see target.tls.client"), "{}", said.text());
}

#[test]
fn each_device_has_the_certificate_that_its_path_says() {
    let authority = Authority::new();
    let broker = strict(&authority);
    (0..20)
        .map(|i| format!("devices-{i}"))
        .chain(["backend-0".to_owned()])
        .for_each(|name| authority.issue(&name, vec![]));
    let client = "client: {cert: '{{client_id}}.pem', key: '{{client_id}}.key'}";
    let target = format!("{{brokers: 'mqtts://localhost:{}', tls: {{ca: ca.pem, {client}}}}}", broker.port);
    authority.run(&target).expect(0);
    let scenario = authority.folder().join("scenario.yaml");
    let said = run(["validate", scenario.to_str().unwrap()]).expect(0);
    assert!(said.text().contains("(TLS over TCP)"), "{}", said.text());
    assert!(said.text().contains("devices show 21 certificates"), "{}", said.text());
    for gone in ["devices-7.key", "devices-9.key", "devices-9.pem"] {
        fs::remove_file(authority.folder().join(gone)).unwrap();
    }
    let said = run(["validate", scenario.to_str().unwrap()]).expect(2);
    for says in [
        "1 file is not there: ",
        "devices-9.pem",
        "2 files are not there: ",
        "devices-7.key, ",
        "devices-9.key",
        "scenario.yaml:1:",
    ] {
        assert!(said.err.contains(says), "{}", said.err);
    }
    authority.write("devices-7.key", "no key");
    authority.issue("devices-9", vec![]);
    let said = run(["validate", scenario.to_str().unwrap()]).expect(2);
    assert!(said.err.contains("devices-7.key holds no private key"), "{}", said.err);
}

#[test]
fn a_client_certificate_of_version_1_says_what_it_is_and_how_to_make_another() {
    let authority = Authority::new();
    let pair = KeyPair::generate().unwrap();
    let mut der = CertificateParams::default().self_signed(&pair).unwrap().der().to_vec();
    // Version 3 is written as 2.
    let version = der.windows(5).position(|bytes| bytes == [0xa0, 3, 2, 1, 2]).expect("a version");
    der[version + 4] = 0;
    authority.write("old.pem", &pem("CERTIFICATE", &der));
    authority.write("old.key", &pem("PRIVATE KEY", &pair.serialize_der()));
    let client = "client: {cert: old.pem, key: old.key}";
    let said =
        authority.run(&format!("{{brokers: 'mqtts://localhost', tls: {{ca: ca.pem, {client}}}}}")).expect(2);
    for says in ["the client certificate", "old.pem", "X.509 version 1", "-extfile", "scenario.yaml:1:"] {
        assert!(said.err.contains(says), "{}", said.err);
    }
}

#[test]
fn the_secrets_written_down_open_the_traffic() {
    // mosquitto reads the key of a websockets listener as the user it has become, and starts with no such listener alone.
    let websockets = format!("protocol websockets\nuser root\nlistener {} 127.0.0.1", free_port());
    for (scheme, listener) in [("mqtts", ""), ("wss", &websockets)] {
        let authority = Authority::new();
        let broker = authority.mosquitto(listener);
        let listen = free_port();
        let keys = authority.folder().join("run.keys");
        let tap = format!("127.0.0.1:{listen}=mqtts://127.0.0.1:{}", broker.port);
        let dump = Dump::start(&["--tap", &tap, "--keylog", keys.to_str().unwrap()]);
        dump.wait_until_it_listens(listen);
        let tls = "tls: {ca: ca.pem, keylog: run.keys}";
        authority.run(&format!("{{brokers: '{scheme}://localhost:{listen}', {tls}}}")).expect(0);
        let upgrades = sum(&authority.summary(), "latencies", "ws_upgrade_latency");
        assert_eq!(upgrades, if scheme == "wss" { 21 } else { 0 });
        let seen = dump.conversation("devices-7");
        let commands: Vec<&str> = seen.iter().filter_map(|line| line["packet"]["cmd"].as_str()).collect();
        assert_eq!(commands[..2], ["connect", "connack"], "{scheme}");
        assert_eq!(commands.iter().filter(|command| **command == "publish").count(), 15, "{scheme}");
        assert_eq!(commands.iter().filter(|command| **command == "pubcomp").count(), 5, "{scheme}");
    }
}
