//! Statements that do something, and how they are executed.
//!
//! A statement that writes is one transaction. It reads through the transaction too, so that what
//! it was computed from is known when it is committed; if others came first in a way that does not
//! go with it, the whole statement runs again, on the newest version. While a transaction is open
//! (`BEGIN`), statements become part of it instead; one that fails is taken back alone.

mod change;
mod databases;
mod defaults;
mod describe;
mod evaluate;
mod insert;
mod merge;
mod partitions;
mod predicate;
mod rows;
mod show;
mod store;
mod tables;
mod views;

use std::ops::{Deref, DerefMut};

use annals::{Remedy, Savepoint, Snapshot, Table, TableName, Transaction};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast;

pub use self::partitions::partitions_last;
use self::rows::Rows;
pub use self::store::Texts;
pub(crate) use self::store::loses_nothing;
use crate::error::SqlError;
use crate::planner;
use crate::scope::{Named, Scope, ScopeView};
use crate::session::{SqlSession, frame_of};
pub use crate::statement::Command;
use crate::statement::{Name, Statement};

/// How often a statement runs again because others committed first.
const ATTEMPTS_MAX: u32 = 64;

/// How much of a statement's text is kept with its commit, in bytes.
const TEXT_BYTES_MAX: usize = 1000;

/// Executes a command, at once and exactly once; gives a frame over its result rows.
///
/// # Errors
///
/// [`SqlError`]; the store is then as it was.
pub async fn execute(
    session: &SqlSession,
    command: Command,
    text: &str,
) -> Result<DataFrame, SqlError> {
    let rows = match command {
        Command::Show(what) => show::show(session, what)?,
        Command::Describe(what) => describe::describe(session, what)?,
        Command::Use { name, database } => databases::choose(session, &name, database)?,
        Command::SetCatalog(name) => databases::choose_catalog(session, &name)?,
        Command::Set { key, value } => set(session, key.as_deref(), value.as_deref()),
        Command::Reset(key) => reset(session, key.as_deref()),
        Command::Begin => begin(session)?,
        Command::Commit => commit(session)?,
        Command::Rollback => rollback(session)?,
        Command::Refresh(name) | Command::Analyze(name) => known(session, &name)?,
        Command::Uncache { name, if_exists } => match known(session, &name) {
            Err(SqlError::NoTable { .. }) if if_exists => Rows::none(),
            known => known?,
        },
        Command::ClearCache => Rows::none(),
        Command::Cache { name, query: None } => known(session, &name)?,
        Command::Cache { name, query: Some(query) } => views::cache(session, &name, query)?,
        Command::Repair(name) => partitions::repair(session, &name)?,
        command => write(session, &command, text).await?,
    };
    Ok(session.frame(rows.into_plan()?))
}

/// How a statement would be executed. Changes nothing, whatever the statement.
pub(crate) fn explain(
    session: &SqlSession,
    statement: Statement,
    verbose: bool,
    analyze: bool,
) -> Result<DataFrame, SqlError> {
    let scope = session.scope();
    let query = match statement {
        Statement::Query(query) => query,
        Statement::Explain { statement, .. } => {
            return explain(session, *statement, verbose, false);
        }
        Statement::Command(Command::Insert(insert)) => {
            target(&scope, &insert.name, "INSERT")?;
            insert.query.query
        }
        Statement::Command(Command::CreateTable(table)) if table.query.is_some() => {
            table.query.expect("it was looked at").query
        }
        Statement::Command(Command::CreateView(view)) => view.query.query,
        Statement::Command(command) => {
            match &command {
                Command::Delete { name, .. } => drop(target(&scope, name, "DELETE")?),
                Command::Update { name, .. } => drop(target(&scope, name, "UPDATE TABLE")?),
                Command::Merge(merge) => drop(target(&scope, &merge.name, "MERGE INTO TABLE")?),
                _ => {}
            }
            let said = format!("{command:?}");
            let said = said.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
            let rows = Rows::none().text("plan_type", ["command"]).text("plan", [said]);
            return Ok(session.frame(rows.into_plan()?));
        }
    };
    let plan = scope.plan(*query)?;
    let plan = LogicalPlanBuilder::from(plan).explain(verbose, analyze)?.build()?;
    Ok(frame_of(scope, plan))
}

