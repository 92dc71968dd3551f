//! Writing the rows of a frame, in the way of Spark's `DataFrameWriter`.
//!
//! What a mode means is decided by the engine, for the newest version, again if others commit in
//! between. What Spark refuses beyond that is refused here, in Spark's order: first what is wrong
//! with the call, then what is wrong about the table that is there, then about the rows.

pub(crate) mod checks;
mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use annals::{
    CastPolicy, Gathered, Matching, Missing, Predicate, PropertyPatch, SaveMode, Table, TableKind,
    TableName, WriteError,
};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::convert::{self, Told, Written};
use crate::details::{self, BUCKETS, Buckets, PROVIDER};
use crate::error::SparkError;
use crate::frame::DataFrame;
use crate::names::{self, Parts};
use crate::source;
use crate::{declared, reads};

/// A write that was not made: rows, and how to write them. See [`DataFrame::write`].
#[derive(Clone, Debug)]
#[must_use = "nothing is written until save_as_table, insert_into or save is called"]
pub struct DataFrameWriter {
    frame: DataFrame,
    mode: Option<String>,
    format: Option<String>,
    /// By name in lower case.
    options: BTreeMap<String, String>,
    partition_by: Vec<String>,
    bucket_by: Option<(u32, Vec<String>)>,
    sort_by: Vec<String>,
}

impl DataFrameWriter {
    pub(crate) fn new(frame: DataFrame) -> Self {
        Self {
            frame,
            mode: None,
            format: None,
            options: BTreeMap::new(),
            partition_by: Vec::new(),
            bucket_by: None,
            sort_by: Vec::new(),
        }
    }

    /// What to do if the table exists: `append`, `overwrite`, `ignore`, or `error`, which is the
    /// default and is also called `errorifexists` and `default`. Case does not count.
    pub fn mode(mut self, mode: &str) -> Self {
        self.mode = Some(mode.to_owned());
        self
    }

    /// The format that the table is to have. Rows go into the store whatever it is; an append in
    /// another one is refused.
    pub fn format(mut self, format: &str) -> Self {
        self.format = Some(format.to_owned());
        self
    }

    /// Sets an option. `path` records the table as external; `mergeSchema` lets an append or
    /// overwrite add columns and fill those that are missing; the others have no effect.
    #[expect(clippy::needless_pass_by_value, reason = "values are given as they are")]
    pub fn option(mut self, key: &str, value: impl ToString) -> Self {
        self.options.insert(key.to_lowercase(), value.to_string());
        self
    }

