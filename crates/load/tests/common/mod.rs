//! A broker of a few lines with faults on order: what it does wrong is what the ledger must find.

#![allow(dead_code, reason = "each test program takes what it needs")]

pub(crate) mod listener;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mqscope_load::{Control, Finished, Overrides, Plan, Scenario};
use mqscope_report::Summary;
use mqscope_wire::{
    Ack, ConnAck, Packet, PacketId, Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode,
    ReasonCodes, Strict, SubAck, Version, decode, encode, frame,
};

use listener::Listener;

/// What goes wrong. Every n-th delivery is counted over the whole broker, from 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Lose every n-th delivery.
    pub(crate) lose: Option<u64>,
    /// Deliver every n-th twice.
    pub(crate) repeat: Option<u64>,
    /// Hold every n-th back until after the next one of the same subscriber.
    pub(crate) delay: Option<u64>,
    /// Deliver to those who did not ask, in place of those who did.
    pub(crate) astray: bool,
    /// Refuse every CONNECT with this code.
    pub(crate) refuse: Option<u8>,
    /// Refuse the first n CONNECTs as unavailable.
    pub(crate) refuse_first: u64,
    /// Do not answer every n-th CONNECT.
    pub(crate) ignore_connect: Option<u64>,
    /// Do not answer SUBSCRIBE.
    pub(crate) ignore_subscribe: bool,
    /// Grant this quality at most; 0x80 refuses.
    pub(crate) grant: Option<u8>,
    /// Close the publisher's connection at its n-th PUBLISH.
    pub(crate) close_after: Option<u64>,
    /// Stand still for this long at the n-th PUBLISH of all.
    pub(crate) stall: Option<(u64, Duration)>,
    /// Say nothing more from the n-th PUBLISH of all on, and deliver nothing.
    pub(crate) silent_from: Option<u64>,
    /// Deliver every n-th PUBLISH of all and do not answer it.
    pub(crate) ignore_publish: Option<u64>,
    /// Keep sessions, of publishers at least.
    pub(crate) keep_sessions: bool,
    /// Answer QoS 1 with this reason (5.0).
    pub(crate) puback: u8,
    /// Take so many messages at QoS 1 and 2 at once (5.0).
    pub(crate) receive_maximum: Option<u16>,
    /// Say this, whatever it is, after SUBACK.
    pub(crate) babble: &'static [u8],
}

pub(crate) struct Broker {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _listener: Listener,
}

struct State {
    faults: Faults,
    subscribers: Mutex<BTreeMap<u64, Subscriber>>,
    deliveries: AtomicU64,
    publishes: AtomicU64,
    turns: AtomicU64,
    clients: AtomicU64,
    /// Held while standing still, and shortly by everyone who goes on.
    gate: Mutex<()>,
    seen: Mutex<BTreeMap<String, u64>>,
    client_ids: Mutex<BTreeMap<u64, String>>,
    heard: Mutex<Vec<Heard>>,
    known: Mutex<BTreeSet<String>>,
}

/// A stamped message as a publisher sent it.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) client_id: String,
    pub(crate) topic: String,
    pub(crate) stream: u32,
    pub(crate) sequence: u32,
    /// The stamp's clock: 40 bits of the Unix clock's microseconds.
    pub(crate) intended_us: u64,
    /// What follows the stamp.
    pub(crate) rest: Vec<u8>,
}

struct Subscriber {
    socket: Arc<Mutex<TcpStream>>,
    version: Version,
    filters: Vec<(String, QoS)>,
    next_id: u16,
    held: Option<Vec<u8>>,
}

impl Broker {
    pub(crate) fn start(faults: Faults) -> Self {
        let state = Arc::new(State {
            faults,
            subscribers: Mutex::default(),
            deliveries: AtomicU64::new(0),
            publishes: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            clients: AtomicU64::new(0),
            gate: Mutex::new(()),
            seen: Mutex::default(),
            client_ids: Mutex::default(),
            heard: Mutex::default(),
            known: Mutex::default(),
        });
        let serving = state.clone();
        let listener = Listener::start(move |socket| serving.clone().serve(socket));
        Self { address: listener.address, state, _listener: listener }
    }

