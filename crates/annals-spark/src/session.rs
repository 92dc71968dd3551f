//! The session: where names are looked up, statements are run and frames begin.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals::{Snapshot, Store, Transaction, WriteError};
use annals_sql::command::Texts;
use annals_sql::statement::Statement;
use annals_sql::view::ViewQuery;
use annals_sql::{SqlError, SqlSession, keep};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion_spark::SessionStateBuilderSpark;

use crate::ansi::{self, Arithmetic, Casts, Elements, Negation, NoDatesAsNumbers, Subscripts};
use crate::catalog::Catalog;
use crate::conf::Conf;
use crate::convert::{self, Names, Told};
use crate::error::SparkError;
use crate::frame::{self, DataFrame};
use crate::functions::{self, Patterns, Replacement};
use crate::names::{self, CATALOG, Parts};
use crate::planners::{self, Range, Types};
use crate::reader::DataFrameReader;
use crate::rows::{self, Row};
use crate::types;

/// Spark's session over a store. Cheap to clone; all clones are one session.
///
/// # Examples
///
/// ```
/// use annals::{Snapshot, Store, Transaction, WriteError};
/// use annals_spark::{Row, Session, Value};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let spark = Session::new(&Store::in_memory());
/// let frame = spark.create_data_frame(
///     [Row::new([Value::from(1), "Alice".into()]), Row::new([Value::from(2), "Bob".into()])],
///     "id INT, name STRING",
/// )?;
/// frame.write().mode("overwrite").save_as_table("people").await?;
/// let table = spark.table("people")?;
/// assert_eq!(table.count().await?, 2);
/// assert_eq!(table.columns(), ["id", "name"]);
/// # Ok::<(), annals_spark::SparkError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    sql: SqlSession,
    /// Tables that programs asked to be cached.
    cached: Mutex<BTreeSet<String>>,
    files: Option<PathBuf>,
}

/// What to choose of a session before it begins; see [`Session::builder`].
pub struct SessionBuilder {
    store: Store,
    conf: BTreeMap<String, String>,
    memory_limit: Option<usize>,
    target_partitions: Option<usize>,
    files: Option<PathBuf>,
}

impl SessionBuilder {
    /// Sets a configuration value, such as `spark.sql.session.timeZone`.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.conf.insert(key.to_owned(), value.to_owned());
        self
    }

    /// How many bytes the queries of this session may use together; see
    /// [`SqlSessionBuilder::memory_limit`](annals_sql::SqlSessionBuilder::memory_limit).
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// How many threads a query is divided among; the number of processors if not called.
    #[must_use]
    pub fn target_partitions(mut self, count: usize) -> Self {
        self.target_partitions = Some(count);
        self
    }

    /// Lets statements and [`DataFrameReader::load`] read files below a directory, and
    /// [`DataFrameWriter::save`](crate::DataFrameWriter::save) write there. Without it nothing
    /// reaches the file system.
    #[must_use]
    pub fn files_below(mut self, directory: impl AsRef<Path>) -> Self {
        self.files = Some(directory.as_ref().to_owned());
        self
    }

    /// Begins the session.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the directory for files cannot be read.
    pub fn build(self) -> Result<Session, SparkError> {
        let mut builder = SqlSession::builder(&self.store).catalog(CATALOG).configure(|builder| {
            let builder = builder.with_spark_features().with_type_planner(Arc::new(Types));
            let mut builder = functions::added_to(builder);
            let planners = builder.expr_planners().get_or_insert_default();
            planners.insert(0, Arc::new(Arithmetic::new()));
            planners.insert(0, Arc::new(Subscripts));
            builder.with_analyzer_rule(Arc::new(NoDatesAsNumbers))
        });
        if let Some(bytes) = self.memory_limit {
            builder = builder.memory_limit(bytes);
        }
        if let Some(count) = self.target_partitions {
            builder = builder.target_partitions(count);
        }
        let told = Told {
            database: "default".to_owned(),
            reads: true,
            names: Names::default(),
            repairs: false,
        };
        if let Some(directory) = &self.files {
            builder = builder.files_below(directory).map_err(|error| told.sql(error))?;
        }
        let sql = builder.build().map_err(|error| told.sql(error))?;
        sql.configure(|state| {
            let options = state.config_mut().options_mut();
            options.execution.enable_ansi_mode = true;
            options.execution.time_zone = Some("UTC".to_owned());
            state.config_mut().set_extension(Arc::new(Texts(ansi::with_texts)));
            let negation = Arc::new(Negation::new());
            // Casts come last: the others make some.
            let rewrites: [Arc<dyn FunctionRewrite + Send + Sync>; 5] = [
                negation,
                Arc::new(Replacement),
                Arc::new(Elements),
                Arc::new(Patterns),
                Arc::new(Casts),
            ];
            for rewrite in rewrites {
                state.register_function_rewrite(rewrite).expect("sessions take rewrites");
            }
            state.register_udtf("range", Arc::new(Range));
        });
        let files = self.files;
        // As for Spark's own tables: what a frame is appended with is not known to have no nulls.
        sql.set_setting(keep::RELAXED, Some("true"));
        for (key, value) in &self.conf {
            sql.set_setting(key, Some(value));
        }
        let inner = Inner { sql, cached: Mutex::default(), files };
        Ok(Session { inner: Arc::new(inner) })
    }
}

