//! Names without regard to case, as Spark finds them.
//!
//! `DataFusion` compares names as they are written. So a query is gone through before it is
//! planned: each column and table alias in it gets the spelling of what it stands for, found in
//! the tables, views and subqueries that are in scope. A plain item of a select list keeps the
//! spelling of the query as its name; `*` has the stored ones. What is found nowhere is left as it
//! is, for the planner to refuse.
//!
//! On the way, items without a name get the one that Spark gives them, and whole numbers the type.

mod frame;
mod literals;
mod merged;
mod names;
mod relations;
mod sizes;
pub(crate) mod twice;

use std::ops::ControlFlow;

use datafusion::common::{DFSchema, TableReference};
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, VisitMut,
    VisitorMut, WildcardAdditionalOptions,
};

use self::frame::{Columns, Frame, Relation, alias_columns, given, parts, same};
use self::sizes::{Known, Size};
use self::twice::Given;
use crate::error::SqlError;
use crate::parse::casts;
use crate::scope::Scope;

/// What was come across on the way that is to be looked at again once there is a plan.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Something is cast to a type that other types stand in.
    pub(crate) nested_casts: bool,
}

/// Gives the names in a query the spelling of what they stand for.
///
/// # Errors
///
/// [`SqlError::AmbiguousColumn`] if a name stands for several columns of one subquery;
/// [`SqlError::Unsupported`] for an outer join by name on columns that are not known here.
pub(crate) fn query(scope: &Scope, query: &mut Query) -> Result<Seen, SqlError> {
    let mut walk = Walk::new(scope);
    walk.query(query, &[]);
    walk.done()
}

/// Likewise for an expression over columns.
pub(crate) fn expr(scope: &Scope, expr: &mut Expr, schema: &DFSchema) -> Result<Seen, SqlError> {
    let mut frame = Frame::default();
    for (qualifier, field) in schema.iter() {
        let path: Vec<String> = qualifier.map(TableReference::to_vec).unwrap_or_default();
        let name = field.name().clone();
        match frame.relations.iter_mut().find(|relation| relation.path == path) {
            Some(relation) => relation.columns.get_or_insert_default().push(name),
            None => frame.relations.push(Relation::new(path, Some(vec![name]))),
        }
    }
    literals::whole_number(expr);
    let mut walk = Walk::new(scope);
    walk.expr(expr, &[&frame]);
    walk.done()
}

/// The walk through one query.
struct Walk<'a> {
    scope: &'a Scope,
    /// Common table expressions in scope, the innermost last.
    ctes: Vec<Known>,
    /// What the query that is gone through is made of so far.
    size: Size,
    /// How many queries this one lies in.
    depth: usize,
    /// The first name that stands for several columns.
    wrong: Option<SqlError>,
    /// Whether there is an outer join by name on columns that are not known.
    blind_join: bool,
    seen: Seen,
}

