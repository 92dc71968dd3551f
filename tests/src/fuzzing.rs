//! What fuzzers try: bytes in, and a panic if a promise is broken. The same functions replay the
//! corpora as ordinary tests.

pub mod names;
pub mod predicates;
pub mod schemas;

use crate::model::decode::{Choices, STEP_BYTES, step};
use crate::model::pair::Pair;

/// How many steps of a story are told at most: fuzzers like long ones, which are slow.
const STEPS_MAX: usize = 24;

/// A target: its name, as `cargo fuzz` knows it, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 4] = [
    ("names", names::run),
    ("predicates", predicates::run),
    ("schemas", schemas::run),
    ("stories", stories),
];

/// A store beside its model: the first byte says whether it makes databases, the others are steps.
pub fn stories(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let mut pair = Pair::new(first % 2 == 1);
    for block in rest.chunks(STEP_BYTES).take(STEPS_MAX) {
        pair.step(&step(&mut Choices::new(block)));
    }
    pair.check_all();
}
