//! `sum` of whole numbers, which is an error where it does not fit into a `BIGINT`, and of decimals,
//! where it has more digits than its type.
//!
//! `DataFusion`'s wraps. Sums of anything else are left to it, and so are those of decimals that are
//! too short for any number of rows to come to 39 digits.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowNativeTypeOp, ArrowPrimitiveType, DataType, Decimal128Type, FieldRef, Int64Type, i256,
};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, ReversedUDAF,
    Signature,
};

use super::ANSI_CONFIG;
use crate::error::SparkError;

/// The function, for plans that are made without SQL.
pub(crate) fn sum(column: Expr) -> Expr {
    AggregateUDF::from(CheckedSum::default()).call(vec![column])
}

/// `sum`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct CheckedSum {
    plain: Sum,
}

/// The most that a decimal of 38 digits holds, as a number without a point.
const MOST: i128 = 10_i128.pow(38) - 1;

/// What sums that are checked here are computed in.
enum Checked {
    Whole,
    Decimal,
}

fn checked(args: &AccumulatorArgs<'_>) -> Option<Checked> {
    match args.return_field.data_type() {
        DataType::Int64 => Some(Checked::Whole),
        // Ten digits more than what is summed: fewer than 38 are not used up.
        DataType::Decimal128(38, _) => Some(Checked::Decimal),
        _ => None,
    }
}

/// Numbers that are summed.
trait Number: ArrowPrimitiveType<Native: Into<Self::Wide>> + fmt::Debug + Send + Sync + Sized {
    /// What no sum of a window is too large for.
    type Wide: ArrowNativeTypeOp;

    fn from_wide(wide: Self::Wide) -> Option<Self::Native>;

    /// Whether the type of the result has a place for it.
    fn fits(sum: Self::Native) -> bool;

    fn overflow(sum: Self::Wide) -> DataFusionError;

    /// The result.
    fn scalar(sum: Option<Self::Native>, of: &DataType) -> Result<ScalarValue> {
        match sum {
            Some(sum) if !Self::fits(sum) => Err(Self::overflow(sum.into())),
            sum => ScalarValue::new_primitive::<Self>(sum, of),
        }
    }
}

impl Number for Int64Type {
    type Wide = i128;

    fn from_wide(wide: i128) -> Option<i64> {
        i64::try_from(wide).ok()
    }

    fn fits(_: i64) -> bool {
        true
    }

    fn overflow(sum: i128) -> DataFusionError {
        ArrowError::ArithmeticOverflow(format!("Overflow happened on: {sum} + 0")).into()
    }
}

impl Number for Decimal128Type {
    type Wide = i256;

    fn from_wide(wide: i256) -> Option<i128> {
        wide.to_i128()
    }

    fn fits(sum: i128) -> bool {
        (-MOST..=MOST).contains(&sum)
    }

