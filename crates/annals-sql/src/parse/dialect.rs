//! How Spark writes names, strings and queries, for sqlparser.

use std::cell::Cell;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};
use datafusion::sql::sqlparser::dialect::{Dialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

thread_local! {
    /// How many beginnings of expressions may still be looked at; see [`with_patience`].
    static PATIENCE: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Runs a part of sqlparser's parser over so many tokens.
///
/// What does not parse as `CAST(…)` or `CASE …` is tried again as a function or a name of that
/// spelling, arguments and all, so that a text with a mistake takes twice as long for each level
/// that the mistake lies in. A text that is right is read once or twice. So beginnings are counted,
/// and what takes too many is refused as what is nested too deeply.
pub(super) fn with_patience<T>(tokens: usize, parse: impl FnOnce() -> T) -> T {
    let before = PATIENCE.replace(tokens.saturating_mul(64).saturating_add(4096));
    let parsed = parse();
    PATIENCE.set(before);
    parsed
}

/// Spark's SQL: names in backticks, strings in either quote, versions of tables.
#[derive(Clone, Copy, Debug, Default)]
pub struct SparkDialect;

impl Dialect for SparkDialect {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('`')
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        // `t@v3` is one word, taken apart when it is looked up.
        ch.is_ascii_alphanumeric() || ch == '_' || ch == '@'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn ignores_wildcard_escapes(&self) -> bool {
        // `'50\%'` keeps its backslash, which only `LIKE` understands.
        true
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_long_type_as_bigint(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn require_interval_qualifier(&self) -> bool {
        true
    }

    fn supports_bang_not_operator(&self) -> bool {
        true
    }

    fn supports_cte_without_as(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn parse_prefix(&self, _: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        match PATIENCE.get() {
            // The one error after which nothing else is tried.
            0 => Some(Err(ParserError::RecursionLimitExceeded)),
            left => {
                PATIENCE.set(left - 1);
                None
            }
        }
    }

    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        expr: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        if !parser.parse_keyword(Keyword::DIV) {
            return None;
        }
        let right = parser.parse_subexpr(precedence);
        Some(right.map(|right| Expr::BinaryOp {
            left: Box::new(expr.clone()),
            op: BinaryOperator::MyIntegerDivide,
            right: Box::new(right),
        }))
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::Word(word) if word.keyword == Keyword::DIV => {
                Some(Ok(self.prec_value(Precedence::MulDivModOp)))
            }
            _ => None,
        }
    }
}
