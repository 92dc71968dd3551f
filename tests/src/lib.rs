//! What the tests of the whole share.
//!
//! A test of one module lives in that module. Here are the tests that need more than one crate or
//! that look at the repository itself: one directory per subject, with a `main.rs` and a `[[test]]`
//! entry in `Cargo.toml`. What a second subject needs as well comes here.

use std::path::PathBuf;

/// Returns the directory that holds the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    // Asked for when the test runs: two checkouts that share a target directory also share the
    // compiled test, and each is to be judged by its own files.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().expect("the package lies one level below").to_owned()
}
