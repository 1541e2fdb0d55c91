//! gzip or zstd, as the first byte chooses; and any bytes at all.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod read_all;
use read_all::read_all;

fuzz_target!(|bytes: &[u8]| {
    let [choice, rest @ ..] = bytes else { return };
    let magic: &[u8] = match choice % 3 {
        0 => &[0x1f, 0x8b, 8],
        1 => &[0x28, 0xb5, 0x2f, 0xfd],
        _ => &[],
    };
    read_all(&[magic, rest].concat());
});
