//! Spark's types and how they are written: `decimal(10,2)`, `STRUCT<a: INT>`, DDL text and JSON.
//!
//! A Spark type is an Arrow [`DataType`] here, and a column is an Arrow [`Field`]. What Arrow has
//! no word for stands in the metadata of the field: the length of `CHAR(n)` and `VARCHAR(n)`, a
//! collation, a comment.
//!
//! | Spark | Arrow |
//! |---|---|
//! | `TIMESTAMP` | `Timestamp(Microsecond, "UTC")` |
//! | `TIMESTAMP_NTZ` | `Timestamp(Microsecond, None)` |
//! | `INTERVAL YEAR TO MONTH` | `Interval(YearMonth)` |
//! | `INTERVAL DAY TO SECOND` | `Duration(Microsecond)` |
//! | `INTERVAL` | `Interval(MonthDayNano)` |
//! | `VOID` | `Null` |

mod json;
mod parse;

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};

pub use json::{from_json, to_json};
pub use parse::{parse_ddl, parse_type};

/// The key under which a field says that it is `char(n)` or `varchar(n)`; of `annals-sql`.
pub const CHAR_VARCHAR: &str = annals_sql::parse::DECLARED;

/// The key under which a field has its comment, as Spark's own does.
pub const COMMENT: &str = "comment";

/// The key under which a string field has its collation.
pub const COLLATION: &str = "__COLLATION";

/// Why a text is no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeError {
    /// A word or sign stands where another was expected.
    #[error("`{found}` in the type `{text}` is unexpected at character {position}")]
    Syntax {
        /// The whole text.
        text: String,
        /// What stands there; empty at the end.
        found: String,
        /// Where, counted in characters from 0.
        position: usize,
    },

    /// There is no such type.
    #[error("`{name}` is no type that is known here")]
    Unknown {
        /// The name as it was written.
        name: String,
    },

    /// A decimal with more digits than there can be, or more after the point than in all.
    #[error(
        "a decimal has at most 38 digits, and no more of them after the point than in all; `{text}` has not"
    )]
    Decimal {
        /// The type as it was written.
        text: String,
    },

    /// The JSON is not that of a type.
    #[error("{what} is not the JSON of a Spark type")]
    Json {
        /// What was found.
        what: String,
    },
}

/// Spark's `TIMESTAMP`: a moment, shown in the session's time zone, which is UTC here.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// Spark's `TIMESTAMP_NTZ`: a date and a time of day without a zone.
pub fn timestamp_ntz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// `ARRAY<element>`, whose elements may be null.
pub fn array_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// `MAP<key, value>`, whose values may be null.
pub fn map_of(key: DataType, value: DataType) -> DataType {
    let entry = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
}

/// The type as Spark's `simpleString` has it: `bigint`, `array<int>`, `struct<a:int,b:string>`.
///
/// # Examples
///
/// ```
/// use annals_spark::types::{parse_type, simple_string};
///
/// let parsed = parse_type("STRUCT<a: INT, b: ARRAY<DECIMAL(10, 2)>>")?;
/// assert_eq!(simple_string(&parsed), "struct<a:int,b:array<decimal(10,2)>>");
/// # Ok::<(), annals_spark::types::TypeError>(())
/// ```
pub fn simple_string(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(fields) => struct_string(fields),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("array<{}>", field_type(item))
        }
        DataType::Map(entries, _) => match key_and_value(entries) {
            Some((key, value)) => format!("map<{},{}>", field_type(key), field_type(value)),
            None => "map<void,void>".to_owned(),
        },
        DataType::Dictionary(_, value) => simple_string(value),
        other => plain_name(other).to_lowercase(),
    }
}

/// The type of a column as Spark shows it: [`simple_string`], with a collation if it has one.
pub fn field_type(field: &Field) -> String {
    match field.metadata().get(COLLATION) {
        Some(collation) => format!("{} collate {collation}", simple_string(field.data_type())),
        None => simple_string(field.data_type()),
    }
}

/// The type of a column as it was declared: `varchar(3)` where the column is one.
pub fn declared_type(field: &Field) -> String {
    field.metadata().get(CHAR_VARCHAR).cloned().unwrap_or_else(|| field_type(field))
}

