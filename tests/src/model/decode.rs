//! Bytes become steps: one generator for random tests, for threads and for fuzzing.
//!
//! Every byte string is a story, and zeros are the simplest choice everywhere, so that what
//! makes bytes fewer or smaller makes stories shorter and plainer. A step is decoded from a block
//! of its own ([`STEP_BYTES`]): changing one step does not change the others.

use annals::{CastPolicy, Isolation, Matching, Missing, Nullability, SaveMode};

use super::step::{
    Alter, Batch, End, Given, Inner, MergeHow, Moment, Op, Patch, Save, Step, Transact, Where,
};
use super::world::{Cell, Kind, Value};

/// How many bytes a step is decoded from.
pub const STEP_BYTES: usize = 48;

/// A value that does not go into a small integer.
pub const LARGE: i64 = 1 << 40;

const APPLICATIONS: [&str; 2] = ["etl", "web"];
const TAGS: [&str; 4] = ["one", "two", "three", ""];
const KEYS: [&str; 3] = ["a", "b", "c"];
const VALUES: [&str; 2] = ["1", "2"];
const TEXTS: [&str; 3] = ["a", "b", "5"];

/// Choices, from bytes: the simplest once they have run out.
#[derive(Debug)]
pub struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Chooses by these.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    /// A number below `bound`, which is 256 at most.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// One of these, most often the first.
    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    fn small(&mut self) -> i64 {
        self.below(7) as i64
    }

    fn some<T>(&mut self, times: usize, of: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.one_in(times) { Some(of(self)) } else { None }
    }
}

/// The steps that bytes stand for, one for each block of [`STEP_BYTES`].
pub fn story(bytes: &[u8]) -> Vec<Step> {
    bytes.chunks(STEP_BYTES).map(|block| step(&mut Choices::new(block))).collect()
}

/// One step.
pub fn step(c: &mut Choices<'_>) -> Step {
    match c.below(64) {
        0..=35 => Step::Do(op(c)),
        36..=43 => Step::Transact(transact(c)),
        44 => Step::Speculate(inners(c)),
        45 => Step::Publish(inners(c)),
        46 => {
            let mut save = save(c);
            save.insert = false;
            let sequence = c.below(4) as u64;
            Step::Idempotent(Box::new(save), c.of(&APPLICATIONS), sequence)
        }
        47..=48 => Step::Tag(c.of(&TAGS), moment(c)),
        49 => Step::Untag(c.of(&TAGS)),
        50 => Step::Expire(1 + c.below(8)),
        51 => Step::SetRetention(4 + c.below(10)),
        52 => Step::Clock(i64::from(c.byte()) * 10 - 1_000),
        53 => Step::Hold(moment(c), c.one_in(2)),
        54 => Step::LetGo,
        55 => match c.one_in(4) {
            true => Step::Fork(moment(c)),
            false => Step::At(moment(c)),
        },
        56..=57 => Step::Diff(name(c), moment(c), moment(c)),
        58..=59 => Step::Changes(name(c), moment(c), moment(c)),
        60 => Step::Blame(name(c), c.below(6) as u64),
        61 => Step::Bisect(name(c), 1 + c.below(4) as u64, c.below(12) as u64),
        62 => {
            let predicate = c.some(2, condition);
            let columns = match c.below(4) {
                0 => vec!["k", "v"],
                1 => vec!["v"],
                2 => vec!["K", "zz"],
                _ => vec![],
            };
            Step::Scan(name(c), predicate, columns, c.below(5) as u64)
        }
        _ => Step::Ordinal(name(c), c.below(6) as u64),
    }
}

