//! Runs each scenario under many schedules: half of them any, half by PCT, which is at its best with
//! mistakes that take few switches at the right moments.
//!
//! ```text
//! ANNALS_SCHEDULES=10000000 .ci/interleave shuttle          so many over all scenarios, not 100,000
//! ANNALS_REPLAY=910102cc… .ci/interleave shuttle NAME       the one that a failure has printed
//! ```
//!
//! A schedule decides everything: the clock of the stores stands still, time is counted, and the
//! first schedules of each scenario are run twice to see that the second run comes to the same.
//! What shuttle does not show is memory weaker than sequentially consistent; loom does.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Scheduler,
    UncontrolledNondeterminismCheckScheduler,
};
use shuttle::{Config, MaxSteps, Runner};

use crate::kit::STACK;

/// How many schedules there are over all scenarios if nothing else is asked for.
const SCHEDULES: usize = 100_000;

/// How many schedules of a scenario are run twice.
const TWICE: usize = 25;

/// How many switches at the right moments PCT looks for.
const DEPTH: usize = 3;

/// A scenario takes some hundred steps; so many are a sign that it does not end.
const STEPS_MAX: usize = 200_000;

macro_rules! scenarios {
    ($($module:ident { $($name:ident,)+ })+) => {
        /// How many there are.
        const SCENARIOS: usize = [$($(stringify!($name),)+)+].len();

        $(mod $module {
            $(#[test]
            fn $name() {
                super::explore(stringify!($name), crate::$module::$name);
            })+
        })+
    };
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    // Weak memory is loom's business, and that statics are dropped is what is wanted.
    config.silence_warnings = true;
    config
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn(), begun: &Arc<AtomicUsize>) -> usize {
    let begun = Arc::clone(begun);
    Runner::new(scheduler, config()).run(move || {
        begun.fetch_add(1, Ordering::Relaxed);
        scenario();
        annals::interleaving::end();
    })
}

fn explore(name: &str, scenario: fn()) {
    let begun = Arc::default();
    if let Ok(schedule) = std::env::var("ANNALS_REPLAY") {
        println!("{name}: the given schedule alone");
        run(ReplayScheduler::new_from_encoded(schedule.trim()), scenario, &begun);
        return;
    }
    let asked = std::env::var("ANNALS_SCHEDULES").ok();
    let asked = asked.map(|count| count.parse().expect("ANNALS_SCHEDULES is a number"));
    let each = asked.unwrap_or(SCHEDULES).div_ceil(SCENARIOS * 2).max(1);
    let began = std::time::Instant::now();
    let explored = catch_unwind(AssertUnwindSafe(|| {
        let twice = RandomScheduler::new(TWICE.min(each));
        run(UncontrolledNondeterminismCheckScheduler::new(twice), scenario, &begun);
        let random = run(RandomScheduler::new(each), scenario, &begun);
        (random, run(PctScheduler::new(DEPTH, each), scenario, &begun))
    }));
    match explored {
        Ok((random, pct)) => {
            println!("{name}: {random} schedules at random, {pct} by PCT, {:?}", began.elapsed());
        }
        Err(panic) => {
            let nth = begun.load(Ordering::Relaxed);
            eprintln!("{name}: schedule {nth} fails");
            eprintln!(
                "to replay `{name}`: ANNALS_REPLAY=SCHEDULE .ci/interleave shuttle {name}, where \
                 SCHEDULE is the line of digits above, after `failing schedule`"
            );
            resume_unwind(panic);
        }
    }
}

