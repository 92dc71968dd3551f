//! What a serializable transaction read must still be so when it commits; and what snapshot
//! isolation lets pass.

use annals::{Isolation, SaveMode, Store, StoreBuilder, Transaction, col};
use annals_tests::numbers_of;
use arrow_schema::{DataType, Field};

use crate::{append, delete, low, overwrite, property, read, rows, rows_with, store};

/// Whether a transaction that read this, and then wrote elsewhere, stands beside `theirs`.
fn stands(isolation: Isolation, reads: fn(&Transaction), theirs: fn(&Store)) -> bool {
    let store = store();
    let mut tx = store.begin();
    tx.isolation(isolation);
    reads(&tx);
    tx.write(rows([1])).save_as_table("default.mine").unwrap();
    theirs(&store);
    let (asked, before) = (tx.would_conflict().is_ok(), crate::state_of(&store));
    let told = tx.commit();
    assert_eq!(asked, told.is_ok());
    if let Err(error) = &told {
        // What was only read can be done without: begun again, the transaction sees it gone.
        assert!(error.conflict().unwrap().is_retryable(), "{error}");
        assert_eq!(crate::state_of(&store), before);
    }
    told.is_ok()
}

#[test]
fn what_was_read_must_still_be_so() {
    let append_low: fn(&Store) = |store| append(store, "d.t", rows([20]));
    let append_high: fn(&Store) = |store| append(store, "d.t", rows([2000]));
    let delete_low: fn(&Store) = |store| delete(store, "d.t", col("n").eq(2_i64));
    let delete_high: fn(&Store) = |store| delete(store, "d.t", col("n").eq(102_i64));
    let replace: fn(&Store) = |store| overwrite(store, "d.t", rows([9]));
    let add_column: fn(&Store) = |store| {
        store.add_columns("d.t", [Field::new("x", DataType::Utf8, true)]).unwrap();
    };
    let rename_column: fn(&Store) =
        |store| drop(store.rename_column("d.t", "note", "text").unwrap());
    let restore: fn(&Store) = |store| drop(store.restore_table("d.t", 2).unwrap());
    let set_property: fn(&Store) =
        |store| drop(store.set_properties("d.t", &property("key", "theirs")).unwrap());
    let drop_table: fn(&Store) = |store| drop(store.drop_table("d.t").unwrap());
    let rename: fn(&Store) = |store| drop(store.rename_table("d.t", "d.u").unwrap());
    let recreate: fn(&Store) = |store| {
        store.drop_table("d.t").unwrap();
        store.write(rows([1, 2, 3])).save_as_table("d.t").unwrap();
    };
    let create: fn(&Store) = |store| drop(store.write(rows([4])).save_as_table("d.new").unwrap());
    let elsewhere: fn(&Store) = |store| append(store, "d.other", rows([4]));
    let create_elsewhere: fn(&Store) =
        |store| drop(store.write(rows([4])).save_as_table("default.theirs").unwrap());
    let create_database: fn(&Store) = |store| drop(store.create_database("new").unwrap());

    let rows_all: fn(&Transaction) = read;
    let rows_low: fn(&Transaction) = |tx| {
        tx.table("d.t").unwrap().scan().filter(low()).collect().unwrap();
    };
    let rows_low_and_high: fn(&Transaction) = |tx| {
        let table = tx.table("d.t").unwrap();
        table.scan().filter(low()).count().unwrap();
        table.scan().filter(col("n").gt(1000_i64)).count().unwrap();
    };
    let count: fn(&Transaction) = |tx| assert_eq!(tx.table("d.t").unwrap().row_count(), 6);
    let scan_count: fn(&Transaction) = |tx| {
        assert_eq!(tx.table("d.t").unwrap().scan().count().unwrap(), 6);
    };
    let bytes: fn(&Transaction) = |tx| assert!(tx.table("d.t").unwrap().byte_count() > 0);
    let summary: fn(&Transaction) =
        |tx| drop(tx.table("d.t").unwrap().column_summary("n").unwrap());
    let schema: fn(&Transaction) = |tx| {
        assert_eq!(tx.table("d.t").unwrap().schema().fields().len(), 3);
    };
    let presence: fn(&Transaction) = |tx| assert!(tx.table_exists("d.t").unwrap());
    let absence: fn(&Transaction) = |tx| assert!(!tx.table_exists("d.new").unwrap());
    let absence_by_error: fn(&Transaction) = |tx| drop(tx.table("d.new").unwrap_err());
    let listing: fn(&Transaction) = |tx| assert_eq!(tx.tables("d").unwrap().len(), 2);
    let listing_fails: fn(&Transaction) = |tx| drop(tx.tables("new").unwrap_err());
    let databases: fn(&Transaction) = |tx| assert_eq!(tx.databases().len(), 2);
    let nothing: fn(&Transaction) = |_| {};

    // What it is called, what is read, what goes with that, what does not.
    type Theirs = Vec<fn(&Store)>;
    type Case = (&'static str, fn(&Transaction), Theirs, Theirs);
    let cases: [Case; 16] = [
        (
            "all rows",
            rows_all,
            vec![set_property, create, elsewhere, create_database],
            vec![
                append_low,
                append_high,
                delete_low,
                delete_high,
                replace,
                add_column,
                rename_column,
                restore,
                drop_table,
                rename,
                recreate,
            ],
        ),
        (
            "rows that match",
            rows_low,
            vec![append_high, delete_high, set_property, create, elsewhere],
            vec![
                append_low,
                delete_low,
                replace,
                add_column,
                rename_column,
                restore,
                drop_table,
                rename,
                recreate,
            ],
        ),
        (
            "rows that match one of two",
            rows_low_and_high,
            vec![delete_high, create, elsewhere],
            vec![append_low, append_high, delete_low, replace, restore],
        ),
        ("the count", count, vec![elsewhere], vec![append_low, append_high, delete_high, replace]),
        ("a scan's count", scan_count, vec![elsewhere], vec![append_low, append_high, delete_high]),
        ("the bytes", bytes, vec![elsewhere], vec![append_low, append_high, replace]),
        ("a summary", summary, vec![elsewhere], vec![append_low, append_high, delete_high]),
        (
            "the schema",
            schema,
            vec![append_low, delete_low, set_property, replace, elsewhere],
            vec![add_column, rename_column, restore, drop_table, rename, recreate],
        ),
        (
            "presence",
            presence,
            vec![append_low, delete_low, replace, elsewhere],
            vec![drop_table, rename, recreate],
        ),
        ("absence", absence, vec![append_low, drop_table, create_elsewhere], vec![create]),
        ("absence, by an error", absence_by_error, vec![append_low, elsewhere], vec![create]),
        (
            "a listing",
            listing,
            vec![append_low, add_column, replace, create_elsewhere, create_database],
            vec![create, drop_table, rename, recreate],
        ),
        ("no such database", listing_fails, vec![create, elsewhere], vec![create_database]),
        ("the databases", databases, vec![create, drop_table, elsewhere], vec![create_database]),
        (
            "nothing",
            nothing,
            vec![append_low, replace, rename_column, drop_table, create, create_database],
            vec![],
        ),
        (
            "a predicate on another table",
            |tx| {
                let table = tx.table("d.other").unwrap();
                table.scan().filter(col("n").lt(50_i64)).count().unwrap();
            },
            vec![append_low, delete_low, drop_table],
            vec![elsewhere],
        ),
    ];
    let mut wrong = Vec::new();
    for (name, reads, goes, does_not) in cases {
        for (index, theirs) in goes.iter().enumerate() {
            if !stands(Isolation::Serializable, reads, *theirs) {
                wrong.push(format!("{name}: no. {index} of what goes with it was refused"));
            }
        }
        for (index, theirs) in does_not.iter().enumerate() {
            if stands(Isolation::Serializable, reads, *theirs) {
                wrong.push(format!("{name}: no. {index} of what does not go with it passed"));
            }
        }
        // Under snapshot isolation, what was only read may change.
        for theirs in goes.iter().chain(&does_not) {
            assert!(stands(Isolation::Snapshot, reads, *theirs), "{name}");
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_transaction_that_only_read_never_conflicts() {
    for isolation in [Isolation::Snapshot, Isolation::Serializable] {
        let store = store();
        let mut tx = store.begin();
        tx.isolation(isolation);
        read(&tx);
        assert_eq!(tx.databases().len(), 2);
        assert!(!tx.table_exists("d.new").unwrap());
        store.drop_database_cascade("d").unwrap();
        store.create_database("new").unwrap();
        // Still the same answers, and no conflict.
        assert_eq!(tx.table("d.t").unwrap().row_count(), 6);
        tx.would_conflict().unwrap();
        let newest = store.version();
        let committed = tx.commit().unwrap();
        assert!(!committed.made_version() && committed.commit().is_none());
        assert_eq!(store.version(), newest);
    }
}

/// Two people on call, each of whom may leave as long as the other stays.
fn on_call(store: &Store) {
    store.write(rows([1])).save_as_table("default.first").unwrap();
    store.write(rows([2])).save_as_table("default.second").unwrap();
}

fn leave(tx: &mut Transaction, mine: &str, other: &str) {
    assert_eq!(tx.table(other).unwrap().row_count(), 1);
    tx.write(rows([])).mode(SaveMode::Overwrite).save_as_table(mine).unwrap();
}

#[test]
fn write_skew_passes_under_snapshot_isolation_and_not_under_serializable() {
    for (isolation, both) in [(Isolation::Snapshot, true), (Isolation::Serializable, false)] {
        let store = StoreBuilder::new().isolation(isolation).build();
        on_call(&store);
        let (mut one, mut two) = (store.begin(), store.begin());
        leave(&mut one, "first", "second");
        leave(&mut two, "second", "first");
        one.commit().unwrap();
        assert_eq!(two.commit().is_ok(), both);
        let left = store.table("second").unwrap().row_count();
        assert_eq!(left, u64::from(!both));
    }
}

#[test]
fn predicates_that_cross_pass_under_snapshot_isolation_and_not_under_serializable() {
    // Each counts the rows that the other one adds.
    for (isolation, both) in [(Isolation::Snapshot, true), (Isolation::Serializable, false)] {
        let store = store();
        let (mut one, mut two) = (store.begin(), store.begin());
        for (tx, counted, added) in [(&mut one, 1000, 2000), (&mut two, 2000, 1000)] {
            tx.isolation(isolation);
            let counted = col("n").eq(counted);
            assert_eq!(tx.table("d.t").unwrap().scan().filter(counted).count().unwrap(), 0);
            tx.write(rows([added])).mode(SaveMode::Append).save_as_table("d.t").unwrap();
        }
        one.commit().unwrap();
        assert_eq!(two.commit().is_ok(), both);
    }
}

#[test]
fn an_append_after_a_read_goes_with_appends_unless_serializable() {
    for (isolation, both) in [(Isolation::Snapshot, true), (Isolation::Serializable, false)] {
        let store = store();
        let mut tx = store.begin();
        tx.isolation(isolation);
        read(&tx);
        tx.write(rows([7])).mode(SaveMode::Append).save_as_table("d.t").unwrap();
        append(&store, "d.t", rows([20]));
        assert_eq!(tx.commit().is_ok(), both);
    }
}

#[test]
fn the_level_is_the_transactions_own_and_is_recorded() {
    let store = StoreBuilder::new().isolation(Isolation::Serializable).build();
    on_call(&store);
    let newest = || store.snapshot().commit().unwrap().isolation;
    assert_eq!(newest(), Isolation::Serializable);
    let mut tx = store.begin();
    tx.isolation(Isolation::Snapshot);
    leave(&mut tx, "first", "second");
    append(&store, "second", rows([3]));
    tx.commit().unwrap();
    assert_eq!(newest(), Isolation::Snapshot);
}

#[test]
fn own_writes_that_were_read_back_do_no_harm() {
    let store = store();
    let mut tx = store.begin();
    tx.isolation(Isolation::Serializable);
    tx.write(rows([1])).save_as_table("default.mine").unwrap();
    tx.write(rows([2])).mode(SaveMode::Append).save_as_table("default.mine").unwrap();
    assert_eq!(numbers_of(&tx.table("default.mine").unwrap()), [1, 2]);
    append(&store, "d.t", rows([20]));
    tx.commit().unwrap();
}

#[test]
fn what_a_predicate_reads_through_new_columns_counts_as_read() {
    // A null test is true of every row of a chunk that was written without the column.
    let store = store();
    store.add_columns("d.t", [Field::new("x", DataType::Utf8, true)]).unwrap();
    for (theirs, stands) in [(rows([1]), false), (rows_with("x", [2]), true)] {
        let mut tx = store.begin();
        tx.isolation(Isolation::Serializable);
        let empty = col("x").is_null();
        tx.table("d.t").unwrap().scan().filter(empty).collect().unwrap();
        tx.write(rows([1])).mode(SaveMode::Append).save_as_table("d.other").unwrap();
        let writer = store.write(theirs).mode(SaveMode::Append);
        writer.missing(annals::Missing::FillNull).save_as_table("d.t").unwrap();
        assert_eq!(tx.commit().is_ok(), stands);
    }
}

#[test]
fn what_was_read_under_a_name_of_the_draft_stays_read_when_the_draft_is_rolled_back() {
    // The rows were those of `d.t`, whatever the draft called it.
    let store = store();
    let mut tx = store.begin();
    tx.isolation(Isolation::Serializable);
    let before = tx.savepoint();
    tx.rename_table("d.t", "d.renamed").unwrap();
    let seen = numbers_of(&tx.table("d.renamed").unwrap());
    tx.rollback_to(&before).unwrap();
    tx.write(rows(seen)).save_as_table("default.copy").unwrap();

    append(&store, "d.t", rows([20]));
    assert!(tx.commit().is_err(), "the copy lacks a row that was there before it");
}

#[test]
fn what_a_mode_found_out_counts_as_read() {
    // Each makes a table unless it is there, and drops the other's. One after the other, one
    // table is always left.
    let left = |isolation: Isolation| {
        let store = store();
        let (mut one, mut two) = (store.begin(), store.begin());
        for (tx, mine, other) in [(&mut one, "d.t", "d.other"), (&mut two, "d.other", "d.t")] {
            tx.isolation(isolation);
            tx.write(rows([5])).mode(SaveMode::Ignore).save_as_table(mine).unwrap();
            tx.drop_table(other).unwrap();
        }
        one.commit().unwrap();
        let _ = two.commit();
        store.tables("d").unwrap().len()
    };
    assert_eq!(left(Isolation::Serializable), 1);
}
