//! Functions for expressions, by PySpark's names, and those that sessions know beyond
//! `DataFusion`'s and `datafusion-spark`'s.
//!
//! Any other function can be called in SQL text: `expr("substring(name, 1, 2)")`.

mod named;
mod patterns;
mod spark;

use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::functions_aggregate::expr_fn as aggregate;
use datafusion::logical_expr::{AggregateUDF, Expr};
use datafusion::scalar::ScalarValue as Scalar;

pub(crate) use self::named::Replacement;
pub(crate) use self::patterns::Patterns;
use crate::ansi::CheckedSum;
use crate::column::{self, Column, Operand};
use crate::rows;
use crate::value::Value;

/// A column by its name, which counts without case.
pub fn col(name: &str) -> Column {
    name.into()
}

/// A column from SQL text, such as `id + 1 AS next`.
pub fn expr(text: &str) -> Column {
    Column::text(text)
}

/// A value in every row.
pub fn lit(value: impl Into<Value>) -> Column {
    let (value, text) = match value.into() {
        Value::Boolean(value) => (Scalar::from(value), value.to_string()),
        Value::Byte(value) => (Scalar::from(value), value.to_string()),
        Value::Short(value) => (Scalar::from(value), value.to_string()),
        Value::Int(value) => (Scalar::from(value), value.to_string()),
        Value::Long(value) => (Scalar::from(value), value.to_string()),
        Value::Float(value) => (Scalar::from(value), Value::Float(value).to_string()),
        Value::Double(value) => (Scalar::from(value), Value::Double(value).to_string()),
        Value::String(value) => (Scalar::from(value.as_str()), value),
        Value::Date(value) => (Scalar::Date32(Some(value)), Value::Date(value).to_string()),
        Value::Null => (Scalar::Null, "NULL".to_owned()),
        other => match rows::scalar(&other) {
            Ok(value) => (value, other.to_string()),
            Err(error) => return Column::wrong(error),
        },
    };
    Column::expr(Expr::Literal(value, None).alias(text))
}

/// The value where a condition holds, and null elsewhere, if no [`Column::when`] or
/// [`Column::otherwise`] follows.
///
/// # Examples
///
/// ```
/// use annals::Store;
/// use annals_spark::Session;
/// use annals_spark::functions::{col, when};
///
/// let numbers = Session::new(&Store::in_memory()).range(0, 9, 1)?;
/// let size = when(col("id").gt(6), "large").when(col("id").gt(3), "middling").otherwise("small");
/// assert_eq!(numbers.select([size.alias("size")])?.columns(), ["size"]);
/// # Ok::<(), annals_spark::SparkError>(())
/// ```
pub fn when(condition: Column, value: impl Operand) -> Column {
    column::case(condition, value)
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident $text:literal $function:expr;)*) => {
        $($(#[$doc])*
        pub fn $name(column: impl Into<Column>) -> Column {
            Column::call($text, $function, column.into())
        })*
    };
}

calls! {
    /// How many rows have a value there; of `*`, how many rows there are.
    count_column "count" aggregate::count;
    /// The sum.
    sum "sum" crate::ansi::sum;
    /// The mean.
    avg "avg" aggregate::avg;
    /// The smallest value.
    min "min" aggregate::min;
    /// The largest value.
    max "max" aggregate::max;
    /// In upper case.
    upper "upper" datafusion::functions::expr_fn::upper;
    /// In lower case.
    lower "lower" datafusion::functions::expr_fn::lower;
    /// Without spaces at either end.
    trim "trim" |text| datafusion::functions::expr_fn::trim(vec![text]);
    /// The value without its sign.
    abs "abs" datafusion::functions::expr_fn::abs;
    /// Whether there is no value.
    is_null "isnull" Expr::is_null;
}

/// How many rows have a value there; of `*`, how many rows there are.
pub fn count(column: &str) -> Column {
    if column == "*" {
        return Column::expr(aggregate::count(datafusion::logical_expr::lit(1)).alias("count(1)"));
    }
    count_column(column)
}

/// A session's state with the functions that are defined here.
pub(crate) fn added_to(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let functions = builder.scalar_functions().get_or_insert_default();
    functions.extend(spark::all().into_iter().chain(named::all()).map(Arc::new));
    functions.extend(named::others());
    let aggregates = builder.aggregate_functions().get_or_insert_default();
    aggregates.push(Arc::new(AggregateUDF::from(CheckedSum::default())));
    aggregates.extend(named::aggregates());
    builder
}
