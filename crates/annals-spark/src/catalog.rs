//! What there is: databases, tables, views, columns, functions.

mod info;

use std::sync::Arc;

use annals::{NewDatabase, NewTable, Snapshot, Table, TableKind};
use annals_sql::NamePattern;
use arrow::datatypes::Schema;

use crate::convert;
use crate::details::{self, PROVIDER};
use crate::error::SparkError;
use crate::frame::DataFrame;
use crate::names::{self, CATALOG, GLOBAL_TEMP, Parts};
use crate::session::Session;
use crate::source;
use crate::types::{self, COMMENT, quote};

pub use info::{ColumnInfo, CreateTable, Database, FunctionInfo, TableInfo};

/// What there is; see [`Session::catalog`]. Each call looks at the newest version.
#[derive(Clone, Debug)]
pub struct Catalog {
    session: Session,
}

impl Catalog {
    pub(crate) fn new(session: Session) -> Self {
        Self { session }
    }

    fn snapshot(&self) -> Snapshot {
        self.session.snapshot()
    }

    // ---- catalogs and databases -----------------------------------------------------------

    /// The catalog that a name of two parts is in: always `spark_catalog`.
    pub fn current_catalog(&self) -> String {
        CATALOG.to_owned()
    }

    /// Chooses the catalog.
    ///
    /// # Errors
    ///
    /// `CATALOG_NOT_FOUND` for any other name.
    pub fn set_current_catalog(&self, name: &str) -> Result<(), SparkError> {
        if name.eq_ignore_ascii_case(CATALOG) {
            return Ok(());
        }
        Err(SparkError::new(
            "CATALOG_NOT_FOUND",
            [("catalogName", quote(name)), ("config", format!("\"spark.sql.catalog.{name}\""))],
        ))
    }

    /// The names of all catalogs that match; all if there is no pattern.
    pub fn list_catalogs(&self, pattern: Option<&str>) -> Vec<String> {
        if NamePattern::of(pattern).matches(CATALOG) {
            vec![CATALOG.to_owned()]
        } else {
            Vec::new()
        }
    }

    /// The database that a name without one is in.
    pub fn current_database(&self) -> String {
        self.session.current_database()
    }

    /// Chooses the current database.
    ///
    /// # Errors
    ///
    /// `SCHEMA_NOT_FOUND` if there is none of the name.
    pub fn set_current_database(&self, name: &str) -> Result<(), SparkError> {
        let parts = Parts::parse(name)?;
        let database = self.database_of(&parts).ok_or_else(|| names::not_single(&parts))?;
        if !self.has_database(&database) {
            return Err(convert::no_schema(&database));
        }
        let name = annals::DatabaseName::new(&database)
            .map_err(|error| SparkError::other(error.to_string()).caused_by(error))?;
        self.session.sql_session().set_database(name);
        Ok(())
    }

    /// All databases whose names match; all if there is no pattern. Patterns are those of `SHOW`:
    /// `|` separates parts, `*` stands for any text, and each part is a regular expression for the
    /// whole name, without regard to case.
    pub fn list_databases(&self, pattern: Option<&str>) -> Vec<Database> {
        let pattern = NamePattern::of(pattern);
        let mut found = self.snapshot().databases();
        found.retain(|database| pattern.matches(database.name().folded()));
        found.iter().map(|database| self.described(database.name().as_str(), database)).collect()
    }

    /// The database of this name.
    ///
    /// # Errors
    ///
    /// `SCHEMA_NOT_FOUND`.
    pub fn get_database(&self, name: &str) -> Result<Database, SparkError> {
        let parts = Parts::parse(name)?;
        let name = self.database_of(&parts).ok_or_else(|| names::not_single(&parts))?;
        let folded = names::database(&name).map_err(|_| convert::no_schema(&name))?;
        let found = self.snapshot().database(&folded).map_err(|_| convert::no_schema(&name))?;
        Ok(self.described(&name, &found))
    }

    /// Whether there is a database of this name.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if it is no name.
    pub fn database_exists(&self, name: &str) -> Result<bool, SparkError> {
        let parts = Parts::parse(name)?;
        Ok(self.database_of(&parts).is_some_and(|database| self.has_database(&database)))
    }

    /// Creates a database.
    ///
    /// # Errors
    ///
    /// `SCHEMA_ALREADY_EXISTS`; `INVALID_SCHEMA_OR_RELATION_NAME`.
    pub fn create_database(&self, name: &str, comment: Option<&str>) -> Result<(), SparkError> {
        let mut new = NewDatabase::new(names::new_database(name)?.to_string());
        if let Some(comment) = comment {
            new = new.comment(comment);
        }
        let told = self.session.told(false);
        let made = self.session.change(|tx| tx.create_database(new.clone()));
        made.map_err(|error| told.write(error, None))
    }

