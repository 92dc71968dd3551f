//! The patterns of `SHOW … LIKE`, as Spark reads them.
//!
//! White space around the pattern is left out, `|` separates parts, `*` in a part is any text, and
//! what comes of it is a regular expression that the whole name must match, without regard to case.
//! A part that is no regular expression matches nothing. Patterns come from users: the expressions
//! are those of the crate `regex`, which run in time proportional to the name.
//!
//! The engine's own listings know only `*` and `|`, as they need no library for that.

use regex::{Regex, RegexBuilder};

/// Which names are shown. The default is all of them.
///
/// # Examples
///
/// ```
/// use annals_sql::NamePattern;
///
/// let pattern = NamePattern::new("sales_[0-9]{4}|stock*");
/// assert!(pattern.matches("Sales_2024") && pattern.matches("stocks"));
/// assert!(!pattern.matches("sales_all"));
/// assert!(NamePattern::default().matches("anything"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct NamePattern {
    /// One of these must match; none at all says that there is no pattern.
    parts: Option<Vec<Regex>>,
}

impl NamePattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Self {
        let text = text.trim_matches(|c: char| c <= ' ');
        Self { parts: Some(text.split('|').filter_map(part).collect()) }
    }

    /// Reads a pattern, if there is one.
    pub fn of(text: Option<&str>) -> Self {
        text.map_or_else(Self::default, Self::new)
    }

    /// Whether the whole name matches.
    pub fn matches(&self, name: &str) -> bool {
        match &self.parts {
            Some(parts) => parts.iter().any(|part| part.is_match(name)),
            None => true,
        }
    }
}

/// One part as an expression for whole names; none if it is no expression.
fn part(text: &str) -> Option<Regex> {
    let text = text.replace('*', ".*");
    // By itself first: in parentheses, `a)(b` would be well-formed.
    Regex::new(&text).ok()?;
    RegexBuilder::new(&format!("^(?:{text})$")).case_insensitive(true).build().ok()
}

#[cfg(test)]
mod tests {
    use super::NamePattern;

    /// What Spark 4.3 showed of these names for each pattern.
    #[test]
    fn patterns_match_what_spark_matches() {
        let names = ["a1", "alpha", "alphabet", "beta"];
        for (pattern, expected) in [
            ("ALPHA", vec!["alpha"]),
            ("  alpha  ", vec!["alpha"]),
            (" alpha | beta ", vec![]),
            ("alpha|beta", vec!["alpha", "beta"]),
            ("a.*", vec!["a1", "alpha", "alphabet"]),
            ("a1.*", vec![]),
            ("a*|b*", vec!["a1", "alpha", "alphabet", "beta"]),
            ("a[0-9]", vec!["a1"]),
            ("a[", vec![]),
            ("a[|beta", vec!["beta"]),
            ("a.b", vec![]),
            ("a?1", vec!["a1"]),
            ("(alpha)(bet)?", vec!["alpha", "alphabet"]),
            ("(alpha|beta)", vec![]),
            ("", vec![]),
            ("|", vec![]),
            ("^alpha$", vec!["alpha"]),
            ("(?-i)ALPHA", vec![]),
            ("alpha%", vec![]),
            ("**", vec!["a1", "alpha", "alphabet", "beta"]),
            ("alpha)(bet", vec![]),
            ("al.{1,9}?", vec!["alpha", "alphabet"]),
        ] {
            let pattern_read = NamePattern::new(pattern);
            let found: Vec<&str> =
                names.into_iter().filter(|name| pattern_read.matches(name)).collect();
            assert_eq!(found, expected, "{pattern:?}");
        }
    }

    #[test]
    fn a_pattern_that_would_be_a_huge_expression_matches_nothing() {
        assert!(!NamePattern::new("((a{1000}){1000}){1000}").matches("a"));
    }
}
