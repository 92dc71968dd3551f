//! From the errors of the layers below to Spark's conditions.
//!
//! Errors below carry their parts as data; here they get Spark's names and spelling. What a call
//! was about decides some of it, so callers say so in a [`Told`].

mod columns;
mod plans;
mod statement;

use annals::error::CatalogError;
use annals::{CommitError, ReadError, TableName, TravelError, WriteError};
use annals_sql::SqlError;
use annals_sql::parse::ParseError;
use datafusion::error::DataFusionError;

use crate::ansi::{DIVIDED_BY_ZERO, REMAINDER_BY_ZERO};
use crate::error::SparkError;
use crate::names::{self, CATALOG, Parts};
use crate::types::quote;

use columns::{listed, schema};
use statement::{full_text, statement};

/// How a table that was not found, or stands in the way, is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Names {
    /// As the call named it if it is missing, in full if it is there.
    #[default]
    AsWritten,
    /// In full.
    Full,
    /// As the call named it if it is missing, with its database if it is there.
    WithDatabase,
}

/// What a call was about.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// How tables are named.
    pub(crate) names: Names,
    /// Whether the call is `MSCK REPAIR TABLE`.
    pub(crate) repairs: bool,
    /// The current database.
    pub(crate) database: String,
    /// Whether the call reads, so that functions and built-in names were searched too.
    pub(crate) reads: bool,
}

/// An error that was one of Spark's before `DataFusion` carried it here.
fn known(error: &DataFusionError) -> Option<SparkError> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(known) = error.downcast_ref::<SparkError>()
            && let Some(condition) = known.condition()
        {
            return Some(SparkError::new(condition, known.parameters().to_vec()));
        }
        next = error.source();
    }
    None
}

impl Told {
    /// Where Spark has looked for a name.
    fn search_path(&self) -> String {
        let builtin = if self.reads { "`system`.`builtin`, " } else { "" };
        format!("[{builtin}`system`.`session`, {}.{}]", quote(CATALOG), quote(&self.database))
    }

    /// No table or view has the name.
    pub(crate) fn not_found(&self, parts: &[String]) -> SparkError {
        let whole = Parts(parts.to_vec()).in_catalog(&self.database);
        let whole = whole.filter(|_| self.names == Names::Full);
        let parts = match whole {
            Some((database, table)) => vec![CATALOG.to_owned(), database, table],
            None => parts.to_vec(),
        };
        let name: Vec<String> = parts.iter().map(|part| quote(part)).collect();
        let searched = match parts.as_slice() {
            [catalog, database, _] if self.names == Names::Full => {
                format!("[{}.{}]", quote(catalog), quote(database))
            }
            _ => self.search_path(),
        };
        SparkError::new(
            "TABLE_OR_VIEW_NOT_FOUND",
            [("relationName", name.join(".")), ("searchPath", searched)],
        )
    }

    /// The name of a view of the store, in full.
    fn in_full(&self, view: &str) -> String {
        let parts = Parts::parse(view).ok().and_then(|parts| parts.in_catalog(&self.database));
        match parts {
            Some((database, view)) => {
                format!("{}.{}.{}", quote(CATALOG), quote(&database), quote(&view))
            }
            None => full_text(view),
        }
    }

