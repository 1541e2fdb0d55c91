//! What permessage-deflate is agreed with: the parameters of RFC 7692 §7.1.

use thiserror::Error;

use crate::Sender;

/// The extension's name in `Sec-WebSocket-Extensions`.
const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What both sides agreed on. [`Default`] is what holds if neither names a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deflate {
    /// The server compresses every message on its own.
    pub server_no_context_takeover: bool,
    /// The client compresses every message on its own.
    pub client_no_context_takeover: bool,
    /// Base-2 logarithm of the server's window in bytes, 8 to 15.
    pub server_max_window_bits: u8,
    /// Base-2 logarithm of the client's window in bytes, 8 to 15.
    pub client_max_window_bits: u8,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}

impl Deflate {
    /// From the values of the response's `Sec-WebSocket-Extensions`, in order; `None` if the extension is not agreed.
    ///
    /// # Errors
    /// If a parameter is unknown, repeated or has a bad value, or the extension stands there twice.
    pub fn agreed<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Self>, ExtensionError> {
        Ok(answered(values)?.map(|answer| answer.deflate()))
    }

    /// Whether `sender` may refer back to earlier messages.
    pub const fn takes_context_over(&self, sender: Sender) -> bool {
        match sender {
            Sender::Client => !self.client_no_context_takeover,
            Sender::Server => !self.server_no_context_takeover,
        }
    }

    /// Base-2 logarithm of `sender`'s window in bytes, 8 to 15.
    pub const fn window_bits(&self, sender: Sender) -> u8 {
        match sender {
            Sender::Client => self.client_max_window_bits,
            Sender::Server => self.server_max_window_bits,
        }
    }
}

/// What a client offers; the server answers in the same words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offer {
    /// The server must compress every message on its own.
    pub server_no_context_takeover: bool,
    /// A hint that the client will compress every message on its own.
    pub client_no_context_takeover: bool,
    /// The widest window the server may use, 8 to 15.
    pub server_max_window_bits: Option<u8>,
    /// `Some`: the client would keep to a window the server chooses, no wider than the value within, 8 to 15.
    pub client_max_window_bits: Option<Option<u8>>,
}

impl Offer {
    /// The offers of permessage-deflate in the values of a request's `Sec-WebSocket-Extensions`, the client's most
    /// wanted first. An `Err` is an offer that a server must decline (RFC 7692 §7.1).
    pub fn all<'a>(
        values: impl IntoIterator<Item = &'a [u8], IntoIter: 'a>,
    ) -> impl Iterator<Item = Result<Self, ExtensionError>> + 'a {
        values.into_iter().flat_map(|value| split(value, b',')).filter_map(parameters)
    }

    /// Appends the offer as it stands in `Sec-WebSocket-Extensions`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
        put(NAME);
        for (set, name) in [
            (self.server_no_context_takeover, SERVER_NO_CONTEXT_TAKEOVER),
            (self.client_no_context_takeover, CLIENT_NO_CONTEXT_TAKEOVER),
        ] {
            if set {
                put("; ");
                put(name);
            }
        }
        let server = self.server_max_window_bits.map(Some);
        for (bits, name) in
            [(server, SERVER_MAX_WINDOW_BITS), (self.client_max_window_bits, CLIENT_MAX_WINDOW_BITS)]
        {
            if let Some(bits) = bits {
                put("; ");
                put(name);
                if let Some(bits) = bits {
                    put("=");
                    put(&bits.to_string());
                }
            }
        }
    }

    /// What the server's answer to this offer agrees on; `None` if it declined. `values`: the response's
    /// `Sec-WebSocket-Extensions`.
    ///
    /// # Errors
    /// As [`Deflate::agreed`], and if the answer does not fit the offer (RFC 7692 §7.1): the connection must fail.
    pub fn answer<'a>(
        &self,
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<Deflate>, ExtensionError> {
        let Some(answer) = answered(values)? else { return Ok(None) };
        if self.server_no_context_takeover && !answer.server_no_context_takeover {
            return Err(ExtensionError::Ignored { parameter: SERVER_NO_CONTEXT_TAKEOVER });
        }
        if let Some(offered) = self.server_max_window_bits {
            match answer.server_max_window_bits {
                None => return Err(ExtensionError::Ignored { parameter: SERVER_MAX_WINDOW_BITS }),
                Some(answered) => no_wider(SERVER_MAX_WINDOW_BITS, offered, answered)?,
            }
        }
        if let Some(answered) = answer.client_max_window_bits.flatten() {
            let Some(offered) = self.client_max_window_bits else {
                return Err(ExtensionError::ParameterNotOffered { parameter: CLIENT_MAX_WINDOW_BITS });
            };
            no_wider(CLIENT_MAX_WINDOW_BITS, offered.unwrap_or(15), answered)?;
        }
        Ok(Some(answer.deflate()))
    }

    fn deflate(&self) -> Deflate {
        Deflate {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits.unwrap_or(15),
            client_max_window_bits: self.client_max_window_bits.flatten().unwrap_or(15),
        }
    }
}

