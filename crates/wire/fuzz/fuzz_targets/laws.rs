//! Laws 1, 2, 4 and 5 on any bytes: the first byte chooses the version, the rest is the packet.
#![no_main]

#[path = "../../tests/laws/check.rs"]
mod check;

use libfuzzer_sys::fuzz_target;
use mqscope_wire::Version;

fuzz_target!(|bytes: &[u8]| {
    if let [version, bytes @ ..] = bytes {
        check::laws(bytes, [Version::V31, Version::V311, Version::V5][usize::from(*version) % 3]);
    }
});
