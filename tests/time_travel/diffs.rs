//! What differs between two versions: found by identity, never by comparing rows.

use annals::{
    DatabaseChange, NewDatabase, PropertyPatch, SaveMode, Snapshot, Store, TableChange, col,
};
use annals_tests::{numbers, people};
use arrow_schema::{DataType, Field};
use expect_test::{Expect, expect};

use crate::{append, overwrite};

/// A difference as text.
fn difference(before: &Snapshot, after: &Snapshot) -> String {
    let diff = before.diff(after);
    assert_eq!((diff.from, diff.to), (before.version(), after.version()));
    let mut text = String::new();
    for database in &diff.databases {
        let how = match database {
            DatabaseChange::Added(_) => "+",
            DatabaseChange::Removed(_) => "-",
            DatabaseChange::Changed { .. } => "~",
        };
        text += &format!("{how} database {}\n", database.name());
    }
    for table in &diff.tables {
        let how = match table {
            TableChange::Added { .. } => "+",
            TableChange::Removed { .. } => "-",
            TableChange::Changed { .. } => "~",
        };
        let details = table.details();
        text += &format!("{how} {} of id {}", table.name(), table.id().0);
        let metrics = details.metrics();
        text += &format!(", +{} -{} rows", metrics.rows_added, metrics.rows_removed);
        let (added, removed) = (details.chunks_added.len(), details.chunks_removed.len());
        let (changed, shared) = (details.chunks_changed.len(), details.chunks_shared);
        text += &format!(", chunks +{added} -{removed} ~{changed} ={shared}");
        if details.details_changed {
            text += ", details";
        }
        text += "\n";
        for column in &details.columns {
            text += &format!("    {column}\n");
        }
    }
    assert_eq!(diff.is_empty(), text.is_empty());
    text
}

#[track_caller]
fn differs(store: &Store, change: impl FnOnce(&Store), expected: &Expect) {
    let before = store.snapshot();
    change(store);
    expected.assert_eq(&difference(&before, &store.snapshot()));
    // A version differs from itself in nothing.
    assert!(store.snapshot().diff(&store.snapshot()).is_empty());
}

fn store() -> Store {
    let store = Store::in_memory();
    append(&store, "t", 1);
    append(&store, "t", 2);
    append(&store, "t", 3);
    append(&store, "other", 1);
    store
}

