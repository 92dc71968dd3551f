//! What does a scan of a whole table cost, against going through a vector of the same batches?

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals::{Store, Table};
use annals_benches::stores::chunks_of;
use annals_benches::{Bench, Bound};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Float64Array, Int64Array, RecordBatch};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does a scan of a whole table cost?");
    let rows = bench.size(1 << 20, 1 << 10);
    let (small, large) = (bench.size(1 << 13, 1 << 4), bench.size(1 << 16, 1 << 8));
    for chunk_rows in [small, large] {
        let table = table_of(rows, chunk_rows);
        let batches = table.read().expect("it can be read");
        assert_eq!((table.row_count(), batches.len()), (rows as u64, rows / chunk_rows));
        let scan = || -> i64 {
            let batches = table.scan().batches().expect("it is a table");
            batches.map(|batch| sum(&batch.expect("it is in memory"))).sum()
        };
        let iterate = || -> i64 { batches.iter().map(sum).sum() };
        assert_eq!(scan(), iterate());

        bench.compare(
            &format!("Table::scan of {rows} rows in chunks of {chunk_rows} against Vec::iter"),
            Bound::AtMost(1.05),
            1_501,
            |operations| {
                for _ in 0..operations {
                    black_box(scan());
                }
            },
            |operations| {
                for _ in 0..operations {
                    black_box(iterate());
                }
            },
        );
    }
    bench.finish()
}

fn sum(batch: &RecordBatch) -> i64 {
    batch.column(0).as_primitive::<Int64Type>().values().iter().sum()
}

fn table_of(rows: usize, chunk_rows: usize) -> Table {
    let count = i64::try_from(rows).expect("it is small");
    let n = Arc::new(Int64Array::from_iter_values(0..count));
    let x = Arc::new(Float64Array::from_iter_values((0..count).map(|n| n as f64)));
    let batch = RecordBatch::try_from_iter([("n", n as _), ("x", x as _)]);
    let batch = batch.expect("the columns have one length");
    let store = Store::in_memory();
    let write = store.write(batch).chunk_size(chunks_of(chunk_rows));
    write.save_as_table("numbers").expect("the name is free");
    store.table("numbers").expect("it was created")
}
