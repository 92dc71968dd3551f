//! What a statement says, once it is parsed: nothing here is resolved or executed.
//!
//! Queries stay the parser's own tree, which DataFusion plans. Commands are types of this crate,
//! with Spark's grammar: names are lists of parts as they were written, and types are Arrow's.

mod rows;

use std::fmt;

use arrow::datatypes::{DataType, Field};
use datafusion::sql::sqlparser::ast;

pub use self::rows::{
    Assignment, Insert, InsertReplace, Merge, MergeAction, MergeClause, MergeWhen,
};

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// Gives rows and changes nothing.
    Query(Box<ast::Query>),
    /// Tells how a statement would be executed. Executes nothing.
    Explain {
        /// Whether the plans are shown at length.
        verbose: bool,
        /// Whether a query is run to tell what it took.
        analyze: bool,
        /// What is explained.
        statement: Box<Statement>,
    },
    /// Does something, or tells about the catalog.
    Command(Command),
}

/// A name of one or more parts, as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(pub Vec<String>);

impl Name {
    /// The last part.
    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The parts in backticks, with dots between them.
    pub fn quoted(&self) -> String {
        let parts = self.0.iter().map(|part| quoted(part));
        parts.collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// A name in backticks.
pub fn quoted(part: &str) -> String {
    format!("`{}`", part.replace('`', "``"))
}

/// A name in backticks if it must stand in them.
pub fn quoted_if_needed(part: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digits = part.chars().all(|c| c.is_ascii_digit());
    match !digits && part.chars().all(plain) {
        true => part.to_owned(),
        false => quoted(part),
    }
}

/// Keys and values, in the order of writing.
pub type Properties = Vec<(String, String)>;

/// A query and the text that it was parsed from.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryText {
    /// The query.
    pub query: Box<ast::Query>,
    /// As it was written, without what surrounds it.
    pub text: String,
}

/// A condition or value, and the text that it was parsed from.
#[derive(Clone, Debug, PartialEq)]
pub struct ExprText {
    /// The expression.
    pub expr: Box<ast::Expr>,
    /// As it was written.
    pub text: String,
}

/// A statement that does something, or tells about the catalog.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `CREATE DATABASE | SCHEMA`.
    CreateDatabase {
        /// Its name.
        name: Name,
        /// Whether one that is there will do.
        if_not_exists: bool,
        /// What it is for.
        comment: Option<String>,
        /// Accepted and recorded as the property `location`; nothing is stored there.
        location: Option<String>,
        /// `WITH DBPROPERTIES`.
        properties: Properties,
    },
    /// `DROP DATABASE | SCHEMA`.
    DropDatabase {
        /// Its name.
        name: Name,
        /// Whether it may be missing.
        if_exists: bool,
        /// Whether its tables go too.
        cascade: bool,
    },
    /// `ALTER DATABASE | SCHEMA`.
    AlterDatabase {
        /// Its name.
        name: Name,
        /// What is changed.
        change: DatabaseChange,
    },
    /// `USE`.
    Use {
        /// A database, or a catalog and a database.
        name: Name,
        /// Whether the word `DATABASE` or `SCHEMA` was said, so that it is no catalog.
        database: bool,
    },
    /// `SET CATALOG`.
    SetCatalog(String),
    /// `CREATE TABLE`, `CREATE OR REPLACE TABLE`, `REPLACE TABLE`.
    CreateTable(Box<CreateTable>),
    /// `DROP TABLE`.
    DropTable {
        /// Its name.
        name: Name,
        /// Whether it may be missing.
        if_exists: bool,
    },
    /// `TRUNCATE TABLE`.
    Truncate {
        /// Its name.
        name: Name,
        /// The only partition that is emptied, if one is named.
        partition: Option<Partition>,
    },
    /// `ALTER TABLE`.
    AlterTable {
        /// Its name.
        name: Name,
        /// What is changed.
        change: TableChange,
    },
    /// `CREATE VIEW`, temporary ones included.
    CreateView(Box<CreateView>),
    /// `DROP VIEW`.
    DropView {
        /// Its name.
        name: Name,
        /// Whether it may be missing.
        if_exists: bool,
    },
    /// `ALTER VIEW`.
    AlterView {
        /// Its name.
        name: Name,
        /// What is changed.
        change: ViewChange,
    },
    /// `INSERT`.
    Insert(Box<Insert>),
    /// `DELETE FROM`.
    Delete {
        /// The table.
        name: Name,
        /// What it is called in the condition.
        alias: Option<String>,
        /// Which rows; all if there is none.
        filter: Option<ExprText>,
    },
    /// `UPDATE`.
    Update {
        /// The table.
        name: Name,
        /// What it is called in the expressions.
        alias: Option<String>,
        /// Columns and their values.
        assignments: Vec<Assignment>,
        /// Which rows; all if there is none.
        filter: Option<ExprText>,
    },
    /// `MERGE INTO`.
    Merge(Box<Merge>),
    /// `SHOW …`.
    Show(Show),
    /// `DESCRIBE …`.
    Describe(Describe),
    /// `REFRESH TABLE`.
    Refresh(Name),
    /// `CACHE TABLE`: checks the name.
    Cache {
        /// The table, or the temporary view to make.
        name: Name,
        /// The query of the view.
        query: Option<QueryText>,
    },
    /// `UNCACHE TABLE`.
    Uncache {
        /// The table.
        name: Name,
        /// Whether it may be missing.
        if_exists: bool,
    },
    /// `CLEAR CACHE`.
    ClearCache,
    /// `ANALYZE TABLE`.
    Analyze(Name),
    /// `MSCK REPAIR TABLE`.
    Repair(Name),
    /// `COMMENT ON`.
    Comment {
        /// Whether of a database, not of a table.
        database: bool,
        /// Its name.
        name: Name,
        /// The comment, or none from now on.
        comment: Option<String>,
    },
    /// `SET`: a setting of the session, or what it is.
    Set {
        /// Its name; without one, all are told.
        key: Option<String>,
        /// Its value; without one, it is told.
        value: Option<String>,
    },
    /// `RESET`.
    Reset(Option<String>),
    /// `BEGIN`.
    Begin,
    /// `COMMIT`.
    Commit,
    /// `ROLLBACK`.
    Rollback,
    /// `RESTORE TABLE … TO`.
    Restore {
        /// The table.
        name: Name,
        /// The state to go back to.
        at: Box<ast::TableVersion>,
    },
}

