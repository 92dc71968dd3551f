//! Items of lists: `list[0]` is the first one, `element_at(list, 1)` as well, and to ask for one that
//! is not there is an error.
//!
//! `DataFusion` counts from one in both, and gives null.

use arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, Result, exec_err, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::functions_nested::expr_fn::{array_element, map_extract};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, GetFieldAccess, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, cast, lit,
};

use crate::error::SparkError;

/// Plans `list[index]`.
#[derive(Debug)]
pub(crate) struct Subscripts;

impl ExprPlanner for Subscripts {
    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let (is_list, key_type) = match expr.expr.get_type(schema) {
            Ok(DataType::List(_)) => (true, None),
            Ok(DataType::Map(entries, _)) => match entries.data_type() {
                DataType::Struct(fields) => (false, fields.first().map(|f| f.data_type().clone())),
                _ => (false, None),
            },
            _ => (false, None),
        };
        Ok(match (expr.field_access, key_type) {
            (GetFieldAccess::ListIndex { key }, _) if is_list => {
                let function = Item::function(Counted::FromZero);
                PlannerResult::Planned(function.call(vec![expr.expr, *key]))
            }
            (GetFieldAccess::ListIndex { key }, Some(of)) => {
                let values = map_extract(expr.expr, cast(*key, of));
                PlannerResult::Planned(array_element(values, lit(1_i64)))
            }
            (field_access, _) => {
                PlannerResult::Original(RawFieldAccessExpr { expr: expr.expr, field_access })
            }
        })
    }
}

/// Puts the function that notices what is not there in the place of `DataFusion`'s.
#[derive(Debug)]
pub(crate) struct Elements;

impl FunctionRewrite for Elements {
    fn name(&self) -> &'static str {
        "spark_elements"
    }

    fn rewrite(
        &self,
        expr: Expr,
        _schema: &DFSchema,
        _config: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        match expr {
            // The values of a key of a map are a list too: one of none is null.
            Expr::ScalarFunction(call)
                if call.name() == "array_element" && !is_of_map(&call.args) =>
            {
                Ok(Transformed::yes(Item::function(Counted::FromOne).call(call.args)))
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

fn is_of_map(args: &[Expr]) -> bool {
    matches!(args.first(), Some(Expr::ScalarFunction(call)) if call.name() == "map_extract")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Counted {
    FromZero,
    /// Those below zero from the end.
    FromOne,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Item {
    counted: Counted,
    signature: Signature,
}

impl Item {
    fn function(counted: Counted) -> ScalarUDF {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(Self { counted, signature })
    }

    /// Which of so many items it is.
    fn place(&self, index: i64, count: usize) -> Result<usize> {
        let at = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
        let place = match self.counted {
            Counted::FromZero => Some(at).filter(|_| index >= 0),
            Counted::FromOne if index > 0 => Some(at - 1),
            Counted::FromOne if index == 0 => {
                let error = SparkError::plain("INVALID_INDEX_OF_ZERO");
                return Err(DataFusionError::External(Box::new(error)));
            }
            Counted::FromOne => count.checked_sub(at),
        };
        place.filter(|place| *place < count).ok_or_else(|| {
            let condition = match self.counted {
                Counted::FromZero => "INVALID_ARRAY_INDEX",
                Counted::FromOne => "INVALID_ARRAY_INDEX_IN_ELEMENT_AT",
            };
            let error = SparkError::new(
                condition,
                [("indexValue", index.to_string()), ("arraySize", count.to_string())],
            );
            DataFusionError::External(Box::new(error))
        })
    }
}

impl ScalarUDFImpl for Item {
    fn name(&self) -> &'static str {
        match self.counted {
            Counted::FromZero => "list_item",
            Counted::FromOne => "list_element_at",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [list @ DataType::List(_), index] if index.is_integer() || index.is_null() => {
                Ok(vec![list.clone(), DataType::Int64])
            }
            [list, index] => plan_err!("there is no item {index} of {list}"),
            _ => plan_err!("an item is told by a list and a whole number"),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(DataType::List(item)) => Ok(item.data_type().clone()),
            _ => plan_err!("only lists have items"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [list, index] = arrays.as_slice() else {
            return exec_err!("a list and a number were expected");
        };
        let (list, index) = (list.as_list::<i32>(), index.as_primitive::<Int64Type>());
        let mut places = UInt64Array::builder(list.len());
        for (row, index) in index.iter().enumerate() {
            match index.filter(|_| list.is_valid(row)) {
                None => places.append_null(),
                Some(index) => {
                    let begin = usize::try_from(list.value_offsets()[row]).unwrap_or_default();
                    let count = usize::try_from(list.value_length(row)).unwrap_or_default();
                    places.append_value((begin + self.place(index, count)?) as u64);
                }
            }
        }
        let items: ArrayRef = take(list.values(), &places.finish(), None)?;
        Ok(ColumnarValue::Array(items))
    }
}
