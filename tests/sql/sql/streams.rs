//! What a statement writes goes into the store as it is computed, and is all there or not at all.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use annals::{ChunkSize, SaveMode, Store, StoreBuilder, record_batch};
use annals_spark::{DataFrame, Session, SparkError};
use annals_sql::{SqlError, SqlSession, ViewQuery};
use annals_sql_tests::{column, error, run};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

/// Batches of these many rows.
const ROWS: usize = 512;
/// As many batches as these.
const BATCHES: usize = 400;

/// What happens before a batch is given: by the number of the run and of the batch.
type Before = Box<dyn Fn(usize, usize) -> Result<(), DataFusionError> + Send + Sync>;

/// Rows that are made when they are asked for, and that can tell who keeps them.
struct Source {
    before: Before,
    runs: AtomicUsize,
    buffers: Mutex<Vec<Buffer>>,
    live_max: AtomicUsize,
}

impl Source {
    fn new(
        before: impl Fn(usize, usize) -> Result<(), DataFusionError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            before: Box::new(before),
            runs: AtomicUsize::new(0),
            buffers: Mutex::default(),
            live_max: AtomicUsize::new(0),
        })
    }

    /// How many batches somebody keeps.
    fn live(&self) -> usize {
        let buffers = self.buffers.lock().unwrap();
        buffers.iter().filter(|buffer| buffer.strong_count() > 1).count()
    }

    fn batch(&self, run: usize, batch: usize) -> Result<RecordBatch, DataFusionError> {
        (self.before)(run, batch)?;
        let from = i64::try_from(batch * ROWS).unwrap();
        let n: Vec<i64> = (from..).take(ROWS).collect();
        let rows = record_batch!(("n", Int64, n))?;
        self.buffers.lock().unwrap().push(rows.column(0).to_data().buffers()[0].clone());
        self.live_max.fetch_max(self.live(), Ordering::Relaxed);
        Ok(rows)
    }

    /// Makes it the view `source` of a session.
    fn shown_to(self: &Arc<Self>, session: &SqlSession) {
        self.shown_often_to(session, 1);
    }

    /// Likewise, with the rows so many times, each time in a partition.
    fn shown_often_to(self: &Arc<Self>, session: &SqlSession, partitions: usize) {
        let schema = record_batch!(("n", Int64, [0])).unwrap().schema();
        let rows = Rows { schema: Arc::clone(&schema), source: Arc::clone(self) };
        let rows: Arc<dyn PartitionStream> = Arc::new(rows);
        let table = StreamingTable::try_new(schema, vec![rows; partitions]).unwrap();
        let table = provider_as_source(Arc::new(table));
        let plan = LogicalPlanBuilder::scan("source", table, None).unwrap().build().unwrap();
        session.set_view("source", ViewQuery::Plan(Box::new(plan)));
    }
}

