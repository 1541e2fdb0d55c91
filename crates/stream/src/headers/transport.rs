//! TCP, and UDP as far as it carries tunnels.

use etherparse::TcpHeaderSlice;

use super::walk::{Addresses, Found, Next, Step, TcpSegment, Visitor, Walk, be16, mark};
use super::{Header, Tcp, TcpFlags};
use crate::HeaderError;

const VXLAN: u16 = 4789;
/// Linux's own port for VXLAN, from before there was an assigned one.
const VXLAN_LINUX: u16 = 8472;
const GENEVE: u16 = 6081;

impl<V: Visitor> Walk<'_, '_, V> {
    #[inline]
    pub(super) fn tcp(&mut self, addresses: Addresses) -> Result<TcpSegment, HeaderError> {
        let fixed: &[u8; 20] = self.fixed("TCP")?;
        let flags = TcpFlags(be16(fixed, 12) & 0x0fff);
        let len = usize::from(fixed[12] >> 4) * 4;
        if len < 20 || self.at + len > self.end {
            return Err(self.malformed("TCP", "header length", len as u32));
        }
        // A capture may cut off the options: what counts stands before them.
        let options_cut;
        let header = if self.rest().len() >= len {
            TcpHeaderSlice::from_slice(self.rest())
        } else {
            options_cut = without_options(fixed);
            TcpHeaderSlice::from_slice(&options_cut)
        }
        .map_err(|_| self.truncated("TCP", len))?;

        let captured_end = self.captured_end();
        let payload_start = (self.at + len).min(captured_end);
        let payload_len = (self.end - self.at - len) as u32;
        let segment = TcpSegment {
            addresses,
            source_port: header.source_port(),
            destination_port: header.destination_port(),
            sequence: header.sequence_number(),
            acknowledgement: header.acknowledgment_number(),
            flags,
            window: header.window_size(),
            mark: mark(self.identification, &self.bytes[self.at..payload_start], payload_len),
            network: self.network(),
            payload: payload_start..captured_end,
            cut: payload_len - (captured_end - payload_start) as u32,
        };
        self.seen.layer(self.at, payload_start - self.at, || {
            Header::Tcp(Tcp {
                source_port: segment.source_port,
                destination_port: segment.destination_port,
                sequence: segment.sequence,
                acknowledgement: segment.acknowledgement,
                flags,
                window: segment.window,
                payload_len,
            })
        });
        Ok(segment)
    }

    pub(super) fn udp(&mut self) -> Result<Step, HeaderError> {
        let header: &[u8; 8] = self.fixed("UDP")?;
        let (source_port, destination_port, length) = (be16(header, 0), be16(header, 2), be16(header, 4));
        self.pass("UDP", 8, || Header::Udp { source_port, destination_port, length })?;
        if length >= 8 {
            self.bound(usize::from(length) - 8);
        }
        Ok(match destination_port {
            VXLAN | VXLAN_LINUX => Step::On(Next::Vxlan),
            GENEVE => Step::On(Next::Geneve),
            _ => Step::Done(Found::Other),
        })
    }
}

fn without_options(fixed: &[u8; 20]) -> [u8; 20] {
    let mut header = *fixed;
    header[12] = 5 << 4 | header[12] & 0x0f;
    header
}
