//! Name patterns: `*` is any text, `|` separates alternatives, case does not count, all else stands
//! for itself. Those of Spark's `SHOW TABLES LIKE` are regular expressions besides, which
//! `annals-sql` has; the engine needs no library for its own.

/// Whether a name matches a pattern of [`Snapshot::tables_like`](crate::Snapshot::tables_like): `*`
/// is any text, `|` separates alternatives, case does not count, all else stands for itself.
///
/// # Examples
///
/// ```
/// assert!(annals::name_matches("sales_*|stock", "Sales_2024"));
/// assert!(!annals::name_matches("sales_*|stock", "stocks"));
/// ```
pub fn name_matches(pattern: &str, name: &str) -> bool {
    Pattern::new(pattern).matches(&name.to_lowercase())
}

/// A pattern, split into its alternatives and these at their stars.
pub(crate) struct Pattern {
    alternatives: Vec<Vec<String>>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let folded = text.to_lowercase();
        let alternatives = folded
            .split('|')
            .map(|alternative| alternative.trim().split('*').map(str::to_owned).collect());
        Self { alternatives: alternatives.collect() }
    }

    /// Whether a folded name matches. O(name · pattern) at worst, without backtracking further.
    pub(crate) fn matches(&self, folded: &str) -> bool {
        self.alternatives.iter().any(|pieces| matches(pieces, folded))
    }
}

/// Takes each piece between stars at its first place: leftmost is always as good as any later.
fn matches(pieces: &[String], name: &str) -> bool {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return false };
    if pieces.len() == 1 {
        return name == first;
    }
    let Some(rest) = name.strip_prefix(first.as_str()) else { return false };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
    pieces[1..pieces.len() - 1].iter().all(|piece| match rest.find(piece.as_str()) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_alternatives_match() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("t", "t", true),
            ("T", "t", true),
            ("t", "tt", false),
            ("t*", "table", true),
            ("*e", "table", true),
            ("t*e", "table", true),
            ("t*e", "te", true),
            ("te*te", "te", false),
            ("*a*b*", "xxaxbx", true),
            ("*a*b*", "xxbxax", false),
            ("a|b", "b", true),
            ("a*| b*", "bee", true),
            ("a.c", "abc", false),
            ("", "x", false),
            ("é*", "été", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} on {name}");
        }
    }
}
