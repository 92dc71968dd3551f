//! Values into values of another type. What does not fit becomes null; `cast` looks for that.
//!
//! Arrow's kernels do what they do exactly right: numbers that are not decimals, encodings of
//! strings and bytes, relabelling. The rest is here, as Arrow (59) differs: integers wrap on the
//! way into a narrow decimal, rescaling a decimal close to its greatest precision can wrap or
//! panic, doubles are scaled in binary, dates overflow, instants are cut towards 1970 and not
//! rounded down, and texts are not Spark's.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    BinaryViewType, ByteArrayType, ByteViewType, LargeBinaryType, LargeUtf8Type, StringViewType,
};
use arrow_array::{Array, ArrayRef};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType};

use super::super::kin::{is_bytes, is_text};
use super::{decimal, text, time};

/// The array as one of `to`, with nulls where a value does not fit.
pub(super) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType::*;
    let from = array.data_type();
    let is_plain = |t: &DataType| t.is_integer() || t.is_floating();
    match (from, to) {
        _ if is_plain(from) && is_plain(to) => arrow(array, to),
        _ if to.is_decimal() && from.is_numeric() => decimal::from_number(array, to),
        _ if from.is_decimal() && is_plain(to) => decimal::to_number(array, to),
        _ if is_text(from) && is_text(to) || is_bytes(from) && is_bytes(to) => reencode(array, to),
        (FixedSizeBinary(_), _) if is_bytes(to) => arrow(array, to),
        (FixedSizeBinary(_) | Binary | LargeBinary | BinaryView, _) if is_text(to) => {
            let bytes = arrow(array, &LargeBinary)?;
            reencode(&arrow(&bytes, &LargeUtf8)?, to)
        }
        (Interval(_), Interval(_)) => arrow(array, to),
        _ if is_text(to) => reencode(&text::render(array)?, to),
        _ => time::convert(array, to),
    }
}

/// Arrow's kernel, with nulls where a value does not fit.
pub(super) fn arrow(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() })
}

/// Strings or bytes with other offsets. Arrow's builders panic where the offsets overflow.
fn reencode(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let bytes = match array.data_type() {
        DataType::LargeUtf8 => bytes_of::<LargeUtf8Type>(array),
        DataType::LargeBinary => bytes_of::<LargeBinaryType>(array),
        DataType::Utf8View => bytes_of_views::<StringViewType>(array),
        DataType::BinaryView => bytes_of_views::<BinaryViewType>(array),
        _ => 0,
    };
    let has_small_offsets = matches!(to, DataType::Utf8 | DataType::Binary);
    if has_small_offsets && i32::try_from(bytes).is_err() {
        return Err(ArrowError::OffsetOverflowError(bytes));
    }
    arrow(array, to)
}

fn bytes_of<T: ByteArrayType<Offset = i64>>(array: &ArrayRef) -> usize {
    let offsets = array.as_bytes::<T>().value_offsets();
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => usize::try_from(last - first).unwrap_or(usize::MAX),
        _ => 0,
    }
}

fn bytes_of_views<T: ByteViewType>(array: &ArrayRef) -> usize {
    array.as_byte_view::<T>().lengths().map(|len| len as usize).sum()
}
