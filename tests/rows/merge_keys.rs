//! Keys of all kinds, and what becomes of merges when others commit beside them.

use std::sync::Arc;

use annals::merge::{Condition, literal, source};
use annals::{
    ChunkSize, Compaction, Isolation, SaveMode, Store, StoreBuilder, WriteError, col, record_batch,
};
use annals_tests::{at_once, numbers, numbers_of, people, rows_of};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int16Array, Int64Array, LargeStringArray, RecordBatch, RunArray, StringArray,
    StringViewArray, TimestampMicrosecondArray, UInt8Array,
};

use super::changes::origins_of;

/// A batch of nullable columns called `k0`, `k1` and so on, and one of numbers, `n`.
fn keyed(keys: Vec<ArrayRef>, first: i64) -> RecordBatch {
    let rows = keys[0].len() as i64;
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
    let names = (0..keys.len()).map(|at| format!("k{at}"));
    let columns = names.zip(keys).chain([("n".to_owned(), numbers)]);
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn array(values: impl arrow_array::Array + 'static) -> ArrayRef {
    Arc::new(values)
}

/// Merges into a table of keys 0, 1, 2 (each with its place as `n`) rows of keys 2, 1, 7, and says
/// which numbers are there then.
fn merged(table: &RecordBatch, rows: &RecordBatch) -> Vec<i64> {
    let store = Store::in_memory();
    store.write(table).save_as_table("t").unwrap();
    let keys: Vec<String> = (0..table.num_columns() - 1).map(|at| format!("k{at}")).collect();
    let merge = store.merge("t", rows).on(keys);
    let merge = merge.when_matched_update([("n", source("n"))]);
    let done = merge.when_not_matched_insert_all().execute().unwrap();
    assert_eq!((done.updated, done.inserted), (2, 1), "{:?}", rows.schema());
    let batches = store.table("t").unwrap().scan().columns(["n"]).collect().unwrap();
    let mut numbers: Vec<i64> =
        annals_tests::rows_in(&batches).iter().map(|n| n.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn keys_may_be_of_any_type_that_has_an_order() {
    let texts = ["ann", "bob", "cyd", "a name that is much longer than the others"];
    type Make = fn(&[usize], &[&str; 4]) -> ArrayRef;
    let of: [(&str, Make); 11] = [
        ("int16", |p, _| array(Int16Array::from_iter_values(p.iter().map(|p| *p as i16 - 1)))),
        ("uint8", |p, _| array(UInt8Array::from_iter_values(p.iter().map(|p| *p as u8)))),
        ("float", |p, _| array(Float64Array::from_iter_values(p.iter().map(|p| *p as f64 - 1.5)))),
        ("view", |p, t| array(StringViewArray::from_iter_values(p.iter().map(|p| t[*p])))),
        ("text", |p, t| array(StringArray::from_iter_values(p.iter().map(|p| t[*p])))),
        ("binary", |p, t| array(BinaryArray::from_iter_values(p.iter().map(|p| t[*p])))),
        ("date", |p, _| array(Date32Array::from_iter_values(p.iter().map(|p| *p as i32 - 9)))),
        ("moment", |p, _| {
            let values = p.iter().map(|p| *p as i64 * 1_000_003);
            array(TimestampMicrosecondArray::from_iter_values(values).with_timezone("+00:00"))
        }),
        ("decimal", |p, _| {
            let values = Decimal128Array::from_iter_values(p.iter().map(|p| *p as i128 * 125));
            array(values.with_precision_and_scale(20, 2).unwrap())
        }),
        ("dictionary", |p, t| {
            array(p.iter().map(|p| t[*p]).collect::<DictionaryArray<Int32Type>>())
        }),
        ("runs", |p, t| array(p.iter().map(|p| Some(t[*p])).collect::<RunArray<Int32Type>>())),
    ];
    for (name, make) in of {
        let table = keyed(vec![make(&[0, 1, 2], &texts)], 0);
        let rows = keyed(vec![make(&[2, 1, 3], &texts)], 10);
        assert_eq!(merged(&table, &rows), [0, 10, 11, 12], "{name}");
    }
    // All of them together.
    let all = |places: &[usize]| of.iter().map(|(_, make)| make(places, &texts)).collect();
    assert_eq!(merged(&keyed(all(&[0, 1, 2]), 0), &keyed(all(&[2, 1, 3]), 10)), [0, 10, 11, 12]);
    // Rows that agree in all but one of them do not match.
    for other in 0..of.len() {
        let places = |at| if at == other { [2, 1, 3] } else { [2, 1, 0] };
        let keys = of.iter().enumerate().map(|(at, (_, make))| make(&places(at), &texts));
        let rows = keyed(keys.collect(), 10);
        assert_eq!(merged(&keyed(all(&[0, 1, 2]), 0), &rows), [0, 10, 11, 12], "{other}");
    }
}

#[test]
fn keys_are_brought_into_the_types_of_the_table_or_refused() {
    let table = keyed(
        vec![
            array(Int64Array::from(vec![0, 1, 2])),
            array(LargeStringArray::from(vec!["a", "b", "c"])),
            array(
                Decimal128Array::from(vec![100, 200, 300]).with_precision_and_scale(10, 2).unwrap(),
            ),
        ],
        0,
    );
    let dictionary: DictionaryArray<Int32Type> = ["c", "b", "x"].into_iter().collect();
    let rows = keyed(
        vec![
            array(UInt8Array::from(vec![2, 1, 7])),
            array(dictionary),
            array(UInt8Array::from(vec![3, 2, 9])),
        ],
        10,
    );
    assert_eq!(merged(&table, &rows), [0, 10, 11, 12]);

    let store = Store::in_memory();
    store.write(&table).save_as_table("t").unwrap();
    let refused = |key: ArrayRef| {
        let rows = keyed(vec![key], 0);
        let merge = store.merge("t", &rows).on(["k0"]);
        merge.when_matched_delete().execute().unwrap_err().to_string()
    };
    let error = refused(array(Float64Array::from(vec![1.5])));
    assert!(error.contains("k0") && error.contains("Float64"), "{error}");
    let error = refused(array(StringArray::from(vec!["1"])));
    assert!(error.contains("k0") && error.contains("Utf8"), "{error}");

    let list = record_batch!(("n", Int64, [1])).unwrap();
    let list: ArrayRef = Arc::new(arrow_array::StructArray::from(list));
    let nested = RecordBatch::try_from_iter_with_nullable([("s", list, true)]).unwrap();
    store.write(&nested).save_as_table("nested").unwrap();
    let error = store.merge("nested", &nested).on(["s"]).when_matched_delete().execute();
    let error = error.unwrap_err();
    assert!(matches!(error, WriteError::MergeCondition { .. }), "{error}");
    assert!(error.to_string().starts_with("in the key of a merge into default.nested"), "{error}");
}

#[test]
fn floats_match_as_they_do_in_predicates() {
    let floats = |values: [f64; 4]| keyed(vec![array(Float64Array::from(values.to_vec()))], 0);
    let store = Store::in_memory();
    store.write(floats([0.0, f64::NAN, 1.0, f64::INFINITY])).save_as_table("t").unwrap();
    let merge = store.merge("t", floats([-0.0, f64::NAN, 1.0, 2.0])).on(["k0"]);
    assert_eq!(merge.when_matched_delete().execute().unwrap().deleted, 2);
    assert_eq!(rows_of(&store.table("t").unwrap()), ["0.0, 0", "inf, 3"]);
}

/// Chunks of `0..3`, `10..13` and `20..23`.
fn store_of_chunks() -> Store {
    let size = ChunkSize { rows_min: 3, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    for n in [0, 10, 20] {
        store.write(numbers(n..n + 3)).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    store
}

fn upsert(tx: &mut annals::Transaction, rows: RecordBatch) -> annals::Changed {
    let merge = tx.merge("t", rows).on(["n"]);
    merge.when_matched_update_all().when_not_matched_insert_all().execute().unwrap()
}

fn sorted(store: &Store) -> Vec<i64> {
    let mut numbers = numbers_of(&store.table("t").unwrap());
    numbers.sort_unstable();
    numbers
}

#[test]
fn merges_of_other_keys_and_chunks_both_stand() {
    let store = store_of_chunks();
    let (mut one, mut other) = (store.begin(), store.begin());
    upsert(&mut one, numbers([1, 5]));
    upsert(&mut other, numbers([11, 15]));
    one.commit().unwrap();
    other.commit().unwrap();
    assert_eq!(sorted(&store), [0, 1, 2, 5, 10, 11, 12, 15, 20, 21, 22]);

    // A few keys are told one by one, so what comes between them does not matter.
    let mut tx = store.begin();
    upsert(&mut tx, numbers([30, 90]));
    store.write(numbers([50, 60, 70])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.commit().unwrap();

    // Many keys are told by their bounds, and rows that are outside of them do not matter.
    let (mut one, mut other) = (store.begin(), store.begin());
    upsert(&mut one, numbers(1000..1200));
    upsert(&mut other, numbers(2000..2200));
    one.commit().unwrap();
    other.commit().unwrap();
    assert_eq!(store.table("t").unwrap().row_count(), 416);
}

#[test]
fn of_two_merges_that_insert_one_key_the_second_is_refused() {
    for keys in [1, 300] {
        let store = store_of_chunks();
        let (mut one, mut other) = (store.begin(), store.begin());
        upsert(&mut one, numbers([104]));
        upsert(&mut other, numbers(104..104 + keys));
        one.commit().unwrap();
        let error = other.commit().unwrap_err();
        assert!(error.conflict().unwrap().is_retryable());
        assert!(error.to_string().contains("a merge does not go with"), "{error}");

        // Somebody's plain append of the key is as bad.
        let mut late = store.begin();
        upsert(&mut late, numbers(204..204 + keys));
        store.write(numbers([204])).mode(SaveMode::Append).save_as_table("t").unwrap();
        assert!(late.commit().unwrap_err().conflict().unwrap().is_retryable());
    }
}

#[test]
fn a_merge_that_inserts_nothing_or_by_a_condition_knows_what_stands_in_its_way() {
    // What is there already may be brought again by others: they come after it.
    let store = store_of_chunks();
    let mut tx = store.begin();
    assert_eq!(upsert(&mut tx, numbers([1])).updated, 1);
    store.write(numbers([1])).mode(SaveMode::Append).save_as_table("t").unwrap();
    tx.commit().unwrap();
    assert_eq!(sorted(&store), [0, 1, 1, 2, 10, 11, 12, 20, 21, 22]);

    // Without keys to go by, whatever comes may match.
    let mut tx = store.begin();
    let never =
        |pairs: &annals::merge::Pairs| Ok(BooleanArray::from(vec![false; pairs.target.num_rows()]));
    let merge = tx.merge("t", numbers([77])).and_on(never);
    merge.when_not_matched_insert_all().execute().unwrap();
    store.write(numbers([500])).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert!(tx.commit().unwrap_err().conflict().unwrap().is_retryable());

    // Nor do keys that are no numbers have bounds.
    let floats = |values: &[f64]| keyed(vec![array(Float64Array::from(values.to_vec()))], 0);
    store.write(floats(&[1.0])).save_as_table("f").unwrap();
    let mut tx = store.begin();
    let merge = tx.merge("f", floats(&[f64::NAN])).on(["k0"]);
    merge.when_not_matched_insert_all().execute().unwrap();
    store.write(floats(&[5.0])).mode(SaveMode::Append).save_as_table("f").unwrap();
    assert!(tx.commit().unwrap_err().conflict().unwrap().is_retryable());

    // What has a null for a key has no equal, now or later.
    let null = keyed(vec![array(Int64Array::from(vec![None]))], 0);
    store.write(keyed(vec![array(Int64Array::from(vec![1]))], 0)).save_as_table("n").unwrap();
    let mut late = store.begin();
    let merge = late.merge("n", &null).on(["k0"]);
    assert_eq!(merge.when_not_matched_insert_all().execute().unwrap().inserted, 1);
    store.write(&null).mode(SaveMode::Append).save_as_table("n").unwrap();
    late.commit().unwrap();
    assert_eq!(store.table("n").unwrap().row_count(), 3);
}

#[test]
fn a_merge_finds_its_rows_again_after_a_compaction() {
    let store = store_of_chunks();
    let before = origins_of(&store);
    let mut tx = store.begin();
    let merge = tx.merge("t", numbers([1, 12, 22, 40])).on(["n"]);
    let delete = merge.when_matched_delete_if(Condition::source(col("n").eq(12)));
    delete.when_matched_update_all().when_not_matched_insert_all().execute().unwrap();
    let size = ChunkSize { rows_min: 1_000, ..ChunkSize::default() };
    store.compact_with("t", &Compaction::new().chunk_size(size)).unwrap();
    tx.commit().unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [0, 2, 10, 11, 20, 21, 1, 22, 40]);
    let mut ids: Vec<u64> = origins_of(&store).into_iter().map(|(id, ..)| id).collect();
    ids.sort_unstable();
    let mut expected: Vec<u64> = before.into_iter().map(|(id, ..)| id).collect();
    expected.retain(|id| *id != 5);
    expected.push(9);
    assert_eq!(ids, expected);
}

#[test]
fn a_serializable_merge_has_read_the_rows_of_its_keys() {
    let delete = |tx: &mut annals::Transaction, by_source: bool| {
        let merge = tx.merge("t", numbers([1, 2])).on(["n"]).when_matched_delete();
        match by_source {
            true => merge.when_not_matched_by_source_update_if(
                Condition::target(col("n").eq(22)),
                [("n", literal(23))],
            ),
            false => merge,
        }
        .execute()
        .unwrap();
    };
    for (by_source, appended, stands) in [(false, 500, true), (false, 2, false), (true, 500, false)]
    {
        let store = store_of_chunks();
        let mut tx = store.begin();
        tx.isolation(Isolation::Serializable);
        delete(&mut tx, by_source);
        store.write(numbers([appended])).mode(SaveMode::Append).save_as_table("t").unwrap();
        assert_eq!(tx.commit().is_ok(), stands, "{by_source} {appended}");
    }
}

#[test]
fn many_threads_that_merge_one_new_key_make_one_row() {
    let size = ChunkSize { rows_min: 1, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).retries_max(1_000).build();
    store.write(people([(-1, "first")])).save_as_table("t").unwrap();
    let (threads, keys) = (4, 12);
    let done = at_once(threads, |thread| {
        let (mut inserted, mut updated) = (0, 0);
        for key in 0..keys {
            let own = 1_000 + (thread * keys + key) as i64;
            let rows = people([(key as i64, "common"), (own, "own")]);
            let merge = store.merge("t", rows).on(["id"]);
            let done =
                merge.when_matched_update_all().when_not_matched_insert_all().execute().unwrap();
            inserted += done.inserted;
            updated += done.updated;
        }
        (inserted, updated)
    });
    let inserted: u64 = done.iter().map(|(inserted, _)| inserted).sum();
    let updated: u64 = done.iter().map(|(_, updated)| updated).sum();
    assert_eq!(inserted as usize, keys + threads * keys);
    assert_eq!(updated as usize, (threads - 1) * keys);
    let mut ids = numbers_of(&store.table("t").unwrap());
    ids.sort_unstable();
    let own = (0..threads * keys).map(|n| 1_000 + n as i64);
    let all: Vec<i64> = [-1].into_iter().chain(0..keys as i64).chain(own).collect();
    assert_eq!(ids, all);
}
