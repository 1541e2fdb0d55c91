//! `mqtt.topic_filter("a/+/b")`: does a topic match an MQTT topic filter?

use super::error::FilterErrorKind as Kind;

/// A topic filter, checked (MQTT 5.0 §4.7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopicFilter(Box<[u8]>);

impl TopicFilter {
    /// # Errors
    /// A wildcard does not stand alone in its level, `#` is not last, or the filter is empty.
    pub(super) fn parse(filter: &[u8]) -> Result<TopicFilter, Kind> {
        let filter = match filter.strip_prefix(b"$share/") {
            // A shared subscription's filter follows its group.
            Some(shared) => {
                let group = shared.iter().position(|b| *b == b'/');
                &shared[group.ok_or(Kind::TopicFilter("after $share/ come a group, / and a filter"))? + 1..]
            }
            None => filter,
        };
        if filter.is_empty() {
            return Err(Kind::TopicFilter("it is empty"));
        }
        let mut levels = filter.split(|b| *b == b'/').peekable();
        while let Some(level) = levels.next() {
            if level.len() > 1 && level.iter().any(|b| matches!(b, b'+' | b'#')) {
                return Err(Kind::TopicFilter("+ and # stand alone in their level"));
            }
            if level == b"#" && levels.peek().is_some() {
                return Err(Kind::TopicFilter("# is the last level"));
            }
        }
        Ok(TopicFilter(filter.into()))
    }

    /// A wildcard in the first level does not match a topic that begins with `$` (MQTT 5.0 §4.7.2).
    pub(super) fn matches(&self, topic: &[u8]) -> bool {
        if topic.first() == Some(&b'$') && matches!(self.0[0], b'+' | b'#') {
            return false;
        }
        let mut topic = topic.split(|b| *b == b'/');
        for level in self.0.split(|b| *b == b'/') {
            match (level, topic.next()) {
                (b"#", _) => return true,
                (_, None) => return false,
                (b"+", Some(_)) => {}
                (level, Some(part)) if level == part => {}
                _ => return false,
            }
        }
        topic.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_match_as_the_specification_says() {
        let cases = [
            ("sport/tennis/#", "sport/tennis", true),
            ("sport/tennis/#", "sport/tennis/a/b", true),
            ("sport/tennis/#", "sport/tennisx", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("sport/+", "sport/a/b", false),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("a/b", "a/b", true),
            ("a/b", "a/B", false),
            ("$share/g/a/+", "a/b", true),
        ];
        for (filter, topic, expected) in cases {
            let parsed = TopicFilter::parse(filter.as_bytes()).expect(filter);
            assert_eq!(parsed.matches(topic.as_bytes()), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn misplaced_wildcards_are_refused() {
        for filter in ["", "a/#/b", "a+", "#a", "a/b#", "$share/g", "$share/g/"] {
            assert!(TopicFilter::parse(filter.as_bytes()).is_err(), "{filter}");
        }
    }
}
