//! The layers below MQTT: frame, link, tunnels, IP, TCP.

use mqscope_capture::Store;
use mqscope_stream::{Header, Ipv4, Ipv6, Tcp, headers};

use super::{NodeKind, Outline, OutlineLayer, OutlineNode};
use crate::annotate::Secrets;
use crate::carrier::{self, Fact};
use crate::layers::{self, LayerBelow, Open};
use crate::{CarrierMessage, Extent, FrameRef, Layer, PacketView, time};

/// Adds a frame's bytes as a layer, its own line, and a group for each header in it; nothing if it cannot be read.
pub(super) fn add_frame(outline: &mut Outline, view: &PacketView<'_>, frame: &FrameRef, open: Option<&Open>) {
    let mut bytes = if frame.number == view.row.frame.number {
        let Some(bytes) = view.frame_bytes() else { return };
        bytes.to_vec()
    } else {
        let extent = Extent { at: frame.at, len: frame.len };
        let Some(bytes) = layers::gather(view.store, &[extent]).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        bytes
    };
    let headers = headers(frame.link, frame.original_len, &bytes);
    if let (Some(open), Some(payload)) = (open, &headers.payload) {
        let place = Extent { at: frame.at, len: payload.end };
        open.redact(&mut bytes, &[place], payload.start as usize);
    }
    let layer = outline.layers.len();
    outline.layers.push(OutlineLayer { name: format!("Frame {}", frame.number), bytes });
    let bytes = &outline.layers[layer].bytes;
    // Filters ask of the frame that completed the packet.
    let filtered = frame.number == view.row.frame.number;
    let mut tree = Tree { available: bytes.len(), filtered, ..Tree::new(&mut outline.nodes, layer) };

    tree.group("Frame", format!("{}, {} bytes", frame.number, frame.original_len), 0, bytes.len());
    tree.leaf("Number", frame.number.to_string(), 0, 0, Some(format!("frame.number == {}", frame.number)));
    tree.leaf("Time", time::rfc3339(frame.time), 0, 0, None);
    tree.leaf("Since the start", time::seconds(frame.time - view.start), 0, 0, None);
    let len_filter = Some(format!("frame.len == {}", frame.original_len));
    tree.leaf("Length", format!("{} bytes", frame.original_len), 0, 0, len_filter);
    if frame.original_len as usize > bytes.len() {
        tree.leaf("Captured", format!("{} bytes: the snap length cut the rest", bytes.len()), 0, 0, None);
    }
    tree.leaf("Protocols", headers.protocols(), 0, 0, None);

    for found in &headers.layers {
        tree.start = found.start as usize;
        header(&mut tree, &found.header, found.len as usize);
    }
    if let Some(error) = headers.error {
        tree.push(0, NodeKind::Error, "Header", error.to_string(), 0, 0, 0xff, None);
    }
}

/// Hangs the frames that were added below one line that speaks of them all.
pub(super) fn put_together(outline: &mut Outline, frames: &str) {
    if outline.layers.is_empty() {
        return;
    }
    for node in &mut outline.nodes {
        node.depth += 1;
    }
    let mut all = Vec::new();
    Tree::new(&mut all, 0).group("Frames", frames.to_owned(), 0, 0);
    outline.nodes.splice(..0, all);
}

/// The records or frames of one layer, about to be added.
pub(super) struct Shown {
    layer: Layer,
    bytes: Vec<u8>,
    /// Where each record or frame begins and ends, and what its header says.
    parts: Vec<(usize, usize, Vec<Fact>)>,
}

impl Shown {
    /// Reads what `layer` was derived from. Of frames that may hold secrets, only the headers are shown.
    pub(super) fn of(store: &Store, layer: &LayerBelow, open: Option<&Open>) -> Self {
        let mut shown = Self { layer: layer.layer, bytes: Vec::new(), parts: Vec::new() };
        for group in &layer.groups {
            let Some(mut bytes) = layers::gather(store, &group.source) else { continue };
            let facts = carrier::layer_facts(layer.layer, &bytes);
            let may_be_shown =
                open.is_none_or(|open| group.derived.iter().all(|derived| open.covers(*derived)));
            if !may_be_shown && layer.layer == Layer::WebSocket {
                let header = facts.iter().map(|fact| fact.start + fact.len).max().unwrap_or(0);
                bytes[header..].fill(b'*');
            }
            let start = shown.bytes.len();
            shown.bytes.extend_from_slice(&bytes);
            shown.parts.push((start, shown.bytes.len(), facts));
        }
        shown
    }