impl<'a> Walk<'a> {
    fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            ctes: Vec::new(),
            size: Size::default(),
            depth: 0,
            wrong: None,
            blind_join: false,
            seen: Seen::default(),
        }
    }

    fn done(self) -> Result<Seen, SqlError> {
        match self.wrong {
            Some(error) => Err(error),
            None if self.blind_join => Err(SqlError::Unsupported {
                what: "USING or NATURAL in an outer join of a table function, or on columns that \
                       are not there once on each side,"
                    .to_owned(),
                instead: "write ON".to_owned(),
            }),
            None => Ok(self.seen),
        }
    }

    fn refuse(&mut self, error: SqlError) {
        self.wrong.get_or_insert(error);
    }

    /// Returns the columns that the query gives.
    fn query(&mut self, query: &mut Query, outer: &[&Frame]) -> Columns {
        let depth = self.ctes.len();
        self.depth += 1;
        if let Some(with) = &mut query.with {
            let recursive = with.recursive;
            with.cte_tables.iter_mut().for_each(|cte| self.cte(cte, recursive, outer));
        }
        let (columns, frame) = self.body(&mut query.body, outer);
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(exprs) = &mut order.kind
        {
            // A name stands for an item of the select list first.
            for order in exprs {
                self.by_alias_first(&mut order.expr, &frame, outer);
            }
        }
        self.ctes.truncate(depth);
        self.depth -= 1;
        columns
    }

    fn by_alias_first(&mut self, expr: &mut Expr, frame: &Frame, outer: &[&Frame]) {
        if let Expr::Identifier(ident) = expr
            && let Some(alias) = frame.alias(&ident.value)
        {
            if frame.shared.iter().any(|other| same(other, &ident.value)) {
                self.refuse(frame::ambiguous(&[], std::slice::from_ref(&ident.value)));
            }
            ident.value.clone_from(alias);
            return;
        }
        self.within(expr, frame, outer);
    }

    fn cte(&mut self, cte: &mut Cte, recursive: bool, outer: &[&Frame]) {
        let name = cte.alias.name.value.clone();
        twice::tell_names_apart(&mut cte.alias);
        let named = alias_columns(&cte.alias);
        if recursive {
            let (name, columns) = (name.clone(), named.clone());
            self.ctes.push(Known { name, columns, size: Size::default() });
        }
        let around = std::mem::take(&mut self.size);
        let columns = self.query(&mut cte.query, outer);
        let size = std::mem::replace(&mut self.size, around);
        if recursive {
            self.ctes.pop();
        }
        self.ctes.push(Known { name, columns: named.or(columns), size: size.within_one() });
    }

    /// The common table expression of this name, to be put in the place of the name.
    fn put(&mut self, name: &str) -> Option<(String, Columns)> {
        let known = self.ctes.iter().rev().find(|known| same(&known.name, name))?;
        let found = (known.name.clone(), known.columns.clone());
        self.size = self.size.and(known.size);
        if let Err(error) = self.size.check() {
            self.refuse(error);
        }
        Some(found)
    }

    /// The columns that it gives, and what its ORDER BY may name.
    fn body(&mut self, body: &mut SetExpr, outer: &[&Frame]) -> (Columns, Frame) {
        match body {
            SetExpr::Select(select) => self.select(select, outer),
            SetExpr::Query(query) => {
                let columns = self.query(query, outer);
                (columns.clone(), given(columns))
            }
            SetExpr::SetOperation { left, right, .. } => {
                let (columns, _) = self.body(left, outer);
                self.body(right, outer);
                (columns.clone(), given(columns))
            }
            SetExpr::Values(values) => {
                let width = values.rows.first().map_or(0, |row| row.len());
                for value in values.rows.iter_mut().flat_map(|row| row.iter_mut()) {
                    literals::whole_number(value);
                    self.expr(value, outer);
                }
                let columns: Columns = Some((1..=width).map(|n| format!("column{n}")).collect());
                (columns.clone(), given(columns))
            }
            SetExpr::Table(table) => {
                let mut parts: Vec<String> = Vec::new();
                parts.extend(table.schema_name.clone());
                parts.extend(table.table_name.clone());
                let columns = self.columns_of(&parts);
                (columns.clone(), given(columns))
            }
            _ => (None, Frame::default()),
        }
    }

    fn select(&mut self, select: &mut Select, outer: &[&Frame]) -> (Columns, Frame) {
        let mut frame = Frame::default();
        for from in &mut select.from {
            self.from(from, &mut frame, outer);
            frame.items.push((frame.relations.len(), frame.merged.len()));
        }
        if !select.lateral_views.is_empty() {
            // What they add is not known here.
            frame.relations.push(Relation::new(Vec::new(), None));
        }
        let all = frame.all();
        let mut given = Vec::with_capacity(select.projection.len());
        let mut aliases = Vec::new();
        let mut own: Vec<String> = Vec::new();
        for mut item in std::mem::take(&mut select.projection) {
            let items = match (&item, &all) {
                // DataFusion would give others.
                (SelectItem::Wildcard(options), Some(all))
                    if is_whole(options) || options.opt_except.is_some() =>
                {
                    merged::spelled_out(all, options, &frame)
                }
                _ => {
                    let gives = self.item(&mut item, &frame, outer);
                    vec![(item, gives)]
                }
            };
            for (item, gives) in items {
                if let SelectItem::ExprWithAlias { alias, .. } = &item {
                    let name = &alias.value;
                    aliases.push(name.clone());
                    // A column in another spelling is called so too, and is the same each time.
                    if matches!(gives, Given::One { source: None, .. }) {
                        if own.iter().any(|other| same(other, name)) {
                            frame.shared.push(name.clone());
                        }
                        own.push(name.clone());
                    }
                }
                select.projection.push(item);
                given.push(gives);
            }
        }
        let columns = match select.projection.is_empty() {
            true => frame.star(),
            false => twice::tell_apart(&mut select.projection, given, &frame, self.depth > 1),
        };
        if let Some(filter) = &mut select.selection {
            self.within(filter, &frame, outer);
        }
        frame.aliases = aliases;
        if let GroupByExpr::Expressions(exprs, _) = &mut select.group_by {
            exprs.iter_mut().for_each(|expr| self.within(expr, &frame, outer));
        }
        for expr in select.having.iter_mut().chain(&mut select.qualify) {
            self.within(expr, &frame, outer);
        }
        for sort in &mut select.sort_by {
            self.within(&mut sort.expr, &frame, outer);
        }
        for window in &mut select.named_window {
            let mut walk = Exprs { walk: self, frames: &[&[&frame], outer].concat(), depth: 0 };
            if let ControlFlow::Break(error) = window.visit(&mut walk) {
                self.refuse(error);
            }
        }
        (columns, frame)
    }

    /// Gives an item of a select list its name; returns the columns that it gives.
    fn item(&mut self, item: &mut SelectItem, frame: &Frame, outer: &[&Frame]) -> Given {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = names::of(expr);
                let is_field = is_field(expr, frame, outer);
                literals::whole_number(expr);
                self.within(expr, frame, outer);
                let source = frame.source(expr);
                // A star that is an argument has no name of its own.
                let spelled = match &*expr {
                    Expr::Identifier(ident) => Some(&ident.value),
                    Expr::CompoundIdentifier(parts) => parts.last().map(|part| &part.value),
                    _ => None,
                };
                if is_field || spelled != Some(&name) {
                    let alias = Ident::with_quote('`', &name);
                    let expr = std::mem::replace(expr, Expr::Identifier(Ident::new("")));
                    *item = SelectItem::ExprWithAlias { expr, alias };
                }
                Given::One { name, source }
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                literals::whole_number(expr);
                self.within(expr, frame, outer);
                Given::One { name: alias.value.clone(), source: None }
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) => {
                let Some((at, relation)) = frame.relation_named(&parts(name)) else {
                    return Given::Unknown;
                };
                if frame.shares(&parts(name)) {
                    self.refuse(frame::ambiguous(&[], &parts(name)));
                }
                let path = relation.path.iter().map(|part| Ident::with_quote('`', part));
                *name = ObjectName(path.map(ObjectNamePart::Identifier).collect());
                let columns = relation.columns.as_ref();
                columns.filter(|_| is_whole(options)).map_or(Given::Unknown, |columns| {
                    Given::Star(columns.iter().map(|column| (at, column.clone())).collect())
                })
            }
            SelectItem::Wildcard(options) if options.opt_except.is_none() && !is_whole(options) => {
                Given::Unknown
            }
            SelectItem::Wildcard(options) => {
                let mut star = frame.star_sources();
                if let Some(except) = &mut options.opt_except {
                    let listed = std::iter::once(&except.first_element);
                    let left_out: Vec<String> = listed
                        .chain(&except.additional_elements)
                        .map(|i| i.value.clone())
                        .collect();
                    let is_out =
                        |column: &str| left_out.iter().any(|name| same(twice::plain(column), name));
                    let out: Vec<Ident> = star
                        .iter()
                        .flatten()
                        .filter(|(_, c)| is_out(c))
                        .map(|(_, column)| Ident::with_quote('`', column))
                        .collect();
                    if let [first, more @ ..] = &out[..]
                        && out.len() >= left_out.len()
                    {
                        except.first_element = first.clone();
                        except.additional_elements = more.to_vec();
                    }
                    if let Some(star) = &mut star {
                        star.retain(|(_, column)| !is_out(column));
                    }
                    return star.map_or(Given::Unknown, Given::Star);
                }
                star.map_or(Given::Unknown, Given::Star)
            }
            _ => Given::Unknown,
        }
    }

    // ---- expressions ----------------------------------------------------------------------

    fn within(&mut self, expr: &mut Expr, frame: &Frame, outer: &[&Frame]) {
        self.expr(expr, &[&[frame], outer].concat());
    }

    /// The innermost frame comes first.
    fn expr(&mut self, expr: &mut Expr, frames: &[&Frame]) {
        let visited = expr.visit(&mut Exprs { walk: self, frames, depth: 0 });
        if let ControlFlow::Break(error) = visited {
            self.refuse(error);
        }
    }
}

