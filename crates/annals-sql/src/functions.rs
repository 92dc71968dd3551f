//! Table functions: `history('t')`, `changes('t', from, to)`, `snapshots()`, `pins()`.

use std::sync::Arc;

use annals::{At, History, Pins, ReadError, TravelError};
use datafusion::arrow::array::builder::{
    StringBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::ObjectName;

use crate::error::SqlError;
use crate::scope::{Named, Scope};

/// A table function of annals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableFunction {
    History,
    Changes,
    Snapshots,
    Pins,
}

/// The function of this name, if it is one of annals.
pub(crate) fn find(name: &ObjectName) -> Option<TableFunction> {
    let [part] = name.0.as_slice() else { return None };
    let ident = part.as_ident()?;
    let all = [
        TableFunction::History,
        TableFunction::Changes,
        TableFunction::Snapshots,
        TableFunction::Pins,
    ];
    all.into_iter().find(|function| ident.value.eq_ignore_ascii_case(function.name()))
}

impl TableFunction {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Changes => "changes",
            Self::Snapshots => "snapshots",
            Self::Pins => "pins",
        }
    }

    fn usage(self) -> &'static str {
        match self {
            Self::History => "history() or history('table')",
            Self::Changes => {
                "changes('table', from) or changes('table', from, to), with versions of the store, tags or timestamps"
            }
            Self::Snapshots => "snapshots()",
            Self::Pins => "pins()",
        }
    }

    /// The error of a call that is not like [`usage`](Self::usage).
    pub(crate) fn wrong(self, found: impl Into<String>) -> SqlError {
        SqlError::Arguments { function: self.name(), expected: self.usage(), found: found.into() }
    }

    /// The rows of a call. Read when the statement is planned, in its version.
    pub(crate) fn call(
        self,
        scope: &Scope,
        args: &[Expr],
    ) -> Result<Arc<dyn TableProvider>, SqlError> {
        let counts = match self {
            Self::History => 0..=1,
            Self::Changes => 2..=3,
            Self::Snapshots | Self::Pins => 0..=0,
        };
        if !counts.contains(&args.len()) {
            return Err(self.wrong(format!("{} arguments", args.len())));
        }
        match self {
            Self::History => {
                let history = match args.first() {
                    None => scope.store().history(),
                    Some(name) => self.history_of(scope, name)?,
                };
                rows(History::schema(), vec![until(scope, &history.to_batch())])
            }
            Self::Changes => {
                // What is not committed yet, by the statement or its transaction, is no version.
                let newest = scope.snapshot().version().min(scope.store().version());
                let name = self.table_name(scope, &args[0])?;
                let from = self.at(scope, &args[1])?;
                let to = args.get(2).map(|to| self.at(scope, to)).transpose()?;
                let changes =
                    scope.store().changes(&name, from, to.unwrap_or(At::Version(newest)))?;
                let schema = changes.schema();
                let batches = changes.collect::<Result<Vec<_>, _>>();
                rows(schema, batches.map_err(|source| ReadError::Rows { table: name, source })?)
            }
            Self::Snapshots => {
                let batch = snapshots(scope);
                rows(batch.schema(), vec![batch])
            }
            Self::Pins => rows(Pins::schema(), vec![scope.store().pins().to_batch()]),
        }
    }

    fn text(self, arg: &Expr) -> Result<String, SqlError> {
        match arg {
            Expr::Literal(value, _) => match value.try_as_str() {
                Some(Some(text)) => Ok(text.to_owned()),
                _ => Err(self.wrong(format!("{value} for a name"))),
            },
            other => Err(self.wrong(format!("{other} for a name"))),
        }
    }

    fn table_name(self, scope: &Scope, arg: &Expr) -> Result<annals::TableName, SqlError> {
        let text = self.text(arg)?;
        let parts = annals::TableName::split(&text)?;
        match scope.find(&parts)? {
            Named::Table(table) => Ok(table.name().clone()),
            Named::TempView(name, _) => Err(SqlError::Unsupported {
                what: format!("{} of the temporary view {name}", self.name()),
                instead: "name a table of the store".to_owned(),
            }),
        }
    }

    fn history_of(self, scope: &Scope, arg: &Expr) -> Result<History, SqlError> {
        let text = self.text(arg)?;
        let parts = annals::TableName::split(&text)?;
        match scope.find(&parts)? {
            Named::Table(table) => Ok(scope.store().history().of_table(table.id())),
            Named::TempView(name, _) => Err(SqlError::Unsupported {
                what: format!("history of the temporary view {name}"),
                instead: "name a table of the store".to_owned(),
            }),
        }
    }

    /// A version of the store: its number, a tag or a timestamp.
    fn at(self, scope: &Scope, arg: &Expr) -> Result<At, SqlError> {
        let Expr::Literal(value, _) = arg else {
            return Err(self.wrong(format!("{arg} for a version")));
        };
        if let Some(Some(text)) = value.try_as_str() {
            let is_tag = scope.store().tags().iter().any(|(tag, _)| &**tag == text);
            if is_tag {
                return Ok(At::Tag(text.into()));
            }
        }
        let of = value.data_type();
        if (of.is_integer() || value.try_as_str().is_some())
            && let Ok(ScalarValue::UInt64(Some(version))) = value.cast_to(&DataType::UInt64)
        {
            return Ok(version.into());
        }
        if of.is_numeric() {
            return Err(self.wrong(format!("{value} for a version")));
        }
        let timestamp =
            crate::travel::timestamp_of(scope, arg.clone(), &format!("{}(…)", self.name()));
        match (timestamp, value.try_as_str()) {
            (Ok(timestamp), _) => Ok(At::Timestamp(timestamp)),
            (Err(_), Some(Some(text))) => Err(TravelError::NoTag { tag: text.into() }.into()),
            (Err(error), _) => Err(error),
        }
    }
}

