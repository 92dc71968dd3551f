//! Differing rows as text, for a log or a debugger: never more than a screenful.

use std::fmt;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::ArrowError;

use super::{RowCounts, RowDiff, RowsWithOrigins, Under, UpdatedRows};

/// How many rows of each kind are shown.
const ROWS_MAX: usize = 10;
/// How many columns of a row are shown.
const COLUMNS_MAX: usize = 12;
/// How many characters of a value are shown.
const CHARS_MAX: usize = 40;

impl fmt::Display for RowCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deleted, updated, inserted } = self;
        write!(f, "{deleted} deleted, {updated} updated, {inserted} inserted")
    }
}

impl fmt::Display for RowDiff {
    /// The counts, and of each kind the first rows with their ids: `-` deleted, `~` updated, `+`
    /// inserted. Of an updated row a value that changed is shown as `before → after`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        write!(f, "{counts}")?;
        let some = |rows| if rows > 0 { ROWS_MAX } else { 0 };
        let deleted = first_rows(self.deleted(Under::Own), some(counts.deleted));
        show(f, '-', counts.deleted, deleted)?;
        let updated = self.first_updates(some(counts.updated));
        show(f, '~', counts.updated, updated)?;
        let inserted = first_rows(self.inserted(Under::Own), some(counts.inserted));
        show(f, '+', counts.inserted, inserted)
    }
}

impl RowDiff {
    fn first_updates(&self, rows: usize) -> Result<Vec<String>, ArrowError> {
        let some =
            Self { updated: self.updated.iter().take(rows).copied().collect(), ..self.clone() };
        let Some(schema) = self.schema().map(|schema| super::relaxed(schema)) else {
            return Ok(Vec::new());
        };
        let mut lines = Vec::new();
        for updated in some.updated(Under::Relaxed(&schema)) {
            let UpdatedRows { before, after } = updated?;
            let (was, is) = (Cells::of(&before.rows)?, Cells::of(&after.rows)?);
            for (at, origin) in before.origins.iter().enumerate() {
                let pairs = was.row(at).into_iter().zip(is.row(at));
                let cell = |(was, is)| if was == is { is } else { format!("{was} → {is}") };
                let cells: Vec<String> = pairs.map(cell).collect();
                lines.push(format!("#{}: {}", origin.row, cells.join(", ")));
            }
        }
        Ok(lines)
    }
}

fn first_rows(
    batches: impl Iterator<Item = Result<RowsWithOrigins, ArrowError>>,
    rows: usize,
) -> Result<Vec<String>, ArrowError> {
    let mut lines = Vec::new();
    for batch in batches {
        let RowsWithOrigins { rows: batch, origins } = batch?;
        let cells = Cells::of(&batch)?;
        for (at, origin) in origins.iter().enumerate() {
            if lines.len() == rows {
                return Ok(lines);
            }
            lines.push(format!("#{}: {}", origin.row, cells.row(at).join(", ")));
        }
    }
    Ok(lines)
}

fn show(
    f: &mut fmt::Formatter<'_>,
    mark: char,
    rows: u64,
    lines: Result<Vec<String>, ArrowError>,
) -> fmt::Result {
    match lines {
        Err(error) => write!(f, "\n{mark} {rows} rows that cannot be shown: {error}"),
        Ok(lines) => {
            lines.iter().try_for_each(|line| write!(f, "\n{mark} {line}"))?;
            match rows.saturating_sub(lines.len() as u64) {
                0 => Ok(()),
                more => write!(f, "\n{mark} … and {more} more"),
            }
        }
    }
}

/// The values of a batch as text.
struct Cells<'a> {
    columns: Vec<ArrayFormatter<'a>>,
    cut: bool,
}

impl<'a> Cells<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        const OPTIONS: FormatOptions<'_> = FormatOptions::new().with_null("null");
        let columns = batch.columns().iter().take(COLUMNS_MAX);
        let columns = columns.map(|column| ArrayFormatter::try_new(column, &OPTIONS));
        Ok(Self {
            columns: columns.collect::<Result<_, _>>()?,
            cut: batch.num_columns() > COLUMNS_MAX,
        })
    }

    fn row(&self, at: usize) -> Vec<String> {
        let cell = |column: &ArrayFormatter<'_>| shorten(&column.value(at).to_string());
        let more = self.cut.then(|| "…".to_owned());
        self.columns.iter().map(cell).chain(more).collect()
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
