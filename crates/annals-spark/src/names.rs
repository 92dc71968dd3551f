//! Names of tables as programs give them: `t`, `db.t`, `spark_catalog.db.t`, with Spark's rules.
//!
//! Spark reads such a name as a piece of SQL: comments and spaces around dots do not count, a bare
//! part has ASCII letters, digits and underscores only, anything else stands in backticks. What is
//! *created* must be of such letters also in backticks, and is kept in lower case.

use annals::{DatabaseName, TableName};

use crate::convert;
use crate::error::SparkError;
use crate::types::quote;

/// What the catalog of a session is called.
pub const CATALOG: &str = "spark_catalog";

/// The database of views that all sessions of a store share.
pub const GLOBAL_TEMP: &str = "global_temp";

/// The parts of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts(pub(crate) Vec<String>);

impl Parts {
    /// Reads a name.
    pub(crate) fn parse(text: &str) -> Result<Self, SparkError> {
        let tokens = tokens(text)?;
        let mut parts = Vec::new();
        let mut rest = tokens.iter();
        loop {
            match rest.next() {
                Some(Token::Part(part)) => parts.push(part.clone()),
                None if parts.is_empty() => return Err(SparkError::plain("PARSE_EMPTY_STATEMENT")),
                None => return Err(syntax("end of input", "")),
                Some(other) => return Err(syntax(&other.shown(), "")),
            }
            match rest.next() {
                None => return Ok(Self(parts)),
                Some(Token::Dot) => {}
                // Where a name may not go on this way, Spark says so in its own manner.
                Some(Token::Sign('(')) => return Err(syntax("'('", "")),
                Some(other) => {
                    return Err(syntax(
                        &other.shown(),
                        &format!(": extra input {}", other.shown()),
                    ));
                }
            }
        }
    }

    /// The same where Spark expects a table and nothing else: what follows it is extra.
    pub(crate) fn parse_strictly(text: &str) -> Result<Self, SparkError> {
        Self::parse(text).map_err(|error| match error.parameter("error") {
            Some("end of input") => syntax("'.'", ": extra input '.'"),
            _ => error,
        })
    }

    /// The parts in backticks, with dots between them.
    pub(crate) fn quoted(&self) -> String {
        self.0.iter().map(|part| quote(part)).collect::<Vec<_>>().join(".")
    }

    /// The parts as they are, with dots between them.
    pub(crate) fn plain(&self) -> String {
        self.0.join(".")
    }

    /// The database and the table that are meant, if the name is one of this catalog.
    pub(crate) fn in_catalog(&self, current: &str) -> Option<(String, String)> {
        match self.0.as_slice() {
            [table] => Some((current.to_owned(), table.clone())),
            [database, table] => Some((database.clone(), table.clone())),
            [catalog, database, table] if catalog.eq_ignore_ascii_case(CATALOG) => {
                Some((database.clone(), table.clone()))
            }
            _ => None,
        }
    }

    /// The same for a table to be read.
    pub(crate) fn to_read(&self, current: &str) -> Result<(String, String), SparkError> {
        self.in_catalog(current).ok_or_else(|| not_single(self))
    }
}

/// A name that is in no database of this catalog.
pub(crate) fn not_single(parts: &Parts) -> SparkError {
    SparkError::new(
        "REQUIRES_SINGLE_PART_NAMESPACE",
        [("sessionCatalog", CATALOG.to_owned()), ("identifier", parts.quoted())],
    )
}

fn syntax(near: &str, hint: &str) -> SparkError {
    SparkError::new("PARSE_SYNTAX_ERROR", [("error", near), ("hint", hint)])
}

#[derive(Debug)]
enum Token {
    Part(String),
    Number(String),
    Dot,
    Sign(char),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Part(text) | Self::Number(text) => format!("'{text}'"),
            Self::Dot => "'.'".to_owned(),
            Self::Sign(sign) => format!("'{sign}'"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, SparkError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        match c {
            c if c.is_whitespace() => rest = behind,
            '-' if behind.starts_with('-') => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
            }
            '.' => {
                tokens.push(Token::Dot);
                rest = behind;
            }
            '`' => {
                let Some((part, behind)) = in_backticks(behind) else {
                    return Err(syntax("'`'", ""));
                };
                tokens.push(Token::Part(part));
                rest = behind;
            }
            c if c.is_alphanumeric() || c == '_' => {
                let joins = |c: char| c.is_alphanumeric() || c == '_';
                let end = rest.find(|c| !joins(c)).unwrap_or(rest.len());
                // What goes on with a hyphen was meant as one name.
                let dashed = rest[end..].starts_with('-') && rest[end + 1..].starts_with(joins);
                let whole_end = if dashed {
                    rest.find(|c: char| !joins(c) && c != '-').unwrap_or(rest.len())
                } else {
                    end
                };
                let word = &rest[..whole_end];
                if dashed || !word.is_ascii() {
                    return Err(SparkError::new("INVALID_IDENTIFIER", [("ident", word)]));
                }
                let digits = word.bytes().all(|byte| byte.is_ascii_digit());
                let word = word.to_owned();
                tokens.push(if digits { Token::Number(word) } else { Token::Part(word) });
                rest = &rest[whole_end..];
            }
            c => {
                tokens.push(Token::Sign(c));
                rest = behind;
            }
        }
    }
    Ok(tokens)
}

