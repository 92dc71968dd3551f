//! The engine takes its locks, atomics and threads from one place, where a tool can be put.
//!
//! What is taken from the standard library past `crates/annals/src/sync.rs` is invisible to the
//! tools that try interleavings: they would pass, and prove less than they say.

use crate::repository::{self, File};
use crate::rust::code_of;
use crate::{assert_complains, assert_tidy};

const ENGINE: &str = "crates/annals/src/";

/// Where the standard library's own are taken: for all others, to make cells of them, and for what
/// is broken on purpose, which no tool tries.
const EXEMPT: [&str; 4] = [
    "crates/annals/src/sync.rs",
    "crates/annals/src/sync/",
    "crates/annals/src/cell/",
    "crates/annals/src/broken.rs",
];

/// What of `std::sync` no thread waits for.
const HARMLESS: [&str; 2] = ["Arc", "Weak"];

fn past_the_door(file: &File) -> Vec<String> {
    let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    let exempt = EXEMPT.iter().any(|path| file.path.starts_with(path));
    if !file.path.starts_with(ENGINE) || exempt || is_test {
        return Vec::new();
    }
    let dense: String = code_of(&file.text).split_whitespace().collect();
    let mut found: Vec<String> = Vec::new();
    for (at, _) in dense.match_indices("std::sync::") {
        let rest = &dense[at + "std::sync::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        let name = |text: &&str| {
            let end = text.find(|char: char| !char.is_alphanumeric() && char != '_');
            text[..end.unwrap_or(text.len())].to_owned()
        };
        let names = names.iter().map(name).filter(|name| !name.is_empty());
        found.extend(names.filter(|name| !HARMLESS.contains(&name.as_str())));
    }
    found.extend(dense.contains("std::thread").then(|| "thread".to_owned()));
    let instants = dense.match_indices("std::time::").filter(|(at, _)| {
        dense[*at..].split(';').next().is_some_and(|rest| rest.contains("Instant"))
    });
    found.extend(instants.map(|_| "Instant".to_owned()));
    let complain =
        |name: String| format!("{}: take `{name}` from crate::sync, or no tool sees it", file.path);
    found.into_iter().map(complain).collect()
}

#[test]
fn the_engine_takes_its_threads_from_one_place() {
    let files = repository::rust_files();
    assert!(files.iter().any(|file| file.path.starts_with(EXEMPT[1])), "mend the list of places");
    assert_tidy(&files.iter().flat_map(past_the_door).collect::<Vec<_>>());
}

#[test]
fn threads_from_elsewhere_are_seen() {
    let text = "use std::sync::{Arc, Mutex,\n    atomic::AtomicU64};\nuse std::sync::Weak;\n\
                use std::time::{Duration, Instant};\n// std::sync::RwLock\n\
                fn f() { std::thread::yield_now() }\nuse std::time::Duration;\n";
    assert_complains(
        &past_the_door(&File::new("crates/annals/src/a.rs", text)),
        &["take `Mutex`", "take `atomic`", "take `thread`", "take `Instant`"],
    );
    for exempt in ["crates/annals/src/sync/real.rs", "crates/annals/src/a/tests.rs", "tests/a.rs"] {
        assert_complains(&past_the_door(&File::new(exempt, text)), &[]);
    }
}