/// Why a `Sec-WebSocket-Extensions` header is not what RFC 7692 §7.1 asks for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionError {
    /// The extension has four parameters.
    #[error("permessage-deflate has no parameter {0:?}")]
    Unknown(String),
    /// Each may stand once.
    #[error("permessage-deflate repeats {parameter}")]
    Repeated {
        /// Its name.
        parameter: &'static str,
    },
    /// Windows are 8 to 15, in decimal without leading zeros; the other parameters have no value.
    #[error("permessage-deflate has a bad value for {parameter}: {value:?}")]
    Value {
        /// Its name.
        parameter: &'static str,
        /// What stands there, empty if nothing does.
        value: String,
    },
    /// The server agrees to one offer.
    #[error("the response agrees to permessage-deflate twice")]
    Twice,
    /// The server agrees to what the client did not offer.
    #[error("the response agrees to an extension that was not offered: {0:?}")]
    NotOffered(String),
    /// The server chooses a parameter that the client did not offer.
    #[error("the response has {parameter}, which was not offered")]
    ParameterNotOffered {
        /// Its name.
        parameter: &'static str,
    },
    /// The server agreed to an offer without the parameter that makes it acceptable.
    #[error("the response lacks {parameter}, which was offered")]
    Ignored {
        /// Its name.
        parameter: &'static str,
    },
    /// The server chose a window that is wider than what was offered.
    #[error("the response widens {parameter} from {offered} to {answered}")]
    Wider {
        /// Its name.
        parameter: &'static str,
        /// The client's bits.
        offered: u8,
        /// The server's bits.
        answered: u8,
    },
}

fn no_wider(parameter: &'static str, offered: u8, answered: u8) -> Result<(), ExtensionError> {
    match answered > offered {
        true => Err(ExtensionError::Wider { parameter, offered, answered }),
        false => Ok(()),
    }
}

/// The server's words. There, both windows need a value (RFC 7692 §7.1.2).
fn answered<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Offer>, ExtensionError> {
    let mut found = None;
    for answer in values.into_iter().flat_map(|value| split(value, b',')).filter_map(parameters) {
        let answer = answer?;
        if answer.client_max_window_bits == Some(None) {
            let (parameter, value) = (CLIENT_MAX_WINDOW_BITS, String::new());
            return Err(ExtensionError::Value { parameter, value });
        }
        if found.replace(answer).is_some() {
            return Err(ExtensionError::Twice);
        }
    }
    Ok(found)
}

/// The names of the extensions in the values of `Sec-WebSocket-Extensions`, in order.
pub(crate) fn extension_names<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    values
        .into_iter()
        .flat_map(|value| split(value, b','))
        .map(|extension| split(extension, b';').next().unwrap_or_default())
        .filter(|name| !name.is_empty())
}

