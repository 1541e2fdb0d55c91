//! Strings as MQTT has them, and the quick look that finds what is odd in one.

use core::fmt::{self, Write as _};
use core::str::Utf8Error;

/// A string as it stands on the wire, without its length.
///
/// MQTT's strings are well-formed UTF-8 without U+0000. Every string of a packet that [`Strict`](crate::Strict)
/// accepted is such a one; after a lenient decode it may hold any bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'b>(pub(crate) &'b [u8]);

impl<'b> Text<'b> {
    /// A string of any bytes, also such as MQTT forbids: for tests and for sending what is wrong on purpose.
    #[inline]
    pub const fn from_bytes(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes on the wire.
    #[inline]
    pub const fn as_bytes(self) -> &'b [u8] {
        self.0
    }

    /// The string.
    ///
    /// # Errors
    /// The bytes are not UTF-8, which only a lenient decode lets pass.
    #[inline]
    pub fn to_str(self) -> Result<&'b str, Utf8Error> {
        core::str::from_utf8(self.0)
    }

    /// Length in bytes.
    #[inline]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'b> From<&'b str> for Text<'b> {
    #[inline]
    fn from(text: &'b str) -> Self {
        Self(text.as_bytes())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

/// The string as it is, with U+FFFD for what is not UTF-8. Not safe for a terminal: control characters pass.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// The string in quotes, everything unprintable escaped and bytes that are no UTF-8 as `\xNN`.
impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            write!(f, "{}", chunk.valid().escape_debug())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Calls `see` with all bytes, eight at a time. Some may come twice, and `a` stands in for bytes that are
/// not there: good for questions of the kind "is any byte such and such", to which `a` says no. What `long`
/// sees in more than 32 bytes is seen too; shorter strings, as most are, take no loop: the words overlap as
/// they need to.
#[inline(always)]
fn words(bytes: &[u8], long: fn(&[u8]) -> u64, see: impl Fn(u64) -> u64) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let mut found = see(u64::from_le_bytes(*first)) | see(u64::from_le_bytes(*last));
        if bytes.len() > 16
            && let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>())
        {
            if bytes.len() > 32 {
                return long(bytes);
            }
            found |= see(word_of(&first[8..])) | see(word_of(last));
        }
        return found;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return see(u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32);
    }
    match *bytes {
        [a, b, c] => see(u64::from_le_bytes([a, b, c, b'a', b'a', b'a', b'a', b'a'])),
        [a, b] => see(u64::from_le_bytes([a, b, b'a', b'a', b'a', b'a', b'a', b'a'])),
        [a] => see(u64::from_le_bytes([a, b'a', b'a', b'a', b'a', b'a', b'a', b'a'])),
        _ => 0,
    }
}

/// The first eight bytes, of which there are no fewer.
#[inline(always)]
fn word_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(*bytes.first_chunk().unwrap_or(&[b'a'; 8]))
}

/// Sets the high bit of a byte that is 0 or not ASCII: the one borrows, the other has it. Bytes after such a
/// one may be marked too.
#[inline(always)]
const fn odd(word: u64) -> u64 {
    word | word.wrapping_sub(ONES)
}

/// Sets the high bit of a byte that is [`odd`], and of a wildcard.
#[inline(always)]
const fn odd_in_topic(word: u64) -> u64 {
    odd(word) | zero_where_wildcard(word).wrapping_sub(ONES)
}

/// Whether all bytes are U+0001 to U+007F, and so a string without fault.
#[inline(always)]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    words(bytes, long_odd, odd) & HIGH == 0
}

/// Whether that is so of both strings.
#[inline(always)]
pub(crate) fn are_plain(first: &[u8], second: &[u8]) -> bool {
    (words(first, long_odd, odd) | words(second, long_odd, odd)) & HIGH == 0
}

/// Whether all bytes are U+0001 to U+007F and none is a wildcard (`+`, `#`).
#[inline(always)]
pub(crate) fn is_plain_topic(bytes: &[u8]) -> bool {
    let mut found = 0;
    if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>())
        && bytes.len() <= 32
    {
        // The usual length of a topic: worth a way of its own, which the compiler turns into vectors.
        for half in [first, last] {
            found |= odd_in_topic(word_of(half)) | odd_in_topic(word_of(&half[8..]));
        }
    } else {
        found = words(bytes, long_odd_in_topic, odd_in_topic);
    }
    found & HIGH == 0
}

#[inline(never)]
fn long_odd(bytes: &[u8]) -> u64 {
    long(bytes, odd)
}

#[inline(never)]
fn long_odd_in_topic(bytes: &[u8]) -> u64 {
    long(bytes, odd_in_topic)
}

#[inline(always)]
fn long(bytes: &[u8], odd: impl Fn(u64) -> u64) -> u64 {
    let last = bytes.last_chunk::<8>().map_or(0, |last| odd(u64::from_le_bytes(*last)));
    bytes.as_chunks::<8>().0.iter().fold(last, |found, word| found | odd(u64::from_le_bytes(*word)))
}

/// A byte becomes 0 if and only if it is a wildcard: `+` (0x2b) and `#` (0x23) differ in one bit.
#[inline(always)]
const fn zero_where_wildcard(word: u64) -> u64 {
    (word & !(0x08 * ONES)) ^ (0x23 * ONES)
}

/// Calls `see` with the index of each `+` and `#`.
#[inline(always)]
pub(crate) fn for_each_wildcard(bytes: &[u8], mut see: impl FnMut(usize)) {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut in_word = |start: usize, word: &[u8; 8]| {
        let zeros = zero_where_wildcard(u64::from_le_bytes(*word));
        let mut found = zeros.wrapping_sub(ONES) & !zeros & HIGH;
        while found != 0 {
            let at = (found.trailing_zeros() / 8) as usize;
            // A borrow may mark the byte after a wildcard too.
            if matches!(word[at], b'+' | b'#') {
                see(start + at);
            }
            found &= found - 1;
        }
    };
    for (index, word) in words.iter().enumerate() {
        in_word(index * 8, word);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        in_word(words.len() * 8, &word);
    }
}

/// Whether a `+` or `#` is among the bytes.
pub(crate) fn has_wildcard(bytes: &[u8]) -> bool {
    let mut found = false;
    for_each_wildcard(bytes, |_| found = true);
    found
}
