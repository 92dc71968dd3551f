//! Exact statistics of one column.
//!
//! The order is the one of Arrow's comparison kernels, so that what statistics rule out, the
//! kernels would not have found. For floats that is IEEE 754's totalOrder: -NaN < -∞ < -0.0 <
//! 0.0 < ∞ < NaN.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType, Float64Type};
use arrow_array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, BooleanArray, Float64Array,
    GenericByteArray, GenericByteViewArray, PrimitiveArray, downcast_primitive_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_ord::ord::make_comparator;
use arrow_schema::{DataType, SortOptions};

/// How many values of a column are null, and which rows hold a smallest and a largest one.
///
/// The value itself is `column.slice(row, 1)`: no copy, and no type of our own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnStats {
    null_count: u64,
    extremes: Option<(usize, usize)>,
}

impl ColumnStats {
    pub(super) fn new(null_count: u64, extremes: Option<(usize, usize)>) -> Self {
        Self { null_count, extremes }
    }

    /// The statistics of a column that holds nothing but nulls.
    pub(super) fn all_null(rows: usize) -> Self {
        Self { null_count: rows as u64, extremes: None }
    }

    /// How many values are null, those included that are null by way of a dictionary.
    pub fn null_count(&self) -> u64 {
        self.null_count
    }

    /// The first row that holds the smallest value; `None` if all are null or the type has no
    /// order (nested types and `Null`).
    pub fn min_row(&self) -> Option<usize> {
        self.extremes.map(|(min, _)| min)
    }

    /// The first row that holds the largest value; `None` if all are null or the type has no
    /// order (nested types and `Null`).
    pub fn max_row(&self) -> Option<usize> {
        self.extremes.map(|(_, max)| max)
    }

    /// The lesser of two arrays of one row; `None` stands for no value, and any value is less.
    /// Values of different types, or without an order, have no lesser one: `None`.
    pub fn smaller(one: Option<ArrayRef>, other: Option<ArrayRef>) -> Option<ArrayRef> {
        Self::choose(one, other, Ordering::is_le)
    }

    /// The greater of two arrays of one row, as [`smaller`](Self::smaller).
    pub fn larger(one: Option<ArrayRef>, other: Option<ArrayRef>) -> Option<ArrayRef> {
        Self::choose(one, other, Ordering::is_ge)
    }

    fn choose(
        one: Option<ArrayRef>,
        other: Option<ArrayRef>,
        keeps_one: impl Fn(Ordering) -> bool,
    ) -> Option<ArrayRef> {
        let (Some(one), Some(other)) = (one.as_ref(), other.as_ref()) else { return one.or(other) };
        if one.is_empty() || other.is_empty() || one.data_type() != other.data_type() {
            return None;
        }
        let order = make_comparator(one, other, SortOptions::default()).ok()?;
        Some(if keeps_one(order(0, 0)) { one.clone() } else { other.clone() })
    }
}

/// How many values are null.
pub(super) fn null_count(column: &dyn Array) -> u64 {
    use DataType::{Dictionary, Null, RunEndEncoded, Union};
    let count = match column.data_type() {
        // Where nulls may hide in children, finding them takes a pass.
        Null | Dictionary(_, _) | RunEndEncoded(_, _) | Union(_, _) => column.logical_null_count(),
        _ => column.null_count(),
    };
    count as u64
}

/// The first rows of the smallest and of the largest value that is not null, in one or two passes.
pub(super) fn extremes(array: &dyn Array) -> Option<(usize, usize)> {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return of_floats(floats);
    }
    downcast_primitive_array!(
        array => of_primitives(array),
        DataType::Boolean => of_booleans(array.as_boolean()),
        DataType::Utf8 => of_bytes(array.as_string::<i32>()),
        DataType::LargeUtf8 => of_bytes(array.as_string::<i64>()),
        DataType::Binary => of_bytes(array.as_binary::<i32>()),
        DataType::LargeBinary => of_bytes(array.as_binary::<i64>()),
        DataType::Utf8View => of_views(array.as_string_view()),
        DataType::BinaryView => of_views(array.as_binary_view()),
        DataType::FixedSizeBinary(_) => {
            let array = array.as_fixed_size_binary();
            fold(valid_rows(array.len(), array.nulls()), |row| array.value(row), |a, b| a < b)
        }
        DataType::Dictionary(_, values) if !values.is_nested() => of_dictionary(array),
        DataType::RunEndEncoded(_, values) if !values.data_type().is_nested() => by_rows(array),
        _ => None,
    )
}

fn of_primitives<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Option<(usize, usize)> {
    let values: &[T::Native] = array.values();
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        return fold(nulls.valid_indices(), |row| values[row], T::Native::is_lt);
    }
    first_extremes(values, |value| value, T::Native::is_lt)
}

/// Floats without nulls: as integers in the same order, they are compared much faster.
fn of_floats(array: &Float64Array) -> Option<(usize, usize)> {
    if array.null_count() > 0 {
        return of_primitives(array);
    }
    let key = |value: f64| {
        let bits = value.to_bits().cast_signed();
        bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
    };
    first_extremes(array.values(), key, |a, b| a < b)
}

