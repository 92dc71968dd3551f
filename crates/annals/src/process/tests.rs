//! As if the process had been forked: `tests/fork` really does it.

use super::*;

/// As if the process had been forked once.
fn forked() -> PerProcess<u32> {
    PerProcess { process: 0, value: 1, in_child: OnceLock::new() }
}

#[test]
fn a_process_that_made_it_has_what_was_made() {
    let mut value = PerProcess::new(1);
    assert_eq!(*value.here(|_| 2), 1);
    assert_eq!(*value.last(), 1);
}

#[test]
fn a_child_makes_its_own_once_and_keeps_it() {
    let mut value = forked();
    assert_eq!(*value.here(|of| of + 1), 2);
    assert_eq!(*value.here(|_| 9), 2);
    assert_eq!(*value.last(), 2);
    assert_eq!(value.value, 1);
}

#[test]
fn a_child_of_a_child_makes_its_own_too() {
    let value = forked();
    let child = PerProcess { process: 7, value: 5, in_child: OnceLock::new() };
    value.in_child.set(Box::new(child)).expect("it is empty");
    assert_eq!(*value.here(|of| of + 1), 6);
    assert_eq!(*value.here(|_| 9), 6);
}

#[test]
fn of_threads_that_come_together_all_get_the_same() {
    let value = forked();
    let got = std::thread::scope(|scope| {
        let ask = |n| {
            let value = &value;
            scope.spawn(move || *value.here(|_| n))
        };
        let asking: Vec<_> = (10..14).map(ask).collect();
        asking.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(got.iter().all(|n| *n == got[0]), "{got:?}");
}
