//! Names without regard to case, as Spark finds them.
//!
//! `DataFusion` compares names as they are written. So a query is gone through before it is
//! planned: each column and table alias in it gets the spelling of what it stands for, found in
//! the tables, views and subqueries that are in scope. A plain item of a select list keeps the
//! spelling of the query as its name; `*` has the stored ones. What is found nowhere is left as it
//! is, for the planner to refuse.
//!
//! On the way, items without a name get the one that Spark gives them, and whole numbers the type.

mod literals;
mod merged;
mod names;
mod relations;
pub(crate) mod twice;

use std::ops::ControlFlow;

use datafusion::common::{DFSchema, TableReference};
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, VisitMut,
    VisitorMut,
};

use self::merged::Merged;
use self::relations::alias_columns;
use crate::error::SqlError;
use crate::scope::Scope;

/// Columns by name; none if they are not known here.
type Columns = Option<Vec<String>>;

/// Gives the names in a query the spelling of what they stand for.
///
/// # Errors
///
/// [`SqlError::Unsupported`] for an outer join on columns that are not known here.
pub(crate) fn query(scope: &Scope, query: &mut Query) -> Result<(), SqlError> {
    let mut walk = Walk::new(scope);
    walk.query(query, &[]);
    twice::tell_apart(&mut query.body);
    match walk.blind_join {
        false => Ok(()),
        true => Err(SqlError::Unsupported {
            what: "USING or NATURAL in an outer join of a table function, or on columns that are \
                   not there once on each side,"
                .to_owned(),
            instead: "write ON".to_owned(),
        }),
    }
}

/// Likewise for an expression over columns.
pub(crate) fn expr(scope: &Scope, expr: &mut Expr, schema: &DFSchema) {
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
    Walk::new(scope).expr(expr, &[&frame]);
}

/// Something in FROM.
#[derive(Clone, Debug)]
struct Relation {
    /// How its columns are qualified.
    path: Vec<String>,
    columns: Columns,
    /// Whether it is only asked whether it has a row.
    hidden: bool,
}

impl Relation {
    fn new(path: Vec<String>, columns: Columns) -> Self {
        Self { path, columns, hidden: false }
    }
}

/// What is in FROM of one select, and the names that it gives to its items.
#[derive(Clone, Debug, Default)]
struct Frame {
    relations: Vec<Relation>,
    /// Columns that `USING` has made one.
    merged: Vec<Merged>,
    /// Where each item of FROM ends: how many relations and merged columns there are by then.
    items: Vec<(usize, usize)>,
    aliases: Vec<String>,
}

impl Frame {
    /// All columns, as `*` gives them.
    fn star(&self) -> Columns {
        if let Some(all) = self.all() {
            return Some(all.into_iter().map(|(name, _)| name).collect());
        }
        let shown = self.relations.iter().filter(|relation| !relation.hidden);
        let columns = shown.map(|relation| relation.columns.clone());
        Some(columns.collect::<Option<Vec<_>>>()?.concat())
    }

    fn column(&self, name: &str) -> Found {
        let mut found = None;
        for relation in &self.relations {
            let Some(columns) = &relation.columns else { return Found::Unknown };
            for column in columns.iter().filter(|column| same(column, name)) {
                if found.is_none() || column == name {
                    found = Some(column.clone());
                }
            }
        }
        found.map_or(Found::Nothing, Found::Spelling)
    }

    fn alias(&self, name: &str) -> Option<&String> {
        let exact = self.aliases.iter().find(|alias| *alias == name);
        exact.or_else(|| self.aliases.iter().find(|alias| same(alias, name)))
    }
}

enum Found {
    Spelling(String),
    Nothing,
    /// It may be a column of something that is not known here.
    Unknown,
}

fn same(one: &str, other: &str) -> bool {
    one == other
        || one.eq_ignore_ascii_case(other)
        || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(|ident| ident.value.clone()).collect()
}

/// The walk through one query.
struct Walk<'a> {
    scope: &'a Scope,
    /// Common table expressions in scope, the innermost last.
    ctes: Vec<(String, Columns)>,
    /// Whether there is an outer join on columns that are not known.
    blind_join: bool,
}

impl<'a> Walk<'a> {
    fn new(scope: &'a Scope) -> Self {
        Self { scope, ctes: Vec::new(), blind_join: false }
    }
}

