//! The draft: its author sees every change at once, nobody else sees any, and what fails leaves it
//! as it was.

use annals::error::CatalogError;
use annals::{
    NewDatabase, NewTable, NewView, PropertyPatch, Remedy, SaveMode, SchemaChange, Source, Store,
    StoreBuilder, Transaction, WriteError, col, record_batch,
};
use annals_tests::{content_of, numbers, numbers_of, people};
use arrow_schema::{DataType, Field, Schema};
use expect_test::expect;

use crate::seen;

type Change = fn(&mut Transaction) -> Result<(), WriteError>;

/// A store with two databases, three tables, one of them with a past, and a view.
fn store() -> Store {
    let store = Store::in_memory();
    store.create_database("sales").unwrap();
    store.write(people([(1, "Ada"), (2, "Bob")])).save_as_table("sales.people").unwrap();
    store.write(numbers([1, 2, 3])).save_as_table("n").unwrap();
    store.write(numbers([4])).mode(SaveMode::Append).save_as_table("n").unwrap();
    store.write(numbers([9])).save_as_table("gone").unwrap();
    store.drop_table("gone").unwrap();
    store.create_view("v", "select 1").unwrap();
    store
}

/// Every kind of change, each of which shows, in an order in which all are possible.
const CHANGES: [(&str, Change); 24] = [
    ("create database", |tx| tx.create_database(NewDatabase::new("hr").comment("people"))),
    ("save a new table", |tx| tx.write(numbers([5])).save_as_table("hr.new").map(drop)),
    ("append", |tx| {
        tx.write(numbers([6])).mode(SaveMode::Append).save_as_table("hr.new").map(drop)
    }),
    ("insert", |tx| tx.write(numbers([7])).insert_into("hr.new").map(drop)),
    ("replace where", |tx| {
        let writer = tx.write(numbers([60, 61])).mode(SaveMode::Overwrite);
        writer.replace_where(col("n").gt_eq(6_i64)).save_as_table("hr.new").map(drop)
    }),
    ("overwrite", |tx| {
        tx.write(numbers([8])).mode(SaveMode::Overwrite).save_as_table("hr.new").map(drop)
    }),
    ("overwrite the schema", |tx| {
        tx.write(people([(3, "Cy")])).mode(SaveMode::Overwrite).save_as_table("hr.new").map(drop)
    }),
    ("merge the schema", |tx| {
        let rows = record_batch!(("id", Int64, [4]), ("age", Int32, [44])).unwrap();
        let writer = tx.write(rows).mode(SaveMode::Append).merge_schema(true);
        writer.save_as_table("hr.new").map(drop)
    }),
    ("truncate", |tx| tx.truncate("n")),
    ("create table", |tx| {
        let schema = Schema::new(vec![Field::new("k", DataType::Utf8, false)]);
        tx.create_table("sales.empty", NewTable::new(schema).comment("to come"))
    }),
    ("create view", |tx| tx.create_view("sales.view", "select 2")),
    ("replace view", |tx| tx.create_view("sales.view", NewView::new("select 3").or_replace())),
    ("add columns", |tx| tx.add_columns("sales.people", [Field::new("x", DataType::Int8, true)])),
    ("rename column", |tx| tx.rename_column("sales.people", "x", "y")),
    ("widen column", |tx| tx.widen_column("sales.people", "y", &DataType::Int64)),
    ("drop columns", |tx| tx.drop_columns("sales.people", ["y"])),
    ("let a column be null", |tx| {
        tx.alter_table("sales.empty", [SchemaChange::SetNullable("k".to_owned())])
    }),
    ("set properties", |tx| {
        let patch = PropertyPatch::new().with("team", "a").with_comment("who");
        tx.set_properties("sales.people", &patch)
    }),
    ("rename table", |tx| tx.rename_table("sales.people", "hr.people")),
    ("restore a table", |tx| tx.restore_table("n", 3)),
    ("restore a dropped table", |tx| tx.restore_table("gone", 5)),
    ("drop view", |tx| tx.drop_table("v")),
    ("drop table", |tx| tx.drop_table("sales.empty")),
    ("drop database", |tx| tx.drop_database_cascade("sales")),
];

