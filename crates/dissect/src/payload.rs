//! What an application message seems to be, and JSON laid out for reading.
//!
//! MQTT does not say what a payload is; these are guesses from its bytes, made to choose how it is shown. A guess
//! looks at no more than the first [`LOOK_BYTES`] bytes. What is laid out still holds whatever characters the sender
//! chose: a terminal needs them escaped.

mod cbor;

use serde::de::IgnoredAny;

/// How much of a payload a guess looks at, in bytes.
pub const LOOK_BYTES: usize = 64 * 1024;

/// What a payload seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadKind {
    /// It has no bytes.
    Empty,
    /// A JSON object or array.
    Json,
    /// Printable UTF-8.
    Text,
    /// A gzip member (RFC 1952).
    Gzip,
    /// A zlib stream (RFC 1950).
    Zlib,
    /// A Zstandard frame (RFC 8878).
    Zstd,
    /// A CBOR map, array or tagged item (RFC 8949).
    Cbor,
    /// None of these.
    Binary,
}

impl PayloadKind {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Empty, Self::Json, Self::Text, Self::Gzip, Self::Zlib, Self::Zstd, Self::Cbor, Self::Binary];

    /// Guesses.
    ///
    /// ```
    /// use mqscope_dissect::payload::PayloadKind;
    ///
    /// assert_eq!(PayloadKind::of(b"{\"temp\": 21.5}"), PayloadKind::Json);
    /// assert_eq!(PayloadKind::of(b"21.5"), PayloadKind::Text);
    /// assert_eq!(PayloadKind::of(&[0xa1, 0x61, b't', 0x15]), PayloadKind::Cbor);
    /// ```
    pub fn of(payload: &[u8]) -> Self {
        let head = &payload[..payload.len().min(LOOK_BYTES)];
        let is_whole = head.len() == payload.len();
        match head {
            [] => Self::Empty,
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ if is_text(head, is_whole) => {
                let is_container = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
                let is_json =
                    is_container && (!is_whole || serde_json::from_slice::<IgnoredAny>(head).is_ok());
                if is_json { Self::Json } else { Self::Text }
            }
            [cmf, flg, _, _, _, _, _, _, ..] if is_zlib(*cmf, *flg) => Self::Zlib,
            _ if cbor::is_container(head, is_whole) => Self::Cbor,
            _ => Self::Binary,
        }
    }

    /// Its name, in Wireshark's words where Wireshark has one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Json => "json",
            Self::Text => "text",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
            Self::Cbor => "cbor",
            Self::Binary => "binary",
        }
    }

    /// Whether it can be shown as it is, characters escaped, rather than in hexadecimal.
    pub const fn is_readable(self) -> bool {
        matches!(self, Self::Json | Self::Text)
    }
}

/// UTF-8 without control characters other than tabs and line ends. The last character of a head may be cut.
fn is_text(head: &[u8], is_whole: bool) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if !is_whole && error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty() && !valid.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// Method deflate, a window of at most 32 KiB, and the check bits of the header.
fn is_zlib(cmf: u8, flg: u8) -> bool {
    cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes([cmf, flg]).is_multiple_of(31)
}

/// Text laid out for reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The lines.
    pub text: String,
    /// Whether the limit cut it short.
    pub is_cut: bool,
}

/// JSON with a line for each member and element, as far as `limit_bytes` of output allow. Names keep their order and
/// numbers their digits, for nothing is parsed into values. `None`: not a JSON object or array.
pub fn pretty_json(payload: &[u8], limit_bytes: usize) -> Option<Layout> {
    if PayloadKind::of(payload) != PayloadKind::Json {
        return None;
    }
    // Each byte of input becomes at least one of output, white space aside.
    let head = &payload[..payload.len().min(limit_bytes.saturating_mul(2).saturating_add(LOOK_BYTES))];
    let readable = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
    };
    let mut writer = Writer { text: String::new(), depth: 0, limit: limit_bytes };
    let fits = writer.lay_out(readable);
    Some(Layout { text: writer.text, is_cut: !fits || readable.len() < payload.len() })
}

struct Writer {
    text: String,
    depth: usize,
    limit: usize,
}

impl Writer {
    /// Whether everything found room.
    fn lay_out(&mut self, json: &str) -> bool {
        let mut rest = json.trim_start();
        while let Some(c) = rest.chars().next() {
            let token = match c {
                '"' => &rest[..string_len(rest)],
                '{' | '[' | '}' | ']' | ',' | ':' => &rest[..1],
                _ => {
                    let end = rest.find(|c: char| "{}[],:\"".contains(c) || c.is_ascii_whitespace());
                    &rest[..end.unwrap_or(rest.len())]
                }
            };
            rest = rest[token.len()..].trim_start();
            let fits = match token {
                "{" | "[" if rest.starts_with(if c == '{' { '}' } else { ']' }) => {
                    let close = &rest[..1];
                    rest = rest[1..].trim_start();
                    self.put(token) && self.put(close)
                }
                "{" | "[" => {
                    self.depth += 1;
                    self.put(token) && self.line()
                }
                "}" | "]" => {
                    self.depth = self.depth.saturating_sub(1);
                    self.line() && self.put(token)
                }
                "," => self.put(token) && self.line(),
                ":" => self.put(": "),
                token => self.put(token),
            };
            if !fits {
                return false;
            }
        }
        true
    }

