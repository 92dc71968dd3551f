//! What a catalog tells of things, and is told of a table to be created.

/// A database, as [`Catalog::list_databases`](super::Catalog::list_databases) tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The catalog that it is in.
    pub catalog: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Where Spark would keep its files. There are none here.
    pub location_uri: String,
}

/// A table or view, as [`Catalog::list_tables`](super::Catalog::list_tables) tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// The catalog that it is in; none for a temporary view.
    pub catalog: Option<String>,
    /// The database that it is in; none for a temporary view.
    pub namespace: Vec<String>,
    /// What it is for.
    pub description: Option<String>,
    /// `MANAGED`, `EXTERNAL`, `VIEW` or `TEMPORARY`.
    pub table_type: String,
    /// Whether it is a temporary view.
    pub is_temporary: bool,
}

/// A column, as [`Catalog::list_columns`](super::Catalog::list_columns) tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its type, as it was declared.
    pub data_type: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether rows are divided by it.
    pub is_partition: bool,
    /// Whether rows go into buckets by it.
    pub is_bucket: bool,
    /// Whether rows are clustered by it.
    pub is_cluster: bool,
}

/// A function, as [`Catalog::list_functions`](super::Catalog::list_functions) tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    /// Its name.
    pub name: String,
    /// The catalog that it is in; none for a built-in one.
    pub catalog: Option<String>,
    /// Whether it is of this session only, as built-in ones count.
    pub is_temporary: bool,
}

/// A table to be created; see [`Catalog::create_table`](super::Catalog::create_table).
#[derive(Clone, Debug, Default)]
pub struct CreateTable {
    pub(super) schema: Option<String>,
    pub(super) source: Option<String>,
    pub(super) path: Option<String>,
    pub(super) description: Option<String>,
}

impl CreateTable {
    /// A table of which nothing is said yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its columns, as DDL text.
    #[must_use]
    pub fn schema(mut self, ddl: &str) -> Self {
        self.schema = Some(ddl.to_owned());
        self
    }

    /// Its format.
    #[must_use]
    pub fn source(mut self, source: &str) -> Self {
        self.source = Some(source.to_owned());
        self
    }

    /// Where its files are.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// What it is for.
    #[must_use]
    pub fn description(mut self, description: &str) -> Self {
        self.description = Some(description.to_owned());
        self
    }
}
