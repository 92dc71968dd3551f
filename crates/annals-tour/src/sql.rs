//! Step 13: the same store, asked and changed by SQL.

use annals::Store;
use annals_sql::SqlSession;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use crate::listing::shown;
use crate::nyc::{self, expect, flights_of};
use crate::page::{Heading, Page, left, right};
use crate::{Result, refusal, text};

pub(crate) async fn run(page: &mut Page, store: &Store) -> Result {
    page.step("Ask in SQL")?;
    page.say("A session runs statements over the store as it is. Which airlines were late?")?;
    let session = shown!(page, SqlSession::new(store));
    let late = shown!(
        page,
        session
            .collect(
                "SELECT name, count(*) AS flights, round(avg(arr_delay), 1) AS late \
                 FROM flights JOIN airlines USING (carrier) \
                 GROUP BY name ORDER BY late DESC LIMIT 4"
            )
            .await?
    );
    show(page, &late)?;

    page.say("Old versions join with new ones. What became of the flights of US Airways?")?;
    let merged = shown!(
        page,
        session
            .collect(
                "SELECT now.carrier, count(*) AS flights \
                 FROM (SELECT * FROM flights VERSION AS OF 'loaded' WHERE carrier = 'US') AS was \
                 JOIN flights AS now USING (year, month, day, flight, origin, sched_dep_time) \
                 WHERE now.carrier IN ('AA', 'US') GROUP BY now.carrier"
            )
            .await?
    );
    show(page, &merged)?;
    let us = flights_of("US", &store.at("loaded")?)?;
    expect("the flights that changed hands", first_number(&merged, "flights"), Some(us))?;

    page.say("Several statements are one version, which others see whole or not at all.")?;
    let before = store.version();
    shown!(page, session.sql("BEGIN").await?);
    shown!(
        page,
        session.sql("CREATE TABLE late AS SELECT * FROM flights WHERE arr_delay > 600").await?
    );
    shown!(page, session.sql("UPDATE late SET arr_delay = arr_delay - 600").await?);
    expect("the version before the commit", store.version(), before)?;
    shown!(page, session.sql("COMMIT").await?);
    expect("the version after it", Some(store.version()), before.next())?;
    let rows = store.table("late")?.row_count();
    page.result(&format!("{}: {} in `late`", store.version(), text::many(rows, "row")))?;

    page.say("The annals are a table too. Who worked on the flights of last year's nights?")?;
    let told = shown!(
        page,
        session
            .collect(
                "SELECT user, count(DISTINCT version) AS commits, sum(rows_added) AS came \
                 FROM history('ontime') WHERE user IS NOT NULL GROUP BY user ORDER BY commits DESC"
            )
            .await?
    );
    show(page, &told)?;

    page.say("What is wrong with a statement is said, and nothing of it happens.")?;
    let refused = shown!(page, session.sql("INSERT INTO late SELECT * FROM flihgts").await);
    page.refused(&refusal(refused)?.to_string())?;
    let count = shown!(page, session.collect("SELECT count(*) AS flights FROM flights").await?);
    page.result(&format!(
        "{} flights, counted without reading a row",
        text::count(first_number(&count, "flights").unwrap_or_default())
    ))?;
    expect("the flights by SQL", first_number(&count, "flights"), Some(nyc::FLIGHTS))
}

/// The rows of a result.
fn show(page: &mut Page, batches: &[RecordBatch]) -> Result {
    let Some(first) = batches.first() else { return Err("a query gave no rows".into()) };
    let schema = first.schema();
    let headings: Vec<Heading> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type().is_numeric() {
            true => right(field.name()),
            false => left(field.name()),
        })
        .collect();
    let rows = batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(move |row| text::values(batch, row)));
    Ok(page.table(&headings, rows)?)
}

/// The whole number in the first row.
fn first_number(batches: &[RecordBatch], column: &str) -> Option<u64> {
    let batch = batches.iter().find(|batch| batch.num_rows() > 0)?;
    let numbers = batch.column_by_name(column)?.as_primitive_opt::<Int64Type>()?;
    u64::try_from(numbers.value(0)).ok()
}
