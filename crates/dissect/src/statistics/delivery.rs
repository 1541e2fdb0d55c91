//! Which captured message of a broker is which captured message of a client.
//!
//! A message with the stamp of a load run is known by it. Any other is known by its topic and payload, as far as that tells
//! one from another: of equal messages the latest is meant, provided that this receiver got all before it, or that there
//! was none before it. Where that does not hold nothing is guessed.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};

use mqscope_report::stamp::{self, Mark};
use mqscope_wire::Publish;
use rustc_hash::FxHashMap;

/// Messages that are kept in mind, and receipts of messages by receivers: about 50 MB of each at most.
const MOST: usize = 1 << 19;
/// A stamp that says it was sent so long before or after it was captured is none: of random bytes one in half a million
/// seems to be one, and is known by its first bytes then instead of by all.
const NEAR_NS: u64 = 1_000_000_000;

/// Messages on their way.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    hasher: RandomState,
    sent: Recent<Key, Sent>,
    /// The latest message of a key that a connection received, by its number.
    received: Recent<(Key, u32), u64>,
    /// Numbers messages from 1.
    serial: u64,
}

/// A stamp, or a hash of topic and payload.
type Key = u128;

/// A message on its way to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// When it was captured.
    pub(super) time: i64,
    /// Whether it matched the display filter.
    pub(super) asked: bool,
    stamped: bool,
    serial: u64,
    /// The number of the one before it with the same key; 0 if there is none.
    previous: u64,
}

/// Which message was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// The one with the same stamp.
    Stamped(Sent),
    /// The one with the same topic and payload.
    Alike(Sent),
    /// One of several that are equal, or one that was received before.
    Ambiguous(Sent),
    /// One that was not captured on its way to the broker.
    Unknown,
}

impl Deliveries {
    /// A client has sent a message.
    pub(super) fn sent(&mut self, topic: &[u8], publish: &Publish<'_>, time: i64, asked: bool) {
        let stamp = place(publish).filter(|place| place.is_stamp(time)).map(Place::key);
        let key = stamp.unwrap_or_else(|| self.content(topic, publish));
        let previous = self.sent.get(&key).map_or(0, |sent| sent.serial);
        // Sent again, it is still the same message.
        if publish.dup && previous > 0 {
            return;
        }
        self.serial += 1;
        let stamped = stamp.is_some();
        self.sent.put(key, Sent { time, asked, stamped, serial: self.serial, previous });
    }

    /// A broker has sent a message to the client of a connection.
    pub(super) fn received(&mut self, topic: &[u8], publish: &Publish<'_>, flow: u32) -> Delivery {
        let by_stamp = place(publish).map(Place::key);
        let by_stamp = by_stamp.filter(|key| self.sent.get(key).is_some_and(|sent| sent.stamped));
        let key = by_stamp.unwrap_or_else(|| self.content(topic, publish));
        let Some(&sent) = self.sent.get(&key) else { return Delivery::Unknown };
        let had = self.received.get(&(key, flow)).copied().unwrap_or(0);
        self.received.put((key, flow), sent.serial);
        match (sent.previous..sent.serial).contains(&had) {
            true if sent.stamped => Delivery::Stamped(sent),
            true => Delivery::Alike(sent),
            false => Delivery::Ambiguous(sent),
        }
    }

    fn content(&self, topic: &[u8], publish: &Publish<'_>) -> Key {
        self.hasher.hash_one((topic, publish.payload)).into()
    }
}

/// Where a stamp stands if there is one.
#[derive(Clone, Copy)]
enum Place {
    /// It is marked as one.
    Named([u8; stamp::LEN]),
    /// The beginning of the payload, whatever that is.
    Beginning([u8; stamp::LEN]),
}

impl Place {
    fn key(self) -> Key {
        let (Self::Named(bytes) | Self::Beginning(bytes)) = self;
        Key::from_be_bytes(bytes)
    }

    fn is_stamp(&self, time: i64) -> bool {
        match self {
            Self::Named(_) => true,
            Self::Beginning(bytes) => {
                let run = u16::from_be_bytes([bytes[0], bytes[1]]);
                Mark::from_bytes(bytes, run, time).is_some_and(|mark| {
                    (mark.intended_ns.saturating_add_unsigned(mark.lag_ns)).abs_diff(time) < NEAR_NS
                })
            }
        }
    }
}

fn place(publish: &Publish<'_>) -> Option<Place> {
    if let Some(rest) = publish.payload.strip_prefix(stamp::JSON_HEAD) {
        return stamp::bytes_of_hex(rest.get(..2 * stamp::LEN)?).map(Place::Named);
    }
    let mut user = publish.properties.user_properties();
    if let Some((_, value)) = user.find(|(name, _)| *name == stamp::NAME) {
        return stamp::bytes_of_hex(value.as_bytes()).map(Place::Named);
    }
    publish.payload.first_chunk().copied().map(Place::Beginning)
}

/// What was put in last, at most [`MOST`] entries.
#[derive(Debug)]
struct Recent<K, V> {
    values: FxHashMap<K, (V, u64)>,
    /// Keys in the order in which they were put in, with the number of that.
    order: VecDeque<(K, u64)>,
    puts: u64,
}

