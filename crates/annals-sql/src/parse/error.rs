//! What is wrong with a text that is no statement.

/// Why a text is not a statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// There is nothing in the text.
    #[error("there is no statement; write one")]
    Empty,

    /// A token does not fit.
    #[error("{} at line {line}, column {column} does not fit; expected {expected}", named(.found))]
    Syntax {
        /// The token, as it was written; none at the end of the text.
        found: Option<String>,
        /// What could have stood there.
        expected: String,
        /// Whether the statement was complete without the token.
        extra: bool,
        /// The line of the token, counted from 1.
        line: u64,
        /// The column of the token in characters, counted from 1.
        column: u64,
    },

    /// A name that must stand in backticks: it has a character that no plain name has.
    #[error("the name {name} must stand in backticks: `{name}`")]
    Identifier {
        /// The name.
        name: String,
    },

    /// There is no such type.
    #[error("{name} is no type; the types are those of Spark, such as BIGINT or ARRAY<STRING>")]
    NoType {
        /// The name, as it was written.
        name: String,
    },

    /// A decimal of more digits than there can be, or with more after the point than in all.
    #[error(
        "a decimal has 1 to 38 digits and no more of them after the point than in all; \
         decimal({precision},{scale}) has not"
    )]
    Decimal {
        /// The digits in all.
        precision: u64,
        /// Those after the point.
        scale: u64,
    },

    /// A number that is not of the type that it is written as.
    #[error("{text} is no {type_name}: these go from {least} to {most}")]
    NumberRange {
        /// The digits, without the letter behind them.
        text: String,
        /// The type, in a word.
        type_name: &'static str,
        /// The smallest number of the type.
        least: &'static str,
        /// The largest.
        most: &'static str,
    },

    /// Rows of `VALUES` differ in length.
    #[error(
        "row {row} of VALUES, counted from 0, has {found} values where the first has {expected}"
    )]
    Values {
        /// The values of the first row.
        expected: usize,
        /// Those of this row.
        found: usize,
        /// The row, counted from 0.
        row: usize,
    },

    /// A part of the grammar that is understood and has no meaning here.
    #[error("{what} is not supported; {instead}")]
    Unsupported {
        /// What it is.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
}

impl ParseError {
    /// The token that does not fit, unless the text ended too early.
    pub fn found(&self) -> Option<&str> {
        match self {
            Self::Syntax { found, .. } => found.as_deref(),
            _ => None,
        }
    }
}

fn named(found: &Option<String>) -> String {
    match found {
        Some(token) => format!("'{token}'"),
        None => "the end of the text".to_owned(),
    }
}