    pub(super) fn add(self, outline: &mut Outline) {
        let layer = outline.layers.len();
        let (name, part, all) = match self.layer {
            Layer::Tls => ("TLS", "TLS record", "TLS records"),
            Layer::WebSocket => ("WebSocket", "WebSocket frame", "WebSocket frames"),
        };
        outline.layers.push(OutlineLayer { name: name.to_owned(), bytes: self.bytes });
        let available = outline.layers[layer].bytes.len();
        let mut tree = Tree { available, ..Tree::new(&mut outline.nodes, layer) };
        if self.parts.len() > 1 {
            // Some clients write a packet in a dozen pieces.
            tree.group(all, format!("{}, {available} bytes", self.parts.len()), 0, available);
            tree.depth = 1;
        }
        for (start, end, facts) in self.parts {
            tree.start = start;
            tree.group(part, format!("{} bytes", end - start), 0, end - start);
            tree.facts(&facts, Secrets::Shown);
            let header = facts.iter().map(|fact| fact.start + fact.len).max().unwrap_or(0);
            let what = match self.layer {
                Layer::Tls => "Encrypted",
                Layer::WebSocket => "Payload as sent",
            };
            let len = (end - start).saturating_sub(header);
            tree.leaf(what, format!("{len} bytes"), header, len, None);
        }
    }
}

/// Adds a message of a lower layer as the topmost one.
pub(super) fn add_message(
    outline: &mut Outline,
    view: &PacketView<'_>,
    message: CarrierMessage,
    secrets: Secrets,
) {
    let facts = carrier::facts(message, view.bytes);
    let mut bytes = view.bytes.to_vec();
    if secrets == Secrets::Redacted {
        for fact in facts.iter().filter(|fact| fact.secret) {
            bytes[fact.start..fact.start + fact.len].fill(b'*');
        }
    }
    let layer = outline.layers.len();
    let available = bytes.len();
    outline.layers.push(OutlineLayer { name: message.name().to_owned(), bytes });
    let mut tree = Tree { available, ..Tree::new(&mut outline.nodes, layer) };
    let title = format!("{available} bytes, from {}", view.side);
    tree.group(message.name(), title, 0, available);
    tree.facts(&facts, secrets);
    if let (CarrierMessage::ServerHello, Some(why)) = (message, view.flow.undecrypted()) {
        tree.leaf("Not decrypted", why.to_string(), 0, 0, None);
        tree.leaf("To decrypt", "give --keylog FILE, which an end has to write while this is captured: node --tls-keylog=FILE for MQTT.js, SSLKEYLOGFILE=FILE for curl, browsers and Python, tls: {keylog: FILE} in a scenario of `mqscope run`", 0, 0, None);
    }
    for finding in view.findings.iter() {
        let breach = finding.breach;
        let text = format!("{} ({}): {}", breach.text(), breach.id(view.version()), breach.fix());
        let filter = Some(format!("mqtt.violation == \"{}\"", breach.id(view.version())));
        tree.push(1, NodeKind::Violation, "Violation", text, 0, available, 0xff, filter);
    }
}

/// The nodes of one layer, places counted from the header's first byte.
struct Tree<'a> {
    nodes: &'a mut Vec<OutlineNode>,
    layer: usize,
    start: usize,
    /// Bytes of the layer.
    available: usize,
    /// Whether filters hold for packets that have these values.
    filtered: bool,
    /// Where groups hang.
    depth: usize,
}

impl<'a> Tree<'a> {
    fn new(nodes: &'a mut Vec<OutlineNode>, layer: usize) -> Self {
        Self { nodes, layer, start: 0, available: 0, filtered: true, depth: 0 }
    }

    fn group(&mut self, label: &str, value: String, at: usize, len: usize) {
        self.push(0, NodeKind::Group, label, value, at, len, 0xff, None);
    }

    fn leaf(&mut self, label: &str, value: impl Into<String>, at: usize, len: usize, filter: Option<String>) {
        self.push(1, NodeKind::Leaf, label, value.into(), at, len, 0xff, filter);
    }

    fn facts(&mut self, facts: &[Fact], secrets: Secrets) {
        for fact in facts {
            let (value, filter) = (fact.shown(secrets), fact.filter(secrets));
            self.push(1, NodeKind::Leaf, fact.label, value, fact.start, fact.len, fact.mask, filter);
        }
    }

    fn flag(&mut self, label: &str, value: bool, at: usize, mask: u8, filter: Option<String>) {
        self.push(1, NodeKind::Leaf, label, u8::from(value).to_string(), at, 1, mask, filter);
    }

    #[expect(clippy::too_many_arguments, reason = "one line of the tree has as many parts")]
    fn push(
        &mut self,
        depth: usize,
        kind: NodeKind,
        label: &str,
        value: String,
        at: usize,
        len: usize,
        mask: u8,
        filter: Option<String>,
    ) {
        let start = (self.start + at).min(self.available);
        let len = len.min(self.available - start);
        let label = label.to_owned();
        let filter = filter.filter(|_| self.filtered);
        self.nodes.push(OutlineNode {
            depth: self.depth + depth,
            layer: self.layer,
            start,
            len,
            mask,
            label,
            value,
            kind,
            filter,
        });
    }
}

