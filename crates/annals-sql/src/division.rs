//! `DIV`: division into whole numbers, which `DataFusion` has as an operator of some dialects only.
//!
//! The quotient is a `BIGINT`, cut towards zero. A division by zero and a quotient beyond `BIGINT`
//! are errors, for no other number would be true.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use arrow::error::ArrowError;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::error::SqlError;

/// Plans `DIV`.
#[derive(Debug)]
pub(crate) struct WholeDivision {
    div: Arc<ScalarUDF>,
}

impl WholeDivision {
    pub(crate) fn new() -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { div: Arc::new(ScalarUDF::from(Div { signature })) }
    }
}

impl ExprPlanner for WholeDivision {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::MyIntegerDivide {
            return Ok(PlannerResult::Original(expr));
        }
        for operand in [&expr.left, &expr.right] {
            // The type of a parameter is told only later.
            let Ok(found) = operand.get_type(schema) else { continue };
            if common(&found, &DataType::Int64).is_none() {
                let (left, right) = (expr.left.schema_name(), expr.right.schema_name());
                let expr = format!("({left} div {right})");
                return Err(SqlError::Operand { expr, found, expected: EXPECTED }.into());
            }
        }
        Ok(PlannerResult::Planned(self.div.call(vec![expr.left, expr.right])))
    }
}

/// The types that `DIV` divides.
const EXPECTED: &[&str] = &["BIGINT", "DECIMAL"];

/// The type in which two operands are divided: a decimal if one is.
fn common(left: &DataType, right: &DataType) -> Option<DataType> {
    let scale = |data_type: &DataType| match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale) => Some(Some(*scale)),
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(None),
        whole if whole.is_integer() => Some(None),
        _ => None,
    };
    Some(match (scale(left)?, scale(right)?) {
        (None, None) => DataType::Int64,
        (left, right) => {
            let most = left.unwrap_or(0).max(right.unwrap_or(0)).max(0);
            DataType::Decimal128(38, most)
        }
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Div {
    signature: Signature,
}

impl ScalarUDFImpl for Div {
    fn name(&self) -> &'static str {
        "div"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = types else { return plan_err!("DIV takes two numbers") };
        match common(left, right) {
            Some(common) => Ok(vec![common.clone(), common]),
            None => plan_err!("DIV takes whole numbers or decimals, not {left} and {right}"),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else { return plan_err!("DIV takes two numbers") };
        let quotients: Int64Array = match left.data_type() {
            DataType::Int64 => {
                let left = left.as_primitive::<Int64Type>();
                let right = right.as_primitive::<Int64Type>();
                divided(left, right.iter(), i64::checked_div)?
            }
            _ => {
                let left = left.as_primitive::<Decimal128Type>();
                let right = right.as_primitive::<Decimal128Type>();
                // Both have the same scale, which cancels out.
                let div = |left: i128, right| i64::try_from(left.checked_div(right)?).ok();
                divided(left, right.iter(), div)?
            }
        };
        Ok(ColumnarValue::Array(Arc::new(quotients)))
    }
}

fn divided<T: Copy + Default + PartialEq + std::fmt::Display>(
    left: impl IntoIterator<Item = Option<T>>,
    right: impl Iterator<Item = Option<T>>,
    div: impl Fn(T, T) -> Option<i64>,
) -> Result<Int64Array> {
    let quotient = |(left, right)| {
        let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
        if right == T::default() {
            return Err(ArrowError::DivideByZero);
        }
        let overflow =
            || ArrowError::ArithmeticOverflow(format!("Overflow happened on: {left} / {right}"));
        div(left, right).map(Some).ok_or_else(overflow)
    };
    let quotients: Result<Int64Array, ArrowError> =
        left.into_iter().zip(right).map(quotient).collect();
    quotients.map_err(DataFusionError::from)
}
