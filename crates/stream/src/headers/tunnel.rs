//! Tunnels: MPLS, PPPoE, GRE, ERSPAN, VXLAN, Geneve.

use super::Header;
use super::walk::{Found, Next, Step, Visitor, Walk, be16, be32};
use crate::HeaderError;

/// GRE's protocol for mirrored Ethernet of types I and II.
const ERSPAN: u16 = 0x88be;

impl<V: Visitor> Walk<'_, '_, V> {
    /// A label stack does not say what it carries: the first four bits behind it do, by custom (RFC 4385 §2).
    pub(super) fn mpls(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 4] = self.fixed("MPLS")?;
        let entry = be32(header, 0);
        let bottom = entry & 0x100 != 0;
        self.pass("MPLS", 4, || Header::Mpls { label: entry >> 12, bottom, ttl: entry as u8 })?;
        if !bottom {
            return Ok(Step::On(Next::Mpls));
        }
        Ok(match self.rest().first().map(|byte| byte >> 4) {
            Some(4 | 6) => Step::On(Next::Ip),
            Some(0) if self.rest().len() > 4 => {
                self.at += 4; // a pseudowire's control word, then Ethernet (RFC 4448)
                Step::On(Next::Ethernet)
            }
            _ => Step::Done(Found::Other),
        })
    }

    /// RFC 2516 §4: only session data (code 0) carries packets.
    pub(super) fn pppoe(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 6] = self.fixed("PPPoE")?;
        let (code, session, len) = (header[1], be16(header, 2), be16(header, 4));
        self.pass("PPPoE", 6, || Header::Pppoe { session })?;
        self.bound(usize::from(len));
        Ok(if code == 0 { Step::On(Next::Ppp) } else { Step::Done(Found::Other) })
    }

    /// RFC 2784 and 2890; version 1 (RFC 2637) has an acknowledgement besides.
    pub(super) fn gre(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 4] = self.fixed("GRE")?;
        let (flags, protocol) = (be16(header, 0), be16(header, 2));
        let (version, has) = (flags & 7, |bit: u16| flags & bit != 0);
        if version > 1 || has(0x4000) {
            return Ok(Step::Done(Found::Other)); // source routes were never in use (RFC 2784 §2.3)
        }
        let word = |present: bool| if present { 4 } else { 0 };
        let key_at = 4 + word(has(0x8000));
        let len = key_at + word(has(0x2000)) + word(has(0x1000)) + word(version == 1 && has(0x0080));
        let key = has(0x2000).then(|| self.rest().get(key_at..key_at + 4)).flatten().map(|key| be32(key, 0));
        self.pass("GRE", len, || Header::Gre { protocol, key })?;
        if let Some(key) = key {
            self.enter(key);
        }
        Ok(match protocol {
            ERSPAN if has(0x1000) => Step::On(Next::Erspan),
            ERSPAN => Step::On(Next::Ethernet), // type I has no header of its own
            protocol => Step::On(Next::EtherType(protocol)),
        })
    }

    /// Type II: a switch's mirror (draft-foschiano-erspan §4.2).
    pub(super) fn erspan(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 8] = self.fixed("ERSPAN")?;
        let (vlan, session) = (be16(header, 0) & 0x0fff, be16(header, 2) & 0x03ff);
        self.pass("ERSPAN", 8, || Header::Erspan { session, vlan })?;
        Ok(Step::On(Next::Ethernet))
    }

    /// RFC 7348 §5.
    pub(super) fn vxlan(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 8] = self.fixed("VXLAN")?;
        if header[0] & 0x08 == 0 {
            return Ok(Step::Done(Found::Other)); // no network: something else on VXLAN's port
        }
        let network = be32(header, 4) >> 8;
        self.pass("VXLAN", 8, || Header::Vxlan { network })?;
        self.enter(network);
        Ok(Step::On(Next::Ethernet))
    }

    /// RFC 8926 §3.4.
    pub(super) fn geneve(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 8] = self.fixed("Geneve")?;
        if header[0] >> 6 != 0 {
            return Ok(Step::Done(Found::Other));
        }
        let len = 8 + 4 * usize::from(header[0] & 0x3f);
        let (protocol, network) = (be16(header, 2), be32(header, 4) >> 8);
        self.pass("Geneve", len, || Header::Geneve { network, protocol })?;
        self.enter(network);
        Ok(Step::On(Next::EtherType(protocol)))
    }
}
