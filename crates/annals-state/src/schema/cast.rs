//! Turning an array of one type into another, or naming the row that will not go.
//!
//! Whether a cast is allowed was settled before ([`kin`](super::kin), [`fit`](super::fit())); here
//! it is done. Values (`cast/leaf.rs`) that do not fit come out of a kernel as nulls; comparing
//! null counts finds out, and only then is the row looked for. What is hidden, below a null of
//! the struct or list around it, may hold anything and is never an error.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray, new_empty_array, new_null_array};
use arrow_buffer::NullBuffer;
use arrow_cast::display::array_value_to_string;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, Fields};
use arrow_select::take::take;

use super::kin::find_field;
use super::{SchemaError, join};

mod decimal;
mod leaf;
mod list;
mod text;
mod time;

/// How the fields of two structs find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structs {
    ByName,
    ByPosition,
}

/// Why, and at which row, an array could not be converted.
#[derive(Debug)]
pub(super) struct Failure {
    /// Where within the column, innermost first.
    path: Vec<String>,
    row: usize,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Null,
    Overflow { value: String, from: DataType, to: DataType },
    Arrow(ArrowError),
}

impl Failure {
    fn new(row: usize, problem: Problem) -> Self {
        Self { path: Vec::new(), row, problem }
    }

    fn within(mut self, name: &str) -> Self {
        self.path.push(name.to_owned());
        self
    }

    fn at_row(self, row: usize) -> Self {
        Self { row, ..self }
    }

    /// The failure as the caller sees it, of the top-level column `name`.
    pub(super) fn in_column(self, name: &str) -> SchemaError {
        let Self { path, row, problem } = self;
        let column = path.iter().rev().fold(name.to_owned(), |path, step| join(&path, step));
        match problem {
            Problem::Null => SchemaError::Null { column, row },
            Problem::Overflow { value, from, to } => {
                SchemaError::Overflow { column, row, value, from, to }
            }
            Problem::Arrow(error) => {
                SchemaError::Unconvertible { column, reason: error.to_string() }
            }
        }
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::new(0, Problem::Arrow(error))
    }
}

/// Which field of a struct is the source of the field at `at` called `name`.
pub(super) fn source_of(from: &Fields, structs: Structs, at: usize, name: &str) -> Option<usize> {
    match structs {
        Structs::ByName => find_field(from, name).map(|(source, _)| source),
        Structs::ByPosition => (at < from.len()).then_some(at),
    }
}

/// As many nulls of a type.
pub(super) fn nulls(data_type: &DataType, len: usize) -> Result<ArrayRef, Failure> {
    match data_type {
        _ if len == 0 => Ok(new_empty_array(data_type)),
        DataType::RunEndEncoded(_, value) => encode(&nulls(value.data_type(), len)?, data_type),
        DataType::Struct(fields) => {
            let columns =
                fields.iter().map(|f| nulls(f.data_type(), len)).collect::<Result<_, _>>()?;
            let none = Some(NullBuffer::new_null(len));
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, none, len)?))
        }
        _ => Ok(new_null_array(data_type, len)),
    }
}

/// Fails at the first row that is null, other than below a null of `live`.
pub(super) fn refuse_nulls(array: &dyn Array, live: Option<&NullBuffer>) -> Result<(), Failure> {
    let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) else {
        return Ok(());
    };
    let is_live = |row: usize| live.is_none_or(|live| live.is_valid(row));
    match (0..array.len()).find(|&row| nulls.is_null(row) && is_live(row)) {
        Some(row) => Err(Failure::new(row, Problem::Null)),
        None => Ok(()),
    }
}

