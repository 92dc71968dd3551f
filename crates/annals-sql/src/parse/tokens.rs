//! The tokens of a statement, and where each stands in the text.
//!
//! Spark writes some things in ways that sqlparser does not read. They are brought into its words
//! here, token by token, each keeping its place in the text: numbers with a suffix (`1L`), strings
//! in double quotes, and version clauses.

use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::dialect::SparkDialect;
use super::error::ParseError;
use crate::travel::normalize_version_clauses;

/// The tokens, without white space and comments.
pub(super) fn tokenize(text: &str) -> Result<Vec<TokenWithSpan>, ParseError> {
    let tokens = Tokenizer::new(&SparkDialect, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| {
        let found = character_at(text, error.location).map(String::from);
        syntax(found, &error.message, error.location)
    })?;
    if text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    let tokens = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    Ok(rewrite(&normalize_version_clauses(tokens.collect())))
}

fn syntax(found: Option<String>, expected: &str, at: Location) -> ParseError {
    let (line, column) = (at.line, at.column);
    ParseError::Syntax { found, expected: expected.to_owned(), extra: false, line, column }
}

/// The place in the text, in bytes.
pub(super) fn offset(text: &str, at: Location) -> usize {
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index as u64 + 1 == at.line {
            let columns = usize::try_from(at.column.saturating_sub(1)).unwrap_or(usize::MAX);
            let within = line.char_indices().nth(columns).map_or(line.len(), |(at, _)| at);
            return start + within;
        }
        start += line.len();
    }
    text.len()
}

fn character_at(text: &str, at: Location) -> Option<char> {
    text[offset(text, at)..].chars().next()
}

fn rewrite(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out = Vec::with_capacity(tokens.len());
    for token in tokens {
        match &token.token {
            Token::DoubleQuotedString(text) => {
                let token = Token::SingleQuotedString(text.clone()).with_span(token.span);
                out.push(token);
            }
            Token::Word(word) if word.quote_style.is_none() => match number(&word.value) {
                Some((kind, digits))
                    if !matches!(out.last().map(|last| &last.token), Some(Token::Period)) =>
                {
                    let text = Token::SingleQuotedString(digits.to_owned());
                    out.extend(kind.iter().map(|part| part.clone().with_span(token.span)));
                    out.push(text.with_span(token.span));
                }
                _ => out.push(token.clone()),
            },
            _ => out.push(token.clone()),
        }
    }
    out
}

/// A number with a suffix: the tokens of its type, and its digits.
fn number(text: &str) -> Option<(Vec<Token>, &str)> {
    let upper = text.to_ascii_uppercase();
    let (digits, kind) = [
        ("BD", "DECIMAL"),
        ("L", "BIGINT"),
        ("S", "SMALLINT"),
        ("Y", "TINYINT"),
        ("D", "DOUBLE"),
        ("F", "FLOAT"),
    ]
    .into_iter()
    .find_map(|(suffix, kind)| Some((upper.strip_suffix(suffix)?.len(), kind)))?;
    let digits = &text[..digits];
    let whole = matches!(kind, "BIGINT" | "SMALLINT" | "TINYINT");
    let fits = |c: char| c.is_ascii_digit() || (!whole && c == '.');
    if digits.is_empty()
        || !digits.starts_with(|c: char| c.is_ascii_digit())
        || !digits.chars().all(fits)
    {
        return None;
    }
    let mut tokens = vec![Token::make_keyword(kind)];
    if kind == "DECIMAL" {
        let scale = digits.split_once('.').map_or(0, |(_, after)| after.len());
        let precision = digits.chars().filter(char::is_ascii_digit).count().max(1);
        tokens.push(Token::LParen);
        tokens.push(Token::Number(precision.to_string(), false));
        tokens.push(Token::Comma);
        tokens.push(Token::Number(scale.to_string(), false));
        tokens.push(Token::RParen);
    }
    Some((tokens, digits))
}

trait WithSpan {
    fn with_span(self, span: Span) -> TokenWithSpan;
}

impl WithSpan for Token {
    fn with_span(self, span: Span) -> TokenWithSpan {
        TokenWithSpan { token: self, span }
    }
}
