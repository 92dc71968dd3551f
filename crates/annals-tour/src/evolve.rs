//! Step 2: rows with a column that the table lacks. Old rows are padded with nulls, not rewritten.

use std::sync::Arc;

use annals::{SaveMode, Store, Table, col};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

use crate::listing::shown;
use crate::nyc::{self, expect, no_rows};
use crate::page::{Page, left, right};
use crate::{Result, refusal, text};

pub(crate) fn run(page: &mut Page, store: &Store) -> Result {
    page.step("Evolve a schema")?;
    page.say(
        "December comes again, corrected, with one more column: `gain`, the minutes that a flight \
         made up in the air. An append does not widen a table by accident.",
    )?;
    let flights = store.table("flights")?;
    let december = shown!(page, flights.scan().filter(col("month").eq(12)).collect()?);
    let december = shown!(page, december.iter().map(with_gain).collect::<Result<Vec<_>>>()?);
    page.result(&format!("{} flights", text::count(nyc::rows_in(&december))))?;
    let december = december.as_slice();
    let refused =
        shown!(page, store.write(december).mode(SaveMode::Append).save_as_table("flights"));
    page.refused(&refusal(refused)?.to_string())?;

    page.say(
        "With merge_schema it does. The old December goes and the new one comes in one commit, so \
         that no reader ever sees a year of eleven months.",
    )?;
    let done = shown!(
        page,
        store.transact(|tx| {
            tx.message("December, corrected");
            let old = tx.write(no_rows(&flights)).mode(SaveMode::Overwrite);
            old.replace_where(col("month").eq(12)).save_as_table("flights")?;
            let new = tx.write(december).mode(SaveMode::Append);
            new.merge_schema(true).save_as_table("flights")
        })?
    );
    let now = store.table("flights")?;
    page.result(&format!(
        "{}: {} columns became {}; {} flights",
        done.committed.version(),
        flights.schema().fields().len(),
        now.schema().fields().len(),
        text::count(now.row_count()),
    ))?;

    page.say("The new column is there at once, in every row. Where nobody wrote it, it is null.")?;
    let gain = shown!(page, now.column_summary("gain")?);
    page.result(&format!(
        "{} nulls; between {} and {} minutes, known without reading a row",
        text::count(gain.null_count),
        gain.min.as_ref().map(|least| text::value(least, 0)).unwrap_or_default(),
        gain.max.as_ref().map(|most| text::value(most, 0)).unwrap_or_default(),
    ))?;
    show(page, &now)?;

    expect("the flights after the correction", now.row_count(), nyc::FLIGHTS)?;
    let padded = now.scan().filter(col("month").ne(12).and(col("gain").is_not_null()));
    expect("old flights with a gain", padded.count()?, 0)?;
    Ok(())
}

/// A first flight of each layout.
fn show(page: &mut Page, flights: &Table) -> Result {
    let columns = ["month", "day", "carrier", "flight", "dep_delay", "arr_delay", "gain"];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for month in [1, 12] {
        let first = col("month").eq(month).and(col("dep_delay").gt(0));
        for batch in flights.scan().columns(columns).filter(first).limit(2).collect()? {
            rows.extend((0..batch.num_rows()).map(|row| text::values(&batch, row)));
        }
    }
    page.table(
        &[
            right("month"),
            right("day"),
            left("carrier"),
            right("flight"),
            right("dep_delay"),
            right("arr_delay"),
            right("gain"),
        ],
        rows,
    )?;
    Ok(())
}

/// The flights with what they made up of their delay: plain Arrow, as any program would do it.
fn with_gain(flights: &RecordBatch) -> Result<RecordBatch> {
    let minutes = |name: &str| -> Result<&Int64Array> {
        let column = flights.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int64Type>());
        column.ok_or_else(|| format!("flights has no column `{name}` of whole minutes").into())
    };
    let (left, arrived) = (minutes("dep_delay")?, minutes("arr_delay")?);
    let gain = left.iter().zip(arrived).map(|(left, arrived)| Some(left? - arrived?));
    let gain: ArrayRef = Arc::new(gain.collect::<Int64Array>());

    let mut fields = flights.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("gain", DataType::Int64, true)));
    let columns = flights.columns().iter().cloned().chain([gain]).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
