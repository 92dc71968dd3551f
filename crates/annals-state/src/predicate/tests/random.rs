//! Random predicates on random rows, beside an interpreter that goes value by value.

use std::cmp::Ordering;

use super::*;

/// A xorshift generator: a seed replays everything.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// A value as the interpreter sees it.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Int(i128),
    /// In hundredths.
    Decimal(i128),
    Float(f64),
    Text(String),
    Bool(bool),
    /// In nanoseconds.
    Time(i128),
}

use Value::*;

fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Int(a), Int(b)) | (Decimal(a), Decimal(b)) | (Time(a), Time(b)) => a.cmp(b),
        (Int(a), Decimal(b)) => (a * 100).cmp(b),
        (Float(a), Float(b)) => a.total_cmp(b),
        (Decimal(a), Float(b)) => (*a as f64 / 100.0).total_cmp(b),
        (Text(a), Text(b)) => a.cmp(b),
        (Bool(a), Bool(b)) => a.cmp(b),
        (Int(a), Float(b)) => {
            if b.is_nan() || b.is_infinite() {
                return if b.is_sign_positive() { Ordering::Less } else { Ordering::Greater };
            }
            let by_floor = a.cmp(&(b.floor() as i128));
            if by_floor.is_ne() {
                return by_floor;
            }
            match (b.fract() != 0.0, *b == 0.0 && b.is_sign_negative()) {
                (true, _) => Ordering::Less,
                (_, true) => Ordering::Greater,
                _ => Ordering::Equal,
            }
        }
        (Decimal(_), Int(_)) | (Float(_), Int(_) | Decimal(_)) => order(right, left).reverse(),
        (left, right) => panic!("{left:?} and {right:?} have no order"),
    }
}

const INTS: [i128; 14] = [
    -1,
    0,
    1,
    2,
    3,
    100,
    127,
    255,
    -128,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX as i128,
    i64::MIN as i128,
    u64::MAX as i128,
];
const FLOATS: [f64; 16] = [
    -0.0,
    0.0,
    1.0,
    1.5,
    2.0,
    -1.5,
    0.1,
    0.5,
    f64::NAN,
    -f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e300,
    9_007_199_254_740_992.0,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_808.0,
];
const TEXTS: [&str; 6] = ["", "a", "b", "ba", "a string that no view can hold", "z"];
const DAY: i128 = 86_400_000_000_000;
const TYPES: usize = 16;

