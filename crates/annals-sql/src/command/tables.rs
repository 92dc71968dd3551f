//! Tables: made, dropped, emptied, altered, put back.

use std::collections::HashSet;
use std::sync::Arc;

use annals::{
    At, NewTable, Nullability, PropertyPatch, SaveMode, SchemaChange, Source, Table, TableKind,
    TableName,
};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::TableVersion;

use super::partitions::partitions_last;
use super::{Work, no_table};
use crate::error::SqlError;
use crate::keep;
use crate::scope::Named;
use crate::statement::{
    Column, ColumnChange, CreateTable, Name, Partition, Properties, Replace, TableChange,
};
use crate::travel::{Moment, moment_of};

/// A patch that sets properties.
pub(super) fn setting(properties: &Properties) -> PropertyPatch {
    properties.iter().fold(PropertyPatch::new(), |patch, (key, value)| patch.with(key, value))
}

/// A patch that removes properties.
pub(super) fn unsetting(keys: &[String]) -> PropertyPatch {
    keys.iter().fold(PropertyPatch::new(), |patch, key| patch.without(key))
}

/// What is kept of a table besides its columns.
struct Details {
    comment: Option<String>,
    properties: Properties,
    location: Option<String>,
    partition_by: Vec<String>,
}

impl Work<'_> {
    pub(super) async fn create_table(&mut self, table: &CreateTable) -> Result<(), SqlError> {
        let unsupported = |what: &str, instead: &str| SqlError::Unsupported {
            what: what.to_owned(),
            instead: instead.to_owned(),
        };
        if table.temporary {
            return Err(unsupported("CREATE TEMPORARY TABLE", "write CREATE TEMPORARY VIEW"));
        }
        if let Some(extra) = table.columns.iter().find_map(|column| column.extra) {
            return Err(unsupported(extra, "leave it out"));
        }
        if table.query.is_some() && !table.columns.is_empty() {
            return Err(unsupported(
                "CREATE TABLE AS SELECT with a list of columns",
                "name and cast the columns in the query",
            ));
        }
        let name = self.name(&table.name)?;
        let database = name.database();
        let databases = self.snapshot().database(&database);
        databases.map_err(|_| super::databases::missing(&self.scope, &database))?;
        let there = self.snapshot().table(&name).ok();
        if there.is_some() && table.if_not_exists {
            return Ok(());
        }
        if table.replace == Replace::MustExist && there.is_none() {
            return Err(no_table(&self.scope, &table.name));
        }
        let replaces = table.replace != Replace::No;
        if let Some(there) = there.as_ref().filter(|_| replaces)
            && matches!(there.kind(), TableKind::View { .. })
        {
            let name = there.name().to_string();
            return Err(SqlError::NotATable { name, temporary: false, operation: "REPLACE TABLE" });
        }
        let details = self.details(table);
        let there = there.filter(|_| replaces);
        let there = there.as_ref();
        match (&table.query, &table.like) {
            (Some(query), _) => {
                let plan = self.plan(&query.query)?;
                partition_columns(&name, plan.schema().as_arrow(), &details.partition_by)?;
                let plan = with_partitions_last(plan, &details.partition_by)?;
                let rows = self.gather(plan, None, &details.partition_by, Ok).await?;
                self.create_filled(&name, rows, Nullability::Relaxed, &details, there)
            }
            (None, Some(like)) => self.create_like(&name, like, table),
            (None, None) if there.is_some() => {
                let rows = Source::new(self.declared(table)?, []);
                self.create_filled(&name, rows, Nullability::AsWritten, &details, there)
            }
            (None, None) => self.create_empty(&name, &self.declared(table)?, &details),
        }
    }

    fn declared(&self, table: &CreateTable) -> Result<SchemaRef, SqlError> {
        let relaxed = self.relaxed();
        let mut fields = Vec::with_capacity(table.columns.len());
        let mut seen = HashSet::new();
        for column in &table.columns {
            if !seen.insert(column.field.name().to_lowercase()) {
                return Err(SqlError::ColumnTwice { name: column.field.name().to_lowercase() });
            }
            fields.push(field_of(column, relaxed));
        }
        let schema = Schema::new(fields);
        partition_columns(&self.name(&table.name)?, &schema, &table.partition_by)?;
        let order = partitions_last(&schema, &table.partition_by);
        let columns: Vec<FieldRef> =
            order.into_iter().map(|at| Arc::clone(&schema.fields()[at])).collect();
        Ok(Arc::new(Schema::new(columns)))
    }

    fn relaxed(&self) -> bool {
        self.session.settings().get(keep::RELAXED).is_some_and(|value| value == "true")
    }

    fn details(&self, table: &CreateTable) -> Details {
        let mut properties = table.properties.clone();
        if let Some(provider) = &table.provider {
            properties.push((keep::PROVIDER.to_owned(), provider.clone()));
        }
        if let Some((columns, sorted, buckets)) = &table.buckets {
            let value = format!("{buckets}\n{}\n{}", columns.join(","), sorted.join(","));
            properties.push((keep::BUCKETS.to_owned(), value));
        }
        if !table.cluster_by.is_empty() {
            properties.push((keep::CLUSTER_BY.to_owned(), table.cluster_by.join("\n")));
        }
        let mut location = table.location.clone();
        for (key, value) in &table.options {
            if key.eq_ignore_ascii_case("path") {
                location = Some(value.clone());
            } else {
                properties.push((format!("{}{key}", keep::OPTION), value.clone()));
            }
        }
        let partition_by = table.partition_by.clone();
        Details { comment: table.comment.clone(), properties, location, partition_by }
    }

    fn create_like(
        &mut self,
        name: &TableName,
        like: &Name,
        table: &CreateTable,
    ) -> Result<(), SqlError> {
        let schema = match self.scope.find(&like.0)? {
            Named::Table(like) => {
                let mut details = self.details(table);
                details.partition_by =
                    like.partition_columns().iter().map(|c| (*c).to_owned()).collect();
                let provider = like.properties().get(keep::PROVIDER);
                if let (Some(provider), None) = (provider, &table.provider) {
                    details.properties.push((keep::PROVIDER.to_owned(), provider.to_string()));
                }
                return self.create_empty(name, &like.schema(), &details);
            }
            Named::TempView(..) => self.scope.table(&like.0)?.schema(),
        };
        let details = self.details(table);
        self.create_empty(name, &schema, &details)
    }

    fn create_empty(
        &mut self,
        name: &TableName,
        schema: &SchemaRef,
        details: &Details,
    ) -> Result<(), SqlError> {
        let mut new = NewTable::new(Arc::clone(schema)).partition_by(details.partition_by.clone());
        for (key, value) in &details.properties {
            new = new.property(key, value);
        }
        if let Some(comment) = &details.comment {
            new = new.comment(comment);
        }
        if let Some(location) = &details.location {
            new = new.external(location);
        }
        Ok(self.tx.create_table(name, new)?)
    }

    /// Creates or replaces a table with rows; nothing of one that is there is kept but its id.
    fn create_filled(
        &mut self,
        name: &TableName,
        rows: impl Into<Source<'static>>,
        nullability: Nullability,
        details: &Details,
        there: Option<&Table>,
    ) -> Result<(), SqlError> {
        let mode = if there.is_some() { SaveMode::Overwrite } else { SaveMode::ErrorIfExists };
        let mut writer = self.tx.write(rows.into()).mode(mode).nullability(nullability);
        writer = writer.partition_by(details.partition_by.clone());
        for (key, value) in &details.properties {
            writer = writer.property(key, value);
        }
        if let Some(comment) = &details.comment {
            writer = writer.comment(comment);
        }
        if let Some(location) = &details.location {
            writer = writer.external(location);
        }
        writer.save_as_table(name)?;
        let Some(there) = there else { return Ok(()) };
        let kept: HashSet<&str> = details.properties.iter().map(|(key, _)| key.as_str()).collect();
        let mut patch = PropertyPatch::new();
        for key in there.properties().keys().filter(|key| !kept.contains(&***key)) {
            patch = patch.without(key);
        }
        if details.comment.is_none() && there.comment().is_some() {
            patch = patch.without_comment();
        }
        Ok(self.tx.set_properties(name, &patch)?)
    }

    // ---- dropping, emptying ---------------------------------------------------------------

    pub(super) fn drop_table(&mut self, name: &Name, if_exists: bool) -> Result<(), SqlError> {
        if let [single] = &name.0[..]
            && self.session.remove_view(single)
        {
            return Ok(());
        }
        let full = match self.known(name) {
            Err(SqlError::NoCatalog { .. } | SqlError::NoTable { .. }) if if_exists => {
                return Ok(());
            }
            full => full?,
        };
        match self.snapshot().table(&full) {
            Ok(_) => Ok(self.tx.drop_table(&full)?),
            Err(_) if if_exists => Ok(()),
            Err(_) => Err(no_table(&self.scope, name)),
        }
    }

    pub(super) async fn truncate(
        &mut self,
        name: &Name,
        partition: Option<&Partition>,
    ) -> Result<(), SqlError> {
        let table = self.target(name, "TRUNCATE TABLE")?;
        match partition {
            None => Ok(self.tx.truncate(table.name())?),
            Some(partition) => self.drop_partition(&table, partition).map(drop),
        }
    }

    pub(super) fn restore(&mut self, name: &Name, at: &TableVersion) -> Result<(), SqlError> {
        let full = self.known(name)?;
        let moment = moment_of(&self.scope, at)?;
        let at = match (&moment, self.snapshot().table(&full)) {
            (Moment::Timestamp(timestamp), _) => At::Timestamp(*timestamp),
            (Moment::Tag(tag), _) => At::Tag(tag.as_str().into()),
            (Moment::Ordinal(_), Err(_)) => return Err(no_table(&self.scope, name)),
            (Moment::Ordinal(_), Ok(table)) => {
                let then = crate::travel::table_at(&self.scope, &table, &moment)?;
                At::Version(then.since())
            }
        };
        Ok(self.tx.restore_table(&full, at)?)
    }

    // ---- altering -------------------------------------------------------------------------

    pub(super) async fn alter_table(
        &mut self,
        name: &Name,
        change: &TableChange,
    ) -> Result<(), SqlError> {
        let table = match change {
            // `ALTER TABLE` renames views and sets their properties, too.
            TableChange::Rename(_) | TableChange::Set(_) | TableChange::Unset(_) => {
                let full = self.known(name)?;
                let table = self.snapshot().table(&full);
                table.map_err(|_| no_table(&self.scope, name))?
            }
            _ => self.target(name, "ALTER TABLE")?,
        };
        let full = table.name().clone();
        match change {
            TableChange::Rename(to) => self.rename(&table, to),
            TableChange::AddColumns(columns) => self.add_columns(&table, columns),
            TableChange::RenameColumn { from, to } => {
                let from = self.column(&table, from)?;
                Ok(self.tx.rename_column(&full, &from, to)?)
            }
            TableChange::DropColumns { names, if_exists } => {
                let mut dropped = Vec::with_capacity(names.len());
                for name in names {
                    match self.column(&table, name) {
                        Err(SqlError::NoColumn { .. }) if *if_exists => {}
                        found => dropped.push(found?),
                    }
                }
                Ok(self.tx.drop_columns(&full, dropped)?)
            }
            TableChange::AlterColumn { name, changes } => {
                let column = self.column(&table, name)?;
                changes.iter().try_for_each(|change| self.alter_column(&table, &column, change))
            }
            TableChange::ReplaceColumns(columns) => self.replace_columns(&table, columns),
            TableChange::Set(properties) => {
                Ok(self.tx.set_properties(&full, &setting(properties))?)
            }
            TableChange::Unset(keys) => Ok(self.tx.set_properties(&full, &unsetting(keys))?),
            TableChange::Location(at) => {
                let patch = PropertyPatch::new().with(super::databases::LOCATION, at);
                Ok(self.tx.set_properties(&full, &patch)?)
            }
            TableChange::AddPartitions { partitions, if_not_exists } => {
                self.add_partitions(&table, partitions, *if_not_exists)
            }
            TableChange::DropPartitions { partitions, if_exists } => {
                self.drop_partitions(&table, partitions, *if_exists)
            }
            TableChange::Unsupported(what) => Err(SqlError::Unsupported {
                what: (*what).to_owned(),
                instead: "check the rows before they are written".to_owned(),
            }),
        }
    }

    pub(super) fn rename(&mut self, table: &Table, to: &Name) -> Result<(), SqlError> {
        let from = table.name();
        let to = match &to.0[..] {
            [single] => TableName::new(&from.database(), single)?,
            _ => self.name(to)?,
        };
        if to.database() != from.database() {
            let database = to.database_str().to_owned();
            return Err(SqlError::OtherDatabase { table: from.clone(), database });
        }
        Ok(self.tx.rename_table(from, &to)?)
    }

    /// The column as the table spells it.
    pub(super) fn column(&self, table: &Table, name: &str) -> Result<String, SqlError> {
        let schema = table.schema();
        let found = schema.fields().iter().find(|field| same(field.name(), name));
        found.map(|field| field.name().clone()).ok_or_else(|| no_column(&schema, name))
    }

    fn add_columns(&mut self, table: &Table, columns: &[Column]) -> Result<(), SqlError> {
        let schema = table.schema();
        let mut fields: Vec<FieldRef> = Vec::new();
        for column in columns {
            if let Some(extra) = column.extra {
                let instead = "leave it out".to_owned();
                return Err(SqlError::Unsupported { what: extra.to_owned(), instead });
            }
            let name = column.field.name();
            let taken = |field: &FieldRef| same(field.name(), name);
            if schema.fields().iter().any(taken) || fields.iter().any(taken) {
                return Err(SqlError::ColumnTwice { name: name.to_lowercase() });
            }
            fields.push(Arc::new(field_of(column, false)));
        }
        self.tx.alter_table(table.name(), [SchemaChange::AddColumnsBeforePartitions(fields)])?;
        // Rows that are there get the default as a value.
        let defaults = columns.iter().filter(|column| column.default.is_some());
        let values = defaults.map(|column| {
            let value = column.default.clone().expect("it was looked for");
            crate::statement::Assignment { column: Name(vec![column.field.name().clone()]), value }
        });
        let values: Vec<_> = values.collect();
        if values.is_empty() || table.row_count() == 0 {
            return Ok(());
        }
        let now = self.tx.table(table.name())?;
        self.assign_to_all(&now, &values)
    }

    fn alter_column(
        &mut self,
        table: &Table,
        column: &str,
        change: &ColumnChange,
    ) -> Result<(), SqlError> {
        let name = column.to_owned();
        let unsupported = |what: &str, instead: &str| {
            let (what, instead) = (what.to_owned(), instead.to_owned());
            Err(SqlError::Unsupported { what, instead })
        };
        let change = match change {
            ColumnChange::Rename(to) => SchemaChange::RenameColumn { from: name, to: to.clone() },
            ColumnChange::Type(to) => {
                if self.type_of(table, column)? == *to {
                    return Ok(());
                }
                SchemaChange::WidenColumn { name, to: to.clone() }
            }
            ColumnChange::Comment(comment) => {
                SchemaChange::SetColumnComment { name, comment: Some(comment.clone()) }
            }
            ColumnChange::DropNotNull => SchemaChange::SetNullable(name),
            ColumnChange::SetNotNull => {
                return unsupported("ALTER COLUMN … SET NOT NULL", "create the table so");
            }
            ColumnChange::Default(_) => {
                return unsupported("ALTER COLUMN … DEFAULT", "give the value in each insert");
            }
            ColumnChange::Position => {
                return unsupported(
                    "moving a column",
                    "name the columns in the order that you want",
                );
            }
        };
        Ok(self.tx.alter_table(table.name(), [change])?)
    }

    fn type_of(&self, table: &Table, column: &str) -> Result<DataType, SqlError> {
        let schema = table.schema();
        let field = schema.field_with_name(column).map_err(|_| no_column(&schema, column))?;
        Ok(field.data_type().clone())
    }

    /// Drops the columns that are not named and adds those that are new.
    fn replace_columns(&mut self, table: &Table, columns: &[Column]) -> Result<(), SqlError> {
        let schema = table.schema();
        let named = |name: &str| columns.iter().find(|column| same(column.field.name(), name));
        let mut changes = Vec::new();
        let mut dropped = Vec::new();
        for field in schema.fields() {
            match named(field.name()) {
                Some(column) if column.field.data_type() != field.data_type() => {
                    let (name, to) = (field.name().clone(), column.field.data_type().clone());
                    changes.push(SchemaChange::WidenColumn { name, to });
                }
                Some(_) => {}
                None => dropped.push(field.name().clone()),
            }
        }
        let is_new = |column: &&Column| {
            !schema.fields().iter().any(|field| same(field.name(), column.field.name()))
        };
        let added: Vec<FieldRef> =
            columns.iter().filter(is_new).map(|column| Arc::new(field_of(column, false))).collect();
        if !added.is_empty() {
            changes.push(SchemaChange::AddColumnsBeforePartitions(added));
        }
        if !dropped.is_empty() {
            changes.push(SchemaChange::DropColumns(dropped));
        }
        Ok(self.tx.alter_table(table.name(), changes)?)
    }
}