    /// An error of SQL.
    pub(crate) fn sql(&self, error: SqlError) -> SparkError {
        let told = match &error {
            SqlError::NoTable { name, .. } => self.not_found(name),
            SqlError::NoDatabase { name, .. } => no_schema(name),
            SqlError::NoCatalog { name, .. } => {
                SparkError::new("CATALOG_NOT_FOUND", [("catalogName", quote(name))])
            }
            SqlError::NoColumn { name, available } => no_column(name, available),
            SqlError::AmbiguousColumn { name, among } => ambiguous(name, among),
            SqlError::NoFunction { name } => SparkError::new(
                "UNRESOLVED_ROUTINE",
                [("routineName", quote(name)), ("searchPath", self.search_path())],
            ),
            SqlError::Parse(error) => parse(error),
            SqlError::ViewColumns { view, named, given } => {
                let kind = if named.len() > given.len() { "NOT_ENOUGH" } else { "TOO_MANY" };
                SparkError::new(
                    &format!("CREATE_VIEW_COLUMN_ARITY_MISMATCH.{kind}_DATA_COLUMNS"),
                    [
                        ("viewName", self.in_full(view)),
                        ("viewColumns", listed(named)),
                        ("dataColumns", listed(given)),
                    ],
                )
            }
            SqlError::ViewCycle { chain } => {
                let path: Vec<String> = chain.iter().map(|view| self.in_full(view)).collect();
                let view = path.last().cloned().unwrap_or_default();
                SparkError::new(
                    "RECURSIVE_VIEW",
                    [("viewIdent", view), ("newPath", path.join(" -> "))],
                )
            }
            SqlError::ViewDepth { chain, limit } => {
                // The one that is too deep, not the one that was asked for.
                let view = chain.last().map_or_else(String::new, |view| self.in_full(view));
                SparkError::new(
                    "VIEW_EXCEED_MAX_NESTED_DEPTH",
                    [("viewName", view), ("maxNestedDepth", limit.to_string())],
                )
            }
            SqlError::NotPartitioned { table } if self.repairs => SparkError::new(
                "NOT_A_PARTITIONED_TABLE",
                [
                    ("operation", "MSCK REPAIR TABLE".to_owned()),
                    ("tableIdentWithDB", names::full(table)),
                ],
            ),
            _ => match statement(&error) {
                Some(told) => told,
                None => return self.other_sql(error),
            },
        };
        told.caused_by(error)
    }

    /// Those whose parts are errors of the layers below.
    fn other_sql(&self, error: SqlError) -> SparkError {
        match error {
            SqlError::View { source, .. } => self.sql(*source),
            SqlError::Read(error) => self.read(error),
            SqlError::Write(error) => self.write(error, None),
            SqlError::Commit(error) => commit(error),
            SqlError::Plan(error) => self.plan(error),
            error => SparkError::other(error.to_string()).caused_by(error),
        }
    }

    /// An error of planning or running a query.
    pub(crate) fn query(&self, error: DataFusionError) -> SparkError {
        match SqlError::from(error) {
            SqlError::Plan(error) => self.plan(error),
            error => self.sql(error),
        }
    }

    fn plan(&self, error: DataFusionError) -> SparkError {
        if let Some(known) = known(&error) {
            return known.caused_by(error);
        }
        let text = error.to_string();
        let told = if let Some(message) = between(&text, "USER_RAISED_EXCEPTION: ", "\n") {
            SparkError::new("USER_RAISED_EXCEPTION", [("errorMessage", message)])
        } else if text.contains("Projections require unique expression names") {
            // What is named twice stands behind the last `AS` of an expression in quotes.
            let twice = text.rfind("\" at position").map_or("", |end| &text[..end]);
            let name = twice.rsplit(" AS ").next().unwrap_or_default();
            SparkError::new("COLUMN_ALREADY_EXISTS", [("columnName", quote(name))])
        } else if let Some(told) = overflow(&text) {
            told
        } else if text.contains("Can't cast value ") {
            let value = between(&text, "Can't cast value ", " to type").unwrap_or_default();
            let target = between(&text, " to type ", "\n").unwrap_or_default();
            SparkError::new(
                "CAST_OVERFLOW",
                [
                    ("value", value.to_owned()),
                    ("sourceType", format!("\"{}\"", type_of(value))),
                    ("targetType", format!("\"{}\"", arrow_name(target))),
                ],
            )
        } else if text.contains(DIVIDED_BY_ZERO) {
            SparkError::new("DIVIDE_BY_ZERO", [("config", ANSI)])
        } else if text.contains(REMAINDER_BY_ZERO) {
            SparkError::new("REMAINDER_BY_ZERO", [("config", ANSI)])
        } else if let Some(name) = between(&text, "Invalid function '", "'") {
            SparkError::new(
                "UNRESOLVED_ROUTINE",
                [("routineName", quote(name)), ("searchPath", self.search_path())],
            )
        } else if let Some(value) = between(&text, "Cannot cast string '", "' to value of") {
            let target = between(&text, "' to value of ", " type").unwrap_or_default();
            plans::malformed(value, &arrow_name(target))
        } else if let Some(told) = plans::told(&text) {
            told
        } else {
            SparkError::other(text)
        };
        told.caused_by(error)
    }

