//! What a session tells.

use mqscope_wire::{DecodeError, EncodeError, PacketType, Publish, QoS, ReasonCode, ReasonCodes};

use super::{Awaits, Nanos, Sent};

/// What a packet meant.
#[derive(Debug)]
pub(crate) enum Event<'b> {
    /// Nothing the caller need know.
    Nothing,
    Connected {
        /// When CONNECT was sent.
        sent: Nanos,
        /// The broker has the session of the connection before, and messages without their answers were sent
        /// again. If not, whatever hung on it is gone: [`Session::forget`](super::Session::forget).
        resumed: bool,
    },
    /// The broker did not accept the connection.
    Refused(ReasonCode),
    Subscribed {
        reasons: ReasonCodes<'b>,
        /// When SUBSCRIBE was sent.
        sent: Nanos,
    },
    /// An answer to a message of ours; the exchange is over unless a PUBREC was good.
    Answered { message: Sent, with: Awaits, reason: ReasonCode },
    /// A message for us, acknowledged as its quality of service asks for. A QoS 2 message comes once.
    Message(Publish<'b>),
    Pong {
        /// When PINGREQ was sent.
        sent: Nanos,
    },
    /// The broker ends the connection.
    Disconnected(ReasonCode),
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    #[error("{0} out of place")]
    OutOfPlace(PacketType),
    #[error("{0} for a packet identifier that is not in use")]
    UnknownId(PacketType),
    /// A packet longer than the client takes.
    #[error("a packet of {len} bytes, and this client takes {max} at most")]
    TooLarge { len: usize, max: u32 },
    #[error("no answer to PINGREQ")]
    PingTimeout,
}

/// Why a message cannot be sent, now or ever.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsendable {
    #[error("the broker takes QoS {max} at most", max = *.0 as u8)]
    QoS(QoS),
    #[error("a packet of {len} bytes, the broker takes {max} at most")]
    TooLarge { len: usize, max: u32 },
    #[error("no packet: {0}")]
    Unencodable(EncodeError),
}