/// What is changed of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseChange {
    /// Sets properties.
    Set(Properties),
    /// Removes properties.
    Unset(Vec<String>),
    /// Accepted and recorded.
    Location(String),
}

/// A column to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name, type, nullability, comment and what else is known of it.
    pub field: Field,
    /// Its default value.
    pub default: Option<ExprText>,
    /// What was said of it that a table here cannot have.
    pub extra: Option<&'static str>,
}

/// A table to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// Its name.
    pub name: Name,
    /// Whether one that is there will do.
    pub if_not_exists: bool,
    /// Whether one that is there is replaced.
    pub replace: Replace,
    /// Whether it is a temporary one.
    pub temporary: bool,
    /// Its columns; with a query, those of the query.
    pub columns: Vec<Column>,
    /// The table that it is to be like.
    pub like: Option<Name>,
    /// `USING`.
    pub provider: Option<String>,
    /// `PARTITIONED BY`: columns by name.
    pub partition_by: Vec<String>,
    /// `CLUSTERED BY … SORTED BY … INTO n BUCKETS`: columns, sort columns, buckets.
    pub buckets: Option<(Vec<String>, Vec<String>, u64)>,
    /// `CLUSTER BY`.
    pub cluster_by: Vec<String>,
    /// `COMMENT`.
    pub comment: Option<String>,
    /// `LOCATION`.
    pub location: Option<String>,
    /// `TBLPROPERTIES`.
    pub properties: Properties,
    /// `OPTIONS`.
    pub options: Properties,
    /// `AS SELECT …`.
    pub query: Option<QueryText>,
}

/// What becomes of a table that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It stands in the way.
    No,
    /// It is replaced.
    OrCreate,
    /// It is replaced and must be there.
    MustExist,
}

/// What is changed of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum TableChange {
    /// `RENAME TO`.
    Rename(Name),
    /// `ADD COLUMNS`.
    AddColumns(Vec<Column>),
    /// `RENAME COLUMN`.
    RenameColumn {
        /// The column.
        from: String,
        /// Its name from now on.
        to: String,
    },
    /// `DROP COLUMN`.
    DropColumns {
        /// The columns.
        names: Vec<String>,
        /// Whether they may be missing.
        if_exists: bool,
    },
    /// `ALTER COLUMN`, `CHANGE COLUMN`.
    AlterColumn {
        /// The column.
        name: String,
        /// What is changed, in order.
        changes: Vec<ColumnChange>,
    },
    /// `REPLACE COLUMNS`.
    ReplaceColumns(Vec<Column>),
    /// `SET TBLPROPERTIES`.
    Set(Properties),
    /// `UNSET TBLPROPERTIES`.
    Unset(Vec<String>),
    /// `ADD PARTITION`: has no effect, for partitions are what the rows say.
    AddPartitions {
        /// The partitions.
        partitions: Vec<Partition>,
        /// Whether they may be there.
        if_not_exists: bool,
    },
    /// `DROP PARTITION`: deletes its rows.
    DropPartitions {
        /// The partitions.
        partitions: Vec<Partition>,
        /// Whether they may be missing.
        if_exists: bool,
    },
    /// `SET LOCATION`: accepted and recorded.
    Location(String),
    /// `ADD CONSTRAINT` and the like, which a table here cannot have.
    Unsupported(&'static str),
}

