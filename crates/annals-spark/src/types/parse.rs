//! Reads types and columns as SQL has them. Names of types and keywords in any case.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};

use super::{
    CHAR_VARCHAR, COLLATION, COMMENT, TypeError, array_of, map_of, timestamp, timestamp_ntz,
};

/// Reads a type: `int`, `DECIMAL(10, 2)`, `array<struct<a: int>>`.
///
/// # Errors
///
/// [`TypeError`] if the text is no type.
pub fn parse_type(text: &str) -> Result<DataType, TypeError> {
    let mut parser = Parser::new(text)?;
    let (data_type, _) = parser.data_type()?;
    parser.end()?;
    Ok(data_type)
}

/// Reads columns: `id INT, s STRUCT<a: INT, b: STRING>, d DECIMAL(10,2) NOT NULL COMMENT 'x'`.
/// Also a type `struct<…>`, whose fields are the columns.
///
/// # Errors
///
/// [`TypeError`] if the text is neither.
pub fn parse_ddl(text: &str) -> Result<Schema, TypeError> {
    let mut parser = Parser::new(text)?;
    if parser.at_end() {
        return Ok(Schema::empty());
    }
    let columns = parser.columns(None);
    match columns {
        Ok(fields) => parser.end().map(|()| Schema::new(fields)),
        Err(error) => match parse_type(text) {
            Ok(DataType::Struct(fields)) => Ok(Schema::new(fields)),
            _ => Err(error),
        },
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A bare word.
    Word(String),
    /// A name in backticks.
    Quoted(String),
    /// A text in quotes.
    Text(String),
    /// Any other sign.
    Sign(char),
}

/// Deeper types than this are refused, so that a text cannot exhaust the stack.
const DEPTH_MAX: usize = 100;

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

type Metadata = HashMap<String, String>;

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, TypeError> {
        Ok(Self { text, tokens: tokens(text)?, next: 0, depth: 0 })
    }

    fn at_end(&self) -> bool {
        self.next == self.tokens.len()
    }

    fn end(&self) -> Result<(), TypeError> {
        if self.at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> TypeError {
        let (position, found) = match self.tokens.get(self.next) {
            None => (self.text.chars().count(), String::new()),
            Some((position, token)) => (*position, shown(token)),
        };
        TypeError::Syntax { text: self.text.to_owned(), found, position }
    }

    fn peek_sign(&self, sign: char) -> bool {
        matches!(self.tokens.get(self.next), Some((_, Token::Sign(found))) if *found == sign)
    }

    fn take_sign(&mut self, sign: char) -> bool {
        let found = self.peek_sign(sign);
        self.next += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: char) -> Result<(), TypeError> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((_, Token::Word(found))) if found.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn word(&mut self) -> Result<String, TypeError> {
        match self.tokens.get(self.next) {
            Some((_, Token::Word(word))) => {
                self.next += 1;
                Ok(word.clone())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn name(&mut self) -> Result<String, TypeError> {
        match self.tokens.get(self.next) {
            Some((_, Token::Word(name) | Token::Quoted(name))) => {
                self.next += 1;
                Ok(name.clone())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Result<u32, TypeError> {
        let word = match self.tokens.get(self.next) {
            Some((_, Token::Word(word))) => word.parse().ok(),
            _ => None,
        };
        let number = word.ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(number)
    }

    /// Columns up to the end, or up to `close`.
    fn columns(&mut self, close: Option<char>) -> Result<Fields, TypeError> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.column()?);
            if !self.take_sign(',') {
                break;
            }
        }
        match close {
            Some(close) => self.expect_sign(close)?,
            None => self.end()?,
        }
        Ok(fields.into())
    }

    fn column(&mut self) -> Result<Field, TypeError> {
        let name = self.name()?;
        self.take_sign(':');
        let (data_type, mut metadata) = self.data_type()?;
        let mut nullable = true;
        loop {
            if self.take_word("not") {
                if !self.take_word("null") {
                    return Err(self.unexpected());
                }
                nullable = false;
            } else if self.take_word("comment") {
                let Some((_, Token::Text(comment))) = self.tokens.get(self.next).cloned() else {
                    return Err(self.unexpected());
                };
                self.next += 1;
                metadata.insert(COMMENT.to_owned(), comment);
            } else {
                return Ok(Field::new(name, data_type, nullable).with_metadata(metadata));
            }
        }
    }

    fn data_type(&mut self) -> Result<(DataType, Metadata), TypeError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.unexpected());
        }
        let parsed = self.data_type_within();
        self.depth -= 1;
        parsed
    }

    fn data_type_within(&mut self) -> Result<(DataType, Metadata), TypeError> {
        let mut metadata = Metadata::new();
        let name = self.word()?;
        let data_type = match name.to_lowercase().as_str() {
            "boolean" => DataType::Boolean,
            "tinyint" | "byte" => DataType::Int8,
            "smallint" | "short" => DataType::Int16,
            "int" | "integer" => DataType::Int32,
            "bigint" | "long" => DataType::Int64,
            "float" | "real" => DataType::Float32,
            "double" => DataType::Float64,
            "string" => {
                if self.take_word("collate") {
                    let collation = self.name()?;
                    if !collation.eq_ignore_ascii_case("UTF8_BINARY") {
                        metadata.insert(COLLATION.to_owned(), collation);
                    }
                }
                DataType::Utf8
            }
            "binary" => DataType::Binary,
            "date" => DataType::Date32,
            "timestamp" | "timestamp_ltz" => timestamp(),
            "timestamp_ntz" => timestamp_ntz(),
            "time" => {
                if self.take_sign('(') {
                    self.number()?;
                    self.expect_sign(')')?;
                }
                DataType::Time64(TimeUnit::Microsecond)
            }
            "void" | "null" => DataType::Null,
            "decimal" | "dec" | "numeric" => self.decimal()?,
            "char" | "character" | "varchar" => {
                self.expect_sign('(')?;
                let length = self.number()?;
                self.expect_sign(')')?;
                let base = if name.eq_ignore_ascii_case("varchar") { "varchar" } else { "char" };
                metadata.insert(CHAR_VARCHAR.to_owned(), format!("{base}({length})"));
                DataType::Utf8
            }
            "interval" => self.interval()?,
            "array" => {
                self.expect_sign('<')?;
                let (element, _) = self.data_type()?;
                self.expect_sign('>')?;
                array_of(element)
            }
            "map" => {
                self.expect_sign('<')?;
                let (key, _) = self.data_type()?;
                self.expect_sign(',')?;
                let (value, _) = self.data_type()?;
                self.expect_sign('>')?;
                map_of(key, value)
            }
            "struct" => {
                self.expect_sign('<')?;
                if self.take_sign('>') {
                    DataType::Struct(Fields::empty())
                } else {
                    DataType::Struct(self.columns(Some('>'))?)
                }
            }
            _ => return Err(TypeError::Unknown { name }),
        };
        Ok((data_type, metadata))
    }

    fn decimal(&mut self) -> Result<DataType, TypeError> {
        let (mut precision, mut scale) = (10, 0);
        if self.take_sign('(') {
            precision = self.number()?;
            if self.take_sign(',') {
                scale = self.number()?;
            }
            self.expect_sign(')')?;
        }
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(digits @ 1..=38), Ok(after)) if scale <= precision => {
                Ok(DataType::Decimal128(digits, after))
            }
            _ => Err(TypeError::Decimal { text: format!("decimal({precision},{scale})") }),
        }
    }

    fn interval(&mut self) -> Result<DataType, TypeError> {
        let months = ["year", "month"];
        let seconds = ["day", "hour", "minute", "second"];
        let takes =
            |parser: &mut Self, units: &[&str]| units.iter().any(|unit| parser.take_word(unit));
        for (units, data_type) in [
            (&months[..], DataType::Interval(IntervalUnit::YearMonth)),
            (&seconds[..], DataType::Duration(TimeUnit::Microsecond)),
        ] {
            if takes(self, units) {
                if self.take_word("to") && !takes(self, units) {
                    return Err(self.unexpected());
                }
                return Ok(data_type);
            }
        }
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(text) => text.clone(),
        Token::Quoted(text) => format!("`{text}`"),
        Token::Text(text) => format!("'{text}'"),
        Token::Sign(sign) => sign.to_string(),
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, TypeError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let (start, c) = (at, chars[at]);
        at += 1;
        let token = match c {
            c if c.is_whitespace() => continue,
            '`' | '\'' | '"' => {
                let (inner, end) = quoted(&chars, at, c).ok_or_else(|| TypeError::Syntax {
                    text: text.to_owned(),
                    found: c.to_string(),
                    position: start,
                })?;
                at = end;
                if c == '`' { Token::Quoted(inner) } else { Token::Text(inner) }
            }
            c if c.is_alphanumeric() || c == '_' => {
                while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                    at += 1;
                }
                Token::Word(chars[start..at].iter().collect())
            }
            c => Token::Sign(c),
        };
        tokens.push((start, token));
    }
    Ok(tokens)
}

/// What stands between quotes, and where the text goes on; none if they are not closed.
fn quoted(chars: &[char], mut at: usize, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    loop {
        match *chars.get(at)? {
            c if c == quote && chars.get(at + 1) == Some(&quote) => {
                inner.push(quote);
                at += 2;
            }
            c if c == quote => return Some((inner, at + 1)),
            '\\' if quote != '`' => {
                inner.push(*chars.get(at + 1)?);
                at += 2;
            }
            c => {
                inner.push(c);
                at += 1;
            }
        }
    }
}
