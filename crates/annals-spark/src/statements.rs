//! One statement of SQL: checked for what Spark checks beyond the layer below, run there, and told
//! in Spark's words.

use std::sync::Arc;

use annals::TableKind;
use annals_sql::statement::{
    Command, CreateTable, CreateView, Describe, Insert, InsertReplace, Name, Show, Statement,
    TableChange, ViewKind,
};
use annals_sql::{command, parse};
use arrow::datatypes::{Field, Schema};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use crate::convert::{self, Names, Told};
use crate::error::SparkError;
use crate::frame::{DataFrame, given_room, steps_of_views};
use crate::names::{self, CATALOG, GLOBAL_TEMP, Parts};
use crate::reads;
use crate::session::Session;
use crate::source;
use crate::types::quote;
use crate::writer::checks;

#[cfg(test)]
mod tests;

pub(crate) async fn run(session: &Session, text: &str) -> Result<DataFrame, SparkError> {
    let statement = parse::parse(text).map_err(|error| convert::parse(&error))?;
    let told = told_of(session, &statement);
    let frame = match statement {
        Statement::Command(Command::CreateTable(table))
            if table.temporary && table.query.is_none() && table.like.is_none() =>
        {
            return temporary_table(session, &table);
        }
        Statement::Command(mut command) => {
            check(session, &mut command)?;
            note_cached(session, &command);
            let sql = session.sql_session();
            let steps = steps_of_views(&sql.views());
            given_room(steps, command::execute(sql, command, text)).await
        }
        _ => session.sql_session().sql(text).await,
    };
    let frame = frame.map_err(|error| told.sql(error))?;
    if matches!(frame.logical_plan(), LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)) {
        // Nothing can be put around these, as `show` has to.
        let schema = Arc::clone(frame.schema().inner());
        let batches = frame.collect().await.map_err(|error| told.query(error))?;
        return session.from_batches(&schema, batches);
    }
    Ok(session.frame(frame.into_unoptimized_plan()))
}

/// How names are told of that a statement does not find.
fn told_of(session: &Session, statement: &Statement) -> Told {
    let mut told = session.told(true);
    let Statement::Command(command) = statement else { return told };
    told.reads = match command {
        Command::Insert(_)
        | Command::Delete { .. }
        | Command::Update { .. }
        | Command::Merge(_)
        | Command::Uncache { .. }
        | Command::CreateView(_)
        | Command::Describe(_) => true,
        Command::CreateTable(table) => table.query.is_some(),
        _ => false,
    };
    told.repairs = matches!(command, Command::Repair(_));
    told.names = match command {
        Command::DropTable { .. } | Command::DropView { .. } => Names::Full,
        Command::AlterTable { change: TableChange::Rename(_), .. } => Names::WithDatabase,
        Command::CreateTable(table) if table.like.is_some() => Names::WithDatabase,
        _ => Names::AsWritten,
    };
    told
}

/// Refuses what Spark refuses, and brings names of what is created into the form that Spark keeps.
fn check(session: &Session, command: &mut Command) -> Result<(), SparkError> {
    match command {
        Command::CreateDatabase { name, .. } => {
            if let Some(last) = name.0.last_mut() {
                *last = names::new_database(last)?.as_str().to_owned();
            }
            Ok(())
        }
        Command::CreateTable(table) => check_create(session, table),
        Command::CreateView(view) => check_view(session, view),
        Command::AlterTable { name, change } => check_alter(session, name, change),
        Command::Use { name, .. } if name.last().eq_ignore_ascii_case(GLOBAL_TEMP) => {
            Err(SparkError::new("_LEGACY_ERROR_TEMP_1068", [("database", GLOBAL_TEMP)]))
        }
        Command::Use { name, .. } => match name.0.as_slice() {
            [catalog, database] if !catalog.eq_ignore_ascii_case(CATALOG) => {
                Err(convert::no_schema_of(&[catalog.clone(), database.clone()]))
            }
            _ => Ok(()),
        },
        Command::Show(Show::CreateTable(name)) => match name.0.as_slice() {
            [view] if session.sql_session().views().local(view).is_some() => Err(SparkError::new(
                "EXPECT_PERMANENT_VIEW_NOT_TEMP",
                [("viewName", name.quoted()), ("operation", "SHOW CREATE TABLE".to_owned())],
            )),
            _ => Ok(()),
        },
        Command::Insert(insert) => match insert.name.0.as_slice() {
            [view] if session.sql_session().views().local(view).is_some() => {
                Err(SparkError::plain("UNSUPPORTED_INSERT.RDD_BASED"))
            }
            _ => check_overwrite(session, insert),
        },
        Command::DropView { name, .. } => check_drop_view(session, name),
        Command::Describe(Describe::Table { name, column: Some(column), .. }) => {
            let parts = Parts(name.0.clone());
            let Ok(frame) = session.table(&parts.quoted()) else { return Ok(()) };
            let found =
                frame.columns().iter().any(|known| known.eq_ignore_ascii_case(column.last()));
            if found || column.0.len() != 1 {
                return Ok(());
            }
            Err(SparkError::new(
                "COLUMN_NOT_FOUND",
                [
                    ("colName", column.quoted()),
                    ("caseSensitiveConfig", "\"spark.sql.caseSensitive\"".to_owned()),
                ],
            ))
        }
        _ => Ok(()),
    }
}

