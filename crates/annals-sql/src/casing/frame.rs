//! What is in FROM of one select, and how a name finds its column there.

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, TableAlias};

use super::merged::Merged;
use super::twice;
use crate::error::SqlError;

/// Columns by name; none if they are not known here.
pub(super) type Columns = Option<Vec<String>>;

/// A column of a relation: the relation's place in FROM, and the column's name.
pub(super) type Source = (usize, String);

/// Something in FROM.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// How its columns are qualified.
    pub(super) path: Vec<String>,
    pub(super) columns: Columns,
    /// Whether it is only asked whether it has a row.
    pub(super) hidden: bool,
    /// What it is called in the query if another relation is called so too, and comes before it.
    pub(super) again: Option<Vec<String>>,
}

impl Relation {
    pub(super) fn new(path: Vec<String>, columns: Columns) -> Self {
        Self { path, columns, hidden: false, again: None }
    }

    /// The column of this name; an error if there are several.
    fn column(&self, name: &str, asked: &[String]) -> Result<Option<&String>, SqlError> {
        let mut found = None;
        for column in self.columns.iter().flatten() {
            if twice::is_copy(column) || !same(twice::plain(column), name) {
                continue;
            }
            if found.is_some() {
                return Err(ambiguous(&self.path, asked));
            }
            found = Some(column);
        }
        Ok(found)
    }
}

/// What is in FROM of one select, and the names that it gives to its items.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) relations: Vec<Relation>,
    /// Columns that `USING` has made one.
    pub(super) merged: Vec<Merged>,
    /// Where each item of FROM ends: how many relations and merged columns there are by then.
    pub(super) items: Vec<(usize, usize)>,
    pub(super) aliases: Vec<String>,
    /// Those of them that stand for several items.
    pub(super) shared: Vec<String>,
}

impl Frame {
    /// All columns, as `*` gives them.
    pub(super) fn star(&self) -> Columns {
        if let Some(all) = self.all() {
            return Some(all.into_iter().map(|column| column.name).collect());
        }
        self.star_sources().map(|all| all.into_iter().map(|(_, column)| column).collect())
    }

    /// The same with where they come from, if none were merged.
    pub(super) fn star_sources(&self) -> Option<Vec<Source>> {
        let shown = self.relations.iter().enumerate().filter(|(_, relation)| !relation.hidden);
        let mut all: Vec<Source> = Vec::new();
        for (at, relation) in shown {
            all.extend(relation.columns.as_ref()?.iter().map(|column| (at, column.clone())));
        }
        Some(all)
    }

    pub(super) fn column(&self, name: &str) -> Result<Found, SqlError> {
        let mut found: Option<&String> = None;
        for relation in &self.relations {
            if relation.columns.is_none() {
                return Ok(Found::Unknown);
            }
            if let Some(column) = relation.column(name, &[name.to_owned()])?
                && (found.is_none() || column == name)
            {
                found = Some(column);
            }
        }
        Ok(found.map_or(Found::Nothing, |column| Found::Spelling(column.clone())))
    }

    pub(super) fn alias(&self, name: &str) -> Option<&String> {
        let exact = self.aliases.iter().find(|alias| *alias == name);
        exact.or_else(|| self.aliases.iter().find(|alias| same(alias, name)))
    }

    /// The column that an expression is, if it is no more than a column of this frame.
    pub(super) fn source(&self, expr: &Expr) -> Option<Source> {
        match expr {
            Expr::Identifier(ident) => {
                let has = |relation: &Relation| {
                    relation.columns.iter().flatten().any(|column| *column == ident.value)
                };
                let at = self.relations.iter().position(has)?;
                Some((at, ident.value.clone()))
            }
            Expr::CompoundIdentifier(idents) => {
                let (column, qualifier) = idents.split_last()?;
                let qualifier: Vec<String> = qualifier.iter().map(|i| i.value.clone()).collect();
                let (at, _) = self.relation_named(&qualifier)?;
                Some((at, column.value.clone()))
            }
            _ => None,
        }
    }

