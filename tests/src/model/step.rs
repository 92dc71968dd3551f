//! What can be asked of a store, as values that read as the calls that they are.

use std::fmt;

use annals::{CastPolicy, Isolation, Matching, Missing, Nullability, SaveMode};

use super::world::{Cell, Kind, Value, cells_text};

/// Columns and rows on their way into a table.
#[derive(Clone, PartialEq)]
pub struct Batch {
    /// Names and types.
    pub columns: Vec<(&'static str, Kind)>,
    /// Values, in the order of the columns.
    pub rows: Vec<Vec<Cell>>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<String> =
            self.columns.iter().map(|(name, kind)| format!("{name} {kind:?}")).collect();
        let rows: Vec<String> = self.rows.iter().map(|r| format!("({})", cells_text(r))).collect();
        write!(f, "[{}: {}]", columns.join(", "), rows.join(" "))
    }
}

/// A condition on rows.
#[derive(Clone, PartialEq)]
pub enum Where {
    /// A column is compared with a value, by `=`, `!=`, `<`, `<=`, `>` or `>=`.
    Is(&'static str, &'static str, Value),
    /// A column is one of these.
    In(&'static str, Vec<i64>),
    /// A column is null.
    Null(&'static str),
    /// Not so.
    Not(Box<Where>),
    /// Both.
    And(Box<Where>, Box<Where>),
    /// One of them, or both.
    Or(Box<Where>, Box<Where>),
}

impl fmt::Debug for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(column, how, value) => write!(f, "{column} {how} {value:?}"),
            Self::In(column, values) => write!(f, "{column} in {values:?}"),
            Self::Null(column) => write!(f, "{column} is null"),
            Self::Not(inner) => write!(f, "not ({inner:?})"),
            Self::And(one, other) => write!(f, "({one:?} and {other:?})"),
            Self::Or(one, other) => write!(f, "({one:?} or {other:?})"),
        }
    }
}

/// What a column gets in an update.
#[derive(Clone, PartialEq)]
pub enum Given {
    /// A value.
    Value(Value),
    /// What another column has.
    Column(&'static str),
}

/// A save and its options.
#[derive(Clone, PartialEq)]
pub struct Save {
    /// The table.
    pub name: &'static str,
    /// The rows; none stands for a source without any batch.
    pub rows: Option<Batch>,
    /// What to do if it is there.
    pub mode: SaveMode,
    /// Whether it is `insert_into`.
    pub insert: bool,
    /// See [`Writer`](annals::Writer) for these.
    pub merge_schema: bool,
    /// See there.
    pub overwrite_schema: Option<bool>,
    /// See there.
    pub replace_where: Option<Where>,
    /// See there.
    pub partition_by: Option<Vec<&'static str>>,
    /// See there.
    pub property: Option<(&'static str, &'static str)>,
    /// See there.
    pub comment: Option<&'static str>,
    /// See there.
    pub external: bool,
    /// See there.
    pub matching: Matching,
    /// See there.
    pub casts: CastPolicy,
    /// See there.
    pub missing: Missing,
    /// See there.
    pub nullability: Nullability,
    /// See there.
    pub fail_if_changed: bool,
}

impl Save {
    /// A save with the defaults.
    pub fn new(name: &'static str, rows: Batch) -> Self {
        Self {
            name,
            rows: Some(rows),
            mode: SaveMode::ErrorIfExists,
            insert: false,
            merge_schema: false,
            overwrite_schema: None,
            replace_where: None,
            partition_by: None,
            property: None,
            comment: None,
            external: false,
            matching: Matching::default(),
            casts: CastPolicy::default(),
            missing: Missing::default(),
            nullability: Nullability::default(),
            fail_if_changed: false,
        }
    }
}

impl fmt::Debug for Save {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rows {
            Some(rows) => write!(f, "write({rows:?})")?,
            None => write!(f, "write(no batches)")?,
        }
        if self.mode != SaveMode::ErrorIfExists {
            write!(f, ".mode({})", self.mode)?;
        }
        if self.merge_schema {
            f.write_str(".merge_schema(true)")?;
        }
        if let Some(overwrite) = self.overwrite_schema {
            write!(f, ".overwrite_schema({overwrite})")?;
        }
        if let Some(predicate) = &self.replace_where {
            write!(f, ".replace_where({predicate:?})")?;
        }
        if let Some(columns) = &self.partition_by {
            write!(f, ".partition_by({columns:?})")?;
        }
        if let Some((key, value)) = self.property {
            write!(f, ".property({key}={value})")?;
        }
        if let Some(comment) = self.comment {
            write!(f, ".comment({comment:?})")?;
        }
        if self.external {
            f.write_str(".external(\"x\")")?;
        }
        if self.matching != Matching::default() {
            write!(f, ".matching({:?})", self.matching)?;
        }
        if self.casts != CastPolicy::default() {
            write!(f, ".casts({:?})", self.casts)?;
        }
        if self.missing != Missing::default() {
            write!(f, ".missing({:?})", self.missing)?;
        }
        if self.nullability != Nullability::default() {
            write!(f, ".nullability({:?})", self.nullability)?;
        }
        if self.fail_if_changed {
            f.write_str(".fail_if_changed()")?;
        }
        let end = if self.insert { "insert_into" } else { "save_as_table" };
        write!(f, ".{end}({})", self.name)
    }
}

