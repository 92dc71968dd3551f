//! The one atomic cell: a shared value that can be read without waiting, and swapped.
//!
//! Private, and all that the rest of the crate knows of it is here, so that it can be changed.
//! There are three, with the same calls:
//!
//! * `arc_swap`, which is used;
//! * `epoch`, with `--cfg annals_cell="epoch"`: reading touches no reference count, and what was
//!   superseded is given back later;
//! * `model`, while a tool has the threads in its hands; see [`sync`](crate::sync).
//!
//! Why it is so is in the decision on the cell.

#[cfg(any(test, not(any(annals_cell = "epoch", annals_sync = "shuttle", annals_sync = "loom"))))]
#[cfg_attr(annals_cell = "epoch", allow(dead_code))]
mod arc_swap;
#[cfg(any(test, annals_cell = "epoch"))]
#[cfg_attr(not(annals_cell = "epoch"), allow(dead_code))]
mod epoch;
#[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
mod model;

#[cfg(not(any(annals_cell = "epoch", annals_sync = "shuttle", annals_sync = "loom")))]
pub(crate) use self::arc_swap::{Cell, collect};
#[cfg(annals_cell = "epoch")]
pub(crate) use self::epoch::{Cell, collect};
#[cfg(any(annals_sync = "shuttle", annals_sync = "loom"))]
pub(crate) use self::model::{Cell, collect};

#[cfg(test)]
mod tests;
