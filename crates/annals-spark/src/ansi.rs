//! Arithmetic as Spark's ANSI mode has it: whole numbers that overflow, and divisions by zero, are
//! errors and never other numbers; `/` divides whole numbers into fractions.
//!
//! `DataFusion`'s operators wrap, and divide whole numbers into whole numbers. So the operators
//! are planned as functions here where that makes a difference, and [`CheckedSum`] stands for
//! `sum`.

mod casts;
mod decimals;
mod items;
mod sum;

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::compute::kernels::numeric::{add, mul, neg, rem, sub};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, exec_err, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, binary_expr, cast as cast_to,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

pub(crate) use casts::{Casts, NoDatesAsNumbers, with_texts};
pub(crate) use items::{Elements, Subscripts};
pub(crate) use sum::{CheckedSum, sum};

/// The setting that Spark's messages about arithmetic name.
const ANSI_CONFIG: &str = "\"spark.sql.ansi.enabled\"";

/// What the error of a division by zero says.
pub(crate) const DIVIDED_BY_ZERO: &str = "Divide by zero";
/// What the error of a remainder by zero says.
pub(crate) const REMAINDER_BY_ZERO: &str = "Remainder by zero";

/// Plans operators on numbers.
#[derive(Debug)]
pub(crate) struct Arithmetic {
    add: Arc<ScalarUDF>,
    subtract: Arc<ScalarUDF>,
    multiply: Arc<ScalarUDF>,
    divide: Arc<ScalarUDF>,
    remainder: Arc<ScalarUDF>,
}

impl Arithmetic {
    pub(crate) fn new() -> Self {
        Self {
            add: Checked::function(Kind::Add),
            subtract: Checked::function(Kind::Subtract),
            multiply: Checked::function(Kind::Multiply),
            divide: Checked::function(Kind::Divide),
            remainder: Checked::function(Kind::Remainder),
        }
    }
}

impl ExprPlanner for Arithmetic {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let (kind, function) = match expr.op {
            BinaryOperator::Plus => (Kind::Add, &self.add),
            BinaryOperator::Minus => (Kind::Subtract, &self.subtract),
            BinaryOperator::Multiply => (Kind::Multiply, &self.multiply),
            BinaryOperator::Divide => (Kind::Divide, &self.divide),
            BinaryOperator::Modulo => (Kind::Remainder, &self.remainder),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        // An operand whose type is told only later, such as a parameter, is left alone.
        let types = (expr.left.get_type(schema), expr.right.get_type(schema));
        let (Ok(left), Ok(right)) = types else { return Ok(PlannerResult::Original(expr)) };
        // A text is read as the number that goes with the other side.
        let text = |of: &DataType| of.is_string();
        if text(&left) || text(&right) {
            let whole = (left.is_integer() || right.is_integer()) && kind != Kind::Divide;
            let number = |of: &DataType| of.is_numeric() || text(of);
            if !number(&left) || !number(&right) {
                return Ok(PlannerResult::Original(expr));
            }
            let to = if whole { DataType::Int64 } else { DataType::Float64 };
            let [left, right] = [(expr.left, text(&left)), (expr.right, text(&right))]
                .map(|(side, is_text)| if is_text { cast_to(side, to.clone()) } else { side });
            return self.plan_binary_op(RawBinaryExpr { op: expr.op, left, right }, schema);
        }
        if let Some(call) = decimals::planned(kind, &expr.left, &expr.right, schema)? {
            return Ok(PlannerResult::Planned(call));
        }
        let whole = left.is_signed_integer() && right.is_signed_integer();
        let number =
            |data_type: &DataType| data_type.is_signed_integer() || data_type.is_floating();
        let divides = matches!(kind, Kind::Divide | Kind::Remainder);
        let checked = whole || (divides && number(&left) && number(&right));
        if !checked {
            return Ok(PlannerResult::Original(expr));
        }
        let call = function.call(vec![expr.left, expr.right]);
        Ok(PlannerResult::Planned(call))
    }
}

