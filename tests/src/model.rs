//! A model of the whole engine: databases, tables and rows in plain maps and lists, and beside it
//! a store on which the same calls are made.
//!
//! ```text
//! bytes -> decode -> step -> pair -> draft (rules on a world)     what must come of it
//!                                 -> engine (calls on a store)    what does
//! ```
//!
//! Whatever can be seen is compared after every step: databases, tables, columns, rows with their
//! ids, commits, tags, which versions there are, and what was held before. A refusal has to be the
//! one that the model foresees. Random tests, threads and fuzzers tell the same stories.

mod conditions;
pub mod decode;
pub mod draft;
pub mod engine;
pub mod fit;
mod looks;
mod merge;
pub mod pair;
pub mod past;
mod rows;
mod saves;
pub mod step;
mod told;
mod transactions;
mod undo;
pub mod world;
