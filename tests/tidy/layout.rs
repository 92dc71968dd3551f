//! Where things are: no stray files, no orphans, no file without a header or with two subjects.

use std::collections::BTreeSet;

use crate::repository::{self, File, Package, Section, sections};
use crate::rust::{code_of, identifiers, modules_in_files};
use crate::{assert_complains, assert_tidy};

/// What stands at the top besides entries that begin with a dot.
const TOP: [&str; 11] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "crates",
    "docs",
    "tests",
];

/// Files that cannot do without unsafe code. Each says why in its header.
const UNSAFE: [&str; 5] = [
    "crates/annals/src/cell/epoch.rs",
    "tests/fork/main.rs",
    "tests/poison/poison.rs",
    "tests/reclaim/counting.rs",
    "tests/stopped/main.rs",
];

const CODE_LINES_MAX: usize = 700;

fn top_level<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let found: BTreeSet<&str> = paths
        .filter_map(|path| path.split('/').next())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let expected = BTreeSet::from(TOP);
    let stray = found.difference(&expected).map(|name| {
        format!(
            "{name} does not belong at the top: find it a room in crates, tests, benches or docs"
        )
    });
    let missing = expected.difference(&found).map(|name| format!("{name} is missing at the top"));
    stray.chain(missing).collect()
}

fn without_header(file: &File) -> Option<String> {
    let first = file.text.lines().map(str::trim).find(|line| !line.is_empty());
    let header = first.and_then(|line| line.strip_prefix("//!")).map_or("", str::trim);
    let complaint = || {
        format!(
            "{}: begin with `//!`: what lives here, what never happens here, and why",
            file.path
        )
    };
    header.is_empty().then(complaint)
}

fn too_long(file: &File) -> Option<String> {
    let code = code_of(&file.text);
    let count = code.lines().filter(|line| !line.trim().is_empty()).count();
    let complaint = || {
        format!(
            "{}: {count} lines of code, more than {CODE_LINES_MAX}: look for a second subject",
            file.path
        )
    };
    (count > CODE_LINES_MAX).then(complaint)
}

/// Complains of Rust files that no target of any package reaches by `mod` declarations.
fn orphans(files: &[File], packages: &[Package]) -> Vec<String> {
    let mut pending: Vec<(String, bool)> = packages
        .iter()
        .flat_map(|package| &package.roots)
        .map(|root| (root.clone(), true))
        .collect();
    let mut reached = BTreeSet::new();
    while let Some((path, is_root)) = pending.pop() {
        let Some(file) = files.iter().find(|file| file.path == path) else { continue };
        if reached.insert(path.clone()) {
            let (directory, stem) = split(&path);
            let below =
                if is_root || stem == "mod" { directory.clone() } else { join(&directory, stem) };
            for (name, given) in modules_in_files(&file.text) {
                let candidates = match given {
                    Some(given) => vec![join(&directory, &given)],
                    None => ["", "/mod"].map(|end| join(&below, &format!("{name}{end}.rs"))).into(),
                };
                pending.extend(candidates.into_iter().map(|candidate| (candidate, false)));
            }
        }
    }
    let complain = |file: &File| {
        let path = &file.path;
        if path.starts_with("tests/") && path.ends_with("/main.rs") {
            format!("{path} never runs: give it a `[[test]]` entry in tests/Cargo.toml")
        } else if path.starts_with("benches/") && path.matches('/').count() == 1 {
            format!("{path} never runs: give it a `[[bench]]` entry in benches/Cargo.toml")
        } else {
            format!("{path} is never compiled: declare it with `mod` in its parent, or delete it")
        }
    };
    files
        .iter()
        .filter(|file| file.is_rust() && !reached.contains(&file.path))
        .map(complain)
        .collect()
}

