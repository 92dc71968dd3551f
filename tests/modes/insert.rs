//! `insert_into`: into a table that exists, by position; an append, or an overwrite of rows only.

use annals::{CastPolicy, SaveMode, Store, record_batch};
use annals_tests::people;

use crate::{done_since, outcome, seen};

struct Case {
    there: &'static str,
    mode: Option<SaveMode>,
    outcome: &'static str,
    seen: &'static str,
    commits: &'static [&'static str],
}

const fn case(
    there: &'static str,
    mode: Option<SaveMode>,
    outcome: &'static str,
    seen: &'static str,
    commits: &'static [&'static str],
) -> Case {
    Case { there, mode, outcome, seen, commits }
}

const ABSENT: &str = "the table default.t does not exist; check the name, or create it first";
const MODE: &str = "insert_into takes mode append or overwrite";
const COUNT: &str = "in the table default.t: the rows have 2 columns and the table has 1; columns \
                     matched by position must agree in number";
const VIEW: &str = "default.t is a view; rows can be written to tables only";

const CASES: [Case; 15] = {
    use SaveMode::{Append, Ignore, Overwrite};
    [
        case("nothing", None, ABSENT, ABSENT, &[]),
        case("nothing", Some(Append), ABSENT, ABSENT, &[]),
        case("nothing", Some(Overwrite), ABSENT, ABSENT, &[]),
        case("the same", None, "Appended 1", "id Int64, name Utf8: 1, a; 3, c", &["append"]),
        case(
            "the same",
            Some(Append),
            "Appended 1",
            "id Int64, name Utf8: 1, a; 3, c",
            &["append"],
        ),
        case(
            "the same",
            Some(Overwrite),
            "Overwritten 1",
            "id Int64, name Utf8: 3, c",
            &["overwrite"],
        ),
        case("the same", Some(Ignore), MODE, "id Int64, name Utf8: 1, a", &[]),
        case("other names", None, "Appended 1", "x Int64, y Utf8: 1, a; 3, c", &["append"]),
        case(
            "other names",
            Some(Overwrite),
            "Overwritten 1",
            "x Int64, y Utf8: 3, c",
            &["overwrite"],
        ),
        case("another number", None, COUNT, "z Int64: 1", &[]),
        case("another number", Some(Overwrite), COUNT, "z Int64: 1", &[]),
        case("a view", None, VIEW, "view SELECT 1", &[]),
        case("a view", Some(Append), VIEW, "view SELECT 1", &[]),
        case("a view", Some(Overwrite), VIEW, "view SELECT 1", &[]),
        case("a view", Some(Ignore), MODE, "view SELECT 1", &[]),
    ]
};

fn store_with(there: &str) -> Store {
    let store = Store::in_memory();
    let rows = match there {
        "nothing" => return store,
        "a view" => {
            store.create_view("t", "SELECT 1").expect("the name is free");
            return store;
        }
        "the same" => people([(1, "a")]),
        "other names" => record_batch!(("x", Int64, [1]), ("y", Utf8, ["a"])).expect("a batch"),
        "another number" => record_batch!(("z", Int64, [1])).expect("a batch"),
        other => unreachable!("{other} is not a case"),
    };
    store.write(rows).save_as_table("t").expect("the name is free");
    store
}

#[test]
fn rows_are_inserted_by_position_into_tables_that_exist() {
    for case in CASES {
        let store = store_with(case.there);
        let before = store.snapshot();
        let writer = store.write(people([(3, "c")]));
        let writer = match case.mode {
            Some(mode) => writer.mode(mode),
            None => writer,
        };
        let result = writer.insert_into("t");
        let told = format!("mode {:?} where there is {}", case.mode, case.there);
        assert_eq!(outcome(&result), case.outcome, "{told}");
        assert_eq!(seen(&store.snapshot(), "t"), case.seen, "{told}");
        assert_eq!(done_since(&store, &before), case.commits, "{told}");
    }
}

#[test]
fn rows_are_inserted_in_a_transaction_as_they_are_outside() {
    for case in CASES {
        let store = store_with(case.there);
        let before = store.snapshot();
        let mut tx = store.begin();
        let writer = tx.write(people([(3, "c")]));
        let writer = match case.mode {
            Some(mode) => writer.mode(mode),
            None => writer,
        };
        let result = writer.insert_into("t");
        let told = format!("mode {:?} where there is {}", case.mode, case.there);
        assert_eq!(outcome(&result), case.outcome, "{told}");
        tx.commit().unwrap();
        assert_eq!(seen(&store.snapshot(), "t"), case.seen, "{told}");
        assert_eq!(done_since(&store, &before), case.commits, "{told}");
    }
}

#[test]
fn an_insert_casts_as_far_as_it_is_told_to() {
    let store = Store::in_memory();
    store.write(record_batch!(("n", Int32, [1])).unwrap()).save_as_table("t").unwrap();
    let wide = record_batch!(("m", Int64, [2])).unwrap();
    let refused = store.write(wide.clone()).insert_into("t").unwrap_err();
    assert!(refused.to_string().contains("the policy lossless refuses"), "{refused}");
    store.write(wide).casts(CastPolicy::Ansi).insert_into("t").unwrap();
    assert_eq!(seen(&store.snapshot(), "t"), "n Int32: 1; 2");
}