#[test]
fn every_change_is_seen_by_its_author_at_once_and_by_others_at_commit() {
    let store = store();
    let (before, version) = (content_of(&store.snapshot()), store.version());
    let mut tx = store.begin();
    let mut last = seen(&tx);
    assert_eq!(last, seen(&store.snapshot()));
    for (name, change) in CHANGES {
        assert!(change(&mut tx).is_ok(), "{name}");
        let now = seen(&tx);
        // Nullability, comments of databases and texts of views are not in what is compared here.
        let shows = !["let a column be null", "replace view"].contains(&name);
        assert_eq!(now != last, shows, "{name}");
        assert_eq!(content_of(&store.snapshot()), before, "{name} was seen by others");
        assert_eq!(store.version(), version);
        last = now;
    }
    let committed = tx.commit().unwrap();
    assert_eq!(seen(&store.snapshot()), last);
    assert_eq!(committed.version().0, version.0 + 1);
    expect![[r#"
        default
          default.gone managed by [] of 1 rows
            n Int64
            | 9
          default.n managed by [] of 3 rows
            n Int64
            | 1
            | 2
            | 3
        hr "people"
          hr.new managed by [] of 2 rows
            id Int64
            name Utf8
            age Int32
            | 3, Cy, null
            | 4, null, 44
          hr.people managed "who" team=a by [] of 2 rows
            id Int64
            name Utf8
            | 1, Ada
            | 2, Bob
    "#]]
    .assert_eq(&content_of(&store.snapshot()));
    // One record says all of it, in the order in which it was done.
    let commit = committed.commit().unwrap();
    assert_eq!(commit.operations.len(), CHANGES.len());
    assert_eq!(store.history().iter().next().unwrap().operations.len(), CHANGES.len());
}

#[test]
fn changes_carried_over_another_commit_come_to_the_same() {
    let alone = store();
    let mut tx = alone.begin();
    CHANGES.iter().for_each(|(_, change)| change(&mut tx).unwrap());
    tx.commit().unwrap();

    let overtaken = store();
    let mut tx = overtaken.begin();
    CHANGES.iter().for_each(|(_, change)| change(&mut tx).unwrap());
    overtaken.create_database("another").unwrap();
    let committed = tx.commit().unwrap();
    assert!(committed.commit().unwrap().rebased);
    overtaken.drop_database("another").unwrap();
    assert_eq!(content_of(&overtaken.snapshot()), content_of(&alone.snapshot()));
    let kinds = |store: &Store, at: u64| -> Vec<String> {
        let snapshot = store.at(at).unwrap();
        let operations = snapshot.commit().unwrap().operations.clone();
        operations
            .iter()
            .map(|operation| format!("{} {:?}", operation.kind, operation.metrics))
            .collect()
    };
    assert_eq!(kinds(&overtaken, 9), kinds(&alone, 8));
}

#[test]
fn several_tables_and_databases_are_one_version() {
    let store = store();
    let (reader, version) = (store.snapshot(), store.version());
    let mut tx = store.begin();
    tx.create_database("hr").unwrap();
    for name in ["hr.a", "hr.b", "sales.c", "d"] {
        tx.write(numbers([1])).save_as_table(name).unwrap();
    }
    tx.write(numbers([5])).mode(SaveMode::Append).save_as_table("n").unwrap();
    tx.drop_table("sales.people").unwrap();
    assert!(store.table("hr.a").is_err() && store.table("sales.people").is_ok());
    let committed = tx.commit().unwrap();

    assert_eq!(committed.version(), store.version());
    assert_eq!(store.version().0, version.0 + 1);
    for name in ["hr.a", "hr.b", "sales.c", "d", "n"] {
        assert_eq!(store.table(name).unwrap().since(), store.version(), "{name}");
    }
    assert_eq!(reader.table("n").unwrap().row_count(), 4);
    assert!(reader.table("sales.people").is_ok());
    assert_eq!(committed.commit().unwrap().operations.len(), 7);
}

#[test]
fn a_transaction_reads_its_base_whatever_others_commit() {
    let store = store();
    let mut tx = store.begin();
    let before = seen(&tx);
    store.write(numbers([5])).mode(SaveMode::Append).save_as_table("n").unwrap();
    store.drop_table("sales.people").unwrap();
    store.create_database("new").unwrap();
    assert_eq!(seen(&tx), before);
    tx.write(numbers([6])).save_as_table("mine").unwrap();
    assert_eq!(numbers_of(&tx.table("n").unwrap()), [1, 2, 3, 4]);
    assert_eq!(tx.base().version().0 + 3, store.version().0);
}

#[test]
fn a_table_seen_in_a_draft_stays_as_it_was_when_the_draft_goes_on() {
    let store = store();
    let mut tx = store.begin();
    tx.write(numbers([5])).mode(SaveMode::Append).save_as_table("n").unwrap();
    let then = tx.table("n").unwrap();
    tx.truncate("n").unwrap();
    assert_eq!(numbers_of(&then), [1, 2, 3, 4, 5]);
    drop(tx);
    assert_eq!(numbers_of(&then), [1, 2, 3, 4, 5]);
}

/// Changes that fail, each for a reason of its own.
const FAILURES: [(&str, Change); 27] = [
    ("create a database that is there", |tx| tx.create_database("SALES")),
    ("create a database without a name", |tx| tx.create_database("")),
    ("drop a database that is not there", |tx| tx.drop_database("nope")),
    ("drop a database that has tables", |tx| tx.drop_database("sales")),
    ("drop the default database", |tx| tx.drop_database_cascade("default")),
    ("alter a database that is not there", |tx| {
        tx.alter_database("nope", &PropertyPatch::new().with("a", "b"))
    }),
    ("save over a table", |tx| tx.write(numbers([1])).save_as_table("n").map(drop)),
    ("save into no database", |tx| tx.write(numbers([1])).save_as_table("nope.t").map(drop)),
    ("insert into no table", |tx| tx.write(numbers([1])).insert_into("nope").map(drop)),
    ("append other columns", |tx| {
        let writer = tx.write(people([(1, "x")])).mode(SaveMode::Append);
        writer.save_as_table("n").map(drop)
    }),
    ("append to a view", |tx| {
        tx.write(numbers([1])).mode(SaveMode::Append).save_as_table("v").map(drop)
    }),
    ("append from a source that fails", |tx| {
        let batches = [Ok(numbers([1])), Err("the disk is gone")];
        let source = Source::stream(numbers([]).schema(), batches);
        tx.write(source).mode(SaveMode::Append).save_as_table("n").map(drop)
    }),
    ("save from a source that fails", |tx| {
        let batches = [Ok(numbers([1])), Err("the disk is gone")];
        let source = Source::stream(numbers([]).schema(), batches);
        tx.write(source).save_as_table("new").map(drop)
    }),
    ("replace where, with rows outside", |tx| {
        let writer = tx.write(numbers([100])).mode(SaveMode::Overwrite);
        writer.replace_where(col("n").lt(3_i64)).save_as_table("n").map(drop)
    }),
    ("truncate a view", |tx| tx.truncate("v")),
    ("truncate no table", |tx| tx.truncate("nope")),
    ("create a table that is there", |tx| tx.create_table("n", numbers([]).schema())),
    ("create a table of two columns of one name", |tx| {
        let field = Field::new("a", DataType::Int8, true);
        tx.create_table("new", Schema::new(vec![field.clone(), field.with_name("A")]))
    }),
    ("create a view over a table", |tx| tx.create_view("n", NewView::new("x").or_replace())),
    ("drop a table that is not there", |tx| tx.drop_table("nope")),
    ("rename onto a table", |tx| tx.rename_table("n", "sales.people")),
    ("rename into no database", |tx| tx.rename_table("n", "nope.n")),
    ("alter, of which the second part fails", |tx| {
        let add = SchemaChange::AddColumns(vec![Field::new("x", DataType::Int8, true).into()]);
        let drop = SchemaChange::DropColumns(vec!["nope".to_owned()]);
        tx.alter_table("n", [add, drop])
    }),
    ("widen to a narrower type", |tx| tx.widen_column("n", "n", &DataType::Int8)),
    ("set properties of no table", |tx| {
        tx.set_properties("nope", &PropertyPatch::new().with("a", "b"))
    }),
    ("restore to a version to come", |tx| tx.restore_table("n", 1000)),
    ("restore a table that was not there", |tx| tx.restore_table("n", 1)),
];

#[test]
fn a_change_that_fails_leaves_the_draft_as_it_was() {
    for providing in [false, true] {
        let clean = store();
        let mut expected = clean.begin();
        expected.write(numbers([5])).mode(SaveMode::Append).save_as_table("n").unwrap();
        let expected = seen(&expected);

        let store = store();
        let mut tx = store.begin();
        tx.write(numbers([5])).mode(SaveMode::Append).save_as_table("n").unwrap();
        for (name, change) in FAILURES {
            let error = change(&mut tx).expect_err(name);
            assert_eq!(error.remedy(), Remedy::Change, "{name}: {error}");
            assert!(!error.to_string().is_empty());
            assert_eq!(seen(&tx), expected, "{name} left something behind");
        }
        assert!(!providing || !tx.is_empty());
        let committed = tx.commit().unwrap();
        assert_eq!(committed.commit().unwrap().operations.len(), 1);
        assert_eq!(seen(&store.snapshot()), expected);
    }
}

#[test]
fn what_fails_in_a_database_to_be_provided_does_not_provide_it() {
    let store = StoreBuilder::new().create_missing_databases(true).build();
    store.write(numbers([1])).save_as_table("n").unwrap();
    let failures: [Change; 5] = [
        |tx| {
            let field = Field::new("a", DataType::Int8, true);
            tx.create_table("new.t", Schema::new(vec![field.clone(), field.with_name("A")]))
        },
        |tx| {
            let rows = record_batch!(("a", Int8, [1]), ("A", Int8, [1])).unwrap();
            tx.write(rows).save_as_table("new.t").map(drop)
        },
        |tx| {
            let source = Source::stream(numbers([]).schema(), [Err("the disk is gone")]);
            tx.write(source).save_as_table("new.t").map(drop)
        },
        |tx| tx.write(numbers([1])).partition_by(["nope"]).save_as_table("new.t").map(drop),
        |tx| {
            let field = Field::new("a", DataType::Int8, true);
            let schema = Schema::new(vec![field.clone(), field.with_name("A")]);
            tx.create_view("new.v", NewView::new("x").schema(schema))
        },
    ];
    for change in failures {
        let mut tx = store.begin();
        change(&mut tx).unwrap_err();
        assert!(tx.is_empty());
        assert_eq!(tx.databases().len(), 1);
        assert!(!tx.commit().unwrap().made_version());
    }
    // With nothing wrong, the database and the table are one version.
    let version = store.version();
    store.create_view("new.v", "select 1").unwrap();
    assert_eq!(store.version().0, version.0 + 1);
}

#[test]
fn a_transaction_without_changes_makes_no_version() {
    let store = store();
    let (version, records) = (store.version(), store.history().iter().count());
    let idle: [Change; 8] = [
        |_| Ok(()),
        |tx| {
            assert_eq!(tx.table("n").unwrap().row_count(), 4);
            Ok(())
        },
        |tx| tx.write(numbers([1])).mode(SaveMode::Ignore).save_as_table("n").map(drop),
        |tx| tx.create_table("n", NewTable::new(numbers([]).schema()).if_not_exists()),
        |tx| tx.create_database(NewDatabase::new("sales").if_not_exists()),
        |tx| tx.alter_table("n", []),
        |tx| {
            let before = tx.savepoint();
            tx.drop_table("n")?;
            tx.rollback_to(&before)
        },
        |tx| {
            tx.user("ada").message("nothing").metadata("a", "b").idempotent("app", 1);
            tx.assert("never", |_| Err("it is not run".to_owned()));
            Ok(())
        },
    ];
    for change in idle {
        let mut tx = store.begin();
        change(&mut tx).unwrap();
        assert!(tx.is_empty());
        tx.would_conflict().unwrap();
        let committed = tx.commit().unwrap();
        assert!(!committed.made_version() && committed.commit().is_none());
        assert_eq!((committed.version(), committed.timestamp()), (version, None));
        assert_eq!((store.version(), store.history().iter().count()), (version, records));
    }
    // What had no changes has not been applied: the sequence is free.
    let mut tx = store.begin();
    tx.idempotent("app", 1);
    tx.truncate("n").unwrap();
    assert!(tx.commit().unwrap().made_version());
}

#[test]
fn an_abandoned_transaction_leaves_no_trace() {
    let store = store();
    let (before, version) = (content_of(&store.snapshot()), store.version());
    for ending in ["dropped", "forgotten in an error", "panicked"] {
        let store = store.clone();
        let work = move || -> Result<(), WriteError> {
            let mut tx = store.begin();
            CHANGES.iter().try_for_each(|(_, change)| change(&mut tx))?;
            match ending {
                "dropped" => drop(tx),
                "panicked" => panic!("as intended"),
                _ => tx.drop_table("nope")?,
            }
            Ok(())
        };
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        match (ending, ended) {
            ("dropped", Ok(Ok(()))) | ("panicked", Err(_)) => {}
            (_, Ok(Err(WriteError::Catalog(CatalogError::NoTable { .. })))) => {}
            (ending, other) => panic!("{ending}: {other:?}"),
        }
    }
    assert_eq!((content_of(&store.snapshot()), store.version()), (before, version));
    store.truncate("n").unwrap();
}

#[test]
fn a_transaction_may_be_sent_to_another_thread_and_outlive_its_store_handle() {
    let store = store();
    let mut tx = store.begin();
    tx.truncate("n").unwrap();
    let reader = store.clone();
    drop(store);
    let committed = std::thread::spawn(move || tx.commit().unwrap()).join().unwrap();
    assert_eq!(reader.version(), committed.version());
    assert_eq!(reader.table("n").unwrap().row_count(), 0);
}

#[test]
fn options_of_the_commit_belong_to_the_transaction_and_not_to_one_of_its_saves() {
    let store = store();
    let seen = store.snapshot();
    let mut tx = store.begin();
    let message = |result: Result<annals::Saved, WriteError>| result.unwrap_err().to_string();
    let expected =
        "user, message, metadata, idempotent and based_on belong to the transaction here";
    assert_eq!(message(tx.write(numbers([1])).user("a").save_as_table("x")), expected);
    assert_eq!(message(tx.write(numbers([1])).message("a").save_as_table("x")), expected);
    assert_eq!(message(tx.write(numbers([1])).metadata("a", "b").save_as_table("x")), expected);
    assert_eq!(message(tx.write(numbers([1])).idempotent("a", 1).save_as_table("x")), expected);
    assert_eq!(message(tx.write(numbers([1])).based_on(&seen).save_as_table("x")), expected);
    assert!(tx.is_empty());
}
