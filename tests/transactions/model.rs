//! A store so simple that it is plainly right: tables by name, rows by value, one change at a time.
//!
//! A change either applies to the whole state, or does not and leaves it alone. Nothing here knows
//! of chunks, of sharing, or of anybody else's changes.

use std::collections::{BTreeMap, BTreeSet};

/// A row's values by the id of their column; what is not there is null.
type Row = BTreeMap<u64, i64>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ModelTable {
    id: u64,
    /// Ids and names, in order.
    columns: Vec<(u64, String)>,
    rows: Vec<Row>,
    properties: BTreeMap<String, String>,
}

/// One state of the whole store.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    tables: BTreeMap<String, ModelTable>,
    /// How often each table that there ever was has been changed by a commit.
    ordinals: BTreeMap<u64, u64>,
    /// Tables that the transaction under way has changed, and those that it has made.
    touched: BTreeSet<u64>,
    fresh: BTreeSet<u64>,
    next: u64,
}

/// One change, or one look. Tables are named `a` to `c`, columns `n`, `x` and `y`.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Create(&'static str, i64),
    Append(&'static str, i64),
    Overwrite(&'static str, i64),
    /// Puts one row in the place of those whose `n` is at least the first and less than the second.
    ReplaceWhere(&'static str, i64, i64),
    Truncate(&'static str),
    AddColumn(&'static str, &'static str),
    DropColumn(&'static str, &'static str),
    RenameColumn(&'static str, &'static str, &'static str),
    SetProperty(&'static str, &'static str, u8),
    Rename(&'static str, &'static str),
    Drop(&'static str),
    /// Puts back the state of a table at a version.
    Restore(&'static str, usize),
    /// Looks at all rows of a table, or finds that it is not there.
    Read(&'static str),
    /// Looks at the rows whose `n` is at least the first and less than the second.
    ReadWhere(&'static str, i64, i64),
    /// Looks at which tables there are.
    List,
}

/// What a look shows.
pub(crate) type Seen = Option<Vec<String>>;

impl Model {
    /// Makes one change, where `versions` are the states of the versions so far, and rows that are
    /// written have these columns. Returns whether it applies; if not, nothing has changed.
    pub(crate) fn apply(&mut self, step: &Step, columns: &[String], versions: &[Self]) -> bool {
        let mut next = self.clone();
        let applies = next.try_apply(step, columns, versions).is_some();
        if applies {
            *self = next;
        }
        applies
    }

    fn try_apply(&mut self, step: &Step, columns: &[String], versions: &[Self]) -> Option<()> {
        match *step {
            Step::Create(name, n) => {
                if self.tables.contains_key(name) {
                    return None;
                }
                let mut table = ModelTable { id: self.mint(), ..ModelTable::default() };
                let column = self.mint();
                table.columns.push((column, "n".to_owned()));
                table.rows.push(Row::from([(column, n)]));
                self.ordinals.insert(table.id, 0);
                self.fresh.insert(table.id);
                self.tables.insert(name.to_owned(), table);
            }
            Step::Append(name, n) => {
                let table = self.change(name)?;
                let row = table.row_of(n, columns);
                table.rows.push(row);
            }
            Step::Overwrite(name, n) => {
                let table = self.change(name)?;
                table.rows = vec![table.row_of(n, columns)];
            }
            Step::ReplaceWhere(name, from, below) => {
                let table = self.change(name)?;
                let n = table.columns[0].0;
                table.rows.retain(|row| !(from..below).contains(&row[&n]));
                let row = table.row_of(from, columns);
                table.rows.push(row);
            }
            Step::Truncate(name) => self.change(name)?.rows.clear(),
            Step::AddColumn(name, column) => {
                let id = self.mint();
                let table = self.change(name)?;
                if table.find(column).is_some() {
                    return None;
                }
                table.columns.push((id, column.to_owned()));
            }
            Step::DropColumn(name, column) => {
                let table = self.change(name)?;
                let at = table.find(column)?;
                table.columns.remove(at);
            }
            Step::RenameColumn(name, from, to) => {
                let table = self.change(name)?;
                let at = table.find(from)?;
                if from != to && table.find(to).is_some() {
                    return None;
                }
                to.clone_into(&mut table.columns[at].1);
            }
            Step::SetProperty(name, key, value) => {
                let properties = &mut self.change(name)?.properties;
                properties.insert(key.to_owned(), value.to_string());
            }
            Step::Rename(from, to) => {
                self.change(from)?;
                if from != to && self.tables.contains_key(to) {
                    return None;
                }
                let table = self.tables.remove(from)?;
                self.tables.insert(to.to_owned(), table);
            }
            Step::Drop(name) => drop(self.tables.remove(name)?),
            Step::Restore(name, version) => {
                let then = versions.get(version)?;
                let source = match self.tables.get(name) {
                    Some(now) => then.tables.values().find(|table| table.id == now.id)?,
                    None => then.tables.get(name)?,
                };
                let elsewhere = self.tables.iter().find(|(_, table)| table.id == source.id);
                if elsewhere.is_some_and(|(other, _)| other != name) {
                    return None;
                }
                self.tables.insert(name.to_owned(), source.clone());
                self.change(name)?;
            }
            Step::Read(_) | Step::ReadWhere(..) | Step::List => {}
        }
        Some(())
    }

    /// Ends a transaction: each table that it changed has a further state, however often it did.
    pub(crate) fn commit(&mut self) {
        self.fresh.clear();
        for id in std::mem::take(&mut self.touched) {
            *self.ordinals.entry(id).or_default() += 1;
        }
    }

    /// What a step looks at; none for a change.
    pub(crate) fn look(&self, step: &Step) -> Option<Seen> {
        match *step {
            Step::Read(name) => Some(self.rows(name, |_| true)),
            Step::ReadWhere(name, from, below) => {
                Some(self.rows(name, |n| (from..below).contains(&n)))
            }
            Step::List => Some(Some(self.tables.keys().cloned().collect())),
            _ => None,
        }
    }

    fn rows(&self, name: &str, wanted: impl Fn(i64) -> bool) -> Seen {
        let table = self.tables.get(name)?;
        let n = table.columns[0].0;
        let rows = table.rows.iter().filter(|row| wanted(row[&n]));
        let text = |row: &Row| {
            let values = table.columns.iter().map(|(id, _)| row.get(id));
            values.map(|value| value.map_or("null".to_owned(), i64::to_string)).collect::<Vec<_>>()
        };
        Some(rows.map(|row| text(row).join(", ")).collect())
    }

    /// The names of a table's columns, in order.
    pub(crate) fn columns(&self, name: &str) -> Option<Vec<String>> {
        let table = self.tables.get(name)?;
        Some(table.columns.iter().map(|(_, name)| name.clone()).collect())
    }

    /// All that there is, as text; tables by their names, and how often they have changed.
    pub(crate) fn content(&self) -> Vec<String> {
        let describe = |(name, table): (&String, &ModelTable)| {
            let columns = table.columns.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>();
            let rows = self.rows(name, |_| true).unwrap();
            let (ordinal, properties) = (self.ordinals[&table.id], &table.properties);
            format!("{name} {ordinal} {columns:?} {properties:?} {rows:?}")
        };
        self.tables.iter().map(describe).collect()
    }

    fn change(&mut self, name: &str) -> Option<&mut ModelTable> {
        let table = self.tables.get_mut(name)?;
        // A table that the transaction itself made is in its first state.
        if !self.fresh.contains(&table.id) {
            self.touched.insert(table.id);
        }
        Some(table)
    }

    fn mint(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl ModelTable {
    fn find(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|(_, name)| name == column)
    }

    /// A row of `n` in each of these columns.
    fn row_of(&self, n: i64, columns: &[String]) -> Row {
        let written = self.columns.iter().filter(|(_, name)| columns.contains(name));
        written.map(|(id, _)| (*id, n)).collect()
    }
}
