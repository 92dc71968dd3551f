//! An allocator that counts what each thread frees, and buffers that do something when freed.
//!
//! The one file of the tests with unsafe code: an allocator cannot be written without, a buffer
//! with an owner of its own cannot be made without, and a process cannot be forked without.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_buffer::alloc::Allocation;
use arrow_buffer::{Buffer, ScalarBuffer};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ALLOCATED: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static FREED: Cell<Freed> = const { Cell::new(Freed { times: 0, bytes: 0 }) };
}

/// What a thread has freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Freed {
    pub(crate) times: u64,
    pub(crate) bytes: u64,
}

// SAFETY: all calls are passed on to the system's allocator as they come.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller keeps the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // A thread that is on its way out is of no interest.
        let _ = FREED.try_with(|freed| {
            let Freed { times, bytes } = freed.get();
            freed.set(Freed { times: times + 1, bytes: bytes + layout.size() as u64 });
        });
        // SAFETY: the caller keeps the rules of `dealloc`, and `alloc` asked the same allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How many bytes are allocated now, by all threads.
pub(crate) fn allocated() -> i64 {
    ALLOCATED.load(Ordering::Relaxed)
}

/// What this thread frees while `work` runs.
pub(crate) fn freed_by(work: impl FnOnce()) -> Freed {
    let before = FREED.get();
    work();
    let after = FREED.get();
    Freed { times: after.times - before.times, bytes: after.bytes - before.bytes }
}

/// One number in a buffer that calls `on_free` when it is freed, on the thread that frees it.
pub(crate) fn watched(number: i64, on_free: impl FnOnce() + Send + 'static) -> RecordBatch {
    let owner = Owner { number: Box::new(number), on_free: Some(Box::new(on_free)) };
    let (start, bytes) = (NonNull::from(&*owner.number).cast(), size_of::<i64>());
    let owner: Arc<dyn Allocation> = Arc::new(std::sync::Mutex::new(owner));
    // SAFETY: the number is on the heap and is neither moved nor written before its owner goes,
    // which the buffer holds.
    let buffer = unsafe { Buffer::from_custom_allocation(start, bytes, owner) };
    let numbers: ArrayRef = Arc::new(Int64Array::new(ScalarBuffer::new(buffer, 0, 1), None));
    RecordBatch::try_from_iter_with_nullable([("n", numbers, true)]).unwrap()
}

struct Owner {
    number: Box<i64>,
    on_free: Option<Box<dyn FnOnce() + Send>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(on_free) = self.on_free.take() {
            on_free();
        }
    }
}

/// Runs `work` in a child of this process that has only this thread, and tells whether it returned
/// true there.
#[cfg(unix)]
pub(crate) fn in_a_child(work: impl FnOnce() -> bool + std::panic::UnwindSafe) -> bool {
    // SAFETY: the child runs what follows on a copy of this thread's stack and ends without
    // returning to the test. It takes no lock that another thread can have but the allocator's,
    // which the C library sets right, and those whose handling is what is tested.
    unsafe {
        match libc::fork() {
            -1 => panic!("no child could be made"),
            0 => {
                let done = std::panic::catch_unwind(work).unwrap_or(false);
                libc::_exit(i32::from(!done))
            }
            child => {
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
            }
        }
    }
}