/// Checks that a name stands for something.
fn known(session: &SqlSession, name: &Name) -> Result<Rows, SqlError> {
    session.scope().find(&name.0)?;
    Ok(Rows::none())
}

// ---- settings -----------------------------------------------------------------------------

fn set(session: &SqlSession, key: Option<&str>, value: Option<&str>) -> Rows {
    if let (Some(key), Some(value)) = (key, value) {
        session.set_setting(key, Some(value));
    }
    let settings = session.settings();
    let told: Vec<(&str, &str)> = match key {
        Some(key) => {
            vec![(key, settings.get(key).map_or("<undefined>", String::as_str))]
        }
        None => settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
    };
    Rows::none()
        .text("key", told.iter().map(|(key, _)| *key))
        .text("value", told.iter().map(|(_, value)| *value))
}

fn reset(session: &SqlSession, key: Option<&str>) -> Rows {
    match key {
        Some(key) => session.set_setting(key, None),
        None => session.settings().keys().for_each(|key| session.set_setting(key, None)),
    }
    Rows::none()
}

// ---- transactions -------------------------------------------------------------------------

fn begin(session: &SqlSession) -> Result<Rows, SqlError> {
    let mut open = session.transaction();
    if open.is_some() {
        return Err(SqlError::TransactionOpen);
    }
    *open = Some(session.store().begin());
    Ok(Rows::none())
}

fn commit(session: &SqlSession) -> Result<Rows, SqlError> {
    let open = session.transaction().take().ok_or(SqlError::NoTransaction)?;
    let done = open.commit()?;
    let version = done.version().0.to_string();
    Ok(Rows::none().text("version", [version]))
}

fn rollback(session: &SqlSession) -> Result<Rows, SqlError> {
    session.transaction().take().map(drop).ok_or(SqlError::NoTransaction)?;
    Ok(Rows::none())
}

/// A statement that writes, while it runs.
pub(super) struct Work<'a> {
    session: &'a SqlSession,
    /// What its names mean: the transaction as it was when the statement began.
    scope: Scope,
    tx: Held<'a>,
}

/// The transaction of a statement. One that was open goes back to its session, whatever becomes of
/// the statement: without what that did, unless it came to its end.
struct Held<'a> {
    session: &'a SqlSession,
    /// There until the statement has come to its end.
    tx: Option<Transaction>,
    /// Where an open transaction goes back to.
    savepoint: Option<Savepoint>,
}

impl Held<'_> {
    fn end(mut self) -> Transaction {
        self.tx.take().expect("it is taken once, by what uses up the whole")
    }
}

impl Deref for Held<'_> {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        self.tx.as_ref().expect("it is taken only by what uses up the whole")
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Transaction {
        self.tx.as_mut().expect("it is taken only by what uses up the whole")
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let (Some(mut tx), Some(savepoint)) = (self.tx.take(), &self.savepoint) {
            let back = tx.rollback_to(savepoint);
            debug_assert!(back.is_ok(), "the savepoint is the transaction's own");
            *self.session.transaction() = Some(tx);
        }
    }
}

impl<'a> Work<'a> {
    fn new(session: &'a SqlSession, tx: Transaction, savepoint: Option<Savepoint>) -> Self {
        let scope = session.scope_of(ScopeView::Transaction(tx.view()));
        Self { session, scope, tx: Held { session, tx: Some(tx), savepoint } }
    }
}