    /// Sets several options.
    pub fn options<'a>(mut self, options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        for (key, value) in options {
            self = self.option(key, value);
        }
        self
    }

    /// Divides the rows of a new table by these columns, which come last in it.
    pub fn partition_by<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.partition_by = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Says that the rows of a new table go into so many buckets by these columns. It is checked
    /// and kept with the table; rows are stored as they would be without.
    pub fn bucket_by<S: Into<String>>(
        mut self,
        buckets: u32,
        columns: impl IntoIterator<Item = S>,
    ) -> Self {
        self.bucket_by = Some((buckets, columns.into_iter().map(Into::into).collect()));
        self
    }

    /// Says how rows are sorted in their buckets, likewise.
    pub fn sort_by<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.sort_by = columns.into_iter().map(Into::into).collect();
        self
    }

    fn told(&self) -> Told {
        self.frame.session().told(true)
    }

    fn save_mode(&self) -> Result<SaveMode, SparkError> {
        let mode = self.mode.as_deref().unwrap_or("error");
        match mode.to_lowercase().as_str() {
            "append" => Ok(SaveMode::Append),
            "overwrite" => Ok(SaveMode::Overwrite),
            "ignore" => Ok(SaveMode::Ignore),
            "error" | "errorifexists" | "default" => Ok(SaveMode::ErrorIfExists),
            _ => Err(SparkError::new("INVALID_SAVE_MODE", [("mode", format!("\"{mode}\""))])),
        }
    }

    fn buckets(&self) -> Result<Option<Buckets>, SparkError> {
        let Some((count, columns)) = &self.bucket_by else {
            return match self.sort_by.is_empty() {
                true => Ok(None),
                false => Err(SparkError::plain("SORT_BY_WITHOUT_BUCKETING")),
            };
        };
        checks::bucket_count(*count)?;
        let (columns, sorted_by) = (columns.clone(), self.sort_by.clone());
        Ok(Some(Buckets { count: *count, columns, sorted_by }))
    }

    fn is_on(&self, option: &str) -> bool {
        self.options.get(option).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Writes the rows to the table of this name. When it returns, everyone can read them.
    ///
    /// By mode: *append* adds rows, whose columns are found by name; *overwrite* puts these rows
    /// and their columns in the place of the old ones; *ignore* and *error* create the table, and
    /// do nothing or fail if it is there. A name that no table has is created in each mode.
    ///
    /// # Errors
    ///
    /// [`SparkError`] in Spark's words. Nothing has changed then, also after an overwrite.
    pub async fn save_as_table(self, name: &str) -> Result<(), SparkError> {
        let session = self.frame.session().clone();
        let parts = Parts::parse_strictly(name)?;
        let Some((database, table_name)) = parts.in_catalog(&session.current_database()) else {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1310", [("quote", parts.plain())]));
        };
        let mode = self.save_mode()?;
        let buckets = self.buckets()?;
        let name = match names::table(&database, &table_name) {
            Ok(name) => name,
            // Nothing has such a name, so that it would be created.
            Err(error) => {
                return Err(names::new_table(&database, &table_name).err().unwrap_or(error));
            }
        };
        let asked = self.format.as_deref().unwrap_or(source::DEFAULT);
        let provider = source::provider(asked, &name)?;
        let snapshot = session.snapshot();
        let database_name = names::database(&database)?;
        if snapshot.database(&database_name).is_err() {
            return Err(convert::no_schema(&database));
        }
        let table = snapshot.table(&name).ok();
        let save = Save { writer: &self, name: &name, provider, buckets };
        match (mode, &table) {
            (SaveMode::Ignore, Some(_)) => return Ok(()),
            (SaveMode::ErrorIfExists, Some(_)) => return Err(convert::exists(&name)),
            (SaveMode::Append, Some(table)) => save.check_append(table)?,
            (SaveMode::Overwrite, Some(table)) => {
                reads::refuse_overwrite(self.frame.logical_plan(), table)?;
                save.check_create(&database, &table_name)?;
            }
            _ => save.check_create(&database, &table_name)?,
        }
        self.frame.with_room(save.make(mode, table.as_ref())).await
    }

    /// Writes the rows into a table that exists, column by place: adds them, or with mode
    /// `overwrite` puts them in the place of the old rows. With the configuration
    /// `spark.sql.sources.partitionOverwriteMode` at `dynamic`, an overwrite of a partitioned table
    /// replaces only the partitions that the rows are in.
    ///
    /// # Errors
    ///
    /// [`SparkError`] in Spark's words.
    pub async fn insert_into(self, name: &str) -> Result<(), SparkError> {
        let overwrite = self.save_mode()? == SaveMode::Overwrite;
        self.insert_with(name, overwrite).await
    }

    /// [`insert_into`](Self::insert_into) with `overwrite` said apart from the mode.
    ///
    /// # Errors
    ///
    /// As for [`insert_into`](Self::insert_into).
    pub async fn insert_with(self, name: &str, overwrite: bool) -> Result<(), SparkError> {
        let frame = self.frame.clone();
        frame.with_room(self.inserted(name, overwrite)).await
    }

    async fn inserted(self, name: &str, overwrite: bool) -> Result<(), SparkError> {
        let session = self.frame.session().clone();
        if self.bucket_by.is_some() {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1312", [("operation", "insertInto")]));
        }
        let parts = Parts::parse(name)?;
        if !self.partition_by.is_empty() {
            return Err(SparkError::new(
                "PARTITION_BY_NOT_ALLOWED_WITH_INSERT_INTO",
                [("tableName", parts.plain())],
            ));
        }
        if let [view] = parts.0.as_slice()
            && session.sql_session().views().local(view).is_some()
        {
            return Err(SparkError::plain("UNSUPPORTED_INSERT.RDD_BASED"));
        }
        let told = self.told();
        let (database, table_name) = parts.to_read(&told.database)?;
        let missing = || told.not_found(&parts.0);
        let name = names::table(&database, &table_name).map_err(|_| missing())?;
        let table = session.snapshot().table(&name).map_err(|_| missing())?;
        if let TableKind::View { .. } = table.kind() {
            return Err(SparkError::new(
                "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
                [("viewName", names::full(&name)), ("operation", "INSERT".to_owned())],
            ));
        }
        let mode = if overwrite { SaveMode::Overwrite } else { SaveMode::Append };
        if overwrite {
            reads::refuse_overwrite(self.frame.logical_plan(), &table)?;
        }
        let target = table.schema();
        let schema = self.frame.schema();
        let made = {
            let target = Arc::clone(&target);
            move |batch: RecordBatch| declared::fitted(&batch, &target, Matching::ByPosition)
        };
        let columns = declared::columns(&schema, &target, Matching::ByPosition)?;
        let rows = self.frame.gather(&columns, places(&table, &schema), made).await?;
        let dynamic = session
            .conf()
            .get_or("spark.sql.sources.partitionOverwriteMode", "static")
            .eq_ignore_ascii_case("dynamic");
        let only = match overwrite && dynamic && !table.partition_columns().is_empty() {
            true => Some(reads::partitions_of(&table, rows.batches(), Matching::ByPosition)?),
            false => None,
        };
        let written = written(&schema, &target);
        let inserted = session.change(|tx| {
            let mut writer =
                tx.write(&rows).mode(mode).matching(Matching::ByPosition).casts(CastPolicy::Ansi);
            if let Some(predicate) = &only {
                writer = writer.replace_where(predicate.clone());
            }
            writer.insert_into(&name).map(drop)
        });
        inserted.map_err(|error| told.write(error, Some(&written)))
    }

    /// Writes the rows to files in a directory, which must lie below that of
    /// [`SessionBuilder::files_below`](crate::SessionBuilder::files_below). The format is
    /// `parquet`.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if files may not be written, or the mode refuses what is there.
    pub async fn save(self, path: &str) -> Result<(), SparkError> {
        let mode = self.save_mode()?;
        let batches = self.frame.to_batches().await?;
        let format = self.format.as_deref().unwrap_or(source::DEFAULT);
        files::write(self.frame.session(), path, format, mode, &self.frame.schema(), &batches)
    }

    /// [`save`](Self::save) as Parquet.
    ///
    /// # Errors
    ///
    /// As for [`save`](Self::save).
    pub async fn parquet(self, path: &str) -> Result<(), SparkError> {
        self.format("parquet").save(path).await
    }
}

