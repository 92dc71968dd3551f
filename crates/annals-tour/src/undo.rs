//! Step 6: what differs between two versions, and going back without losing the way forward.

use annals::{Store, TableChange, VersionDiff};

use crate::listing::shown;
use crate::nyc::expect;
use crate::page::{Page, left, right};
use crate::{Result, text};

pub(crate) fn run(page: &mut Page, store: &Store) -> Result {
    page.step("Compare, go back, and change your mind")?;
    page.say(
        "What is new since the tables were loaded? What two versions share is not looked at. A \
         chunk of which some rows were deleted counts as changed (~).",
    )?;
    let now = store.snapshot();
    let diff = shown!(page, store.at("loaded")?.diff(&now));
    page.result(&format!("{} to {}: {} tables differ", diff.from, diff.to, diff.tables.len()))?;
    show(page, &diff)?;

    page.say("Everything back to where it was. That is a commit like any other; nothing is lost.")?;
    let restored = shown!(page, store.restore("loaded")?);
    page.result(&format!("{} shows what `loaded` shows", restored.version()))?;
    let nothing = shown!(page, store.at("loaded")?.diff(&store.snapshot()));
    expect("whether a restored store differs", nothing.is_empty(), true)?;
    page.result("nothing differs")?;

    page.say("On second thoughts, the newer state was better.")?;
    let again = shown!(page, store.restore(now.version())?);
    expect("what differs after going back", now.diff(&store.snapshot()).is_empty(), true)?;
    page.result(&format!("{} shows what {} shows", again.version(), now.version()))?;
    Ok(())
}

/// The tables that differ, and how.
pub(crate) fn show(page: &mut Page, diff: &VersionDiff) -> Result {
    let headings = [
        left("table"),
        left(""),
        left("columns"),
        right("rows +"),
        right("rows −"),
        right("chunks +"),
        right("−"),
        right("~"),
        right("shared"),
    ];
    let rows = diff.tables.iter().map(|table| {
        let details = table.details();
        let moved = details.metrics();
        // All columns of a table that came or went did so with it.
        let (change, columns) = match table {
            TableChange::Added { .. } => ("new", &[][..]),
            TableChange::Removed { .. } => ("gone", &[][..]),
            TableChange::Changed { .. } => ("changed", details.columns.as_slice()),
        };
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        [
            text::one_line(table.name().table_str()),
            change.to_owned(),
            columns.join(", "),
            text::count_or_blank(moved.rows_added),
            text::count_or_blank(moved.rows_removed),
            text::count_or_blank(moved.chunks_added),
            text::count_or_blank(moved.chunks_removed),
            text::count_or_blank(details.chunks_changed.len() as u64),
            text::count_or_blank(details.chunks_shared as u64),
        ]
    });
    Ok(page.table(&headings, rows)?)
}
