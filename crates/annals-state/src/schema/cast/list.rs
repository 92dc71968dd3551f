//! Lists and maps, element by element. Elements that belong to no row, or to a hidden one, are left
//! out where the kind of list allows it, so that nothing about them can fail.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, LargeListArray, LargeListViewArray, ListArray,
    ListViewArray, MapArray, StructArray, UInt64Array,
};
use arrow_buffer::{ArrowNativeType, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, FieldRef, Fields};
use arrow_select::take::take;

use super::super::kin::entry;
use super::{Failure, Structs, convert_child};

pub(super) fn convert_fixed_list(
    array: &FixedSizeListArray,
    field: &FieldRef,
    size: i32,
    structs: Structs,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, Failure> {
    let alive = NullBuffer::union(array.nulls(), live);
    let step = usize::try_from(size).unwrap_or(0);
    let elements = alive.as_ref().map(|alive| alive.expand(step));
    let values = convert_child(array.values(), field, structs, elements.as_ref(), "element")
        .map_err(|failure| {
            let row = failure.row.checked_div(step).unwrap_or(0);
            failure.at_row(row)
        })?;
    let converted = FixedSizeListArray::try_new_with_length(
        Arc::clone(field),
        size,
        values,
        alive,
        array.len(),
    );
    Ok(Arc::new(converted?))
}

pub(super) fn convert_list(
    array: &ArrayRef,
    to: &DataType,
    field: &FieldRef,
    structs: Structs,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, Failure> {
    let (values, extents) = list_parts(array)?;
    let alive = NullBuffer::union(array.nulls(), live);
    let rows = Rows::new(&extents, alive.as_ref());
    let values = rows.compact(&values, &extents)?;
    let values = convert_child(&values, field, structs, None, "element")
        .map_err(|failure| rows.locate(failure))?;
    let field = Arc::clone(field);
    Ok(match to {
        DataType::LargeList(_) => {
            let offsets = OffsetBuffer::new(rows.offsets::<i64>()?);
            Arc::new(LargeListArray::try_new(field, offsets, values, alive)?)
        }
        DataType::ListView(_) => {
            let (starts, sizes) = rows.views::<i32>()?;
            Arc::new(ListViewArray::try_new(field, starts, sizes, values, alive)?)
        }
        DataType::LargeListView(_) => {
            let (starts, sizes) = rows.views::<i64>()?;
            Arc::new(LargeListViewArray::try_new(field, starts, sizes, values, alive)?)
        }
        _ => {
            let offsets = OffsetBuffer::new(rows.offsets::<i32>()?);
            Arc::new(ListArray::try_new(field, offsets, values, alive)?)
        }
    })
}

pub(super) fn convert_map(
    array: &MapArray,
    entries: &FieldRef,
    sorted: bool,
    structs: Structs,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, Failure> {
    let Some((key, value)) = entry(entries) else {
        return Err(ArrowError::CastError("a map needs keys and values".to_owned()).into());
    };
    let extents: Vec<_> = array.offsets().windows(2).map(|w| extent(w[0], w[1] - w[0])).collect();
    let alive = NullBuffer::union(array.nulls(), live);
    let rows = Rows::new(&extents, alive.as_ref());
    let child = |values: &ArrayRef, field: &FieldRef, name: &str| {
        let values = rows.compact(values, &extents)?;
        convert_child(&values, field, structs, None, name).map_err(|failure| rows.locate(failure))
    };
    let columns = vec![child(array.keys(), key, "key")?, child(array.values(), value, "value")?];
    let fields = Fields::from(vec![Arc::clone(key), Arc::clone(value)]);
    let pairs = StructArray::try_new_with_length(fields, columns, None, rows.count())?;
    let offsets = OffsetBuffer::new(rows.offsets::<i32>()?);
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, alive, sorted)?))
}

/// Start and length of the elements of one list.
type Extent = (usize, usize);

fn extent<O: TryInto<usize>>(start: O, len: O) -> Extent {
    // Arrow has checked that these are not negative.
    (start.try_into().unwrap_or(0), len.try_into().unwrap_or(0))
}

