//! A cursor over the tokens of one statement: words, names, literals, queries, and errors that say
//! which token did not fit.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::dialect::{SparkDialect, with_patience};
use super::error::ParseError;
use super::{inspect, tokens, types};
use crate::statement::{ExprText, Name, Properties, QueryText};

static DIALECT: SparkDialect = SparkDialect;

/// How deep a query or a type may be nested.
pub(super) const DEPTH_MAX: usize = 128;

/// How deep a type may be that something is cast to: what plans it takes much of the stack for each
/// level.
pub(super) const CAST_DEPTH_MAX: usize = 32;

pub(super) struct Grammar<'t> {
    text: &'t str,
    tokens: Vec<TokenWithSpan>,
    parser: Parser<'static>,
    /// How many types the one that is read lies in.
    pub(super) types: usize,
    /// How deep types lie in each other, anywhere in the text.
    type_depth: usize,
    /// Whether the first half of the `>>` that comes next has closed a type.
    pub(super) half: bool,
}

impl<'t> Grammar<'t> {
    pub(super) fn new(text: &'t str) -> Result<Self, ParseError> {
        let tokens = tokens::tokenize(text)?;
        Ok(Self::of(text, tokens))
    }

    /// Over some of the tokens of a text.
    pub(super) fn of(text: &'t str, tokens: Vec<TokenWithSpan>) -> Self {
        let type_depth = tokens::type_depth(&tokens);
        let parser = Parser::new(&DIALECT)
            .with_recursion_limit(DEPTH_MAX)
            .with_tokens_with_locations(tokens.clone());
        Self { text, tokens, parser, types: 0, half: false, type_depth }
    }

    /// The statement is complete; only a semicolon may follow.
    pub(super) fn end(&mut self) -> Result<(), ParseError> {
        let complete = self.parser.index() > 0;
        while complete && self.parser.consume_token(&Token::SemiColon) {}
        match self.tokens.get(self.parser.index()) {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end", complete)),
        }
    }

    /// Nothing may follow, not even a semicolon.
    pub(super) fn nothing_more(&mut self) -> Result<(), ParseError> {
        match self.peek(0) {
            None => Ok(()),
            Some(token) => Err(self.unexpected("the end", *token != Token::LParen)),
        }
    }

    // ---- errors ---------------------------------------------------------------------------

    /// The next token does not fit.
    pub(super) fn expected<T>(&self, what: &str) -> Result<T, ParseError> {
        Err(self.unexpected(what, false))
    }

    fn unexpected(&self, expected: &str, extra: bool) -> ParseError {
        self.at(self.parser.index(), expected, extra)
    }

    fn at(&self, index: usize, expected: &str, extra: bool) -> ParseError {
        let token = self.tokens.get(index);
        let end =
            || self.tokens.last().map_or(Location { line: 1, column: 1 }, |last| last.span.end);
        let place = token.map_or_else(end, |token| token.span.start);
        let found = token.map(|token| {
            let (start, end) = (token.span.start, token.span.end);
            let written = tokens::offset(self.text, start)..tokens::offset(self.text, end);
            match self.text[written].trim() {
                "" => token.token.to_string(),
                written => written.to_owned(),
            }
        });
        let (line, column) = (place.line, place.column);
        ParseError::Syntax { found, expected: expected.to_owned(), extra, line, column }
    }

