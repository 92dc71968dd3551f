//! Columns: names and expressions that are looked up when a frame is asked for them.

mod cases;
mod operators;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator};

pub(crate) use self::cases::begun as case;
pub use self::operators::Operand;
use self::operators::Operation;
use crate::error::SparkError;
use crate::frame::{
    THIS, bare_name, columns_of, find_column, placed_back, query_over_one, with_room,
};
use crate::session::Session;

/// How many operations may lie in each other: as many as in SQL.
const LEVELS_MAX: usize = 200;

/// A column of a frame: a name, an expression, or SQL text. Names count without case.
#[derive(Clone, Debug)]
pub struct Column {
    kind: Kind,
    alias: Option<String>,
    /// How to sort by it: ascending, nulls first.
    order: (bool, bool),
    /// How many operations lie in each other.
    levels: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    /// All columns.
    All,
    /// All columns of the frame of that alias.
    AllOf(String),
    Name(String),
    Expr(Box<Expr>),
    Text(String),
    /// What cannot be made a column, and why.
    Wrong(Arc<SparkError>),
    Operation(Operation, Vec<Column>),
    /// Conditions and their values in turn, and the value where none holds at the end.
    Case(Vec<Column>),
    /// A function of one column, and what it is called.
    Call(String, fn(Expr) -> Expr, Box<Column>),
}

impl Column {
    fn of(kind: Kind) -> Self {
        let below = match &kind {
            Kind::Operation(_, operands) | Kind::Case(operands) => {
                operands.iter().map(|operand| operand.levels).max()
            }
            Kind::Call(_, _, argument) => Some(argument.levels),
            _ => None,
        };
        let levels = below.map_or(0, |levels| levels + 1);
        if levels > LEVELS_MAX {
            return Self::wrong(SparkError::other(format!(
                "a column of more than {LEVELS_MAX} operations in a row is not supported; keep part \
                 of it by with_column"
            )));
        }
        Self { kind, alias: None, order: (true, true), levels }
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::of(Kind::Text(text.to_owned()))
    }

    pub(crate) fn wrong(error: SparkError) -> Self {
        Self::of(Kind::Wrong(Arc::new(error)))
    }

    pub(crate) fn expr(expr: Expr) -> Self {
        Self::of(Kind::Expr(Box::new(expr)))
    }

    pub(crate) fn call(name: &str, function: fn(Expr) -> Expr, argument: Self) -> Self {
        Self::of(Kind::Call(name.to_owned(), function, Box::new(argument)))
    }

    /// The same under another name.
    #[must_use]
    pub fn alias(mut self, name: &str) -> Self {
        self.alias = Some(name.to_owned());
        self
    }

    /// To sort by it from the largest to the smallest, nulls last.
    #[must_use]
    pub fn desc(mut self) -> Self {
        self.order = (false, false);
        self
    }

    /// To sort by it from the largest to the smallest, nulls first.
    #[must_use]
    pub fn desc_nulls_first(mut self) -> Self {
        self.order = (false, true);
        self
    }

    /// To sort by it from the smallest to the largest, nulls last.
    #[must_use]
    pub fn asc_nulls_last(mut self) -> Self {
        self.order = (true, false);
        self
    }

    /// To sort by it from the smallest to the largest, nulls first, as is the default.
    #[must_use]
    pub fn asc(mut self) -> Self {
        self.order = (true, true);
        self
    }

    pub(crate) fn order(&self) -> (bool, bool) {
        self.order
    }

    /// The expressions over the columns of `plan`.
    pub(crate) fn resolve(
        self,
        session: &Session,
        plan: &Arc<LogicalPlan>,
    ) -> Result<Vec<Expr>, SparkError> {
        // Operations that lie in each other are looked up in each other.
        with_room(self.levels, || self.looked_up(session, plan))
    }

