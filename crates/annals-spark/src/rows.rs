//! Rows: out of Arrow batches, and into them.

use std::ops::Index;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, ListArray, MapArray,
    NullArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Field,
    Fields, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Schema, SchemaRef,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;

use datafusion::scalar::ScalarValue;

use crate::error::SparkError;
use crate::types;
use crate::value::Value;

/// The microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// One row: values, and the names of their columns where it came out of a frame.
#[derive(Clone, Debug)]
pub struct Row {
    values: Vec<Value>,
    names: Option<SchemaRef>,
}

impl PartialEq for Row {
    /// Rows are equal if their values are; names do not count.
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Row {
    /// A row of these values.
    pub fn new<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> Self {
        Self { values: values.into_iter().map(Into::into).collect(), names: None }
    }

    /// Its values, in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value in a column, whose name is compared without case.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let fields = self.names.as_ref()?.fields();
        let index = fields.iter().position(|field| field.name().eq_ignore_ascii_case(name))?;
        self.values.get(index)
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl Index<usize> for Row {
    type Output = Value;

    fn index(&self, index: usize) -> &Value {
        &self.values[index]
    }
}

impl Index<&str> for Row {
    type Output = Value;

    /// Panics if there is no such column, as an index out of bounds does; [`Row::get`] does not.
    fn index(&self, name: &str) -> &Value {
        self.get(name).unwrap_or_else(|| panic!("the row has no column `{name}`"))
    }
}

/// The rows of batches.
pub(crate) fn of_batches(batches: &[RecordBatch]) -> Result<Vec<Row>, SparkError> {
    let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        let schema = batch.schema();
        for index in 0..batch.num_rows() {
            let values = batch.columns().iter().map(|column| value_at(column.as_ref(), index));
            let values = values.collect::<Result<Vec<Value>, ArrowError>>().map_err(arrow)?;
            rows.push(Row { values, names: Some(Arc::clone(&schema)) });
        }
    }
    Ok(rows)
}

pub(crate) fn arrow(error: ArrowError) -> SparkError {
    SparkError::other(error.to_string()).caused_by(error)
}

/// One value out of an array. Types that Spark lacks are cast to the one that holds their values.
pub(crate) fn value_at(array: &dyn Array, index: usize) -> Result<Value, ArrowError> {
    if array.is_null(index) || array.data_type() == &DataType::Null {
        return Ok(Value::Null);
    }
    macro_rules! primitive {
        ($type:ty) => {
            array.as_primitive::<$type>().value(index)
        };
    }
    Ok(match array.data_type() {
        DataType::Boolean => Value::Boolean(array.as_boolean().value(index)),
        DataType::Int8 => Value::Byte(primitive!(Int8Type)),
        DataType::Int16 => Value::Short(primitive!(Int16Type)),
        DataType::Int32 => Value::Int(primitive!(Int32Type)),
        DataType::Int64 => Value::Long(primitive!(Int64Type)),
        DataType::Float32 => Value::Float(primitive!(Float32Type)),
        DataType::Float64 => Value::Double(primitive!(Float64Type)),
        DataType::Decimal128(_, scale) => Value::Decimal(primitive!(Decimal128Type), *scale),
        DataType::Utf8 => Value::String(array.as_string::<i32>().value(index).to_owned()),
        DataType::LargeUtf8 => Value::String(array.as_string::<i64>().value(index).to_owned()),
        DataType::Utf8View => Value::String(array.as_string_view().value(index).to_owned()),
        DataType::Binary => Value::Binary(array.as_binary::<i32>().value(index).to_vec()),
        DataType::Date32 => Value::Date(primitive!(Date32Type)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = primitive!(TimestampMicrosecondType);
            if zone.is_some() { Value::Timestamp(micros) } else { Value::TimestampNtz(micros) }
        }
        DataType::Time64(TimeUnit::Microsecond) => Value::Time(primitive!(Time64MicrosecondType)),
        DataType::Interval(IntervalUnit::YearMonth) => {
            Value::YearMonth(primitive!(IntervalYearMonthType))
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            Value::DayTime(primitive!(DurationMicrosecondType))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let parts = primitive!(IntervalMonthDayNanoType);
            Value::Interval(parts.months, parts.days, parts.nanoseconds / 1000)
        }
        DataType::List(_) => {
            let item = array.as_list::<i32>().value(index);
            let values = (0..item.len()).map(|at| value_at(item.as_ref(), at));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(index);
            let entry = |at| {
                let key = value_at(entries.column(0).as_ref(), at)?;
                Ok::<_, ArrowError>((key, value_at(entries.column(1).as_ref(), at)?))
            };
            Value::Map((0..entries.len()).map(entry).collect::<Result<_, _>>()?)
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let values = columns.map(|column| value_at(column.as_ref(), index));
            let names = Arc::new(arrow::datatypes::Schema::new(fields.clone()));
            Value::Struct(Row { values: values.collect::<Result<_, _>>()?, names: Some(names) })
        }
        other => {
            let one = array.slice(index, 1);
            let plain = cast(&one, &plain_type(other))?;
            return value_at(plain.as_ref(), 0);
        }
    })
}

/// The type that holds the values of one that Spark lacks.
pub(crate) fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            DataType::Decimal128((*precision).min(38), *scale)
        }
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::clone(item))
        }
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        _ => DataType::Utf8,
    }
}

