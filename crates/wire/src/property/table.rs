//! What each property is: its number, its type, where it may stand, and what it is called.

use super::{Properties, Raw};
use crate::{Field, PacketType, Text, Violation};

/// How a property's value is encoded (MQTT 5.0 §2.2.2.2, table 2-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Byte,
    TwoBytes,
    FourBytes,
    Variable,
    Text,
    /// A string without wildcards.
    Topic,
    Bytes,
    Pair,
}

/// What the decoder must know of a property.
#[derive(Clone, Copy)]
pub(crate) struct Info {
    pub(crate) field: Field,
    /// The field of the length before the value, or `field` itself.
    pub(crate) length: Field,
    pub(crate) kind: Kind,
    /// Bit n: may stand in packet type n. Bit 0: in a will.
    pub(crate) places: u16,
    /// The rule a value of zero breaks.
    pub(crate) zero: Option<Violation>,
}

/// Which properties may stand in one place: bit n for identifier n.
pub(crate) type Allowed = u64;

/// The properties that may stand in this packet.
#[inline(always)]
pub(crate) const fn allowed_in(packet: PacketType) -> Allowed {
    ALLOWED[packet as usize]
}

/// Indexed by the packet type.
static ALLOWED: [Allowed; 16] = {
    let mut table = [0; 16];
    let mut packet = 1;
    while packet < table.len() {
        table[packet] = allowed(1 << packet);
        packet += 1;
    }
    table
};

/// The properties that may stand in a will.
pub(crate) const ALLOWED_IN_WILL: Allowed = allowed(WILL);

const fn allowed(place: u16) -> Allowed {
    let mut bits = 0;
    let mut id = 0;
    while id < INFO.len() {
        if INFO[id].places & place != 0 {
            bits |= 1 << id;
        }
        id += 1;
    }
    bits
}

/// The bit of a packet type in [`Info::places`].
const fn place(packet: PacketType) -> u16 {
    1 << packet as u16
}

/// The bit of a will in [`Info::places`].
const WILL: u16 = 1;
const CONNECT: u16 = place(PacketType::Connect);
const CONNACK: u16 = place(PacketType::ConnAck);
const PUBLISH: u16 = place(PacketType::Publish);
const SUBSCRIBE: u16 = place(PacketType::Subscribe);
const UNSUBSCRIBE: u16 = place(PacketType::Unsubscribe);
const DISCONNECT: u16 = place(PacketType::Disconnect);
const AUTH: u16 = place(PacketType::Auth);
const ANSWER: u16 = CONNACK
    | place(PacketType::PubAck)
    | place(PacketType::PubRec)
    | place(PacketType::PubRel)
    | place(PacketType::PubComp)
    | place(PacketType::SubAck)
    | place(PacketType::UnsubAck)
    | DISCONNECT
    | AUTH;
const ANY: u16 = WILL | CONNECT | PUBLISH | SUBSCRIBE | UNSUBSCRIBE | ANSWER;

const UNKNOWN: Info = Info {
    field: Field::UnknownProperty,
    length: Field::UnknownProperty,
    kind: Kind::Byte,
    places: 0,
    zero: None,
};