    fn looked_up(
        self,
        session: &Session,
        plan: &Arc<LogicalPlan>,
    ) -> Result<Vec<Expr>, SparkError> {
        let exprs = match self.kind {
            Kind::All => plan.schema().columns().into_iter().map(Expr::Column).collect(),
            Kind::AllOf(alias) => columns_of(plan, &alias)?.into_iter().map(Expr::Column).collect(),
            Kind::Name(name) => match find_column(plan, &name) {
                Ok(column) => {
                    // A column that is asked for in another spelling is called so from there on.
                    let asked = bare_name(&column, &name);
                    let same = column.name == asked;
                    let expr = Expr::Column(column);
                    vec![if same { expr } else { expr.alias(asked) }]
                }
                // A name in backquotes, or a field of a column.
                Err(error) => match annals_sql::parse::parse_name(&name) {
                    Ok(parts) if name.contains(['`', '.']) => {
                        let found = Self::text(&parts.quoted()).resolve(session, plan);
                        found.map_err(|_| error)?
                    }
                    _ => return Err(error),
                },
            },
            Kind::Expr(expr) => {
                bounded(&expr)?;
                vec![with_found_columns(*expr, plan)?]
            }
            Kind::Text(text) => {
                check_item(&text)?;
                // What may follow in the line is perhaps a comment.
                let query = format!("SELECT {text}\nFROM {THIS}");
                match query_over_one(session, THIS, plan, &query)? {
                    LogicalPlan::Projection(projection) => {
                        let computed = computed_below(&projection.input);
                        let own = |expr| {
                            let expr = replaced(expr, &computed);
                            with_found_columns(placed_back(expr, plan), plan)
                        };
                        projection.expr.into_iter().map(own).collect::<Result<_, _>>()?
                    }
                    _ => {
                        return Err(SparkError::other(format!(
                            "`{text}` cannot stand among other columns; use select_expr"
                        )));
                    }
                }
            }
            Kind::Operation(operation, operands) => {
                let mut exprs = Vec::with_capacity(operands.len());
                for operand in operands {
                    exprs.extend(operand.resolve(session, plan)?);
                }
                let expr = operation.over(exprs, plan.schema())?;
                bounded(&expr)?;
                vec![expr]
            }
            Kind::Case(parts) => {
                let mut exprs = Vec::with_capacity(parts.len());
                for part in parts {
                    match part.resolve(session, plan)?.as_slice() {
                        [one] => exprs.push(one.clone()),
                        _ => return Err(SparkError::other("one column was expected in when()")),
                    }
                }
                let expr = cases::over(exprs, plan.schema())?;
                bounded(&expr)?;
                vec![expr]
            }
            Kind::Wrong(error) => return Err(SparkError::other(error.message()).caused_by(error)),
            Kind::Call(name, function, argument) => {
                let arguments = argument.resolve(session, plan)?;
                let call = |argument: Expr| {
                    let argument = argument.unalias();
                    let shown = match &argument {
                        Expr::Column(column) => column.name.clone(),
                        other => other.schema_name().to_string(),
                    };
                    function(argument).alias(format!("{name}({shown})"))
                };
                arguments.into_iter().map(call).collect()
            }
        };
        let Some(alias) = self.alias else { return Ok(exprs) };
        Ok(exprs.into_iter().map(|expr: Expr| expr.unalias().alias(&alias)).collect())
    }
}

/// Refuses a text that is more than one item of a select list. It is to become part of a query, to
/// which it could add clauses of its own.
pub(crate) fn check_item(text: &str) -> Result<(), SparkError> {
    let item = annals_sql::parse::parse_select_item(text);
    item.map(drop).map_err(|error| crate::convert::parse(&error))
}

