//! Saves that fail, from the name to the last batch.

use std::sync::Arc;

use annals::error::BoxError;
use annals::{
    CastPolicy, Missing, Nullability, SaveMode, Saved, Source, Store, StoreBuilder, WriteError,
    Writer, col, record_batch,
};
use annals_tests::{numbers, people};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StructArray};
use arrow_schema::{DataType, Field, Fields, Schema};

use crate::{Contents, Photograph, assert_failed_with, assert_usable, failure_of, store_of};

/// How a writer is used.
type Save = dyn Fn(Writer<'_>) -> Result<Saved, WriteError>;

/// A save that fails.
struct Case {
    told: String,
    source: Box<dyn Fn() -> Source<'static>>,
    save: Box<Save>,
    /// What its error says.
    error: &'static str,
    /// Whether it fails as well where missing databases are made.
    wherever: bool,
}

fn case(
    told: impl Into<String>,
    source: impl Fn() -> Source<'static> + 'static,
    save: impl Fn(Writer<'_>) -> Result<Saved, WriteError> + 'static,
    error: &'static str,
) -> Case {
    let (source, save) = (Box::new(source), Box::new(save));
    Case { told: told.into(), source, save, error, wherever: true }
}

fn row() -> Source<'static> {
    people([(4, "d")]).into()
}

/// A stream of five batches of people, in the place of one of which comes what `instead` gives.
fn five_but(
    at: usize,
    instead: impl Fn() -> Result<RecordBatch, BoxError> + 'static,
) -> Source<'static> {
    let batches = (0..5).map(move |index| match index {
        index if index == at => instead(),
        index => Ok(people([(100 + index as i64, "x"), (200 + index as i64, "y")])),
    });
    Source::stream(people([]).schema(), batches)
}

fn names() -> Vec<Case> {
    let bad = ["", ".", "t.", ".t", "a.b.c.d", "`t", "other.s.t", "a\0b", "a\nb"];
    let name = |name: &'static str| {
        case(format!("the name {name:?}"), row, move |writer| writer.save_as_table(name), "name")
    };
    let mut cases: Vec<Case> = bad.into_iter().map(name).collect();
    for mode in [SaveMode::ErrorIfExists, SaveMode::Overwrite, SaveMode::Append, SaveMode::Ignore] {
        cases.push(Case {
            wherever: false,
            ..case(
                format!("no such database, in mode {mode}"),
                row,
                move |writer| writer.mode(mode).save_as_table("nodb.t"),
                "the database nodb does not exist",
            )
        });
    }
    cases.push(case(
        "insert_into without a table",
        row,
        |writer| writer.insert_into("nope"),
        "the table default.nope does not exist",
    ));
    cases.push(case(
        "insert_into without a database",
        row,
        |writer| writer.insert_into("nodb.nope"),
        "the database nodb does not exist",
    ));
    cases
}

fn modes_and_options() -> Vec<Case> {
    vec![
        case("the table exists", row, |w| w.save_as_table("t"), "default.t exists already"),
        case("a view exists", row, |w| w.save_as_table("v"), "the view default.v exists already"),
        case(
            "an append to a view",
            row,
            |w| w.mode(SaveMode::Append).save_as_table("v"),
            "is a view",
        ),
        case("an insert into a view", row, |w| w.insert_into("v"), "is a view"),
        case(
            "an insert that overwrites a view",
            row,
            |w| w.mode(SaveMode::Overwrite).insert_into("v"),
            "is a view",
        ),
        case(
            "an overwrite of a part of a view",
            row,
            |w| w.mode(SaveMode::Overwrite).replace_where(col("id").gt(0_i64)).save_as_table("v"),
            "is a view",
        ),
        case(
            "insert_into with mode ignore",
            row,
            |w| w.mode(SaveMode::Ignore).insert_into("t"),
            "takes mode append or overwrite",
        ),
        case(
            "replace_where without overwrite",
            row,
            |w| w.mode(SaveMode::Append).replace_where(col("id").gt(0_i64)).save_as_table("t"),
            "replace_where goes with mode overwrite",
        ),
        case(
            "replace_where with merge_schema",
            row,
            |w| {
                let w = w.mode(SaveMode::Overwrite).merge_schema(true);
                w.replace_where(col("id").gt(0_i64)).save_as_table("t")
            },
            "replace_where keeps the table's schema",
        ),
        case(
            "merge_schema with overwrite_schema",
            row,
            |w| {
                let w = w.mode(SaveMode::Overwrite).merge_schema(true).overwrite_schema(true);
                w.save_as_table("t")
            },
            "exclude each other",
        ),
    ]
}

