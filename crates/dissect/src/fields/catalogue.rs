//! The table of all fields. A field is added here, and nowhere else if the decoder reads it already.

use mqscope_stream::Analysis;
use mqscope_wire::{Field as F, PacketType};

use super::lower::Lower;
use super::packet::Wanted;
use super::place::Place;
use super::{FieldKind as K, Radix};
use crate::CarrierMessage as M;

pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) kind: K,
    pub(super) radix: Radix,
    pub(super) description: &'static str,
    pub(super) source: Source,
}

#[derive(Clone, Copy)]
pub(super) enum Source {
    /// What the index knows.
    Place(Place),
    /// What the layers below say.
    Lower(Lower),
    /// What the packet says.
    Packet(Wanted),
    /// What the layers between TCP and MQTT say.
    Carrier,
}

const fn entry(name: &'static str, kind: K, description: &'static str, source: Source) -> Entry {
    Entry { name, kind, radix: Radix::Decimal, description, source }
}

const fn hex(mut entry: Entry, digits: u8) -> Entry {
    entry.radix = Radix::Hexadecimal(digits);
    entry
}

const fn place(name: &'static str, kind: K, description: &'static str, place: Place) -> Entry {
    entry(name, kind, description, Source::Place(place))
}

const fn lower(name: &'static str, kind: K, description: &'static str, lower: Lower) -> Entry {
    entry(name, kind, description, Source::Lower(lower))
}

const fn flag(name: &'static str, description: &'static str, bit: u8) -> Entry {
    lower(name, K::Boolean, description, Lower::TcpFlag(bit))
}

const fn remark(name: &'static str, description: &'static str, remark: Analysis) -> Entry {
    lower(name, K::Presence, description, Lower::TcpRemark(remark))
}

const fn carrier(name: &'static str, kind: K, description: &'static str) -> Entry {
    entry(name, kind, description, Source::Carrier)
}

const fn packet(name: &'static str, kind: K, description: &'static str, wanted: Wanted) -> Entry {
    entry(name, kind, description, Source::Packet(wanted))
}

const fn leaf(name: &'static str, kind: K, description: &'static str, fields: &'static [F]) -> Entry {
    packet(name, kind, description, Wanted::Leaf(fields))
}

const fn reason(name: &'static str, of: PacketType) -> Entry {
    packet(name, U8, "Reason Code", Wanted::Code(F::ReasonCode, of))
}

const U8: K = K::Unsigned(8);
const U16: K = K::Unsigned(16);
const U32: K = K::Unsigned(32);
const U64: K = K::Unsigned(64);

/// Properties that are numbers and have no field of their own in Wireshark.
const NUMBERS: &[F] = &[
    F::PayloadFormatIndicator,
    F::MessageExpiryInterval,
    F::SubscriptionIdentifier,
    F::SessionExpiryInterval,
    F::ServerKeepAlive,
    F::RequestProblemInformation,
    F::WillDelayInterval,
    F::RequestResponseInformation,
    F::ReceiveMaximum,
    F::TopicAliasMaximum,
    F::RetainAvailable,
    F::MaximumPacketSize,
    F::WildcardSubscriptionAvailable,
    F::SubscriptionIdentifierAvailable,
    F::SharedSubscriptionAvailable,
];

const STRINGS: &[F] = &[
    F::ResponseTopic,
    F::CorrelationData,
    F::AssignedClientId,
    F::AuthenticationMethod,
    F::AuthenticationData,
    F::ResponseInformation,
    F::ServerReference,
    F::ReasonString,
];

const STRING_LENGTHS: &[F] = &[
    F::ResponseTopicLength,
    F::CorrelationDataLength,
    F::AssignedClientIdLength,
    F::AuthenticationMethodLength,
    F::AuthenticationDataLength,
    F::ResponseInformationLength,
    F::ServerReferenceLength,
    F::ReasonStringLength,
];

