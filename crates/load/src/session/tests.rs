//! A session and a broker's half made by hand, joined by buffers; the clock stands still unless told to move.

use mqscope_wire::{
    ConnAck, PropertiesBuf, Property, ReasonCodes, Strict, SubAck, SubscriptionOptions, SubscriptionsBuf,
    Text, decode, frame,
};

use super::*;

struct Pair {
    session: Session,
    /// What the session wrote and the test did not read yet.
    out: Vec<u8>,
    now: Nanos,
}

const SECOND: Nanos = 1_000_000_000;

impl Pair {
    fn new(version: Version) -> Self {
        Self { session: Session::new(version), out: Vec::new(), now: 7 * SECOND }
    }

    /// Connected, the CONNECT read away.
    fn up(version: Version, properties: &[Property<'_>]) -> Self {
        let mut pair = Self::new(version);
        let connect = plain_connect(version, "dev-1");
        pair.session.connect(connect, false, pair.now, &mut pair.out).expect("encodes");
        pair.sent();
        let mut buf = PropertiesBuf::new();
        properties.iter().for_each(|property| buf.push(*property).expect("encodes"));
        let connack =
            ConnAck { session_present: false, reason: ReasonCode::SUCCESS, properties: buf.as_properties() };
        assert_eq!(pair.says(Packet::ConnAck(connack)), "Connected { sent: 7000000000, resumed: false }");
        pair
    }

    /// The broker says something; what the session makes of it.
    fn says(&mut self, packet: Packet<'_>) -> String {
        let mut bytes = Vec::new();
        encode(&packet, self.session.version, &mut bytes).expect("encodes");
        let packet = decode(&bytes, self.session.version, &mut Strict).expect("decodes");
        match self.session.receive(packet, self.now, &mut self.out) {
            Ok(event) => format!("{event:?}"),
            Err(fault) => format!("fault: {fault}"),
        }
    }

    /// Names and packet ids of what the session sent since last asked.
    fn sent(&mut self) -> Vec<String> {
        let mut rest = &self.out[..];
        let mut seen = Vec::new();
        while let Some(frame) = frame::next(rest).expect("well formed") {
            let packet = decode(rest, self.session.version, &mut Strict).expect("decodes");
            let id = packet.packet_id().map_or(String::new(), |id| format!(" {id}"));
            let reason = match packet {
                Packet::PubComp(ack) if ack.reason.0 != 0 => format!(" {:#04x}", ack.reason.0),
                _ => String::new(),
            };
            seen.push(format!("{}{id}{reason}", packet.packet_type()));
            rest = &rest[frame.len()..];
        }
        self.out.clear();
        seen
    }

    fn publish(&mut self, qos: QoS) -> Result<(), Unsendable> {
        let publish = message(qos, None);
        self.session.publish(publish, 3, self.now - 5, self.now, &mut self.out)
    }
}

fn message(qos: QoS, packet_id: Option<u16>) -> Publish<'static> {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: Text::from("t"),
        packet_id: packet_id.and_then(PacketId::new),
        properties: Properties::EMPTY,
        payload: b"payload",
    }
}

fn ack(id: u16) -> Ack<'static> {
    Ack::success(PacketId::new(id).expect("not zero"))
}

fn failed(id: u16) -> Ack<'static> {
    Ack { reason: ReasonCode(0x97), ..ack(id) }
}

#[test]
fn a_qos_1_message_waits_for_its_puback() {
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut pair = Pair::up(version, &[]);
        pair.publish(QoS::AtLeastOnce).expect("sent");
        assert_eq!(pair.sent(), ["PUBLISH 1"]);
        assert_eq!(pair.session.awaited(), 1);
        let event = pair.says(Packet::PubAck(ack(1)));
        assert!(event.contains("with: PubAck") && event.contains("intended: 6999999995"), "{event}");
        assert_eq!(pair.session.awaited(), 0);
    }
}

