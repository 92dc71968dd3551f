//! Patterns of dates and times, as Java writes them and as `DataFusion` reads them.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Expr, lit};
use datafusion::scalar::ScalarValue;

/// Translates the patterns that functions are given.
#[derive(Debug)]
pub(crate) struct Patterns;

impl FunctionRewrite for Patterns {
    fn name(&self) -> &'static str {
        "spark_patterns"
    }

    fn rewrite(
        &self,
        expr: Expr,
        _schema: &DFSchema,
        _config: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        match expr {
            Expr::ScalarFunction(mut call)
                if ["to_char", "to_date", "to_timestamp"].contains(&call.name())
                    && call.args.len() == 2 =>
            {
                let pattern = match &call.args[1] {
                    Expr::Literal(value, _) if value.is_null() => None,
                    Expr::Literal(value, _) => match value.try_as_str().flatten() {
                        Some(pattern) => Some(pattern.to_owned()),
                        None => return plan_err!("the pattern of {} must be a text", call.name()),
                    },
                    // It is translated already, in a plan that is looked at again.
                    Expr::Alias(_) => return Ok(Transformed::no(Expr::ScalarFunction(call))),
                    _ => return plan_err!("the pattern of {} must be a literal", call.name()),
                };
                let translated = match pattern {
                    Some(pattern) => lit(translated(&pattern)?),
                    None => Expr::Literal(ScalarValue::Utf8(None), None),
                };
                call.args[1] = translated.alias("pattern");
                Ok(Transformed::yes(Expr::ScalarFunction(call)))
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

/// A pattern of Java's in the form of the crate `chrono`.
///
/// # Errors
///
/// If it has a letter that stands for something else, or for nothing that `chrono` knows.
fn translated(pattern: &str) -> Result<String> {
    let mut out = String::new();
    let mut signs = pattern.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\'' if signs.peek() == Some(&'\'') => {
                signs.next();
                out.push('\'');
            }
            '\'' => loop {
                match signs.next() {
                    Some('\'') if signs.peek() == Some(&'\'') => {
                        signs.next();
                        out.push('\'');
                    }
                    Some('\'') => break,
                    Some('%') => out.push_str("%%"),
                    Some(sign) => out.push(sign),
                    None => {
                        return plan_err!("the pattern `{pattern}` has a quote that does not end");
                    }
                }
            },
            '%' => out.push_str("%%"),
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while signs.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                out.push_str(match (letter, count) {
                    ('y' | 'u', 1 | 4) => "%Y",
                    ('y', 2) => "%y",
                    ('M' | 'L', 1) => "%-m",
                    ('M' | 'L', 2) => "%m",
                    ('M' | 'L', 3) => "%b",
                    ('M' | 'L', 4) => "%B",
                    ('d', 1) => "%-d",
                    ('d', 2) => "%d",
                    ('D', 1) => "%-j",
                    ('D', 3) => "%j",
                    ('E', 1..=3) => "%a",
                    ('E', 4) => "%A",
                    ('H', 1) => "%-H",
                    ('H', 2) => "%H",
                    ('h', 1) => "%-I",
                    ('h', 2) => "%I",
                    ('m', 1) => "%-M",
                    ('m', 2) => "%M",
                    ('s', 1) => "%-S",
                    ('s', 2) => "%S",
                    ('S', 3) => "%3f",
                    ('S', 6) => "%6f",
                    ('S', 9) => "%9f",
                    ('a', 1) => "%p",
                    _ => {
                        let part = letter.to_string().repeat(count);
                        return plan_err!(
                            "`{part}` in the pattern `{pattern}` is not supported; write years (yyyy), \
                             months (MM), days (dd), hours (HH), minutes (mm), seconds (ss), fractions \
                             (SSS, SSSSSS) and texts in quotes"
                        );
                    }
                });
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn patterns_of_java_are_read_or_refused() {
        for (java, chrono) in [
            ("yyyy-MM-dd HH:mm:ss.SSS", "%Y-%m-%d %H:%M:%S.%3f"),
            ("d/M/yy h:mm a", "%-d/%-m/%y %-I:%M %p"),
            ("yyyy-MM-dd'T'HH:mm 'o''clock'", "%Y-%m-%dT%H:%M o'clock"),
            ("100% EEEE", "100%% %A"),
        ] {
            assert_eq!(translated(java).unwrap(), chrono, "{java}");
        }
        for java in ["yyyyy", "VV", "SS", "'open", "Q", "w"] {
            assert!(translated(java).is_err(), "{java}");
        }
    }
}