impl Session {
    /// A session with the defaults of [`builder`](Self::builder).
    pub fn new(store: &Store) -> Self {
        Self::builder(store).build().expect("the defaults go together")
    }

    /// Begins to choose.
    pub fn builder(store: &Store) -> SessionBuilder {
        SessionBuilder {
            store: store.clone(),
            conf: BTreeMap::new(),
            memory_limit: None,
            target_partitions: None,
            files: None,
        }
    }

    /// Another session over the same store: with the same global temporary views, and with
    /// temporary views, a current database and a configuration of its own.
    #[must_use]
    pub fn new_session(&self) -> Self {
        let inner = Inner {
            sql: self.inner.sql.another(),
            cached: Mutex::default(),
            files: self.inner.files.clone(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The version of Spark whose behaviour this follows.
    pub fn version(&self) -> &'static str {
        "4.3.0"
    }

    // ---- frames ---------------------------------------------------------------------------

    /// Runs exactly one statement. A query gives a frame that reads the version that was the
    /// newest when this was called; a command is executed at once and gives its result rows.
    ///
    /// # Errors
    ///
    /// [`SparkError`] in Spark's words. The store is then as it was.
    pub async fn sql(&self, text: &str) -> Result<DataFrame, SparkError> {
        crate::statements::run(self, text).await
    }

    /// The table or view of this name. The frame is pinned: whenever it is run, it reads the
    /// version that was the newest when this was called.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`, and what is wrong with the name.
    pub fn table(&self, name: &str) -> Result<DataFrame, SparkError> {
        let parts = Parts::parse(name)?;
        let scope = self.inner.sql.scope();
        let provider = self.provider(&scope, &parts)?;
        self.scan(&parts, provider)
    }

    /// What a name that is to be read stands for in `scope`.
    pub(crate) fn provider(
        &self,
        scope: &annals_sql::Scope,
        parts: &Parts,
    ) -> Result<Arc<dyn TableProvider>, SparkError> {
        if let [catalog, table] = parts.0.as_slice()
            && catalog.eq_ignore_ascii_case(CATALOG)
        {
            return Err(names::not_single(&Parts(vec![table.clone()])));
        }
        scope.table(&parts.0).map_err(|error| match error {
            SqlError::NoCatalog { .. } | SqlError::Unsupported { .. } if parts.0.len() > 2 => {
                names::not_single(parts)
            }
            // A name that no store can have is one that no table has; and a name of one part is
            // never that of a file.
            SqlError::Name(_) => self.told(true).not_found(&parts.0),
            SqlError::File { .. } | SqlError::FileOutside { .. } | SqlError::FilesAreOff { .. } => {
                match parts.0.as_slice() {
                    [_, path] => {
                        let path = format!("file:{path}");
                        SparkError::new("PATH_NOT_FOUND", [("path", path)]).caused_by(error)
                    }
                    _ => self.told(true).not_found(&parts.0),
                }
            }
            error => self.told(true).sql(error),
        })
    }

    pub(crate) fn scan(
        &self,
        parts: &Parts,
        provider: Arc<dyn TableProvider>,
    ) -> Result<DataFrame, SparkError> {
        let name = parts.0.last().map_or("", String::as_str);
        let reference = TableReference::bare(name.to_owned());
        let plan = LogicalPlanBuilder::scan(reference, provider_as_source(provider), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| self.told(true).query(error))?;
        Ok(self.frame(plan))
    }

    /// A frame of rows that are given here. `schema` is DDL text such as `id INT, name STRING`.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the text is no schema, or a row does not fit it.
    pub fn create_data_frame(
        &self,
        rows: impl IntoIterator<Item = Row>,
        schema: &str,
    ) -> Result<DataFrame, SparkError> {
        let rows: Vec<Row> = rows.into_iter().collect();
        let schema = Arc::new(types::parse_ddl(schema)?);
        self.from_batches(&schema, vec![rows::to_batch(&schema, &rows)?])
    }

    /// A frame of rows whose types are told from their values, as PySpark does with a list of
    /// names: whole numbers are `BIGINT`.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if a column has no value to tell the type from, or values of several types.
    pub fn create_data_frame_of(
        &self,
        rows: impl IntoIterator<Item = Row>,
        names: &[&str],
    ) -> Result<DataFrame, SparkError> {
        let rows: Vec<Row> = rows.into_iter().collect();
        let schema = Arc::new(rows::inferred(&rows, names)?);
        self.from_batches(&schema, vec![rows::to_batch(&schema, &rows)?])
    }

    /// A frame over Arrow batches, which are not copied.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if a batch has other columns.
    pub fn from_batches(
        &self,
        schema: &SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<DataFrame, SparkError> {
        // A table has each name once; a frame need not.
        let fields = schema.fields().iter().enumerate();
        let placed = fields.map(|(place, field)| {
            let name = format!("{place}:{}", field.name());
            Field::clone(field).with_name(name)
        });
        let shared = frame::shares_a_name(schema);
        let named = match shared {
            true => Arc::new(Schema::new(placed.collect::<Vec<_>>())),
            false => Arc::clone(schema),
        };
        let renamed = |batch: RecordBatch| {
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            RecordBatch::try_new_with_options(Arc::clone(&named), columns, &options)
        };
        let batches = match shared {
            true => {
                batches.into_iter().map(renamed).collect::<Result<_, _>>().map_err(rows::arrow)?
            }
            false => batches,
        };
        let table = MemTable::try_new(named, vec![batches]);
        let scanned = table.and_then(|table| {
            let source = provider_as_source(Arc::new(table));
            LogicalPlanBuilder::scan("local", source, None)?.build()
        });
        let frame = self.frame(scanned.map_err(|error| self.told(true).query(error))?);
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        if shared { frame.to_df(&names) } else { Ok(frame) }
    }

    /// The numbers from `start` up to but not including `end`, `step` apart, in a column `id`.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the step is 0.
    pub fn range(&self, start: i64, end: i64, step: i64) -> Result<DataFrame, SparkError> {
        if step == 0 {
            return Err(SparkError::other("the step of a range cannot be 0"));
        }
        if (step > 0 && start >= end) || (step < 0 && start <= end) {
            let schema = Schema::new(vec![Field::new("id", DataType::Int64, false)]);
            return self.from_batches(&Arc::new(schema), Vec::new());
        }
        // The numbers are made when they are asked for: there may be more than fit into memory.
        let numbers = planners::numbers(&self.inner.sql.state(), start, end, step);
        Ok(self.frame(numbers.map_err(|error| self.told(true).query(error))?))
    }

    /// Begins to read: with options, such as the version of a table.
    pub fn read(&self) -> DataFrameReader {
        DataFrameReader::new(self.clone())
    }

    // ---- what outlives a statement --------------------------------------------------------

    /// What there is: databases, tables, views, functions.
    pub fn catalog(&self) -> Catalog {
        Catalog::new(self.clone())
    }

    /// The configuration.
    pub fn conf(&self) -> Conf {
        Conf::new(self.clone())
    }

    /// The database that a name without one is in.
    pub fn current_database(&self) -> String {
        self.inner.sql.database().as_str().to_owned()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        self.inner.sql.store()
    }

    /// The session of SQL below this one.
    pub fn sql_session(&self) -> &SqlSession {
        &self.inner.sql
    }

    // ---- for the rest of the crate --------------------------------------------------------

    pub(crate) fn frame(&self, plan: LogicalPlan) -> DataFrame {
        DataFrame::new(self.clone(), plan)
    }

    pub(crate) fn told(&self, reads: bool) -> Told {
        Told { database: self.current_database(), reads, names: Names::default(), repairs: false }
    }

    /// The newest version, or what the open transaction sees.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.inner.sql.scope().snapshot().clone()
    }

    /// Makes a change: as part of the open transaction, or as a commit of its own, which is decided
    /// again if others come first.
    pub(crate) fn change<T>(
        &self,
        mut change: impl FnMut(&mut Transaction) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        match self.inner.sql.in_transaction(&mut change) {
            Some(done) => done,
            None => self.store().transact(change).map(|done| done.value),
        }
    }

    pub(crate) fn files(&self) -> Option<&Path> {
        self.inner.files.as_deref()
    }

    pub(crate) fn cached(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.inner.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan of a query in which each of `frames` has a name.
    pub(crate) fn query_over(
        &self,
        frames: &[(&str, &LogicalPlan)],
        text: &str,
    ) -> Result<LogicalPlan, SparkError> {
        let sql = self.inner.sql.another();
        sql.set_database(self.inner.sql.database());
        let views = self.inner.sql.views();
        for name in views.local_names() {
            if let Some((name, query)) = views.local(name) {
                sql.set_view(&name, (*query).clone());
            }
        }
        for (name, plan) in frames {
            sql.set_view(name, ViewQuery::Plan(Box::new((*plan).clone())));
        }
        match annals_sql::parse::parse(text).map_err(|error| convert::parse(&error))? {
            Statement::Query(query) => {
                let frame = sql.query(*query).map_err(|error| self.told(true).sql(error))?;
                Ok(frame.into_unoptimized_plan())
            }
            _ => Err(SparkError::other("an expression was expected, not a statement")),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("sql", &self.inner.sql).finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder").field("conf", &self.conf).finish_non_exhaustive()
    }
}