/// Runs a statement that writes: as a transaction of its own, or as part of the open one.
async fn write(session: &SqlSession, command: &Command, text: &str) -> Result<Rows, SqlError> {
    let open = session.transaction().take();
    if let Some(tx) = open {
        let savepoint = tx.savepoint();
        let mut work = Work::new(session, tx, Some(savepoint));
        let rows = work.run(command).await?;
        note(&mut work.tx, text);
        *session.transaction() = Some(work.tx.end());
        return Ok(rows);
    }
    for attempt in 1.. {
        let mut work = Work::new(session, session.store().begin(), None);
        let rows = work.run(command).await?;
        note(&mut work.tx, text);
        match work.tx.end().commit() {
            Ok(_) => return Ok(rows),
            Err(error) if error.remedy() == Remedy::Retry && attempt < ATTEMPTS_MAX => {
                tokio::task::yield_now().await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("the last attempt returns")
}

/// Keeps the beginning of the statement's text with the commit.
fn note(tx: &mut Transaction, text: &str) {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    tx.metadata("sql", text[..end].trim());
}

impl Work<'_> {
    async fn run(&mut self, command: &Command) -> Result<Rows, SqlError> {
        match command {
            Command::CreateDatabase { .. }
            | Command::DropDatabase { .. }
            | Command::AlterDatabase { .. } => self.database(command)?,
            Command::Comment { database, name, comment } => {
                self.comment(*database, name, comment.as_deref())?;
            }
            Command::CreateTable(table) => self.create_table(table).await?,
            Command::DropTable { name, if_exists } => self.drop_table(name, *if_exists)?,
            Command::Truncate { name, partition } => {
                self.truncate(name, partition.as_ref()).await?;
            }
            Command::AlterTable { name, change } => self.alter_table(name, change).await?,
            Command::CreateView(view) => self.create_view(view)?,
            Command::DropView { name, if_exists } => self.drop_view(name, *if_exists)?,
            Command::AlterView { name, change } => self.alter_view(name, change)?,
            Command::Insert(insert) => self.insert(insert).await?,
            Command::Delete { name, alias, filter } => {
                return self.delete(name, alias.as_deref(), filter.as_ref()).await;
            }
            Command::Update { name, alias, assignments, filter } => {
                return self.update(name, alias.as_deref(), assignments, filter.as_ref()).await;
            }
            Command::Merge(merge) => return self.merge(merge).await,
            Command::Restore { name, at } => self.restore(name, at)?,
            other => unreachable!("{other:?} does not write"),
        }
        Ok(Rows::none())
    }

    /// The version of the store that the statement began at, with what the transaction wrote.
    fn snapshot(&self) -> &Snapshot {
        self.scope.snapshot()
    }

    /// The table to write to. That it is looked up does not make the write depend on its rows.
    fn target(&self, name: &Name, operation: &'static str) -> Result<Table, SqlError> {
        target(&self.scope, name, operation)
    }

    /// The plan of a query, in what the statement sees.
    fn plan(&self, query: &ast::Query) -> Result<LogicalPlan, SqlError> {
        planner::plan_query(&self.scope, query.clone())
    }

    fn name(&self, name: &Name) -> Result<TableName, SqlError> {
        self.scope.name(&name.0)
    }

    /// The name of something that is to be there.
    fn known(&self, name: &Name) -> Result<TableName, SqlError> {
        self.scope.known(&name.0)
    }
}

/// The table of this name, to be written to.
fn target(scope: &Scope, name: &Name, operation: &'static str) -> Result<Table, SqlError> {
    if let [single] = &name.0[..]
        && let Some((name, _)) = scope.views().local(single)
    {
        return Err(SqlError::NotATable { name, temporary: true, operation });
    }
    let full = scope.known(&name.0)?;
    let Ok(table) = scope.snapshot().table(&full) else {
        return Err(match scope.find(&name.0) {
            Ok(Named::TempView(name, _)) => {
                SqlError::NotATable { name, temporary: true, operation }
            }
            Ok(Named::Table(_)) => no_table(scope, name),
            Err(error) => error,
        });
    };
    if matches!(table.kind(), annals::TableKind::View { .. }) {
        let name = table.name().to_string();
        return Err(SqlError::NotATable { name, temporary: false, operation });
    }
    Ok(table)
}

/// That a name stands for nothing.
fn no_table(scope: &Scope, name: &Name) -> SqlError {
    scope.no_table(&name.0)
}
