//! `DESCRIBE …`: what something is like, in the form that Spark has for it.

use annals::{Commit, Operation, Table, TableKind};
use arrow::datatypes::Schema;

use super::rows::Rows;
use super::{databases, show, target};
use crate::error::SqlError;
use crate::keep;
use crate::scope::{Named, Scope};
use crate::session::SqlSession;
use crate::statement::{Describe, Name};
use crate::types::{field_comment, field_type_name};

pub(super) fn describe(session: &SqlSession, what: Describe) -> Result<Rows, SqlError> {
    let scope = session.scope();
    match what {
        Describe::Table { name, extended, column: None } => table(session, &scope, &name, extended),
        Describe::Table { name, extended, column: Some(column) } => {
            one_column(&scope, &name, &column, extended)
        }
        Describe::Database { name, extended } => database(session, &scope, &name, extended),
        Describe::Query(query) => {
            let plan = scope.plan(*query.query)?;
            Ok(columns(plan.schema().as_arrow()).into_rows())
        }
        Describe::History { name, limit } => history(&scope, &name, limit),
        Describe::Function { name, .. } => {
            let state = scope.state();
            let function = name.last().to_lowercase();
            let known = state.scalar_functions().contains_key(&function)
                || state.aggregate_functions().contains_key(&function)
                || state.window_functions().contains_key(&function);
            match known {
                true => Ok(Rows::none().text("function_desc", [format!("Function: {function}")])),
                false => Err(SqlError::NoFunction { name: name.to_string() }),
            }
        }
    }
}

/// Lines of three texts.
#[derive(Default)]
struct Lines(Vec<(String, String, Option<String>)>);

impl Lines {
    fn push(&mut self, name: &str, told: &str) {
        self.0.push((name.to_owned(), told.to_owned(), Some(String::new())));
    }

    fn into_rows(self) -> Rows {
        Rows::none()
            .text("col_name", self.0.iter().map(|(name, ..)| name))
            .text("data_type", self.0.iter().map(|(_, told, _)| told))
            .optional("comment", self.0.iter().map(|(.., comment)| comment.as_ref()))
    }
}

fn columns(schema: &Schema) -> Lines {
    let line = |field: &std::sync::Arc<arrow::datatypes::Field>| {
        let comment = field_comment(field).map(str::to_owned);
        (field.name().clone(), field_type_name(field), comment)
    };
    Lines(schema.fields().iter().map(line).collect())
}

fn table(
    session: &SqlSession,
    scope: &Scope,
    name: &Name,
    extended: bool,
) -> Result<Rows, SqlError> {
    let table = match scope.find(&name.0)? {
        Named::Table(table) => table,
        Named::TempView(..) => return Ok(columns(&scope.table(&name.0)?.schema()).into_rows()),
    };
    let mut lines = columns(&table.schema());
    let divides = table.partition_columns();
    if !divides.is_empty() {
        lines.push("# Partition Information", "");
        lines.0.push(("# col_name".into(), "data_type".into(), Some("comment".into())));
        let schema = table.schema();
        for name in divides {
            let field = schema.field_with_name(name).expect("a partition column is a column");
            let comment = field_comment(field).map(str::to_owned);
            lines.0.push((name.to_owned(), field_type_name(field), comment));
        }
    }
    if extended {
        details(session, &table, &mut lines);
    }
    Ok(lines.into_rows())
}

fn details(session: &SqlSession, table: &Table, lines: &mut Lines) {
    let own = |key: &str| table.properties().get(key).map(ToString::to_string);
    lines.push("", "");
    lines.push("# Detailed Table Information", "");
    lines.push("Catalog", session.catalog());
    lines.push("Database", table.name().database().folded());
    lines.push("Table", table.name().table_folded());
    let created = session.store().history().iter().find(|c| c.version == table.created()).cloned();
    let created =
        created.map_or_else(|| "UNKNOWN".to_owned(), |commit| commit.timestamp.to_string());
    lines.push("Created Time", &created);
    lines.push("Last Access", "UNKNOWN");
    let settings = session.settings();
    let by = settings.get(keep::CREATED_BY).map(String::as_str);
    lines.push("Created By", by.unwrap_or(concat!("annals ", env!("CARGO_PKG_VERSION"))));
    let kind = match table.kind() {
        TableKind::View { .. } => "VIEW",
        TableKind::External { .. } => "EXTERNAL",
        _ => "MANAGED",
    };
    lines.push("Type", kind);
    match table.kind() {
        TableKind::View { text } => lines.push("View Text", text),
        kind => {
            let provider = own(keep::PROVIDER);
            lines.push("Provider", provider.as_deref().unwrap_or(keep::DEFAULT_PROVIDER));
            let name = table.name();
            let within = |dir: &String| match name.database().folded() {
                "default" => format!("{dir}/{}", name.table_folded()),
                database => format!("{dir}/{database}.db/{}", name.table_folded()),
            };
            if let TableKind::External { location } = kind {
                lines.push("Location", location);
            } else if let Some(location) = settings.get(keep::WAREHOUSE).map(within) {
                lines.push("Location", &location);
            }
        }
    }
    if let Some(comment) = table.comment() {
        lines.push("Comment", comment);
    }
    let properties = show::shown(table);
    if !properties.is_empty() {
        let told: Vec<String> =
            properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
        lines.push("Table Properties", &format!("[{}]", told.join(",")));
    }
}

