//! Rows that are gathered batch by batch: what is written of them is what a stream of the same
//! batches would have written, and they are not kept beside what they were made into.

use std::sync::Arc;

use annals::{
    CastPolicy, ChunkSize, Gathered, Matching, SaveMode, Source, Store, StoreBuilder, WriteError,
};
use annals_tests::canary::Canaries;
use annals_tests::{Chance, numbers, numbers_of, people, rows_in};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringViewArray};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field};
use arrow_select::concat::concat_batches;

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
    assert_eq!(address(&store.table("t").unwrap().read().unwrap()[0]), address(&given));
}

fn address(batch: &RecordBatch) -> *const u8 {
    batch.column(0).to_data().buffers()[0].as_ptr()
}

/// What a query engine gives is large enough as it is, also where chunks are larger.
#[test]
fn batches_that_are_not_small_become_chunks_as_they_are() {
    let store = Store::in_memory();
    let given = [5_000, 4_096, 100, 5_000, 8_192].map(|rows| numbers(0..rows));
    let mut gathering = store.gather(given[0].schema());
    given.iter().for_each(|batch| gathering.push(batch.clone()).unwrap());
    let rows = gathering.finish().unwrap();
    let chunks: Vec<&RecordBatch> = rows.batches().collect();
    let counts: Vec<usize> = chunks.iter().map(|chunk| chunk.num_rows()).collect();
    // Behind a small one, others wait with it until there are enough to be joined.
    assert_eq!(counts, [5_000, 4_096, 13_292]);
    assert_eq!([address(chunks[0]), address(chunks[1])], [address(&given[0]), address(&given[1])]);
    let mut all = store.gather(given[0].schema());
    all.append(rows.clone()).unwrap();
    let all = all.finish().unwrap();
    let [here, there] = [all.batches(), rows.batches()].map(|b| b.map(address).collect::<Vec<_>>());
    assert_eq!(here, there);
}

/// `count` batches of `rows` rows each, whose texts are all viewed in one buffer.
fn views(count: usize, rows: usize) -> Vec<RecordBatch> {
    let texts = (0..count * rows).map(|row| format!("a text that is not short: {row}"));
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    let texts = Arc::new(texts.as_string_view().gc());
    let all = RecordBatch::try_from_iter_with_nullable([("t", texts as ArrayRef, true)]).unwrap();
    (0..count).map(|batch| all.slice(batch * rows, rows)).collect()
}

fn gathered(batches: &[RecordBatch]) -> Gathered {
    let mut gathering = Store::in_memory().gather(batches[0].schema());
    batches.iter().for_each(|batch| gathering.push(batch.clone()).unwrap());
    gathering.finish().unwrap()
}

fn texts(batch: &RecordBatch) -> &[Buffer] {
    batch.column(0).as_string_view().data_buffers()
}

#[test]
fn batches_that_view_one_buffer_share_it_if_together_they_use_it() {
    let batches = views(10, 5_000);
    let whole = gathered(&batches[..6]);
    assert_eq!(whole.batches().len(), 6);
    assert!(whole.batches().all(|chunk| texts(chunk)[0].ptr_eq(&texts(&batches[0])[0])));
    // Two of ten would keep five times their texts alive.
    let part = gathered(&batches[..2]);
    for (chunk, batch) in part.batches().zip(&batches) {
        assert_eq!(chunk, batch);
        assert!(texts(chunk)[0].capacity() < texts(batch)[0].capacity() / 5);
    }
}

#[test]
fn how_much_is_shared_is_looked_at_before_all_is_gathered() {
    let canaries = Canaries::default();
    let few = || canaries.rows(&[7; 1 << 18]).slice(9, 5_000);
    let mut gathering = Store::in_memory().gather(few().schema());
    for _ in 0..200 {
        gathering.push(few()).unwrap();
        assert!(canaries.alive() <= 64);
    }
    assert_eq!((gathering.finish().unwrap().rows(), canaries.alive()), (200 * 5_000, 0));
}

#[test]
fn texts_that_are_viewed_in_many_buffers_come_into_one() {
    for (buffers, left) in [(4, 4), (5, 1)] {
        let parts = (0..buffers).map(|_| views(1, 2_000).remove(0)).collect::<Vec<_>>();
        let batch = concat_batches(&parts[0].schema(), &parts).unwrap();
        assert_eq!(texts(&batch).len(), buffers);
        let rows = gathered(std::slice::from_ref(&batch));
        let chunk = rows.batches().next().unwrap();
        assert_eq!((chunk, texts(chunk).len()), (&batch, left));
    }
}

#[test]
fn a_compaction_joins_what_was_gathered() {
    let store = Store::in_memory();
    let mut gathering = store.gather(numbers([]).schema());
    (0..20).for_each(|batch| gathering.push(numbers(batch * 5_000..(batch + 1) * 5_000)).unwrap());
    store.write(gathering.finish().unwrap()).save_as_table("t").unwrap();
    let compacted = store.compact("t").unwrap();
    assert_eq!((compacted.chunks_before, compacted.chunks_after), (20, 2));
    assert_eq!(numbers_of(&store.table("t").unwrap()), (0..100_000).collect::<Vec<_>>());
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
