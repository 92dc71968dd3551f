//! Bad input gets a typed error that names the thing, what was expected and what to do; the store
//! is as it was, and as usable.
//!
//! The messages are interface: `UPDATE_EXPECT=1 cargo test` rewrites them for review.

mod names;

use std::error::Error;

use annals::error::{CatalogError, NameError, PredicateError, UnknownSaveMode};
use annals::{
    CommitError, NewTable, PropertyPatch, ReadError, Remedy, Retention, SaveMode, SchemaChange,
    Source, Store, StoreBuilder, TagError, Timestamp, TravelError, WriteError, col,
};
use annals_tests::{content_of, numbers, people};
use arrow_schema::{DataType, Field, Schema};
use expect_test::{Expect, expect};

fn store() -> Store {
    let store = StoreBuilder::new().clock(|| Timestamp(1_000_000)).build();
    store.write(people([(1, "a"), (2, "b")])).save_as_table("people").expect("it is new");
    store.create_view("seen", "SELECT * FROM people").expect("it is new");
    store
}

/// Runs a call that must fail and change nothing; gives its error with what caused it.
fn refused<T, E: Error>(store: &Store, call: impl FnOnce(&Store) -> Result<T, E>) -> String {
    let (version, content) = (store.version(), content_of(&store.snapshot()));
    let Err(error) = call(store) else { panic!("the call went through") };
    assert_eq!(store.version(), version, "{error}");
    assert_eq!(content_of(&store.snapshot()), content, "{error}");
    store.write(numbers([1])).mode(SaveMode::Overwrite).save_as_table("usable").expect("it is");
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_told = cause.to_string();
        if !told.contains(&cause_told) {
            told = format!("{told}: {cause_told}");
        }
        source = cause.source();
    }
    told
}

fn told<T, E: Error>(call: impl FnOnce(&Store) -> Result<T, E>, message: &Expect) {
    message.assert_eq(&refused(&store(), call));
}

#[test]
fn what_does_not_exist_is_named_with_what_might_be_meant() {
    told(
        |s| s.table("persons"),
        &expect![
            "in v2, the table default.persons does not exist; check the name, or create it first"
        ],
    );
    told(
        |s| s.table("nowhere.people"),
        &expect!["in v2, the database nowhere does not exist; create it first"],
    );
    told(
        |s| s.write(numbers([1])).save_as_table("nowhere.t"),
        &expect!["the database nowhere does not exist; create it first"],
    );
    told(
        |s| s.drop_table("persons"),
        &expect!["the table default.persons does not exist; check the name, or create it first"],
    );
    told(
        |s| s.rename_table("persons", "people2"),
        &expect!["the table default.persons does not exist; check the name, or create it first"],
    );
    told(
        |s| s.rename_table("people", "nowhere.people"),
        &expect!["the database nowhere does not exist; create it first"],
    );
    told(
        |s| s.drop_database("nowhere"),
        &expect!["the database nowhere does not exist; create it first"],
    );
    told(
        |s| s.snapshot().tables("nowhere"),
        &expect!["in v2, the database nowhere does not exist; create it first"],
    );
    told(
        |s| s.set_properties("persons", &PropertyPatch::new().with("k", "v")),
        &expect!["the table default.persons does not exist; check the name, or create it first"],
    );
    told(
        |s| s.write(numbers([1])).insert_into("persons"),
        &expect!["the table default.persons does not exist; check the name, or create it first"],
    );
    // The same table in another database is what was meant, perhaps.
    let elsewhere = store();
    elsewhere.create_database("archive").expect("it is new");
    elsewhere.write(numbers([1])).save_as_table("archive.orders").expect("it is new");
    let message = refused(&elsewhere, |s| s.table("orders"));
    expect!["in v4, the table default.orders does not exist; did you mean archive.orders?"]
        .assert_eq(&message);
}

