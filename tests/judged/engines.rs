//! Engines that are broken on purpose, and what each judge must find in them.
//!
//! A build with `--cfg annals_broken="NAME"` has the break in the engine itself, at a place of a
//! line or two, and this package is built with the same flag. A judge that lets one of them pass
//! is no judge.

use crate::linear::Finding;

/// An engine that is broken in one way.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    built: bool,
    /// How many transactions a run is to have, so that each is rejected at any seed.
    pub(crate) transactions: usize,
    /// Whether it shows in runs at snapshot isolation, or only where all is serializable.
    pub(crate) shows_at_snapshot: bool,
    /// What adya must find one of: the beginnings of names of anomalies.
    pub(crate) outside: &'static [&'static str],
    /// What the exact judge must find one of.
    pub(crate) linear: &'static [Finding],
}

/// What lost rows look like from outside: what was acknowledged is never seen, or lists that are
/// no beginnings of one another.
const LOST: &[&str] =
    &["G-single", "G-nonadjacent", "incompatible-order", "lost-update", "G0", "G1c"];

const SOME: usize = 600;

/// Where an update is not refused, both rows stand, and the next two updates make four of them.
const FEW: usize = 150;

const ENGINES: [Engine; 9] = [
    Engine {
        name: "no_conflict_check",
        built: cfg!(annals_broken = "no_conflict_check"),
        transactions: FEW,
        shows_at_snapshot: true,
        outside: &["lost-update", "duplicate-elements", "incompatible-order"],
        linear: &[Finding::Overlooked],
    },
    Engine {
        name: "stale_snapshot",
        built: cfg!(annals_broken = "stale_snapshot"),
        transactions: SOME,
        shows_at_snapshot: true,
        outside: &["G-single", "G-nonadjacent", "G1c"],
        linear: &[Finding::Stale],
    },
    Engine {
        name: "stale_reader",
        built: cfg!(annals_broken = "stale_reader"),
        transactions: SOME,
        shows_at_snapshot: true,
        outside: &["G-single", "G-nonadjacent", "G1c"],
        linear: &[Finding::Stale],
    },
    Engine {
        name: "key_skipped_at_commit",
        built: cfg!(annals_broken = "key_skipped_at_commit"),
        transactions: SOME,
        shows_at_snapshot: true,
        outside: LOST,
        linear: &[Finding::Wrong],
    },
    Engine {
        name: "dirty_read",
        built: cfg!(annals_broken = "dirty_read"),
        transactions: SOME,
        shows_at_snapshot: true,
        outside: &["G1a", "G1b"],
        linear: &[Finding::Wrong],
    },
    Engine {
        name: "torn_publish",
        built: cfg!(annals_broken = "torn_publish"),
        transactions: SOME,
        shows_at_snapshot: true,
        outside: &["G-single", "G-nonadjacent"],
        linear: &[Finding::Wrong],
    },
    Engine {
        name: "lost_rebase",
        built: cfg!(annals_broken = "lost_rebase"),
        transactions: SOME,
        shows_at_snapshot: true,
        outside: LOST,
        linear: &[Finding::Wrong],
    },
    Engine {
        name: "lost_append",
        built: cfg!(annals_broken = "lost_append"),
        transactions: SOME,
        shows_at_snapshot: true,
        outside: LOST,
        linear: &[Finding::Wrong],
    },
    Engine {
        name: "serializable_ignores_reads",
        built: cfg!(annals_broken = "serializable_ignores_reads"),
        transactions: SOME,
        shows_at_snapshot: false,
        outside: &["G2", "G-nonadjacent"],
        linear: &[Finding::ReadOverlooked],
    },
];

/// The broken engine that this was built with; none if the engine is as it is delivered.
///
/// Whoever builds one says so by `ANNALS_BROKEN`, so that a name that nothing knows is not taken
/// for a sound engine.
pub(crate) fn broken() -> Option<&'static Engine> {
    let built = ENGINES.iter().find(|engine| engine.built);
    let said = std::env::var("ANNALS_BROKEN").ok();
    let name = built.map(|engine| engine.name);
    assert_eq!(said.as_deref(), name, "ANNALS_BROKEN and what this was built with");
    built
}