/// The type of a column by number, and values of it.
fn column(number: usize, dice: &mut Dice, rows: usize) -> (ArrayRef, Vec<Option<Value>>) {
    use DataType as D;
    // Few distinct values and extreme shares of nulls, so that chunks match as a whole.
    let nulls_in_four = dice.pick(&[0, 0, 1, 4]);
    let distinct = dice.pick(&[1, 2, 16]);
    let start = dice.below(16);
    let mut draw = |pool: &[Value]| -> Vec<Option<Value>> {
        (0..rows)
            .map(|_| {
                let value = &pool[(start + dice.below(distinct)) % pool.len()];
                (dice.below(4) >= nulls_in_four).then(|| value.clone())
            })
            .collect()
    };
    let ints = |min: i128, max: i128| -> Vec<Value> {
        INTS.iter().filter(|v| (min..=max).contains(v)).map(|v| Int(*v)).collect()
    };
    let int_column = |values: &[Option<Value>], to: &D| {
        let unscaled = values.iter().map(|v| match v {
            Some(Int(v) | Decimal(v) | Time(v)) => Some(*v),
            _ => None,
        });
        let array = Decimal128Array::from_iter(unscaled).with_precision_and_scale(38, 0).unwrap();
        cast(&array, to).unwrap()
    };
    let float_column = |values: &[Option<Value>]| {
        Float64Array::from_iter(values.iter().map(|v| match v {
            Some(Float(v)) => Some(*v),
            _ => None,
        }))
    };
    let text_column = |values: &[Option<Value>], to: &D| {
        let array = StringArray::from_iter(values.iter().map(|v| match v {
            Some(Text(v)) => Some(v.as_str()),
            _ => None,
        }));
        cast(&array, to).unwrap()
    };
    let texts: Vec<_> = TEXTS.iter().map(|v| Text((*v).to_owned())).collect();
    let signed = |bits: u32| (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1);
    let of_ints = |(min, max): (i128, i128), to: D, draw: &mut dyn FnMut(&[Value]) -> Vec<_>| {
        let values = draw(&ints(min, max));
        (int_column(&values, &to), values)
    };
    let with_unit = |values: Vec<Option<Value>>, unit: i128, to: D| {
        let counts: Vec<_> = values
            .iter()
            .map(|v| match v {
                Some(Time(v)) => Some((*v / unit) as i64),
                _ => None,
            })
            .collect();
        (cast(&Int64Array::from(counts), &to).unwrap(), values)
    };
    let days: Vec<_> = [-1, 0, 1, 2].map(|day| Time(day * DAY)).to_vec();
    let moments: Vec<_> = [-1, 0, 1, DAY - 1, DAY].map(|v| Time(v / 1000 * 1000)).to_vec();
    match number % TYPES {
        0 => of_ints(signed(8), D::Int8, &mut draw),
        1 => of_ints(signed(32), D::Int32, &mut draw),
        2 => of_ints(signed(64), D::Int64, &mut draw),
        3 => of_ints((0, i128::from(u64::MAX)), D::UInt64, &mut draw),
        4 => of_ints((0, 255), D::UInt8, &mut draw),
        5 => {
            let values = draw(&FLOATS.map(Float));
            (Arc::new(float_column(&values)), values)
        }
        6 => {
            let values = draw(&FLOATS.map(|v| Float(f64::from(v as f32))));
            (cast(&float_column(&values), &D::Float32).unwrap(), values)
        }
        7 => {
            let values = draw(&[-100, 0, 10, 50, 100, 150, 200].map(Decimal));
            let unscaled = values.iter().map(|v| match v {
                Some(Decimal(v)) => Some(*v),
                _ => None,
            });
            let array = Decimal128Array::from_iter(unscaled);
            (Arc::new(array.with_precision_and_scale(10, 2).unwrap()), values)
        }
        8 => {
            let values = draw(&[Bool(false), Bool(true)]);
            let array = values.iter().map(|v| match v {
                Some(Bool(v)) => Some(*v),
                _ => None,
            });
            (Arc::new(BooleanArray::from_iter(array)), values)
        }
        9 => {
            let values = draw(&days);
            with_unit(values, DAY, D::Date32)
        }
        10 => {
            let values = draw(&moments);
            with_unit(values, 1_000, D::Timestamp(TimeUnit::Microsecond, None))
        }
        11 => {
            let values = draw(&days);
            with_unit(values, 1_000_000_000, D::Timestamp(TimeUnit::Second, None))
        }
        12 => {
            let values = draw(&texts);
            (text_column(&values, &D::Utf8), values)
        }
        13 => {
            let values = draw(&texts);
            (text_column(&values, &D::Utf8View), values)
        }
        14 => {
            let values = draw(&texts);
            (text_column(&values, &D::LargeUtf8), values)
        }
        _ => {
            let to = D::Dictionary(Box::new(D::Int16), Box::new(D::Utf8));
            let values = draw(&texts);
            (text_column(&values, &to), values)
        }
    }
}

/// Numbers of types that can be compared with one another.
fn kin(number: usize) -> &'static [usize] {
    match number {
        0..=7 => &[0, 1, 2, 3, 4, 5, 6, 7],
        8 => &[8],
        9..=11 => &[9, 10, 11],
        _ => &[12, 13, 14, 15],
    }
}

type Row = Vec<Option<Value>>;
type Model = Box<dyn Fn(&Row) -> Option<bool>>;

fn name(number: usize) -> String {
    format!("c{number}")
}

fn random_literal(number: usize, dice: &mut Dice) -> (Literal, Option<Value>) {
    let kin = dice.pick(kin(number));
    let (array, values) = column(kin, dice, 1);
    (Literal::from_array(array).unwrap(), values[0].clone())
}

fn random_comparison(dice: &mut Dice) -> (Predicate, Model) {
    let number = dice.below(TYPES);
    let operator = dice.below(6);
    let build = |operand: Operand| {
        let column = col(name(number));
        match operator {
            0 => column.eq(operand),
            1 => column.ne(operand),
            2 => column.lt(operand),
            3 => column.lt_eq(operand),
            4 => column.gt(operand),
            _ => column.gt_eq(operand),
        }
    };
    let holds = move |order: Ordering| match operator {
        0 => order.is_eq(),
        1 => order.is_ne(),
        2 => order.is_lt(),
        3 => order.is_le(),
        4 => order.is_gt(),
        _ => order.is_ge(),
    };
    if dice.below(3) == 0 {
        let other = dice.pick(kin(number));
        let model =
            move |row: &Row| Some(holds(order(row[number].as_ref()?, row[other].as_ref()?)));
        return (build(col(name(other)).into()), Box::new(model));
    }
    let (literal, value) = random_literal(number, dice);
    let model = move |row: &Row| Some(holds(order(row[number].as_ref()?, value.as_ref()?)));
    (build(literal.into()), Box::new(model))
}