impl<K: Copy + Eq + std::hash::Hash, V> Recent<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(value, _)| value)
    }

    fn put(&mut self, key: K, value: V) {
        if self.order.len() == MOST
            && let Some((oldest, put)) = self.order.pop_front()
            && self.values.get(&oldest).is_some_and(|(_, last)| *last == put)
        {
            self.values.remove(&oldest);
        }
        self.puts += 1;
        self.values.insert(key, (value, self.puts));
        self.order.push_back((key, self.puts));
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { values: FxHashMap::default(), order: VecDeque::new(), puts: 0 }
    }
}

#[cfg(test)]
mod tests {
    use mqscope_wire::{Properties, QoS, Text};

    use super::*;

    const NOW: i64 = 1_700_000_000_000_000_000;

    fn publish(payload: &[u8]) -> Publish<'_> {
        Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: Text::from("t"),
            packet_id: None,
            properties: Properties::default(),
            payload,
        }
    }

    /// What becomes of messages: `s` is sent, digits are receivers; the number of those measured.
    fn measured(steps: &str) -> Vec<bool> {
        let mut deliveries = Deliveries::default();
        let mut measured = Vec::new();
        for (time, step) in steps.chars().enumerate() {
            match step.to_digit(10) {
                None => deliveries.sent(b"t", &publish(b"same"), time as i64, true),
                Some(flow) => {
                    let delivery = deliveries.received(b"t", &publish(b"same"), flow);
                    measured.push(matches!(delivery, Delivery::Alike(sent) if sent.time < time as i64));
                }
            }
        }
        measured
    }

    #[test]
    fn equal_messages_one_at_a_time_are_told_apart_for_each_receiver() {
        assert_eq!(measured("s12s12s21"), [true; 6]);
    }

    #[test]
    fn of_equal_messages_at_the_same_time_none_is_guessed() {
        assert_eq!(measured("ss11"), [false, false]);
        // One was lost: it is clear again from the next one on.
        assert_eq!(measured("s1ss1s1"), [true, false, true]);
    }

    #[test]
    fn who_comes_later_is_measured_from_the_second_on() {
        assert_eq!(measured("s1s12s12"), [true, true, false, true, true]);
    }

    #[test]
    fn what_is_received_twice_is_measured_once() {
        assert_eq!(measured("s11"), [true, false]);
    }

    #[test]
    fn a_message_of_another_topic_or_payload_is_another() {
        let mut deliveries = Deliveries::default();
        deliveries.sent(b"t", &publish(b"a"), 0, true);
        assert_eq!(deliveries.received(b"t", &publish(b"b"), 1), Delivery::Unknown);
        assert_eq!(deliveries.received(b"u", &publish(b"a"), 1), Delivery::Unknown);
    }

    #[test]
    fn a_message_sent_again_is_the_same() {
        let mut deliveries = Deliveries::default();
        deliveries.sent(b"t", &publish(b"a"), 1, true);
        deliveries.sent(b"t", &Publish { dup: true, ..publish(b"a") }, 2, true);
        let delivery = deliveries.received(b"t", &publish(b"a"), 1);
        assert!(matches!(delivery, Delivery::Alike(Sent { time: 1, .. })), "{delivery:?}");
    }

    #[test]
    fn a_stamp_is_recognised_wherever_a_load_run_puts_it() {
        let mark = Mark { run: 7, stream: 3, sequence: 9, intended_ns: NOW - 40_000, lag_ns: 20_000 };
        let prefix = [&mark.to_bytes()[..], b"filler"].concat();
        let mut json = b"{\"t\":20}".to_vec();
        mark.insert_json(&mut json, 0);
        let hex = mark.to_hex();
        let mut buffer = mqscope_wire::PropertiesBuf::new();
        let property = mqscope_wire::Property::UserProperty(Text::from(stamp::NAME), Text::from_bytes(&hex));
        buffer.push(property).unwrap();
        let with_property = Publish { properties: buffer.as_properties(), ..publish(b"x") };
        for message in [publish(&prefix), publish(&json), with_property] {
            let mut deliveries = Deliveries::default();
            deliveries.sent(b"t", &message, NOW, true);
            // Under another topic, as a bridge gives it.
            let delivery = deliveries.received(b"other", &message, 1);
            assert!(matches!(delivery, Delivery::Stamped(Sent { time: NOW, .. })), "{delivery:?}");
        }
    }

    #[test]
    fn sixteen_bytes_with_another_time_are_no_stamp() {
        let mark = Mark { run: 7, stream: 3, sequence: 9, intended_ns: NOW - 40_000_000_000, lag_ns: 0 };
        let payload = mark.to_bytes();
        let mut deliveries = Deliveries::default();
        deliveries.sent(b"t", &publish(&payload), NOW, true);
        assert!(matches!(deliveries.received(b"t", &publish(&payload), 1), Delivery::Alike(_)));
    }

    #[test]
    fn the_oldest_is_forgotten_where_there_are_too_many() {
        let mut recent = Recent::default();
        for key in 0..MOST as u64 {
            recent.put(key, key);
        }
        recent.put(0, 7);
        recent.put(u64::MAX, 0);
        assert_eq!((recent.get(&0), recent.get(&1), recent.get(&2)), (Some(&7), None, Some(&2)));
        assert!(recent.order.len() <= MOST && recent.values.len() <= MOST);
    }
}