fn header(tree: &mut Tree<'_>, header: &Header, len: usize) {
    match header {
        Header::Ethernet { destination, source, ether_type } => {
            let (destination, source) = (mac(destination), mac(source));
            tree.group("Ethernet", format!("{source} → {destination}"), 0, len);
            tree.leaf("Destination", &*destination, 0, 6, Some(format!("eth.dst == {destination}")));
            tree.leaf("Source", &*source, 6, 6, Some(format!("eth.src == {source}")));
            tree.leaf(
                "Type",
                ether_type_text(*ether_type),
                12,
                2,
                Some(format!("eth.type == {ether_type:#06x}")),
            );
        }
        Header::Llc { ether_type } => {
            tree.group("LLC and SNAP", String::new(), 0, len);
            tree.leaf("Type", ether_type_text(*ether_type), 6, 2, None);
        }
        Header::LinuxCooked { version, packet_type, protocol, interface } => {
            tree.group("Linux cooked capture", format!("version {version}"), 0, len);
            let direction = match packet_type {
                0 => "to this host",
                1 => "broadcast",
                2 => "multicast",
                3 => "between others",
                4 => "from this host",
                _ => "unknown",
            };
            let (type_at, type_len, protocol_at) = if *version == 1 { (0, 2, 14) } else { (10, 1, 0) };
            tree.leaf("Packet Type", format!("{direction} ({packet_type})"), type_at, type_len, None);
            tree.leaf("Protocol", ether_type_text(*protocol), protocol_at, 2, None);
            if let Some(interface) = interface {
                tree.leaf("Interface", interface.to_string(), 4, 4, None);
            }
        }
        Header::Null { family } => {
            tree.group("BSD loopback", String::new(), 0, len);
            tree.leaf("Family", family.to_string(), 0, 4, None);
        }
        Header::Raw => {}
        Header::Vlan { priority, drop_eligible, id, ether_type, .. } => {
            tree.group("VLAN", id.to_string(), 0, len);
            tree.push(1, NodeKind::Leaf, "Priority", priority.to_string(), 0, 1, 0xe0, None);
            tree.flag("Drop Eligible", *drop_eligible, 0, 0x10, None);
            tree.leaf("Identifier", id.to_string(), 0, 2, Some(format!("vlan.id == {id}")));
            tree.leaf("Type", ether_type_text(*ether_type), 2, 2, None);
        }
        Header::Mpls { label, bottom, ttl } => {
            tree.group("MPLS", label.to_string(), 0, len);
            tree.leaf("Label", label.to_string(), 0, 3, None);
            tree.flag("Bottom of Stack", *bottom, 2, 0x01, None);
            tree.leaf("TTL", ttl.to_string(), 3, 1, None);
        }
        Header::Pppoe { session } => {
            tree.group("PPPoE", String::new(), 0, len);
            tree.leaf("Session", format!("{session:#06x}"), 2, 2, None);
        }
        Header::Ppp { protocol } => {
            tree.group("PPP", String::new(), 0, len);
            tree.leaf("Protocol", format!("{protocol:#06x}"), 0, len, None);
        }
        Header::Gre { protocol, key } => {
            tree.group("GRE", String::new(), 0, len);
            tree.leaf("Protocol", ether_type_text(*protocol), 2, 2, None);
            if let Some(key) = key {
                tree.leaf("Key", format!("{key:#010x}"), len.saturating_sub(4), 4, None);
            }
        }
        Header::Erspan { session, vlan } => {
            tree.group("ERSPAN", format!("session {session}"), 0, len);
            tree.leaf("VLAN", vlan.to_string(), 0, 2, None);
            tree.leaf("Session", session.to_string(), 2, 2, None);
        }
        Header::Vxlan { network } => {
            tree.group("VXLAN", network.to_string(), 0, len);
            tree.leaf("Network Identifier", network.to_string(), 4, 3, None);
        }
        Header::Geneve { network, protocol } => {
            tree.group("Geneve", network.to_string(), 0, len);
            tree.leaf("Protocol", ether_type_text(*protocol), 2, 2, None);
            tree.leaf("Network Identifier", network.to_string(), 4, 3, None);
        }
        Header::Ipv4(ip) => ipv4(tree, ip, len),
        Header::Ipv6(ip) => ipv6(tree, ip, len),
        Header::IpExtension { protocol, next } => {
            tree.group("IP extension header", protocol.to_string(), 0, len);
            tree.leaf("Next Header", next.to_string(), 0, 1, None);
        }
        Header::Ipv6Fragment { identification, offset, more, next } => {
            tree.group("IPv6 fragment", format!("at {offset}"), 0, len);
            tree.leaf("Next Header", next.to_string(), 0, 1, None);
            tree.leaf("Offset", format!("{offset} bytes"), 2, 2, None);
            tree.flag("More Fragments", *more, 3, 0x01, None);
            tree.leaf("Identification", format!("{identification:#010x}"), 4, 4, None);
        }
        Header::Udp { source_port, destination_port, length } => {
            tree.group("UDP", format!("{source_port} → {destination_port}"), 0, len);
            tree.leaf("Source Port", source_port.to_string(), 0, 2, None);
            tree.leaf("Destination Port", destination_port.to_string(), 2, 2, None);
            tree.leaf("Length", format!("{length} bytes"), 4, 2, None);
        }
        Header::Tcp(tcp) => self::tcp(tree, tcp, len),
    }
}

