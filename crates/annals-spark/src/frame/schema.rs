//! The columns of plans and batches, with the types that Spark has.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::DFSchema;

use crate::error::SparkError;
use crate::rows::{self, plain_type};

/// The columns of a plan as Spark has them.
pub(super) fn spark_schema(schema: &DFSchema) -> Schema {
    Schema::new(schema.fields().iter().map(|field| spark_field(field)).collect::<Vec<Field>>())
}

fn spark_field(field: &Field) -> Field {
    field.clone().with_data_type(spark_type(field.data_type()))
}

/// The type that Spark has for the values of an Arrow type.
fn spark_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| spark_field(field)).collect())
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(spark_field(item)))
        }
        DataType::Map(entries, sorted) => DataType::Map(Arc::new(spark_field(entries)), *sorted),
        DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Date64
        | DataType::Timestamp(..)
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal256(..)
        | DataType::Dictionary(..) => plain_type(data_type),
        other => other.clone(),
    }
}

pub(super) fn as_spark_has_it(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, SparkError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast(column, field.data_type())
    });
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(rows::arrow)?;
    // A query may say that a column has no nulls and be mistaken about it; the rows are right.
    let fields = schema.fields().iter().zip(&columns).map(|(field, column)| {
        let nulls = column.logical_null_count() > 0;
        Field::clone(field).with_nullable(field.is_nullable() || nulls)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(rows::arrow)
}
