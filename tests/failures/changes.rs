//! Changes of the catalog that fail.

use annals::{
    NewDatabase, NewTable, NewView, PropertyPatch, SchemaChange, StoreBuilder, Transaction,
    WriteError,
};
use annals_tests::{numbers, people};
use arrow_schema::{DataType, Field, Schema};

use crate::{Contents, Photograph, assert_failed_with, assert_usable, failure_of, store_of};

struct Case {
    told: &'static str,
    change: fn(&mut Transaction) -> Result<(), WriteError>,
    error: &'static str,
}

const fn case(
    told: &'static str,
    change: fn(&mut Transaction) -> Result<(), WriteError>,
    error: &'static str,
) -> Case {
    Case { told, change, error }
}

fn schema(columns: &[&str]) -> Schema {
    let fields = columns.iter().map(|name| Field::new(*name, DataType::Int64, true));
    Schema::new(fields.collect::<Vec<_>>())
}

fn patch() -> PropertyPatch {
    PropertyPatch::new().with("k", "v")
}

const CASES: [Case; 36] = [
    case("a database that is there", |tx| tx.create_database("s"), "s exists already"),
    case("a database in another case", |tx| tx.create_database("S"), "exists already"),
    case("a database without a name", |tx| tx.create_database(NewDatabase::new("")), "name"),
    case("no database to drop", |tx| tx.drop_database("nodb"), "nodb does not exist"),
    case("a database with tables", |tx| tx.drop_database("s"), " tables; drop them first"),
    case("the database default", |tx| tx.drop_database("default"), "cannot be dropped"),
    case("default with its tables", |tx| tx.drop_database_cascade("default"), "cannot be dropped"),
    case("no database to alter", |tx| tx.alter_database("nodb", &patch()), "does not exist"),
    case("a table that is there", |tx| tx.create_table("t", schema(&["a"])), "exists already"),
    case("a table where a view is", |tx| tx.create_table("v", schema(&["a"])), "the view"),
    case("columns of one name", |tx| tx.create_table("new", schema(&["a", "A"])), "same name"),
    case(
        "columns of one name, in another database",
        |tx| tx.create_table("other.new", schema(&["a", "A"])),
        "",
    ),
    case(
        "a partition column that is not there",
        |tx| tx.create_table("new", NewTable::new(schema(&["a"])).partition_by(["b"])),
        "it has no such column",
    ),
    case(
        "a partition column that is not there, in another database",
        |tx| tx.create_table("other.new", NewTable::new(schema(&["a"])).partition_by(["b"])),
        "",
    ),
    case("a view where a table is", |tx| tx.create_view("t", "x"), "exists already"),
    case(
        "a view that replaces a table",
        |tx| tx.create_view("t", NewView::new("x").or_replace()),
        "is a table, not a view",
    ),
    case(
        "a view with columns of one name, in another database",
        |tx| tx.create_view("other.v", NewView::new("x").schema(schema(&["a", "a"]))),
        "",
    ),
    case("no table to drop", |tx| tx.drop_table("nope"), "does not exist"),
    case("no table to truncate", |tx| tx.truncate("nope"), "does not exist"),
    case("a view to truncate", |tx| tx.truncate("v"), "is a view"),
    case("no table to rename", |tx| tx.rename_table("nope", "new"), "does not exist"),
    case("a name that is taken", |tx| tx.rename_table("t", "s.numbers"), "exists already"),
    case("a database that is not there", |tx| tx.rename_table("t", "nodb.t"), "does not exist"),
    case(
        "a column that is there",
        |tx| tx.add_columns("t", [Field::new("ID", DataType::Int64, true)]),
        "already in the table",
    ),
    case(
        "a column that must not be null",
        |tx| tx.add_columns("t", [Field::new("x", DataType::Int64, false)]),
        "must be nullable",
    ),
    case("no column to rename", |tx| tx.rename_column("t", "nope", "x"), "not in the table"),
    case("a name that a column has", |tx| tx.rename_column("t", "id", "name"), "`name`"),
    case("no column to drop", |tx| tx.drop_columns("t", ["nope"]), "not in the table"),
    case("the last column", |tx| tx.drop_columns("narrow", ["n"]), "last column"),
    case("a partition column", |tx| tx.drop_columns("parted", ["name"]), "partition column"),
    case(
        "a type that is not wider",
        |tx| tx.widen_column("t", "id", &DataType::Int32),
        "cannot be widened",
    ),
    case(
        "alterations of which the last fails",
        |tx| {
            let add = SchemaChange::AddColumns(vec![Field::new("x", DataType::Int64, true).into()]);
            let rename = SchemaChange::RenameColumn { from: "id".into(), to: "key".into() };
            tx.alter_table("t", [add, rename, SchemaChange::DropColumns(vec!["nope".into()])])
        },
        "not in the table",
    ),
    case("no table for properties", |tx| tx.set_properties("nope", &patch()), "does not exist"),
    case("a version that was never made", |tx| tx.restore(999), "v999 does not exist"),
    case("a tag that is not there", |tx| tx.restore_table("t", "nope"), "nope"),
    case("a table that was not there then", |tx| tx.restore_table("t", 0), "did not exist at v0"),
];

fn stores() -> [(&'static str, StoreBuilder); 2] {
    [
        ("", StoreBuilder::new()),
        (" (databases are made)", StoreBuilder::new().create_missing_databases(true)),
    ]
}

#[test]
fn a_change_that_fails_leaves_the_store_as_it_was() {
    for (on, builder) in stores() {
        for case in CASES {
            let store = store_of(builder.clone());
            let told = format!("{}{on}", case.told);
            let before = Photograph::of(&store);

            let failure = failure_of(|| store.transact(|tx| (case.change)(tx)));

            assert_failed_with(&failure, case.error, &told);
            before.assert_as_it_was(&store, &told);
            assert_usable(&store, &told);
        }
    }
}

#[test]
fn a_change_that_fails_leaves_its_transaction_as_it_was() {
    for (on, builder) in stores() {
        for case in CASES {
            let told = format!("{}{on}", case.told);
            let (with_failure, without) = (store_of(builder.clone()), store_of(builder.clone()));
            for (store, fails) in [(&with_failure, true), (&without, false)] {
                let mut tx = store.begin();
                tx.set_properties("t", &PropertyPatch::new().with("owner", "ann")).unwrap();
                tx.write(numbers([1])).save_as_table("s.good").unwrap();
                if fails {
                    let failure = failure_of(|| (case.change)(&mut tx));
                    assert_failed_with(&failure, case.error, &told);
                }
                tx.write(people([(6, "f")]))
                    .mode(annals::SaveMode::Append)
                    .save_as_table("t")
                    .unwrap();
                tx.commit().unwrap();
            }
            assert_eq!(Contents::of(&with_failure), Contents::of(&without), "{told}");
            assert_usable(&with_failure, &told);
        }
    }
}

#[test]
fn a_transaction_of_failed_changes_alone_is_empty() {
    for (on, builder) in stores() {
        let store = store_of(builder);
        let before = Photograph::of(&store);
        let mut tx = store.begin();
        for case in CASES {
            failure_of(|| (case.change)(&mut tx));
            assert!(tx.is_empty(), "{}{on}", case.told);
        }
        assert!(!tx.commit().unwrap().made_version());
        before.assert_as_it_was(&store, on);
    }
}