#[test]
fn a_qos_2_message_goes_through_its_four_packets() {
    let mut pair = Pair::up(Version::V311, &[]);
    pair.publish(QoS::ExactlyOnce).expect("sent");
    assert!(pair.says(Packet::PubRec(ack(1))).contains("with: PubRec"));
    assert_eq!(pair.sent(), ["PUBLISH 1", "PUBREL 1"]);
    assert_eq!(pair.session.awaited(), 1, "until PUBCOMP");
    assert!(pair.says(Packet::PubComp(ack(1))).contains("with: PubComp"));
    assert_eq!(pair.session.awaited(), 0);
}

#[test]
fn an_exchange_at_qos_2_is_hurried_from_either_side_and_one_at_qos_1_is_not() {
    let mut pair = Pair::up(Version::V311, &[]);
    pair.publish(QoS::AtLeastOnce).expect("sent");
    pair.says(Packet::Publish(message(QoS::AtLeastOnce, Some(5))));
    assert!(!pair.session.is_hurried());
    pair.publish(QoS::ExactlyOnce).expect("sent");
    assert!(pair.session.is_hurried(), "PUBREC will ask for PUBREL");
    pair.says(Packet::PubRec(ack(2)));
    assert!(pair.session.is_hurried());
    pair.says(Packet::PubComp(ack(2)));
    assert!(!pair.session.is_hurried());
    pair.says(Packet::Publish(message(QoS::ExactlyOnce, Some(6))));
    assert!(pair.session.is_hurried(), "PUBREL will ask for PUBCOMP");
    pair.says(Packet::PubRel(ack(6)));
    assert!(!pair.session.is_hurried());
}

#[test]
fn a_pubrec_that_refuses_ends_the_exchange() {
    let mut pair = Pair::up(Version::V5, &[]);
    pair.publish(QoS::ExactlyOnce).expect("sent");
    assert!(pair.says(Packet::PubRec(failed(1))).contains("with: PubRec"));
    assert_eq!(pair.sent(), ["PUBLISH 1"], "no PUBREL");
    assert_eq!(pair.session.awaited(), 0);
}

#[test]
fn messages_for_us_are_acknowledged_by_their_quality() {
    let mut pair = Pair::up(Version::V311, &[]);
    for (qos, id, answer) in [
        (QoS::AtMostOnce, None, vec![]),
        (QoS::AtLeastOnce, Some(5), vec!["PUBACK 5"]),
        (QoS::ExactlyOnce, Some(6), vec!["PUBREC 6"]),
    ] {
        assert!(pair.says(Packet::Publish(message(qos, id))).starts_with("Message"));
        assert_eq!(pair.sent(), answer);
    }
    assert_eq!(pair.says(Packet::PubRel(ack(6))), "Nothing");
    assert_eq!(pair.sent(), ["PUBCOMP 6"]);
}

#[test]
fn a_qos_2_message_sent_again_is_delivered_once() {
    let mut pair = Pair::up(Version::V5, &[]);
    assert!(pair.says(Packet::Publish(message(QoS::ExactlyOnce, Some(9)))).starts_with("Message"));
    let again = Publish { dup: true, ..message(QoS::ExactlyOnce, Some(9)) };
    assert_eq!(pair.says(Packet::Publish(again)), "Nothing");
    assert_eq!(pair.sent(), ["PUBREC 9", "PUBREC 9"]);
    pair.says(Packet::PubRel(ack(9)));
    assert_eq!(pair.sent(), ["PUBCOMP 9"]);
    assert!(
        pair.says(Packet::Publish(message(QoS::ExactlyOnce, Some(9)))).starts_with("Message"),
        "a new one"
    );
}

#[test]
fn a_release_of_nothing_is_answered_as_the_version_has_it() {
    let mut pair = Pair::up(Version::V5, &[]);
    pair.says(Packet::PubRel(ack(4)));
    assert_eq!(pair.sent(), ["PUBCOMP 4 0x92"]);
    let mut pair = Pair::up(Version::V311, &[]);
    pair.says(Packet::PubRel(ack(4)));
    assert_eq!(pair.sent(), ["PUBCOMP 4"]);
}