    fn overflow(_: i256) -> DataFusionError {
        let alternative = " Use 'try_sum' to tolerate overflow and return NULL instead.";
        let error = SparkError::new(
            "ARITHMETIC_OVERFLOW",
            [
                ("message", "Overflow in sum of decimals"),
                ("alternative", alternative),
                ("config", ANSI_CONFIG),
            ],
        );
        DataFusionError::External(Box::new(error))
    }
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        self.plain.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.plain.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let of = args.return_field.data_type().clone();
        Ok(match (checked(&args), args.is_distinct) {
            (None, _) => self.plain.accumulator(args)?,
            (Some(Checked::Whole), false) => Box::new(Total::<Int64Type>::new(of)),
            (Some(Checked::Decimal), false) => Box::new(Total::<Decimal128Type>::new(of)),
            (Some(Checked::Whole), true) => {
                Box::new(Distinct::<Int64Type>::new(self.plain.accumulator(args)?, of))
            }
            (Some(Checked::Decimal), true) => {
                Box::new(Distinct::<Decimal128Type>::new(self.plain.accumulator(args)?, of))
            }
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.plain.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.plain.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let of = args.return_field.data_type().clone();
        match checked(&args) {
            Some(Checked::Whole) => Ok(Box::new(Totals::<Int64Type>::new(of))),
            Some(Checked::Decimal) => Ok(Box::new(Totals::<Decimal128Type>::new(of))),
            None => self.plain.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        let of = args.return_field.data_type().clone();
        match checked(&args).filter(|_| !args.is_distinct) {
            Some(Checked::Whole) => Ok(Box::new(Sliding::<Int64Type>::new(of))),
            Some(Checked::Decimal) => Ok(Box::new(Sliding::<Decimal128Type>::new(of))),
            None => self.plain.create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The sum so far and one more.
fn plus<T: Number>(sum: Option<T::Native>, more: T::Native) -> Result<Option<T::Native>> {
    match sum {
        // Wide numbers have room for any two.
        Some(sum) => match sum.add_checked(more) {
            Ok(sum) => Ok(Some(sum)),
            Err(_) => Err(T::overflow(sum.into().add_wrapping(more.into()))),
        },
        None => Ok(Some(more)),
    }
}

fn total<T: Number>(mut sum: Option<T::Native>, values: &ArrayRef) -> Result<Option<T::Native>> {
    for value in values.as_primitive::<T>().iter().flatten() {
        sum = plus::<T>(sum, value)?;
    }
    Ok(sum)
}

fn only(values: &[ArrayRef]) -> Result<&ArrayRef> {
    match values {
        [values] => Ok(values),
        _ => exec_err!("sum() takes one column"),
    }
}

/// One sum.
#[derive(Debug)]
struct Total<T: Number> {
    sum: Option<T::Native>,
    of: DataType,
}

impl<T: Number> Total<T> {
    fn new(of: DataType) -> Self {
        Self { sum: None, of }
    }
}

impl<T: Number> Accumulator for Total<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum = total::<T>(self.sum, only(values)?)?;
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        T::scalar(self.sum, &self.of)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// A sum of values that differ, which are told apart by the accumulator of `DataFusion`.
#[derive(Debug)]
struct Distinct<T> {
    values: Box<dyn Accumulator>,
    of: DataType,
    number: PhantomData<T>,
}

impl<T> Distinct<T> {
    fn new(values: Box<dyn Accumulator>, of: DataType) -> Self {
        Self { values, of, number: PhantomData }
    }
}

impl<T: Number> Accumulator for Distinct<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.values.state()?.as_slice() {
            [ScalarValue::List(values)] => T::scalar(total::<T>(None, &values.value(0))?, &self.of),
            _ => exec_err!("the state of a distinct sum is a list of values"),
        }
    }

    fn size(&self) -> usize {
        self.values.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.values.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.values.merge_batch(states)
    }
}

/// The sum of a window, which values enter and leave. Wide enough that only what is asked for
/// has to fit.
#[derive(Debug)]
struct Sliding<T: Number> {
    sum: T::Wide,
    count: u64,
    of: DataType,
}

impl<T: Number> Sliding<T> {
    fn new(of: DataType) -> Self {
        Self { sum: T::Wide::ZERO, count: 0, of }
    }
}

impl<T: Number> Accumulator for Sliding<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in only(values)?.as_primitive::<T>().iter().flatten() {
            self.sum = self.sum.add_wrapping(value.into());
            self.count += 1;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.count == 0 {
            return T::scalar(None, &self.of);
        }
        match T::from_wide(self.sum) {
            Some(sum) => T::scalar(Some(sum), &self.of),
            None => Err(T::overflow(self.sum)),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in only(values)?.as_primitive::<T>().iter().flatten() {
            self.sum = self.sum.sub_wrapping(value.into());
            self.count -= 1;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}

/// A sum for each group.
#[derive(Debug)]
struct Totals<T: Number> {
    sums: Vec<Option<T::Native>>,
    of: DataType,
}

impl<T: Number> Totals<T> {
    fn new(of: DataType) -> Self {
        Self { sums: Vec::new(), of }
    }
}

impl<T: Number> GroupsAccumulator for Totals<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.sums.resize(count, None);
        let values = only(values)?.as_primitive::<T>();
        if values.null_count() == 0 && filter.is_none() {
            for (value, group) in values.values().iter().zip(groups) {
                self.sums[*group] = plus::<T>(self.sums[*group], *value)?;
            }
            return Ok(());
        }
        let passes =
            |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        for (row, (value, group)) in values.iter().zip(groups).enumerate() {
            if let Some(value) = value.filter(|_| passes(row)) {
                self.sums[*group] = plus::<T>(self.sums[*group], value)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sums = emit.take_needed(&mut self.sums);
        if let Some(sum) = sums.iter().flatten().find(|sum| !T::fits(**sum)) {
            return Err(T::overflow((*sum).into()));
        }
        let sums: PrimitiveArray<T> = sums.into_iter().collect();
        Ok(Arc::new(sums.with_data_type(self.of.clone())))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.update_batch(states, groups, None, count)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = only(values)?.as_primitive::<T>().clone();
        let values = match filter {
            None => values,
            Some(filter) => {
                let passes = |row: usize| filter.is_valid(row) && filter.value(row);
                let kept = values.iter().enumerate();
                kept.map(|(row, value)| value.filter(|_| passes(row))).collect()
            }
        };
        Ok(vec![Arc::new(values.with_data_type(self.of.clone()))])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<Option<T::Native>>()
    }
}
