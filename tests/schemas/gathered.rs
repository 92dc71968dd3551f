//! Rows that are gathered batch by batch: what is written of them is what a stream of the same
//! batches would have written, and they are not kept beside what they were made into.

use std::sync::Arc;

use annals::{CastPolicy, ChunkSize, Matching, SaveMode, Source, Store, StoreBuilder, WriteError};
use annals_tests::{Chance, numbers, numbers_of, people, rows_in};
use arrow_array::cast::AsArray;
use arrow_array::{Int32Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field};

use crate::{batch, schema};

/// The batches of `t`, and its columns.
fn kept(store: &Store) -> (Vec<RecordBatch>, String) {
    let table = store.table("t").unwrap();
    (table.read().unwrap(), format!("{:?} {:?}", table.schema(), table.partition_columns()))
}

fn small() -> Store {
    let bounds = ChunkSize { rows_min: 10, rows_max: 25, ..ChunkSize::default() };
    StoreBuilder::new().chunk_size(bounds).build()
}

#[test]
fn what_is_written_is_what_a_stream_would_have_written() {
    let mut chance = Chance::new();
    for _ in 0..200 {
        let batches: Vec<RecordBatch> = (0..chance.below(6))
            .map(|_| {
                let rows = 0..chance.below(40) as i64;
                people(rows.map(|n| (n, ["x", "y", "z"][n as usize % 3])))
            })
            .collect();
        let by: &[&str] = [&[][..], &["name"]][chance.below(2)];
        let divided: &[&str] = [by, &[], &["id"], &["nothing"]][chance.below(4)];
        let columns = people([]).schema();
        let (streamed, gathered) = (small(), small());
        let mut gathering = gathered.gather(Arc::clone(&columns)).partition_by(divided);
        batches.iter().for_each(|batch| gathering.push(batch.clone()).unwrap());
        let rows = gathering.finish().unwrap();
        assert_eq!(rows.rows(), batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>());
        gathered.write(&rows).partition_by(by.iter().copied()).save_as_table("t").unwrap();
        let stream = batches.iter().cloned().map(Ok::<_, WriteError>);
        let stream = Source::stream(columns, stream);
        streamed.write(stream).partition_by(by.iter().copied()).save_as_table("t").unwrap();
        let ((ours, our_columns), (theirs, columns)) = (kept(&gathered), kept(&streamed));
        assert_eq!(our_columns, columns);
        let sorted = |batches: &[RecordBatch]| {
            let mut rows = rows_in(batches);
            rows.sort();
            rows
        };
        if divided == by {
            assert_eq!(ours, theirs);
        } else {
            assert_eq!(sorted(&ours), sorted(&theirs));
            assert!(ours.iter().all(|batch| batch.num_rows() <= 25));
            for batch in ours.iter().filter(|_| !by.is_empty()) {
                let names = batch.column(1).as_string::<i32>();
                assert!(names.iter().all(|name| name == names.iter().next().flatten()));
            }
        }
        // The same rows again, in another way: converted, and by place.
        let wide = batch(&[("n", DataType::Float64, &["1"]), ("s", DataType::Utf8, &["-"])]);
        for (store, rows) in [(&gathered, Source::from(rows)), (&streamed, batches.into())] {
            if store.table("t").unwrap().row_count() == 0 {
                continue;
            }
            store.write(wide.clone()).save_as_table("wide").unwrap();
            let writer = store.write(rows).mode(SaveMode::Append).casts(CastPolicy::Ansi);
            writer.matching(Matching::ByPosition).save_as_table("wide").unwrap();
        }
        if streamed.snapshot().table_exists("wide").unwrap() {
            let both = [&gathered, &streamed].map(|store| store.table("wide").unwrap());
            let [ours, theirs] = both.map(|table| sorted(&table.read().unwrap()));
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn rows_are_not_kept_beside_the_chunks_that_they_were_copied_into() {
    let store = small();
    let mut buffers: Vec<Buffer> = Vec::new();
    let live = |buffers: &[Buffer]| buffers.iter().filter(|b| b.strong_count() > 1).count();
    let mut gathering = store.gather(numbers([]).schema());
    for n in 0..1_000 {
        let rows = numbers([n, n]);
        buffers.push(rows.column(0).to_data().buffers()[0].clone());
        gathering.push(rows).unwrap();
        assert!(live(&buffers) < 10, "{} of {}", live(&buffers), buffers.len());
    }
    let rows = gathering.finish().unwrap();
    assert_eq!((live(&buffers), rows.rows()), (0, 2_000));
    // And as they are written, the chunks are let go of one by one.
    let held: Vec<Buffer> =
        rows.batches().map(|batch| batch.column(0).to_data().buffers()[0].clone()).collect();
    assert_eq!((held.len(), live(&held)), (200, 200));
    store.write(batch(&[("x", DataType::Float64, &["1"])])).save_as_table("t").unwrap();
    store.write(rows).mode(SaveMode::Append).casts(CastPolicy::Ansi).insert_into("t").unwrap();
    assert_eq!((store.table("t").unwrap().row_count(), live(&held)), (2_001, 0));
}

#[test]
fn what_is_gathered_in_parts_becomes_chunks_as_large_as_if_it_were_not() {
    let mut chance = Chance::new();
    for _ in 0..200 {
        let store = small();
        let mut expected = Vec::new();
        let mut parts = (0..1 + chance.below(5)).map(|part| {
            let mut gathering = store.gather(people([]).schema()).partition_by(["name"]);
            for batch in 0..chance.below(4) {
                let rows = (0..chance.below(30) as i64).map(|n| (n, ["x", "y"][n as usize % 2]));
                let rows =
                    people(rows.map(|(n, name)| ((part * 10 + batch) as i64 * 100 + n, name)));
                expected.extend(rows_in(std::slice::from_ref(&rows)));
                gathering.push(rows).unwrap();
            }
            gathering
        });
        let mut all = parts.next().unwrap();
        for part in parts {
            all.append(part.finish().unwrap()).unwrap();
        }
        let writer = store.write(all.finish().unwrap()).partition_by(["name"]);
        writer.save_as_table("t").unwrap();
        let batches = store.table("t").unwrap().read().unwrap();
        let mut found = rows_in(&batches);
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        let small = batches.iter().filter(|batch| batch.num_rows() < 10).count();
        assert!(small <= 2, "{small} of {} chunks are small, of two partitions", batches.len());
    }
}

#[test]
fn chunks_go_into_the_store_without_a_copy() {
    let store = small();
    let given = numbers(0..20);
    let mut gathering = store.gather(given.schema());
    gathering.push(given.clone()).unwrap();
    store.write(gathering.finish().unwrap()).save_as_table("t").unwrap();
    let address = |batch: &RecordBatch| batch.column(0).to_data().buffers()[0].as_ptr();
    assert_eq!(address(&store.table("t").unwrap().read().unwrap()[0]), address(&given));
}

#[test]
fn a_batch_of_other_columns_is_refused_and_those_before_stay() {
    let store = small();
    let mut gathering = store.gather(numbers([]).schema());
    gathering.push(numbers([1])).unwrap();
    let error = gathering.push(people([(1, "x")])).unwrap_err();
    assert!(matches!(error, WriteError::BatchSchema { index: 1, .. }), "{error}");
    gathering.push(numbers([2])).unwrap();
    store.write(gathering.finish().unwrap()).save_as_table("t").unwrap();
    assert_eq!(numbers_of(&store.table("t").unwrap()), [1, 2]);
}

/// Readers disagree on what may be null; what matters is what the table says, and that is found out
/// when the rows are written.
#[test]
fn a_null_is_refused_by_the_table_and_not_before() {
    let strict = schema([Field::new("n", DataType::Int32, false)]);
    let loose = schema([Field::new("n", DataType::Int32, true)]);
    let some = RecordBatch::try_new(strict.clone(), vec![Arc::new(Int32Array::from(vec![1]))]);
    let null = RecordBatch::try_new(loose, vec![Arc::new(Int32Array::from(vec![None]))]);
    let store = small();
    store.create_table("t", annals::NewTable::new(Arc::clone(&strict))).unwrap();
    let mut gathering = store.gather(strict);
    gathering.push(some.unwrap()).unwrap();
    gathering.push(null.unwrap()).unwrap();
    let rows = gathering.finish().unwrap();
    let error = store.write(&rows).mode(SaveMode::Append).insert_into("t").unwrap_err();
    assert!(error.to_string().contains("null"), "{error}");
    assert_eq!(store.table("t").unwrap().row_count(), 0);
    store.write(&rows).save_as_table("other").unwrap();
    assert_eq!(store.table("other").unwrap().row_count(), 2);
}

/// Commits of others between the beginning of a save and its end make it begin again.
#[test]
fn saves_that_are_decided_again_lose_no_row() {
    let store = small();
    store.write(numbers([])).save_as_table("t").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..50 {
                    let mut gathering = store.gather(numbers([]).schema());
                    gathering.push(numbers([thread * 50 + round])).unwrap();
                    let rows = gathering.finish().unwrap();
                    store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
                }
            });
        }
    });
    let mut all = numbers_of(&store.table("t").unwrap());
    all.sort_unstable();
    assert_eq!(all, (0..200).collect::<Vec<i64>>());
}
