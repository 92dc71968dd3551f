//! Values that come out as Spark's do, and errors where Spark has no value.

use annals::Store;
use annals_spark::functions::sum;
use annals_spark::{Row, Session, SparkError};
use annals_sql_tests::run;

fn session() -> Session {
    Session::new(&Store::in_memory())
}

/// The rows of a query as text, in their order.
async fn texts(spark: &Session, query: &str) -> Vec<String> {
    let frame = spark.sql(query).await.unwrap_or_else(|e| panic!("{query}: {e}"));
    let rows = frame.collect().await.unwrap_or_else(|e| panic!("{query}: {e}"));
    let text =
        |row: &Row| row.values().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    rows.iter().map(text).collect()
}

async fn done(spark: &Session, statements: &[&str]) {
    for statement in statements {
        let frame = spark.sql(statement).await.unwrap_or_else(|e| panic!("{statement}: {e}"));
        frame.collect().await.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
}

async fn refused(spark: &Session, query: &str) -> SparkError {
    match spark.sql(query).await {
        Err(error) => error,
        Ok(frame) => match frame.collect().await {
            Err(error) => error,
            Ok(rows) => panic!("{query} gives {rows:?}"),
        },
    }
}

const MOST: &str = "99999999999999999999999999999999999999";

#[test]
fn a_sum_of_decimals_has_no_more_digits_than_its_type() {
    run(async {
        let spark = session();
        let rows = format!(
            "CREATE TABLE t AS SELECT g, CAST(d AS DECIMAL(38,0)) AS d, CAST(w AS DECIMAL(30,2)) AS w \
             FROM VALUES (1, '{MOST}', '1.25'), (1, '1', '2.50'), (2, '5', NULL) AS v (g, d, w)"
        );
        done(&spark, &[&rows]).await;
        for query in [
            "SELECT sum(d) FROM t",
            "SELECT g, sum(d) FROM t GROUP BY g",
            "SELECT sum(DISTINCT d) FROM t",
            "SELECT sum(DISTINCT d), count(DISTINCT g) FROM t",
            "SELECT g, sum(DISTINCT d) FROM t GROUP BY g",
            "SELECT sum(d) OVER (PARTITION BY g) FROM t",
            "SELECT sum(d) OVER (ORDER BY d ROWS 1 PRECEDING) FROM t",
            "SELECT -sum(-d) FROM t",
            "SELECT sum(d) FROM (SELECT d FROM t UNION ALL SELECT d FROM t)",
        ] {
            let error = refused(&spark, query).await;
            assert_eq!(error.condition(), Some("ARITHMETIC_OVERFLOW"), "{query}: {error}");
            let message = error.parameter("message");
            assert_eq!(message, Some("Overflow in sum of decimals"), "{query}");
        }
        let frame = spark.table("t").unwrap().agg([sum("d")]).unwrap();
        let error = frame.collect().await.unwrap_err();
        assert_eq!(error.condition(), Some("ARITHMETIC_OVERFLOW"), "{error}");
        let fits = format!("{MOST} 6");
        for (query, expected) in [
            ("SELECT sum(d) FROM t WHERE g = 2", vec!["5"]),
            ("SELECT sum(d) FROM t WHERE g = 3", vec!["NULL"]),
            ("SELECT max(d), sum(d) FILTER (WHERE d < 10) FROM t", vec![&fits]),
            ("SELECT sum(w) FROM t", vec!["3.75"]),
            ("SELECT g, sum(w) FROM t GROUP BY g ORDER BY g", vec!["1 3.75", "2 NULL"]),
            ("SELECT sum(DISTINCT w) FROM t", vec!["3.75"]),
            (
                "SELECT sum(w) OVER (ORDER BY d ROWS 1 PRECEDING) FROM t",
                vec!["2.50", "2.50", "1.25"],
            ),
            ("SELECT typeof(sum(w)), typeof(sum(d)) FROM t", vec!["decimal(38,2) decimal(38,0)"]),
        ] {
            assert_eq!(texts(&spark, query).await, expected, "{query}");
        }
    });
}

#[test]
fn what_becomes_text_in_a_table_is_the_text_of_a_cast() {
    run(async {
        let spark = session();
        let values = [
            ("1e20D", "1.0E20"),
            ("CAST(0.1 AS FLOAT)", "0.1"),
            ("TIMESTAMP '2020-01-01 00:00:00'", "2020-01-01 00:00:00"),
            ("TIMESTAMP_NTZ '2020-01-01 00:00:00.5'", "2020-01-01 00:00:00.5"),
            ("DATE '2020-01-02'", "2020-01-02"),
            ("true", "true"),
            ("CAST(1.50 AS DECIMAL(5,2))", "1.50"),
            ("-7", "-7"),
        ];
        done(&spark, &["CREATE TABLE t (k INT, s STRING)"]).await;
        for (value, text) in values {
            let (as_query, as_row) = (
                format!("INSERT INTO t SELECT 1, {value}"),
                format!("INSERT INTO t VALUES (2, {value})"),
            );
            let set = format!("UPDATE t SET s = {value} WHERE k = 3");
            let with_query =
                format!("UPDATE t SET s = (SELECT max(v) FROM (SELECT {value} AS v)) WHERE k = 4");
            let merge = |when: &str| {
                format!("MERGE INTO t USING (SELECT 5 AS k, {value} AS s) AS r ON t.k = r.k {when}")
            };
            let all = [
                "TRUNCATE TABLE t".to_owned(),
                as_query,
                as_row,
                "INSERT INTO t VALUES (3, 'x'), (4, 'x'), (5, 'x')".to_owned(),
                set,
                with_query,
                merge("WHEN MATCHED THEN UPDATE SET *"),
                merge("AND false WHEN NOT MATCHED THEN INSERT *"),
            ];
            done(&spark, &all.each_ref().map(String::as_str)).await;
            let frame = spark.sql(&format!("SELECT 6 AS k, {value} AS s")).await.unwrap();
            frame.write().insert_into("t").await.unwrap();
            frame.write().mode("append").save_as_table("t").await.unwrap();
            frame.write_to("t").unwrap().append().await.unwrap();
            let found = texts(&spark, "SELECT s FROM t ORDER BY k").await;
            assert_eq!(found, vec![text; 9], "{value}");
        }
        done(&spark, &["CREATE TABLE p (v INT, s STRING) PARTITIONED BY (s)"]).await;
        done(&spark, &["INSERT INTO p PARTITION (s = 1e20D) VALUES (1)"]).await;
        assert_eq!(texts(&spark, "SELECT s FROM p").await, ["1.0E20"]);
        done(&spark, &["CREATE TABLE n (l ARRAY<STRING>)"]).await;
        done(&spark, &["INSERT INTO n SELECT array(1e20D)"]).await;
        assert_eq!(texts(&spark, "SELECT element_at(l, 1) FROM n").await, ["1.0E20"]);
    });
}

#[test]
fn default_stands_for_the_default_of_its_column() {
    run(async {
        let spark = session();
        done(
            &spark,
            &[
                "CREATE TABLE t (k INT, a INT DEFAULT 41 + 1, s STRING, d DOUBLE DEFAULT 1)",
                "INSERT INTO t VALUES (1, DEFAULT, DEFAULT, default), (2, 7, 'x', 2)",
                "INSERT INTO t (s, a, k) VALUES (DEFAULT, DEFAULT, 3), ('y', 5, 4)",
                "INSERT INTO t VALUES (5, 6, 'z', 6)",
                "UPDATE t SET a = DEFAULT, s = DEFAULT WHERE k = 5",
            ],
        )
        .await;
        assert_eq!(
            texts(&spark, "SELECT * FROM t ORDER BY k").await,
            ["1 42 NULL 1.0", "2 7 x 2.0", "3 42 NULL 1.0", "4 5 y 1.0", "5 42 NULL 6.0"]
        );
        done(
            &spark,
            &["MERGE INTO t USING (SELECT 4 AS k UNION ALL SELECT 9) AS r ON t.k = r.k \
               WHEN MATCHED THEN UPDATE SET a = DEFAULT \
               WHEN NOT MATCHED THEN INSERT (k, a, s) VALUES (r.k, DEFAULT, DEFAULT)"],
        )
        .await;
        let merged = texts(&spark, "SELECT k, a, s FROM t WHERE k IN (4, 9) ORDER BY k").await;
        assert_eq!(merged, ["4 42 y", "9 42 NULL"]);
        let error = refused(&spark, "INSERT INTO t VALUES (1, DEFAULT + 1, 's', 2)").await;
        assert!(error.condition().is_some(), "{error}");
        // A column of that name is one.
        done(&spark, &["CREATE TABLE o (`default` INT)", "INSERT INTO o VALUES (8)"]).await;
        assert_eq!(texts(&spark, "SELECT `default` FROM o").await, ["8"]);
    });
}

#[test]
fn an_index_that_is_not_there_is_an_error() {
    run(async {
        let spark = session();
        done(&spark, &["CREATE TABLE t AS SELECT array(1, 2, 3) AS l, 5 AS i, map('a', 1) AS m"])
            .await;
        for (query, condition, index) in [
            ("SELECT array(1, 2, 3)[5]", "INVALID_ARRAY_INDEX", "5"),
            ("SELECT array(1, 2, 3)[3]", "INVALID_ARRAY_INDEX", "3"),
            ("SELECT array(1, 2, 3)[-1]", "INVALID_ARRAY_INDEX", "-1"),
            ("SELECT l[i] FROM t", "INVALID_ARRAY_INDEX", "5"),
            ("SELECT l[i - 6] FROM t", "INVALID_ARRAY_INDEX", "-1"),
            ("SELECT element_at(l, i) FROM t", "INVALID_ARRAY_INDEX_IN_ELEMENT_AT", "5"),
            ("SELECT element_at(array(1, 2, 3), -4)", "INVALID_ARRAY_INDEX_IN_ELEMENT_AT", "-4"),
        ] {
            let error = refused(&spark, query).await;
            assert_eq!(error.condition(), Some(condition), "{query}: {error}");
            assert_eq!(error.parameter("indexValue"), Some(index), "{query}");
            assert_eq!(error.parameter("arraySize"), Some("3"), "{query}");
        }
        let zero = refused(&spark, "SELECT element_at(l, 0) FROM t").await;
        assert_eq!(zero.condition(), Some("INVALID_INDEX_OF_ZERO"), "{zero}");
        for (query, expected) in [
            ("SELECT l[0], l[2], l[i - 4] FROM t", "1 3 2"),
            ("SELECT element_at(l, 1), element_at(l, -1), element_at(l, i - 2) FROM t", "1 3 3"),
            (
                "SELECT m['a'], m['b'], element_at(m, 'a'), element_at(m, 'b') FROM t",
                "1 NULL 1 NULL",
            ),
            ("SELECT l[CAST(NULL AS INT)], CAST(NULL AS ARRAY<INT>)[5] FROM t", "NULL NULL"),
            (
                "SELECT array(named_struct('a', 7))[0]['a'], array(array(1), array(2, 3))[1][1]",
                "7 3",
            ),
            ("SELECT map(1, 'x')[1], map(1, 'x')[2], sum(l[0]) FROM t GROUP BY l[1]", "x NULL 1"),
        ] {
            assert_eq!(texts(&spark, query).await, [expected], "{query}");
        }
    });
}

#[test]
fn a_table_may_stand_twice_in_a_query() {
    run(async {
        let spark = session();
        done(&spark, &["CREATE TABLE t AS SELECT * FROM VALUES (1, 'a'), (2, 'b') AS v (k, s)"])
            .await;
        for query in
            ["SELECT * FROM t, t", "SELECT * FROM t CROSS JOIN t", "SELECT * FROM t JOIN t"]
        {
            let frame = spark.sql(query).await.unwrap_or_else(|e| panic!("{query}: {e}"));
            assert_eq!(frame.columns(), ["k", "s", "k", "s"], "{query}");
            assert_eq!(frame.count().await.unwrap(), 4, "{query}");
            let mut rows = texts(&spark, query).await;
            rows.sort();
            assert_eq!(rows, ["1 a 1 a", "1 a 2 b", "2 b 1 a", "2 b 2 b"], "{query}");
        }
        let error = refused(&spark, "SELECT k FROM t, t").await;
        assert_eq!(error.condition(), Some("AMBIGUOUS_REFERENCE"), "{error}");
    });
}
