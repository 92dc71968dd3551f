//! The change feed and differences of rows, in cases that a reader would ask about.

use annals::error::TravelError;
use annals::{
    Changes, Filter, ReadError, Retention, RowDiff, SaveMode, Store, StoreBuilder, TableName,
    WriteError, col, record_batch, set,
};
use annals_tests::{numbers, people, rows_in};
use arrow_array::RecordBatchReader;
use arrow_schema::{DataType, Field};

/// Each row with its kind and version: `1, Ada, insert, 1`.
fn told(changes: Changes) -> Vec<String> {
    let batches: Vec<_> = changes.map(Result::unwrap).collect();
    let without_time = |batch: &arrow_array::RecordBatch| {
        batch.project(&(0..batch.num_columns() - 1).collect::<Vec<_>>()).unwrap()
    };
    rows_in(&batches.iter().map(without_time).collect::<Vec<_>>())
}

fn feed(store: &Store, name: &str, from: u64, to: u64) -> Vec<String> {
    told(store.changes(name, from, to).unwrap())
}

fn append(store: &Store, rows: arrow_array::RecordBatch) {
    store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
}

#[test]
fn each_commit_tells_what_it_did() {
    let store = Store::in_memory();
    append(&store, people([(1, "Ada"), (2, "Bob"), (3, "Cyd")]));
    store.update("t", [set("name", "Bo")], col("id").eq(2)).unwrap();
    store.delete("t", col("id").eq(1)).unwrap();
    store.compact("t").unwrap();
    let rows = people([(2, "Bo"), (3, "Cyd")]);
    store.write(rows).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    store.rename_table("t", "s").unwrap();
    store.restore_table("s", 1).unwrap();
    store.drop_table("s").unwrap();
    store.restore_table("s", 7).unwrap();

    assert_eq!(
        feed(&store, "s", 0, 1),
        ["1, Ada, insert, 1", "2, Bob, insert, 1", "3, Cyd, insert, 1"]
    );
    let updated = ["2, Bob, update_preimage, 2", "2, Bo, update_postimage, 2"];
    assert_eq!(feed(&store, "t", 2, 2), updated);
    assert_eq!(feed(&store, "t", 3, 4), ["1, Ada, delete, 3"]);
    let overwritten =
        ["3, Cyd, delete, 5", "2, Bo, delete, 5", "2, Bo, insert, 5", "3, Cyd, insert, 5"];
    assert_eq!(feed(&store, "s", 4, 6), overwritten);
    assert_eq!(feed(&store, "s", 7, 7).len(), 5, "two rows go, and three come back");
    let dropped = feed(&store, "s", 8, 8);
    assert!(dropped.len() == 3 && dropped.iter().all(|row| row.ends_with("delete, 8")));
    let back = feed(&store, "s", 9, 9);
    assert!(back.len() == 3 && back.iter().all(|row| row.ends_with("insert, 9")));
    // Asked for by a name that it has not had since version 5, it is the same table.
    assert_eq!(feed(&store, "t", 1, 9), feed(&store, "s", 1, 9));

    let changes = store.changes("s", 1, 9).unwrap();
    let fields = Changes::schema(&changes);
    let shown: Vec<String> =
        fields.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    assert_eq!(RecordBatchReader::schema(&changes), fields);
    assert_eq!(
        shown,
        [
            "id Int64",
            "name Utf8",
            "_change_type Utf8",
            "_commit_version UInt64",
            "_commit_timestamp Timestamp(µs, \"+00:00\")"
        ]
    );
}

#[test]
fn a_commit_is_one_step() {
    let store = Store::in_memory();
    append(&store, numbers([1, 2]));
    store
        .transact(|tx| {
            tx.write(numbers([3])).mode(SaveMode::Append).save_as_table("t")?;
            tx.update("t", [set("n", 10)], col("n").lt(3))?;
            tx.update("t", [set("n", 20)], col("n").eq(10))?;
            tx.delete("t", col("n").eq(3))?;
            Ok::<_, WriteError>(())
        })
        .unwrap();
    assert_eq!(
        feed(&store, "t", 2, 2),
        [
            "1, update_preimage, 2",
            "2, update_preimage, 2",
            "20, update_postimage, 2",
            "20, update_postimage, 2"
        ]
    );
}

