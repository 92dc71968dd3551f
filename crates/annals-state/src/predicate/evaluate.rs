//! Which rows match.

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_ord::ord::make_comparator;
use arrow_schema::{ArrowError, DataType, SortOptions};

use super::bind::{Node, Right};
use super::coerce::{self, Way};
use super::compare::{Side, compare};
use super::{BoundPredicate, Operator, PredicateError};

/// Up to this many values are looked for one by one, by vectorized comparisons.
const IN_SCAN_MAX: usize = 24;

impl BoundPredicate {
    /// For each row, whether it matches: true, false, or null, which does not match.
    ///
    /// `batch` has the schema that the predicate was bound to.
    ///
    /// # Errors
    ///
    /// [`PredicateError::WrongRows`] if a column that is read does not have the type that it was
    /// bound as; [`PredicateError::Arrow`] if values do not fit the type of the comparison.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray, PredicateError> {
        if let Some((column, expected)) = self
            .columns()
            .iter()
            .zip(self.types())
            .find(|(column, _)| **column >= batch.num_columns())
        {
            return Err(PredicateError::WrongRows {
                column: *column,
                expected: expected.to_string(),
                found: format!("{} columns", batch.num_columns()),
            });
        }
        self.evaluate_columns(batch.num_rows(), |column| batch.column(column).clone())
    }

    /// As [`evaluate`](Self::evaluate), on columns that are handed out one by one: `column` is
    /// called once for each of [`columns`](Self::columns).
    ///
    /// # Errors
    ///
    /// As [`evaluate`](Self::evaluate); also [`PredicateError::WrongRows`] if a column does not
    /// have `rows` rows.
    pub fn evaluate_columns(
        &self,
        rows: usize,
        column: impl Fn(usize) -> ArrayRef,
    ) -> Result<BooleanArray, PredicateError> {
        let mut arrays = Vec::with_capacity(self.columns().len());
        for (place, expected) in self.columns().iter().zip(self.types()) {
            let array = column(*place);
            if array.data_type() != expected || array.len() != rows {
                return Err(PredicateError::WrongRows {
                    column: *place,
                    expected: format!("{rows} rows of {expected}"),
                    found: format!("{} rows of {}", array.len(), array.data_type()),
                });
            }
            arrays.push(array);
        }
        Ok(Rows { rows, places: self.columns(), arrays }.evaluate(&self.root)?)
    }
}

/// The rows in question: the columns that the predicate reads.
struct Rows<'a> {
    rows: usize,
    places: &'a [usize],
    arrays: Vec<ArrayRef>,
}

impl Rows<'_> {
    fn column(&self, place: usize) -> Result<&ArrayRef, ArrowError> {
        let slot = self.places.binary_search(&place).ok();
        slot.and_then(|slot| self.arrays.get(slot))
            .ok_or_else(|| ArrowError::InvalidArgumentError(format!("column {place} is not read")))
    }

    fn evaluate(&self, node: &Node) -> Result<BooleanArray, ArrowError> {
        Ok(match node {
            Node::Constant(value) => constant(self.rows, *value),
            Node::Fixed { column, value } => {
                let nulls = self.column(*column)?.logical_nulls();
                BooleanArray::new(bits(self.rows, *value), nulls)
            }
            Node::Compare { column, operator, way, right } => {
                let left = self.column(*column)?;
                let right = match right {
                    Right::Column(right) => Side::Rows(self.column(*right)?),
                    Right::Literal(value) => Side::One(value),
                };
                compare(*operator, way, left, right)?
            }
            Node::IsNull { column, negated } => {
                let valid = match self.column(*column)?.logical_nulls() {
                    Some(nulls) => nulls.into_inner(),
                    None => BooleanBuffer::new_set(self.rows),
                };
                BooleanArray::new(if *negated { valid } else { !&valid }, None)
            }
            Node::IsIn { column, sorted, has_null } => {
                is_in(self.column(*column)?, sorted, *has_null)?
            }
            Node::Not(inner) => {
                let (bits, nulls) = self.evaluate(inner)?.into_parts();
                BooleanArray::new(!&bits, nulls)
            }
            Node::And(parts) => self.join(parts, true)?,
            Node::Or(parts) => self.join(parts, false)?,
        })
    }

    /// Conjunction if `neutral` is true, disjunction if it is false. Stops when no further part
    /// can change the result.
    fn join(&self, parts: &[Node], neutral: bool) -> Result<BooleanArray, ArrowError> {
        let mut joined: Option<BooleanArray> = None;
        for part in parts {
            let next = self.evaluate(part)?;
            let result = match joined {
                None => next,
                Some(joined) if neutral => kleene(&joined, &next, |a, b| a & b, |a, b| a | b),
                Some(joined) => kleene(&joined, &next, |a, b| a | b, |a, b| a & b),
            };
            let settled = result.null_count() == 0
                && if neutral { !result.values().has_true() } else { !result.values().has_false() };
            if settled {
                return Ok(result);
            }
            joined = Some(result);
        }
        Ok(joined.unwrap_or_else(|| constant(self.rows, Some(neutral))))
    }
}