/// An operator on two expressions over a schema, as SQL has it.
pub(crate) fn operation(
    op: BinaryOperator,
    left: Expr,
    right: Expr,
    schema: &DFSchema,
) -> Result<Expr> {
    static PLANNER: LazyLock<Arithmetic> = LazyLock::new(Arithmetic::new);
    let plain = match op {
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Multiply => Operator::Multiply,
        BinaryOperator::Divide => Operator::Divide,
        BinaryOperator::Modulo => Operator::Modulo,
        other => return plan_err!("{other} is no operator on numbers"),
    };
    let raw = RawBinaryExpr { op, left, right };
    Ok(match PLANNER.plan_binary_op(raw, schema)? {
        PlannerResult::Planned(expr) => expr,
        PlannerResult::Original(raw) => binary_expr(raw.left, plain, raw.right),
    })
}

/// Has whole numbers negated by a function that notices when the result does not fit: there is no
/// way to plan the sign itself otherwise.
#[derive(Debug)]
pub(crate) struct Negation {
    function: Arc<ScalarUDF>,
}

impl Negation {
    pub(crate) fn new() -> Self {
        Self { function: Checked::function(Kind::Negate) }
    }
}

impl FunctionRewrite for Negation {
    fn name(&self) -> &'static str {
        "ansi_negation"
    }

    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _config: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        match expr {
            Expr::Negative(inner)
                if !matches!(*inner, Expr::Literal(..))
                    && inner.get_type(schema).is_ok_and(|found| found.is_signed_integer()) =>
            {
                Ok(Transformed::yes(self.function.call(vec![*inner])))
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Negate,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    kind: Kind,
    signature: Signature,
}

impl Checked {
    fn function(kind: Kind) -> Arc<ScalarUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::from(Self { kind, signature }))
    }

    /// The type of the operands.
    fn operand(&self, types: &[DataType]) -> Result<DataType> {
        let (left, right) = match types {
            [only] => (only, only),
            [left, right] => (left, right),
            _ => return plan_err!("an operator takes two numbers"),
        };
        if self.kind == Kind::Divide || left.is_floating() || right.is_floating() {
            return Ok(match (left, right) {
                (DataType::Float32, DataType::Float32) if self.kind != Kind::Divide => {
                    DataType::Float32
                }
                _ => DataType::Float64,
            });
        }
        let width = |data_type: &DataType| data_type.primitive_width().unwrap_or(8);
        Ok(if width(left) >= width(right) { left.clone() } else { right.clone() })
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Add => "ansi_add",
            Kind::Subtract => "ansi_subtract",
            Kind::Multiply => "ansi_multiply",
            Kind::Divide => "ansi_divide",
            Kind::Remainder => "ansi_remainder",
            Kind::Negate => "ansi_negate",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![self.operand(types)?; types.len()])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.operand(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let result: ArrayRef = match (self.kind, arrays.as_slice()) {
            (Kind::Add, [left, right]) => add(left, right)?,
            (Kind::Subtract, [left, right]) => sub(left, right)?,
            (Kind::Multiply, [left, right]) => mul(left, right)?,
            (Kind::Divide, [left, right]) => divided(left, right)?,
            (Kind::Remainder, [left, right]) => remainder(left, right)?,
            (Kind::Negate, [only]) => neg(only)?,
            _ => return exec_err!("an operator takes two numbers"),
        };
        Ok(ColumnarValue::Array(result))
    }
}

/// Whether a number stands over a zero.
fn over_zero(left: &ArrayRef, right: &ArrayRef) -> Result<bool> {
    let (left, right) = (left.logical_nulls(), cast(right, &DataType::Float64)?);
    let is_number = |row| left.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let right = right.as_primitive::<Float64Type>();
    Ok(right.iter().enumerate().any(|(row, number)| number == Some(0.0) && is_number(row)))
}

fn remainder(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    if over_zero(left, right)? {
        return exec_err!("{REMAINDER_BY_ZERO}");
    }
    Ok(rem(left, right)?)
}

fn divided(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    if over_zero(left, right)? {
        return exec_err!("{DIVIDED_BY_ZERO}");
    }
    let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
    let quotients = left.iter().zip(right).map(|(left, right)| Some(left? / right?));
    Ok(Arc::new(quotients.collect::<Float64Array>()))
}

#[cfg(test)]
mod tests;