/// The columns of rows of which only the names are known: each has the type of its first value.
/// Whole numbers are `BIGINT`, as in Python.
/// A value as a literal. A decimal has as many digits as are written.
pub(crate) fn scalar(value: &Value) -> Result<ScalarValue, SparkError> {
    let of = match value {
        Value::Decimal(unscaled, scale) => {
            let digits = unscaled.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
            let digits = digits.max(u32::from(scale.unsigned_abs()));
            let fits = u8::try_from(digits).ok().filter(|digits| *digits <= 38 && *scale >= 0);
            let too_long =
                || SparkError::other(format!("the decimal {value} has more than 38 digits"));
            DataType::Decimal128(fits.ok_or_else(too_long)?, *scale)
        }
        other => type_of(other),
    };
    let schema = Arc::new(Schema::new(vec![Field::new("value", of, true)]));
    let batch = to_batch(&schema, &[Row::new([value.clone()])])?;
    ScalarValue::try_from_array(batch.column(0), 0)
        .map_err(|error| SparkError::other(error.to_string()).caused_by(error))
}

pub(crate) fn inferred(rows: &[Row], names: &[&str]) -> Result<Schema, SparkError> {
    let column = |(index, name): (usize, &&str)| {
        let values = rows.iter().filter_map(|row| row.values.get(index));
        let types = values.map(type_of).find(|found| *found != DataType::Null);
        match types {
            Some(found) => Ok(Field::new(*name, found, true)),
            None => Err(SparkError::plain("CANNOT_DETERMINE_TYPE")),
        }
    };
    let columns = names.iter().enumerate().map(column).collect::<Result<Vec<_>, _>>()?;
    Ok(Schema::new(columns))
}

fn type_of(value: &Value) -> DataType {
    match value {
        Value::Null => DataType::Null,
        Value::Boolean(_) => DataType::Boolean,
        Value::Byte(_) | Value::Short(_) | Value::Int(_) | Value::Long(_) => DataType::Int64,
        Value::Float(_) | Value::Double(_) => DataType::Float64,
        Value::Decimal(..) => DataType::Decimal128(38, 18),
        Value::String(_) => DataType::Utf8,
        Value::Binary(_) => DataType::Binary,
        Value::Date(_) => DataType::Date32,
        Value::Timestamp(_) => types::timestamp(),
        Value::TimestampNtz(_) => types::timestamp_ntz(),
        Value::Time(_) => DataType::Time64(TimeUnit::Microsecond),
        Value::YearMonth(_) => DataType::Interval(IntervalUnit::YearMonth),
        Value::DayTime(_) => DataType::Duration(TimeUnit::Microsecond),
        Value::Interval(..) => DataType::Interval(IntervalUnit::MonthDayNano),
        Value::Array(values) => {
            let item = values.iter().map(type_of).find(|found| *found != DataType::Null);
            types::array_of(item.unwrap_or(DataType::Null))
        }
        Value::Map(entries) => match entries.first() {
            Some((key, value)) => types::map_of(type_of(key), type_of(value)),
            None => types::map_of(DataType::Null, DataType::Null),
        },
        Value::Struct(row) => {
            let fields = row.values.iter().enumerate();
            let field = |(at, value): (usize, &Value)| {
                Field::new(format!("_{}", at + 1), type_of(value), true)
            };
            DataType::Struct(fields.map(field).collect())
        }
    }
}

