//! Blame, and the history of one row.

use annals::{
    Filter, ReadError, Retention, RowState, SaveMode, Store, StoreBuilder, WriteError, col, set,
};
use annals_tests::{numbers, rows_in};
use arrow_array::BooleanArray;

/// Versions 1 to 3: an append, an update by Ada, and another append.
fn store() -> Store {
    let store = Store::in_memory();
    store.write(numbers([1, 2, 3])).save_as_table("t").unwrap();
    let mut tx = store.begin();
    tx.user("ada").message("mend it");
    tx.update("t", [set("n", 30)], col("n").eq(3)).unwrap();
    tx.commit().unwrap();
    store.write(numbers([4])).mode(SaveMode::Append).save_as_table("t").unwrap();
    store
}

#[test]
fn the_commits_behind_rows_are_found() {
    let store = store();
    let blame = store.blame("t", col("n").gt(2)).unwrap();
    let rows: Vec<_> = blame
        .iter()
        .map(|row| (row.row, row.inserted.0, row.changed.0, rows_in(&[row.values]).remove(0)))
        .collect();
    assert_eq!(rows, [(2, 1, 2, "30".to_owned()), (3, 3, 3, "4".to_owned())]);
    assert_eq!(blame.row_count(), 2);
    let first = blame.iter().next().unwrap();
    assert_eq!(first.changed_by.unwrap().info.message.as_deref(), Some("mend it"));
    assert_eq!(first.inserted_by.unwrap().version.0, 1);

    let commits = store.blame("t", Filter::all()).unwrap().commits();
    let counts: Vec<_> = commits
        .iter()
        .map(|of| (of.version.0, of.rows, of.commit.as_ref().unwrap().info.user.as_deref()))
        .collect();
    assert_eq!(counts, [(3, 1, None), (2, 1, Some("ada")), (1, 2, None)]);
}

#[test]
fn blame_is_a_batch_with_the_tables_columns_first() {
    let store = store();
    let batch = store.blame("t", Filter::all()).unwrap().to_batch().unwrap();
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let own = ["n", "_row_id", "_inserted_version", "_changed_version"];
    let records = ["_location", "_user", "_message", "_timestamp"];
    assert_eq!(names, [&own[..], &records[..]].concat());
    let rows = rows_in(&[batch.project(&[0, 1, 2, 3, 5, 6]).unwrap()]);
    assert_eq!(
        rows,
        [
            "1, 0, 1, 1, null, null",
            "2, 1, 1, 1, null, null",
            "30, 2, 1, 2, ada, mend it",
            "4, 3, 3, 3, null, null"
        ]
    );
    let places = rows_in(&[batch.project(&[4]).unwrap()]);
    assert!(places.iter().all(|place| place.contains("blame.rs:")), "{places:?}");

    // A snapshot knows the numbers; the records are the store's.
    let snapshot = store.snapshot();
    let blame = snapshot.blame("t", Filter::all()).unwrap();
    assert!(blame.iter().all(|row| row.changed_by.is_none()));
    assert_eq!(blame.to_batch().unwrap().num_columns(), 4);
    assert_eq!(blame.with_records(&store).to_batch().unwrap(), batch);
    // None matches: the columns are there all the same.
    let none = store.blame("t", col("n").gt(99)).unwrap().to_batch().unwrap();
    assert_eq!((none.num_rows(), none.num_columns()), (0, 8));
}

#[test]
fn records_that_are_gone_leave_the_numbers() {
    let retention = Retention { records_max: 1, versions_max: 1, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).build();
    store.write(numbers([1])).save_as_table("t").unwrap();
    store.write(numbers([2])).mode(SaveMode::Append).save_as_table("t").unwrap();
    let blame = store.blame("t", Filter::all()).unwrap();
    let known: Vec<_> = blame.iter().map(|row| (row.changed.0, row.changed_by.is_some())).collect();
    assert_eq!(known, [(1, false), (2, true)]);
    let fork = store.fork();
    let blame = fork.blame("t", Filter::all()).unwrap();
    assert!(blame.iter().all(|row| row.changed.0 > 0 && row.changed_by.is_none()));
}

#[test]
fn a_filter_that_does_not_go_with_the_table_is_told_as_an_error_of_reading() {
    let store = store();
    let error = store.blame("t", col("m").eq(1)).unwrap_err();
    assert!(matches!(error, ReadError::Predicate { .. }), "{error}");
    let error = store.blame("t", Filter::test(|_| Err("no".into()))).unwrap_err();
    assert_eq!(error.to_string(), "the function used in a filter on default.t failed: no");
    let short = Filter::test(|_| Ok(BooleanArray::from(vec![true])));
    assert!(matches!(store.blame("t", short), Err(ReadError::Function { .. })));
    assert!(matches!(store.blame("none", Filter::all()), Err(ReadError::Catalog { .. })));
}

#[test]
fn a_row_is_followed_to_its_end_and_back_to_its_beginning() {
    let store = store();
    store.compact("t").unwrap();
    store.rename_table("t", "s").unwrap();
    store.update("s", [set("n", 31)], col("n").eq(30)).unwrap();
    let mut tx = store.begin();
    tx.user("bob");
    tx.delete("s", col("n").eq(31)).unwrap();
    tx.commit().unwrap();
    let history = store.row_history("s", 2).unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|step| {
            let values =
                step.state.values().map(|values| rows_in(std::slice::from_ref(values)).remove(0));
            (step.version.0, values.unwrap_or_default())
        })
        .collect();
    let version = store.version().0;
    let expected = [(version, ""), (version - 1, "31"), (2, "30"), (1, "3")];
    assert_eq!(told, expected.map(|(version, text)| (version, text.to_owned())));
    assert!(matches!(history.last().state, RowState::Deleted));
    assert_eq!(history.last().commit.as_ref().unwrap().info.user.as_deref(), Some("bob"));
    // Of a table that is gone as well.
    store.drop_table("s").unwrap();
    let history = store.row_history("s", 0).unwrap();
    let versions: Vec<u64> = history.iter().map(|step| step.version.0).collect();
    assert_eq!((versions, history.is_complete()), (vec![version + 1, 1], true));
}

#[test]
fn rows_of_one_transaction_have_the_version_that_it_made() {
    let store = store();
    let mut tx = store.begin();
    tx.write(numbers([5])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.update("t", [set("n", 50)], col("n").eq(5)).unwrap();
    // Others come first, so that it is carried over.
    store.write(numbers([6])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.commit().unwrap();
    let blame = store.blame("t", col("n").eq(50)).unwrap();
    let rows: Vec<_> = blame.iter().map(|row| (row.row, row.inserted.0, row.changed.0)).collect();
    assert_eq!(rows, [(5, 5, 5)]);
    store
        .transact(|tx| tx.delete("t", Filter::all()).map(drop))
        .map_err(|e: WriteError| e)
        .unwrap();
    assert_eq!(store.row_history("t", 5).unwrap().iter().count(), 2);
}