    /// The relation that a qualifier stands for: its alias, or the end of its name.
    pub(super) fn relation_named(&self, qualifier: &[String]) -> Option<(usize, &Relation)> {
        self.relations.iter().enumerate().find(|(_, relation)| ends_with(&relation.path, qualifier))
    }

    /// Whether a qualifier stands for several relations of one name.
    pub(super) fn shares(&self, qualifier: &[String]) -> bool {
        let mut again = self.relations.iter().filter_map(|relation| relation.again.as_ref());
        again.any(|path| ends_with(path, qualifier))
    }
}

fn ends_with(path: &[String], qualifier: &[String]) -> bool {
    path.len() >= qualifier.len()
        && path.iter().rev().zip(qualifier.iter().rev()).all(|(a, b)| same(a, b))
}

pub(super) enum Found {
    Spelling(String),
    Nothing,
    /// It may be a column of something that is not known here.
    Unknown,
}

pub(super) fn same(one: &str, other: &str) -> bool {
    one == other
        || one.eq_ignore_ascii_case(other)
        || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

pub(super) fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(|ident| ident.value.clone()).collect()
}

/// A name that stands for two columns of what has this path.
pub(super) fn ambiguous(path: &[String], asked: &[String]) -> SqlError {
    let column = asked.last().cloned().unwrap_or_default();
    // What was named here has no name of its own.
    let path = path.iter().filter(|part| !part.starts_with(super::relations::DERIVED));
    let full: Vec<String> = path.cloned().chain([column]).collect();
    SqlError::AmbiguousColumn { name: asked.to_vec(), among: vec![full.clone(), full] }
}

pub(super) fn spell(ident: &mut Ident, frames: &[&Frame]) -> Result<(), SqlError> {
    for frame in frames {
        match frame.column(&ident.value)? {
            Found::Spelling(spelling) => {
                ident.value = spelling;
                return Ok(());
            }
            Found::Unknown => return Ok(()),
            Found::Nothing => {}
        }
        if let Some(alias) = frame.alias(&ident.value) {
            ident.value.clone_from(alias);
            return Ok(());
        }
    }
    Ok(())
}

pub(super) fn spell_compound(idents: &mut Vec<Ident>, frames: &[&Frame]) -> Result<(), SqlError> {
    let written: Vec<String> = idents.iter().map(|ident| ident.value.clone()).collect();
    for frame in frames {
        for split in (1..written.len()).rev() {
            let Some((_, relation)) = frame.relation_named(&written[..split]) else { continue };
            if frame.shares(&written[..split]) {
                return Err(ambiguous(&written[..split], &written[..=split]));
            }
            let mut spelled: Vec<Ident> =
                relation.path.iter().map(|part| Ident::with_quote('`', part)).collect();
            let mut column = idents[split].clone();
            if let Some(spelling) = relation.column(&column.value, &written[..=split])? {
                column.value.clone_from(spelling);
            }
            spelled.push(column);
            spelled.extend(idents[split + 1..].iter().cloned());
            *idents = spelled;
            return Ok(());
        }
    }
    // A field of a column.
    match idents.first_mut() {
        Some(first) => spell(first, frames),
        None => Ok(()),
    }
}

pub(super) fn named_as(
    alias: Option<&TableAlias>,
    path: Vec<String>,
    columns: Columns,
) -> Relation {
    match alias {
        None => Relation::new(path, columns),
        Some(alias) => {
            let columns = alias_columns(alias).or(columns);
            Relation::new(vec![alias.name.value.clone()], columns)
        }
    }
}

pub(super) fn alias_columns(alias: &TableAlias) -> Columns {
    let names = alias.columns.iter().map(|column| column.name.value.clone());
    (!alias.columns.is_empty()).then(|| names.collect())
}

/// What ORDER BY may name where there is no select.
pub(super) fn given(columns: Columns) -> Frame {
    Frame { aliases: columns.unwrap_or_default(), ..Frame::default() }
}
