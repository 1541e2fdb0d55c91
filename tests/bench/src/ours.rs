//! mqscope-wire with each of its observers.

use mqscope_wire::frame::{self, Frame};
use mqscope_wire::{Lenient, Notes, Observer, Packet, Strict, Version};

use crate::streams::Sum;

fn pass(mut bytes: &[u8], mut decode: impl FnMut(Frame, &[u8]) -> usize) -> Sum {
    let mut sum = Sum::default();
    while let Some(frame) = frame::next(bytes).expect("a fixed header") {
        let (packet, rest) = bytes.split_at(frame.len());
        sum.packets += 1;
        sum.bytes += decode(frame, packet);
        bytes = rest;
    }
    sum
}

#[inline(always)]
fn touch<O: Observer>(frame: Frame, bytes: &[u8], version: Version, seen: &mut O) -> usize {
    match frame.decode(bytes, version, seen).expect("a packet") {
        Packet::Publish(publish) => publish.topic.len() + publish.payload.len(),
        _ => 0,
    }
}

pub fn strict(bytes: &[u8], version: Version) -> Sum {
    pass(bytes, |frame, bytes| touch(frame, bytes, version, &mut Strict))
}

pub fn lenient(bytes: &[u8], version: Version) -> Sum {
    pass(bytes, |frame, bytes| touch(frame, bytes, version, &mut Lenient))
}

pub fn notes(bytes: &[u8], version: Version) -> Sum {
    let mut notes = Notes::new();
    pass(bytes, |frame, bytes| {
        notes.clear();
        touch(frame, bytes, version, &mut notes)
    })
}
