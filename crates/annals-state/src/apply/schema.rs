//! Alters the columns of a table: all that one call alters at one go. No row is touched.

use std::sync::Arc;

use super::{Applied, Place, next_column};
use crate::catalog::Catalog;
use crate::commit::{Metrics, OperationKind};
use crate::error::CatalogError;
use crate::name::TableName;
use crate::schema::{Alteration, ColumnId, TableSchema};
use crate::table::{TableState, TableVersion};
use crate::write_set::SchemaChange;

impl Catalog {
    pub(super) fn alter_schema(
        &mut self,
        name: &TableName,
        alterations: &[SchemaChange],
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let current = Arc::clone(self.require_table(name)?);
        let mut next = TableVersion::clone(&current);
        let mut state = TableState::clone(&current.state);
        alter(&mut state, &mut next, name, alterations, place)?;
        next.state = Arc::new(state);
        let description: Vec<String> = alterations.iter().map(SchemaChange::describe).collect();
        let kind = OperationKind::AlterSchema { description: description.join("; ").into() };
        Ok(self.put(next, kind, Metrics::default(), Vec::new(), place))
    }

    pub(super) fn set_schema(
        &mut self,
        name: &TableName,
        schema: &Arc<TableSchema>,
        description: &Arc<str>,
        place: &Place,
    ) -> Result<Applied, CatalogError> {
        let current = Arc::clone(self.require_table(name)?);
        let mut next = TableVersion::clone(&current);
        let mut state = TableState::clone(&current.state);
        state.schema = Arc::clone(schema);
        state.layout_of(schema);
        next.marks.next_column = next.marks.next_column.max(next_column(schema));
        next.stamps.schema = place.at;
        next.state = Arc::new(state);
        let kind = OperationKind::AlterSchema { description: Arc::clone(description) };
        Ok(self.put(next, kind, Metrics::default(), Vec::new(), place))
    }
}

pub(super) fn alter(
    state: &mut TableState,
    next: &mut TableVersion,
    name: &TableName,
    alterations: &[SchemaChange],
    place: &Place,
) -> Result<(), CatalogError> {
    if alterations.is_empty() {
        return Ok(());
    }
    let wrong = |source| CatalogError::Schema { table: name.clone(), source: Arc::new(source) };
    let schema = Arc::clone(&state.schema);
    let mut columns = Alteration::new(&schema);
    for alteration in alterations {
        let mut stamp = place.at;
        let altered = match alteration {
            SchemaChange::AddColumns(fields) | SchemaChange::AddColumnsBeforePartitions(fields) => {
                next.stamps.add_column = place.at;
                stamp = next.stamps.schema;
                let last: &[ColumnId] = match alteration {
                    SchemaChange::AddColumns(_) => &[],
                    _ => &state.details.partition_by,
                };
                columns.add_columns(fields, last, &mut next.marks.next_column)
            }
            SchemaChange::RenameColumn { from, to } => columns.rename_column(from, to),
            SchemaChange::DropColumns(names) => {
                let partition_by = &state.details.partition_by;
                let kept =
                    |c: &&String| columns.id_of(c).is_some_and(|id| partition_by.contains(&id));
                if let Some(column) = names.iter().find(kept) {
                    let (table, column) = (name.clone(), column.clone());
                    return Err(CatalogError::PartitionColumn { table, column });
                }
                columns.drop_columns(names)
            }
            SchemaChange::WidenColumn { name, to } => columns.widen_column(name, to),
            SchemaChange::SetNullable(name) => columns.set_nullable(name),
            SchemaChange::SetColumnComment { name, comment } => {
                next.stamps.property = place.at;
                stamp = next.stamps.schema;
                columns.set_column_comment(name, comment.clone())
            }
        };
        altered.map_err(wrong)?;
        next.stamps.schema = stamp;
    }
    let altered = Arc::new(columns.finish().map_err(wrong)?);
    state.layout_of(&altered);
    state.schema = altered;
    Ok(())
}