fn one_column(scope: &Scope, name: &Name, column: &Name, extended: bool) -> Result<Rows, SqlError> {
    let schema = match scope.find(&name.0)? {
        Named::Table(table) => table.schema(),
        Named::TempView(..) => scope.table(&name.0)?.schema(),
    };
    let found = schema.fields().iter().find(|f| super::tables::same(f.name(), column.last()));
    let field = found.ok_or_else(|| super::tables::no_column(&schema, &column.to_string()))?;
    let comment = field_comment(field).unwrap_or("NULL").to_owned();
    let mut told = vec![
        ("col_name", field.name().clone()),
        ("data_type", field_type_name(field)),
        ("comment", comment),
    ];
    if extended {
        let unknown = [
            "min",
            "max",
            "num_nulls",
            "distinct_count",
            "avg_col_len",
            "max_col_len",
            "histogram",
        ];
        told.extend(unknown.map(|name| (name, "NULL".to_owned())));
    }
    Ok(Rows::none()
        .text("info_name", told.iter().map(|(name, _)| *name))
        .text("info_value", told.iter().map(|(_, value)| value)))
}

fn database(
    session: &SqlSession,
    scope: &Scope,
    name: &Name,
    extended: bool,
) -> Result<Rows, SqlError> {
    let name = databases::database_name(scope, session.catalog(), name)?;
    let found = scope.snapshot().database(&name).map_err(|_| databases::missing(scope, &name))?;
    let mut told = vec![
        ("Catalog Name", session.catalog().to_owned()),
        ("Namespace Name", found.name().folded().to_owned()),
    ];
    if let Some(comment) = found.comment() {
        told.push(("Comment", comment.to_owned()));
    }
    let location = found.properties().get(databases::LOCATION);
    let settings = session.settings();
    let within = |dir: &String| match found.name().folded() {
        "default" => dir.clone(),
        name => format!("{dir}/{name}.db"),
    };
    let location = location.map(ToString::to_string);
    if let Some(location) = location.or_else(|| settings.get(keep::WAREHOUSE).map(within)) {
        told.push(("Location", location));
    }
    if let Some(owner) = settings.get(keep::OWNER) {
        told.push(("Owner", owner.clone()));
    }
    let others = found.properties().iter().filter(|(key, _)| &***key != databases::LOCATION);
    let others: Vec<String> = others.map(|(key, value)| format!("({key},{value})")).collect();
    if extended && !others.is_empty() {
        told.push(("Properties", format!("({})", others.join(", "))));
    }
    Ok(Rows::none()
        .text("info_name", told.iter().map(|(name, _)| *name))
        .optional("info_value", told.iter().map(|(_, value)| Some(value))))
}

/// The commits that made the states of a table, newest first.
fn history(scope: &Scope, name: &Name, limit: Option<u64>) -> Result<Rows, SqlError> {
    let table = target(scope, name, "DESCRIBE HISTORY")?;
    let history = scope.store().history().of_table(table.id());
    let commits: Vec<_> =
        history.iter().filter(|c| c.version <= scope.snapshot().version()).collect();
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    // The newest commit made the present ordinal, the one before it the one before.
    let newest = table.ordinal();
    let mut commits: Vec<_> = commits.into_iter().cloned().collect();
    commits.sort_by_key(|commit| std::cmp::Reverse(commit.version));
    let rows: Vec<(Option<u64>, std::sync::Arc<Commit>)> = commits
        .into_iter()
        .enumerate()
        .map(|(index, commit)| (newest.checked_sub(index as u64), commit))
        .take(limit)
        .collect();
    let of_table = |commit: &Commit| -> Option<std::sync::Arc<Operation>> {
        commit.operations.iter().find(|operation| operation.touches(table.id())).cloned()
    };
    Ok(Rows::none()
        .numbers("version", rows.iter().map(|(ordinal, _)| *ordinal))
        .text("timestamp", rows.iter().map(|(_, commit)| commit.timestamp.to_string()))
        .optional("userName", rows.iter().map(|(_, commit)| commit.info.user.as_deref()))
        .optional(
            "operation",
            rows.iter().map(|(_, commit)| of_table(commit).map(|o| o.kind.to_string())),
        )
        .optional(
            "operationMetrics",
            rows.iter().map(|(_, commit)| of_table(commit).map(|o| metrics(&o))),
        )
        .numbers("storeVersion", rows.iter().map(|(_, commit)| Some(commit.version.0)))
        .optional(
            "statement",
            rows.iter().map(|(_, commit)| {
                let sql = commit.info.metadata.iter().find(|(key, _)| &**key == "sql");
                sql.map(|(_, text)| text.to_string())
            }),
        ))
}

fn metrics(operation: &Operation) -> String {
    let metrics = operation.metrics;
    format!(
        "rows_added={}, rows_removed={}, rows_updated={}",
        metrics.rows_added, metrics.rows_removed, metrics.rows_updated
    )
}
