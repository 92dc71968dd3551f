//! Partitions: here they are what the rows say, so that a partition without rows is none.

use std::collections::BTreeSet;

use annals::{Literal, Predicate, Table, col};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::rows::Rows;
use super::tables::same;
use super::{Work, store, target};
use crate::error::SqlError;
use crate::planner;
use crate::scope::Scope;
use crate::session::SqlSession;
use crate::statement::{Name, Partition};

/// Where the columns of a table stand that is to be divided by some of them: as in Spark, these come
/// last, in the order in which they are given here.
pub fn partitions_last(schema: &Schema, by: &[String]) -> Vec<usize> {
    let place = |name: &String| schema.fields().iter().position(|field| same(field.name(), name));
    let last: Vec<usize> = by.iter().filter_map(place).collect();
    let first = (0..schema.fields().len()).filter(|index| !last.contains(index));
    first.chain(last.iter().copied()).collect()
}

/// The value of an expression without columns, in the type of a column.
pub(super) fn constant(
    scope: &Scope,
    table: &Table,
    column: &str,
    value: &crate::statement::ExprText,
) -> Result<ArrayRef, SqlError> {
    let schema = table.schema();
    let field =
        schema.field_with_name(column).map_err(|_| super::tables::no_column(&schema, column))?;
    let expr = scope.expression((*value.expr).clone(), &datafusion::common::DFSchema::empty())?;
    let simple = planner::simplified(scope.state(), expr)?;
    let datafusion::logical_expr::Expr::Literal(found, _) = simple else {
        return Err(SqlError::Unsupported {
            what: format!("the value {} of a partition", value.text),
            instead: "write one that is known before the statement runs".to_owned(),
        });
    };
    let array = found.to_array()?;
    // A partition may be written as text, as in a path.
    let texts = array.data_type() == &arrow::datatypes::DataType::Utf8;
    let array = match texts && !store::may_store(array.data_type(), field.data_type()) {
        true => {
            arrow::compute::cast(&array, field.data_type()).map_err(|_| SqlError::CannotStore {
                table: table.name().clone(),
                column: column.to_owned(),
                from: array.data_type().clone(),
                to: field.data_type().clone(),
            })?
        }
        false => array,
    };
    store::stored(store::Texts::of(scope.state()), table.name(), field, &array)
}

/// The rows of a partition, as a predicate. Columns without a value do not narrow it.
pub(super) fn predicate(
    scope: &Scope,
    table: &Table,
    partition: &Partition,
) -> Result<Option<Predicate>, SqlError> {
    if table.partition_columns().is_empty() {
        return Err(SqlError::NotPartitioned { table: table.name().clone() });
    }
    let mut all: Option<Predicate> = None;
    for (name, value) in &partition.0 {
        let column = table.partition_columns().into_iter().find(|c| super::tables::same(c, name));
        let column = column.ok_or_else(|| super::tables::no_column(&table.schema(), name))?;
        let Some(value) = value else { continue };
        let value = constant(scope, table, column, value)?;
        let one = equals(column, value);
        all = Some(match all {
            Some(before) => before.and(one),
            None => one,
        });
    }
    Ok(all)
}

/// The rows that have this value in a column.
pub(super) fn equals(column: &str, value: ArrayRef) -> Predicate {
    match value.is_null(0) {
        true => col(column).is_null(),
        false => col(column).eq(Literal::from_array(value).expect("it is one value")),
    }
}

/// The partitions of a table that have rows, as `p=1/q=2`, in order.
pub(super) fn names(table: &Table, only: Option<&Predicate>) -> Result<BTreeSet<String>, SqlError> {
    let columns = table.partition_columns();
    if columns.is_empty() {
        return Err(SqlError::NotPartitioned { table: table.name().clone() });
    }
    let mut scan = table.scan().columns(columns.iter().map(|c| (*c).to_owned()));
    if let Some(only) = only {
        scan = scan.filter(only.clone());
    }
    let mut names = BTreeSet::new();
    for batch in scan.collect()? {
        let texts = formatted(&batch)?;
        for row in 0..batch.num_rows() {
            let parts = columns.iter().zip(&texts).map(|(column, texts)| {
                format!(
                    "{column}={}",
                    texts[row].as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__")
                )
            });
            names.insert(parts.collect::<Vec<_>>().join("/"));
        }
    }
    Ok(names)
}

fn formatted(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, SqlError> {
    let options = FormatOptions::default();
    let column = |array: &ArrayRef| {
        let texts = ArrayFormatter::try_new(array.as_ref(), &options)
            .map_err(datafusion::error::DataFusionError::from)?;
        let text = |row| (!array.is_null(row)).then(|| texts.value(row).to_string());
        Ok((0..array.len()).map(text).collect())
    };
    batch.columns().iter().map(column).collect()
}

fn shown(partition: &Partition) -> String {
    let parts = partition.0.iter().map(|(name, value)| match value {
        Some(value) => format!("`{name}` = {}", value.text),
        None => format!("`{name}`"),
    });
    format!("PARTITION ({})", parts.collect::<Vec<_>>().join(", "))
}

pub(super) fn repair(session: &SqlSession, name: &Name) -> Result<Rows, SqlError> {
    let table = target(&session.scope(), name, "MSCK REPAIR TABLE")?;
    match table.partition_columns().is_empty() {
        true => Err(SqlError::NotPartitioned { table: table.name().clone() }),
        false => Ok(Rows::none()),
    }
}

impl Work<'_> {
    /// Deletes the rows of a partition; how many there were.
    pub(super) fn drop_partition(
        &mut self,
        table: &Table,
        partition: &Partition,
    ) -> Result<u64, SqlError> {
        match predicate(&self.scope, table, partition)? {
            Some(predicate) => Ok(self.tx.delete(table.name(), predicate)?),
            None => Ok(self.tx.delete(table.name(), annals::Filter::all())?),
        }
    }

    pub(super) fn drop_partitions(
        &mut self,
        table: &Table,
        partitions: &[Partition],
        if_exists: bool,
    ) -> Result<(), SqlError> {
        for partition in partitions {
            if self.drop_partition(table, partition)? == 0 && !if_exists {
                let (table, partition) = (table.name().clone(), shown(partition));
                return Err(SqlError::NoPartition { table, partition });
            }
        }
        Ok(())
    }

    pub(super) fn add_partitions(
        &mut self,
        table: &Table,
        partitions: &[Partition],
        if_not_exists: bool,
    ) -> Result<(), SqlError> {
        for partition in partitions {
            let only = predicate(&self.scope, table, partition)?;
            if !if_not_exists && !names(table, only.as_ref())?.is_empty() {
                let (table, partition) = (table.name().clone(), shown(partition));
                return Err(SqlError::PartitionExists { table, partition });
            }
        }
        Ok(())
    }
}
