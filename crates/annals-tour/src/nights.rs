//! Step 9: a year of a nightly job, hundreds of commits, of which one is wrong and looks like the
//! others. The steps after this one find it, mend it, and count what all of it costs.

use std::sync::Arc;
use std::time::Instant;

use annals::{Predicate, SaveMode, Store, Transacted, VersionId, col, set, set_with};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};

use crate::listing::shown;
use crate::nyc::{self, Day, expect};
use crate::page::Page;
use crate::{Result, text};

/// The code of this step, to be shown where a commit names a line of it.
pub(crate) const SOURCE: &str = include_str!("nights.rs");

/// The airline whose flights are damaged; it sends no final times, so nothing stands in the way of
/// mending them.
pub(crate) const CARRIER: &str = "EV";

/// Those that send final times, in turn.
const SENDERS: [&str; 5] = ["UA", "B6", "DL", "AA", "MQ"];

/// How many nights later these come.
const NIGHTS_LATER: usize = 28;

/// After the flights of which day somebody commits by hand.
pub(crate) const BY_HAND_AFTER: Day = (8, 28);

const COLUMNS: [&str; 8] =
    ["month", "day", "carrier", "flight", "origin", "dest", "dep_delay", "arr_delay"];

/// What the steps that follow are to find out by themselves, or have to begin with.
pub(crate) struct Nights {
    /// The version of the first night.
    pub(crate) first: VersionId,
    /// The version that is wrong.
    pub(crate) bad: VersionId,
    /// How many rows the wrong commit wrote to.
    pub(crate) rows_written: u64,
    /// The flights of a day after the wrong commit, as they were appended.
    pub(crate) later_append: VersionId,
}

pub(crate) fn run(page: &mut Page, store: &Store) -> Result<Nights> {
    page.step("Let a job run for a year of nights")?;
    page.say("Every night, a job appends the flights of the day to the table `ontime`.")?;
    let append = shown!(page, |flights: &RecordBatch, day: &str| {
        let flights = store.write(flights).mode(SaveMode::Append);
        flights.user("nightly").message(&format!("flights of {day}")).save_as_table("ontime")
    });
    page.say("A cancelled flight has no delay. The report wants a number, so it gets a zero.")?;
    let settle = shown!(page, |of_day: Predicate, day: &str| {
        store.transact(|tx| {
            tx.user("nightly").message(&format!("cancelled {day}: on time"));
            let cancelled = of_day.clone().and(col("dep_delay").is_null());
            tx.update("ontime", [set("dep_delay", 0), set("arr_delay", 0)], cancelled)
        })
    });
    page.say(&format!(
        "And airlines send their final times {NIGHTS_LATER} days later: at the gate, not on the \
         runway.",
    ))?;
    let correct = shown!(page, |of_day: Predicate, day: &str, carrier: &str| {
        store.transact(|tx| {
            tx.user("nightly").message(&format!("final times of {carrier} for {day}"));
            let theirs = of_day.clone().and(col("carrier").eq(carrier));
            tx.update("ontime", [set_with("arr_delay", at_the_gate)], theirs)
        })
    });

    let (before, begun) = (store.version(), Instant::now());
    let (mut first, mut bad, mut later_append) = (None, None, None);
    let days: Vec<(Day, RecordBatch)> = nyc::days(store, &COLUMNS)?.into_iter().collect();
    for (night, (day, flights)) in days.iter().enumerate() {
        let appended = append(flights, &name_of(*day))?.version();
        first = first.or(appended);
        settle(on(*day), &name_of(*day))?;
        if let Some(earlier) = night.checked_sub(NIGHTS_LATER) {
            let (day, carrier) = (days[earlier].0, SENDERS[night % SENDERS.len()]);
            correct(on(day), &name_of(day), carrier)?;
        }
        if bad.is_some() {
            later_append = later_append.or(appended);
        }
        if *day == BY_HAND_AFTER {
            bad = Some(by_hand(store)?);
        }
    }
    let table = store.table("ontime")?;
    expect("the flights of all nights", table.row_count(), nyc::FLIGHTS)?;
    let commits = store.version().0 - before.0;
    page.took(begun.elapsed());
    page.result(&format!(
        "{} nights and {} later, {} flights are there",
        text::count(days.len() as u64),
        text::many(commits, "commit"),
        text::count(table.row_count()),
    ))?;
    let (first, later_append) = (first.ok_or("no night")?, later_append.ok_or("no later night")?);
    let (bad, rows_written) = bad.ok_or("nothing was done by hand")?;
    Ok(Nights { first, bad, rows_written, later_append })
}

/// The commit that is wrong: meant for cancelled flights, but nothing in the filter says so.
fn by_hand(store: &Store) -> Result<(VersionId, u64)> {
    let done: Transacted<u64> = store.transact(|tx| {
        tx.user("jo").message("cancelled flights of EV: on time");
        let cancelled = col("carrier").eq(CARRIER);
        tx.update("ontime", [set("dep_delay", 0), set("arr_delay", 0)], cancelled)
    })?;
    Ok((done.committed.version(), done.value))
}

/// Two minutes after the runway.
fn at_the_gate(flights: &RecordBatch) -> Result<ArrayRef> {
    let arrived = flights.column_by_name("arr_delay").ok_or("there is no `arr_delay`")?;
    let arrived: Int64Array = arrived.as_primitive::<Int64Type>().unary(|minutes| minutes + 2);
    Ok(Arc::new(arrived))
}

fn on((month, day): Day) -> Predicate {
    col("month").eq(month).and(col("day").eq(day))
}

pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn name_of((month, day): Day) -> String {
    let month = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month));
    format!("{day} {}", month.unwrap_or(&"?"))
}
