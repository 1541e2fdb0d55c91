//! Reads a capture and counts its packets by type, and with `--topics` by topic: `count FILE [--topics]`.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use mqscope_capture::Capture;
use mqscope_dissect::{Indexer, PacketView, RowFlags, Settings, Unseen};
use mqscope_wire::PacketType;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: count FILE [--topics]")?;
    let by_topic = arguments.next().is_some_and(|argument| argument == "--topics");

    let begun = Instant::now();
    let mut capture = Capture::open(Path::new(&file))?;
    let mut indexer = Indexer::new(Settings::default(), capture.store());
    let mut topics: HashMap<Box<[u8]>, u64> = HashMap::new();
    if by_topic {
        let _ = indexer.run(&mut capture, &mut |packet: &PacketView<'_>| {
            if let Some(topic) = packet.topic {
                match topics.get_mut(topic) {
                    Some(count) => *count += 1,
                    None => drop(topics.insert(topic.into(), 1)),
                }
            }
            ControlFlow::Continue(())
        })?;
    } else {
        let _ = indexer.run(&mut capture, &mut Unseen)?;
    }
    let took = begun.elapsed();

    let snapshot = indexer.snapshot();
    let mut kinds = [0_u32; 16];
    let named = [
        ("violations", RowFlags::VIOLATION),
        ("errors", RowFlags::ERROR),
        ("inferred", RowFlags::INFERRED),
        ("cut", RowFlags::CUT),
    ];
    let mut flags = [0_u32; 4];
    for row in snapshot.rows() {
        kinds[row.packet_type().map_or(0, |kind| kind as usize)] += 1;
        for (count, (_, flag)) in flags.iter_mut().zip(&named) {
            *count += u32::from(row.flags.contains(*flag));
        }
    }
    let kinds: BTreeMap<_, _> =
        PacketType::ALL.iter().map(|kind| kind.name()).zip(kinds).filter(|(_, count)| *count > 0).collect();
    let flags: Vec<_> = named.iter().map(|(name, _)| name).zip(flags).collect();
    println!("{} frames, {} packets, {} flows", snapshot.frames(), snapshot.len(), snapshot.flows().len());
    println!("{kinds:?}\n{flags:?}");
    let mut topics: Vec<_> = topics.into_iter().collect();
    topics.sort_by_key(|(topic, count)| (std::cmp::Reverse(*count), topic.clone()));
    println!("{} topics", topics.len());
    for (topic, count) in topics.iter().take(20) {
        println!("{count:8} {}", String::from_utf8_lossy(topic));
    }
    eprintln!("{took:?}");
    Ok(())
}