#[test]
fn what_exists_is_not_made_again() {
    told(
        |s| s.write(numbers([1])).save_as_table("PEOPLE"),
        &expect![
            "the table default.PEOPLE exists already; use mode overwrite, append or ignore, or another name"
        ],
    );
    told(
        |s| s.write(numbers([1])).save_as_table("seen"),
        &expect![
            "the view default.seen exists already; use mode overwrite, append or ignore, or another name"
        ],
    );
    told(|s| s.create_database("Default"), &expect!["the database Default exists already"]);
    told(
        |s| s.create_table("people", Schema::empty()),
        &expect![
            "the table default.people exists already; use mode overwrite, append or ignore, or another name"
        ],
    );
    told(
        |s| s.create_view("people", "SELECT 1"),
        &expect![
            "the table default.people exists already; use mode overwrite, append or ignore, or another name"
        ],
    );
    told(
        |s| s.create_view("people", annals::NewView::new("SELECT 1").or_replace()),
        &expect!["default.people is a table, not a view; drop it first, or choose another name"],
    );
    told(
        |s| s.drop_database_cascade("default"),
        &expect!["the database default is part of every store and cannot be dropped"],
    );
    told(
        |s| s.rename_table("people", "seen"),
        &expect![
            "the view default.seen exists already; use mode overwrite, append or ignore, or another name"
        ],
    );
}

#[test]
fn an_unknown_mode_is_told_the_known_ones() {
    let error: UnknownSaveMode = "upsert".parse::<SaveMode>().unwrap_err();
    expect![[r#"the save mode "upsert" is unknown; use overwrite, append, ignore, error, errorifexists or default"#]].assert_eq(&error.to_string());
    assert!("".parse::<SaveMode>().is_err());
}

#[test]
fn rows_that_do_not_fit_are_told_what_does() {
    let append = |s: &Store, rows| s.write(rows).mode(SaveMode::Append).save_as_table("people");
    told(
        |s| append(s, numbers([1])),
        &expect![
            "in the table default.people: columns `id`, `name` are not in the rows, and column `n` is not in the table; give the rows the columns of the table"
        ],
    );
    let text = Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("name", DataType::Utf8, true),
    ]);
    let columns = people([(1, "a")]);
    let text = arrow_array::RecordBatch::try_new(
        text.into(),
        vec![columns.column(1).clone(), columns.column(1).clone()],
    );
    told(
        |s| append(s, text.expect("the columns are of the schema")),
        &expect![
            "in the table default.people: types differ in a way that the policy lossless refuses: `id` is Int64 and comes as Utf8; cast it before saving or allow more with the cast policy"
        ],
    );
}

#[test]
fn sources_that_disagree_or_fail_are_told_where() {
    let batches = || vec![people([(1, "a")]), numbers([1])];
    told(
        |s| s.write(batches()).save_as_table("t"),
        &expect![
            "batch 1 has the columns n Int64, where id Int64, name Utf8 were announced; give batches of one schema"
        ],
    );
    told(
        |s| s.write(Vec::new()).save_as_table("t"),
        &expect!["there are no batches, so the columns are unknown; use Source::new with a schema"],
    );
    let failing = || {
        let rows = people([(1, "a")]);
        let schema = rows.schema();
        Source::stream(schema, [Ok(rows), Err("the disk is gone")])
    };
    told(
        |s| s.write(failing()).save_as_table("t"),
        &expect![
            "the source of rows failed after 1 batches; nothing was written: the disk is gone"
        ],
    );
}

