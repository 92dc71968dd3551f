//! What the tests of the whole share.
//!
//! A test of one module lives in that module. Here are the tests that need more than one crate or
//! that look at the repository itself: one directory per subject, with a `main.rs` and a `[[test]]`
//! entry in `Cargo.toml`. What a second subject needs as well comes here.

pub mod canary;
pub mod fuzzing;
pub mod model;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use annals::{SaveMode, Snapshot, Source, Store, StoreBuilder, Table, TableKind, WriteError};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};

/// Returns the directory that holds the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    // Asked for when the test runs: two checkouts that share a target directory also share the
    // compiled test, and each is to be judged by its own files.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().expect("the package lies one level below").to_owned()
}

// ---- rows -----------------------------------------------------------------------------------

/// A batch of one column, `n`, with these values.
pub fn numbers(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
    RecordBatch::try_from_iter_with_nullable([("n", values, true)]).expect("one column is a batch")
}

/// A batch of the columns `id` and `name`.
pub fn people<'a>(rows: impl IntoIterator<Item = (i64, &'a str)>) -> RecordBatch {
    let (ids, names): (Vec<i64>, Vec<&str>) = rows.into_iter().unzip();
    let ids: ArrayRef = Arc::new(Int64Array::from(ids));
    let names: ArrayRef = Arc::new(StringArray::from(names));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("name", names, true)])
        .expect("both columns have as many values")
}

/// The rows of a table as text, in the order in which they are stored: `1, Alice`.
#[track_caller]
pub fn rows_of(table: &Table) -> Vec<String> {
    rows_in(&table.read().expect("a table that was found can be read"))
}

/// The rows of batches as text: `1, Alice`.
pub fn rows_in(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).expect("it can be shown"))
            .collect();
        let row = |index| {
            let values = columns.iter().map(|column| column.value(index).to_string());
            values.collect::<Vec<_>>().join(", ")
        };
        rows.extend((0..batch.num_rows()).map(row));
    }
    rows
}

/// The columns of a table as text: `id Int64, name Utf8`.
pub fn columns_of(table: &Table) -> String {
    let schema = table.schema();
    let columns = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type()));
    columns.collect::<Vec<_>>().join(", ")
}

/// The values of a table's first column, which is one of `i64` without nulls.
#[track_caller]
pub fn numbers_of(table: &Table) -> Vec<i64> {
    let mut numbers = Vec::new();
    for batch in table.read().expect("a table that was found can be read") {
        let column = batch.column(0);
        assert_eq!(column.null_count(), 0, "the first column of {} has nulls", table.name());
        let column: &Int64Array = column.as_any().downcast_ref().expect("the column is of i64");
        numbers.extend_from_slice(column.values());
    }
    numbers
}

// ---- stores ---------------------------------------------------------------------------------

/// An empty store that makes the databases that it is asked to write to.
pub fn providing_store() -> Store {
    StoreBuilder::new().create_missing_databases(true).build()
}

/// Fills the tables `a` and `b` with one number, in one commit.
///
/// # Errors
///
/// As for [`Store::transact`].
pub fn write_both(store: &Store, n: i64) -> Result<(), WriteError> {
    let done = store.transact(|tx| {
        for name in ["a", "b"] {
            tx.write(numbers([n, n, n])).mode(SaveMode::Overwrite).save_as_table(name)?;
        }
        Ok::<_, WriteError>(())
    });
    done.map(drop)
}

/// The number that [`write_both`] filled both tables with; or what they hold, if they are not whole or
/// not of one write.
///
/// # Errors
///
/// See above.
pub fn number_of_both(snapshot: &Snapshot) -> Result<i64, String> {
    let [a, b] = ["a", "b"].map(|name| numbers_of(&snapshot.table(name).expect("both are there")));
    let whole = a.len() == 3 && a == b && a.iter().all(|n| *n == a[0]);
    if whole { Ok(a[0]) } else { Err(format!("{a:?} and {b:?}")) }
}

// ---- threads --------------------------------------------------------------------------------

/// Runs `work` on as many threads, all let go at once; returns what each returned, by its index.
///
/// A panic of one is passed on once all have ended.
pub fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let run = |index| {
            let (start, work) = (&start, &work);
            let run = move || {
                start.wait();
                work(index)
            };
            scope.spawn(run)
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        let ended: Vec<_> = running.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        ended.into_iter().map(|end| end.unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    })
}

