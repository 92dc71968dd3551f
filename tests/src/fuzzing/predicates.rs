//! Conditions on rows: bound, evaluated and pruned by as a naive evaluator says, which looks at one
//! row after the other and knows three values.

use std::cmp::Ordering;
use std::sync::Arc;

use annals_state::Chunk;
use annals_state::predicate::{Bounds, Matches, Predicate, PredicateError, col};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    UInt8Array,
};

use crate::model::decode::Choices;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Int(i64),
    Float(f64),
    Text(&'static str),
    Bool(bool),
}

#[derive(Clone, Debug)]
enum Tree {
    Constant(bool),
    /// A column, an operator, and a value or another column.
    Compare(usize, usize, Result<Value, usize>),
    IsNull(usize),
    IsIn(usize, Vec<Value>),
    Not(Box<Tree>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
}

const NAMES: [&str; 8] = ["long", "int", "byte", "float", "text", "bool", "LONG2", "none"];
const TEXTS: [&str; 4] = ["", "a", "b", "A"];
const FLOATS: [f64; 6] = [0.0, -0.0, 1.0, -2.5, f64::NAN, f64::INFINITY];
const NUMBERS: [i64; 6] = [0, 1, 2, -3, i64::MAX, i64::MIN];

/// Columns of as many values.
type Columns = Vec<Vec<Option<Value>>>;

/// The first bytes are rows, the rest a condition.
pub fn run(bytes: &[u8]) {
    let c = &mut Choices::new(bytes);
    let rows = c.below(9);
    let columns: Columns =
        (0..NAMES.len() - 1).map(|at| (0..rows).map(|_| cell(c, at)).collect()).collect();
    let batch = batch(&columns);
    let tree = tree(c, 0);
    let bound = predicate(&tree).bind(batch.schema_ref());
    let fits = fits(&tree);
    let bound = match (bound, fits) {
        (Ok(bound), true) => bound,
        (Err(PredicateError::TooDeep), _) => panic!("{tree:?} is not deep"),
        (Err(error), false) => return assert!(error.to_string().len() < 2_000, "{error}"),
        (bound, fits) => {
            let bound = bound.map(drop);
            panic!("{tree:?}: {bound:?}, but that it can be bound is {fits}")
        }
    };
    let found = bound.evaluate(&batch).expect("the rows are of the schema");
    let found: Vec<Option<bool>> = found.iter().collect();
    let expected: Vec<Option<bool>> = (0..rows).map(|row| holds(&tree, &columns, row)).collect();
    assert_eq!(found, expected, "{tree:?} of {columns:?}");

    let chunk = Chunk::new(batch);
    let exact = bound.prune(rows, |column| chunk.bounds(column));
    let wide = bound.prune(rows, |column| chunk.bounds(column).widened());
    let blind = bound.prune(rows, |_| Bounds::unknown(rows as u64));
    for (matches, how) in [(exact, "exact"), (wide, "wide"), (blind, "unknown")] {
        let any = expected.contains(&Some(true));
        let all = expected.iter().all(|holds| *holds == Some(true));
        let sound = match matches {
            Matches::None => !any,
            Matches::All => all,
            Matches::Some => true,
        };
        assert!(sound, "by {how} bounds {matches:?}: {tree:?} of {columns:?}");
    }
}

fn cell(c: &mut Choices<'_>, column: usize) -> Option<Value> {
    let byte = usize::from(c.byte());
    if byte % 5 == 4 {
        return None;
    }
    Some(match column {
        0 | 6 => Value::Int(NUMBERS[byte / 5 % 6]),
        1 => Value::Int(NUMBERS[byte / 5 % 4]),
        2 => Value::Int(NUMBERS[byte / 5 % 3]),
        3 => Value::Float(FLOATS[byte / 5 % 6]),
        4 => Value::Text(TEXTS[byte / 5 % 4]),
        _ => Value::Bool(byte / 5 % 2 == 1),
    })
}

fn batch(columns: &Columns) -> RecordBatch {
    let int = |value: &Option<Value>| match value {
        Some(Value::Int(value)) => Some(*value),
        _ => None,
    };
    let arrays = columns.iter().enumerate().map(|(at, values)| -> ArrayRef {
        let values = values.iter();
        match at {
            0 | 6 => Arc::new(values.map(int).collect::<Int64Array>()),
            1 => Arc::new(values.map(|v| int(v).map(|v| v as i32)).collect::<Int32Array>()),
            2 => Arc::new(values.map(|v| int(v).map(|v| v as u8)).collect::<UInt8Array>()),
            3 => Arc::new(
                values
                    .map(|v| if let Some(Value::Float(v)) = v { Some(*v) } else { None })
                    .collect::<Float64Array>(),
            ),
            4 => Arc::new(
                values
                    .map(|v| if let Some(Value::Text(v)) = v { Some(*v) } else { None })
                    .collect::<StringArray>(),
            ),
            _ => Arc::new(
                values
                    .map(|v| if let Some(Value::Bool(v)) = v { Some(*v) } else { None })
                    .collect::<BooleanArray>(),
            ),
        }
    });
    let columns: Vec<(&str, ArrayRef, bool)> =
        NAMES.iter().zip(arrays).map(|(name, array)| (*name, array, true)).collect();
    RecordBatch::try_from_iter_with_nullable(columns).expect("as many of each")
}

fn value(c: &mut Choices<'_>) -> Value {
    match c.below(8) {
        0..=2 => Value::Int(c.of(&NUMBERS)),
        3..=4 => Value::Text(c.of(&TEXTS)),
        5 => Value::Bool(c.below(2) == 1),
        _ => Value::Float(c.of(&FLOATS)),
    }
}

/// A value that can be compared with the column, most often.
fn value_for(c: &mut Choices<'_>, column: usize) -> Value {
    match (c.below(8), column) {
        (7, _) => value(c),
        (_, 0..=2 | 6) => Value::Int(c.of(&NUMBERS)),
        (_, 3) => Value::Float(c.of(&FLOATS)),
        (_, 4) => Value::Text(c.of(&TEXTS)),
        (_, 5) => Value::Bool(c.below(2) == 1),
        _ => value(c),
    }
}

fn tree(c: &mut Choices<'_>, depth: usize) -> Tree {
    let many = |c: &mut Choices<'_>| (0..c.below(4)).map(|_| tree(c, depth + 1)).collect();
    match c.below(if depth < 4 { 16 } else { 11 }) {
        0..=5 => {
            let names = if c.one_in(16) { 8 } else { 7 };
            let column = c.below(names);
            let how = c.below(6);
            let other = if c.one_in(6) { Err(c.below(7)) } else { Ok(value_for(c, column)) };
            Tree::Compare(column, how, other)
        }
        6..=7 => Tree::IsNull(c.below(7)),
        8..=9 => {
            let column = c.below(7);
            Tree::IsIn(column, (0..c.below(4)).map(|_| value_for(c, column)).collect())
        }
        10 => Tree::Constant(c.below(2) == 1),
        11..=12 => Tree::Not(Box::new(tree(c, depth + 1))),
        13..=14 => Tree::And(many(c)),
        _ => Tree::Or(many(c)),
    }
}

fn literal(value: &Value) -> annals_state::predicate::Literal {
    match value {
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(value) => (*value).into(),
        Value::Bool(value) => (*value).into(),
    }
}

fn predicate(tree: &Tree) -> Predicate {
    match tree {
        Tree::Constant(value) => Predicate::literal(*value),
        Tree::Compare(column, how, other) => {
            // Names are found in any case.
            let column = col(NAMES[*column].to_lowercase());
            let other = match other {
                Ok(value) => annals_state::predicate::Operand::from(literal(value)),
                Err(other) => col(NAMES[*other]).into(),
            };
            match how {
                0 => column.eq(other),
                1 => column.ne(other),
                2 => column.lt(other),
                3 => column.lt_eq(other),
                4 => column.gt(other),
                _ => column.gt_eq(other),
            }
        }
        Tree::IsNull(column) => col(NAMES[*column]).is_null(),
        Tree::IsIn(column, values) => col(NAMES[*column]).is_in(values.iter().map(literal)),
        Tree::Not(inner) => !predicate(inner),
        Tree::And(all) => all.iter().map(predicate).fold(Predicate::literal(true), Predicate::and),
        Tree::Or(all) => all.iter().map(predicate).fold(Predicate::literal(false), Predicate::or),
    }
}

/// Of which kind a column is: numbers go with numbers, and else like with like.
fn kind(column: usize) -> usize {
    match column {
        0..=3 | 6 => 0,
        4 => 1,
        5 => 2,
        _ => 3,
    }
}

fn kind_of(value: &Value) -> usize {
    match value {
        Value::Int(_) | Value::Float(_) => 0,
        Value::Text(_) => 1,
        Value::Bool(_) => 2,
    }
}

fn fits(tree: &Tree) -> bool {
    match tree {
        Tree::Constant(_) => true,
        Tree::Compare(column, _, _) | Tree::IsNull(column) | Tree::IsIn(column, _)
            if *column == 7 =>
        {
            false
        }
        Tree::Compare(column, _, Ok(value)) => kind(*column) == kind_of(value),
        Tree::Compare(column, _, Err(other)) => kind(*column) == kind(*other),
        Tree::IsNull(_) => true,
        Tree::IsIn(column, values) => values.iter().all(|v| kind_of(v) == kind(*column)),
        Tree::Not(inner) => fits(inner),
        Tree::And(all) | Tree::Or(all) => all.iter().all(fits),
    }
}

fn holds(tree: &Tree, columns: &Columns, row: usize) -> Option<bool> {
    match tree {
        Tree::Constant(value) => Some(*value),
        Tree::Compare(column, how, other) => {
            let one = columns[*column][row].as_ref()?;
            let other = match other {
                Ok(value) => value,
                Err(other) => columns[*other][row].as_ref()?,
            };
            let order = order(one, other);
            Some(match how {
                0 => order.is_eq(),
                1 => order.is_ne(),
                2 => order.is_lt(),
                3 => order.is_le(),
                4 => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        Tree::IsNull(column) => Some(columns[*column][row].is_none()),
        Tree::IsIn(_, values) if values.is_empty() => Some(false),
        Tree::IsIn(column, values) => {
            let one = columns[*column][row].as_ref()?;
            Some(values.iter().any(|value| order(one, value).is_eq()))
        }
        Tree::Not(inner) => holds(inner, columns, row).map(|holds| !holds),
        Tree::And(all) => {
            let all: Vec<Option<bool>> = all.iter().map(|of| holds(of, columns, row)).collect();
            match () {
                () if all.contains(&Some(false)) => Some(false),
                () if all.contains(&None) => None,
                () => Some(true),
            }
        }
        Tree::Or(all) => {
            let all: Vec<Option<bool>> = all.iter().map(|of| holds(of, columns, row)).collect();
            match () {
                () if all.contains(&Some(true)) => Some(true),
                () if all.contains(&None) => None,
                () => Some(false),
            }
        }
    }
}

/// The order of two values, exactly: a whole number against a float loses no digit.
fn order(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => one.cmp(other),
        (Value::Float(one), Value::Float(other)) => one.total_cmp(other),
        (Value::Text(one), Value::Text(other)) => one.cmp(other),
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Int(one), Value::Float(other)) => int_and_float(*one, *other),
        (Value::Float(one), Value::Int(other)) => int_and_float(*other, *one).reverse(),
        _ => unreachable!("what does not fit is not bound"),
    }
}

fn int_and_float(int: i64, float: f64) -> Ordering {
    if float.is_nan() {
        return if float.is_sign_positive() { Ordering::Less } else { Ordering::Greater };
    }
    if float.abs() >= 1e19 {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    // The whole part of a float goes into 128 bits; then what is behind the point decides.
    let whole = float.trunc();
    let rest = float - whole;
    let order = i128::from(int).cmp(&(whole as i128));
    let behind = if rest > 0.0 {
        Ordering::Less
    } else if rest < 0.0 || (float == 0.0 && float.is_sign_negative()) {
        Ordering::Greater
    } else {
        Ordering::Equal
    };
    order.then(behind)
}
