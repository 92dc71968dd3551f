//! Rows in buffers that say how many of them there still are.

use std::sync::{Arc, Once};

use arrow_array::{ArrayRef, RecordBatch, UInt8Array};
use arrow_buffer::{Buffer, ScalarBuffer};
use bytes::Bytes;

/// Counts the buffers that it has made and that nobody has freed.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    token: Arc<()>,
}

struct Canary {
    bytes: Vec<u8>,
    fragile: bool,
    alive: Option<Arc<()>>,
}

/// What is thrown on purpose.
#[derive(Debug)]
pub struct Injected;

/// So many panics are on purpose that they are not to be told of.
pub fn silence_what_is_injected() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let otherwise = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Injected>() {
                otherwise(info);
            }
        }));
    });
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.alive = None;
        if self.fragile {
            std::panic::panic_any(Injected);
        }
    }
}

impl AsRef<[u8]> for Canary {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Canaries {
    /// A batch of the column `c`, with these values.
    pub fn rows(&self, values: &[u8]) -> RecordBatch {
        self.batch(values, false)
    }

    /// The same, in a buffer that panics when it is freed.
    pub fn fragile(&self, values: &[u8]) -> RecordBatch {
        silence_what_is_injected();
        self.batch(values, true)
    }

    fn batch(&self, values: &[u8], fragile: bool) -> RecordBatch {
        let alive = Some(Arc::clone(&self.token));
        let canary = Canary { bytes: values.to_vec(), fragile, alive };
        let buffer = Buffer::from(Bytes::from_owner(canary));
        let values = ScalarBuffer::new(buffer, 0, values.len());
        let values: ArrayRef = Arc::new(UInt8Array::new(values, None));
        RecordBatch::try_from_iter_with_nullable([("c", values, true)])
            .expect("one column is a batch")
    }

    /// How many buffers there are now.
    pub fn alive(&self) -> usize {
        Arc::strong_count(&self.token) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
