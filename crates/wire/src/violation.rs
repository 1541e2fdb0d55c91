//! The rules a single packet can break.

use core::fmt;

use crate::Version;

/// How grave a broken rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something a receiver may frown at, and may also take.
    Warning,
    /// Something the specification says MUST NOT be.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

macro_rules! violations {
    // The numbers are token trees: `prefixed!` could not look into literals.
    ($($name:ident $severity:ident $v311:tt $v5:tt $text:literal $fix:literal)*) => {
        /// A rule of the specification that a packet breaks, though its fields can be read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Violation {
            $(
                #[doc = concat!("The ", $text, ".")]
                $name,
            )*
        }

        impl Violation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number of the statement in the version's specification, such as `MQTT-3.1.2-22`; where
            /// the rule has no number, the section, such as `MQTT-2.2.3`. MQTT 3.1 numbers nothing and has
            /// 3.1.1's. Empty if the version has no such rule.
            pub const fn id(self, version: Version) -> &'static str {
                match version {
                    Version::V5 => match self {
                        $(Self::$name => prefixed!($v5),)*
                    },
                    Version::V31 | Version::V311 => match self {
                        $(Self::$name => prefixed!($v311),)*
                    },
                }
            }

            /// What is wrong, in a few words.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What to do about it, in plain language.
            pub const fn fix(self) -> &'static str {
                match self {
                    $(Self::$name => $fix,)*
                }
            }

            /// How grave it is.
            #[inline]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                }
            }
        }
    };
}

macro_rules! prefixed {
    ("") => {
        ""
    };
    ($id:literal) => {
        concat!("MQTT-", $id)
    };
}