fn bits(rows: usize, value: bool) -> BooleanBuffer {
    if value { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) }
}

fn constant(rows: usize, value: Option<bool>) -> BooleanArray {
    match value {
        Some(value) => BooleanArray::new(bits(rows, value), None),
        None => BooleanArray::new_null(rows),
    }
}

/// Joins two equally long results: `on_true` says where the result is true, given where both
/// are, and `on_false` where it is false, given where both are; it is null elsewhere.
fn kleene<T, F>(left: &BooleanArray, right: &BooleanArray, on_true: T, on_false: F) -> BooleanArray
where
    T: Fn(&BooleanBuffer, &BooleanBuffer) -> BooleanBuffer,
    F: Fn(&BooleanBuffer, &BooleanBuffer) -> BooleanBuffer,
{
    if left.null_count() == 0 && right.null_count() == 0 {
        return BooleanArray::new(on_true(left.values(), right.values()), None);
    }
    let (left_true, left_false) = split(left);
    let (right_true, right_false) = split(right);
    let is_true = on_true(&left_true, &right_true);
    let is_false = on_false(&left_false, &right_false);
    let known = NullBuffer::new(&is_true | &is_false);
    BooleanArray::new(is_true, Some(known).filter(|nulls| nulls.null_count() > 0))
}

/// Where it is true, and where it is false.
fn split(array: &BooleanArray) -> (BooleanBuffer, BooleanBuffer) {
    let values = array.values();
    match array.nulls() {
        None => (values.clone(), !values),
        Some(nulls) => (values & nulls.inner(), &!values & nulls.inner()),
    }
}

fn is_in(column: &ArrayRef, sorted: &ArrayRef, has_null: bool) -> Result<BooleanArray, ArrowError> {
    let found = if sorted.len() <= IN_SCAN_MAX {
        let mut found = BooleanBuffer::new_unset(column.len());
        for at in 0..sorted.len() {
            let value = sorted.slice(at, 1);
            let equal = compare(Operator::Eq, &Way::Direct, column, Side::One(&value))?;
            found = &found | equal.values();
        }
        found
    } else {
        search(column, sorted)?
    };
    let nulls = column.logical_nulls();
    if !has_null {
        return Ok(BooleanArray::new(found, nulls));
    }
    // What was not found is null, and so is what was null.
    let found = match nulls {
        Some(nulls) => &found & nulls.inner(),
        None => found,
    };
    Ok(BooleanArray::new(found.clone(), Some(NullBuffer::new(found))))
}

/// A binary search for each row.
fn search(column: &ArrayRef, sorted: &ArrayRef) -> Result<BooleanBuffer, ArrowError> {
    let flat = match column.data_type() {
        DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _) => {
            coerce::cast(column, sorted.data_type())?
        }
        _ => column.clone(),
    };
    let order = make_comparator(&flat, sorted, SortOptions::default())?;
    Ok(BooleanBuffer::collect_bool(flat.len(), |row| {
        let at = lower_bound(sorted.len(), |at| order(row, at).is_gt());
        at < sorted.len() && order(row, at).is_eq()
    }))
}

/// The first place of a sorted list that is not `before` what is looked for.
pub(super) fn lower_bound(length: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