/// One alteration of columns.
#[derive(Clone, PartialEq)]
pub enum Alter {
    /// Adds a column that can be null, or not.
    Add(&'static str, Kind, bool),
    /// Renames one.
    Rename(&'static str, &'static str),
    /// Drops some.
    Drop(Vec<&'static str>),
    /// Gives one a wider type.
    Widen(&'static str, Kind),
    /// Lets one be null.
    SetNullable(&'static str),
    /// Says what one is for.
    Comment(&'static str, Option<&'static str>),
}

/// A change of comment and properties.
#[derive(Clone, PartialEq)]
pub struct Patch {
    /// The comment from now on, or none from now on.
    pub comment: Option<Option<&'static str>>,
    /// A property to set.
    pub set: Option<(&'static str, &'static str)>,
    /// A property to remove.
    pub unset: Option<&'static str>,
}

/// What a merge does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MergeHow {
    /// Updates all columns of pairs, inserts the others.
    Upsert,
    /// Deletes pairs.
    Delete,
    /// Inserts what has no partner.
    InsertOnly,
    /// Sets `v` of pairs to the source's `k`, and deletes what the source does not know.
    Mirror,
    /// Updates pairs whose source says so (`k > 2`), deletes the other pairs, and of what has no
    /// partner inserts only keys below 5.
    Conditions,
}

/// A moment of the past.
#[derive(Clone, Copy, PartialEq)]
pub enum Moment {
    /// So many versions before the newest; more than there are is one that never was.
    Back(u64),
    /// So many microseconds after the timestamp of so many versions ago.
    Time(u64, i64),
    /// What has this tag.
    Tag(&'static str),
}

/// A change, of a store as a commit of its own or of a transaction.
#[derive(Clone, PartialEq)]
pub enum Op {
    /// `write(…)….save_as_table(…)` or `insert_into`.
    Save(Box<Save>),
    /// `create_table`: columns with their nullability, partitioning.
    CreateTable {
        /// The name.
        name: &'static str,
        /// Its columns.
        columns: Vec<(&'static str, Kind, bool)>,
        /// What its rows are divided by.
        partition_by: Vec<&'static str>,
        /// Whether one that is there is well.
        if_not_exists: bool,
        /// What it is for.
        comment: Option<&'static str>,
    },
    /// `create_view`.
    CreateView {
        /// The name.
        name: &'static str,
        /// Its text.
        text: &'static str,
        /// Whether it may replace a view.
        or_replace: bool,
        /// A property.
        property: Option<(&'static str, &'static str)>,
    },
    /// `drop_table`.
    DropTable(&'static str),
    /// `rename_table`.
    RenameTable(&'static str, &'static str),
    /// `truncate`.
    Truncate(&'static str),
    /// `alter_table`.
    AlterTable(&'static str, Vec<Alter>),
    /// `set_properties`.
    SetProperties(&'static str, Patch),
    /// `create_database`.
    CreateDatabase {
        /// The name.
        name: &'static str,
        /// Whether one that is there is well.
        if_not_exists: bool,
        /// What it is for.
        comment: Option<&'static str>,
    },
    /// `drop_database`, with or without what is in it.
    DropDatabase(&'static str, bool),
    /// `alter_database`.
    AlterDatabase(&'static str, Patch),
    /// `delete`, of all rows if none are named.
    Delete(&'static str, Option<Where>),
    /// `update`.
    Update(&'static str, Vec<(&'static str, Given)>, Option<Where>),
    /// `merge` on these columns.
    Merge(&'static str, Vec<&'static str>, Batch, MergeHow),
    /// `compact_with`, sorted by these columns.
    Compact(&'static str, Vec<&'static str>),
    /// `restore_table`.
    RestoreTable(&'static str, Moment),
    /// `restore`.
    Restore(Moment),
    /// `revert` of the commit so many versions back.
    Revert(u64),
}

/// A step inside a transaction.
#[derive(Clone, PartialEq)]
pub enum Inner {
    /// A change.
    Do(Op),
    /// `savepoint`, in place of the one before.
    Savepoint,
    /// `rollback_to` the last savepoint, if there is one.
    Rollback,
    /// Reads a table.
    Read(&'static str),
    /// Lists the tables of a database.
    List(&'static str),
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// `commit`.
    Commit,
    /// It is dropped.
    Drop,
    /// It asserts that no table has more rows than this, and commits.
    AssertRows(u64),
    /// Its closure panics.
    Panic,
}

/// A transaction as a whole.
#[derive(Clone, PartialEq)]
pub struct Transact {
    /// How many versions before the newest it begins.
    pub back: u64,
    /// What it is protected from.
    pub isolation: Isolation,
    /// The application and its sequence.
    pub idempotent: Option<(&'static str, u64)>,
    /// What it does.
    pub steps: Vec<Inner>,
    /// What somebody else commits before it does.
    pub rival: Option<Op>,
    /// How it ends.
    pub end: End,
}

/// One call of a story.
#[derive(Clone, PartialEq)]
pub enum Step {
    /// A change, as a commit of its own.
    Do(Op),
    /// A save that is recorded as this sequence of this application.
    Idempotent(Box<Save>, &'static str, u64),
    /// Several changes, as one commit or none.
    Transact(Transact),
    /// The same changes as a speculation, which is thrown away.
    Speculate(Vec<Inner>),
    /// The same changes as a speculation, which is published.
    Publish(Vec<Inner>),
    /// `tag`.
    Tag(&'static str, Moment),
    /// `untag`.
    Untag(&'static str),
    /// `expire` by a number of versions, after a dry run.
    Expire(usize),
    /// `set_retention` to a number of versions.
    SetRetention(usize),
    /// Puts the clock forward, or back.
    Clock(i64),
    /// Takes a snapshot, to be read again to the end; with a label it is a pin.
    Hold(Moment, bool),
    /// Lets go of what was held for longest.
    LetGo,
    /// Goes on with a fork of the store from this moment.
    Fork(Moment),
    /// `diff` and `row_diff` of a table between two moments.
    Diff(&'static str, Moment, Moment),
    /// `changes` of a table between two moments.
    Changes(&'static str, Moment, Moment),
    /// `blame` of a table and the history of one of its rows.
    Blame(&'static str, u64),
    /// `bisect` and `bisect_linear` for the first version in which a table has so many rows.
    Bisect(&'static str, u64, u64),
    /// A scan with a condition, some columns and a limit.
    Scan(&'static str, Option<Where>, Vec<&'static str>, u64),
    /// `at`.
    At(Moment),
    /// `table_at_ordinal`.
    Ordinal(&'static str, u64),
}
