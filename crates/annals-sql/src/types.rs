//! Types as SQL has them: their names, and those that Arrow says in more than a word.
//!
//! A type is an Arrow [`DataType`], and a column is an Arrow [`Field`]. What Arrow has no type for
//! stands in the metadata of the field: the length of `CHAR(n)` and `VARCHAR(n)`, and a collation.
//! [`parse_type`](crate::parse::parse_type) and [`parse_columns`](crate::parse::parse_columns) read
//! what is written here.
//!
//! | SQL | Arrow |
//! |---|---|
//! | `TIMESTAMP` | `Timestamp(Microsecond, "UTC")` |
//! | `TIMESTAMP_NTZ` | `Timestamp(Microsecond, None)` |
//! | `INTERVAL YEAR TO MONTH` | `Interval(YearMonth)` |
//! | `INTERVAL DAY TO SECOND` | `Duration(Microsecond)` |
//! | `INTERVAL` | `Interval(MonthDayNano)` |
//! | `VOID` | `Null` |

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use crate::parse::{COLLATION, COMMENT, DECLARED};
use crate::statement::quoted_if_needed;

/// `TIMESTAMP`: a moment, kept in UTC.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// `TIMESTAMP_NTZ`: a date and a time of day without a zone.
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

/// The key's and the value's field of a map's entries.
pub fn key_and_value(entries: &Field) -> Option<(&Arc<Field>, &Arc<Field>)> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Some((&fields[0], &fields[1])),
        _ => None,
    }
}

/// The type in a word: `int`, `decimal(10,2)`, `array<int>`, `struct<a:int>`. Texts of a length are
/// strings, as they are when they are read.
///
/// Arrow types that SQL lacks have the name of the type that holds their values, or else Arrow's.
pub fn type_name(data_type: &DataType) -> String {
    let mut out = String::new();
    Style { sql: false, declared: false }.of_type(data_type, &mut out);
    out
}

/// The type of a column as it is read: [`type_name`], and the collation if it has one.
pub fn stored_type_name(field: &Field) -> String {
    of_field(field, Style { sql: false, declared: false })
}

/// The type of a column as it was declared, which is how `DESCRIBE` shows it: also `char(5)` and
/// `varchar(5)`.
pub fn field_type_name(field: &Field) -> String {
    of_field(field, Style { sql: false, declared: true })
}

/// The type as it stands in a statement: `BIGINT`, `MAP<STRING, INT>`, `STRUCT<a: INT NOT NULL>`.
pub fn sql_type_name(data_type: &DataType) -> String {
    let mut out = String::new();
    Style { sql: true, declared: false }.of_type(data_type, &mut out);
    out
}

/// The type of a column as it stands in the statement that declares it.
pub fn sql_field_type_name(field: &Field) -> String {
    of_field(field, Style { sql: true, declared: true })
}

/// The comment of a column.
pub fn field_comment(field: &Field) -> Option<&str> {
    field.metadata().get(COMMENT).map(String::as_str)
}

fn of_field(field: &Field, style: Style) -> String {
    let mut out = String::new();
    style.of_field(field, &mut out);
    out
}

/// How a type is written.
#[derive(Clone, Copy)]
struct Style {
    /// As in a statement, rather than in a word.
    sql: bool,
    /// With the lengths of texts.
    declared: bool,
}

impl Style {
    fn word(self, word: &str, out: &mut String) {
        match self.sql {
            true => out.push_str(word),
            false => out.push_str(&word.to_ascii_lowercase()),
        }
    }

    fn of_field(self, field: &Field, out: &mut String) {
        let said = |key| field.metadata().get(key);
        match said(DECLARED).filter(|_| self.declared) {
            Some(declared) if self.sql => out.push_str(&declared.to_ascii_uppercase()),
            Some(declared) => out.push_str(declared),
            None => self.of_type(field.data_type(), out),
        }
        if let Some(collation) = said(COLLATION) {
            self.word(" COLLATE ", out);
            out.push_str(collation);
        }
    }

    fn of_type(self, data_type: &DataType, out: &mut String) {
        match data_type {
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _) => {
                self.word("ARRAY<", out);
                self.of_field(item, out);
                out.push('>');
            }
            DataType::Map(entries, _) => {
                self.word("MAP<", out);
                if let Some((key, value)) = key_and_value(entries) {
                    self.of_field(key, out);
                    out.push_str(if self.sql { ", " } else { "," });
                    self.of_field(value, out);
                }
                out.push('>');
            }
            DataType::Struct(fields) => {
                self.word("STRUCT<", out);
                for (index, field) in fields.iter().enumerate() {
                    self.of_member(index, field, out);
                }
                out.push('>');
            }
            DataType::Dictionary(_, value) => self.of_type(value, out),
            DataType::RunEndEncoded(_, value) => self.of_field(value, out),
            other => self.of_leaf(other, out),
        }
    }

    fn of_member(self, index: usize, field: &Field, out: &mut String) {
        if index > 0 {
            out.push_str(if self.sql { ", " } else { "," });
        }
        match self.sql {
            true => {
                let _ = write!(out, "{}: ", quoted_if_needed(field.name()));
            }
            false => {
                let _ = write!(out, "{}:", field.name());
            }
        }
        self.of_field(field, out);
        if self.sql && !field.is_nullable() {
            out.push_str(" NOT NULL");
        }
    }

    fn of_leaf(self, data_type: &DataType, out: &mut String) {
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
                return self.word(&format!("DECIMAL({precision},{scale})"), out);
            }
            other => {
                let _ = write!(out, "{other}");
                return;
            }
        };
        self.word(name, out);
    }
}
