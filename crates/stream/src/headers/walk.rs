//! The walk through a frame: one loop, one step a header.

use std::net::IpAddr;
use std::ops::Range;

use super::{Header, HeaderError, Layer, TcpFlags};

/// Is told each header on the way. The reassembler's is `()` and costs nothing.
pub(crate) trait Visitor {
    fn layer(&mut self, start: usize, len: usize, header: impl FnOnce() -> Header);
}

impl Visitor for () {
    #[inline(always)]
    fn layer(&mut self, _: usize, _: usize, _: impl FnOnce() -> Header) {}
}

impl Visitor for Vec<Layer> {
    fn layer(&mut self, start: usize, len: usize, header: impl FnOnce() -> Header) {
        self.push(Layer { start: start as u32, len: len as u32, header: header() });
    }
}

/// What a frame turned out to carry.
pub(crate) enum Found {
    Tcp(TcpSegment),
    Fragment(Fragment),
    /// Anything else: not of interest, but not wrong.
    Other,
}

/// A TCP segment in its frame (or reassembled datagram).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TcpSegment {
    pub(crate) addresses: Addresses,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
    /// What a copy of this segment has too and a retransmission has not: the identification of its IPv4 packet or,
    /// where there is none, a digest of its TCP header. Never 0.
    pub(crate) mark: u16,
    /// A number for the VLANs and virtual networks around it; 0 for none.
    pub(crate) network: u32,
    /// The captured payload.
    pub(crate) payload: Range<usize>,
    /// Bytes of payload after it that were not captured.
    pub(crate) cut: u32,
}

/// One fragment of an IP datagram.
pub(crate) struct Fragment {
    pub(crate) addresses: Addresses,
    pub(crate) identification: u32,
    pub(crate) protocol: u8,
    /// Of its data in the datagram's payload, in bytes.
    pub(crate) offset: u32,
    pub(crate) more: bool,
    /// Its data in the frame.
    pub(crate) data: Range<usize>,
    /// Whether the capture cut its data off.
    pub(crate) cut: bool,
}

/// The payload of a datagram put together from fragments.
pub(crate) struct Datagram<'a> {
    pub(crate) addresses: Addresses,
    pub(crate) protocol: u8,
    /// What its fragments had in common.
    pub(crate) identification: u32,
    pub(crate) bytes: &'a [u8],
}

/// Source and destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Addresses {
    V4 { source: u32, destination: u32 },
    V6 { source: u128, destination: u128 },
}

impl Addresses {
    pub(crate) fn source(self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(source.into()),
            Self::V6 { source, .. } => IpAddr::V6(source.into()),
        }
    }

    pub(crate) fn destination(self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => IpAddr::V4(destination.into()),
            Self::V6 { destination, .. } => IpAddr::V6(destination.into()),
        }
    }
}

/// What the walk meets next.
#[derive(Clone, Copy)]
pub(super) enum Next {
    Ethernet,
    EtherType(u16),
    CookedV1,
    CookedV2,
    Null,
    Loop,
    Raw,
    /// IP of either version, as its first four bits say.
    Ip,
    Mpls,
    Pppoe,
    /// PPP's address and control fields may be there.
    PppFramed,
    Ppp,
    Gre,
    Erspan,
    Vxlan,
    Geneve,
    IpPayload(u8, Addresses),
}

/// How a step ends when it does not lead to another header.
pub(super) enum Step {
    On(Next),
    Done(Found),
}

/// Position in a frame. Invariant: `at <= bytes.len()`.
pub(super) struct Walk<'a, 'v, V> {
    /// All that was captured.
    pub(super) bytes: &'a [u8],
    /// Where the next header begins.
    pub(super) at: usize,
    /// Where the innermost layer so far ends by its own word; beyond `bytes` if the capture was cut.
    pub(super) end: usize,
    /// The identification of the innermost IPv4 packet; 0 if it has none.
    pub(super) identification: u16,
    /// See [`TcpSegment::network`].
    network: u32,
    pub(super) seen: &'v mut V,
}

/// No interface has longer frames (bytes); what a capture says beyond is not believed.
const LONGEST_FRAME: u32 = 1 << 20;

