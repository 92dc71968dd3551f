//! What the benchmarks share.
//!
//! A benchmark is one file beside `src`, named after its subject, with a header that states the
//! question it answers and a `[[bench]]` entry (`harness = false`) in `Cargo.toml`. Run with
//! `-- --test` it does each of its measurements once, on small data, and only shows that it works;
//! run without, it measures.
