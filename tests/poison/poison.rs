//! An allocator that overwrites what is freed, and gives it to nobody else for a while.
//!
//! Whoever reads what was freed reads `0xDE` over and over: no number that a test wrote, and no
//! address that a process has. Whoever writes to it is found when it leaves the quarantine.
//!
//! A file with unsafe code: an allocator cannot be written without.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) const POISON: u8 = 0xDE;

/// How many blocks are kept back.
const BLOCKS: usize = 32_768;

/// Larger ones are overwritten and given back at once.
const BLOCK_BYTES_MAX: usize = 64 << 10;

struct Poisoning {
    locked: AtomicBool,
    ring: UnsafeCell<Ring>,
}

struct Ring {
    blocks: [(*mut u8, Layout); BLOCKS],
    next: usize,
}

// SAFETY: the ring is only looked at by who has set `locked`.
unsafe impl Sync for Poisoning {}

#[global_allocator]
static ALLOCATOR: Poisoning = Poisoning {
    locked: AtomicBool::new(false),
    ring: UnsafeCell::new(Ring {
        blocks: [(ptr::null_mut(), Layout::new::<u8>()); BLOCKS],
        next: 0,
    }),
};

static POISONED: AtomicU64 = AtomicU64::new(0);

/// How many blocks were overwritten so far.
pub(crate) fn poisoned() -> u64 {
    // ORDERING: a count.
    POISONED.load(Ordering::Relaxed)
}

impl Poisoning {
    /// Puts a block into the ring and takes out the one that has been in it for longest.
    fn exchange(&self, block: (*mut u8, Layout)) -> (*mut u8, Layout) {
        // ORDERING: a lock: acquired here, released below.
        while self.locked.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        // SAFETY: `locked` was false, and is true until we are done: nobody else is here.
        let ring = unsafe { &mut *self.ring.get() };
        let at = ring.next;
        ring.next = (at + 1) % BLOCKS;
        let oldest = std::mem::replace(&mut ring.blocks[at], block);
        // ORDERING: see above.
        self.locked.store(false, Ordering::Release);
        oldest
    }
}

// SAFETY: all memory is the system's allocator's, which gets each block back once, with the layout
// that it was asked for with; between that and the caller's `dealloc` nobody else has it.
unsafe impl GlobalAlloc for Poisoning {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back a whole block, which nobody may use from now on.
        unsafe { ptr::write_bytes(pointer, POISON, layout.size()) };
        POISONED.fetch_add(1, Ordering::Relaxed);
        let (pointer, layout) = match layout.size() > BLOCK_BYTES_MAX {
            true => (pointer, layout),
            false => self.exchange((pointer, layout)),
        };
        if pointer.is_null() {
            return;
        }
        // SAFETY: the block is ours until it is given back below, and it is overwritten whole.
        let bytes = unsafe { std::slice::from_raw_parts(pointer, layout.size()) };
        if bytes.iter().any(|byte| *byte != POISON) {
            told(b"somebody wrote to what was freed\n");
        }
        // SAFETY: it is what `alloc` returned for this layout, and is given back this once.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Ends the process with a word: nothing else can be done within an allocator.
fn told(word: &[u8]) -> ! {
    // SAFETY: the bytes are there for as long as they are written.
    unsafe { libc::write(2, word.as_ptr().cast(), word.len()) };
    std::process::abort()
}

#[test]
fn what_is_freed_is_overwritten() {
    let block = Box::new([7_u8; 100]);
    let at = &raw const *block;
    drop(block);
    // Not through the pointer, which is no one's any more, but as anybody could look at memory.
    let path = "/proc/self/mem";
    let Ok(memory) = std::fs::File::open(path) else { return };
    let mut bytes = [0; 100];
    std::os::unix::fs::FileExt::read_exact_at(&memory, &mut bytes, at as u64).unwrap();
    assert_eq!(bytes, [POISON; 100]);
}
