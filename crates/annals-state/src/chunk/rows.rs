//! Rows of which the buffers may do anything as they are freed.
//!
//! A buffer may have an owner outside of Arrow, and that owner may panic when it is let go of. A
//! version that nobody holds lets go of many chunks at once, and a second panic while the first
//! unwinds would end the process. So each column is let go of by itself, and its panic goes no
//! further; the panic hook has told of it by then.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

/// A batch that is let go of column by column.
#[derive(Clone, Debug)]
pub(super) struct Rows(RecordBatch);

impl Rows {
    pub(super) fn new(batch: RecordBatch) -> Self {
        Self(batch)
    }
}

impl Deref for Rows {
    type Target = RecordBatch;

    fn deref(&self) -> &RecordBatch {
        &self.0
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        static NO_COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::empty()));
        let nothing = RecordBatch::new_empty(Arc::clone(&NO_COLUMNS));
        let_go(std::mem::replace(&mut self.0, nothing));
    }
}

/// Drops `batch` column by column; if one panics, that goes no further.
pub fn let_go(batch: RecordBatch) {
    let (_, columns, _) = batch.into_parts();
    for column in columns {
        if let Err(thrown) = catch_unwind(AssertUnwindSafe(|| drop(column))) {
            // It may panic as well.
            std::mem::forget(thrown);
        }
    }
}
