//! Casts that mean something else in Spark than in Arrow, and those that Spark does not have.
//!
//! Numbers count seconds where they become timestamps, and the other way round; in Arrow they count
//! whatever the type counts in. A text of a timestamp, a fraction or a list is what `show` shows.
//! A date is no number, and a number is no date.

use std::cell::LazyCell;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, MapArray, StringArray,
    StructArray,
};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, Fields, Float64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TryCast, Volatility,
};

use datafusion::optimizer::AnalyzerRule;

use crate::error::SparkError;
use crate::rows::value_at;
use crate::types::sql_string;

/// How many parts of a second a timestamp counts.
const SECOND: i64 = 1_000_000;

/// Plans casts, those that functions on texts make of their arguments included.
#[derive(Debug)]
pub(crate) struct Casts;

impl FunctionRewrite for Casts {
    fn name(&self) -> &'static str {
        "spark_casts"
    }

    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _config: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        match expr {
            Expr::Cast(Cast { expr, field }) => {
                let done = casted(&expr, field.data_type(), schema, false)?;
                Ok(done.map_or_else(
                    || Transformed::no(Expr::Cast(Cast { expr, field })),
                    Transformed::yes,
                ))
            }
            Expr::TryCast(TryCast { expr, field }) => {
                let done = casted(&expr, field.data_type(), schema, true)?;
                Ok(done.map_or_else(
                    || Transformed::no(Expr::TryCast(TryCast { expr, field })),
                    Transformed::yes,
                ))
            }
            Expr::ScalarFunction(mut call) if ["concat", "concat_ws"].contains(&call.name()) => {
                let mut changed = false;
                for arg in &mut call.args {
                    let Ok(from) = arg.get_type(schema) else { continue };
                    if is_told_otherwise(&from) && !matches!(from, DataType::List(_)) {
                        *arg = function(DataType::Utf8, false).call(vec![std::mem::take(arg)]);
                        changed = true;
                    }
                }
                let expr = Expr::ScalarFunction(call);
                Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
            }
            Expr::BinaryExpr(mut binary) if binary.op == Operator::StringConcat => {
                let mut changed = false;
                for side in [&mut binary.left, &mut binary.right] {
                    let Ok(from) = side.get_type(schema) else { continue };
                    if is_told_otherwise(&from) && !matches!(from, DataType::List(_)) {
                        **side =
                            function(DataType::Utf8, false).call(vec![std::mem::take(&mut **side)]);
                        changed = true;
                    }
                }
                let expr = Expr::BinaryExpr(binary);
                Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

/// Refuses numbers that stand for dates, and dates for numbers, where the two come together
/// without a cast: in a comparison, in a union.
#[derive(Debug)]
pub(crate) struct NoDatesAsNumbers;

impl AnalyzerRule for NoDatesAsNumbers {
    fn name(&self) -> &'static str {
        "no_dates_as_numbers"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.apply_with_subqueries(|node| {
            // Few nodes cast at all.
            let schema = LazyCell::new(|| {
                let mut schema = DFSchema::empty();
                node.inputs().into_iter().for_each(|input| schema.merge(input.schema()));
                schema
            });
            node.apply_expressions(|expr| {
                expr.apply(|expr| match expr {
                    Expr::Cast(Cast { expr, field })
                        if field.data_type() == &DataType::Date32
                            || expr.get_type(&*schema).is_ok_and(|of| of == DataType::Date32) =>
                    {
                        casted(expr, field.data_type(), &schema, false)?;
                        Ok(TreeNodeRecursion::Continue)
                    }
                    _ => Ok(TreeNodeRecursion::Continue),
                })
            })
        })?;
        Ok(plan)
    }
}

/// Whether Arrow writes values of a type otherwise than Spark.
fn is_told_otherwise(from: &DataType) -> bool {
    from.is_floating() || from.is_nested() || {
        use DataType::{Duration, Interval, Time64, Timestamp};
        matches!(from, Timestamp(..) | Duration(_) | Interval(_) | Time64(_))
    }
}

/// What a cast is computed by if it is not Arrow's.
fn casted(expr: &Expr, to: &DataType, schema: &DFSchema, safe: bool) -> Result<Option<Expr>> {
    use DataType::{Binary, Date32, Timestamp, Utf8};
    let Ok(from) = expr.get_type(schema) else { return Ok(None) };
    let refused = match (&from, to) {
        (Date32, to) => to.is_numeric() || *to == DataType::Boolean,
        (from, Date32) => from.is_numeric() || *from == DataType::Boolean,
        (from, Binary) => from.is_numeric(),
        _ => false,
    };
    if refused {
        let quoted = |of: &DataType| format!("\"{}\"", sql_string(of));
        let text = format!("\"{}\"", expr.schema_name());
        let error = SparkError::new(
            "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
            [("sqlExpr", text), ("srcType", quoted(&from)), ("targetType", quoted(to))],
        );
        return Err(DataFusionError::External(Box::new(error)));
    }
    let own = match (&from, to) {
        (Timestamp(TimeUnit::Microsecond, _), to) if to.is_numeric() => true,
        (from, Timestamp(TimeUnit::Microsecond, Some(_))) if from.is_numeric() => true,
        (from, Utf8) => is_told_otherwise(from),
        _ => false,
    };
    Ok(own.then(|| function(to.clone(), safe).call(vec![expr.clone()])))
}

fn function(to: DataType, safe: bool) -> ScalarUDF {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(SparkCast { to, safe, signature })
}

/// A cast to a type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SparkCast {
    to: DataType,
    /// Whether what does not fit is null, and no error.
    safe: bool,
    signature: Signature,
}