/// Whether `name`, as [`extension_names`] has it, is permessage-deflate.
pub(crate) fn is_deflate(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(NAME.as_bytes())
}

/// One extension with its parameters (RFC 6455 §9.1); `None` if it is another one.
fn parameters(extension: &[u8]) -> Option<Result<Offer, ExtensionError>> {
    let mut parts = split(extension, b';');
    parts.next().filter(|name| is_deflate(name))?;
    let mut offer = Offer::default();
    Some(parts.try_for_each(|part| offer.take(part)).map(|()| offer))
}

impl Offer {
    /// Takes one parameter, `name` or `name=value`.
    fn take(&mut self, part: &[u8]) -> Result<(), ExtensionError> {
        let mut sides = part.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        let (name, value) = (sides.next().unwrap_or_default(), sides.next());
        let repeated = match name.to_ascii_lowercase().as_slice() {
            b"server_no_context_takeover" => std::mem::replace(
                &mut self.server_no_context_takeover,
                flag(SERVER_NO_CONTEXT_TAKEOVER, value)?,
            )
            .then_some(SERVER_NO_CONTEXT_TAKEOVER),
            b"client_no_context_takeover" => std::mem::replace(
                &mut self.client_no_context_takeover,
                flag(CLIENT_NO_CONTEXT_TAKEOVER, value)?,
            )
            .then_some(CLIENT_NO_CONTEXT_TAKEOVER),
            b"server_max_window_bits" => self
                .server_max_window_bits
                .replace(bits(SERVER_MAX_WINDOW_BITS, value.unwrap_or_default())?)
                .and(Some(SERVER_MAX_WINDOW_BITS)),
            b"client_max_window_bits" => {
                let value = value.map(|value| bits(CLIENT_MAX_WINDOW_BITS, value)).transpose()?;
                self.client_max_window_bits.replace(value).and(Some(CLIENT_MAX_WINDOW_BITS))
            }
            _ => return Err(ExtensionError::Unknown(lossy(name))),
        };
        match repeated {
            Some(parameter) => Err(ExtensionError::Repeated { parameter }),
            None => Ok(()),
        }
    }
}

/// A parameter that has no value is set by being there.
fn flag(parameter: &'static str, value: Option<&[u8]>) -> Result<bool, ExtensionError> {
    match value {
        None => Ok(true),
        Some(value) => Err(ExtensionError::Value { parameter, value: lossy(value) }),
    }
}

fn bits(parameter: &'static str, value: &[u8]) -> Result<u8, ExtensionError> {
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    match bare {
        [digit @ (b'8' | b'9')] => Ok(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Ok(10 + digit - b'0'),
        _ => Err(ExtensionError::Value { parameter, value: lossy(value) }),
    }
}

/// Trimmed parts between separators that do not stand in quotes.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => return !quoted && *byte == separator,
        }
        false
    })
    .map(<[u8]>::trim_ascii)
}

pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(value: &str) -> Result<Option<Deflate>, ExtensionError> {
        Deflate::agreed([value.as_bytes()])
    }

    #[test]
    fn nothing_named_means_takeover_and_full_windows() {
        assert_eq!(agreed("permessage-deflate"), Ok(Some(Deflate::default())));
        assert_eq!(agreed("x-webkit-deflate-frame"), Ok(None));
        assert_eq!(agreed(""), Ok(None));
    }

    #[test]
    fn all_parameters_are_read_in_any_case_and_spacing() {
        let text = "x; a=\"permessage-deflate, b\" , Permessage-Deflate ;server_no_context_takeover; \
                    CLIENT_no_context_takeover;server_max_window_bits=\"8\"; client_max_window_bits = 12";
        let deflate = Deflate {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: 8,
            client_max_window_bits: 12,
        };
        assert_eq!(agreed(text), Ok(Some(deflate)));
        assert!(!deflate.takes_context_over(Sender::Client) && !deflate.takes_context_over(Sender::Server));
        assert_eq!((deflate.window_bits(Sender::Client), deflate.window_bits(Sender::Server)), (12, 8));
    }

    #[test]
    fn bad_values_are_named() {
        for (text, message) in [
            (
                "server_max_window_bits=7",
                "permessage-deflate has a bad value for server_max_window_bits: \"7\"",
            ),
            (
                "client_max_window_bits=16",
                "permessage-deflate has a bad value for client_max_window_bits: \"16\"",
            ),
            (
                "client_max_window_bits=08",
                "permessage-deflate has a bad value for client_max_window_bits: \"08\"",
            ),
            ("client_max_window_bits", "permessage-deflate has a bad value for client_max_window_bits: \"\""),
            ("server_max_window_bits", "permessage-deflate has a bad value for server_max_window_bits: \"\""),
            (
                "server_no_context_takeover=1",
                "permessage-deflate has a bad value for server_no_context_takeover: \"1\"",
            ),
            ("level=9", "permessage-deflate has no parameter \"level\""),
            (
                "client_no_context_takeover; client_no_context_takeover",
                "permessage-deflate repeats client_no_context_takeover",
            ),
            (
                "server_max_window_bits=9; server_max_window_bits=9",
                "permessage-deflate repeats server_max_window_bits",
            ),
        ] {
            let error = agreed(&format!("permessage-deflate; {text}")).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        assert_eq!(agreed("permessage-deflate, permessage-deflate"), Err(ExtensionError::Twice));
    }

    #[test]
    fn offers_come_back_as_written_and_in_order() {
        let offers = [
            Offer { client_max_window_bits: Some(None), ..Offer::default() },
            Offer {
                client_max_window_bits: Some(Some(9)),
                server_max_window_bits: Some(10),
                ..Offer::default()
            },
            Offer { server_no_context_takeover: true, client_no_context_takeover: true, ..Offer::default() },
        ];
        let mut text = Vec::new();
        for offer in &offers {
            offer.write(&mut text);
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(b"permessage-deflate; server_max_window_bits=99");
        let read: Vec<_> = Offer::all([text.as_slice()]).collect();
        assert_eq!(read[..3], offers.map(Ok));
        assert!(matches!(read[3], Err(ExtensionError::Value { parameter: SERVER_MAX_WINDOW_BITS, .. })));
    }

    #[test]
    fn an_answer_must_fit_the_offer() {
        let plain = Offer::default();
        let windows = Offer {
            server_max_window_bits: Some(10),
            client_max_window_bits: Some(Some(12)),
            ..Offer::default()
        };
        let alone = Offer { server_no_context_takeover: true, ..Offer::default() };
        for (offer, answer, message) in [
            (plain, "", ""),
            (plain, "permessage-deflate; server_no_context_takeover; client_no_context_takeover", ""),
            (plain, "permessage-deflate; server_max_window_bits=9", ""),
            (
                plain,
                "permessage-deflate; client_max_window_bits=15",
                "the response has client_max_window_bits, which was not offered",
            ),
            (windows, "permessage-deflate; server_max_window_bits=10", ""),
            (windows, "permessage-deflate; server_max_window_bits=8; client_max_window_bits=12", ""),
            (windows, "permessage-deflate", "the response lacks server_max_window_bits, which was offered"),
            (
                windows,
                "permessage-deflate; server_max_window_bits=11",
                "the response widens server_max_window_bits from 10 to 11",
            ),
            (
                windows,
                "permessage-deflate; server_max_window_bits=9; client_max_window_bits=13",
                "the response widens client_max_window_bits from 12 to 13",
            ),
            (alone, "permessage-deflate; server_no_context_takeover", ""),
            (alone, "permessage-deflate", "the response lacks server_no_context_takeover, which was offered"),
        ] {
            let told = offer.answer([answer.as_bytes()]).err().map(|error| error.to_string());
            assert_eq!(told.unwrap_or_default(), message, "{answer}");
        }
    }
}
