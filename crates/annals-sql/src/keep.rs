//! The properties under which a table or view keeps what the store has no place for.
//!
//! They begin with [`OWN`] and are not shown among a table's properties.

/// What all these properties begin with.
pub const OWN: &str = "annals.sql.";
/// The source that `USING` named, in small letters.
pub const PROVIDER: &str = "annals.sql.provider";
/// `CLUSTERED BY`: how many buckets, then the columns, then the columns sorted by; each part a line.
pub const BUCKETS: &str = "annals.sql.buckets";
/// `CLUSTER BY`: the columns, each a line.
pub const CLUSTER_BY: &str = "annals.sql.cluster_by";
/// What an option of `OPTIONS` begins with.
pub const OPTION: &str = "annals.sql.option.";
/// The database that was current when a view was made.
pub const VIEW_DATABASE: &str = "annals.sql.view.database";
/// The columns that a view's query gave when it was made, each a line.
pub const VIEW_COLUMNS: &str = "annals.sql.view.columns";
/// The source of a table that no `USING` named.
pub const DEFAULT_PROVIDER: &str = "parquet";
/// The metadata of a field that holds its default value, as text.
pub const DEFAULT: &str = "default";
/// The setting that makes `NOT NULL` in a new table be without effect, as for Spark's own tables.
pub const RELAXED: &str = "annals.sql.ignoreNotNull";
/// The setting by which an overwrite replaces the partitions that its rows are of (`dynamic`).
pub const PARTITION_OVERWRITE: &str = "spark.sql.sources.partitionOverwriteMode";
/// The setting that says which values may be stored: `ANSI`, `STRICT` or `LEGACY`.
pub const STORE_ASSIGNMENT: &str = "spark.sql.storeAssignmentPolicy";
/// The setting that says where databases and tables without a location are said to be.
pub const WAREHOUSE: &str = "spark.sql.warehouse.dir";
/// The setting that says whose databases are said to be.
pub const OWNER: &str = "annals.sql.owner";
/// The setting that says what tables are said to be created by.
pub const CREATED_BY: &str = "annals.sql.createdBy";