/// A batch of these rows.
pub(crate) fn to_batch(schema: &SchemaRef, rows: &[Row]) -> Result<RecordBatch, SparkError> {
    if let Some(row) = rows.iter().find(|row| row.len() != schema.fields().len()) {
        return Err(SparkError::other(format!(
            "a row has {} values, where {} columns were announced",
            row.len(),
            schema.fields().len()
        )));
    }
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let values: Vec<&Value> = rows.iter().map(|row| &row.values[index]).collect();
        column(field, &values)
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, SparkError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow)
}

fn unfit(field: &Field, value: &Value) -> SparkError {
    SparkError::other(format!(
        "the value {value} does not go into the column `{}` of the type {}",
        field.name(),
        types::simple_string(field.data_type())
    ))
}

fn primitives<T: ArrowPrimitiveType>(
    field: &Field,
    values: &[&Value],
    of: impl Fn(&Value) -> Option<T::Native>,
) -> Result<PrimitiveArray<T>, SparkError> {
    let value = |value: &&Value| match value {
        Value::Null => Ok(None),
        value => of(value).map(Some).ok_or_else(|| unfit(field, value)),
    };
    values.iter().map(value).collect()
}

fn column(field: &Field, values: &[&Value]) -> Result<ArrayRef, SparkError> {
    if !field.is_nullable() && values.iter().any(|value| value.is_null()) {
        return Err(SparkError::other(format!(
            "the column `{}` is declared NOT NULL and a row has null there",
            field.name()
        )));
    }
    let data_type = field.data_type();
    macro_rules! integers {
        ($type:ty) => {
            Arc::new(primitives::<$type>(field, values, |value| {
                value.as_i64().and_then(|value| value.try_into().ok())
            })?)
        };
    }
    Ok(match data_type {
        DataType::Null => match values.iter().find(|value| !value.is_null()) {
            Some(value) => return Err(unfit(field, value)),
            None => Arc::new(NullArray::new(values.len())),
        },
        DataType::Boolean => {
            let value = |value: &&Value| match value {
                Value::Null => Ok(None),
                value => value.as_bool().map(Some).ok_or_else(|| unfit(field, value)),
            };
            Arc::new(values.iter().map(value).collect::<Result<BooleanArray, _>>()?)
        }
        DataType::Int8 => integers!(Int8Type),
        DataType::Int16 => integers!(Int16Type),
        DataType::Int32 => integers!(Int32Type),
        DataType::Int64 => integers!(Int64Type),
        #[expect(clippy::cast_possible_truncation, reason = "a float is asked for")]
        DataType::Float32 => Arc::new(primitives::<Float32Type>(field, values, |value| {
            value.as_f64().map(|value| value as f32)
        })?),
        DataType::Float64 => Arc::new(primitives::<Float64Type>(field, values, Value::as_f64)?),
        DataType::Decimal128(precision, scale) => {
            let array =
                primitives::<Decimal128Type>(field, values, |value| rescaled(value, *scale));
            let array: Decimal128Array = array?;
            let array = array.with_precision_and_scale(*precision, *scale).map_err(arrow)?;
            array.validate_decimal_precision(*precision).map_err(arrow)?;
            Arc::new(array)
        }
        DataType::Utf8 => {
            let value = |value: &&Value| match value {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                value => Err(unfit(field, value)),
            };
            Arc::new(values.iter().map(value).collect::<Result<StringArray, _>>()?)
        }
        DataType::Binary => {
            let value = |value: &&Value| match value {
                Value::Null => Ok(None),
                Value::Binary(bytes) => Ok(Some(bytes.clone())),
                value => Err(unfit(field, value)),
            };
            let bytes = values.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            Arc::new(bytes.into_iter().collect::<BinaryArray>())
        }
        DataType::Date32 => {
            Arc::new(primitives::<Date32Type>(field, values, |value| match value {
                Value::Date(days) => Some(*days),
                _ => None,
            })?)
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let array =
                primitives::<TimestampMicrosecondType>(field, values, |value| match value {
                    Value::Timestamp(micros) | Value::TimestampNtz(micros) => Some(*micros),
                    _ => None,
                })?;
            Arc::new(array.with_timezone_opt(zone.clone()))
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            Arc::new(primitives::<IntervalYearMonthType>(field, values, |value| match value {
                Value::YearMonth(months) => Some(*months),
                _ => None,
            })?)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            Arc::new(primitives::<DurationMicrosecondType>(field, values, |value| match value {
                Value::DayTime(micros) => Some(*micros),
                _ => None,
            })?)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let of = |value: &Value| match value {
                Value::Interval(months, days, micros) => {
                    let nanos = micros.checked_mul(1_000)?;
                    Some(IntervalMonthDayNanoType::make_value(*months, *days, nanos))
                }
                _ => None,
            };
            Arc::new(primitives::<IntervalMonthDayNanoType>(field, values, of)?)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            Arc::new(primitives::<Time64MicrosecondType>(field, values, |value| match value {
                Value::Time(micros) if (0..DAY_MICROS).contains(micros) => Some(*micros),
                _ => None,
            })?)
        }
        DataType::List(item) => list(field, item, values)?,
        DataType::Map(entries, _) => map(field, entries, values)?,
        DataType::Struct(fields) => structs(field, fields, values)?,
        other => {
            return Err(SparkError::other(format!(
                "rows cannot be made for the column `{}` of the type {}",
                field.name(),
                types::simple_string(other)
            )));
        }
    })
}

