//! Types as Spark writes them, as Arrow's; and the columns of a table.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::error::ParseError;
use super::grammar::{DEPTH_MAX, Grammar};
use crate::statement::Column;
use crate::types::{array_of, map_of, timestamp, timestamp_ntz};

/// The metadata of a field that holds its comment.
pub const COMMENT: &str = "comment";
/// The metadata of a field that holds what it was declared as, where Arrow has no such type.
pub const DECLARED: &str = "declared_type";
/// The metadata of a field that holds the collation of its strings, if that is not `UTF8_BINARY`.
pub const COLLATION: &str = "__COLLATION";

/// A type, and what was said of it that Arrow has no type for.
pub(super) struct Found {
    pub(super) data_type: DataType,
    metadata: HashMap<String, String>,
}

pub(super) fn too_deep() -> ParseError {
    let (what, instead) = ("a type nested so deeply", "write it with fewer levels");
    ParseError::Unsupported { what, instead }
}

impl Grammar<'_> {
    pub(super) fn data_type(&mut self) -> Result<Found, ParseError> {
        if self.types == DEPTH_MAX {
            return Err(too_deep());
        }
        self.types += 1;
        let found = self.one_type();
        self.types -= 1;
        found
    }

    fn one_type(&mut self) -> Result<Found, ParseError> {
        let Some(Token::Word(word)) = self.peek(0) else { return self.expected("a type") };
        let (name, plain) = (word.value.clone(), word.quote_style.is_none());
        if !plain {
            return self.expected("a type, which does not stand in backticks");
        }
        let mut metadata = HashMap::new();
        self.skip(1);
        let data_type = match name.to_ascii_uppercase().as_str() {
            "BOOLEAN" => DataType::Boolean,
            "TINYINT" | "BYTE" => DataType::Int8,
            "SMALLINT" | "SHORT" => DataType::Int16,
            "INT" | "INTEGER" => DataType::Int32,
            "BIGINT" | "LONG" => DataType::Int64,
            "FLOAT" | "REAL" => DataType::Float32,
            "DOUBLE" => DataType::Float64,
            "STRING" => {
                if self.takes(&["COLLATE"]) {
                    let collation = self.identifier()?;
                    if !collation.eq_ignore_ascii_case("UTF8_BINARY") {
                        metadata.insert(COLLATION.to_owned(), collation);
                    }
                }
                DataType::Utf8
            }
            kind @ ("CHAR" | "CHARACTER" | "VARCHAR") => {
                self.expect_token(&Token::LParen)?;
                let length = self.whole_number()?;
                self.expect_token(&Token::RParen)?;
                let kind = if kind == "VARCHAR" { "varchar" } else { "char" };
                metadata.insert(DECLARED.to_owned(), format!("{kind}({length})"));
                DataType::Utf8
            }
            "BINARY" => DataType::Binary,
            "DATE" => DataType::Date32,
            "TIMESTAMP" | "TIMESTAMP_LTZ" => timestamp(),
            "TIMESTAMP_NTZ" => timestamp_ntz(),
            "TIME" => {
                if self.takes_token(&Token::LParen) {
                    self.whole_number()?;
                    self.expect_token(&Token::RParen)?;
                }
                DataType::Time64(TimeUnit::Microsecond)
            }
            "VOID" => DataType::Null,
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal()?,
            "INTERVAL" => self.interval()?,
            "ARRAY" => {
                self.open()?;
                let element = self.data_type()?;
                self.close()?;
                array_of(element.data_type)
            }
            "MAP" => {
                self.open()?;
                let key = self.data_type()?;
                self.expect_token(&Token::Comma)?;
                let value = self.data_type()?;
                self.close()?;
                map_of(key.data_type, value.data_type)
            }
            "STRUCT" => self.structure()?,
            _ => return Err(ParseError::NoType { name }),
        };
        Ok(Found { data_type, metadata })
    }

    fn decimal(&mut self) -> Result<DataType, ParseError> {
        let (mut precision, mut scale) = (10, 0);
        if self.takes_token(&Token::LParen) {
            precision = self.whole_number()?;
            if self.takes_token(&Token::Comma) {
                scale = self.whole_number()?;
            }
            self.expect_token(&Token::RParen)?;
        }
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(digits @ 1..=38), Ok(after)) if scale <= precision => {
                Ok(DataType::Decimal128(digits, after))
            }
            _ => Err(ParseError::Decimal { precision, scale }),
        }
    }

    fn interval(&mut self) -> Result<DataType, ParseError> {
        for (units, data_type) in [
            (&["YEAR", "MONTH"][..], DataType::Interval(IntervalUnit::YearMonth)),
            (&["DAY", "HOUR", "MINUTE", "SECOND"], DataType::Duration(TimeUnit::Microsecond)),
        ] {
            if self.takes_one(units).is_some() {
                if self.takes(&["TO"]) {
                    self.expect_one(units)?;
                }
                return Ok(data_type);
            }
        }
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn structure(&mut self) -> Result<DataType, ParseError> {
        if self.takes_token(&Token::Neq) {
            return Ok(DataType::Struct(Fields::empty())); // `STRUCT<>`
        }
        self.open()?;
        let fields = self.commas(|grammar| {
            let name = grammar.identifier()?;
            let _ = grammar.takes_token(&Token::Colon);
            let Found { data_type, mut metadata } = grammar.data_type()?;
            let nullable = !grammar.takes(&["NOT", "NULL"]);
            if grammar.takes(&["COMMENT"]) {
                metadata.insert(COMMENT.to_owned(), grammar.string()?);
            }
            Ok(Field::new(name, data_type, nullable).with_metadata(metadata))
        })?;
        self.close()?;
        Ok(DataType::Struct(Fields::from(fields)))
    }

    fn open(&mut self) -> Result<(), ParseError> {
        self.expect_token(&Token::Lt)
    }

    /// A `>`, or the half of a `>>` that is left.
    fn close(&mut self) -> Result<(), ParseError> {
        if self.peek(0) == Some(&Token::ShiftRight) {
            self.half = !self.half;
            if !self.half {
                self.skip(1);
            }
            return Ok(());
        }
        self.expect_token(&Token::Gt)
    }

    // ---- columns --------------------------------------------------------------------------

    /// Columns, with commas between them.
    pub(super) fn columns(&mut self) -> Result<Vec<Column>, ParseError> {
        self.commas(Self::column)
    }

    pub(super) fn column(&mut self) -> Result<Column, ParseError> {
        let name = self.identifier()?;
        let _ = self.takes_token(&Token::Colon);
        let Found { data_type, mut metadata } = self.data_type()?;
        let (mut nullable, mut default, mut extra) = (true, None, None);
        loop {
            if self.takes(&["NOT", "NULL"]) {
                nullable = false;
            } else if self.takes(&["NULL"]) {
                nullable = true;
            } else if self.takes(&["COMMENT"]) {
                metadata.insert(COMMENT.to_owned(), self.string()?);
            } else if self.takes(&["DEFAULT"]) {
                default = Some(self.expr_text()?);
            } else if self.takes(&["GENERATED"]) {
                extra = Some(self.generated()?);
            } else if self.sees(&["PRIMARY"])
                || self.sees(&["UNIQUE"])
                || self.sees(&["CHECK"])
                || self.sees(&["REFERENCES"])
                || self.sees(&["CONSTRAINT"])
            {
                self.constraint()?;
                extra = Some("CONSTRAINT");
            } else {
                break;
            }
        }
        let field = Field::new(name, data_type, nullable).with_metadata(metadata);
        Ok(Column { field, default, extra })
    }

    fn generated(&mut self) -> Result<&'static str, ParseError> {
        if !self.takes(&["ALWAYS"]) {
            self.expect(&["BY", "DEFAULT"])?;
        }
        self.expect(&["AS"])?;
        if self.takes(&["IDENTITY"]) {
            if self.peek(0) == Some(&Token::LParen) {
                self.balanced()?;
            }
            return Ok("identity columns");
        }
        self.balanced()?;
        Ok("generated columns")
    }

    pub(super) fn constraint(&mut self) -> Result<(), ParseError> {
        if self.takes(&["CONSTRAINT"]) {
            self.identifier()?;
        }
        if self.takes(&["PRIMARY"]) || self.takes(&["FOREIGN"]) {
            self.expect(&["KEY"])?;
        } else if self.takes(&["REFERENCES"]) {
            self.name()?;
        } else {
            self.expect_one(&["UNIQUE", "CHECK"])?;
        }
        if self.peek(0) == Some(&Token::LParen) {
            self.balanced()?;
        }
        if self.takes(&["REFERENCES"]) {
            self.name()?;
            if self.peek(0) == Some(&Token::LParen) {
                self.balanced()?;
            }
        }
        while self.takes_one(&["ENFORCED", "NOT ENFORCED", "RELY", "NORELY"]).is_some()
            || self.takes(&["NOT", "ENFORCED"])
        {}
        Ok(())
    }

    /// Whatever stands in parentheses.
    pub(super) fn balanced(&mut self) -> Result<(), ParseError> {
        self.expect_token(&Token::LParen)?;
        let mut depth = 1;
        while depth > 0 {
            match self.peek(0) {
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth -= 1,
                Some(_) => {}
                None => return self.expected("')'"),
            }
            self.skip(1);
        }
        Ok(())
    }
}