/// The database and the table that a statement means.
fn full(session: &Session, name: &Name) -> Option<annals::TableName> {
    let parts = Parts(name.0.clone());
    let (database, table) = parts.in_catalog(&session.current_database())?;
    names::table(&database, &table).ok()
}

/// Checks the last part of the name of something that is created, and puts it into lower case.
fn keep_plain(session: &Session, name: &mut Name) -> Result<(), SparkError> {
    let parts = Parts(name.0.clone());
    let (database, table) = parts.to_read(&session.current_database())?;
    names::new_table(&database, &table)?;
    for part in &mut name.0 {
        *part = part.to_lowercase();
    }
    Ok(())
}

fn unsupported(session: &Session, name: &Name, operation: &str) -> SparkError {
    let table = full(session, name).map_or_else(|| name.quoted(), |name| names::full(&name));
    SparkError::new(
        "UNSUPPORTED_FEATURE.TABLE_OPERATION",
        [("tableName", table), ("operation", operation.to_owned())],
    )
}

fn check_create(session: &Session, table: &mut CreateTable) -> Result<(), SparkError> {
    if table.temporary && table.query.is_some() {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_0035",
            [("message", "CREATE TEMPORARY TABLE ... AS ..., use CREATE TEMPORARY VIEW instead")],
        ));
    }
    if let Some(extra) = table.columns.iter().find_map(|column| column.extra) {
        return Err(unsupported(session, &table.name, extra));
    }
    keep_plain(session, &mut table.name)?;
    if let (Some(provider), Some(name)) = (&table.provider, full(session, &table.name)) {
        table.provider = Some(source::provider(provider, &name)?);
    }
    if let Some(name) = full(session, &table.name)
        && !(table.partition_by.is_empty() || table.columns.is_empty())
    {
        let fields: Vec<Field> = table.columns.iter().map(|column| column.field.clone()).collect();
        checks::partitioning(&Arc::new(Schema::new(fields)), &name, &table.partition_by)?;
    }
    Ok(())
}

/// `CREATE TEMPORARY TABLE … USING …`: a temporary view over a source without rows, which cannot be
/// written to. So Spark has it, for the sake of old programs.
fn temporary_table(session: &Session, table: &CreateTable) -> Result<DataFrame, SparkError> {
    let refused = |what: &str| {
        let message = [("message", format!("CREATE TEMPORARY TABLE{what}"))];
        Err(SparkError::new("_LEGACY_ERROR_TEMP_0035", message))
    };
    if table.if_not_exists {
        return refused(" IF NOT EXISTS");
    }
    let Some(provider) = &table.provider else {
        return refused(" without a provider, use CREATE TEMPORARY VIEW instead");
    };
    let is_path = |(key, _): &(String, String)| key.eq_ignore_ascii_case("path");
    if table.location.is_some() || table.options.iter().any(is_path) {
        return refused(" over files, use CREATE TEMPORARY VIEW over a query of them instead");
    }
    if let [qualifier, name] = table.name.0.as_slice() {
        return Err(view_qualified(qualifier, name));
    }
    let name = Parts(table.name.0.clone());
    if let Some(name) = full(session, &table.name) {
        source::provider(provider, &name)?;
    }
    let fields: Vec<Field> = table.columns.iter().map(|column| column.field.clone()).collect();
    session
        .from_batches(&Arc::new(Schema::new(fields)), Vec::new())?
        .create_temp_view(&name.quoted())?;
    let nothing = LogicalPlanBuilder::empty(false).build();
    Ok(session.frame(nothing.map_err(|error| session.told(true).query(error))?))
}

