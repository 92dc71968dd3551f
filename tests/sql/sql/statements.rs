//! The statements, each subject in a file of `files`, as sqllogictest has them.

use std::path::Path;

use annals::Store;
use annals_sql::{SqlError, SqlSession};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use tokio::runtime::Runtime;

/// A session, as the runner sees it.
struct Connection {
    session: SqlSession,
    runtime: Runtime,
}

impl DB for Connection {
    type Error = SqlError;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, SqlError> {
        let batches = self.runtime.block_on(self.session.collect(sql))?;
        let options = FormatOptions::default().with_null("NULL");
        let mut rows = Vec::new();
        let mut columns = 0;
        for batch in &batches {
            columns = batch.num_columns();
            let formatters = batch.columns().iter().map(|column| {
                ArrayFormatter::try_new(column.as_ref(), &options).expect("it can be shown")
            });
            let formatters: Vec<_> = formatters.collect();
            for row in 0..batch.num_rows() {
                let shown = formatters.iter().map(|column| match column.value(row).to_string() {
                    text if text.is_empty() => "(empty)".to_owned(),
                    text => text.replace('\n', "\\n"),
                });
                rows.push(shown.collect());
            }
        }
        match columns {
            0 => Ok(DBOutput::StatementComplete(0)),
            _ => Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows }),
        }
    }
}

/// Runs a file; all its connections are sessions over one store.
fn play(file: &str) {
    let store = Store::in_memory();
    let mut runner = Runner::new(|| async {
        let session = SqlSession::builder(&store).target_partitions(2).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Connection { session, runtime: runtime.expect("a runtime") })
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/files").join(file);
    if let Err(error) = runner.run_file(path) {
        panic!("{}", error.display(false));
    }
}

macro_rules! files {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            play(concat!(stringify!($name), ".slt"));
        })*

        /// A file that no test plays would be worth nothing.
        #[test]
        fn every_file_is_played() {
            let played = [$(concat!(stringify!($name), ".slt")),*];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/files");
            let there = std::fs::read_dir(folder).unwrap();
            let mut there: Vec<_> = there.map(|file| file.unwrap().file_name()).collect();
            there.sort();
            let mut played = played.to_vec();
            played.sort_unstable();
            assert_eq!(there, played);
        }
    };
}

files![
    alter,
    casing,
    casts,
    databases,
    delete_update,
    insert,
    joined,
    merge,
    names,
    partitions,
    settings,
    show,
    tables,
    transactions,
    travel,
    twice,
    views,
];
