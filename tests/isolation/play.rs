//! The words that the cases are written in: reads and writes of two rows, (1, 10) and (2, 20), in one
//! table or in two.
//!
//! | word | what it does |
//! |---|---|
//! | `r(1)`, `r(1,2)`, `r(all)` | reads rows by id |
//! | `r(value=30)`, `r(value%3=0)` | reads rows by value |
//! | `w(1=11)`, `w(2+5)`, `w(all+10)` | sets the value of a row, or adds to it |
//! | `w(value=10->12)` | sets the value of the rows that have one |
//! | `w(insert,3=30)` | appends a row |
//! | `w(delete,value=20)` | deletes rows by value |
//!
//! A read in a script is followed by what it must see: `1.r(1)→10`, or `1.r(value=30)→` for nothing.

use std::sync::Arc;

use annals::error::BoxError;
use annals::testing::{Run, Scenario, Steps};
use annals::{
    Filter, Isolation, Predicate, SaveMode, Snapshot, Store, Table, Transaction, col, set, set_with,
};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};

/// Where the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In one table, and in one chunk: the unit of conflict.
    OneChunk,
    /// In one table, each in a chunk of its own.
    TwoChunks,
    /// Rows of odd ids in one table, rows of even ids in another.
    TwoTables,
}

/// How the rows are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) place: Place,
    /// Whether each chunk has a further row, without a value: then it stays when its others go.
    /// `all` are those with a value.
    pub(crate) crowded: bool,
}

const fn layout(place: Place, crowded: bool) -> Layout {
    Layout { place, crowded }
}

pub(crate) const LAYOUTS: [Layout; 6] = [
    layout(Place::OneChunk, false),
    layout(Place::OneChunk, true),
    layout(Place::TwoChunks, false),
    layout(Place::TwoChunks, true),
    layout(Place::TwoTables, false),
    layout(Place::TwoTables, true),
];

/// How rows are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The store is told which, and a serializable transaction has read no others.
    Predicate,
    /// All are read, and those in question picked out.
    Whole,
}

pub(crate) const READINGS: [Reading; 2] = [Reading::Predicate, Reading::Whole];

/// Rows as (id, value), in the order of ids.
pub(crate) type Rows = Vec<(i64, i64)>;

fn batch(rows: &[(i64, Option<i64>)]) -> RecordBatch {
    let (ids, values): (Vec<i64>, Vec<Option<i64>>) = rows.iter().copied().unzip();
    let ids: ArrayRef = Arc::new(Int64Array::from(ids));
    let values: ArrayRef = Arc::new(Int64Array::from(values));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("value", values, true)]).unwrap()
}

impl Layout {
    pub(crate) fn store(self) -> Store {
        let store = Store::in_memory();
        let save = |name: &str, rows: &[(i64, i64)]| {
            let rows = rows.iter().map(|(id, value)| (*id, Some(*value)));
            let others = self.crowded.then_some((0, None));
            let batch = batch(&rows.chain(others).collect::<Vec<_>>());
            store.write(batch).mode(SaveMode::Append).save_as_table(name).unwrap();
        };
        match self.place {
            Place::OneChunk => save("odd", &[(1, 10), (2, 20)]),
            _ => {
                save("odd", &[(1, 10)]);
                save(self.table(2), &[(2, 20)]);
            }
        }
        store
    }

    /// The table of a row.
    fn table(self, id: i64) -> &'static str {
        if self.place == Place::TwoTables && id % 2 == 0 { "even" } else { "odd" }
    }

    fn tables(self) -> &'static [&'static str] {
        if self.place == Place::TwoTables { &["odd", "even"] } else { &["odd"] }
    }

    /// What a new reader sees: `1=10 2=20`.
    pub(crate) fn end(self, snapshot: &Snapshot) -> String {
        let tables = self.tables().iter().map(|name| snapshot.table(*name).unwrap());
        let rows = rows_of(tables.map(|table| table.read().unwrap()).collect::<Vec<_>>().concat());
        rows.iter().map(|(id, value)| format!("{id}={value}")).collect::<Vec<_>>().join(" ")
    }
}

