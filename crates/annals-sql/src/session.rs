//! A session: what outlives a statement. The current database, temporary views, settings, the
//! open transaction.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use annals::{DatabaseName, Snapshot, Store, Transaction};
use datafusion::arrow::array::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::prelude::SessionConfig;
use datafusion::sql::sqlparser::ast;

use crate::command;
use crate::division::WholeDivision;
use crate::error::SqlError;
use crate::files::FileAccess;
use crate::parse;
use crate::parse::casts::NestedTypes;
use crate::planner;
use crate::rules;
use crate::scope::{Scope, ScopeParts, ScopeView};
use crate::statement::Statement;
use crate::view::{ViewMap, ViewQuery, Views};

/// SQL over a store. Cheap to clone; all clones are one session.
#[derive(Clone)]
pub struct SqlSession {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    catalog: Arc<str>,
    state: RwLock<Arc<SessionState>>,
    type_planner: Arc<dyn TypePlanner>,
    database: RwLock<DatabaseName>,
    local_views: RwLock<Arc<ViewMap>>,
    global_views: Arc<RwLock<Arc<ViewMap>>>,
    files: FileAccess,
    transaction: Mutex<Option<Transaction>>,
    settings: RwLock<Arc<Settings>>,
}

/// Settings by name, as text.
pub type Settings = BTreeMap<String, String>;

type Configure = Box<dyn FnOnce(SessionStateBuilder) -> SessionStateBuilder>;

/// What to choose of a session before it begins; see [`SqlSession::builder`].
pub struct SqlSessionBuilder {
    store: Store,
    catalog: Arc<str>,
    database: DatabaseName,
    memory_limit: Option<usize>,
    target_partitions: Option<usize>,
    files: FileAccess,
    configure: Vec<Configure>,
}

impl SqlSessionBuilder {
    /// The current database at the beginning; `default` if not called. It is not looked up.
    pub fn database(mut self, name: DatabaseName) -> Self {
        self.database = name;
        self
    }

    /// What the catalog is called, for names of three parts; `annals` if not called.
    pub fn catalog(mut self, name: &str) -> Self {
        self.catalog = name.into();
        self
    }

    /// How many bytes the queries of this session may use together for what they have to keep
    /// (sorts, joins, groups). What is in the store does not count, nor do results.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// How many threads a query is divided among; the number of processors if not called.
    pub fn target_partitions(mut self, count: usize) -> Self {
        self.target_partitions = Some(count.max(1));
        self
    }

    /// Lets statements read files below a directory, by `` parquet.`path` `` or the path in
    /// backquotes. Without it no statement reaches the file system. Nothing is ever written.
    ///
    /// # Errors
    ///
    /// [`SqlError::File`] if it is no directory that can be read.
    pub fn files_below(mut self, directory: impl AsRef<Path>) -> Result<Self, SqlError> {
        self.files = FileAccess::below(directory.as_ref())?;
        Ok(self)
    }

    /// Adds functions, planners or settings of `DataFusion`, after those that a session has by
    /// itself.
    pub fn configure(
        mut self,
        configure: impl FnOnce(SessionStateBuilder) -> SessionStateBuilder + 'static,
    ) -> Self {
        self.configure.push(Box::new(configure));
        self
    }

    /// Begins the session.
    ///
    /// # Errors
    ///
    /// [`SqlError::Plan`] if what was configured does not go together.
    pub fn build(self) -> Result<SqlSession, SqlError> {
        let mut config = SessionConfig::new().with_create_default_catalog_and_schema(false);
        if let Some(count) = self.target_partitions {
            config = config.with_target_partitions(count);
        }
        let options = config.options_mut();
        options.sql_parser.enable_ident_normalization = false;
        options.sql_parser.map_string_types_to_utf8view = false;
        options.sql_parser.parse_float_as_decimal = true;
        options.sql_parser.default_null_ordering = "nulls_min".to_owned();
        // Nothing is spilled: that would reach the file system.
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let mut runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(disk);
        if let Some(bytes) = self.memory_limit {
            runtime = runtime.with_memory_limit(bytes, 1.0);
        }
        let runtime = runtime.build_arc()?;
        if matches!(self.files, FileAccess::Off) {
            let files = url::Url::parse("file:///").expect("it is a URL");
            runtime.deregister_object_store(&files)?;
        }
        let mut builder = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_optimizer_rules(rules::logical())
            .with_physical_optimizer_rules(rules::physical());
        let planners = builder.expr_planners().get_or_insert_default();
        planners.push(Arc::new(WholeDivision::new()));
        for configure in self.configure {
            builder = configure(builder);
        }
        let type_planner: Arc<dyn TypePlanner> =
            Arc::new(NestedTypes(builder.type_planner().clone()));
        let inner = Inner {
            store: self.store,
            catalog: self.catalog,
            state: RwLock::new(Arc::new(builder.build())),
            type_planner,
            database: RwLock::new(self.database),
            local_views: RwLock::default(),
            global_views: Arc::default(),
            files: self.files,
            transaction: Mutex::new(None),
            settings: RwLock::default(),
        };
        Ok(SqlSession { inner: Arc::new(inner) })
    }
}

