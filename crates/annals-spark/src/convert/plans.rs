//! What `DataFusion` says of queries, in Spark's words. Its errors carry no more than a text.

use super::{ANSI, arrow_name, between};
use crate::error::SparkError;

/// The condition of a message, if Spark has one for it.
pub(super) fn told(text: &str) -> Option<SparkError> {
    let line = text.lines().next().unwrap_or_default();
    let quoted = |name: &str| format!("\"{}\"", name.rsplit('.').next().unwrap_or(name));
    if let Some(rest) = between(line, "Cannot create filter with non-boolean predicate '", "\n") {
        let (filter, of) = rest.rsplit_once("' returning ")?;
        return Some(SparkError::new(
            "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
            [
                ("sqlExpr", quoted(filter)),
                ("filter", quoted(filter)),
                ("type", format!("\"{}\"", arrow_name(of))),
            ],
        ));
    }
    if line.contains("must appear in the GROUP BY clause or must be part of an aggregate") {
        let column = between(line, "column \"", "\"").unwrap_or_default();
        return Some(SparkError::new(
            "MISSING_AGGREGATION",
            [
                ("expression", quoted(column)),
                (
                    "expressionAnyValue",
                    format!("\"any_value({})\"", quoted(column).trim_matches('"')),
                ),
            ],
        ));
    }
    if let Some(index) = between(line, "Cannot find column with position ", " in SELECT") {
        let size = between(line, "Valid columns: 1 to ", " ").unwrap_or_default();
        let parameters = [("index", index), ("size", size.trim_end_matches('.'))];
        return Some(SparkError::new("GROUP_BY_POS_OUT_OF_RANGE", parameters));
    }
    if let Some(rest) = between(line, "Order by column out of bounds, specified: ", "\n") {
        let (index, size) = rest.split_once(", max: ")?;
        return Some(SparkError::new(
            "ORDER_BY_POS_OUT_OF_RANGE",
            [("index", index), ("size", size)],
        ));
    }
    if line.contains(" queries have different number of columns")
        && let Some(operator) = between(line, "planning: ", " queries")
    {
        let sides = between(line, "left has ", "\n").unwrap_or_default();
        let numbers: Vec<&str> =
            sides.split(' ').filter(|word| word.parse::<usize>().is_ok()).collect();
        let [first, second] = numbers.as_slice() else { return None };
        return Some(SparkError::new(
            "NUM_COLUMNS_MISMATCH",
            [
                ("operator", operator),
                ("firstNumColumns", first),
                ("invalidOrdinalNum", "second"),
                ("invalidNumColumns", second),
            ],
        ));
    }
    if line.contains("Aggregate functions are not allowed in the WHERE clause") {
        return Some(SparkError::new(
            "INVALID_WHERE_CONDITION",
            [("condition", "of the query"), ("expressionList", "aggregate functions")],
        ));
    }
    if line.contains("Scalar subquery returned more than one row") {
        return Some(SparkError::plain("SCALAR_SUBQUERY_TOO_MANY_ROWS"));
    }
    if let Some(rest) = between(line, "Cannot cast value '", "\n") {
        let (value, of) = rest.split_once("' to value of ")?;
        let target = of.split(' ').next().unwrap_or_default();
        return Some(malformed(value, &arrow_name(target)));
    }
    if let Some(rest) = between(line, "Error parsing timestamp from '", "\n") {
        let (value, why) = rest.split_once("': ")?;
        // With a pattern of its own it was no cast.
        return (!why.contains("using format") && !rest.contains("' using format"))
            .then(|| malformed(value, "TIMESTAMP"));
    }
    let too = [" is too large to store in a Decimal128", " is too small to store in a Decimal128"];
    if let Some((value, rest)) = too.iter().find_map(|too| line.split_once(too)) {
        let value = value.rsplit(": ").next().unwrap_or(value);
        let precision = between(rest, "of precision ", ".").unwrap_or_default();
        let bound = rest.rsplit(' ').next().unwrap_or_default();
        let scale = bound.split_once('.').map_or(0, |(_, digits)| digits.len());
        return Some(SparkError::new(
            "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
            [
                ("value", value.to_owned()),
                ("roundedValue", value.to_owned()),
                ("precision", precision.to_owned()),
                ("scale", scale.to_string()),
                ("config", ANSI.to_owned()),
            ],
        ));
    }
    None
}

/// A text that is no value of the type that it was cast to.
pub(super) fn malformed(value: &str, target: &str) -> SparkError {
    SparkError::new(
        "CAST_INVALID_INPUT",
        [
            ("expression", format!("'{value}'")),
            ("sourceType", "\"STRING\"".to_owned()),
            ("targetType", format!("\"{target}\"")),
            ("ansiConfig", "\"spark.sql.ansi.enabled\"".to_owned()),
        ],
    )
}
