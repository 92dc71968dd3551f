//! Functions of Spark's that neither `DataFusion` nor `datafusion-spark` has.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, interleave};
use arrow::datatypes::{DataType, Fields};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::types::{key_and_value, map_of};

/// All of them.
pub(crate) fn all() -> Vec<ScalarUDF> {
    vec![ScalarUDF::from(Map::new()), ScalarUDF::from(RaiseError::new())]
}

/// `map(key, value, …)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Map {
    signature: Signature,
}

impl Map {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

/// The type that holds the values of all of these.
fn common(types: impl Iterator<Item = DataType>) -> Result<DataType> {
    let mut common = DataType::Null;
    for data_type in types {
        common = match comparison_coercion(&common, &data_type) {
            Some(both) => both,
            None if common == data_type => common,
            None => return plan_err!("the keys, or the values, of a map must be of one type"),
        };
    }
    Ok(common)
}

fn pair_types(types: &[DataType]) -> Result<(DataType, DataType)> {
    if !types.len().is_multiple_of(2) {
        return plan_err!("map() takes pairs of keys and values");
    }
    let keys = common(types.iter().step_by(2).cloned())?;
    let values = common(types.iter().skip(1).step_by(2).cloned())?;
    Ok((keys, values))
}

impl ScalarUDFImpl for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (key, value) = pair_types(types)?;
        Ok([key, value].into_iter().cycle().take(types.len()).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let (key, value) = pair_types(types)?;
        Ok(map_of(key, value))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::Map(entries, _) = args.return_field.data_type().clone() else {
            return exec_err!("map() gives a map");
        };
        let Some((key_field, value_field)) = key_and_value(&entries) else {
            return exec_err!("map() gives pairs");
        };
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let rows = args.number_rows;
        let pairs = arrays.len() / 2;
        let arranged = |offset: usize, to: &DataType| -> Result<ArrayRef> {
            let typed = arrays.iter().skip(offset).step_by(2).map(|array| cast(array, to));
            let typed = typed.collect::<Result<Vec<ArrayRef>, _>>()?;
            let views: Vec<&dyn Array> = typed.iter().map(AsRef::as_ref).collect();
            let order: Vec<(usize, usize)> = (0..rows)
                .flat_map(|row| (0..pairs).map(move |pair| (pair, row)))
                .map(|(pair, row)| (pair, if views[pair].len() == 1 { 0 } else { row }))
                .collect();
            if views.is_empty() {
                return Ok(arrow::array::new_empty_array(to));
            }
            Ok(interleave(&views, &order)?)
        };
        let keys = arranged(0, key_field.data_type())?;
        if keys.logical_null_count() > 0 {
            return exec_err!("a key of a map cannot be null");
        }
        let values = arranged(1, value_field.data_type())?;
        let fields = Fields::from(vec![Arc::clone(key_field), Arc::clone(value_field)]);
        let within = StructArray::try_new(fields, vec![keys, values], None)?;
        let offsets = OffsetBuffer::from_repeated_length(pairs, rows);
        let map = MapArray::try_new(entries, offsets, within, None, false)?;
        Ok(ColumnarValue::Array(Arc::new(map)))
    }
}

/// `raise_error(message)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct RaiseError {
    signature: Signature,
}

impl RaiseError {
    fn new() -> Self {
        // Volatile, so that it is not computed before there are rows.
        Self { signature: Signature::exact(vec![DataType::Utf8], Volatility::Volatile) }
    }
}

/// What stands before the message of an error that a statement raised itself.
pub(crate) const RAISED: &str = "USER_RAISED_EXCEPTION: ";

impl ScalarUDFImpl for RaiseError {
    fn name(&self) -> &'static str {
        "raise_error"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Null)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        if args.number_rows == 0 || arrays[0].is_empty() {
            let none = arrow::array::new_null_array(&DataType::Null, args.number_rows);
            return Ok(ColumnarValue::Array(none));
        }
        let message = arrays[0].as_string::<i32>().value(0).to_owned();
        exec_err!("{RAISED}{message}")
    }
}