violations! {
    // name, severity, statement in 3.1.1, in 5.0, what is wrong, what to do; 3.1.1 prints its 3.8.3-4 as 3-8.3-4
    StringNotUtf8 Error "1.5.3-1" "1.5.4-1"
        "string is not well-formed UTF-8"
        "encode the text as UTF-8; send other data in the payload, or as binary data where the field is binary"
    StringHasNul Error "1.5.3-2" "1.5.4-2"
        "string contains the null character U+0000"
        "leave out null characters; a C string's terminator does not belong on the wire"
    LengthNotMinimal Error "" "1.5.5-1"
        "variable byte integer takes more bytes than its value needs"
        "write as few length bytes as the value needs, without trailing 0x80 0x00"
    FlagsReserved Error "2.2.2-1" "2.1.3-1"
        "reserved flags of the first byte have the wrong value"
        "set the low four bits to 0010 in PUBREL, SUBSCRIBE and UNSUBSCRIBE, to 0000 in all others but PUBLISH"
    TrailingBytes Error "2.2.3" "2.1.4"
        "packet goes on after its last field"
        "let the Remaining Length count exactly the bytes of the fields; often the version spoken differs from the one in CONNECT"
    PacketIdZero Error "2.3.1-1" "2.2.1-3"
        "packet identifier is zero"
        "count packet identifiers from 1 to 65535, skipping those in use"

    PropertyLengthMissing Error "" "2.2.2-1"
        "property length is missing"
        "write a property length of 0 where there are no properties; often a 3.1.1 packet was sent on a 5.0 connection"
    PropertyUnknown Error "" "2.2.2.2"
        "property identifier is unknown"
        "use only the 27 identifiers of MQTT 5.0; own data belongs in User Property"
    PropertyRepeated Error "" "2.2.2.2"
        "property stands more than once"
        "include the property once; only User Property, and Subscription Identifier in PUBLISH, may be repeated"
    PropertyMisplaced Error "" "2.2.2.2"
        "property may not stand in this packet"
        "leave the property out of this packet type; own data belongs in User Property"
    PropertyOutOfRange Error "" "2.2.2.2"
        "property has a value other than 0 and 1"
        "use 0 or 1"
    TopicAliasZero Error "" "3.3.2-8"
        "topic alias is zero"
        "number topic aliases from 1 to the receiver's Topic Alias Maximum"
    ReceiveMaximumZero Error "" "3.1.2.11.3"
        "receive maximum is zero"
        "give at least 1, or leave the property out for 65535"
    MaximumPacketSizeZero Error "" "3.1.2.11.4"
        "maximum packet size is zero"
        "give at least 1, or leave the property out for no limit"
    SubscriptionIdentifierZero Error "" "3.8.2.1.2"
        "subscription identifier is zero"
        "number subscription identifiers from 1 to 268435455, or leave the property out"
    AuthenticationDataWithoutMethod Error "" "3.1.2.11.10"
        "authentication data stands without an authentication method"
        "name the method in Authentication Method, or leave the data out"

    ProtocolNameWrong Error "3.1.2-1" "3.1.2-1"
        "protocol name is not the one of the protocol version"
        "send MQTT for 3.1.1 and 5.0, MQIsdp for 3.1, in just these letters"
    ProtocolVersionUnknown Error "3.1.2-2" "3.1.2-2"
        "protocol version is unknown"
        "send 3 for 3.1, 4 for 3.1.1, 5 for 5.0"
    ConnectFlagReserved Error "3.1.2-3" "3.1.2-3"
        "reserved connect flag is set"
        "leave bit 0 of the connect flags 0"
    WillQosWithoutWill Error "3.1.2-13" "3.1.2-11"
        "Will QoS is set without a will"
        "set Will QoS to 0, or set the Will Flag and give a will"
    WillRetainWithoutWill Error "3.1.2-15" "3.1.2-13"
        "Will Retain is set without a will"
        "set Will Retain to 0, or set the Will Flag and give a will"
    WillQosReserved Error "3.1.2-14" "3.1.2-12"
        "Will QoS is 3"
        "use QoS 0, 1 or 2"
    PasswordWithoutUserName Error "3.1.2-22" ""
        "password stands without a user name"
        "give a user name as well (an empty one will do), or speak 5.0, which allows it"
    ClientIdEmpty Error "3.1.3-7" ""
        "client identifier is empty though the session is to be kept"
        "give a client identifier, or set Clean Session to 1"
    ClientIdTooLong Warning "3.1.3-5" ""
        "client identifier is longer than the 23 characters of MQTT 3.1"
        "shorten the client identifier to 23 characters, or speak 3.1.1 or 5.0"
    WillTopicEmpty Error "4.7.3-1" "4.7.3-1"
        "will topic is empty"
        "give a topic of at least one character"
    WillTopicWildcard Error "4.7.1-1" "4.7.0-1"
        "will topic contains a wildcard"
        "publish to a topic without + and #; wildcards belong in subscriptions"

    ConnectAckFlagsReserved Error "3.2.2.1" "3.2.2-1"
        "reserved connect acknowledge flag is set"
        "leave bits 7 to 1 of the acknowledge flags 0"
    SessionPresentWithError Error "3.2.2-4" "3.2.2-6"
        "session present is set though the connection is refused"
        "set Session Present to 0 when the code is not 0"
    ConnAckCode Error "3.2.2-6" "3.2.2-8"
        "code is none of CONNACK's"
        "use one of the codes listed for CONNACK in the version that the CONNECT asked for"

    DupAtQos0 Error "3.3.1-2" "3.3.1-2"
        "DUP is set at QoS 0"
        "set DUP only when a QoS 1 or 2 message is sent again"
    QosReserved Error "3.3.1-4" "3.3.1-4"
        "QoS is 3"
        "use QoS 0, 1 or 2"
    TopicWildcard Error "3.3.2-2" "3.3.2-2"
        "topic name contains a wildcard"
        "publish to a topic without + and #; wildcards belong in subscriptions"
    TopicEmpty Error "4.7.3-1" "4.7.3-1"
        "topic name is empty"
        "give a topic of at least one character"
    TopicAndAliasMissing Error "" "3.3.2.1"
        "topic name is empty and no topic alias is given"
        "give a topic, or the alias of one that was sent before on this connection"
    ResponseTopicWildcard Error "" "3.3.2-14"
        "response topic contains a wildcard"
        "ask for responses on a topic without + and #"
    ResponseTopicEmpty Error "" "4.7.3-1"
        "response topic is empty"
        "give a topic of at least one character, or leave the property out"
    PayloadNotUtf8 Warning "" "3.3.2.3.2"
        "payload is declared to be UTF-8 and is not"
        "send UTF-8, or leave out the Payload Format Indicator"

    PubAckCode Error "" "3.4.2-1"
        "reason code is none of PUBACK's"
        "use one of the reason codes listed for PUBACK"
    PubRecCode Error "" "3.5.2-1"
        "reason code is none of PUBREC's"
        "use one of the reason codes listed for PUBREC"
    PubRelCode Error "" "3.6.2-1"
        "reason code is none of PUBREL's"
        "use 0x00, or 0x92 if the packet identifier is not known"
    PubCompCode Error "" "3.7.2-1"
        "reason code is none of PUBCOMP's"
        "use 0x00, or 0x92 if the packet identifier is not known"

    SubscribeEmpty Error "3.8.3-3" "3.8.3-2"
        "SUBSCRIBE has no topic filter"
        "give at least one topic filter with its options"
    SubscribeQosReserved Error "3-8.3-4" "3.8.3.1"
        "requested QoS is 3"
        "ask for QoS 0, 1 or 2"
    SubscriptionOptionsReserved Error "3-8.3-4" "3.8.3-5"
        "reserved bits of the subscription options are set"
        "leave the bits 0; No Local, Retain As Published and Retain Handling exist only in 5.0"
    RetainHandlingReserved Error "" "3.8.3.1"
        "retain handling is 3"
        "use 0, 1 or 2"
    NoLocalOnShared Error "" "3.8.3-4"
        "No Local is set on a shared subscription"
        "leave No Local 0 where the filter begins with $share/"
    TopicFilterEmpty Error "4.7.3-1" "4.7.3-1"
        "topic filter is empty"
        "give a filter of at least one character"
    MultiLevelWildcardPlace Error "4.7.1-2" "4.7.1-1"
        "# is not the last level of the topic filter by itself"
        "let # stand alone after the last /, as in a/b/#"
    SingleLevelWildcardPlace Error "4.7.1-3" "4.7.1-2"
        "+ does not fill a level of the topic filter by itself"
        "let + stand alone between two /, as in a/+/b"
    ShareNameMissing Error "" "4.8.2-1"
        "shared subscription has no share name"
        "write $share/NAME/FILTER with a name of at least one character"
    ShareNameForm Error "" "4.8.2-2"
        "share name contains a wildcard or no topic filter follows it"
        "write $share/NAME/FILTER with no + or # in the name and a filter after it"
    SubAckEmpty Error "3.8.4-5" "3.8.4-6"
        "SUBACK has no code"
        "give one code for each topic filter of the SUBSCRIBE"
    SubAckCode Error "3.9.3-2" "3.9.3-2"
        "code is none of SUBACK's"
        "use the granted QoS (0, 1, 2) or one of the failures listed for SUBACK"
    UnsubscribeEmpty Error "3.10.3-2" "3.10.3-2"
        "UNSUBSCRIBE has no topic filter"
        "give at least one topic filter"
    UnsubAckEmpty Error "" "3.11.3-2"
        "UNSUBACK has no reason code"
        "give one reason code for each topic filter of the UNSUBSCRIBE"
    UnsubAckCode Error "" "3.11.3-2"
        "reason code is none of UNSUBACK's"
        "use one of the reason codes listed for UNSUBACK"

    DisconnectCode Error "" "3.14.2-1"
        "reason code is none of DISCONNECT's"
        "use one of the reason codes listed for DISCONNECT"
    AuthCode Error "" "3.15.2-1"
        "reason code is none of AUTH's"
        "use 0x00, 0x18 or 0x19"
    AuthWithoutMethod Error "" "3.15.2.2.2"
        "AUTH has no authentication method"
        "repeat the Authentication Method of the CONNECT in every AUTH"
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
