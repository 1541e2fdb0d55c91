//! Frames of WebSocket: what their headers say, and control frames whole (RFC 6455 §5).

use mqscope_websocket::{Close, Header, Opcode, apply_mask};

use super::{Fact, FactValue};

/// What a frame's header says.
pub(super) fn header(bytes: &[u8]) -> Vec<Fact> {
    let Some(header) = Header::parse(bytes) else { return Vec::new() };
    let boolean =
        |label, field, set, mask| Fact::new(label, field, FactValue::Boolean(set)).at(0, 1).bits(mask);
    let reserved = u8::from(header.rsv1) << 2 | u8::from(header.rsv2) << 1 | u8::from(header.rsv3);
    let compressed = if header.rsv1 { "compressed" } else { "" };
    let header_len = usize::from(header.header_len);
    let key_len = if header.mask.is_some() { 4 } else { 0 };
    let mut facts = vec![
        boolean("Fin", "websocket.fin", header.fin, 0x80),
        Fact::number("Reserved", "websocket.rsv", reserved, compressed).at(0, 1).bits(0x70),
        Fact::number("Opcode", "websocket.opcode", header.opcode.number(), header.opcode.name())
            .at(0, 1)
            .bits(0x0f),
        Fact::new("Mask", "websocket.mask", FactValue::Boolean(header.mask.is_some())).at(1, 1).bits(0x80),
        Fact::number("Payload Length", "websocket.payload_length", header.payload_len, "")
            .at(1, header_len - key_len - 1)
            .bits(if header_len - key_len == 2 { 0x7f } else { 0xff }),
    ];
    if let Some(key) = header.mask {
        let key = u32::from_be_bytes(key);
        let fact = Fact::number("Masking Key", "websocket.masking_key", key, "");
        facts.push(fact.at(header_len - 4, 4));
    }
    facts
}

/// A control frame: its header, and what it says.
pub(super) fn control(bytes: &[u8]) -> Vec<Fact> {
    let mut facts = header(bytes);
    let Some(header) = Header::parse(bytes) else { return facts };
    let start = usize::from(header.header_len);
    let mut payload = bytes.get(start..).unwrap_or_default().to_vec();
    payload.truncate(usize::try_from(header.payload_len).unwrap_or(usize::MAX));
    if let Some(key) = header.mask {
        apply_mask(&mut payload, key, 0);
    }
    if payload.is_empty() {
        return facts;
    }
    if header.opcode == Opcode::Close
        && let Some(close) = Close::parse(&payload)
    {
        let code = Fact::number(
            "Status Code",
            "websocket.payload.close.status_code",
            close.code.0,
            close.code.name(),
        );
        facts.push(code.at(start, 2));
        if !close.reason.is_empty() {
            let reason = Fact::text("Reason", "websocket.payload.close.reason", close.reason);
            facts.push(reason.at(start + 2, close.reason.len()));
        }
        return facts;
    }
    let len = payload.len();
    facts.push(Fact::text("Payload", "websocket.payload", payload).at(start, len));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::annotate::Secrets;

    #[test]
    fn a_masked_close_says_why() {
        let mut frame = vec![0x88, 0x84, 1, 2, 3, 4];
        let mut payload = *b"\x03\xeaok";
        apply_mask(&mut payload, [1, 2, 3, 4], 0);
        frame.extend_from_slice(&payload);
        let facts = control(&frame);
        let shown: Vec<String> = facts.iter().map(|fact| fact.shown(Secrets::Redacted)).collect();
        assert_eq!(
            shown,
            ["1", "0x0", "Connection Close (8)", "1", "4", "0x01020304", "Protocol error (1002)", "ok"]
        );
        for len in 0..frame.len() {
            let _ = control(&frame[..len]);
        }
    }
}
