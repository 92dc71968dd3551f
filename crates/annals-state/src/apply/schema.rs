//! Alters the columns of a table. No row is touched.

use std::sync::Arc;

use super::{Applied, Place, next_column};
use crate::catalog::Catalog;
use crate::commit::{Metrics, OperationKind};
use crate::error::CatalogError;
use crate::name::TableName;
use crate::schema::TableSchema;
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
    let wrong = |source| CatalogError::Schema { table: name.clone(), source: Arc::new(source) };
    for alteration in alterations {
        let schema = &state.schema;
        let mut stamp = place.at;
        let altered = match alteration {
            SchemaChange::AddColumns(fields) => {
                next.stamps.add_column = place.at;
                stamp = next.stamps.schema;
                schema.add_columns(fields, &mut next.marks.next_column)
            }
            SchemaChange::RenameColumn { from, to } => schema.rename_column(from, to),
            SchemaChange::DropColumns(names) => {
                let partition = state.partition_columns();
                let kept = |c: &&String| {
                    partition.iter().any(|p| crate::schema::fold(p) == crate::schema::fold(c))
                };
                if let Some(column) = names.iter().find(kept) {
                    let (table, column) = (name.clone(), column.clone());
                    return Err(CatalogError::PartitionColumn { table, column });
                }
                schema.drop_columns(names)
            }
            SchemaChange::WidenColumn { name, to } => schema.widen_column(name, to),
            SchemaChange::SetNullable(name) => schema.set_nullable(name),
            SchemaChange::SetColumnComment { name, comment } => {
                next.stamps.property = place.at;
                stamp = next.stamps.schema;
                schema.set_column_comment(name, comment.clone())
            }
        };
        state.schema = Arc::new(altered.map_err(wrong)?);
        next.stamps.schema = stamp;
    }
    if !alterations.is_empty() {
        let schema = Arc::clone(&state.schema);
        state.layout_of(&schema);
    }
    Ok(())
}
