//! What is recorded of every commit without being asked, and what can be asked of the records.

use annals::{
    Commit, History, Isolation, Metrics, OperationKind, PropertyPatch, Retention, SaveMode, Source,
    Store, StoreBuilder, TableName, Target, Timestamp, Transaction, VersionId, WriteError, col,
};
use annals_tests::{numbers, rows_in};
use arrow_array::{RecordBatchReader, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field};
use expect_test::expect;

use crate::{Hand, append, overwrite};

/// Kind and target of each operation, newest first.
fn told(history: &History) -> Vec<String> {
    let operation = |commit: &Commit| {
        let one = |o: &std::sync::Arc<annals::Operation>| {
            format!("{} {}: {}", commit.version, o.target, o.kind)
        };
        commit.operations.iter().map(one).collect::<Vec<_>>()
    };
    history.iter().flat_map(|commit| operation(commit)).collect()
}

#[test]
fn every_field_is_recorded() {
    let hand = Hand::at(0);
    let store = hand.clock(StoreBuilder::new()).build();
    hand.set(1_000_000);
    let rows = numbers([1, 2, 3]);
    let bytes = 3 * 8;
    let writer = store.write(rows).user("ada").message("first rows").idempotent("loader", 9);
    let writer = writer.metadata("ticket", "7").metadata("ticket", "8");
    let (line, saved) = (line!(), writer.save_as_table("T").unwrap());

    let commit = saved.committed().unwrap().commit().unwrap();
    assert_eq!(commit.version, VersionId(1));
    assert_eq!(commit.timestamp, Timestamp(1_000_000));
    assert_eq!(commit.base, VersionId(0));
    assert_eq!(commit.isolation, Isolation::Snapshot);
    assert_eq!((commit.retries, commit.rebased), (0, false));
    assert_eq!((commit.location.file.as_ref(), commit.location.line), (file!(), line));
    assert!(commit.location.column > 1);
    assert_eq!(commit.thread.as_deref(), std::thread::current().name());
    let info = &commit.info;
    assert_eq!((info.user.as_deref(), info.message.as_deref()), (Some("ada"), Some("first rows")));
    assert_eq!(info.application, Some(("loader".into(), 9)));
    assert_eq!(info.metadata, [("ticket".into(), "7".into()), ("ticket".into(), "8".into())]);

    let [operation] = &*commit.operations else { panic!("{commit:?}") };
    assert_eq!(operation.kind, OperationKind::CreateTable { mode: Some(SaveMode::ErrorIfExists) });
    let Target::Table { name, id, ordinal } = &operation.target else { panic!("{operation:?}") };
    assert_eq!((name.table_str(), id.0, *ordinal), ("T", 0, 0));
    assert_eq!(operation.location, commit.location);
    assert!(operation.discarded.is_empty());
    let metrics = &operation.metrics;
    assert_eq!((metrics.rows_added, metrics.rows_removed), (3, 0));
    assert_eq!((metrics.chunks_added, metrics.chunks_removed), (1, 0));
    assert!(metrics.bytes_added >= bytes && metrics.bytes_added < 2 * bytes, "{metrics:?}");
    // It is the one record, wherever it is asked for.
    assert!(std::sync::Arc::ptr_eq(commit, store.snapshot().commit().unwrap()));
    assert!(std::sync::Arc::ptr_eq(commit, store.history().iter().next().unwrap()));
}

#[test]
fn the_place_in_the_source_is_that_of_the_call_whatever_the_call() {
    let store = Store::in_memory();
    let newest = || store.snapshot().commit().unwrap().location.line;
    let nullable = |name: &str| Field::new(name, DataType::Int64, true);
    let mut lines = Vec::new();
    macro_rules! call {
        ($call:expr) => {{
            let _ = $call.unwrap();
            lines.push((newest(), line!()));
        }};
    }
    call!(store.create_database("d"));
    call!(store.alter_database("d", &PropertyPatch::new().with("a", "b")));
    call!(store.create_table("d.t", numbers([]).schema()));
    call!(store.write(numbers([1])).save_as_table("t"));
    call!(store.write(numbers([1])).insert_into("t"));
    call!(store.write(numbers([1])).mode(SaveMode::Overwrite).save_as_table("t"));
    call!(store.truncate("t"));
    call!(store.add_columns("t", [nullable("x")]));
    call!(store.rename_column("t", "x", "y"));
    call!(store.drop_columns("t", ["y"]));
    call!(store.alter_table("t", [annals::SchemaChange::SetNullable("n".to_owned())]));
    call!(store.set_properties("t", &PropertyPatch::new().with("a", "b")));
    call!(store.rename_table("t", "u"));
    call!(store.restore_table("u", 4));
    call!(store.drop_table("u"));
    call!(store.restore(4));
    call!(store.create_view("v", "select 1"));
    call!(store.transact(|tx| tx.truncate("t")));
    call!(store.drop_database_cascade("d"));
    let (seen, mode) = (store.snapshot(), SaveMode::Overwrite);
    let writer = store.write(numbers([1])).mode(mode).based_on(&seen);
    call!(writer.save_as_table("t"));
    for (index, (recorded, line)) in lines.iter().enumerate() {
        assert_eq!(recorded, line, "call {index}");
    }
}

