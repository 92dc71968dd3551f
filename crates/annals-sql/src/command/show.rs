//! `SHOW …`: what there is, in the form that Spark has for it.

use std::fmt::Write as _;

use annals::{DatabaseName, Table, TableKind};
use arrow::datatypes::Field;

use super::rows::Rows;
use super::{databases, partitions, target};
use crate::error::SqlError;
use crate::keep;
use crate::pattern::NamePattern;
use crate::scope::{GLOBAL_TEMP, Named, Scope};
use crate::session::SqlSession;
use crate::statement::{Name, Show, quoted_if_needed};
use crate::types::{field_comment, sql_field_type_name};

pub(super) fn show(session: &SqlSession, what: Show) -> Result<Rows, SqlError> {
    let scope = session.scope();
    match what {
        Show::Databases { pattern } => {
            let pattern = NamePattern::of(pattern.as_deref());
            let all = scope.snapshot().databases();
            let names = all.iter().map(|database| database.name().folded());
            Ok(Rows::none().text("namespace", names.filter(|name| pattern.matches(name))))
        }
        Show::Tables { database, pattern } => {
            let found = named(session, &scope, database.as_ref(), pattern.as_deref())?;
            Ok(listed(&found, "tableName"))
        }
        Show::Views { database, pattern } => {
            let found = named(session, &scope, database.as_ref(), pattern.as_deref())?;
            let found: Vec<_> = found.into_iter().filter(|found| found.view).collect();
            Ok(listed(&found, "viewName"))
        }
        Show::TableExtended { database, pattern } => {
            let found = named(session, &scope, database.as_ref(), Some(&pattern))?;
            let told = found.iter().map(|found| {
                let kind = if found.view { "VIEW" } else { "MANAGED" };
                format!("Database: {}\nTable: {}\nType: {kind}\n", found.database, found.name)
            });
            let told: Vec<String> = told.collect();
            Ok(listed(&found, "tableName").text("information", told))
        }
        Show::Columns(name) => {
            let schema = match scope.find(&name.0)? {
                Named::Table(table) => table.schema(),
                Named::TempView(..) => scope.table(&name.0)?.schema(),
            };
            Ok(Rows::none().text("col_name", schema.fields().iter().map(|field| field.name())))
        }
        Show::Properties { name, key } => properties(session, &scope, &name, key),
        Show::CreateTable(name) => {
            let text = create(session, &scope, &name)?;
            Ok(Rows::none().text("createtab_stmt", [text]))
        }
        Show::Partitions { name, partition } => {
            let table = target(&scope, &name, "SHOW PARTITIONS")?;
            let only = match &partition {
                Some(partition) => partitions::predicate(&scope, &table, partition)?,
                None => None,
            };
            Ok(Rows::none().text("partition", partitions::names(&table, only.as_ref())?))
        }
        Show::Functions { pattern } => {
            let state = scope.state();
            let mut names: Vec<&String> = state.scalar_functions().keys().collect();
            names.extend(state.aggregate_functions().keys());
            names.extend(state.window_functions().keys());
            names.sort_unstable();
            names.dedup();
            let pattern = NamePattern::of(pattern.as_deref());
            names.retain(|name| pattern.matches(name));
            Ok(Rows::none().text("function", names))
        }
        Show::Catalogs { pattern } => {
            let catalog = session.catalog();
            let fits = NamePattern::of(pattern.as_deref()).matches(catalog);
            Ok(Rows::none().text("catalog", fits.then_some(catalog)))
        }
        Show::CurrentNamespace => {
            let database = scope.database().as_str().to_owned();
            Ok(Rows::none().text("catalog", [session.catalog()]).text("namespace", [database]))
        }
    }
}

/// Something that `SHOW TABLES` may list.
struct Found {
    database: String,
    name: String,
    temporary: bool,
    view: bool,
}

