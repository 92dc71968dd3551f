//! A year of real flights, by SQL: tables made from files, a correction as one version, and what
//! it changed.
//!
//! `cargo run -p annals-sql --example sql`

use annals::Store;
use annals_sql::{SqlError, SqlSession};

/// The statements, in the order in which they are run and shown.
const STATEMENTS: [&str; 12] = [
    "CREATE DATABASE nyc",
    "USE nyc",
    "CREATE TABLE flights PARTITIONED BY (origin) AS SELECT * FROM parquet.`flights.parquet`",
    "CREATE TABLE airlines AS SELECT * FROM parquet.`airlines.parquet`",
    "SELECT name, count(*) AS flights, round(avg(arr_delay), 1) AS late \
     FROM flights JOIN airlines USING (carrier) GROUP BY name ORDER BY late DESC LIMIT 3",
    // Two statements that others see as one version, or not at all.
    "BEGIN",
    "UPDATE flights SET arr_delay = NULL WHERE arr_delay > 1000",
    "DELETE FROM airlines WHERE carrier NOT IN (SELECT carrier FROM flights WHERE month = 7)",
    "COMMIT",
    "SELECT max(now.arr_delay) AS now, max(was.arr_delay) AS was \
     FROM flights AS now, (SELECT max(arr_delay) AS arr_delay FROM flights VERSION AS OF 0) AS was",
    "RESTORE TABLE flights TO VERSION AS OF 0",
    "SELECT version, operation, rows_added, rows_removed FROM history('flights')",
];

async fn program() -> Result<(), SqlError> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/nycflights13");
    let store = Store::in_memory();
    // Without this no statement could read a file.
    let session = SqlSession::builder(&store).files_below(data)?.build()?;
    for statement in STATEMENTS {
        println!("annals> {statement}");
        let frame = session.sql(statement).await?;
        if !frame.schema().fields().is_empty() {
            frame.show().await?;
        }
    }
    // A query that fails takes nothing with it.
    let failing = "CREATE OR REPLACE TABLE flights AS SELECT * FROM flight";
    println!("annals> {failing}");
    match session.sql(failing).await {
        Ok(_) => println!("there is no such table"),
        Err(error) => println!("{error}"),
    }
    println!("{} rows of flights", store.table("nyc.flights").map_or(0, |table| table.row_count()));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(program())?)
}