/// Without branches on the values the first pass is vectorized; the places come after.
fn first_extremes<V: Copy, K: Copy>(
    values: &[V],
    key: impl Fn(V) -> K,
    less: impl Fn(K, K) -> bool,
) -> Option<(usize, usize)> {
    let (first, rest) = values.split_first()?;
    let (mut min, mut max) = (key(*first), key(*first));
    for &value in rest {
        let value = key(value);
        min = if less(value, min) { value } else { min };
        max = if less(max, value) { value } else { max };
    }
    // Neither is less than the other: the same value, NaN included. Floats that are equal need
    // not be: zeros of both signs are.
    let place = |wanted: K| {
        values.iter().position(|value| {
            let value = key(*value);
            !less(value, wanted) && !less(wanted, value)
        })
    };
    Some((place(min)?, place(max)?))
}

fn of_booleans(array: &BooleanArray) -> Option<(usize, usize)> {
    let values = array.values();
    let first = |bits: &BooleanBuffer| bits.set_indices().next();
    let (first_true, first_false) = match array.nulls() {
        None => (first(values), first(&!values)),
        Some(nulls) => (first(&(values & nulls.inner())), first(&(&!values & nulls.inner()))),
    };
    Some((first_false.or(first_true)?, first_true.or(first_false)?))
}

fn of_bytes<T: ByteArrayType>(array: &GenericByteArray<T>) -> Option<(usize, usize)> {
    let value = |row| -> &[u8] { array.value(row).as_ref() };
    // The first eight bytes decide almost always; shorter values are padded, and may tie.
    let prefix = |row| {
        let value = value(row);
        if let Some(head) = value.first_chunk() {
            return u64::from_be_bytes(*head);
        }
        let mut padded = 0;
        for byte in value {
            padded = padded << 8 | u64::from(*byte);
        }
        padded.checked_shl(8 * (8 - value.len() as u32)).unwrap_or(0)
    };
    fold_by_prefix(valid_rows(array.len(), array.nulls()), prefix, |a, b| value(a) < value(b))
}

fn of_views<T: ByteViewType>(array: &GenericByteViewArray<T>) -> Option<(usize, usize)> {
    let value = |row| -> &[u8] { array.value(row).as_ref() };
    // A view holds the first four bytes of its value, or all of a short one and zeros, after
    // four bytes of length.
    let views = array.views();
    let prefix = |row: usize| u64::from(((views[row] >> 32) as u32).swap_bytes());
    fold_by_prefix(valid_rows(array.len(), array.nulls()), prefix, |a, b| value(a) < value(b))
}

/// As [`fold`], where values whose prefixes differ are in the order of these.
fn fold_by_prefix(
    rows: impl Iterator<Item = usize>,
    prefix: impl Fn(usize) -> u64,
    less: impl Fn(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    let keyed = |row| (prefix(row), row);
    fold(rows, keyed, |(a, a_row), (b, b_row)| a < b || a == b && less(a_row, b_row))
}

/// Compares each used value once, not each row.
fn of_dictionary(array: &dyn Array) -> Option<(usize, usize)> {
    let dictionary = array.as_any_dictionary_opt()?;
    let values = dictionary.values();
    if values.is_empty() {
        return None;
    }
    if values.len() > 2 * array.len() {
        return by_rows(array);
    }
    let mut first_rows = vec![None; values.len()];
    let keys = dictionary.normalized_keys();
    for row in valid_rows(keys.len(), dictionary.keys().nulls()) {
        first_rows[keys[row]].get_or_insert(row);
    }
    let order = make_comparator(values, values, SortOptions::default()).ok()?;
    let nulls = values.logical_nulls();
    let used = valid_rows(values.len(), nulls.as_ref()).filter(|at| first_rows[*at].is_some());
    // Equal values may stand twice in a dictionary: of these the first row counts.
    let mut extremes: Option<(usize, usize)> = None;
    for at in used {
        let (min, max) = extremes.unwrap_or((at, at));
        let comes_first = |other: usize| first_rows[at] < first_rows[other];
        let by_min = order(at, min);
        let by_max = order(at, max);
        extremes = Some((
            if by_min.is_lt() || by_min.is_eq() && comes_first(min) { at } else { min },
            if by_max.is_gt() || by_max.is_eq() && comes_first(max) { at } else { max },
        ));
    }
    let (min, max) = extremes?;
    Some((first_rows[min]?, first_rows[max]?))
}

/// For the rarer types that have an order: a comparison by call for each row.
fn by_rows(array: &dyn Array) -> Option<(usize, usize)> {
    if matches!(leaf(array.data_type()), DataType::Null) {
        return None;
    }
    let order = make_comparator(array, array, SortOptions::default()).ok()?;
    let nulls = array.logical_nulls();
    fold(valid_rows(array.len(), nulls.as_ref()), |row| row, |a, b| order(a, b).is_lt())
}

fn leaf(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => leaf(values),
        DataType::RunEndEncoded(_, values) => leaf(values.data_type()),
        other => other,
    }
}

/// The first rows of the least and of the greatest value among `rows`.
fn fold<V: Copy>(
    mut rows: impl Iterator<Item = usize>,
    value: impl Fn(usize) -> V,
    less: impl Fn(V, V) -> bool,
) -> Option<(usize, usize)> {
    let first = rows.next()?;
    let (mut min_row, mut max_row) = (first, first);
    let (mut min, mut max) = (value(first), value(first));
    for row in rows {
        let this = value(row);
        if less(this, min) {
            (min, min_row) = (this, row);
        } else if less(max, this) {
            (max, max_row) = (this, row);
        }
    }
    Some((min_row, max_row))
}

/// The rows that are not null, ascending.
fn valid_rows(rows: usize, nulls: Option<&NullBuffer>) -> impl Iterator<Item = usize> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let all = if nulls.is_none() { 0..rows } else { 0..0 };
    nulls.into_iter().flat_map(NullBuffer::valid_indices).chain(all)
}
