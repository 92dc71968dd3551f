//! The real input: all flights that left New York City's airports in 2013, with their weather,
//! planes, airports and airlines, as Parquet files that come with the source.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use annals::{Snapshot, Source, Store, Table, col};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_select::concat::concat_batches;

use crate::{Result, files};

/// The tables and how many rows each has.
pub(crate) const TABLES: [(&str, u64); 5] = [
    ("airlines", 16),
    ("airports", 1_458),
    ("planes", 3_322),
    ("weather", 26_115),
    ("flights", FLIGHTS),
];

pub(crate) const FLIGHTS: u64 = 336_776;

/// A month and a day of it.
pub(crate) type Day = (i64, i64);

/// The rows of one of the [`TABLES`].
pub(crate) fn open(table: &str) -> Result<Box<dyn RecordBatchReader>> {
    let path = directory()?.join(format!("{table}.parquet"));
    files::reader(&path).map_err(|error| files::naming(&path, error))
}

fn directory() -> Result<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/nycflights13");
    if !directory.is_dir() {
        let directory = directory.display();
        return Err(format!(
            "the flights are not there: {directory} is missing; run the tour in a whole checkout of \
             the repository, or give it files of your own (see --help)"
        )
        .into());
    }
    Ok(directory.canonicalize().unwrap_or(directory))
}

/// A source without rows, for an overwrite that only removes some.
pub(crate) fn no_rows(like: &Table) -> Source<'static> {
    Source::new(like.schema(), [])
}

/// How many flights of `carrier` there are.
pub(crate) fn flights_of(carrier: &str, store: &Snapshot) -> Result<u64> {
    Ok(store.table("flights")?.scan().filter(col("carrier").eq(carrier)).count()?)
}

/// The flights of each day of the year, in these columns.
pub(crate) fn days(store: &Store, columns: &[&str]) -> Result<BTreeMap<Day, RecordBatch>> {
    let flights = store.table("flights")?;
    let mut days = BTreeMap::new();
    for (month, day) in (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day))) {
        let of_day = col("month").eq(month).and(col("day").eq(day));
        let of_day = flights.scan().columns(columns.iter().copied()).filter(of_day);
        let batches = of_day.collect()?;
        if let [first, ..] = batches.as_slice() {
            days.insert((month, day), concat_batches(&first.schema(), &batches)?);
        }
    }
    Ok(days)
}

/// How many rows the batches have, counted one batch after the other.
pub(crate) fn rows_in(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

/// Ends the tour unless `found` is what it should be.
pub(crate) fn expect<T: PartialEq + Copy + Debug>(what: &str, found: T, expected: T) -> Result {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {expected:?} expected, {found:?} found; this should not happen").into())
}
