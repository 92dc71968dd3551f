//! What is known of a query before it is run, and changes how it is planned.

use std::sync::Arc;

use annals::{SaveMode, Store, col};
use annals_sql::SqlSession;
use annals_sql_tests::{column, run};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::util::display::array_value_to_string;

#[test]
fn rows_are_counted_without_planning_a_scan() {
    let store = Store::in_memory();
    for first in [0, 10_000] {
        let n: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + 10_000));
        let text = (first..first + 10_000).map(|n| (n % 7 != 0).then(|| n.to_string()));
        let text: ArrayRef = Arc::new(StringArray::from_iter(text));
        let rows = RecordBatch::try_from_iter([("n", n), ("text", text)]).unwrap();
        store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    store.delete("t", col("n").gt(19_989)).unwrap();
    let session = SqlSession::new(&store);
    run(async {
        session.sql("CREATE TABLE none (n INT)").await.unwrap();
        session.sql("CREATE VIEW v AS SELECT text AS a, n AS b FROM t").await.unwrap();
        for (sql, found, is_scanned) in [
            ("SELECT count(*) FROM t", "19990", false),
            ("SELECT count(1) AS rows FROM t AS u", "19990", false),
            ("SELECT count(*) FROM v", "19990", false),
            ("SELECT count(*) + 1 FROM (SELECT text FROM t) AS s", "19991", false),
            ("WITH c AS (SELECT * FROM t) SELECT count('x') FROM c", "19990", false),
            ("SELECT count(*) FROM none", "0", false),
            ("SELECT count(*) FROM t HAVING count(*) > 19990", "", false),
            (
                "SELECT max(n) FROM t WHERE n < (SELECT count(*) FROM t VERSION AS OF 0)",
                "9999",
                true,
            ),
            ("SELECT count(*) FROM t WHERE n < 7", "7", true),
            ("SELECT count(*) FILTER (WHERE n < 7) FROM t", "7", true),
            ("SELECT count(NULL) FROM t", "0", true),
            ("SELECT count(text) FROM t", "17134", true),
            ("SELECT count(DISTINCT 1) FROM t", "1", true),
            ("SELECT count(*) FROM (SELECT n FROM t LIMIT 5) AS s", "5", true),
            (
                "SELECT count(*) FROM (SELECT unnest(make_array(n, n)) AS n FROM t) AS s",
                "39980",
                true,
            ),
            ("SELECT count(*) AS c FROM t GROUP BY text IS NULL ORDER BY c LIMIT 1", "2856", true),
            ("SELECT count(*), sum(n) FROM t", "19990", true),
            ("SELECT count(*) FROM t, none", "0", true),
        ] {
            let frame = session.sql(sql).await.unwrap();
            let plan = frame.clone().into_optimized_plan().unwrap().to_string();
            assert_eq!(plan.contains("TableScan"), is_scanned, "{sql}\n{plan}");
            let batches = frame.collect().await.unwrap();
            let rows = batches.iter().filter(|batch| batch.num_rows() > 0);
            let values = rows.map(|batch| array_value_to_string(batch.column(0), 0).unwrap());
            assert_eq!(values.collect::<Vec<_>>().join(" "), found, "{sql}");
        }
    });
}

/// Whether the join of a `NOT IN` has to mind nulls.
async fn minds_nulls(session: &SqlSession, sql: &str) -> bool {
    let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let plan = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
    assert!(plan.contains("Anti"), "{sql}\n{plan}");
    plan.contains("null_aware")
}

#[test]
fn columns_without_nulls_need_no_care_of_nulls() {
    let store = Store::in_memory();
    let session = SqlSession::new(&store);
    run(async {
        for sql in [
            "CREATE TABLE full AS SELECT * FROM (VALUES (1, 10), (2, 20), (3, 30)) AS v(a, b)",
            "CREATE TABLE half AS SELECT * FROM (VALUES (1, 10), (NULL, 20), (4, NULL)) AS v(a, b)",
            "CREATE TABLE once AS SELECT * FROM (VALUES (1), (NULL)) AS v(a)",
            "DELETE FROM once WHERE a IS NULL",
            "CREATE TABLE none (a INT)",
            "CREATE TABLE wide AS SELECT CAST(2 AS BIGINT) AS a",
            "CREATE TABLE late AS SELECT 1 AS a",
            "ALTER TABLE late ADD COLUMN b INT",
        ] {
            session.sql(sql).await.unwrap();
        }
        for (sql, found, minds) in [
            ("SELECT a FROM full WHERE a NOT IN (SELECT a FROM full WHERE b > 10)", "1", false),
            (
                "SELECT a FROM full WHERE a NOT IN (SELECT DISTINCT x.a AS c FROM full AS x)",
                "",
                false,
            ),
            ("SELECT a FROM full WHERE a NOT IN (SELECT a FROM wide)", "1 3", false),
            ("SELECT a FROM full WHERE a NOT IN (SELECT a FROM none)", "1 2 3", false),
            (
                "SELECT a FROM full WHERE a NOT IN (SELECT x.a FROM full x JOIN half y ON x.b = y.b)",
                "3",
                false,
            ),
            (
                "SELECT a FROM full WHERE a NOT IN (SELECT x.a FROM half y LEFT JOIN full x ON x.b = y.b)",
                "",
                true,
            ),
            (
                "SELECT a FROM full WHERE a NOT IN (SELECT x.a FROM full x LEFT JOIN half y ON x.b = y.b)",
                "",
                false,
            ),
            ("SELECT a FROM full WHERE a NOT IN (SELECT a FROM half)", "", true),
            ("SELECT a FROM full WHERE a NOT IN (SELECT a FROM half WHERE a > 0)", "2 3", true),
            ("SELECT a FROM half WHERE a NOT IN (SELECT a FROM full)", "4", true),
            ("SELECT a FROM half WHERE a NOT IN (SELECT a FROM none)", "1  4", true),
            ("SELECT a FROM half WHERE b NOT IN (SELECT a FROM full)", "1 ", true),
            ("SELECT a FROM full WHERE a NOT IN (SELECT b FROM late)", "", true),
            ("SELECT a FROM full WHERE a NOT IN (SELECT nullif(a, 1) FROM full)", "", true),
            // What is deleted may count.
            ("SELECT a FROM full WHERE a NOT IN (SELECT a FROM once)", "2 3", true),
            ("SELECT a FROM full WHERE a NOT IN (SELECT a FROM once VERSION AS OF 0)", "", true),
        ] {
            let sorted = format!("{sql} ORDER BY a NULLS FIRST");
            let mut values = column(&session, &sorted).await;
            values.sort();
            let mut expected: Vec<&str> =
                if found.is_empty() { Vec::new() } else { found.split(' ').collect() };
            expected.sort_unstable();
            assert_eq!(values, expected, "{sql}");
            assert_eq!(minds_nulls(&session, sql).await, minds, "{sql}");
        }
        // What is known of one version is not said of another.
        let sql = "SELECT a FROM full WHERE a NOT IN (SELECT a FROM none)";
        session.sql("INSERT INTO none VALUES (1), (NULL)").await.unwrap();
        assert_eq!(column(&session, sql).await, [""; 0]);
        assert!(minds_nulls(&session, sql).await);
    });
}