/// Only the rows of commits that the statement sees.
fn until(scope: &Scope, history: &RecordBatch) -> RecordBatch {
    use datafusion::arrow::array::{AsArray, BooleanArray};
    use datafusion::arrow::compute::filter_record_batch;
    use datafusion::arrow::datatypes::UInt64Type;
    let newest = scope.snapshot().version().0;
    let versions = history.column(0).as_primitive::<UInt64Type>();
    let seen: BooleanArray = versions.values().iter().map(|v| Some(*v <= newest)).collect();
    filter_record_batch(history, &seen).expect("the mask is as long as the batch")
}

/// The versions that can be read, newest first, with their tags.
fn snapshots(scope: &Scope) -> RecordBatch {
    let zone = "+00:00";
    let (mut numbers, mut tables) = (UInt64Builder::new(), UInt64Builder::new());
    let mut times = TimestampMicrosecondBuilder::new();
    let (mut tags, mut messages) = (StringBuilder::new(), StringBuilder::new());
    let named = scope.store().tags();
    let newest = scope.snapshot().version();
    for version in scope.store().versions().into_iter().rev().filter(|v| *v <= newest) {
        // It may have expired since the list was made.
        let Ok(snapshot) = scope.store().at(version) else { continue };
        numbers.append_value(version.0);
        times.append_value(snapshot.timestamp().0);
        tables.append_value(snapshot.table_count() as u64);
        let own: Vec<&str> =
            named.iter().filter(|(_, of)| *of == version).map(|(tag, _)| &**tag).collect();
        tags.append_option((!own.is_empty()).then(|| own.join(", ")));
        messages.append_option(snapshot.commit().and_then(|c| c.info.message.as_deref()));
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(numbers.finish()),
        Arc::new(times.finish().with_timezone(zone)),
        Arc::new(tables.finish()),
        Arc::new(tags.finish()),
        Arc::new(messages.finish()),
    ];
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("version", DataType::UInt64, false),
        Field::new("timestamp", timestamp, false),
        Field::new("tables", DataType::UInt64, false),
        Field::new("tags", DataType::Utf8, true),
        Field::new("message", DataType::Utf8, true),
    ]));
    RecordBatch::try_new(schema, columns).expect("the columns are built by the schema")
}

fn rows(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Arc<dyn TableProvider>, SqlError> {
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}