fn random_predicate(dice: &mut Dice, depth: usize) -> (Predicate, Model) {
    let number = dice.below(TYPES);
    match dice.below(if depth == 0 { 8 } else { 16 }) {
        0 => (col(name(number)).is_null(), Box::new(move |row| Some(row[number].is_none()))),
        1 => (col(name(number)).is_not_null(), Box::new(move |row| Some(row[number].is_some()))),
        2 => {
            let value = dice.below(2) == 0;
            (Predicate::literal(value), Box::new(move |_| Some(value)))
        }
        3 => {
            let count = dice.pick(&[0, 1, 3, 30]);
            let (literals, values): (Vec<_>, Vec<_>) =
                (0..count).map(|_| random_literal(number, dice)).unzip();
            let model = move |row: &Row| {
                if values.is_empty() {
                    return Some(false);
                }
                let value = row[number].as_ref()?;
                let found = values.iter().flatten().any(|v| order(value, v).is_eq());
                if found { Some(true) } else { (!values.contains(&None)).then_some(false) }
            };
            (col(name(number)).is_in(literals), Box::new(model))
        }
        4..=8 => random_comparison(dice),
        9 | 10 => {
            let (inner, model) = random_predicate(dice, depth - 1);
            (!inner, Box::new(move |row| model(row).map(|value| !value)))
        }
        kind => {
            let (left, left_model) = random_predicate(dice, depth - 1);
            let (right, right_model) = random_predicate(dice, depth - 1);
            let neutral = kind % 2 == 0;
            let model = move |row: &Row| match (left_model(row), right_model(row)) {
                (Some(a), Some(b)) => Some(if neutral { a && b } else { a || b }),
                (Some(a), None) | (None, Some(a)) if a != neutral => Some(a),
                _ => None,
            };
            (if neutral { left.and(right) } else { left.or(right) }, Box::new(model))
        }
    }
}

#[test]
fn evaluation_equals_the_interpreter_and_pruning_is_sound() {
    let (mut none, mut all) = (0, 0);
    for seed in 1..=3_000_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let rows = dice.pick(&[0, 1, 2, 7, 70]);
        let (arrays, values): (Vec<_>, Vec<_>) =
            (0..TYPES).map(|number| column(number, &mut dice, rows)).unzip();
        let names: Vec<_> = (0..TYPES).map(name).collect();
        let columns = names.iter().map(String::as_str).zip(arrays).collect();
        let chunk = Chunk::new(batch_of(columns));
        let row = |at: usize| -> Row { values.iter().map(|column| column[at].clone()).collect() };
        for _ in 0..8 {
            let (predicate, model) = random_predicate(&mut dice, 3);
            let context = || format!("seed {seed}: {predicate}");
            let bound = predicate.bind(&chunk.batch().schema());
            let bound = bound.unwrap_or_else(|error| panic!("{}: {error}", context()));
            let result = bound.evaluate(chunk.batch()).unwrap();
            for at in 0..rows {
                let found = result.is_valid(at).then(|| result.value(at));
                assert_eq!(found, model(&row(at)), "{} at {:?}", context(), row(at));
            }
            // The statistics of all rows, for all and for some of them.
            let kept: Vec<_> = (0..rows).filter(|_| dice.below(3) > 0).collect();
            let matching = |rows: &mut dyn Iterator<Item = usize>| {
                rows.filter(|at| model(&row(*at)) == Some(true)).count()
            };
            let exact = bound.prune(rows, |column| chunk.bounds(column));
            let widened = bound.prune(kept.len(), |column| chunk.bounds(column).widened());
            let checks = [
                (exact, matching(&mut (0..rows)), rows),
                (widened, matching(&mut kept.iter().copied()), kept.len()),
            ];
            for (matches, count, rows) in checks {
                match matches {
                    Matches::None => assert_eq!(count, 0, "{}", context()),
                    Matches::All => assert_eq!(count, rows, "{}", context()),
                    Matches::Some => {}
                }
                none += usize::from(matches == Matches::None && rows > 0);
                all += usize::from(matches == Matches::All);
            }
        }
    }
    assert!(none > 1_000 && all > 1_000, "too little is pruned: {none} none, {all} all");
}
