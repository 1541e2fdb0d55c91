//! Link layers and tunnels: what is inside is found, with exact bounds.

use mqscope_stream::{Header, HeaderError, Layer, headers};

use crate::build::{CLIENT6, SERVER6, Tcp, carried, ethernet, udp};
use crate::tap::{GOT, Tap, client};

/// The protocols of the frame, and its TCP payload.
fn take_apart(link: u16, bytes: &[u8]) -> (String, Vec<u8>) {
    let headers = headers(link, bytes.len() as u32, bytes);
    assert_eq!(headers.error, None);
    let payload = headers.payload.clone().expect("a TCP payload");
    (headers.protocols(), bytes[payload.start as usize..payload.end as usize].to_vec())
}

#[track_caller]
fn carries(link: u16, bytes: &[u8], protocols: &str) {
    assert_eq!(take_apart(link, bytes), (protocols.to_owned(), GOT.to_vec()));
    let mut tap = Tap::connected();
    tap.link(link, bytes.len(), bytes);
    tap.finish();
    let flow = tap.seen.keys.len() as u32 - 1;
    assert_eq!(
        tap.seen.bytes(flow, mqscope_stream::Direction::Forward),
        GOT,
        "the reassembler finds the same"
    );
}

fn packet() -> Vec<u8> {
    client(0, GOT).ip()
}

fn packet6() -> Vec<u8> {
    Tcp { from: CLIENT6, to: SERVER6, ..Tcp::data(0, GOT) }.ip()
}

fn before(header: &[u8], inner: &[u8]) -> Vec<u8> {
    [header, inner].concat()
}

#[test]
fn ethernet_carries_both_versions_of_ip() {
    carries(1, &ethernet(0x0800, &packet()), "eth:ethertype:ip:tcp");
    carries(1, &ethernet(0x86dd, &packet6()), "eth:ethertype:ipv6:tcp");
}

#[test]
fn ethernet_with_a_length_may_carry_ip_after_llc() {
    let llc = before(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &packet());
    carries(1, &ethernet(llc.len() as u16, &llc), "eth:llc:ip:tcp");
}

#[test]
fn padding_is_no_data() {
    let mut frame = ethernet(0x0800, &packet());
    frame.extend([0; 40]);
    carries(1, &frame, "eth:ethertype:ip:tcp");
    let mut frame = ethernet(0x86dd, &packet6());
    frame.extend([0; 40]);
    carries(1, &frame, "eth:ethertype:ipv6:tcp");
}

#[test]
fn vlan_tags_may_be_stacked() {
    let tagged = before(&[0x20, 100, 8, 0], &packet());
    carries(1, &ethernet(0x8100, &tagged), "eth:ethertype:vlan:ethertype:ip:tcp");
    let twice = ethernet(0x88a8, &before(&[0, 7, 0x81, 0], &tagged));
    carries(1, &twice, "eth:ethertype:ieee8021ad:ethertype:vlan:ethertype:ip:tcp");
    let found = headers(1, twice.len() as u32, &twice);
    let inner = Header::Vlan { tag: 0x8100, priority: 1, drop_eligible: false, id: 100, ether_type: 0x0800 };
    assert_eq!(found.layers[2], Layer { start: 18, len: 4, header: inner });
}

#[test]
fn linux_cooked_of_both_versions() {
    let v1 = before(&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], &packet());
    carries(113, &v1, "sll:ethertype:ip:tcp");
    let v2 = before(&[8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0], &packet());
    carries(276, &v2, "sll:ethertype:ip:tcp");
    let layer = &headers(276, v2.len() as u32, &v2).layers[0];
    let fields = Header::LinuxCooked { version: 2, packet_type: 4, protocol: 0x0800, interface: Some(3) };
    assert_eq!(*layer, Layer { start: 0, len: 20, header: fields });
}

