//! `mqtt.json("$.a.b[0]")`: a path into a JSON payload.
//!
//! A small part of JSONPath (RFC 9535): `$` is the whole payload, `.name` and `["name"]` a member, `[0]` an element,
//! `.*` and `[*]` every member or element. The payload is walked once more for each question; nothing is built.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::FilterErrorKind as Kind;
use super::value::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
    Every,
}

impl Path {
    /// # Errors
    /// The text is no path.
    pub(super) fn parse(text: &str) -> Result<Path, Kind> {
        let mut rest = text.trim().strip_prefix('$').ok_or(Kind::Path("it begins with $, the payload"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest)?;
            steps.push(step);
            rest = after;
        }
        Ok(Path(steps))
    }

    /// Gives `each` the values the path leads to; none if the payload is not JSON.
    pub(super) fn values(&self, payload: &[u8], each: &mut dyn FnMut(Value<'_>)) {
        // Most payloads that are no JSON show it in their first byte.
        let first = payload.iter().find(|b| !b.is_ascii_whitespace());
        let is_container = matches!(first, Some(b'{' | b'['));
        if first.is_none() || (!is_container && !self.0.is_empty()) {
            return;
        }
        if serde_json::from_slice::<IgnoredAny>(payload).is_err() {
            return;
        }
        let mut json = serde_json::Deserializer::from_slice(payload);
        // It is JSON, as was just found out; what is too deep for the walk has no values.
        let _ = Walk { steps: &self.0, each }.deserialize(&mut json);
    }
}

fn step(text: &str) -> Result<(Step, &str), Kind> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        return match name {
            "" => Err(Kind::Path("a name follows each .")),
            "*" => Ok((Step::Every, after)),
            name => Ok((Step::Member(name.to_owned()), after)),
        };
    }
    let rest = text.strip_prefix('[').ok_or(Kind::Path("a step begins with . or ["))?;
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let (name, after) = rest[1..].split_once(quote).ok_or(Kind::Path("a quote is missing"))?;
        let after = after.strip_prefix(']').ok_or(Kind::Path("a ] is missing"))?;
        return Ok((Step::Member(name.to_owned()), after));
    }
    let (index, after) = rest.split_once(']').ok_or(Kind::Path("a ] is missing"))?;
    match index.trim() {
        "*" => Ok((Step::Every, after)),
        index => index
            .parse()
            .map(|index| (Step::Element(index), after))
            .map_err(|_| Kind::Path("between [ and ] stands a number from 0, a quoted name, or *")),
    }
}

/// Walks what is left of a path.
struct Walk<'p, 'f> {
    steps: &'p [Step],
    each: &'f mut dyn FnMut(Value<'_>),
}

impl Walk<'_, '_> {
    fn leaf(self, value: Value<'_>) {
        if self.steps.is_empty() {
            (self.each)(value);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.leaf(Value::Boolean(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.leaf(Value::Number(value.into()));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.leaf(Value::Number(value.into()));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.leaf(Value::Float(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.leaf(Value::Text(value.as_bytes()));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.leaf(Value::Null);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (first, rest) = match self.steps.split_first() {
            Some((first, rest)) => (Some(first), rest),
            None => {
                (self.each)(Value::Present);
                (None, self.steps)
            }
        };
        while let Some(chosen) = map.next_key_seed(IsChosen(first))? {
            if chosen {
                map.next_value_seed(Walk { steps: rest, each: &mut *self.each })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let (first, rest) = match self.steps.split_first() {
            Some((first, rest)) => (Some(first), rest),
            None => {
                (self.each)(Value::Present);
                (None, self.steps)
            }
        };
        for at in 0.. {
            let chosen = match first {
                Some(Step::Every) => true,
                Some(Step::Element(index)) => *index == at,
                Some(Step::Member(_)) | None => false,
            };
            let more = if chosen {
                sequence.next_element_seed(Walk { steps: rest, each: &mut *self.each })?.is_some()
            } else {
                sequence.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a member's name is the one that the step wants.
struct IsChosen<'p>(Option<&'p Step>);

impl<'de> DeserializeSeed<'de> for IsChosen<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsChosen<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(match self.0 {
            Some(Step::Every) => true,
            Some(Step::Member(wanted)) => wanted == name,
            Some(Step::Element(_)) | None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(path: &str, payload: &str) -> Vec<String> {
        let mut found = Vec::new();
        let path = Path::parse(path).expect("a path");
        path.values(payload.as_bytes(), &mut |value| {
            found.push(match value {
                Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
                value => format!("{value:?}"),
            });
        });
        found
    }

    #[test]
    fn a_path_leads_through_members_and_elements() {
        let payload = r#"{"a":{"b":[1,{"x y":"deep"}]},"t":21.5,"n":null,"o":true}"#;
        assert_eq!(values("$.a.b[1][\"x y\"]", payload), ["deep"]);
        assert_eq!(values("$['t']", payload), ["Float(21.5)"]);
        assert_eq!(values("$.a.b[0]", payload), ["Number(1)"]);
        assert_eq!(values("$.n", payload), ["Null"]);
        assert_eq!(values("$.o", payload), ["Boolean(true)"]);
        assert_eq!(values("$.a", payload), ["Present"]);
        assert_eq!(values("$.a.c", payload), [""; 0]);
        assert_eq!(values("$.a[0]", payload), [""; 0]);
        assert_eq!(values("$", "-7"), ["Number(-7)"]);
    }

    #[test]
    fn a_star_leads_to_every_one() {
        assert_eq!(values("$[*].v", r#"[{"v":1},{"w":2},{"v":3}]"#), ["Number(1)", "Number(3)"]);
        assert_eq!(values("$.*", r#"{"a":1,"b":"é"}"#), ["Number(1)", "é"]);
    }

    #[test]
    fn what_is_not_json_has_no_values() {
        for payload in ["", "  ", "on", "{\"a\":1", "{\"a\":1} tail", "{\"a\":1}}", "\u{0}"] {
            assert_eq!(values("$.a", payload), [""; 0], "{payload:?}");
        }
        assert_eq!(values("$", "12 apples"), [""; 0]);
        assert_eq!(values("$.a", &"[".repeat(100_000)), [""; 0]);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in ["", "a", "$a", "$.", "$..a", "$[", "$[x]", "$[-1]", "$[\"a]", "$[\"a\"", "$.a["] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }
}
