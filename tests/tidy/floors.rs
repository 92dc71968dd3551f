//! A crate stands on lower floors only, and brings in no more than its floor may.
//!
//! Whoever embeds the engine compiles floor 2 and what is below it. An arrow that points up, or one
//! heavy dependency too low, would reach every one of them.

use std::collections::BTreeSet;

use crate::repository::{self, Package};
use crate::{assert_complains, assert_tidy};

/// The crates from the ground up. A new one gets its floor here.
const FLOORS: [(&str, u8); 8] = [
    ("annals-state", 0),
    ("annals-log", 1),
    ("annals", 2),
    ("annals-sql", 3),
    ("annals-spark", 4),
    ("annals-tour", 5),
    ("annals-connect", 5),
    ("annals-cli", 6),
];

/// The crates that see only some of the floors below them: what they need of the rest comes through
/// these.
const SIGHT: [(&str, &[&str]); 2] =
    [("annals-sql", &["annals"]), ("annals-spark", &["annals", "annals-sql"])];

/// What a crate may not reach with its default features, however far down. A `*` stands for any
/// ending.
const UNREACHABLE: [(&str, &[&str]); 2] = [
    (
        "annals-state",
        &[
            "tokio*",
            "datafusion*",
            "tonic*",
            "prost*",
            "object_store",
            "parquet",
            "rand",
            "sqlparser",
        ],
    ),
    ("annals", &["tokio*", "datafusion*", "tonic*", "prost*", "sqlparser"]),
];

fn floor_of(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(other, _)| *other == name).map(|(_, floor)| *floor)
}

/// Complains of every dependency, optional ones included, that does not point down.
fn upward(packages: &[Package]) -> Vec<String> {
    let members: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut complaints = Vec::new();
    for package in packages.iter().filter(|package| package.directory.starts_with("crates/")) {
        let name = &package.name;
        let Some(floor) = floor_of(name) else {
            complaints.push(format!("{name} has no floor: give it one in tests/tidy/floors.rs"));
            continue;
        };
        for below in package.dependencies.iter().filter(|name| members.contains(name.as_str())) {
            match floor_of(below) {
                Some(other) if other < floor => {
                    let seen = SIGHT.iter().find(|(of, _)| of == name);
                    if seen.is_some_and(|(_, seen)| !seen.contains(&below.as_str())) {
                        complaints.push(format!(
                            "{name} depends on {below}, which is below what it sees: let `annals` \
                             re-export what it needs"
                        ));
                    }
                }
                Some(other) => complaints.push(format!(
                    "{name} (floor {floor}) depends on {below} (floor {other}): move what it needs \
                     to a floor below {floor}, or turn the dependency round"
                )),
                None => complaints.push(format!(
                    "{name} depends on {below}, which has no floor: it may be a dev-dependency only"
                )),
            }
        }
    }
    complaints
}

/// Complains of every crate in `reached` that is on the list.
fn reaches(name: &str, reached: &BTreeSet<String>, forbidden: &[&str]) -> Vec<String> {
    let is_forbidden = |krate: &&String| {
        forbidden.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => krate.starts_with(start),
            None => krate == pattern,
        })
    };
    let complain = |krate: &String| {
        format!(
            "{name} reaches {krate}: find the way with `cargo tree -p {name} -e normal -i {krate}` \
             and cut it, or put the part that needs it on a higher floor"
        )
    };
    reached.iter().filter(is_forbidden).map(complain).collect()
}

/// Returns the names in what `cargo tree --prefix none` printed.
fn names_in_tree(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn dependencies_point_down() {
    assert_tidy(&upward(&repository::packages()));
}

#[test]
fn dependencies_that_point_up_or_aside_are_seen() {
    let package = |name: &str, dependencies: &[&str]| Package {
        name: name.to_owned(),
        directory: format!("crates/{name}"),
        dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
        roots: Vec::new(),
    };
    let mut tests = package("annals-tests", &["annals"]);
    tests.directory = "tests".to_owned();
    let packages = [
        package("annals-state", &["arrow-array", "annals"]),
        package("annals", &["annals-state", "annals-tests"]),
        package("annals-attic", &[]),
        package("annals-sql", &["annals", "annals-state"]),
        tests,
    ];
    assert_complains(
        &upward(&packages),
        &[
            "annals-state (floor 0) depends on annals (floor 2)",
            "annals depends on annals-tests, which has no floor",
            "annals-attic has no floor",
            "annals-sql depends on annals-state",
        ],
    );
}

#[test]
fn low_floors_reach_nothing_heavy() {
    let mut complaints = Vec::new();
    for (name, forbidden) in UNREACHABLE {
        // One package at a time: built beside the others, a crate would get their features too.
        let arguments = ["tree", "--offline", "--edges=normal", "--prefix=none", "--package", name];
        let reached = names_in_tree(&repository::cargo(&arguments));
        assert!(reached.contains("arrow-array"), "not the whole tree of {name}: {reached:?}");
        complaints.extend(reaches(name, &reached, forbidden));
    }
    assert_tidy(&complaints);
}

#[test]
fn a_heavy_crate_far_down_is_seen() {
    let tree =
        "annals v0.1.0 (/w/crates/annals)\ntracing v0.1.44\ntokio-util v0.7.1 (*)\nrandom v1.0.0\n";
    let forbidden = ["tokio*", "rand"];
    assert_complains(&reaches("annals", &names_in_tree(tree), &forbidden), &["tokio-util"]);
}
