//! The decoder's laws, each held against arbitrary bytes, arbitrary packets, and packets with bytes changed.
#![cfg(feature = "alloc")]

#[path = "laws/check.rs"]
mod check;
#[path = "laws/packets.rs"]
mod packets;

use mqscope_wire::{Packet, Strict, Version, decode, encode, encode_to_slice, encoded_len};
use packets::Owned;
use proptest::prelude::*;

fn versions() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V31), Just(Version::V311), Just(Version::V5)]
}

fn encoded(owned: &Owned) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&owned.packet(), owned.version, &mut bytes).unwrap();
    bytes
}

/// Bytes that begin like a packet whose length is right, so that much is read of them.
fn framed() -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), prop::collection::vec(any::<u8>(), 0..100)).prop_map(|(first, body)| {
        let mut bytes = vec![first, body.len() as u8];
        bytes.extend(body);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_keep_the_laws(bytes in prop::collection::vec(any::<u8>(), 0..100), version in versions()) {
        check::laws(&bytes, version);
    }

    #[test]
    fn arbitrary_bodies_keep_the_laws(bytes in framed(), version in versions()) {
        check::laws(&bytes, version);
    }

    #[test]
    fn a_packet_comes_back_as_it_was(owned in packets::any_packet()) {
        let (packet, version) = (owned.packet(), owned.version);
        let bytes = encoded(&owned);
        prop_assert_eq!(encoded_len(&packet, version), Ok(bytes.len()));
        prop_assert_eq!(decode(&bytes, version, &mut Strict), Ok(packet.clone()));
        let mut slice = vec![0xaa; bytes.len() + 3];
        prop_assert_eq!(encode_to_slice(&packet, version, &mut slice), Ok(bytes.len()));
        prop_assert_eq!(&slice[..bytes.len()], &bytes[..]);
        prop_assert!(encode_to_slice(&packet, version, &mut slice[..bytes.len() - 1]).is_err());
        check::laws(&bytes, version);
    }

    #[test]
    fn a_packet_with_bytes_changed_keeps_the_laws(
        owned in packets::any_packet(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        version in versions(),
    ) {
        let mut bytes = encoded(&owned);
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        check::laws(&bytes, owned.version);
        check::laws(&bytes, version);
    }

    #[test]
    fn a_packet_cut_short_is_truncated_just_there(owned in packets::any_packet(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded(&owned);
        let bytes = &bytes[..cut.index(bytes.len())];
        let error = decode(bytes, owned.version, &mut Strict).unwrap_err();
        prop_assert!(matches!(error.kind, mqscope_wire::ErrorKind::Truncated { .. }), "{error}");
        prop_assert!(error.at as usize <= bytes.len());
        check::laws(bytes, owned.version);
    }

    #[test]
    fn what_follows_a_packet_is_not_looked_at(owned in packets::any_packet(), rest in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = encoded(&owned);
        bytes.extend(rest);
        prop_assert_eq!(decode(&bytes, owned.version, &mut Strict), Ok(owned.packet()));
    }
}

#[test]
fn the_generator_makes_every_packet_type() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut met = [false; 16];
    for _ in 0..500 {
        let owned = packets::any_packet().new_tree(&mut runner).unwrap().current();
        let packet: Packet<'_> = owned.packet();
        met[packet.packet_type() as usize] = true;
    }
    assert_eq!(met[1..], [true; 15]);
}
