//! What does merging ten thousand rows into a million by key cost, against the hash join of
//! DataFusion alone, on the same rows?
//!
//! The join finds the rows and puts both sides side by side; a merge does that too, and then
//! writes what it comes to. Needs the feature `datafusion`, which takes some minutes to build.

use std::process::ExitCode;
use std::sync::Arc;

use annals::Store;
use annals_benches::stores::{Wander, chunks_of};
use annals_benches::{Bench, Bound};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion_common::{JoinType, NullEquality};
use datafusion_execution::TaskContext;
use datafusion_physical_plan::expressions::Column;
use datafusion_physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion_physical_plan::test::TestMemoryExec;
use datafusion_physical_plan::{ExecutionPlan, collect};

fn main() -> ExitCode {
    let mut bench = Bench::asks("what does a merge cost against a hash join alone?");
    let (rows, few) = (bench.size(1_000_000, 1_000), bench.size(10_000, 10));
    let table = rows_at(0..rows);
    let mut wander = Wander::over(rows);
    // One in ten is new.
    let source = rows_at((0..few).map(|at| match at % 10 {
        0 => rows + at,
        _ => wander.step(),
    }));
    let store = Store::in_memory();
    let write = store.write(&table).chunk_size(chunks_of(bench.size(1 << 16, 1 << 6)));
    write.save_as_table("t").expect("the name is free");
    let batches = store.table("t").and_then(|table| table.read()).expect("it can be read");

    for key in ["id", "code"] {
        let merge = || {
            let merge = store.fork().merge("t", &source).on([key]);
            let done = merge.when_matched_update_all().when_not_matched_insert_all().execute();
            let done = done.expect("keys are unique");
            (done.updated + done.inserted) as usize
        };
        let join = || join(&source, &batches, key);
        assert_eq!((merge(), join()), (few, few - few.div_ceil(10)));
        bench.compare(
            &format!("merge of {few} rows into {rows} by `{key}` against a hash join"),
            Bound::AtMost(2.0),
            61,
            |operations| (0..operations).for_each(|_| drop(merge())),
            |operations| (0..operations).for_each(|_| drop(join())),
        );
    }
    bench.finish()
}

/// The pairs that an inner join finds, by their number; the smaller side is the one that is
/// hashed.
fn join(source: &RecordBatch, table: &[RecordBatch], key: &str) -> usize {
    let schema = source.schema();
    let side = |batches: &[RecordBatch]| {
        TestMemoryExec::try_new_exec(&[batches.to_vec()], Arc::clone(&schema), None)
            .expect("the batches are of the schema")
    };
    let column = Arc::new(Column::new_with_schema(key, &schema).expect("both have it"));
    let on = vec![(Arc::clone(&column) as _, column as _)];
    let join = HashJoinExec::try_new(
        side(std::slice::from_ref(source)),
        side(table),
        on,
        None,
        &JoinType::Inner,
        None,
        PartitionMode::CollectLeft,
        NullEquality::NullEqualsNothing,
        false,
    );
    let join: Arc<dyn ExecutionPlan> = Arc::new(join.expect("the sides have the key"));
    let joined = futures_executor::block_on(collect(join, Arc::new(TaskContext::default())));
    joined.expect("it is in memory").iter().map(RecordBatch::num_rows).sum()
}

fn rows_at(places: impl IntoIterator<Item = usize>) -> RecordBatch {
    let places: Vec<usize> = places.into_iter().collect();
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(places.iter().map(|p| *p as i64)));
    let code = places.iter().map(|place| format!("code {place:08}"));
    let code: ArrayRef = Arc::new(StringArray::from_iter_values(code));
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values(places.iter().map(|p| *p as f64)));
    let columns = [("id", id, true), ("code", code, true), ("x", x, true)];
    RecordBatch::try_from_iter_with_nullable(columns).expect("the columns have one length")
}