#[test]
fn in_a_transaction_each_operation_has_a_place_and_the_commit_has_its_own() {
    fn helper(tx: &mut Transaction) -> Result<(u32, u32), WriteError> {
        let save = (line!(), tx.write(numbers([1])).save_as_table("t")?);
        let drop = (line!(), tx.drop_table("t")?);
        Ok((save.0, drop.0))
    }
    let store = Store::in_memory();
    let mut tx = store.begin();
    let (save, drop) = helper(&mut tx).unwrap();
    let (line, committed) = (line!(), tx.commit().unwrap());
    let commit = committed.commit().unwrap();
    assert_eq!(commit.location.line, line);
    let lines: Vec<u32> = commit.operations.iter().map(|o| o.location.line).collect();
    assert_eq!(lines, [save, drop]);
    // By `transact`, the commit is asked for where that is called.
    let (line, done) = (line!(), store.transact(helper).unwrap());
    let commit = done.committed.commit().unwrap();
    assert_eq!(commit.location.line, line);
    assert_eq!(commit.operations[0].location.line, save);
}

#[test]
fn a_thread_is_named_and_one_without_a_name_is_not() {
    let store = Store::in_memory();
    let named = std::thread::Builder::new().name("nightly load".to_owned());
    std::thread::scope(|scope| {
        named.spawn_scoped(scope, || append(&store, "t", 1)).unwrap().join().unwrap();
        scope.spawn(|| append(&store, "t", 2)).join().unwrap();
    });
    let thread = |version: u64| store.at(version).unwrap().commit().unwrap().thread.clone();
    assert_eq!(thread(1).as_deref(), Some("nightly load"));
    assert_eq!(thread(2), None);
}

#[test]
fn rows_that_came_and_went_are_counted() {
    let store = Store::in_memory();
    let metrics = || store.snapshot().commit().unwrap().metrics();
    let moved = || {
        let Metrics { rows_added, rows_removed, chunks_added, chunks_removed, .. } = metrics();
        [rows_added, rows_removed, chunks_added, chunks_removed]
    };
    store.write(numbers(0..10)).save_as_table("t").unwrap();
    assert_eq!(moved(), [10, 0, 1, 0]);
    store.write(numbers(10..15)).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(moved(), [5, 0, 1, 0]);
    let bytes_of_five = metrics().bytes_added;
    let part = |predicate, rows: std::ops::Range<i64>| {
        let writer = store.write(numbers(rows)).mode(SaveMode::Overwrite);
        writer.replace_where(predicate).save_as_table("t").unwrap();
    };
    part(col("n").lt(3_i64), 0..0);
    assert_eq!((moved(), metrics().bytes_removed), ([0, 3, 0, 0], 0));
    part(col("n").gt_eq(10_i64), 10..12);
    assert_eq!((moved(), metrics().bytes_removed), ([2, 5, 1, 1], bytes_of_five));
    store.truncate("t").unwrap();
    assert_eq!(moved(), [0, 9, 0, 2]);
    store.restore_table("t", 2).unwrap();
    assert_eq!(moved(), [15, 0, 2, 0]);
    store.write(numbers(0..4)).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    assert_eq!(moved(), [4, 15, 1, 2]);
    // What both states have counts as neither.
    store.write(numbers(0..2)).mode(SaveMode::Append).save_as_table("t").unwrap();
    store.restore(store.version().0 - 1).unwrap();
    assert_eq!(moved(), [0, 2, 0, 1]);
    store.add_columns("t", [Field::new("x", DataType::Int8, true)]).unwrap();
    assert_eq!(metrics(), Metrics::default());
    store.drop_table("t").unwrap();
    assert_eq!(moved(), [0, 4, 0, 1]);
    store.restore_table("t", store.version().0 - 1).unwrap();
    assert_eq!(moved(), [4, 0, 1, 0]);
    store.create_database("d").unwrap();
    store.rename_table("t", "d.t").unwrap();
    assert_eq!(metrics(), Metrics::default());
    store.drop_database_cascade("d").unwrap();
    assert_eq!(moved(), [0, 4, 0, 1]);
}

