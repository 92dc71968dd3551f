//! What can go wrong with a statement.
//!
//! Errors carry their parts as data, so that a layer above can put them into its own words: names
//! as the statement wrote them, positions, what was expected. Errors of `DataFusion` are sorted
//! into the same kinds where they say enough ([`SqlError::from`]).

use annals::error::NameError;
use annals::{CommitError, ReadError, TableName, TravelError, VersionId, WriteError};
use arrow::datatypes::DataType;
use datafusion::common::{Column, SchemaError, TableReference};
use datafusion::error::DataFusionError;

use crate::casing::twice;
use crate::parse::ParseError;

/// Why a statement did not run, or did not end.
///
/// Unless an error says otherwise, the store is as it was before the statement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The text is no statement.
    #[error(transparent)]
    Parse(#[from] ParseError),

    /// A name does not parse.
    #[error(transparent)]
    Name(#[from] NameError),

    /// No table or view has the name.
    #[error("in {version} there is no table or view {}", quoted(.name))]
    NoTable {
        /// The parts of the name, the current database not added.
        name: Vec<String>,
        /// The database that was looked into.
        database: String,
        /// The version that was looked into.
        version: VersionId,
    },

    /// No database has the name.
    #[error("in {version} there is no database {}", quoted(std::slice::from_ref(.name)))]
    NoDatabase {
        /// The name.
        name: String,
        /// The version that was looked into.
        version: VersionId,
    },

    /// The first of three parts of a name is not the catalog of this session.
    #[error("there is no catalog {}; the only one is `{expected}`", quoted(std::slice::from_ref(.name)))]
    NoCatalog {
        /// The name.
        name: String,
        /// The catalog that there is.
        expected: String,
    },

    /// No column has the name.
    #[error("there is no column {}; there are {}", quoted(.name), listed(.available))]
    NoColumn {
        /// The parts of the name.
        name: Vec<String>,
        /// The parts of the names that there are.
        available: Vec<Vec<String>>,
    },

    /// More than one column has the name.
    #[error("there is more than one column {}; put the table's name before it", quoted(.name))]
    AmbiguousColumn {
        /// The parts of the name.
        name: Vec<String>,
        /// The full names of what it may stand for, as far as they are known.
        among: Vec<Vec<String>>,
    },

    /// A temporary view of the name exists.
    #[error("the temporary view `{name}` exists already; write CREATE OR REPLACE, or another name")]
    TempViewExists {
        /// Its name.
        name: String,
    },

    /// The name stands for a view where a table is needed.
    #[error("{name} is a view, and {operation} needs a table")]
    NotATable {
        /// The view.
        name: String,
        /// Whether it is a temporary one.
        temporary: bool,
        /// What was to be done.
        operation: &'static str,
    },

    /// The name stands for a table, or for a temporary view, where a view of the store is needed.
    #[error("{name} is {}, and {operation} needs a view of the store", if *.temporary { "a temporary view" } else { "a table" })]
    NotAView {
        /// What has the name.
        name: String,
        /// Whether it is a temporary view.
        temporary: bool,
        /// What was to be done.
        operation: &'static str,
    },

    /// A view of the store names a temporary view, which may be gone when it is used.
    #[error("the view {name} names the temporary view {temporary}; make a temporary one of it")]
    TempReference {
        /// The view.
        name: String,
        /// The temporary view.
        temporary: String,
    },

    /// A temporary view has no database.
    #[error("the temporary view `{name}` cannot be in `{qualifier}`; leave that out")]
    TempQualifier {
        /// The view.
        name: String,
        /// What stood before it.
        qualifier: String,
    },

    /// A view names another number of columns than its query gives.
    #[error("the view {view} names {} columns and its query gives {}", .named.len(), .given.len())]
    ViewColumns {
        /// The view.
        view: String,
        /// The columns that it names.
        named: Vec<String>,
        /// Those of the query.
        given: Vec<String>,
    },

    /// The query of a view no longer gives a column that it gave when it was made.
    #[error("the view {view} was made when its query gave a column `{column}`; make it anew")]
    ViewOutdated {
        /// The view.
        view: String,
        /// The column.
        column: String,
        /// The text of the view.
        text: String,
        /// The columns that the query gives now.
        given: Vec<String>,
    },

    /// A column has another type than when a temporary view was made, and not every value of it is
    /// one of the type that the view gives.
    #[error(
        "the temporary view {view} gives {} as {}, and it is {} now; make it anew, or cast in its query",
        .column.join("."), crate::types::sql_type_name(.to), crate::types::sql_type_name(.from)
    )]
    ViewType {
        /// The view.
        view: String,
        /// The column: its database and table, if it is one's, and its name.
        column: Vec<String>,
        /// Its type now.
        from: DataType,
        /// The type that the view gives.
        to: DataType,
    },

    /// Rows to insert have another number of columns than the table.
    #[error("{table} takes {} columns and the rows have {}", .expected.len(), .found.len())]
    ColumnCount {
        /// The table.
        table: TableName,
        /// The columns that are taken.
        expected: Vec<String>,
        /// Those of the rows.
        found: Vec<String>,
    },

    /// Rows to insert by name have columns that the table does not have.
    #[error("{table} has no columns {}", .columns.join(", "))]
    ExtraColumns {
        /// The table.
        table: TableName,
        /// The columns.
        columns: Vec<String>,
    },

    /// A name stands twice in a list of columns.
    #[error("the column `{name}` stands twice")]
    ColumnTwice {
        /// The name.
        name: String,
    },

    /// Values cannot be stored in a column, whatever they are.
    #[error(
        "values of the type {from} cannot be stored in the column `{column}` of {table}, which is {to}"
    )]
    CannotStore {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// Their type.
        from: DataType,
        /// The column's type.
        to: DataType,
    },

    /// A value is out of the range of its column.
    #[error("a value is out of the range of the column `{column}` of {table}: {from} to {to}")]
    Overflow {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The value's type.
        from: DataType,
        /// The column's type.
        to: DataType,
    },

    /// A text is longer than its column may hold.
    #[error("a value for the column `{column}` of {table} is longer than {limit} characters")]
    TooLong {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// How many characters it may have.
        limit: usize,
    },

    /// A table cannot be renamed into another database by this statement.
    #[error("{table} stays in its database; `{database}` is another")]
    OtherDatabase {
        /// The table.
        table: TableName,
        /// The database of the new name.
        database: String,
    },

    /// A table is to be divided by a column that it does not have.
    #[error("{table} has no column `{column}` to be partitioned by; it has {}", .columns.join(", "))]
    NoPartitionColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The columns that there are.
        columns: Vec<String>,
    },

    /// A table is to be divided by all of its columns.
    #[error("{table} cannot be partitioned by all of its columns; leave one out")]
    AllPartitionColumns {
        /// The table.
        table: TableName,
    },

    /// The table has no partitions, and partitions were named.
    #[error("{table} is not partitioned")]
    NotPartitioned {
        /// The table.
        table: TableName,
    },

    /// There is no such partition.
    #[error("{table} has no partition {partition}")]
    NoPartition {
        /// The table.
        table: TableName,
        /// The partition as text.
        partition: String,
    },

    /// There is such a partition already.
    #[error("{table} has a partition {partition} already")]
    PartitionExists {
        /// The table.
        table: TableName,
        /// The partition as text.
        partition: String,
    },

    /// A database of the name cannot be made.
    #[error("the name {name} is kept for temporary views")]
    ReservedDatabase {
        /// The name.
        name: String,
    },

    /// There is a transaction already.
    #[error("there is an open transaction; commit it or roll it back first")]
    TransactionOpen,

    /// There is no transaction.
    #[error("there is no open transaction; begin one first")]
    NoTransaction,

    /// No function has the name.
    #[error("there is no function `{name}`")]
    NoFunction {
        /// The name.
        name: String,
    },

    /// Arguments do not go with a table function.
    #[error("{function} was called with {found}; write {expected}")]
    Arguments {
        /// The function.
        function: &'static str,
        /// How it is called.
        expected: &'static str,
        /// What is wrong.
        found: String,
    },

    /// A view cannot be read.
    #[error("the view {name} cannot be read: {source}")]
    View {
        /// The view.
        name: String,
        /// Why.
        source: Box<SqlError>,
    },

    /// A view names itself, directly or by other views.
    #[error("the view {} is defined by itself", .chain.join(" → "))]
    ViewCycle {
        /// The views, each of which names the next.
        chain: Vec<String>,
    },

    /// Views name each other, too many in a row.
    #[error(
        "the view {} is made of more than {limit} views that name each other; keep the rows of one \
         of them in a table",
        .chain.first().map_or("", String::as_str)
    )]
    ViewDepth {
        /// The views as far as they were followed, each of which names the next.
        chain: Vec<String>,
        /// How many there may be.
        limit: usize,
    },

    /// A view stands for too many others: those that it names, that these name, and so on, each as
    /// often as it is named.
    #[error(
        "the view {view} stands for more than {limit} others; keep the rows of one of them in a table"
    )]
    ViewCount {
        /// The view.
        view: String,
        /// How many there may be.
        limit: usize,
    },

    /// The state of a table that a version clause asks for cannot be read.
    #[error("{table} cannot be read {asked}: {source}")]
    Travel {
        /// The table.
        table: String,
        /// The clause.
        asked: String,
        /// Why.
        source: TravelError,
    },

    /// The table was not there at the moment that a version clause asks for.
    #[error("{table} cannot be read {asked}: it was not there in {version}")]
    NotThereThen {
        /// The table.
        table: String,
        /// The clause.
        asked: String,
        /// The version that the clause leads to.
        version: VersionId,
    },

    /// A version clause is not understood.
    #[error("`{clause}` says no version: {reason}")]
    VersionClause {
        /// The clause as text.
        clause: String,
        /// What was expected.
        reason: String,
    },

    /// An operator is applied to what it does not take.
    #[error("in {expr}, {found} is none of {expected:?}; cast it")]
    Operand {
        /// The expression.
        expr: String,
        /// The type that it is applied to.
        found: DataType,
        /// The types that it takes, as SQL names them.
        expected: &'static [&'static str],
    },

    /// A value is cast to a type that values of its type cannot be cast to.
    #[error(
        "{expr}, which is {}, cannot be cast to {}; structs have as many fields, of the same names and in the same order",
        crate::types::sql_type_name(.from), crate::types::sql_type_name(.to)
    )]
    CannotCast {
        /// The value.
        expr: String,
        /// Its type.
        from: DataType,
        /// The type that it is cast to.
        to: DataType,
    },

    /// The statement is understood and not supported.
    #[error("{what} is not supported; {instead}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What to do instead.
        instead: String,
    },

    /// The statement would reach the file system.
    #[error(
        "`{path}` is a file, and this session may not reach files; the host allows it by `files_below`"
    )]
    FilesAreOff {
        /// The file, as it was asked for.
        path: String,
    },

    /// The file is not below the directory that the host allows.
    #[error("`{path}` is not a file below the directory that this session may read: {reason}")]
    FileOutside {
        /// The file, as it was asked for.
        path: String,
        /// Why it does not count as below.
        reason: &'static str,
    },

    /// The file cannot be read.
    #[error("the file `{path}` cannot be read")]
    File {
        /// The file, as it was asked for.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },

    /// The query needs more memory than it may have. The store is as usable as before.
    #[error("the query needs more memory than it may have; {message}")]
    OverMemory {
        /// Which operator asked for how much, and what there was.
        message: String,
    },

    /// Something in the store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),

    /// A change was not made.
    #[error(transparent)]
    Write(#[from] WriteError),

    /// A transaction was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),

    /// Planning or running the query failed otherwise.
    #[error(transparent)]
    Plan(DataFusionError),
}

impl From<TravelError> for SqlError {
    fn from(error: TravelError) -> Self {
        Self::Read(error.into())
    }
}

impl From<DataFusionError> for SqlError {
    /// Takes out an error of ours that went through `DataFusion`, and sorts the others.
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(inner) => Self::Plan(DataFusionError::External(inner)),
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                (*inner).into()
            }
            DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
                Ok(inner) => inner.into(),
                Err(shared) => Self::Plan(DataFusionError::Shared(shared)),
            },
            DataFusionError::Collection(mut errors) if !errors.is_empty() => {
                errors.swap_remove(0).into()
            }
            DataFusionError::ResourcesExhausted(message) => Self::OverMemory { message },
            DataFusionError::SchemaError(inner, backtrace) => match *inner {
                SchemaError::FieldNotFound { field, valid_fields } => Self::NoColumn {
                    name: parts(&field),
                    available: valid_fields.iter().map(parts).collect(),
                },
                SchemaError::AmbiguousReference { field } => {
                    Self::AmbiguousColumn { name: parts(&field), among: Vec::new() }
                }
                other => Self::Plan(DataFusionError::SchemaError(Box::new(other), backtrace)),
            },
            DataFusionError::Plan(message) => match unknown_function(&message) {
                Some(name) => Self::NoFunction { name },
                None => Self::Plan(DataFusionError::Plan(message)),
            },
            DataFusionError::NotImplemented(message)
                if message.contains("does not support logical expression") =>
            {
                // The message goes on with all that the planner knows of the expression.
                let of = message.split("logical expression ").nth(1).unwrap_or_default();
                let kind: String = of.chars().take_while(|sign| sign.is_alphanumeric()).collect();
                let what = match kind.as_str() {
                    "AggregateFunction" => "an aggregate function here",
                    "WindowFunction" => "a function over a window here",
                    "Exists" | "InSubquery" | "ScalarSubquery" => "a subquery here",
                    _ => "such an expression here",
                };
                let instead = "compute it in a subquery in FROM, and use its column".to_owned();
                Self::Unsupported { what: what.to_owned(), instead }
            }
            other => Self::Plan(other),
        }
    }
}

/// The name in the planner's message that there is no such function.
fn unknown_function(message: &str) -> Option<String> {
    let (name, _) = message.strip_prefix("Invalid function '")?.split_once('\'')?;
    Some(name.to_owned())
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Plan(error) => error,
            error => Self::External(Box::new(error)),
        }
    }
}

fn parts(column: &Column) -> Vec<String> {
    let relation = column.relation.iter().flat_map(TableReference::to_vec);
    relation.chain([twice::plain(&column.name).to_owned()]).collect()
}

fn quoted(parts: &[String]) -> String {
    let quoted: Vec<String> = parts.iter().map(|part| format!("`{part}`")).collect();
    quoted.join(".")
}

fn listed(names: &[Vec<String>]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "),
    }
}
