//! Rows in buffers that say how many of them there still are.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt8Array};
use arrow_buffer::{Buffer, ScalarBuffer};
use bytes::Bytes;

/// Counts the buffers that it has made and that nobody has freed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canaries {
    token: Arc<()>,
}

struct Canary {
    bytes: Vec<u8>,
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Canary {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Canaries {
    /// A batch of the column `c`, with these values.
    pub(crate) fn rows(&self, values: &[u8]) -> RecordBatch {
        let canary = Canary { bytes: values.to_vec(), _alive: Arc::clone(&self.token) };
        let buffer = Buffer::from(Bytes::from_owner(canary));
        let values = ScalarBuffer::new(buffer, 0, values.len());
        let values: ArrayRef = Arc::new(UInt8Array::new(values, None));
        RecordBatch::try_from_iter_with_nullable([("c", values, true)]).unwrap()
    }

    /// How many buffers there are now.
    pub(crate) fn alive(&self) -> usize {
        Arc::strong_count(&self.token) - 1
    }
}

#[test]
fn a_buffer_is_counted_until_it_is_freed() {
    let canaries = Canaries::default();
    let rows = canaries.rows(&[1, 2]);
    assert_eq!((canaries.alive(), rows.num_rows()), (1, 2));
    let slice = rows.slice(1, 1);
    drop(rows);
    assert_eq!(canaries.alive(), 1);
    drop(slice);
    assert_eq!(canaries.alive(), 0);
}
