//! Link layers: Ethernet with VLAN tags, Linux cooked, BSD loopback, PPP, raw IP.

use super::Header;
use super::walk::{Found, Next, Step, Visitor, Walk, be16, be32};
use crate::HeaderError;

/// Smaller values in Ethernet's type field are lengths (IEEE 802.3 §3.2.6).
pub(super) const FIRST_ETHER_TYPE: u16 = 0x0600;
/// IEEE 802.1ad.
pub(super) const SERVICE_TAG: u16 = 0x88a8;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// Ethernet inside of GRE, Geneve and the like.
const BRIDGED: u16 = 0x6558;
/// 802.2 subnetwork access protocol with the organisation code of Ethernet types.
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

/// The first header of a frame of this link type (the values of libpcap's list).
#[inline]
pub(super) fn first(link: u16) -> Option<Next> {
    Some(match link {
        1 => Next::Ethernet,
        0 => Next::Null,
        108 => Next::Loop,
        113 => Next::CookedV1,
        276 => Next::CookedV2,
        9 | 50 => Next::PppFramed,
        51 => Next::Pppoe,
        // 12 and 14 are what RAW is called inside of some systems and reach files from there
        12 | 14 | 101 => Next::Raw,
        228 | 229 => Next::Ip,
        _ => return None,
    })
}

impl<V: Visitor> Walk<'_, '_, V> {
    #[inline]
    pub(super) fn ethernet(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 14] = self.fixed("Ethernet")?;
        let ether_type = be16(header, 12);
        self.pass("Ethernet", 14, || Header::Ethernet {
            destination: std::array::from_fn(|i| header[i]),
            source: std::array::from_fn(|i| header[6 + i]),
            ether_type,
        })?;
        if ether_type < FIRST_ETHER_TYPE {
            return self.llc();
        }
        Ok(Step::On(Next::EtherType(ether_type)))
    }

    fn llc(&mut self) -> Result<Step, HeaderError> {
        match self.rest().first_chunk::<8>() {
            Some(header) if header[..6] == SNAP => {
                let ether_type = be16(header, 6);
                self.pass("LLC", 8, || Header::Llc { ether_type })?;
                Ok(Step::On(Next::EtherType(ether_type)))
            }
            _ => Ok(Step::Done(Found::Other)),
        }
    }

    #[inline]
    pub(super) fn ether_type(&mut self, ether_type: u16) -> Result<Step, HeaderError> {
        Ok(match ether_type {
            IPV4 | IPV6 => Step::On(Next::Ip),
            // 802.1Q, 802.1ad, and what was used for the outer tag before it
            0x8100 | SERVICE_TAG | 0x9100 | 0x9200 => return self.vlan(ether_type),
            0x8847 | 0x8848 => Step::On(Next::Mpls),
            0x8864 => Step::On(Next::Pppoe),
            0x880b => Step::On(Next::PppFramed),
            BRIDGED => Step::On(Next::Ethernet),
            _ => Step::Done(Found::Other),
        })
    }

    fn vlan(&mut self, announced: u16) -> Result<Step, HeaderError> {
        let header: &[u8; 4] = self.fixed("VLAN")?;
        let (control, ether_type) = (be16(header, 0), be16(header, 2));
        self.pass("VLAN", 4, || Header::Vlan {
            tag: announced,
            priority: (control >> 13) as u8,
            drop_eligible: control & 0x1000 != 0,
            id: control & 0x0fff,
            ether_type,
        })?;
        self.enter((control & 0x0fff).into());
        if ether_type < FIRST_ETHER_TYPE {
            return self.llc();
        }
        Ok(Step::On(Next::EtherType(ether_type)))
    }

    pub(super) fn cooked_v1(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 16] = self.fixed("Linux cooked")?;
        let protocol = be16(header, 14);
        self.pass("Linux cooked", 16, || Header::LinuxCooked {
            version: 1,
            packet_type: header[1],
            protocol,
            interface: None,
        })?;
        Ok(Step::On(Next::EtherType(protocol)))
    }

    pub(super) fn cooked_v2(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 20] = self.fixed("Linux cooked")?;
        let protocol = be16(header, 0);
        self.pass("Linux cooked", 20, || Header::LinuxCooked {
            version: 2,
            packet_type: header[10],
            protocol,
            interface: Some(be32(header, 4)),
        })?;
        Ok(Step::On(Next::EtherType(protocol)))
    }

    /// The family is in the byte order of the machine that captured: a small number either way.
    pub(super) fn null(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 4] = self.fixed("loopback")?;
        let family = u32::from_be_bytes(*header).min(u32::from_le_bytes(*header));
        self.family(family)
    }

    pub(super) fn bsd_loop(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 4] = self.fixed("loopback")?;
        self.family(u32::from_be_bytes(*header))
    }

    fn family(&mut self, family: u32) -> Result<Step, HeaderError> {
        self.pass("loopback", 4, || Header::Null { family })?;
        Ok(match family {
            // IPv4 everywhere; IPv6 on Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS
            2 | 10 | 23 | 24 | 28 | 30 => Step::On(Next::Ip),
            _ => Step::Done(Found::Other),
        })
    }

    pub(super) fn raw(&mut self) -> Step {
        self.seen.layer(self.at, 0, || Header::Raw);
        Step::On(Next::Ip)
    }

    pub(super) fn ppp_framed(&mut self) -> Result<Step, HeaderError> {
        if self.rest().starts_with(&[0xff, 0x03]) {
            self.at += 2;
        }
        self.ppp()
    }

    /// A protocol number is one byte if that byte is odd (RFC 1661 §2).
    pub(super) fn ppp(&mut self) -> Result<Step, HeaderError> {
        let &[first] = self.fixed("PPP")?;
        let (len, protocol) =
            if first & 1 == 1 { (1, u16::from(first)) } else { (2, u16::from_be_bytes(*self.fixed("PPP")?)) };
        self.pass("PPP", len, || Header::Ppp { protocol })?;
        Ok(match protocol {
            0x0021 | 0x0057 => Step::On(Next::Ip),
            0x0281 | 0x0283 => Step::On(Next::Mpls),
            _ => Step::Done(Found::Other),
        })
    }
}
