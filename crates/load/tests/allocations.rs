//! What a run allocates does not grow with the messages it sends and gets.

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use mqscope_load::{Control, Overrides, Scenario, run};
use mqscope_report::Outcome;
use mqscope_wire::{Packet, QoS, Strict, Version, decode, frame};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A broker of one subscriber that gets all. It lives in this program, so it allocates nothing for a message.
fn start_broker() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let subscriber = Arc::new(Mutex::new(None));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, subscriber) = (socket.expect("a connection"), subscriber.clone());
            thread::spawn(move || serve(socket, &subscriber));
        }
    });
    address
}

fn serve(mut socket: TcpStream, subscriber: &Mutex<Option<TcpStream>>) {
    socket.set_nodelay(true).expect("set");
    let mut bytes = [0; 16 << 10];
    let mut filled = 0;
    while let Ok(count @ 1..) = socket.read(&mut bytes[filled..]) {
        filled += count;
        let mut at = 0;
        while let Ok(Some(frame)) = frame::next(&bytes[at..filled])
            && at + frame.len() <= filled
        {
            let packet = &bytes[at..at + frame.len()];
            answer(packet, &mut socket, subscriber);
            at += frame.len();
        }
        bytes.copy_within(at..filled, 0);
        filled -= at;
    }
}

fn answer(bytes: &[u8], socket: &mut TcpStream, subscriber: &Mutex<Option<TcpStream>>) {
    let mut say = |bytes: &[u8]| socket.write_all(bytes).expect("the client reads");
    match decode(bytes, Version::V311, &mut Strict).expect("clients keep the rules") {
        Packet::Connect(_) => say(&[0x20, 2, 0, 0]),
        Packet::Subscribe(subscribe) => {
            let [high, low] = subscribe.packet_id.get().to_be_bytes();
            say(&[0x90, 3, high, low, 1]);
            *subscriber.lock().expect("not poisoned") = Some(socket.try_clone().expect("a second handle"));
        }
        Packet::Publish(publish) => {
            if let (QoS::AtLeastOnce, Some(id)) = (publish.qos, publish.packet_id) {
                let [high, low] = id.get().to_be_bytes();
                say(&[0x40, 2, high, low]);
            }
            if let Some(subscriber) = &mut *subscriber.lock().expect("not poisoned") {
                subscriber.write_all(bytes).expect("the subscriber reads");
            }
        }
        _ => {}
    }
}

/// Runs for so long at 4,000 messages a second; how many were published and delivered, and what that allocated.
fn allocations(seconds: u32) -> (u64, usize) {
    let address = start_broker();
    let text = format!(
        "groups:
  pub: {{count: 20, publish: {{
    zero: {{topic: 't/{{{{client_id}}}}/0', qos: 0, rate: 100/s, payload: {{size: 64}}}},
    one: {{topic: 't/{{{{client_id}}}}/1', qos: 1, rate: 100/s, payload: {{size: 64}}}}}}}}
  sub: {{count: 1, subscribe: [{{filter: 't/#', qos: 1}}]}}
phases: [{{name: steady, duration: {seconds}s}}]
validity: {{send_lag: ['p(99) < 2s'], generator_cpu: ['max < 101%']}}"
    );
    let overrides = Overrides { broker: Some(format!("mqtt://{address}")), ..Overrides::default() };
    let plan = Scenario::parse("test.yaml", &text, &overrides).expect("a plan");
    let region = Region::new(ALLOCATOR);
    let finished = run(plan, Control::default()).expect("runs");
    let change = region.change();
    assert_eq!(finished.summary.outcome, Outcome::Passed, "{:?}", finished.summary.notes);
    let counts = finished.summary.results.counters.iter();
    let passed = counts.filter(|count| ["publish_rate", "deliveries"].contains(&count.name.as_str()));
    (passed.map(|count| count.count).sum(), change.allocations + change.reallocations)
}

#[test]
fn a_message_more_is_no_allocation_more() {
    let (few, before) = allocations(1);
    let (many, after) = allocations(4);
    let (messages, more) = (many - few, after.saturating_sub(before) as u64);
    assert!(messages >= 20_000, "{messages} more passed");
    // Each second has its own: an interval of the report.
    assert!(more < messages / 50, "{more} more allocations for {messages} more messages");
}