/// The rows that have a value.
fn rows_of(batches: Vec<RecordBatch>) -> Rows {
    let mut rows = Rows::new();
    for batch in batches {
        let [ids, values] = [0, 1].map(|column| batch.column(column).as_primitive::<Int64Type>());
        rows.extend(ids.iter().zip(values).filter_map(|(id, value)| Some((id?, value?))));
    }
    rows.sort_unstable();
    rows
}

/// Which rows a word is about.
enum Which {
    All,
    Ids(Vec<i64>),
    Value(i64),
    Multiples(i64),
}

impl Which {
    fn parse(text: &str) -> Self {
        let number = |text: &str| text.parse::<i64>().unwrap_or_else(|_| panic!("{text}?"));
        if text == "all" {
            Self::All
        } else if let Some(value) = text.strip_prefix("value=") {
            Self::Value(number(value))
        } else if let Some(of) = text.strip_prefix("value%").and_then(|t| t.strip_suffix("=0")) {
            Self::Multiples(number(of))
        } else {
            Self::Ids(text.split(',').map(number).collect())
        }
    }

    fn predicate(&self, layout: Layout) -> Option<Predicate> {
        match self {
            Self::All => layout.crowded.then(|| col("value").is_not_null()),
            Self::Ids(ids) => Some(col("id").is_in(ids.clone())),
            Self::Value(value) => Some(col("value").eq(*value)),
            // Values are below 100 throughout.
            Self::Multiples(of) => {
                Some(col("value").is_in((1..).map(|n| n * of).take_while(|n| *n < 100)))
            }
        }
    }

    fn has(&self, (id, value): (i64, i64)) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.contains(&id),
            Self::Value(sought) => value == *sought,
            Self::Multiples(of) => value % of == 0,
        }
    }

    /// The tables to look into: the store is not asked for rows that are known to be elsewhere.
    fn tables(&self, layout: Layout) -> Vec<&'static str> {
        let all = layout.tables().iter().copied();
        match self {
            Self::Ids(ids) => {
                all.filter(|name| ids.iter().any(|id| layout.table(*id) == *name)).collect()
            }
            _ => all.collect(),
        }
    }

    fn filter(&self, layout: Layout) -> Filter<'static> {
        self.predicate(layout).map_or_else(Filter::all, Filter::from)
    }
}

/// What a read shows, as it stands in a script: values in the order of ids.
#[derive(PartialEq, Eq)]
struct Seen(Rows);

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let values: Vec<String> = self.0.iter().map(|(_, value)| value.to_string()).collect();
        f.write_str(&values.join(","))
    }
}

fn read(table: &Table, which: &Which, layout: Layout, reading: Reading) -> Result<Rows, BoxError> {
    let scan = match (which.predicate(layout), reading) {
        (Some(predicate), Reading::Predicate) => table.scan().filter(predicate),
        _ => table.scan(),
    };
    let rows = rows_of(scan.collect()?);
    Ok(rows.into_iter().filter(|row| which.has(*row)).collect())
}

/// Does what a word says. A write shows nothing.
fn perform(
    tx: &mut Transaction,
    word: &str,
    layout: Layout,
    reading: Reading,
) -> Result<Option<Seen>, BoxError> {
    let (verb, about) = word.split_once('(').unwrap();
    let about = about.strip_suffix(')').unwrap();
    if verb == "r" {
        let which = Which::parse(about);
        let mut rows = Rows::new();
        for name in which.tables(layout) {
            rows.extend(read(&tx.table(name)?, &which, layout, reading)?);
        }
        rows.sort_unstable();
        return Ok(Some(Seen(rows)));
    }
    assert_eq!(verb, "w", "{word}");
    if let Some(row) = about.strip_prefix("insert,") {
        let (id, value) = row.split_once('=').unwrap();
        let (id, value) = (id.parse()?, value.parse()?);
        let writer = tx.write(batch(&[(id, Some(value))])).mode(SaveMode::Append);
        writer.save_as_table(layout.table(id))?;
    } else if let Some(which) = about.strip_prefix("delete,") {
        let which = Which::parse(which);
        for name in which.tables(layout) {
            tx.delete(name, which.filter(layout))?;
        }
    } else if let Some((which, value)) = about.split_once("->") {
        change(tx, &Which::parse(which), layout, || set("value", value.parse::<i64>().unwrap()))?;
    } else if let Some((which, n)) = about.split_once('+') {
        let n: i64 = n.parse()?;
        let add = || {
            set_with("value", move |rows| {
                let values = rows.column(1).as_primitive::<Int64Type>();
                Ok(Arc::new(values.unary::<_, Int64Type>(|value| value + n)))
            })
        };
        change(tx, &Which::parse(which), layout, add)?;
    } else {
        let (which, value) = about.split_once('=').unwrap();
        change(tx, &Which::parse(which), layout, || set("value", value.parse::<i64>().unwrap()))?;
    }
    Ok(None)
}

