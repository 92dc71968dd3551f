//! Each state of a table has a number of its own: it begins at 0, never goes back, and belongs to
//! the table, not to its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals::{
    PropertyPatch, ReadError, SaveMode, Store, StoreBuilder, Table, TableId, TravelError, VersionId,
};
use annals_tests::{Chance, numbers, numbers_of};
use arrow_schema::{DataType, Field};
use expect_test::expect;

use crate::{append, column_ids, overwrite};

fn at(store: &Store, name: &str, ordinal: u64) -> Vec<i64> {
    let table = store.table_at_ordinal(name, ordinal).unwrap();
    assert_eq!(table.ordinal(), ordinal);
    numbers_of(&table)
}

/// All states of the table that has this name now.
fn states(store: &Store, name: &str) -> Vec<Vec<i64>> {
    let newest = store.table(name).unwrap().ordinal();
    (0..=newest).map(|ordinal| at(store, name, ordinal)).collect()
}

fn expired(result: &Result<Table, ReadError>) -> bool {
    matches!(result, Err(ReadError::Travel(TravelError::OrdinalExpired { .. })))
}

#[test]
fn each_commit_to_a_table_is_its_next_state() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    append(&store, "other", 1);
    append(&store, "t", 2);
    overwrite(&store, "t", 3);
    store.create_database("d").unwrap();
    store.add_columns("t", [Field::new("x", DataType::Int8, true)]).unwrap();
    store.set_properties("t", &PropertyPatch::new().with("a", "b")).unwrap();
    store.truncate("t").unwrap();
    assert_eq!(states(&store, "t"), [vec![1], vec![1, 2], vec![3], vec![3], vec![3], vec![]]);
    let table = store.table_at_ordinal("t", 1).unwrap();
    assert_eq!(
        (table.version(), table.since(), table.created()),
        (VersionId(3), VersionId(3), VersionId(1))
    );
    assert_eq!(store.table_at_ordinal("T", 3).unwrap().schema().fields().len(), 2);

    let error = store.table_at_ordinal("t", 6).unwrap_err();
    expect!["the table has no state 6; its newest is 5"].assert_eq(&error.to_string());
    assert!(store.table_at_ordinal("nope", 0).is_err());
}

#[test]
fn a_transaction_makes_one_state_however_many_changes_it_makes() {
    let store = Store::in_memory();
    append(&store, "t", 0);
    let mut tx = store.begin();
    for n in 1..=3 {
        tx.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    tx.set_properties("t", &PropertyPatch::new().with("a", "b")).unwrap();
    tx.rename_table("t", "u").unwrap();
    tx.rename_table("u", "v").unwrap();
    tx.write(numbers([9])).save_as_table("new").unwrap();
    tx.write(numbers([10])).mode(SaveMode::Append).save_as_table("new").unwrap();
    tx.commit().unwrap();
    assert_eq!(states(&store, "v"), [vec![0], vec![0, 1, 2, 3]]);
    assert_eq!(states(&store, "new"), [vec![9, 10]]);

    // Also if it drops the table and puts it back.
    let mut tx = store.begin();
    tx.write(numbers([4])).mode(SaveMode::Append).save_as_table("v").unwrap();
    tx.drop_table("v").unwrap();
    tx.restore_table("v", 2).unwrap();
    tx.commit().unwrap();
    assert_eq!(states(&store, "v"), [vec![0], vec![0, 1, 2, 3], vec![0, 1, 2, 3]]);
}

#[test]
fn states_are_found_under_all_the_names_that_the_table_had() {
    let store = StoreBuilder::new().create_missing_databases(true).build();
    store.create_database("d").unwrap();
    let names = ["t", "u", "d.t", "v", "t", "w", "x", "t"];
    append(&store, names[0], 0);
    for (n, pair) in (1..).zip(names.windows(2)) {
        append(&store, pair[0], n);
        store.rename_table(pair[0], pair[1]).unwrap();
    }
    // State 2n is the n-th renaming, state 2n + 1 the append after it.
    let expected: Vec<Vec<i64>> = (0..=14).map(|state| (0..=(state + 1) / 2).collect()).collect();
    assert_eq!(states(&store, "t"), expected);
    for (ordinal, name) in [(0, "t"), (1, "t"), (2, "u"), (3, "u"), (4, "t"), (6, "v"), (9, "t")] {
        let table = store.table_at_ordinal("t", ordinal).unwrap();
        assert_eq!(table.name().table_str(), name, "{ordinal}");
    }
}

#[test]
fn an_overwrite_is_the_next_state_of_the_same_table() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    let id = store.table("t").unwrap().id();
    overwrite(&store, "t", 2);
    let other = annals_tests::people([(1, "x")]);
    store.write(other).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    assert_eq!((table.id(), table.ordinal()), (id, 2));
    assert_eq!(at(&store, "t", 0), [1]);
    assert_eq!(at(&store, "t", 1), [2]);
}