/// What is changed of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnChange {
    /// `RENAME`, by way of `CHANGE COLUMN a b`.
    Rename(String),
    /// `TYPE`.
    Type(DataType),
    /// `COMMENT`.
    Comment(String),
    /// `SET NOT NULL`.
    SetNotNull,
    /// `DROP NOT NULL`.
    DropNotNull,
    /// `SET DEFAULT`, or none from now on.
    Default(Option<ExprText>),
    /// `FIRST`, `AFTER`: the order of columns.
    Position,
}

/// Columns and values, `PARTITION (p = 1, q)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition(pub Vec<(String, Option<ExprText>)>);

/// Where a view is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewKind {
    /// In the store.
    Permanent,
    /// In the session.
    Temporary,
    /// In the database `global_temp`, which sessions share.
    GlobalTemporary,
}

/// A view to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// Its name.
    pub name: Name,
    /// Where it is kept.
    pub kind: ViewKind,
    /// Whether one that is there is replaced.
    pub replace: bool,
    /// Whether one that is there will do.
    pub if_not_exists: bool,
    /// Names and comments of its columns.
    pub columns: Vec<(String, Option<String>)>,
    /// What it is for.
    pub comment: Option<String>,
    /// `TBLPROPERTIES`.
    pub properties: Properties,
    /// Its query.
    pub query: QueryText,
}

/// What is changed of a view.
#[derive(Clone, Debug, PartialEq)]
pub enum ViewChange {
    /// `AS SELECT …`.
    Query(QueryText),
    /// `RENAME TO`.
    Rename(Name),
    /// `SET TBLPROPERTIES`.
    Set(Properties),
    /// `UNSET TBLPROPERTIES`.
    Unset(Vec<String>),
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Show {
    /// `SHOW DATABASES`.
    Databases {
        /// Which.
        pattern: Option<String>,
    },
    /// `SHOW TABLES`.
    Tables {
        /// Of which database; the current one if not said.
        database: Option<Name>,
        /// Which.
        pattern: Option<String>,
    },
    /// `SHOW TABLE EXTENDED`.
    TableExtended {
        /// Of which database.
        database: Option<Name>,
        /// Which.
        pattern: String,
    },
    /// `SHOW VIEWS`.
    Views {
        /// Of which database.
        database: Option<Name>,
        /// Which.
        pattern: Option<String>,
    },
    /// `SHOW COLUMNS`.
    Columns(Name),
    /// `SHOW TBLPROPERTIES`.
    Properties {
        /// The table.
        name: Name,
        /// Only this one.
        key: Option<String>,
    },
    /// `SHOW CREATE TABLE`.
    CreateTable(Name),
    /// `SHOW PARTITIONS`.
    Partitions {
        /// The table.
        name: Name,
        /// Only these.
        partition: Option<Partition>,
    },
    /// `SHOW FUNCTIONS`.
    Functions {
        /// Which.
        pattern: Option<String>,
    },
    /// `SHOW CATALOGS`.
    Catalogs {
        /// Which.
        pattern: Option<String>,
    },
    /// `SHOW CURRENT NAMESPACE`.
    CurrentNamespace,
}

/// What is to be described.
#[derive(Clone, Debug, PartialEq)]
pub enum Describe {
    /// A table or view.
    Table {
        /// Its name.
        name: Name,
        /// Whether at length.
        extended: bool,
        /// Only this column.
        column: Option<Name>,
    },
    /// A database.
    Database {
        /// Its name.
        name: Name,
        /// Whether with its properties.
        extended: bool,
    },
    /// The columns of a query.
    Query(QueryText),
    /// `DESCRIBE HISTORY`.
    History {
        /// The table.
        name: Name,
        /// At most so many commits.
        limit: Option<u64>,
    },
    /// A function.
    Function {
        /// Its name.
        name: Name,
        /// Whether at length.
        extended: bool,
    },
}