#[test]
fn predicates_that_do_not_go_with_a_table_are_told_why() {
    let scan = |s: &Store, predicate| {
        s.table("people").expect("it is there").scan().filter(predicate).collect()
    };
    told(
        |s| scan(s, col("age").gt(3)),
        &expect!["default.people: no column `age`; there are `id`, `name`"],
    );
    told(
        |s| scan(s, col("name").eq(3)),
        &expect![
            "default.people: cannot compare column `name` of type Utf8 with 3 of type Int32; cast one of them"
        ],
    );
    let mut deep = col("id").eq(1);
    for round in 0..10_000 {
        let other = col("id").eq(round);
        deep = if round % 2 == 0 { deep.and(other) } else { deep.or(other) };
    }
    told(
        |s| scan(s, deep),
        &expect![
            "default.people: the predicate is nested deeper than 128 levels; join its parts by fewer alternations of and, or and not"
        ],
    );
    let people = |s: &Store| s.table("people").expect("it is there");
    told(
        |s| people(s).scan().columns(["id", "age"]).collect(),
        &expect!["default.people has no column `age`; it has id, name"],
    );
    told(
        |s| people(s).column_summary("age"),
        &expect!["default.people has no column `age`; it has id, name"],
    );
    told(
        |s| s.table("seen").expect("it is there").read(),
        &expect!["default.seen is a view; read it through SQL, or scan the tables that it names"],
    );
    let replace = |s: &Store, predicate| {
        let rows = annals_tests::people([(5, "e")]);
        let write = s.write(rows).mode(SaveMode::Overwrite).replace_where(predicate);
        write.save_as_table("people")
    };
    told(
        |s| replace(s, col("age").gt(3)),
        &expect!["in replace_where on default.people: no column `age`; there are `id`, `name`"],
    );
    told(
        |s| replace(s, col("id").eq(1)),
        &expect![
            "1 rows for default.people do not match id = 1; leave them out, or widen the predicate"
        ],
    );
}

