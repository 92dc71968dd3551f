//! Just enough of Rust's grammar to tell code from comments and text.

/// Returns `source` with comments, and the insides of strings and characters, turned into spaces.
///
/// Every byte keeps its offset and every line its number.
pub(crate) fn code_of(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let after_ident = at > 0 && is_ident(bytes[at - 1]);
        at = if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
            blank(&mut code[at..end]);
            end
        } else if rest.starts_with(b"/*") {
            let end = at + block_comment_bytes(rest);
            blank(&mut code[at..end]);
            end
        } else if let Some((open, len)) = raw_string(rest).filter(|_| !after_ident) {
            blank(&mut code[at + open..at + len]);
            at + len
        } else if rest[0] == b'"' {
            let end = at + 1 + quoted_bytes(&rest[1..], b'"');
            blank(&mut code[at + 1..end]);
            end + 1
        } else if rest[0] == b'\'' {
            let len = char_literal_bytes(rest);
            if len > 2 {
                blank(&mut code[at + 1..at + len - 1]);
            }
            at + len
        } else {
            at + 1
        };
    }
    String::from_utf8(code).expect("whole characters become spaces")
}

fn is_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

fn block_comment_bytes(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// Returns the length of `r"…"`, `br#"…"#` and their like, and where its inside begins.
fn raw_string(bytes: &[u8]) -> Option<(usize, usize)> {
    let prefix = usize::from(matches!(bytes[0], b'b' | b'c'));
    if bytes.get(prefix) != Some(&b'r') {
        return None;
    }
    let hashes = bytes[prefix + 1..].iter().take_while(|&&b| b == b'#').count();
    let open = prefix + 1 + hashes + 1;
    if bytes.get(open - 1) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let inside = bytes[open..].windows(close.len()).position(|window| window == close);
    Some((open, inside.map_or(bytes.len(), |inside| open + inside + close.len())))
}

/// Returns how many bytes lie before the closing `quote`.
fn quoted_bytes(bytes: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len().saturating_sub(1))
}

/// Returns the length of a character literal, or 1 if the quote begins a lifetime.
fn char_literal_bytes(bytes: &[u8]) -> usize {
    let inside = std::str::from_utf8(&bytes[1..]).expect("a quote is a whole character");
    match inside.chars().next() {
        Some('\\') => quoted_bytes(&bytes[1..], b'\'') + 2,
        Some(char) if inside[char.len_utf8()..].starts_with('\'') => char.len_utf8() + 2,
        _ => 1,
    }
}

/// Returns the identifiers and keywords in `code`, each with the number of its line.
pub(crate) fn identifiers(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().flat_map(|(index, line)| {
        line.split(|char: char| !char.is_alphanumeric() && char != '_')
            .filter(|word| word.starts_with(|char: char| char.is_alphabetic() || char == '_'))
            .map(move |word| (index + 1, word))
    })
}

/// Returns the modules of `std` that `code` names, whether by path or in a group of imports.
pub(crate) fn std_modules(code: &str) -> Vec<String> {
    // An alias becomes a neighbour, or it would grow together with the name before it.
    let dense: String =
        code.replace(" as ", ",").chars().filter(|char| !char.is_whitespace()).collect();
    let mut modules = Vec::new();
    for (at, _) in dense.match_indices("std::") {
        let rest = &dense[at + "std::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let end = group.find(|char| {
                depth += match char {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                depth < 0
            });
            let mut level = 0;
            for part in group[..end.unwrap_or(group.len())].split_inclusive([',', '{', '}']) {
                if level == 0 {
                    modules.extend(leading_word(part));
                }
                level += part.matches('{').count();
                level -= part.matches('}').count().min(level);
            }
        } else {
            modules.extend(leading_word(rest));
        }
    }
    modules
}

fn leading_word(text: &str) -> Option<String> {
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '_');
    Some(text[..end.unwrap_or(text.len())].to_owned()).filter(|word| !word.is_empty())
}

/// Returns the names of the modules that `source` declares in files of their own, each with the
/// path that an attribute gives it, if any.
pub(crate) fn modules_in_files(source: &str) -> Vec<(String, Option<String>)> {
    let code = code_of(source);
    let mut modules = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let Some(declared) = line.trim_end().strip_suffix(';') else { continue };
        let mut words = declared.split_whitespace().rev();
        if let (Some(name), Some("mod")) = (words.next(), words.next()) {
            let above = index.checked_sub(1).and_then(|above| source.lines().nth(above));
            let path = above.filter(|line| line.contains("path = \"")).and_then(|line| {
                line.split_once("path = \"")?.1.split_once('"').map(|parts| parts.0.to_owned())
            });
            modules.push((name.trim_start_matches("r#").to_owned(), path));
        }
    }
    modules
}

#[test]
fn comments_and_text_are_not_code() {
    let source = concat!(
        "let a = \"x // \\\" y\"; // gone\n",
        "/* one /* two */ gone */ let b = r#\"in \" side\"#;\n",
        "let c = ('\"', '\\'', 'é', b'\\\\'); fn f<'a>(x: &'a str) {} // ' gone\n",
        "let d = for_r\"\"; let e = \"é\"; keep();\n",
    );
    let code = code_of(source);
    assert_eq!(code.len(), source.len());
    assert_eq!(code.lines().count(), 4);
    for gone in ["gone", "side", "x //", "one", "é"] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
    for kept in ["let a", "let b", "let c", "fn f<'a>(x: &'a str) {}", "let d", "keep();"] {
        assert!(code.contains(kept), "{kept} not in {code}");
    }
}

#[test]
fn modules_of_std_are_seen_in_groups_too() {
    let code = "use std::{fs as _, io::{Read, net}, thread::{self, spawn}};\nstd::env::args();";
    assert_eq!(std_modules(code), ["fs", "_", "io", "thread", "env"]);
}

#[test]
fn modules_in_files_are_found_with_their_paths() {
    let source = "mod a;\npub(crate) mod b;\n// mod c;\nmod d { }\n#[path = \"x/y.rs\"]\nmod e;\n";
    let found = modules_in_files(source);
    let expected = [("a", None), ("b", None), ("e", Some("x/y.rs"))];
    assert_eq!(found, expected.map(|(name, path)| (name.to_owned(), path.map(str::to_owned))));
}