#[test]
fn a_restore_takes_the_next_number_and_leaves_the_others() {
    let store = Store::in_memory();
    for n in 1..=3 {
        append(&store, "t", n);
    }
    store.restore_table("t", 1).unwrap();
    append(&store, "t", 4);
    store.restore(2).unwrap();
    let expected = [vec![1], vec![1, 2], vec![1, 2, 3], vec![1], vec![1, 4], vec![1, 2]];
    assert_eq!(states(&store, "t"), expected);
}

#[test]
fn a_table_that_was_dropped_and_put_back_goes_on_counting() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    append(&store, "t", 2);
    let id = store.table("t").unwrap().id();
    store.drop_table("t").unwrap();
    append(&store, "other", 1);
    store.restore_table("t", 2).unwrap();
    append(&store, "t", 3);
    assert_eq!(store.table("t").unwrap().id(), id);
    assert_eq!(states(&store, "t"), [vec![1], vec![1, 2], vec![1, 2], vec![1, 2, 3]]);

    // By a restore of the whole store too, twice.
    for _ in 0..2 {
        store.drop_table("t").unwrap();
        store.restore(6).unwrap();
    }
    let table = store.table("t").unwrap();
    assert_eq!((table.id(), table.ordinal()), (id, 5));
    assert_eq!(states(&store, "t")[3..], [vec![1, 2, 3], vec![1, 2, 3], vec![1, 2, 3]]);
}

#[test]
fn a_table_that_was_dropped_and_created_anew_begins_at_zero() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    append(&store, "t", 2);
    let old = store.table("t").unwrap();
    store.drop_table("t").unwrap();
    append(&store, "t", 3);
    let new = store.table("t").unwrap();
    assert_ne!(new.id(), old.id());
    assert_eq!(states(&store, "t"), [vec![3]]);
    assert!(store.table_at_ordinal("t", 1).is_err());
    // In one commit as well.
    let mut tx = store.begin();
    tx.drop_table("t").unwrap();
    tx.write(numbers([4])).save_as_table("t").unwrap();
    tx.commit().unwrap();
    assert_eq!(states(&store, "t"), [vec![4]]);
    assert_eq!(store.table("t").unwrap().id(), TableId(2));
}

#[test]
fn after_a_swap_of_names_each_table_keeps_its_own_states() {
    let store = Store::in_memory();
    append(&store, "a", 1);
    append(&store, "b", 10);
    append(&store, "a", 2);
    let mut tx = store.begin();
    tx.rename_table("a", "aside").unwrap();
    tx.rename_table("b", "a").unwrap();
    tx.rename_table("aside", "b").unwrap();
    tx.commit().unwrap();
    append(&store, "a", 11);
    append(&store, "b", 3);
    assert_eq!(states(&store, "a"), [vec![10], vec![10], vec![10, 11]]);
    assert_eq!(states(&store, "b"), [vec![1], vec![1, 2], vec![1, 2], vec![1, 2, 3]]);
    // The names that they had then.
    assert_eq!(store.table_at_ordinal("b", 1).unwrap().name().table_str(), "a");
    assert_eq!(store.table_at_ordinal("b", 2).unwrap().name().table_str(), "b");
}

#[test]
fn states_that_are_no_longer_kept_are_said_to_have_expired() {
    let store = Store::in_memory();
    for n in 1..=10 {
        append(&store, "t", n);
        append(&store, "other", n);
        if n == 4 {
            store.tag("four", annals::At::Latest).unwrap();
        }
    }
    store.set_retention(annals::Retention { versions_max: 5, ..store.retention() });
    // Versions 16 to 20 are left, and version 8, which is tagged.
    for ordinal in 0..10 {
        let found = store.table_at_ordinal("t", ordinal);
        if [3, 7, 8, 9].contains(&ordinal) {
            let rows = i64::try_from(ordinal).unwrap() + 1;
            assert_eq!(numbers_of(&found.unwrap()), (1..=rows).collect::<Vec<i64>>());
        } else {
            assert!(expired(&found), "{ordinal}");
        }
    }
    let error = store.table_at_ordinal("t", 1).unwrap_err();
    expect!["state 1 of the table has expired"].assert_eq(&error.to_string());
}

