//! What does it cost to keep a query's result as a table, where its rows would otherwise be collected?

use std::hint::black_box;
use std::process::ExitCode;

use annals::{Retention, Source, Store};
use annals_benches::sql::Sides;
use annals_benches::{Bench, Bound};
use annals_spark::Session;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::LineItemArrow;

/// The first query of TPC-H, with the day in place.
const AGGREGATE: &str = "SELECT l_returnflag, l_linestatus, sum(l_quantity) AS quantity, \
    sum(l_extendedprice) AS price, sum(l_extendedprice * (1 - l_discount)) AS discounted, \
    avg(l_discount) AS discount, count(*) AS orders FROM lineitem \
    WHERE l_shipdate <= DATE '1998-09-02' GROUP BY l_returnflag, l_linestatus";

/// About two rows of three, all of their columns.
const ROWS: &str = "SELECT * FROM lineitem WHERE l_quantity <= 34";

/// As many rows, computed.
const COMPUTED: &str = "SELECT l_orderkey, l_linenumber, l_extendedprice * (1 - l_discount) AS price, \
    l_shipdate, l_returnflag FROM lineitem WHERE l_quantity <= 34";

fn main() -> ExitCode {
    let mut bench =
        Bench::asks("what does it cost to keep a query's result instead of collecting it?");
    let scale = if bench.is_smoke() { 0.001 } else { 0.25 };
    // Results that were replaced are let go of, as collected ones are.
    let retention = Retention { versions_max: 2, ..Retention::UNBOUNDED };
    let sides = Sides::over(Store::builder().retention(retention).build(), 2);
    let lines = LineItemArrow::new(LineItemGenerator::new(scale, 1, 1)).with_batch_size(8_192);
    let lines: Vec<RecordBatch> = lines.collect::<Result<_, _>>().expect("rows are generated");
    let schema = lines.first().expect("there are rows").schema();
    sides.store.write(Source::new(schema, lines)).save_as_table("lineitem").expect("it is new");
    let session = Session::builder(&sides.store).target_partitions(2).build();
    let session = session.expect("the defaults go together");
    // As a session stores texts, so that none is converted on its way out.
    let lines = async {
        let lines = session.table("lineitem")?;
        lines.write().save_as_table("lines").await
    };
    sides.runtime.block_on(lines).expect("it is new");
    for (what, query) in [("aggregate", AGGREGATE), ("rows", ROWS), ("computed", COMPUTED)] {
        let save = format!("CREATE OR REPLACE TABLE saved AS {query}");
        sides.ours(&save);
        assert_same(|sql| sides.ours(sql), query, what);
        let rows = sides.store.table("saved").expect("it was saved").row_count();
        let of_lines = query.replace("FROM lineitem", "FROM lines");
        let save_frame = || {
            let saved = async {
                let frame = session.sql(&of_lines).await?;
                frame.write().mode("overwrite").save_as_table("saved").await
            };
            sides.runtime.block_on(saved).expect("it goes with the tables");
        };
        let collect_frame = |query: &str| {
            let collected = async { session.sql(query).await?.to_batches().await };
            sides.runtime.block_on(collected).expect("it goes with the tables")
        };
        save_frame();
        assert_same(collect_frame, &of_lines, what);
        bench.compare(
            &format!("save_as_table of {what}, {rows} rows, against to_batches"),
            Bound::AtMost(1.1),
            31,
            |times| (0..times).for_each(|_| save_frame()),
            |times| (0..times).for_each(|_| drop(black_box(collect_frame(&of_lines)))),
        );
        bench.compare(
            &format!("CREATE TABLE AS {what}, {rows} rows, against collecting them"),
            Bound::AtMost(1.1),
            31,
            |times| (0..times).for_each(|_| drop(black_box(sides.ours(&save)))),
            |times| (0..times).for_each(|_| drop(black_box(sides.ours(query)))),
        );
    }
    bench.finish()
}

/// That what was saved is what the query gives, as `run` runs it. No two rows of it are equal.
fn assert_same(run: impl Fn(&str) -> Vec<RecordBatch>, query: &str, what: &str) {
    let count = |rows: &str| {
        let counted = run(&format!("SELECT count(*) FROM ({rows})"));
        counted[0].column(0).as_primitive::<Int64Type>().value(0)
    };
    let saved = "SELECT * FROM saved";
    let missing = [format!("{query} EXCEPT {saved}"), format!("{saved} EXCEPT {query}")];
    assert_eq!((count(query), missing.map(|rows| count(&rows))), (count(saved), [0, 0]), "{what}");
}