/// The digits of a number at this scale, if it has no more of them.
fn rescaled(value: &Value, scale: i8) -> Option<i128> {
    let (unscaled, from) = match value {
        Value::Decimal(unscaled, from) => (*unscaled, *from),
        value => (i128::from(value.as_i64()?), 0),
    };
    let factor = 10_i128.checked_pow(u32::from(scale.abs_diff(from)))?;
    if scale >= from {
        unscaled.checked_mul(factor)
    } else {
        (unscaled % factor == 0).then_some(unscaled / factor)
    }
}

fn list(field: &Field, item: &Arc<Field>, values: &[&Value]) -> Result<ArrayRef, SparkError> {
    let mut items = Vec::new();
    let mut lengths = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::Null => lengths.push(0),
            Value::Array(within) => {
                items.extend(within);
                lengths.push(within.len());
            }
            value => return Err(unfit(field, value)),
        }
    }
    let items = column(item, &items)?;
    let array = ListArray::try_new(
        Arc::clone(item),
        OffsetBuffer::from_lengths(lengths),
        items,
        nulls(values),
    );
    Ok(Arc::new(array.map_err(arrow)?))
}

fn map(field: &Field, entries: &Arc<Field>, values: &[&Value]) -> Result<ArrayRef, SparkError> {
    let Some((key_field, value_field)) = types::key_and_value(entries) else {
        return Ok(new_null_array(field.data_type(), values.len()));
    };
    let (mut keys, mut within, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        match value {
            Value::Null => lengths.push(0),
            Value::Map(entries) => {
                keys.extend(entries.iter().map(|(key, _)| key));
                within.extend(entries.iter().map(|(_, value)| value));
                lengths.push(entries.len());
            }
            value => return Err(unfit(field, value)),
        }
    }
    let columns = vec![column(key_field, &keys)?, column(value_field, &within)?];
    let fields = Fields::from(vec![Arc::clone(key_field), Arc::clone(value_field)]);
    let pairs = StructArray::try_new(fields, columns, None).map_err(arrow)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let array = MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls(values), false);
    Ok(Arc::new(array.map_err(arrow)?))
}

