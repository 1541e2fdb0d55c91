//! Every field a packet can have, in the order of the specification.

use core::fmt;

use crate::Version;

macro_rules! fields {
    ($($name:ident $label:literal $v311:literal $v5:literal)*) => {
        /// A field or a group of fields. Its name stands in annotations and in errors alike.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field {
            $(
                #[doc = $label]
                $name,
            )*
        }

        impl Field {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name people read, such as `Keep Alive`.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// The section of the version's specification that describes the field. For MQTT 3.1, whose
            /// sections have no numbers, 3.1.1's; for a field the version lacks, 5.0's.
            pub const fn clause(self, version: Version) -> &'static str {
                let (v311, v5) = match self {
                    $(Self::$name => ($v311, $v5),)*
                };
                match version {
                    Version::V5 => v5,
                    _ if v311.is_empty() => v5,
                    _ => v311,
                }
            }
        }
    };
}

fields! {
    // name                    label                                 3.1.1      5.0
    FixedHeader                "Fixed Header"                        "2.2"      "2.1.1"
    PacketType                 "Packet Type"                         "2.2.1"    "2.1.2"
    Flags                      "Flags"                               "2.2.2"    "2.1.3"
    Dup                        "DUP"                                 "3.3.1.1"  "3.3.1.1"
    Qos                        "QoS"                                 "3.3.1.2"  "3.3.1.2"
    Retain                     "RETAIN"                              "3.3.1.3"  "3.3.1.3"
    RemainingLength            "Remaining Length"                    "2.2.3"    "2.1.4"
    PacketId                   "Packet Identifier"                   "2.3.1"    "2.2.1"
    TrailingBytes              "Trailing Bytes"                      "2.2.3"    "2.1.4"

    ProtocolNameLength         "Protocol Name Length"                "3.1.2.1"  "3.1.2.1"
    ProtocolName               "Protocol Name"                       "3.1.2.1"  "3.1.2.1"
    ProtocolVersion            "Protocol Version"                    "3.1.2.2"  "3.1.2.2"
    ConnectFlags               "Connect Flags"                       "3.1.2.3"  "3.1.2.3"
    UserNameFlag               "User Name Flag"                      "3.1.2.8"  "3.1.2.8"
    PasswordFlag               "Password Flag"                       "3.1.2.9"  "3.1.2.9"
    WillRetain                 "Will Retain"                         "3.1.2.7"  "3.1.2.7"
    WillQos                    "Will QoS"                            "3.1.2.6"  "3.1.2.6"
    WillFlag                   "Will Flag"                           "3.1.2.5"  "3.1.2.5"
    CleanStart                 "Clean Start"                         "3.1.2.4"  "3.1.2.4"
    ConnectFlagsReserved       "Reserved"                            "3.1.2.3"  "3.1.2.3"
    KeepAlive                  "Keep Alive"                          "3.1.2.10" "3.1.2.10"
    ClientIdLength             "Client Identifier Length"            "3.1.3.1"  "3.1.3.1"
    ClientId                   "Client Identifier"                   "3.1.3.1"  "3.1.3.1"
    WillProperties             "Will Properties"                     ""         "3.1.3.2"
    WillPropertiesLength       "Will Properties Length"              ""         "3.1.3.2.1"
    WillTopicLength            "Will Topic Length"                   "3.1.3.2"  "3.1.3.3"
    WillTopic                  "Will Topic"                          "3.1.3.2"  "3.1.3.3"
    WillPayloadLength          "Will Payload Length"                 "3.1.3.3"  "3.1.3.4"
    WillPayload                "Will Payload"                        "3.1.3.3"  "3.1.3.4"
    UserNameLength             "User Name Length"                    "3.1.3.4"  "3.1.3.5"
    UserName                   "User Name"                           "3.1.3.4"  "3.1.3.5"
    PasswordLength             "Password Length"                     "3.1.3.5"  "3.1.3.6"
    Password                   "Password"                            "3.1.3.5"  "3.1.3.6"

    ConnectAckFlags            "Connect Acknowledge Flags"           "3.2.2.1"  "3.2.2.1"
    ConnectAckFlagsReserved    "Reserved"                            "3.2.2.1"  "3.2.2.1"
    SessionPresent             "Session Present"                     "3.2.2.2"  "3.2.2.1.1"
    ReturnCode                 "Return Code"                         "3.2.2.3"  "3.2.2.2"
    ReasonCode                 "Reason Code"                         "3.9.3"    "2.4"

    TopicLength                "Topic Length"                        "3.3.2.1"  "3.3.2.1"
    Topic                      "Topic"                               "3.3.2.1"  "3.3.2.1"
    Payload                    "Payload"                             "3.3.3"    "3.3.3"

    Subscription               "Subscription"                        "3.8.3"    "3.8.3"
    TopicFilterLength          "Topic Filter Length"                 "3.8.3"    "3.8.3"
    TopicFilter                "Topic Filter"                        "3.8.3"    "3.8.3"
    SubscriptionOptions        "Subscription Options"                "3.8.3"    "3.8.3.1"
    SubscriptionOptionsReserved "Reserved"                           "3.8.3"    "3.8.3.1"
    RetainHandling             "Retain Handling"                     ""         "3.8.3.1"
    RetainAsPublished          "Retain As Published"                 ""         "3.8.3.1"
    NoLocal                    "No Local"                            ""         "3.8.3.1"
    RequestedQos               "Requested QoS"                       "3.8.3"    "3.8.3.1"

    Properties                 "Properties"                          ""         "2.2.2"
    PropertyLength             "Property Length"                     ""         "2.2.2.1"
    PropertyId                 "Property Identifier"                 ""         "2.2.2.2"
    UnknownProperty            "Unknown Property"                    ""         "2.2.2.2"
    PayloadFormatIndicator     "Payload Format Indicator"            ""         "3.3.2.3.2"
    MessageExpiryInterval      "Message Expiry Interval"             ""         "3.3.2.3.3"
    ContentTypeLength          "Content Type Length"                 ""         "3.3.2.3.9"
    ContentType                "Content Type"                        ""         "3.3.2.3.9"
    ResponseTopicLength        "Response Topic Length"               ""         "3.3.2.3.5"
    ResponseTopic              "Response Topic"                      ""         "3.3.2.3.5"
    CorrelationDataLength      "Correlation Data Length"             ""         "3.3.2.3.6"
    CorrelationData            "Correlation Data"                    ""         "3.3.2.3.6"
    SubscriptionIdentifier     "Subscription Identifier"             ""         "3.8.2.1.2"
    SessionExpiryInterval      "Session Expiry Interval"             ""         "3.1.2.11.2"
    AssignedClientIdLength     "Assigned Client Identifier Length"   ""         "3.2.2.3.7"
    AssignedClientId           "Assigned Client Identifier"          ""         "3.2.2.3.7"
    ServerKeepAlive            "Server Keep Alive"                   ""         "3.2.2.3.14"
    AuthenticationMethodLength "Authentication Method Length"        ""         "3.1.2.11.9"
    AuthenticationMethod       "Authentication Method"               ""         "3.1.2.11.9"
    AuthenticationDataLength   "Authentication Data Length"          ""         "3.1.2.11.10"
    AuthenticationData         "Authentication Data"                 ""         "3.1.2.11.10"
    RequestProblemInformation  "Request Problem Information"         ""         "3.1.2.11.7"
    WillDelayInterval          "Will Delay Interval"                 ""         "3.1.3.2.2"
    RequestResponseInformation "Request Response Information"        ""         "3.1.2.11.6"
    ResponseInformationLength  "Response Information Length"         ""         "3.2.2.3.15"
    ResponseInformation        "Response Information"                ""         "3.2.2.3.15"
    ServerReferenceLength      "Server Reference Length"             ""         "3.2.2.3.16"
    ServerReference            "Server Reference"                    ""         "3.2.2.3.16"
    ReasonStringLength         "Reason String Length"                ""         "3.2.2.3.9"
    ReasonString               "Reason String"                       ""         "3.2.2.3.9"
    ReceiveMaximum             "Receive Maximum"                     ""         "3.1.2.11.3"
    TopicAliasMaximum          "Topic Alias Maximum"                 ""         "3.1.2.11.5"
    TopicAlias                 "Topic Alias"                         ""         "3.3.2.3.4"
    MaximumQos                 "Maximum QoS"                         ""         "3.2.2.3.4"
    RetainAvailable            "Retain Available"                    ""         "3.2.2.3.5"
    UserProperty               "User Property"                       ""         "3.1.2.11.8"
    UserPropertyNameLength     "User Property Name Length"           ""         "3.1.2.11.8"
    UserPropertyName           "User Property Name"                  ""         "3.1.2.11.8"
    UserPropertyValueLength    "User Property Value Length"          ""         "3.1.2.11.8"
    UserPropertyValue          "User Property Value"                 ""         "3.1.2.11.8"
    MaximumPacketSize          "Maximum Packet Size"                 ""         "3.1.2.11.4"
    WildcardSubscriptionAvailable "Wildcard Subscription Available"  ""         "3.2.2.3.11"
    SubscriptionIdentifierAvailable "Subscription Identifiers Available" ""     "3.2.2.3.12"
    SharedSubscriptionAvailable "Shared Subscription Available"      ""         "3.2.2.3.13"
}

