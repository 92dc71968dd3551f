//! Literals of any Arrow type.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, NullArray, StringArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array, new_null_array,
};
use arrow_schema::DataType;

use super::PredicateError;
use super::coerce::{self, Ready};

/// One value of any Arrow type: an array of one row.
#[derive(Clone, Debug)]
pub struct Literal(ArrayRef);

impl Literal {
    /// Takes the only row of `array`, such as a date, a decimal or a timestamp.
    ///
    /// # Errors
    ///
    /// [`PredicateError::NotOneRow`] if `array` has no row or several.
    pub fn from_array(array: ArrayRef) -> Result<Self, PredicateError> {
        match array.len() {
            1 => Ok(Self(array)),
            rows => Err(PredicateError::NotOneRow { rows }),
        }
    }

    /// The value, as an array of one row.
    pub fn array(&self) -> &ArrayRef {
        &self.0
    }

    /// The same value in another type, if that can express it exactly: `0` as a float, but not
    /// `0.5` as an integer. A null goes into every type.
    pub fn exactly(&self, data_type: &DataType) -> Option<ArrayRef> {
        if self.0.data_type() == data_type {
            return Some(Arc::clone(&self.0));
        }
        if self.0.logical_nulls().is_some_and(|nulls| nulls.null_count() > 0) {
            return Some(new_null_array(data_type, 1));
        }
        match coerce::literal(&self.0, coerce::leaf(data_type)?) {
            Ok(Ok(Ready::Same(value))) if value.data_type() == data_type => Some(value),
            Ok(Ok(Ready::Same(value))) => coerce::cast(&value, data_type).ok(),
            _ => None,
        }
    }
}

/// `None` is a null that has the type of whatever it is compared with.
impl<T> From<Option<T>> for Literal
where
    Literal: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or_else(|| Self(Arc::new(NullArray::new(1))), Self::from)
    }
}

impl From<&str> for Literal {
    fn from(value: &str) -> Self {
        Self(Arc::new(StringArray::from_iter_values([value])))
    }
}

impl From<String> for Literal {
    fn from(value: String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<&[u8]> for Literal {
    fn from(value: &[u8]) -> Self {
        Self(Arc::new(BinaryArray::from_iter_values([value])))
    }
}

impl From<Vec<u8>> for Literal {
    fn from(value: Vec<u8>) -> Self {
        Self::from(value.as_slice())
    }
}

macro_rules! from_native {
    ($($native:ty => $array:ty),+ $(,)?) => {$(
        impl From<$native> for Literal {
            fn from(value: $native) -> Self {
                Self(Arc::new(<$array>::from(vec![value])))
            }
        }
    )+};
}

from_native! {
    bool => BooleanArray,
    i8 => Int8Array, i16 => Int16Array, i32 => Int32Array, i64 => Int64Array,
    u8 => UInt8Array, u16 => UInt16Array, u32 => UInt32Array, u64 => UInt64Array,
    f32 => Float32Array, f64 => Float64Array,
}