#[test]
fn answers_to_what_was_not_asked_are_faults() {
    let mut pair = Pair::up(Version::V5, &[]);
    assert_eq!(pair.says(Packet::PubAck(ack(1))), "fault: PUBACK for a packet identifier that is not in use");
    assert_eq!(pair.says(Packet::PingResp), "fault: PINGRESP out of place");
    pair.publish(QoS::AtLeastOnce).expect("sent");
    assert!(pair.says(Packet::PubRec(ack(1))).starts_with("fault"), "QoS 1 has no PUBREC");
    let mut pair = Pair::new(Version::V5);
    assert!(pair.says(Packet::PubAck(ack(1))).starts_with("fault"), "before CONNACK");
}

#[test]
fn the_receive_maximum_holds_messages_back() {
    let mut pair = Pair::up(Version::V5, &[Property::ReceiveMaximum(2)]);
    pair.publish(QoS::AtLeastOnce).expect("sent");
    pair.publish(QoS::ExactlyOnce).expect("sent");
    assert!(!pair.session.has_room(QoS::AtLeastOnce));
    assert!(pair.session.has_room(QoS::AtMostOnce), "QoS 0 is not counted");
    pair.says(Packet::PubAck(ack(1)));
    assert!(pair.session.has_room(QoS::AtLeastOnce));
}

#[test]
fn the_brokers_limits_are_kept() {
    let mut pair = Pair::up(Version::V5, &[Property::MaximumQos(0), Property::MaximumPacketSize(12)]);
    assert_eq!(pair.publish(QoS::AtLeastOnce), Err(Unsendable::QoS(QoS::AtMostOnce)));
    assert_eq!(pair.publish(QoS::AtMostOnce), Err(Unsendable::TooLarge { len: 13, max: 12 }));
    assert!(pair.out.is_empty(), "nothing of it is left in the buffer");
}

#[test]
fn identifiers_go_round_and_skip_those_in_use() {
    let mut pair = Pair::up(Version::V311, &[]);
    pair.publish(QoS::AtLeastOnce).expect("sent");
    pair.publish(QoS::AtLeastOnce).expect("sent");
    pair.publish(QoS::AtLeastOnce).expect("sent");
    pair.says(Packet::PubAck(ack(2)));
    (pair.session.ids.next, pair.session.ids.free_run) = (u16::MAX, 0);
    pair.sent();
    for _ in 0..3 {
        pair.publish(QoS::AtLeastOnce).expect("sent");
    }
    assert_eq!(pair.sent(), ["PUBLISH 65535", "PUBLISH 2", "PUBLISH 4"]);
}

#[test]
fn a_subscription_does_not_share_its_identifier() {
    let mut pair = Pair::up(Version::V311, &[]);
    let mut filters = SubscriptionsBuf::new();
    filters.push(Text::from("a/#"), SubscriptionOptions::default()).expect("encodes");
    pair.session.subscribe(filters.as_subscriptions(), pair.now, &mut pair.out).expect("encodes");
    (pair.session.ids.next, pair.session.ids.free_run) = (1, 0);
    pair.publish(QoS::AtLeastOnce).expect("sent");
    assert_eq!(pair.sent(), ["SUBSCRIBE 1", "PUBLISH 2"]);
    let suback = SubAck {
        packet_id: PacketId::new(1).expect("not zero"),
        properties: Properties::EMPTY,
        reasons: ReasonCodes::from_bytes(&[1]),
    };
    assert!(pair.says(Packet::SubAck(suback)).starts_with("Subscribed"));
}

#[test]
fn keep_alive_pings_only_in_silence_and_notices_a_dead_broker() {
    let mut pair = Pair::up(Version::V311, &[]);
    assert_eq!(pair.session.deadline(), 17 * SECOND);
    pair.now = 12 * SECOND;
    pair.publish(QoS::AtLeastOnce).expect("sent");
    assert_eq!(pair.session.deadline(), 17 * SECOND, "so far it was not heard");
    pair.says(Packet::PubAck(Ack::success(PacketId::new(1).expect("not zero"))));
    assert_eq!(pair.session.deadline(), 22 * SECOND, "a message and its answer are signs of life");
    pair.sent();
    pair.now = 22 * SECOND;
    pair.session.tick(pair.now, &mut pair.out).expect("pings");
    assert_eq!(pair.sent(), ["PINGREQ"]);
    pair.now = 23 * SECOND;
    assert_eq!(pair.says(Packet::PingResp), "Pong { sent: 22000000000 }");
    pair.now = 32 * SECOND;
    pair.session.tick(pair.now, &mut pair.out).expect("pings");
    pair.now = 42 * SECOND;
    assert!(matches!(pair.session.tick(pair.now, &mut pair.out), Err(Fault::PingTimeout)));
}