struct Rows {
    schema: SchemaRef,
    source: Arc<Source>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let source = Arc::clone(&self.source);
        let run = source.runs.fetch_add(1, Ordering::Relaxed);
        let (mut batch, mut waits) = (0, false);
        let stream = futures::stream::poll_fn(move |context| {
            // Whoever asks has to wait every other time.
            waits = !waits;
            if waits {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if batch == BATCHES {
                return Poll::Ready(None);
            }
            batch += 1;
            Poll::Ready(Some(source.batch(run, batch - 1)))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

/// A store that cuts chunks of eight batches, with a table `t` of one row.
fn store() -> Store {
    let bounds = ChunkSize { rows_min: 8 * ROWS, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(bounds).build();
    store.write(record_batch!(("n", Int64, [-1])).unwrap()).save_as_table("t").unwrap();
    store
}

/// Statements that write what `source` gives, the name of the table, and how many rows that has then.
const WRITES: [(&str, &str, usize); 8] = [
    ("INSERT INTO t SELECT * FROM source", "t", ROWS * BATCHES + 1),
    ("INSERT INTO t BY NAME SELECT n FROM source", "t", ROWS * BATCHES + 1),
    ("INSERT OVERWRITE t SELECT * FROM source", "t", ROWS * BATCHES),
    ("INSERT INTO t REPLACE WHERE n >= 0 SELECT * FROM source", "t", ROWS * BATCHES + 1),
    ("INSERT INTO t REPLACE WHERE n % 1 = 0 SELECT * FROM source", "t", ROWS * BATCHES),
    ("CREATE TABLE new AS SELECT * FROM source", "new", ROWS * BATCHES),
    ("CREATE OR REPLACE TABLE t AS SELECT * FROM source", "t", ROWS * BATCHES),
    ("CREATE TABLE new PARTITIONED BY (p) AS SELECT n, 1 AS p FROM source", "new", ROWS * BATCHES),
];

/// More than is kept beside the chunks: what one of these is copied from, and what is on its way.
const LIVE_MAX: usize = 16;

/// Runs a statement until it has read some batches of the source, and drops it then.
async fn stopped(source: &Source, statement: impl Future) {
    let some = async {
        while source.buffers.lock().unwrap().len() < 50 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = some => {}
        _ = statement => panic!("it ended, and nobody stopped it"),
    }
}

#[test]
fn rows_go_into_the_store_as_they_come() {
    for (sql, table, rows) in WRITES {
        let store = store();
        let session = SqlSession::new(&store);
        let source = Source::new(|_, _| Ok(()));
        source.shown_to(&session);
        run(async { session.sql(sql).await.map(drop).unwrap() });
        assert_eq!(store.table(table).unwrap().row_count(), rows as u64, "{sql}");
        assert_eq!(source.buffers.lock().unwrap().len(), BATCHES, "{sql}");
        let most = source.live_max.load(Ordering::Relaxed);
        assert!(most < LIVE_MAX, "{sql}: {most} of {BATCHES} batches were kept at once");
        assert_eq!(source.live(), 0, "{sql}");
        run(async {
            let sum = format!("SELECT sum(n) FROM {table} WHERE n >= 0");
            let all = ROWS * BATCHES;
            assert_eq!(column(&session, &sum).await, [(all * (all - 1) / 2).to_string()], "{sql}");
        });
    }
}

/// Several tasks compute the rows, and each of them ends as one would.
#[test]
fn rows_of_several_partitions_are_all_there_or_none_of_them() {
    const PARTS: usize = 3;
    for one_thread in [false, true] {
        let mut runtime = match one_thread {
            true => tokio::runtime::Builder::new_current_thread(),
            false => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = runtime.enable_all().build().unwrap();
        let gone = |source: &Source| {
            let begin = std::time::Instant::now();
            while source.live() > 0 {
                assert!(begin.elapsed().as_secs() < 60, "what nobody wants is kept");
                runtime.block_on(tokio::task::yield_now());
            }
        };
        for (sql, table, _) in WRITES {
            let store = store();
            let session = SqlSession::builder(&store).target_partitions(PARTS).build().unwrap();
            let before = store.version();

            let torn = Source::new(|run, batch| match (run % PARTS, batch) {
                (1, 50) => Err(DataFusionError::External("the disk is gone".into())),
                _ => Ok(()),
            });
            torn.shown_often_to(&session, PARTS);
            let error = runtime.block_on(error(&session, sql));
            assert!(error.to_string().contains("the disk is gone"), "{sql}: {error}");
            gone(&torn);

            let source = Source::new(|_, _| Ok(()));
            source.shown_often_to(&session, PARTS);
            runtime.block_on(stopped(&source, session.sql(sql)));
            gone(&source);
            assert_eq!(store.version(), before, "{sql}");

            let source = Source::new(|_, _| Ok(()));
            source.shown_often_to(&session, PARTS);
            runtime.block_on(session.sql(sql)).map(drop).unwrap();
            let sum = format!("SELECT sum(n) FROM {table} WHERE n >= 0");
            let all = ROWS * BATCHES;
            let expected = (PARTS * all * (all - 1) / 2).to_string();
            assert_eq!(runtime.block_on(column(&session, &sum)), [expected], "{sql}");
            let most = source.live_max.load(Ordering::Relaxed);
            assert!(most < PARTS * LIVE_MAX, "{sql}: {most} batches were kept at once");
            // The ends of the parts are joined.
            let chunks = store.table(table).unwrap().chunk_count();
            assert!(chunks <= PARTS * BATCHES / 8 + 2, "{sql}: {chunks} chunks");
        }
    }
}

#[test]
fn a_runtime_of_one_thread_is_enough_also_to_insert_a_table_into_itself() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for partitions in [1, 4] {
            let store = store();
            let session =
                SqlSession::builder(&store).target_partitions(partitions).build().unwrap();
            Source::new(|_, _| Ok(())).shown_to(&session);
            session.sql("INSERT INTO t SELECT * FROM source").await.unwrap();
            for doubled in 1..4 {
                session.sql("INSERT INTO t SELECT * FROM t").await.unwrap();
                let rows = (ROWS * BATCHES + 1) << doubled;
                assert_eq!(store.table("t").unwrap().row_count(), rows as u64);
            }
            session.sql("INSERT OVERWRITE t SELECT DISTINCT n FROM t").await.unwrap();
            assert_eq!(store.table("t").unwrap().row_count(), (ROWS * BATCHES + 1) as u64);
        }
    });
}

#[test]
fn a_query_that_fails_on_the_way_leaves_everything_as_it_was() {
    let torn = |_, batch| match batch {
        50 => Err(DataFusionError::External("the disk is gone".into())),
        _ => Ok(()),
    };
    for (sql, ..) in WRITES {
        let store = store();
        let session = SqlSession::new(&store);
        let source = Source::new(torn);
        source.shown_to(&session);
        let before = store.version();
        run(async {
            let error = error(&session, sql).await;
            assert!(error.to_string().contains("the disk is gone"), "{sql}: {error}");
            assert_eq!((store.version(), source.live()), (before, 0), "{sql}");
            // In a transaction, what was done before stays.
            session.sql("BEGIN").await.unwrap();
            session.sql("INSERT INTO t VALUES (7)").await.unwrap();
            annals_sql_tests::error(&session, sql).await;
            assert_eq!(column(&session, "SELECT n FROM t ORDER BY n").await, ["-1", "7"], "{sql}");
            session.sql("COMMIT").await.unwrap();
        });
        assert_eq!(store.table("t").unwrap().row_count(), 2, "{sql}");
        assert!(store.table("new").is_err(), "{sql}");
    }
}

#[test]
fn a_query_that_panics_on_the_way_leaves_everything_as_it_was() {
    for (sql, ..) in WRITES {
        let store = store();
        let session = SqlSession::new(&store);
        let source = Source::new(|_, batch| {
            assert!(batch < 50, "planned");
            Ok(())
        });
        source.shown_to(&session);
        let before = store.version();
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(async { session.sql(sql).await.map(drop) })
        }));
        assert!(!matches!(ran, Ok(Ok(()))), "{sql}");
        assert_eq!((store.version(), source.live()), (before, 0), "{sql}");
        run(async { assert_eq!(column(&session, "SELECT n FROM t").await, ["-1"], "{sql}") });
    }
}

