//! The engine beside its model: any story that can be told of a store comes out as the model says.
//!
//! A failure prints the shortest story that shows it, as a list of calls, and `ANNALS_SEED`.

mod concurrent;
mod corpora;
mod found;
mod sequential;

use std::sync::OnceLock;

use proptest::test_runner::{Config, RngSeed};

/// `ANNALS_SEED` says which, `PROPTEST_CASES` how many.
fn config(cases: u32) -> Config {
    let given = Config::default();
    let has = |name| std::env::var_os(name).is_some();
    static SEED: OnceLock<u64> = OnceLock::new();
    // The same stories each time, unless others are asked for: `.ci/prove long model` asks for new ones.
    let asked = || if has("ANNALS_SEED") { annals_tests::seed() } else { 1 };
    let seed = *SEED.get_or_init(asked);
    let cases = if has("PROPTEST_CASES") { given.cases } else { cases };
    let (rng_seed, failure_persistence, max_shrink_iters) = (RngSeed::Fixed(seed), None, 20_000);
    Config { cases, rng_seed, failure_persistence, max_shrink_iters, verbose: 0, ..given }
}
