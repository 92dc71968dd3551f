//! Step 3: several tables change in one version or not at all, and what refuses a commit.

use std::sync::Arc;

use annals::{SaveMode, Snapshot, Store, Timestamp, VersionId, WriteError, col};
use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};

use crate::listing::shown;
use crate::nyc::{self, expect, flights_of, no_rows};
use crate::page::Page;
use crate::{Result, refusal, text};

/// What a later step travels to.
pub(crate) struct Merger {
    pub(crate) version: VersionId,
    pub(crate) timestamp: Timestamp,
}

pub(crate) fn run(page: &mut Page, store: &Store) -> Result<Merger> {
    page.step("Commit over several tables")?;
    let (airlines, flights) = (store.table("airlines")?, store.table("flights")?);
    let before = store.snapshot();
    page.say(&format!(
        "On 9 December 2013, US Airways (US) merged with American (AA): one airline goes, and its \
         {} flights become American's. First with a mistake, which an assertion catches: it is \
         asked about the very state that the commit would publish.",
        text::count(flights_of("US", &before)?)
    ))?;
    let us = col("carrier").eq("US");
    let refused = shown!(
        page,
        store.transact(|tx| {
            let gone = tx.write(no_rows(&airlines)).mode(SaveMode::Overwrite);
            gone.replace_where(us.clone()).save_as_table("airlines")?;
            tx.assert("every flight has an airline", every_flight_has_an_airline);
            Ok::<_, WriteError>(())
        })
    );
    page.refused(&refusal(refused)?.to_string())?;
    let unchanged = before.diff(&store.snapshot()).is_empty();
    expect("whether a refused commit left all as it was", unchanged, true)?;
    page.say(&format!("Nothing has changed; the newest version is still {}.", store.version()))?;

    page.say("Somebody else begins now: to delete the same flights, and to commit too late.")?;
    let mut late = shown!(page, store.begin());
    shown!(
        page,
        late.write(no_rows(&flights))
            .mode(SaveMode::Overwrite)
            .replace_where(us.clone())
            .save_as_table("flights")?
    );

    page.say("Then the merger as it should be.")?;
    let merger = shown!(
        page,
        store.transact(|tx| {
            tx.message("US merges with AA").user("tour");
            let theirs = tx.table("flights")?.scan().filter(us.clone()).collect()?;
            let gone = tx.write(no_rows(&airlines)).mode(SaveMode::Overwrite);
            gone.replace_where(us.clone()).save_as_table("airlines")?;
            let gone = tx.write(no_rows(&flights)).mode(SaveMode::Overwrite);
            gone.replace_where(us.clone()).save_as_table("flights")?;
            let ours = tx.write(as_american(&theirs)?).mode(SaveMode::Append);
            ours.save_as_table("flights")?;
            tx.assert("every flight has an airline", every_flight_has_an_airline);
            Ok::<_, crate::Error>(())
        })?
    );
    let merged = store.snapshot();
    page.result(&format!(
        "{}: {} airlines; {} flights of US, {} of AA, {} in all",
        merger.committed.version(),
        merged.table("airlines")?.row_count(),
        text::count(flights_of("US", &merged)?),
        text::count(flights_of("AA", &merged)?),
        text::count(merged.table("flights")?.row_count()),
    ))?;
    expect("the version of the merger", merger.committed.version(), merged.version())?;
    expect("the airlines after the merger", merged.table("airlines")?.row_count(), 15)?;
    expect("the flights of US after the merger", flights_of("US", &merged)?, 0)?;
    expect("the flights after the merger", merged.table("flights")?.row_count(), nyc::FLIGHTS)?;

    page.say(
        "Of two who change the same rows, the first to commit wins. The other is told which \
         version was first, and which line made it.",
    )?;
    let refused = shown!(page, late.commit());
    page.refused(&refusal(refused)?.to_string())?;
    expect("the version after a conflict", store.version(), merged.version())?;
    Ok(Merger { version: merged.version(), timestamp: merged.timestamp() })
}

/// Holds in every version that commits with it as an assertion.
fn every_flight_has_an_airline(store: &Snapshot) -> Result<(), String> {
    match flights_without_airline(store) {
        Ok(0) => Ok(()),
        Ok(orphans) => Err(format!("{} flights have none", text::count(orphans))),
        Err(error) => Err(error.to_string()),
    }
}

fn flights_without_airline(store: &Snapshot) -> Result<u64> {
    let mut known = Vec::new();
    for batch in store.table("airlines")?.scan().columns(["carrier"]).collect()? {
        known.extend(batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(store.table("flights")?.scan().filter(col("carrier").is_in(known).not()).count()?)
}

/// The same flights under the code of the other airline.
fn as_american(flights: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let renamed = flights.iter().map(|batch| {
        let american = std::iter::repeat_n("AA", batch.num_rows());
        let mut columns = batch.columns().to_vec();
        columns[batch.schema().index_of("carrier")?] =
            Arc::new(StringArray::from_iter_values(american));
        Ok(RecordBatch::try_new(batch.schema(), columns)?)
    });
    renamed.collect()
}