#[test]
fn a_statement_that_is_dropped_on_the_way_writes_nothing() {
    for (sql, ..) in WRITES {
        let store = store();
        let session = SqlSession::new(&store);
        let source = Source::new(|_, _| Ok(()));
        source.shown_to(&session);
        let before = store.version();
        run(stopped(&source, session.sql(sql)));
        assert_eq!((store.version(), source.live()), (before, 0), "{sql}");
        assert!(source.buffers.lock().unwrap().len() < BATCHES, "{sql}");
    }
}

/// Appends of others change nothing about one's own; only what was read and changed since is
/// computed again.
#[test]
fn rows_are_computed_again_only_if_they_might_be_others() {
    let cases = [
        ("INSERT INTO t SELECT * FROM source", 1, ROWS * BATCHES + 2),
        ("INSERT OVERWRITE t SELECT s.n FROM source s WHERE s.n < (SELECT count(*) FROM t)", 2, 2),
    ];
    for (sql, runs, rows) in cases {
        let store = store();
        let session = SqlSession::new(&store);
        let others = store.clone();
        let source = Source::new(move |run, batch| {
            if (run, batch) == (0, 50) {
                let rows = record_batch!(("n", Int64, [-2])).unwrap();
                others.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
            }
            Ok(())
        });
        source.shown_to(&session);
        run(async { session.sql(sql).await.map(drop).unwrap() });
        assert_eq!(source.runs.load(Ordering::Relaxed), runs, "{sql}");
        assert_eq!(store.table("t").unwrap().row_count(), rows as u64, "{sql}");
    }
}