fn ipv4(tree: &mut Tree<'_>, ip: &Ipv4, len: usize) {
    tree.group("IPv4", format!("{} → {}", ip.source, ip.destination), 0, len);
    tree.leaf("Total Length", format!("{} bytes", ip.total_length), 2, 2, None);
    tree.leaf("Identification", format!("{:#06x}", ip.identification), 4, 2, None);
    tree.flag("Don't Fragment", ip.dont_fragment, 6, 0x40, None);
    tree.flag("More Fragments", ip.more_fragments, 6, 0x20, None);
    tree.leaf("Fragment Offset", format!("{} bytes", ip.fragment_offset), 6, 2, None);
    tree.leaf("Time to Live", ip.ttl.to_string(), 8, 1, Some(format!("ip.ttl == {}", ip.ttl)));
    tree.leaf("Protocol", ip.protocol.to_string(), 9, 1, None);
    tree.leaf("Source", ip.source.to_string(), 12, 4, Some(format!("ip.src == {}", ip.source)));
    tree.leaf(
        "Destination",
        ip.destination.to_string(),
        16,
        4,
        Some(format!("ip.dst == {}", ip.destination)),
    );
}

fn ipv6(tree: &mut Tree<'_>, ip: &Ipv6, len: usize) {
    tree.group("IPv6", format!("{} → {}", ip.source, ip.destination), 0, len);
    tree.leaf("Flow Label", format!("{:#07x}", ip.flow_label), 1, 3, None);
    tree.leaf("Payload Length", format!("{} bytes", ip.payload_length), 4, 2, None);
    tree.leaf("Next Header", ip.next.to_string(), 6, 1, None);
    tree.leaf("Hop Limit", ip.hop_limit.to_string(), 7, 1, None);
    tree.leaf("Source", ip.source.to_string(), 8, 16, Some(format!("ipv6.src == {}", ip.source)));
    tree.leaf(
        "Destination",
        ip.destination.to_string(),
        24,
        16,
        Some(format!("ipv6.dst == {}", ip.destination)),
    );
}

fn tcp(tree: &mut Tree<'_>, tcp: &Tcp, len: usize) {
    let ports = format!("{} → {}", tcp.source_port, tcp.destination_port);
    tree.group("TCP", format!("{ports}, {} bytes of data", tcp.payload_len), 0, len);
    let port = |name: &str, port: u16| Some(format!("tcp.{name} == {port}"));
    tree.leaf("Source Port", tcp.source_port.to_string(), 0, 2, port("srcport", tcp.source_port));
    tree.leaf(
        "Destination Port",
        tcp.destination_port.to_string(),
        2,
        2,
        port("dstport", tcp.destination_port),
    );
    tree.leaf("Sequence Number", tcp.sequence.to_string(), 4, 4, None);
    tree.leaf("Acknowledgement Number", tcp.acknowledgement.to_string(), 8, 4, None);
    tree.leaf("Header Length", format!("{len} bytes"), 12, 1, None);
    for (bit, name) in [(5, "URG"), (4, "ACK"), (3, "PSH"), (2, "RST"), (1, "SYN"), (0, "FIN")] {
        tree.flag(name, tcp.flags.0 & (1 << bit) != 0, 13, 1 << bit, None);
    }
    tree.leaf("Window", format!("{} (not scaled)", tcp.window), 14, 2, None);
}

fn mac(address: &[u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

fn ether_type_text(ether_type: u16) -> String {
    let name = match ether_type {
        0x0800 => "IPv4",
        0x86dd => "IPv6",
        0x8100 => "VLAN",
        0x88a8 => "provider VLAN",
        0x8847 => "MPLS",
        0x8864 => "PPPoE session",
        0x6558 => "Ethernet",
        _ => return format!("{ether_type:#06x}"),
    };
    format!("{name} ({ether_type:#06x})")
}
