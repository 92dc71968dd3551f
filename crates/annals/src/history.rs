//! Who did what, when, and from where: the records of commits.

use std::sync::Arc;

use annals_state::commit::{Commit, Operation, OperationKind, Target};
use annals_state::name::ToDatabaseName;
use annals_state::table::TableId;
use annals_state::timeline::{Records, Timeline};
use annals_state::{DatabaseName, NameError, TableName};
use arrow_array::builder::{
    BooleanBuilder, StringBuilder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The zone of timestamps, as an offset: Arrow prints that without a database of zones.
pub(crate) const UTC: &str = "+00:00";

/// The records of commits, newest first: of the whole store, a database, or a table.
///
/// A value: commits made later are not in it. Taking one costs O(1), as it shares the records.
#[derive(Clone, Debug)]
pub struct History {
    records: Records,
    scope: Scope,
}

#[derive(Clone, Debug)]
enum Scope {
    Store,
    Database(DatabaseName),
    Table(TableId),
}

impl Scope {
    fn covers(&self, operation: &Operation) -> bool {
        match (self, &operation.target) {
            (Self::Table(id), _) => operation.touches(*id),
            (Self::Store, _) | (Self::Database(_), Target::Store) => true,
            (Self::Database(name), Target::Database(of)) => name == of,
            (Self::Database(name), Target::Table { name: of, .. }) => {
                let moved_in = |to: &TableName| to.is_in(name);
                let to = match &operation.kind {
                    OperationKind::Rename { to } => Some(to),
                    _ => None,
                };
                of.is_in(name) || to.is_some_and(moved_in)
            }
            _ => false,
        }
    }
}

impl History {
    pub(crate) fn of(timeline: &Timeline) -> Self {
        Self { records: timeline.records(), scope: Scope::Store }
    }

    /// Only commits that did something to this table, under whatever name.
    pub fn of_table(mut self, id: TableId) -> Self {
        self.scope = Scope::Table(id);
        self
    }

    /// Only commits that did something to this database or to a table in it.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the name does not parse.
    pub fn of_database(mut self, name: impl ToDatabaseName) -> Result<Self, NameError> {
        self.scope = Scope::Database(name.to_database_name()?.into_owned());
        Ok(self)
    }

    /// The records, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Commit>> {
        let covered =
            |commit: &&Arc<Commit>| commit.operations.iter().any(|o| self.scope.covers(o));
        self.records.iter().rev().filter(covered)
    }

    /// One row per operation, newest commit first, as an Arrow batch; see [`History::schema`].
    pub fn to_batch(&self) -> RecordBatch {
        let mut rows = Rows::default();
        for commit in self.iter() {
            for operation in commit.operations.iter().filter(|o| self.scope.covers(o)) {
                rows.push(commit, operation);
            }
        }
        rows.finish()
    }

    /// The columns of [`History::to_batch`].
    ///
    /// `version`, `timestamp` (UTC, microseconds), `base`, `isolation`, `retries`, `rebased`,
    /// `operation`, `target`, `table_id`, `ordinal`, `rows_added`, `rows_removed`, `bytes_added`,
    /// `bytes_removed`, `discarded` (versions), `location` (of the call that asked for the
    /// operation), `thread`, `user`, `message`, `application`, `sequence`, `metadata`.
    pub fn schema() -> SchemaRef {
        use DataType::{Boolean, UInt32, UInt64, Utf8};
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
        let columns = [
            ("version", UInt64, false),
            ("timestamp", timestamp, false),
            ("base", UInt64, false),
            ("isolation", Utf8, false),
            ("retries", UInt32, false),
            ("rebased", Boolean, false),
            ("operation", Utf8, false),
            ("target", Utf8, false),
            ("table_id", UInt64, true),
            ("ordinal", UInt64, true),
            ("rows_added", UInt64, false),
            ("rows_removed", UInt64, false),
            ("bytes_added", UInt64, false),
            ("bytes_removed", UInt64, false),
            ("discarded", Utf8, true),
            ("location", Utf8, false),
            ("thread", Utf8, true),
            ("user", Utf8, true),
            ("message", Utf8, true),
            ("application", Utf8, true),
            ("sequence", UInt64, true),
            ("metadata", Utf8, true),
        ];
        let fields = columns.map(|(name, kind, nullable)| Field::new(name, kind, nullable));
        Arc::new(Schema::new(Vec::from(fields)))
    }
}