    /// Runs a part of sqlparser's parser.
    pub(super) fn run<T>(
        &mut self,
        part: impl FnOnce(&mut Parser<'static>) -> Result<T, ParserError>,
    ) -> Result<T, ParseError> {
        if self.type_depth > CAST_DEPTH_MAX {
            return Err(types::too_deep());
        }
        let parsed = with_patience(self.tokens.len(), || part(&mut self.parser));
        parsed.map_err(|error| self.told(&error))
    }

    /// An error of sqlparser's, which knows the place only as text.
    fn told(&self, error: &ParserError) -> ParseError {
        let message = match error {
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
            ParserError::RecursionLimitExceeded => {
                return ParseError::Unsupported {
                    what: "an expression or query nested so deeply",
                    instead: "write it with fewer levels, or in several statements",
                };
            }
        };
        let expected =
            message.strip_prefix("Expected: ").and_then(|rest| rest.split_once(", found"));
        let expected = expected.map_or(message.as_str(), |(expected, _)| expected);
        let expected = expected.split(" at Line: ").next().unwrap_or(expected);
        let index = place(message)
            .and_then(|place| self.tokens.iter().position(|token| token.span.start == place));
        let ended = message.contains("found: EOF");
        let index = if ended { Some(self.tokens.len()) } else { index };
        self.at(index.unwrap_or_else(|| self.parser.index()), expected, false)
    }

    // ---- words ----------------------------------------------------------------------------

    pub(super) fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.parser.index() + ahead).map(|token| &token.token)
    }

    /// Whether the token that many ahead is this word, not in backticks.
    pub(super) fn sees_at(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek(ahead), Some(Token::Word(found))
            if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
    }

    /// Whether these words come next.
    pub(super) fn sees(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.sees_at(ahead, word))
    }

    /// Takes these words if they come next.
    pub(super) fn takes(&mut self, words: &[&str]) -> bool {
        let seen = self.sees(words);
        if seen {
            self.skip(words.len());
        }
        seen
    }

    pub(super) fn skip(&mut self, tokens: usize) {
        for _ in 0..tokens {
            self.parser.next_token();
        }
    }

    /// Takes one of these words; which one.
    pub(super) fn takes_one(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.takes(&[word]))
    }

    /// These words must come next.
    pub(super) fn expect(&mut self, words: &[&str]) -> Result<(), ParseError> {
        for word in words {
            if !self.takes(&[word]) {
                return self.expected(word);
            }
        }
        Ok(())
    }

    /// One of these words must come next.
    pub(super) fn expect_one(
        &mut self,
        words: &[&'static str],
    ) -> Result<&'static str, ParseError> {
        match self.takes_one(words) {
            Some(word) => Ok(word),
            None => self.expected(&words.join(" or ")),
        }
    }

    pub(super) fn takes_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), ParseError> {
        match self.takes_token(token) {
            true => Ok(()),
            false => self.expected(&format!("'{token}'")),
        }
    }

    pub(super) fn if_exists(&mut self) -> Result<bool, ParseError> {
        let said = self.takes(&["IF"]);
        if said {
            self.expect(&["EXISTS"])?;
        }
        Ok(said)
    }

    pub(super) fn if_not_exists(&mut self) -> Result<bool, ParseError> {
        let said = self.takes(&["IF"]);
        if said {
            self.expect(&["NOT"])?;
            self.expect(&["EXISTS"])?;
        }
        Ok(said)
    }

    // ---- names and literals ---------------------------------------------------------------

    /// One part of a name.
    pub(super) fn identifier(&mut self) -> Result<String, ParseError> {
        match self.peek(0) {
            Some(Token::Word(word)) => {
                let (value, plain) = (word.value.clone(), word.quote_style.is_none());
                self.skip(1);
                if plain {
                    self.plain(&value)?;
                }
                Ok(value)
            }
            Some(Token::Number(digits, _)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.expected("a name, which is not a number unless in backticks")
            }
            _ => self.expected("a name"),
        }
    }

    /// A name that goes on with a dash is one that should stand in backticks.
    fn plain(&self, value: &str) -> Result<(), ParseError> {
        let adjacent = |ahead: usize| {
            let index = self.parser.index() + ahead;
            let (Some(before), Some(this)) = (self.tokens.get(index - 1), self.tokens.get(index))
            else {
                return false;
            };
            before.span.end == this.span.start
        };
        if self.peek(0) != Some(&Token::Minus) || !adjacent(0) || !adjacent(1) {
            return Ok(());
        }
        match self.peek(1) {
            Some(Token::Word(next)) => {
                Err(ParseError::Identifier { name: format!("{value}-{}", next.value) })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn name(&mut self) -> Result<Name, ParseError> {
        let mut parts = vec![self.identifier()?];
        while self.takes_token(&Token::Period) {
            parts.push(self.identifier()?);
        }
        Ok(Name(parts))
    }

    pub(super) fn string(&mut self) -> Result<String, ParseError> {
        match self.peek(0) {
            Some(Token::SingleQuotedString(text)) => {
                let text = text.clone();
                self.skip(1);
                Ok(text)
            }
            _ => self.expected("a string"),
        }
    }

    pub(super) fn takes_string(&mut self) -> Option<String> {
        self.string().ok()
    }

    pub(super) fn whole_number(&mut self) -> Result<u64, ParseError> {
        let number = match self.peek(0) {
            Some(Token::Number(digits, _)) => digits.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => {
                self.skip(1);
                Ok(number)
            }
            None => self.expected("a whole number"),
        }
    }

    /// A list in parentheses.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        self.expect_token(&Token::LParen)?;
        let items = self.commas(&mut item)?;
        self.expect_token(&Token::RParen)?;
        Ok(items)
    }

    /// A list without parentheses.
    pub(super) fn commas<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut items = vec![item(self)?];
        while self.takes_token(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub(super) fn names_list(&mut self) -> Result<Vec<String>, ParseError> {
        self.list(Self::identifier)
    }

    /// A key of a property: a string, or words with dots between them.
    pub(super) fn property_key(&mut self) -> Result<String, ParseError> {
        match self.takes_string() {
            Some(key) => Ok(key),
            None => Ok(self.name()?.to_string()),
        }
    }

    /// `('a' = '1', b.c '2')`.
    pub(super) fn properties(&mut self) -> Result<Properties, ParseError> {
        self.list(|grammar| {
            let key = grammar.property_key()?;
            let _ = grammar.takes_token(&Token::Eq);
            Ok((key, grammar.property_value()?))
        })
    }

    fn property_value(&mut self) -> Result<String, ParseError> {
        if let Some(value) = self.takes_string() {
            return Ok(value);
        }
        let sign = if self.takes_token(&Token::Minus) { "-" } else { "" };
        let value = match self.peek(0) {
            Some(Token::Number(digits, _)) => digits.clone(),
            Some(Token::Word(word))
                if ["TRUE", "FALSE"].contains(&word.value.to_uppercase().as_str()) =>
            {
                word.value.to_lowercase()
            }
            _ => return self.expected("a string, a number, true or false"),
        };
        self.skip(1);
        Ok(format!("{sign}{value}"))
    }

    // ---- queries and expressions ----------------------------------------------------------

    /// The text from the token at `from` to the one before the next.
    pub(super) fn text_since(&self, from: usize) -> String {
        let last = self.tokens[..self.parser.index().min(self.tokens.len())].last();
        let (Some(first), Some(last)) = (self.tokens.get(from), last) else { return String::new() };
        let from = tokens::offset(self.text, first.span.start);
        let to = tokens::offset(self.text, last.span.end);
        self.text.get(from..to).unwrap_or_default().to_owned()
    }

    pub(super) fn here(&self) -> usize {
        self.parser.index()
    }

    /// Goes back, or forth, to a token.
    pub(super) fn go_to(&mut self, index: usize) {
        while self.parser.index() > index {
            self.parser.prev_token();
        }
        self.skip(index.saturating_sub(self.parser.index()));
    }

    pub(super) fn query(&mut self) -> Result<Box<ast::Query>, ParseError> {
        let mut query = self.run(Parser::parse_query)?;
        inspect::query(&mut query)?;
        Ok(query)
    }

    pub(super) fn query_text(&mut self) -> Result<QueryText, ParseError> {
        let from = self.here();
        let query = self.query()?;
        Ok(QueryText { query, text: self.text_since(from) })
    }

    /// Whether a query begins here.
    pub(super) fn sees_query(&self) -> bool {
        let begins = ["SELECT", "WITH", "VALUES", "FROM", "TABLE"];
        let mut ahead = 0;
        while self.peek(ahead) == Some(&Token::LParen) {
            ahead += 1;
        }
        begins.iter().any(|word| self.sees_at(ahead, word))
    }

    pub(super) fn expr(&mut self) -> Result<ast::Expr, ParseError> {
        let mut expr = self.run(Parser::parse_expr)?;
        inspect::expr(&mut expr)?;
        Ok(expr)
    }

    pub(super) fn expr_text(&mut self) -> Result<ExprText, ParseError> {
        let from = self.here();
        let expr = self.expr()?;
        Ok(ExprText { expr: Box::new(expr), text: self.text_since(from) })
    }

    pub(super) fn select_item(&mut self) -> Result<ast::SelectItem, ParseError> {
        self.run(Parser::parse_select_item)
    }

    pub(super) fn table_factor(&mut self) -> Result<ast::TableFactor, ParseError> {
        let mut factor = self.run(Parser::parse_table_factor)?;
        inspect::factor(&mut factor)?;
        Ok(factor)
    }
}

/// The place in a message of sqlparser's: `… at Line: 1, Column: 8`.
fn place(message: &str) -> Option<Location> {
    let (_, rest) = message.rsplit_once(" at Line: ")?;
    let (line, column) = rest.split_once(", Column: ")?;
    Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}
