//! Step 7: who did what, when, and from which line; recorded without being asked.

use std::sync::Arc;

use annals::{Commit, History, Operation, Store};

use crate::listing::shown;
use crate::nyc::expect;
use crate::page::{Page, left, right};
use crate::{Result, text};

pub(crate) fn run(page: &mut Page, store: &Store) -> Result {
    page.step("Read the annals")?;
    page.say(
        "Every commit is on record: what it did, when, which thread, which line of whose code, and \
         why, if somebody said so.",
    )?;
    let history = shown!(page, store.history());
    let commits = history.iter().count();
    expect("the commits on record", &(commits as u64), &store.version().0)?;
    page.result(&format!("{} commits, newest first", text::count(commits)))?;
    show(page, &history)?;

    page.say(
        "The same as Arrow, one row for each operation, to be queried or kept like any table.",
    )?;
    let rows = shown!(page, store.table_history("flights")?.to_batch());
    page.result(&format!(
        "{} operations on flights, {} columns",
        text::count(rows.num_rows()),
        rows.num_columns()
    ))?;
    Ok(())
}

/// Runs of one operation that are longer than this are shown as one line.
const RUN_MAX: usize = 20;

/// A history as a table. `History::to_batch` has more columns than a page has room for.
pub(crate) fn show(page: &mut Page, history: &History) -> Result {
    let lines: Vec<Line<'_>> = history
        .iter()
        .flat_map(|commit| {
            commit.operations.iter().map(move |operation| Line { commit, operation })
        })
        .collect();
    let headings = &[
        left("version"),
        left("time"),
        left("operation"),
        right("rows +"),
        right("rows −"),
        left("line"),
        left("thread"),
        left("why"),
    ];
    let runs = lines.chunk_by(Line::is_like).flat_map(|run| match run {
        [newest, .., oldest] if run.len() > RUN_MAX => {
            let [mut first, last] = [oldest.row(), newest.row()];
            first[0] = format!("{}–{}", first[0], last[0]);
            first[2] = format!("{} ×{}", first[2], run.len());
            (first[3], first[4]) = ("…".to_owned(), "…".to_owned());
            vec![first]
        }
        run => run.iter().map(Line::row).collect(),
    });
    Ok(page.table(headings, runs)?)
}

/// One operation of one commit.
struct Line<'a> {
    commit: &'a Arc<Commit>,
    operation: &'a Operation,
}

impl Line<'_> {
    fn is_like(&self, other: &Self) -> bool {
        let (one, two) = (self.operation, other.operation);
        one.kind == two.kind && one.location == two.location
    }

    fn row(&self) -> [String; 8] {
        let Self { commit, operation } = self;
        let target = operation.target.to_string();
        let target = target.strip_prefix("default.").unwrap_or(&target);
        let file = operation.location.file.rsplit(['/', '\\']).next().unwrap_or_default();
        [
            commit.version.to_string(),
            text::time_of_day(commit.timestamp),
            format!("{target}: {}", operation.kind),
            text::count_or_blank(operation.metrics.rows_added),
            text::count_or_blank(operation.metrics.rows_removed),
            format!("{file}:{}", operation.location.line),
            text::printable(commit.thread.as_deref().unwrap_or_default()),
            text::printable(commit.info.message.as_deref().unwrap_or_default()),
        ]
    }
}