impl SqlSession {
    /// A session with the defaults of [`builder`](Self::builder).
    pub fn new(store: &Store) -> Self {
        Self::builder(store).build().expect("the defaults go together")
    }

    /// Begins to choose.
    pub fn builder(store: &Store) -> SqlSessionBuilder {
        SqlSessionBuilder {
            store: store.clone(),
            catalog: "annals".into(),
            database: DatabaseName::default(),
            memory_limit: None,
            target_partitions: None,
            files: FileAccess::Off,
            configure: Vec::new(),
        }
    }

    /// Another session over the same store, with the same settings and limits and the same global
    /// temporary views; with temporary views, a database and a transaction of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        let inner = &self.inner;
        let copy = Inner {
            store: inner.store.clone(),
            catalog: Arc::clone(&inner.catalog),
            state: RwLock::new(self.template()),
            type_planner: inner.type_planner.clone(),
            database: RwLock::new(DatabaseName::default()),
            local_views: RwLock::default(),
            global_views: Arc::clone(&inner.global_views),
            files: inner.files.clone(),
            transaction: Mutex::new(None),
            settings: RwLock::new(read(&inner.settings)),
        };
        Self { inner: Arc::new(copy) }
    }

    // ---- statements -----------------------------------------------------------------------

    /// Runs exactly one statement.
    ///
    /// A query gives a frame that has read nothing yet; whenever it is run, it reads the version
    /// that was the newest when this was called. A command is executed at once, exactly once, and
    /// gives a frame over its result rows.
    ///
    /// # Errors
    ///
    /// [`SqlError`]; the store is then as it was.
    pub async fn sql(&self, text: &str) -> Result<DataFrame, SqlError> {
        match parse::parse(text)? {
            Statement::Query(query) => self.query(*query),
            Statement::Explain { verbose, analyze, statement } => {
                command::explain(self, *statement, verbose, analyze)
            }
            Statement::Command(command) => command::execute(self, command, text).await,
        }
    }

    /// Runs exactly one statement and collects its rows.
    ///
    /// # Errors
    ///
    /// [`SqlError`], also if it comes up only while rows are read.
    pub async fn collect(&self, text: &str) -> Result<Vec<RecordBatch>, SqlError> {
        Ok(self.sql(text).await?.collect().await?)
    }

    /// The frame of a query that was parsed.
    ///
    /// # Errors
    ///
    /// [`SqlError`] if a name or type in it does not fit.
    pub fn query(&self, query: ast::Query) -> Result<DataFrame, SqlError> {
        let scope = self.scope();
        let plan = planner::plan_query(&scope, query)?;
        Ok(frame_of(scope, plan))
    }

    /// What names mean to a statement that begins now.
    pub fn scope(&self) -> Scope {
        let transaction = self.transaction().as_ref().map(Transaction::view);
        let view = match transaction {
            Some(view) => ScopeView::Transaction(view),
            None => ScopeView::Snapshot(self.inner.store.snapshot()),
        };
        self.scope_of(view)
    }

    /// What names mean to a statement that sees this version.
    pub fn scope_at(&self, snapshot: Snapshot) -> Scope {
        self.scope_of(ScopeView::Snapshot(snapshot))
    }

    pub(crate) fn scope_of(&self, view: ScopeView) -> Scope {
        let parts = ScopeParts {
            store: self.inner.store.clone(),
            catalog: Arc::clone(&self.inner.catalog),
            view,
            views: self.views(),
            files: self.inner.files.clone(),
            state: Arc::new(self.state()),
            type_planner: self.inner.type_planner.clone(),
        };
        Scope::new(parts, self.database())
    }

    /// A frame over a plan.
    pub fn frame(&self, plan: LogicalPlan) -> DataFrame {
        DataFrame::new(self.state(), plan)
    }

    // ---- what outlives a statement --------------------------------------------------------

    /// The store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// What the catalog is called.
    pub fn catalog(&self) -> &str {
        &self.inner.catalog
    }

    /// The database that a name without one is in.
    pub fn database(&self) -> DatabaseName {
        read(&self.inner.database)
    }

    /// Chooses the current database. It is not looked up.
    pub fn set_database(&self, name: DatabaseName) {
        write(&self.inner.database, |current| *current = name);
    }

    /// Functions, settings and limits, for a statement that begins now.
    pub fn state(&self) -> SessionState {
        let mut state = (*self.template()).clone();
        state.mark_start_execution();
        state
    }

    /// Changes settings for statements that begin later.
    pub fn configure(&self, change: impl FnOnce(&mut SessionState)) {
        write(&self.inner.state, |state| change(Arc::make_mut(state)));
    }

    fn template(&self) -> Arc<SessionState> {
        read(&self.inner.state)
    }

    /// What queries keep in memory is reserved from this.
    pub fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.template().runtime_env().memory_pool)
    }

    /// The temporary views.
    pub fn views(&self) -> Views {
        Views::new(read(&self.inner.local_views), read(&self.inner.global_views))
    }

    /// The settings that `SET` has made; they are texts, and mean what whoever reads them says.
    pub fn settings(&self) -> Arc<Settings> {
        read(&self.inner.settings)
    }

    /// Makes a setting, or takes it back.
    pub fn set_setting(&self, key: &str, value: Option<&str>) {
        write(&self.inner.settings, |settings| {
            let settings = Arc::make_mut(settings);
            match value {
                Some(value) => settings.insert(key.to_owned(), value.to_owned()),
                None => settings.remove(key),
            }
        });
    }

    /// Makes a temporary view, in place of one that has the name. Returns that one.
    pub fn set_view(&self, name: &str, query: ViewQuery) -> Option<Arc<ViewQuery>> {
        set_view(&self.inner.local_views, name, query)
    }

    /// Makes a global temporary view, likewise.
    pub fn set_global_view(&self, name: &str, query: ViewQuery) -> Option<Arc<ViewQuery>> {
        set_view(&self.inner.global_views, name, query)
    }

    /// Removes a temporary view, and says whether there was one.
    pub fn remove_view(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        write(&self.inner.local_views, |views| Arc::make_mut(views).remove(&name).is_some())
    }

    /// Removes a global temporary view, likewise.
    pub fn remove_global_view(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        write(&self.inner.global_views, |views| Arc::make_mut(views).remove(&name).is_some())
    }

    /// Makes a change as part of the open transaction, if there is one: for a layer above that writes
    /// otherwise than by statements. What fails is taken back, and the transaction goes on.
    pub fn in_transaction<T, E>(
        &self,
        change: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        let mut open = self.transaction();
        let tx = open.as_mut()?;
        let savepoint = tx.savepoint();
        let done = change(tx);
        if done.is_err() {
            tx.rollback_to(&savepoint).expect("the savepoint is of this transaction");
        }
        Some(done)
    }

    /// The open transaction, if there is one, and the place for one.
    pub(crate) fn transaction(&self) -> std::sync::MutexGuard<'_, Option<Transaction>> {
        self.inner.transaction.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A frame over a plan that was made in `scope`.
pub(crate) fn frame_of(scope: Scope, plan: LogicalPlan) -> DataFrame {
    DataFrame::new(scope.into_state(), plan)
}

fn set_view(views: &RwLock<Arc<ViewMap>>, name: &str, query: ViewQuery) -> Option<Arc<ViewQuery>> {
    let entry = (name.to_owned(), Arc::new(query));
    write(views, |views| Arc::make_mut(views).insert(name.to_lowercase(), entry))
        .map(|(_, query)| query)
}

fn read<T: Clone>(lock: &RwLock<T>) -> T {
    lock.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn write<T, R>(lock: &RwLock<T>, change: impl FnOnce(&mut T) -> R) -> R {
    change(&mut lock.write().unwrap_or_else(PoisonError::into_inner))
}

impl fmt::Debug for SqlSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlSession")
            .field("store", &self.inner.store)
            .field("database", &self.database())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SqlSessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlSessionBuilder")
            .field("store", &self.store)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}
