//! Step 11: one commit is undone, in the middle of the past; what came later stays.

use annals::{RowDiff, RowState, Store, VersionId};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use crate::hunt::{Found, by_month, mean_delay};
use crate::listing::shown;
use crate::nights::{BY_HAND_AFTER, CARRIER, Nights};
use crate::nyc::{self, expect};
use crate::page::{Page, left, right, word};
use crate::{Result, refusal, text};

pub(crate) fn run(page: &mut Page, store: &Store, nights: &Nights, found: &Found) -> Result {
    page.step("Undo one commit, keep the later ones")?;
    let bad = found.bad;
    let later = later(page, store, bad)?;

    page.say("First only as an idea. A speculation is a version that nobody else sees.")?;
    let before = store.snapshot();
    let what_if = shown!(page, store.speculate(|tx| tx.revert(bad))?);
    let then = what_if.snapshot();
    let diff = shown!(page, before.row_diff(&then, "ontime")?.compare()?);
    let counts = diff.counts();
    expect("rows that would come or go", counts.deleted + counts.inserted, 0)?;
    expect("the rows that a revert mends", counts.updated, found.damaged)?;
    page.result(&format!("{} mended; none come, none go", text::many(counts.updated, "row")))?;
    only_damaged(&diff)?;
    expect("the version while it is an idea", store.version(), before.version())?;
    by_month(page, &then, &["B6", CARRIER])?;

    page.say("That looks right, so it is done: as a commit like any other.")?;
    let reverted = shown!(page, store.revert(bad)?);
    let after = store.snapshot();
    let diff = then.row_diff(&after, "ontime")?.compare()?;
    expect("whether it differs from the idea", diff.is_empty(), true)?;
    page.result(&format!("{} is as the idea was", reverted.version()))?;

    let (was, is) = (store.at(VersionId(bad.0 - 1))?, &after);
    for month in 1..=7 {
        let (was, is) = (mean_delay(&was, CARRIER, month)?, mean_delay(is, CARRIER, month)?);
        expect("the mean delay of a month before and after", is, was)?;
    }
    let touched = before.row_diff(&after, "ontime")?.by_identity().compare()?.counts();
    let came_or_went = touched.inserted + touched.deleted;
    expect("rows that came or went by the revert", came_or_went, 0)?;
    expect("rows that the revert touched", touched.updated, nights.rows_written)?;
    expect("the flights after all", after.table("ontime")?.row_count(), nyc::FLIGHTS)?;
    page.say(&format!(
        "It touched the {} rows that the wrong commit had written, and no other: the {} flights \
         that came later are there, and the {} corrections of other flights stand.",
        text::count(touched.updated),
        text::count(later.inserted),
        text::count(later.updated),
    ))?;
    row_history(page, store, found, reverted.version())?;
    obstacle(page, store, nights)
}

/// Checks that no row is mended but those that the wrong commit was about.
fn only_damaged(diff: &RowDiff) -> Result {
    for mended in diff.updated() {
        let rows = mended?.before.rows;
        let column = |name| rows.column_by_name(name).ok_or("a column is missing");
        let carriers = column("carrier")?.as_string::<i32>();
        let months = column("month")?.as_primitive::<Int64Type>();
        let days = column("day")?.as_primitive::<Int64Type>();
        for row in 0..rows.num_rows() {
            let is_damaged = carriers.value(row) == CARRIER
                && (months.value(row), days.value(row)) <= BY_HAND_AFTER;
            expect("whether a mended row was damaged", is_damaged, true)?;
        }
    }
    Ok(())
}

/// Rows that came or were changed after the wrong commit.
#[derive(Default)]
struct Later {
    inserted: u64,
    updated: u64,
}

/// What the revert must not lose, told by the change feed.
fn later(page: &mut Page, store: &Store, bad: VersionId) -> Result<Later> {
    page.say(
        "To restore the version before would lose all that was done since. How much is that? The \
         change feed tells, commit by commit.",
    )?;
    let since = VersionId(bad.0 + 1);
    let feed = shown!(page, store.changes("ontime", since, store.version())?);
    let mut later = Later::default();
    for batch in feed {
        let batch = batch?;
        let kind = batch.column_by_name("_change_type").ok_or("the feed has no kinds")?;
        for kind in kind.as_string::<i32>().iter().flatten() {
            later.inserted += u64::from(kind == "insert");
            later.updated += u64::from(kind == "update_postimage");
        }
    }
    page.result(&format!(
        "{} in {}, {} corrected",
        text::many(later.inserted, "flight"),
        text::many(store.version().0 - bad.0, "commit"),
        text::count(later.updated),
    ))?;
    Ok(later)
}

/// One of the damaged rows through all of it.
fn row_history(page: &mut Page, store: &Store, found: &Found, reverted: VersionId) -> Result {
    page.say("Nothing of this is covered up. One of the rows, newest state first:")?;
    let row = found.row;
    let history = shown!(page, store.row_history("ontime", row)?);
    let (mut rows, mut versions) = (Vec::new(), Vec::new());
    for step in history.iter() {
        let state = match &step.state {
            RowState::Inserted(_) => "inserted",
            RowState::Updated(_) => "updated",
            _ => "deleted",
        };
        let cell = |name| {
            let column = step.state.values().and_then(|row: &RecordBatch| row.column_by_name(name));
            column.map(|column| text::value(column, 0)).unwrap_or_default()
        };
        let info = step.commit.as_ref().map(|commit| &commit.info);
        let user = info.and_then(|info| info.user.as_deref()).unwrap_or_default();
        let message = info.and_then(|info| info.message.as_deref()).unwrap_or_default();
        rows.push([
            step.version.to_string(),
            state.to_owned(),
            cell("dep_delay"),
            cell("arr_delay"),
            user.to_owned(),
            message.to_owned(),
        ]);
        versions.push(step.version);
    }
    expect("the commits that made the row", versions.get(..2), Some(&[reverted, found.bad][..]))?;
    page.table(
        &[
            word("version"),
            word("state"),
            right("dep_delay"),
            right("arr_delay"),
            word("user"),
            left("message"),
        ],
        rows,
    )?;
    Ok(())
}

/// What cannot be undone, and how that is said.
fn obstacle(page: &mut Page, store: &Store, nights: &Nights) -> Result {
    page.say(
        "Not everything can be undone. The flights of a day cannot, for others have corrected them \
         since; each such commit is named.",
    )?;
    let (one_day, before) = (nights.later_append, store.version());
    let refused = shown!(page, store.revert(one_day));
    page.refused(&refusal(refused)?.to_string())?;
    expect("the version after a refusal", store.version(), before)
}
