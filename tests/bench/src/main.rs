//! The same four streams through every decoder: nanoseconds, instructions and allocations a packet.
//!
//! Instructions and allocations are counted by valgrind, which runs this program again for a decoder and a
//! stream with two numbers of passes; the difference is the passes alone.

mod node;
mod ours;
mod peers;
mod streams;

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use mqscope_wire::Version;
use streams::{Stream, Sum};

/// Passes a round that is timed.
const PASSES: usize = 200;

struct Decoder {
    name: &'static str,
    pass: fn(&[u8], Version) -> Sum,
    v5: bool,
}

const DECODERS: &[Decoder] = &[
    Decoder { name: "mqscope-wire Strict", pass: ours::strict, v5: true },
    Decoder { name: "mqscope-wire Lenient", pass: ours::lenient, v5: true },
    Decoder { name: "mqscope-wire Notes", pass: ours::notes, v5: true },
    Decoder { name: "mqttrs 0.4.1", pass: peers::mqttrs, v5: false },
    Decoder { name: "rumqttc 0.25.1", pass: peers::rumqttc, v5: true },
    Decoder { name: "rumqttd 0.20.0", pass: peers::rumqttd, v5: true },
    Decoder { name: "rmqtt-codec 0.3.1", pass: peers::rmqtt_codec, v5: true },
    Decoder { name: "mqtt-protocol-core 0.7.9", pass: peers::mqtt_protocol_core, v5: true },
    Decoder { name: "mqtt5-protocol 0.16.2", pass: peers::mqtt5_protocol, v5: true },
];

impl Decoder {
    fn takes(&self, stream: &Stream) -> bool {
        self.v5 || stream.version != Version::V5
    }

    fn passes(&self, stream: &Stream, passes: usize) {
        for _ in 0..passes {
            black_box((self.pass)(black_box(&stream.bytes), stream.version));
        }
    }
}

fn main() {
    let streams = streams::all();
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, decoder, stream, passes] = &args[..]
        && flag == "--count"
    {
        let decoder = DECODERS.iter().find(|one| one.name == decoder).expect("a decoder's name");
        let stream = streams.iter().find(|one| one.name == stream).expect("a stream's name");
        return decoder.passes(stream, passes.parse().expect("a number of passes"));
    }
    println!("ns / instructions / allocations a packet");
    for stream in &streams {
        println!("\n({}) {}, {} B", stream.name, stream.about, stream.bytes.len() / stream.expected.packets);
        for decoder in DECODERS {
            if !decoder.takes(stream) {
                println!("  {:24} {:>7} {:>6} {:>6}", decoder.name, "–", "–", "–");
                continue;
            }
            assert_eq!((decoder.pass)(&stream.bytes, stream.version), stream.expected, "{}", decoder.name);
            let ns = nanoseconds(decoder, stream);
            let instructions = counted(decoder, stream, &["--tool=cachegrind", "--cache-sim=no"], "refs:");
            let allocations = counted(decoder, stream, &["--tool=memcheck"], "total heap usage:");
            let [instructions, allocations] = [(instructions, 0), (allocations, 2)]
                .map(|(count, digits)| count.map_or("–".into(), |count| format!("{count:.digits$}")));
            println!("  {:24} {ns:7.1} {instructions:>6} {allocations:>6}", decoder.name);
        }
        let ns = node::nanoseconds(stream, PASSES).map_or("–".into(), |ns| format!("{ns:.1}"));
        println!("  {:24} {ns:>7} {:>6} {:>6}", node::NAME, "–", "–");
    }
}

/// The best of some rounds: the least disturbed one.
fn nanoseconds(decoder: &Decoder, stream: &Stream) -> f64 {
    let round = || {
        let start = Instant::now();
        decoder.passes(stream, PASSES);
        start.elapsed().as_nanos() as f64 / (PASSES * stream.expected.packets) as f64
    };
    (0..30).map(|_| round()).fold(f64::MAX, f64::min)
}

/// What one of valgrind's tools counts a packet: the first number after `label` in its report.
fn counted(decoder: &Decoder, stream: &Stream, tool: &[&str], label: &str) -> Option<f64> {
    let of = |passes: &str| {
        let program = std::env::current_exe().ok()?;
        let output = Command::new("valgrind")
            .args(tool)
            .args(tool.contains(&"--tool=cachegrind").then_some("--cachegrind-out-file=/dev/null"))
            .arg(program)
            .args(["--count", decoder.name, stream.name, passes])
            .output()
            .ok()?;
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = report.lines().find_map(|line| line.split_once(label))?.1;
        line.split_whitespace().next()?.replace(',', "").parse::<f64>().ok()
    };
    Some((of("105")? - of("5")?) / (100 * stream.expected.packets) as f64)
}