#[test]
fn retries_and_rebases_are_recorded() {
    let store = Store::in_memory();
    append(&store, "t", 0);
    // Carried over another commit.
    let mut tx = store.begin();
    tx.write(numbers([1])).mode(SaveMode::Append).save_as_table("t").unwrap();
    append(&store, "t", 2);
    append(&store, "t", 3);
    let committed = tx.commit().unwrap();
    let commit = committed.commit().unwrap();
    assert_eq!((commit.base, commit.version), (VersionId(1), VersionId(4)));
    assert_eq!((commit.rebased, commit.retries), (true, 0));

    // Begun again.
    let mine = numbers([5]);
    let batches = std::iter::once_with(|| {
        store.rename_column("t", "n", "n2").unwrap();
        store.rename_column("t", "n2", "n").unwrap();
        Ok::<_, std::io::Error>(mine.clone())
    });
    let source = Source::stream(mine.schema(), batches);
    let saved = store.write(source).mode(SaveMode::Append).save_as_table("t").unwrap();
    let committed = saved.committed().unwrap();
    let commit = committed.commit().unwrap();
    assert_eq!((commit.base, commit.version), (VersionId(6), VersionId(7)));
    assert_eq!((commit.rebased, commit.retries, committed.retries()), (false, 1, 1));
}

