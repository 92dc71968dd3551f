//! The reader's own files: each becomes a table of its name, is read back and shown.

use std::path::{Path, PathBuf};

use annals::{DatabaseName, Store, Table, TableName};

use crate::listing::shown;
use crate::nyc::{expect, rows_in};
use crate::page::{Heading, Page, left, right};
use crate::{Result, files, history, text};

const COLUMNS_SHOWN_MAX: usize = 40;
const ROWS_SHOWN_MAX: u64 = 5;

pub(crate) fn run(page: &mut Page, files: &[PathBuf]) -> Result {
    page.title("annals: your files as tables")?;
    let store = Store::in_memory();
    for file in files {
        save_and_show(page, &store, file).map_err(|error| files::naming(file, error))?;
    }
    page.heading("The annals")?;
    history::show(page, &store.history())
}

fn save_and_show(page: &mut Page, store: &Store, file: &Path) -> Result {
    page.heading(&text::printable(&file.display().to_string()))?;
    let rows = files::open(file)?;
    let name = name_of(file, store)?;
    let saved = shown!(page, store.write(rows).save_as_table(&name)?);
    let table = store.table(&name)?;
    expect("rows read back", rows_in(&table.read()?), saved.rows())?;
    page.result(&format!(
        "{}: {} in {}, {}, read back and counted",
        text::printable(&name.to_string()),
        text::many(saved.rows(), "row"),
        text::many(table.schema().fields().len() as u64, "column"),
        text::bytes(table.byte_count()),
    ))?;
    columns(page, &table)?;
    first_rows(page, &table)
}

/// The stem of the file's name; where that is taken, the whole name, then the path as it was given.
fn name_of(file: &Path, store: &Store) -> Result<TableName> {
    let candidates = [file.file_stem(), file.file_name(), Some(file.as_os_str())];
    for candidate in candidates.into_iter().flatten() {
        let name = TableName::new(&DatabaseName::default(), &candidate.to_string_lossy())?;
        if !store.table_exists(&name)? {
            return Ok(name);
        }
    }
    Err("this file was given twice".into())
}

/// The columns, with what is known of each without reading a row.
fn columns(page: &mut Page, table: &Table) -> Result {
    let schema = table.schema();
    let mut rows = Vec::new();
    for field in schema.fields().iter().take(COLUMNS_SHOWN_MAX) {
        let known = table.column_summary(field.name())?;
        rows.push([
            text::one_line(field.name()),
            text::one_line(&field.data_type().to_string()),
            text::count(known.null_count),
            known.min.map(|min| text::value(&min, 0)).unwrap_or_default(),
            known.max.map(|max| text::value(&max, 0)).unwrap_or_default(),
        ]);
    }
    page.table(&[left("column"), left("type"), right("nulls"), left("min"), left("max")], rows)?;
    match schema.fields().len().saturating_sub(COLUMNS_SHOWN_MAX) {
        0 => Ok(()),
        more => Ok(page.say(&format!("… and {}.", text::many(more as u64, "more column")))?),
    }
}

/// The first rows, in as many columns as there is room for.
fn first_rows(page: &mut Page, table: &Table) -> Result {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for batch in table.scan().limit(ROWS_SHOWN_MAX).batches()? {
        let batch = batch?;
        rows.extend((0..batch.num_rows()).map(|row| text::values(&batch, row)));
    }
    if rows.is_empty() {
        return Ok(page.say("There are no rows.")?);
    }
    let schema = table.schema();
    let headings: Vec<Heading> = schema
        .fields()
        .iter()
        .map(|field| (text::one_line(field.name()), field.data_type().is_numeric()))
        .map(|(name, is_number)| if is_number { right(&name) } else { left(&name) })
        .collect();
    let shown = page.columns_that_fit(&headings, &rows);
    rows.iter_mut().for_each(|row| row.truncate(shown));
    let columns = text::many(headings.len() as u64, "column");
    page.say(&match headings.len() == shown {
        true => "The first rows:".to_owned(),
        false => format!("The first rows, in {shown} of {columns}:"),
    })?;
    Ok(page.table(&headings[..shown], rows)?)
}
