//! The repository as the rules see it: its files, and its packages as cargo tells them.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use annals_tests::workspace_root;
use serde_json::Value;

/// A text file: its path from the root, with `/` between the parts, and what it says.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Returns whether the file is Rust source.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Returns the paths of all files that belong to the repository, sorted.
///
/// Git knows them best, new files included. Without it, as in an unpacked archive, every file
/// counts that is not below `target`.
pub(crate) fn paths() -> Vec<String> {
    let root = workspace_root();
    let mut paths = from_git(&root).unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(&root, "", &mut found);
        found
    });
    paths.sort();
    paths.dedup();
    assert!(paths.iter().any(|path| path == "Cargo.toml"), "no files found in {}", root.display());
    paths
}

fn from_git(root: &Path) -> Option<Vec<String>> {
    if !root.join(".git").exists() {
        return None;
    }
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let paths = String::from_utf8(output.stdout).expect("paths are UTF-8");
    // Git still lists a file that was deleted and not yet committed.
    Some(
        paths
            .split_terminator('\0')
            .filter(|path| root.join(path).is_file())
            .map(str::to_owned)
            .collect(),
    )
}

fn walk(root: &Path, below: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(below)).expect("the directory was listed") {
        let entry = entry.expect("the directory can be read");
        let name = entry.file_name().into_string().expect("paths are UTF-8");
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if path == "target" || path == ".git" {
            continue;
        }
        if entry.file_type().expect("the entry can be read").is_dir() {
            walk(root, &path, found);
        } else {
            found.push(path);
        }
    }
}

/// Returns all files that are text.
pub(crate) fn files() -> Vec<File> {
    let read = |path: String| {
        let bytes = fs::read(workspace_root().join(&path)).ok()?;
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
        Some(File { path, text })
    };
    paths().into_iter().filter_map(read).collect()
}

/// Returns all Rust files.
pub(crate) fn rust_files() -> Vec<File> {
    files().into_iter().filter(File::is_rust).collect()
}

/// Returns what one file says.
pub(crate) fn read(path: &str) -> File {
    match fs::read_to_string(workspace_root().join(path)) {
        Ok(text) => File { path: path.to_owned(), text },
        Err(error) => panic!("{path} cannot be read: {error}"),
    }
}

/// Runs cargo in the workspace and returns what it printed.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(workspace_root())
        .output()
        .expect("cargo runs, for it runs this test");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// One package of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its directory, from the root.
    pub(crate) directory: String,
    /// What its code and its build script depend on, optional dependencies included.
    pub(crate) dependencies: Vec<String>,
    /// The root file of each target, from the workspace's root.
    pub(crate) roots: Vec<String>,
}

impl Package {
    /// Returns the path of the package's manifest, from the root.
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.directory)
    }
}

/// Returns the packages of the workspace.
pub(crate) fn packages() -> Vec<Package> {
    parse_packages(&cargo(&["metadata", "--format-version=1", "--no-deps", "--offline"]))
}

fn parse_packages(metadata: &str) -> Vec<Package> {
    let metadata: Value = serde_json::from_str(metadata).expect("cargo prints JSON");
    let root = text(&metadata["workspace_root"]);
    let relative = |path: &Value| {
        let path = Path::new(text(path)).strip_prefix(root).expect("members lie in the workspace");
        path.to_str().expect("paths are UTF-8").replace('\\', "/")
    };
    let package = |package: &Value| Package {
        name: text(&package["name"]).to_owned(),
        directory: relative(&package["manifest_path"]).replace("/Cargo.toml", ""),
        dependencies: list(&package["dependencies"])
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| text(&dependency["name"]).to_owned())
            .collect(),
        roots: list(&package["targets"]).iter().map(|t| relative(&t["src_path"])).collect(),
    };
    list(&metadata["packages"]).iter().map(package).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo gives a string here")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("cargo gives a list here")
}

/// One table of a manifest: its header, and its lines of the form `key = value`.
pub(crate) struct Section {
    pub(crate) header: String,
    pub(crate) entries: Vec<(String, String)>,
}

impl Section {
    /// Returns the value of `key` as it is written.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.0 == key).map(|entry| entry.1.as_str())
    }
}

/// Splits a manifest into its tables. Enough of TOML for what manifests here contain.
pub(crate) fn sections(manifest: &str) -> Vec<Section> {
    let mut sections = vec![Section { header: String::new(), entries: Vec::new() }];
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') && line.ends_with(']') {
            sections.push(Section { header: line.to_owned(), entries: Vec::new() });
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let last = sections.last_mut().expect("there is one from the start");
            last.entries.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    sections
}

#[test]
fn metadata_is_read_with_build_dependencies_and_without_dev_dependencies() {
    let packages = parse_packages(
        r#"{"workspace_root": "/w", "packages": [{
            "name": "a", "manifest_path": "/w/crates/a/Cargo.toml",
            "dependencies": [
                {"name": "run", "kind": null},
                {"name": "build", "kind": "build"},
                {"name": "test", "kind": "dev"}],
            "targets": [{"src_path": "/w/crates/a/src/lib.rs"}]}]}"#,
    );
    assert_eq!(packages[0].dependencies, ["run", "build"]);
    assert_eq!(packages[0].manifest(), "crates/a/Cargo.toml");
    assert_eq!(packages[0].roots, ["crates/a/src/lib.rs"]);
}
