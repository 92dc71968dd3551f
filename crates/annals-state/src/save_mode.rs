//! What a save does where a table may or may not exist.
//!
//! Source of the rule: Spark's `SaveMode` and `DataFrameWriter.saveAsTable`, as recorded from
//! Spark 4.3 runs: an overwrite replaces a view of that name by a table, an append to a view is
//! refused, `ignore` and `error` see a view as something that exists.

use std::fmt;
use std::str::FromStr;

use crate::table::TableState;

/// What to do if the table exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SaveMode {
    /// Refuse: the table must not exist yet. Also written `error` and `default`.
    #[default]
    ErrorIfExists,
    /// Replace its rows, and unless told otherwise its schema.
    Overwrite,
    /// Add the rows to it.
    Append,
    /// Leave it as it is.
    Ignore,
}

/// What a mode comes down to against what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Create the table.
    Create,
    /// Replace what is there; a view becomes a table.
    Replace,
    /// Add to what is there.
    Append,
    /// Do nothing.
    Skip,
    /// Refuse, because something is there.
    RefuseExisting,
    /// Refuse, because what is there is a view.
    RefuseView,
}

impl SaveMode {
    /// What this mode comes down to against `existing`.
    pub fn decide(self, existing: Option<&TableState>) -> Decision {
        match (existing, self) {
            (None, _) => Decision::Create,
            (Some(_), Self::ErrorIfExists) => Decision::RefuseExisting,
            (Some(_), Self::Ignore) => Decision::Skip,
            (Some(_), Self::Overwrite) => Decision::Replace,
            (Some(state), Self::Append) if state.is_view() => Decision::RefuseView,
            (Some(_), Self::Append) => Decision::Append,
        }
    }

    /// The mode's name as Spark writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ErrorIfExists => "error",
            Self::Overwrite => "overwrite",
            Self::Append => "append",
            Self::Ignore => "ignore",
        }
    }
}

impl fmt::Display for SaveMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no save mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the save mode {text:?} is unknown; use overwrite, append, ignore, error, errorifexists or default"
)]
pub struct UnknownSaveMode {
    /// The text, shortened.
    pub text: String,
}

impl FromStr for SaveMode {
    type Err = UnknownSaveMode;

    /// Reads a mode's name in any case.
    fn from_str(text: &str) -> Result<Self, UnknownSaveMode> {
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        match () {
            () if is("overwrite") => Ok(Self::Overwrite),
            () if is("append") => Ok(Self::Append),
            () if is("ignore") => Ok(Self::Ignore),
            () if is("error") || is("errorifexists") || is("default") => Ok(Self::ErrorIfExists),
            () => Err(UnknownSaveMode { text: crate::name::shorten(text) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_read_in_any_case_and_unknown_ones_are_named() {
        for (text, mode) in [
            ("overwrite", SaveMode::Overwrite),
            ("APPEND", SaveMode::Append),
            ("Ignore", SaveMode::Ignore),
            ("error", SaveMode::ErrorIfExists),
            ("errorIfExists", SaveMode::ErrorIfExists),
            ("default", SaveMode::ErrorIfExists),
        ] {
            assert_eq!(text.parse(), Ok(mode));
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        for text in ["", "bogus", " append", &"x".repeat(10_000)] {
            let message = text.parse::<SaveMode>().unwrap_err().to_string();
            assert!(message.contains("is unknown; use overwrite") && message.len() < 300);
        }
    }
}
