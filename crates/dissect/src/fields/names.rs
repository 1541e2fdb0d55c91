//! Names of numbers, in Wireshark's words.

use mqscope_wire::{PacketType, ReasonCode, Version};

const QOS: [&str; 4] = [
    "At most once delivery (Fire and Forget)",
    "At least once delivery (Acknowledged deliver)",
    "Exactly once delivery (Assured Delivery)",
    "Reserved",
];

const TYPES: [&str; 16] = [
    "Reserved",
    "Connect Command",
    "Connect Ack",
    "Publish Message",
    "Publish Ack",
    "Publish Received",
    "Publish Release",
    "Publish Complete",
    "Subscribe Request",
    "Subscribe Ack",
    "Unsubscribe Request",
    "Unsubscribe Ack",
    "Ping Request",
    "Ping Response",
    "Disconnect Req",
    "Authentication Exchange",
];

const CONNACK: [&str; 6] = [
    "Connection Accepted",
    "Connection Refused: unacceptable protocol version",
    "Connection Refused: identifier rejected",
    "Connection Refused: server unavailable",
    "Connection Refused: bad user name or password",
    "Connection Refused: not authorized",
];

const RETAIN_HANDLING: [&str; 4] = [
    "Send msgs at subscription time",
    "Send msgs if subscription does not exist",
    "Do not send msgs at subscription time",
    "Reserved",
];

pub(super) fn value_name(field: &str, value: u64) -> Option<&'static str> {
    let value = u8::try_from(value).ok()?;
    let listed = |names: &[&'static str]| names.get(usize::from(value)).copied();
    match field {
        "mqtt.msgtype" => listed(&TYPES),
        "mqtt.suback.qos" if value == 0x80 => Some("Failure"),
        "mqtt.qos"
        | "mqtt.sub.qos"
        | "mqtt.suback.qos"
        | "mqtt.conflag.qos"
        | "mqtt.subscription_options_qos"
        | "mqtt.property.max_qos"
        | "mqtt.property.maximum_qos" => listed(&QOS),
        "mqtt.conack.val" => listed(&CONNACK),
        "mqtt.subscription_options_retain" => listed(&RETAIN_HANDLING),
        "mqtt.ver" => match value & 0x7f {
            3 => Some("MQTT v3.1"),
            4 => Some("MQTT v3.1.1"),
            5 => Some("MQTT v5.0"),
            _ => None,
        },
        "mqtt.property_id" => property(value),
        "websocket.opcode" => opcode(value),
        "tls.record.content_type" => content_type(value),
        "tls.handshake.type" => handshake(value),
        _ => {
            let packet = field.strip_prefix("mqtt.")?.strip_suffix(".reason_code")?;
            let packet = PacketType::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(packet))?;
            let code = ReasonCode(value);
            code.is_known(packet, Version::V5).then(|| code.name(packet, Version::V5))
        }
    }
}

fn property(id: u8) -> Option<&'static str> {
    Some(match id {
        0x01 => "Payload Format Indicator",
        // The draft's name, which Wireshark kept.
        0x02 => "Publication Expiry Interval",
        0x03 => "Content Type",
        0x08 => "Response Topic",
        0x09 => "Correlation Data",
        0x0b => "Subscription Identifier",
        0x11 => "Session Expiry Interval",
        0x12 => "Assigned Client Identifier",
        0x13 => "Server Keep Alive",
        0x15 => "Authentication Method",
        0x16 => "Authentication Data",
        0x17 => "Request Problem Information",
        0x18 => "Will Delay Interval",
        0x19 => "Request Response Information",
        0x1a => "Response Information",
        0x1c => "Server Reference",
        0x1f => "Reason String",
        0x21 => "Receive Maximum",
        0x22 => "Topic Alias Maximum",
        0x23 => "Topic Alias",
        0x24 => "Maximum QoS",
        0x25 => "Retain Available",
        0x26 => "User Property",
        0x27 => "Maximum Packet Size",
        0x28 => "Wildcard Subscription Available",
        0x29 => "Subscription Identifier Available",
        0x2a => "Shared Subscription Available",
        _ => return None,
    })
}

/// RFC 6455 §5.2.
fn opcode(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        0 => "Continuation",
        1 => "Text",
        2 => "Binary",
        8 => "Connection Close",
        9 => "Ping",
        10 => "Pong",
        _ => return None,
    })
}

/// RFC 8446 §B.1.
fn content_type(kind: u8) -> Option<&'static str> {
    Some(match kind {
        20 => "Change Cipher Spec",
        21 => "Alert",
        22 => "Handshake",
        23 => "Application Data",
        24 => "Heartbeat",
        _ => return None,
    })
}

/// RFC 8446 §B.3, RFC 5246 §7.4.
fn handshake(message: u8) -> Option<&'static str> {
    Some(match message {
        0 => "Hello Request",
        1 => "Client Hello",
        2 => "Server Hello",
        4 => "New Session Ticket",
        5 => "End of Early Data",
        8 => "Encrypted Extensions",
        11 => "Certificate",
        12 => "Server Key Exchange",
        13 => "Certificate Request",
        14 => "Server Hello Done",
        15 => "Certificate Verify",
        16 => "Client Key Exchange",
        20 => "Finished",
        22 => "Certificate Status",
        24 => "Key Update",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_that_wireshark_gives_them() {
        assert_eq!(value_name("mqtt.msgtype", 3), Some("Publish Message"));
        assert_eq!(value_name("mqtt.suback.qos", 128), Some("Failure"));
        assert_eq!(value_name("mqtt.puback.reason_code", 16), Some("No matching subscribers"));
        assert_eq!(value_name("mqtt.puback.reason_code", 17), None);
        assert_eq!(value_name("mqtt.kalive", 60), None);
        assert_eq!(value_name("websocket.opcode", 8), Some("Connection Close"));
        assert_eq!(value_name("websocket.opcode", 3), None);
        assert_eq!(value_name("tls.handshake.type", 1), Some("Client Hello"));
        assert_eq!(value_name("tls.record.content_type", 23), Some("Application Data"));
    }
}
