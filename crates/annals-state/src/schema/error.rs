//! Why rows or an alteration do not go with a schema.

use std::borrow::Cow;
use std::fmt;

use arrow_schema::DataType;

use super::{CastPolicy, ColumnId};

/// Longer names, values and types are cut in messages, never in the data of the error.
const MESSAGE_CHARS_MAX: usize = 64;
/// More names than these are counted in messages.
const MESSAGE_NAMES_MAX: usize = 8;

/// A column whose incoming type the policy does not let into the table's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeMismatch {
    /// The column, or the path of the field within it.
    pub column: String,
    /// The type of the incoming values.
    pub from: DataType,
    /// The type that the table has.
    pub to: DataType,
}

/// Why rows or an alteration do not go with a schema. Nothing has happened when it is returned.
///
/// A column inside a struct, list or map is named by its path, such as `address.city`,
/// `tags.element`, `counts.key`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Columns, or fields of one struct, whose names are equal when case is ignored.
    #[error("{} have the same name; names are compared without case, rename one", columns(names))]
    DuplicateNames {
        /// All names that occur more than once, as spelled.
        names: Vec<String>,
    },

    /// Two columns with the same id.
    #[error("two columns have the id {id}; give each column an id of its own")]
    DuplicateId {
        /// The id.
        id: ColumnId,
    },

    /// The table has had as many columns as there are ids.
    #[error("no column id is left; save the rows to a new table")]
    IdsExhausted,

    /// Names of columns that the table does not have.
    #[error("{} not in the table; check the spelling", are(names))]
    NoSuchColumn {
        /// All of them.
        names: Vec<String>,
    },

    /// Names of columns that the table has already.
    #[error("{} already in the table; choose other names", are(names))]
    ColumnExists {
        /// All of them.
        names: Vec<String>,
    },

    /// The rows and the table do not have the same columns.
    #[error("{}", missing_and_extra(missing, extra))]
    Columns {
        /// In the table and not in the rows.
        missing: Vec<String>,
        /// In the rows and not in the table.
        extra: Vec<String>,
    },

    /// Rows matched by position have another number of columns than the table.
    #[error(
        "the rows have {incoming} columns and the table has {table}; columns matched by position \
         must agree in number"
    )]
    ColumnCount {
        /// Columns of the rows.
        incoming: usize,
        /// Columns of the table.
        table: usize,
    },

    /// Columns whose types do not go together.
    #[error("{}", type_mismatches(mismatches, *policy))]
    Types {
        /// All of them.
        mismatches: Vec<TypeMismatch>,
        /// The policy that refused.
        policy: CastPolicy,
    },

    /// Columns that may not be null and that the rows do not have, or have only as nulls.
    #[error("{} declared not null and the rows have no values for it; supply them", are(names))]
    NothingForNotNull {
        /// All of them.
        names: Vec<String>,
    },

    /// A null where the table does not allow one.
    #[error(
        "row {row} has a null in column {}, which is declared not null; fill it or make the \
         column nullable",
        name(column)
    )]
    Null {
        /// The column, or the path of the field within it.
        column: String,
        /// The row, counted from 0 within the batch.
        row: usize,
    },

    /// A value that the type of the table's column cannot hold.
    #[error(
        "row {row} of column {} holds {}, which is out of the range of {}; widen the column or \
         correct the value (it came as {})",
        name(column),
        short(value),
        show(to),
        show(from)
    )]
    Overflow {
        /// The column, or the path of the field within it.
        column: String,
        /// The row, counted from 0 within the batch.
        row: usize,
        /// The value, as text.
        value: String,
        /// The type it came in.
        from: DataType,
        /// The type it was to have.
        to: DataType,
    },

    /// An array that cannot be given the table's type as a whole, such as one with more distinct
    /// values than a dictionary has keys.
    #[error(
        "column {} cannot be stored as the type of the table ({}); write smaller batches",
        name(column),
        short(reason)
    )]
    Unconvertible {
        /// The column, or the path of the field within it.
        column: String,
        /// What Arrow says.
        reason: String,
    },

    /// A batch that does not have the columns that were announced for it.
    #[error("the batch has {found} where {expected} was announced; plan anew for this schema")]
    BatchDiffers {
        /// What was announced.
        expected: String,
        /// What the batch has.
        found: String,
    },

    /// A projection that names a column by an index that the schema does not have.
    #[error("there is no column {index}; the schema has {len} columns, counted from 0")]
    NoSuchIndex {
        /// The index.
        index: usize,
        /// How many columns there are.
        len: usize,
    },

    /// Columns to be added that rows already there would have no value for.
    #[error("{} declared not null; columns added to a table must be nullable", are(names))]
    AddedNotNull {
        /// All of them.
        names: Vec<String>,
    },

    /// The last column of a table cannot be dropped.
    #[error("the last column of a table cannot be dropped; drop the table")]
    LastColumn,

    /// A column was to be given a type that does not hold all values of its present one.
    #[error(
        "column {} cannot be widened from {} to {}; every value it may hold must fit the new type",
        name(column),
        show(from),
        show(to)
    )]
    NotWider {
        /// The column.
        column: String,
        /// Its type.
        from: DataType,
        /// The type asked for.
        to: DataType,
    },

    /// Rows written under a schema that cannot be seen under the wanted one.
    #[error(
        "column {} was written as {} and cannot be read as {}; read a version with that schema",
        name(column),
        show(written),
        show(wanted)
    )]
    Unreadable {
        /// The column, by its wanted name.
        column: String,
        /// The type it was written with.
        written: DataType,
        /// The type it should have.
        wanted: DataType,
    },
}

