//! Predicates as text, in the manner of SQL: readable, unambiguous, and of bounded length per
//! literal and list.

use std::fmt::{self, Display, Formatter, Write};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_cast::display::array_value_to_string;
use arrow_schema::DataType;

use super::{ColumnRef, Kind, Literal, Operand, OperandKind, Operator, Predicate};

const LIST_SHOWN_MAX: usize = 8;
const PARTS_SHOWN_MAX: usize = 64;
const TEXT_SHOWN_MAX: usize = 64;
const KEYWORDS: [&str; 8] = ["and", "or", "not", "is", "in", "null", "true", "false"];

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Constant(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            Kind::Compare { column, operator, operand } => {
                write!(f, "{column} {operator} {operand}")
            }
            Kind::IsNull { column, negated: false } => write!(f, "{column} IS NULL"),
            Kind::IsNull { column, negated: true } => write!(f, "{column} IS NOT NULL"),
            Kind::IsIn { column, list } => {
                write!(f, "{column} IN (")?;
                separated(f, list.iter(), ", ", LIST_SHOWN_MAX, |f, value| write!(f, "{value}"))?;
                f.write_char(')')
            }
            Kind::Not(inner) => write!(f, "NOT ({inner})"),
            Kind::And(parts) => separated(f, parts.iter(), " AND ", PARTS_SHOWN_MAX, part),
            Kind::Or(parts) => separated(f, parts.iter(), " OR ", PARTS_SHOWN_MAX, part),
            Kind::TooDeep => f.write_str("<nested too deeply>"),
        }
    }
}

fn part(f: &mut Formatter<'_>, part: &Predicate) -> fmt::Result {
    match part.kind {
        Kind::And(_) | Kind::Or(_) => write!(f, "({part})"),
        _ => write!(f, "{part}"),
    }
}

fn separated<T>(
    f: &mut Formatter<'_>,
    items: impl ExactSizeIterator<Item = T>,
    separator: &str,
    shown_max: usize,
    mut write: impl FnMut(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    let hidden = items.len().saturating_sub(shown_max);
    for (index, item) in items.take(shown_max).enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write(f, item)?;
    }
    match hidden {
        0 => Ok(()),
        hidden => write!(f, "{separator}… {hidden} more"),
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
        })
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            OperandKind::Literal(literal) => literal.fmt(f),
            OperandKind::Column(column) => column.fmt(f),
        }
    }
}

impl Display for ColumnRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !KEYWORDS.iter().any(|keyword| name.eq_ignore_ascii_case(keyword));
        if plain { f.write_str(name) } else { write!(f, "`{}`", name.replace('`', "``")) }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let array = self.array();
        if array.logical_nulls().is_some_and(|nulls| nulls.null_count() > 0) {
            return f.write_str("NULL");
        }
        match array.data_type() {
            DataType::Utf8 => text(f, array.as_string::<i32>().value(0)),
            DataType::LargeUtf8 => text(f, array.as_string::<i64>().value(0)),
            DataType::Utf8View => text(f, array.as_string_view().value(0)),
            DataType::Binary => binary(f, array.as_binary::<i32>().value(0)),
            DataType::LargeBinary => binary(f, array.as_binary::<i64>().value(0)),
            DataType::BinaryView => binary(f, array.as_binary_view().value(0)),
            DataType::FixedSizeBinary(_) => binary(f, array.as_fixed_size_binary().value(0)),
            // So that 3.0 does not read as the integer 3.
            DataType::Float32 => write!(f, "{:?}", array.as_primitive::<Float32Type>().value(0)),
            DataType::Float64 => write!(f, "{:?}", array.as_primitive::<Float64Type>().value(0)),
            data_type => {
                let value = array_value_to_string(array, 0).map_err(|_| fmt::Error);
                let value = value.unwrap_or_else(|_| "?".to_owned());
                match data_type {
                    DataType::Boolean => {
                        f.write_str(if value == "true" { "TRUE" } else { "FALSE" })
                    }
                    data_type if data_type.is_integer() => f.write_str(&value),
                    data_type => {
                        write!(f, "{data_type} ")?;
                        text(f, &value)
                    }
                }
            }
        }
    }
}

/// A quoted string: quotes are doubled; backslashes and what cannot be seen are escaped.
fn text(f: &mut Formatter<'_>, value: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in value.chars().take(TEXT_SHOWN_MAX) {
        match c {
            '\'' => f.write_str("''")?,
            '"' => f.write_char('"')?,
            c => write!(f, "{}", c.escape_debug())?,
        }
    }
    f.write_char('\'')?;
    match value.chars().skip(TEXT_SHOWN_MAX).count() {
        0 => Ok(()),
        hidden => write!(f, "… {hidden} more"),
    }
}

fn binary(f: &mut Formatter<'_>, value: &[u8]) -> fmt::Result {
    f.write_str("X'")?;
    for byte in value.iter().take(TEXT_SHOWN_MAX / 2) {
        write!(f, "{byte:02X}")?;
    }
    f.write_char('\'')?;
    match value.len().saturating_sub(TEXT_SHOWN_MAX / 2) {
        0 => Ok(()),
        hidden => write!(f, "… {hidden} more"),
    }
}