#[test]
fn the_history_of_a_table_follows_it_under_all_its_names() {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    append(&store, "t", 1);
    append(&store, "other", 1);
    store.rename_table("t", "d.u").unwrap();
    append(&store, "d.u", 2);
    append(&store, "t", 3);
    store.restore(2).unwrap();
    store.restore_table("t", 5).unwrap();
    expect![[r#"
        v8 default.t: restore table to v5
        v7 the store: restore store to v2
        v5 d.u: append
        v4 default.t: rename to d.u
        v2 default.t: create table (append)"#]]
    .assert_eq(&told(&store.table_history("t").unwrap()).join("\n"));
    expect![[r#"
        v7 the store: restore store to v2
        v5 d.u: append
        v4 default.t: rename to d.u
        v1 d: create database"#]]
    .assert_eq(&told(&store.history().of_database("d").unwrap()).join("\n"));
    expect![[r#"
        v8 default.t: restore table to v5
        v7 the store: restore store to v2
        v6 default.t: create table (append)
        v4 default.t: rename to d.u
        v3 default.other: create table (append)
        v2 default.t: create table (append)"#]]
    .assert_eq(&told(&store.history().of_database("default").unwrap()).join("\n"));
    assert_eq!(store.history().iter().count(), 8);
    assert!(store.table_history("nope").is_err());
    assert!(store.history().of_database("").is_err());
}

#[test]
fn a_restore_of_the_store_is_in_the_history_of_the_tables_that_it_changed() {
    let store = Store::in_memory();
    append(&store, "changed", 1);
    append(&store, "same", 1);
    append(&store, "changed", 2);
    append(&store, "gone", 1);
    store.drop_table("changed").unwrap();
    let gone = store.table("gone").unwrap().id();
    store.restore(3).unwrap();
    append(&store, "late", 1);
    let versions = |history: History| history.iter().map(|c| c.version.0).collect::<Vec<_>>();
    let of = |name: &str| versions(store.table_history(name).unwrap());
    // Back under its old id, after it was dropped.
    assert_eq!(of("changed"), [6, 5, 3, 1]);
    assert_eq!(versions(store.history().of_table(gone)), [6, 4]);
    // One that was as it had been, and one that was not there yet.
    assert_eq!((of("same"), of("late")), (vec![2], vec![7]));
    assert_eq!(versions(store.history().of_database("default").unwrap()), [7, 6, 5, 4, 3, 2, 1]);
    let restore = store.history().iter().nth(1).unwrap().operations[0].clone();
    assert_eq!(restore.target, Target::Store);
    assert_eq!(restore.tables.len(), 2);
}

#[test]
fn a_table_dropped_with_its_database_has_that_in_its_history() {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    append(&store, "d.t", 1);
    let id = store.table("d.t").unwrap().id();
    store.drop_database_cascade("d").unwrap();
    let last = store.history().of_table(id).iter().next().unwrap().version;
    assert_eq!(last, store.version());
}

#[test]
fn a_table_moved_into_a_database_has_that_in_the_databases_history() {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    append(&store, "t", 1);
    store.rename_table("t", "d.t").unwrap();
    let history = store.history().of_database("d").unwrap();
    assert_eq!(history.iter().next().unwrap().version, store.version());
}

#[test]
fn a_target_is_named_as_it_is_written_in_the_catalog() {
    let store = Store::in_memory();
    store.create_database("Sales").unwrap();
    store.write(numbers([1])).save_as_table("sales.Orders").unwrap();
    store.write(numbers([2])).mode(SaveMode::Append).save_as_table("SALES.ORDERS").unwrap();
    store.set_properties("sales.orders", &PropertyPatch::new().with("a", "b")).unwrap();
    store.drop_table("sales.ORDERS").unwrap();
    let history = store.history();
    let targets = history.iter().map(|commit| commit.operations[0].target.to_string());
    assert_eq!(
        targets.collect::<Vec<_>>(),
        ["Sales.Orders", "Sales.Orders", "Sales.Orders", "Sales.Orders", "Sales"]
    );
}

#[test]
fn a_history_is_a_value() {
    let store = Store::in_memory();
    append(&store, "t", 1);
    let then = store.history();
    append(&store, "t", 2);
    assert_eq!((then.iter().count(), store.history().iter().count()), (1, 2));
}

#[test]
fn records_outlive_the_data_under_a_bound_of_their_own() {
    let retention = Retention { versions_max: 2, records_max: 5, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).build();
    for n in 1..=10 {
        append(&store, "t", n);
    }
    let versions: Vec<u64> = store.versions().iter().map(|version| version.0).collect();
    assert_eq!(versions, [9, 10]);
    let recorded: Vec<u64> = store.history().iter().map(|commit| commit.version.0).collect();
    assert_eq!(recorded, [10, 9, 8, 7, 6]);
    assert_eq!(store.history().to_batch().num_rows(), 5);
    store.set_retention(Retention { records_max: 0, ..retention });
    assert_eq!(store.history().iter().count(), 0);
    // The newest version's own record is a part of it.
    assert!(store.snapshot().commit().is_some());
    store.set_retention(Retention { records_max: 2, ..retention });
    for n in 11..=14 {
        append(&store, "t", n);
    }
    let recorded: Vec<u64> = store.history().iter().map(|commit| commit.version.0).collect();
    assert_eq!(recorded, [14, 13]);
}

#[test]
fn the_history_is_a_table() {
    let hand = Hand::at(0);
    let store = hand.clock(StoreBuilder::new()).build();
    hand.set(1_000_000);
    let work = || {
        let mut tx = store.begin();
        tx.user("ada").message("two at once").metadata("a", "1").metadata("b", "2");
        tx.idempotent("loader", 3).isolation(Isolation::Serializable);
        tx.write(numbers([1, 2])).save_as_table("t").unwrap();
        tx.create_database("d").unwrap();
        tx.commit().unwrap();
        let mut tx = store.begin();
        tx.truncate("t").unwrap();
        hand.set(2_000_000);
        append(&store, "t", 3);
        tx.commit().unwrap();
        store.restore(1).unwrap();
    };
    let named = std::thread::Builder::new().name("loader".to_owned());
    std::thread::scope(|scope| named.spawn_scoped(scope, work).unwrap().join().unwrap());
    let batch = store.history().to_batch();
    assert_eq!(batch.schema(), History::schema());
    // Places and bytes change as this file and Arrow do.
    let names: Vec<&str> = vec![
        "version",
        "base",
        "isolation",
        "retries",
        "rebased",
        "operation",
        "target",
        "table_id",
        "ordinal",
        "rows_added",
        "rows_removed",
        "discarded",
        "thread",
        "user",
        "message",
        "application",
        "sequence",
        "metadata",
    ];
    let schema = batch.schema();
    let places: Vec<usize> = names.iter().map(|name| schema.index_of(name).unwrap()).collect();
    let shown = batch.project(&places).unwrap();
    expect![[r#"
        4, 3, snapshot, 0, false, restore store to v1, the store, null, null, 2, 0, null, loader, null, null, null, null, null
        3, 1, snapshot, 0, true, truncate, default.t, 0, 2, 0, 3, v2, loader, null, null, null, null, null
        2, 1, snapshot, 0, false, append, default.t, 0, 1, 1, 0, null, loader, null, null, null, null, null
        1, 0, serializable, 0, false, create table (error), default.t, 0, 0, 2, 0, null, loader, ada, two at once, loader, 3, a=1, b=2
        1, 0, serializable, 0, false, create database, d, null, null, 0, 0, null, loader, ada, two at once, loader, 3, a=1, b=2"#]].assert_eq(&rows_in(&[shown]).join("\n"));
    let times = batch.column(schema.index_of("timestamp").unwrap());
    let times: &TimestampMicrosecondArray = times.as_any().downcast_ref().unwrap();
    assert_eq!(times.values()[..], [2_000_002, 2_000_001, 2_000_000, 1_000_000, 1_000_000]);
    let locations = batch.project(&[schema.index_of("location").unwrap()]).unwrap();
    assert!(rows_in(&[locations]).iter().all(|place| place.starts_with("tests/time_travel/")));
    let bytes = ["bytes_added", "bytes_removed"].map(|name| schema.index_of(name).unwrap());
    assert_eq!(rows_in(&[batch.project(&bytes).unwrap()]).len(), 5);

    // So it can be saved, and read like any other.
    store.write(batch.clone()).save_as_table("history").unwrap();
    let late = store.table("history").unwrap().scan().filter(col("version").gt_eq(3_u64));
    assert_eq!(late.count().unwrap(), 2);
    assert_eq!(Store::in_memory().history().to_batch().num_rows(), 0);
    assert_eq!(
        store.table("history").unwrap().scan().batches().unwrap().schema().fields().len(),
        22
    );
}

#[test]
fn every_kind_of_operation_has_a_name_that_says_what_was_done() {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    store.create_table("d.empty", numbers([]).schema()).unwrap();
    for mode in [SaveMode::ErrorIfExists, SaveMode::Append, SaveMode::Ignore] {
        store.write(numbers([1])).mode(mode).save_as_table(format!("new_{mode}")).unwrap();
    }
    overwrite(&store, "t", 1);
    overwrite(&store, "t", 2);
    append(&store, "t", 3);
    let writer = store.write(numbers([])).mode(SaveMode::Overwrite);
    writer.replace_where(col("n").gt(2_i64)).save_as_table("t").unwrap();
    store.truncate("t").unwrap();
    store.add_columns("t", [Field::new("x", DataType::Int8, true)]).unwrap();
    store.widen_column("t", "x", &DataType::Int16).unwrap();
    store.rename_column("t", "x", "y").unwrap();
    store.drop_columns("t", ["y"]).unwrap();
    store.set_properties("t", &PropertyPatch::new().with("a", "b")).unwrap();
    store.alter_database("d", &PropertyPatch::new().with("a", "b")).unwrap();
    store.rename_table("t", "d.t").unwrap();
    let there = store.version();
    store.drop_table("d.t").unwrap();
    store.restore_table("d.t", there).unwrap();
    store.restore(7).unwrap();
    store.create_view("v", "select 1").unwrap();
    store.drop_database_cascade("d").unwrap();
    store.create_database("e").unwrap();
    store.drop_database("e").unwrap();
    let mut kinds = told(&store.history());
    kinds.reverse();
    expect![[r#"
        v1 d: create database
        v2 d.empty: create table
        v3 default.new_error: create table (error)
        v4 default.new_append: create table (append)
        v5 default.new_ignore: create table (ignore)
        v6 default.t: create table (overwrite)
        v7 default.t: overwrite
        v8 default.t: append
        v9 default.t: replace where n > 2
        v10 default.t: truncate
        v11 default.t: alter schema: add `x`
        v12 default.t: alter schema: widen `x` to Int16
        v13 default.t: alter schema: rename `x` to `y`
        v14 default.t: alter schema: drop `y`
        v15 default.t: set properties
        v16 d: alter database
        v17 default.t: rename to d.t
        v18 d.t: drop table
        v19 d.t: restore table to v17
        v20 the store: restore store to v7
        v21 default.v: create view
        v22 d: drop database (cascade)
        v23 e: create database
        v24 e: drop database"#]]
    .assert_eq(&kinds.join("\n"));
    let name = TableName::parse("d.t").unwrap();
    assert_eq!(OperationKind::Rename { to: name }.name(), "rename");
}
