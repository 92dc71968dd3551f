//! How large rows are: what they need, and what they keep alive.
//!
//! Arrow's own counts answer neither question: they add up capacities, a slice's included. The
//! bytes that rows *need* are counted here by type, without allocating for flat columns; what
//! they *keep alive* is counted by buffer, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowDictionaryKeyType, ByteArrayType, ByteViewType, RunEndIndexType};
use arrow_array::{
    Array, ArrayRef, GenericByteArray, GenericByteViewArray, GenericListArray,
    GenericListViewArray, OffsetSizeTrait, RecordBatch, RunArray, StructArray, UnionArray,
    downcast_dictionary_array, downcast_primitive_array, downcast_run_array, new_empty_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;
use arrow_select::dictionary::garbage_collect_any_dictionary;

use super::{Chunk, with_rows};

/// A view holds a value of up to this many bytes in itself.
const VIEW_INLINE_BYTES: u32 = 12;

/// Counts the bytes of all buffers that `chunks` keep alive, each distinct buffer once and with
/// its whole capacity. It visits every buffer: for a report that is asked for.
pub fn unique_buffer_bytes<'a>(chunks: impl IntoIterator<Item = &'a Chunk>) -> u64 {
    unique_in(chunks.into_iter().flat_map(|chunk| chunk.batch().columns()))
}

/// As [`unique_buffer_bytes`], of columns.
pub(super) fn unique_in<'a>(columns: impl Iterator<Item = &'a ArrayRef>) -> u64 {
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    each_buffer(columns, |buffer| {
        if seen.insert(buffer.data_ptr()) {
            bytes += buffer.capacity() as u64;
        }
    });
    bytes
}

/// The distinct buffers that `batch` keeps alive: where each lies, and its whole capacity.
pub(super) fn buffers(batch: &RecordBatch) -> impl Iterator<Item = (usize, u64)> + use<> {
    let mut buffers = BTreeMap::new();
    each_buffer(batch.columns().iter(), |buffer| {
        buffers.insert(buffer.data_ptr().addr().get(), buffer.capacity() as u64);
    });
    buffers.into_iter()
}

/// Visits the buffers that hold something, one that is shared as often as it is.
fn each_buffer<'a>(columns: impl Iterator<Item = &'a ArrayRef>, mut visit: impl FnMut(&Buffer)) {
    let mut visit = |buffer: &Buffer| {
        if buffer.capacity() > 0 {
            visit(buffer);
        }
    };
    for column in columns {
        let mut left = vec![column.to_data()];
        while let Some(data) = left.pop() {
            data.buffers().iter().for_each(&mut visit);
            data.nulls().into_iter().for_each(|nulls| visit(nulls.buffer()));
            left.extend_from_slice(data.child_data());
        }
    }
}

/// The capacities of all buffers of `batch`; one that several columns share counts for each.
pub(super) fn pinned_at_most(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| column.get_buffer_memory_size() as u64).sum()
}

/// The bytes that the rows of `batch` need.
pub fn logical_bytes(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| of(column)).sum()
}

