//! What a run writes down: every transaction that was tried, what it did, and what it was told.
//!
//! Nothing is judged here and nothing left out. Both judges read the same record: one as a history
//! of lists without any numbers of versions, the other with them.

/// How many tables hold keys; the table of a key follows from its number.
pub(crate) const KEY_TABLES: usize = 3;

/// A row that holds a list.
pub(crate) type Key = usize;

/// Names of tables. Those of keys are never replaced as a whole; the plain ones are appended to,
/// overwritten and restored; the others also come, go, and are renamed to the name beside theirs.
pub(crate) const KEYS: [&str; KEY_TABLES] = ["keys0", "keys1", "keys2"];
pub(crate) const PLAIN: [&str; 2] = ["plain0", "plain1"];
pub(crate) const OTHERS: [[&str; 2]; 2] = [["other0", "renamed0"], ["other1", "renamed1"]];

/// The table that a key is in.
pub(crate) fn table_of(key: Key) -> usize {
    key % KEY_TABLES
}

/// All that one run wrote down.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// What tells this run from others of the same seed.
    pub(crate) run: usize,
    /// Whether every transaction was serializable.
    pub(crate) serializable: bool,
    /// In no order; the last one reads everything.
    pub(crate) attempts: Vec<Attempt>,
    /// The number of the newest version at the end.
    pub(crate) newest: u64,
    /// What any policy in use keeps at least.
    pub(crate) versions_kept: u64,
}

/// A row of a table: of keys, a key and its list; of others, a number and no list.
pub(crate) type Row = (i64, Vec<i64>);

/// One transaction that was tried, or one look at the past.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Whoever made it; one at a time is under way of each process.
    pub(crate) process: usize,
    /// Its places in the one order of all beginnings and ends, which is that of real time.
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    /// The version that it read; none if it was never told.
    pub(crate) base: Option<u64>,
    pub(crate) kind: Kind,
    pub(crate) asserts: Asserts,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

/// What an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Transaction {
        serializable: bool,
    },
    /// A snapshot or reader: reads the newest version.
    Reader,
    /// A look at an older version: not bound to be new.
    Travel {
        asked: u64,
    },
}

/// What a transaction asserted of the version that it was to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asserts {
    Nothing,
    /// What holds if the store is sound.
    Truth,
    /// What never holds.
    Falsehood,
    /// It panics instead.
    Panic,
}

/// What an attempt did, with what it was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// A table of keys is made, with these rows.
    Make(usize, Vec<Row>),
    /// The lists of all rows of this key: one if it is there.
    ReadKey(Key, Vec<Vec<i64>>),
    /// All rows of a table of keys, by number.
    ReadKeys(usize, Vec<Row>),
    /// A value put to the end of a list; and how many rows that changed.
    Append(Key, i64, u64),
    /// A row for a new key, its list of one value.
    Insert(Key, i64),
    /// A table of keys compacted; whether there was something to do.
    Compact(usize, bool),
    /// The rows of a plain or other table, none if there is no such table.
    Read(&'static str, Option<Vec<i64>>),
    Add(&'static str, i64, Told),
    Overwrite(&'static str, i64, Told),
    Drop(&'static str, Told),
    Create(&'static str, i64, Told),
    Rename(&'static str, &'static str, Told),
    Restore(&'static str, u64, Told),
    Savepoint,
    /// Back to the savepoint before which so many steps were recorded.
    Rollback(usize),
    /// A version could not be reached, when this was the newest.
    Expired(u64),
}

/// What the store said to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    /// There is no such table, or none at the moment asked for, or another.
    Absent,
    /// The name is taken.
    Taken,
    /// The moment asked for has expired.
    Expired,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// It made this version.
    Made(u64),
    /// It changed nothing and was told this version.
    Nothing(u64),
    Abandoned,
    Refused(Refusal),
    /// It was refused and begun again, for a reason that was not told.
    Retried,
    /// An assertion of its own did not hold.
    Unasserted,
    /// An assertion of its own panicked while it was being committed.
    Panicked,
    /// What should never be told: the error in words.
    Strange(String),
}

/// A conflict, as it was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The version that stands in the way.
    pub(crate) winner: u64,
    /// The newest version soon after.
    pub(crate) newest: u64,
    pub(crate) retryable: bool,
    /// Whether commits kept coming, and no rule of the matrix is to blame.
    pub(crate) contention: bool,
    pub(crate) text: String,
}

impl Attempt {
    pub(crate) fn is_serializable(&self) -> bool {
        self.kind == Kind::Transaction { serializable: true }
    }

    /// The version that it made.
    pub(crate) fn made(&self) -> Option<u64> {
        match self.end {
            End::Made(version) => Some(version),
            _ => None,
        }
    }

    /// The version that whoever made it knows to be there since it ended.
    pub(crate) fn acknowledged(&self) -> Option<u64> {
        match self.end {
            End::Made(version) | End::Nothing(version) => Some(version),
            _ => None,
        }
    }
}