fn schemas() -> Vec<Case> {
    let extra = || -> Source<'static> {
        record_batch!(("id", Int64, [4]), ("name", Utf8, ["d"]), ("x", Int64, [0]))
            .expect("a batch")
            .into()
    };
    let lacking =
        || -> Source<'static> { record_batch!(("id", Int64, [4])).expect("a batch").into() };
    let text = || -> Source<'static> {
        record_batch!(("id", Utf8, ["x"]), ("name", Utf8, ["d"])).expect("a batch").into()
    };
    let twice = || -> Source<'static> {
        let fields = ["a", "A"].map(|name| Field::new(name, DataType::Int64, true));
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let columns = vec![Arc::clone(&column), column];
        let schema = Arc::new(Schema::new(fields.to_vec()));
        RecordBatch::try_new(schema, columns).expect("a batch").into()
    };
    let append = |w: Writer<'_>| w.mode(SaveMode::Append).save_as_table("t");
    vec![
        case("a column too many", extra, append, "column `x` is not in the table"),
        case("a column too few", lacking, append, "column `name` is not in the rows"),
        case("a text for a number", text, append, "the policy lossless refuses"),
        case(
            "a text for a number, whatever the casts",
            text,
            |w| w.mode(SaveMode::Append).casts(CastPolicy::Ansi).save_as_table("t"),
            "the policy ansi refuses",
        ),
        case(
            "a text for a number, though schemas are merged",
            text,
            |w| w.mode(SaveMode::Append).merge_schema(true).save_as_table("t"),
            "differ",
        ),
        case(
            "an overwrite that keeps a schema that the rows do not fit",
            extra,
            |w| w.mode(SaveMode::Overwrite).overwrite_schema(false).save_as_table("t"),
            "column `x` is not in the table",
        ),
        case(
            "an insert of another number of columns",
            extra,
            |w| w.insert_into("t"),
            "must agree in number",
        ),
        case(
            "missing columns that cannot be null",
            || record_batch!(("x", Int64, [4])).expect("a batch").into(),
            |w| {
                let w = w.mode(SaveMode::Append).merge_schema(true).missing(Missing::FillNull);
                w.save_as_table("strict")
            },
            "declared not null",
        ),
        case("one name twice, created", twice, |w| w.save_as_table("new"), "the same name"),
        case("one name twice, appended", twice, append, "the same name"),
        case(
            "one name twice, overwritten",
            twice,
            |w| w.mode(SaveMode::Overwrite).save_as_table("t"),
            "the same name",
        ),
        case("one name twice, in a new database", twice, |w| w.save_as_table("nodb.t"), ""),
        case(
            "no batch to tell the columns from",
            || Vec::<RecordBatch>::new().into(),
            |w| w.save_as_table("new"),
            "the columns are unknown",
        ),
    ]
}

fn values() -> Vec<Case> {
    let too_large = |good: usize| {
        move || {
            let mut batches = vec![numbers([1, 2, 3]); good];
            batches.push(numbers([4, 3_000_000_000, 5]));
            Source::from(batches)
        }
    };
    let with_null = |good: usize| {
        move || {
            let nulls: ArrayRef = Arc::new(Int64Array::from(vec![Some(4), None]));
            let nulls = RecordBatch::try_from_iter_with_nullable([("n", nulls, true)]);
            let mut batches = vec![numbers([1, 2, 3]); good];
            batches.push(nulls.expect("a batch"));
            let schema = batches[0].schema();
            Source::stream(schema, batches.into_iter().map(Ok::<_, BoxError>))
        }
    };
    let mut cases = Vec::new();
    for good in [0, 3] {
        for mode in [SaveMode::Append, SaveMode::Overwrite] {
            cases.push(case(
                format!("a value too large after {good} good batches, in mode {mode}"),
                too_large(good),
                move |w| {
                    let w = w.mode(mode).casts(CastPolicy::Ansi).overwrite_schema(false);
                    w.save_as_table("narrow")
                },
                "out of the range of Int32",
            ));
            cases.push(case(
                format!("a null after {good} good batches, in mode {mode}"),
                with_null(good),
                move |w| w.mode(mode).overwrite_schema(false).save_as_table("strict"),
                "has a null in column `n`",
            ));
        }
        cases.push(case(
            format!("a null in what is declared as it was written, after {good} good batches"),
            move || {
                let strict = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
                let nulls: ArrayRef = Arc::new(Int64Array::from(vec![Some(4), None]));
                let nulls = RecordBatch::try_from_iter_with_nullable([("n", nulls, true)]);
                let mut batches = vec![numbers([1, 2, 3]); good];
                batches.push(nulls.expect("a batch"));
                Source::new(strict, batches)
            },
            |w| w.nullability(Nullability::AsWritten).save_as_table("new"),
            "null",
        ));
    }
    cases
}

