//! The facts of a packet that matter, in one line.

use std::fmt::Write as _;

use mqscope_wire::{
    Ack, Connect, Packet, PacketType, Properties, Property, Publish, QoS, ReasonCode, Version,
};

use crate::{Body, PacketView, annotate::Secrets, carrier, escape, payload::PayloadKind};

/// Characters of a payload that are shown.
const PAYLOAD_CHARS: usize = 60;
/// Characters of a topic, client identifier or property that are shown.
const TEXT_CHARS: usize = 80;
/// Bytes of a payload that is no text that are shown.
const PAYLOAD_BYTES: usize = 12;

/// Appends what the packet says, without its type: `fleet/7/data (q1, m12) 64 bytes {"t":20.5}`. It has no control
/// characters, and no secrets unless they are asked for.
pub fn push(view: &PacketView<'_>, secrets: Secrets, out: &mut String) {
    let start = out.len();
    match &view.body {
        Body::Packet(Ok(packet)) => push_packet(packet, view, secrets, out),
        Body::Carrier(message) => carrier::push_summary(view, *message, secrets, out),
        Body::Packet(Err(error)) => {
            let what = if view.is_cut() { "cut by the capture" } else { "malformed" };
            let _ = write!(out, "[{what}: {error}]");
        }
    }
    for finding in view.findings.iter() {
        separate(start, out);
        let _ = write!(out, "[{}]", finding.breach.text());
    }
}

fn push_packet(packet: &Packet<'_>, view: &PacketView<'_>, secrets: Secrets, out: &mut String) {
    let version = view.version();
    let start = out.len();
    match packet {
        Packet::Connect(connect) => push_connect(connect, secrets, out),
        Packet::ConnAck(ack) => {
            push_reason(ack.reason, PacketType::ConnAck, version, out);
            if ack.session_present {
                out.push_str(", session present");
            }
        }
        Packet::Publish(publish) => push_publish(publish, view, out),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            push_ack(ack, packet.packet_type(), version, out);
        }
        Packet::Subscribe(subscribe) => {
            let _ = write!(out, "(m{})", subscribe.packet_id.get());
            for subscription in subscribe.subscriptions.iter() {
                out.push(' ');
                push_text(subscription.filter.as_bytes(), out);
                let _ = write!(out, " (q{})", subscription.options.qos as u8);
            }
        }
        Packet::SubAck(ack) => {
            let _ = write!(out, "(m{})", ack.packet_id.get());
            for reason in ack.reasons.iter() {
                out.push(' ');
                push_reason(reason, PacketType::SubAck, version, out);
            }
        }
        Packet::Unsubscribe(unsubscribe) => {
            let _ = write!(out, "(m{})", unsubscribe.packet_id.get());
            for filter in unsubscribe.filters.iter() {
                out.push(' ');
                push_text(filter.as_bytes(), out);
            }
        }
        Packet::UnsubAck(ack) => {
            let _ = write!(out, "(m{})", ack.packet_id.get());
            for reason in ack.reasons.iter() {
                out.push(' ');
                push_reason(reason, PacketType::UnsubAck, version, out);
            }
        }
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(disconnect) if version == Version::V5 => {
            push_reason(disconnect.reason, PacketType::Disconnect, version, out);
        }
        Packet::Disconnect(_) => {}
        Packet::Auth(auth) => push_reason(auth.reason, PacketType::Auth, version, out),
    }
    push_properties(packet.properties(), start, out);
}

fn push_connect(connect: &Connect<'_>, secrets: Secrets, out: &mut String) {
    let (name, version) = match connect.version {
        Version::V31 => ("MQTT", "3.1"),
        Version::V311 => ("MQTT", "3.1.1"),
        Version::V5 => ("MQTT", "5"),
    };
    let _ = write!(out, "{name} {version}");
    if connect.bridge {
        out.push_str(" bridge");
    }
    if connect.client_id.is_empty() {
        out.push_str(", no client id");
    } else {
        out.push_str(", client ");
        push_text(connect.client_id.as_bytes(), out);
    }
    if let Some(username) = connect.username {
        out.push_str(", user ");
        push_text(username.as_bytes(), out);
    }
    if let Some(password) = connect.password {
        out.push_str(", password ");
        match secrets {
            Secrets::Redacted => out.push_str(crate::annotate::REDACTED),
            Secrets::Shown => push_text(password, out),
        }
    }
    let _ = write!(out, ", keep alive {} s", connect.keep_alive);
    if connect.clean_start {
        out.push_str(", clean");
    }
    if let Some(will) = &connect.will {
        out.push_str(", will ");
        push_text(will.topic.as_bytes(), out);
        let _ = write!(out, " (q{}{})", will.qos as u8, if will.retain { ", retain" } else { "" });
    }
}

