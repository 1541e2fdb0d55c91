//! Link layers, tunnels, IP and TCP: from a frame's first byte to TCP's payload.
//!
//! Link layers and tunnels are stripped here, with the lengths they declare as bounds; the fixed parts of IP and TCP
//! headers are read through etherparse's slices. Bytes that a header declares but the capture does not have are
//! counted, never guessed. Checksums are not verified: with offloading they are wrong in honest captures.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use thiserror::Error;

mod flags;
mod link;
mod network;
mod transport;
mod tunnel;
mod walk;

pub use flags::TcpFlags;
pub(crate) use walk::{
    Addresses, Datagram, Found, Fragment, TcpSegment, plain_tcp, walk_datagram, walk_frame,
};

/// The layers of one frame, outermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The headers, in the order in which they stand in the frame.
    pub layers: Vec<Layer>,
    /// Where TCP's captured payload stands in the frame, if the frame has a whole TCP header.
    pub payload: Option<Range<u32>>,
    /// Bytes of that payload which the capture cut off.
    pub cut: u32,
    /// What is wrong with the header after the last of `layers`.
    pub error: Option<HeaderError>,
}

/// One header: where it stands in its frame, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Offset of its first byte from the start of the frame, in bytes.
    pub start: u32,
    /// Its length in bytes, options included.
    pub len: u32,
    /// Its fields.
    pub header: Header,
}

/// The fields of one header, those that filters and screens ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields carry the names of their standards
pub enum Header {
    Ethernet {
        destination: [u8; 6],
        source: [u8; 6],
        ether_type: u16,
    },
    /// IEEE 802.2 with the subnetwork access protocol, after an Ethernet length.
    Llc {
        ether_type: u16,
    },
    /// Linux cooked capture, version 1 or 2. `interface` is version 2's index.
    LinuxCooked {
        version: u8,
        packet_type: u8,
        protocol: u16,
        interface: Option<u32>,
    },
    /// BSD loopback: the address family of what follows.
    Null {
        family: u32,
    },
    /// Stands, with a length of 0, for the link layer that a frame of raw IP has not.
    Raw,
    /// `tag` is the type that announced the tag: 0x8100 for a customer's, 0x88a8 for a service provider's.
    Vlan {
        tag: u16,
        priority: u8,
        drop_eligible: bool,
        id: u16,
        ether_type: u16,
    },
    Mpls {
        label: u32,
        bottom: bool,
        ttl: u8,
    },
    Pppoe {
        session: u16,
    },
    Ppp {
        protocol: u16,
    },
    Gre {
        protocol: u16,
        key: Option<u32>,
    },
    /// Type II; `vlan` is the mirrored frame's.
    Erspan {
        session: u16,
        vlan: u16,
    },
    Vxlan {
        network: u32,
    },
    Geneve {
        network: u32,
        protocol: u16,
    },
    Ipv4(Ipv4),
    Ipv6(Ipv6),
    /// An extension header of IPv6, or an authentication header; `protocol` is its own number.
    IpExtension {
        protocol: u8,
        next: u8,
    },
    Ipv6Fragment {
        identification: u32,
        offset: u32,
        more: bool,
        next: u8,
    },
    Udp {
        source_port: u16,
        destination_port: u16,
        length: u16,
    },
    Tcp(Tcp),
}

/// The fields of an IPv4 header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Ipv4 {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub total_length: u16,
    pub identification: u16,
    pub dont_fragment: bool,
    pub more_fragments: bool,
    /// In bytes.
    pub fragment_offset: u32,
    pub ttl: u8,
    pub protocol: u8,
}

/// The fields of an IPv6 header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Ipv6 {
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub payload_length: u16,
    pub flow_label: u32,
    pub hop_limit: u8,
    pub next: u8,
}

/// The fields of a TCP header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Tcp {
    pub source_port: u16,
    pub destination_port: u16,
    pub sequence: u32,
    pub acknowledgement: u32,
    pub flags: TcpFlags,
    /// As sent, not scaled.
    pub window: u16,
    /// Bytes of payload, also those that the capture cut off.
    pub payload_len: u32,
}

