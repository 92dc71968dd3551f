//! Links from one document to another lead somewhere.

use std::collections::BTreeSet;

use crate::repository::{self, File};
use crate::{assert_complains, assert_tidy};

/// Complains of relative links that lead to nothing in `paths`.
fn broken(file: &File, paths: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (line, target) in links(&file.text) {
        let target = target.split('#').next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let leads = resolve(&file.path, target).is_some_and(|resolved| {
            resolved.is_empty()
                || paths.contains(&resolved)
                || paths.range(format!("{resolved}/")..).next().is_some_and(|path| {
                    path.strip_prefix(&resolved).is_some_and(|rest| rest.starts_with('/'))
                })
        });
        if !leads {
            complaints.push(format!(
                "{}:{line}: the link to {target} leads nowhere: mend it or take it out",
                file.path
            ));
        }
    }
    complaints
}

/// Returns the targets of links outside code, each with the number of its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut in_fence) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            in_fence = !in_fence;
        } else if !in_fence {
            // What stands between two backticks is code.
            let prose: Vec<&str> = line.split('`').step_by(2).collect();
            let prose = prose.join("`");
            let definition = prose
                .strip_prefix('[')
                .and_then(|rest| rest.split_once("]:"))
                .filter(|(name, _)| !name.starts_with('^') && !name.contains(']'))
                .and_then(|(_, target)| target.split_whitespace().next());
            let inline = prose.split("](").skip(1).filter_map(|rest| {
                rest.split([')', ' ']).next().map(|target| target.trim_matches(['<', '>']))
            });
            found.extend(definition.into_iter().chain(inline).map(|to| (index + 1, to.to_owned())));
        }
    }
    found
}

/// Returns where `target` leads from the file at `from`, or `None` if out of the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn links_between_documents_lead_somewhere() {
    let paths: BTreeSet<String> = repository::paths().into_iter().collect();
    let complaints: Vec<_> = repository::files()
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .flat_map(|file| broken(file, &paths))
        .collect();
    assert_tidy(&complaints);
}

#[test]
fn a_broken_link_is_seen() {
    let paths = ["README.md", "docs/design.md", "docs/why/not.md"].map(str::to_owned).into();
    let text = "[a](../README.md#top) [b](why) [c](why/not.md \"title\") [d](https://e.org/x.md)\n\
                `[code](gone.md)` [`e`](gone.md)\n```\n[f](gone.md)\n```\n[g]: lost.md\n[h](#here)\n\
                [i](../../README.md) [j](wh)\n";
    assert_complains(
        &broken(&File::new("docs/design.md", text), &paths),
        &["design.md:2: the link to gone.md", "to lost.md", "to ../../README.md", "to wh "],
    );
}
