use std::time::Duration;

use mqscope_capture::{Interface, Spool};
use mqscope_wire::{Packet, Publish, QoS, Version};

use super::stage::{Stage, Traffic};
use crate::inspector::{Effect, InspectorSettings, app::Watch};

fn publish(topic: &str) -> Packet<'_> {
    Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: topic.into(),
        packet_id: None,
        properties: Default::default(),
        payload: b"x",
    })
}

/// A live capture with a CONNECT and some messages in it.
fn live(messages: usize) -> (Traffic, Stage) {
    let mut traffic = Traffic::new(Version::V311);
    let settings = InspectorSettings { title: "by hand".to_owned(), color: true, ..Default::default() };
    let stage = Stage::new(traffic.follow(), &settings, (100, 24));
    traffic.client(&super::safety::connect(None));
    (0..messages).for_each(|_| traffic.client(&publish("early")));
    (traffic, stage)
}

fn wait_for(stage: &mut Stage, packets: u32) {
    stage.wait_until(|inspector| inspector.app.latest.len() == packets);
}

#[test]
fn the_last_packet_stays_selected_until_somebody_moves() {
    let (mut traffic, mut stage) = live(30);
    wait_for(&mut stage, 31);
    assert_eq!(stage.inspector.app.list.at, 30);
    assert!(stage.text().contains("live, following"), "{}", stage.text());
    stage.press("k");
    traffic.client(&publish("late"));
    wait_for(&mut stage, 32);
    assert_eq!((stage.inspector.app.list.at, stage.inspector.app.watch), (29, Watch::Stay));
    stage.press("G");
    traffic.client(&publish("latest"));
    wait_for(&mut stage, 33);
    assert_eq!(stage.inspector.app.list.at, 32);
    assert!(stage.text().contains("latest"));
}

#[test]
fn a_pause_keeps_the_screen_and_counts_what_comes() {
    let (mut traffic, mut stage) = live(2);
    wait_for(&mut stage, 3);
    stage.press("p");
    let list = stage.screen()[3..8].to_vec();
    traffic.client(&publish("meanwhile"));
    wait_for(&mut stage, 4);
    assert_eq!(stage.screen()[3..8], list);
    assert!(stage.text().contains("paused, 1 more"), "{}", stage.text());
    stage.press("p");
    assert!(stage.text().contains("meanwhile"));
    assert_eq!(stage.inspector.app.watch, Watch::Follow, "it follows as it did before");
}

#[test]
fn a_filter_goes_on_with_what_comes() {
    let (mut traffic, mut stage) = live(3);
    wait_for(&mut stage, 4);
    stage.press("/");
    stage.type_text("mqtt.topic == \"wanted\"");
    stage.press("Enter");
    stage.wait_until(|inspector| !inspector.app.is_filtering());
    assert!(stage.text().contains("No packet matches the filter."), "{}", stage.text());
    traffic.client(&publish("unwanted"));
    traffic.client(&publish("wanted"));
    stage.wait_until(|inspector| inspector.app.shown_len() == 1);
    assert!(stage.text().contains("PUBLISH      wanted"), "{}", stage.text());
}

#[test]
fn the_first_interrupt_stops_the_capture_and_the_second_quits() {
    let (_traffic, mut stage) = live(1);
    wait_for(&mut stage, 2);
    assert!(stage.press("C-c").is_empty());
    assert!(stage.text().contains("C-c again quits"));
    assert!(matches!(stage.press("C-c")[..], [Effect::Quit]), "whether or not it has stopped by then");
}

#[test]
fn the_rate_is_shown_while_packets_come() {
    let (mut traffic, mut stage) = live(0);
    wait_for(&mut stage, 1);
    stage.pass(Duration::from_secs(1));
    (0..50).for_each(|_| traffic.client(&publish("x")));
    wait_for(&mut stage, 51);
    stage.pass(Duration::from_secs(1));
    assert!(stage.text().contains(" packets/s"), "{}", stage.text());
}

#[test]
fn a_capture_without_mqtt_says_what_there_was_instead() {
    let mut traffic = Traffic::new(Version::V311);
    traffic.bytes(0, b"GET / HTTP/1.1\r\n\r\n");
    let mut stage = Stage::new(traffic.follow(), &InspectorSettings::default(), (100, 24));
    drop(traffic);
    stage.settle();
    let text = stage.text();
    assert!(text.contains("No MQTT was found in 3 frames."), "{text}");
    assert!(text.contains("1 TCP connection, on port 1883"), "{text}");
    assert!(text.contains("-d tcp.port==1883,mqtt"), "{text}");
}

#[test]
fn a_capture_without_frames_says_so() {
    let spool = Spool::create(Interface { link: 101, ..Interface::default() }, None).expect("a file");
    let mut stage = Stage::new(spool.follow(), &InspectorSettings::default(), (100, 24));
    assert!(stage.text().contains("None has come yet."), "{}", stage.text());
    drop(spool);
    stage.settle();
    assert!(stage.text().contains("no frames in the capture"), "{}", stage.text());
}