/// Why a frame could not be followed further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// A link type that is not known here.
    #[error("link type {0} is not supported")]
    UnknownLink(u16),
    /// A header ends before its time.
    #[error("{layer} header truncated at byte {at}: need {need}, have {have}")]
    Truncated {
        /// The header.
        layer: &'static str,
        /// Where it begins in the frame.
        at: u32,
        /// Its length in bytes, as far as known.
        need: u32,
        /// The bytes that are there.
        have: u32,
    },
    /// A header with a length (or version) that it cannot have.
    #[error("{layer} header at byte {at} has an impossible {what}: {value}")]
    Malformed {
        /// The header.
        layer: &'static str,
        /// Where it begins in the frame.
        at: u32,
        /// The field.
        what: &'static str,
        /// Its value.
        value: u32,
    },
}

/// Takes a frame apart, down to its TCP payload. `link` is a `LINKTYPE_` value, `original_len` the frame's length on the
/// wire in bytes.
///
/// Whatever is wrong stands in [`Headers::error`]; the layers before it are there all the same. The later fragments of
/// an IP datagram end with their IP header.
///
/// ```
/// let headers = mqscope_stream::headers(101, 28, &[
///     0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 53, 0, 8, 0, 0,
/// ]);
/// assert_eq!(headers.protocols(), "raw:ip:udp");
/// ```
#[must_use]
pub fn headers(link: u16, original_len: u32, bytes: &[u8]) -> Headers {
    let mut layers = Vec::with_capacity(4);
    let found = walk_frame(link, original_len, bytes, &mut layers);
    let mut headers = Headers { layers, ..Headers::default() };
    match found {
        Ok(Found::Tcp(tcp)) => {
            headers.payload = Some(tcp.payload.start as u32..tcp.payload.end as u32);
            headers.cut = tcp.cut;
        }
        Ok(Found::Fragment(_) | Found::Other) => {}
        Err(error) => headers.error = Some(error),
    }
    headers
}

impl Headers {
    /// The TCP header, if there is one.
    #[must_use]
    pub fn tcp(&self) -> Option<&Tcp> {
        self.layers.iter().rev().find_map(|layer| match &layer.header {
            Header::Tcp(tcp) => Some(tcp),
            _ => None,
        })
    }

    /// Source and destination of the innermost IP header.
    #[must_use]
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        self.layers.iter().rev().find_map(|layer| match &layer.header {
            Header::Ipv4(ip) => Some((ip.source.into(), ip.destination.into())),
            Header::Ipv6(ip) => Some((ip.source.into(), ip.destination.into())),
            _ => None,
        })
    }

    /// The protocols in Wireshark's words, outermost first and joined by colons: `eth:ethertype:ip:tcp`. A stack of MPLS
    /// labels is named once.
    #[must_use]
    pub fn protocols(&self) -> String {
        let mut names: Vec<&str> = self.layers.iter().map(|layer| layer.header.name()).collect();
        names.dedup_by(|name, before| name == before && *name == "mpls");
        names.join(":")
    }
}

impl Header {
    /// The header's name in Wireshark's `frame.protocols`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ethernet { ether_type, .. } if *ether_type < link::FIRST_ETHER_TYPE => "eth",
            Self::Ethernet { .. } => "eth:ethertype",
            Self::Llc { .. } => "llc",
            Self::LinuxCooked { .. } => "sll:ethertype",
            Self::Null { .. } => "null",
            Self::Raw => "raw",
            Self::Vlan { tag: link::SERVICE_TAG, .. } => "ieee8021ad:ethertype",
            Self::Vlan { .. } => "vlan:ethertype",
            Self::Mpls { .. } => "mpls",
            Self::Pppoe { .. } => "pppoes",
            Self::Ppp { .. } => "ppp",
            Self::Gre { .. } => "gre",
            Self::Erspan { .. } => "erspan",
            Self::Vxlan { .. } => "vxlan",
            Self::Geneve { .. } => "geneve",
            Self::Ipv4(_) => "ip",
            Self::Ipv6(_) => "ipv6",
            Self::IpExtension { protocol: network::HOP_BY_HOP, .. } => "ipv6.hopopts",
            Self::IpExtension { protocol: network::ROUTING, .. } => "ipv6.routing",
            Self::IpExtension { protocol: network::AUTHENTICATION, .. } => "ah",
            Self::IpExtension { .. } => "ipv6.dstopts",
            Self::Ipv6Fragment { .. } => "ipv6.fraghdr",
            Self::Udp { .. } => "udp",
            Self::Tcp(_) => "tcp",
        }
    }
}
