//! What names mean in one statement.
//!
//! A [`Scope`] is taken once, when a statement begins: one version of the store (while a
//! transaction is open, its base and its own changes), the current database, the temporary views.
//! Whatever a statement names is looked up here and nowhere else, so that all of it is of one
//! version.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use annals::error::NameError;
use annals::{DatabaseName, ReadError, Snapshot, Store, Table, TableName, TransactionView};
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast;

use crate::error::SqlError;
use crate::files::{self, FileAccess};
use crate::planner;
use crate::table::AnnalsTable;
use crate::view::{self, Views};

/// The database that global temporary views are in.
pub const GLOBAL_TEMP: &str = "global_temp";

/// What names mean in one statement. Cheap to clone.
#[derive(Clone)]
pub struct Scope {
    inner: Arc<ScopeParts>,
    /// The database that a name without one is in.
    database: DatabaseName,
    /// The views that are being taken apart, outermost first.
    within: Arc<[String]>,
    /// How many were, since the outermost of these.
    taken_apart: Arc<AtomicUsize>,
}

/// What a scope is made of, shared by all that have it.
pub(crate) struct ScopeParts {
    pub(crate) store: Store,
    /// The name of the catalog, which a name of three parts begins with.
    pub(crate) catalog: Arc<str>,
    pub(crate) view: ScopeView,
    pub(crate) views: Views,
    pub(crate) files: FileAccess,
    pub(crate) state: Arc<SessionState>,
    /// A state does not tell its own.
    pub(crate) type_planner: Arc<dyn TypePlanner>,
}

/// The version of the store that a statement sees.
#[derive(Clone, Debug)]
pub enum ScopeView {
    /// A committed version.
    Snapshot(Snapshot),
    /// The base of the open transaction, with its own changes.
    Transaction(TransactionView),
}

impl ScopeView {
    /// The table or view of this name.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::table`].
    pub fn table(&self, name: &TableName) -> Result<Table, ReadError> {
        match self {
            Self::Snapshot(snapshot) => snapshot.table(name),
            Self::Transaction(view) => view.table(name),
        }
    }

    /// The same as a snapshot; what is read of it does not count as read by the transaction.
    pub fn snapshot(&self) -> &Snapshot {
        match self {
            Self::Snapshot(snapshot) => snapshot,
            Self::Transaction(view) => view.snapshot(),
        }
    }
}

/// What a name in a statement stands for.
#[derive(Clone, Debug)]
pub enum Named {
    /// A table, or a view that is kept in the store.
    Table(Table),
    /// A temporary view, under its name.
    TempView(String, Arc<view::ViewQuery>),
}

impl Scope {
    pub(crate) fn new(parts: ScopeParts, database: DatabaseName) -> Self {
        let (within, taken_apart) = Default::default();
        Self { inner: Arc::new(parts), database, within, taken_apart }
    }

    /// The version that the statement sees.
    pub fn view(&self) -> &ScopeView {
        &self.inner.view
    }