#[test]
fn each_kind_of_change_shows_as_what_it_is() {
    differs(
        &store(),
        |store| append(store, "t", 4),
        &expect![[r#"
            ~ default.t of id 0, +1 -0 rows, chunks +1 -0 ~0 =3
        "#]],
    );
    differs(
        &store(),
        |store| overwrite(store, "t", 4),
        &expect![[r#"
            ~ default.t of id 0, +1 -3 rows, chunks +1 -3 ~0 =0
        "#]],
    );
    differs(
        &store(),
        |store| drop(store.truncate("t").unwrap()),
        &expect![[r#"
            ~ default.t of id 0, +0 -3 rows, chunks +0 -3 ~0 =0
        "#]],
    );
    let with_two = store();
    with_two.write(numbers([8, 9])).mode(SaveMode::Append).save_as_table("t").unwrap();
    differs(
        &with_two,
        |store| {
            // A chunk as a whole, and one row of a chunk of two.
            let writer = store.write(numbers([])).mode(SaveMode::Overwrite);
            writer.replace_where(col("n").is_in([2_i64, 9])).save_as_table("t").unwrap();
        },
        &expect![[r#"
            ~ default.t of id 0, +0 -2 rows, chunks +0 -1 ~1 =2
        "#]],
    );
    differs(
        &store(),
        |store| {
            let columns =
                [Field::new("x", DataType::Utf8, true), Field::new("y", DataType::Int8, true)];
            store.add_columns("t", columns).unwrap();
            store.widen_column("t", "y", &DataType::Int32).unwrap();
            store.rename_column("t", "n", "number").unwrap();
            store.drop_columns("t", ["x"]).unwrap();
        },
        &expect![[r#"
            ~ default.t of id 0, +0 -0 rows, chunks +0 -0 ~0 =3
                ~ n Int64 -> number Int64
                + y Int32
        "#]],
    );
    differs(
        &store(),
        |store| {
            store.write(people([(1, "x")])).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
        },
        &expect![[r#"
            ~ default.t of id 0, +1 -3 rows, chunks +1 -3 ~0 =0
                - n Int64
                + id Int64
                + name Utf8
        "#]],
    );
    differs(
        &store(),
        |store| drop(store.set_properties("t", &PropertyPatch::new().with("a", "b")).unwrap()),
        &expect![[r#"
            ~ default.t of id 0, +0 -0 rows, chunks +0 -0 ~0 =3, details
        "#]],
    );
    differs(
        &store(),
        |store| {
            store.create_database(NewDatabase::new("d").comment("new")).unwrap();
            append(store, "d.t", 1);
            store.create_view("d.v", "select 1").unwrap();
            store.drop_table("other").unwrap();
        },
        &expect![[r#"
            + database d
            + d.t of id 2, +1 -0 rows, chunks +1 -0 ~0 =0, details
                + n Int64
            + d.v of id 3, +0 -0 rows, chunks +0 -0 ~0 =0, details
            - default.other of id 1, +0 -1 rows, chunks +0 -1 ~0 =0, details
                - n Int64
        "#]],
    );
}

#[test]
fn databases_show_only_what_was_said_of_them() {
    let store = store();
    store.create_database("d").unwrap();
    store.create_database("e").unwrap();
    differs(
        &store,
        |store| {
            store.alter_database("d", &PropertyPatch::new().with_comment("x")).unwrap();
            store.drop_database("e").unwrap();
        },
        &expect![[r#"
            ~ database d
            - database e
        "#]],
    );
    // Tables that came into it are changes of their own.
    differs(
        &store,
        |store| append(store, "d.t", 1),
        &expect![[r#"
            + d.t of id 2, +1 -0 rows, chunks +1 -0 ~0 =0, details
                + n Int64
        "#]],
    );
}

#[test]
fn a_renamed_table_went_and_came_with_one_identity() {
    let store = store();
    store.create_database("d").unwrap();
    let before = store.snapshot();
    store.rename_table("t", "d.u").unwrap();
    let diff = before.diff(&store.snapshot());
    expect![[r#"
        + d.u of id 0, +3 -0 rows, chunks +3 -0 ~0 =0, details
            + n Int64
        - default.t of id 0, +0 -3 rows, chunks +0 -3 ~0 =0, details
            - n Int64
    "#]]
    .assert_eq(&difference(&before, &store.snapshot()));
    assert_eq!(diff.tables[0].id(), diff.tables[1].id());

    // A swap is two of these.
    let before = store.snapshot();
    let mut tx = store.begin();
    tx.rename_table("d.u", "aside").unwrap();
    tx.rename_table("other", "d.u").unwrap();
    tx.rename_table("aside", "other").unwrap();
    tx.commit().unwrap();
    expect![[r#"
        - d.u of id 0, +0 -3 rows, chunks +0 -3 ~0 =0, details
            - n Int64
        + d.u of id 1, +1 -0 rows, chunks +1 -0 ~0 =0, details
            + n Int64
        - default.other of id 1, +0 -1 rows, chunks +0 -1 ~0 =0, details
            - n Int64
        + default.other of id 0, +3 -0 rows, chunks +3 -0 ~0 =0, details
            + n Int64
    "#]]
    .assert_eq(&difference(&before, &store.snapshot()));
}

#[test]
fn a_table_created_anew_is_another_table() {
    let store = store();
    let before = store.snapshot();
    store.drop_table("t").unwrap();
    for n in 1..=3 {
        append(&store, "t", n);
    }
    // The same rows, and nothing shared.
    expect![[r#"
        - default.t of id 0, +0 -3 rows, chunks +0 -3 ~0 =0, details
            - n Int64
        + default.t of id 2, +3 -0 rows, chunks +3 -0 ~0 =0, details
            + n Int64
    "#]]
    .assert_eq(&difference(&before, &store.snapshot()));
}

#[test]
fn what_was_restored_differs_in_nothing() {
    let store = store();
    let before = store.snapshot();
    overwrite(&store, "t", 4);
    store.add_columns("t", [Field::new("x", DataType::Utf8, true)]).unwrap();
    store.rename_table("other", "another").unwrap();
    store.create_database("d").unwrap();
    store.write(numbers([1])).save_as_table("d.t").unwrap();
    let changed = store.snapshot();
    assert!(!before.diff(&changed).is_empty());
    store.restore_table("t", before.version()).unwrap();
    let names: Vec<String> =
        before.diff(&store.snapshot()).tables.iter().map(|t| t.name().to_string()).collect();
    assert_eq!(names, ["d.t", "default.another", "default.other"]);
    store.restore(before.version()).unwrap();
    assert!(before.diff(&store.snapshot()).is_empty());
    // Though it is the next state of each.
    let (then, now) = (before.table("t").unwrap(), store.table("t").unwrap());
    assert!(now.ordinal() > then.ordinal());

    store.drop_table("t").unwrap();
    store.restore_table("t", before.version()).unwrap();
    assert!(before.diff(&store.snapshot()).is_empty());
}

#[test]
fn a_difference_reads_the_same_backwards() {
    let store = store();
    let before = store.snapshot();
    append(&store, "t", 4);
    store.drop_table("other").unwrap();
    store.create_database("d").unwrap();
    let after = store.snapshot();
    expect![[r#"
        + database d
        - default.other of id 1, +0 -1 rows, chunks +0 -1 ~0 =0, details
            - n Int64
        ~ default.t of id 0, +1 -0 rows, chunks +1 -0 ~0 =3
    "#]]
    .assert_eq(&difference(&before, &after));
    expect![[r#"
        - database d
        + default.other of id 1, +1 -0 rows, chunks +1 -0 ~0 =0, details
            + n Int64
        ~ default.t of id 0, +0 -1 rows, chunks +0 -1 ~0 =3
    "#]]
    .assert_eq(&difference(&after, &before));
    // Over any distance, and from the beginning.
    let first = store.at(0).unwrap();
    expect![[r#"
        + database d
        + default.t of id 0, +4 -0 rows, chunks +4 -0 ~0 =0, details
            + n Int64
    "#]]
    .assert_eq(&difference(&first, &after));
}

#[test]
fn what_came_and_went_in_between_does_not_show() {
    let store = store();
    let before = store.snapshot();
    store.create_database("d").unwrap();
    append(&store, "d.t", 1);
    store.drop_database_cascade("d").unwrap();
    append(&store, "new", 1);
    store.drop_table("new").unwrap();
    assert!(before.diff(&store.snapshot()).is_empty());
}

#[test]
fn many_versions_apart_only_the_changed_chunks_are_told() {
    let store = store();
    let before = store.snapshot();
    for n in 10..110 {
        append(&store, "t", n);
    }
    let diff = before.diff(&store.snapshot());
    let details = diff.tables[0].details();
    assert_eq!((details.chunks_added.len(), details.chunks_shared), (100, 3));
    let sequences: Vec<u64> = details.chunks_added.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (3..103).collect::<Vec<u64>>());
    assert!(details.chunks_added.iter().all(|(_, entry)| entry.birth() > before.version()));
}
