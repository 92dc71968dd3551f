//! The tokens of a statement, and where each stands in the text.
//!
//! Spark writes some things in ways that sqlparser does not read. They are brought into its words
//! here, token by token, each keeping its place in the text: numbers that say their type (`1L`,
//! `1e3`), strings in double quotes, and version clauses.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::casts;
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
    let tokens = casts::in_one_word(text, tokens.collect())?;
    rewrite(&normalize_version_clauses(tokens))
}

/// How deep types lie in each other, as in `CAST(a AS ARRAY<ARRAY<INT>>)` or `CAST(a AS INT[][])`.
/// Sqlparser does not bound it and recurses, or makes what others recurse over.
pub(super) fn type_depth(tokens: &[TokenWithSpan]) -> usize {
    let opens =
        |word: &str| ["ARRAY", "MAP", "STRUCT"].iter().any(|of| word.eq_ignore_ascii_case(of));
    let (mut depth, mut brackets, mut most) = (0_usize, 0, 0);
    for pair in tokens.windows(2) {
        match (&pair[0].token, &pair[1].token) {
            (Token::Word(word), Token::Lt) if opens(&word.value) => depth += 1,
            (_, Token::Gt) => depth = depth.saturating_sub(1),
            (_, Token::ShiftRight) => depth = depth.saturating_sub(2),
            (Token::LBracket, Token::RBracket) => brackets += 1,
            (Token::RBracket, Token::LBracket) => {}
            _ => brackets = 0,
        }
        most = most.max(depth).max(brackets);
    }
    most
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

fn rewrite(tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>, ParseError> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        let written = match &token.token {
            Token::DoubleQuotedString(text) => {
                out.push(Token::SingleQuotedString(text.clone()).with_span(token.span));
                continue;
            }
            Token::Word(word) if word.quote_style.is_none() => word.value.clone(),
            // A letter right behind an exponent is a token of its own.
            Token::Number(text, _) => match tokens.peek().map(|next| (&next.token, next.span)) {
                Some((Token::Word(letter), span))
                    if span.start == token.span.end
                        && text.contains(['e', 'E'])
                        && ["D", "F"].contains(&letter.value.to_ascii_uppercase().as_str()) =>
                {
                    tokens.next();
                    format!("{text}{}", letter.value)
                }
                _ => text.clone(),
            },
            _ => {
                out.push(token.clone());
                continue;
            }
        };
        let is_name = matches!(out.last().map(|last| &last.token), Some(Token::Period));
        let Some(number) = Number::of(&written).filter(|_| !is_name) else {
            out.push(token.clone());
            continue;
        };
        let negative = is_negated(&out);
        match number.fits(negative)? {
            Fits::As(text) => {
                if text.starts_with('-') {
                    out.pop();
                }
                out.extend(number.type_tokens().into_iter().map(|part| part.with_span(token.span)));
                out.push(Token::SingleQuotedString(text).with_span(token.span));
            }
            Fits::AsItIs => out.push(token.clone()),
        }
    }
    Ok(out)
}

/// Whether what comes next is negated: a minus is the last token, and nothing that it could be
/// subtracted from stands before it.
fn is_negated(before: &[TokenWithSpan]) -> bool {
    let mut before = before.iter().rev().map(|token| &token.token);
    if before.next() != Some(&Token::Minus) {
        return false;
    }
    match before.next() {
        Some(Token::Word(word)) => word.keyword != Keyword::NoKeyword,
        Some(
            Token::Number(..) | Token::SingleQuotedString(_) | Token::RParen | Token::RBracket,
        ) => false,
        _ => true,
    }
}

/// A number that says its type: by a letter, an exponent, or its size.
struct Number<'t> {
    digits: &'t str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Decimal,
    Bigint,
    Smallint,
    Tinyint,
    Double,
    Float,
    /// A whole number without a letter that no `BIGINT` holds.
    Large,
}

/// How a number is handed on.
enum Fits {
    /// As a text, with its type before it.
    As(String),
    AsItIs,
}

