//! Step 5: the past is read like the present; and what can be known without reading a row.

use annals::{Predicate, Snapshot, Store, Table, Timestamp, col};
use annals_state::predicate::{Matches, PredicateError};
use annals_state::pruning::can_match;

use crate::listing::shown;
use crate::merge::Merger;
use crate::nyc::{self, expect, flights_of};
use crate::page::{Page, left, right};
use crate::{Result, text};

pub(crate) fn run(page: &mut Page, store: &Store, merger: &Merger) -> Result {
    page.step("Travel in time")?;
    page.say(
        "Every version stays as it was and is read as fast as the newest: by its tag, by its \
         number, as what was there a microsecond before the merger, or as the nth state of a table.",
    )?;
    let loaded = shown!(page, store.at("loaded")?);
    page.result(&describe(&loaded)?)?;
    let merged = shown!(page, store.at(merger.version)?);
    page.result(&describe(&merged)?)?;
    let just_before = shown!(page, store.at(Timestamp(merger.timestamp.0 - 1))?);
    page.result(&describe(&just_before)?)?;
    let first = shown!(page, store.table_at_ordinal("flights", 0)?);
    page.result(&format!(
        "{}: {} flights, when the first month was there",
        first.since(),
        text::count(first.row_count())
    ))?;
    expect("the flights as loaded", loaded.table("flights")?.row_count(), nyc::FLIGHTS)?;
    expect("the flights of US at the merger", flights_of("US", &merged)?, 0)?;
    expect("the version before the merger", just_before.version().next(), Some(merger.version))?;
    expect("the ordinal of the first state", first.ordinal(), 0)?;

    page.say("A future is not invented, and neither is a past.")?;
    let refused = shown!(page, store.at(1_000_000));
    page.refused(&crate::refusal(refused)?.to_string())?;

    summaries(page, &loaded.table("flights")?)?;
    skipping(page, &store.table("flights")?)
}

/// What statistics tell of columns.
fn summaries(page: &mut Page, flights: &Table) -> Result {
    page.say("Smallest and largest values of a column are known; no row is read for them.")?;
    let distance = shown!(page, flights.column_summary("distance")?);
    expect("whether the bounds are exact", distance.exact, true)?;
    let mut rows = Vec::new();
    for name in ["distance", "dep_delay", "carrier", "time_hour"] {
        let column = flights.column_summary(name)?;
        let bound = |bound: &Option<_>| bound.as_ref().map_or(String::new(), |b| text::value(b, 0));
        let nulls = text::count(column.null_count);
        rows.push([name.to_owned(), bound(&column.min), bound(&column.max), nulls]);
    }
    page.table(&[left("column"), left("min"), left("max"), right("nulls")], rows)?;
    Ok(())
}

/// A scan reads only the chunks that can hold a matching row.
fn skipping(page: &mut Page, flights: &Table) -> Result {
    page.say("A scan skips the chunks whose statistics rule out every row.")?;
    let late = shown!(page, col("month").eq(7).and(col("dep_delay").gt_eq(60)));
    let rows = shown!(page, flights.scan().columns(["dep_delay"]).filter(late.clone()).collect()?);
    page.result(&format!(
        "{} flights; {} of {} chunks were looked at",
        text::count(nyc::rows_in(&rows)),
        chunks_looked_at(flights, &late)?,
        flights.chunk_count()
    ))?;
    Ok(())
}

/// In how many chunks a row can match, judged as a scan judges.
fn chunks_looked_at(table: &Table, predicate: &Predicate) -> Result<usize, PredicateError> {
    let state = table.value().state();
    let predicate = predicate.bind(state.arrow_schema())?;
    let chunks = state.chunks().map(|(_, chunk)| can_match(&predicate, state, chunk));
    Ok(chunks.filter(|matches| *matches != Matches::None).count())
}

fn describe(store: &Snapshot) -> Result<String> {
    let flights = store.table("flights")?;
    Ok(format!(
        "{}: {} flights in {} columns, {} of them of US Airways",
        store.version(),
        text::count(flights.row_count()),
        flights.schema().fields().len(),
        text::count(flights_of("US", store)?)
    ))
}
