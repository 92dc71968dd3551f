//! Schemas that grow: each round reads the schema, writes another, and reads that, all at once.

use std::sync::Arc;

use annals::{Missing, SaveMode, SaveOutcome, Store, Table, record_batch};
use annals_tests::{at_once, columns_of, people, rows_of};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, new_null_array};
use arrow_schema::{DataType, Field, Schema};

use crate::on_both_stores;

/// What a pipeline does before it overwrites: columns that `table` has and `rows` lacks are added
/// to the rows as nulls.
fn padded_to(table: &Table, rows: &RecordBatch) -> RecordBatch {
    let mut fields = rows.schema().fields().to_vec();
    let mut columns = rows.columns().to_vec();
    for field in table.schema().fields() {
        if rows.schema().column_with_name(field.name()).is_none() {
            fields.push(Arc::clone(field));
            columns.push(new_null_array(field.data_type(), rows.num_rows()));
        }
    }
    let schema = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns).expect("every column has as many rows")
}

/// The rows of `table`, read back, with one more column of numbers.
fn widened_by(table: &Table, column: &str) -> RecordBatch {
    let batches = table.read().expect("it can be read");
    let [batch] = batches.as_slice() else { panic!("one chunk, not {}", batches.len()) };
    let mut fields = batch.schema().fields().to_vec();
    let mut columns = batch.columns().to_vec();
    fields.push(Arc::new(Field::new(column, DataType::Int64, true)));
    let rows = i64::try_from(batch.num_rows()).expect("few rows");
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    columns.push(values);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("they belong together")
}

#[test]
fn a_schema_can_be_read_padded_with_nulls_and_overwritten() {
    on_both_stores(&["s"], |store| {
        store.write(people([(1, "Alice")])).save_as_table("s.events").unwrap();

        let existing = store.table("s.events").unwrap();
        let rows = record_batch!(("id", Int64, [2, 3]), ("age", Int64, [25, 30])).unwrap();
        let rows = padded_to(&existing, &rows);
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("s.events").unwrap();

        let now = store.table("s.events").unwrap();
        assert_eq!(columns_of(&now), "id Int64, age Int64, name Utf8");
        assert_eq!(rows_of(&now), ["2, 25, null", "3, 30, null"]);
        assert_eq!(columns_of(&existing), "id Int64, name Utf8");
        assert_eq!(rows_of(&existing), ["1, Alice"]);
    });
}

#[test]
fn a_table_can_gain_a_column_many_rounds_in_a_row() {
    on_both_stores(&["s"], |store| {
        store.write(people([(1, "Alice"), (2, "Bob")])).save_as_table("s.t").unwrap();
        let mut columns = "id Int64, name Utf8".to_owned();
        for round in 0..30 {
            let table = store.table("s.t").unwrap();
            let column = format!("c{round}");
            let rows = widened_by(&table, &column);
            store.write(rows).mode(SaveMode::Overwrite).save_as_table("s.t").unwrap();

            columns.push_str(&format!(", {column} Int64"));
            let now = store.table("s.t").unwrap();
            assert_eq!(columns_of(&now), columns);
            assert_eq!(now.row_count(), 2);
            assert_eq!(now.id(), table.id(), "it is the same table all along");
        }
        let now = rows_of(&store.table("s.t").unwrap());
        assert_eq!(now[1], format!("2, Bob{}", ", 1".repeat(30)));
    });
}

#[test]
fn an_append_that_merges_schemas_shows_the_new_columns_at_once() {
    on_both_stores(&["s"], |store| {
        store.write(people([(1, "Alice")])).save_as_table("s.t").unwrap();
        let merge = |rows: RecordBatch| {
            let saved = store.write(rows).mode(SaveMode::Append).merge_schema(true);
            let saved = saved.save_as_table("s.t").unwrap();
            assert_eq!(saved.outcome(), SaveOutcome::Appended);
            store.table("s.t").unwrap()
        };

        let aged = record_batch!(("id", Int64, [2]), ("name", Utf8, ["Bob"]), ("age", Int64, [25]));
        let now = merge(aged.unwrap());
        assert_eq!(columns_of(&now), "id Int64, name Utf8, age Int64");
        assert_eq!(rows_of(&now), ["1, Alice, null", "2, Bob, 25"]);

        let lacking = record_batch!(("city", Utf8, ["Oslo"]), ("ID", Int64, [3])).unwrap();
        let now = merge(lacking);
        assert_eq!(columns_of(&now), "id Int64, name Utf8, age Int64, city Utf8");
        assert_eq!(
            rows_of(&now),
            ["1, Alice, null, null", "2, Bob, 25, null", "3, null, null, Oslo"]
        );

        let wider = record_batch!(("id", Int64, [4]), ("age", Float64, [0.5])).unwrap();
        let error = store.write(wider).mode(SaveMode::Append).merge_schema(true);
        let error = error.save_as_table("s.t").unwrap_err();
        assert!(error.to_string().contains("`age`"), "no type holds both: {error}");
        assert_eq!(store.table("s.t").unwrap().version(), now.version());
    });
}

