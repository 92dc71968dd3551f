//! What Spark checks of a write before rows are computed.

use std::sync::Arc;

use annals::{Table, TableName};
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, SchemaRef};

use crate::details::{self, Buckets, CLUSTER_BY};
use crate::error::SparkError;
use crate::names;
use crate::rows;
use crate::source;
use crate::types::{quote, sql_string, struct_string};

/// More buckets than these are refused.
const BUCKETS_MAX: u32 = 100_000;

pub(crate) fn bucket_count(count: u32) -> Result<(), SparkError> {
    if count <= BUCKETS_MAX {
        return Ok(());
    }
    Err(SparkError::new(
        "INVALID_BUCKET_COUNT",
        [("bucketingMaxBuckets", BUCKETS_MAX.to_string()), ("numBuckets", count.to_string())],
    ))
}

fn find<'a>(schema: &'a Schema, name: &str) -> Option<&'a Arc<Field>> {
    schema.fields().iter().find(|field| field.name().eq_ignore_ascii_case(name))
}

fn twice(names: &[&str]) -> Option<String> {
    let folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    folded
        .iter()
        .enumerate()
        .find(|(at, name)| folded[..*at].contains(name))
        .map(|(_, name)| name.clone())
}

fn exists_already(name: &str) -> SparkError {
    SparkError::new("COLUMN_ALREADY_EXISTS", [("columnName", quote(name))])
}

/// A table is to be divided by a column that is none of its own.
pub(crate) fn not_defined(
    kind: &str,
    column: &str,
    table: &TableName,
    columns: &[impl AsRef<str>],
) -> SparkError {
    let columns: Vec<String> = columns.iter().map(|column| quote(column.as_ref())).collect();
    SparkError::new(
        "COLUMN_NOT_DEFINED_IN_TABLE",
        [
            ("colType", kind.to_owned()),
            ("colName", quote(column)),
            ("tableName", names::full(table)),
            ("tableCols", columns.join(", ")),
        ],
    )
}

/// What the columns must be like that a table is divided by.
pub(crate) fn partitioning(
    schema: &SchemaRef,
    table: &TableName,
    partition_by: &[String],
) -> Result<(), SparkError> {
    let partitions: Vec<&str> = partition_by.iter().map(String::as_str).collect();
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    for column in &partitions {
        if find(schema, column).is_none() {
            return Err(not_defined("partition", column, table, &columns));
        }
    }
    if let Some(name) = twice(&partitions) {
        return Err(exists_already(&name));
    }
    if !partitions.is_empty() && partitions.len() == schema.fields().len() {
        return Err(SparkError::plain("ALL_PARTITION_COLUMNS_NOT_ALLOWED"));
    }
    for column in &partitions {
        if let Some(field) = find(schema, column)
            && matches!(
                field.data_type(),
                DataType::List(_) | DataType::Map(..) | DataType::Struct(_) | DataType::Null
            )
        {
            return Err(SparkError::new(
                "INVALID_PARTITION_COLUMN_DATA_TYPE",
                [("type", format!("\"{}\"", sql_string(field.data_type())))],
            ));
        }
    }
    Ok(())
}

/// What a table that is to be created must be like.
pub(crate) fn create(
    schema: &SchemaRef,
    table: &TableName,
    partition_by: &[String],
    buckets: Option<&Buckets>,
    provider: &str,
) -> Result<(), SparkError> {
    if schema.fields().is_empty() {
        return Err(SparkError::other("a table must have at least one column"));
    }
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if let Some(name) = twice(&columns) {
        return Err(exists_already(&name));
    }
    for field in schema.fields() {
        storable(field, provider)?;
    }
    partitioning(schema, table, partition_by)?;
    let Some(buckets) = buckets else { return Ok(()) };
    for (kind, named) in [("bucket", &buckets.columns), ("sort", &buckets.sorted_by)] {
        for column in named {
            if find(schema, column).is_none() {
                return Err(not_defined(kind, column, table, &columns));
            }
            if kind == "bucket" && partition_by.iter().any(|part| part.eq_ignore_ascii_case(column))
            {
                return Err(SparkError::new(
                    "_LEGACY_ERROR_TEMP_1166",
                    [
                        ("bucketCol", column.clone()),
                        ("normalizedPartCols", partition_by.join(", ")),
                    ],
                ));
            }
        }
    }
    Ok(())
}

