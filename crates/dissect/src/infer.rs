//! The version of a connection whose CONNECT the capture does not have.

use mqscope_wire::{Packet, Strict, Version, decode};

/// The version in which `bytes`, one packet, make sense, if `guess` did so far.
///
/// Most packets are the same in 3.1.1 and 5.0, and a PUBLISH of the one can be read as the other: properties become
/// payload. So 3.1.1 is the guess until a packet speaks for 5.0.
pub(crate) fn version(bytes: &[u8], guess: Version) -> Version {
    let as_v5 = decode(bytes, Version::V5, &mut Strict);
    match guess {
        Version::V5 => {
            let only_v311 = as_v5.is_err() && decode(bytes, Version::V311, &mut Strict).is_ok();
            if only_v311 { Version::V311 } else { Version::V5 }
        }
        guess => match as_v5 {
            Ok(Packet::Publish(publish)) if !publish.properties.is_empty() => Version::V5,
            // A text does not begin with a null character; an empty property length before it does.
            Ok(Packet::Publish(publish)) if is_text(publish.payload) => Version::V5,
            Ok(Packet::Publish(_)) | Err(_) => guess,
            Ok(_) if decode(bytes, guess, &mut Strict).is_err() => Version::V5,
            Ok(_) => guess,
        },
    }
}

fn is_text(payload: &[u8]) -> bool {
    let text = std::str::from_utf8(payload).is_ok_and(|text| !text.contains(char::is_control));
    payload.len() >= 4 && text
}