    fn described(&self, name: &str, database: &annals::Database) -> Database {
        let warehouse = self.session.conf().get_or("spark.sql.warehouse.dir", "spark-warehouse");
        let folded = database.name().as_str().to_lowercase();
        let is_default = folded == "default";
        let comment = database.comment().map(str::to_owned);
        let default = if is_default { "default database" } else { "" };
        Database {
            name: name.to_owned(),
            catalog: Some(CATALOG.to_owned()),
            description: Some(comment.unwrap_or_else(|| default.to_owned())),
            location_uri: match is_default {
                true => format!("file:{warehouse}"),
                false => format!("file:{warehouse}/{folded}.db"),
            },
        }
    }

    fn has_database(&self, name: &str) -> bool {
        names::database(name).is_ok_and(|name| self.snapshot().database(&name).is_ok())
    }

    /// The database that a name of one or two parts means; none if it is in no known catalog.
    fn database_of(&self, parts: &Parts) -> Option<String> {
        match parts.0.as_slice() {
            [database] => Some(database.clone()),
            [catalog, database] if catalog.eq_ignore_ascii_case(CATALOG) => Some(database.clone()),
            _ => None,
        }
    }

    // ---- tables ---------------------------------------------------------------------------

    /// The tables and views of a database, the current one if none is given, and all temporary
    /// views; only those whose names match, if there is a pattern.
    ///
    /// # Errors
    ///
    /// `SCHEMA_NOT_FOUND`.
    pub fn list_tables(
        &self,
        database: Option<&str>,
        pattern: Option<&str>,
    ) -> Result<Vec<TableInfo>, SparkError> {
        let database = match database {
            None => self.session.current_database(),
            Some(name) => {
                let parts = Parts::parse(name)?;
                self.database_of(&parts).ok_or_else(|| names::not_single(&parts))?
            }
        };
        let pattern = NamePattern::of(pattern);
        let mut tables = Vec::new();
        let views = self.session.sql_session().views();
        if database.eq_ignore_ascii_case(GLOBAL_TEMP) {
            let global = views.global_names().filter(|name| pattern.matches(name));
            tables.extend(global.map(|name| temporary(name, &[GLOBAL_TEMP.to_owned()])));
        } else {
            let snapshot = self.snapshot();
            let name = names::database(&database).map_err(|_| convert::no_schema(&database))?;
            let found = snapshot.tables(&name).map_err(|_| convert::no_schema(&database))?;
            for name in found.iter().filter(|name| pattern.matches(name.table_folded())) {
                if let Ok(table) = snapshot.table(name) {
                    tables.push(told_of(&table));
                }
            }
        }
        let local = views.local_names().filter(|name| pattern.matches(name));
        tables.extend(local.map(|name| temporary(name, &[])));
        Ok(tables)
    }

    /// The table or view of this name.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`.
    pub fn get_table(&self, name: &str) -> Result<TableInfo, SparkError> {
        let parts = Parts::parse(name)?;
        if let Some(view) = self.temporary_view(&parts) {
            return Ok(view);
        }
        Ok(told_of(&self.table(&parts)?))
    }

    /// Whether there is a table or view of this name: in the database, if one is given, and else
    /// wherever the name leads.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if it is no name.
    pub fn table_exists(&self, name: &str, database: Option<&str>) -> Result<bool, SparkError> {
        if let Some(database) = database {
            let Ok(name) = names::table(database, name) else { return Ok(false) };
            return Ok(self.snapshot().table_exists(&name).unwrap_or(false));
        }
        let parts = Parts::parse_strictly(name)?;
        if self.temporary_view(&parts).is_some() {
            return Ok(true);
        }
        let (database, table) = parts.to_read(&self.session.current_database())?;
        let Ok(name) = names::table(&database, &table) else { return Ok(false) };
        Ok(self.snapshot().table_exists(&name).unwrap_or(false))
    }