fn push_publish(publish: &Publish<'_>, view: &PacketView<'_>, out: &mut String) {
    match view.topic {
        Some(topic) => push_text(topic, out),
        None => out.push_str("[unknown topic alias]"),
    }
    let _ = write!(out, " (q{}", publish.qos as u8);
    if let Some(id) = publish.packet_id.filter(|_| publish.qos != QoS::AtMostOnce) {
        let _ = write!(out, ", m{}", id.get());
    }
    if publish.dup {
        out.push_str(", dup");
    }
    if publish.retain {
        out.push_str(", retain");
    }
    let _ = write!(out, ") {} bytes", publish.payload.len());
    if publish.payload.is_empty() {
        return;
    }
    out.push(' ');
    if PayloadKind::of(publish.payload).is_readable() {
        out.push_str(&escape::excerpt(publish.payload, PAYLOAD_CHARS));
    } else {
        for byte in publish.payload.iter().take(PAYLOAD_BYTES) {
            let _ = write!(out, "{byte:02x}");
        }
        if publish.payload.len() > PAYLOAD_BYTES {
            out.push('…');
        }
    }
}

fn push_ack(ack: &Ack<'_>, kind: PacketType, version: Version, out: &mut String) {
    let _ = write!(out, "(m{})", ack.packet_id.get());
    if version == Version::V5 {
        out.push(' ');
        push_reason(ack.reason, kind, version, out);
    }
}

fn push_reason(reason: ReasonCode, kind: PacketType, version: Version, out: &mut String) {
    out.push_str(reason.name(kind, version));
    if reason.is_error(kind, version) {
        let _ = write!(out, " ({:#04x})", reason.0);
    }
}

/// Those properties that tell what happens; the others are in the tree.
fn push_properties(properties: Properties<'_>, start: usize, out: &mut String) {
    for property in properties.iter() {
        let (name, text) = match property {
            Property::TopicAlias(alias) => ("alias", alias.to_string()),
            Property::ContentType(text) => ("content type", escape::excerpt(text.as_bytes(), TEXT_CHARS)),
            Property::ResponseTopic(text) => ("response to", escape::excerpt(text.as_bytes(), TEXT_CHARS)),
            Property::ReasonString(text) => ("reason", escape::excerpt(text.as_bytes(), TEXT_CHARS)),
            Property::AssignedClientId(text) => {
                ("assigned client id", escape::excerpt(text.as_bytes(), TEXT_CHARS))
            }
            Property::ServerReference(text) => ("use server", escape::excerpt(text.as_bytes(), TEXT_CHARS)),
            Property::AuthenticationMethod(text) => ("method", escape::excerpt(text.as_bytes(), TEXT_CHARS)),
            Property::MessageExpiryInterval(seconds) => ("expires in", format!("{seconds} s")),
            Property::SessionExpiryInterval(seconds) => ("session expiry", format!("{seconds} s")),
            Property::SubscriptionIdentifier(id) => ("subscription", id.to_string()),
            Property::ReceiveMaximum(most) => ("receive maximum", most.to_string()),
            Property::UserProperty(name, value) => {
                separate(start, out);
                push_text(name.as_bytes(), out);
                out.push('=');
                push_text(value.as_bytes(), out);
                continue;
            }
            _ => continue,
        };
        separate(start, out);
        let _ = write!(out, "{name} {text}");
    }
}

fn push_text(bytes: &[u8], out: &mut String) {
    out.push_str(&escape::excerpt(bytes, TEXT_CHARS));
}

fn separate(start: usize, out: &mut String) {
    if out.len() > start {
        out.push_str(", ");
    }
}