fn name(c: &mut Choices<'_>) -> &'static str {
    match c.below(32) {
        0..=12 => "t",
        13..=20 => "u",
        21..=25 => "s.t",
        26..=27 => "v",
        28 => "T",
        29 => "S.u",
        30 => "x.t",
        _ => "a.b.c.d",
    }
}

fn database(c: &mut Choices<'_>) -> &'static str {
    c.of(&["s", "x", "S", "default", ""])
}

fn moment(c: &mut Choices<'_>) -> Moment {
    match c.below(8) {
        0..=4 => Moment::Back(c.below(8) as u64),
        5 => Moment::Time(c.below(8) as u64, i64::from(c.byte()) - 4),
        6 => Moment::Tag(c.of(&TAGS)),
        _ => Moment::Back(c.below(64) as u64),
    }
}

fn shape(c: &mut Choices<'_>) -> Vec<(&'static str, Kind)> {
    use Kind::{Int, Small, Text};
    match c.below(20) {
        0..=6 => vec![("k", Int), ("v", Int)],
        7..=8 => vec![("k", Int), ("v", Small)],
        9 => vec![("k", Int), ("v", Text)],
        10 => vec![("k", Int)],
        11 => vec![("v", Int), ("k", Int)],
        12 => vec![("k", Int), ("v", Int), ("x", Int)],
        13..=14 => vec![("k", Int), ("s", Text)],
        15 => vec![("K", Small), ("V", Int)],
        16..=17 => vec![("k", Int), ("v", Int), ("s", Text)],
        18 => vec![("k", Text), ("x", Text)],
        _ => vec![("k", Int), ("K", Int)],
    }
}

fn cell(kind: Kind, at: usize, byte: u8) -> Cell {
    // Columns of one row take their values from different parts of the byte.
    let part = (usize::from(byte) / [1, 7, 31][at.min(2)]) % 7;
    if at > 0 && part == 6 {
        return None;
    }
    Some(match kind {
        Kind::Text => Value::Text(TEXTS[part % 3].to_owned()),
        Kind::Int if byte == 255 => Value::Int(LARGE),
        Kind::Int | Kind::Small => Value::Int(part as i64),
    })
}

fn batch(c: &mut Choices<'_>) -> Batch {
    let columns = shape(c);
    let rows = [1, 2, 3, 0, 4][c.below(5)];
    let row =
        |byte: u8| columns.iter().enumerate().map(|(at, (_, k))| cell(*k, at, byte)).collect();
    let rows = (0..rows).map(|_| row(c.byte())).collect();
    Batch { columns, rows }
}

fn column(c: &mut Choices<'_>) -> &'static str {
    c.of(&["v", "k", "s", "x", "V", "y", "zz"])
}

fn value(c: &mut Choices<'_>) -> Value {
    match c.below(16) {
        14 => Value::Text(c.of(&TEXTS).to_owned()),
        15 => Value::Int(LARGE),
        _ => Value::Int(c.small()),
    }
}

fn condition(c: &mut Choices<'_>) -> Where {
    let simple = |c: &mut Choices<'_>| match c.below(12) {
        0..=2 => Where::Is("k", "=", Value::Int(c.small())),
        3..=5 => Where::Is("k", c.of(&[">=", "<", "!="]), Value::Int(c.small())),
        6..=7 => Where::Is("v", c.of(&["=", ">", "<="]), Value::Int(c.small())),
        8 => Where::In(c.of(&["k", "v"]), (0..c.below(4)).map(|_| c.small()).collect()),
        9 => Where::Null(c.of(&["v", "s", "k"])),
        10 => Where::Is("s", "=", Value::Text(c.of(&TEXTS).to_owned())),
        _ => Where::Is(column(c), ">", value(c)),
    };
    match c.below(10) {
        0..=6 => simple(c),
        7 => Where::Not(Box::new(simple(c))),
        8 => Where::And(Box::new(simple(c)), Box::new(simple(c))),
        _ => Where::Or(Box::new(simple(c)), Box::new(Where::Not(Box::new(simple(c))))),
    }
}

fn save(c: &mut Choices<'_>) -> Save {
    let mut save = Save::new(name(c), batch(c));
    save.mode = match c.below(16) {
        0..=8 => SaveMode::Append,
        9..=12 => SaveMode::Overwrite,
        13..=14 => SaveMode::ErrorIfExists,
        _ => SaveMode::Ignore,
    };
    save.insert = c.one_in(8);
    if c.one_in(3) {
        save.merge_schema = c.one_in(2);
        save.overwrite_schema = c.some(4, |c| c.one_in(3));
        save.partition_by =
            c.some(5, |c| c.of(&[vec!["v"], vec!["s"], vec![], vec!["k", "v"], vec!["zz"]]));
        save.property = c.some(5, |c| (c.of(&KEYS), c.of(&VALUES)));
        save.comment = c.some(8, |_| "said with a save");
        save.external = c.one_in(12);
        save.matching = if c.one_in(6) { Matching::ByPosition } else { Matching::ByName };
        save.casts = c.of(&[
            CastPolicy::Lossless,
            CastPolicy::Lossless,
            CastPolicy::Ansi,
            CastPolicy::Exact,
        ]);
        save.missing = if c.one_in(3) { Missing::FillNull } else { Missing::Refuse };
        save.nullability = if c.one_in(6) { Nullability::AsWritten } else { Nullability::Relaxed };
        save.fail_if_changed = c.one_in(8);
    }
    if c.one_in(6) {
        save.replace_where = Some(condition(c));
        if !c.one_in(8) {
            save.mode = SaveMode::Overwrite;
        }
    }
    if c.one_in(128) {
        save.rows = None;
    }
    save
}

fn patch(c: &mut Choices<'_>) -> Patch {
    let comment = c.some(3, |c| c.of(&[Some("a comment"), None]));
    let set = if c.one_in(4) { None } else { Some((c.of(&KEYS), c.of(&VALUES))) };
    Patch { comment, set, unset: c.some(3, |c| c.of(&KEYS)) }
}

fn alter(c: &mut Choices<'_>) -> Alter {
    let kinds = [Kind::Int, Kind::Text, Kind::Small];
    match c.below(12) {
        0..=3 => Alter::Add(c.of(&["x", "y", "s", "v"]), c.of(&kinds), !c.one_in(12)),
        4..=5 => Alter::Rename(column(c), c.of(&["y", "v", "x", "V"])),
        6..=7 => Alter::Drop((0..1 + c.below(2)).map(|_| column(c)).collect()),
        8 => Alter::Widen(column(c), c.of(&kinds)),
        9 => Alter::SetNullable(column(c)),
        _ => Alter::Comment(column(c), c.of(&[Some("of a column"), None])),
    }
}

/// One change.
pub fn op(c: &mut Choices<'_>) -> Op {
    match c.below(64) {
        0..=21 => Op::Save(Box::new(save(c))),
        22..=23 => Op::CreateTable {
            name: name(c),
            columns: match c.below(4) {
                0 => vec![("k", Kind::Int, true), ("v", Kind::Small, true)],
                1 => vec![("k", Kind::Int, false), ("s", Kind::Text, true)],
                2 => vec![("k", Kind::Int, true)],
                _ => vec![("v", Kind::Int, true), ("V", Kind::Int, true)],
            },
            partition_by: c.of(&[vec![], vec!["v"], vec!["k"], vec!["v", "v"]]),
            if_not_exists: c.one_in(3),
            comment: c.some(4, |_| "said when created"),
        },
        24 => Op::CreateView {
            name: name(c),
            text: c.of(&["SELECT 1", "SELECT 2"]),
            or_replace: c.one_in(2),
            property: c.some(3, |c| (c.of(&KEYS), c.of(&VALUES))),
        },
        25..=26 => Op::DropTable(name(c)),
        27..=28 => Op::RenameTable(name(c), name(c)),
        29 => Op::Truncate(name(c)),
        30..=33 => {
            let name = name(c);
            Op::AlterTable(name, (0..1 + c.below(2)).map(|_| alter(c)).collect())
        }
        34..=35 => Op::SetProperties(name(c), patch(c)),
        36 => Op::CreateDatabase {
            name: database(c),
            if_not_exists: c.one_in(2),
            comment: c.some(2, |_| "of a database"),
        },
        37 => Op::DropDatabase(database(c), c.one_in(2)),
        38 => Op::AlterDatabase(database(c), patch(c)),
        39..=42 => Op::Delete(name(c), if c.one_in(12) { None } else { Some(condition(c)) }),
        43..=46 => {
            let name = name(c);
            let set = |c: &mut Choices<'_>| {
                let given = match c.one_in(5) {
                    true => Given::Column(column(c)),
                    false => Given::Value(value(c)),
                };
                (column(c), given)
            };
            let sets = (0..1 + c.below(2)).map(|_| set(c)).collect();
            Op::Update(name, sets, if c.one_in(8) { None } else { Some(condition(c)) })
        }
        47..=50 => {
            use MergeHow::{Conditions, Delete, InsertOnly, Mirror, Upsert};
            let name = name(c);
            let how = c.of(&[Upsert, Delete, InsertOnly, Mirror, Conditions]);
            Op::Merge(name, c.of(&[vec!["k"], vec!["k"], vec!["k", "v"], vec!["s"]]), batch(c), how)
        }
        51..=53 => Op::Compact(name(c), c.of(&[vec![], vec!["k"], vec!["v", "k"], vec!["zz"]])),
        54..=57 => Op::RestoreTable(name(c), moment(c)),
        58..=59 => Op::Restore(moment(c)),
        _ => Op::Revert(c.below(6) as u64),
    }
}

/// A change of the one table that everybody changes, so that they meet.
fn op_of_all(c: &mut Choices<'_>) -> Op {
    let rows = |c: &mut Choices<'_>| {
        let columns = vec![("k", Kind::Int), ("v", Kind::Int)];
        let count = 1 + c.below(3);
        let row = |byte| vec![cell(Kind::Int, 0, byte), cell(Kind::Int, 1, byte)];
        Batch { columns, rows: (0..count).map(|_| row(c.byte() % 250)).collect() }
    };
    match c.below(10) {
        0..=3 => {
            let mut save = Save::new("t", rows(c));
            (save.mode, save.missing) = (SaveMode::Append, Missing::FillNull);
            Op::Save(Box::new(save))
        }
        4..=5 => Op::Delete("t", Some(Where::Is("k", "=", Value::Int(c.small())))),
        6 => {
            let given = Given::Value(Value::Int(c.small()));
            Op::Update("t", vec![("v", given)], Some(Where::Is("k", ">=", Value::Int(c.small()))))
        }
        7 => Op::AlterTable("t", vec![Alter::Add(c.of(&["x", "y"]), Kind::Int, true)]),
        8 => Op::Merge("t", vec!["k"], rows(c), MergeHow::Upsert),
        _ => Op::Update("t", vec![(c.of(&["x", "y"]), Given::Value(Value::Int(c.small())))], None),
    }
}