/// The type a value has in Rust, and how it comes from what was read.
macro_rules! value {
    (type Byte) => { u8 };
    (type TwoBytes) => { u16 };
    (type FourBytes) => { u32 };
    (type Variable) => { u32 };
    (type Text) => { Text<'b> };
    (type Topic) => { Text<'b> };
    (type Bytes) => { &'b [u8] };
    (from Byte, $name:ident, $raw:ident) => {
        match $raw { Raw::Number(number) => Some(Self::$name(number as u8)), _ => None }
    };
    (from TwoBytes, $name:ident, $raw:ident) => {
        match $raw { Raw::Number(number) => Some(Self::$name(number as u16)), _ => None }
    };
    (from FourBytes, $name:ident, $raw:ident) => {
        match $raw { Raw::Number(number) => Some(Self::$name(number)), _ => None }
    };
    (from Variable, $name:ident, $raw:ident) => {
        match $raw { Raw::Number(number) => Some(Self::$name(number)), _ => None }
    };
    (from Text, $name:ident, $raw:ident) => {
        match $raw { Raw::Bytes(bytes) => Some(Self::$name(Text(bytes))), _ => None }
    };
    (from Topic, $name:ident, $raw:ident) => { value!(from Text, $name, $raw) };
    (from Bytes, $name:ident, $raw:ident) => {
        match $raw { Raw::Bytes(bytes) => Some(Self::$name(bytes)), _ => None }
    };
    (raw Byte, $value:ident) => { Raw::Number($value.into()) };
    (raw TwoBytes, $value:ident) => { Raw::Number($value.into()) };
    (raw FourBytes, $value:ident) => { Raw::Number($value) };
    (raw Variable, $value:ident) => { Raw::Number($value) };
    (raw Text, $value:ident) => { Raw::Bytes($value.0) };
    (raw Topic, $value:ident) => { Raw::Bytes($value.0) };
    (raw Bytes, $value:ident) => { Raw::Bytes($value) };
}

macro_rules! properties {
    ($($name:ident $id:literal $kind:ident [$places:expr] $field:ident $json:literal $find:ident $($zero:ident)?;)*) => {
        /// The kind of a property; its number is the identifier on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum PropertyId {
            $(
                #[doc = concat!("Identifier ", $id, ", `", $json, "` in JSON.")]
                $name = $id,
            )*
            /// Identifier 38, `userProperties` in JSON; may stand in all packets that have properties, any
            /// number of times.
            UserProperty = 38,
        }

        impl PropertyId {
            /// All of them.
            pub const ALL: [Self; 27] = [$(Self::$name,)* Self::UserProperty];

            /// The property with this identifier.
            #[inline]
            pub const fn from_byte(id: u8) -> Option<Self> {
                match id {
                    $($id => Some(Self::$name),)*
                    38 => Some(Self::UserProperty),
                    _ => None,
                }
            }

            /// The name mqtt-packet gives it in an object.
            pub const fn json_name(self) -> &'static str {
                match self {
                    $(Self::$name => $json,)*
                    Self::UserProperty => "userProperties",
                }
            }

            pub(crate) const fn info(self) -> &'static Info {
                &INFO[self as usize]
            }
        }

        /// Indexed by the identifier; an identifier that is none may stand nowhere.
        pub(crate) static INFO: [Info; 64] = {
            let mut info = [UNKNOWN; 64];
            $(info[$id] = Info {
                field: Field::$field,
                length: Field::$field.length(),
                kind: Kind::$kind,
                places: $places,
                zero: properties!(@zero $($zero)?),
            };)*
            info[38] = Info {
                field: Field::UserProperty,
                length: Field::UserProperty,
                kind: Kind::Pair,
                places: ANY,
                zero: None,
            };
            info
        };

        /// A property with its value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Property<'b> {
            $(
                #[doc = concat!("Identifier ", $id, ".")]
                $name(value!(type $kind)),
            )*
            /// Identifier 38: a name and a value.
            UserProperty(Text<'b>, Text<'b>),
        }

        impl<'b> Property<'b> {
            /// What kind it is.
            #[inline]
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Self::$name(_) => PropertyId::$name,)*
                    Self::UserProperty(..) => PropertyId::UserProperty,
                }
            }

            #[inline]
            pub(super) fn from_raw(id: PropertyId, raw: Raw<'b>) -> Option<Self> {
                match id {
                    $(PropertyId::$name => value!(from $kind, $name, raw),)*
                    PropertyId::UserProperty => match raw {
                        Raw::Pair(name, value) => Some(Self::UserProperty(Text(name), Text(value))),
                        _ => None,
                    },
                }
            }

            #[cfg(feature = "alloc")]
            pub(super) fn raw(&self) -> Raw<'b> {
                match *self {
                    $(Self::$name(value) => value!(raw $kind, value),)*
                    Self::UserProperty(name, value) => Raw::Pair(name.0, value.0),
                }
            }
        }

        /// The value of one property, if it stands there.
        impl<'b> Properties<'b> {
            $(
                #[doc = concat!("The value of property ", $id, ", if it stands there.")]
                pub fn $find(&self) -> Option<value!(type $kind)> {
                    match self.find(PropertyId::$name)? {
                        Property::$name(value) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
    (@zero) => { None };
    (@zero $zero:ident) => { Some(Violation::$zero) };
}

properties! {
    PayloadFormatIndicator 1 Byte [PUBLISH | WILL]
        PayloadFormatIndicator "payloadFormatIndicator" payload_format_indicator;
    MessageExpiryInterval 2 FourBytes [PUBLISH | WILL]
        MessageExpiryInterval "messageExpiryInterval" message_expiry_interval;
    ContentType 3 Text [PUBLISH | WILL]
        ContentType "contentType" content_type;
    ResponseTopic 8 Topic [PUBLISH | WILL]
        ResponseTopic "responseTopic" response_topic;
    CorrelationData 9 Bytes [PUBLISH | WILL]
        CorrelationData "correlationData" correlation_data;
    SubscriptionIdentifier 11 Variable [PUBLISH | SUBSCRIBE]
        SubscriptionIdentifier "subscriptionIdentifier" subscription_identifier SubscriptionIdentifierZero;
    SessionExpiryInterval 17 FourBytes [CONNECT | CONNACK | DISCONNECT]
        SessionExpiryInterval "sessionExpiryInterval" session_expiry_interval;
    AssignedClientId 18 Text [CONNACK]
        AssignedClientId "assignedClientIdentifier" assigned_client_id;
    ServerKeepAlive 19 TwoBytes [CONNACK]
        ServerKeepAlive "serverKeepAlive" server_keep_alive;
    AuthenticationMethod 21 Text [CONNECT | CONNACK | AUTH]
        AuthenticationMethod "authenticationMethod" authentication_method;
    AuthenticationData 22 Bytes [CONNECT | CONNACK | AUTH]
        AuthenticationData "authenticationData" authentication_data;
    RequestProblemInformation 23 Byte [CONNECT]
        RequestProblemInformation "requestProblemInformation" request_problem_information;
    WillDelayInterval 24 FourBytes [WILL]
        WillDelayInterval "willDelayInterval" will_delay_interval;
    RequestResponseInformation 25 Byte [CONNECT]
        RequestResponseInformation "requestResponseInformation" request_response_information;
    ResponseInformation 26 Text [CONNACK]
        ResponseInformation "responseInformation" response_information;
    ServerReference 28 Text [CONNACK | DISCONNECT]
        ServerReference "serverReference" server_reference;
    ReasonString 31 Text [ANSWER]
        ReasonString "reasonString" reason_string;
    ReceiveMaximum 33 TwoBytes [CONNECT | CONNACK]
        ReceiveMaximum "receiveMaximum" receive_maximum ReceiveMaximumZero;
    TopicAliasMaximum 34 TwoBytes [CONNECT | CONNACK]
        TopicAliasMaximum "topicAliasMaximum" topic_alias_maximum;
    TopicAlias 35 TwoBytes [PUBLISH]
        TopicAlias "topicAlias" topic_alias TopicAliasZero;
    MaximumQos 36 Byte [CONNACK]
        MaximumQos "maximumQoS" maximum_qos;
    RetainAvailable 37 Byte [CONNACK]
        RetainAvailable "retainAvailable" retain_available;
    MaximumPacketSize 39 FourBytes [CONNECT | CONNACK]
        MaximumPacketSize "maximumPacketSize" maximum_packet_size MaximumPacketSizeZero;
    WildcardSubscriptionAvailable 40 Byte [CONNACK]
        WildcardSubscriptionAvailable "wildcardSubscriptionAvailable" wildcard_subscription_available;
    SubscriptionIdentifierAvailable 41 Byte [CONNACK]
        SubscriptionIdentifierAvailable "subscriptionIdentifiersAvailable" subscription_identifier_available;
    SharedSubscriptionAvailable 42 Byte [CONNACK]
        SharedSubscriptionAvailable "sharedSubscriptionAvailable" shared_subscription_available;
}