#[test]
fn what_can_be_no_packet_of_a_broker_is_not_waited_for() {
    for version in [Version::V31, Version::V311, Version::V5] {
        let session = Session::new(version);
        let foresee = |begun: &[u8]| {
            let frame = frame::next(begun).expect("a header");
            session.foresee(begun, frame).map_err(|fault| fault.to_string())
        };
        for first in [0x20, 0x30, 0x31, 0x32, 0x3d, 0x40, 0x50, 0x62, 0x70, 0x90, 0xd0] {
            assert_eq!(foresee(&[first]), Ok(()), "{first:#x}");
            assert_eq!(foresee(&[first, 0xff, 0xff, 0xff, 0x7f]), Ok(()), "{first:#x}");
        }
        assert_eq!(foresee(&[]), Ok(()));
        assert_eq!(foresee(&[0xe0]).is_ok(), version == Version::V5);
        for first in [0x00, 0x10, 0x36, 0x82, 0xa2, 0xb0, 0xc0, 0xf0] {
            assert!(foresee(&[first]).is_err(), "{first:#x}");
            assert!(foresee(&[first, 0xff, 0xff, 0xff, 0x7f]).is_err(), "{first:#x}");
        }
        // 3.1 says nothing of flags that are not used.
        for first in [0x21, 0x41, 0x6a, 0xd2] {
            assert_eq!(foresee(&[first]).is_err(), version != Version::V31, "{first:#x}");
        }
    }
}

#[test]
fn a_client_takes_what_it_declared_and_no_more() {
    let mut pair = Pair::new(Version::V5);
    let mut properties = PropertiesBuf::new();
    properties.push(Property::MaximumPacketSize(200)).expect("encodes");
    let connect = Connect { properties: properties.as_properties(), ..plain_connect(Version::V5, "dev-1") };
    pair.session.connect(connect, false, pair.now, &mut pair.out).expect("encodes");
    for (begun, fits) in [([0x30, 0xc5, 0x01], true), ([0x30, 0xc6, 0x01], false)] {
        let frame = frame::next(&begun).expect("a header");
        assert_eq!(pair.session.foresee(&begun, frame).is_ok(), fits, "{frame:?}");
    }
}

#[test]
fn the_server_sets_the_keep_alive() {
    let pair = Pair::up(Version::V5, &[Property::ServerKeepAlive(3)]);
    assert_eq!(pair.session.deadline(), 10 * SECOND);
    let pair = Pair::up(Version::V5, &[Property::ServerKeepAlive(0)]);
    assert_eq!(pair.session.deadline(), Nanos::MAX);
}

#[test]
fn a_refusal_says_why() {
    let mut pair = Pair::new(Version::V311);
    let connect = plain_connect(Version::V311, "dev-1");
    pair.session.connect(connect, false, pair.now, &mut pair.out).expect("encodes");
    let connack = ConnAck { session_present: false, reason: ReasonCode(5), properties: Properties::EMPTY };
    assert!(pair.says(Packet::ConnAck(connack)).starts_with("Refused"));
    assert!(!pair.session.is_up());
}

#[test]
fn only_version_5_hears_the_broker_disconnect() {
    let goodbye = Disconnect { reason: ReasonCode(0x8b), properties: Properties::EMPTY };
    assert!(Pair::up(Version::V5, &[]).says(Packet::Disconnect(goodbye)).starts_with("Disconnected"));
    let goodbye = Disconnect { reason: ReasonCode::SUCCESS, properties: Properties::EMPTY };
    assert!(Pair::up(Version::V311, &[]).says(Packet::Disconnect(goodbye)).starts_with("fault"));
}