/// Splits a path into its directory and its name without `.rs`.
fn split(path: &str) -> (String, &str) {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    (directory.to_owned(), name.trim_end_matches(".rs"))
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// Complains of tests that are not `tests/<subject>/main.rs`, and of benches that do not run
/// themselves: under the built-in harness a bench would pass without measuring anything.
fn misplaced_targets(manifest: &File) -> Vec<String> {
    let path = &manifest.path;
    let mut complaints = Vec::new();
    for section in sections(&manifest.text) {
        let name = section.get("name").unwrap_or_default().trim_matches('"');
        let root = section.get("path").unwrap_or_default().trim_matches('"');
        if section.header == "[[test]]" && root != format!("{name}/main.rs") {
            complaints.push(format!("{path}: test `{name}`: set path = \"{name}/main.rs\""));
        }
        if section.header == "[[bench]]" && root != format!("{name}.rs") {
            complaints.push(format!("{path}: bench `{name}`: set path = \"{name}.rs\""));
        }
        if section.header == "[[bench]]" && section.get("harness") != Some("false") {
            complaints.push(format!("{path}: bench `{name}`: set harness = false"));
        }
    }
    complaints
}

fn lints_not_inherited(manifest: &File) -> Option<String> {
    let inherits = |section: &Section| {
        (section.header == "[lints]" && section.get("workspace") == Some("true"))
            || section.get("lints.workspace") == Some("true")
    };
    let inherited = sections(&manifest.text).iter().any(inherits);
    let complaint = || format!("{}: add `[lints]` with `workspace = true`", manifest.path);
    (!inherited).then(complaint)
}

fn unsafe_not_denied(root: &File) -> Option<String> {
    let denies = |section: &Section| {
        section.header == "[workspace.lints.rust]" && section.get("unsafe_code") == Some("\"deny\"")
    };
    let denied = sections(&root.text).iter().any(denies);
    let complaint = || format!("{}: deny unsafe_code in [workspace.lints.rust]", root.path);
    (!denied).then(complaint)
}

/// Complains of files that speak of the lint without being listed, and of listed ones that do not.
fn unsafe_elsewhere(files: &[File], listed: &[&str]) -> Vec<String> {
    let allows = |file: &&File| {
        let code = code_of(&file.text);
        identifiers(&code).any(|(_, word)| word == "unsafe_code")
    };
    let allowing: BTreeSet<&str> =
        files.iter().filter(allows).map(|file| file.path.as_str()).collect();
    let listed = listed.iter().copied().collect();
    let stray = allowing.difference(&listed).map(|path| {
        format!("{path} allows unsafe code: do without, or list it in tests/tidy/layout.rs")
    });
    let stale = listed.difference(&allowing);
    let stale = stale.map(|path| format!("{path} has no unsafe code: take it off the list"));
    stray.chain(stale).collect()
}

#[test]
fn the_top_level_is_small() {
    assert_tidy(&top_level(repository::paths().iter().map(String::as_str)));
}

#[test]
fn a_stray_or_missing_entry_at_the_top_is_seen() {
    let paths = TOP[1..].iter().copied().chain([".ci/run", "notes/idea.md"]);
    assert_complains(&top_level(paths), &["notes does not belong", "CHANGELOG.md is missing"]);
}

#[test]
fn every_file_has_a_header() {
    let complaints: Vec<_> = repository::rust_files().iter().filter_map(without_header).collect();
    assert_tidy(&complaints);
}

#[test]
fn a_missing_or_empty_header_is_seen() {
    for text in ["", "use a::b;\n//! Late.\n", "//!\n//! Text.\n", "/// Not of the file.\n"] {
        assert!(without_header(&File::new("a.rs", text)).is_some(), "{text}");
    }
    assert_eq!(without_header(&File::new("a.rs", "\n//! Text.\n")), None);
}

#[test]
fn every_file_has_one_subject() {
    let complaints: Vec<_> = repository::rust_files().iter().filter_map(too_long).collect();
    assert_tidy(&complaints);
}

#[test]
fn only_lines_of_code_make_a_file_long() {
    let code = "f();\n".repeat(CODE_LINES_MAX);
    assert_eq!(too_long(&File::new("a.rs", &format!("//! A.\n\n{code}// b\n"))), None);
    let complaint = too_long(&File::new("a.rs", &format!("{code}g();\n"))).unwrap();
    assert!(complaint.contains("a.rs: 701 lines of code"), "{complaint}");
}

/// The package of the fuzzers, which the workspace does not know: it needs another compiler.
fn fuzzers(manifest: &File) -> Package {
    let (directory, _) = split(&manifest.path);
    let programs = sections(&manifest.text).into_iter();
    let programs = programs.filter(|section| section.header == "[[bin]]");
    let path = |section: Section| {
        let path = section.get("path").unwrap_or_default().trim_matches('"').to_owned();
        join(&directory, &path)
    };
    let roots = programs.map(path).collect();
    Package { name: "fuzzers".to_owned(), directory, dependencies: Vec::new(), roots }
}

#[test]
fn every_rust_file_is_compiled() {
    let mut packages = repository::packages();
    packages.push(fuzzers(&repository::read("tests/fuzz/Cargo.toml")));
    assert_tidy(&orphans(&repository::files(), &packages));
}

#[test]
fn programs_of_fuzzers_are_told_from_stray_files() {
    let text = "[[bin]]\nname = \"a\"\npath = \"targets/a.rs\"\n";
    let package = fuzzers(&File::new("tests/fuzz/Cargo.toml", text));
    let files = ["a", "b"].map(|n| File::new(&format!("tests/fuzz/targets/{n}.rs"), ""));
    assert_complains(&orphans(&files, &[package]), &["tests/fuzz/targets/b.rs is never compiled"]);
}

#[test]
fn orphans_are_seen() {
    let package = Package {
        name: "a".to_owned(),
        directory: "crates/a".to_owned(),
        dependencies: Vec::new(),
        roots: vec!["crates/a/src/lib.rs".to_owned(), "tests/known/main.rs".to_owned()],
    };
    let files = [
        File::new("crates/a/src/lib.rs", "mod b;\n// mod e;\n"),
        File::new("crates/a/src/b.rs", "mod c;\n"),
        File::new("crates/a/src/b/c/mod.rs", "mod d;\n"),
        File::new("crates/a/src/b/c/d.rs", ""),
        File::new("crates/a/src/e.rs", ""),
        File::new("tests/known/main.rs", ""),
        File::new("tests/forgotten/main.rs", ""),
        File::new("benches/forgotten.rs", ""),
        File::new("benches/data.csv", ""),
    ];
    assert_complains(
        &orphans(&files, &[package]),
        &["crates/a/src/e.rs is never compiled", "[[test]]", "[[bench]]"],
    );
}

#[test]
fn tests_and_benches_stand_where_they_are_looked_for() {
    let complaints: Vec<_> = ["tests/Cargo.toml", "tests/sql/Cargo.toml", "benches/Cargo.toml"]
        .iter()
        .flat_map(|path| misplaced_targets(&repository::read(path)))
        .collect();
    assert_tidy(&complaints);
}

#[test]
fn a_misplaced_test_or_bench_is_seen() {
    let text = "[[test]]\nname = \"a\"\npath = \"a/main.rs\"\n[[test]]\nname = \"b\"\npath = \"b.rs\"\n\
                [[bench]]\nname = \"c\"\npath = \"c.rs\"\nharness = false\n[[bench]]\nname = \"d\"\n";
    assert_complains(
        &misplaced_targets(&File::new("x/Cargo.toml", text)),
        &["test `b`", "bench `d`: set path", "bench `d`: set harness"],
    );
}

#[test]
fn every_package_keeps_the_lints_of_the_workspace() {
    let complaints: Vec<_> = repository::packages()
        .iter()
        .filter_map(|package| lints_not_inherited(&repository::read(&package.manifest())))
        .chain(unsafe_not_denied(&repository::read("Cargo.toml")))
        .chain(unsafe_elsewhere(&repository::rust_files(), &UNSAFE))
        .collect();
    assert_tidy(&complaints);
}

#[test]
fn a_package_without_the_lints_is_seen() {
    let lints = |text| lints_not_inherited(&File::new("a/Cargo.toml", text));
    assert!(lints("[package]\nname = \"a\"\n[lints]\n# workspace = true\n").is_some());
    assert!(lints("[dependencies]\nworkspace = true\n").is_some());
    assert_eq!(lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"), None);

    let denies = |text| unsafe_not_denied(&File::new("Cargo.toml", text));
    assert!(denies("[workspace.lints.rust]\nunsafe_code = \"warn\"\n").is_some());
    assert_eq!(denies("[workspace.lints.rust]\nunsafe_code = \"deny\"\n"), None);
}

#[test]
fn unsafe_code_where_it_is_not_listed_is_seen() {
    let allowing = "#![allow(unsafe_code)]\n";
    let files = [
        File::new("a.rs", allowing),
        File::new("b.rs", allowing),
        File::new("c.rs", "// unsafe_code\nlet text = \"unsafe_code\";\n"),
    ];
    assert_complains(
        &unsafe_elsewhere(&files, &["b.rs", "c.rs"]),
        &["a.rs allows unsafe code", "c.rs has no unsafe code"],
    );
}