/// Follows a frame from its link layer.
pub(crate) fn walk_frame(
    link: u16,
    original_len: u32,
    bytes: &[u8],
    seen: &mut impl Visitor,
) -> Result<Found, HeaderError> {
    let first = super::link::first(link).ok_or(HeaderError::UnknownLink(link))?;
    let end = bytes.len().max(original_len.min(LONGEST_FRAME) as usize);
    Walk { bytes, at: 0, end, identification: 0, network: 0, seen }.run(first)
}

/// What [`walk_frame`] finds in the frame that nearly all are: Ethernet, IPv4 without options, TCP, nothing cut off.
/// `None` says nothing but that the long way is to be taken.
#[inline]
pub(crate) fn plain_tcp(link: u16, bytes: &[u8]) -> Option<TcpSegment> {
    let fixed: &[u8; 54] = bytes.first_chunk()?;
    // version 4 with a header of 20 bytes, unfragmented TCP
    if link != 1 || fixed[12..15] != [0x08, 0x00, 0x45] || be16(fixed, 20) & 0x3fff != 0 || fixed[23] != 6 {
        return None;
    }
    let end = 14 + usize::from(be16(fixed, 16));
    let start = 34 + usize::from(fixed[46] >> 4) * 4;
    if start < 54 || start > end || end > bytes.len() {
        return None;
    }
    Some(TcpSegment {
        addresses: Addresses::V4 { source: be32(fixed, 26), destination: be32(fixed, 30) },
        source_port: be16(fixed, 34),
        destination_port: be16(fixed, 36),
        sequence: be32(fixed, 38),
        acknowledgement: be32(fixed, 42),
        flags: TcpFlags(be16(fixed, 46) & 0x0fff),
        window: be16(fixed, 48),
        mark: mark(be16(fixed, 18), &bytes[34..start], (end - start) as u32),
        network: 0,
        payload: start..end,
        cut: 0,
    })
}