#[test]
fn an_append_that_merges_schemas_widens_a_column_at_once() {
    let store = Store::in_memory();
    store.write(record_batch!(("n", Int32, [1])).unwrap()).save_as_table("t").unwrap();
    let wide = record_batch!(("n", Int64, [3_000_000_000_i64])).unwrap();

    let refused = store.write(wide.clone()).mode(SaveMode::Append).save_as_table("t").unwrap_err();
    assert!(refused.to_string().contains("`n`"), "{refused}");

    store.write(wide).mode(SaveMode::Append).merge_schema(true).save_as_table("t").unwrap();
    let now = store.table("t").unwrap();
    assert_eq!(columns_of(&now), "n Int64");
    assert_eq!(rows_of(&now), ["1", "3000000000"]);
}

#[test]
fn an_overwrite_that_merges_schemas_keeps_the_columns_that_it_lacks() {
    let store = Store::in_memory();
    store.write(people([(1, "Alice")])).save_as_table("t").unwrap();
    let aged = record_batch!(("id", Int64, [2]), ("age", Int64, [25])).unwrap();
    store.write(aged).mode(SaveMode::Overwrite).merge_schema(true).save_as_table("t").unwrap();
    let now = store.table("t").unwrap();
    assert_eq!(columns_of(&now), "id Int64, name Utf8, age Int64");
    assert_eq!(rows_of(&now), ["2, null, 25"]);
}

#[test]
fn an_append_may_leave_out_columns_if_asked_to() {
    let store = Store::in_memory();
    store.write(people([(1, "Alice")])).save_as_table("t").unwrap();
    let lacking = record_batch!(("id", Int64, [2])).unwrap();
    let refused = store.write(lacking.clone()).mode(SaveMode::Append).save_as_table("t");
    assert!(refused.unwrap_err().to_string().contains("`name` is not in the rows"));

    let append = store.write(lacking).mode(SaveMode::Append).missing(Missing::FillNull);
    append.save_as_table("t").unwrap();
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1, Alice", "2, null"]);
}

#[test]
fn alterations_are_seen_at_once_and_rows_written_before_follow() {
    let store = Store::in_memory();
    store.write(people([(1, "Alice")])).save_as_table("t").unwrap();
    let columns = || columns_of(&store.table("t").unwrap());

    store.add_columns("t", [Field::new("age", DataType::Int32, true)]).unwrap();
    assert_eq!(columns(), "id Int64, name Utf8, age Int32");
    store.rename_column("t", "name", "first").unwrap();
    assert_eq!(columns(), "id Int64, first Utf8, age Int32");
    store.widen_column("t", "age", &DataType::Int64).unwrap();
    assert_eq!(columns(), "id Int64, first Utf8, age Int64");
    let full = record_batch!(("id", Int64, [2]), ("first", Utf8, ["Bob"]), ("age", Int64, [25]));
    store.write(full.unwrap()).mode(SaveMode::Append).save_as_table("t").unwrap();
    assert_eq!(rows_of(&store.table("t").unwrap()), ["1, Alice, null", "2, Bob, 25"]);
    store.drop_columns("t", ["id"]).unwrap();
    assert_eq!(columns(), "first Utf8, age Int64");
    assert_eq!(rows_of(&store.table("t").unwrap()), ["Alice, null", "Bob, 25"]);
}

/// Eight threads give one table a column each, by appends that merge: no column and no row is
/// lost, and each finds its own column as soon as its append returns.
#[test]
fn schemas_merged_by_many_at_once_lose_no_column() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 5;
    let store = Store::in_memory();
    store.write(people([(-1, "first")])).save_as_table("t").unwrap();
    at_once(THREADS, |thread| {
        for round in 0..ROUNDS {
            let column = format!("c{thread}_{round}");
            let id = (thread * ROUNDS + round) as i64;
            let (ids, values): (ArrayRef, ArrayRef) =
                (Arc::new(Int64Array::from(vec![id])), Arc::new(Int64Array::from(vec![id])));
            let rows = [("id", ids, true), (column.as_str(), values, true)];
            let rows = RecordBatch::try_from_iter_with_nullable(rows).unwrap();
            let append = store.write(rows).mode(SaveMode::Append).merge_schema(true);
            append.save_as_table("t").unwrap();
            let now = store.table("t").unwrap();
            assert!(now.schema().column_with_name(&column).is_some(), "{column} is not there");
        }
    });
    let table = store.table("t").unwrap();
    assert_eq!(table.schema().fields().len(), 2 + THREADS * ROUNDS);
    assert_eq!(table.row_count() as usize, 1 + THREADS * ROUNDS);
    for thread in 0..THREADS {
        for round in 0..ROUNDS {
            let (id, column) = (thread * ROUNDS + round, format!("c{thread}_{round}"));
            let batches = table.scan().columns(["id", column.as_str()]).collect().unwrap();
            let mut holders = Vec::new();
            for batch in batches {
                let column = |index: usize| -> Int64Array {
                    batch.column(index).as_any().downcast_ref::<Int64Array>().unwrap().clone()
                };
                let (ids, values) = (column(0), column(1));
                let valid = (0..batch.num_rows()).filter(|row| values.is_valid(*row));
                holders.extend(valid.map(|row| (ids.value(row), values.value(row))));
            }
            assert_eq!(holders, [(id as i64, id as i64)], "{column} belongs to one row");
        }
    }
}
