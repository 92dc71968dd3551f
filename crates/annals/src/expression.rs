//! Which rows a change is about, and what becomes of them: what a caller says of rows.
//!
//! The store understands columns, literals and comparisons, and can tell from statistics which
//! chunks they leave out. Everything else is a function of the caller's from a batch to an array:
//! it sees the rows in question under the table's present columns, and none that was deleted.

use std::fmt;

use annals_state::predicate::{Operand, Predicate};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};

use crate::error::BoxError;
use crate::snapshot::shorten;

/// A caller's function from rows to one value each.
pub(crate) type Function<'a, T> = Box<dyn Fn(&RecordBatch) -> Result<T, BoxError> + 'a>;

/// Which rows: those that match a [`Predicate`], a test of the caller's, or both.
///
/// # Examples
///
/// ```
/// use annals::{Filter, Store, col, record_batch};
/// use arrow_array::{BooleanArray, Int64Array, cast::AsArray, types::Int64Type};
///
/// let store = Store::in_memory();
/// store.write(record_batch!(("n", Int64, [1, 2, 3, 4]))?).save_as_table("t")?;
/// store.delete("t", col("n").gt(3))?;
/// // What a predicate cannot say, a function can.
/// let odd = Filter::test(|rows| {
///     let numbers: &Int64Array = rows.column(0).as_primitive::<Int64Type>();
///     Ok(BooleanArray::from_unary(numbers, |n| n % 2 == 1))
/// });
/// assert_eq!(store.delete("t", odd)?.deleted, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Filter<'a> {
    pub(crate) predicate: Option<Predicate>,
    pub(crate) test: Option<Function<'a, BooleanArray>>,
}

impl<'a> Filter<'a> {
    /// All rows.
    pub fn all() -> Self {
        Self { predicate: None, test: None }
    }

    /// The rows for which `test` says true. It is given batches of the table's rows and returns as
    /// many values; null does not match. It may be called again if the work is begun again.
    pub fn test(test: impl Fn(&RecordBatch) -> Result<BooleanArray, BoxError> + 'a) -> Self {
        Self { predicate: None, test: Some(Box::new(test)) }
    }

    /// Of the rows that match so far, those for which `test` says true as well: it sees no others.
    #[must_use]
    pub fn and_test(
        mut self,
        test: impl Fn(&RecordBatch) -> Result<BooleanArray, BoxError> + 'a,
    ) -> Self {
        self.test = Some(match self.test.take() {
            None => Box::new(test),
            Some(first) => Box::new(move |rows| {
                let one = first(rows)?;
                if one.len() != rows.num_rows() {
                    // Refused by its length, which the other one's must not hide.
                    return Ok(one);
                }
                let other = test(rows)?;
                if other.len() != rows.num_rows() {
                    return Ok(other);
                }
                let both = one.iter().zip(other.iter());
                Ok(both.map(|(a, b)| Some(a == Some(true) && b == Some(true))).collect())
            }),
        });
        self
    }
}

impl From<Predicate> for Filter<'_> {
    fn from(predicate: Predicate) -> Self {
        Self { predicate: Some(predicate), test: None }
    }
}

impl fmt::Display for Filter<'_> {
    /// The predicate, shortened; a function is shown as one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.predicate, &self.test) {
            (None, None) => f.write_str("true"),
            (Some(predicate), None) => f.write_str(&shorten(&predicate.to_string())),
            (None, Some(_)) => f.write_str("<function>"),
            (Some(predicate), Some(_)) => {
                write!(f, "({}) AND <function>", shorten(&predicate.to_string()))
            }
        }
    }
}

impl fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({self})")
    }
}

/// A column and the value that it gets; made by [`set`] or [`set_with`].
pub struct Assignment<'a> {
    pub(crate) column: String,
    pub(crate) value: Value<'a>,
}

/// What is assigned to a column.
pub(crate) enum Value<'a> {
    Operand(Operand),
    Function(Function<'a, ArrayRef>),
}

/// Assigns a literal or another column's value: `set("delay", 0)`, `set("a", col("b"))`.
pub fn set<'a>(column: impl Into<String>, value: impl Into<Operand>) -> Assignment<'a> {
    Assignment { column: column.into(), value: Value::Operand(value.into()) }
}

/// Assigns what `function` makes of the rows as they were: an array of as many values, of a type
/// that fits the column.
pub fn set_with<'a>(
    column: impl Into<String>,
    function: impl Fn(&RecordBatch) -> Result<ArrayRef, BoxError> + 'a,
) -> Assignment<'a> {
    Assignment { column: column.into(), value: Value::Function(Box::new(function)) }
}

impl fmt::Debug for Assignment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value: &dyn fmt::Debug = match &self.value {
            Value::Operand(operand) => operand,
            Value::Function(_) => &"<function>",
        };
        f.debug_struct("Assignment").field("column", &self.column).field("value", value).finish()
    }
}