/// At most [`MESSAGE_CHARS_MAX`] characters of a text.
fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(MESSAGE_CHARS_MAX - 1).chain(['…']).collect()),
    }
}

pub(super) fn name(name: &str) -> impl fmt::Display {
    format!("`{}`", short(name))
}

pub(super) fn show(data_type: &DataType) -> impl fmt::Display + use<> {
    short(&data_type.to_string()).into_owned()
}

fn list(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(MESSAGE_NAMES_MAX).map(|n| name(n).to_string()).collect();
    match names.len().saturating_sub(MESSAGE_NAMES_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// "column `a`" or "columns `a`, `b`".
fn columns(names: &[String]) -> String {
    format!("column{} {}", if names.len() == 1 { "" } else { "s" }, list(names))
}

/// "column `a` is" or "columns `a`, `b` are".
fn are(names: &[String]) -> String {
    format!("{} {}", columns(names), if names.len() == 1 { "is" } else { "are" })
}

fn missing_and_extra(missing: &[String], extra: &[String]) -> String {
    let absent = || format!("{} not in the rows", are(missing));
    let surplus = || format!("{} not in the table", are(extra));
    let fill = "supply it or ask for missing columns to be filled with nulls";
    let merge = "save with merge_schema to add it";
    match (missing.is_empty(), extra.is_empty()) {
        (true, _) => format!("{}; {merge}", surplus()),
        (_, true) => format!("{}; {fill}", absent()),
        _ => format!("{}, and {}; give the rows the columns of the table", absent(), surplus()),
    }
}

fn type_mismatches(mismatches: &[TypeMismatch], policy: CastPolicy) -> String {
    let mut parts: Vec<_> = mismatches
        .iter()
        .take(MESSAGE_NAMES_MAX)
        .map(|m| format!("{} is {} and comes as {}", name(&m.column), show(&m.to), show(&m.from)))
        .collect();
    if let more @ 1.. = mismatches.len().saturating_sub(MESSAGE_NAMES_MAX) {
        parts.push(format!("{more} more"));
    }
    let advice = match policy {
        CastPolicy::Ansi => "cast it before saving",
        CastPolicy::Exact | CastPolicy::Lossless => {
            "cast it before saving or allow more with the cast policy"
        }
    };
    format!(
        "types differ in a way that the policy {policy} refuses: {}; {advice}",
        parts.join(", ")
    )
}
