//! Short names of the rules, for counting conflicts by them.
//!
//! **Rule:** names stay the same from release to release; new ones are added at the end.

use super::Rule;

impl Rule {
    /// All that [`name`](Self::name) may return, each once.
    pub const NAMES: [&str; 10] = [
        "changed",
        "read changed",
        "created",
        "dropped",
        "renamed",
        "column",
        "property",
        "layout",
        "no longer applies",
        "contention",
    ];

    /// A short name that stays the same from release to release, for counting.
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The place of the name in [`NAMES`](Self::NAMES).
    pub fn index(&self) -> usize {
        match self {
            Self::Changed { .. } => 0,
            Self::ReadChanged { .. } => 1,
            Self::Created => 2,
            Self::Dropped => 3,
            Self::Renamed { .. } => 4,
            Self::Column { .. } => 5,
            Self::Property { .. } => 6,
            Self::Layout => 7,
            Self::NoLongerApplies { .. } => 8,
            Self::Contention => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_rule_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Rule::NAMES.into_iter().collect();
        assert_eq!(names.len(), Rule::NAMES.len());
        assert_eq!(Rule::Changed { mine: "a", theirs: "b" }.name(), "changed");
        assert_eq!(Rule::Dropped.name(), "dropped");
        assert_eq!(Rule::Property { key: None }.name(), "property");
        assert_eq!((Rule::Contention.name(), Rule::Contention.index()), ("contention", 9));
    }
}