/// Refuses to divide rows by what is no column.
fn partition_columns(table: &TableName, schema: &Schema, by: &[String]) -> Result<(), SqlError> {
    let is_there = |name: &str| schema.fields().iter().any(|field| same(field.name(), name));
    if let Some(column) = by.iter().find(|name| !is_there(name)) {
        return Err(SqlError::NoPartitionColumn {
            table: table.clone(),
            column: column.clone(),
            columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
        });
    }
    let again = |at: &usize| by[..*at].iter().any(|other| same(other, &by[*at]));
    if let Some(at) = (0..by.len()).find(again) {
        return Err(SqlError::ColumnTwice { name: by[at].to_lowercase() });
    }
    if !by.is_empty() && by.len() == schema.fields().len() {
        return Err(SqlError::AllPartitionColumns { table: table.clone() });
    }
    Ok(())
}

/// The query with the columns last that the table is divided by.
fn with_partitions_last(plan: LogicalPlan, by: &[String]) -> Result<LogicalPlan, SqlError> {
    let order = partitions_last(plan.schema().as_arrow(), by);
    if order.is_sorted() {
        return Ok(plan);
    }
    let columns = order.into_iter().map(|at| Expr::from(plan.schema().qualified_field(at)));
    let columns: Vec<Expr> = columns.collect();
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}

/// Whether two names are equal but for case.
pub(super) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

pub(super) fn no_column(schema: &Schema, name: &str) -> SqlError {
    let available = schema.fields().iter().map(|field| vec![field.name().clone()]).collect();
    SqlError::NoColumn { name: vec![name.to_owned()], available }
}

fn field_of(column: &Column, relaxed: bool) -> Field {
    let mut field = column.field.clone();
    if relaxed {
        field = field.with_nullable(true);
    }
    if let Some(default) = &column.default {
        let mut metadata = field.metadata().clone();
        metadata.insert(keep::DEFAULT.to_owned(), default.text.clone());
        field = field.with_metadata(metadata);
    }
    field
}
