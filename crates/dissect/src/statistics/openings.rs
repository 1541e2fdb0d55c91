//! How long it takes to open the layers between TCP and MQTT.

use mqscope_report::LatencyId;
use rustc_hash::FxHashMap;

use super::metrics::Metrics;
use crate::{Body, CarrierMessage, PacketView, Side};

/// Connections that are being opened at a time and are kept in mind.
const MOST: usize = 1 << 18;

/// What was said last on connections that are being opened.
#[derive(Debug, Default)]
pub(super) struct Openings {
    flows: FxHashMap<u32, Opening>,
}

#[derive(Debug, Default)]
struct Opening {
    hello: Option<Said>,
    request: Option<Said>,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    time: i64,
    /// Whether it matched the display filter.
    asked: bool,
}

impl Openings {
    /// Takes the next packet or carrier's message; what it completes, with its time in nanoseconds.
    #[inline]
    pub(super) fn see(
        &mut self,
        packet: &PacketView<'_>,
        asked: bool,
        metrics: &Metrics,
    ) -> Option<(LatencyId, i64)> {
        let flow = packet.flow.number;
        let now = Said { time: packet.time(), asked };
        let done =
            |metric, from: Said| (from.asked || asked).then(|| (metric, now.time.saturating_sub(from.time)));
        match packet.body {
            Body::Packet(_) if self.flows.is_empty() => None,
            Body::Packet(_) if packet.side == Side::Client => {
                done(metrics.tls_handshake, self.flows.remove(&flow)?.hello?)
            }
            Body::Packet(_) => None,
            Body::Carrier(message) if super::is_opening(message) => {
                if self.flows.len() >= MOST && !self.flows.contains_key(&flow) {
                    return None;
                }
                let opening = self.flows.entry(flow).or_default();
                match message {
                    CarrierMessage::ClientHello => {
                        // The second one answers a HelloRetryRequest: the handshake began with the first.
                        opening.hello.get_or_insert(now);
                        None
                    }
                    CarrierMessage::HttpRequest => {
                        opening.request = Some(now);
                        done(metrics.tls_handshake, opening.hello.take()?)
                    }
                    _ => {
                        let request = opening.request.take()?;
                        // `HTTP/1.1 101`: Switching Protocols, RFC 9110 §15.2.2.
                        let accepted = packet.bytes.get(9..12) == Some(b"101");
                        accepted.then(|| done(metrics.ws_upgrade, request)).flatten()
                    }
                }
            }
            Body::Carrier(_) => None,
        }
    }
}
