//! What a scan reads, and what it need not read.

use std::sync::Arc;

use annals::{Compaction, SaveMode, Store, col, record_batch};
use annals_sql::{AnnalsTable, SqlSession};
use annals_sql_tests::{column, rows, run};
use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::stats::Precision;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, StatisticsArgs};

/// Rows `from..to` with a text beside each, as one batch.
fn numbers(from: i64, to: i64) -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("text", DataType::Utf8, true),
    ]);
    let n = Int64Array::from_iter_values(from..to);
    let text = StringArray::from_iter((from..to).map(|n| (n % 7 != 0).then(|| format!("{n:08}"))));
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(n), Arc::new(text)]).unwrap()
}

/// A table of `chunks` chunks with 10,000 rows each, in the order of `n`.
fn clustered(chunks: i64) -> (Store, SqlSession) {
    let store = Store::in_memory();
    for chunk in 0..chunks {
        let rows = numbers(chunk * 10_000, (chunk + 1) * 10_000);
        store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    let session = SqlSession::builder(&store).target_partitions(2).build().unwrap();
    (store, session)
}

async fn plan(session: &SqlSession, sql: &str) -> Arc<dyn ExecutionPlan> {
    session.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
}

async fn shown(session: &SqlSession, sql: &str) -> String {
    let plan = plan(session, sql).await;
    datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string()
}

/// Where the values of a column lie.
fn addresses(batches: &[RecordBatch], column: usize) -> Vec<(usize, usize)> {
    let data = |batch: &RecordBatch| {
        let data = batch.column(column).to_data();
        let buffer = &data.buffers()[0];
        (buffer.as_ptr() as usize + data.offset() * 8, batch.num_rows())
    };
    batches.iter().map(data).collect()
}

#[test]
fn batches_share_memory_with_the_store() {
    let (store, session) = clustered(3);
    run(async {
        let stored = store.table("t").unwrap().read().unwrap();
        let starts: Vec<usize> =
            addresses(&stored, 0).into_iter().map(|(start, _)| start).collect();
        let read = session.collect("SELECT n FROM t").await.unwrap();
        assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 30_000);
        for (at, rows) in addresses(&read, 0) {
            let inside = |start: &&usize| **start <= at && at + rows * 8 <= **start + 10_000 * 8;
            assert!(starts.iter().any(|start| inside(&start)), "{rows} rows were copied");
        }
    });
}

#[test]
fn a_count_and_extremes_read_no_rows() {
    let (store, session) = clustered(3);
    run(async {
        let sql = "SELECT count(*), min(n), max(n), count(text), max(text) FROM t";
        let plan = shown(&session, sql).await;
        assert!(!plan.contains("DataSourceExec"), "{plan}");
        assert!(plan.contains("PlaceholderRowExec"), "{plan}");
        let found = rows(&session, sql).await;
        assert!(found.contains("| 30000    | 0      | 29999  | 25714       |"), "{found}");

        // Once rows are deleted, extremes are no longer known, and counts still are.
        store.delete("t", col("n").gt(20_000)).unwrap();
        let plan = shown(&session, "SELECT count(*) FROM t").await;
        assert!(plan.contains("PlaceholderRowExec"), "{plan}");
        assert_eq!(column(&session, "SELECT count(*) FROM t").await, ["20001"]);
        let plan = shown(&session, "SELECT max(n) FROM t").await;
        assert!(plan.contains("DataSourceExec"), "{plan}");
        assert_eq!(column(&session, "SELECT max(n) FROM t").await, ["20000"]);
        assert_eq!(column(&session, "SELECT count(text) FROM t").await, ["17143"]);
    });
}

#[test]
fn a_filter_leaves_out_chunks_by_their_statistics() {
    let (_store, session) = clustered(5);
    run(async {
        for (filter, chunks, count) in [
            ("n = 12345", 1, "1"),
            ("n >= 19999 AND n < 20001", 2, "2"),
            ("n < 0", 0, "0"),
            ("n IN (1, 45000)", 2, "2"),
            ("text = '00012345'", 1, "1"),
            ("text LIKE '0001%'", 1, "8571"),
            ("n % 2 = 0", 5, "25000"),
            ("n > 15000 OR text IS NULL", 5, "37142"),
            ("cast(n AS double) > 45000.5", 1, "4999"),
        ] {
            let sql = format!("SELECT count(n + 1) FROM t WHERE {filter}");
            let plan = shown(&session, &sql).await;
            if chunks > 0 {
                assert!(plan.contains(&format!("chunks={chunks} of 5")), "{filter}\n{plan}");
            }
            assert_eq!(column(&session, &sql).await, [count], "{filter}");
        }
    });
}

