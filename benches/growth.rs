//! Does a commit cost more in a store of many tables, in a table of many chunks, or after many
//! versions?
//!
//! Counted in instructions, which no other load on the machine changes. The benchmark runs itself
//! as a child under `valgrind --tool=callgrind`, which counts what happens inside one function.

use std::env;
use std::hint::black_box;
use std::process::{Command, ExitCode, Stdio};

use annals::{SaveMode, Store, TableName};
use annals_benches::stand_ins::Bare;
use annals_benches::stores::{
    Wander, chunks_of, few_rows, fill, keeping, names, one_column, overwrite, read, read_in,
};
use annals_benches::{Bench, Bound, Unit};
use arrow_array::RecordBatch;

/// What is done, how, and at which sizes, from one end to the other. Of one size nothing grows: such
/// a scenario is for comparison.
type Scenario = (&'static str, fn(usize), &'static [usize]);

const SCENARIOS: [Scenario; 4] = [
    ("overwriting a table among N and reading it back", tables, &[10, 1_000, 100_000, 1_000_000]),
    ("appending to a table of N chunks", chunks, &[10, 1_000, 100_000, 1_000_000]),
    ("overwriting a table with N versions kept", versions, &[10, 1_000, 100_000]),
    ("for comparison, overwriting and reading back in `Bare`", bare, &[1_000]),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if let [_, child, scenario, size] = arguments.as_slice()
        && child == "--child"
    {
        let number = |text: &str| text.parse::<usize>().expect("the parent writes numbers");
        SCENARIOS[number(scenario)].1(number(size));
        return ExitCode::SUCCESS;
    }

    let mut bench = Bench::asks("does a commit cost more the more there is?");
    if bench.is_smoke() {
        for (what, scenario, _) in SCENARIOS {
            print!("  {what}: works, this often: ");
            scenario(20);
        }
        return bench.finish();
    }
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("  !!!! skipped: needs valgrind");
        return bench.finish();
    }
    for (index, (what, _, sizes)) in SCENARIOS.into_iter().enumerate() {
        let counted: Vec<f64> = sizes.iter().map(|size| instructions(index, *size)).collect();
        let figures = sizes.iter().zip(&counted).map(|(n, count)| format!("N = {n}: {count:.0}"));
        let from = format!("instructions at {}", figures.collect::<Vec<_>>().join(", "));
        match counted.as_slice() {
            [first, .., last] => {
                bench.judge(what, &from, last / first, Unit::Times, Bound::AtMost(2.5));
            }
            _ => bench.note(&format!("{what}: {from}")),
        }
    }
    bench.finish()
}

/// Counts the instructions of one operation of a scenario, in a child.
fn instructions(scenario: usize, size: usize) -> f64 {
    let program = env::current_exe().expect("it runs");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*counted_by_callgrind*")
        .arg(program)
        .args(["--child", &scenario.to_string(), &size.to_string()])
        .output()
        .expect("valgrind is there");
    let said = String::from_utf8_lossy(&output.stderr);
    let operations = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let collected = collected.expect("callgrind says how much it counted").1.trim();
    let count = collected.parse::<f64>().expect("it is one number");
    assert!(count > 0.0, "the counted function was not found");
    count / operations.trim().parse::<f64>().expect("the child says how many it did")
}

/// What happens in here is counted. The name is what the parent tells callgrind.
#[inline(never)]
fn counted_by_callgrind(work: &mut dyn FnMut()) {
    work();
}

/// Does `work` until nothing is done for the first time any more, then with the count on. Prints
/// how often, for the parent to divide by.
fn counted(warm_up: usize, operations: usize, mut work: impl FnMut()) {
    (0..warm_up).for_each(|_| work());
    counted_by_callgrind(&mut || (0..operations).for_each(|_| work()));
    println!("{operations}");
}

fn tables(count: usize) {
    let store = keeping(1_000).build();
    let names = names(count);
    fill(&store, &names);
    let (rows, mut wander) = (few_rows(7), Wander::over(count));
    counted(2_000, 1_000, || {
        let name = &names[wander.step()];
        overwrite(&store, name, rows.clone());
        assert_eq!(read(&store, name), 7);
    });
}

fn chunks(count: usize) {
    let store = keeping(1_000).build();
    let rows = one_column(0..i64::try_from(count).expect("it is small"));
    let name = &names(1)[0];
    let write = store.write(rows).chunk_size(chunks_of(1));
    write.save_as_table(name).expect("the name is free");
    let row = few_rows(7).slice(0, 1);
    // Few, for the smallest table is to stay small.
    let mut appended = 0;
    counted(2, 10, || {
        append(&store, name, &row);
        appended += 1;
    });
    let table = store.table(name).expect("it was created");
    assert_eq!(table.chunk_count(), count + appended);
    assert_eq!(black_box(read_in(&store.snapshot(), name)), 0);
}

fn append(store: &Store, name: &TableName, row: &RecordBatch) {
    let write = store.write(row).mode(SaveMode::Append);
    write.save_as_table(name).expect("the rows fit");
}

fn bare(count: usize) {
    let names = names(count);
    let bare = Bare::of(&names, 1_000);
    let (rows, mut wander) = (few_rows(7), Wander::over(count));
    counted(2_000, 1_000, || {
        assert_eq!(bare.overwrite_and_read(&names[wander.step()], rows.clone()), 7);
    });
}

fn versions(count: usize) {
    let store = keeping(count).build();
    let names = names(1_000);
    fill(&store, &names);
    let (rows, mut wander) = (few_rows(7), Wander::over(names.len()));
    counted(count + 1_000, 1_000, || overwrite(&store, &names[wander.step()], rows.clone()));
    assert!(store.versions().len() >= count);
}
