//! pcap, of which the first byte chooses the magic number.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod read_all;
use read_all::read_all;

const MAGIC_NUMBERS: [u32; 5] = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34, 0x1c00_01ab, 0x1c00_01ac];

fuzz_target!(|bytes: &[u8]| {
    let [choice, rest @ ..] = bytes else { return };
    let magic = MAGIC_NUMBERS[usize::from(choice >> 1) % MAGIC_NUMBERS.len()];
    let magic = if choice & 1 == 0 { magic.to_le_bytes() } else { magic.to_be_bytes() };
    read_all(&[&magic, rest].concat());
});
