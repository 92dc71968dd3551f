//! Types of several words in expressions: `CAST(x AS STRUCT<a: INT>)`, `x::ARRAY<MAP<STRING, INT>>`.
//!
//! sqlparser reads some of them, each in its own way. Here they are read by the grammar that columns
//! are declared in, and stand as one word among the tokens: their text, behind a mark that nobody
//! can write. What plans types reads that text again.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::error::ParseError;
use super::grammar::{CAST_DEPTH_MAX, Grammar};
use super::tokens::{offset, type_depth};
use super::types;
use crate::error::SqlError;

/// Stands before the text of a type.
const MARK: char = '\u{0}';

/// Puts one word in place of each type that an expression is cast to, if it has parameters in angle
/// brackets.
pub(super) fn in_one_word(
    text: &str,
    tokens: Vec<TokenWithSpan>,
) -> Result<Vec<TokenWithSpan>, ParseError> {
    let begins = |at: usize| at > 0 && is_cast(&tokens[at - 1].token) && is_nested(&tokens, at);
    if !(0..tokens.len()).any(begins) {
        return Ok(tokens);
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let Some((end, half)) = Some(at).filter(|at| begins(*at)).and_then(|at| end(&tokens, at))
        else {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        };
        let own = &tokens[at..=end];
        if type_depth(own) > CAST_DEPTH_MAX {
            return Err(types::too_deep());
        }
        let mut grammar = Grammar::of(text, own.to_vec());
        grammar.data_type()?;
        let span = Span::new(tokens[at].span.start, tokens[end].span.end);
        let written = text[offset(text, span.start)..offset(text, span.end)].trim();
        // Half of a `>>` belongs to what comes behind.
        let written = if half { written.strip_suffix('>').unwrap_or(written) } else { written };
        let word = Word {
            value: format!("{MARK}{written}"),
            quote_style: Some('`'),
            keyword: Keyword::NoKeyword,
        };
        out.push(TokenWithSpan::new(Token::Word(word), span));
        if half {
            out.push(TokenWithSpan::new(Token::Gt, tokens[end].span));
        }
        at = end + 1;
    }
    Ok(out)
}

/// What a type stands behind in an expression.
fn is_cast(token: &Token) -> bool {
    match token {
        Token::DoubleColon => true,
        Token::Word(word) => word.quote_style.is_none() && word.keyword == Keyword::AS,
        _ => false,
    }
}

fn is_nested(tokens: &[TokenWithSpan], at: usize) -> bool {
    let Token::Word(word) = &tokens[at].token else { return false };
    let nested =
        ["STRUCT", "MAP", "ARRAY"].iter().any(|kind| word.value.eq_ignore_ascii_case(kind));
    let opens = tokens.get(at + 1).map(|next| &next.token);
    nested && word.quote_style.is_none() && matches!(opens, Some(Token::Lt | Token::Neq))
}

/// Where the type that begins there ends; whether half of the last token is not its own.
fn end(tokens: &[TokenWithSpan], at: usize) -> Option<(usize, bool)> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at + 1) {
        match token.token {
            Token::Lt => depth += 1,
            Token::Gt => depth = depth.saturating_sub(1),
            Token::ShiftRight if depth == 1 => return Some((index, true)),
            Token::ShiftRight => depth = depth.saturating_sub(2),
            _ => {}
        }
        if depth == 0 {
            return Some((index, false));
        }
    }
    None
}

/// The text of a type that stands as one word.
pub(crate) fn written(data_type: &ast::DataType) -> Option<&str> {
    let ast::DataType::Custom(name, _) = data_type else { return None };
    match &name.0[..] {
        [part] => part.as_ident()?.value.strip_prefix(MARK),
        _ => None,
    }
}

/// Types that stand as one word. All others are left to the planner that a host may have.
#[derive(Debug)]
pub(crate) struct NestedTypes(pub(crate) Option<Arc<dyn TypePlanner>>);

impl TypePlanner for NestedTypes {
    fn plan_type_field(&self, sql_type: &ast::DataType) -> Result<Option<FieldRef>> {
        match (written(sql_type), &self.0) {
            (Some(written), _) => {
                let data_type = super::parse_type(written).map_err(SqlError::from)?;
                Ok(Some(Arc::new(Field::new("", data_type, true))))
            }
            (None, Some(others)) => others.plan_type_field(sql_type),
            (None, None) => Ok(None),
        }
    }
}