    /// How many packets of each type clients sent; PUBLISH packets with `DUP`; `DISCONNECT` with its reason;
    /// connections `from` an address.
    pub(crate) fn seen(&self, packet: &str) -> u64 {
        self.state.seen.lock().expect("not poisoned").get(packet).copied().unwrap_or(0)
    }

    /// Waits until it has seen so many: what clients sent last, its threads may still be reading.
    pub(crate) fn expect_seen(&self, packet: &str, count: u64) {
        let patience = Instant::now() + Duration::from_secs(20);
        while self.seen(packet) != count {
            assert!(Instant::now() < patience, "{} of {count} {packet}", self.seen(packet));
            thread::yield_now();
        }
    }

    /// The stamped messages that came since last asked.
    pub(crate) fn take_heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.state.heard.lock().expect("not poisoned"))
    }

    /// A scenario's plan against this broker.
    pub(crate) fn plan(&self, text: &str) -> Plan {
        let overrides =
            Overrides { broker: Some(format!("mqtt://{}", self.address)), ..Overrides::default() };
        match Scenario::parse("test.yaml", text, &overrides) {
            Ok(plan) => plan,
            Err(problems) => panic!("{problems}"),
        }
    }

    pub(crate) fn run(&self, text: &str) -> Finished {
        mqscope_load::run(self.plan(text), Control::default()).expect("runs")
    }
}

