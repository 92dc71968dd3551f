//! The texts that `show` and `print_schema` print, to the letter.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};

use crate::rows::Row;
use crate::types;

/// How long a value may be before `show` cuts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truncate {
    /// At 20 characters.
    #[default]
    Short,
    /// At so many characters. 0 cuts nothing.
    At(usize),
    /// Not at all.
    Never,
}

impl From<bool> for Truncate {
    fn from(truncate: bool) -> Self {
        if truncate { Self::Short } else { Self::Never }
    }
}

impl From<usize> for Truncate {
    fn from(characters: usize) -> Self {
        Self::At(characters)
    }
}

impl Truncate {
    fn characters(self) -> usize {
        match self {
            Self::Short => 20,
            Self::At(characters) => characters,
            Self::Never => 0,
        }
    }
}

/// A column is at least this wide.
const WIDTH_MIN: usize = 3;

/// What `show` prints of rows, less the line break behind it. `more` says that there are rows that are not among them.
pub(crate) fn table(
    schema: &Schema,
    rows: &[Row],
    more: bool,
    truncate: Truncate,
    vertical: bool,
) -> String {
    let cut = truncate.characters();
    let names: Vec<String> =
        schema.fields().iter().map(|field| cell(&escaped(field.name()), cut)).collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.values().iter().map(|value| cell(&escaped(&value.to_string()), cut)).collect()
        })
        .collect();
    let mut text = if vertical { records(&names, &cells) } else { grid(&names, &cells, cut > 0) };
    match rows.len() {
        0 if vertical => text.push_str("(0 rows)\n"),
        1 if more => text.push_str("only showing top 1 row\n"),
        count if more => {
            let _ = writeln!(text, "only showing top {count} rows");
        }
        _ => {}
    }
    text
}

fn grid(names: &[String], cells: &[Vec<String>], to_the_right: bool) -> String {
    let mut widths: Vec<usize> = names.iter().map(|name| width(name).max(WIDTH_MIN)).collect();
    for row in cells {
        for (at, cell) in widths.iter_mut().zip(row) {
            *at = (*at).max(width(cell));
        }
    }
    let mut rule = "+".to_owned();
    for width in &widths {
        rule.push_str(&"-".repeat(*width));
        rule.push('+');
    }
    rule.push('\n');
    let line = |cells: &[String]| {
        let mut line = "|".to_owned();
        for (cell, column) in cells.iter().zip(&widths) {
            let space = " ".repeat(column - width(cell));
            let (before, after) =
                if to_the_right { (space.as_str(), "") } else { ("", space.as_str()) };
            let _ = write!(line, "{before}{cell}{after}|");
        }
        line.push('\n');
        line
    };
    let mut text = rule.clone() + &line(names) + &rule;
    text.extend(cells.iter().map(|row| line(row)));
    text + &rule
}

fn records(names: &[String], cells: &[Vec<String>]) -> String {
    let name_width = names.iter().map(|name| width(name)).max().unwrap_or(0).max(WIDTH_MIN);
    let values = cells.iter().flatten().map(|cell| width(cell));
    let value_width = values.max().unwrap_or(0).max(WIDTH_MIN);
    let mut text = String::new();
    for (number, row) in cells.iter().enumerate() {
        let head = format!("-RECORD {number}");
        let _ = writeln!(text, "{head:-<width$}", width = name_width + value_width + 5);
        for (name, cell) in names.iter().zip(row) {
            let after_name = " ".repeat(name_width - width(name));
            let after_cell = " ".repeat(value_width - width(cell));
            let _ = writeln!(text, " {name}{after_name} | {cell}{after_cell} ");
        }
    }
    text
}

/// Signs that would break the table, as Spark writes them.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\u{b}' => shown.push_str("\\v"),
            '\u{c}' => shown.push_str("\\f"),
            '\u{8}' => shown.push_str("\\b"),
            '\u{7}' => shown.push_str("\\a"),
            c => shown.push(c),
        }
    }
    shown
}

fn cell(text: &str, cut: usize) -> String {
    let long = cut > 0 && text.chars().count() > cut;
    match (long, cut) {
        (false, _) => text.to_owned(),
        // There is no room for dots.
        (true, 1..4) => text.chars().take(cut).collect(),
        (true, _) => text.chars().take(cut - 3).collect::<String>() + "...",
    }
}

/// How many columns of a terminal a text takes, by Spark's rule: wide signs take two.
fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c),
            0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// What `print_schema` prints.
pub(crate) fn tree(schema: &Schema, depth_max: Option<usize>) -> String {
    let mut text = "root\n".to_owned();
    branches(&mut text, schema.fields(), " |", 1, depth_max.unwrap_or(usize::MAX));
    text
}

fn branches(text: &mut String, fields: &Fields, prefix: &str, depth: usize, depth_max: usize) {
    if depth > depth_max {
        return;
    }
    for field in fields {
        let name = escaped(field.name());
        let (type_name, nullable) = (tree_name(field), field.is_nullable());
        let _ = writeln!(text, "{prefix}-- {name}: {type_name} (nullable = {nullable})");
        within(text, field.data_type(), &format!("{prefix}    |"), depth + 1, depth_max);
    }
}

fn within(text: &mut String, data_type: &DataType, prefix: &str, depth: usize, depth_max: usize) {
    if depth > depth_max {
        return;
    }
    let inner = format!("{prefix}    |");
    match data_type {
        DataType::Struct(fields) => branches(text, fields, prefix, depth, depth_max),
        DataType::List(item) | DataType::LargeList(item) => {
            let null = item.is_nullable();
            let _ =
                writeln!(text, "{prefix}-- element: {} (containsNull = {null})", tree_name(item));
            within(text, item.data_type(), &inner, depth + 1, depth_max);
        }
        DataType::Map(entries, _) => {
            let Some((key, value)) = types::key_and_value(entries) else { return };
            let null = value.is_nullable();
            let _ = writeln!(text, "{prefix}-- key: {}", tree_name(key));
            within(text, key.data_type(), &inner, depth + 1, depth_max);
            let _ = writeln!(
                text,
                "{prefix}-- value: {} (valueContainsNull = {null})",
                tree_name(value)
            );
            within(text, value.data_type(), &inner, depth + 1, depth_max);
        }
        _ => {}
    }
}

/// The name of a type in the tree, without what is in it.
fn tree_name(field: &Arc<Field>) -> String {
    match field.data_type() {
        DataType::Struct(_) => "struct".to_owned(),
        DataType::List(_) | DataType::LargeList(_) => "array".to_owned(),
        DataType::Map(_, _) => "map".to_owned(),
        DataType::Int8 => "byte".to_owned(),
        DataType::Int16 => "short".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "long".to_owned(),
        _ => types::field_type(field),
    }
}

#[cfg(test)]
mod tests;
