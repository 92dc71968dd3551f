//! Stores that begin where another one is.

use annals::{Origin, Retention, SaveMode, Store, StoreBuilder, TravelError, VersionId};
use annals_tests::{content_of, numbers, numbers_in, numbers_of};
use arrow_schema::{DataType, Field};

use crate::{append, column_ids, overwrite};

fn store() -> Store {
    let store = Store::in_memory();
    for n in 1..=3 {
        append(&store, "t", n);
    }
    store
}

#[test]
fn a_fork_shows_the_same_under_the_same_number() {
    let store = store();
    let fork = store.fork();
    assert_eq!(fork.version(), VersionId(3));
    assert_eq!(fork.versions(), [VersionId(3)]);
    assert_eq!(content_of(&fork.snapshot()), content_of(&store.snapshot()));
    assert_eq!(numbers_in(&fork.snapshot()), numbers_in(&store.snapshot()));
    assert_eq!(fork.snapshot().timestamp(), store.snapshot().timestamp());
    assert_eq!(fork.origin(), Some(Origin { version: VersionId(3) }));
    assert_eq!(store.origin(), None);
    assert_eq!(fork.fork().origin(), Some(Origin { version: VersionId(3) }));
    assert!(fork.snapshot().diff(&store.snapshot()).is_empty());
    // Nothing is copied.
    assert!(fork.snapshot().value().is_same(store.snapshot().value()));
}

#[test]
fn each_goes_its_own_way() {
    let store = store();
    let fork = store.fork();
    append(&store, "t", 4);
    overwrite(&fork, "t", 40);
    fork.create_database("d").unwrap();
    append(&fork, "d.t", 5);
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2, 3, 4]);
    assert_eq!(numbers_of(&fork.table("t").unwrap()), [40]);
    assert!(store.snapshot().database("d").is_err());
    // The same number says nothing of the other store.
    assert_eq!(store.at(4).unwrap().table("t").unwrap().row_count(), 4);
    assert_eq!(fork.at(4).unwrap().table("t").unwrap().row_count(), 1);
    // Tags and policies are their own.
    fork.tag("x", 4).unwrap();
    assert!(store.tags().is_empty());
    fork.set_retention(Retention { versions_max: 1, ..fork.retention() });
    assert_eq!((store.versions().len(), fork.versions().len()), (5, 2));
}

#[test]
fn a_fork_has_a_history_from_its_own_commits_on() {
    let store = store();
    let fork = store.fork();
    assert_eq!(fork.history().iter().count(), 0);
    assert_eq!(fork.snapshot().commit().unwrap().version, VersionId(3));
    append(&fork, "t", 4);
    append(&fork, "t", 5);
    let versions: Vec<u64> = fork.history().iter().map(|commit| commit.version.0).collect();
    assert_eq!(versions, [5, 4]);
    assert!(matches!(
        fork.at(2),
        Err(TravelError::Expired { asked: VersionId(2), oldest: VersionId(3) })
    ));
    // States from before are known by number only.
    assert_eq!(numbers_of(&fork.table_at_ordinal("t", 2).unwrap()), [1, 2, 3]);
    assert!(fork.table_at_ordinal("t", 1).is_err());
    assert_eq!(fork.table("t").unwrap().ordinal(), 4);
}

#[test]
fn a_fork_begins_at_any_snapshot_that_is_held() {
    let store = store();
    let old = store.at(1).unwrap();
    store.add_columns("t", [Field::new("x", DataType::Int64, true)]).unwrap();
    store.set_retention(Retention { versions_max: 1, ..store.retention() });
    let fork = store.fork_from(&old);
    fork.set_retention(Retention::default());
    assert_eq!(
        (fork.version(), fork.origin()),
        (VersionId(1), Some(Origin { version: VersionId(1) }))
    );
    assert_eq!(numbers_of(&fork.table("t").unwrap()), [1]);
    // It mints numbers of its own, which may be those of the origin.
    fork.add_columns("t", [Field::new("y", DataType::Int64, true)]).unwrap();
    assert_eq!(column_ids(&fork.table("t").unwrap()), column_ids(&store.table("t").unwrap()));
    append_two(&fork);
    let rows = annals_tests::rows_of(&fork.table("t").unwrap());
    assert_eq!(rows, ["1, null", "2, 22"]);
    // Later time travels as ever.
    assert_eq!(fork.at(1).unwrap().table("t").unwrap().row_count(), 1);
    assert!(fork.at(4).is_err());
}

fn append_two(store: &Store) {
    let rows = annals::record_batch!(("n", Int64, [2]), ("y", Int64, [22])).unwrap();
    store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
}

#[test]
fn a_fork_keeps_its_memory_when_the_origin_is_gone_and_the_origin_loses_none() {
    let store = store();
    let then = content_of(&store.snapshot());
    let fork = store.fork();
    drop(store);
    assert_eq!(content_of(&fork.snapshot()), then);
    let second = fork.fork();
    fork.drop_table("t").unwrap();
    fork.set_retention(Retention { versions_max: 1, ..fork.retention() });
    assert_eq!(content_of(&second.snapshot()), then);
}

#[test]
fn a_fork_takes_over_the_options_of_its_origin() {
    let retention = Retention { versions_max: 2, ..Retention::default() };
    let store = StoreBuilder::new().create_missing_databases(true).retention(retention).build();
    let fork = store.fork();
    append(&fork, "new.t", 1);
    for n in 2..=5 {
        append(&fork, "new.t", n);
    }
    assert_eq!(fork.versions().len(), 2);
    store.set_retention(Retention::default());
    assert_eq!(store.fork().retention(), Retention::default());
    assert_eq!(fork.retention(), retention);
}

#[test]
fn what_an_application_wrote_before_the_fork_it_has_written_in_both() {
    let store = store();
    let write = |store: &Store| {
        let writer = store.write(numbers([7])).mode(SaveMode::Append).idempotent("loader", 1);
        writer.save_as_table("t").unwrap().committed().unwrap().was_applied_before()
    };
    assert!(!write(&store));
    let fork = store.fork();
    assert!(write(&fork) && write(&store));
    assert_eq!(numbers_of(&fork.table("t").unwrap()), [1, 2, 3, 7]);
}

#[test]
fn a_fork_costs_the_same_however_much_there_is() {
    let store = store();
    for n in 0..2_000 {
        append(&store, &format!("t{n}"), n);
    }
    let forks: Vec<Store> = (0..10_000).map(|_| store.fork()).collect();
    assert!(forks.iter().all(|fork| fork.snapshot().value().is_same(store.snapshot().value())));
}