    /// The same as a snapshot; what is read of it does not count as read by a transaction.
    pub fn snapshot(&self) -> &Snapshot {
        self.inner.view.snapshot()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The database that a name without one is in.
    pub fn database(&self) -> &DatabaseName {
        &self.database
    }

    /// Functions, settings and limits.
    pub fn state(&self) -> &Arc<SessionState> {
        &self.inner.state
    }

    /// The state, taken out where nobody else has this scope.
    pub(crate) fn into_state(self) -> SessionState {
        match Arc::try_unwrap(self.inner) {
            Ok(parts) => Arc::unwrap_or_clone(parts.state),
            Err(shared) => (*shared.state).clone(),
        }
    }

    pub(crate) fn type_planner(&self) -> &Arc<dyn TypePlanner> {
        &self.inner.type_planner
    }

    /// The temporary views as they were when the statement began.
    pub fn views(&self) -> &Views {
        &self.inner.views
    }

    /// The same for the text of a view: with the database that it was made in.
    ///
    /// # Errors
    ///
    /// [`SqlError::ViewCycle`] if that view is being taken apart already, [`SqlError::ViewDepth`]
    /// if too many are, [`SqlError::ViewCount`] if too many were.
    pub(crate) fn within(&self, view: &str, database: DatabaseName) -> Result<Self, SqlError> {
        let chain: Vec<String> = self.within.iter().cloned().chain([view.to_owned()]).collect();
        if self.within.iter().any(|outer| outer == view) {
            return Err(SqlError::ViewCycle { chain });
        }
        if chain.len() > view::DEPTH_MAX {
            return Err(SqlError::ViewDepth { chain, limit: view::DEPTH_MAX });
        }
        // A view may name another several times, and that one too.
        let taken_apart = match self.within.is_empty() {
            true => Arc::default(),
            false => Arc::clone(&self.taken_apart),
        };
        if taken_apart.fetch_add(1, Ordering::Relaxed) >= view::COUNT_MAX {
            let view = chain.into_iter().next().unwrap_or_default();
            return Err(SqlError::ViewCount { view, limit: view::COUNT_MAX });
        }
        Ok(Self { inner: Arc::clone(&self.inner), database, within: chain.into(), taken_apart })
    }

    /// The full name of a table of the store: `t`, `db.t` or `catalog.db.t`.
    ///
    /// # Errors
    ///
    /// [`SqlError::Name`] or [`SqlError::NoCatalog`]; [`SqlError::NoDatabase`] if the database's
    /// name has no letters, which is the name of none.
    pub fn name(&self, parts: &[impl AsRef<str>]) -> Result<TableName, SqlError> {
        let mut parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        if parts.len() == 3 {
            let catalog = parts.remove(0);
            if !catalog.eq_ignore_ascii_case(&self.inner.catalog) {
                let expected = self.inner.catalog.to_string();
                return Err(SqlError::NoCatalog { name: catalog.to_owned(), expected });
            }
        }
        match parts.as_slice() {
            [table] => Ok(TableName::new(&self.database, table)?),
            ["", _] => Err(self.no_database("")),
            [database, table] => Ok(TableName::new(&DatabaseName::new(database)?, table)?),
            parts => Err(SqlError::Unsupported {
                what: format!("a name of {} parts", parts.len()),
                instead: "write `table`, `database.table` or `catalog.database.table`".to_owned(),
            }),
        }
    }

    /// The full name of something that is to be there. What has no letters is no name to make
    /// anything by, so nothing is called so.
    ///
    /// # Errors
    ///
    /// [`SqlError::NoTable`] if a part has no letters, and as for [`name`](Self::name).
    pub(crate) fn known(&self, parts: &[impl AsRef<str>]) -> Result<TableName, SqlError> {
        self.name(parts).map_err(|error| match error {
            SqlError::Name(NameError::Empty { .. }) | SqlError::NoDatabase { .. } => {
                self.no_table(parts)
            }
            error => error,
        })
    }

    /// That a name stands for nothing.
    pub(crate) fn no_table(&self, parts: &[impl AsRef<str>]) -> SqlError {
        let name: Vec<String> = parts.iter().map(|part| part.as_ref().to_owned()).collect();
        let database = match &name[..] {
            [.., database, _] => database.clone(),
            _ => self.database.as_str().to_owned(),
        };
        SqlError::NoTable { name, database, version: self.snapshot().version() }
    }

    /// That no database has the name.
    pub(crate) fn no_database(&self, name: &str) -> SqlError {
        SqlError::NoDatabase { name: name.to_owned(), version: self.snapshot().version() }
    }

    /// What a name stands for: a temporary view if it has one part and there is one, a global
    /// temporary view, or else a table or view of the store.
    ///
    /// # Errors
    ///
    /// [`SqlError::NoTable`], and as for [`name`](Self::name).
    pub fn find(&self, parts: &[impl AsRef<str>]) -> Result<Named, SqlError> {
        match parts {
            [name] => {
                if let Some((name, query)) = self.inner.views.local(name.as_ref()) {
                    return Ok(Named::TempView(name, query));
                }
            }
            [database, name] if database.as_ref().eq_ignore_ascii_case(GLOBAL_TEMP) => {
                if let Some((name, query)) = self.inner.views.global(name.as_ref()) {
                    return Ok(Named::TempView(format!("{GLOBAL_TEMP}.{name}"), query));
                }
            }
            _ => {}
        }
        let name = self.known(parts)?;
        match self.inner.view.table(&name) {
            Ok(table) => Ok(Named::Table(table)),
            Err(ReadError::Catalog { .. }) => Err(self.no_table(parts)),
            Err(error) => Err(error.into()),
        }
    }

    /// What a query reads where it names `parts`: a table, a view taken apart, or a file if the
    /// host allows files.
    ///
    /// # Errors
    ///
    /// [`SqlError::NoTable`], [`SqlError::FilesAreOff`] if it is no table and looks like a file,
    /// and what is wrong with a view.
    pub fn table(&self, parts: &[impl AsRef<str>]) -> Result<Arc<dyn TableProvider>, SqlError> {
        match self.find(parts) {
            Ok(Named::Table(table)) => view::provider(self, table),
            Ok(Named::TempView(name, query)) => view::expand(self, &name, &query),
            Err(error @ SqlError::NoTable { .. }) => match files::named(parts) {
                Some(file) => self.inner.files.provider(self, &file),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// The plan of an expression over columns, as commands need it.
    ///
    /// # Errors
    ///
    /// [`SqlError`] if a name or type in it does not fit.
    pub fn expression(&self, expr: ast::Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        planner::plan_expr(self, expr, schema)
    }

    /// The plan of a query that was parsed.
    ///
    /// # Errors
    ///
    /// [`SqlError`] if a name or type in it does not fit.
    pub fn plan(&self, query: ast::Query) -> Result<LogicalPlan, SqlError> {
        planner::plan_query(self, query)
    }

    /// A table of the store as `DataFusion` reads it.
    pub(crate) fn provider(&self, table: Table) -> Arc<dyn TableProvider> {
        Arc::new(AnnalsTable::new(table))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("version", &self.snapshot().version())
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
