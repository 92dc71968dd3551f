//! The engine beside its model: any story that can be told of a store comes out as the model says.
//!
//! A failure prints the shortest story that shows it, as a list of calls, and `ANNALS_SEED`.

mod concurrent;
mod corpora;
mod found;
mod sequential;

use std::sync::OnceLock;

use proptest::test_runner::{Config, RngSeed};

/// `ANNALS_SEED` says which, new ones each time if it says nothing; `PROPTEST_CASES` how many.
fn config(cases: u32) -> Config {
    let given = Config::default();
    // One for all, as this is asked several times of one test; and shown to each, as only the output
    // of one that fails is shown.
    static SEED: OnceLock<u64> = OnceLock::new();
    let seed = *SEED.get_or_init(annals_tests::seed);
    println!("its stories are those of ANNALS_SEED={seed}");
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { given.cases } else { cases };
    let (rng_seed, failure_persistence, max_shrink_iters) = (RngSeed::Fixed(seed), None, 20_000);
    Config { cases, rng_seed, failure_persistence, max_shrink_iters, verbose: 0, ..given }
}
