//! Looking for a text in what packets say, whatever its case.

use mqscope_wire::{Field, Packet};
use regex::bytes::{Regex, RegexBuilder};

use crate::PacketView;

/// The longest text that is looked for, in bytes.
const LONGEST: usize = 4096;

/// A text that is looked for, in topics, topic filters, client identifiers and payloads.
#[derive(Clone, Debug)]
pub struct Search {
    text: String,
    pattern: Regex,
}

impl Search {
    /// A search for a text; `None` if there is none, or it has more than 4,096 bytes.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let pattern = RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build().ok()?;
        Some(Self { text: text.to_owned(), pattern })
    }

    /// What is looked for.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text stands in these bytes.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.pattern.is_match(bytes)
    }

    /// The first place of the packet where the text stands: the label of that line of its
    /// [`Outline`](crate::outline::Outline).
    pub fn find(&self, packet: &PacketView<'_>) -> Option<&'static str> {
        let is_in = |bytes: &[u8]| self.is_in(bytes);
        let field = match packet.packet() {
            Some(Packet::Publish(publish)) => {
                if packet.topic.is_some_and(is_in) {
                    return Some(if publish.topic.is_empty() { ALIASED_TOPIC } else { Field::Topic.label() });
                }
                is_in(publish.payload).then_some(Field::Payload)
            }
            Some(Packet::Connect(connect)) => {
                let will = connect.will.as_ref();
                if is_in(connect.client_id.as_bytes()) {
                    Some(Field::ClientId)
                } else if will.is_some_and(|will| is_in(will.topic.as_bytes())) {
                    Some(Field::WillTopic)
                } else {
                    will.is_some_and(|will| is_in(will.payload)).then_some(Field::WillPayload)
                }
            }
            Some(Packet::Subscribe(subscribe)) => subscribe
                .subscriptions
                .iter()
                .any(|subscription| is_in(subscription.filter.as_bytes()))
                .then_some(Field::TopicFilter),
            Some(Packet::Unsubscribe(unsubscribe)) => unsubscribe
                .filters
                .iter()
                .any(|filter| is_in(filter.as_bytes()))
                .then_some(Field::TopicFilter),
            _ => None,
        };
        let client = || packet.flow.client_id().is_some_and(is_in).then_some(CLIENT);
        field.map(Field::label).or_else(client)
    }
}

/// The label of the topic that an alias stands for.
pub(crate) const ALIASED_TOPIC: &str = "Topic of the alias";
/// The label of the client whose session a packet is part of.
pub(crate) const CLIENT: &str = "Client";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_nothing_is_a_pattern() {
        let search = Search::new("Été.*").expect("a text");
        assert!(search.is_in("l'été.* 2026".as_bytes()));
        assert!(!search.is_in("l'été 2026".as_bytes()));
        assert!(search.is_in(b"\xff\x00\xc3\x89T\xc3\x89.*"));
    }

    #[test]
    fn there_is_no_search_for_nothing_or_for_a_book() {
        assert!(Search::new("").is_none());
        assert!(Search::new(&"x".repeat(LONGEST + 1)).is_none());
        assert!(
            Search::new(&"\u{1e9e}".repeat(LONGEST / 3)).is_some(),
            "the longest text is one that can be found"
        );
    }
}