scenarios! {
    commits {
        appends_of_two_are_all_there_in_the_order_of_their_versions,
        of_those_who_read_what_they_overwrite_the_first_wins,
        commits_to_different_tables_stand_side_by_side,
        what_is_counted_up_by_two_counts_both,
        of_two_who_create_a_table_one_does,
        an_overwrite_beside_an_append_and_a_drop_leaves_what_their_order_says,
    }
    readers {
        a_reader_sees_both_tables_of_a_commit_or_none,
        what_was_acknowledged_is_seen_from_then_on,
        a_reader_that_knows_of_a_version_by_the_pointer_is_not_told_that_an_older_is_newest,
        a_snapshot_reads_the_same_while_what_it_shows_expires,
    }
    pins {
        a_pinned_version_stays_whole_and_is_told_of_until_it_is_let_go,
        a_tagged_version_is_there_until_its_tag_goes,
        an_old_version_is_found_whole_or_has_expired,
        tags_of_two_beside_commits_are_both_kept,
        a_transaction_whose_base_has_expired_is_carried_over_all_the_same,
    }
    reclaim {
        all_that_expires_is_freed_and_nothing_else,
        a_reader_that_lets_go_frees_nothing,
        committers_that_help_leave_no_more_than_one_piece_of_work_behind,
        the_last_handle_gives_away_all_that_there_is,
        what_expires_is_freed_though_nobody_asks_for_it,
        a_fork_goes_on_with_what_its_origin_frees,
        of_two_who_wait_for_the_end_both_are_told,
    }
    watches {
        each_commit_is_seen_once_in_order_and_then_the_end,
        what_is_seen_was_published_before,
        a_watch_that_is_stopped_ends_even_if_it_sleeps,
        a_watch_that_waits_for_a_time_misses_nothing_by_it,
        what_expires_before_it_is_seen_is_told_of_as_missed,
        a_watch_that_looks_while_the_last_handle_goes_comes_to_the_end,
    }
    expiry {
        what_two_expire_beside_commits_is_told_to_one_of_them,
        of_two_policies_that_are_set_beside_commits_the_last_holds,
        bytes_of_the_past_come_to_nothing_once_it_has_expired,
    }
    outside {
        an_assertion_holds_for_the_version_that_is_published,
        an_assertion_beside_plain_commits_sees_all_that_came_before_it,
        of_twins_one_is_applied_and_both_are_told_of_it,
        rows_deleted_beside_a_compaction_are_gone_and_no_others,
        whoever_is_told_that_nothing_stands_in_the_way_is_right_until_another_commits,
    }
}

/// Two that count up as nobody should: by a read and a write.
fn counts_badly() {
    use shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
    let count = std::sync::Arc::new(AtomicU64::new(0));
    let threads = [(), ()].map(|()| {
        let count = std::sync::Arc::clone(&count);
        crate::kit::spawn(move || count.store(count.load(SeqCst) + 1, SeqCst))
    });
    crate::kit::joined(threads);
    assert_eq!(count.load(SeqCst), 2, "one was lost");
}

#[test]
#[ignore = "fails, so that another test can see how"]
fn a_scenario_that_fails() {
    explore("a_scenario_that_fails", counts_badly);
}

/// Runs the scenario that fails in a process of its own, and returns what it prints.
fn failure(replay: Option<&str>) -> String {
    let mut run = std::process::Command::new(std::env::current_exe().unwrap());
    run.args(["--ignored", "--exact", "schedules::a_scenario_that_fails"]);
    match replay {
        Some(schedule) => run.env("ANNALS_REPLAY", schedule),
        None => run.env_remove("ANNALS_REPLAY"),
    };
    let ended = run.output().unwrap();
    assert!(!ended.status.success());
    let text = [ended.stdout, ended.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("one was lost"), "{text}");
    text
}

#[test]
fn a_failure_prints_a_schedule_that_shows_it_again() {
    let text = failure(None);
    assert!(text.contains("to replay `a_scenario_that_fails`: ANNALS_REPLAY="), "{text}");
    let schedule = text.split("failing schedule:").nth(1).and_then(|rest| rest.split('"').nth(1));
    let replayed = failure(Some(schedule.expect("it is between quotes").trim()));
    assert!(replayed.contains("the given schedule alone"), "{replayed}");
}
