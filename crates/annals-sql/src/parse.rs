//! From text to a [`Statement`]: Spark's grammar, on sqlparser's tokens and its parser of queries.
//!
//! Queries and expressions are sqlparser's, under a dialect of our own; every other statement is
//! parsed here, for hardly one of them is the same in Spark. Exactly one statement is accepted. An
//! error names the token at which the text stops to be a statement, as Spark's does.
//!
//! Nothing is resolved here, so parsing needs no session and no store.

pub(crate) mod casts;
mod chains;
mod commands;
mod dialect;
mod dml;
mod error;
mod grammar;
mod inspect;
mod intervals;
mod set_chains;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;
mod types;

use datafusion::sql::sqlparser::ast;

pub use self::dialect::SparkDialect;
pub use self::error::ParseError;
use self::grammar::Grammar;
pub use self::types::{COLLATION, COMMENT, DECLARED};
use crate::statement::Name;
pub use crate::statement::Statement;

/// Parses exactly one statement; a semicolon may follow.
///
/// # Errors
///
/// [`ParseError`] names the token that does not fit and where it stands.
///
/// # Examples
///
/// ```
/// use annals_sql::parse::{ParseError, parse};
///
/// assert!(parse("DROP TABLE IF EXISTS t").is_ok());
/// let error = parse("DROP TABLE IF EXIST t").unwrap_err();
/// assert_eq!(error.found(), Some("EXIST"));
/// ```
pub fn parse(text: &str) -> Result<Statement, ParseError> {
    let mut grammar = Grammar::new(text)?;
    let statement = grammar.statement()?;
    grammar.end()?;
    Ok(statement)
}

/// Parses a query and nothing else: the text of a view.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_query(text: &str) -> Result<Box<ast::Query>, ParseError> {
    let mut grammar = Grammar::new(text)?;
    let query = grammar.query()?;
    grammar.end()?;
    Ok(query)
}

/// Parses an expression and nothing else.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_expr(text: &str) -> Result<ast::Expr, ParseError> {
    let mut grammar = Grammar::new(text)?;
    let expr = grammar.expr()?;
    grammar.nothing_more()?;
    Ok(expr)
}

/// Parses an item of a select list: an expression, perhaps with an alias, or a `*`.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_select_item(text: &str) -> Result<ast::SelectItem, ParseError> {
    let mut grammar = Grammar::new(text)?;
    let item = grammar.select_item()?;
    grammar.nothing_more()?;
    Ok(item)
}

/// Parses a name of one or more parts and nothing else.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_name(text: &str) -> Result<Name, ParseError> {
    let mut grammar = Grammar::new(text)?;
    let name = grammar.name()?;
    grammar.nothing_more()?;
    Ok(name)
}

/// Parses the name of a type, such as `array<decimal(10,2)>`.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_type(text: &str) -> Result<arrow::datatypes::DataType, ParseError> {
    let mut grammar = Grammar::new(text)?;
    let found = grammar.data_type()?;
    grammar.nothing_more()?;
    Ok(found.data_type)
}

/// Parses a list of columns, such as `id INT NOT NULL, name STRING COMMENT 'first'`.
///
/// # Errors
///
/// As for [`parse`].
pub fn parse_columns(text: &str) -> Result<Vec<crate::statement::Column>, ParseError> {
    let mut grammar = Grammar::new(text)?;
    let columns = grammar.columns()?;
    grammar.nothing_more()?;
    Ok(columns)
}