#[test]
fn bsd_loopback_in_either_byte_order() {
    carries(0, &before(&[2, 0, 0, 0], &packet()), "null:ip:tcp");
    carries(0, &before(&[0, 0, 0, 2], &packet()), "null:ip:tcp");
    carries(0, &before(&[30, 0, 0, 0], &packet6()), "null:ipv6:tcp");
    carries(108, &before(&[0, 0, 0, 24], &packet6()), "null:ipv6:tcp");
}

#[test]
fn raw_ip_under_each_of_its_numbers() {
    for link in [12, 14, 101] {
        carries(link, &packet(), "raw:ip:tcp");
        carries(link, &packet6(), "raw:ipv6:tcp");
    }
    carries(228, &packet(), "ip:tcp");
    carries(229, &packet6(), "ipv6:tcp");
}

#[test]
fn ppp_with_and_without_framing() {
    carries(9, &before(&[0xff, 3, 0, 0x21], &packet()), "ppp:ip:tcp");
    carries(9, &before(&[0x21], &packet()), "ppp:ip:tcp");
    carries(50, &before(&[0, 0x57], &packet6()), "ppp:ipv6:tcp");
}

#[test]
fn mpls_labels_end_with_ip_or_a_pseudowire() {
    let labels = [0, 1, 0x20, 64, 0, 2, 0x31, 64];
    carries(1, &ethernet(0x8847, &before(&labels, &packet())), "eth:ethertype:mpls:ip:tcp");
    let wire = before(&[0; 4], &ethernet(0x0800, &packet()));
    carries(1, &ethernet(0x8847, &before(&labels[4..], &wire)), "eth:ethertype:mpls:eth:ethertype:ip:tcp");
}

#[test]
fn pppoe_ends_where_it_says() {
    let len = packet().len() as u8 + 2;
    let mut frame = ethernet(0x8864, &before(&[0x11, 0, 0, 9, 0, len, 0, 0x21], &packet()));
    frame.extend([0; 20]);
    carries(1, &frame, "eth:ethertype:pppoes:ppp:ip:tcp");
}

#[test]
fn gre_with_any_of_its_optional_fields() {
    let gre = |flags: u16, optional: &[u8], inner: &[u8], protocol: u16| {
        let header = [&flags.to_be_bytes()[..], &protocol.to_be_bytes(), optional, inner].concat();
        ethernet(0x0800, &carried(47, &header))
    };
    carries(1, &gre(0, &[], &packet(), 0x0800), "eth:ethertype:ip:gre:ip:tcp");
    let keyed = gre(0xb000, &[1, 1, 0, 0, 0, 0, 0, 42, 0, 0, 0, 1], &packet(), 0x0800);
    carries(1, &keyed, "eth:ethertype:ip:gre:ip:tcp");
    let layers = headers(1, keyed.len() as u32, &keyed).layers;
    let header = Header::Gre { protocol: 0x0800, key: Some(42) };
    assert_eq!(layers[2], Layer { start: 34, len: 16, header });
    let bridged = gre(0, &[], &ethernet(0x0800, &packet()), 0x6558);
    carries(1, &bridged, "eth:ethertype:ip:gre:eth:ethertype:ip:tcp");
}

#[test]
fn vxlan_and_geneve_carry_ethernet() {
    let inner = ethernet(0x0800, &packet());
    let vxlan = udp(4789, &before(&[8, 0, 0, 0, 0, 1, 0, 0], &inner));
    carries(1, &ethernet(0x0800, &carried(17, &vxlan)), "eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:tcp");
    let geneve = udp(6081, &before(&[1, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 4], &inner));
    carries(1, &ethernet(0x0800, &carried(17, &geneve)), "eth:ethertype:ip:udp:geneve:eth:ethertype:ip:tcp");
}

#[test]
fn ip_in_ip_of_both_versions() {
    carries(101, &carried(4, &packet()), "raw:ip:ip:tcp");
    carries(101, &carried(41, &packet6()), "raw:ip:ipv6:tcp");
}

