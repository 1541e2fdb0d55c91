//! Bytes in JSON: a string where they are UTF-8, base64 where they are not.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

pub(super) struct Data<'b>(pub(super) &'b [u8]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = core::str::from_utf8(self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("base64", &Base64(self.0))?;
        map.end()
    }
}

struct Base64<'b>(&'b [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// Bytes that were read from any of their forms.
#[derive(Debug, Default)]
pub(super) struct OwnedData(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for OwnedData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = OwnedData;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a string, {"base64":"…"} or {"type":"Buffer","data":[…]}"#)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OwnedData, E> {
        Ok(OwnedData(text.as_bytes().to_vec()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<OwnedData, E> {
        Ok(OwnedData(text.into_bytes()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OwnedData, A::Error> {
        let mut bytes = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "base64" if bytes.is_none() => {
                    let text: String = map.next_value()?;
                    let decoded = STANDARD.decode(text.as_bytes());
                    bytes = Some(
                        decoded
                            .map_err(|error| de::Error::custom(format_args!("invalid base64: {error}")))?,
                    );
                }
                "data" if bytes.is_none() => bytes = Some(map.next_value::<ByteArray>()?.0),
                "type" => {
                    let kind: String = map.next_value()?;
                    if kind != "Buffer" {
                        return Err(de::Error::invalid_value(de::Unexpected::Str(&kind), &"Buffer"));
                    }
                }
                "base64" | "data" => {
                    map.next_value::<IgnoredAny>()?;
                    return Err(de::Error::custom("bytes are given twice"));
                }
                other => return Err(de::Error::unknown_field(other, &["base64", "type", "data"])),
            }
        }
        bytes.map(OwnedData).ok_or_else(|| de::Error::missing_field("base64"))
    }
}

struct ByteArray(Vec<u8>);

impl<'de> Deserialize<'de> for ByteArray {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = ByteArray;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of bytes, each 0 to 255")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ByteArray, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(ByteArray(bytes))
            }
        }
        deserializer.deserialize_seq(Bytes)
    }
}
