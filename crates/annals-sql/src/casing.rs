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
mod names;
mod sizes;
pub(crate) mod twice;

use std::ops::ControlFlow;

use datafusion::common::{DFSchema, TableReference};
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    TableAliasColumnDef, TableFactor, TableWithJoins, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};

use self::frame::{Columns, Found, Frame, Relation, alias_columns, given, named_as, parts, same};
use self::sizes::{Known, Size};
use self::twice::Given;
use crate::error::SqlError;
use crate::parse::casts;
use crate::scope::{Named, Scope};
use crate::travel::{moment_of, split_at_sign, table_at};
use crate::view::ViewQuery;

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
/// [`SqlError::AmbiguousColumn`] if a name stands for several columns of one subquery.
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
            None => frame.relations.push(Relation { path, columns: Some(vec![name]) }),
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
            seen: Seen::default(),
        }
    }

    fn done(self) -> Result<Seen, SqlError> {
        self.wrong.map_or(Ok(self.seen), Err)
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
        }
        if !select.lateral_views.is_empty() {
            // What they add is not known here.
            frame.relations.push(Relation { path: Vec::new(), columns: None });
        }
        let mut given = Vec::with_capacity(select.projection.len());
        let mut aliases = Vec::new();
        let mut own: Vec<String> = Vec::new();
        for item in &mut select.projection {
            let gives = self.item(item, &frame, outer);
            if let SelectItem::ExprWithAlias { alias, .. } = item {
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
            given.push(gives);
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
                literals::whole_number(expr);
                self.within(expr, frame, outer);
                let source = frame.source(expr);
                // A star that is an argument has no name of its own.
                let spelled = match &*expr {
                    Expr::Identifier(ident) => Some(&ident.value),
                    Expr::CompoundIdentifier(parts) => parts.last().map(|part| &part.value),
                    _ => None,
                };
                if spelled != Some(&name) {
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

    // ---- FROM -----------------------------------------------------------------------------

    fn from(&mut self, from: &mut TableWithJoins, frame: &mut Frame, outer: &[&Frame]) {
        self.relation(&mut from.relation, frame, outer);
        for join in &mut from.joins {
            self.relation(&mut join.relation, frame, outer);
            said_in_full(&mut join.join_operator);
            let Some(constraint) = constraint(&mut join.join_operator) else { continue };
            match constraint {
                JoinConstraint::On(expr) => self.within(expr, frame, outer),
                JoinConstraint::Using(names) => {
                    for name in names {
                        let Some(ident) = name.0.last_mut() else { continue };
                        let ObjectNamePart::Identifier(ident) = ident else { continue };
                        if let Ok(Found::Spelling(spelling)) = frame.column(&ident.value) {
                            ident.value = spelling;
                        }
                        frame.merged.push(ident.value.clone());
                    }
                }
                JoinConstraint::Natural => {
                    // Whatever both sides have is one column.
                    let all: Vec<String> = frame
                        .relations
                        .iter()
                        .flat_map(|r| r.columns.clone().unwrap_or_default())
                        .collect();
                    frame.merged.extend(all);
                }
                JoinConstraint::None => {}
            }
        }
    }

    fn relation(&mut self, factor: &mut TableFactor, frame: &mut Frame, outer: &[&Frame]) {
        match factor {
            TableFactor::Table { name, alias, args, version, .. } => {
                let mut path = parts(name);
                let known = match (&path[..], &args) {
                    ([single], None) => self.put(single),
                    _ => None,
                };
                let columns = match (known, &args) {
                    (_, Some(_)) => None,
                    (Some((spelling, columns)), None) => {
                        path = vec![spelling.clone()];
                        *name = ObjectName::from(vec![Ident::with_quote('`', spelling)]);
                        columns
                    }
                    _ => match version {
                        Some(version) => self.columns_then(name, version),
                        None => self.columns_of(&path),
                    },
                };
                if let Ok((plain, Some(_))) = split_at_sign(name.clone()) {
                    path = parts(&plain);
                }
                frame.relations.push(named_as(alias.as_ref(), path, columns));
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                let columns = match lateral {
                    true => {
                        let so_far = frame.clone();
                        self.query(subquery, &[&[&so_far], outer].concat())
                    }
                    false => self.query(subquery, outer),
                };
                if let (SetExpr::Values(values), Some(alias)) = (&*subquery.body, alias.as_mut())
                    && alias.columns.is_empty()
                {
                    let width = values.rows.first().map_or(0, |row| row.len());
                    let names = (1..=width).map(|n| Ident::new(format!("col{n}")));
                    alias.columns =
                        names.map(|name| TableAliasColumnDef { name, data_type: None }).collect();
                }
                if let Some(alias) = alias {
                    twice::tell_names_apart(alias);
                }
                frame.relations.push(named_as(alias.as_ref(), Vec::new(), columns));
            }
            TableFactor::NestedJoin { table_with_joins, alias } => match alias {
                None => self.from(table_with_joins, frame, outer),
                Some(alias) => {
                    let mut inner = Frame::default();
                    self.from(table_with_joins, &mut inner, outer);
                    frame.relations.push(named_as(Some(alias), Vec::new(), inner.star()));
                }
            },
            _ => frame.relations.push(Relation { path: Vec::new(), columns: None }),
        }
    }

    fn columns_of(&self, parts: &[String]) -> Columns {
        if parts.last().is_some_and(|last| last.contains('@')) {
            let name = ObjectName::from(parts.iter().map(Ident::new).collect::<Vec<_>>());
            let (name, Some(moment)) = split_at_sign(name).ok()? else { return None };
            let Named::Table(table) = self.scope.find(&self::parts(&name)).ok()? else {
                return None;
            };
            return Some(columns(&table_at(self.scope, &table, &moment).ok()?));
        }
        match self.scope.find(parts).ok()? {
            Named::Table(table) => {
                let found = columns(&table);
                // A view that did not say its columns.
                if found.is_empty() { None } else { Some(found) }
            }
            Named::TempView(_, query) => match &*query {
                ViewQuery::Plan(plan) => {
                    Some(plan.schema().fields().iter().map(|field| field.name().clone()).collect())
                }
                ViewQuery::Text { columns: Some(columns), .. } => {
                    Some(columns.schema.fields().iter().map(|field| field.name().clone()).collect())
                }
                ViewQuery::Text { .. } => None,
            },
        }
    }

    fn columns_then(
        &self,
        name: &ObjectName,
        version: &datafusion::sql::sqlparser::ast::TableVersion,
    ) -> Columns {
        let Named::Table(table) = self.scope.find(&parts(name)).ok()? else { return None };
        let moment = moment_of(self.scope, version).ok()?;
        Some(columns(&table_at(self.scope, &table, &moment).ok()?))
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
            Expr::Identifier(ident) => frame::spell(ident, self.frames),
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

fn columns(table: &annals::Table) -> Vec<String> {
    table.schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// Whether a star gives all columns, and as they are.
fn is_whole(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
}

/// Which side a join without one is of. `DataFusion` wants to be told.
fn said_in_full(operator: &mut JoinOperator) {
    *operator = match operator {
        JoinOperator::Semi(constraint) => JoinOperator::LeftSemi(constraint.clone()),
        JoinOperator::Anti(constraint) => JoinOperator::LeftAnti(constraint.clone()),
        _ => return,
    };
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
