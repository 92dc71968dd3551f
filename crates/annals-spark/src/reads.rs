//! Which tables a plan reads, and which partitions rows are in.

use annals::{Literal, Matching, Predicate, Table, col};
use annals_sql::AnnalsTable;
use arrow::array::{Array, RecordBatch};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

use crate::error::SparkError;
use crate::names;

/// Whether the plan reads the table, in whatever version.
pub(crate) fn reads(plan: &LogicalPlan, table: &Table) -> bool {
    let mut found = false;
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            if let Some(within) = scan.source.get_logical_plan() {
                found |= reads(&within, table);
            } else if let Ok(provider) = source_as_provider(&scan.source)
                && let Some(read) = provider.downcast_ref::<AnnalsTable>()
            {
                found |= read.table().id() == table.id();
            }
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || visited.is_err()
}

/// Refuses rows that are read from the very table that they are to replace.
pub(crate) fn refuse_overwrite(plan: &LogicalPlan, table: &Table) -> Result<(), SparkError> {
    if !reads(plan, table) {
        return Ok(());
    }
    Err(SparkError::new("UNSUPPORTED_OVERWRITE.TABLE", [("table", names::full(table.name()))]))
}

/// Rows of the table that are in a partition which some of these rows are in.
pub(crate) fn partitions_of<'a>(
    table: &Table,
    batches: impl IntoIterator<Item = &'a RecordBatch>,
    matching: Matching,
) -> Result<Predicate, SparkError> {
    let schema = table.schema();
    let mut any: Option<Predicate> = None;
    let mut seen: Vec<Vec<String>> = Vec::new();
    for batch in batches {
        let mut columns = Vec::new();
        for name in table.partition_columns() {
            let place = match matching {
                Matching::ByPosition => schema.index_of(name).ok(),
                Matching::ByName => batch
                    .schema()
                    .fields()
                    .iter()
                    .position(|field| field.name().eq_ignore_ascii_case(name)),
            };
            let Some(place) = place.filter(|place| *place < batch.num_columns()) else {
                return Err(SparkError::other(format!("the rows have no column for `{name}`")));
            };
            let target = schema.field_with_name(name).map_err(crate::rows::arrow)?;
            let values = arrow::compute::cast(batch.column(place), target.data_type());
            columns.push((name, values.map_err(crate::rows::arrow)?));
        }
        for row in 0..batch.num_rows() {
            let shown: Result<Vec<String>, _> = columns
                .iter()
                .map(|(_, values)| {
                    crate::rows::value_at(values, row).map(|value| format!("{value:?}"))
                })
                .collect();
            let shown = shown.map_err(crate::rows::arrow)?;
            if seen.contains(&shown) {
                continue;
            }
            seen.push(shown);
            let mut all: Option<Predicate> = None;
            for (name, values) in &columns {
                let one = if values.is_null(row) {
                    col(*name).is_null()
                } else {
                    col(*name).eq(Literal::from_array(values.slice(row, 1))
                        .map_err(|error| SparkError::other(error.to_string()))?)
                };
                all = Some(match all {
                    Some(all) => all.and(one),
                    None => one,
                });
            }
            any = match (any, all) {
                (Some(any), Some(all)) => Some(any.or(all)),
                (any, all) => any.or(all),
            };
        }
    }
    Ok(any.unwrap_or_else(|| Predicate::literal(false)))
}
