//! Rows as bytes, for peers that keep bytes: a stream of Arrow IPC.

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;

use super::Failure;

pub(super) fn encode(rows: &RecordBatch) -> Result<Vec<u8>, Failure> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema())?;
    writer.write(rows)?;
    Ok(writer.into_inner()?)
}

pub(super) fn decode(bytes: &[u8], see: &mut dyn FnMut(&RecordBatch)) -> Result<(), Failure> {
    for rows in StreamReader::try_new(bytes, None)? {
        see(&rows?);
    }
    Ok(())
}