impl ScalarUDFImpl for SparkCast {
    fn name(&self) -> &'static str {
        "spark_cast_to"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        Ok(ColumnarValue::Array(self.cast(&arrays[0])?))
    }
}

impl SparkCast {
    fn cast(&self, values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let options = CastOptions { safe: self.safe, ..CastOptions::default() };
        match (values.data_type(), &self.to) {
            (_, DataType::Utf8) => texts(values),
            (DataType::Timestamp(..), to) => {
                let micros = values.as_primitive::<TimestampMicrosecondType>();
                let seconds: ArrayRef = if to.is_integer() {
                    Arc::new(
                        micros
                            .iter()
                            .map(|at| at.map(|at| at.div_euclid(SECOND)))
                            .collect::<Int64Array>(),
                    )
                } else if to.is_floating() {
                    #[expect(clippy::cast_precision_loss, reason = "as near as a double comes")]
                    let seconds = |at: i64| at as f64 / SECOND as f64;
                    Arc::new(micros.iter().map(|at| at.map(seconds)).collect::<Float64Array>())
                } else {
                    let micros = cast(values, &DataType::Int64)?;
                    let whole = cast(&micros, &DataType::Decimal128(38, 0))?;
                    let whole = whole.as_primitive::<arrow::datatypes::Decimal128Type>().clone();
                    Arc::new(whole.with_precision_and_scale(38, 6)?)
                };
                cast_with_options(&seconds, to, &options)
            }
            (from, _) => {
                let micros: ArrayRef = if from.is_integer() {
                    let seconds = cast_with_options(values, &DataType::Int64, &options)?;
                    let seconds = seconds.as_primitive::<arrow::datatypes::Int64Type>();
                    let micros = seconds.iter().map(|seconds| match seconds {
                        None => Ok(None),
                        Some(seconds) => match seconds.checked_mul(SECOND) {
                            None if !self.safe => Err(overflow(seconds, from)),
                            micros => Ok(micros),
                        },
                    });
                    Arc::new(micros.collect::<Result<Int64Array, ArrowError>>()?)
                } else {
                    let seconds = cast(values, &DataType::Float64)?;
                    let seconds = seconds.as_primitive::<Float64Type>();
                    #[expect(clippy::cast_precision_loss, reason = "bounds of what fits")]
                    let fits = |micros: f64| micros >= i64::MIN as f64 && micros < i64::MAX as f64;
                    let micros = seconds.iter().map(|seconds| {
                        let Some(seconds) = seconds else { return Ok(None) };
                        #[expect(clippy::cast_precision_loss, reason = "a million")]
                        let micros = seconds * SECOND as f64;
                        #[expect(clippy::cast_possible_truncation, reason = "it fits")]
                        match fits(micros) {
                            true => Ok(Some(micros as i64)),
                            false if self.safe => Ok(None),
                            false => Err(overflow(seconds, from)),
                        }
                    });
                    Arc::new(micros.collect::<Result<Int64Array, ArrowError>>()?)
                };
                cast(&micros, &self.to)
            }
        }
    }
}

/// The values as `show` shows them.
fn texts(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let texts = (0..values.len()).map(|row| match values.is_null(row) {
        true => Ok(None),
        false => Ok(Some(value_at(values.as_ref(), row)?.to_string())),
    });
    Ok(Arc::new(texts.collect::<Result<StringArray, ArrowError>>()?))
}

/// The values, with the texts of those that are to become texts and that Arrow writes otherwise.
pub(crate) fn with_texts(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    match (values.data_type(), to) {
        (from, to) if from == to => Ok(Arc::clone(values)),
        (from, DataType::Utf8) if is_told_otherwise(from) && !from.is_nested() => texts(values),
        (DataType::List(item), DataType::List(to)) => {
            let list = values.as_list::<i32>();
            let items = with_texts(list.values(), to.data_type())?;
            let item = Arc::new(item.as_ref().clone().with_data_type(items.data_type().clone()));
            let offsets = list.offsets().clone();
            Ok(Arc::new(ListArray::try_new(item, offsets, items, list.nulls().cloned())?))
        }
        (DataType::Struct(fields), DataType::Struct(to)) if fields.len() == to.len() => {
            let of = values.as_struct();
            let columns = of.columns().iter().zip(to);
            let columns = columns.map(|(column, to)| with_texts(column, to.data_type()));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let field = |(field, column): (&Arc<Field>, &ArrayRef)| {
                field.as_ref().clone().with_data_type(column.data_type().clone())
            };
            let fields: Fields = fields.iter().zip(&columns).map(field).collect();
            let nulls = of.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(fields, columns, nulls, of.len())?))
        }
        (DataType::Map(entries, sorted), DataType::Map(to, _)) => {
            let map = values.as_map();
            let of: ArrayRef = Arc::new(map.entries().clone());
            let of = with_texts(&of, to.data_type())?;
            let entries = entries.as_ref().clone().with_data_type(of.data_type().clone());
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let of = of.as_struct().clone();
            Ok(Arc::new(MapArray::try_new(Arc::new(entries), offsets, of, nulls, *sorted)?))
        }
        _ => Ok(Arc::clone(values)),
    }
}

fn overflow(value: impl std::fmt::Display, from: &DataType) -> ArrowError {
    let error = SparkError::new(
        "CAST_OVERFLOW",
        [
            ("value", value.to_string()),
            ("sourceType", format!("\"{}\"", sql_string(from))),
            ("targetType", "\"TIMESTAMP\"".to_owned()),
        ],
    );
    ArrowError::ExternalError(Box::new(error))
}