/// The bytes that the rows of `array` need.
fn of(array: &dyn Array) -> u64 {
    let rows = array.len() as u64;
    let validity = if array.nulls().is_some() { rows.div_ceil(8) } else { 0 };
    let values = downcast_primitive_array!(
        array => size_of_val(array.values().as_ref()) as u64,
        DataType::Boolean => rows.div_ceil(8),
        DataType::Utf8 => bytes_array(array.as_string::<i32>()),
        DataType::LargeUtf8 => bytes_array(array.as_string::<i64>()),
        DataType::Binary => bytes_array(array.as_binary::<i32>()),
        DataType::LargeBinary => bytes_array(array.as_binary::<i64>()),
        DataType::Utf8View => view_array(array.as_string_view()),
        DataType::BinaryView => view_array(array.as_binary_view()),
        DataType::FixedSizeBinary(width) => rows * u64::from(width.unsigned_abs()),
        DataType::List(_) => list(array.as_list::<i32>()),
        DataType::LargeList(_) => list(array.as_list::<i64>()),
        DataType::ListView(_) => list_view(array.as_list_view::<i32>()),
        DataType::LargeListView(_) => list_view(array.as_list_view::<i64>()),
        DataType::FixedSizeList(_, _) => of(array.as_fixed_size_list().values()),
        DataType::Map(_, _) => {
            let map = array.as_map();
            let (from, count) = extent(map.offsets());
            size_of_val(map.offsets().as_ref()) as u64 + of(&map.entries().slice(from, count))
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(|child| of(child)).sum(),
        DataType::Union(_, _) => union(array.as_union()),
        DataType::Dictionary(_, _) => downcast_dictionary_array!(
            array => size_of_val(array.keys().values().as_ref()) as u64
                + used_values(array.len(), array.values()),
            _ => 0
        ),
        DataType::RunEndEncoded(_, _) => downcast_run_array!(
            array => runs(array),
            _ => 0
        ),
        _ => 0,
    );
    validity + values
}

fn bytes_array<T: ByteArrayType>(array: &GenericByteArray<T>) -> u64 {
    let (_, count) = extent(array.offsets());
    (size_of_val(array.value_offsets()) + count) as u64
}

fn view_array<T: ByteViewType>(array: &GenericByteViewArray<T>) -> u64 {
    // The low half of a view is its length. A null's view is arbitrary.
    let long = |view: &u128| match *view as u32 {
        length if length > VIEW_INLINE_BYTES => u64::from(length),
        _ => 0,
    };
    let views = array.views();
    let outside: u64 = match array.nulls() {
        None => views.iter().map(long).sum(),
        Some(nulls) => nulls.valid_indices().map(|row| long(&views[row])).sum(),
    };
    size_of_val(views.as_ref()) as u64 + outside
}

fn list<O: OffsetSizeTrait>(array: &GenericListArray<O>) -> u64 {
    let (from, count) = extent(array.offsets());
    size_of_val(array.value_offsets()) as u64 + of(&array.values().slice(from, count))
}

fn list_view<O: OffsetSizeTrait>(array: &GenericListViewArray<O>) -> u64 {
    let ranges = array.offsets().iter().zip(array.sizes().iter());
    let ranges = ranges.map(|(from, count)| (from.as_usize(), count.as_usize()));
    // Views may overlap and leave gaps; what lies between the first and the last is counted once.
    let extent = ranges.filter(|(_, count)| *count > 0).fold(None, |extent, (from, count)| {
        let (first, last) = extent.unwrap_or((from, from));
        Some((first.min(from), last.max(from + count)))
    });
    let child = extent.map_or(0, |(first, last)| of(&array.values().slice(first, last - first)));
    (array.len() * 2 * size_of::<O>()) as u64 + child
}

fn union(array: &UnionArray) -> u64 {
    let children = array.fields().iter().map(|(id, _)| array.child(id));
    let width = if array.is_dense() { 1 + size_of::<i32>() } else { 1 };
    (array.len() * width) as u64 + children.map(|child| of(child)).sum::<u64>()
}

/// The bytes of a dictionary's values: all, but of more values than rows only a share, since no
/// more can be in use.
fn used_values(rows: usize, values: &ArrayRef) -> u64 {
    let bytes = of(values);
    match values.len() {
        count if count > rows => {
            let share = u128::from(bytes) * rows as u128 / count as u128;
            u64::try_from(share).unwrap_or(bytes)
        }
        _ => bytes,
    }
}

fn runs<R: RunEndIndexType>(array: &RunArray<R>) -> u64 {
    if array.is_empty() {
        return 0;
    }
    let values = array.values_slice();
    (values.len() * size_of::<R::Native>()) as u64 + of(&values)
}

/// Where the values that `offsets` speak of begin, and how many they are.
fn extent<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>) -> (usize, usize) {
    let first = offsets.first().map_or(0, |offset| offset.as_usize());
    let last = offsets.last().map_or(0, |offset| offset.as_usize());
    (first, last.saturating_sub(first))
}