/// Runs `work` while as many other threads look on: each makes an observer and calls it over and
/// over, for the last time after `work` has ended, or panicked.
pub fn observed<T, O: FnMut()>(
    observers: usize,
    observer: impl Fn() -> O + Sync,
    work: impl FnOnce() -> T,
) -> T {
    /// Sets the flag even if what comes before panics, or observers would look on for ever.
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            // ORDERING: what was done before is seen by whoever sees the flag; see below.
            self.0.store(true, Ordering::Release);
        }
    }

    let (start, ended) = (Barrier::new(observers + 1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..observers {
            scope.spawn(|| {
                start.wait();
                let mut observe = observer();
                loop {
                    // ORDERING: pairs with the store above: the last look is at what has ended.
                    let last = ended.load(Ordering::Acquire);
                    observe();
                    if last {
                        return;
                    }
                }
            });
        }
        start.wait();
        let _ends = Ends(&ended);
        work()
    })
}

/// Rows as a source that lets other threads go first while it is read, so that commits of theirs
/// come between the beginning of a save and its end.
pub fn slowly(rows: RecordBatch) -> Source<'static> {
    let schema = rows.schema();
    let batches = std::iter::once_with(move || {
        std::thread::yield_now();
        Ok::<_, std::convert::Infallible>(rows)
    });
    Source::stream(schema, batches)
}

// ---- chance ---------------------------------------------------------------------------------

/// The seed that the environment gives as `ANNALS_SEED`, or else one that no other run has. Says
/// which, so that a failure can be run again.
pub fn seed() -> u64 {
    let given = std::env::var("ANNALS_SEED").ok().map(|seed| seed.parse());
    let fresh = || RandomState::new().build_hasher().finish();
    let seed = given.map_or_else(fresh, |seed| seed.expect("ANNALS_SEED is a number"));
    println!("to run this again: ANNALS_SEED={seed}");
    seed
}

/// Numbers that look random and follow from a seed.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// Starts from the [`seed`].
    pub fn new() -> Self {
        Self { state: seed() }
    }

    /// Another stream of numbers, that follows from the same seed.
    pub fn fork(&self, stream: usize) -> Self {
        let mut fork = Self { state: self.state ^ (stream as u64 + 1).wrapping_mul(0xD129_0FB3) };
        fork.next();
        fork
    }

    /// The next number, by `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below a usize")
    }

    /// One of these.
    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}

// ---- states ---------------------------------------------------------------------------------

/// All that a snapshot shows, as text: databases and tables with their comments and properties,
/// columns, and rows in the order in which they are stored.
pub fn content_of(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for database in snapshot.databases() {
        let name = database.name();
        text += &format!("{name}{}\n", said_of(database.comment(), database.properties()));
        for table in snapshot.tables(name).expect("the database was listed") {
            let table = snapshot.table(table).expect("the table was listed");
            let said = said_of(table.comment(), table.properties());
            text += &format!("  {} {}{said}", table.name(), table.kind());
            let partitions = table.partition_columns().join(", ");
            text += &format!(" by [{partitions}] of {} rows\n", table.row_count());
            for field in table.schema().fields() {
                let null = if field.is_nullable() { "" } else { " not null" };
                let mut said: Vec<_> = field.metadata().iter().collect();
                said.sort_unstable();
                let said: String =
                    said.iter().map(|(key, value)| format!(" {key}={value}")).collect();
                text += &format!("    {} {}{null}{said}\n", field.name(), field.data_type());
            }
            if !matches!(table.kind(), TableKind::View { .. }) {
                text.extend(rows_of(&table).iter().map(|row| format!("    | {row}\n")));
            }
        }
    }
    text
}

fn said_of<'a>(
    comment: Option<&str>,
    properties: impl IntoIterator<Item = (&'a Arc<str>, &'a Arc<str>)>,
) -> String {
    let pairs = properties.into_iter().map(|(key, value)| format!(" {key}={value}"));
    format!("{}{}", comment.map_or(String::new(), |c| format!(" {c:?}")), pairs.collect::<String>())
}

/// The numbers that belong to the lives of tables, as text: ids, ordinals, ids of columns, and of
/// each chunk its place in the order of writing, its first row's id and the version that brought it.
pub fn numbers_in(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for (name, table) in snapshot.value().catalog().tables() {
        let columns = table.state().schema().columns().iter();
        let columns: Vec<String> = columns.map(|c| format!("{}={}", c.id(), c.name())).collect();
        let (ordinal, since, created) = (table.ordinal(), table.since(), table.created());
        text += &format!("{name} {} state {ordinal} of {since}, made {created}, ", table.id());
        text += &format!("{}\n", columns.join(" "));
        for (sequence, entry) in table.state().chunks() {
            let (first, birth, live) = (entry.origin(0).row, entry.birth(), entry.live_rows());
            text += &format!("  chunk {sequence} from row {first}, of {birth}, {live} rows\n");
        }
    }
    text
}