/// Types that Spark has and keeps in no table.
fn storable(field: &Field, provider: &str) -> Result<(), SparkError> {
    match field.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => Err(SparkError::new(
            "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
            [
                ("columnName", quote(field.name())),
                ("columnType", "\"INTERVAL\"".to_owned()),
                ("format", source::title(provider)),
            ],
        )),
        DataType::Time32(_) | DataType::Time64(_) => {
            Err(SparkError::plain("UNSUPPORTED_TIME_TYPE"))
        }
        _ => Ok(()),
    }
}

/// The columns with those that rows are divided by last, in the order in which these were given;
/// and from where each comes.
pub(crate) fn partitions_last(
    schema: &SchemaRef,
    partition_by: &[String],
) -> Result<(SchemaRef, Vec<usize>), SparkError> {
    let order = annals_sql::command::partitions_last(schema, partition_by);
    Ok((Arc::new(schema.project(&order).map_err(rows::arrow)?), order))
}

/// Whether rows of these columns can be appended by name. Types are the engine's affair.
pub(crate) fn append(rows: &SchemaRef, table: &Table, merge: bool) -> Result<(), SparkError> {
    let existing = table.schema();
    if merge {
        return Ok(());
    }
    if rows.fields().len() != existing.fields().len() {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1161",
            [
                ("tableName", names::full_plain(table.name())),
                ("existingTableSchema", struct_string(existing.fields())),
                ("querySchema", struct_string(rows.fields())),
            ],
        ));
    }
    for field in existing.fields() {
        let mut found =
            rows.fields().iter().filter(|other| other.name().eq_ignore_ascii_case(field.name()));
        match (found.next(), found.next()) {
            (Some(_), None) => {}
            (None, _) => {
                let columns: Vec<&str> =
                    rows.fields().iter().map(|field| field.name().as_str()).collect();
                return Err(SparkError::new(
                    "_LEGACY_ERROR_TEMP_1162",
                    [("col", field.name().clone()), ("inputColumns", columns.join(", "))],
                ));
            }
            (Some(_), Some(_)) => {
                let quoted = quote(field.name());
                return Err(SparkError::new(
                    "AMBIGUOUS_REFERENCE",
                    [("name", quoted.clone()), ("referenceNames", format!("[{quoted}, {quoted}]"))],
                ));
            }
        }
    }
    Ok(())
}

/// Whether an append names the columns that the table is divided by.
pub(crate) fn same_partitions(table: &Table, asked: &[String]) -> Result<(), SparkError> {
    let existing = table.partition_columns();
    let same = existing.len() == asked.len()
        && existing.iter().zip(asked).all(|(one, other)| one.eq_ignore_ascii_case(other));
    if same {
        return Ok(());
    }
    Err(SparkError::new(
        "_LEGACY_ERROR_TEMP_1163",
        [
            ("tableName", names::full_plain(table.name())),
            ("specifiedPartCols", asked.join(", ")),
            ("existingPartCols", existing.join(", ")),
        ],
    ))
}

/// Whether an append names the table's buckets.
pub(crate) fn same_buckets(table: &Table, asked: Option<&Buckets>) -> Result<(), SparkError> {
    let existing = details::buckets(table);
    let same = match (&existing, asked) {
        (None, None) => true,
        (Some(one), Some(other)) => one.same(other),
        _ => false,
    };
    if same {
        return Ok(());
    }
    let shown = |buckets: Option<&Buckets>| {
        buckets.map_or_else(|| "not bucketed".to_owned(), Buckets::shown)
    };
    Err(SparkError::new(
        "_LEGACY_ERROR_TEMP_1164",
        [
            ("tableName", names::full_plain(table.name())),
            ("specifiedBucketString", shown(asked)),
            ("existingBucketString", shown(existing.as_ref())),
        ],
    ))
}

/// A writer has no way to name the columns of `CLUSTER BY`, so that it never goes with them.
pub(crate) fn same_clustering(table: &Table) -> Result<(), SparkError> {
    let Some(existing) = table.properties().get(CLUSTER_BY) else { return Ok(()) };
    let columns: Vec<String> = existing.split('\n').map(|name| format!("[\"{name}\"]")).collect();
    Err(SparkError::new(
        "CLUSTERING_COLUMNS_MISMATCH",
        [
            ("tableName", names::full_plain(table.name())),
            ("specifiedClusteringString", String::new()),
            ("existingClusteringString", format!("[{}]", columns.join(","))),
        ],
    ))
}
