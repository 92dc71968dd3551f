//! Opens Parquet and CSV files as sources of rows. What a file holds is never trusted: whatever is
//! wrong with it is an error.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::iter;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use annals::Source;
use arrow_array::RecordBatchReader;
use arrow_csv::ReaderBuilder;
use arrow_csv::reader::Format;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{Error, Result, explained, is_broken_pipe};

/// Larger than the readers' usual batches: fewer of them have to be joined into a chunk.
const BATCH_ROWS: usize = 1 << 16;

/// The rows of a file.
pub(crate) fn open(path: &Path) -> Result<Source<'static>> {
    let mut reader = guarded(|| reader(path))?;
    let schema = reader.schema();
    let batches = iter::from_fn(move || guarded(|| Ok(reader.next().transpose()?)).transpose());
    Ok(Source::stream(schema, batches))
}

/// Does something with a file that may be corrupt, on which some decoders panic. To whoever gave
/// the file, that is an error like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    // What was being read is not looked at again after a panic.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.unwrap_or_else(|reason| {
        let text = reason.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| reason.downcast_ref::<&str>().copied());
        Err(format!("the file is corrupt: {}", text.unwrap_or("it cannot be decoded")).into())
    })
}

/// Says which file an error is about.
pub(crate) fn naming(path: &Path, error: Error) -> Error {
    if is_broken_pipe(&error) {
        return error;
    }
    format!("{}: {}", path.display(), explained(&error)).into()
}

/// A reader of a file. What kind of file it is, its ending says, or else its first bytes.
pub(crate) fn reader(path: &Path) -> Result<Box<dyn RecordBatchReader>> {
    let mut file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err("this is a directory; give the files in it".into());
    }
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match ending.to_str().unwrap_or_default() {
        "parquet" | "pq" => parquet(file),
        "csv" | "tsv" | "txt" => csv(file),
        _ => {
            let mut start = Vec::new();
            file.by_ref().take(4).read_to_end(&mut start)?;
            file.rewind()?;
            if start == b"PAR1" { parquet(file) } else { Err(NEITHER.into()) }
        }
    }
}

const NEITHER: &str = "this is not a Parquet file, and its name does not end in .csv or .tsv";

fn parquet(file: File) -> Result<Box<dyn RecordBatchReader>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
    Ok(Box::new(reader.with_batch_size(BATCH_ROWS).build()?))
}

/// Reads the file twice: types are inferred from all rows, lest a late one does not fit.
fn csv(file: File) -> Result<Box<dyn RecordBatchReader>> {
    let mut file = BufReader::new(file);
    let mut header = Vec::new();
    file.read_until(b'\n', &mut header)?;
    if header.is_empty() {
        return Err(
            "the file is empty; a first line with the names of the columns is needed".into()
        );
    }
    let format = Format::default().with_header(true).with_delimiter(delimiter(&header));
    file.rewind()?;
    let (schema, _) = format.infer_schema(&mut file, None)?;
    file.rewind()?;
    let reader = ReaderBuilder::new(Arc::new(schema)).with_format(format);
    Ok(Box::new(reader.with_batch_size(BATCH_ROWS).build_buffered(file)?))
}

/// What the names in the first line are separated by: whichever is there most often.
fn delimiter(header: &[u8]) -> u8 {
    let often = |delimiter: &u8| header.iter().filter(|byte| *byte == delimiter).count();
    // Of several that are as frequent, the last one is taken.
    *b"|\t;,".iter().max_by_key(|delimiter| often(delimiter)).unwrap_or(&b',')
}