fn view_qualified(qualifier: &str, name: &str) -> SparkError {
    SparkError::new(
        "INVALID_TEMP_OBJ_QUALIFIER",
        [
            ("objectType", "VIEW".to_owned()),
            ("objectName", quote(name)),
            ("qualifier", quote(qualifier)),
        ],
    )
}

fn check_view(session: &Session, view: &mut CreateView) -> Result<(), SparkError> {
    match (view.kind, view.name.0.as_slice()) {
        (ViewKind::Permanent, _) => keep_plain(session, &mut view.name),
        (ViewKind::Temporary, [qualifier, name]) => Err(view_qualified(qualifier, name)),
        _ => Ok(()),
    }
}

fn check_alter(session: &Session, name: &Name, change: &mut TableChange) -> Result<(), SparkError> {
    match change {
        TableChange::Unsupported(operation) => Err(unsupported(session, name, operation)),
        TableChange::Rename(to) => {
            keep_plain(session, to)?;
            let (from, to) = (full(session, name), full(session, to));
            match from.filter(|from| Some(from) == to.as_ref()) {
                Some(name) if is_there(session, &name) => Err(convert::exists_in(&name)),
                _ => Ok(()),
            }
        }
        TableChange::AddColumns(columns) => {
            let known = full(session, name).is_some_and(|name| is_there(session, &name));
            let not_null = columns.iter().any(|column| !column.field.is_nullable());
            if known && not_null {
                return Err(SparkError::plain("_LEGACY_ERROR_TEMP_1052"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_there(session: &Session, name: &annals::TableName) -> bool {
    matches!(session.snapshot().table_exists(name), Ok(true))
}

/// Refuses to overwrite a table by what is read from it, as Spark does.
fn check_overwrite(session: &Session, insert: &Insert) -> Result<(), SparkError> {
    if insert.replace != InsertReplace::Overwrite {
        return Ok(());
    }
    let Some(name) = full(session, &insert.name) else { return Ok(()) };
    let Ok(table) = session.snapshot().table(&name) else { return Ok(()) };
    match session.sql_session().query((*insert.query.query).clone()) {
        Ok(frame) => reads::refuse_overwrite(frame.logical_plan(), &table),
        // The statement itself says what is wrong.
        Err(_) => Ok(()),
    }
}

fn check_drop_view(session: &Session, name: &Name) -> Result<(), SparkError> {
    if matches!(name.0.as_slice(), [view] if session.sql_session().views().local(view).is_some()) {
        return Ok(());
    }
    let Some(name) = full(session, name) else { return Ok(()) };
    let Ok(table) = session.snapshot().table(&name) else { return Ok(()) };
    let found = match table.kind() {
        TableKind::View { .. } => return Ok(()),
        TableKind::External { .. } => "EXTERNAL",
        _ => "MANAGED",
    };
    Err(SparkError::new(
        "WRONG_COMMAND_FOR_OBJECT_TYPE",
        [
            ("alternative", "DROP TABLE".to_owned()),
            ("operation", "DROP VIEW".to_owned()),
            ("foundType", found.to_owned()),
            ("requiredType", "VIEW or METRIC_VIEW".to_owned()),
            ("objectName", names::full_plain(&name)),
        ],
    ))
}

/// Keeps in mind which tables are said to be cached. Whether there are such tables is found out
/// by the statement.
fn note_cached(session: &Session, command: &Command) {
    let catalog = session.catalog();
    match command {
        Command::Cache { name, query: None } => drop(catalog.cache_table(&name.quoted())),
        Command::Uncache { name, .. } => drop(catalog.uncache_table(&name.quoted())),
        Command::ClearCache => catalog.clear_cache(),
        _ => {}
    }
}