#[test]
fn a_column_that_came_later_is_null_to_filters_and_statistics() {
    let (store, session) = clustered(2);
    store.add_columns("t", [Field::new("late", DataType::Int64, true)]).unwrap();
    let more = record_batch!(("n", Int64, [70_000]), ("text", Utf8, ["x"]), ("late", Int64, [7]));
    store.write(more.unwrap()).mode(SaveMode::Append).save_as_table("t").unwrap();
    run(async {
        let of = |filter: &str| format!("SELECT count(n + 1) FROM t WHERE {filter}");
        assert_eq!(column(&session, &of("late = 7")).await, ["1"]);
        assert_eq!(column(&session, &of("late IS NULL")).await, ["20000"]);
        assert_eq!(column(&session, &of("late IS NOT NULL")).await, ["1"]);
        assert_eq!(column(&session, "SELECT max(late) FROM t").await, ["7"]);
        let plan = shown(&session, &of("late IS NOT NULL")).await;
        assert!(plan.contains("chunks=1 of 3"), "{plan}");

        // The same where rows of the older chunks are deleted.
        store.delete("t", col("n").lt(100)).unwrap();
        assert_eq!(column(&session, &of("late IS NULL")).await, ["19900"]);
        assert_eq!(column(&session, &of("late IS NOT NULL")).await, ["1"]);
        assert_eq!(column(&session, "SELECT count(late) FROM t").await, ["1"]);
        let plan = shown(&session, &of("late IS NOT NULL")).await;
        assert!(plan.contains("chunks=1 of 3"), "{plan}");
    });
}

#[test]
fn a_column_that_was_widened_is_read_as_it_is_now() {
    let store = Store::in_memory();
    store.write(record_batch!(("n", Int32, [1, 2, 3])).unwrap()).save_as_table("t").unwrap();
    store.widen_column("t", "n", &DataType::Int64).unwrap();
    let more = record_batch!(("n", Int64, [5_000_000_000_i64])).unwrap();
    store.write(more).mode(SaveMode::Append).save_as_table("t").unwrap();
    let session = SqlSession::new(&store);
    run(async {
        assert_eq!(column(&session, "SELECT n FROM t ORDER BY n DESC").await[0], "5000000000");
        assert_eq!(column(&session, "SELECT max(n) FROM t").await, ["5000000000"]);
        assert_eq!(column(&session, "SELECT n FROM t WHERE n = 2").await, ["2"]);
    });
}

#[test]
fn deleted_rows_are_left_out_in_every_batch() {
    let (store, session) = clustered(3);
    store.delete("t", col("n").between(5_000, 14_999)).unwrap();
    store.delete("t", col("n").eq(29_999)).unwrap();
    run(async {
        let read = session.collect("SELECT n FROM t ORDER BY n").await.unwrap();
        let found: Vec<i64> = read
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        let expected: Vec<i64> = (0..5_000).chain(15_000..29_999).collect();
        assert_eq!(found, expected);
        assert_eq!(column(&session, "SELECT count(*) FROM t WHERE n < 16000").await, ["6000"]);
        assert_eq!(column(&session, "SELECT n FROM t WHERE n = 5000").await, Vec::<String>::new());
    });
}

#[test]
fn a_limit_stops_the_scan() {
    let (_store, session) = clustered(5);
    run(async {
        let plan = shown(&session, "SELECT n FROM t LIMIT 3").await;
        assert!(plan.contains("fetch=3"), "{plan}");
        assert_eq!(session.sql("SELECT n FROM t LIMIT 3").await.unwrap().count().await.unwrap(), 3);
        let sql = "SELECT n FROM t LIMIT 30000 OFFSET 25000";
        assert_eq!(session.sql(sql).await.unwrap().count().await.unwrap(), 25_000);
    });
}

#[test]
fn rows_are_known_to_whoever_plans() {
    let (_store, session) = clustered(2);
    run(async {
        let plan = plan(&session, "SELECT n FROM t").await;
        let known = plan.statistics_from_inputs(&[], &StatisticsArgs::new()).unwrap();
        assert_eq!(known.num_rows, Precision::Exact(20_000));
        assert_eq!(known.column_statistics[0].null_count, Precision::Exact(0));
    });
}

