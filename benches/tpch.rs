//! How long do the queries of TPC-H take over tables of a store, against `DataFusion` over tables in
//! memory with the same batches?
//!
//! `--scale 0.1` chooses the scale factor, `--rounds 5` how often each query takes its turn,
//! `--only 9` one query, whose plans `--plans` prints. Planning is part of the time. Both sides plan the same parsed query, and
//! their results are compared.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use annals_benches::sql::Sides;
use annals_benches::{Bench, Bound, Unit, median};
use arrow_array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::displayable;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};
use tpchgen::q_and_a::queries;
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow,
    SupplierArrow,
};

/// What the queries are asked with: the values that the specification validates them by.
const VALUES: [&[&str]; 22] = [
    &["90"],
    &["15", "BRASS", "EUROPE"],
    &["BUILDING", "1995-03-15"],
    &["1993-07-01"],
    &["ASIA", "1994-01-01"],
    &["1994-01-01", "0.06", "24"],
    &["FRANCE", "GERMANY"],
    &["BRAZIL", "AMERICA", "ECONOMY ANODIZED STEEL"],
    &["green"],
    &["1993-10-01"],
    &["GERMANY", "0.0001"],
    &["MAIL", "SHIP", "1994-01-01"],
    &["special", "requests"],
    &["1995-09-01"],
    &["1996-01-01"],
    &["Brand#45", "MEDIUM POLISHED", "49", "14", "23", "45", "19", "3", "36", "9"],
    &["Brand#23", "MED BOX"],
    &["300"],
    &["Brand#12", "Brand#23", "Brand#34", "1", "10", "20"],
    &["forest", "1994-01-01", "CANADA"],
    &["SAUDI ARABIA"],
    &["13", "31", "23", "29", "30", "18", "17"],
];

/// How many rows of a query's result are wanted, where not all are.
const LIMITS: [(usize, usize); 5] = [(2, 100), (3, 10), (10, 20), (18, 100), (21, 100)];

fn main() -> ExitCode {
    let mut bench = Bench::asks("how long do the queries of TPC-H take, against tables in memory?");
    let scale = after("--scale").unwrap_or(if bench.is_smoke() { 0.001 } else { 0.1 });
    let rounds = if bench.is_smoke() { 1 } else { after("--rounds").unwrap_or(5.0) as usize };
    let only = after("--only").map(|query| query as usize);
    let sides = Sides::new(2);
    fill(&sides, scale);

    let mut ratios = Vec::new();
    for number in (1..=VALUES.len()).filter(|number| only.is_none_or(|only| only == *number)) {
        let query = query(number, scale);
        let (ours, theirs) = (ours(&sides, &query), theirs(&sides, &query));
        assert_eq!(shown(&ours), shown(&theirs), "query {number}");
        if std::env::args().any(|argument| argument == "--plans") {
            print_plans(&sides, &query);
        }
        let mut taken = [const { Vec::new() }; 2];
        for round in 0..rounds {
            for turn in 0..2 {
                let side = (round + turn) % 2;
                let (begin, used) = (Instant::now(), processor_time());
                match side {
                    0 => drop(black_box(self::ours(&sides, &query))),
                    _ => drop(black_box(self::theirs(&sides, &query))),
                }
                let elapsed = begin.elapsed().as_nanos() as f64;
                taken[side]
                    .push(processor_time().zip(used).map_or(elapsed, |(now, then)| now - then));
            }
        }
        let what = format!("query {number} at scale {scale}");
        bench.judge_rounds(&what, &taken[0], &taken[1], Bound::AtMost(1.15));
        ratios.push(median(taken[0].iter().zip(&taken[1]).map(|(ours, theirs)| ours / theirs)));
    }
    let mean = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64;
    let from = format!("{} queries, {rounds} rounds", ratios.len());
    bench.judge("geometric mean", &from, mean.exp(), Unit::Times, Bound::AtMost(1.0));
    bench.finish()
}

/// The nanoseconds that processors have spent on this process, if `--cpu` asks for that: on a machine
/// that others use too, they say more than the clock. In steps of 10 ms, so each query is to take
/// many of these.
fn processor_time() -> Option<f64> {
    std::env::args().find(|argument| argument == "--cpu")?;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks * 1e7)
}

/// The number that stands after an argument.
fn after(name: &str) -> Option<f64> {
    let value = std::env::args().skip_while(|argument| argument != name).nth(1)?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} {value}: write a number")))
}