fn inners(c: &mut Choices<'_>) -> Vec<Inner> {
    inners_of(c, op)
}

fn inners_of(c: &mut Choices<'_>, op: fn(&mut Choices<'_>) -> Op) -> Vec<Inner> {
    let inner = |c: &mut Choices<'_>| match c.below(16) {
        0..=10 => Inner::Do(op(c)),
        11..=12 => Inner::Savepoint,
        13 => Inner::Rollback,
        14 => Inner::Read(name(c)),
        _ => Inner::List(database(c)),
    };
    (0..1 + c.below(4)).map(|_| inner(c)).collect()
}

fn transact(c: &mut Choices<'_>) -> Transact {
    let back = if c.one_in(4) { c.below(4) as u64 } else { 0 };
    let isolation = if c.one_in(4) { Isolation::Serializable } else { Isolation::Snapshot };
    let idempotent = c.some(6, |c| (c.of(&APPLICATIONS), c.below(4) as u64));
    let end = match c.below(16) {
        0..=11 => End::Commit,
        12 => End::Drop,
        13..=14 => End::AssertRows(c.below(8) as u64),
        _ => End::Panic,
    };
    let has_rival = c.one_in(3);
    let op = if has_rival && c.one_in(2) { op_of_all } else { op };
    let mut steps = inners_of(c, op);
    let rival = if has_rival { Some(op(c)) } else { None };
    if steps.is_empty() {
        steps.push(Inner::Savepoint);
    }
    Transact { back, isolation, idempotent, steps, rival, end }
}