fn written(rows: &SchemaRef, table: &SchemaRef) -> Written {
    let names = |schema: &SchemaRef| {
        schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<String>>()
    };
    Written { rows: names(rows), table: names(table) }
}

/// The columns of rows that stand where the table has those that it is divided by.
fn places(table: &Table, rows: &SchemaRef) -> Vec<String> {
    let target = table.schema();
    let name = |column: &str| {
        let place = target.index_of(column).ok()?;
        rows.fields().get(place).map(|field| field.name().clone())
    };
    table.partition_columns().into_iter().filter_map(name).collect()
}

/// A save on its way: what was asked for, brought into one form.
pub(crate) struct Save<'a> {
    pub(crate) writer: &'a DataFrameWriter,
    pub(crate) name: &'a TableName,
    pub(crate) provider: String,
    pub(crate) buckets: Option<Buckets>,
}

impl Save<'_> {
    async fn make(&self, mode: SaveMode, table: Option<&Table>) -> Result<(), SparkError> {
        let frame = &self.writer.frame;
        let (told, session) = (self.writer.told(), frame.session());
        let merge = self.writer.is_on("mergeschema");
        let (schema, by) = (frame.schema(), &self.writer.partition_by);
        let appended_to = table.filter(|_| mode == SaveMode::Append);
        let appends = appended_to.is_some();
        let (schema, rows) = match appended_to {
            Some(table) => (schema, Change::rows(frame, table).await?),
            None => frame.gather_divided(&schema, by).await?,
        };
        let saved = session.change(|tx| {
            let mut writer = tx
                .write(&rows)
                .mode(mode)
                .casts(CastPolicy::Ansi)
                .merge_schema(merge && table.is_some());
            if !appends {
                writer = writer.partition_by(self.writer.partition_by.clone());
                writer = writer.property(PROVIDER, &self.provider);
                if let Some(buckets) = &self.buckets {
                    writer = writer.property(BUCKETS, &buckets.to_text());
                }
                if let Some(path) = self.writer.options.get("path") {
                    writer = writer.external(path);
                }
            }
            writer.save_as_table(self.name)?;
            if mode == SaveMode::Overwrite
                && let Some(table) = table
            {
                self.forget(tx, table)?;
            }
            Ok(())
        });
        saved.map_err(|error| match error {
            WriteError::Catalog(annals::error::CatalogError::IsView { .. }) => {
                SparkError::plain("_LEGACY_ERROR_TEMP_1158")
            }
            error => told.write(error, Some(&written(&schema, &schema))),
        })
    }

    /// In Spark an overwrite makes the table anew: nothing stays of what was kept with it.
    fn forget(&self, tx: &mut annals::Transaction, table: &Table) -> Result<(), WriteError> {
        let mut patch = PropertyPatch::new();
        for key in table.properties().keys() {
            let kept = **key == *PROVIDER || (**key == *BUCKETS && self.buckets.is_some());
            if !kept {
                patch = patch.without(key);
            }
        }
        if table.comment().is_some() {
            patch = patch.without_comment();
        }
        if patch.is_empty() { Ok(()) } else { tx.set_properties(self.name, &patch) }
    }

    fn check_create(&self, database: &str, table: &str) -> Result<(), SparkError> {
        names::new_table(database, table)?;
        if let Some(codec) = self.writer.options.get("compression") {
            source::check_codec(codec)?;
        }
        checks::create(
            &self.writer.frame.schema(),
            self.name,
            &self.writer.partition_by,
            self.buckets.as_ref(),
            &self.provider,
        )
    }

    fn check_append(&self, table: &Table) -> Result<(), SparkError> {
        if let TableKind::View { .. } = table.kind() {
            return Err(SparkError::plain("_LEGACY_ERROR_TEMP_1158"));
        }
        let existing = details::provider(table);
        if existing != self.provider {
            return Err(SparkError::new(
                "_LEGACY_ERROR_TEMP_1159",
                [
                    ("tableName", names::full_plain(self.name)),
                    ("existingProvider", source::class(&existing)),
                    ("specifiedProvider", source::class(&self.provider)),
                ],
            ));
        }
        if let Some(path) = self.writer.options.get("path") {
            let location = match table.kind() {
                TableKind::External { location } => location.to_string(),
                _ => String::new(),
            };
            if *path != location {
                return Err(SparkError::new(
                    "_LEGACY_ERROR_TEMP_1160",
                    [
                        ("identifier", names::full(self.name)),
                        ("existingTableLoc", location),
                        ("tableDescLoc", path.clone()),
                    ],
                ));
            }
        }
        let merge = self.writer.is_on("mergeschema");
        checks::append(&self.writer.frame.schema(), table, merge)?;
        checks::same_partitions(table, &self.writer.partition_by)?;
        checks::same_buckets(table, self.buckets.as_ref())?;
        checks::same_clustering(table)
    }
}

