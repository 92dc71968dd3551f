//! What the tests of SQL share: a store with some tables, and results as text.

use annals::Store;
use annals_sql::{SqlError, SqlSession};
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;

/// Runs a future to its end, on a runtime of its own with two threads.
///
/// # Panics
///
/// If there is no runtime to be had.
pub fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("threads can be had");
    runtime.block_on(future)
}

/// The rows of a statement as a table of text.
///
/// # Panics
///
/// If it fails.
pub async fn rows(session: &SqlSession, sql: &str) -> String {
    match session.collect(sql).await {
        Ok(batches) => table(&batches),
        Err(error) => panic!("{sql}\n{error}"),
    }
}

/// The error of a statement, whether it comes up in planning or in running.
///
/// # Panics
///
/// If it succeeds.
pub async fn error(session: &SqlSession, sql: &str) -> SqlError {
    match session.collect(sql).await {
        Ok(batches) => panic!("{sql} succeeded:\n{}", table(&batches)),
        Err(error) => error,
    }
}

/// Batches as a table of text.
///
/// # Panics
///
/// If a type cannot be printed.
pub fn table(batches: &[RecordBatch]) -> String {
    pretty_format_batches(batches).expect("these types can be printed").to_string()
}

/// The values of the first column, one a line and each as text; nulls as nothing.
///
/// # Panics
///
/// If a type cannot be printed.
pub async fn column(session: &SqlSession, sql: &str) -> Vec<String> {
    let batches = match session.collect(sql).await {
        Ok(batches) => batches,
        Err(error) => panic!("{sql}\n{error}"),
    };
    let texts = batches.iter().flat_map(|batch| {
        let values = batch.column(0);
        (0..batch.num_rows()).map(move |row| {
            arrow::util::display::array_value_to_string(values, row).expect("it can be printed")
        })
    });
    texts.collect()
}

/// A session over a new store.
pub fn new_session() -> (Store, SqlSession) {
    let store = Store::in_memory();
    let session = SqlSession::new(&store);
    (store, session)
}
