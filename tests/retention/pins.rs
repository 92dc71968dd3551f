//! Who holds what, and since when.

use std::time::Duration;

use annals::{Pin, Pins, Retention, Store, Timestamp};
use annals_tests::{rows_in, rows_of};

use crate::{Hand, append, keep, overwrite, unbounded};

/// Of each pin: version, holders, whether it is retained.
fn told(pins: &Pins) -> Vec<(u64, usize, bool)> {
    pins.iter().map(|pin| (pin.version.0, pin.holders, pin.retained)).collect()
}

#[test]
fn holders_are_counted_without_having_registered() {
    let store = unbounded();
    assert_eq!(told(&store.pins()), []);
    let first = store.snapshot();
    append(&store, "t", 1);
    let (one, two) = (store.snapshot(), store.snapshot());
    assert_eq!(told(&store.pins()), [(0, 1, true), (1, 2, true)]);
    let clone = one.clone();
    let table = two.table("t").unwrap();
    assert_eq!(told(&store.pins()), [(0, 1, true), (1, 4, true)]);
    drop((first, one, two));
    assert_eq!(told(&store.pins()), [(1, 2, true)]);
    drop(clone);
    assert_eq!(rows_of(&table), ["1"]);
    drop(table);
    let tx = store.begin();
    assert_eq!(told(&store.pins()), [(1, 2, true)]);
    drop(tx);
    let mut reader = store.reader();
    append(&store, "t", 2);
    assert_eq!(told(&store.pins()), [(1, 1, true)]);
    reader.latest();
    assert_eq!(told(&store.pins()), [(2, 1, true)]);
    drop(reader);
    let fork = store.fork();
    assert_eq!(told(&store.pins()), [], "a fork has a version of its own");
    drop(fork);
    assert_eq!(told(&store.pins()), []);
}

#[test]
fn the_store_itself_is_no_holder_whatever_it_does() {
    // Enough versions that the timeline regroups, expires, keeps and loses tagged ones.
    let store = Store::builder().retention(keep(20)).build();
    for n in 0..100 {
        append(&store, "t", n);
        if n % 7 == 0 {
            store.tag(&n.to_string(), store.version()).unwrap();
        }
        if n % 21 == 20 {
            store.untag(&(n - 6).to_string()).unwrap();
        }
        if n % 10 == 0 {
            store.expire(&keep(3));
        }
        // While a large version is freed, the one after it is held for a moment.
        assert!(store.settle(Duration::from_secs(60)));
        assert_eq!(told(&store.pins()), [], "after {n}");
    }
    assert!(store.versions().len() > 20);
}

#[test]
fn since_when_a_held_version_is_superseded_is_told() {
    let hand = Hand::at(1);
    let store = hand.store(Retention::UNBOUNDED);
    append(&store, "t", 1);
    let held = store.snapshot();
    let superseded = |store: &Store| store.pins()[0].superseded;
    assert_eq!(superseded(&store), None);
    hand.set(5);
    append(&store, "t", 2);
    hand.set(9);
    append(&store, "t", 3);
    assert_eq!(superseded(&store), Some(Timestamp(5_000_000)));
    assert_eq!(store.pins().oldest().map(|pin| pin.version), Some(held.version()));
}

#[test]
fn a_version_that_is_retained_holds_no_byte_by_being_held() {
    let store = unbounded();
    overwrite(&store, "t", 10);
    let held = store.snapshot();
    overwrite(&store, "t", 20);
    assert_eq!(store.pins()[0].bytes, 0);
    drop(held);
}

#[test]
fn a_pin_says_who_where_when_and_on_which_thread() {
    let hand = Hand::at(3);
    let store = hand.store(Retention::UNBOUNDED);
    append(&store, "t", 1);
    let here = std::panic::Location::caller().line();
    let one = store.pin("report");
    let named = std::thread::Builder::new().name("exporter".to_owned());
    let other = store.clone();
    let two = named.spawn(move || other.pin_at(0, "export")).unwrap().join().unwrap().unwrap();
    assert_eq!((one.version().0, two.version().0), (1, 0));
    assert_eq!(one.table("t").unwrap().row_count(), 1);
    let pins = store.pins();
    let labels: Vec<_> = pins.iter().map(|pin: &Pin| pin.labels.clone()).collect();
    let [export, report] = labels.as_slice() else { panic!("{labels:?}") };
    assert_eq!((&*export[0].label, export[0].thread.as_deref()), ("export", Some("exporter")));
    assert_eq!((&*report[0].label, report[0].since), ("report", Timestamp(3_000_000)));
    assert!(report[0].location.file.ends_with("pins.rs"));
    assert_eq!(report[0].location.line, here + 1);
    assert!(store.pin_at(9, "no such").is_err());
    // A plain clone of what was pinned is a holder without a name.
    let plain = (*one).clone();
    drop((one, two));
    let pins = store.pins();
    assert_eq!(told(&pins), [(1, 1, true)]);
    assert_eq!(pins[0].labels, []);
    drop(plain);
    assert_eq!(told(&store.pins()), []);
}

#[test]
fn a_pin_outlives_its_store() {
    let store = unbounded();
    append(&store, "t", 1);
    let pinned = store.pin("last");
    drop(store);
    assert_eq!(rows_of(&pinned.table("t").unwrap()), ["1"]);
}

#[test]
fn pins_are_a_table() {
    let hand = Hand::at(0);
    let store = hand.store(Retention::UNBOUNDED);
    let _first = store.pin("one");
    let _again = store.pin("two");
    hand.set(1);
    append(&store, "t", 1);
    let _newest = store.snapshot();
    let batch = store.pins().to_batch();
    assert_eq!(batch.schema(), Pins::schema());
    let rows = rows_in(&[batch]);
    let start = "0, 1970-01-01T00:00:00Z, 1970-01-01T00:00:01Z, true, 2, 0, one (";
    assert!(rows[0].starts_with(start) && rows[0].contains("; two ("), "{}", rows[0]);
    assert_eq!(rows[1], "1, 1970-01-01T00:00:01Z, null, true, 1, 0, null");
}
