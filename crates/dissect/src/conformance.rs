//! Rules that show only in the conversation: each is found by one look at what went before.
//!
//! A witness sees less than the participants did, so a finding needs a conversation that was seen whole: from its
//! CONNECT on, without a gap in either direction. [`Conversation`](crate::conversation::Conversation) sees to that.

use mqscope_websocket::Fault;
use mqscope_wire::{Span, Version};

/// A rule that a packet breaks by its place among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub breach: Breach,
    /// The bytes of the packet that show it.
    pub span: Span,
}

macro_rules! breaches {
    ($($name:ident $v311:literal $v5:literal $text:literal $fix:literal)*) => {
        /// A rule of the specification that a conversation breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Breach {
            $(
                #[doc = concat!("The ", $text, ".")]
                $name,
            )*
            /// A WebSocket frame that carried the packet breaks a rule of WebSocket.
            WebSocket(Fault),
        }

        impl Breach {
            /// All of them, but those of WebSocket.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number of the statement in the version's specification, such as `MQTT-3.1.0-1`; where the rule
            /// has no number, the section. MQTT 3.1 numbers nothing and has 3.1.1's. Empty if the version has no
            /// such rule.
            pub const fn id(self, version: Version) -> &'static str {
                match (self, version) {
                    $(
                        (Self::$name, Version::V5) => $v5,
                        (Self::$name, Version::V31 | Version::V311) => $v311,
                    )*
                    (Self::WebSocket(fault), _) => fault.clause(),
                }
            }

            /// What is wrong, in a few words.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::WebSocket(fault) => fault.text(),
                }
            }

            /// What to do about it, in plain language.
            pub const fn fix(self) -> &'static str {
                match self {
                    $(Self::$name => $fix,)*
                    Self::WebSocket(_) => "mend the WebSocket library that sends it, or what stands between it and here",
                }
            }
        }
    };
}

breaches! {
    // name, statement in 3.1.1, in 5.0, what is wrong, what to do
    FirstNotConnect "MQTT-3.1.0-1" "MQTT-3.1.0-1"
        "first packet of the client is not a CONNECT"
        "send CONNECT, and nothing before it, on every new connection"
    SecondConnect "MQTT-3.1.0-2" "MQTT-3.1.0-2"
        "client sends a second CONNECT on one connection"
        "open a new connection to connect again"
    BeforeConnAck "MQTT-3.2.0-1" "MQTT-3.2.0-1"
        "server sends a packet before its CONNACK"
        "answer CONNECT with CONNACK before anything else; only AUTH may come earlier"
    ClientIdInUse "MQTT-2.3.1-2" "MQTT-2.2.1-3"
        "client uses a packet identifier that is still in use"
        "take an identifier whose exchange is over, or set DUP if the packet is sent again"
    ServerIdInUse "MQTT-2.3.1-4" "MQTT-2.2.1-4"
        "server uses a packet identifier that is still in use"
        "take an identifier whose exchange is over, or set DUP if the packet is sent again"
    AckUnknown "MQTT-2.3.1-6" "MQTT-2.2.1-5"
        "acknowledgement has a packet identifier that no PUBLISH in flight has"
        "repeat the identifier of the PUBLISH, and acknowledge it once"
    SubscriptionAckUnknown "MQTT-2.3.1-7" "MQTT-2.2.1-6"
        "acknowledgement has a packet identifier that no SUBSCRIBE or UNSUBSCRIBE in flight has"
        "repeat the identifier of the request, and acknowledge it once"
    ClientAliasTooHigh "" "MQTT-3.3.2-9"
        "topic alias is above the maximum that the server allows"
        "stay within the Topic Alias Maximum of the CONNACK; without one, send no alias"
    ServerAliasTooHigh "" "MQTT-3.3.2-11"
        "topic alias is above the maximum that the client allows"
        "stay within the Topic Alias Maximum of the CONNECT; without one, send no alias"
    AliasUnknown "" "MQTT-3.3.2.3.4"
        "topic alias was given no topic on this connection"
        "send the topic together with the alias first, on every connection and in each direction anew"
    AfterDisconnect "MQTT-3.14.4-2" "MQTT-3.14.4-1"
        "packet is sent after DISCONNECT"
        "close the connection after DISCONNECT"
    TextMessage "MQTT-6.0.0-1" "MQTT-6.0.0-1"
        "packet is sent in a WebSocket text message"
        "send binary messages: WebSocket servers must close the connection otherwise"
    NoSubprotocol "MQTT-6.0.0-4" "MQTT-6.0.0-4"
        "server does not take the subprotocol that the client offers"
        "have the server answer with Sec-WebSocket-Protocol: mqtt; clients give up without it"
}