/// However wide the columns are by which the rows are filtered.
#[test]
fn a_join_makes_its_hash_table_of_the_side_with_fewer_rows() {
    let store = Store::in_memory();
    let session = SqlSession::builder(&store).target_partitions(2).build().unwrap();
    let n: Vec<i64> = (0..200_000).collect();
    let text: Vec<String> = n.iter().map(|n| format!("a text that is rather long {n}")).collect();
    let short: Vec<String> = n.iter().map(|n| format!("{}", n % 7)).collect();
    let wide = record_batch!(("n", Int64, n.clone()), ("short", Utf8, short), ("text", Utf8, text));
    let wide = wide.unwrap();
    store.write(wide).save_as_table("wide").unwrap();
    let narrow = record_batch!(("n", Int64, n)).unwrap();
    store.write(narrow.slice(0, 100_000)).save_as_table("narrow").unwrap();
    run(async {
        for from in ["narrow JOIN wide", "wide JOIN narrow"] {
            let sql = format!("SELECT max(short) FROM {from} USING (n) WHERE text LIKE '%9 9%'");
            let plan = shown(&session, &sql).await;
            let filter = plan.find("FilterExec").unwrap();
            let scans: Vec<usize> =
                plan.match_indices("DataSourceExec").map(|(at, _)| at).collect();
            assert!(scans.len() == 2 && filter < scans[0], "{plan}");
        }
    });
}

#[test]
fn only_the_columns_asked_for_are_read() {
    let (_store, session) = clustered(1);
    run(async {
        let plan = plan(&session, "SELECT text FROM t WHERE n > 9998").await;
        let mut leaf = &plan;
        while let Some(child) = leaf.children().first() {
            leaf = child;
        }
        assert_eq!(leaf.schema().fields().len(), 2);
        let plan = self::plan(&session, "SELECT text FROM t").await;
        assert_eq!(plan.schema().fields().len(), 1);
        assert!(plan.children().is_empty(), "a projection above the scan");
    });
}

#[test]
fn a_scan_is_divided_among_as_many_partitions_as_asked_for() {
    let (store, _) = clustered(1);
    store.write(numbers(0, 8_000)).save_as_table("small").unwrap();
    run(async {
        for target in [1, 2, 3] {
            let session = SqlSession::builder(&store).target_partitions(target).build().unwrap();
            // 10,000 rows are more than a batch, 8,000 are not.
            for (table, partitions) in [("t", target), ("small", 1)] {
                let plan = plan(&session, &format!("SELECT n FROM {table}")).await;
                assert_eq!(plan.output_partitioning().partition_count(), partitions, "{target}");
            }
            // So nobody divides rows that were scanned as one.
            let shown = shown(&session, "SELECT text FROM t WHERE n % 7 = 1").await;
            assert!(!shown.contains("RepartitionExec"), "{shown}");
        }
        let (_store, session) = clustered(4);
        let plan = plan(&session, "SELECT n FROM t").await;
        assert_eq!(plan.output_partitioning().partition_count(), 2);
        let rows = |partition| {
            let args = StatisticsArgs::new().with_partition(Some(partition));
            plan.statistics_from_inputs(&[], &args).unwrap().num_rows
        };
        assert_eq!((rows(0), rows(1)), (Precision::Inexact(20_000), Precision::Inexact(20_000)));
    });
}

#[test]
fn rows_that_lie_in_order_are_not_sorted_again() {
    let (store, session) = clustered(4);
    run(async {
        let is_sorted_by_plan = async |sql: &str| shown(&session, sql).await.contains("SortExec:");
        assert!(!is_sorted_by_plan("SELECT n FROM t ORDER BY n").await);
        assert!(is_sorted_by_plan("SELECT n FROM t ORDER BY n DESC").await);
        assert!(is_sorted_by_plan("SELECT n FROM t ORDER BY text").await);
        let found = column(&session, "SELECT n FROM t ORDER BY n").await;
        assert!(found.iter().map(|n| n.parse::<u32>().unwrap()).eq(0..40_000));
        let found = column(&session, "SELECT n FROM t ORDER BY n LIMIT 2 OFFSET 19999").await;
        assert_eq!(found, ["19999", "20000"]);

        // One row out of place, and it is sorted again.
        let early = record_batch!(("n", Int64, [-5]), ("text", Utf8, ["a"])).unwrap();
        store.write(early).mode(SaveMode::Append).save_as_table("t").unwrap();
        assert!(is_sorted_by_plan("SELECT n FROM t ORDER BY n").await);
        assert_eq!(column(&session, "SELECT n FROM t ORDER BY n LIMIT 1").await, ["-5"]);

        // Until it is put into its place.
        store.compact_with("t", &Compaction::new().sort_by(["n"])).unwrap();
        assert!(!is_sorted_by_plan("SELECT n FROM t ORDER BY n").await);
        assert_eq!(column(&session, "SELECT n FROM t ORDER BY n LIMIT 1").await, ["-5"]);
    });
}

