//! pcapng behind the first bytes of a section header.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod read_all;
use read_all::read_all;

fuzz_target!(|bytes: &[u8]| {
    read_all(&[&[0x0a, 0x0d, 0x0d, 0x0a], bytes].concat());
});