fn fill(sides: &Sides, scale: f64) {
    macro_rules! table {
        ($name:literal, $arrow:ident, $generator:ident) => {
            let batches = $arrow::new($generator::new(scale, 1, 1)).with_batch_size(8_192);
            let batches: Vec<RecordBatch> =
                batches.collect::<Result<_, _>>().expect("rows are generated");
            sides.table($name, &batches);
        };
    }
    table!("customer", CustomerArrow, CustomerGenerator);
    table!("lineitem", LineItemArrow, LineItemGenerator);
    table!("nation", NationArrow, NationGenerator);
    table!("orders", OrderArrow, OrderGenerator);
    table!("part", PartArrow, PartGenerator);
    table!("partsupp", PartSuppArrow, PartSuppGenerator);
    table!("region", RegionArrow, RegionGenerator);
    table!("supplier", SupplierArrow, SupplierGenerator);
}

/// A query with its values in place.
fn query(number: usize, scale: f64) -> ast::Query {
    let place = i32::try_from(number).expect("it is small");
    let mut text = queries::query(place).expect("there are 22").to_owned();
    // From the last, for `:10` begins as `:1` does.
    for (at, value) in VALUES[number - 1].iter().enumerate().rev() {
        let value = match (number, at) {
            (11, 1) => format!("{:.10}", 0.0001 / scale),
            _ => (*value).to_owned(),
        };
        text = text.replace(&format!(":{}", at + 1), &value);
    }
    text = text.replace(" day (3)", " day").replace(":s", "0");
    // A view that is made for one query is a part of it.
    let mut parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let first = parts.next().expect("there is a query");
    text = match (first.strip_prefix("create view "), parts.next()) {
        (Some(view), Some(query)) => {
            let (name, body) = view.split_once(" as").expect("a view is of a query");
            format!("with {name} as ({body}) {query}")
        }
        _ => first.to_owned(),
    };
    if let Some((_, rows)) = LIMITS.iter().find(|(of, _)| *of == number) {
        text = format!("{text} limit {rows}");
    }
    let mut statements = DFParser::parse_sql(&text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    match statements.pop_front() {
        Some(Statement::Statement(statement)) => match *statement {
            ast::Statement::Query(query) => *query,
            other => panic!("query {number} is {other}"),
        },
        other => panic!("query {number} is {other:?}"),
    }
}

fn ours(sides: &Sides, query: &ast::Query) -> Vec<RecordBatch> {
    let run = async {
        let frame = sides.session.query(query.clone())?;
        Ok::<_, annals_sql::SqlError>(frame.collect().await?)
    };
    sides.runtime.block_on(run).unwrap_or_else(|error| panic!("{query}\n{error}"))
}

fn theirs(sides: &Sides, query: &ast::Query) -> Vec<RecordBatch> {
    let statement = ast::Statement::Query(Box::new(query.clone()));
    let run = async {
        let state = sides.plain.state();
        let statement = Statement::Statement(Box::new(statement));
        let plan = state.statement_to_plan(statement).await?;
        sides.plain.execute_logical_plan(plan).await?.collect().await
    };
    sides.runtime.block_on(run).unwrap_or_else(|error| panic!("{query}\n{error}"))
}

/// Shows how both sides run a query.
fn print_plans(sides: &Sides, query: &ast::Query) {
    let plans = async {
        let statement = Statement::Statement(Box::new(ast::Statement::Query(query.clone().into())));
        let theirs = sides.plain.state().statement_to_plan(statement).await?;
        let theirs = sides.plain.execute_logical_plan(theirs).await?;
        let ours = sides.session.query(query.clone())?;
        let plans = [ours.create_physical_plan().await?, theirs.create_physical_plan().await?];
        Ok::<_, annals_sql::SqlError>(plans)
    };
    let plans = sides.runtime.block_on(plans).unwrap_or_else(|error| panic!("{query}\n{error}"));
    for (whose, plan) in ["ours", "theirs"].iter().zip(plans) {
        println!("{whose}:\n{}", displayable(plan.as_ref()).indent(false));
    }
}

/// Rows as text, in an order of their own: queries leave that of equal ones open.
fn shown(batches: &[RecordBatch]) -> Vec<String> {
    let text = pretty_format_batches(batches).expect("these types can be printed").to_string();
    // Not the head, for columns that nobody named are called differently.
    let rows = text.lines().skip(3).filter(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>().join("|"));
    let mut rows: Vec<String> = cells.collect();
    rows.sort();
    rows
}
