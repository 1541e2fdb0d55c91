//! Fields of the layers below MQTT, from the frame that completed the packet.

use mqscope_stream::{Analysis, Header, Headers};

use super::FieldValue;
use crate::{PacketView, RowKind, Transport};

/// A field of the layers below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lower {
    Protocols,
    /// The whole frame.
    Frame,
    /// A layer's header.
    Ethernet,
    Vlan,
    Ip,
    Ipv6,
    Tcp,
    EthSource,
    EthDestination,
    EthAddress,
    EthType,
    VlanId,
    VlanPriority,
    IpVersion,
    IpHeaderLen,
    IpLen,
    IpId,
    IpTtl,
    IpProtocol,
    IpSource,
    IpDestination,
    IpAddress,
    Ipv6PayloadLen,
    Ipv6Next,
    Ipv6HopLimit,
    Ipv6Source,
    Ipv6Destination,
    Ipv6Address,
    TcpSourcePort,
    TcpDestinationPort,
    TcpPort,
    TcpLen,
    TcpSequenceRaw,
    TcpAcknowledgementRaw,
    TcpHeaderLen,
    TcpWindow,
    TcpFlags,
    /// One bit of the flags.
    TcpFlag(u8),
    /// Any remark of the analysis.
    TcpAnalysis,
    TcpRemark(Analysis),
}

pub(super) fn values(wanted: Lower, packet: &PacketView<'_>, out: &mut dyn FnMut(FieldValue<'_>)) {
    use FieldValue::{Boolean, Bytes, Ether, Ipv4, Ipv6, Presence, Text, Unsigned};

    match wanted {
        Lower::TcpAnalysis => {
            if !packet.row.frame.analysis.is_empty() {
                out(Presence);
            }
            return;
        }
        Lower::TcpRemark(remark) => {
            if packet.row.frame.analysis.contains(remark) {
                out(Presence);
            }
            return;
        }
        _ => {}
    }
    if wanted == Lower::Frame {
        return packet.frame_bytes().into_iter().for_each(|bytes| out(Bytes(bytes)));
    }
    let Some(headers) = packet.headers() else { return };
    if wanted == Lower::Protocols {
        out(Text(protocols(headers, packet).as_bytes()));
        return;
    }
    for layer in &headers.layers {
        if let (Header::Ethernet { .. }, Lower::Ethernet)
        | (Header::Vlan { .. }, Lower::Vlan)
        | (Header::Ipv4(_), Lower::Ip)
        | (Header::Ipv6(_), Lower::Ipv6)
        | (Header::Tcp(_), Lower::Tcp) = (&layer.header, wanted)
        {
            let (start, end) = (layer.start as usize, (layer.start + layer.len) as usize);
            let header = packet.frame_bytes().and_then(|frame| frame.get(start..end));
            header.into_iter().for_each(|header| out(Bytes(header)));
            continue;
        }
        match (&layer.header, wanted) {
            (Header::Ethernet { source, .. }, Lower::EthSource) => out(Ether(*source)),
            (Header::Ethernet { destination, .. }, Lower::EthDestination) => out(Ether(*destination)),
            (Header::Ethernet { source, destination, .. }, Lower::EthAddress) => {
                out(Ether(*destination));
                out(Ether(*source));
            }
            (Header::Ethernet { ether_type, .. }, Lower::EthType) => out(Unsigned((*ether_type).into())),
            (Header::Vlan { id, .. }, Lower::VlanId) => out(Unsigned((*id).into())),
            (Header::Vlan { priority, .. }, Lower::VlanPriority) => out(Unsigned((*priority).into())),
            (Header::Ipv4(ip), _) => match wanted {
                Lower::IpVersion => out(Unsigned(4)),
                Lower::IpHeaderLen => out(Unsigned(layer.len.into())),
                Lower::IpLen => out(Unsigned(ip.total_length.into())),
                Lower::IpId => out(Unsigned(ip.identification.into())),
                Lower::IpTtl => out(Unsigned(ip.ttl.into())),
                Lower::IpProtocol => out(Unsigned(ip.protocol.into())),
                Lower::IpSource => out(Ipv4(ip.source)),
                Lower::IpDestination => out(Ipv4(ip.destination)),
                Lower::IpAddress => {
                    out(Ipv4(ip.source));
                    out(Ipv4(ip.destination));
                }
                _ => {}
            },
            (Header::Ipv6(ip), _) => match wanted {
                // As in tshark, where it is the version of either.
                Lower::IpVersion => out(Unsigned(6)),
                Lower::Ipv6PayloadLen => out(Unsigned(ip.payload_length.into())),
                Lower::Ipv6Next => out(Unsigned(ip.next.into())),
                Lower::Ipv6HopLimit => out(Unsigned(ip.hop_limit.into())),
                Lower::Ipv6Source => out(Ipv6(ip.source)),
                Lower::Ipv6Destination => out(Ipv6(ip.destination)),
                Lower::Ipv6Address => {
                    out(Ipv6(ip.source));
                    out(Ipv6(ip.destination));
                }
                _ => {}
            },
            (Header::Tcp(tcp), _) => match wanted {
                Lower::TcpSourcePort => out(Unsigned(tcp.source_port.into())),
                Lower::TcpDestinationPort => out(Unsigned(tcp.destination_port.into())),
                Lower::TcpPort => {
                    out(Unsigned(tcp.source_port.into()));
                    out(Unsigned(tcp.destination_port.into()));
                }
                Lower::TcpLen => out(Unsigned(tcp.payload_len.into())),
                Lower::TcpSequenceRaw => out(Unsigned(tcp.sequence.into())),
                Lower::TcpAcknowledgementRaw => out(Unsigned(tcp.acknowledgement.into())),
                Lower::TcpHeaderLen => out(Unsigned(layer.len.into())),
                Lower::TcpWindow => out(Unsigned(tcp.window.into())),
                Lower::TcpFlags => out(Unsigned(tcp.flags.0.into())),
                Lower::TcpFlag(bit) => out(Boolean(tcp.flags.0 >> bit & 1 == 1)),
                _ => {}
            },
            _ => {}
        }
    }
}

fn protocols(headers: &Headers, packet: &PacketView<'_>) -> String {
    let mut protocols = headers.protocols();
    let over = packet.flow.transport();
    match packet.row.kind() {
        RowKind::Packet(_) => protocols.push_str(match over {
            Transport::Tcp => ":mqtt",
            Transport::Tls => ":tls:mqtt",
            Transport::Ws => ":http:websocket:mqtt",
            Transport::Wss => ":tls:http:websocket:mqtt",
        }),
        RowKind::Carrier(message) => {
            if matches!(over, Transport::Tls | Transport::Wss)
                && !matches!(message.protocol(), "tls" | "proxy")
            {
                protocols.push_str(":tls");
            }
            protocols.push(':');
            protocols.push_str(message.protocol());
        }
    }
    protocols
}