impl<'t> Number<'t> {
    fn of(text: &'t str) -> Option<Self> {
        if !text.starts_with(|c: char| c.is_ascii_digit()) && !text.starts_with('.') {
            return None;
        }
        let upper = text.to_ascii_uppercase();
        let suffixes = [
            ("BD", Kind::Decimal),
            ("L", Kind::Bigint),
            ("S", Kind::Smallint),
            ("Y", Kind::Tinyint),
            ("D", Kind::Double),
            ("F", Kind::Float),
        ];
        let suffix = suffixes
            .into_iter()
            .find_map(|(suffix, kind)| Some((upper.strip_suffix(suffix)?.len(), kind)));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (length, kind) = match suffix {
            Some(found) => found,
            None if plain(text) => match text.parse::<i64>() {
                Ok(_) => return None,
                Err(_) => (text.len(), Kind::Large),
            },
            None if upper.contains('E') => (text.len(), Kind::Double),
            None => return None,
        };
        let digits = &text[..length];
        let fits = match kind {
            Kind::Bigint | Kind::Smallint | Kind::Tinyint | Kind::Large => plain(digits),
            Kind::Decimal => digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'),
            Kind::Double | Kind::Float => digits.parse::<f64>().is_ok(),
        };
        (fits && !digits.is_empty()).then_some(Self { digits, kind })
    }

    /// How the number is handed on, if its type holds it. `negative`: whether it is negated.
    fn fits(&self, negative: bool) -> Result<Fits, ParseError> {
        let (type_name, least, most) = match self.kind {
            Kind::Tinyint => ("tinyint", "-128", "127"),
            Kind::Smallint => ("smallint", "-32768", "32767"),
            Kind::Bigint | Kind::Large => ("bigint", "-9223372036854775808", "9223372036854775807"),
            Kind::Double => ("double", "-1.7976931348623157E+308", "1.7976931348623157E+308"),
            Kind::Float => ("float", "-3.4028234663852886E+38", "3.4028234663852886E+38"),
            Kind::Decimal => return Ok(Fits::As(self.digits.to_owned())),
        };
        let out_of_range = || {
            let text = self.digits.to_owned();
            ParseError::NumberRange { text, type_name, least, most }
        };
        let digits = self.digits;
        // The smallest number has no positive counterpart, so that its sign belongs to it.
        let is_least = negative && format!("-{}", digits.trim_start_matches('0')) == least;
        let (most, least) = (most.parse::<f64>(), least);
        match self.kind {
            Kind::Large if is_least => Ok(Fits::AsItIs),
            Kind::Large => Ok(Fits::As(digits.to_owned())),
            Kind::Double | Kind::Float => match (digits.parse::<f64>(), most) {
                (Ok(number), Ok(most)) if number <= most => Ok(Fits::As(digits.to_owned())),
                _ => Err(out_of_range()),
            },
            _ if is_least => Ok(Fits::As(least.to_owned())),
            _ => match digits.parse::<i64>() {
                Ok(number) if most.is_ok_and(|most| number as f64 <= most) => {
                    Ok(Fits::As(digits.to_owned()))
                }
                _ => Err(out_of_range()),
            },
        }
    }

    fn type_tokens(&self) -> Vec<Token> {
        let name = match self.kind {
            Kind::Decimal | Kind::Large => "DECIMAL",
            Kind::Bigint => "BIGINT",
            Kind::Smallint => "SMALLINT",
            Kind::Tinyint => "TINYINT",
            Kind::Double => "DOUBLE",
            Kind::Float => "FLOAT",
        };
        let mut tokens = vec![Token::make_keyword(name)];
        if matches!(self.kind, Kind::Decimal | Kind::Large) {
            let scale = self.digits.split_once('.').map_or(0, |(_, after)| after.len());
            let precision = self.digits.bytes().filter(u8::is_ascii_digit).count().max(1);
            tokens.push(Token::LParen);
            tokens.push(Token::Number(precision.to_string(), false));
            tokens.push(Token::Comma);
            tokens.push(Token::Number(scale.to_string(), false));
            tokens.push(Token::RParen);
        }
        tokens
    }
}

trait WithSpan {
    fn with_span(self, span: Span) -> TokenWithSpan;
}

impl WithSpan for Token {
    fn with_span(self, span: Span) -> TokenWithSpan {
        TokenWithSpan { token: self, span }
    }
}
