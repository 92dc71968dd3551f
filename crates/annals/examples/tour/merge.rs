//! Step 3: several tables change in one version or not at all, and what refuses a commit.

use annals::{SaveMode, Snapshot, Store, Timestamp, VersionId, col};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use std::sync::Arc;

use crate::listing::shown;
use crate::nyc::{self, expect, flights_of, no_rows};
use crate::page::Page;
use crate::{Result, refusal, text};

/// What later steps travel to.
pub(crate) struct Merger {
    pub(crate) version: VersionId,
    pub(crate) timestamp: Timestamp,
}

pub(crate) fn run(page: &mut Page, store: &Store) -> Result<Merger> {
    page.step("Commit over several tables")?;
    let airlines = store.table("airlines")?;
    let flights = store.table("flights")?;
    let of_us = flights_of("US", &store.snapshot())?;
    page.say(&format!(
        "On 9 December 2013, US Airways (US) merged with American (AA). Its line in `airlines` has \
         to go, and its {} flights to become American's. A transaction sees its own changes; \
         nobody else does before it commits. An assertion guards what must hold then.",
        text::count(of_us)
    ))?;

    page.say("First with a mistake: the flights are forgotten.")?;
    let before = store.version();
    let us = col("carrier").eq("US");
    let mut tx = store.begin();
    let removed = tx.write(no_rows(&airlines)).mode(SaveMode::Overwrite);
    removed.replace_where(us.clone()).save_as_table("airlines")?;
    tx.assert("every flight has an airline", every_flight_has_an_airline);
    let refused = shown!(page, tx.commit());
    page.refused(&refusal(refused)?.to_string())?;
    expect("the version after a refused commit", &store.version(), &before)?;
    expect("the airlines after a refused commit", &store.table("airlines")?.row_count(), &16)?;
    page.say(&format!("Nothing has changed: still {before}, still 16 airlines. Now all of it."))?;

    // Somebody else begins now, and commits too late.
    let mut late = store.begin();
    let deleted = late.write(no_rows(&flights)).mode(SaveMode::Overwrite);
    deleted.replace_where(us.clone()).save_as_table("flights")?;

    let done = shown!(
        page,
        store.transact(|tx| {
            tx.message("US Airways merges with American").user("tour");
            let theirs = tx.table("flights")?.scan().filter(us.clone()).collect()?;
            let gone = tx.write(no_rows(&airlines)).mode(SaveMode::Overwrite);
            gone.replace_where(us.clone()).save_as_table("airlines")?;
            let moved = tx.write(no_rows(&flights)).mode(SaveMode::Overwrite);
            moved.replace_where(us.clone()).save_as_table("flights")?;
            let ours = tx.write(as_american(&theirs)?).mode(SaveMode::Append);
            ours.save_as_table("flights")?;
            tx.assert("every flight has an airline", every_flight_has_an_airline);
            Ok::<_, crate::Error>(())
        })?
    );
    let merged = store.snapshot();
    page.result(&format!(
        "{}: {} airlines, {} flights of US, {} of AA, {} in all",
        done.committed.version(),
        merged.table("airlines")?.row_count(),
        text::count(flights_of("US", &merged)?),
        text::count(flights_of("AA", &merged)?),
        text::count(merged.table("flights")?.row_count()),
    ))?;
    expect("the version of the merger", &done.committed.version(), &merged.version())?;
    expect("the airlines after the merger", &merged.table("airlines")?.row_count(), &15)?;
    expect("the flights of US after the merger", &flights_of("US", &merged)?, &0)?;
    expect("the flights after the merger", &merged.table("flights")?.row_count(), &nyc::FLIGHTS)?;

    page.say(
        "Meanwhile somebody had begun to delete the same flights. Of two who change the same rows, \
         the first to commit wins; the other learns who that was, and from which line.",
    )?;
    let refused = shown!(page, late.commit());
    page.refused(&refusal(refused)?.to_string())?;
    expect("the version after a conflict", &store.version(), &merged.version())?;
    Ok(Merger { version: merged.version(), timestamp: merged.timestamp() })
}

/// An assertion is any function of the state that a commit would publish.
fn every_flight_has_an_airline(store: &Snapshot) -> Result<(), String> {
    let orphans = || -> Result<u64> {
        let mut known: Vec<String> = Vec::new();
        for batch in store.table("airlines")?.scan().columns(["carrier"]).collect()? {
            known.extend(batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
        }
        Ok(store.table("flights")?.scan().filter(col("carrier").is_in(known).not()).count()?)
    };
    match orphans() {
        Ok(0) => Ok(()),
        Ok(orphans) => Err(format!("{} flights have none", text::count(orphans))),
        Err(error) => Err(error.to_string()),
    }
}

/// The same flights under the code of the other airline.
fn as_american(flights: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let renamed = flights.iter().map(|batch| {
        let carrier = batch.schema().index_of("carrier")?;
        let mut columns = batch.columns().to_vec();
        let american = std::iter::repeat_n("AA", batch.num_rows());
        columns[carrier] = Arc::new(StringArray::from_iter_values(american)) as ArrayRef;
        Ok(RecordBatch::try_new(batch.schema(), columns)?)
    });
    renamed.collect()
}
