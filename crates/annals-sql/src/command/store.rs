//! Values on their way into a column: ANSI's store assignment, lengths of `char` and `varchar`.

use std::sync::Arc;

use annals::TableName;
use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use datafusion::execution::SessionState;

use crate::error::SqlError;
use crate::parse::DECLARED;

/// How values are written that become text on their way into a column of another type, at any
/// depth: what it gives still has to be cast, but no value of it becomes another text. Arrow's way is
/// taken where the configuration of a session has no such extension.
#[derive(Clone, Copy, Debug)]
pub struct Texts(pub fn(&ArrayRef, &DataType) -> Result<ArrayRef, ArrowError>);

impl Texts {
    pub(super) fn of(state: &SessionState) -> Self {
        let arrow = || Self(|values, _| Ok(Arc::clone(values)));
        state.config().get_extension::<Self>().map_or_else(arrow, |found| *found)
    }
}

/// Whether values of a type may be stored as another at all, as Spark's ANSI mode has it.
pub(super) fn may_store(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    if from == to || from.is_null() {
        return true;
    }
    let temporal = |t: &T| matches!(t, T::Date32 | T::Date64 | T::Timestamp(..));
    let atomic = |t: &T| !t.is_nested() && !matches!(t, T::Interval(_) | T::Duration(_));
    match (from, to) {
        (T::Dictionary(_, from), to) => may_store(from, to),
        (from, T::Utf8 | T::LargeUtf8 | T::Utf8View) => atomic(from),
        (T::List(from) | T::LargeList(from), T::List(to) | T::LargeList(to)) => {
            may_store(from.data_type(), to.data_type())
        }
        (T::Struct(from), T::Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(a, b)| may_store(a.data_type(), b.data_type()))
        }
        (T::Map(from, _), T::Map(to, _)) => may_store(from.data_type(), to.data_type()),
        (from, to) => from.is_numeric() && to.is_numeric() || temporal(from) && temporal(to),
    }
}

/// Brings values into the type of a column.
pub(super) fn stored(
    texts: Texts,
    table: &TableName,
    field: &Field,
    values: &ArrayRef,
) -> Result<ArrayRef, SqlError> {
    let (from, to) = (values.data_type(), field.data_type());
    if !may_store(from, to) {
        return Err(SqlError::CannotStore {
            table: table.clone(),
            column: field.name().clone(),
            from: from.clone(),
            to: to.clone(),
        });
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let cast = (texts.0)(values, to).and_then(|values| cast_with_options(&values, to, &options));
    let values = cast.map_err(|_| SqlError::Overflow {
        table: table.clone(),
        column: field.name().clone(),
        from: from.clone(),
        to: to.clone(),
    })?;
    fitted(table, field, values)
}

/// Pads a `char`, and refuses a text that is too long for a `char` or `varchar`. Blanks at the end
/// do not count.
pub(super) fn fitted(
    table: &TableName,
    field: &Field,
    values: ArrayRef,
) -> Result<ArrayRef, SqlError> {
    let Some((padded, limit)) = declared_length(field) else { return Ok(values) };
    if values.data_type() != &DataType::Utf8 {
        return Ok(values);
    }
    let texts = values.as_string::<i32>();
    let fit = |text: &str| {
        let length = text.chars().count();
        if length <= limit {
            return Ok(if padded {
                format!("{text}{}", " ".repeat(limit - length))
            } else {
                text.to_owned()
            });
        }
        let trimmed = text.trim_end_matches(' ').chars().count();
        if trimmed > limit {
            let (table, column) = (table.clone(), field.name().clone());
            return Err(SqlError::TooLong { table, column, limit });
        }
        Ok(text.chars().take(limit).collect())
    };
    let texts = texts.iter().map(|text| text.map(fit).transpose());
    let texts = texts.collect::<Result<StringArray, _>>()?;
    Ok(Arc::new(texts))
}

/// Whether it is a `char`, and how many characters it may have.
fn declared_length(field: &Field) -> Option<(bool, usize)> {
    let declared = field.metadata().get(DECLARED)?;
    let (kind, rest) = declared.split_once('(')?;
    Some((kind == "char", rest.trim_end_matches(')').parse().ok()?))
}

/// Whether every value of a type is one of the other as well.
pub(crate) fn loses_nothing(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let rank = |t: &T| match t {
        T::Int8 => Some(1),
        T::Int16 => Some(2),
        T::Int32 => Some(3),
        T::Int64 => Some(4),
        T::Float32 => Some(5),
        T::Float64 => Some(6),
        _ => None,
    };
    let digits = |t: &T| match t {
        T::Int8 => Some((3, 0)),
        T::Int16 => Some((5, 0)),
        T::Int32 => Some((10, 0)),
        T::Int64 => Some((20, 0)),
        T::Decimal128(precision, scale) => Some((i16::from(*precision), i16::from(*scale))),
        _ => None,
    };
    match (from, to) {
        (from, to) if from == to || from.is_null() => true,
        (from, T::Utf8 | T::LargeUtf8 | T::Utf8View) => !from.is_nested(),
        (T::Date32 | T::Date64, T::Timestamp(..)) => true,
        (from, T::Decimal128(precision, scale)) => digits(from).is_some_and(|(digits, after)| {
            let (precision, scale) = (i16::from(*precision), i16::from(*scale));
            after <= scale && digits - after <= precision - scale
        }),
        (from, to) => rank(from).zip(rank(to)).is_some_and(|(from, to)| from <= to),
    }
}