/// What a plan without groups computes beside the columns that it is over: aggregates and windows,
/// each with the column that stands for it above.
fn computed_below(plan: &LogicalPlan) -> Vec<(Expr, Expr)> {
    let (input, exprs) = match plan {
        LogicalPlan::Window(window) => (&window.input, &window.window_expr),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => {
            (&aggregate.input, &aggregate.aggr_expr)
        }
        _ => return Vec::new(),
    };
    let mut computed = computed_below(input);
    for expr in exprs {
        let (table, name) = expr.qualified_name();
        let column = Expr::Column(datafusion::common::Column::new(table, name));
        let expr = replaced(expr.clone(), &computed);
        computed.push((column, expr));
    }
    computed
}

/// The expression with others in the places of some that lie in it.
pub(crate) fn replaced(expr: Expr, by: &[(Expr, Expr)]) -> Expr {
    if by.is_empty() {
        return expr;
    }
    let found = expr.clone().transform_down(|expr| {
        Ok(match by.iter().find(|(from, _)| *from == expr) {
            Some((_, to)) => Transformed::new(to.clone(), true, TreeNodeRecursion::Jump),
            None => Transformed::no(expr),
        })
    });
    found.map_or(expr, |found| found.data)
}

/// `CASE` in each other, at most, as in the text of a statement: planning takes twice the time for
/// each that an operator or a function stands around.
const CASES_MAX: usize = 12;

/// How an expression lies in others: whether in a `CASE` at all, whether something that is computed
/// lies between it and the nearest, and how many lie around it with such a thing between.
type Nesting = (bool, bool, usize);

/// Refuses an expression that would take too long to plan.
fn bounded(expr: &Expr) -> Result<(), SparkError> {
    let mut pending: Vec<(&Expr, Nesting)> = vec![(expr, (false, false, 0))];
    while let Some((expr, (within, computed, cases))) = pending.pop() {
        let nesting = match expr {
            Expr::Case(_) => (true, false, cases + usize::from(within && computed)),
            Expr::ScalarFunction(_) | Expr::AggregateFunction(_) | Expr::Negative(_) => {
                (within, true, cases)
            }
            Expr::BinaryExpr(binary) => (within, computed || is_computed(binary.op), cases),
            _ => (within, computed, cases),
        };
        if nesting.2 > CASES_MAX {
            return Err(SparkError::other(
                "a CASE in more than 12 others, with operators or functions between, is not \
                 supported; compute part of it in a frame of its own",
            ));
        }
        let _ = expr.apply_children(|child| {
            pending.push((child, nesting));
            Ok(TreeNodeRecursion::Continue)
        });
    }
    Ok(())
}

fn is_computed(op: Operator) -> bool {
    use Operator::{Divide, IntegerDivide, Minus, Modulo, Multiply, Plus, StringConcat};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo | IntegerDivide | StringConcat)
}

/// The expression with its columns found in `plan`, whatever their case and table.
fn with_found_columns(expr: Expr, plan: &LogicalPlan) -> Result<Expr, SparkError> {
    let mut failed = None;
    let found = expr.transform_up(|expr| match expr {
        Expr::Column(column) if !plan.schema().has_column(&column) => {
            match find_column(plan, &column.name) {
                Ok(found) => Ok(Transformed::yes(Expr::Column(found))),
                Err(error) => {
                    failed.get_or_insert(error);
                    Ok(Transformed::no(Expr::Column(column)))
                }
            }
        }
        other => Ok(Transformed::no(other)),
    });
    match (failed, found) {
        (Some(error), _) => Err(error),
        (None, Ok(found)) => Ok(found.data),
        (None, Err(error)) => Err(SparkError::other(error.to_string()).caused_by(error)),
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self::of(match (name, name.strip_suffix(".*")) {
            ("*", _) => Kind::All,
            (_, Some(alias)) => Kind::AllOf(alias.to_owned()),
            (name, None) => Kind::Name(name.to_owned()),
        })
    }
}

impl From<String> for Column {
    fn from(name: String) -> Self {
        name.as_str().into()
    }
}

impl From<Expr> for Column {
    fn from(expr: Expr) -> Self {
        Self::expr(expr)
    }
}