/// What stands in backticks, and what stands behind them; none if they are not closed.
fn in_backticks(text: &str) -> Option<(String, &str)> {
    let mut from = 0;
    loop {
        let end = from + text[from..].find('`')?;
        if text[end + 1..].starts_with('`') {
            from = end + 2;
        } else {
            return Some((text[..end].replace("``", "`"), &text[end + 1..]));
        }
    }
}

/// Whether something may be created under this name.
fn may_be_created(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Nothing may be created under this name.
pub(crate) fn not_to_be_created(name: &str) -> SparkError {
    let parts: Vec<String> = name.split('.').map(quote).collect();
    SparkError::new("INVALID_SCHEMA_OR_RELATION_NAME", [("name", parts.join("."))])
}

/// A database to be created: checked, and in lower case.
pub(crate) fn new_database(name: &str) -> Result<DatabaseName, SparkError> {
    if !may_be_created(name) {
        return Err(not_to_be_created(name));
    }
    if name.eq_ignore_ascii_case(GLOBAL_TEMP) {
        return Err(SparkError::new("RESERVED_DATABASE_NAME", [("database", quote(GLOBAL_TEMP))]));
    }
    database(name)
}

/// A table to be created: checked, and in lower case.
pub(crate) fn new_table(database_name: &str, table_name: &str) -> Result<TableName, SparkError> {
    if !may_be_created(table_name) {
        return Err(not_to_be_created(table_name));
    }
    table(database_name, table_name)
}

/// A database, in lower case. None is called by nothing.
pub(crate) fn database(name: &str) -> Result<DatabaseName, SparkError> {
    if name.is_empty() {
        return Err(convert::no_schema(name));
    }
    DatabaseName::new(&name.to_lowercase()).map_err(refused)
}

/// A table, in lower case.
pub(crate) fn table(database_name: &str, table_name: &str) -> Result<TableName, SparkError> {
    TableName::new(&database(database_name)?, &table_name.to_lowercase()).map_err(refused)
}

/// A name that no store has: too long, or with control characters.
fn refused(error: annals::error::NameError) -> SparkError {
    SparkError::other(error.to_string()).caused_by(error)
}

/// A table's full name, as most of Spark's messages have it.
pub(crate) fn full(table: &TableName) -> String {
    format!("{}.{}.{}", quote(CATALOG), quote(table.database_str()), quote(table.table_str()))
}

/// The same without backticks, as some of them have it.
pub(crate) fn full_plain(table: &TableName) -> String {
    format!("{CATALOG}.{}.{}", table.database_str(), table.table_str())
}

/// Whether Spark would take the text for a bare name that SQL can be made of.
pub(crate) fn view_name(text: &str) -> Result<String, SparkError> {
    let invalid = || SparkError::new("_LEGACY_ERROR_TEMP_1321", [("viewName", text)]);
    let parts = Parts::parse(text).map_err(|_| invalid())?;
    match parts.0.as_slice() {
        [name] if name.is_empty() => Err(not_to_be_created(name)),
        [name] => Ok(name.clone()),
        _ => Err(SparkError::new("TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS", [("actualName", text)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_spark_reads_it() {
        for (text, parts) in [
            ("t", vec!["t"]),
            ("db.T", vec!["db", "T"]),
            ("default . t", vec!["default", "t"]),
            ("t --x", vec!["t"]),
            ("`a.b`.`c``d`", vec!["a.b", "c`d"]),
            ("1abc", vec!["1abc"]),
            ("order", vec!["order"]),
        ] {
            assert_eq!(Parts::parse(text).unwrap().0, parts, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_told_as_spark_tells_it() {
        for (text, condition, parameters) in [
            ("", "PARSE_EMPTY_STATEMENT", vec![]),
            (" ", "PARSE_EMPTY_STATEMENT", vec![]),
            ("a-b", "INVALID_IDENTIFIER", vec!["a-b"]),
            ("tábla", "INVALID_IDENTIFIER", vec!["tábla"]),
            ("a b", "PARSE_SYNTAX_ERROR", vec!["'b'", ": extra input 'b'"]),
            ("t;", "PARSE_SYNTAX_ERROR", vec!["';'", ": extra input ';'"]),
            ("t.", "PARSE_SYNTAX_ERROR", vec!["end of input", ""]),
            ("`ab", "PARSE_SYNTAX_ERROR", vec!["'`'", ""]),
            ("*", "PARSE_SYNTAX_ERROR", vec!["'*'", ""]),
            ("t(1)", "PARSE_SYNTAX_ERROR", vec!["'('", ""]),
        ] {
            let error = Parts::parse(text).unwrap_err();
            assert_eq!(error.condition(), Some(condition), "{text}");
            let values: Vec<&str> =
                error.parameters().iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(values, parameters, "{text}");
        }
    }

    #[test]
    fn only_plain_names_are_created_and_in_lower_case() {
        assert_eq!(new_table("DB", "MyTable").unwrap().to_string(), "db.mytable");
        assert!(new_table("db", "a b").is_err());
        let error = new_table("db", "a.b").unwrap_err();
        assert_eq!(error.parameter("name"), Some("`a`.`b`"));
        assert_eq!(new_database("é").unwrap_err().parameter("name"), Some("`é`"));
        assert!(new_table("db", &"z".repeat(100_000)).is_err());
    }
}
