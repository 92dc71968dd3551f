//! The end of the tour: what is in the store now, what its past costs, and what to read next.

use annals::Store;

use crate::page::{Page, right};
use crate::{Result, text};

pub(crate) fn run(page: &mut Page, store: &Store) -> Result {
    page.heading("What it came to")?;
    let now = store.snapshot();
    let memory = store.memory();
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
            text::bytes(memory.bytes - memory.historical_bytes()),
            text::count(memory.versions.len() as u64),
            text::bytes(memory.historical_bytes()),
            text::duration(page.elapsed()),
        ]],
    )?;
    page.say(
        "Every one of these versions can still be read; what they share is there once. Go on with",
    )?;
    page.verbatim(
        "this code       crates/annals-tour/src/\n\
         the API         cargo doc -p annals --no-deps --open\n\
         the ideas       docs/architecture.md\n\
         your own files  cargo run --release -p annals-tour -- FILE.csv",
    )?;
    if !cfg!(feature = "sql") {
        page.verbatim("SQL, Spark      cargo run --release -p annals-tour")?;
    }
    Ok(())
}
