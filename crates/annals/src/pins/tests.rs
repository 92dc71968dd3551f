//! Pins of versions that have expired, which somebody else than the timeline keeps.

use annals_state::save_mode::SaveMode;
use annals_state::timeline::Retention;
use arrow_array::record_batch;

use super::*;

/// A store that overwrites a table by `rows` rows of 8 bytes for each version.
fn overwritten(store: &Store, rows: usize) {
    let mut batch = record_batch!(("n", Int64, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).unwrap();
    batch = batch.slice(0, rows);
    store.write(batch).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
}

fn keep(versions_max: usize) -> Retention {
    Retention { versions_max, ..Retention::UNBOUNDED }
}

/// Version, holders, whether it is retained, bytes.
fn told(pins: &Pins) -> Vec<(u64, usize, bool, u64)> {
    pins.iter().map(|pin| (pin.version.0, pin.holders, pin.retained, pin.bytes)).collect()
}

#[test]
fn an_expired_version_that_is_held_holds_what_no_version_has_that_can_be_reached() {
    let store = Store::builder().retention(Retention::UNBOUNDED).build();
    for rows in 1..=5 {
        overwritten(&store, rows);
    }
    let third = store.pin_at(3, "report").unwrap();
    let [second, fourth] = [2, 4].map(|version| store.at(version).unwrap());
    store.tag("kept", 2).unwrap();
    store.expire(&keep(1));
    // Version 2 is tagged, so it is retained.
    let pins = store.pins();
    assert_eq!(told(&pins), [(2, 1, true, 0), (3, 1, false, 24), (4, 1, false, 32)]);
    assert_eq!(&*pins[1].labels[0].label, "report");
    let since = pins[1].superseded.map(|at| at.0);
    assert_eq!(since, Some(fourth.timestamp().0));
    drop((second, third));
    assert_eq!(told(&store.pins()), [(4, 1, false, 32)]);
}

#[test]
fn bytes_that_a_tagged_or_a_restored_version_has_are_not_held_by_pins() {
    let store = Store::builder().retention(Retention::UNBOUNDED).build();
    overwritten(&store, 1);
    overwritten(&store, 2);
    overwritten(&store, 3);
    store.restore_table("t", 1).unwrap();
    store.tag("kept", 3).unwrap();
    let _held = [1, 2, 3].map(|version| store.at(version).unwrap());
    store.expire(&keep(1));
    assert_eq!(told(&store.pins()), [(1, 1, false, 0), (2, 1, false, 16), (3, 1, true, 0)]);
}

#[test]
fn rows_that_only_a_tagged_version_has_beside_a_pinned_one_are_not_held_by_the_pin() {
    let store = Store::builder().retention(Retention::UNBOUNDED).build();
    overwritten(&store, 10);
    let one = record_batch!(("n", Int64, [1])).unwrap();
    store.write(one).save_as_table("u").unwrap();
    store.drop_table("t").unwrap();
    store.tag("kept", 1).unwrap();
    let held = store.at(2).unwrap();
    store.expire(&keep(1));
    assert_eq!(told(&store.pins()), [(2, 1, false, 0)]);
    drop(held);
    assert_eq!(told(&store.pins()), []);
}

#[test]
fn what_expires_between_two_looks_is_not_held_for_that() {
    let version = Arc::new(annals_state::Version::initial(annals_state::Timestamp(0)));
    let timeline = annals_state::timeline::Timeline::starting_at(Arc::clone(&version));
    // The head's is `version`; the reclaim list has it too by now.
    let _listed = Arc::clone(&version);
    let expired = [Arc::clone(&version)];
    let pins = || Pins::of(&timeline, &expired, &std::collections::BTreeMap::new());
    assert_eq!(pins().0, []);
    let _reader = Arc::clone(&version);
    assert_eq!(pins().0.iter().map(|pin| pin.holders).collect::<Vec<_>>(), [1]);
}