impl State {
    fn serve(self: Arc<Self>, mut socket: TcpStream) {
        let client = self.clients.fetch_add(1, Ordering::Relaxed);
        if let Ok(peer) = socket.peer_addr() {
            self.count(&format!("from {}", peer.ip()));
        }
        let _ = socket.set_nodelay(true);
        let writer = Arc::new(Mutex::new(socket.try_clone().expect("a second handle")));
        let (mut version, mut bytes, mut chunk) = (Version::V311, Vec::new(), [0; 16 << 10]);
        let mut published = 0;
        'connection: while let Ok(count @ 1..) = socket.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..count]);
            let mut at = 0;
            while let Ok(Some(frame)) = frame::next(&bytes[at..]) {
                if bytes.len() - at < frame.len() {
                    break;
                }
                let packet = decode(&bytes[at..], version, &mut Strict).expect("clients keep the rules");
                if let Packet::Connect(connect) = &packet {
                    version = connect.version;
                }
                if let Packet::Publish(_) = packet {
                    published += 1;
                    if self.faults.close_after == Some(published) {
                        break 'connection;
                    }
                }
                if !self.hear(client, packet, version, &writer) {
                    break 'connection;
                }
                at += frame.len();
            }
            bytes.drain(..at);
        }
        self.subscribers.lock().expect("not poisoned").remove(&client);
        let _ = socket.shutdown(Shutdown::Both);
    }

    /// Counts one more; how many there are now.
    fn count(&self, what: &str) -> u64 {
        let mut seen = self.seen.lock().expect("not poisoned");
        let count = seen.entry(what.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Answers a packet; whether to go on.
    fn hear(
        &self,
        client: u64,
        packet: Packet<'_>,
        version: Version,
        writer: &Arc<Mutex<TcpStream>>,
    ) -> bool {
        let number = self.count(&packet.packet_type().to_string());
        let say = |packet: Packet<'_>| send(&mut writer.lock().expect("not poisoned"), &packet, version);
        match packet {
            Packet::Connect(connect) => {
                let id = connect.client_id.to_string();
                self.client_ids.lock().expect("not poisoned").insert(client, id.clone());
                if self.faults.ignore_connect.is_some_and(|every| number.is_multiple_of(every)) {
                    return true;
                }
                let new = self.known.lock().expect("not poisoned").insert(id);
                let session_present = self.faults.keep_sessions && !connect.clean_start && !new;
                let unavailable = (number <= self.faults.refuse_first).then_some(3);
                let reason = ReasonCode(self.faults.refuse.or(unavailable).unwrap_or(0));
                let mut properties = PropertiesBuf::new();
                if let Some(most) = self.faults.receive_maximum {
                    properties.push(Property::ReceiveMaximum(most)).expect("encodes");
                }
                let properties = properties.as_properties();
                say(Packet::ConnAck(ConnAck { session_present, reason, properties }));
                reason == ReasonCode::SUCCESS
            }
            Packet::Subscribe(subscribe) => {
                if self.faults.ignore_subscribe {
                    return true;
                }
                let wanted: Vec<_> = subscribe.subscriptions.iter().collect();
                let grant = |wanted: QoS| {
                    self.faults.grant.map_or(wanted as u8, |most| most.max(0x7f & most.min(wanted as u8)))
                };
                let granted: Vec<u8> = wanted
                    .iter()
                    .map(|s| if self.faults.grant == Some(0x80) { 0x80 } else { grant(s.options.qos) })
                    .collect();
                let filters = wanted
                    .iter()
                    .zip(&granted)
                    .map(|(s, granted)| (s.filter.to_string(), QoS::from_bits(*granted)));
                let subscriber = Subscriber {
                    socket: writer.clone(),
                    version,
                    filters: filters.collect(),
                    next_id: 1,
                    held: None,
                };
                self.subscribers.lock().expect("not poisoned").insert(client, subscriber);
                let (packet_id, properties) = (subscribe.packet_id, Properties::EMPTY);
                say(Packet::SubAck(SubAck {
                    packet_id,
                    properties,
                    reasons: ReasonCodes::from_bytes(&granted),
                }));
                let _ = writer.lock().expect("not poisoned").write_all(self.faults.babble);
                true
            }
            Packet::Publish(publish) => {
                if publish.dup {
                    self.count("DUP");
                }
                let number = self.pass_the_gate();
                self.note(client, &publish);
                if self.faults.silent_from.is_some_and(|from| number >= from) {
                    return true;
                }
                self.deliver(&publish);
                if self.faults.ignore_publish.is_some_and(|every| number.is_multiple_of(every)) {
                    return true;
                }
                match (publish.qos, publish.packet_id) {
                    (QoS::AtLeastOnce, Some(id)) => {
                        say(Packet::PubAck(Ack {
                            reason: ReasonCode(self.faults.puback),
                            ..Ack::success(id)
                        }));
                    }
                    (QoS::ExactlyOnce, Some(id)) => say(Packet::PubRec(Ack::success(id))),
                    _ => {}
                }
                true
            }
            Packet::PubRel(ack) => {
                say(Packet::PubComp(Ack::success(ack.packet_id)));
                true
            }
            Packet::PubRec(ack) => {
                say(Packet::PubRel(Ack::success(ack.packet_id)));
                true
            }
            Packet::PingReq => {
                say(Packet::PingResp);
                true
            }
            Packet::Disconnect(disconnect) => {
                self.count(&format!("DISCONNECT {:#04x}", disconnect.reason.0));
                false
            }
            _ => true,
        }
    }

    fn note(&self, client: u64, publish: &Publish<'_>) {
        let Some((stamp, rest)) = stamp_of(publish.payload) else { return };
        let heard = Heard {
            client_id: self.client_ids.lock().expect("not poisoned")[&client].clone(),
            topic: publish.topic.to_string(),
            stream: (stamp >> 84) as u32 & 0x0fff_ffff,
            sequence: (stamp >> 52) as u32,
            intended_us: (stamp >> 12) as u64 & 0xff_ffff_ffff,
            rest: rest.to_vec(),
        };
        self.heard.lock().expect("not poisoned").push(heard);
    }

    /// Stands still at the n-th message, and everyone with it. Which message it is, from 1.
    fn pass_the_gate(&self) -> u64 {
        let count = self.publishes.fetch_add(1, Ordering::Relaxed) + 1;
        let _closed = self.gate.lock().expect("not poisoned");
        if let Some((at, pause)) = self.faults.stall
            && at == count
        {
            thread::sleep(pause);
        }
        count
    }

    fn deliver(&self, publish: &Publish<'_>) {
        let topic = publish.topic.to_string();
        let mut subscribers = self.subscribers.lock().expect("not poisoned");
        let mut shares: BTreeMap<String, Vec<(u64, QoS)>> = BTreeMap::new();
        for (client, subscriber) in subscribers.iter_mut() {
            // One copy for each filter that matches, as the specification allows.
            for index in 0..subscriber.filters.len() {
                let (filter, granted) = subscriber.filters[index].clone();
                match filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/')) {
                    Some((_, shared)) if matches(shared, &topic) => {
                        shares.entry(filter).or_default().push((*client, granted));
                    }
                    None if matches(&filter, &topic) != self.faults.astray => {
                        self.deliver_to(subscriber, publish, granted)
                    }
                    _ => {}
                }
            }
        }
        // One member of each share after another.
        for members in shares.values() {
            let turn = self.turns.fetch_add(1, Ordering::Relaxed) as usize;
            let (client, granted) = members[turn % members.len()];
            if let Some(subscriber) = subscribers.get_mut(&client) {
                self.deliver_to(subscriber, publish, granted);
            }
        }
    }

    fn deliver_to(&self, subscriber: &mut Subscriber, publish: &Publish<'_>, granted: QoS) {
        let qos = publish.qos.min(granted);
        let nth = self.deliveries.fetch_add(1, Ordering::Relaxed) + 1;
        let hits = |every: Option<u64>| every.is_some_and(|every| nth.is_multiple_of(every));
        if hits(self.faults.lose) {
            return;
        }
        let copies = if hits(self.faults.repeat) { 2 } else { 1 };
        let mut bytes = Vec::new();
        for _ in 0..copies {
            let packet_id = if qos == QoS::AtMostOnce { None } else { PacketId::new(subscriber.next_id) };
            subscriber.next_id = subscriber.next_id.checked_add(1).unwrap_or(1);
            let copy = Publish { qos, packet_id, dup: false, ..*publish };
            let copy = match subscriber.version {
                Version::V5 => copy,
                _ => Publish { properties: Properties::EMPTY, ..copy },
            };
            encode(&Packet::Publish(copy), subscriber.version, &mut bytes).expect("encodes");
        }
        if hits(self.faults.delay) && subscriber.held.is_none() {
            subscriber.held = Some(bytes);
            return;
        }
        bytes.extend(subscriber.held.take().unwrap_or_default());
        let _ = subscriber.socket.lock().expect("not poisoned").write_all(&bytes);
    }
}