fn named(
    session: &SqlSession,
    scope: &Scope,
    database: Option<&Name>,
    pattern: Option<&str>,
) -> Result<Vec<Found>, SqlError> {
    let database = match database {
        Some(name) => databases::database_name(scope, session.catalog(), name)?,
        None => scope.database().clone(),
    };
    let global = database.folded() == GLOBAL_TEMP;
    let mut found = if global { Vec::new() } else { of_store(scope, &database)? };
    let mut temporary = |database: &str, name: &str| {
        found.push(Found {
            database: database.to_owned(),
            name: name.to_lowercase(),
            temporary: true,
            view: true,
        });
    };
    if global {
        scope.views().global_names().for_each(|name| temporary(GLOBAL_TEMP, name));
    }
    scope.views().local_names().for_each(|name| temporary("", name));
    let pattern = NamePattern::of(pattern);
    found.retain(|found| pattern.matches(&found.name));
    Ok(found)
}

fn of_store(scope: &Scope, database: &DatabaseName) -> Result<Vec<Found>, SqlError> {
    let snapshot = scope.snapshot();
    snapshot.database(database).map_err(|_| databases::missing(scope, database))?;
    let mut found = Vec::new();
    for name in snapshot.tables(database)? {
        let table = snapshot.table(&name)?;
        found.push(Found {
            database: database.folded().to_owned(),
            name: name.table_folded().to_owned(),
            temporary: false,
            view: matches!(table.kind(), TableKind::View { .. }),
        });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn listed(found: &[Found], name: &str) -> Rows {
    Rows::none()
        .text("namespace", found.iter().map(|found| &found.database))
        .text(name, found.iter().map(|found| &found.name))
        .flags("isTemporary", found.iter().map(|found| found.temporary))
}

/// A table or view of the store, or an error that says what it is instead.
fn kept(scope: &Scope, name: &Name, operation: &'static str) -> Result<Table, SqlError> {
    match scope.find(&name.0)? {
        Named::Table(table) => Ok(table),
        Named::TempView(name, _) => Err(SqlError::NotAView { name, temporary: true, operation }),
    }
}

fn properties(
    session: &SqlSession,
    scope: &Scope,
    name: &Name,
    key: Option<String>,
) -> Result<Rows, SqlError> {
    let table = match scope.find(&name.0)? {
        Named::Table(table) => table,
        Named::TempView(..) => {
            let none: [&str; 0] = [];
            return Ok(Rows::none().text("key", none).text("value", none));
        }
    };
    if let Some(key) = key {
        let value = match table.properties().get(&*key) {
            Some(value) => value.to_string(),
            None => {
                let full = full_name(session, &table);
                format!("Table {full} does not have property: {key}")
            }
        };
        return Ok(Rows::none().text("key", [key]).text("value", [value]));
    }
    let shown = shown(&table);
    Ok(Rows::none()
        .text("key", shown.iter().map(|(key, _)| key))
        .text("value", shown.iter().map(|(_, value)| value)))
}

/// The properties of a table that are not our own.
pub(super) fn shown(table: &Table) -> Vec<(String, String)> {
    let all = table.properties().iter().map(|(key, value)| (key.to_string(), value.to_string()));
    all.filter(|(key, _)| !key.starts_with(keep::OWN)).collect()
}

pub(super) fn full_name(session: &SqlSession, table: &Table) -> String {
    let name = table.name();
    format!(
        "{}.{}.{}",
        session.catalog(),
        quoted_if_needed(name.database().folded()),
        quoted_if_needed(name.table_folded())
    )
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The statement that makes a table or view as it is.
fn create(session: &SqlSession, scope: &Scope, name: &Name) -> Result<String, SqlError> {
    let table = kept(scope, name, "SHOW CREATE TABLE")?;
    let mut out = String::new();
    let pairs = |pairs: &[(String, String)]| {
        let pairs = pairs.iter().map(|(key, value)| format!("  {} = {}", text(key), text(value)));
        pairs.collect::<Vec<_>>().join(",\n")
    };
    let properties = shown(&table);
    if let TableKind::View { text: query } = table.kind() {
        let (database, view) = (table.name().database(), table.name().table_folded().to_owned());
        let schema = table.schema();
        let columns = schema.fields().iter().map(|field| match field_comment(field) {
            Some(comment) => {
                format!("  {} COMMENT {}", quoted_if_needed(field.name()), text(comment))
            }
            None => format!("  {}", quoted_if_needed(field.name())),
        });
        let columns = columns.collect::<Vec<_>>().join(",\n");
        let _ = writeln!(
            out,
            "CREATE VIEW {}.{} (\n{columns})",
            quoted_if_needed(database.folded()),
            quoted_if_needed(&view)
        );
        if let Some(comment) = table.comment() {
            let _ = writeln!(out, "COMMENT {}", text(comment));
        }
        if !properties.is_empty() {
            let _ = writeln!(out, "TBLPROPERTIES (\n{})", pairs(&properties));
        }
        let _ = writeln!(out, "WITH SCHEMA COMPENSATION\nAS {query}");
        return Ok(out);
    }
    let schema = table.schema();
    let columns: Vec<String> = schema.fields().iter().map(|field| column(field)).collect();
    let _ =
        writeln!(out, "CREATE TABLE {} (\n{})", full_name(session, &table), columns.join(",\n"));
    let own = |key: &str| table.properties().get(key).map(ToString::to_string);
    let provider = own(keep::PROVIDER).unwrap_or_else(|| keep::DEFAULT_PROVIDER.to_owned());
    let _ = writeln!(out, "USING {provider}");
    let options: Vec<(String, String)> = table
        .properties()
        .iter()
        .filter_map(|(key, value)| {
            Some((key.strip_prefix(keep::OPTION)?.to_owned(), value.to_string()))
        })
        .collect();
    if !options.is_empty() {
        let _ = writeln!(out, "OPTIONS (\n{})", pairs(&options));
    }
    let list = |names: &[&str]| {
        names.iter().map(|name| quoted_if_needed(name)).collect::<Vec<_>>().join(", ")
    };
    if !table.partition_columns().is_empty() {
        let _ = writeln!(out, "PARTITIONED BY ({})", list(&table.partition_columns()));
    }
    if let Some(buckets) = own(keep::BUCKETS) {
        let parts: Vec<&str> = buckets.split('\n').collect();
        if let [count, columns, sorted] = parts[..] {
            let _ = writeln!(out, "CLUSTERED BY ({})", columns.replace(',', ", "));
            if !sorted.is_empty() {
                let _ = writeln!(out, "SORTED BY ({})", sorted.replace(',', ", "));
            }
            let _ = writeln!(out, "INTO {count} BUCKETS");
        }
    }
    if let Some(columns) = own(keep::CLUSTER_BY) {
        let _ = writeln!(out, "CLUSTER BY ({})", list(&columns.split('\n').collect::<Vec<_>>()));
    }
    if let Some(comment) = table.comment() {
        let _ = writeln!(out, "COMMENT {}", text(comment));
    }
    if let TableKind::External { location } = table.kind() {
        let _ = writeln!(out, "LOCATION {}", text(location));
    }
    if !properties.is_empty() {
        let _ = writeln!(out, "TBLPROPERTIES (\n{})", pairs(&properties));
    }
    Ok(out)
}

fn column(field: &Field) -> String {
    let mut data_type = sql_field_type_name(field);
    if data_type == "STRING" {
        data_type.push_str(" COLLATE UTF8_BINARY");
    }
    let mut out = format!("  {} {data_type}", quoted_if_needed(field.name()));
    if !field.is_nullable() {
        out.push_str(" NOT NULL");
    }
    if let Some(default) = field.metadata().get(keep::DEFAULT) {
        let _ = write!(out, " DEFAULT {default}");
    }
    if let Some(comment) = field_comment(field) {
        let _ = write!(out, " COMMENT {}", text(comment));
    }
    out
}
