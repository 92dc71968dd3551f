//! From text to a statement.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::command::Command;
use crate::error::SqlError;
use crate::travel::normalize_version_clauses;

/// What a text says.
#[derive(Clone, Debug)]
pub enum Statement {
    /// To read.
    Query(Box<ast::Query>),
    /// To show how a query would be run.
    Explain {
        /// The query.
        query: Box<ast::Query>,
        /// Whether to run it and tell what it took.
        analyze: bool,
        /// Whether to show all steps of planning.
        verbose: bool,
    },
    /// To do something.
    Command(Command),
}

/// How the text of a query is cut and read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqlDialect;

impl Dialect for SqlDialect {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    /// `@` as in `t@v3`.
    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '@'
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }
}

/// Parses exactly one statement.
///
/// # Errors
///
/// [`SqlError::Parse`].
pub fn parse(text: &str) -> Result<Statement, SqlError> {
    let tokens = Tokenizer::new(&SqlDialect, text).tokenize_with_location().map_err(|error| {
        SqlError::Parse {
            message: error.message,
            token: None,
            line: error.location.line,
            column: error.location.column,
        }
    })?;
    let tokens = normalize_version_clauses(tokens);
    let mut parser = Parser::new(&SqlDialect).with_tokens_with_locations(tokens);
    let statement = parser.parse_statement().map_err(failed)?;
    while parser.consume_token(&Token::SemiColon) {}
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(SqlError::Parse {
            message: format!("there is more behind the statement: `{}`", rest.token),
            token: Some(rest.token.to_string()),
            line: rest.span.start.line,
            column: rest.span.start.column,
        });
    }
    match statement {
        ast::Statement::Query(query) => Ok(Statement::Query(query)),
        ast::Statement::Explain { analyze, verbose, statement, .. } => match *statement {
            ast::Statement::Query(query) => Ok(Statement::Explain { query, analyze, verbose }),
            other => Err(unsupported(&other)),
        },
        other => Err(unsupported(&other)),
    }
}

fn unsupported(statement: &ast::Statement) -> SqlError {
    match statement {
        ast::Statement::Copy { .. } => SqlError::FilesAreOff { path: "COPY".to_owned() },
        ast::Statement::CreateTable(table) if table.external => {
            SqlError::FilesAreOff { path: table.location.clone().unwrap_or_default() }
        }
        other => SqlError::Unsupported {
            what: format!("`{other}`"),
            instead: "write a query".to_owned(),
        },
    }
}

fn failed(error: ParserError) -> SqlError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_owned(),
    };
    SqlError::Parse { message, token: None, line: 0, column: 0 }
}
