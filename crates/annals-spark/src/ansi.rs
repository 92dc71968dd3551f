//! Arithmetic as Spark's ANSI mode has it: whole numbers that overflow, and divisions by zero, are
//! errors and never other numbers; `/` divides whole numbers into fractions.
//!
//! `DataFusion`'s operators wrap, and divide whole numbers into whole numbers. So the operators
//! are planned as functions here where that makes a difference.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DFSchema, Result, exec_err, plan_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// What the error of a division by zero says.
pub(crate) const DIVIDED_BY_ZERO: &str = "Divide by zero";

/// Plans operators on numbers.
#[derive(Debug)]
pub(crate) struct Arithmetic {
    functions: [Arc<ScalarUDF>; 4],
}

impl Arithmetic {
    pub(crate) fn new() -> Self {
        let function = |kind| {
            let signature = Signature::user_defined(Volatility::Immutable);
            Arc::new(ScalarUDF::from(Checked { kind, signature }))
        };
        Self { functions: [Kind::Add, Kind::Subtract, Kind::Multiply, Kind::Divide].map(function) }
    }
}

impl ExprPlanner for Arithmetic {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let index = match expr.op {
            BinaryOperator::Plus => 0,
            BinaryOperator::Minus => 1,
            BinaryOperator::Multiply => 2,
            BinaryOperator::Divide => 3,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        // An operand whose type is told only later, such as a parameter, is left alone.
        let types = (expr.left.get_type(schema), expr.right.get_type(schema));
        let (Ok(left), Ok(right)) = types else { return Ok(PlannerResult::Original(expr)) };
        let whole = left.is_signed_integer() && right.is_signed_integer();
        let number =
            |data_type: &DataType| data_type.is_signed_integer() || data_type.is_floating();
        let checked = whole || (index == 3 && number(&left) && number(&right));
        if !checked {
            return Ok(PlannerResult::Original(expr));
        }
        let call = self.functions[index].call(vec![expr.left, expr.right]);
        Ok(PlannerResult::Planned(call))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    kind: Kind,
    signature: Signature,
}

impl Checked {
    /// The type of both operands.
    fn operand(&self, types: &[DataType]) -> Result<DataType> {
        let [left, right] = types else { return plan_err!("an operator takes two numbers") };
        if self.kind == Kind::Divide {
            return Ok(DataType::Float64);
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
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let operand = self.operand(types)?;
        Ok(vec![operand.clone(), operand])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.operand(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else {
            return exec_err!("an operator takes two numbers");
        };
        let result: ArrayRef = match self.kind {
            Kind::Add => add(left, right)?,
            Kind::Subtract => sub(left, right)?,
            Kind::Multiply => mul(left, right)?,
            Kind::Divide => divided(left, right)?,
        };
        Ok(ColumnarValue::Array(result))
    }
}

fn divided(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
    let zero = left.iter().zip(right).any(|(left, right)| left.is_some() && right == Some(0.0));
    if zero {
        return exec_err!("{DIVIDED_BY_ZERO}");
    }
    let quotients = left.iter().zip(right).map(|(left, right)| Some(left? / right?));
    Ok(Arc::new(quotients.collect::<Float64Array>()))
}