fn partitions() -> Vec<Case> {
    let nested = || -> Source<'static> {
        let fields = Fields::from(vec![Field::new("x", DataType::Int64, true)]);
        let values: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let nested: ArrayRef = Arc::new(StructArray::new(fields, vec![Arc::clone(&values)], None));
        let columns = [("n", values, true), ("nested", nested, true)];
        RecordBatch::try_from_iter_with_nullable(columns).expect("a batch").into()
    };
    vec![
        case(
            "a partition column that is not there, created",
            row,
            |w| w.partition_by(["nope"]).save_as_table("new"),
            "cannot be partitioned by `nope`: it has no such column",
        ),
        case(
            "a partition column that is not there, in a new database",
            row,
            |w| w.partition_by(["nope"]).save_as_table("nodb.new"),
            "",
        ),
        case(
            "a partition column that is not there, overwritten",
            row,
            |w| w.mode(SaveMode::Overwrite).partition_by(["nope"]).save_as_table("t"),
            "it has no such column",
        ),
        case(
            "a partition column twice",
            row,
            |w| w.partition_by(["id", "ID"]).save_as_table("new"),
            "named twice",
        ),
        case(
            "nothing but partition columns",
            row,
            |w| w.partition_by(["id", "name"]).save_as_table("new"),
            "a column must be left",
        ),
        case(
            "a partition column without an order",
            nested,
            |w| w.partition_by(["nested"]).save_as_table("new"),
            "has no order",
        ),
        case(
            "an append with another partitioning",
            row,
            |w| w.mode(SaveMode::Append).partition_by(["id"]).save_as_table("parted"),
            "is partitioned by [name], not by [id]",
        ),
    ]
}

fn replace_where() -> Vec<Case> {
    let replace = |predicate: fn() -> annals::Predicate| {
        move |w: Writer<'_>| {
            w.mode(SaveMode::Overwrite).replace_where(predicate()).save_as_table("t")
        }
    };
    vec![
        case(
            "a row that the predicate does not cover",
            || people([(2, "B"), (1, "A")]).into(),
            replace(|| col("id").gt_eq(2_i64)),
            "1 rows for default.t do not match",
        ),
        case(
            "a null where the predicate needs a value",
            || {
                let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(2), None]));
                let names: ArrayRef = Arc::clone(people([(1, "a"), (2, "b")]).column(1));
                let columns = [("id", ids, true), ("name", names, true)];
                RecordBatch::try_from_iter_with_nullable(columns).expect("a batch").into()
            },
            replace(|| col("id").gt_eq(2_i64)),
            "1 rows for default.t do not match",
        ),
        case(
            "a row outside, in the last of five batches",
            || five_but(4, || Ok(people([(-1, "z")]))),
            replace(|| col("id").gt_eq(0_i64)),
            "1 rows for default.t do not match",
        ),
        case(
            "a row outside of what a table is created for",
            row,
            |w| {
                let w = w.mode(SaveMode::Overwrite).replace_where(col("id").gt(100_i64));
                w.save_as_table("new")
            },
            "1 rows for default.new do not match",
        ),
        case("a predicate on no column", row, replace(|| col("nope").gt(1_i64)), "`nope`"),
        case(
            "a predicate of another type",
            row,
            replace(|| col("name").gt(1_i64)),
            "replace_where",
        ),
        case(
            "rows that do not fit",
            || numbers([1]).into(),
            replace(|| col("id").gt(0_i64)),
            "column `n` is not in the table",
        ),
    ]
}

/// A way to save: what it is called, and the call.
type Way = (&'static str, fn(Writer<'_>) -> Result<Saved, WriteError>);

/// Every way in which a source is read to its end.
const WAYS: [Way; 8] = [
    ("created", |w| w.save_as_table("new")),
    ("created by ignore", |w| w.mode(SaveMode::Ignore).save_as_table("new")),
    ("created with its database", |w| w.save_as_table("made.new")),
    ("created in partitions", |w| w.partition_by(["name"]).save_as_table("new")),
    ("appended", |w| w.mode(SaveMode::Append).save_as_table("t")),
    ("overwritten", |w| w.mode(SaveMode::Overwrite).save_as_table("t")),
    ("inserted", |w| w.insert_into("t")),
    ("overwritten in part", |w| {
        w.mode(SaveMode::Overwrite).replace_where(col("id").gt_eq(2_i64)).save_as_table("t")
    }),
];

