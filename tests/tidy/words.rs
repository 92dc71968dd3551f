//! Words that must not be in some place, or in any.
//!
//! What a floor may never do shows in its code as a word: a clock, a thread, a query language.
//! Comments and text may speak of anything, so only code is searched; for what the repository says
//! of the world around it, whole files are.

use crate::repository::{self, File};
use crate::rust::{code_of, identifiers, std_modules};
use crate::{assert_complains, assert_tidy};

/// What the code below one directory does not speak of.
struct Silence {
    directory: &'static str,
    remedy: &'static str,
    /// Whole identifiers and keywords.
    words: &'static [&'static str],
    /// Parts of identifiers, in lower case and without `_`.
    parts: &'static [&'static str],
    std_modules: &'static [&'static str],
}

const SILENCES: [Silence; 2] = [
    Silence {
        directory: "crates/annals-state/src/",
        remedy: "rules are pure: let the caller on a higher floor do it and pass the outcome in",
        words: &["SystemTime", "Instant", "async", "await", "unsafe", "rand", "sql", "tokio"],
        parts: &["datafusion", "dataframe", "protobuf", "spark", "sqlparser"],
        std_modules: &["env", "fs", "net", "process", "thread"],
    },
    Silence {
        directory: "crates/annals/src/",
        remedy: "the engine knows no query language and no protocol: this belongs to floor 3 or above",
        words: &["prost", "sql", "tokio", "tonic"],
        parts: &["datafusion", "dataframe", "protobuf", "spark", "sqlparser"],
        std_modules: &["net"],
    },
];

fn broken_silence(silence: &Silence, file: &File) -> Vec<String> {
    if !file.path.starts_with(silence.directory) {
        return Vec::new();
    }
    let (path, remedy) = (&file.path, silence.remedy);
    let code = code_of(&file.text);
    let is_forbidden = |word: &str| {
        let folded = word.replace('_', "").to_lowercase();
        silence.words.contains(&word) || silence.parts.iter().any(|part| folded.contains(part))
    };
    let words = identifiers(&code)
        .filter(|(_, word)| is_forbidden(word))
        .map(|(line, word)| format!("{path}:{line}: `{word}` has no place here: {remedy}"));
    let modules = std_modules(&code)
        .into_iter()
        .filter(|module| silence.std_modules.contains(&module.as_str()))
        .map(|module| format!("{path}: `std::{module}` has no place here: {remedy}"));
    words.chain(modules).collect()
}

/// Complains of what was left for later, or left from a hunt.
fn unfinished(file: &File) -> Vec<String> {
    let code = code_of(&file.text);
    let mut complaints = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let dense: String = line.chars().filter(|char| !char.is_whitespace()).collect();
        let place = format!("{}:{}", file.path, index + 1);
        for name in ["todo", "unimplemented", "dbg"] {
            if calls_macro(&dense, name) {
                complaints
                    .push(format!("{place}: finish what `{name}!` stands for, or take it out"));
            }
        }
        if dense.contains("#[ignore]") {
            complaints.push(format!("{place}: give the reason: `#[ignore = \"…\"]`"));
        }
    }
    complaints
}

fn calls_macro(dense: &str, name: &str) -> bool {
    dense.match_indices(&format!("{name}!")).any(|(at, _)| {
        let before = dense[..at].chars().next_back();
        let after = dense[at + name.len() + 1..].chars().next();
        before.is_none_or(|char| !char.is_alphanumeric() && char != '_') && after != Some('=')
    })
}

/// What belongs to one machine or one workplace. Written in two halves, so that this file does not
/// accuse itself.
const FOREIGN: [&str; 11] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Use", "rs/"),
    concat!(".cargo/", "registry"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("192.", "168."),
];

/// The one place that packages come from, as a lock file names it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn foreign(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let place = format!("{}:{}", file.path, index + 1);
        for pattern in FOREIGN.iter().filter(|pattern| line.contains(**pattern)) {
            complaints.push(format!(
                "{place}: `{pattern}` belongs to one machine or workplace: say it without"
            ));
        }
        if file.path.ends_with("Cargo.lock") {
            let source = line.strip_prefix("source = ").map(|source| source.trim_matches('"'));
            if let Some(source) = source.filter(|source| *source != REGISTRY) {
                complaints.push(format!("{place}: {source}: take the package from crates.io"));
            }
        } else if names_an_issue(prose_of(file, line)) {
            complaints.push(format!(
                "{place}: a bare issue number says nothing to a reader: write what it was about"
            ));
        }
    }
    complaints
}

