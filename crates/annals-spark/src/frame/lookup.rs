//! Columns of frames by their names, which count without case: `id`, or `a.id` where `a` is what a
//! frame was called by [`alias`](DataFrame::alias).
//!
//! What a frame is called stays with its columns as the qualifier that `DataFusion` has beside
//! names, until they are computed anew or told apart by their places.

use datafusion::common::{Column as PlanColumn, TableReference};
use datafusion::logical_expr::LogicalPlan;

use super::{DataFrame, twice};
use crate::error::SparkError;

impl DataFrame {
    /// The same under a name, by which columns are found beside those of other frames after a
    /// [join](Self::join_on): `col("a.id")`, and `col("a.*")` for all. In SQL text it does not
    /// count.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn alias(&self, name: &str) -> Result<Self, SparkError> {
        let columns = self.own_columns().into_iter().zip(self.columns());
        let exprs = columns
            .map(|(column, own)| column.alias_qualified(Some(TableReference::bare(name)), own));
        self.project(exprs.collect())
    }
}

/// A column of a plan by its name.
pub(crate) fn find_column(plan: &LogicalPlan, name: &str) -> Result<PlanColumn, SparkError> {
    let columns = plan.schema().columns();
    let folded = |column: &&PlanColumn| column.name.eq_ignore_ascii_case(name);
    let mut found: Vec<&PlanColumn> = columns.iter().filter(folded).collect();
    let mut bare = name.to_owned();
    if found.is_empty()
        && let Some((of, name)) = aliased(name)
    {
        let same = |column: &&PlanColumn| column.name.eq_ignore_ascii_case(&name);
        found = columns.iter().filter(|column| is_of(column, &of)).filter(same).collect();
        bare = name;
    }
    match found.as_slice() {
        [] => {
            let available: Vec<Vec<String>> =
                columns.iter().map(|column| vec![column.name.clone()]).collect();
            Err(crate::convert::no_column(&[name.to_owned()], &available))
        }
        [one] => Ok((*one).clone()),
        several => {
            let mut exactly = several.iter().filter(|column| column.name == bare);
            match (exactly.next(), exactly.next()) {
                (Some(one), None) => Ok((*one).clone()),
                _ => Err(twice::ambiguous(name, several.len())),
            }
        }
    }
}

/// The name of a column alone, as it was asked for.
pub(crate) fn bare_name(column: &PlanColumn, asked: &str) -> String {
    match aliased(asked) {
        Some((_, name)) if !column.name.eq_ignore_ascii_case(asked) => name,
        _ => asked.to_owned(),
    }
}

/// All columns of what is called so in a plan.
pub(crate) fn columns_of(plan: &LogicalPlan, alias: &str) -> Result<Vec<PlanColumn>, SparkError> {
    let schema = plan.schema();
    let of = annals_sql::parse::parse_name(alias).map_or(alias.to_owned(), |name| name.0.join("."));
    let found: Vec<PlanColumn> =
        schema.columns().into_iter().filter(|column| is_of(column, &of)).collect();
    if found.is_empty() {
        let names = schema.fields().iter().map(|field| crate::types::quote(field.name()));
        let names = names.collect::<Vec<_>>().join(", ");
        return Err(SparkError::new(
            "CANNOT_RESOLVE_STAR_EXPAND",
            [("targetString", crate::types::quote(&of)), ("columns", names)],
        ));
    }
    Ok(found)
}

/// What stands before the dot and behind it, in a name of two parts.
fn aliased(name: &str) -> Option<(String, String)> {
    if !name.contains('.') {
        return None;
    }
    let [of, name] = <[String; 2]>::try_from(annals_sql::parse::parse_name(name).ok()?.0).ok()?;
    Some((of, name))
}

fn is_of(column: &PlanColumn, alias: &str) -> bool {
    let relation = column.relation.as_ref();
    relation.is_some_and(|relation| relation.table().eq_ignore_ascii_case(alias))
}
