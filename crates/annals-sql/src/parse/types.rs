//! Types as Spark writes them, as Arrow's; and the columns of a table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::error::ParseError;
use super::grammar::{DEPTH_MAX, Grammar};
use crate::statement::Column;

/// The metadata of a field that holds its comment.
pub const COMMENT: &str = "comment";
/// The metadata of a field that holds what it was declared as, where Arrow has no such type.
pub const DECLARED: &str = "declared_type";

const MICROS: TimeUnit = TimeUnit::Microsecond;

/// A type, and how it was declared if Arrow cannot say so.
pub(super) struct Found {
    pub(super) data_type: DataType,
    pub(super) declared: Option<String>,
}

impl Grammar<'_> {
    pub(super) fn data_type(&mut self) -> Result<Found, ParseError> {
        if self.types == DEPTH_MAX {
            return Err(ParseError::Unsupported {
                what: "a type nested so deeply",
                instead: "write it with fewer levels",
            });
        }
        self.types += 1;
        let found = self.one_type();
        self.types -= 1;
        found
    }

    fn one_type(&mut self) -> Result<Found, ParseError> {
        let Some(Token::Word(word)) = self.peek(0) else { return self.expected("a type") };
        let word = word.value.to_ascii_uppercase();
        let mut declared = None;
        let start = self.here();
        self.skip(1);
        let data_type = match word.as_str() {
            "BOOLEAN" => DataType::Boolean,
            "TINYINT" | "BYTE" => DataType::Int8,
            "SMALLINT" | "SHORT" => DataType::Int16,
            "INT" | "INTEGER" => DataType::Int32,
            "BIGINT" | "LONG" => DataType::Int64,
            "FLOAT" | "REAL" => DataType::Float32,
            "DOUBLE" => DataType::Float64,
            "STRING" => {
                if self.takes(&["COLLATE"]) {
                    self.identifier()?;
                }
                DataType::Utf8
            }
            "CHAR" | "CHARACTER" | "VARCHAR" => {
                self.expect_token(&Token::LParen)?;
                let length = self.whole_number()?;
                self.expect_token(&Token::RParen)?;
                let kind = if word == "VARCHAR" { "varchar" } else { "char" };
                declared = Some(format!("{kind}({length})"));
                DataType::Utf8
            }
            "BINARY" => DataType::Binary,
            "DATE" => DataType::Date32,
            "TIMESTAMP" | "TIMESTAMP_LTZ" => DataType::Timestamp(MICROS, Some("UTC".into())),
            "TIMESTAMP_NTZ" => DataType::Timestamp(MICROS, None),
            "TIME" => DataType::Time64(MICROS),
            "VOID" => DataType::Null,
            "DECIMAL" | "DEC" | "NUMERIC" => self.decimal()?,
            "INTERVAL" => self.interval()?,
            "ARRAY" => {
                self.open()?;
                let element = self.data_type()?;
                self.close()?;
                DataType::new_list(element.data_type, true)
            }
            "MAP" => {
                self.open()?;
                let key = self.data_type()?;
                self.expect_token(&Token::Comma)?;
                let value = self.data_type()?;
                self.close()?;
                let entries = vec![
                    Field::new("key", key.data_type, false),
                    Field::new("value", value.data_type, true),
                ];
                let entries = DataType::Struct(Fields::from(entries));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            "STRUCT" => self.structure()?,
            _ => {
                self.go_to(start);
                return self.expected("a type");
            }
        };
        Ok(Found { data_type, declared })
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
        let parts = (u8::try_from(precision), i8::try_from(scale));
        match parts {
            (Ok(precision), Ok(scale))
                if (1..=38).contains(&precision) && scale <= precision as i8 =>
            {
                Ok(DataType::Decimal128(precision, scale))
            }
            _ => Err(ParseError::Unsupported {
                what: "a decimal of that precision and scale",
                instead: "the precision is 1 to 38 and the scale at most that",
            }),
        }
    }

    fn interval(&mut self) -> Result<DataType, ParseError> {
        let units = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];
        let Some(first) = self.takes_one(&units) else {
            return Ok(DataType::Interval(IntervalUnit::MonthDayNano));
        };
        if self.takes(&["TO"]) {
            self.expect_one(&units)?;
        }
        Ok(match first {
            "YEAR" | "MONTH" => DataType::Interval(IntervalUnit::YearMonth),
            _ => DataType::Duration(MICROS),
        })
    }

    fn structure(&mut self) -> Result<DataType, ParseError> {
        if self.takes_token(&Token::Neq) {
            return Ok(DataType::Struct(Fields::empty())); // `STRUCT<>`
        }
        self.open()?;
        let mut fields = Vec::new();
        loop {
            let name = self.identifier()?;
            let _ = self.takes_token(&Token::Colon);
            let found = self.data_type()?;
            let nullable = !self.takes(&["NOT", "NULL"]);
            let mut field = Field::new(name, found.data_type, nullable);
            let mut metadata = HashMap::new();
            if self.takes(&["COMMENT"]) {
                metadata.insert(COMMENT.to_owned(), self.string()?);
            }
            field.set_metadata(metadata);
            fields.push(field);
            if !self.takes_token(&Token::Comma) {
                break;
            }
        }
        self.close()?;
        Ok(DataType::Struct(Fields::from(fields)))
    }

    fn open(&mut self) -> Result<(), ParseError> {
        self.expect_token(&Token::Lt)
    }

    /// A `>`; of `>>` that closes two types, one is left for the outer one.
    fn close(&mut self) -> Result<(), ParseError> {
        if self.takes_token(&Token::Gt) {
            return Ok(());
        }
        if self.peek(0) == Some(&Token::ShiftRight) {
            self.split_shift();
            return Ok(());
        }
        self.expected("'>'")
    }

    // ---- columns --------------------------------------------------------------------------

    /// Columns, with commas between them.
    pub(super) fn columns(&mut self) -> Result<Vec<Column>, ParseError> {
        self.commas(Self::column)
    }

    pub(super) fn column(&mut self) -> Result<Column, ParseError> {
        let name = self.identifier()?;
        let _ = self.takes_token(&Token::Colon);
        let found = self.data_type()?;
        let mut metadata = HashMap::new();
        if let Some(declared) = found.declared {
            metadata.insert(DECLARED.to_owned(), declared);
        }
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
        let field = Field::new(name, found.data_type, nullable).with_metadata(metadata);
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