#[test]
fn states_under_an_older_name_are_found_by_a_tag_too() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    append(&store, "t", 2);
    store.tag("as t", annals::At::Latest).unwrap();
    append(&store, "t", 3);
    store.rename_table("t", "u").unwrap();
    append(&store, "u", 4);
    store.set_retention(annals::Retention { versions_max: 1, ..store.retention() });
    // What comes after the expiry must not forget the names that are still needed.
    store.rename_table("u", "v").unwrap();
    store.rename_table("v", "w").unwrap();
    assert_eq!(at(&store, "w", 1), [1, 2]);
    assert!(expired(&store.table_at_ordinal("w", 0)));
    assert!(expired(&store.table_at_ordinal("w", 3)));
}

#[test]
fn numbers_of_columns_rows_and_chunks_never_go_back() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    append(&store, "t", 2);
    let v2 = store.version();
    store.add_columns("t", [Field::new("x", DataType::Int64, true)]).unwrap();
    let both = annals::record_batch!(("n", Int64, [3]), ("x", Int64, [33])).unwrap();
    store.write(both).mode(SaveMode::Append).save_as_table("t").unwrap();
    let with_x = store.version();

    for goes_back in ["restore", "drop and restore", "restore the store", "overwrite"] {
        let before = store.table("t").unwrap();
        let marks = before.value().high_water();
        match goes_back {
            "restore" => drop(store.restore_table("t", v2).unwrap()),
            "drop and restore" => {
                store.drop_table("t").unwrap();
                store.restore_table("t", v2).unwrap();
            }
            "restore the store" => drop(store.restore(v2).unwrap()),
            _ => overwrite(&store, "t", 5),
        }
        let after = store.table("t").unwrap().value().high_water();
        assert!(after.next_column >= marks.next_column, "{goes_back}");
        assert!(after.next_row >= marks.next_row, "{goes_back}");
        assert!(after.next_sequence >= marks.next_sequence, "{goes_back}");
        // A new column is not taken for the one that was there.
        store.add_columns("t", [Field::new("y", DataType::Int64, true)]).unwrap();
        let new = column_ids(&store.table("t").unwrap())[1];
        assert!(new >= marks.next_column.0, "{goes_back}");
        let appended = annals::record_batch!(("n", Int64, [6]), ("y", Int64, [66])).unwrap();
        store.write(appended).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    // The old state still shows its own.
    store.restore_table("t", with_x).unwrap();
    assert_eq!(annals_tests::rows_of(&store.table("t").unwrap()), ["1, null", "2, null", "3, 33"]);
}

#[test]
fn every_state_that_a_kept_version_holds_is_found_and_no_other() {
    let store = Store::in_memory();
    store.set_retention(annals::Retention { versions_max: 15, ..store.retention() });
    store.create_database("d").unwrap();
    let (names, tags) = (["a", "b", "d.a", "d.b"], ["one", "two", "three"]);
    let mut chance = Chance::new();
    for n in 0..400 {
        let (name, other) = (chance.of(&names), chance.of(&names));
        let at = VersionId(store.version().0.saturating_sub(chance.below(30) as u64));
        // Whatever of this is possible; the rest fails and changes nothing.
        match chance.below(14) {
            0..=3 => {
                let writer = store.write(numbers([n])).mode(SaveMode::Append);
                drop(writer.save_as_table(name));
            }
            4 => drop(store.write(numbers([n])).mode(SaveMode::Overwrite).save_as_table(name)),
            5..=7 => drop(store.rename_table(name, other)),
            8 => drop(store.drop_table(name)),
            9 => drop(store.restore_table(name, at)),
            10 => drop(store.restore(at)),
            11 => drop(store.tag(chance.of(&tags), at)),
            12 => drop(store.untag(chance.of(&tags))),
            _ => {
                let mut tx = store.begin();
                let _ = tx.drop_table(name);
                let _ = tx.rename_table(other, name);
                let _ = tx.restore_table(other, at);
                tx.commit().unwrap();
            }
        }
        if n % 10 > 0 {
            continue;
        }
        // What the kept versions hold, by the table's identity and the number of its state.
        let mut held = BTreeMap::new();
        for version in store.versions() {
            let snapshot = store.at(version).unwrap();
            for (_, table) in snapshot.value().catalog().tables() {
                let state = Arc::clone(table.state());
                held.insert((table.id(), table.ordinal()), state);
            }
        }
        for (name, table) in store.snapshot().value().catalog().tables() {
            for ordinal in 0..=table.ordinal() {
                let found = store.table_at_ordinal(name, ordinal);
                match held.get(&(table.id(), ordinal)) {
                    Some(state) => {
                        let found = found.unwrap_or_else(|e| panic!("{name} {ordinal}: {e}"));
                        assert_eq!((found.id(), found.ordinal()), (table.id(), ordinal));
                        assert!(Arc::ptr_eq(found.value().state(), state));
                    }
                    None => assert!(expired(&found), "{name} {ordinal}"),
                }
            }
        }
    }
}
