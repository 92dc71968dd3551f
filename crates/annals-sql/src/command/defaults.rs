//! `DEFAULT` as a value: the default of the column that it is for, null if that has none.

use std::borrow::Cow;

use annals::Table;
use arrow::datatypes::Field;
use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, Value};

use super::tables;
use crate::error::SqlError;
use crate::keep;
use crate::statement::{Assignment, ExprText, Insert};

/// Whether an expression is the word.
fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// The default of a column, if it has one.
pub(super) fn default_of(field: &Field) -> Result<Option<ExprText>, SqlError> {
    let Some(text) = field.metadata().get(keep::DEFAULT) else { return Ok(None) };
    let expr = Box::new(crate::parse::parse_expr(text)?);
    Ok(Some(ExprText { expr, text: text.clone() }))
}

/// What stands for the word in the place of a column.
fn value_of(field: &Field) -> Result<Expr, SqlError> {
    let found = default_of(field)?.map(|default| *default.expr);
    Ok(found.unwrap_or_else(|| Expr::value(Value::Null)))
}

/// The query of an insert, with what the word stands for in its rows.
pub(super) fn in_rows<'q>(table: &Table, insert: &'q Insert) -> Result<Cow<'q, Query>, SqlError> {
    let query = &insert.query.query;
    let has_word = |values: &SetExpr| match values {
        SetExpr::Values(values) => values.rows.iter().any(|row| row.iter().any(is_default)),
        _ => false,
    };
    if !has_word(&query.body) {
        return Ok(Cow::Borrowed(query));
    }
    let schema = table.schema();
    let fields: Vec<&Field> = if insert.columns.is_empty() {
        let given = |field: &Field| {
            let mut values = insert.partition.iter().flat_map(|partition| &partition.0);
            values.any(|(name, value)| value.is_some() && tables::same(name, field.name()))
        };
        schema.fields().iter().map(AsRef::as_ref).filter(|field| !given(field)).collect()
    } else {
        let find = |name: &String| {
            let found = schema.fields().iter().find(|field| tables::same(field.name(), name));
            found.map(AsRef::as_ref).ok_or_else(|| tables::no_column(&schema, name))
        };
        insert.columns.iter().map(find).collect::<Result<_, _>>()?
    };
    let mut query = (**query).clone();
    if let SetExpr::Values(values) = query.body.as_mut() {
        for row in &mut values.rows {
            for (value, field) in row.iter_mut().zip(&fields) {
                if is_default(value) {
                    *value = value_of(field)?;
                }
            }
        }
    }
    Ok(Cow::Owned(query))
}

/// Assignments to columns of a table, with what the word stands for.
pub(super) fn assigned<'a>(
    table: &Table,
    assignments: &'a [Assignment],
) -> Result<Cow<'a, [Assignment]>, SqlError> {
    if !assignments.iter().any(|assignment| is_default(&assignment.value.expr)) {
        return Ok(Cow::Borrowed(assignments));
    }
    let schema = table.schema();
    let mut assignments = assignments.to_vec();
    for assignment in &mut assignments {
        if is_default(&assignment.value.expr) {
            let at = super::change::assigned(table, assignment)?;
            *assignment.value.expr = value_of(schema.field(at))?;
        }
    }
    Ok(Cow::Owned(assignments))
}