/// The mark of a segment in a packet of this identification, for [`TcpSegment::mark`]. `header` is that of TCP, of which the
/// options may be cut off.
#[inline]
pub(super) fn mark(identification: u16, header: &[u8], payload_len: u32) -> u16 {
    if identification != 0 {
        return identification;
    }
    // All but the ports and the checksum, which offloading leaves unset in one of two copies.
    let Some(fixed) = header.first_chunk::<20>() else { return 1 };
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let place = u64::from(be32(fixed, 4)) << 32 | u64::from(be32(fixed, 8));
    let rest = u64::from(be32(fixed, 12)) << 32 | u64::from(payload_len);
    let sum = header[20..].chunks(4).fold(mix(mix(0, place), rest), |sum, word| {
        mix(sum, word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    });
    ((mix(sum, 0) >> 24) as u16).max(1)
}

/// Follows a datagram that was put together from fragments.
pub(crate) fn walk_datagram(datagram: &Datagram<'_>) -> Result<Found, HeaderError> {
    let bytes = datagram.bytes;
    let identification = datagram.identification as u16;
    Walk { bytes, at: 0, end: bytes.len(), identification, network: 0, seen: &mut () }
        .run(Next::IpPayload(datagram.protocol, datagram.addresses))
}

impl<'a, V: Visitor> Walk<'a, '_, V> {
    /// Each step moves on by at least one byte or ends the walk, so it is bounded by the frame.
    #[inline]
    fn run(mut self, first: Next) -> Result<Found, HeaderError> {
        let mut next = first;
        loop {
            let step = match next {
                Next::Ethernet => self.ethernet()?,
                Next::EtherType(ether_type) => self.ether_type(ether_type)?,
                Next::IpPayload(protocol, addresses) => self.ip_payload(protocol, addresses)?,
                Next::Ip => self.ip()?,
                Next::CookedV1 => self.cooked_v1()?,
                Next::CookedV2 => self.cooked_v2()?,
                Next::Null => self.null()?,
                Next::Loop => self.bsd_loop()?,
                Next::Raw => self.raw(),
                Next::Mpls => self.mpls()?,
                Next::Pppoe => self.pppoe()?,
                Next::PppFramed => self.ppp_framed()?,
                Next::Ppp => self.ppp()?,
                Next::Gre => self.gre()?,
                Next::Erspan => self.erspan()?,
                Next::Vxlan => self.vxlan()?,
                Next::Geneve => self.geneve()?,
            };
            match step {
                Step::On(further) => next = further,
                Step::Done(found) => return Ok(found),
            }
        }
    }

    /// Where the captured bytes of the innermost layer end.
    #[inline]
    pub(super) fn captured_end(&self) -> usize {
        self.end.min(self.bytes.len()).max(self.at)
    }

    /// The captured bytes of the innermost layer from here on.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..self.captured_end()]
    }

    /// The next `N` bytes, of which a header of `layer` consists.
    #[inline]
    pub(super) fn fixed<const N: usize>(&self, layer: &'static str) -> Result<&'a [u8; N], HeaderError> {
        self.rest().first_chunk().ok_or_else(|| self.truncated(layer, N))
    }

    /// Reports the header at hand, `len` bytes long, and moves behind it.
    #[inline]
    pub(super) fn pass(
        &mut self,
        layer: &'static str,
        len: usize,
        header: impl FnOnce() -> Header,
    ) -> Result<(), HeaderError> {
        if len > self.rest().len() {
            return Err(self.truncated(layer, len));
        }
        self.seen.layer(self.at, len, header);
        self.at += len;
        Ok(())
    }

    /// Lets the layer that begins here end `len` bytes further on. A layer never ends behind the one around it,
    /// unless that one was captured in part or says nothing about its length.
    #[inline]
    pub(super) fn bound(&mut self, len: usize) {
        self.end = self.at + len;
    }

    /// What follows is in a VLAN or virtual network of this number.
    pub(super) fn enter(&mut self, network: u32) {
        self.network = self.network.wrapping_mul(0x0100_0193) ^ network.wrapping_add(1);
    }

    pub(super) fn network(&self) -> u32 {
        self.network
    }

    #[cold]
    pub(super) fn truncated(&self, layer: &'static str, need: usize) -> HeaderError {
        HeaderError::Truncated {
            layer,
            at: self.at as u32,
            need: need as u32,
            have: self.rest().len() as u32,
        }
    }

    #[cold]
    pub(super) fn malformed(&self, layer: &'static str, what: &'static str, value: u32) -> HeaderError {
        HeaderError::Malformed { layer, at: self.at as u32, what, value }
    }
}

pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn the_long_way(bytes: &[u8]) -> Option<TcpSegment> {
        match walk_frame(1, bytes.len() as u32, bytes, &mut ()) {
            Ok(Found::Tcp(segment)) => Some(segment),
            _ => None,
        }
    }

    proptest! {
        /// Frames near to plain ones: random but for a few bytes that lead to TCP (and often enough astray).
        #[test]
        fn the_short_way_finds_what_the_long_way_finds(
            mut bytes in prop::collection::vec(any::<u8>(), 54..90),
            (first, fragment, protocol) in (0x44u8..0x47, prop_oneof![9 => Just(0u8), 1 => any::<u8>()], 5u8..8),
            (total, offset) in (35u16..90, 3u8..12),
        ) {
            bytes[12..15].copy_from_slice(&[8, 0, first]);
            bytes[16..18].copy_from_slice(&total.to_be_bytes());
            bytes[20..22].copy_from_slice(&[fragment, 0]);
            bytes[23] = protocol;
            bytes[46] = offset << 4;
            if let Some(segment) = plain_tcp(1, &bytes) {
                prop_assert_eq!(Some(segment), the_long_way(&bytes));
            }
        }
    }

    #[test]
    fn a_plain_frame_takes_the_short_way() {
        let mut bytes = vec![0; 60];
        bytes[12..18].copy_from_slice(&[8, 0, 0x45, 0, 0, 42]);
        bytes[23] = 6;
        bytes[46] = 5 << 4;
        let segment = plain_tcp(1, &bytes).expect("the short way");
        assert_eq!(segment.payload, 54..56);
        assert_eq!(Some(segment), the_long_way(&bytes));
    }
}