    /// The columns of a table or view; those that rows are divided by come first.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`.
    pub fn list_columns(
        &self,
        table: &str,
        database: Option<&str>,
    ) -> Result<Vec<ColumnInfo>, SparkError> {
        let parts = match database {
            Some(database) => {
                Parts(vec![CATALOG.to_owned(), database.to_owned(), table.to_owned()])
            }
            None => Parts::parse(table)?,
        };
        let plain = |schema: &Schema| {
            let columns = schema.fields().iter();
            columns.map(|field| column(field, &[], &[])).collect::<Vec<ColumnInfo>>()
        };
        if self.temporary_view(&parts).is_some() {
            return Ok(plain(&self.session.table(table)?.schema()));
        }
        let found = self.table(&parts)?;
        if let TableKind::View { .. } = found.kind() {
            return Ok(plain(&self.session.table(&parts.quoted())?.schema()));
        }
        let partitions: Vec<String> =
            found.partition_columns().into_iter().map(str::to_owned).collect();
        let buckets = details::buckets(&found).map_or_else(Vec::new, |buckets| buckets.columns);
        let schema = found.schema();
        let columns = schema.fields().iter().map(|field| column(field, &partitions, &buckets));
        let (first, last): (Vec<_>, Vec<_>) = columns.partition(|column| column.is_partition);
        Ok(first.into_iter().chain(last).collect())
    }

    /// Creates a table with these columns, given as DDL text, and returns a frame over it. Without
    /// columns, those of the files at `path` are taken, and their rows.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_ALREADY_EXISTS`, `SCHEMA_NOT_FOUND`, and what is wrong with the name or text.
    pub async fn create_table(
        &self,
        name: &str,
        new: CreateTable,
    ) -> Result<DataFrame, SparkError> {
        let parts = Parts::parse(name)?;
        let (database, table) = parts.to_read(&self.session.current_database())?;
        let full = names::new_table(&database, &table)?;
        let provider = source::provider(new.source.as_deref().unwrap_or(source::DEFAULT), &full)?;
        let snapshot = self.snapshot();
        if snapshot.database(names::database(&database)?).is_err() {
            return Err(convert::no_schema(&database));
        }
        if snapshot.table_exists(&full).unwrap_or(false) {
            return Err(convert::exists(&full));
        }
        if let (None, Some(path)) = (&new.schema, &new.path) {
            let rows = self.session.read().format(&provider).load(path)?;
            rows.write().format(&provider).option("path", path).save_as_table(name).await?;
            return self.session.table(name);
        }
        let schema = types::parse_ddl(new.schema.as_deref().unwrap_or_default())?;
        let mut table = NewTable::new(Arc::new(schema)).property(PROVIDER, &provider);
        if let Some(description) = &new.description {
            table = table.comment(description);
        }
        if let Some(path) = &new.path {
            table = table.external(path);
        }
        let told = self.session.told(false);
        let made = self.session.change(|tx| tx.create_table(&full, table.clone()).map(drop));
        made.map_err(|error| told.write(error, None))?;
        self.session.table(name)
    }

    fn table(&self, parts: &Parts) -> Result<Table, SparkError> {
        let told = self.session.told(false);
        let missing = || told.not_found(&parts.0);
        let (database, table) = parts.to_read(&told.database)?;
        let name = names::table(&database, &table).map_err(|_| missing())?;
        self.snapshot().table(&name).map_err(|_| missing())
    }

    fn temporary_view(&self, parts: &Parts) -> Option<TableInfo> {
        let views = self.session.sql_session().views();
        match parts.0.as_slice() {
            [name] => views.local(name).map(|(name, _)| temporary(&name, &[])),
            [database, name] if database.eq_ignore_ascii_case(GLOBAL_TEMP) => {
                let found = views.global(name);
                found.map(|(name, _)| temporary(&name, &[GLOBAL_TEMP.to_owned()]))
            }
            _ => None,
        }
    }

    /// Removes a temporary view, and says whether there was one.
    pub fn drop_temp_view(&self, name: &str) -> bool {
        self.session.sql_session().remove_view(name)
    }

    /// Removes a global temporary view, and says whether there was one.
    pub fn drop_global_temp_view(&self, name: &str) -> bool {
        self.session.sql_session().remove_global_view(name)
    }

    // ---- functions ------------------------------------------------------------------------

    /// The names of all functions that match; all if there is no pattern.
    pub fn list_functions(&self, pattern: Option<&str>) -> Vec<FunctionInfo> {
        let state = self.session.sql_session().state();
        let mut names: Vec<String> = state.scalar_functions().keys().cloned().collect();
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        names.sort();
        names.dedup();
        let pattern = NamePattern::of(pattern);
        names.retain(|name| pattern.matches(name));
        let told = |name| FunctionInfo { name, catalog: None, is_temporary: true };
        names.into_iter().map(told).collect()
    }

