//! Rows and columns that do not go with each other.

use annals::TableName;
use annals::error::SchemaError;
use arrow::datatypes::{DataType, Fields};

use super::Written;
use crate::error::SparkError;
use crate::names;
use crate::types::{quote, sql_string};

/// A path such as `c.element` with each step in backticks.
pub(super) fn quoted_path(path: &str) -> String {
    path.split('.').map(quote).collect::<Vec<_>>().join(".")
}

pub(super) fn quoted_type(data_type: &DataType) -> String {
    format!("\"{}\"", sql_string(data_type))
}

pub(super) fn listed(names: &[String]) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

pub(super) fn schema(
    table: &TableName,
    error: &SchemaError,
    written: Option<&Written>,
) -> SparkError {
    let full = names::full(table);
    match error {
        SchemaError::DuplicateNames { names } => {
            let name = names.first().map_or("", String::as_str).to_lowercase();
            SparkError::new("COLUMN_ALREADY_EXISTS", [("columnName", quote(&name))])
        }
        SchemaError::ColumnExists { names } => {
            let name = names.first().map_or("", String::as_str).to_lowercase();
            SparkError::new("COLUMN_ALREADY_EXISTS", [("columnName", quote(&name))])
        }
        SchemaError::Types { mismatches, .. } => match mismatches.first() {
            Some(first) => mismatch(full, &first.column, &first.from, &first.to),
            None => SparkError::other(error.to_string()),
        },
        SchemaError::Overflow { column, from, to, .. } => SparkError::new(
            "CAST_OVERFLOW_IN_TABLE_INSERT",
            [
                ("sourceType", quoted_type(from)),
                ("targetType", quoted_type(to)),
                ("columnName", quoted_path(column)),
            ],
        ),
        SchemaError::Null { column, .. } => {
            SparkError::new("NOT_NULL_CONSTRAINT_VIOLATION", [("columnPath", quoted_path(column))])
        }
        SchemaError::ColumnCount { incoming, table: count } => {
            let kind = if incoming < count { "NOT_ENOUGH" } else { "TOO_MANY" };
            let written = written.cloned().unwrap_or(Written { rows: vec![], table: vec![] });
            SparkError::new(
                &format!("INSERT_COLUMN_ARITY_MISMATCH.{kind}_DATA_COLUMNS"),
                [
                    ("tableName", full),
                    ("tableColumns", listed(&written.table)),
                    ("dataColumns", listed(&written.rows)),
                ],
            )
        }
        SchemaError::Columns { missing, extra } => columns(full, missing, extra),
        other => SparkError::other(other.to_string()),
    }
}

pub(super) fn mismatch(table: String, column: &str, from: &DataType, to: &DataType) -> SparkError {
    if let (DataType::Struct(from), DataType::Struct(to)) = (from, to) {
        let names = |fields: &Fields, others: &Fields| {
            let other =
                |name: &str| others.iter().any(|other| other.name().eq_ignore_ascii_case(name));
            let only = fields.iter().filter(|field| !other(field.name()));
            only.map(|field| field.name().clone()).collect::<Vec<String>>()
        };
        let (extra, missing) = (names(from, to), names(to, from));
        let (kind, key, names) = if missing.is_empty() {
            ("EXTRA_STRUCT_FIELDS", "extraFields", extra)
        } else {
            ("STRUCT_MISSING_FIELDS", "missingFields", missing)
        };
        if !names.is_empty() {
            return SparkError::new(
                &format!("INCOMPATIBLE_DATA_FOR_TABLE.{kind}"),
                [("tableName", table), ("colName", quoted_path(column)), (key, listed(&names))],
            );
        }
    }
    SparkError::new(
        "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
        [
            ("tableName", table),
            ("colName", quoted_path(column)),
            ("srcType", quoted_type(from)),
            ("targetType", quoted_type(to)),
        ],
    )
}

/// Columns that are only in the table or only in the rows. A path stands for a field of a struct.
fn columns(table: String, missing: &[String], extra: &[String]) -> SparkError {
    let within =
        |path: &str| path.rsplit_once('.').map(|(of, field)| (of.to_owned(), field.to_owned()));
    let told = |kind: &str, key: &'static str, of: &str, field: String| {
        SparkError::new(
            &format!("INCOMPATIBLE_DATA_FOR_TABLE.{kind}"),
            [("tableName", table.clone()), ("colName", quoted_path(of)), (key, quote(&field))],
        )
    };
    if let Some((of, field)) = missing.first().and_then(|path| within(path)) {
        return told("STRUCT_MISSING_FIELDS", "missingFields", &of, field);
    }
    if let Some((of, field)) = extra.first().and_then(|path| within(path)) {
        return told("EXTRA_STRUCT_FIELDS", "extraFields", &of, field);
    }
    match missing.first() {
        Some(column) => SparkError::new(
            "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_FIND_DATA",
            [("tableName", table), ("colName", quote(column))],
        ),
        None => SparkError::new(
            "INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS",
            [("tableName", table), ("extraColumns", listed(extra))],
        ),
    }
}
