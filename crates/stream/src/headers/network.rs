//! IPv4 and IPv6 with extension headers, through etherparse's header slices.

use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
};

use super::walk::{Addresses, Found, Fragment, Next, Step, Visitor, Walk};
use super::{Header, Ipv4, Ipv6};
use crate::HeaderError;

// Protocol numbers, of IANA's list.
pub(super) const HOP_BY_HOP: u8 = 0;
const IPV4: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV6: u8 = 41;
pub(super) const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const GRE: u8 = 47;
pub(super) const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MPLS: u8 = 137;

impl<V: Visitor> Walk<'_, '_, V> {
    #[inline]
    pub(super) fn ip(&mut self) -> Result<Step, HeaderError> {
        match self.rest().first().map(|byte| byte >> 4) {
            Some(4) => self.ipv4(),
            Some(6) => self.ipv6(),
            Some(version) => Err(self.malformed("IP", "version", version.into())),
            None => Err(self.truncated("IP", 20)),
        }
    }

    #[inline]
    fn ipv4(&mut self) -> Result<Step, HeaderError> {
        let header = match Ipv4HeaderSlice::from_slice(self.rest()) {
            Ok(header) => header,
            Err(error) => return Err(self.bad_ipv4(&error)),
        };
        let len = header.slice().len();
        let addresses = Addresses::V4 {
            source: u32::from_be_bytes(header.source()),
            destination: u32::from_be_bytes(header.destination()),
        };
        let total = usize::from(header.total_len());
        // A length of 0 is that of a segment which the network card was to cut up: it is as long as its frame.
        if total >= len {
            self.bound(total);
        } else if total != 0 {
            return Err(self.malformed("IPv4", "total length", total as u32));
        }
        self.pass("IPv4", len, || {
            super::Header::Ipv4(Ipv4 {
                source: header.source_addr(),
                destination: header.destination_addr(),
                total_length: header.total_len(),
                identification: header.identification(),
                dont_fragment: header.dont_fragment(),
                more_fragments: header.more_fragments(),
                fragment_offset: header.fragments_offset().byte_offset().into(),
                ttl: header.ttl(),
                protocol: header.protocol().0,
            })
        })?;
        self.identification = header.identification();
        let protocol = header.protocol().0;
        if header.is_fragmenting_payload() {
            return Ok(self.fragment(Piece {
                addresses,
                identification: header.identification().into(),
                protocol,
                offset: header.fragments_offset().byte_offset().into(),
                more: header.more_fragments(),
            }));
        }
        Ok(Step::On(Next::IpPayload(protocol, addresses)))
    }

    #[cold]
    fn bad_ipv4(&self, error: &etherparse::err::ipv4::HeaderSliceError) -> HeaderError {
        use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
        match error {
            HeaderSliceError::Len(error) => self.truncated("IPv4", error.required_len),
            HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
                self.malformed("IPv4", "version", (*version_number).into())
            }
            HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { ihl }) => {
                self.malformed("IPv4", "header length", u32::from(*ihl) * 4)
            }
        }
    }

    fn ipv6(&mut self) -> Result<Step, HeaderError> {
        let header = Ipv6HeaderSlice::from_slice(self.rest()).map_err(|_| self.truncated("IPv6", 40))?;
        let addresses = Addresses::V6 {
            source: u128::from_be_bytes(header.source()),
            destination: u128::from_be_bytes(header.destination()),
        };
        let next = header.next_header().0;
        self.identification = 0;
        self.pass("IPv6", 40, || {
            Header::Ipv6(Ipv6 {
                source: header.source_addr(),
                destination: header.destination_addr(),
                payload_length: header.payload_length(),
                flow_label: header.flow_label().value(),
                hop_limit: header.hop_limit(),
                next,
            })
        })?;
        // 0 is that of a jumbogram or of a segment which the network card was to cut up
        if header.payload_length() != 0 {
            self.bound(header.payload_length().into());
        }
        Ok(Step::On(Next::IpPayload(next, addresses)))
    }

    #[inline]
    pub(super) fn ip_payload(&mut self, protocol: u8, addresses: Addresses) -> Result<Step, HeaderError> {
        Ok(match protocol {
            TCP => Step::Done(Found::Tcp(self.tcp(addresses)?)),
            UDP => return self.udp(),
            IPV4 | IPV6 => Step::On(Next::Ip),
            GRE => Step::On(Next::Gre),
            MPLS => Step::On(Next::Mpls),
            HOP_BY_HOP | ROUTING | DESTINATION | AUTHENTICATION => {
                return self.extension(protocol, addresses);
            }
            FRAGMENT => return self.ipv6_fragment(addresses),
            _ => Step::Done(Found::Other),
        })
    }

    fn extension(&mut self, protocol: u8, addresses: Addresses) -> Result<Step, HeaderError> {
        let (len, next) = if protocol == AUTHENTICATION {
            let header = IpAuthHeaderSlice::from_slice(self.rest())
                .map_err(|_| self.truncated("authentication", 12))?;
            (header.slice().len(), header.next_header().0)
        } else {
            let header = Ipv6RawExtHeaderSlice::from_slice(self.rest())
                .map_err(|error| self.truncated("IPv6 extension", error.required_len))?;
            (header.slice().len(), header.next_header().0)
        };
        self.pass("IPv6 extension", len, || Header::IpExtension { protocol, next })?;
        Ok(Step::On(Next::IpPayload(next, addresses)))
    }

    fn ipv6_fragment(&mut self, addresses: Addresses) -> Result<Step, HeaderError> {
        let header = Ipv6FragmentHeaderSlice::from_slice(self.rest())
            .map_err(|error| self.truncated("IPv6 fragment", error.required_len))?;
        let piece = Piece {
            addresses,
            identification: header.identification(),
            protocol: header.next_header().0,
            offset: header.fragment_offset().byte_offset().into(),
            more: header.more_fragments(),
        };
        self.pass("IPv6 fragment", 8, || Header::Ipv6Fragment {
            identification: piece.identification,
            offset: piece.offset,
            more: piece.more,
            next: piece.protocol,
        })?;
        if header.is_fragmenting_payload() {
            return Ok(self.fragment(piece));
        }
        Ok(Step::On(Next::IpPayload(piece.protocol, addresses)))
    }

    fn fragment(&self, piece: Piece) -> Step {
        let data = self.at..self.captured_end();
        Step::Done(Found::Fragment(Fragment {
            addresses: piece.addresses,
            identification: piece.identification,
            protocol: piece.protocol,
            offset: piece.offset,
            more: piece.more,
            cut: data.end < self.end,
            data,
        }))
    }
}

/// What a header says of a fragment.
struct Piece {
    addresses: Addresses,
    identification: u32,
    protocol: u8,
    offset: u32,
    more: bool,
}