    fn put(&mut self, token: &str) -> bool {
        let room = self.limit - self.text.len();
        let fits = token.len() <= room;
        let end = if fits {
            token.len()
        } else {
            (0..=room).rev().find(|at| token.is_char_boundary(*at)).unwrap_or(0)
        };
        self.text.push_str(&token[..end]);
        fits
    }

    fn line(&mut self) -> bool {
        self.put("\n") && (0..self.depth).all(|_| self.put("  "))
    }
}

/// The length of the string at the start of `json`, its quotes included; what there is of it, if it is cut.
fn string_len(json: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_is_told_by_its_bytes() {
        for (payload, expected) in [
            (&b""[..], PayloadKind::Empty),
            (b"{\"a\":[1,2]}", PayloadKind::Json),
            (b" [1] ", PayloadKind::Json),
            (b"{\"a\":1} tail", PayloadKind::Text),
            (b"{}", PayloadKind::Json),
            (b"on", PayloadKind::Text),
            (b"21.5", PayloadKind::Text),
            ("température\r\n".as_bytes(), PayloadKind::Text),
            (b"a\x1b[31m", PayloadKind::Binary),
            (b"a\0", PayloadKind::Binary),
            (&[0xff, 0xfe], PayloadKind::Binary),
            (&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], PayloadKind::Gzip),
            (&[0x78, 0x9c, 0x4b, 0x04, 0x00, 0x00, 0x62, 0x00, 0x62], PayloadKind::Zlib),
            (b"x^2 is a square", PayloadKind::Text),
            (&[0x28, 0xb5, 0x2f, 0xfd, 0, 0], PayloadKind::Zstd),
            (&[0xa1, 0x61, b't', 0xf9, 0x4d, 0x60], PayloadKind::Cbor),
            (&[0xa1, 0x61, b't', 0xf9, 0x4d], PayloadKind::Binary),
            (&[0x00, 0x01, 0x02], PayloadKind::Binary),
        ] {
            assert_eq!(PayloadKind::of(payload), expected, "{payload:?}");
        }
    }

    #[test]
    fn a_guess_looks_at_the_head_only() {
        let mut long = vec![b'"'; 1];
        long.extend("é".repeat(LOOK_BYTES).into_bytes());
        assert_eq!(PayloadKind::of(&long), PayloadKind::Text);
        let json = format!("[{}1]", "1,".repeat(LOOK_BYTES));
        assert_eq!(PayloadKind::of(json.as_bytes()), PayloadKind::Json);
    }

    #[test]
    fn json_is_laid_out_with_its_own_names_and_numbers() {
        let layout =
            pretty_json(br#" {"z":1.50,"a":[ ],"b":{"c":[true,"x\",{"]},"d":{}} "#, 1000).expect("JSON");
        let expected = r#"{
  "z": 1.50,
  "a": [],
  "b": {
    "c": [
      true,
      "x\",{"
    ]
  },
  "d": {}
}"#;
        assert_eq!(layout, Layout { text: expected.to_owned(), is_cut: false });
    }

    #[test]
    fn what_is_laid_out_keeps_to_the_limit() {
        let json = r#"{"a":"éééééééé","b":[[[[[[1]]]]]]}"#.as_bytes();
        let whole = pretty_json(json, 1000).expect("JSON").text;
        for limit in 0..whole.len() {
            let layout = pretty_json(json, limit).expect("JSON");
            assert!(
                layout.is_cut && layout.text.len() <= limit && whole.starts_with(&layout.text),
                "{limit}"
            );
        }
        assert_eq!(pretty_json(b"text", 10), None);
    }

    #[test]
    fn deep_nesting_is_no_trouble() {
        let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
        let layout = pretty_json(deep.as_bytes(), 10_000).expect("JSON");
        assert!(layout.is_cut && layout.text.len() <= 10_000);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), limit in 0usize..100) {
            PayloadKind::of(&bytes);
            pretty_json(&bytes, limit);
        }

        #[test]
        fn laid_out_json_says_the_same(json in json()) {
            let layout = pretty_json(json.as_bytes(), 1 << 20).expect("JSON");
            let (before, after): (serde_json::Value, serde_json::Value) =
                (serde_json::from_str(&json).expect("JSON"), serde_json::from_str(&layout.text).expect("JSON"));
            prop_assert_eq!(before, after);
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|n| serde_json::json!(n)),
            "\\PC{0,8}".prop_map(|text| serde_json::json!(text)),
            Just(serde_json::Value::Null),
        ];
        let value = leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map("\\PC{0,4}", inner, 0..4).prop_map(|map| serde_json::json!(map)),
            ]
        });
        value.prop_map(|value| serde_json::json!([value]).to_string())
    }
}
