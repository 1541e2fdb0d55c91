//! Any bytes as a request, a response, an extension's parameters and a first guess.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqscope_websocket::handshake::{Likeness, Request, Response, Upgrade, starts_like_http};
use mqscope_websocket::{Deflate, Offer, Sender};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((request, len))) = Request::parse(bytes) {
        assert!(len <= bytes.len());
        assert_eq!(Request::parse(&bytes[..len]), Ok(Some((request.clone(), len))));
        let _ = (request.is_upgrade(), request.protocols().count(), request.deflate_offers().count());
        // A key that is no upgrade's is no reason to trip.
        let upgrade = Upgrade {
            host: "h",
            path: request.path(),
            protocols: &["mqtt"],
            headers: &[],
            key: [0; 16],
            deflate: request.deflate_offers().find_map(Result::ok),
        };
        let mut again = Vec::new();
        if upgrade.write(&mut again).is_ok() {
            let (read, len) = Request::parse(&again).expect("what is written is read").expect("whole");
            assert_eq!((read.path(), len, read.is_upgrade()), (request.path(), again.len(), true));
            assert!(read.deflate_offers().eq(upgrade.deflate.map(Ok)));
        }
    }
    if let Ok(Some((response, len))) = Response::parse(bytes) {
        assert!(len <= bytes.len());
        let upgrade = Upgrade {
            host: "h",
            path: "/",
            protocols: &["mqtt"],
            headers: &[],
            key: [0; 16],
            deflate: Some(Offer::default()),
        };
        if let Ok(agreed) = upgrade.check(&response) {
            assert_eq!(response.deflate(), Ok(agreed));
        }
    }
    if let Ok(Some(deflate)) = Deflate::agreed([bytes]) {
        for bits in [deflate.client_max_window_bits, deflate.server_max_window_bits] {
            assert!((8..=15).contains(&bits));
        }
    }
    for offer in Offer::all([bytes]).flatten() {
        let mut text = Vec::new();
        offer.write(&mut text);
        assert!(Offer::all([text.as_slice()]).eq([Ok(offer)]));
    }
    for sender in [Sender::Client, Sender::Server] {
        assert!(bytes.len() < 8 || starts_like_http(bytes, sender) != Likeness::NotYet);
    }
});
