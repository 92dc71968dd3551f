//! How many rows come, and how many at once.

use std::num::NonZeroUsize;

use annals::{SaveMode, Scan, Store, col};
use annals_tests::numbers as batch_of;
use arrow_array::RecordBatch;

use crate::{delete, numbers, rows, sizes, store, table};

fn at_most(scan: Scan, rows: usize) -> Vec<RecordBatch> {
    scan.batch_rows_max(NonZeroUsize::new(rows).unwrap()).collect().unwrap()
}

#[test]
fn a_limit_takes_the_first_rows() {
    for limit in [0_u64, 1, 9, 10, 11, 50, 99, 100, 101, u64::MAX] {
        let scan = table().scan().limit(limit);
        let found = numbers(&scan.clone().collect().unwrap());
        let expected: Vec<i64> =
            (0..100).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        assert_eq!(found, expected, "{limit}");
        assert_eq!(scan.count().unwrap(), expected.len() as u64);
        // Of those that match, if there is a predicate.
        let scan = table().scan().filter(col("half").is_null()).limit(limit);
        let found = numbers(&scan.clone().collect().unwrap());
        let odd = (0..100).filter(|n| n % 2 == 1);
        let expected: Vec<i64> = odd.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        assert_eq!(found, expected, "{limit}");
        assert_eq!(scan.count().unwrap(), expected.len() as u64);
    }
}

#[test]
fn batches_are_cut_to_so_many_rows_and_never_joined() {
    for (max, expected) in
        [(1, vec![1; 100]), (3, [3, 3, 3, 1].repeat(10)), (10, vec![10; 10]), (1_000, vec![10; 10])]
    {
        let batches = at_most(table().scan(), max);
        assert_eq!(sizes(&batches), expected, "{max}");
        assert_eq!(numbers(&batches), (0..100).collect::<Vec<i64>>());
    }
    let batches = at_most(table().scan().filter(col("half").is_null()), 2);
    assert_eq!(sizes(&batches), [2, 2, 1].repeat(10));
    let batches = at_most(table().scan().limit(15), 4);
    assert_eq!(sizes(&batches), [4, 4, 2, 4, 1]);
    assert_eq!(numbers(&batches), (0..15).collect::<Vec<i64>>());
}

#[test]
fn batches_are_cut_without_a_copy() {
    let table = table();
    let whole = table.read().unwrap();
    let start = |batch: &RecordBatch| batch.column(0).to_data().buffers()[0].data_ptr();
    for (index, cut) in at_most(table.scan(), 5).iter().enumerate() {
        assert_eq!(start(cut), start(&whole[index / 2]));
    }
}

#[test]
fn a_table_without_rows_gives_no_batches() {
    let store = Store::in_memory();
    store.write(batch_of([])).save_as_table("empty").unwrap();
    let table = store.table("empty").unwrap();
    assert!(table.read().unwrap().is_empty());
    assert!(table.scan().filter(col("n").gt(1_i64)).collect().unwrap().is_empty());
    assert_eq!(at_most(table.scan(), 1).len(), 0);
    assert_eq!(table.scan().count().unwrap(), 0);
    let mut batches = table.scan().batches().unwrap();
    assert!(batches.next().is_none() && batches.next().is_none());
}

#[test]
fn a_chunk_of_which_nothing_is_left_gives_no_batch() {
    let store = store();
    delete(&store, col("n").lt(10_i64).and(col("n").ne(4_i64)));
    delete(&store, col("n").eq(4_i64));
    let batches = store.table("t").unwrap().read().unwrap();
    assert_eq!(sizes(&batches), [10; 9]);
    assert_eq!(store.table("t").unwrap().scan().limit(1).collect().unwrap()[0].num_rows(), 1);
}

#[test]
fn a_scan_is_taken_as_far_as_it_is_wanted() {
    let table = table();
    let mut batches = table.scan().batches().unwrap();
    assert_eq!(numbers(&[batches.next().unwrap().unwrap()]), (0..10).collect::<Vec<i64>>());
    // The same scan may be taken again, and holds what it reads.
    let scan = table.scan().filter(col("n").gt(97_i64));
    drop(table);
    assert_eq!(numbers(&scan.clone().collect().unwrap()), [98, 99]);
    assert_eq!(numbers(&scan.collect().unwrap()), [98, 99]);
    let rest: Vec<RecordBatch> = batches.map(Result::unwrap).collect();
    assert_eq!(rest.len(), 9);
}

#[test]
fn any_number_of_chunks_comes_in_the_order_of_writing() {
    for chunks in [1, 2, 3, 33, 34, 35, 66, 67, 100, 200] {
        let store = Store::in_memory();
        for number in 0..chunks {
            store.write(rows([number])).mode(SaveMode::Append).save_as_table("t").unwrap();
        }
        let table = store.table("t").unwrap();
        assert_eq!(table.chunk_count() as i64, chunks);
        assert_eq!(numbers(&table.read().unwrap()), (0..chunks).collect::<Vec<i64>>());
        // Chunks that are gone leave gaps between the others.
        delete(&store, col("n").gt(10_i64).and(col("n").lt(40_i64)));
        let left: Vec<i64> = (0..chunks).filter(|number| !(11..40).contains(number)).collect();
        assert_eq!(numbers(&store.table("t").unwrap().read().unwrap()), left);
        assert_eq!(numbers(&table.scan().filter(col("n").gt(50_i64)).collect().unwrap()), {
            (51..chunks).collect::<Vec<i64>>()
        });
    }
}