fn sources() -> Vec<Case> {
    let mut cases = Vec::new();
    for at in [0, 2, 4] {
        for (way, save) in WAYS {
            let wherever = way != "created with its database";
            let told = |what: &str| format!("batch {at} of 5 {what}, {way}");
            let only_there = |mut case: Case| {
                if !wherever {
                    // Where databases are not made, it fails before the source is read.
                    case.error = "";
                }
                case
            };
            cases.push(only_there(case(
                told("is an error"),
                move || five_but(at, || Err("the disk is gone".into())),
                save,
                "nothing was written: the disk is gone",
            )));
            cases.push(only_there(case(
                told("is a panic"),
                move || five_but(at, || panic!("the source is broken")),
                save,
                "panic: the source is broken",
            )));
            cases.push(only_there(case(
                told("has other columns"),
                move || five_but(at, || Ok(numbers([1]))),
                save,
                "id Int64, name Utf8 were announced",
            )));
        }
    }
    cases.push(case(
        "the second of three batches in memory has other columns",
        || vec![people([(1, "a")]), numbers([1]), people([(2, "b")])].into(),
        |w| w.mode(SaveMode::Append).save_as_table("t"),
        "batch 1 has the columns n Int64",
    ));
    cases.push(case(
        "batches in memory are not of the schema that was given",
        || Source::new(people([]).schema(), [numbers([1])]),
        |w| w.save_as_table("new"),
        "batch 0 has the columns n Int64",
    ));
    cases
}

fn all() -> Vec<Case> {
    let kinds = [
        names(),
        modes_and_options(),
        schemas(),
        values(),
        partitions(),
        replace_where(),
        sources(),
    ];
    kinds.into_iter().flatten().collect()
}

fn stores() -> [(&'static str, StoreBuilder); 2] {
    [
        ("", StoreBuilder::new()),
        (" (databases are made)", StoreBuilder::new().create_missing_databases(true)),
    ]
}

/// The cases that fail on this store: all, except that a missing database is no error on one that
/// makes it.
fn cases_on(told: &str) -> impl Iterator<Item = Case> + use<> {
    let makes = !told.is_empty();
    all().into_iter().filter(move |case| case.wherever || !makes)
}

#[test]
fn a_save_that_fails_leaves_the_store_as_it_was() {
    let mut count = 0;
    for (on, builder) in stores() {
        for case in cases_on(on) {
            let store = store_of(builder.clone());
            let told = format!("{}{on}", case.told);
            let before = Photograph::of(&store);

            let failure = failure_of(|| (case.save)(store.write((case.source)())));

            assert_failed_with(&failure, case.error, &told);
            before.assert_as_it_was(&store, &told);
            assert_usable(&store, &told);
            count += 1;
        }
    }
    assert!(count > 200, "{count} cases");
}

#[test]
fn a_save_that_fails_leaves_its_transaction_as_it_was() {
    for (on, builder) in stores() {
        for case in cases_on(on) {
            let told = format!("{}{on}", case.told);
            let with_failure = store_of(builder.clone());
            let without = store_of(builder.clone());
            for (store, fails) in [(&with_failure, true), (&without, false)] {
                let mut tx = store.begin();
                tx.write(people([(5, "e")])).mode(SaveMode::Append).save_as_table("t").unwrap();
                tx.write(numbers([1])).save_as_table("s.good").unwrap();
                if fails {
                    let before = Photograph::of(store);
                    let failure = failure_of(|| (case.save)(tx.write((case.source)())));
                    assert_failed_with(&failure, case.error, &told);
                    before.assert_as_it_was(store, &told);
                }
                let other = people([(6, "f")]);
                tx.write(other).mode(SaveMode::Append).save_as_table("parted").unwrap();
                tx.commit().unwrap();
            }
            assert_eq!(Contents::of(&with_failure), Contents::of(&without), "{told}");
            assert_usable(&with_failure, &told);
        }
    }
}

/// A failed save is all that a transaction did: committing it makes no version.
#[test]
fn a_transaction_of_failed_saves_alone_is_empty() {
    for (on, builder) in stores() {
        let store = store_of(builder);
        let before = Photograph::of(&store);
        let mut tx = store.begin();
        for case in cases_on(on) {
            failure_of(|| (case.save)(tx.write((case.source)())));
            assert!(tx.is_empty(), "{}{on}", case.told);
        }
        assert!(!tx.commit().unwrap().made_version());
        before.assert_as_it_was(&store, on);
    }
}

/// What failed can be done again, right: nothing of the first try is in the way.
#[test]
fn what_failed_half_way_can_be_saved_again() {
    for (way, save) in WAYS {
        let builder = StoreBuilder::new().create_missing_databases(true);
        let (tried, fresh): (Store, Store) = (store_of(builder.clone()), store_of(builder));
        failure_of(|| save(tried.write(five_but(3, || Err("the disk is gone".into())))));
        for store in [&tried, &fresh] {
            save(store.write(five_but(5, || unreachable!()))).unwrap();
        }
        assert_eq!(Contents::of(&tried), Contents::of(&fresh), "{way}");
    }
}