    /// An error of reading the store.
    pub(crate) fn read(&self, error: ReadError) -> SparkError {
        let told = match &error {
            ReadError::Catalog { source, .. } => self.catalog(source),
            ReadError::Travel(travel) => time_travel(travel),
            other => SparkError::other(other.to_string()),
        };
        told.caused_by(error)
    }

    /// An error of writing to the store. `columns` are those of the rows, where rows were written.
    pub(crate) fn write(&self, error: WriteError, columns: Option<&Written>) -> SparkError {
        let told = match &error {
            WriteError::Catalog(CatalogError::Schema { table, source }) => {
                schema(table, source, columns)
            }
            WriteError::Catalog(error) => self.catalog(error),
            WriteError::Travel(error) => time_travel(error),
            WriteError::ManySources { .. } => SparkError::plain("MERGE_CARDINALITY_VIOLATION"),
            WriteError::NoColumn { column, available, .. } => SparkError::new(
                "UNRESOLVED_COLUMN.WITH_SUGGESTION",
                [("objectName", quote(column)), ("proposal", available.clone())],
            ),
            WriteError::Commit(error) => return commit(error.clone()),
            other => SparkError::other(other.to_string()),
        };
        told.caused_by(error)
    }

    fn catalog(&self, error: &CatalogError) -> SparkError {
        match error {
            CatalogError::NoDatabase { database } => no_schema(database.as_str()),
            CatalogError::DatabaseExists { database } => {
                SparkError::new("SCHEMA_ALREADY_EXISTS", [("schemaName", quote(database.as_str()))])
            }
            CatalogError::DatabaseNotEmpty { database, .. } => {
                SparkError::new("SCHEMA_NOT_EMPTY", [("schemaName", quote(database.as_str()))])
            }
            CatalogError::DefaultDatabase { database } => SparkError::new(
                "UNSUPPORTED_FEATURE.DROP_DATABASE",
                [("database", format!("{}.{}", quote(CATALOG), quote(database.as_str())))],
            ),
            CatalogError::NoTable { table, .. } => {
                self.not_found(&[table.database_str().to_owned(), table.table_str().to_owned()])
            }
            CatalogError::TableExists { table, .. } if self.names == Names::WithDatabase => {
                exists_in(table)
            }
            CatalogError::TableExists { table, .. } => exists(table),
            CatalogError::IsView { table } => SparkError::new(
                "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
                [("viewName", names::full(table)), ("operation", "INSERT".to_owned())],
            ),
            CatalogError::NotAView { table } => SparkError::new(
                "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE",
                [
                    ("tableName", names::full(table)),
                    ("operation", "CREATE OR REPLACE VIEW".to_owned()),
                ],
            ),
            CatalogError::Schema { table, source } => schema(table, source, None),
            CatalogError::CannotPartition { table, column, .. } => SparkError::new(
                "COLUMN_NOT_DEFINED_IN_TABLE",
                [
                    ("colType", "partition".to_owned()),
                    ("colName", quote(column)),
                    ("tableName", names::full(table)),
                    ("tableCols", "those of the query".to_owned()),
                ],
            ),
            CatalogError::OtherPartitioning { table, actual, asked } => SparkError::new(
                "_LEGACY_ERROR_TEMP_1163",
                [
                    ("tableName", names::full_plain(table)),
                    ("specifiedPartCols", asked.clone()),
                    ("existingPartCols", actual.clone()),
                ],
            ),
            other => SparkError::other(other.to_string()),
        }
    }
}

