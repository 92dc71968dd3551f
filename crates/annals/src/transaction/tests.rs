//! What a commit asks the section to do, and what a transaction's changes leave behind.

use std::panic::Location;

use annals_state::name::ToTableName as _;
use arrow_array::record_batch;

use crate::committer::is_compacted_under;
use crate::{Filter, Retention, SaveMode, Store, StoreBuilder};

fn append(store: &Store) {
    let rows = record_batch!(("n", Int64, [1, 2])).unwrap();
    store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
}

/// Whether a transaction that deletes rows would have to look for them, after what others do.
fn looks_for_rows(others: impl FnOnce(&Store)) -> bool {
    let store = Store::in_memory();
    append(&store);
    append(&store);
    let mut tx = store.begin();
    tx.delete("t", Filter::all()).unwrap();
    others(&store);
    let head = store.shared().published.head();
    tx.request(Location::caller(), |request| is_compacted_under(&head, request))
}

#[test]
fn rows_are_looked_for_only_after_a_compaction() {
    // Where they are not, the commit is made in one go and cannot be overtaken again and again.
    assert!(!looks_for_rows(|_| ()));
    assert!(!looks_for_rows(append));
    assert!(looks_for_rows(|store| drop(store.compact("t").unwrap())));
}

#[test]
fn names_that_nobody_can_ask_for_are_forgotten() {
    let retention = Retention { versions_max: 2, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).build();
    append(&store);
    for _ in 0..20 {
        store.rename_table("t", "u").unwrap();
        store.rename_table("u", "t").unwrap();
        store.drop_table("t").unwrap();
        store.restore_table("t", store.version().0 - 1).unwrap();
        let head = store.shared().published.head();
        let table = head.version.catalog().table(&"t".to_table_name().unwrap()).unwrap().clone();
        assert!(table.lives().len() <= 4, "{:?}", table.lives());
    }
}