#[test]
fn order_by_several_columns_and_with_nulls_is_found_as_asked() {
    let store = Store::in_memory();
    let rows = record_batch!(
        ("a", Int64, [None, Some(1), Some(1), Some(2)]),
        ("b", Utf8, ["z", "a", "b", "a"])
    );
    store.write(rows.unwrap()).save_as_table("t").unwrap();
    let session = SqlSession::new(&store);
    run(async {
        let is_sorted_by_plan = async |sql: &str| shown(&session, sql).await.contains("SortExec:");
        assert!(!is_sorted_by_plan("SELECT * FROM t ORDER BY a, b").await);
        assert!(!is_sorted_by_plan("SELECT * FROM t ORDER BY a NULLS FIRST").await);
        assert!(is_sorted_by_plan("SELECT * FROM t ORDER BY a NULLS LAST").await);
        assert!(is_sorted_by_plan("SELECT * FROM t ORDER BY a, b DESC").await);
        // From one chunk to the next it is the second column that decides.
        let more = record_batch!(("a", Int64, [Some(2), Some(2)]), ("b", Utf8, ["a", "c"]));
        store.write(more.unwrap()).mode(SaveMode::Append).save_as_table("t").unwrap();
        assert!(!is_sorted_by_plan("SELECT * FROM t ORDER BY a, b").await);
        let more = record_batch!(("a", Int64, [Some(2)]), ("b", Utf8, ["b"])).unwrap();
        store.write(more).mode(SaveMode::Append).save_as_table("t").unwrap();
        assert!(is_sorted_by_plan("SELECT * FROM t ORDER BY a, b").await);
        store.delete("t", col("a").eq(2).and(col("b").gt("a"))).unwrap();
        store.delete("t", col("a").eq(2)).unwrap();
        let last = record_batch!(("a", Int64, [Some(2)]), ("b", Utf8, ["a"])).unwrap();
        store.write(last).mode(SaveMode::Append).save_as_table("t").unwrap();
        let found = column(&session, "SELECT b FROM t ORDER BY a NULLS LAST, b DESC").await;
        assert_eq!(found, ["b", "a", "a", "z"]);
    });
}

#[test]
fn the_best_rows_are_looked_for_where_they_can_be() {
    let (_store, session) = clustered(8);
    run(async {
        let sql = "SELECT n, text FROM t ORDER BY n DESC LIMIT 5";
        let plan = plan(&session, sql).await;
        let context = session.sql(sql).await.unwrap().task_ctx();
        let found = datafusion::physical_plan::collect(Arc::clone(&plan), Arc::new(context)).await;
        let found = found.unwrap();
        assert_eq!(
            found[0].column(0).as_primitive::<Int64Type>().values(),
            &[79_999, 79_998, 79_997, 79_996, 79_995]
        );
        let mut leaf = &plan;
        while let Some(child) = leaf.children().first() {
            leaf = child;
        }
        let metrics = leaf.metrics().unwrap();
        let left_out = metrics.sum_by_name("chunks_left_out").unwrap().as_usize();
        assert!(left_out >= 4, "only {left_out} chunks were left out of 8\n{metrics}");
    });
}

#[test]
fn a_join_leaves_out_chunks_that_hold_no_key_of_the_other_side() {
    let (store, session) = clustered(8);
    let few = record_batch!(("n", Int64, [41_000, 41_500]), ("what", Utf8, ["a", "b"])).unwrap();
    store.write(few).save_as_table("few").unwrap();
    run(async {
        let sql = "SELECT t.text FROM few JOIN t ON few.n = t.n ORDER BY 1";
        let plan = plan(&session, sql).await;
        let context = session.sql(sql).await.unwrap().task_ctx();
        let found = datafusion::physical_plan::collect(Arc::clone(&plan), Arc::new(context)).await;
        let found = found.unwrap();
        let rows: usize = found.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 2);
        let mut left_out = 0;
        let mut plans = vec![&plan];
        while let Some(next) = plans.pop() {
            plans.extend(next.children());
            let metrics = next.metrics().and_then(|metrics| metrics.sum_by_name("chunks_left_out"));
            left_out += metrics.map_or(0, |count| count.as_usize());
        }
        assert_eq!(left_out, 7);
    });
}

