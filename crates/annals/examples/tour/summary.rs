//! The end of the tour: what is in the store now, what its past costs, and what to read next.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals::{Snapshot, Store};
use annals_state::table::ChunkEntry;

use crate::page::{Page, right};
use crate::{Result, text};

pub(crate) fn run(page: &mut Page, store: &Store) -> Result {
    page.heading("What it came to")?;
    let (now, versions) = (store.snapshot(), store.versions());
    let mut past = BTreeMap::new();
    for version in &versions {
        past.extend(chunks(&store.at(*version)?));
    }
    let present = chunks(&now);
    past.retain(|chunk, _| !present.contains_key(chunk));
    let tables = now.value().catalog().tables();
    page.table(
        &[
            right("tables"),
            right("rows"),
            right("bytes"),
            right("versions"),
            right("bytes of the past"),
            right("the tour took"),
        ],
        [[
            text::count(now.table_count() as u64),
            text::count(tables.map(|(_, table)| table.state().rows()).sum::<u64>()),
            text::bytes(present.values().sum()),
            text::count(versions.len() as u64),
            text::bytes(past.values().sum()),
            text::duration(page.elapsed()),
        ]],
    )?;
    page.say(
        "Every one of these versions can still be read; what they share is there once. Go on with",
    )?;
    page.verbatim(
        "this code       crates/annals/examples/tour/\n\
         the API         cargo doc -p annals --no-deps --open\n\
         the ideas       docs/architecture.md\n\
         your own files  cargo run --release -p annals --example tour -- FILE.csv",
    )?;
    Ok(())
}

/// The chunks that hold the rows of a version, with their sizes. Versions share what they have in
/// common, so a chunk is known by its place in memory.
fn chunks(store: &Snapshot) -> BTreeMap<usize, u64> {
    let tables = store.value().catalog().tables();
    let entries = tables.flat_map(|(_, table)| table.state().chunks().map(|(_, entry)| entry));
    let chunks = entries.map(ChunkEntry::chunk);
    chunks.map(|chunk| (Arc::as_ptr(chunk).addr(), chunk.bytes())).collect()
}
