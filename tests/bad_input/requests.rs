//! Requests for what is not there, or cannot be.

use std::error::Error;

use annals::error::{CatalogError, UnknownSaveMode};
use annals::{
    At, ChunkSize, NewTable, NewView, PropertyPatch, ReadError, Remedy, SaveMode, Source, Store,
    TagError, TravelError, WriteError,
};
use annals_tests::{numbers, people};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use expect_test::{Expect, expect};

use crate::{refused, store, unreadable};

#[test]
fn what_is_not_there_is_named() {
    let store = store();
    let patch = PropertyPatch::new().with("a", "b");
    type Write<'a> = &'a dyn Fn(&Store) -> Result<(), WriteError>;
    let cases: [(Write<'_>, Expect); 17] = [
        (
            &|s| s.write(numbers([1])).save_as_table("nope.t").map(drop),
            expect!["the database nope does not exist; create it first"],
        ),
        (
            &|s| s.write(numbers([1])).insert_into("nope.t").map(drop),
            expect!["the database nope does not exist; create it first"],
        ),
        (
            &|s| s.write(numbers([1])).insert_into("nope").map(drop),
            expect!["the table default.nope does not exist; check the name, or create it first"],
        ),
        (
            &|s| s.create_table("nope.t", numbers([]).schema()).map(drop),
            expect!["the database nope does not exist; create it first"],
        ),
        (
            &|s| s.create_view("nope.t", "x").map(drop),
            expect!["the database nope does not exist; create it first"],
        ),
        (
            &|s| s.drop_table("people").map(drop),
            expect!["the table default.people does not exist; did you mean d.people?"],
        ),
        (
            &|s| s.drop_database("nope").map(drop),
            expect!["the database nope does not exist; create it first"],
        ),
        (
            &|s| s.alter_database("nope", &patch).map(drop),
            expect!["the database nope does not exist; create it first"],
        ),
        (
            &|s| s.truncate("d.T").map(drop),
            expect!["the table d.T does not exist; did you mean default.t?"],
        ),
        (
            &|s| s.rename_table("nope", "x").map(drop),
            expect!["the table default.nope does not exist; check the name, or create it first"],
        ),
        (
            &|s| s.rename_table("t", "nope.x").map(drop),
            expect!["the database nope does not exist; create it first"],
        ),
        (
            &|s| s.drop_columns("t", ["x"]).map(drop),
            expect!["in the table default.t: column `x` is not in the table; check the spelling"],
        ),
        (
            &|s| s.set_properties("nope", &patch).map(drop),
            expect!["the table default.nope does not exist; check the name, or create it first"],
        ),
        (
            &|s| s.restore_table("nope", 1).map(drop),
            expect!["the table default.nope did not exist at v1; its history says when it did"],
        ),
        (
            &|s| s.restore_table("t", 99).map(drop),
            expect!["v99 does not exist; the newest version is v5"],
        ),
        (&|s| s.restore("nope").map(drop), expect!["no version is tagged `nope`"]),
        (
            &|s| s.restore_table("d.people", 1).map(drop),
            expect!["the table d.people did not exist at v1; its history says when it did"],
        ),
    ];
    for (write, message) in cases {
        message.assert_eq(&refused(&store, |store| write(store)));
    }
    for (read, message) in [
        (
            store.table("nope").map(drop),
            expect![[r#"
                in v5, the table default.nope does not exist; check the name, or create it first"#]],
        ),
        (
            store.table("nope.t").map(drop),
            expect!["in v5, the database nope does not exist; create it first"],
        ),
        (
            store.tables("nope").map(drop),
            expect!["in v5, the database nope does not exist; create it first"],
        ),
        (
            store.snapshot().database("nope").map(drop),
            expect!["in v5, the database nope does not exist; create it first"],
        ),
        (
            store.table_at_ordinal("nope", 0).map(drop),
            expect![[r#"
                in v5, the table default.nope does not exist; check the name, or create it first"#]],
        ),
        (
            store.table_at_ordinal("t", 99).map(drop),
            expect!["the table has no state 99; its newest is 1"],
        ),
        (
            store.table_history("nope").map(drop),
            expect![[r#"
                in v5, the table default.nope does not exist; check the name, or create it first"#]],
        ),
        (
            store.at(0).unwrap().table("t").map(drop),
            expect![[r#"
                in v0, the table default.t does not exist; check the name, or create it first"#]],
        ),
    ] {
        message.assert_eq(&unreadable(read));
    }
}

#[test]
fn what_is_there_already_or_is_of_another_kind_is_named() {
    let store = store();
    type Write<'a> = &'a dyn Fn(&Store) -> Result<(), WriteError>;
    let twice = Schema::new(vec![
        Field::new("a", DataType::Int8, true),
        Field::new("A", DataType::Int8, true),
    ]);
    let cases: [(Write<'_>, Expect); 12] = [
        (
            &|s| s.write(numbers([1])).save_as_table("T").map(drop),
            expect![[r#"
                the table default.T exists already; use mode overwrite, append or ignore, or another name"#]],
        ),
        (
            &|s| s.write(numbers([1])).save_as_table("v").map(drop),
            expect![[r#"
                the view default.v exists already; use mode overwrite, append or ignore, or another name"#]],
        ),
        (
            &|s| s.create_database("D").map(drop),
            expect!["the database D exists already; use if_not_exists, or another name"],
        ),
        (
            &|s| s.create_table("t", numbers([]).schema()).map(drop),
            expect![[r#"
                the table default.t exists already; use mode overwrite, append or ignore, or another name"#]],
        ),
        (
            &|s| s.create_view("t", NewView::new("x").or_replace()).map(drop),
            expect!["default.t is a table, not a view; drop it first, or choose another name"],
        ),
        (
            &|s| s.rename_table("t", "d.people").map(drop),
            expect![[r#"
                the table d.people exists already; use mode overwrite, append or ignore, or another name"#]],
        ),
        (
            &|s| s.drop_database("d").map(drop),
            expect!["the database d has 1 tables; drop them first, or drop with cascade"],
        ),
        (
            &|s| s.drop_database_cascade("default").map(drop),
            expect!["the database default is part of every store and cannot be dropped"],
        ),
        (
            &|s| s.truncate("v").map(drop),
            expect!["default.v is a view; rows can be written to tables only"],
        ),
        (
            &|s| s.write(numbers([1])).mode(SaveMode::Append).save_as_table("v").map(drop),
            expect!["default.v is a view; rows can be written to tables only"],
        ),
        (
            &|s| s.create_table("new", NewTable::new(twice.clone())).map(drop),
            expect![[r#"
                in the table default.new: columns `a`, `A` have the same name; names are compared without case, rename one"#]],
        ),
        (
            &|s| s.write(people([])).mode(SaveMode::Append).save_as_table("t").map(drop),
            expect![[r#"
                in the table default.t: column `n` is not in the rows, and columns `id`, `name` are not in the table; give the rows the columns of the table"#]],
        ),
    ];
    for (write, message) in cases {
        message.assert_eq(&refused(&store, |store| write(store)));
    }
}

#[test]
fn a_mode_that_is_none_is_named_with_those_that_are() {
    for (text, mode) in [("overwrite", SaveMode::Overwrite), ("IGNORE", SaveMode::Ignore)] {
        assert_eq!(text.parse(), Ok(mode));
    }
    let error: UnknownSaveMode = "replace".parse::<SaveMode>().unwrap_err();
    expect![[r#"the save mode "replace" is unknown; use overwrite, append, ignore, error, errorifexists or default"#]]
        .assert_eq(&error.to_string());
    for text in ["", " append", "append\n", "Überschreiben", &"x".repeat(64 * 1024)] {
        let message = text.parse::<SaveMode>().unwrap_err().to_string();
        assert!(message.contains("is unknown; use") && message.len() < 500, "{message}");
    }
}

#[test]
fn a_source_that_fails_tells_why_in_its_cause() {
    let store = store();
    for (error, text) in [
        (ArrowError::ParseError("line 3".to_owned()), "Parser error: line 3"),
        (ArrowError::IoError("gone".to_owned(), std::io::Error::other("disk")), "Io error: gone"),
    ] {
        let source = Source::stream(numbers([]).schema(), [Ok(numbers([1])), Err(error)]);
        let writer = store.write(source).mode(SaveMode::Append);
        let told = writer.save_as_table("t").unwrap_err();
        assert_eq!(told.remedy(), Remedy::Change);
        expect!["the source of rows failed after 1 batches; nothing was written"]
            .assert_eq(&told.to_string());
        let cause = told.source().unwrap();
        assert_eq!(cause.to_string(), text);
        assert!(cause.downcast_ref::<ArrowError>().is_some());
    }
    assert_eq!(store.table("t").unwrap().row_count(), 4);
}

#[test]
fn a_source_that_panics_leaves_the_store_as_it_was() {
    let store = store();
    let before = annals_tests::content_of(&store.snapshot());
    let work = || {
        let batches = (0..3)
            .map(|n| if n < 2 { Ok::<_, ArrowError>(numbers([n])) } else { panic!("as intended") });
        store
            .write(Source::stream(numbers([]).schema(), batches))
            .mode(SaveMode::Overwrite)
            .save_as_table("t")
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
    assert_eq!(*panicked.downcast_ref::<&str>().unwrap(), "as intended");
    assert_eq!(annals_tests::content_of(&store.snapshot()), before);
    store.write(numbers([5])).mode(SaveMode::Append).save_as_table("t").unwrap();
}

#[test]
fn errors_can_be_told_apart_by_their_types() {
    let store = store();
    assert!(matches!(
        store.table("nope"),
        Err(ReadError::Catalog { source: CatalogError::NoTable { .. }, .. })
    ));
    assert!(matches!(
        store.table("x.t"),
        Err(ReadError::Catalog { source: CatalogError::NoDatabase { .. }, .. })
    ));
    assert!(matches!(store.table(""), Err(ReadError::Name(_))));
    assert!(matches!(store.at(99), Err(TravelError::NoVersion { .. })));
    assert!(matches!(store.at("x"), Err(TravelError::NoTag { .. })));
    assert!(matches!(store.tag("", At::Latest), Err(TagError::Invalid { .. })));
    assert!(matches!(store.tag("x", 99), Err(TagError::Travel(_))));
    assert!(matches!(store.untag("x"), Err(TagError::NoTag { .. })));
    assert!(matches!(store.restore(99), Err(WriteError::Travel(_))));
    assert!(matches!(
        store.drop_table("nope"),
        Err(WriteError::Catalog(CatalogError::NoTable { .. }))
    ));
    assert!(matches!(
        store.drop_columns("t", ["n"]),
        Err(WriteError::Catalog(CatalogError::Schema { .. }))
    ));
    let none: Vec<arrow_array::RecordBatch> = Vec::new();
    assert!(matches!(store.write(none).save_as_table("x"), Err(WriteError::NoSchema)));
    // They can be sent to other threads and boxed.
    fn is_error<E: Error + Send + Sync + 'static>() {}
    is_error::<ReadError>();
    is_error::<WriteError>();
    is_error::<annals::CommitError>();
    is_error::<annals::Conflict>();
    is_error::<TravelError>();
    is_error::<TagError>();
}

#[test]
fn bounds_that_make_no_sense_are_made_the_best_of() {
    let store = store();
    for size in [
        ChunkSize { rows_min: 0, rows_max: 0, bytes_max: 0 },
        ChunkSize { rows_min: usize::MAX, rows_max: usize::MAX, bytes_max: u64::MAX },
        ChunkSize { rows_min: 10, rows_max: 1, bytes_max: u64::MAX },
    ] {
        let writer = store.write(numbers(0..5)).mode(SaveMode::Overwrite).chunk_size(size);
        writer.save_as_table("t").unwrap();
        assert_eq!(annals_tests::numbers_of(&store.table("t").unwrap()), [0, 1, 2, 3, 4]);
    }
    assert_eq!(store.table("t").unwrap().scan().limit(u64::MAX).count().unwrap(), 5);
}

#[test]
fn an_error_names_its_cause_once() {
    // What `source` says is not said again by the message, or the message is the source's own.
    let store = store();
    let errors: Vec<Box<dyn Error>> = vec![
        Box::new(store.table("nope").unwrap_err()),
        Box::new(store.table("").unwrap_err()),
        Box::new(store.drop_table("nope").unwrap_err()),
        Box::new(store.restore(99).unwrap_err()),
        Box::new(store.write(people([])).mode(SaveMode::Append).save_as_table("t").unwrap_err()),
    ];
    for error in errors {
        let mut chain = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            chain.push(error.to_string());
            cause = error.source();
        }
        let mut distinct = chain.clone();
        distinct.dedup();
        assert_eq!(distinct.len(), chain.len(), "{chain:?}");
    }
}
