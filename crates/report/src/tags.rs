//! What tells two metrics of one name apart.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// Tags of a metric, such as `phase:steady` and `group:sensors`, ordered by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The tag that ties a metric to a [`Phase`](crate::Phase): rates are taken over that phase's time.
    pub const PHASE: &'static str = "phase";

    /// No tags.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same tags with one more, which replaces one of the same key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// The value of a tag.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Keys and values, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every tag of `wanted` is here with the same value.
    pub fn include(&self, wanted: &Tags) -> bool {
        wanted.iter().all(|(key, value)| self.value(key) == Some(value))
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Tags {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Tags {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// `{group:sensors,phase:steady}`, as thresholds write it; nothing when there are no tags.
impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, value)) in self.iter().enumerate() {
            write!(f, "{}{key}:{value}", if i == 0 { '{' } else { ',' })?;
        }
        if self.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}