#[rustfmt::skip] // a table
pub(super) const ENTRIES: &[Entry] = &[
    lower("frame", K::Bytes, "Frame that completed the packet", Lower::Frame),
    place("frame.number", K::FrameNumber, "Number of the frame that completed the packet", Place::FrameNumber),
    place("frame.len", U32, "Length of that frame on the wire", Place::FrameLen),
    place("frame.cap_len", U32, "Captured length of that frame", Place::FrameCapturedLen),
    place("frame.time", K::Time, "When it was captured", Place::FrameTime),
    place("frame.time_epoch", K::Duration, "When it was captured, since 1970", Place::FrameTimeEpoch),
    place("frame.time_relative", K::Duration, "Time since the first frame", Place::FrameTimeRelative),
    place("frame.time_delta", K::Duration, "Time since the frame before", Place::FrameTimeDelta),
    lower("frame.protocols", K::Text, "Protocols in the frame", Lower::Protocols),

    lower("eth", K::Bytes, "Ethernet", Lower::Ethernet),
    lower("eth.src", K::Ether, "Source", Lower::EthSource),
    lower("eth.dst", K::Ether, "Destination", Lower::EthDestination),
    lower("eth.addr", K::Ether, "Destination or source", Lower::EthAddress),
    hex(lower("eth.type", U16, "Type", Lower::EthType), 4),
    lower("vlan", K::Bytes, "VLAN tag", Lower::Vlan),
    lower("vlan.id", U16, "VLAN identifier", Lower::VlanId),
    lower("vlan.priority", U16, "VLAN priority", Lower::VlanPriority),
    lower("ip", K::Bytes, "IPv4", Lower::Ip),
    lower("ip.version", U8, "Version", Lower::IpVersion),
    lower("ip.hdr_len", U8, "Header length", Lower::IpHeaderLen),
    lower("ip.len", U16, "Total length", Lower::IpLen),
    hex(lower("ip.id", U16, "Identification", Lower::IpId), 4),
    lower("ip.ttl", U8, "Time to live", Lower::IpTtl),
    lower("ip.proto", U8, "Protocol", Lower::IpProtocol),
    lower("ip.src", K::Ipv4, "Source", Lower::IpSource),
    lower("ip.dst", K::Ipv4, "Destination", Lower::IpDestination),
    lower("ip.addr", K::Ipv4, "Source or destination", Lower::IpAddress),
    lower("ipv6", K::Bytes, "IPv6", Lower::Ipv6),
    lower("ipv6.plen", U16, "Payload length", Lower::Ipv6PayloadLen),
    lower("ipv6.nxt", U8, "Next header", Lower::Ipv6Next),
    lower("ipv6.hlim", U8, "Hop limit", Lower::Ipv6HopLimit),
    lower("ipv6.src", K::Ipv6, "Source", Lower::Ipv6Source),
    lower("ipv6.dst", K::Ipv6, "Destination", Lower::Ipv6Destination),
    lower("ipv6.addr", K::Ipv6, "Source or destination", Lower::Ipv6Address),

    lower("tcp", K::Bytes, "TCP", Lower::Tcp),
    lower("tcp.srcport", U16, "Source port", Lower::TcpSourcePort),
    lower("tcp.dstport", U16, "Destination port", Lower::TcpDestinationPort),
    lower("tcp.port", U16, "Source or destination port", Lower::TcpPort),
    place("tcp.stream", U32, "Number of the connection among all of TCP", Place::TcpStream),
    lower("tcp.len", U32, "Length of the segment's data", Lower::TcpLen),
    lower("tcp.seq_raw", U32, "Sequence number", Lower::TcpSequenceRaw),
    lower("tcp.ack_raw", U32, "Acknowledgement number", Lower::TcpAcknowledgementRaw),
    lower("tcp.hdr_len", U8, "Header length", Lower::TcpHeaderLen),
    lower("tcp.window_size_value", U16, "Window, not scaled", Lower::TcpWindow),
    hex(lower("tcp.flags", U16, "Flags", Lower::TcpFlags), 4),
    flag("tcp.flags.ae", "Accurate ECN", 8),
    flag("tcp.flags.cwr", "Congestion window reduced", 7),
    flag("tcp.flags.ece", "ECN echo", 6),
    flag("tcp.flags.urg", "Urgent", 5),
    flag("tcp.flags.ack", "Acknowledgement", 4),
    flag("tcp.flags.push", "Push", 3),
    flag("tcp.flags.reset", "Reset", 2),
    flag("tcp.flags.syn", "Synchronise", 1),
    flag("tcp.flags.fin", "Finish", 0),
    lower("tcp.analysis.flags", K::Presence, "Something is worth noting about the segment", Lower::TcpAnalysis),
    remark("tcp.analysis.retransmission", "Retransmission", Analysis::RETRANSMISSION),
    remark("tcp.analysis.fast_retransmission", "Retransmission after duplicate acknowledgements", Analysis::FAST_RETRANSMISSION),
    remark("tcp.analysis.spurious_retransmission", "Retransmission of acknowledged bytes", Analysis::SPURIOUS_RETRANSMISSION),
    remark("tcp.analysis.out_of_order", "Out of order", Analysis::OUT_OF_ORDER),
    remark("tcp.analysis.lost_segment", "A segment before was not captured", Analysis::LOST_SEGMENT),
    remark("tcp.analysis.ack_lost_segment", "Acknowledges bytes that were not captured", Analysis::ACK_LOST_SEGMENT),
    remark("tcp.analysis.duplicate_ack", "Duplicate acknowledgement", Analysis::DUPLICATE_ACK),
    remark("tcp.analysis.keep_alive", "Keep-alive probe", Analysis::KEEP_ALIVE),
    remark("tcp.analysis.keep_alive_ack", "Answer to a keep-alive probe", Analysis::KEEP_ALIVE_ACK),
    remark("tcp.analysis.zero_window", "No room to receive", Analysis::ZERO_WINDOW),
    remark("tcp.analysis.zero_window_probe", "Probe of a closed window", Analysis::ZERO_WINDOW_PROBE),
    remark("tcp.analysis.window_update", "Only the window changed", Analysis::WINDOW_UPDATE),
    remark("tcp.analysis.captured_twice", "A frame that was captured before", Analysis::CAPTURED_TWICE),
    remark("tcp.analysis.reused_ports", "Addresses and ports of an earlier connection", Analysis::REUSED_PORTS),

    place("tls", K::Presence, "Carried by TLS", Place::Tls),
    hex(carrier("tls.record.content_type", U8, "Content type of the record"), 2),
    hex(carrier("tls.record.version", U16, "Version of the record"), 4),
    carrier("tls.record.length", U16, "Length of the record"),
    place("tls.handshake", K::Presence, "Hello", Place::Message(&[M::ClientHello, M::ServerHello])),
    carrier("tls.handshake.type", U8, "Handshake type"),
    hex(carrier("tls.handshake.version", U16, "Version of the handshake"), 4),
    hex(carrier("tls.handshake.ciphersuite", U16, "Cipher suite, offered or chosen"), 4),
    carrier("tls.handshake.extensions_server_name", K::Text, "Server name that the client asks for (SNI)"),
    carrier("tls.handshake.extensions_alpn_str", K::Text, "Application protocol, offered or chosen (ALPN)"),
    hex(carrier("tls.handshake.extensions.supported_version", U16, "Version offered"), 4),
    place("tls.alert_message", K::Presence, "Alert", Place::Message(&[M::TlsAlert])),
    carrier("tls.alert_message.level", U8, "Level of the alert"),
    carrier("tls.alert_message.desc", U8, "Description of the alert"),

    place("http", K::Presence, "Request or response of an upgrade to WebSocket", Place::Http),
    place("http.request", K::Presence, "Request", Place::Message(&[M::HttpRequest])),
    carrier("http.request.method", K::Text, "Method"),
    carrier("http.request.uri", K::Text, "Request target"),
    carrier("http.request.version", K::Text, "Version of the request"),
    place("http.response", K::Presence, "Response", Place::Message(&[M::HttpResponse])),
    carrier("http.response.version", K::Text, "Version of the response"),
    carrier("http.response.code", U16, "Status code"),
    carrier("http.response.phrase", K::Text, "Reason phrase"),
    carrier("http.host", K::Text, "Host"),
    carrier("http.upgrade", K::Text, "Upgrade"),
    carrier("http.connection", K::Text, "Connection"),
    carrier("http.origin", K::Text, "Origin"),
    carrier("http.user_agent", K::Text, "User-Agent"),
    carrier("http.location", K::Text, "Location"),
    carrier("http.server", K::Text, "Server"),
    carrier("http.authorization", K::Text, "Authorization"),
    carrier("http.cookie", K::Text, "Cookie"),
    carrier("http.set_cookie", K::Text, "Set-Cookie"),
    carrier("http.sec_websocket_key", K::Text, "Sec-WebSocket-Key"),
    carrier("http.sec_websocket_accept", K::Text, "Sec-WebSocket-Accept"),
    carrier("http.sec_websocket_version", K::Text, "Sec-WebSocket-Version"),
    carrier("http.sec_websocket_protocol", K::Text, "Sec-WebSocket-Protocol"),
    carrier("http.sec_websocket_extensions", K::Text, "Sec-WebSocket-Extensions"),

    place("websocket", K::Presence, "Carried by WebSocket", Place::WebSocket),
    carrier("websocket.fin", K::Boolean, "Last frame of its message"),
    hex(carrier("websocket.rsv", U8, "Reserved bits: 4 if compressed"), 1),
    carrier("websocket.opcode", U8, "Opcode"),
    carrier("websocket.mask", K::Boolean, "Masked"),
    carrier("websocket.payload_length", U64, "Length of the frame's payload"),
    hex(carrier("websocket.masking_key", U32, "Masking key"), 8),
    carrier("websocket.payload", K::Text, "Payload of a Ping or Pong"),
    place("websocket.payload.close", K::Presence, "Close", Place::Message(&[M::WebSocketClose])),
    carrier("websocket.payload.close.status_code", U16, "Status code of a Close"),
    carrier("websocket.payload.close.reason", K::Text, "Reason of a Close"),

    place("proxy", K::Presence, "Header of the PROXY protocol", Place::Proxy),
    carrier("proxy.version", U8, "Version of the PROXY protocol"),
    carrier("proxy.v1.proto", K::Text, "Protocol in a header of version 1"),
    carrier("proxy.v2.cmd", U8, "Command in a header of version 2"),
    carrier("proxy.v2.addr_family", U8, "Address family in a header of version 2"),
    carrier("proxy.src", K::Text, "Address of the client behind the proxy"),
    carrier("proxy.dst", K::Text, "Address that the client connected to"),
    carrier("proxy.srcport", U16, "Port of the client behind the proxy"),
    carrier("proxy.dstport", U16, "Port that the client connected to"),

    place("_ws.malformed", K::Presence, "Malformed, or cut short", Place::Malformed),
    place("_ws.expert", K::Presence, "Malformed, or against the specification", Place::Expert),

    place("mqtt", K::Bytes, "MQTT packet", Place::Mqtt),
    leaf("mqtt.len", U64, "Remaining Length", &[F::RemainingLength]),
    hex(packet("mqtt.hdrflags", U8, "First byte", Wanted::HeaderFlags), 2),
    packet("mqtt.msgtype", U8, "Packet type", Wanted::MessageType),
    packet("mqtt.hdr_reserved", U8, "Reserved flags of the first byte", Wanted::HeaderReserved),
    packet("mqtt.retain_reserved", U8, "Reserved RETAIN flag (3.1)", Wanted::RetainReserved),
    packet("mqtt.dupflag", K::Boolean, "DUP", Wanted::Dup),
    packet("mqtt.qos", U8, "QoS", Wanted::Qos),
    packet("mqtt.retain", K::Boolean, "RETAIN", Wanted::Retain),
    packet("mqtt.conack.flags.reserved", K::Boolean, "Reserved acknowledge flags", Wanted::ConnAckReserved),
    hex(packet("mqtt.conack.flags", U8, "Acknowledge flags", Wanted::ConnAckFlags), 2),
    leaf("mqtt.conack.flags.sp", K::Boolean, "Session Present", &[F::SessionPresent]),
    packet("mqtt.conack.val", U8, "Return code of CONNACK (3.1, 3.1.1)", Wanted::Code(F::ReturnCode, PacketType::ConnAck)),
    leaf("mqtt.msgid", U16, "Packet Identifier", &[F::PacketId]),
    packet("mqtt.sub.qos", U8, "Requested QoS (3.1, 3.1.1)", Wanted::Before5(&[F::RequestedQos])),
    packet("mqtt.suback.qos", U8, "Return code of SUBACK (3.1, 3.1.1)", Wanted::Code(F::ReturnCode, PacketType::SubAck)),
    leaf("mqtt.topic_len", U16, "Length of a topic or topic filter", &[F::TopicLength, F::TopicFilterLength]),
    packet("mqtt.topic", K::Text, "Topic, also where an alias stands for it, or topic filter", Wanted::Topic),
    leaf("mqtt.willtopic_len", U16, "Length of the will's topic", &[F::WillTopicLength]),
    leaf("mqtt.willtopic", K::Text, "Topic of the will", &[F::WillTopic]),
    leaf("mqtt.willmsg", K::Bytes, "Payload of the will", &[F::WillPayload]),
    leaf("mqtt.willmsg_text", K::Text, "Payload of the will, as text", &[F::WillPayload]),
    leaf("mqtt.willmsg_len", U16, "Length of the will's payload", &[F::WillPayloadLength]),
    leaf("mqtt.username_len", U16, "Length of the user name", &[F::UserNameLength]),
    leaf("mqtt.username", K::Text, "User name", &[F::UserName]),
    leaf("mqtt.passwd_len", U16, "Length of the password", &[F::PasswordLength]),
    leaf("mqtt.passwd", K::Text, "Password", &[F::Password]),
    leaf("mqtt.msg", K::Bytes, "Payload", &[F::Payload]),
    leaf("mqtt.msg_text", K::Text, "Payload, as text", &[F::Payload]),
    packet("mqtt.msg_decoded_as", K::Text, "What the payload seems to be: json, text, gzip, zlib, zstd, cbor or binary", Wanted::PayloadKind),
    leaf("mqtt.proto_len", U16, "Length of the protocol name", &[F::ProtocolNameLength]),
    leaf("mqtt.protoname", K::Text, "Protocol name", &[F::ProtocolName]),
    leaf("mqtt.clientid_len", U16, "Length of the client identifier", &[F::ClientIdLength]),
    leaf("mqtt.clientid", K::Text, "Client identifier, in CONNECT", &[F::ClientId]),
    leaf("mqtt.ver", U8, "Protocol version", &[F::ProtocolVersion]),
    hex(packet("mqtt.conflags", U8, "Connect flags", Wanted::Byte(&[F::UserNameFlag])), 2),
    leaf("mqtt.conflag.uname", K::Boolean, "User name flag", &[F::UserNameFlag]),
    leaf("mqtt.conflag.passwd", K::Boolean, "Password flag", &[F::PasswordFlag]),
    leaf("mqtt.conflag.retain", K::Boolean, "Will Retain", &[F::WillRetain]),
    leaf("mqtt.conflag.qos", U8, "Will QoS", &[F::WillQos]),
    leaf("mqtt.conflag.willflag", K::Boolean, "Will flag", &[F::WillFlag]),
    leaf("mqtt.conflag.cleansess", K::Boolean, "Clean Start (Clean Session)", &[F::CleanStart]),
    leaf("mqtt.conflag.reserved", K::Boolean, "Reserved connect flag", &[F::ConnectFlagsReserved]),
    leaf("mqtt.kalive", U16, "Keep Alive, in seconds", &[F::KeepAlive]),
    hex(packet("mqtt.subscription_options", U8, "Subscription options", Wanted::ByteIn5(&[F::RequestedQos])), 2),
    packet("mqtt.subscription_options_qos", U8, "Requested QoS", Wanted::In5(&[F::RequestedQos])),
    leaf("mqtt.subscription_options_nl", K::Boolean, "No Local", &[F::NoLocal]),
    leaf("mqtt.subscription_options_rap", K::Boolean, "Retain As Published", &[F::RetainAsPublished]),
    leaf("mqtt.subscription_options_retain", U8, "Retain Handling", &[F::RetainHandling]),
    hex(packet("mqtt.subscription_options_reserved", U8, "Reserved options", Wanted::In5(&[F::SubscriptionOptionsReserved])), 2),
    reason("mqtt.connack.reason_code", PacketType::ConnAck),
    reason("mqtt.puback.reason_code", PacketType::PubAck),
    reason("mqtt.pubrec.reason_code", PacketType::PubRec),
    reason("mqtt.pubrel.reason_code", PacketType::PubRel),
    reason("mqtt.pubcomp.reason_code", PacketType::PubComp),
    reason("mqtt.suback.reason_code", PacketType::SubAck),
    reason("mqtt.unsuback.reason_code", PacketType::UnsubAck),
    reason("mqtt.disconnect.reason_code", PacketType::Disconnect),
    reason("mqtt.auth.reason_code", PacketType::Auth),
    packet("mqtt.properties", K::Presence, "Properties", Wanted::Met(&[F::PropertyLength])),
    packet("mqtt.will_properties", K::Presence, "Properties of the will", Wanted::Met(&[F::WillPropertiesLength])),
    leaf("mqtt.property_len", U64, "Property length", &[F::PropertyLength, F::WillPropertiesLength]),
    hex(packet("mqtt.property_id", U8, "Property identifier", Wanted::PropertyId), 2),
    leaf("mqtt.prop_number", U32, "Number in a property", NUMBERS),
    leaf("mqtt.property.content_type", K::Text, "Content Type", &[F::ContentType]),
    leaf("mqtt.property.max_qos", U8, "Maximum QoS", &[F::MaximumQos]),
    leaf("mqtt.property.topic_alias", U16, "Topic Alias", &[F::TopicAlias]),
    packet("mqtt.prop_unknown", K::Text, "Unknown property", Wanted::UnknownProperty),
    leaf("mqtt.prop_string_len", U32, "Length of text or bytes in a property", STRING_LENGTHS),
    leaf("mqtt.prop_string", K::Text, "Text or bytes in a property", STRINGS),
    leaf("mqtt.prop_key_len", U32, "Length of a user property's name", &[F::UserPropertyNameLength]),
    leaf("mqtt.prop_key", K::Text, "Name of a user property", &[F::UserPropertyName]),
    leaf("mqtt.prop_value_len", U32, "Length of a user property's value", &[F::UserPropertyValueLength]),
    leaf("mqtt.prop_value", K::Text, "Value of a user property", &[F::UserPropertyValue]),
    packet("mqtt.illegal_topic_length", K::Presence, "PUBLISH with neither topic nor alias", Wanted::IllegalTopicLength),
    packet("mqtt.unknown_version", K::Presence, "The CONNECT was not captured: the version is a guess", Wanted::UnknownVersion),
    packet("mqtt.unknown_topic_alias", K::Presence, "Topic alias that was given no topic", Wanted::UnknownTopicAlias),

    leaf("mqtt.property.payload_format_indicator", U8, "Payload Format Indicator", &[F::PayloadFormatIndicator]),
    leaf("mqtt.property.message_expiry_interval", U32, "Message Expiry Interval, in seconds", &[F::MessageExpiryInterval]),
    leaf("mqtt.property.response_topic", K::Text, "Response Topic", &[F::ResponseTopic]),
    leaf("mqtt.property.correlation_data", K::Bytes, "Correlation Data", &[F::CorrelationData]),
    leaf("mqtt.property.subscription_identifier", U32, "Subscription Identifier", &[F::SubscriptionIdentifier]),
    leaf("mqtt.property.session_expiry_interval", U32, "Session Expiry Interval, in seconds", &[F::SessionExpiryInterval]),
    leaf("mqtt.property.assigned_client_identifier", K::Text, "Assigned Client Identifier", &[F::AssignedClientId]),
    leaf("mqtt.property.server_keep_alive", U16, "Server Keep Alive, in seconds", &[F::ServerKeepAlive]),
    leaf("mqtt.property.authentication_method", K::Text, "Authentication Method", &[F::AuthenticationMethod]),
    leaf("mqtt.property.authentication_data", K::Bytes, "Authentication Data", &[F::AuthenticationData]),
    leaf("mqtt.property.request_problem_information", U8, "Request Problem Information", &[F::RequestProblemInformation]),
    leaf("mqtt.property.will_delay_interval", U32, "Will Delay Interval, in seconds", &[F::WillDelayInterval]),
    leaf("mqtt.property.request_response_information", U8, "Request Response Information", &[F::RequestResponseInformation]),
    leaf("mqtt.property.response_information", K::Text, "Response Information", &[F::ResponseInformation]),
    leaf("mqtt.property.server_reference", K::Text, "Server Reference", &[F::ServerReference]),
    leaf("mqtt.property.reason_string", K::Text, "Reason String", &[F::ReasonString]),
    leaf("mqtt.property.receive_maximum", U16, "Receive Maximum", &[F::ReceiveMaximum]),
    leaf("mqtt.property.topic_alias_maximum", U16, "Topic Alias Maximum", &[F::TopicAliasMaximum]),
    leaf("mqtt.property.maximum_qos", U8, "Maximum QoS", &[F::MaximumQos]),
    leaf("mqtt.property.retain_available", U8, "Retain Available", &[F::RetainAvailable]),
    packet("mqtt.property.user_property", K::Text, "User Property, as name=value", Wanted::UserProperty),
    leaf("mqtt.property.maximum_packet_size", U32, "Maximum Packet Size", &[F::MaximumPacketSize]),
    leaf("mqtt.property.wildcard_subscription_available", U8, "Wildcard Subscription Available", &[F::WildcardSubscriptionAvailable]),
    leaf("mqtt.property.subscription_identifier_available", U8, "Subscription Identifiers Available", &[F::SubscriptionIdentifierAvailable]),
    leaf("mqtt.property.shared_subscription_available", U8, "Shared Subscription Available", &[F::SharedSubscriptionAvailable]),

    place("mqtt.response_in", K::FrameNumber, "Frame of the packet that answers this one", Place::ResponseIn),
    place("mqtt.response_to", K::FrameNumber, "Frame of the packet that this one answers", Place::ResponseTo),
    place("mqtt.time", K::Duration, "Time since the exchange began", Place::ExchangeTime),
    place("mqtt.client_id", K::Text, "Client identifier of the session, on every packet", Place::ClientId),
    place("mqtt.client_group", K::Text, "Group of a client identifier group@@@device", Place::ClientGroup),
    place("mqtt.client_device", K::Text, "Device of a client identifier group@@@device", Place::ClientDevice),
    place("mqtt.p2p", K::Text, "Receiver of a message on a topic parent/p2p/receiver", Place::P2p),
    place("mqtt.violation", K::Text, "Statement of the specification that the packet breaks", Place::Violation),
];
