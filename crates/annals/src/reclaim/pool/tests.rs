//! What becomes of the lists in a child process, and how long the thread pauses.

use super::*;

fn pool_that_waits() -> Pool {
    let pool = Pool::new();
    let version = Arc::new(annals_state::Version::initial(annals_state::Timestamp(0)));
    let expired = annals_state::expired::Expired { version, bytes: 7, entries: 1 };
    let mut lines = pool.lock();
    let line = lines.line(3);
    line.retire(vec![expired], None);
    line.busy = 1;
    drop(lines);
    pool
}

#[test]
fn a_child_goes_on_with_what_waits_and_not_with_work_that_nobody_does() {
    let parents = pool_that_waits();
    let childs = parents.in_a_child();
    assert!(parents.lock().lines.is_empty());
    let mut lines = childs.lock();
    assert!(lines.has_no_thread());
    let line = lines.known_line(3).unwrap();
    assert_eq!((line.busy, line.unheld(), line.unheld_bytes), (0, 1, 7));
}

#[test]
fn a_child_does_not_wait_for_a_lock_that_nobody_gives_back() {
    let parents = pool_that_waits();
    let locked = parents.lock();
    let childs = parents.in_a_child();
    assert!(childs.lock().lines.is_empty());
    drop(locked);
    assert_eq!(parents.lock().line(3).unheld(), 1);
}

#[test]
fn of_other_stores_only_those_that_are_gone_have_to_be_settled() {
    let pool = pool_that_waits();
    let mut lines = pool.lock();
    assert!(!lines.is_settled(3) && lines.is_settled(4));
    lines.line(3).close(Arc::new(crate::published::Head::nothing()));
    lines.line(3).orphan();
    assert!(!lines.is_settled(4));
}

#[test]
fn who_comes_second_in_a_child_uses_the_lists_of_the_first() {
    // The lists that this process has are not these: others have put theirs in the place already.
    let late = Arc::new(pool_that_waits());
    assert!(Arc::ptr_eq(&after_fork(late), &current()));
}

#[test]
fn the_thread_sleeps_only_where_nobody_holds_what_it_must_look_at_again() {
    let pool = Pool::new();
    assert!(pool.lock().may_sleep(PAUSE_MAX) && pool.lock().may_sleep(IDLE_MAX));
    assert!(!pool.lock().may_sleep(PAUSE_MIN), "there may be more in a moment");
    let pool = pool_that_waits();
    assert!(!pool.lock().may_sleep(PAUSE_MAX) && !pool.lock().may_sleep(PAUSE_MIN));
}

#[test]
fn pauses_grow_to_the_longest() {
    let pauses = std::iter::successors(Some(PAUSE_MIN), |pause| Some(longer(*pause)));
    let pauses: Vec<Duration> = pauses.take(10).collect();
    assert!(pauses.is_sorted_by(|a, b| a < b || *b == PAUSE_MAX), "{pauses:?}");
    assert_eq!(pauses.last(), Some(&PAUSE_MAX));
}
