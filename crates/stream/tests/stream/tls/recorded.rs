//! Connections between two `openssl` processes (`record.py` says how they were recorded): what rustls cannot speak.

use super::*;

const SAID: &str = "first line\na second line that is a little longer\n";
const ANSWERED: &str = "enil tsrif\nregnol elttil a si taht enil dnoces a\n";

macro_rules! recording {
    ($name:literal) => {
        Recording::parse(include_str!(concat!($name, ".tls")))
    };
}
pub(super) use recording;

fn both(recording: &Recording, suite: &str) -> Seen {
    let seen = recording.read();
    assert_eq!(
        (seen.text(Forward).as_str(), seen.text(Reverse).as_str()),
        (SAID, ANSWERED),
        "{suite} {seen:?}"
    );
    assert!(seen.noted(Reverse, &format!("server hello {suite}")), "{seen:?}");
    assert!(!seen.noted(Forward, "undecrypted") && !seen.noted(Reverse, "undecrypted"), "{seen:?}");
    assert_eq!(seen.holes, [[], []]);
    seen
}

#[test]
fn cbc_with_the_mac_inside() {
    both(&recording!("cbc-sha1"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA");
    both(&recording!("cbc-sha256"), "TLS 1.2 TLS_RSA_WITH_AES_256_CBC_SHA256");
}

#[test]
fn cbc_with_the_mac_outside() {
    both(&recording!("cbc-sha1-etm"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA");
    both(&recording!("cbc-sha256-etm"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256");
    both(&recording!("cbc-sha384-etm"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384");
}

#[test]
fn ccm_with_both_keys_and_both_tags() {
    both(&recording!("ccm"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_CCM");
    both(&recording!("ccm-256"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_256_CCM");
    both(&recording!("ccm8"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8");
    both(&recording!("ccm8-256"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8");
    both(&recording!("tls13-ccm"), "TLS 1.3 TLS_AES_128_CCM_SHA256");
    both(&recording!("tls13-ccm8"), "TLS 1.3 TLS_AES_128_CCM_8_SHA256");
}

#[test]
fn a_pre_shared_key_makes_no_difference_to_the_master_secret() {
    let seen = both(&recording!("psk-ccm8"), "TLS 1.2 TLS_PSK_WITH_AES_128_CCM_8");
    assert!(!seen.noted(Reverse, "certificate"));
}

#[test]
fn hellos_and_certificates_tell_who_is_there() {
    let seen = both(&recording!("cbc-sha1"), "TLS 1.2");
    assert_eq!(
        seen.notes(Forward),
        ["client hello broker.test mqtt,http/1.1 ", "alert warning close_notify"]
    );
    let server = &seen.notes(Reverse)[..2];
    assert_eq!(
        server,
        [
            "server hello TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA mqtt",
            "certificate 1 broker.test broker.test"
        ]
    );
    let seen = both(&recording!("tls13-ccm"), "TLS 1.3");
    assert_eq!(seen.notes(Forward)[0], "client hello broker.test mqtt,http/1.1 TLS 1.3");
    let server = &seen.notes(Reverse)[1..3];
    assert_eq!(server, ["alpn mqtt", "certificate 1 broker.test broker.test"]);
}

#[test]
fn a_renegotiation_goes_on_under_new_keys() {
    let seen = both(&recording!("renegotiation"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    for direction in [Forward, Reverse] {
        assert_eq!(seen.notes(direction).iter().filter(|note| **note == "key change").count(), 1, "{seen:?}");
    }
}

#[test]
fn a_session_goes_on_by_its_identity() {
    both(&recording!("resumption"), "TLS 1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 resumed");
}

#[test]
fn a_key_update_of_one_side() {
    let seen = both(&recording!("key-update"), "TLS 1.3 TLS_AES_256_GCM_SHA384");
    assert!(seen.noted(Forward, "key change"), "{seen:?}");
}

#[test]
fn early_data_come_first() {
    let seen = recording!("early-data").read();
    assert_eq!(seen.text(Forward), format!("early line\n{SAID}"), "{seen:?}");
    assert_eq!(seen.text(Reverse), ANSWERED);
    assert!(seen.noted(Reverse, "server hello TLS 1.3 TLS_AES_128_GCM_SHA256 resumed"));
}

#[test]
fn early_data_without_their_secret_are_passed_over() {
    let seen = recording!("early-data").without(&["CLIENT_EARLY"]).read();
    assert_eq!(seen.text(Forward), SAID, "{seen:?}");
    assert!(seen.noted(Forward, "undecrypted: no key for early data"));
    assert_eq!(seen.holes[0].len(), 1, "the missing data are said");
}

#[test]
fn refused_early_data_do_no_harm() {
    let seen = recording!("early-data-refused").read();
    // the client encrypted them for nobody, but they are there
    assert_eq!(seen.text(Forward), format!("early line\n{SAID}"), "{seen:?}");
    assert_eq!(seen.text(Reverse), ANSWERED);
}

#[test]
fn an_unsupported_suite_is_named() {
    let recording = recording!("camellia");
    let seen = recording.read();
    assert_eq!((seen.text(Forward), seen.text(Reverse)), (String::new(), String::new()));
    for direction in [Forward, Reverse] {
        let why = "undecrypted: unsupported cipher suite TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256";
        assert_eq!(seen.notes(direction).iter().filter(|note| **note == why).count(), 1, "{seen:?}");
    }
}