/// What a V2 write of rows comes down to; see [`DataFrameWriterV2`](crate::DataFrameWriterV2).
pub(crate) struct Change<'a> {
    pub(crate) frame: &'a DataFrame,
    pub(crate) name: &'a TableName,
    pub(crate) mode: SaveMode,
    pub(crate) only: Option<Predicate>,
}

impl Change<'_> {
    /// Computes the rows, for a table that exists.
    pub(crate) async fn rows(frame: &DataFrame, table: &Table) -> Result<Gathered, SparkError> {
        let target = table.schema();
        let columns = declared::columns(&frame.schema(), &target, Matching::ByName)?;
        let made = move |batch: RecordBatch| declared::fitted(&batch, &target, Matching::ByName);
        frame.gather(&columns, table.partition_columns(), made).await
    }

    /// Writes into a table that exists, column by name; what the rows lack is null.
    pub(crate) fn make(self, table: &Table, rows: &Gathered) -> Result<(), SparkError> {
        let told = self.frame.session().told(true);
        let schema = self.frame.schema();
        let saved = self.frame.session().change(|tx| {
            let mut writer = tx
                .write(rows)
                .mode(self.mode)
                .matching(Matching::ByName)
                .missing(Missing::FillNull)
                .casts(CastPolicy::Ansi);
            if self.mode == SaveMode::Overwrite {
                writer = writer.overwrite_schema(false);
            }
            if let Some(predicate) = &self.only {
                writer = writer.replace_where(predicate.clone());
            }
            writer.save_as_table(self.name).map(drop)
        });
        let written = written(&schema, &table.schema());
        saved.map_err(|error| told.write(error, Some(&written)))
    }
}

#[cfg(test)]
mod tests;
