//! What can be wrong with a sender's frames.

use std::fmt;

use crate::frame::{Header, MAX_CONTROL_LEN, Opcode};
use crate::{CloseCode, Sender};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident $clause:literal $text:literal)*) => {
        /// A rule of RFC 6455 or RFC 7692 that a sender broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Fault {
            $(
                #[doc = concat!("The ", $text, " (", $clause, ").")]
                $name,
            )*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Where the rule stands, such as `RFC 6455 §5.1`.
            pub const fn clause(self) -> &'static str {
                match self {
                    $(Self::$name => $clause,)*
                }
            }

            /// What is wrong, in a few words.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

faults! {
    ClientNotMasked "RFC 6455 §5.1" "client's frame is not masked"
    ServerMasked "RFC 6455 §5.1" "server's frame is masked"
    ReservedBits "RFC 6455 §5.2" "frame has reserved bits set that no agreed extension uses"
    CompressedBitMisplaced "RFC 7692 §6.1" "bit for compression is set on a frame that begins no message"
    ReservedOpcode "RFC 6455 §5.2" "frame has a reserved opcode"
    LengthNotMinimal "RFC 6455 §5.2" "payload length takes more bytes than it needs"
    LengthTooBig "RFC 6455 §5.2" "payload length has its highest bit set"
    ControlFragmented "RFC 6455 §5.5" "control frame is fragmented"
    ControlTooLong "RFC 6455 §5.5" "control frame's payload is longer than 125 bytes"
    ContinuationWithoutStart "RFC 6455 §5.4" "continuation frame has no message to continue"
    MessageInterrupted "RFC 6455 §5.4" "new message begins inside a fragmented one"
    DataAfterClose "RFC 6455 §5.5.1" "data frame follows a Close frame"
    CloseTooShort "RFC 6455 §5.5.1" "Close frame's payload is a single byte"
    CloseCodeInvalid "RFC 6455 §7.4" "Close frame's status code must not stand in a frame"
    CloseReasonNotUtf8 "RFC 6455 §5.5.1" "Close frame's reason is not valid UTF-8"
    TextNotUtf8 "RFC 6455 §8.1" "text message is not valid UTF-8"
    Inflate "RFC 7692 §7.2.2" "compressed message is not valid DEFLATE data"
    InflatedTooMuch "RFC 6455 §10.4" "compressed message inflates beyond all reason"
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.clause())
    }
}

impl Header {
    /// Whether [`faults`](Self::faults) would find none; cheaper.
    #[inline]
    pub fn is_sound(&self, sender: Sender, compression: bool) -> bool {
        let opcode_sound = match self.opcode {
            Opcode::Text | Opcode::Binary => !self.rsv1 || compression,
            Opcode::Continuation => !self.rsv1,
            Opcode::Reserved(_) => false,
            _ => !self.rsv1 && self.fin && self.payload_len <= MAX_CONTROL_LEN as u64,
        };
        opcode_sound
            && !self.rsv2
            && !self.rsv3
            && self.mask.is_some() == (sender == Sender::Client)
            && self.is_minimal()
            && self.payload_len >> 63 == 0
    }

    /// What is wrong with a header of `sender`, whatever came before it. `compression`: permessage-deflate is agreed.
    pub fn faults(&self, sender: Sender, compression: bool) -> impl Iterator<Item = Fault> {
        let control = self.opcode.is_control();
        let begins = matches!(self.opcode, Opcode::Text | Opcode::Binary);
        [
            (sender == Sender::Client && self.mask.is_none(), Fault::ClientNotMasked),
            (sender == Sender::Server && self.mask.is_some(), Fault::ServerMasked),
            (self.rsv2 || self.rsv3 || self.rsv1 && !compression, Fault::ReservedBits),
            (self.rsv1 && compression && !begins, Fault::CompressedBitMisplaced),
            (matches!(self.opcode, Opcode::Reserved(_)), Fault::ReservedOpcode),
            (!self.is_minimal(), Fault::LengthNotMinimal),
            (self.payload_len >> 63 != 0, Fault::LengthTooBig),
            (control && !self.fin, Fault::ControlFragmented),
            (control && self.payload_len > MAX_CONTROL_LEN as u64, Fault::ControlTooLong),
        ]
        .into_iter()
        .filter_map(|(broken, fault)| broken.then_some(fault))
    }
}

/// What is wrong with a Close frame's payload.
pub(crate) fn of_close(payload: &[u8]) -> Option<Fault> {
    match payload {
        [] => None,
        [_] => Some(Fault::CloseTooShort),
        [high, low, reason @ ..] => {
            if !CloseCode(u16::from_be_bytes([*high, *low])).may_be_sent() {
                Some(Fault::CloseCodeInvalid)
            } else {
                std::str::from_utf8(reason).is_err().then_some(Fault::CloseReasonNotUtf8)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_header_is_one_without_faults() {
        for first in 0..=255u8 {
            for (second, extra) in [
                (0, &[][..]),
                (125, &[]),
                (126, &[0, 5]),
                (126, &[0, 200]),
                (127, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
                (127, &[0, 0, 0, 0, 0, 1, 0, 0]),
            ] {
                for mask in [0, 0x80] {
                    let mut bytes = vec![first, second | mask];
                    bytes.extend_from_slice(extra);
                    bytes.extend_from_slice(&[1, 2, 3, 4]);
                    let header = Header::parse(&bytes).unwrap();
                    for sender in [Sender::Client, Sender::Server] {
                        for compression in [false, true] {
                            assert_eq!(
                                header.is_sound(sender, compression),
                                header.faults(sender, compression).next().is_none(),
                                "{header:?} by {sender:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_fault_names_its_clause() {
        for fault in Fault::ALL {
            assert!(fault.clause().starts_with("RFC "), "{fault:?}");
            assert_eq!(fault.to_string(), format!("{} ({})", fault.text(), fault.clause()));
        }
    }
}