#[test]
fn rows_that_replace_where_does_not_let_in_are_counted_to_the_last() {
    let store = store();
    let session = SqlSession::new(&store);
    Source::new(|_, _| Ok(())).shown_to(&session);
    run(async {
        for condition in ["n < 100", "n % 100000 < 100 AND n < 1000"] {
            let sql = format!("INSERT INTO t REPLACE WHERE {condition} SELECT * FROM source");
            match error(&session, &sql).await {
                SqlError::Write(annals::WriteError::OutsideReplaceWhere { rows, .. }) => {
                    assert_eq!(rows, (ROWS * BATCHES - 100) as u64);
                }
                other => panic!("{other}"),
            }
        }
    });
}

/// The writes of a frame, by the way it is written and how many rows the table has then.
async fn write(frame: &DataFrame, way: &str) -> Result<(), SparkError> {
    match way {
        "save" => frame.write().save_as_table("new").await,
        "divided" => frame.write().partition_by(["p"]).save_as_table("new").await,
        "append" => frame.write().mode("append").save_as_table("two").await,
        "overwrite" => frame.write().mode("overwrite").save_as_table("two").await,
        "insert" => frame.write().insert_into("two").await,
        "insert over" => frame.write().insert_with("two", true).await,
        "create" => frame.write_to("new")?.create().await,
        "replace" => frame.write_to("two")?.create_or_replace().await,
        "add" => frame.write_to("two")?.append().await,
        "put" => frame.write_to("two")?.overwrite(annals::col("n").lt(0)).await,
        other => unreachable!("{other} is no way"),
    }
}

#[test]
fn what_frames_write_goes_into_the_store_as_it_comes_too() {
    let all = ROWS * BATCHES;
    let ways = [
        ("save", "new", all),
        ("divided", "new", all),
        ("append", "two", all + 1),
        ("overwrite", "two", all),
        ("insert", "two", all + 1),
        ("insert over", "two", all),
        ("create", "new", all),
        ("replace", "two", all),
        ("add", "two", all + 1),
    ];
    for (way, table, rows) in ways {
        let store = store();
        let two = record_batch!(("n", Int64, [-1]), ("p", Int32, [1])).unwrap();
        store.write(two).save_as_table("two").unwrap();
        let session = Session::new(&store);
        let source = Source::new(|_, _| Ok(()));
        source.shown_to(session.sql_session());
        run(async {
            let frame = session.sql("SELECT n, 1 AS p FROM source").await.unwrap();
            write(&frame, way).await.unwrap();
        });
        assert_eq!(store.table(table).unwrap().row_count(), rows as u64, "{way}");
        let most = source.live_max.load(Ordering::Relaxed);
        assert!(most < LIVE_MAX, "{way}: {most} of {BATCHES} batches were kept at once");
        let (live, runs) = (source.live(), source.runs.load(Ordering::Relaxed));
        assert_eq!((live, runs), (0, 1), "{way}");
    }
}

#[test]
fn a_frame_that_fails_on_the_way_or_is_decided_again_is_all_there_or_not_at_all() {
    for way in ["append", "overwrite", "insert", "put", "add"] {
        let store = store();
        let two = record_batch!(("n", Int64, [-1]), ("p", Int32, [1])).unwrap();
        store.write(two).save_as_table("two").unwrap();
        let session = Session::new(&store);
        let others = store.clone();
        // The first run is torn; in the second, others append in between.
        let source = Source::new(move |run, batch| match (run, batch) {
            (0, 50) => Err(DataFusionError::External("the disk is gone".into())),
            (1, 50) => {
                let two = record_batch!(("n", Int64, [-2]), ("p", Int32, [1])).unwrap();
                others.write(two).mode(SaveMode::Append).save_as_table("two").unwrap();
                Ok(())
            }
            _ => Ok(()),
        });
        source.shown_to(session.sql_session());
        let before = store.version();
        run(async {
            let frame = session.sql("SELECT n, 1 AS p FROM source WHERE n < 0").await.unwrap();
            assert!(write(&frame, way).await.is_err(), "{way}");
            assert_eq!((store.version(), source.live()), (before, 0), "{way}");
            write(&frame, way).await.unwrap();
        });
        let rows = match way {
            "overwrite" | "put" => 0,
            _ => 2,
        };
        assert_eq!(store.table("two").unwrap().row_count(), rows, "{way}");
        assert_eq!(source.runs.load(Ordering::Relaxed), 2, "{way}");
    }
}