impl Field {
    /// The field that holds the length of this one; a field without a length of its own gives itself.
    #[inline(always)]
    pub const fn length(self) -> Self {
        match self {
            Self::ProtocolName => Self::ProtocolNameLength,
            Self::ClientId => Self::ClientIdLength,
            Self::WillTopic => Self::WillTopicLength,
            Self::WillPayload => Self::WillPayloadLength,
            Self::UserName => Self::UserNameLength,
            Self::Password => Self::PasswordLength,
            Self::Topic => Self::TopicLength,
            Self::TopicFilter => Self::TopicFilterLength,
            Self::Properties => Self::PropertyLength,
            Self::WillProperties => Self::WillPropertiesLength,
            Self::ContentType => Self::ContentTypeLength,
            Self::ResponseTopic => Self::ResponseTopicLength,
            Self::CorrelationData => Self::CorrelationDataLength,
            Self::AssignedClientId => Self::AssignedClientIdLength,
            Self::AuthenticationMethod => Self::AuthenticationMethodLength,
            Self::AuthenticationData => Self::AuthenticationDataLength,
            Self::ResponseInformation => Self::ResponseInformationLength,
            Self::ServerReference => Self::ServerReferenceLength,
            Self::ReasonString => Self::ReasonStringLength,
            Self::UserPropertyName => Self::UserPropertyNameLength,
            Self::UserPropertyValue => Self::UserPropertyValueLength,
            other => other,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
