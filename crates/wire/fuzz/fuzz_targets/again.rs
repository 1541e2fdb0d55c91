//! Law 3 on any bytes: what is accepted, encoded and decoded again is the same packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqscope_wire::{Packet, Strict, Version, decode, encode, encoded_len};

fuzz_target!(|bytes: &[u8]| {
    let [version, bytes @ ..] = bytes else { return };
    let version = [Version::V31, Version::V311, Version::V5][usize::from(*version) % 3];
    let Ok(packet) = decode(bytes, version, &mut Strict) else { return };
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let mut again = Vec::new();
    encode(&packet, version, &mut again).expect("what Strict accepts has an encoding");
    assert_eq!(encoded_len(&packet, version), Ok(again.len()));
    assert_eq!(decode(&again, version, &mut Strict), Ok(packet));
});