/// The stamp, in either of a payload's two forms, and what follows it.
fn stamp_of(payload: &[u8]) -> Option<(u128, &[u8])> {
    if let Some(json) = payload.strip_prefix(b"{\"mqscope\":\"") {
        let digits = std::str::from_utf8(json.get(..32)?).ok()?;
        return Some((u128::from_str_radix(digits, 16).ok()?, &json[32..]));
    }
    let (stamp, rest) = payload.split_first_chunk()?;
    Some((u128::from_be_bytes(*stamp), rest))
}

fn send(socket: &mut TcpStream, packet: &Packet<'_>, version: Version) {
    let mut bytes = Vec::new();
    encode(packet, version, &mut bytes).expect("encodes");
    let _ = socket.write_all(&bytes);
}

fn matches(filter: &str, topic: &str) -> bool {
    let (mut wanted, mut levels) = (filter.split('/'), topic.split('/'));
    loop {
        match (wanted.next(), levels.next()) {
            (Some("#"), _) => return true,
            (Some("+"), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// The sum of a counter over all its tags, or over those that have `tag`.
pub(crate) fn count(finished: &Finished, name: &str, tag: Option<(&str, &str)>) -> u64 {
    let counters = finished.summary.results.counters.iter();
    counters
        .filter(|counter| counter.name == name)
        .filter(|counter| tag.is_none_or(|(key, value)| counter.tags.value(key) == Some(value)))
        .map(|counter| counter.count)
        .sum()
}

/// The sum of a counter over all its tags.
pub(crate) fn total(summary: &Summary, name: &str) -> u64 {
    summary.results.counters.iter().filter(|counter| counter.name == name).map(|counter| counter.count).sum()
}

/// Samples of a latency, over all its tags.
pub(crate) fn samples(finished: &Finished, name: &str) -> u64 {
    let latencies = finished.summary.results.latencies.iter();
    latencies.filter(|latency| latency.name == name).map(|latency| latency.response.count).sum()
}