/// The columns as Spark's `StructType.simpleString` has them.
pub fn struct_string(fields: &Fields) -> String {
    let mut text = "struct<".to_owned();
    for (index, field) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{}:{}", field.name(), field_type(field));
    }
    text.push('>');
    text
}

/// The type as SQL has it: `BIGINT`, `ARRAY<INT>`, `STRUCT<a: INT NOT NULL, b: STRING>`.
pub fn sql_string(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| {
                    let null = if field.is_nullable() { "" } else { " NOT NULL" };
                    format!(
                        "{}: {}{null}",
                        quote_if_needed(field.name()),
                        sql_string(field.data_type())
                    )
                })
                .collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("ARRAY<{}>", sql_string(item.data_type()))
        }
        DataType::Map(entries, _) => match key_and_value(entries) {
            Some((key, value)) => {
                format!("MAP<{}, {}>", sql_string(key.data_type()), sql_string(value.data_type()))
            }
            None => "MAP<VOID, VOID>".to_owned(),
        },
        DataType::Dictionary(_, value) => sql_string(value),
        other => plain_name(other),
    }
}

/// The columns as the text that [`parse_ddl`] reads.
///
/// # Examples
///
/// ```
/// use annals_spark::types::{parse_ddl, to_ddl};
///
/// let schema = parse_ddl("id int not null, d decimal(10,2) COMMENT 'price'")?;
/// assert_eq!(to_ddl(&schema), "id INT NOT NULL,d DECIMAL(10,2) COMMENT 'price'");
/// # Ok::<(), annals_spark::types::TypeError>(())
/// ```
pub fn to_ddl(schema: &Schema) -> String {
    let column = |field: &Arc<Field>| {
        let declared = field.metadata().get(CHAR_VARCHAR).map(|declared| declared.to_uppercase());
        let mut text = format!(
            "{} {}",
            quote_if_needed(field.name()),
            declared.unwrap_or_else(|| sql_string(field.data_type()))
        );
        if !field.is_nullable() {
            text.push_str(" NOT NULL");
        }
        if let Some(comment) = field.metadata().get(COMMENT) {
            let _ =
                write!(text, " COMMENT '{}'", comment.replace('\\', "\\\\").replace('\'', "\\'"));
        }
        text
    };
    schema.fields().iter().map(column).collect::<Vec<_>>().join(",")
}

/// A part of a name in backticks if it must stand in them.
pub fn quote_if_needed(part: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digits = part.chars().all(|c| c.is_ascii_digit());
    if !part.is_empty() && !digits && part.chars().all(plain) {
        part.to_owned()
    } else {
        quote(part)
    }
}

/// A part of a name in backticks, as Spark's messages have it.
pub fn quote(part: &str) -> String {
    format!("`{}`", part.replace('`', "``"))
}

/// The key's and the value's field of a map's entries.
pub(crate) fn key_and_value(entries: &Field) -> Option<(&Arc<Field>, &Arc<Field>)> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Some((&fields[0], &fields[1])),
        _ => None,
    }
}

/// Types that have no types in them, as SQL has them. Arrow types that Spark lacks are named by
/// the Spark type that holds their values.
fn plain_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Null => "VOID",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 | DataType::UInt8 => "SMALLINT",
        DataType::Int32 | DataType::UInt16 => "INT",
        DataType::Int64 | DataType::UInt32 => "BIGINT",
        DataType::UInt64 => "DECIMAL(20,0)",
        DataType::Float16 | DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "STRING",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "BINARY",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME(6)",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP",
        DataType::Timestamp(_, None) => "TIMESTAMP_NTZ",
        DataType::Interval(IntervalUnit::YearMonth) => "INTERVAL YEAR TO MONTH",
        DataType::Duration(_) | DataType::Interval(IntervalUnit::DayTime) => {
            "INTERVAL DAY TO SECOND"
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => "INTERVAL",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            return format!("DECIMAL({precision},{scale})");
        }
        other => return other.to_string().to_uppercase(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