fn structs(field: &Field, fields: &Fields, values: &[&Value]) -> Result<ArrayRef, SparkError> {
    let mut columns = Vec::with_capacity(fields.len());
    for (index, inner) in fields.iter().enumerate() {
        let mut within = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::Null => within.push(&Value::Null),
                Value::Struct(row) if row.len() == fields.len() => within.push(&row.values[index]),
                value => return Err(unfit(field, value)),
            }
        }
        // What stands under a struct that is null is null too, whatever the column says.
        let inner = Field::clone(inner).with_nullable(true);
        columns.push(column(&inner, &within)?);
    }
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(values.len(), nulls(values))));
    }
    let array = StructArray::try_new(fields.clone(), columns, nulls(values));
    Ok(Arc::new(array.map_err(arrow)?))
}

fn nulls(values: &[&Value]) -> Option<NullBuffer> {
    let valid: Vec<bool> = values.iter().map(|value| !value.is_null()).collect();
    if valid.iter().all(|valid| *valid) { None } else { Some(NullBuffer::from(valid)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_into_a_batch_and_out_again() {
        let ddl = "b BOOLEAN, i INT, l BIGINT, d DOUBLE, e DECIMAL(10,2), s STRING, x BINARY, \
                   t TIMESTAMP, n TIMESTAMP_NTZ, y DATE, a ARRAY<INT>, m MAP<STRING, INT>, \
                   r STRUCT<p: INT, q: STRING>, v VOID";
        let schema = Arc::new(types::parse_ddl(ddl).unwrap());
        let full = Row::new([
            Value::Boolean(true),
            Value::Int(1),
            Value::Long(2),
            Value::Double(1.5),
            Value::Decimal(128, 2),
            Value::from("x"),
            Value::Binary(vec![1, 2]),
            Value::Timestamp(5),
            Value::TimestampNtz(6),
            Value::Date(7),
            Value::Array(vec![Value::Int(1), Value::Null]),
            Value::Map(vec![("k".into(), Value::Null)]),
            Value::Struct(Row::new([Value::Int(1), Value::from("q")])),
            Value::Null,
        ]);
        let none = Row::new(vec![Value::Null; 14]);
        let rows = vec![full, none];
        let batch = to_batch(&schema, &rows).unwrap();
        assert_eq!(of_batches(&[batch]).unwrap(), rows);
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        let schema = Arc::new(types::parse_ddl("id TINYINT NOT NULL, d DECIMAL(3,1)").unwrap());
        let refused = |values: [Value; 2]| to_batch(&schema, &[Row::new(values)]).is_err();
        assert!(!refused([Value::Int(127), Value::Int(99)]));
        assert!(refused([Value::Int(128), Value::Null]));
        assert!(refused([Value::from("x"), Value::Null]));
        assert!(refused([Value::Null, Value::Null]));
        assert!(refused([Value::Int(1), Value::Int(100)]));
        assert!(refused([Value::Int(1), Value::Decimal(125, 2)]));
        assert!(to_batch(&schema, &[Row::new([1])]).is_err());
    }

    #[test]
    fn a_value_is_found_by_its_column_s_name() {
        let schema = Arc::new(types::parse_ddl("Id INT").unwrap());
        let batch = to_batch(&schema, &[Row::new([7])]).unwrap();
        let rows = of_batches(&[batch]).unwrap();
        assert_eq!(rows[0]["id"], Value::Int(7));
        assert_eq!(rows[0].get("nope"), None);
    }

    #[test]
    fn a_batch_without_columns_has_rows() {
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        let rows = vec![Row::new(Vec::<Value>::new()); 3];
        assert_eq!(to_batch(&schema, &rows).unwrap().num_rows(), 3);
    }
}
