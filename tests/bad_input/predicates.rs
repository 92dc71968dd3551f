//! Predicates that do not go with a table, or with anything.

use annals::{Predicate, ReadError, SaveMode, WriteError, col};
use annals_tests::numbers;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;
use expect_test::{Expect, expect};
use std::sync::Arc;

use crate::{refused, store, unreadable};

fn says(predicate: impl Into<Predicate>, expected: &Expect) {
    let predicate = predicate.into();
    let store = store();
    let table = store.table("d.people").unwrap();
    let told = unreadable(table.scan().filter(predicate.clone()).batches());
    expected.assert_eq(&told);
    assert!(matches!(
        table.scan().filter(predicate.clone()).count(),
        Err(ReadError::Predicate { .. })
    ));
    // To replace a part is refused for the same reason.
    let told_by_write = refused(&store, |store| {
        let rows = annals_tests::people([]);
        let writer = store.write(rows).mode(SaveMode::Overwrite).replace_where(predicate.clone());
        writer.save_as_table("d.people")
    });
    let reason = told.strip_prefix("d.people: ").unwrap();
    assert_eq!(told_by_write, format!("in replace_where on d.people: {reason}"));
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_like_it() {
    says(col("nmae").eq("x"), &expect!["d.people: no column `nmae`; did you mean `name`?"]);
    says(col("zzz").is_null(), &expect!["d.people: no column `zzz`; there are `id`, `name`"]);
    says(col("id").eq(col("nope")), &expect!["d.people: no column `nope`; did you mean `name`?"]);
    says(
        col("d.people.id").eq(1),
        &expect!["d.people: no column `d.people.id`; there are `id`, `name`"],
    );
    says(col("").eq(1), &expect!["d.people: no column ``; there are `id`, `name`"]);
    says(
        col("x".repeat(64 * 1024)).eq(1),
        &expect![[r#"
            d.people: no column `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`; there are `id`, `name`"#]],
    );
}

#[test]
fn types_that_cannot_be_compared_are_named() {
    says(
        col("id").eq("one"),
        &expect![[r#"
            d.people: cannot compare column `id` of type Int64 with 'one' of type Utf8; cast one of them"#]],
    );
    says(
        col("name").lt(5_i64),
        &expect![[r#"
            d.people: cannot compare column `name` of type Utf8 with 5 of type Int64; cast one of them"#]],
    );
    says(
        col("name").eq(col("id")),
        &expect![[r#"
            d.people: cannot compare column `name` of type Utf8 with id of type Int64; cast one of them"#]],
    );
    says(
        col("id").is_in(["a"]),
        &expect![[r#"
            d.people: cannot compare column `id` of type Int64 with 'a' of type Utf8; cast one of them"#]],
    );
    says(
        col("id").eq(true),
        &expect![[r#"
            d.people: cannot compare column `id` of type Int64 with TRUE of type Boolean; cast one of them"#]],
    );
    says(
        col("name").eq("x".repeat(64 * 1024)).and(col("id").eq("y".repeat(64 * 1024))),
        &expect![[r#"
            d.people: cannot compare column `id` of type Int64 with 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'… 65472 more of type Utf8; cast one of them"#]],
    );
}

#[test]
fn a_predicate_that_is_too_deep_is_refused_however_it_was_built() {
    // An alternation of and and or cannot be flattened.
    let mut deep = col("id").eq(1_i64);
    for n in 0..1_000_i64 {
        let next = col("id").ne(n);
        deep = if n % 2 == 0 { deep.and(next) } else { deep.or(next) };
    }
    says(
        deep.clone(),
        &expect![[r#"
            d.people: the predicate is nested deeper than 128 levels; join its parts by fewer alternations of and, or and not"#]],
    );
    // And stays so, whatever is made of it.
    says(
        deep.clone().not(),
        &expect![[r#"
            d.people: the predicate is nested deeper than 128 levels; join its parts by fewer alternations of and, or and not"#]],
    );
    says(
        Predicate::literal(false).and(deep.clone()),
        &expect![[r#"
            d.people: the predicate is nested deeper than 128 levels; join its parts by fewer alternations of and, or and not"#]],
    );
    says(
        Predicate::literal(true).or(deep.or(col("id").is_null())),
        &expect![[r#"
            d.people: the predicate is nested deeper than 128 levels; join its parts by fewer alternations of and, or and not"#]],
    );
    // Very deep is refused without an end to the stack.
    let mut deeper = col("id").eq(1_i64);
    for n in 0..1_000_000_i64 {
        deeper = if n % 2 == 0 { deeper.and(col("id").ne(n)) } else { deeper.or(col("id").ne(n)) };
    }
    says(
        deeper,
        &expect![[r#"
            d.people: the predicate is nested deeper than 128 levels; join its parts by fewer alternations of and, or and not"#]],
    );
}

#[test]
fn a_predicate_that_is_only_long_is_taken() {
    let store = store();
    let table = store.table("t").unwrap();
    let any = (0..20_000_i64).fold(Predicate::literal(false), |all, n| all.or(col("n").eq(n)));
    assert_eq!(table.scan().filter(any).count().unwrap(), 4);
    let all = (100..20_000_i64).fold(Predicate::literal(true), |all, n| all.and(col("n").ne(n)));
    assert_eq!(table.scan().filter(all).count().unwrap(), 4);
    let not = (0..20_001).fold(col("n").lt(3_i64), |predicate, _| predicate.not());
    assert_eq!(table.scan().filter(not).count().unwrap(), 2);
    assert_eq!(table.scan().filter(col("n").is_in(0..100_000_i64)).count().unwrap(), 4);
    // What the history says of it is short.
    let long = (0..20_000_i64).fold(Predicate::literal(false), |all, n| all.or(col("n").eq(n)));
    let writer = store.write(numbers([1])).mode(SaveMode::Overwrite).replace_where(long);
    writer.save_as_table("t").unwrap();
    let kind = store.snapshot().commit().unwrap().operations[0].kind.to_string();
    assert!(kind.len() < 1_000, "{}", kind.len());
}

#[test]
fn a_column_without_an_order_can_only_be_tested_for_null() {
    let store = annals::Store::in_memory();
    let list = DataType::List(arrow_schema::Field::new("item", DataType::Int64, true).into());
    let rows = RecordBatch::try_from_iter_with_nullable([
        ("l", arrow_array::new_null_array(&list, 2), true),
        ("n", Arc::clone(numbers([1, 2]).column(0)), true),
    ]);
    store.write(rows.unwrap()).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    let error = table.scan().filter(col("l").eq(1)).batches().unwrap_err();
    expect![[r#"
        default.t: column `l` of type List(Int64) has no order; it can only be tested for null"#]]
    .assert_eq(&error.to_string());
    assert!(table.scan().filter(col("l").lt(col("l"))).batches().is_err());
    assert!(table.scan().filter(col("n").eq(col("l"))).batches().is_err());
    assert_eq!(table.scan().filter(col("l").is_null()).count().unwrap(), 2);
}

#[test]
fn moments_with_and_without_a_time_zone_are_not_guessed_at() {
    let moment = |zone: Option<&str>| {
        let kind = DataType::Timestamp(arrow_schema::TimeUnit::Second, zone.map(Into::into));
        let numbers: ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![0]));
        arrow_cast::cast(&numbers, &kind).unwrap()
    };
    let store = annals::Store::in_memory();
    let rows = RecordBatch::try_from_iter_with_nullable([("at", moment(Some("+00:00")), true)]);
    store.write(rows.unwrap()).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    let literal = |zone| annals::Literal::from_array(moment(zone)).unwrap();
    let error = table.scan().filter(col("at").eq(literal(None))).batches().unwrap_err();
    expect![[r#"default.t: cannot compare column `at` of type Timestamp(s, "+00:00") with Timestamp(s) '1970-01-01T00:00:00' of type Timestamp(s); give both a time zone, or neither"#]].assert_eq(&error.to_string());
    // Two zones agree on moments.
    assert_eq!(table.scan().filter(col("at").eq(literal(Some("+02:00")))).count().unwrap(), 1);
}

#[test]
fn columns_of_very_long_names_make_no_long_messages() {
    let long = |letter: &str| letter.repeat(10_000);
    let store = annals::Store::in_memory();
    let rows = RecordBatch::try_from_iter_with_nullable([
        (long("a"), Arc::clone(numbers([1]).column(0)), true),
        (long("b"), Arc::clone(numbers([1]).column(0)), true),
    ]);
    store.write(rows.unwrap()).save_as_table("t").unwrap();
    let table = store.table("t").unwrap();
    for predicate in [
        col("nope").eq(1),
        col(long("a") + "a").eq(1),
        col(long("a")).eq("text"),
        col(long("a")).eq(long("c")),
        col(long("a")).is_in([long("c")]),
    ] {
        unreadable(table.scan().filter(predicate).batches());
    }
    unreadable(table.scan().columns([long("c")]).batches());
    unreadable(table.column_summary(&long("c")));
    for write in [
        (|store: &annals::Store, name: &str| store.drop_columns("t", [name])) as fn(&_, &str) -> _,
        |store, name| store.rename_column("t", name, "x"),
        |store, name| store.widen_column("t", name, &DataType::Int64),
        |store, name| store.rename_column("t", &"a".repeat(10_000), &format!("{}B", &name[1..])),
    ] {
        if let Err(error) = write(&store, &long("b").to_uppercase().replace('B', "c")) {
            assert!(error.to_string().len() < 1_000, "{}", error.to_string().len());
        }
    }
}

#[test]
fn two_columns_that_differ_in_case_cannot_be() {
    // A table refuses them, so that no predicate is ever in doubt.
    let store = store();
    let twins = annals::record_batch!(("a", Int64, [1]), ("A", Int64, [1])).unwrap();
    let result = store.write(twins).save_as_table("twins");
    assert!(matches!(result, Err(WriteError::Catalog(_))));
    assert_eq!(store.table("t").unwrap().scan().filter(col("N").eq(1_i64)).count().unwrap(), 1);
}
