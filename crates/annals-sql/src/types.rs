//! The names that types have in SQL.

use arrow::datatypes::{DataType, Field, IntervalUnit};

use crate::parse::{COMMENT, DECLARED};

/// The type as `DESCRIBE` shows it: `int`, `decimal(10,2)`, `array<int>`, `struct<a:int>`.
///
/// A type that SQL has no name for is shown as Arrow names it.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "void".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "int".to_owned(),
        DataType::Int64 | DataType::UInt32 => "bigint".to_owned(),
        DataType::UInt64 => "decimal(20,0)".to_owned(),
        DataType::Float16 | DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "binary".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp".to_owned(),
        DataType::Timestamp(_, None) => "timestamp_ntz".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time(6)".to_owned(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".to_owned(),
        DataType::Interval(_) => "interval".to_owned(),
        DataType::Duration(_) => "interval day to second".to_owned(),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::FixedSizeList(element, _) => format!("array<{}>", field_type_name(element)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                format!("map<{},{}>", field_type_name(&fields[0]), field_type_name(&fields[1]))
            }
            other => other.to_string(),
        },
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|f| format!("{}:{}", f.name(), field_type_name(f)));
            format!("struct<{}>", fields.collect::<Vec<_>>().join(","))
        }
        DataType::Dictionary(_, value) => type_name(value),
        DataType::RunEndEncoded(_, value) => field_type_name(value),
        other => other.to_string(),
    }
}

/// The type of a column as it was declared: also `char(5)` and `varchar(5)`.
pub fn field_type_name(field: &Field) -> String {
    match field.metadata().get(DECLARED) {
        Some(declared) => declared.clone(),
        None => type_name(field.data_type()),
    }
}

/// The comment of a column.
pub fn field_comment(field: &Field) -> Option<&str> {
    field.metadata().get(COMMENT).map(String::as_str)
}