#[test]
fn timestamps_and_tags_stand_for_the_commits_between_them() {
    let store = Store::in_memory();
    for n in 1..=4 {
        append(&store, numbers([n]));
    }
    store.tag("second", 2).unwrap();
    let at = |version: u64| store.at(version).unwrap().timestamp();
    let between = |version: u64| annals::Timestamp(at(version).0 + 1);
    let versions = |from: annals::At, to: annals::At| -> Vec<String> {
        told(store.changes("t", from, to).unwrap())
    };
    let inserted = |range: std::ops::RangeInclusive<u64>| -> Vec<String> {
        range.map(|n| format!("{n}, insert, {n}")).collect()
    };
    assert_eq!(versions("second".into(), annals::At::Latest), inserted(2..=4));
    assert_eq!(versions(at(2).into(), at(3).into()), inserted(2..=3));
    if between(2) < at(3) {
        assert_eq!(versions(between(2).into(), 4.into()), inserted(3..=4));
        assert_eq!(versions(1.into(), between(2).into()), inserted(1..=2));
        assert!(versions(between(2).into(), between(2).into()).is_empty());
    }
    let error = store.changes("t", 3, 2).unwrap_err();
    assert!(matches!(error, ReadError::Range { .. }), "{error}");
    assert_eq!(error.to_string(), "v3 to v2 is no range of versions; give the earlier one first");
}

#[test]
fn columns_are_those_of_the_last_version_by_identity() {
    let store = Store::in_memory();
    append(&store, people([(1, "Ada")]));
    store.drop_columns("t", ["name"]).unwrap();
    store.add_columns("t", [Field::new("name", DataType::Int32, true)]).unwrap();
    store.rename_column("t", "id", "key").unwrap();
    append(&store, record_batch!(("key", Int64, [2]), ("name", Int32, [20])).unwrap());
    // The first name is another column than the last one.
    assert_eq!(feed(&store, "t", 1, 5), ["1, null, insert, 1", "2, 20, insert, 5"]);
    assert_eq!(feed(&store, "t", 1, 1), ["1, Ada, insert, 1"]);
    // A difference shows each side under its own columns, and both in one batch under the last.
    let diff = store.at(1).unwrap().row_diff(&store.snapshot(), "t").unwrap().compare().unwrap();
    let inserted: Vec<_> = diff.inserted().map(|rows| rows.unwrap().rows).collect();
    assert_eq!(rows_in(&inserted), ["2, 20"]);
    assert_eq!(rows_in(&[diff.to_batch().unwrap()]), ["insert, 1, 2, 20"]);
    let back = store.snapshot().row_diff(&store.at(1).unwrap(), "t").unwrap().compare().unwrap();
    assert_eq!(rows_in(&[back.to_batch().unwrap()]), ["delete, 1, 2, null"]);
}

#[test]
fn a_column_made_anew_of_a_type_that_older_rows_do_not_go_into_is_an_error() {
    let store = Store::in_memory();
    append(&store, record_batch!(("n", Utf8, ["x"])).unwrap());
    let save = store.write(numbers([1])).mode(SaveMode::Overwrite).overwrite_schema(true);
    save.save_as_table("t").unwrap();
    let error = store.changes("t", 1, 2).unwrap_err();
    let ReadError::OlderRows { version, .. } = &error else { panic!("{error}") };
    assert_eq!(version.0, 1);
    assert!(error.to_string().contains("default.t had in v1"), "{error}");
    assert_eq!(feed(&store, "t", 1, 1), ["x, insert, 1"]);
    // Rows that cannot be compared are not: they went and came.
    let comparison = store.at(1).unwrap().row_diff(&store.snapshot(), "t").unwrap();
    let diff = comparison.by_key(["n"]).compare().unwrap();
    assert_eq!(diff.counts().to_string(), "1 deleted, 0 updated, 1 inserted");
    assert!(matches!(diff.to_batch(), Err(ReadError::OlderRows { .. })));
    assert!(diff.to_string().ends_with("\n- #0: x\n+ #1: 1"), "{diff}");
}

#[test]
fn what_has_expired_is_an_error_that_names_the_oldest() {
    let retention = Retention { versions_max: 3, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).build();
    append(&store, numbers([1]));
    append(&store, numbers([2]));
    store.write(numbers([3])).save_as_table("other").unwrap();
    append(&store, numbers([4]));
    append(&store, numbers([5]));
    assert_eq!(feed(&store, "t", 4, 5).len(), 2);
    // Even where the first commit of the range did nothing to the table.
    let error = store.changes("t", 3, 5).unwrap_err();
    let ReadError::Travel(TravelError::Expired { asked, oldest }) = &error else {
        panic!("{error}");
    };
    assert_eq!((asked.0, oldest.0), (2, 3));
    // Of the row's beginning only the number is left.
    let history = store.row_history("t", 0).unwrap();
    let versions: Vec<u64> = history.iter().map(|step| step.version.0).collect();
    assert_eq!((versions, history.is_complete()), (vec![1], true));
    assert!(store.changes("t", 4, 9).is_err(), "there is no version 9");
}

