//! What becomes of the lists in a child process.

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
    assert!(!lines.is_settled(4));
}
