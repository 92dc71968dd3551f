//! What an `INSERT` puts its rows in the place of. Some of that is known only by the rows, so that
//! all of them are shown to it before they are written.

use std::collections::HashSet;

use annals::{Filter, Gathered, Predicate, SaveMode, Table, WriteError};
use arrow::array::{Array, RecordBatch};

use crate::command::evaluate::{Compiled, boxed, columns_as, told};
use crate::command::{Work, partitions, predicate};
use crate::error::SqlError;
use crate::keep;
use crate::statement::{ExprText, Insert, InsertReplace};

/// The rows that an insert replaces.
pub(super) enum Replaced {
    Nothing,
    All,
    /// Those of a partition.
    Rows(Predicate),
    /// Those of all partitions that the new rows are in.
    Partitions(Partitions),
    /// Those that match, as the new ones must.
    Where(Condition),
}

pub(super) struct Partitions {
    columns: Vec<String>,
    seen: HashSet<String>,
    all: Predicate,
}

/// What follows `REPLACE WHERE`.
pub(super) struct Condition {
    text: String,
    compiled: Compiled,
    /// The same for the store, if it is that simple.
    known: Option<Predicate>,
    /// How many new rows do not match.
    outside: u64,
}

impl Work<'_> {
    pub(super) fn replaced(&self, table: &Table, insert: &Insert) -> Result<Replaced, SqlError> {
        match &insert.replace {
            InsertReplace::None => return Ok(Replaced::Nothing),
            InsertReplace::Where(condition) => {
                return self.replaced_where(table, insert, condition);
            }
            InsertReplace::Overwrite => {}
        }
        let fixed = match &insert.partition {
            Some(partition) => partitions::predicate(&self.scope, table, partition)?,
            None => None,
        };
        let settings = self.session.settings();
        let dynamic = settings.get(keep::PARTITION_OVERWRITE);
        let dynamic = dynamic.is_some_and(|mode| mode.eq_ignore_ascii_case("dynamic"));
        let columns: Vec<String> =
            table.partition_columns().into_iter().map(str::to_owned).collect();
        if !dynamic || columns.is_empty() {
            return Ok(fixed.map_or(Replaced::All, Replaced::Rows));
        }
        let all = Predicate::literal(false);
        Ok(Replaced::Partitions(Partitions { columns, seen: HashSet::new(), all }))
    }

    fn replaced_where(
        &self,
        table: &Table,
        insert: &Insert,
        condition: &ExprText,
    ) -> Result<Replaced, SqlError> {
        let schema = columns_as(table, insert.name.last())?;
        let (expr, nested) = self.logical(&condition.expr, &schema)?;
        if nested {
            return Err(SqlError::Unsupported {
                what: "a subquery in REPLACE WHERE".to_owned(),
                instead: "delete and insert in one transaction".to_owned(),
            });
        }
        let expr = self.simplified(expr, &schema)?;
        let known = predicate::exact(&expr, schema.as_arrow());
        let compiled = self.compiled(expr, &schema)?;
        let text = condition.text.clone();
        Ok(Replaced::Where(Condition { text, compiled, known, outside: 0 }))
    }

    /// Writes the rows in the place of others, all of which were shown.
    pub(super) fn save(
        &mut self,
        table: &Table,
        insert: &Insert,
        replaced: Replaced,
        rows: Gathered,
    ) -> Result<(), SqlError> {
        let (mode, only) = match replaced {
            Replaced::Nothing => (SaveMode::Append, None),
            Replaced::All => (SaveMode::Overwrite, None),
            Replaced::Rows(only) => (SaveMode::Overwrite, Some(only)),
            Replaced::Partitions(partitions) => (SaveMode::Overwrite, Some(partitions.all)),
            Replaced::Where(Condition { text: predicate, outside: rows @ 1.., .. }) => {
                let table = table.name().clone();
                return Err(WriteError::OutsideReplaceWhere { table, rows, predicate }.into());
            }
            Replaced::Where(Condition { known: Some(known), .. }) => {
                (SaveMode::Overwrite, Some(known))
            }
            Replaced::Where(Condition { compiled, .. }) => {
                let test = move |batch: &_| compiled.truths(batch).map_err(boxed);
                self.tx.delete(table.name(), Filter::test(test)).map_err(told)?;
                (SaveMode::Append, None)
            }
        };
        if insert.if_not_exists
            && let Some(only) = &only
            && !table.scan().filter(only.clone()).limit(1).collect()?.is_empty()
        {
            return Ok(());
        }
        let mut writer = self.tx.write(rows).mode(mode);
        if let Some(only) = only {
            writer = writer.replace_where(only);
        }
        writer.insert_into(table.name())?;
        Ok(())
    }
}

impl Replaced {
    /// Takes note of new rows.
    pub(super) fn see(&mut self, rows: &RecordBatch) -> Result<(), SqlError> {
        match self {
            Self::Nothing | Self::All | Self::Rows(_) => {}
            Self::Partitions(partitions) => partitions.see(rows),
            Self::Where(condition) => {
                let matching = condition.compiled.truths(rows)?.true_count();
                condition.outside += (rows.num_rows() - matching) as u64;
            }
        }
        Ok(())
    }
}

impl Partitions {
    fn see(&mut self, rows: &RecordBatch) {
        for row in 0..rows.num_rows() {
            let mut key = String::new();
            let mut one = Predicate::literal(true);
            for column in &self.columns {
                let values = rows.column_by_name(column).expect("the batch has all columns");
                let value = values.slice(row, 1);
                key.push_str(&format!("{value:?}\n"));
                one = one.and(partitions::equals(column, value));
            }
            if self.seen.insert(key) {
                let all = std::mem::replace(&mut self.all, Predicate::literal(false));
                self.all = all.or(one);
            }
        }
    }
}
