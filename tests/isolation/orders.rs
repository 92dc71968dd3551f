//! The transactions of the cases in all orders that make a difference, and not in the order that makes
//! the case alone.
//!
//! Serializable ones must come to what they come to one after the other, in the order of their
//! commits, with every read seeing the same. Under snapshot isolation those whose reads and writes
//! cross come to what no serial order gives, and no others do.

use std::cell::RefCell;
use std::collections::HashMap;

use annals::Isolation;
use annals::error::BoxError;
use annals::testing::{Checked, Outcome, Run, Scenario};

use crate::play::{LAYOUTS, Layout, Place, Play, READINGS, Reading};
use crate::unblocked;

/// The transactions of one case, and what becomes of them in some order.
struct Cast {
    steps: &'static str,
    /// Whether one is refused where they are serializable.
    contended: bool,
    /// Whether snapshot isolation lets them come to what no serial order gives.
    skewed: bool,
}

const fn cast(steps: &'static str, contended: bool, skewed: bool) -> Cast {
    Cast { steps, contended, skewed }
}

const CASTS: [Cast; 15] = [
    cast("1.w(1=11) 1.w(2=21) 2.w(1=12) 2.w(2=22)", true, false),
    cast("1.w(1=101) 2.r(all)", false, false),
    cast("1.w(1=101) 1.w(1=11) 2.r(1)", false, false),
    // Nobody sees the other's write, so each must have come before the other.
    cast("1.w(1=11) 1.r(2) 2.w(2=22) 2.r(1)", true, true),
    cast("1.w(1=11) 1.w(2=19) 2.w(1=12) 2.w(2=18) 3.r(1) 3.r(2)", true, false),
    cast("1.r(value=30) 1.r(value%3=0) 2.w(insert,3=30)", false, false),
    cast("1.w(all+10) 2.w(delete,value=20)", true, false),
    cast("1.r(1) 1.w(1=11) 2.r(1) 2.w(1=11)", true, false),
    cast("1.r(1) 1.r(2) 2.r(1) 2.r(2) 2.w(1=12) 2.w(2=18)", false, false),
    cast("1.r(1) 1.w(delete,value=20) 2.r(all) 2.w(1=12) 2.w(2=18)", true, false),
    cast("1.r(1,2) 1.w(1=11) 2.r(1,2) 2.w(2=21)", true, true),
    cast("1.r(value%3=0) 1.w(insert,3=30) 2.r(value%3=0) 2.w(insert,4=42)", true, true),
    cast("1.r(value%3=0) 1.w(insert,3=30) 2.r(value%5=0) 2.w(insert,4=60)", true, true),
    cast("1.r(all) 1.w(1=0) 2.w(2+5) 3.r(all)", true, true),
    cast("1.r(value=20) 1.w(delete,value=10) 2.r(value=10) 2.w(delete,value=20)", true, true),
];

/// The transactions one after the other, in whatever order. Each is run once.
struct Serial {
    scenario: Scenario<'static>,
    layout: Layout,
    known: RefCell<HashMap<String, Run>>,
}

impl Serial {
    /// Whether the transactions of these names come to what they came to in `run`.
    fn is_as(&self, run: &Run, names: &[&str]) -> bool {
        let steps_of = |name: &&str| {
            let prefix = format!("{name}.");
            let steps = run.taken().iter().map(|taken| taken.step.clone());
            steps.filter(move |step| step.starts_with(&prefix)).collect::<Vec<_>>()
        };
        let script: Vec<String> = names.iter().flat_map(steps_of).collect();
        let mut known = self.known.borrow_mut();
        let replay = || self.scenario.replay(&script.join(" ")).unwrap();
        let after = known.entry(names.join(" ")).or_insert_with(replay);
        let end = |run: &Run| self.layout.end(&run.store().snapshot());
        end(run) == end(after)
            && script.iter().all(|step| !step.contains(".r(") || run.told(step) == after.told(step))
    }
}

/// All orders of some names.
fn permutations<'n>(names: &[&'n str]) -> Vec<Vec<&'n str>> {
    if names.is_empty() {
        return vec![Vec::new()];
    }
    let with_last = |last: &&'n str| {
        let others: Vec<&str> = names.iter().copied().filter(|name| name != last).collect();
        let orders = permutations(&others).into_iter();
        orders.map(|order| [order, vec![*last]].concat()).collect::<Vec<_>>()
    };
    names.iter().flat_map(with_last).collect()
}

/// Some serial order of those that were committed gives the same.
fn in_some_order(run: &Run, serial: &Serial) -> Result<(), BoxError> {
    let committed = run.outcomes().filter(|(_, outcome)| outcome.is_committed());
    let committed: Vec<&str> = committed.map(|(name, _)| name).collect();
    let mut orders = permutations(&committed).into_iter();
    match orders.any(|names| serial.is_as(run, &names)) {
        true => Ok(()),
        false => Err("no serial order gives this".into()),
    }
}

/// The order of their commits gives the same, and with those that only read, some order does: these
/// have their place before the first commit that they did not see.
fn in_order_of_commits(run: &Run, serial: &Serial) -> Result<(), BoxError> {
    let made = |(name, outcome): (_, &Outcome)| Some((outcome.version()?, name));
    let mut writers: Vec<_> = run.outcomes().filter_map(made).collect();
    writers.sort_unstable();
    let writers: Vec<&str> = writers.into_iter().map(|(_, name)| name).collect();
    match serial.is_as(run, &writers) {
        true => in_some_order(run, serial),
        false => Err("the order of commits does not give this".into()),
    }
}

fn check(
    steps: &str,
    layout: Layout,
    reading: Reading,
    level: Isolation,
    rule: fn(&Run, &Serial) -> Result<(), BoxError>,
) -> Result<Checked, String> {
    let play = Play::parse(steps);
    let scenario = || play.scenario(layout, reading, level);
    let serial = Serial { scenario: scenario(), layout, known: RefCell::default() };
    let checked = scenario().check(|run| rule(run, &serial));
    checked.map_err(|error| format!("{layout:?}, reads by {reading:?}: {error}"))
}

#[test]
fn serializable_transactions_come_to_what_they_come_to_one_after_the_other() {
    unblocked(|| {
        for Cast { steps, contended, .. } in CASTS {
            for layout in LAYOUTS {
                for reading in READINGS {
                    let level = Isolation::Serializable;
                    let checked = check(steps, layout, reading, level, in_order_of_commits);
                    let checked = checked.unwrap();
                    assert_eq!(checked.refused > 0, contended, "{steps}, {layout:?}");
                    let transactions = Play::parse(steps).transactions();
                    assert_eq!(checked.orders, if transactions == 2 { 4 } else { 36 });
                }
            }
        }
    });
}

#[test]
fn under_snapshot_isolation_write_skew_is_all_that_happens_besides() {
    unblocked(|| {
        for Cast { steps, skewed, .. } in CASTS {
            let apart = |layout: &Layout| layout.place != Place::OneChunk;
            for layout in LAYOUTS.into_iter().filter(apart) {
                for reading in READINGS {
                    let checked = check(steps, layout, reading, Isolation::Snapshot, in_some_order);
                    assert_eq!(checked.is_err(), skewed, "{steps}: {checked:?}");
                }
            }
        }
    });
}
