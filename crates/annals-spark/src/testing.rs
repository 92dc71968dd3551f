//! What the tests of this crate share.

use annals::Store;

use crate::{DataFrame, Row, Session, SparkError, Value};

/// Runs a test, on a stack that holds the frames of unoptimized code.
pub(crate) fn run<F>(test: impl FnOnce(Session) -> F + Send + 'static)
where
    F: Future<Output = Result<(), SparkError>>,
{
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let session = Session::builder(&Store::in_memory()).target_partitions(2).build();
        runtime.unwrap().block_on(test(session.unwrap())).unwrap();
    });
    thread.unwrap().join().unwrap();
}

/// Rows of an `INT` and a `STRING`.
pub(crate) fn people(session: &Session, rows: &[(i32, &str)]) -> DataFrame {
    let rows = rows.iter().map(|(id, name)| Row::new([Value::from(*id), (*name).into()]));
    session.create_data_frame(rows, "id INT, name STRING").unwrap()
}

/// The rows as text, sorted.
pub(crate) async fn texts(frame: &DataFrame) -> Result<Vec<String>, SparkError> {
    let rows = frame.collect().await?;
    let mut texts: Vec<String> = rows
        .into_iter()
        .map(|row| {
            let values: Vec<String> = row.values().iter().map(ToString::to_string).collect();
            values.join(" ")
        })
        .collect();
    texts.sort();
    Ok(texts)
}
