//! The tokens of a statement, and where each stands in the text.
//!
//! Spark writes some things in ways that sqlparser does not read. They are brought into its words
//! here, token by token, each keeping its place in the text: numbers with a suffix (`1L`), strings
//! in double quotes, and versions of tables (`t@v3`, `VERSION AS OF 'tag'`).

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{
    Location, Span, Token, TokenWithSpan, Tokenizer, Word,
};

use super::dialect::SparkDialect;
use super::error::ParseError;

/// The function that stands for a version clause until the query is parsed.
pub(super) const AT_VERSION: &str = "__at_version";
/// Likewise for a moment.
pub(super) const AT_TIMESTAMP: &str = "__at_timestamp";

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
    let tokens = tokens.into_iter().filter(|token| {
        !matches!(token.token, Token::Whitespace(_) | Token::EOF)
    });
    Ok(rewrite(tokens.collect()))
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

fn word(text: &str, keyword: Keyword, span: Span) -> TokenWithSpan {
    let word = Word { value: text.to_owned(), quote_style: None, keyword };
    TokenWithSpan { token: Token::Word(word), span }
}

fn is_word(token: Option<&TokenWithSpan>, text: &str) -> bool {
    matches!(token.map(|token| &token.token), Some(Token::Word(word))
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text))
}

fn rewrite(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let taken = version(&tokens[at..], &mut out);
        if taken > 0 {
            at += taken;
            continue;
        }
        at += 1;
        match &token.token {
            Token::DoubleQuotedString(text) => {
                let token = Token::SingleQuotedString(text.clone()).with_span(token.span);
                out.push(token);
            }
            Token::Word(word) if word.quote_style.is_none() => match number(&word.value) {
                Some((kind, digits)) if !matches!(out.last().map(|last| &last.token), Some(Token::Period)) => {
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
    if digits.is_empty() || !digits.starts_with(|c: char| c.is_ascii_digit()) || !digits.chars().all(fits) {
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

/// Brings a version clause at the front of `tokens` into the form `AT(__at_version => …)`; returns
/// how many tokens it was.
fn version(tokens: &[TokenWithSpan], out: &mut Vec<TokenWithSpan>) -> usize {
    let mut push = |of: &str, values: &[TokenWithSpan]| {
        let span = tokens[0].span;
        out.push(word("AT", Keyword::AT, span));
        out.push(Token::LParen.with_span(span));
        out.push(word(of, Keyword::NoKeyword, span));
        out.push(Token::RArrow.with_span(span));
        out.extend(values.iter().cloned());
        out.push(Token::RParen.with_span(span));
    };
    // t@v3, t@20240131120000000
    if matches!(tokens[0].token, Token::AtSign) {
        let Some(next) = tokens.get(1) else { return 0 };
        let adjacent = next.span.start == tokens[0].span.end;
        let text = match &next.token {
            Token::Word(word) if adjacent && word.quote_style.is_none() => word.value.clone(),
            Token::Number(digits, _) if adjacent => digits.clone(),
            _ => return 0,
        };
        let digits = text.strip_prefix(['v', 'V']);
        if let Some(digits) = digits.filter(|digits| all_digits(digits)) {
            push(AT_VERSION, &[Token::Number(digits.to_owned(), false).with_span(next.span)]);
            return 2;
        }
        if all_digits(&text) && text.len() == 17 {
            push(AT_TIMESTAMP, &[Token::SingleQuotedString(compact(&text)).with_span(next.span)]);
            return 2;
        }
        return 0;
    }
    // [FOR] VERSION AS OF 3, [FOR] SYSTEM_VERSION AS OF 3: of a number or a string.
    let skip = usize::from(is_word(tokens.first(), "FOR"));
    let of_version = ["VERSION", "SYSTEM_VERSION"];
    let of_time = ["TIMESTAMP", "SYSTEM_TIME"];
    let says = |words: [&str; 2]| words.iter().any(|word| is_word(tokens.get(skip), word));
    if !is_word(tokens.get(skip + 1), "AS") || !is_word(tokens.get(skip + 2), "OF") {
        return 0;
    }
    if says(of_version) {
        let value = match tokens.get(skip + 3).map(|token| &token.token) {
            Some(Token::Number(..) | Token::SingleQuotedString(_)) => tokens[skip + 3].clone(),
            Some(Token::DoubleQuotedString(text)) => {
                Token::SingleQuotedString(text.clone()).with_span(tokens[skip + 3].span)
            }
            // Left as it is: the parser says what was expected.
            _ => return 0,
        };
        push(AT_VERSION, &[value]);
        return skip + 4;
    }
    if says(of_time) {
        // The parser of queries reads an expression behind these words.
        out.push(word("TIMESTAMP", Keyword::TIMESTAMP, tokens[skip].span));
        out.push(tokens[skip + 1].clone());
        out.push(tokens[skip + 2].clone());
        return skip + 3;
    }
    0
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `yyyyMMddHHmmssSSS` as a timestamp.
fn compact(text: &str) -> String {
    let part = |from: usize, to: usize| &text[from..to];
    format!(
        "{}-{}-{} {}:{}:{}.{}",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14),
        part(14, 17)
    )
}

trait WithSpan {
    fn with_span(self, span: Span) -> TokenWithSpan;
}

impl WithSpan for Token {
    fn with_span(self, span: Span) -> TokenWithSpan {
        TokenWithSpan { token: self, span }
    }
}