/// The columns of a write, and those of the table that it went to.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) rows: Vec<String>,
    pub(crate) table: Vec<String>,
}

/// A table's name with its database.
fn short(table: &TableName) -> String {
    format!("{}.{}", quote(table.database_str()), quote(table.table_str()))
}

/// Something of that name exists; named with its database only.
pub(crate) fn exists_in(table: &TableName) -> SparkError {
    SparkError::new("TABLE_OR_VIEW_ALREADY_EXISTS", [("relationName", short(table))])
}

/// Something of that name exists.
pub(crate) fn exists(table: &TableName) -> SparkError {
    SparkError::new("TABLE_OR_VIEW_ALREADY_EXISTS", [("relationName", names::full(table))])
}

/// No database has the name.
pub(crate) fn no_schema(name: &str) -> SparkError {
    no_schema_of(&[name.to_owned()])
}

/// No database has this name of several parts.
pub(crate) fn no_schema_of(parts: &[String]) -> SparkError {
    let parts: Vec<String> = parts.iter().map(|part| quote(part)).collect();
    SparkError::new(
        "SCHEMA_NOT_FOUND",
        [("schemaName", format!("{}.{}", quote(CATALOG), parts.join(".")))],
    )
}

/// More than one column has the name.
fn ambiguous(name: &[String], among: &[Vec<String>]) -> SparkError {
    let dotted =
        |parts: &[String]| parts.iter().map(|part| quote(part)).collect::<Vec<_>>().join(".");
    let (name, among) = match among {
        [] => {
            let column = dotted(&name[name.len().saturating_sub(1)..]);
            (column.clone(), vec![column.clone(), column])
        }
        among => (dotted(name), among.iter().map(|parts| dotted(parts)).collect()),
    };
    SparkError::new(
        "AMBIGUOUS_REFERENCE",
        [("name", name), ("referenceNames", format!("[{}]", among.join(", ")))],
    )
}

/// No column has the name; the nearest of those that there are come first.
pub(crate) fn no_column(name: &[String], available: &[Vec<String>]) -> SparkError {
    let column = name.last().map_or("", String::as_str);
    let shown: Vec<String> =
        name.iter().filter(|part| !part.starts_with("__")).map(|part| quote(part)).collect();
    let mut near: Vec<&String> = available.iter().filter_map(|parts| parts.last()).collect();
    // Spark compares with the full names of columns, so that short ones are the nearest.
    let full = |column: &str| format!("`{CATALOG}`.`default`.`table`.{}", quote(column));
    near.sort_by_key(|other| distance(&full(other), &quote(column)));
    near.dedup();
    near.truncate(5);
    if near.is_empty() {
        return SparkError::new(
            "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
            [("objectName", shown.join("."))],
        );
    }
    let proposal: Vec<String> = near.into_iter().map(|column| quote(column)).collect();
    SparkError::new(
        "UNRESOLVED_COLUMN.WITH_SUGGESTION",
        [("objectName", shown.join(".")), ("proposal", proposal.join(", "))],
    )
}

/// How many signs must be changed, added or left out to make one text of the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, c) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (at, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(c != *other);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[to.len()]
}

/// The setting that makes errors of what would be another number or null.
const ANSI: &str = "\"spark.sql.ansi.enabled\"";

/// An operation on whole numbers whose result does not fit.
fn overflow(text: &str) -> Option<SparkError> {
    let operation = between(text, "Overflow happened on: ", "\n")?;
    let numbers: Vec<i128> = operation
        .split([' ', '\''])
        .filter_map(|word| word.trim_matches(['(', ')']).parse().ok())
        .collect();
    // Numbers that are all small overflow nothing but the smaller type.
    let small = numbers.iter().all(|number| i32::try_from(*number).is_ok());
    let signs = [("add", " + "), ("subtract", " - "), ("multiply", " * ")];
    let instead = signs.into_iter().find(|(_, sign)| operation.contains(sign));
    let instead = instead.map(|(name, _)| {
        format!(" Use 'try_{name}' to tolerate overflow and return NULL instead.")
    });
    Some(SparkError::new(
        "ARITHMETIC_OVERFLOW",
        [
            ("message", if small { "integer overflow" } else { "long overflow" }.to_owned()),
            ("alternative", instead.unwrap_or_default()),
            ("config", ANSI.to_owned()),
        ],
    ))
}

