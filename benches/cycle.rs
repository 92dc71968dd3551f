//! How often can one core overwrite a table and read it back, against code written by hand?
//!
//! [`ByHand`] is the code to be compared with. [`Bare`] is the yardstick for the machine: the store
//! is asked for 250,000 cycles a second where `Bare` makes 337,000.

use std::hint::black_box;
use std::process::ExitCode;

use annals::TableName;
use annals_benches::stand_ins::{Bare, ByHand};
use annals_benches::stores::{Wander, few_rows, fill, keeping, names, overwrite, read};
use annals_benches::{Bench, Bound, Unit, median, undisturbed};
use arrow_array::RecordBatch;

/// Cycles per second that the store is asked for, and those of `Bare` on the core that was meant.
const ASKED: f64 = 250_000.0;
const BARE: f64 = 337_000.0;

fn main() -> ExitCode {
    let mut bench = Bench::asks("how often can one core overwrite a table and read it back?");
    let (tables, versions) = (bench.size(1_000, 10), bench.size(1_000, 10));
    let names = names(tables);
    let store = keeping(versions).build();
    fill(&store, &names);
    let by_hand = ByHand::of(&names);
    let bare = Bare::of(&names, versions);

    let mut ours = cycles(&names, |name, rows| {
        overwrite(&store, name, rows);
        read(&store, name)
    });
    let mut hand = cycles(&names, |name, rows| by_hand.overwrite_and_read(name, rows));
    let mut yard = cycles(&names, |name, rows| bare.overwrite_and_read(name, rows));
    // All versions that are to be kept are there before a round begins.
    ours(versions);
    yard(versions);
    assert!(store.versions().len() >= versions && bare.version_count() == versions);

    let [ours, hand, yard] = bench.rounds(1_501, [&mut ours, &mut hand, &mut yard]);
    bench.judge_rounds("cycles of the store against ByHand", &ours, &hand, Bound::AtMost(3.0));
    let fast = [&ours, &hand, &yard].map(|side| undisturbed(side.iter().copied()));
    bench.note(&format!(
        "in its fastest rounds the store makes {:.0}/s, Bare {:.0}/s, and the store takes {:.2}× ByHand",
        1e9 / fast[0],
        1e9 / fast[2],
        fast[0] / fast[1],
    ));
    let [made, bare] = [ours, yard].map(|side| 1e9 / median(side));
    let from = format!("Bare makes {bare:.0}/s here, {BARE:.0}/s on the core that was meant");
    let asked = ASKED * (bare / BARE).min(1.0);
    bench.judge("cycles per second", &from, made, Unit::PerSecond, Bound::AtLeast(asked));
    bench.finish()
}

/// Cycles over all tables, each with another value, which must be the one that is read.
fn cycles<'a>(
    names: &'a [TableName],
    mut cycle: impl FnMut(&TableName, RecordBatch) -> i64 + 'a,
) -> impl FnMut(usize) + 'a {
    let mut wander = Wander::over(names.len());
    let rows = [few_rows(0), few_rows(1)];
    let mut turn = 0;
    move |operations| {
        for _ in 0..operations {
            turn = 1 - turn;
            let read = cycle(&names[wander.step()], rows[turn].clone());
            assert_eq!(black_box(read), turn as i64);
        }
    }
}
