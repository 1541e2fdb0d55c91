//! What is printed of an accepted packet is JSON, and encodes to a packet again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqscope_wire::json::{Json, Object, Secrets};
use mqscope_wire::{Packet, Strict, Version, decode, encode, frame};

fuzz_target!(|bytes: &[u8]| {
    let [version, bytes @ ..] = bytes else { return };
    let version = [Version::V31, Version::V311, Version::V5][usize::from(*version) % 3];
    let Ok(packet) = decode(bytes, version, &mut Strict) else { return };
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let frame = frame::next(bytes).expect("a length").expect("a frame");
    let text =
        serde_json::to_string(&Json::new(&packet, version, frame).secrets(Secrets::Shown)).expect("JSON");
    let object: Object = serde_json::from_str(&text).expect("what is printed is taken");
    let mut again = Vec::new();
    encode(&object.packet(version).expect("a packet"), version, &mut again).expect("an encoding");
    // Properties may come in another order: the kinds and the fields are the same.
    let again = decode(&again, version, &mut Strict).expect("a packet");
    assert_eq!((again.packet_type(), again.packet_id()), (packet.packet_type(), packet.packet_id()));
});
