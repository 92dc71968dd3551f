//! What does a statement cost beside its work: how much longer do the smallest ones take, planned
//! and executed, than in plain `DataFusion`?

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use annals_benches::sql::Sides;
use annals_benches::{Bench, Bound};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::util::display::array_value_to_string;

fn first_row(batch: &RecordBatch) -> Vec<String> {
    let text = |column: &ArrayRef| array_value_to_string(column, 0).expect("it can be shown");
    batch.columns().iter().map(text).collect()
}

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does a statement cost beside its work?");
    let rows = bench.size(10_000, 100);
    let sides = Sides::new(2);
    let id: Vec<i64> = (0..i64::try_from(rows).expect("it is small")).collect();
    let name: Vec<String> = id.iter().map(|id| format!("name {id}")).collect();
    let id: ArrayRef = Arc::new(Int64Array::from(id));
    let columns = [("id", id), ("name", Arc::new(StringArray::from(name)) as ArrayRef)];
    let batch = RecordBatch::try_from_iter(columns).expect("columns go together");
    let batches: Vec<_> =
        (0..rows).step_by(8_192).map(|at| batch.slice(at, 8_192.min(rows - at))).collect();
    sides.table("t", &batches);

    let point = format!("SELECT name FROM t WHERE id = {}", rows / 2);
    for sql in ["SELECT 1", &point] {
        let (ours, theirs) = (sides.ours(sql), sides.theirs(sql));
        // A whole number is an INT here, as in Spark, and a BIGINT there.
        assert_eq!(first_row(&ours[0]), first_row(&theirs[0]), "{sql}");
        bench.compare(
            sql,
            Bound::AtMost(1.1),
            501,
            |count| (0..count).for_each(|_| drop(black_box(sides.ours(sql)))),
            |count| (0..count).for_each(|_| drop(black_box(sides.theirs(sql)))),
        );
    }
    bench.finish()
}