impl Walk<'_> {
    /// Returns the columns that the query gives.
    fn query(&mut self, query: &mut Query, outer: &[&Frame]) -> Columns {
        let depth = self.ctes.len();
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
        columns
    }

    fn by_alias_first(&mut self, expr: &mut Expr, frame: &Frame, outer: &[&Frame]) {
        if let Expr::Identifier(ident) = expr
            && let Some(alias) = frame.alias(&ident.value)
        {
            ident.value.clone_from(alias);
            return;
        }
        self.within(expr, frame, outer);
    }

    fn cte(&mut self, cte: &mut Cte, recursive: bool, outer: &[&Frame]) {
        let name = cte.alias.name.value.clone();
        let named = alias_columns(&cte.alias);
        if recursive {
            self.ctes.push((name.clone(), named.clone()));
        }
        let columns = self.query(&mut cte.query, outer);
        if recursive {
            self.ctes.pop();
        }
        self.ctes.push((name, named.or(columns)));
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
        spell_out(&mut select.projection, &frame);
        let mut columns: Columns = Some(Vec::new());
        let mut aliases = Vec::new();
        for item in &mut select.projection {
            let given = self.item(item, &frame, outer);
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                aliases.push(alias.value.clone());
            }
            columns = columns.zip(given).map(|(mut all, more)| {
                all.extend(more);
                all
            });
        }
        if select.projection.is_empty() {
            columns = frame.star();
        }
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
            let _ = window.visit(&mut walk);
        }
        (columns, frame)
    }

    /// Gives an item of a select list its name; returns the columns that it gives.
    fn item(&mut self, item: &mut SelectItem, frame: &Frame, outer: &[&Frame]) -> Columns {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = names::of(expr);
                let is_field = match &*expr {
                    Expr::CompoundIdentifier(parts) => {
                        let table: Vec<String> = parts[..parts.len() - 1]
                            .iter()
                            .map(|part| part.value.clone())
                            .collect();
                        let of = |frame: &Frame| relation_named(frame, &table).is_some();
                        !of(frame) && !outer.iter().any(|frame| of(frame))
                    }
                    _ => false,
                };
                literals::whole_number(expr);
                self.within(expr, frame, outer);
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
                Some(vec![name])
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                literals::whole_number(expr);
                self.within(expr, frame, outer);
                Some(vec![alias.value.clone()])
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let relation = relation_named(frame, &parts(name))?;
                let path = relation.path.iter().map(|part| Ident::with_quote('`', part));
                *name = ObjectName(path.map(ObjectNamePart::Identifier).collect());
                relation.columns.clone()
            }
            SelectItem::Wildcard(options) => {
                if let Some(except) = &mut options.opt_except {
                    let named = std::iter::once(&mut except.first_element);
                    for ident in named.chain(&mut except.additional_elements) {
                        if let Found::Spelling(spelling) = frame.column(&ident.value) {
                            ident.value = spelling;
                        }
                    }
                    return None;
                }
                frame.star()
            }
            _ => None,
        }
    }

    // ---- expressions ----------------------------------------------------------------------

    fn within(&mut self, expr: &mut Expr, frame: &Frame, outer: &[&Frame]) {
        self.expr(expr, &[&[frame], outer].concat());
    }

    /// The innermost frame comes first.
    fn expr(&mut self, expr: &mut Expr, frames: &[&Frame]) {
        let _ = expr.visit(&mut Exprs { walk: self, frames, depth: 0 });
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
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.depth == 0 {
            self.walk.query(query, self.frames);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Identifier(ident) => match merged_value(ident, self.frames) {
                Some(value) => *expr = value,
                None => spell(ident, self.frames),
            },
            Expr::CompoundIdentifier(parts) => spell_compound(parts, self.frames),
            other => literals::operands(other),
        }
        ControlFlow::Continue(())
    }
}

/// Puts the columns in the place of a `*` that DataFusion would give others for.
fn spell_out(items: &mut Vec<SelectItem>, frame: &Frame) {
    let Some(all) = frame.all() else { return };
    let old = std::mem::take(items);
    for item in old {
        match item {
            SelectItem::Wildcard(options) => {
                let except = options.opt_except.iter();
                let left_out: Vec<&Ident> = except
                    .flat_map(|except| {
                        std::iter::once(&except.first_element).chain(&except.additional_elements)
                    })
                    .collect();
                let stays = |(name, _): &(String, Expr)| {
                    !left_out.iter().any(|ident| same(&ident.value, name))
                };
                items.extend(merged::items(all.iter().filter(|c| stays(c)).cloned().collect()));
            }
            item => items.push(item),
        }
    }
}

/// What an unqualified name stands for if it is that of columns that are one.
fn merged_value(ident: &Ident, frames: &[&Frame]) -> Option<Expr> {
    for frame in frames {
        if let Some(value) = frame.merged_value(&ident.value) {
            return Some(value.clone());
        }
        if !matches!(frame.column(&ident.value), Found::Nothing)
            || frame.alias(&ident.value).is_some()
        {
            return None;
        }
    }
    None
}

fn spell(ident: &mut Ident, frames: &[&Frame]) {
    for frame in frames {
        match frame.column(&ident.value) {
            Found::Spelling(spelling) => {
                ident.value = spelling;
                return;
            }
            Found::Unknown => return,
            Found::Nothing => {}
        }
        if let Some(alias) = frame.alias(&ident.value) {
            ident.value.clone_from(alias);
            return;
        }
    }
}

fn spell_compound(idents: &mut Vec<Ident>, frames: &[&Frame]) {
    let written: Vec<String> = idents.iter().map(|ident| ident.value.clone()).collect();
    for frame in frames {
        for split in (1..written.len()).rev() {
            let Some(relation) = relation_named(frame, &written[..split]) else { continue };
            let mut spelled: Vec<Ident> =
                relation.path.iter().map(|part| Ident::with_quote('`', part)).collect();
            let columns = relation.columns.iter().flatten();
            let mut column = idents[split].clone();
            if let Some(spelling) = columns.into_iter().find(|name| same(name, &column.value)) {
                column.value.clone_from(spelling);
            }
            spelled.push(column);
            spelled.extend(idents[split + 1..].iter().cloned());
            *idents = spelled;
            return;
        }
    }
    // A field of a column.
    if let Some(first) = idents.first_mut() {
        spell(first, frames);
    }
}

/// The relation that a qualifier stands for: its alias, or the end of its name.
fn relation_named<'f>(frame: &'f Frame, qualifier: &[String]) -> Option<&'f Relation> {
    frame.relations.iter().find(|relation| {
        relation.path.len() >= qualifier.len()
            && relation.path.iter().rev().zip(qualifier.iter().rev()).all(|(a, b)| same(a, b))
    })
}

/// What ORDER BY may name where there is no select.
fn given(columns: Columns) -> Frame {
    Frame { aliases: columns.unwrap_or_default(), ..Frame::default() }
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
