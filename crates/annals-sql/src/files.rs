//! Files that a statement names, and whether it may read them.
//!
//! Off unless the host names a directory. Then only regular files below it are read: a path is
//! taken part by part, and `..` or a symbolic link anywhere below the directory is refused, so
//! that no text of a statement leads out of it.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;

use crate::error::SqlError;
use crate::scope::Scope;

/// Whether, and where, statements may read files.
#[derive(Clone, Debug, Default)]
pub(crate) enum FileAccess {
    /// Nowhere.
    #[default]
    Off,
    /// Below this directory, whose path has no links.
    Below(Arc<Path>),
}

/// A file as a statement names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName {
    /// The format's name, or none if the ending of the path tells it.
    pub(crate) format: Option<String>,
    pub(crate) path: String,
}

/// Formats that a path may be prefixed with: `` parquet.`path` ``.
const FORMATS: [&str; 9] =
    ["parquet", "csv", "json", "text", "orc", "avro", "delta", "binaryfile", "arrow"];

/// The file that a name stands for which is no table: `` format.`path` ``, or a path by itself.
pub(crate) fn named(parts: &[impl AsRef<str>]) -> Option<FileName> {
    let is_path = |text: &str| {
        let has_ending = Path::new(text)
            .extension()
            .is_some_and(|ending| FORMATS.iter().any(|format| ending.eq_ignore_ascii_case(format)));
        text.contains(['/', '\\']) || has_ending
    };
    match parts {
        [path] if is_path(path.as_ref()) => {
            Some(FileName { format: None, path: path.as_ref().to_owned() })
        }
        [format, path]
            if FORMATS.iter().any(|known| format.as_ref().eq_ignore_ascii_case(known)) =>
        {
            let format = Some(format.as_ref().to_ascii_lowercase());
            Some(FileName { format, path: path.as_ref().to_owned() })
        }
        _ => None,
    }
}

impl FileAccess {
    /// Statements may read files below `directory`.
    ///
    /// # Errors
    ///
    /// [`SqlError::File`] if it is no directory that can be read.
    pub(crate) fn below(directory: &Path) -> Result<Self, SqlError> {
        let failed = |source| SqlError::File { path: directory.display().to_string(), source };
        let root = directory.canonicalize().map_err(failed)?;
        if !root.is_dir() {
            return Err(failed(std::io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self::Below(root.into()))
    }

    /// The files that a name stands for: one, or all in a directory and below it.
    pub(crate) fn resolve(&self, path: &str) -> Result<Vec<PathBuf>, SqlError> {
        let Self::Below(root) = self else {
            return Err(SqlError::FilesAreOff { path: path.to_owned() });
        };
        let outside = |reason| SqlError::FileOutside { path: path.to_owned(), reason };
        let failed = |source| SqlError::File { path: path.to_owned(), source };
        let mut full = root.to_path_buf();
        let asked = path.strip_prefix("file://").unwrap_or(path);
        if asked.contains("://") {
            return Err(outside("only local files are read"));
        }
        let relative = match Path::new(asked).strip_prefix(root) {
            Ok(relative) => relative,
            Err(_) if Path::new(asked).is_absolute() => {
                return Err(outside("it is an absolute path to elsewhere"));
            }
            Err(_) => Path::new(asked),
        };
        for part in relative.components() {
            match part {
                Component::Normal(part) => full.push(part),
                Component::CurDir => continue,
                _ => return Err(outside("it has a part that leads upwards")),
            }
            if fs::symlink_metadata(&full).map_err(failed)?.is_symlink() {
                return Err(outside("a part of it is a symbolic link"));
            }
        }
        let mut files = Vec::new();
        let mut directories = vec![full];
        while let Some(next) = directories.pop() {
            let kind = fs::symlink_metadata(&next).map_err(failed)?;
            if kind.is_file() {
                files.push(next);
            } else if kind.is_dir() {
                for entry in fs::read_dir(&next).map_err(failed)? {
                    let entry = entry.map_err(failed)?;
                    // Hidden files, and those that writers leave beside data.
                    if !entry.file_name().as_encoded_bytes().starts_with(b".")
                        && !entry.file_name().as_encoded_bytes().starts_with(b"_")
                    {
                        directories.push(entry.path());
                    }
                }
            } else {
                return Err(outside(
                    "it is or contains something else than files and directories, such as a symbolic link",
                ));
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(failed(std::io::ErrorKind::NotFound.into()));
        }
        Ok(files)
    }

    /// The rows of a file.
    pub(crate) fn provider(
        &self,
        scope: &Scope,
        file: &FileName,
    ) -> Result<Arc<dyn TableProvider>, SqlError> {
        let files = self.resolve(&file.path)?;
        let ending = |path: &PathBuf| Some(path.extension()?.to_str()?.to_ascii_lowercase());
        let name = file.format.clone().or_else(|| files.first().and_then(ending));
        let format: Arc<dyn FileFormat> = match name.as_deref() {
            Some("parquet") => Arc::new(ParquetFormat::default().with_force_view_types(false)),
            Some("csv") => Arc::new(CsvFormat::default().with_has_header(true)),
            Some("json") => Arc::new(JsonFormat::default()),
            other => {
                return Err(SqlError::Unsupported {
                    what: format!("to read files of the format `{}`", other.unwrap_or("")),
                    instead: "files of the formats parquet, csv and json are read".to_owned(),
                });
            }
        };
        let urls = files.iter().map(|file| ListingTableUrl::parse(file.to_string_lossy()));
        let urls = urls.collect::<Result<Vec<_>, _>>()?;
        infer(urls, format, scope.state())
    }
}

/// Planning is synchronous and looking into a file is not; so it is done on a thread of its own,
/// which waits for nothing of the caller's runtime.
fn infer(
    urls: Vec<ListingTableUrl>,
    format: Arc<dyn FileFormat>,
    state: &SessionState,
) -> Result<Arc<dyn TableProvider>, SqlError> {
    let options = ListingOptions::new(format).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    let work = || -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let config = runtime.block_on(config.infer_schema(state))?;
        Ok(Arc::new(ListingTable::try_new(config)?))
    };
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    let done = done.unwrap_or_else(|_| {
        Err(DataFusionError::Execution("looking into the file panicked".to_owned()))
    });
    Ok(done?)
}
