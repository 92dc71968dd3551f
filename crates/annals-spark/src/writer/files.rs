//! Rows into files, below the directory that the host allows.

use std::fs;
use std::path::Path;

use annals::SaveMode;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;

use crate::error::SparkError;
use crate::reader::allowed;
use crate::session::Session;

pub(super) fn write(
    session: &Session,
    path: &str,
    format: &str,
    mode: SaveMode,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(), SparkError> {
    if !format.eq_ignore_ascii_case("parquet") {
        return Err(SparkError::new("DATA_SOURCE_NOT_FOUND", [("provider", format)]));
    }
    let directory = allowed(session, path)?;
    let present = directory.exists();
    match mode {
        SaveMode::Ignore if present => return Ok(()),
        SaveMode::ErrorIfExists if present => {
            return Err(SparkError::new(
                "PATH_ALREADY_EXISTS",
                [("outputPath", format!("file:{path}"))],
            ));
        }
        _ => {}
    }
    let failed = |error: std::io::Error| {
        SparkError::other(format!("`{path}` cannot be written: {error}")).caused_by(error)
    };
    let old = if mode == SaveMode::Overwrite { parts(&directory) } else { Vec::new() };
    fs::create_dir_all(&directory).map_err(failed)?;
    // A name of its own, so that the rows of an append stand beside those that are there.
    let number = parts(&directory).len();
    let (last, hidden) = (
        directory.join(format!("part-{number:05}.parquet")),
        directory.join(format!(".part-{number:05}.unfinished")),
    );
    let file = fs::File::create(&hidden).map_err(failed)?;
    let told = |error: datafusion::parquet::errors::ParquetError| {
        SparkError::other(format!("`{path}` cannot be written: {error}")).caused_by(error)
    };
    let mut writer = ArrowWriter::try_new(file, schema.clone(), None).map_err(told)?;
    for batch in batches {
        writer.write(batch).map_err(told)?;
    }
    writer.close().map_err(told)?;
    for part in old {
        fs::remove_file(part).map_err(failed)?;
    }
    fs::rename(&hidden, &last).map_err(failed)
}

fn parts(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "parquet")).collect()
}