    /// Whether there is a function of this name. Built-in ones are in no database.
    pub fn function_exists(&self, name: &str, database: Option<&str>) -> bool {
        let Ok(parts) = Parts::parse(name) else { return false };
        let [name] = parts.0.as_slice() else { return false };
        database.is_none()
            && self.list_functions(None).iter().any(|known| known.name.eq_ignore_ascii_case(name))
    }

    // ---- caches ---------------------------------------------------------------------------

    /// Notes a table as cached. Tables are in memory anyway.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`.
    pub fn cache_table(&self, name: &str) -> Result<(), SparkError> {
        let key = self.cache_key(name)?;
        self.session.cached().insert(key);
        Ok(())
    }

    /// Takes back [`cache_table`](Self::cache_table).
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`.
    pub fn uncache_table(&self, name: &str) -> Result<(), SparkError> {
        let key = self.cache_key(name)?;
        self.session.cached().remove(&key);
        Ok(())
    }

    /// Whether a table was noted as cached.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`.
    pub fn is_cached(&self, name: &str) -> Result<bool, SparkError> {
        let key = self.cache_key(name)?;
        Ok(self.session.cached().contains(&key))
    }

    /// Forgets all that was noted as cached.
    pub fn clear_cache(&self) {
        self.session.cached().clear();
    }

    /// What stands for a table among those that are cached.
    fn cache_key(&self, name: &str) -> Result<String, SparkError> {
        let parts = Parts::parse(name)?;
        if let Some(view) = self.temporary_view(&parts) {
            return Ok(format!("{}.{}", view.namespace.join("."), view.name.to_lowercase()));
        }
        let told = self.session.told(true);
        let (database, table) = parts.to_read(&told.database)?;
        let name = names::table(&database, &table).map_err(|_| told.not_found(&parts.0))?;
        match self.snapshot().table_exists(&name) {
            Ok(true) => Ok(name.to_string().to_lowercase()),
            _ => Err(told.not_found(&parts.0)),
        }
    }

    /// Checks the name. There are no files whose list could be out of date.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`.
    pub fn refresh_table(&self, name: &str) -> Result<(), SparkError> {
        self.cache_key(name).map(drop)
    }

    /// Does nothing: no table here is made of files.
    pub fn refresh_by_path(&self, _path: &str) {}

    /// Checks that the table is partitioned. Its partitions are what its rows say.
    ///
    /// # Errors
    ///
    /// `TABLE_OR_VIEW_NOT_FOUND`, `NOT_A_PARTITIONED_TABLE`, `EXPECT_TABLE_NOT_VIEW`.
    pub fn recover_partitions(&self, name: &str) -> Result<(), SparkError> {
        let parts = Parts::parse(name)?;
        let view = |name: String| {
            SparkError::new(
                "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
                [("viewName", name), ("operation", "recoverPartitions()".to_owned())],
            )
        };
        if let Some(found) = self.temporary_view(&parts) {
            return Err(view(quote(&found.name)));
        }
        let table = self.table(&parts)?;
        match table.kind() {
            TableKind::View { .. } => Err(view(names::full(table.name()))),
            _ if table.partition_columns().is_empty() => Err(SparkError::new(
                "NOT_A_PARTITIONED_TABLE",
                [
                    ("operation", "ALTER TABLE RECOVER PARTITIONS".to_owned()),
                    ("tableIdentWithDB", names::full(table.name())),
                ],
            )),
            _ => Ok(()),
        }
    }
}

fn told_of(table: &Table) -> TableInfo {
    let table_type = match table.kind() {
        TableKind::View { .. } => "VIEW",
        TableKind::External { .. } => "EXTERNAL",
        _ => "MANAGED",
    };
    TableInfo {
        name: table.name().table_str().to_owned(),
        catalog: Some(CATALOG.to_owned()),
        namespace: vec![table.name().database_str().to_owned()],
        description: table.comment().map(str::to_owned),
        table_type: table_type.to_owned(),
        is_temporary: false,
    }
}

fn temporary(name: &str, namespace: &[String]) -> TableInfo {
    TableInfo {
        name: name.to_owned(),
        catalog: None,
        namespace: namespace.to_vec(),
        description: None,
        table_type: "TEMPORARY".to_owned(),
        is_temporary: true,
    }
}

fn column(
    field: &arrow::datatypes::Field,
    partitions: &[String],
    buckets: &[String],
) -> ColumnInfo {
    let among = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case(field.name()));
    ColumnInfo {
        name: field.name().clone(),
        description: field.metadata().get(COMMENT).cloned(),
        data_type: types::declared_type(field),
        nullable: field.is_nullable(),
        is_partition: among(partitions),
        is_bucket: among(buckets),
        is_cluster: false,
    }
}