/// The same rows, with buffers of their own for the columns that keep more alive than twice what
/// they need, and their share of `slack`. What cannot be copied stays as it was.
pub(super) fn compacted(batch: RecordBatch, slack: u64) -> RecordBatch {
    let slack = slack / batch.num_columns().max(1) as u64;
    let columns = batch.columns().iter().map(|column| {
        let allowed = of(column).saturating_mul(2).saturating_add(slack);
        if column.get_buffer_memory_size() as u64 > allowed {
            compact(column)
        } else {
            Ok(Arc::clone(column))
        }
    });
    let columns = columns.collect::<Result<_, _>>();
    let copied = columns.and_then(|columns| with_rows(batch.schema(), columns, batch.num_rows()));
    copied.unwrap_or(batch)
}

fn compact(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Utf8View => compact_view(array.as_string_view())?,
        DataType::BinaryView => compact_view(array.as_binary_view())?,
        DataType::List(_) => Arc::new(compact_list(array.as_list::<i32>())?),
        DataType::LargeList(_) => Arc::new(compact_list(array.as_list::<i64>())?),
        DataType::Struct(fields) => {
            let children = array.as_struct().columns().iter().map(compact);
            let children = children.collect::<Result<Vec<_>, _>>()?;
            let nulls = compact_nulls(array.nulls());
            Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                children,
                nulls,
                array.len(),
            )?)
        }
        DataType::Dictionary(_, _) => {
            let used = garbage_collect_any_dictionary(array.as_any_dictionary())?;
            let values = compact(used.as_any_dictionary().values())?;
            let dictionary = used.as_ref();
            downcast_dictionary_array!(
                dictionary => Arc::new(compact_keys(dictionary, values)?),
                _ => used
            )
        }
        // Two arrays, since the concatenation of one is that one.
        data_type => concat(&[array, &new_empty_array(data_type)])?,
    })
}

fn compact_keys<K: ArrowDictionaryKeyType>(
    array: &arrow_array::DictionaryArray<K>,
    values: ArrayRef,
) -> Result<arrow_array::DictionaryArray<K>, ArrowError> {
    let keys = ScalarBuffer::from(array.keys().values().to_vec());
    let keys = arrow_array::PrimitiveArray::<K>::try_new(keys, compact_nulls(array.nulls()))?;
    arrow_array::DictionaryArray::try_new(keys, values)
}

fn compact_view<T: ByteViewType>(array: &GenericByteViewArray<T>) -> Result<ArrayRef, ArrowError> {
    let packed = array.gc();
    if packed.nulls().is_none() && !packed.data_buffers().is_empty() {
        return Ok(Arc::new(packed));
    }
    // Nulls are shared still, and views too if no value lies outside of them.
    concat(&[&packed, &new_empty_array(packed.data_type())])
}

fn compact_list<O: OffsetSizeTrait>(
    array: &GenericListArray<O>,
) -> Result<GenericListArray<O>, ArrowError> {
    let (DataType::List(field) | DataType::LargeList(field)) = array.data_type() else {
        return Err(ArrowError::InvalidArgumentError("expected a list".to_owned()));
    };
    let (from, count) = extent(array.offsets());
    let lengths = array.value_offsets().windows(2);
    let offsets = OffsetBuffer::from_lengths(lengths.map(|pair| (pair[1] - pair[0]).as_usize()));
    let values = compact(&array.values().slice(from, count))?;
    GenericListArray::try_new(field.clone(), offsets, values, compact_nulls(array.nulls()))
}

fn compact_nulls(nulls: Option<&NullBuffer>) -> Option<NullBuffer> {
    nulls.map(|nulls| {
        let bits = BooleanBuffer::from_bits(nulls.validity(), nulls.offset(), nulls.len());
        NullBuffer::new(bits)
    })
}