/// The most digits that a decimal has.
const DIGITS_MAX: u64 = 38;

/// A text that is no statement, or no type.
pub(crate) fn parse(error: &ParseError) -> SparkError {
    match error {
        ParseError::Empty => SparkError::plain("PARSE_EMPTY_STATEMENT"),
        ParseError::Syntax { found, extra, .. } => {
            let near = found
                .as_ref()
                .map_or_else(|| "end of input".to_owned(), |found| format!("'{found}'"));
            let hint = if *extra { format!(": extra input {near}") } else { String::new() };
            SparkError::new("PARSE_SYNTAX_ERROR", [("error", near), ("hint", hint)])
        }
        ParseError::Identifier { name } => {
            SparkError::new("INVALID_IDENTIFIER", [("ident", name.as_str())])
        }
        ParseError::Values { expected, found, row } => SparkError::new(
            "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH",
            [
                ("expectedNumCols", expected.to_string()),
                ("actualNumCols", found.to_string()),
                ("rowIndex", row.to_string()),
            ],
        ),
        ParseError::NumberRange { text, type_name, least, most } => SparkError::new(
            "INVALID_NUMERIC_LITERAL_RANGE",
            [
                ("rawStrippedQualifier", text.as_str()),
                ("minValue", least),
                ("maxValue", most),
                ("typeName", type_name),
            ],
        ),
        ParseError::NoType { name } => SparkError::new(
            "UNSUPPORTED_DATATYPE",
            [("typeName", format!("\"{}\"", name.to_uppercase()))],
        ),
        ParseError::Decimal { precision, .. } if *precision > DIGITS_MAX => SparkError::new(
            "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
            [("precision", precision.to_string()), ("maxPrecision", DIGITS_MAX.to_string())],
        ),
        ParseError::Decimal { precision, scale } => SparkError::new(
            "_LEGACY_ERROR_TEMP_1228",
            [("scale", scale.to_string()), ("precision", precision.to_string())],
        ),
        ParseError::Unsupported { what, .. } if what.contains("Hive") => SparkError::new(
            "NOT_SUPPORTED_COMMAND_WITHOUT_HIVE_SUPPORT",
            [("cmd", "CREATE Hive TABLE (AS SELECT)")],
        ),
        other => SparkError::other(other.to_string()),
    }
}

fn commit(error: CommitError) -> SparkError {
    let told = match &error {
        CommitError::Conflict(conflict) => {
            SparkError::new("CONCURRENT_WRITE_CONFLICT", [("reason", conflict.to_string())])
        }
        other => SparkError::other(other.to_string()),
    };
    told.caused_by(error)
}

fn time_travel(error: &TravelError) -> SparkError {
    SparkError::other(error.to_string())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    let rest = &text[start..];
    Some(rest.find(after).map_or(rest, |end| &rest[..end]))
}

/// The type that a number in a message was of.
fn type_of(value: &str) -> &'static str {
    match (value.parse::<i32>(), value.parse::<i64>()) {
        (Ok(_), _) => "INT",
        (_, Ok(_)) => "BIGINT",
        _ => "DOUBLE",
    }
}

/// Spark's name of a type that Arrow's message names.
fn arrow_name(name: &str) -> String {
    match name {
        "Int8" => "TINYINT",
        "Int16" => "SMALLINT",
        "Int32" => "INT",
        "Int64" => "BIGINT",
        "Float32" => "FLOAT",
        "Float64" => "DOUBLE",
        "Date32" => "DATE",
        other if other.starts_with("Time64") => "TIME",
        other if other.starts_with("Timestamp") => "TIMESTAMP",
        other if other.starts_with("Decimal") => "DECIMAL",
        other => return other.to_uppercase(),
    }
    .to_owned()
}