#[test]
fn planning_and_explaining_change_nothing() {
    let (store, session) = clustered(2);
    run(async {
        let before = store.version();
        for sql in ["EXPLAIN SELECT * FROM t WHERE n > 3", "EXPLAIN VERBOSE SELECT count(*) FROM t"]
        {
            assert!(!session.collect(sql).await.unwrap().is_empty());
        }
        assert_eq!(store.version(), before);
        assert_eq!(store.table("t").unwrap().row_count(), 20_000);
    });
}

#[test]
fn an_empty_table_has_columns_and_no_rows() {
    let store = Store::in_memory();
    store.write(numbers(0, 0)).save_as_table("t").unwrap();
    let session = SqlSession::new(&store);
    run(async {
        assert_eq!(column(&session, "SELECT count(*) FROM t").await, ["0"]);
        assert_eq!(column(&session, "SELECT max(n) FROM t").await, [""]);
        let frame = session.sql("SELECT * FROM t ORDER BY n").await.unwrap();
        assert_eq!(frame.schema().fields().len(), 2);
        assert_eq!(frame.count().await.unwrap(), 0);
    });
}

#[test]
fn a_table_refuses_to_be_written_by_the_way_it_is_read() {
    let (store, _) = clustered(1);
    run(async {
        let context = datafusion::prelude::SessionContext::new();
        let table = AnnalsTable::new(store.table("t").unwrap());
        assert_eq!(table.schema().fields().len(), 2);
        context.register_table("t", Arc::new(table)).unwrap();
        let refused = async |sql: &str| match context.sql(sql).await {
            Err(_) => true,
            Ok(frame) => frame.collect().await.is_err(),
        };
        assert!(refused("INSERT INTO t VALUES (1, 'a')").await);
        assert!(refused("DELETE FROM t").await);
        assert_eq!(store.table("t").unwrap().row_count(), 10_000);
    });
}

#[test]
fn filters_on_columns_of_every_kind_find_their_rows() {
    use arrow::array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
        Float64Array, TimestampMicrosecondArray,
    };
    use arrow::datatypes::Int32Type;
    let store = Store::in_memory();
    for part in 0..2_i32 {
        let n: Vec<i32> = (part * 10_000..(part + 1) * 10_000).collect();
        let words = n.iter().map(|n| format!("w{n:06}"));
        let decimals = Decimal128Array::from_iter_values(n.iter().map(|n| i128::from(*n)));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("bytes", Arc::new(BinaryArray::from_iter_values(n.iter().map(|n| n.to_be_bytes())))),
            ("flag", Arc::new(BooleanArray::from_iter(n.iter().map(|n| Some(*n >= 10_000))))),
            ("day", Arc::new(Date32Array::from_iter_values(n.iter().copied()))),
            ("price", Arc::new(decimals.with_precision_and_scale(12, 2).unwrap())),
            (
                "word",
                Arc::new(
                    words
                        .collect::<Vec<_>>()
                        .iter()
                        .map(|w| Some(w.as_str()))
                        .collect::<DictionaryArray<Int32Type>>(),
                ),
            ),
            ("x", Arc::new(Float64Array::from_iter_values(n.iter().map(|n| f64::from(*n))))),
            (
                "at",
                Arc::new(TimestampMicrosecondArray::from_iter_values(
                    n.iter().map(|n| i64::from(*n) * 1_000_000),
                )),
            ),
        ];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    let session = SqlSession::new(&store);
    run(async {
        for (filter, count) in [
            ("bytes = X'00002711'", "1"),
            ("flag", "10000"),
            ("NOT flag AND x > 9998", "1"),
            ("day < DATE '1970-01-11'", "10"),
            ("price > 199.98", "1"),
            ("price BETWEEN 0.5 AND 0.52", "3"),
            ("word = 'w010001'", "1"),
            ("word IN ('w000001', 'w019999')", "2"),
            ("x >= 19999.0", "1"),
            ("at < TIMESTAMP '1970-01-01 00:00:07'", "7"),
        ] {
            let sql = format!("SELECT count(day) FROM t WHERE {filter}");
            assert_eq!(column(&session, &sql).await, [count], "{filter}");
        }
    });
}
