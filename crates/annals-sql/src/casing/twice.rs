//! Several columns of one name in a query. `DataFusion` plans none such, so the later ones get names
//! that nobody can write, and lose them again above the plan.
//!
//! Whoever names one of them out of a subquery does not say which, unless all of them are the same
//! column: so it is in Spark. Those that are the same column as the first are marked as copies, and
//! not found by name.

use std::collections::{HashMap, HashSet};

use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, Ident, SelectItem, TableAlias};

use super::frame::{Columns, Frame, Source, same};

/// Stands between a name and a number that tells a column from the others of that name.
const OTHER: char = '\u{0}';

/// Likewise, of a column that is the same as the first of that name.
const COPY: char = '\u{2}';

/// Begins what a column is qualified with if it shares its name, before its place.
const PLACE: char = '#';

/// The name of a column of a result that [`as_written`] had to qualify, if there is one: the names
/// of what the query reads do not lead to it any more.
pub(crate) fn shared(schema: &DFSchema) -> Option<&str> {
    let by_place =
        |table: Option<&TableReference>| table.is_some_and(|t| t.table().starts_with(PLACE));
    schema.iter().find(|(table, _)| by_place(*table)).map(|(_, field)| field.name().as_str())
}

/// The columns that an item of a select list gives.
pub(super) enum Given {
    /// One, and where it comes from if it is no more than a column.
    One { name: String, source: Option<Source> },
    /// Those of a star.
    Star(Vec<Source>),
    /// Not known here.
    Unknown,
}

/// The name as it was written.
pub(crate) fn plain(name: &str) -> &str {
    name.split_once([OTHER, COPY]).map_or(name, |(name, _)| name)
}

/// Whether it is the same column as another of its name.
pub(super) fn is_copy(name: &str) -> bool {
    name.contains(COPY)
}

/// The names that a select has given so far, with what they stand for.
#[derive(Default)]
struct Names {
    all: Vec<(String, Option<Source>)>,
    /// In lower case.
    folded: HashSet<String>,
}

impl Names {
    fn has(&self, name: &str) -> bool {
        self.folded.contains(&name.to_lowercase())
    }

    fn note(&mut self, name: String, source: Option<Source>) {
        self.folded.insert(name.to_lowercase());
        self.all.push((name, source));
    }

    /// Takes a name for a column; another one if it is taken.
    fn take(&mut self, name: &str, source: Option<Source>) -> String {
        let mut taken = name.to_owned();
        if self.has(name) {
            let column = source.as_ref();
            let is_same = |(other, of): &(String, Option<Source>)| {
                same(plain(other), plain(name)) && of.as_ref() == column
            };
            let copies = column.is_some() && self.all.iter().any(is_same);
            let mark = if copies || is_copy(name) { COPY } else { OTHER };
            let numbered = |number| format!("{}{mark}{number}", plain(name));
            let mut free = (self.all.len()..).map(numbered).filter(|name| !self.has(name));
            taken = free.next().unwrap_or(taken);
        }
        self.note(taken.clone(), source);
        taken
    }
}

/// Gives the items of a select list names of their own; returns the names of the columns. In a
/// subquery also those that only a qualifier tells apart.
pub(super) fn tell_apart(
    items: &mut Vec<SelectItem>,
    given: Vec<Given>,
    frame: &Frame,
    subquery: bool,
) -> Columns {
    if let [only] = &given[..] {
        // The columns of one relation, or one column, have names of their own.
        let of = starred(only).first().map(|(at, _)| *at);
        if starred(only).iter().all(|(at, _)| Some(*at) == of) {
            return match given.into_iter().next() {
                Some(Given::One { name, .. }) => Some(vec![name]),
                Some(Given::Star(sources)) => Some(sources.into_iter().map(|(_, c)| c).collect()),
                _ => None,
            };
        }
    }
    let mut names = Names::default();
    let stars = || given.iter().flat_map(starred);
    let spelled_out = clash(stars(), subquery) && stars().all(|of| reference(of, frame).is_some());
    if !spelled_out {
        // What a star gives cannot be renamed, so that whatever else has these names is.
        stars().for_each(|source| names.note(source.1.clone(), Some(source.clone())));
    }
    let known = !given.iter().any(|given| matches!(given, Given::Unknown));
    let mut columns: Vec<String> = Vec::new();
    let taken = std::mem::take(items);
    for (item, given) in taken.into_iter().zip(given) {
        match given {
            Given::One { name, source } => {
                let own = names.take(&name, source);
                items.push(if own == name { item } else { renamed(item, &own) });
                columns.push(own);
            }
            Given::Star(sources) if spelled_out => {
                for source in sources {
                    let Some(expr) = reference(&source, frame) else { continue };
                    let name = source.1.clone();
                    let alias = Ident::with_quote('`', names.take(&name, Some(source)));
                    columns.push(alias.value.clone());
                    items.push(SelectItem::ExprWithAlias { expr, alias });
                }
            }
            Given::Star(sources) => {
                columns.extend(sources.into_iter().map(|(_, column)| column));
                items.push(item);
            }
            Given::Unknown => items.push(item),
        }
    }
    known.then_some(columns)
}

/// Whether stars give a name several times, so that it cannot be planned, or not in a subquery.
fn clash<'g>(stars: impl Iterator<Item = &'g Source>, subquery: bool) -> bool {
    let mut seen: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, name) in stars {
        let of = seen.entry(name.to_lowercase()).or_default();
        if subquery && !of.is_empty() || of.contains(at) {
            return true;
        }
        of.push(*at);
    }
    false
}

fn starred(given: &Given) -> &[Source] {
    match given {
        Given::Star(sources) => sources,
        _ => &[],
    }
}

/// An expression that is this column and no other.
fn reference((at, column): &Source, frame: &Frame) -> Option<ast::Expr> {
    let quoted = |part: &String| Ident::with_quote('`', part);
    let path = &frame.relations.get(*at)?.path;
    if !path.is_empty() {
        let parts = path.iter().map(quoted).chain([quoted(column)]);
        return Some(ast::Expr::CompoundIdentifier(parts.collect()));
    }
    let has = |(other, relation): (usize, &super::Relation)| {
        other != *at && relation.columns.as_ref().is_none_or(|columns| columns.contains(column))
    };
    let alone = !frame.relations.iter().enumerate().any(has);
    alone.then(|| ast::Expr::Identifier(quoted(column)))
}

fn renamed(item: SelectItem, name: &str) -> SelectItem {
    let alias = Ident::with_quote('`', name);
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            SelectItem::ExprWithAlias { expr, alias }
        }
        other => other,
    }
}

/// Gives the columns that an alias names names of their own.
pub(super) fn tell_names_apart(alias: &mut TableAlias) {
    let mut names = Names::default();
    for column in &mut alias.columns {
        column.name.value = names.take(&column.name.value, None);
    }
}

/// Gives the columns of a result the names that were written.
pub(crate) fn as_written(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_marked = |name: &str| name.contains([OTHER, COPY]);
    let marked = plan.schema().fields().iter().filter(|field| is_marked(field.name()));
    let again: Vec<String> = marked.map(|field| plain(field.name()).to_owned()).collect();
    if again.is_empty() {
        return Ok(plan);
    }
    let columns = plan.schema().iter().enumerate().map(|(at, (qualifier, field))| {
        let name = plain(field.name());
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if again.iter().any(|other| other == name) {
            // Plans tell columns of one name apart by what they are qualified with.
            let place = TableReference::bare(format!("{PLACE}{at}"));
            return column.alias_qualified(Some(place), name);
        }
        column
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