/// A CONNECT that takes up the session, the broker saying whether it has it; what the session sent then.
fn comes_back(pair: &mut Pair, session_present: bool, receive_maximum: Option<u16>) -> Vec<String> {
    pair.session.pause();
    pair.session
        .connect(plain_connect(Version::V5, "dev-1"), true, pair.now, &mut pair.out)
        .expect("encodes");
    pair.sent();
    let mut buf = PropertiesBuf::new();
    receive_maximum.into_iter().for_each(|most| buf.push(Property::ReceiveMaximum(most)).expect("encodes"));
    let connack = ConnAck { session_present, reason: ReasonCode::SUCCESS, properties: buf.as_properties() };
    let says = pair.says(Packet::ConnAck(connack));
    assert_eq!(says, format!("Connected {{ sent: 7000000000, resumed: {session_present} }}"));
    assert!(frame::next(&pair.out).is_ok());
    if let [first, ..] = pair.out[..]
        && first >> 4 == 3
    {
        assert_eq!(first & 0x08, 0x08, "what is sent again says so");
    }
    pair.sent()
}

#[test]
fn a_session_taken_up_sends_again_what_was_not_answered() {
    let mut pair = Pair::new(Version::V5);
    assert_eq!(comes_back(&mut pair, false, None), [""; 0]);
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce, QoS::AtLeastOnce] {
        pair.publish(qos).expect("sent");
    }
    pair.says(Packet::PubRec(ack(3)));
    pair.says(Packet::PubAck(ack(4)));
    pair.sent();
    assert_eq!(comes_back(&mut pair, true, None), ["PUBLISH 1", "PUBLISH 2", "PUBREL 3"]);
    pair.publish(QoS::AtLeastOnce).expect("sent");
    assert_eq!(pair.sent(), ["PUBLISH 5"], "identifiers in use stay in use");
    // A broker with less room than before gets the rest as it makes room.
    assert_eq!(comes_back(&mut pair, true, Some(2)), ["PUBLISH 1", "PUBLISH 2"]);
    assert!(!pair.session.has_room(QoS::AtLeastOnce));
    assert!(pair.says(Packet::PubComp(ack(3))).starts_with("fault"), "not sent on this connection");
    pair.says(Packet::PubAck(ack(1)));
    assert_eq!(pair.sent(), ["PUBREL 3"]);
    pair.says(Packet::PubComp(ack(3)));
    assert_eq!(pair.sent(), ["PUBLISH 5"]);
}

/// MQTT 5.0 §3.7.2.1.
#[test]
fn a_release_asked_for_again_may_have_been_answered_before() {
    let unknown = |id| Ack { reason: ReasonCode(0x92), ..ack(id) };
    let mut pair = Pair::new(Version::V5);
    comes_back(&mut pair, false, None);
    for id in [1, 2] {
        pair.publish(QoS::ExactlyOnce).expect("sent");
        pair.says(Packet::PubRec(ack(id)));
        if id == 1 {
            assert_eq!(comes_back(&mut pair, true, None), ["PUBREL 1"]);
        }
        let refused = pair.says(Packet::PubComp(unknown(id))).contains("0x92");
        assert_eq!(refused, id == 2, "only of one that was asked for once");
    }
}

#[test]
fn a_message_received_exactly_once_is_known_after_coming_back() {
    let mut pair = Pair::new(Version::V5);
    comes_back(&mut pair, false, None);
    assert!(pair.says(Packet::Publish(message(QoS::ExactlyOnce, Some(9)))).starts_with("Message"));
    comes_back(&mut pair, true, None);
    assert_eq!(pair.says(Packet::Publish(message(QoS::ExactlyOnce, Some(9)))), "Nothing");
    comes_back(&mut pair, false, None);
    pair.session.forget();
    assert!(
        pair.says(Packet::Publish(message(QoS::ExactlyOnce, Some(9)))).starts_with("Message"),
        "a new session"
    );
}