#[derive(Default)]
struct Rows {
    version: UInt64Builder,
    timestamp: TimestampMicrosecondBuilder,
    base: UInt64Builder,
    isolation: StringBuilder,
    retries: UInt32Builder,
    rebased: BooleanBuilder,
    operation: StringBuilder,
    target: StringBuilder,
    table_id: UInt64Builder,
    ordinal: UInt64Builder,
    moved: [UInt64Builder; 4],
    discarded: StringBuilder,
    location: StringBuilder,
    thread: StringBuilder,
    user: StringBuilder,
    message: StringBuilder,
    application: StringBuilder,
    sequence: UInt64Builder,
    metadata: StringBuilder,
}

impl Rows {
    fn push(&mut self, commit: &Commit, operation: &Operation) {
        self.version.append_value(commit.version.0);
        self.timestamp.append_value(commit.timestamp.0);
        self.base.append_value(commit.base.0);
        self.isolation.append_value(commit.isolation.to_string());
        self.retries.append_value(commit.retries);
        self.rebased.append_value(commit.rebased);
        self.operation.append_value(operation.kind.to_string());
        self.target.append_value(operation.target.to_string());
        let (id, ordinal) = match &operation.target {
            Target::Table { id, ordinal, .. } => (Some(id.0), Some(*ordinal)),
            _ => (None, None),
        };
        self.table_id.append_option(id);
        self.ordinal.append_option(ordinal);
        let metrics = &operation.metrics;
        let moved =
            [metrics.rows_added, metrics.rows_removed, metrics.bytes_added, metrics.bytes_removed];
        for (builder, count) in self.moved.iter_mut().zip(moved) {
            builder.append_value(count);
        }
        let discarded = operation.discarded.iter().map(ToString::to_string);
        let discarded = discarded.collect::<Vec<_>>().join(" ");
        self.discarded.append_option(Some(discarded).filter(|text| !text.is_empty()));
        self.location.append_value(operation.location.to_string());
        let info = &commit.info;
        self.thread.append_option(commit.thread.as_deref());
        self.user.append_option(info.user.as_deref());
        self.message.append_option(info.message.as_deref());
        self.application.append_option(info.application.as_ref().map(|(name, _)| &**name));
        self.sequence.append_option(info.application.as_ref().map(|(_, sequence)| *sequence));
        let metadata = info.metadata.iter().map(|(key, value)| format!("{key}={value}"));
        let metadata = metadata.collect::<Vec<_>>().join(", ");
        self.metadata.append_option(Some(metadata).filter(|text| !text.is_empty()));
    }

    fn finish(mut self) -> RecordBatch {
        let [rows_added, rows_removed, bytes_added, bytes_removed] = &mut self.moved;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.version.finish()),
            Arc::new(self.timestamp.finish().with_timezone(UTC)),
            Arc::new(self.base.finish()),
            Arc::new(self.isolation.finish()),
            Arc::new(self.retries.finish()),
            Arc::new(self.rebased.finish()),
            Arc::new(self.operation.finish()),
            Arc::new(self.target.finish()),
            Arc::new(self.table_id.finish()),
            Arc::new(self.ordinal.finish()),
            Arc::new(rows_added.finish()),
            Arc::new(rows_removed.finish()),
            Arc::new(bytes_added.finish()),
            Arc::new(bytes_removed.finish()),
            Arc::new(self.discarded.finish()),
            Arc::new(self.location.finish()),
            Arc::new(self.thread.finish()),
            Arc::new(self.user.finish()),
            Arc::new(self.message.finish()),
            Arc::new(self.application.finish()),
            Arc::new(self.sequence.finish()),
            Arc::new(self.metadata.finish()),
        ];
        RecordBatch::try_new(History::schema(), columns).expect("the columns are built by schema")
    }
}
