//! Counts the packets of a capture that a filter matches, first while it is indexed and then again from the index,
//! and says how long each took: `filter FILE FILTER`.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use mqscope_capture::Capture;
use mqscope_dissect::filter::Filter;
use mqscope_dissect::{Indexer, PacketView, Reader, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: filter FILE FILTER".into());
    };
    let filter = Filter::parse(&text).map_err(|error| format!("{error}\n{}", error.picture(&text)))?;

    let begun = Instant::now();
    let mut capture = Capture::open(Path::new(&file))?;
    let mut indexer = Indexer::new(Settings::default(), capture.store());
    let mut found = 0u64;
    let _ = indexer.run(&mut capture, &mut |packet: &PacketView<'_>| {
        found += u64::from(filter.matches(packet));
        ControlFlow::Continue(())
    })?;
    println!("{found} of {} while indexing, {:?}", indexer.snapshot().len(), begun.elapsed());

    let begun = Instant::now();
    let snapshot = indexer.snapshot();
    let mut reader = Reader::new(capture.store());
    let mut found = 0u64;
    for row in snapshot.rows() {
        found += u64::from(snapshot.matches(row.id, &filter, &mut reader)?);
    }
    println!("{found} again, {:?}", begun.elapsed());
    Ok(())
}
