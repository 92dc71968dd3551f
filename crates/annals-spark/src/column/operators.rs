//! Operators on columns: Rust's own where PySpark has Python's, and methods for the others.
//!
//! They mean what they mean in SQL: sums that overflow are errors, `==` of a null is null.

use std::fmt;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Rem, Sub};
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::functions::expr_fn as functions;
use datafusion::logical_expr::{self, Expr, Operator, binary_expr};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::{Column, Kind};
use crate::ansi;
use crate::error::SparkError;
use crate::frame::shown_name;
use crate::functions::lit;
use crate::types;
use crate::value::Value;

/// What may stand beside a column in an operation: another column, or a value. A text is a value
/// here, and not the name of a column.
pub trait Operand {
    /// The column of it.
    fn into_column(self) -> Column;
}

impl Operand for Column {
    fn into_column(self) -> Column {
        self
    }
}

impl<T: Into<Value>> Operand for T {
    fn into_column(self) -> Column {
        lit(self)
    }
}

type Made = Result<Expr, SparkError>;
type Make = dyn Fn(Vec<Expr>, &DFSchema) -> Made + Send + Sync;
type MakeName = dyn Fn(&[String]) -> String + Send + Sync;

/// What is made of some expressions over a frame.
#[derive(Clone)]
pub(super) struct Operation {
    make: Arc<Make>,
    name: Arc<MakeName>,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operation")
    }
}

impl Operation {
    /// The expression, under the name that Spark gives it.
    pub(super) fn over(&self, operands: Vec<Expr>, schema: &DFSchema) -> Made {
        let names: Vec<String> = operands.iter().map(shown_name).collect();
        let operands = operands.into_iter().map(Expr::unalias).collect();
        Ok((self.make)(operands, schema)?.alias((self.name)(&names)))
    }
}

fn operation<const N: usize>(
    operands: [Column; N],
    name: impl Fn(&[String; N]) -> String + Send + Sync + 'static,
    make: impl Fn([Expr; N], &DFSchema) -> Made + Send + Sync + 'static,
) -> Column {
    let wrong = || SparkError::other("an operation is over one column each, not over several");
    let operation = Operation {
        make: Arc::new(move |exprs, schema| make(exprs.try_into().map_err(|_| wrong())?, schema)),
        name: Arc::new(move |names| name(&std::array::from_fn(|at| names[at].clone()))),
    };
    Column::of(Kind::Operation(operation, operands.into()))
}

fn arithmetic(
    left: Column,
    right: impl Operand,
    sign: &'static str,
    op: &BinaryOperator,
) -> Column {
    let op = op.clone();
    operation(
        [left, right.into_column()],
        move |[left, right]| format!("({left} {sign} {right})"),
        move |[left, right], schema| {
            let planned = ansi::operation(op.clone(), left, right, schema);
            planned.map_err(|error| SparkError::other(error.to_string()).caused_by(error))
        },
    )
}

fn logical(left: Column, right: impl Operand, sign: &'static str, op: Operator) -> Column {
    operation(
        [left, right.into_column()],
        move |[left, right]| format!("({left} {sign} {right})"),
        move |[left, right], _| Ok(binary_expr(left, op, right)),
    )
}

macro_rules! arithmetic {
    ($($of:ident $method:ident $sign:literal $op:ident;)*) => {
        $(impl<R: Operand> $of<R> for Column {
            type Output = Self;

            fn $method(self, right: R) -> Self {
                arithmetic(self, right, $sign, &BinaryOperator::$op)
            }
        })*
    };
}

arithmetic! {
    Add add "+" Plus;
    Sub sub "-" Minus;
    Mul mul "*" Multiply;
    Div div "/" Divide;
    Rem rem "%" Modulo;
}

impl Neg for Column {
    type Output = Self;

    fn neg(self) -> Self {
        operation([self], |[of]| format!("(- {of})"), |[of], _| Ok(Expr::Negative(Box::new(of))))
    }
}

impl Not for Column {
    type Output = Self;

    fn not(self) -> Self {
        operation([self], |[of]| format!("(NOT {of})"), |[of], _| Ok(logical_expr::not(of)))
    }
}

impl<R: Operand> BitAnd<R> for Column {
    type Output = Self;

    /// The same as [`and`](Column::and), as in PySpark.
    fn bitand(self, right: R) -> Self {
        self.and(right)
    }
}