#[test]
fn moments_that_cannot_be_reached_are_told_the_bounds() {
    told(|s| s.at(9), &expect!["v9 does not exist; the newest version is v2"]);
    told(|s| s.at("release"), &expect!["no version is tagged `release`"]);
    told(
        |s| s.at(Timestamp(2_000_000)),
        &expect!["1970-01-01T00:00:02.000000Z is in the future; it is 1970-01-01T00:00:01.000002Z"],
    );
    told(
        |s| s.at(Timestamp(0)),
        &expect![
            "nothing is retained from 1970-01-01T00:00:00.000000Z; the oldest version, v0, is from 1970-01-01T00:00:01.000000Z"
        ],
    );
    told(
        |s| s.table_at_ordinal("people", 7),
        &expect!["the table has no state 7; its newest is 0"],
    );
    told(
        |s| s.restore_table("people", 0),
        &expect!["the table default.people did not exist at v0; its history says when it did"],
    );
    told(|s| s.restore(9), &expect!["v9 does not exist; the newest version is v2"]);
    told(|s| s.tag("", 0), &expect![[r#""" cannot be a tag: it is empty"#]]);
    told(
        |s| s.tag("two\nlines", 0),
        &expect![[r#""two\nlines" cannot be a tag: it contains a control character"#]],
    );
    told(|s| s.untag("release"), &expect!["no version is tagged `release`"]);
    let short = store();
    short.set_retention(Retention { versions_max: 1, ..Retention::default() });
    expect!["v0 has expired; the oldest version still retained is v2; tag a version to keep it"]
        .assert_eq(&refused(&short, |s| s.at(0)));
    expect!["in v3, the table default.no does not exist; check the name, or create it first"]
        .assert_eq(&refused(&short, |s| s.table_at_ordinal("seen", 0).and(s.table("no"))));
}

#[test]
fn alterations_that_cannot_be_made_are_told_why() {
    let alter = |s: &Store, change| s.alter_table("people", [change]);
    let text = |name: &str| SchemaChange::DropColumns(vec![name.to_owned()]);
    told(
        |s| alter(s, text("age")),
        &expect![
            "in the table default.people: column `age` is not in the table; check the spelling"
        ],
    );
    told(
        |s| s.rename_column("people", "id", "NAME"),
        &expect![
            "in the table default.people: column `NAME` is already in the table; choose other names"
        ],
    );
    told(
        |s| s.widen_column("people", "id", &DataType::Int8),
        &expect![
            "in the table default.people: column `id` cannot be widened from Int64 to Int8; every value it may hold must fit the new type"
        ],
    );
    let field = Field::new("age", DataType::Int64, false);
    told(
        |s| s.add_columns("people", [field.clone()]),
        &expect![
            "in the table default.people: column `age` is declared not null; columns added to a table must be nullable"
        ],
    );
    told(
        |s| s.drop_columns("people", ["id", "name"]),
        &expect![
            "in the table default.people: the last column of a table cannot be dropped; drop the table"
        ],
    );
    let twice = Schema::new(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("A", DataType::Int64, true),
    ]);
    told(
        |s| s.create_table("t", twice.clone()),
        &expect![
            "in the table default.t: columns `a`, `A` have the same name; names are compared without case, rename one"
        ],
    );
    let divided = |by: &'static str| {
        NewTable::new(people([]).schema()).partition_by([by, "id"].map(str::to_owned))
    };
    told(
        |s| s.create_table("t", divided("age")),
        &expect!["the table default.t cannot be partitioned by `age`: it has no such column"],
    );
    told(
        |s| s.create_table("t", divided("ID")),
        &expect!["the table default.t cannot be partitioned by `id`: the column is named twice"],
    );
}

#[test]
fn a_failing_assertion_is_told_by_name() {
    let assertion = |s: &Store| {
        let mut tx = s.begin();
        tx.write(numbers([1])).save_as_table("t").expect("it is new");
        tx.assert("few rows", |candidate| {
            let rows = candidate.table("t").map_err(|error| error.to_string())?.row_count();
            if rows < 1 { Ok(()) } else { Err(format!("there are {rows}")) }
        });
        tx.commit()
    };
    told(assertion, &expect!["the assertion `few rows` does not hold: there are 1"]);
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let rows = || people([(1, "a")]);
    told(
        |s| s.write(rows()).replace_where(col("id").eq(1)).save_as_table("people"),
        &expect!["replace_where goes with mode overwrite only"],
    );
    let both = |s: &Store| {
        let write = s.write(rows()).mode(SaveMode::Overwrite);
        write.merge_schema(true).overwrite_schema(true).save_as_table("people")
    };
    told(both, &expect!["merge_schema and overwrite_schema exclude each other; give one of them"]);
    let other = |s: &Store| {
        let write = s.write(rows()).mode(SaveMode::Append).partition_by(["id"]);
        write.save_as_table("people")
    };
    told(
        other,
        &expect![
            "the table default.people is partitioned by [], not by [id]; leave the partitioning out"
        ],
    );
    told(
        |s| s.write(rows()).mode(SaveMode::Ignore).insert_into("people"),
        &expect!["insert_into takes mode append or overwrite"],
    );
}

/// Programs match on variants and ask for the remedy; messages are for people.
#[test]
fn errors_are_data() {
    let store = store();
    let read = store.table("nobody").unwrap_err();
    assert!(matches!(&read, ReadError::Catalog { source: CatalogError::NoTable { .. }, .. }));
    assert_eq!(read.remedy(), Remedy::Change);
    let name = store.table("a.b.c.d").unwrap_err();
    assert!(matches!(name, ReadError::Name(NameError::TooManyParts { parts: 4, .. })));
    let write = store.write(numbers([1])).save_as_table("people").unwrap_err();
    assert!(matches!(&write, WriteError::Catalog(CatalogError::TableExists { .. })));
    assert_eq!(write.remedy(), Remedy::Change);
    let scan = store.table("people").unwrap().scan().filter(col("age").gt(1)).collect();
    let ReadError::Predicate { source, .. } = scan.unwrap_err() else { panic!("another error") };
    assert!(matches!(*source, PredicateError::NoSuchColumn { .. }));
    assert!(matches!(store.at(99), Err(TravelError::NoVersion { .. })));
    assert!(matches!(store.untag("x"), Err(TagError::NoTag { .. })));

    let mut late = store.begin();
    late.write(numbers([1])).save_as_table("new").unwrap();
    store.write(numbers([2])).save_as_table("new").unwrap();
    let lost = late.commit().unwrap_err();
    assert_eq!(lost.remedy(), Remedy::Retry);
    let CommitError::Conflict(conflict) = lost else { panic!("another error") };
    assert!(
        conflict.winning_commit.is_some_and(|commit| commit.location.file.ends_with("main.rs"))
    );
}