fn change(
    tx: &mut Transaction,
    which: &Which,
    layout: Layout,
    assignment: impl Fn() -> annals::Assignment<'static>,
) -> Result<(), BoxError> {
    for name in which.tables(layout) {
        tx.update(name, [assignment()], which.filter(layout))?;
    }
    Ok(())
}

/// A script with what its reads must see.
pub(crate) struct Play {
    pub(crate) script: String,
    reads: Vec<(String, String)>,
    /// The transactions with the words of each, in order of appearance.
    parts: Vec<(String, Vec<String>)>,
}

impl Play {
    /// All transactions begin first, but for those of which it is said when.
    pub(crate) fn parse(text: &str) -> Self {
        let (mut script, mut reads) = (Vec::new(), Vec::new());
        let mut parts: Vec<(String, Vec<String>)> = Vec::new();
        for word in text.split_whitespace() {
            let step = match word.split_once('→') {
                None => word,
                Some((step, seen)) => {
                    reads.push((step.to_owned(), seen.to_owned()));
                    step
                }
            };
            script.push(step.to_owned());
            let (name, word) = step.split_once('.').unwrap();
            let part = parts.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
                parts.push((name.to_owned(), Vec::new()));
                parts.len() - 1
            });
            parts[part].1.push(word.to_owned());
        }
        let late = |name: &str| script.contains(&format!("{name}.begin"));
        let begins =
            parts.iter().filter(|(name, _)| !late(name)).map(|(name, _)| format!("{name}.begin"));
        let script = begins.chain(script.iter().cloned()).collect::<Vec<_>>().join(" ");
        Self { script, reads, parts }
    }

    /// The transactions of the script, on rows laid out so.
    pub(crate) fn scenario(
        &self,
        layout: Layout,
        reading: Reading,
        level: Isolation,
    ) -> Scenario<'static> {
        let scenario = Scenario::on(&layout.store()).isolation(level);
        self.parts.iter().fold(scenario, |scenario, (name, words)| {
            let mut steps = Steps::new(());
            for (index, word) in words.iter().enumerate() {
                // Of a word that is said twice there is one step.
                if word.contains('(') && !words[..index].contains(word) {
                    let said = word.clone();
                    let work = move |tx: &mut Transaction, (): &mut ()| {
                        perform(tx, &said, layout, reading).map(Shown)
                    };
                    steps = steps.step(word, work);
                }
            }
            scenario.transaction(name, steps)
        })
    }

    /// How many transactions there are.
    pub(crate) fn transactions(&self) -> usize {
        self.parts.len()
    }

    /// Each read saw what the script says.
    #[track_caller]
    pub(crate) fn reads_hold(&self, run: &Run) {
        let reads = run.taken().iter().filter(|taken| taken.step.contains(".r("));
        let seen: Vec<_> = reads.map(|taken| (taken.step.clone(), taken.told.clone())).collect();
        assert_eq!(seen, self.reads, "in\n{run}");
    }
}

/// A read's rows, or nothing at all.
struct Shown(Option<Seen>);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_ref().map_or(Ok(()), |seen| seen.fmt(f))
    }
}