/// The array as one of type `to`; itself if it is of that type already.
///
/// Rows that are null in `live` are hidden by something around them and are not checked.
pub(super) fn convert(
    array: &ArrayRef,
    to: &DataType,
    structs: Structs,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, Failure> {
    use DataType::*;
    let from = array.data_type();
    if from == to {
        return Ok(Arc::clone(array));
    }
    match (from, to) {
        (Null, _) => nulls(to, array.len()),
        _ if array.is_empty() => Ok(new_empty_array(to)),
        (Dictionary(..), _) => {
            let dictionary = array.as_any_dictionary();
            convert(&take(dictionary.values(), dictionary.keys(), None)?, to, structs, live)
        }
        (RunEndEncoded(_, value), _) => {
            let options = CastOptions { safe: false, ..CastOptions::default() };
            let plain = cast_with_options(array, value.data_type(), &options)?;
            convert(&plain, to, structs, live)
        }
        (_, Dictionary(_, value)) => encode(&convert(array, value, structs, live)?, to),
        (_, RunEndEncoded(_, value)) => {
            encode(&convert(array, value.data_type(), structs, live)?, to)
        }
        (Struct(_), Struct(fields)) => convert_struct(array.as_struct(), fields, structs, live),
        (Map(..), Map(entries, sorted)) => {
            list::convert_map(array.as_map(), entries, *sorted, structs, live)
        }
        (FixedSizeList(..), FixedSizeList(field, size)) => {
            list::convert_fixed_list(array.as_fixed_size_list(), field, *size, structs, live)
        }
        (_, List(field) | LargeList(field) | ListView(field) | LargeListView(field)) => {
            list::convert_list(array, to, field, structs, live)
        }
        _ => convert_leaf(array, to, live),
    }
}

fn convert_leaf(
    array: &ArrayRef,
    to: &DataType,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, Failure> {
    let converted = leaf::convert(array, to)?;
    if converted.null_count() == array.null_count() {
        return Ok(converted);
    }
    let is_lost = |row: &usize| {
        converted.is_null(*row)
            && array.is_valid(*row)
            && live.is_none_or(|live| live.is_valid(*row))
    };
    match (0..array.len()).find(is_lost) {
        None => Ok(converted),
        Some(row) => {
            let value = show_value(array, row);
            let (from, to) = (array.data_type().clone(), to.clone());
            Err(Failure::new(row, Problem::Overflow { value, from, to }))
        }
    }
}

/// A value as text; as hexadecimal digits if it is bytes that are none.
fn show_value(array: &ArrayRef, row: usize) -> String {
    match text::render(&array.slice(row, 1)) {
        Ok(text) if text.is_valid(0) => text.as_string::<i64>().value(0).to_owned(),
        _ => array_value_to_string(array, row).unwrap_or_else(|_| "a value".to_owned()),
    }
}

/// Plain values as a dictionary or as runs of them.
fn encode(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Failure> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    expect_type(cast_with_options(array, to, &options)?, to)
}

fn expect_type(array: ArrayRef, to: &DataType) -> Result<ArrayRef, Failure> {
    if array.data_type() == to {
        return Ok(array);
    }
    let message = format!("got {} where {to} was asked for", array.data_type());
    Err(ArrowError::CastError(message).into())
}

fn convert_struct(
    array: &StructArray,
    fields: &Fields,
    structs: Structs,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, Failure> {
    // A field that may not be null may still be so below a null of what is around the struct, so
    // the struct takes on those nulls: they are hidden anyway.
    let alive = NullBuffer::union(array.nulls(), live);
    let mut columns = Vec::with_capacity(fields.len());
    for (at, field) in fields.iter().enumerate() {
        let column = match source_of(array.fields(), structs, at, field.name()) {
            Some(source) => {
                convert_child(array.column(source), field, structs, alive.as_ref(), field.name())?
            }
            None => {
                let column = nulls(field.data_type(), array.len())?;
                refuse_missing(&column, field, alive.as_ref())?;
                column
            }
        };
        columns.push(column);
    }
    let nulls = if live.is_some() { alive } else { array.nulls().cloned() };
    let converted = StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len())?;
    Ok(Arc::new(converted))
}

fn refuse_missing(
    column: &ArrayRef,
    field: &Field,
    live: Option<&NullBuffer>,
) -> Result<(), Failure> {
    if field.is_nullable() {
        return Ok(());
    }
    refuse_nulls(column, live).map_err(|failure| failure.within(field.name()))
}

/// Converts what is within a struct, list or map, and checks that it has the nulls it may have.
fn convert_child(
    array: &ArrayRef,
    field: &Field,
    structs: Structs,
    live: Option<&NullBuffer>,
    name: &str,
) -> Result<ArrayRef, Failure> {
    convert(array, field.data_type(), structs, live)
        .and_then(|converted| {
            if !field.is_nullable() {
                refuse_nulls(&converted, live)?;
            }
            Ok(converted)
        })
        .map_err(|failure| failure.within(name))
}