impl<R: Operand> BitOr<R> for Column {
    type Output = Self;

    /// The same as [`or`](Column::or), as in PySpark.
    fn bitor(self, right: R) -> Self {
        self.or(right)
    }
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $method:ident $sign:literal $op:ident;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $method(self, other: impl Operand) -> Self {
            logical(self, other, $sign, Operator::$op)
        })*
    };
}

/// A function of two texts, called so in names.
fn of_texts(
    text: Column,
    other: impl Operand,
    name: &'static str,
    of: fn(Expr, Expr) -> Expr,
) -> Column {
    operation(
        [text, other.into_column()],
        move |[text, other]| format!("{name}({text}, {other})"),
        move |[text, other], _| Ok(of(text, other)),
    )
}

impl Column {
    comparisons! {
        /// Whether the two are equal; null if one of them is.
        eq "=" Eq;
        /// Whether the two differ; null if one of them is.
        not_eq "!=" NotEq;
        /// Whether it is less.
        lt "<" Lt;
        /// Whether it is less or equal.
        le "<=" LtEq;
        /// Whether it is greater.
        gt ">" Gt;
        /// Whether it is greater or equal.
        ge ">=" GtEq;
        /// Whether the two are equal or both null.
        eq_null_safe "<=>" IsNotDistinctFrom;
        /// Whether both hold.
        and "AND" And;
        /// Whether one of the two holds.
        or "OR" Or;
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_null(self) -> Self {
        operation([self], |[of]| format!("({of} IS NULL)"), |[of], _| Ok(of.is_null()))
    }

    /// Whether there is a value.
    #[must_use]
    pub fn is_not_null(self) -> Self {
        operation([self], |[of]| format!("({of} IS NOT NULL)"), |[of], _| Ok(of.is_not_null()))
    }

    /// Whether it is one of these.
    #[must_use]
    pub fn is_in<R: Operand>(self, values: impl IntoIterator<Item = R>) -> Self {
        let mut operands = vec![self];
        operands.extend(values.into_iter().map(Operand::into_column));
        let operation = Operation {
            make: Arc::new(|mut exprs: Vec<Expr>, _| {
                let of = exprs.remove(0);
                Ok(logical_expr::in_list(of, exprs, false))
            }),
            name: Arc::new(|names| format!("({} IN ({}))", names[0], names[1..].join(", "))),
        };
        Self::of(Kind::Operation(operation, operands))
    }

    /// Whether it lies between the two, or is one of them.
    #[must_use]
    pub fn between(self, low: impl Operand, high: impl Operand) -> Self {
        self.clone().ge(low).and(self.le(high))
    }

    /// Whether a text is as a pattern says: `%` stands for any text, `_` for any sign.
    #[must_use]
    pub fn like(self, pattern: impl Operand) -> Self {
        operation(
            [self, pattern.into_column()],
            |[text, pattern]| format!("{text} LIKE {pattern}"),
            |[text, pattern], _| Ok(text.like(pattern)),
        )
    }

    /// Whether a regular expression is found in a text.
    #[must_use]
    pub fn rlike(self, pattern: impl Operand) -> Self {
        of_texts(self, pattern, "RLIKE", |text, pattern| {
            binary_expr(text, Operator::RegexMatch, pattern)
        })
    }

    /// Whether a text begins with another.
    #[must_use]
    pub fn starts_with(self, other: impl Operand) -> Self {
        of_texts(self, other, "startswith", functions::starts_with)
    }

    /// Whether a text ends with another.
    #[must_use]
    pub fn ends_with(self, other: impl Operand) -> Self {
        of_texts(self, other, "endswith", functions::ends_with)
    }

    /// Whether a text contains another.
    #[must_use]
    pub fn contains(self, other: impl Operand) -> Self {
        of_texts(self, other, "contains", functions::contains)
    }

    /// The value as one of another type, such as `bigint`. What that cannot hold is an error.
    #[must_use]
    pub fn cast(self, data_type: &str) -> Self {
        let found = match types::parse_type(data_type) {
            Ok(found) => found,
            Err(error) => return Self::wrong(error.into()),
        };
        let shown = types::simple_string(&found).to_uppercase();
        operation(
            [self],
            move |[of]| format!("CAST({of} AS {shown})"),
            move |[of], _| Ok(logical_expr::cast(of, found.clone())),
        )
    }
}
