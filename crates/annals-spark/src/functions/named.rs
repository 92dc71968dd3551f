//! Functions of Spark's that are others under another name, or others put together.
//!
//! They are known by name while a query is planned, and replaced when it is analyzed.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::functions::expr_fn as functions;
use datafusion::functions_aggregate as aggregates;
use datafusion::functions_nested::expr_fn as nested;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility, cast, lit,
};

use crate::types;

/// What a function is replaced by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// A part of a date or a timestamp.
    Part(&'static str),
    /// The day of the week, from 1 for Sunday.
    DayOfWeek,
    /// A cast to the type of that name.
    Cast,
    /// The name of the type of the argument.
    TypeOf,
    /// Where a text is in another, from 1; 0 if it is not.
    Locate,
    /// The element of a list at a place, or of a map at a key.
    ElementAt,
    /// A function of `datafusion-spark` on a date and a number, whatever their types are.
    OnDate,
}

const FORMS: &[(&str, Form)] = &[
    ("year", Form::Part("year")),
    ("quarter", Form::Part("quarter")),
    ("month", Form::Part("month")),
    ("weekofyear", Form::Part("week")),
    ("day", Form::Part("day")),
    ("dayofmonth", Form::Part("day")),
    ("dayofyear", Form::Part("doy")),
    ("dayofweek", Form::DayOfWeek),
    ("hour", Form::Part("hour")),
    ("minute", Form::Part("minute")),
    ("second", Form::Part("second")),
    ("boolean", Form::Cast),
    ("tinyint", Form::Cast),
    ("smallint", Form::Cast),
    ("int", Form::Cast),
    ("bigint", Form::Cast),
    ("float", Form::Cast),
    ("double", Form::Cast),
    ("string", Form::Cast),
    ("binary", Form::Cast),
    ("date", Form::Cast),
    ("timestamp", Form::Cast),
    ("typeof", Form::TypeOf),
    ("locate", Form::Locate),
    ("element_at", Form::ElementAt),
    ("date_add", Form::OnDate),
    ("date_sub", Form::OnDate),
    ("add_months", Form::OnDate),
];

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = ScalarUDF> {
    FORMS.iter().map(|(name, form)| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(Named { name, form: *form, signature })
    })
}

/// Functions that `DataFusion` has under other names.
pub(crate) fn others() -> Vec<Arc<ScalarUDF>> {
    use datafusion::{functions as plain, functions_nested as lists};
    let also = |of: Arc<ScalarUDF>, names: &'static [&'static str]| {
        Arc::new(of.as_ref().clone().with_aliases(names.iter().copied()))
    };
    vec![
        also(lists::sort::array_sort_udf(), &["sort_array"]),
        also(lists::range::gen_series_udf(), &["sequence"]),
        also(plain::unicode::character_length(), &["len"]),
        also(plain::string::upper(), &["ucase"]),
        also(plain::string::lower(), &["lcase"]),
    ]
}

/// Aggregates that `DataFusion` has under other names.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let also = |of: Arc<AggregateUDF>, names: &'static [&'static str]| {
        Arc::new(of.as_ref().clone().with_aliases(names.iter().copied()))
    };
    vec![
        also(aggregates::variance::var_samp_udaf(), &["variance"]),
        also(aggregates::bool_and_or::bool_and_udaf(), &["every"]),
        also(aggregates::bool_and_or::bool_or_udaf(), &["some", "any"]),
        also(aggregates::first_last::first_value_udaf(), &["first"]),
        also(aggregates::first_last::last_value_udaf(), &["last"]),
        also(aggregates::approx_distinct::approx_distinct_udaf(), &["approx_count_distinct"]),
    ]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Named {
    name: &'static str,
    form: Form,
    signature: Signature,
}

impl ScalarUDFImpl for Named {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let expected = match self.form {
            Form::Locate | Form::OnDate | Form::ElementAt => 2,
            _ => 1,
        };
        if types.len() != expected {
            return plan_err!("{}() takes {expected} arguments and not {}", self.name, types.len());
        }
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match self.form {
            Form::ElementAt => match types.first() {
                Some(DataType::List(item)) => item.data_type().clone(),
                Some(DataType::Map(entries, _)) => match entries.data_type() {
                    DataType::Struct(fields) if fields.len() == 2 => fields[1].data_type().clone(),
                    _ => return plan_err!("a map has keys and values"),
                },
                _ => return plan_err!("element_at() takes a list or a map"),
            },
            Form::TypeOf => DataType::Utf8,
            Form::OnDate => DataType::Date32,
            Form::Cast => match types::parse_type(self.name) {
                Ok(found) => found,
                Err(error) => return plan_err!("{error}"),
            },
            Form::Part(_) | Form::DayOfWeek | Form::Locate => DataType::Int32,
        })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        plan_err!("{}() is replaced before it is computed", self.name)
    }
}

/// Replaces them.
#[derive(Debug)]
pub(crate) struct Replacement;

impl FunctionRewrite for Replacement {
    fn name(&self) -> &'static str {
        "spark_functions"
    }

    fn rewrite(
        &self,
        expr: Expr,
        schema: &DFSchema,
        _config: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        let Expr::ScalarFunction(call) = &expr else { return Ok(Transformed::no(expr)) };
        let inner: &dyn std::any::Any = call.func.inner().as_ref();
        let Some(named) = inner.downcast_ref::<Named>() else { return Ok(Transformed::no(expr)) };
        let mut args = call.args.clone();
        let first = args.remove(0);
        let made = match named.form {
            Form::Part(part) => functions::date_part(lit(part), moment(first, schema)?),
            Form::DayOfWeek => functions::date_part(lit("dow"), moment(first, schema)?) + lit(1),
            Form::Cast => cast(first, named.return_type(&[])?),
            Form::ElementAt => {
                let at = args.remove(0);
                match first.get_type(schema)? {
                    DataType::List(_) => nested::array_element(first, at),
                    _ => nested::array_element(nested::map_extract(first, at), lit(1_i64)),
                }
            }
            Form::TypeOf => lit(types::simple_string(&first.get_type(schema)?)),
            Form::Locate => functions::strpos(args.remove(0), first),
            Form::OnDate => {
                let count = cast(args.remove(0), DataType::Int32);
                let date = cast(first, DataType::Date32);
                let function = match named.name {
                    "date_add" => datafusion_spark::function::datetime::date_add(),
                    "date_sub" => datafusion_spark::function::datetime::date_sub(),
                    _ => datafusion_spark::function::datetime::add_months(),
                };
                function.call(vec![date, count])
            }
        };
        let made = match named.form {
            Form::Part(_) | Form::DayOfWeek | Form::Locate => cast(made, DataType::Int32),
            _ => made,
        };
        Ok(Transformed::yes(made))
    }
}

/// A date or a timestamp; a text becomes one.
fn moment(of: Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(match of.get_type(schema)? {
        DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) => of,
        _ => cast(of, types::timestamp()),
    })
}