#[test]
fn what_a_feed_reads_stays_readable_while_versions_expire() {
    let store = Store::in_memory();
    for n in 1..=4 {
        append(&store, numbers([n]));
    }
    let changes = store.changes("t", 1, 4).unwrap();
    store.set_retention(Retention { versions_max: 1, ..Retention::default() });
    assert!(store.at(2).is_err());
    assert_eq!(told(changes).len(), 4);
}

#[test]
fn bad_requests_say_what_is_wrong() {
    let store = Store::in_memory();
    append(&store, numbers([1]));
    store.create_view("v", "select 1").unwrap();
    store.write(numbers([1])).save_as_table("other").unwrap();
    let odd = record_batch!(("_change_type", Int64, [1])).unwrap();
    store.write(odd).save_as_table("odd").unwrap();
    let version = store.version().0;
    assert!(matches!(store.changes("v", 1, version), Err(ReadError::View { .. })));
    assert!(matches!(store.changes("none", 1, version), Err(ReadError::Catalog { .. })));
    assert!(matches!(store.changes("a.b.c.d", 1, 1), Err(ReadError::Name(_))));
    let error = store.changes("odd", 1, version).unwrap_err();
    assert_eq!(
        error.to_string(),
        "default.odd has a column `_change_type`, a name that is needed here; rename the column"
    );
    let (then, now) = (store.at(0).unwrap(), store.snapshot());
    assert!(matches!(then.row_diff(&now, "v"), Err(ReadError::View { .. })));
    assert!(matches!(then.row_diff(&now, "none"), Err(ReadError::Catalog { .. })));
    let error = then.row_diff(&now, "t").unwrap().by_key(["m"]).compare().unwrap_err();
    assert_eq!(error.to_string(), "default.t has no column `m`; it has n");
    let (one, other) = (now.table("t").unwrap(), now.table("other").unwrap());
    let error = RowDiff::between(Some(&one), Some(&other)).unwrap_err();
    assert!(matches!(error, ReadError::OtherTable { .. }), "{error}");
    let error = store.row_history("t", 7).unwrap_err();
    assert_eq!(error.to_string(), "the retained history of default.t has no row of the id 7");
    assert!(store.row_history("t", u64::MAX).is_err());
    assert!(matches!(store.blame("v", Filter::all()), Err(ReadError::View { .. })));
}

#[test]
fn keys_with_nulls_and_keys_that_come_again_are_matched() {
    let store = Store::in_memory();
    let rows = |pairs: &[(Option<i64>, i64)]| {
        let keys: arrow_array::Int64Array = pairs.iter().map(|(key, _)| *key).collect();
        let values: arrow_array::Int64Array = pairs.iter().map(|(_, value)| Some(*value)).collect();
        let columns: [(&str, arrow_array::ArrayRef, bool); 2] =
            [("k", std::sync::Arc::new(keys), true), ("v", std::sync::Arc::new(values), true)];
        arrow_array::RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    };
    append(&store, rows(&[(None, 1), (Some(1), 2), (Some(1), 3), (Some(1), 4), (Some(2), 5)]));
    let before = store.snapshot();
    let new = rows(&[(Some(1), 3), (None, 10), (Some(1), 20), (Some(3), 5)]);
    store.write(new).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    let diff = before.row_diff(&store.snapshot(), "t").unwrap().by_key(["k"]).compare().unwrap();
    assert_eq!(
        rows_in(&[diff.to_batch().unwrap()]),
        [
            "delete, 3, 1, 4",
            "delete, 4, 2, 5",
            "update_preimage, 0, null, 1",
            "update_preimage, 1, 1, 2",
            "update_postimage, 6, null, 10",
            "update_postimage, 7, 1, 20",
            "insert, 8, 3, 5",
        ]
    );
    // A column that is named twice counts once.
    let twice = before.row_diff(&store.snapshot(), "t").unwrap().by_key(["k", "K"]);
    assert_eq!(twice.compare().unwrap().counts(), diff.counts());
}

#[test]
fn a_draft_is_compared_with_what_it_began_at() {
    let store = Store::in_memory();
    append(&store, numbers([1, 2]));
    let mut tx = store.begin();
    tx.update("t", [set("n", 5)], col("n").eq(2)).unwrap();
    let name = TableName::parse("t").unwrap();
    let (before, draft) = (store.table(&name).unwrap(), tx.table(&name).unwrap());
    let diff = RowDiff::between(Some(&before), Some(&draft)).unwrap().compare().unwrap();
    assert_eq!(
        diff.to_string(),
        "default.t v1 → v1: 0 deleted, 1 updated, 0 inserted\n~ #1: 2 → 5"
    );
}