/// The elements of all lists, and where each list has its own.
fn list_parts(array: &ArrayRef) -> Result<(ArrayRef, Vec<Extent>), Failure> {
    fn of_offsets<O: TryInto<usize> + Copy + std::ops::Sub<Output = O>>(o: &[O]) -> Vec<Extent> {
        o.windows(2).map(|w| extent(w[0], w[1] - w[0])).collect()
    }
    fn of_views<O: TryInto<usize> + Copy>(starts: &[O], sizes: &[O]) -> Vec<Extent> {
        starts.iter().zip(sizes).map(|(&start, &len)| extent(start, len)).collect()
    }
    Ok(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (Arc::clone(list.values()), of_offsets(list.offsets()))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (Arc::clone(list.values()), of_offsets(list.offsets()))
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            (Arc::clone(list.values()), of_views(list.offsets(), list.sizes()))
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            (Arc::clone(list.values()), of_views(list.offsets(), list.sizes()))
        }
        DataType::FixedSizeList(_, size) => {
            let list = array.as_fixed_size_list();
            let step = usize::try_from(*size).unwrap_or(0);
            let extents = (0..list.len()).map(|row| (row * step, step)).collect();
            (Arc::clone(list.values()), extents)
        }
        other => return Err(ArrowError::CastError(format!("{other} is not a list")).into()),
    })
}

/// Where the elements of each row end, once the elements of hidden rows are left out.
struct Rows {
    ends: Vec<usize>,
    /// The elements as one range of the original, if that is what they are.
    range: Option<Extent>,
    hidden: Vec<bool>,
}

impl Rows {
    fn new(extents: &[Extent], alive: Option<&NullBuffer>) -> Self {
        let hidden: Vec<bool> =
            (0..extents.len()).map(|row| alive.is_some_and(|alive| alive.is_null(row))).collect();
        let mut ends = Vec::with_capacity(extents.len());
        let mut total = 0;
        let mut range: Option<Extent> = Some((0, 0));
        for (&(start, len), &hidden) in extents.iter().zip(&hidden) {
            if !hidden && len > 0 {
                range = match range {
                    Some((_, 0)) => Some((start, len)),
                    Some((first, so_far)) if first + so_far == start => Some((first, so_far + len)),
                    _ => None,
                };
                total += len;
            }
            ends.push(total);
        }
        Self { ends, range, hidden }
    }

    fn count(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The elements of rows that are not hidden, in order; shared if nothing lies between them.
    fn compact(&self, values: &ArrayRef, extents: &[Extent]) -> Result<ArrayRef, Failure> {
        if let Some((start, len)) = self.range {
            return Ok(values.slice(start, len));
        }
        let shown = extents.iter().zip(&self.hidden).filter(|(_, hidden)| !**hidden);
        let indices =
            shown.flat_map(|(&(start, len), _)| start..start + len).map(|index| index as u64);
        Ok(take(values, &UInt64Array::from_iter_values(indices), None)?)
    }

    fn locate(&self, failure: Failure) -> Failure {
        let row = self.ends.partition_point(|&end| end <= failure.row);
        failure.at_row(row)
    }

    fn offsets<O: TryFrom<usize> + ArrowNativeType>(&self) -> Result<ScalarBuffer<O>, Failure> {
        std::iter::once(0).chain(self.ends.iter().copied()).map(offset).collect()
    }

    fn views<O: TryFrom<usize> + ArrowNativeType>(
        &self,
    ) -> Result<(ScalarBuffer<O>, ScalarBuffer<O>), Failure> {
        let starts = || std::iter::once(0).chain(self.ends.iter().copied());
        let sizes = starts().zip(&self.ends).map(|(start, &end)| offset(end - start));
        let views = starts().take(self.ends.len()).map(offset).collect::<Result<_, _>>()?;
        Ok((views, sizes.collect::<Result<_, Failure>>()?))
    }
}

fn offset<O: TryFrom<usize>>(at: usize) -> Result<O, Failure> {
    O::try_from(at).map_err(|_| ArrowError::OffsetOverflowError(at).into())
}
