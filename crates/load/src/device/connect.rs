//! From no connection to one that MQTT may pass: TCP, TLS, WebSocket, and back to it when it was lost.

use std::time::Duration;

use mio::{Interest, Token};
use rand::RngExt as _;

use super::hello::since;
use super::{Device, Link};
use crate::metrics::Cell;
use crate::scenario::{Moment, Pick};
use crate::session::Nanos;
use crate::tools::Tools;
use crate::topics::device_random;
use crate::transport::{Ask, Stage, Step, Transport, Trouble, WebSocket};

/// Tells the random values in headers from a device's other ones, and its waits.
const HEADERS: u64 = 6;
const WAITS: u64 = 7;

impl Device {
    /// The intended instant has come.
    pub(super) fn open(&mut self, now: Nanos, tools: &mut Tools) {
        let retries = u64::from(self.retries > 0);
        if let Some((recorder, cell)) = tools.metrics(self.intended, usize::from(self.group)) {
            recorder.count(cell.connect_attempts, 1);
            recorder.count(cell.reconnects, retries);
        }
        self.failovers = 0;
        self.call(tools);
        self.dial(now, tools);
    }

    /// Begins the connection to the device's broker.
    pub(super) fn dial(&mut self, now: Nanos, tools: &mut Tools) {
        (self.began, self.stepped) = (now, now);
        match self.begin(tools) {
            Ok(transport) => {
                self.link = Link::Open(transport);
                tools.counts.opening += 1;
            }
            Err(trouble) => self.fail(trouble.to_string(), tools),
        }
    }

    fn begin(&self, tools: &mut Tools) -> Result<Transport, Trouble> {
        let shared = &tools.shared;
        let broker = self.broker as usize;
        let address = shared.brokers[broker];
        let source = shared.sources.of(self.number, address);
        let tls = match &shared.security {
            Some(security) => security.connection(self.number, broker)?,
            None => None,
        };
        let is_websocket = shared.plan.target.brokers[broker].scheme.is_websocket();
        let websocket = is_websocket.then(|| WebSocket::new(tools.outbound.nonce()));
        let mut transport = Transport::open(address, source, tls, websocket)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        tools.registry.register(transport.source(), Token(self.slot as usize), interest)?;
        Ok(transport)
    }

    /// Goes on towards a connection as far as the socket lets it, and says hello when there is one.
    pub(super) fn advance(&mut self, tools: &mut Tools) {
        let shared = tools.shared.clone();
        let settings = &shared.plan.target.websocket;
        let subprotocol = settings.subprotocol.as_deref();
        let judged = Ask { subprotocol, deflate: settings.deflate, ..Ask::default() };
        while let Link::Open(transport) = &mut self.link {
            match transport.advance(&judged, &mut tools.inbound, &mut tools.outbound) {
                Ok(Some(step)) => self.advanced(step, tools),
                Ok(None) => break,
                Err(trouble) => self.fail(trouble.to_string(), tools),
            }
        }
    }

    /// A step is done: measures it, and begins the next.
    fn advanced(&mut self, step: Step, tools: &mut Tools) {
        let ended = match step {
            Step::Connected { took: Some(took) } => self.stepped + took.as_nanos() as Nanos,
            Step::Connected { took: None } => tools.now(),
            Step::Secured { arrival, .. } | Step::Upgraded { arrival, .. } => tools.arrived(arrival),
        };
        let took = since(self.stepped, ended);
        let from_intended = since(self.intended, ended);
        if let Some((recorder, cell)) = tools.metrics(self.intended, usize::from(self.group)) {
            let Cell { tcp_connect, transport, .. } = cell;
            match step {
                Step::Connected { .. } => recorder.response_and_service(*tcp_connect, from_intended, took),
                Step::Secured { resumed, .. } => {
                    let tls = transport.tls.iter();
                    tls.for_each(|tls| {
                        recorder.response_and_service(tls.handshake, took, took);
                        recorder.count(tls.resumed, u64::from(resumed));
                    });
                }
                Step::Upgraded { .. } => {
                    let websocket = transport.websocket.iter();
                    websocket.for_each(|ws| recorder.response_and_service(ws.upgrade, took, took));
                }
            }
        }
        // The next step begins with what is written now.
        let now = tools.now();
        self.stepped = now;
        if let Step::Upgraded { plain: true, .. } = step {
            tools.reason("the broker declined to compress (target.websocket.deflate)".to_owned());
        }
        let Link::Open(transport) = &self.link else { return };
        match transport.stage() {
            Stage::Upgrading => self.ask_for_websocket(now, tools),
            Stage::Ready => match self.say_hello(now, tools) {
                Ok(()) => self.flush(tools),
                Err(error) => self.fail(error.to_string(), tools),
            },
            Stage::Connecting | Stage::Securing => {}
        }
    }

    fn ask_for_websocket(&mut self, now: Nanos, tools: &mut Tools) {
        let shared = tools.shared.clone();
        let target = &shared.plan.target;
        let broker = &target.brokers[self.broker as usize];
        let now_ns = shared.clock.unix(now);
        let mut moment = Moment {
            client_id: &self.client_id,
            i: self.i,
            group: &shared.plan.groups[usize::from(self.group)].name,
            seq: 0,
            now_ns,
            random: device_random(shared.plan.seed, self.number, HEADERS),
        };
        let headers = &target.websocket.headers;
        let values: Vec<String> = headers.iter().map(|(_, value)| value.to_text(&mut moment)).collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().zip(&values).map(|((name, _), value)| (name.as_str(), value.as_str())).collect();
        let ask = Ask {
            host: &broker.authority(),
            path: &broker.path,
            subprotocol: target.websocket.subprotocol.as_deref(),
            headers: &headers,
            deflate: target.websocket.deflate,
        };
        let Link::Open(transport) = &mut self.link else { return };
        match transport.upgrade(&ask, &mut tools.outbound) {
            Ok(written) => self.count_sent(written, tools),
            Err(trouble) => self.fail(trouble.to_string(), tools),
        }
    }

    /// Whether the device goes on to the next broker, this one having failed it.
    pub(super) fn fails_over(&mut self, reason: &str, tools: &mut Tools) -> bool {
        let shared = tools.shared.clone();
        let target = &shared.plan.target;
        if target.pick != Pick::Failover || usize::from(self.failovers) + 1 >= target.brokers.len() {
            return false;
        }
        tools.reason(format!("failed over from {}: {reason}", target.brokers[self.broker as usize].url));
        if let Some((recorder, cell)) = tools.metrics(self.intended, usize::from(self.group)) {
            recorder.count(cell.failovers, 1);
        }
        tools.counts.opening -= u64::from(matches!(self.link, Link::Open(_)));
        self.failovers += 1;
        self.broker = (self.broker + 1) % target.brokers.len() as u32;
        self.session.pause();
        self.partial = Vec::new();
        self.link = Link::Elsewhere;
        true
    }

    /// Has the lost or failed connection made again after a wait, if the group asks for it.
    pub(super) fn retry(&mut self, tools: &mut Tools) -> bool {
        let Some(reconnect) = &self.of(tools).reconnect else { return false };
        let seed = tools.shared.plan.seed;
        let random = &mut device_random(seed, self.number, WAITS | u64::from(self.retried) << 48);
        let wait: Duration = reconnect.wait(self.retries, || random.random());
        self.retries = self.retries.saturating_add(1);
        self.retried = self.retried.wrapping_add(1);
        self.intended = tools.now() + wait.as_nanos() as Nanos;
        self.link = Link::Waiting;
        true
    }
}
