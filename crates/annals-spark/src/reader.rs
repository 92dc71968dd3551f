//! Reading with options: a table in one of its versions, or files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::error::SparkError;
use crate::frame::DataFrame;
use crate::names::Parts;
use crate::session::Session;

/// A read that has not begun; see [`Session::read`].
#[derive(Clone, Debug)]
pub struct DataFrameReader {
    session: Session,
    format: Option<String>,
    /// By name in lower case.
    options: BTreeMap<String, String>,
}

impl DataFrameReader {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, format: None, options: BTreeMap::new() }
    }

    /// The format of files.
    #[must_use]
    pub fn format(mut self, format: &str) -> Self {
        self.format = Some(format.to_owned());
        self
    }

    /// Sets an option. `versionAsOf` and `timestampAsOf` choose the version of a table.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "values are given as they are")]
    pub fn option(mut self, key: &str, value: impl ToString) -> Self {
        self.options.insert(key.to_lowercase(), value.to_string());
        self
    }

    /// The table or view of this name, in the version that the options ask for: `versionAsOf`
    /// counts the table's own states from 0, and takes a tag; `timestampAsOf` takes a timestamp.
    ///
    /// # Errors
    ///
    /// As for [`Session::table`]; also if there is no such version.
    pub fn table(&self, name: &str) -> Result<DataFrame, SparkError> {
        let (version, moment) =
            (self.options.get("versionasof"), self.options.get("timestampasof"));
        let clause = match (version, moment) {
            (None, None) => return self.session.table(name),
            (Some(_), Some(_)) => return Err(SparkError::plain("MULTIPLE_TIME_TRAVEL_SPEC")),
            (Some(version), None) if version.trim().parse::<u64>().is_ok() => {
                format!("VERSION AS OF {}", version.trim())
            }
            (Some(tag), None) => format!("VERSION AS OF {}", quoted(tag)),
            (None, Some(moment)) => format!("TIMESTAMP AS OF {}", quoted(moment)),
        };
        let parts = Parts::parse(name)?;
        let text = format!("SELECT * FROM {} {clause}", parts.quoted());
        self.session.query_over(&[], &text).map(|plan| self.session.frame(plan))
    }

    /// The rows of files, which must lie below the directory of
    /// [`SessionBuilder::files_below`](crate::SessionBuilder::files_below). The format is
    /// `parquet`; a directory stands for the files in it.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if files may not be read, there are none, or they are of another format.
    pub fn load(&self, path: &str) -> Result<DataFrame, SparkError> {
        let format = self.format.as_deref().unwrap_or("parquet");
        if !format.eq_ignore_ascii_case("parquet") {
            return Err(SparkError::new("DATA_SOURCE_NOT_FOUND", [("provider", format)]));
        }
        let files = files_in(&allowed(&self.session, path)?, path)?;
        let (mut schema, mut batches) = (None, Vec::new());
        for file in files {
            let opened = fs::File::open(&file).map_err(|error| unreadable(path, error))?;
            let reader = ParquetRecordBatchReaderBuilder::try_new(opened)
                .and_then(ParquetRecordBatchReaderBuilder::build)
                .map_err(|error| unreadable(path, error))?;
            for batch in reader {
                let batch = batch.map_err(|error| unreadable(path, error))?;
                schema.get_or_insert_with(|| batch.schema());
                batches.push(batch);
            }
        }
        let schema = schema.unwrap_or_else(|| Arc::new(arrow::datatypes::Schema::empty()));
        self.session.from_batches(&schema, batches)
    }

    /// [`load`](Self::load) of Parquet files.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn parquet(&self, path: &str) -> Result<DataFrame, SparkError> {
        self.clone().format("parquet").load(path)
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn unreadable(path: &str, error: impl std::error::Error + Send + Sync + 'static) -> SparkError {
    SparkError::other(format!("`{path}` cannot be read: {error}")).caused_by(error)
}

/// The path, if the session may reach it. What is not there yet counts by the directory it is in.
pub(crate) fn allowed(session: &Session, path: &str) -> Result<PathBuf, SparkError> {
    let path = path.strip_prefix("file://").or_else(|| path.strip_prefix("file:")).unwrap_or(path);
    let off = || {
        SparkError::other(format!(
            "`{path}` is a path, and this session may not reach files there; the host allows it by `files_below`"
        ))
    };
    let root = session.files().ok_or_else(off)?.canonicalize().map_err(|_| off())?;
    let asked = root.join(path);
    let climbs = asked.components().any(|part| matches!(part, std::path::Component::ParentDir));
    let known = asked.ancestors().find_map(|part| part.canonicalize().ok());
    match known {
        Some(known) if known.starts_with(&root) && !climbs => Ok(asked),
        _ => Err(off()),
    }
}

fn files_in(path: &Path, shown: &str) -> Result<Vec<PathBuf>, SparkError> {
    let missing = || SparkError::new("PATH_NOT_FOUND", [("path", format!("file:{shown}"))]);
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|_| missing())?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "parquet"))
        .collect();
    files.sort();
    if files.is_empty() { Err(missing()) } else { Ok(files) }
}