/// What a line says to a reader: in Rust its comment, for a `#1` in code or text may be an id.
fn prose_of<'a>(file: &File, line: &'a str) -> &'a str {
    if file.path.ends_with(".md") {
        line
    } else if file.is_rust() {
        line.find("//").map_or("", |at| &line[at..])
    } else {
        ""
    }
}

/// Returns whether `line` has a `#` and digits that stand alone, as trackers number issues. With a
/// repository before it (`arrow-rs#5969`) such a number can be looked up by anyone.
fn names_an_issue(line: &str) -> bool {
    line.match_indices('#').any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let rest = &line[at + 1..];
        let after = rest.trim_start_matches(|char: char| char.is_ascii_digit());
        let follows = after.chars().next();
        before.is_none_or(|char| char.is_whitespace() || char == '(')
            && after.len() < rest.len()
            && follows.is_none_or(|char| !char.is_alphanumeric() && !"-_\"".contains(char))
    })
}

#[test]
fn low_floors_keep_their_silence() {
    let files = repository::rust_files();
    for silence in &SILENCES {
        let spoken_of = files.iter().any(|file| file.path.starts_with(silence.directory));
        assert!(spoken_of, "{} has no files: mend the list of silences", silence.directory);
    }
    let complaints: Vec<_> = SILENCES
        .iter()
        .flat_map(|silence| files.iter().flat_map(|file| broken_silence(silence, file)))
        .collect();
    assert_tidy(&complaints);
}

#[test]
fn a_broken_silence_is_heard() {
    let text = "//! Reads no SystemTime and no std::fs.\nuse std::{fs, sync::Arc};\n\
                async fn f() { let randomly = \"rand\"; }\nstruct PySparkRow;\n";
    let file = File::new("crates/annals-state/src/clock.rs", text);
    assert_complains(
        &broken_silence(&SILENCES[0], &file),
        &["clock.rs:3: `async`", "clock.rs:4: `PySparkRow`", "`std::fs`"],
    );
    let elsewhere = File::new("crates/annals-cli/src/clock.rs", text);
    assert_complains(&broken_silence(&SILENCES[0], &elsewhere), &[]);
    let query = File::new("crates/annals/src/store.rs", "fn sql(monotonic: DataFrame) {}\n");
    assert_complains(&broken_silence(&SILENCES[1], &query), &["`sql`", "`DataFrame`"]);
}

#[test]
fn nothing_is_left_unfinished() {
    let complaints: Vec<_> = repository::rust_files().iter().flat_map(unfinished).collect();
    assert_tidy(&complaints);
}

#[test]
fn what_is_unfinished_is_seen() {
    let text = "// todo!()\nfn f() { todo!() }\nlet mytodo = dbg !(x);\nstd::unimplemented!();\n\
                #[ignore = \"slow\"]\n#[ ignore ]\nif todo != 3 { g(\"todo!()\") }\n";
    assert_complains(
        &unfinished(&File::new("a.rs", text)),
        &["a.rs:2", "a.rs:3", "a.rs:4", "a.rs:6: give the reason"],
    );
}

#[test]
fn the_repository_speaks_of_the_project_alone() {
    let complaints: Vec<_> = repository::files().iter().flat_map(foreign).collect();
    assert_tidy(&complaints);
}

#[test]
fn what_is_foreign_is_seen() {
    for pattern in FOREIGN {
        assert_complains(&foreign(&File::new("a.toml", pattern)), &[pattern]);
    }
    let issue = format!("arrow-rs#5969, {{:#018x}}, [a](#1-b), r#\"x\"#\nas in {}12.\n", '#');
    assert_complains(&foreign(&File::new("a.md", &issue)), &["a.md:2"]);
    let lock = format!("source = \"{REGISTRY}\"\nsource = \"registry+https://mirror.example/\"\n");
    assert_complains(&foreign(&File::new("Cargo.lock", &lock)), &["Cargo.lock:2"]);
}