#[test]
fn ipv6_extension_headers_are_passed() {
    let mut packet = packet6();
    packet[6] = 0;
    packet[5] += 8 + 16;
    packet.splice(40..40, [60, 0, 1, 4, 0, 0, 0, 0, 6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    carries(229, &packet, "ipv6:ipv6.hopopts:ipv6.dstopts:tcp");
}

#[test]
fn a_segment_that_the_card_was_to_cut_up_is_as_long_as_its_frame() {
    let mut packet = packet();
    packet[2..4].copy_from_slice(&[0, 0]);
    carries(101, &packet, "raw:ip:tcp");
    let cut = headers(101, packet.len() as u32 + 100, &packet);
    assert_eq!(cut.cut, 100, "and what the snap length took of it is known");
    let mut packet = packet6();
    packet[4..6].copy_from_slice(&[0, 0]);
    carries(229, &packet, "ipv6:tcp");
}

#[test]
fn options_may_be_cut_off_with_the_payload() {
    let mut packet = packet();
    packet.splice(40..40, [1; 12]);
    packet[3] += 12;
    packet[32] = 8 << 4;
    let found = headers(101, packet.len() as u32, &packet[..46]);
    let tcp = found.tcp().expect("the fixed fields are there");
    assert_eq!((tcp.sequence, tcp.payload_len), (1001, GOT.len() as u32));
    assert_eq!((found.payload, found.cut), (Some(46..46), GOT.len() as u32));
}

#[test]
fn what_is_wrong_is_said_and_what_is_before_it_kept() {
    let frame = ethernet(0x0800, &packet());
    let short = headers(1, 40, &frame[..40]);
    assert_eq!(short.protocols(), "eth:ethertype:ip");
    let error = HeaderError::Truncated { layer: "TCP", at: 34, need: 20, have: 6 };
    assert_eq!(short.error, Some(error));
    assert_eq!(error.to_string(), "TCP header truncated at byte 34: need 20, have 6");

    for (at, value, message) in [
        (14, 0x44, "IPv4 header at byte 14 has an impossible header length: 16"),
        (14, 0x75, "IP header at byte 14 has an impossible version: 7"),
        (17, 19, "IPv4 header at byte 14 has an impossible total length: 19"),
        (46, 0x40, "TCP header at byte 34 has an impossible header length: 16"),
        (46, 0xf0, "TCP header at byte 34 has an impossible header length: 60"),
    ] {
        let mut frame = frame.clone();
        frame[at] = value;
        let error = headers(1, frame.len() as u32, &frame).error.expect("an error");
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(headers(147, 4, &[0; 4]).error, Some(HeaderError::UnknownLink(147)));
}

#[test]
fn other_protocols_are_no_error() {
    for frame in
        [ethernet(0x0806, &[0; 28]), ethernet(0x0800, &carried(1, &[8, 0, 0, 0])), ethernet(60, &[0; 60])]
    {
        let found = headers(1, frame.len() as u32, &frame);
        assert_eq!((found.error, found.payload), (None, None));
    }
}

#[test]
fn the_layers_say_where_they_stand() {
    let frame = ethernet(0x0800, &packet());
    let found = headers(1, frame.len() as u32, &frame);
    let places: Vec<_> = found.layers.iter().map(|layer| (layer.start, layer.len)).collect();
    assert_eq!(places, [(0, 14), (14, 20), (34, 20)]);
    assert_eq!(found.payload, Some(54..54 + GOT.len() as u32));
    let (source, destination) = found.addresses().expect("addresses");
    assert_eq!((source.to_string(), destination.to_string()), ("10.0.0.1".into(), "10.0.0.2".into()));
    assert!(found.tcp().is_some_and(|tcp| tcp.flags.psh() && tcp.flags.ack() && !tcp.flags.syn()));
}
