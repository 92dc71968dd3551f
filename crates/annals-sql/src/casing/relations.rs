//! What stands in FROM: which columns each part has, and how they are qualified.

use datafusion::sql::sqlparser::ast::{
    Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, SetExpr, TableAlias,
    TableAliasColumnDef, TableFactor, TableVersion, TableWithJoins,
};

use super::frame::{Columns, Found, Frame, Relation, named_as, parts, same};
use super::merged::{self, Sides};
use super::{Walk, constraint, twice};
use crate::scope::Named;
use crate::travel::{moment_of, split_at_sign, table_at};
use crate::view::ViewQuery;

/// Begins the name of a subquery that was given none.
pub(super) const DERIVED: &str = "__derived";

impl Walk<'_> {
    pub(super) fn from(&mut self, from: &mut TableWithJoins, frame: &mut Frame, outer: &[&Frame]) {
        let begin = (frame.relations.len(), frame.merged.len());
        self.relation(&mut from.relation, frame, outer);
        for join in &mut from.joins {
            let middle = (frame.relations.len(), frame.merged.len());
            self.relation(&mut join.relation, frame, outer);
            said_in_full(&mut join.join_operator);
            let sides = Sides {
                left: begin.0..middle.0,
                right: middle.0..frame.relations.len(),
                merged_left: begin.1..middle.1,
                merged_right: middle.1..frame.merged.len(),
            };
            if let Some(JoinConstraint::On(expr)) = constraint(&mut join.join_operator) {
                self.within(expr, frame, outer);
            }
            if merged::written_out(&mut join.join_operator, frame, &sides) {
                continue;
            }
            let inner =
                matches!(join.join_operator, JoinOperator::Join(_) | JoinOperator::Inner(_));
            self.blind_join |= !inner;
            if let Some(JoinConstraint::Using(names)) = constraint(&mut join.join_operator) {
                for name in names {
                    let Some(ident) = name.0.last_mut() else { continue };
                    let ObjectNamePart::Identifier(ident) = ident else { continue };
                    match frame.column(&ident.value) {
                        Ok(Found::Spelling(spelling)) => ident.value = spelling,
                        Ok(_) => {}
                        Err(error) => self.refuse(error),
                    }
                }
            }
        }
    }

    fn relation(&mut self, factor: &mut TableFactor, frame: &mut Frame, outer: &[&Frame]) {
        let before = frame.relations.len();
        self.named(factor, frame, outer);
        tell_apart(factor, frame, before);
    }

    fn named(&mut self, factor: &mut TableFactor, frame: &mut Frame, outer: &[&Frame]) {
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
                let differ = columns.as_ref().is_some_and(|columns| {
                    let twice = |(at, name): (usize, &String)| {
                        columns[..at].iter().any(|before| same(before, name))
                    };
                    !columns.iter().enumerate().any(twice)
                });
                if alias.is_none() && differ {
                    // Without a name its columns would be told apart by the tables below it.
                    *alias = Some(TableAlias {
                        explicit: false,
                        name: Ident::with_quote('`', format!("{DERIVED}{}", frame.relations.len())),
                        columns: Vec::new(),
                        at: None,
                    });
                }
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
                    inner.items.push((inner.relations.len(), inner.merged.len()));
                    frame.relations.push(named_as(Some(alias), Vec::new(), inner.star()));
                }
            },
            _ => frame.relations.push(Relation::new(Vec::new(), None)),
        }
    }

    pub(super) fn columns_of(&self, parts: &[String]) -> Columns {
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

    fn columns_then(&self, name: &ObjectName, version: &TableVersion) -> Columns {
        let Named::Table(table) = self.scope.find(&parts(name)).ok()? else { return None };
        let moment = moment_of(self.scope, version).ok()?;
        Some(columns(&table_at(self.scope, &table, &moment).ok()?))
    }
}

fn columns(table: &annals::Table) -> Vec<String> {
    table.schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// Which side a join without one is of. `DataFusion` wants to be told.
fn said_in_full(operator: &mut JoinOperator) {
    *operator = match operator {
        JoinOperator::Semi(constraint) => JoinOperator::LeftSemi(constraint.clone()),
        JoinOperator::Anti(constraint) => JoinOperator::LeftAnti(constraint.clone()),
        _ => return,
    };
}

/// Gives a relation that is called as one before it a name that nobody writes: plans have none of
/// one name twice.
fn tell_apart(factor: &mut TableFactor, frame: &mut Frame, at: usize) {
    let (before, new) = frame.relations.split_at_mut(at);
    let [new] = new else { return };
    let is_same = |other: &Relation| {
        let path = other.again.as_ref().unwrap_or(&other.path);
        path.len() == new.path.len() && path.iter().zip(&new.path).all(|(a, b)| same(a, b))
    };
    if new.path.is_empty() || !before.iter().any(is_same) {
        return;
    }
    let (TableFactor::Table { alias, .. }
    | TableFactor::Derived { alias, .. }
    | TableFactor::NestedJoin { alias, .. }) = factor
    else {
        return;
    };
    let name = format!("__again{at}");
    let columns = alias.take().map(|alias| alias.columns).unwrap_or_default();
    let ident = Ident::with_quote('`', &name);
    *alias = Some(TableAlias { explicit: false, name: ident, columns, at: None });
    new.again = Some(std::mem::replace(&mut new.path, vec![name]));
}
