//! Step 7: who did what, when, and from which line; recorded without being asked.

use annals::{Commit, History, Operation, OperationKind, Store, Target};

use crate::listing::shown;
use crate::nyc::expect;
use crate::page::{Heading, Page, left, right, word};
use crate::{Result, text};

pub(crate) fn run(page: &mut Page, store: &Store) -> Result {
    page.step("Read the annals")?;
    page.say(
        "Every commit is on record: what it did, when, by which thread, asked for in which line of \
         code, and why, if somebody said so.",
    )?;
    let history = shown!(page, store.history());
    let commits = history.iter().count() as u64;
    expect("the number of commits on record", commits, store.version().0)?;
    for operation in history.iter().flat_map(|commit| commit.operations.iter()) {
        let asked_here = operation.location.file.contains("tour");
        expect("whether an operation was asked for by the tour", asked_here, true)?;
    }
    page.result(&format!("{}, newest first", text::many(commits, "commit")))?;
    show(page, &history)?;

    page.say("The same as Arrow, a row for each operation, to be queried or kept as a table.")?;
    let rows = shown!(page, store.table_history("flights")?.to_batch());
    page.result(&format!("{} rows, {} columns", rows.num_rows(), rows.num_columns()))?;
    Ok(())
}

/// More like operations in a row than these are shown as one.
const RUN_MAX: usize = 20;

/// A history as a table: of what is on record, what the page has room for.
pub(crate) fn show(page: &mut Page, history: &History) -> Result {
    let records = history.iter().flat_map(|commit| {
        commit.operations.iter().map(move |operation| Record { commit, operation })
    });
    let records: Vec<Record<'_>> = records.collect();
    let rows = records.chunk_by(Record::is_like).flat_map(|run| match run {
        [newest, .., oldest] if run.len() > RUN_MAX => vec![Record::run(oldest, newest, run.len())],
        run => run.iter().map(Record::row).collect(),
    });
    let mut columns = vec![
        (0, word("version")),
        (1, word("time")),
        (2, word("table")),
        (3, left("operation")),
        (4, right("rows +")),
        (5, right("rows −")),
        (6, word("line")),
        (7, word("thread")),
    ];
    if !page.is_wide() {
        columns.retain(|(column, _)| ![1, 7].contains(column));
    }
    let (shown, headings): (Vec<usize>, Vec<Heading>) = columns.into_iter().unzip();
    let rows = rows.map(|row| shown.iter().map(move |column| row[*column].clone()));
    Ok(page.table(&headings, rows)?)
}

/// One operation of one commit.
struct Record<'a> {
    commit: &'a Commit,
    operation: &'a Operation,
}

impl Record<'_> {
    fn is_like(&self, other: &Self) -> bool {
        let (one, two) = (self.operation, other.operation);
        // A target has the state's number too, which is another each time; its text has only the name.
        one.kind == two.kind
            && one.location == two.location
            && one.target.to_string() == two.target.to_string()
    }

    fn row(&self) -> [String; 8] {
        let Self { commit, operation } = self;
        let table = match &operation.target {
            Target::Table { name, .. } => text::one_line(name.table_str()),
            other => other.to_string(),
        };
        let mut what = match &operation.kind {
            OperationKind::CreateTable { mode: Some(mode) } => format!("create ({mode})"),
            kind => text::printable(&kind.to_string()),
        };
        if let Some(message) = &commit.info.message {
            what = format!("{what}: {}", text::printable(message));
        }
        let file = operation.location.file.rsplit(['/', '\\']).next().unwrap_or_default();
        [
            commit.version.to_string(),
            text::time_of_day(commit.timestamp),
            table,
            what,
            text::count_or_blank(operation.metrics.rows_added),
            text::count_or_blank(operation.metrics.rows_removed),
            format!("{file}:{}", operation.location.line),
            text::printable(commit.thread.as_deref().unwrap_or_default()),
        ]
    }

    /// Many operations of one kind as one row.
    fn run(oldest: &Self, newest: &Self, count: usize) -> [String; 8] {
        let [mut row, last] = [oldest.row(), newest.row()];
        row[0] = format!("{}–{}", row[0], last[0]);
        row[3] = format!("{} ×{count}", row[3]);
        (row[4], row[5]) = ("…".to_owned(), "…".to_owned());
        row
    }
}