/// Goes through an expression; subqueries are queries with what is here around them.
struct Exprs<'w, 'a> {
    walk: &'w mut Walk<'a>,
    frames: &'w [&'w Frame],
    /// How many subqueries the visitor is in; they are done already.
    depth: usize,
}

impl VisitorMut for Exprs<'_, '_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        if self.depth == 0 {
            self.walk.query(query, self.frames);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<SqlError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        let spelled = match expr {
            Expr::Identifier(ident) => match merged::value(ident, self.frames) {
                Some(value) => {
                    *expr = value;
                    Ok(())
                }
                None => frame::spell(ident, self.frames),
            },
            Expr::CompoundIdentifier(parts) => frame::spell_compound(parts, self.frames),
            other => {
                if let Expr::Cast { data_type, .. } = &*other {
                    self.walk.seen.nested_casts |= casts::written(data_type).is_some();
                }
                literals::operands(other);
                Ok(())
            }
        };
        match spelled {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// Whether it names a field of a column, and not a column of a relation.
fn is_field(expr: &Expr, frame: &Frame, outer: &[&Frame]) -> bool {
    let Expr::CompoundIdentifier(idents) = expr else { return false };
    let table = idents[..idents.len() - 1].iter().map(|ident| ident.value.clone());
    let table: Vec<String> = table.collect();
    let mut frames = std::iter::once(&frame).chain(outer);
    !frames.any(|frame| frame.relation_named(&table).is_some())
}

/// Whether a star gives all columns, and as they are.
fn is_whole(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::RightAnti(constraint) => Some(constraint),
        _ => None,
    }
}
