//! `INSERT`: rows of a query into a table, in one transaction with what the query read.

mod replaced;

use std::collections::HashSet;
use std::sync::Arc;

use annals::Table;
use arrow::array::{ArrayRef, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::SetExpr;

use super::{Work, defaults, partitions, store, tables};
use crate::error::SqlError;
use crate::keep;
use crate::statement::Insert;

/// Which values may be stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Ansi,
    /// Only what loses nothing.
    Strict,
    /// Whatever can be cast; what cannot becomes null.
    Legacy,
}

/// Where the values of a column come from.
enum From {
    /// A column of the rows.
    Rows(usize),
    /// The same for all rows.
    Value(ArrayRef),
    /// Nowhere.
    Null,
}

impl Work<'_> {
    pub(super) async fn insert(&mut self, insert: &Insert) -> Result<(), SqlError> {
        let table = self.target(&insert.name, "INSERT")?;
        let query = defaults::in_rows(&table, insert)?;
        let plan = self.plan(&query)?;
        let mut given: Vec<String> =
            plan.schema().fields().iter().map(|field| field.name().clone()).collect();
        if matches!(*insert.query.query.body, SetExpr::Values(_)) {
            given = (1..=given.len()).map(|index| format!("col{index}")).collect();
        }
        let sources = self.sources(&table, insert, &given)?;
        let types: Vec<DataType> =
            plan.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        let policy = self.policy();
        for (field, from) in table.schema().fields().iter().zip(&sources) {
            if let From::Rows(index) = from {
                may_store(&table, field, &types[*index], policy)?;
            }
        }
        let mut replaced = self.replaced(&table, insert)?;
        let divided = table.partition_columns();
        let target = table.clone();
        let texts = store::Texts::of(self.scope.state());
        let made = move |rows| full(&target, &rows, &sources, policy, texts);
        let rows = self.gather(plan, Some(table.schema()), &divided, made).await?;
        rows.batches().try_for_each(|rows| replaced.see(rows))?;
        self.save(&table, insert, replaced, rows)
    }

    fn policy(&self) -> Policy {
        let settings = self.session.settings();
        match settings.get(keep::STORE_ASSIGNMENT).map(|policy| policy.to_uppercase()).as_deref() {
            Some("STRICT") => Policy::Strict,
            Some("LEGACY") => Policy::Legacy,
            _ => Policy::Ansi,
        }
    }

    /// For each column of the table, where its values come from.
    fn sources(
        &self,
        table: &Table,
        insert: &Insert,
        given: &[String],
    ) -> Result<Vec<From>, SqlError> {
        let schema = table.schema();
        let place = |name: &str| schema.fields().iter().position(|f| tables::same(f.name(), name));
        let mut sources: Vec<Option<From>> = schema.fields().iter().map(|_| None).collect();
        for (name, value) in insert.partition.iter().flat_map(|partition| &partition.0) {
            let at = place(name).ok_or_else(|| tables::no_column(&schema, name))?;
            if let Some(value) = value {
                let value =
                    partitions::constant(&self.scope, table, schema.field(at).name(), value)?;
                sources[at] = Some(From::Value(value));
            }
        }
        let open: Vec<usize> = (0..sources.len()).filter(|at| sources[*at].is_none()).collect();
        let named = |places: &[usize]| -> Vec<String> {
            places.iter().map(|at| schema.field(*at).name().clone()).collect()
        };
        let count = |places: &[usize]| SqlError::ColumnCount {
            table: table.name().clone(),
            expected: named(places),
            found: given.to_vec(),
        };
        let takes = if !insert.columns.is_empty() {
            let mut takes = Vec::new();
            let mut seen = HashSet::new();
            for name in &insert.columns {
                if !seen.insert(name.to_lowercase()) {
                    return Err(SqlError::ColumnTwice { name: name.to_lowercase() });
                }
                takes.push(place(name).ok_or_else(|| tables::no_column(&schema, name))?);
            }
            takes
        } else if insert.by_name {
            if given.len() > open.len() {
                return Err(count(&open));
            }
            let (known, extra): (Vec<_>, Vec<_>) =
                given.iter().partition(|name| place(name).is_some());
            if !extra.is_empty() {
                let columns = extra.into_iter().cloned().collect();
                return Err(SqlError::ExtraColumns { table: table.name().clone(), columns });
            }
            known.into_iter().filter_map(|name| place(name)).collect()
        } else {
            open.clone()
        };
        if takes.len() != given.len() {
            return Err(count(&takes));
        }
        for (index, at) in takes.into_iter().enumerate() {
            if matches!(sources[at], Some(From::Rows(_))) {
                return Err(SqlError::ColumnTwice { name: schema.field(at).name().to_lowercase() });
            }
            sources[at] = Some(From::Rows(index));
        }
        let filled = sources.into_iter().enumerate().map(|(at, from)| match from {
            Some(from) => Ok(from),
            None => self.default_of(table, schema.field(at)),
        });
        filled.collect()
    }

    fn default_of(&self, table: &Table, field: &Field) -> Result<From, SqlError> {
        let Some(value) = defaults::default_of(field)? else { return Ok(From::Null) };
        Ok(From::Value(partitions::constant(&self.scope, table, field.name(), &value)?))
    }
}

fn may_store(
    table: &Table,
    field: &Field,
    from: &DataType,
    policy: Policy,
) -> Result<(), SqlError> {
    let to = field.data_type();
    let allowed = match policy {
        Policy::Ansi => store::may_store(from, to),
        Policy::Strict => store::loses_nothing(from, to),
        Policy::Legacy => arrow::compute::can_cast_types(from, to),
    };
    match allowed {
        true => Ok(()),
        false => Err(SqlError::CannotStore {
            table: table.name().clone(),
            column: field.name().clone(),
            from: from.clone(),
            to: to.clone(),
        }),
    }
}

/// Rows under the columns of the table.
fn full(
    table: &Table,
    rows: &RecordBatch,
    sources: &[From],
    policy: Policy,
    texts: store::Texts,
) -> Result<RecordBatch, SqlError> {
    let schema: SchemaRef = table.schema();
    let count = rows.num_rows();
    let column = |(field, from): (&Arc<Field>, &From)| match from {
        From::Rows(index) if policy == Policy::Legacy => {
            let options = CastOptions { safe: true, ..CastOptions::default() };
            let to = field.data_type();
            let values = (texts.0)(rows.column(*index), to);
            let values = values.and_then(|values| cast_with_options(&values, to, &options));
            Ok(values.map_err(DataFusionError::from)?)
        }
        From::Rows(index) => store::stored(texts, table.name(), field, rows.column(*index)),
        From::Value(value) => {
            let places = UInt32Array::from(vec![0; count]);
            Ok(take(value.as_ref(), &places, None).map_err(DataFusionError::from)?)
        }
        From::Null => Ok(new_null_array(field.data_type(), count)),
    };
    let columns = schema.fields().iter().zip(sources).map(column).collect::<Result<Vec<_>, _>>()?;
    // Whether a null may stand in a column is for the store to say.
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let relaxed = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new(relaxed, columns).map_err(DataFusionError::from)?)
}
