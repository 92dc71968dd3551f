//! What users of PySpark write without a second thought, and what they get wrong.

use annals::Store;
use annals_spark::functions::{avg, col, count, expr, lit, max, sum};
use annals_spark::{DataFrame, Row, Session, SparkError, Value};
use annals_sql_tests::run;

fn session() -> Session {
    Session::new(&Store::in_memory())
}

fn people(spark: &Session) -> DataFrame {
    let rows = [
        Row::new([Value::from(1), "ada".into()]),
        Row::new([Value::from(2), "bob".into()]),
        Row::new([Value::Null, Value::Null]),
    ];
    spark.create_data_frame(rows, "id INT, name STRING").unwrap()
}

/// The rows as text, in any order.
async fn texts(frame: Result<DataFrame, SparkError>) -> Vec<String> {
    let rows = frame.unwrap().collect().await.unwrap();
    let text =
        |row: &Row| row.values().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let mut texts: Vec<String> = rows.iter().map(text).collect();
    texts.sort();
    texts
}

fn condition<T>(result: Result<T, SparkError>) -> String {
    let error = result.err().expect("it is refused");
    error.condition().unwrap_or_else(|| panic!("{error} has no condition")).to_owned()
}

#[test]
fn a_range_is_made_as_it_is_read_and_not_before() {
    run(async {
        let spark = session();
        let all = spark.range(0, i64::MAX, 1).unwrap();
        assert_eq!(all.take(2).await.unwrap().len(), 2);
        assert_eq!(texts(all.filter("id < 3").and_then(|few| few.limit(3))).await, ["0", "1", "2"]);
        for (start, end, step, rows) in [
            (0, 0, 1, vec![]),
            (0, 5, -1, vec![]),
            (5, 0, -2, vec!["1", "3", "5"]),
            (i64::MAX - 1, i64::MAX, 1, vec!["9223372036854775806"]),
            (i64::MIN + 1, i64::MIN, -1, vec!["-9223372036854775807"]),
        ] {
            assert_eq!(texts(spark.range(start, end, step)).await, rows, "{start} {end} {step}");
        }
    });
}

#[test]
fn a_text_is_one_expression_and_adds_no_clause() {
    run(async {
        let spark = session();
        let frame = people(&spark);
        for text in
            ["1=1 UNION SELECT 1, 'x'", "true LIMIT 1", "true ORDER BY id", "true) OR (true"]
        {
            assert_eq!(condition(frame.filter(text)), "PARSE_SYNTAX_ERROR", "{text}");
        }
        for text in ["id, name", "id FROM range(3)", "DISTINCT id", "id; name"] {
            assert_eq!(condition(frame.select_expr([text])), "PARSE_SYNTAX_ERROR", "{text}");
            assert!(frame.select([expr(text)]).is_err(), "{text}");
        }
        let commented = frame.filter("id = 1 -- the first").unwrap();
        assert_eq!(texts(commented.select_expr(["id -- one", "name -- two"])).await, ["1 ada"]);
        assert_eq!(texts(commented.select([expr("id -- one")])).await, ["1"]);
    });
}

#[test]
fn a_literal_is_its_value_whatever_its_type() {
    run(async {
        let spark = session();
        let one = spark.range(0, 1, 1).unwrap();
        let list = Value::Array(vec![1.into()]);
        for (value, text, of) in [
            (Value::Decimal(-123, 2), "-1.23", "decimal(3,2)"),
            (Value::Decimal(5, 4), "0.0005", "decimal(4,4)"),
            (Value::Timestamp(0), "1970-01-01 00:00:00", "timestamp"),
            (Value::TimestampNtz(1), "1970-01-01 00:00:00.000001", "timestamp_ntz"),
            (Value::Time(1_000_000), "00:00:01", "time(6)"),
            (Value::Binary(vec![1, 255]), "[01 FF]", "binary"),
            (Value::YearMonth(14), "INTERVAL '1-2' YEAR TO MONTH", "interval year to month"),
            (Value::Interval(1, 2, 3_000_000), "1 months 2 days 3 seconds", "interval"),
            (list, "[1]", "array<bigint>"),
            (Value::Null, "NULL", "void"),
        ] {
            let frame = one.select([lit(value)]);
            assert_eq!(frame.as_ref().unwrap().dtypes()[0].1, of);
            assert_eq!(texts(frame).await, [text]);
        }
        assert!(one.select([lit(Value::Decimal(i128::MAX, 0))]).is_err(), "39 digits");
        let late = [Row::new([Value::Time(86_400_000_000)])];
        assert!(spark.create_data_frame(late, "t TIME").is_err(), "a day has no such time");
    });
}

#[test]
fn aggregates_and_windows_stand_wherever_a_column_may() {
    run(async {
        let spark = session();
        let frame = people(&spark);
        let totals = [sum("id"), count("*"), max("name").alias("last"), expr("max(id) + 1")];
        assert_eq!(texts(frame.select(totals)).await, ["3 3 bob 3"]);
        assert_eq!(texts(frame.agg([expr("sum(id) + 1"), expr("count(*) AS n")])).await, ["4 3"]);
        let groups = frame.group_by(["name"]).unwrap();
        let per_name = groups.agg([expr("sum(id) * 2 AS twice"), expr("count(*)"), avg("id")]);
        assert_eq!(texts(per_name).await, ["NULL NULL 1 NULL", "ada 2 1 1.0", "bob 4 1 2.0"]);
        assert_eq!(texts(groups.sum(&[])).await, ["NULL NULL", "ada 1", "bob 2"], "all numbers");
        let ranked = frame.with_column("rank", expr("row_number() OVER (ORDER BY id DESC)"));
        assert_eq!(texts(ranked).await, ["1 ada 2", "2 bob 1", "NULL NULL 3"]);

        assert_eq!(condition(frame.select([sum("id"), col("id")])), "MISSING_GROUP_BY");
        assert_eq!(condition(frame.with_column("x", sum("id"))), "MISSING_GROUP_BY");
        assert_eq!(condition(groups.agg([col("id")])), "MISSING_AGGREGATION");
        let refused = frame.filter(sum("id")).unwrap_err();
        assert_eq!(refused.condition(), Some("INVALID_WHERE_CONDITION"));
        assert_eq!(refused.parameter("expressionList"), Some("\"sum(id)\""));
    });
}

#[test]
fn columns_have_operators() {
    run(async {
        let spark = session();
        let frame = people(&spark);
        let computed = frame.select([
            col("id") + 1,
            (col("id") * 2 - col("ID")) % 5,
            col("id") / 2,
            -col("id"),
            col("name").eq("ada") | col("id").gt(5),
            col("id").is_null() & !col("name").is_not_null(),
            col("id").cast("string"),
            col("name").eq_null_safe(Value::Null),
        ]);
        let names = [
            "(id + 1)",
            "(((id * 2) - ID) % 5)",
            "(id / 2)",
            "(- id)",
            "((name = ada) OR (id > 5))",
            "((id IS NULL) AND (NOT (name IS NOT NULL)))",
            "CAST(id AS STRING)",
            "(name <=> NULL)",
        ];
        assert_eq!(computed.as_ref().unwrap().columns(), names);
        assert_eq!(
            texts(computed).await,
            [
                "2 1 0.5 -1 true false 1 false",
                "3 2 1.0 -2 false false 2 false",
                "NULL NULL NULL NULL NULL true NULL true"
            ]
        );
        for (condition, rows) in [
            (col("id").between(1, 1), vec!["1 ada"]),
            (col("id").is_in([2, 3]), vec!["2 bob"]),
            (col("name").like("a%"), vec!["1 ada"]),
            (col("name").rlike("^.o"), vec!["2 bob"]),
            (col("name").starts_with("b").or(col("name").ends_with("zz")), vec!["2 bob"]),
            (col("name").contains("d").and(col("id").le(1)), vec!["1 ada"]),
            (col("id").lt(2).and(col("id").ge(1)).and(col("id").not_eq(7)), vec!["1 ada"]),
        ] {
            assert_eq!(texts(frame.filter(condition)).await, rows);
        }
        let over = frame.select([col("id") + i32::MAX]).unwrap().collect().await;
        assert_eq!(condition(over), "ARITHMETIC_OVERFLOW");
        assert!(frame.select([col("id").cast("nope")]).is_err());
        assert_eq!(condition(frame.select([col("nope") + 1])), "UNRESOLVED_COLUMN.WITH_SUGGESTION");
        let ordered = frame.order_by([col("id").desc_nulls_first()]).unwrap().first().await;
        assert!(ordered.unwrap().unwrap()[0].is_null());
    });
}

#[test]
fn deep_expressions_overflow_no_stack() {
    run(async {
        let spark = session();
        let frame = spark.range(0, 2, 1).unwrap();
        let text = vec!["id"; 190].join(" + ");
        assert_eq!(texts(frame.select([expr(&text)])).await, ["0", "190"]);
        assert_eq!(texts(frame.filter(format!("{text} > 1").as_str())).await, ["1"]);
        let sql = spark.sql(&format!("SELECT {text} AS x FROM range(2)")).await.unwrap();
        assert_eq!(sql.count().await.unwrap(), 2);
        sql.write().save_as_table("deep").await.unwrap();
        let added = |times| (0..times).fold(col("id"), |sum, _| sum + 1);
        assert_eq!(texts(frame.select([added(190)])).await, ["190", "191"]);
        let refused = frame.select([added(5000)]).unwrap_err().to_string();
        assert!(refused.contains("200 operations"), "{refused}");
        let later = frame.with_column("x", expr(&text)).unwrap().with_column("y", col("x") + 1);
        assert_eq!(texts(later.unwrap().agg([sum("y")])).await, ["192"]);
    });
}

#[test]
fn what_is_out_of_the_ordinary_is_answered_all_the_same() {
    run(async {
        let spark = session();
        let frame = people(&spark);
        assert_eq!(frame.limit(usize::MAX).unwrap().count().await.unwrap(), 3);
        assert_eq!(frame.offset(usize::MAX).unwrap().count().await.unwrap(), 0);
        assert!(frame.show_string(usize::MAX, true, true).await.unwrap().contains("RECORD 2"));
        assert_eq!(condition(frame.order_by(Vec::<&str>::new())), "CANNOT_BE_EMPTY");
        let twice = frame.with_columns([("a", lit(1)), ("A", lit(2))]);
        assert_eq!(condition(twice), "COLUMN_ALREADY_EXISTS");
        assert_eq!(texts(frame.join(&frame, &["id"], "cross")).await, ["1 ada ada", "2 bob bob"]);
        for sql in ["EXPLAIN SELECT 1", "EXPLAIN EXTENDED SELECT 1", "EXPLAIN ANALYZE SELECT 1"] {
            let plan = spark.sql(sql).await.unwrap();
            assert!(
                plan.show_string(20, false, false).await.unwrap().contains("Projection"),
                "{sql}"
            );
        }
    });
}

/// The first row of a query, as text.
async fn row(spark: &Session, sql: &str) -> String {
    match spark.sql(sql).await {
        Ok(frame) => texts(Ok(frame)).await.join("\n"),
        Err(error) => panic!("{sql}\n{error}"),
    }
}

#[test]
fn casts_are_those_of_spark() {
    run(async {
        let spark = session();
        for (sql, expected) in [
            ("SELECT CAST(TIMESTAMP'2020-01-01 00:00:00.7' AS BIGINT)", "1577836800"),
            ("SELECT CAST(TIMESTAMP'1969-12-31 23:59:59.5' AS INT)", "-1"),
            ("SELECT CAST(TIMESTAMP'1970-01-01 00:00:01.5' AS DOUBLE)", "1.5"),
            ("SELECT CAST(TIMESTAMP'1970-01-01 00:00:01.5' AS DECIMAL(10,3))", "1.500"),
            ("SELECT CAST(1577836800 AS TIMESTAMP)", "2020-01-01 00:00:00"),
            ("SELECT CAST(1.5D AS TIMESTAMP)", "1970-01-01 00:00:01.5"),
            (
                "SELECT CAST(TIMESTAMP'2020-01-01 01:02:03.456' AS STRING)",
                "2020-01-01 01:02:03.456",
            ),
            ("SELECT CAST(1e20 AS STRING), CAST(1.0D AS STRING)", "1.0E20 1.0"),
            ("SELECT CAST(CAST('Infinity' AS DOUBLE) AS STRING)", "Infinity"),
            ("SELECT CAST(array(1, NULL) AS STRING)", "[1, NULL]"),
            (
                "SELECT CAST(map('a', 1) AS STRING), CAST(named_struct('a', 1) AS STRING)",
                "{a -> 1} {1}",
            ),
            (
                "SELECT concat('a', 1e20), 'a' || TIMESTAMP'2020-01-01 00:00:00'",
                "a1.0E20 a2020-01-01 00:00:00",
            ),
            ("SELECT bigint(TIMESTAMP'1970-01-01 00:00:02'), string(1e10), int('7')", "2 1.0E10 7"),
            ("SELECT try_cast(9223372036854775807 AS TIMESTAMP)", "NULL"),
        ] {
            assert_eq!(row(&spark, sql).await, expected, "{sql}");
        }
        spark.sql("CREATE TABLE d AS SELECT 1 AS n, DATE'2020-01-01' AS day").await.unwrap();
        for sql in [
            "SELECT CAST(day AS INT) FROM d",
            "SELECT CAST(n AS DATE) FROM d",
            "SELECT CAST(1 AS BINARY)",
            "SELECT n FROM d WHERE CAST(day AS BIGINT) > 1",
            "SELECT day FROM d UNION SELECT n FROM d",
            "SELECT day = 1 FROM d",
        ] {
            let refused = match spark.sql(sql).await {
                Ok(frame) => frame.collect().await.map(drop),
                Err(error) => Err(error),
            };
            assert!(refused.is_err(), "{sql}");
            assert_eq!(condition(refused), "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION", "{sql}");
        }
        let late = spark.sql("SELECT CAST(9223372036854775807 AS TIMESTAMP)").await.unwrap();
        assert_eq!(condition(late.collect().await), "CAST_OVERFLOW");
    });
}

#[test]
fn dates_are_computed_and_written_as_spark_does() {
    run(async {
        let spark = session();
        for (sql, expected) in [
            (
                "SELECT date_add(DATE'2020-01-31', 1), date_sub('2020-01-01', 1L)",
                "2020-02-01 2019-12-31",
            ),
            ("SELECT add_months(DATE'2020-01-31', 1)", "2020-02-29"),
            ("SELECT date_add(TIMESTAMP'2020-01-31 05:00:00', 1)", "2020-02-01"),
            (
                "SELECT year(DATE'2020-03-04'), month('2020-03-04'), day(DATE'2020-03-04')",
                "2020 3 4",
            ),
            ("SELECT hour(TIMESTAMP'2020-01-01 05:06:07'), minute('2020-01-01 05:06:07')", "5 6"),
            ("SELECT second(TIMESTAMP'2020-01-01 05:06:07.9'), quarter(DATE'2020-04-01')", "7 2"),
            ("SELECT dayofweek(DATE'2020-01-05'), dayofyear(DATE'2020-02-01')", "1 32"),
            ("SELECT date_format(DATE'2020-01-15', 'yyyy/MM/dd')", "2020/01/15"),
            (
                "SELECT date_format(TIMESTAMP'2020-01-05 15:04:05.678', 'd.M.yy HH:mm:ss.SSS')",
                "5.1.20 15:04:05.678",
            ),
            ("SELECT to_date('15/01/2020', 'dd/MM/yyyy')", "2020-01-15"),
            ("SELECT to_timestamp('2020-01-15 01:02', 'yyyy-MM-dd HH:mm')", "2020-01-15 01:02:00"),
            ("SELECT date_format(NULL, 'yyyy')", "NULL"),
        ] {
            assert_eq!(row(&spark, sql).await, expected, "{sql}");
        }
        // A pattern that is not understood is never written as it stands.
        for sql in [
            "SELECT date_format(DATE'2020-01-15', 'QQQ')",
            "SELECT date_format(d, f) FROM VALUES (DATE'2020-01-15', 'yyyy') t(d, f)",
        ] {
            let refused = match spark.sql(sql).await {
                Ok(frame) => frame.collect().await.map(drop),
                Err(error) => Err(error),
            };
            assert!(refused.is_err(), "{sql}");
        }
    });
}

#[test]
fn functions_have_the_names_that_spark_gives_them() {
    run(async {
        let spark = session();
        for (sql, expected) in [
            (
                "SELECT typeof(1), typeof(1L), typeof('a'), typeof(array(1))",
                "int bigint string array<int>",
            ),
            ("SELECT locate('b', 'abc'), locate('z', 'abc')", "2 0"),
            (
                "SELECT variance(x), every(x > 0), some(x > 2) FROM VALUES (1), (3) t(x)",
                "2.0 true true",
            ),
            ("SELECT element_at(array(1, 2), 2), element_at(map('a', 1), 'a')", "2 1"),
            (
                "SELECT sort_array(array(2, 1)), sequence(1, 3), len('abc'), ucase('a')",
                "[1, 2] [1, 2, 3] 3 A",
            ),
            ("SELECT '5' + 1, 7 - '2', '1.5' * 2.0, '6' / '4'", "6 5 3.0 1.5"),
            ("SELECT first(x), last(x), approx_count_distinct(x) FROM VALUES (1) t(x)", "1 1 1"),
        ] {
            assert_eq!(row(&spark, sql).await, expected, "{sql}");
        }
        assert!(spark.sql("SELECT year()").await.is_err());
    });
}

#[test]
fn decimals_have_the_digits_of_spark_and_never_more() {
    run(async {
        let spark = session();
        for (sql, text, of) in [
            ("SELECT 1.0 / 3", "0.333333", "decimal(7,6)"),
            ("SELECT 2 / 3.0", "0.666667", "decimal(8,6)"),
            ("SELECT -2.0 / 3", "-0.666667", "decimal(7,6)"),
            ("SELECT 0.1 + 0.2", "0.3", "decimal(2,1)"),
            ("SELECT 1.10 * 2.20", "2.4200", "decimal(7,4)"),
            ("SELECT 7.5 % 2", "1.5", "decimal(2,1)"),
            (
                "SELECT CAST(1 AS DECIMAL(38,10)) * CAST(2.5 AS DECIMAL(38,10))",
                "2.500000",
                "decimal(38,6)",
            ),
            (
                "SELECT CAST(1 AS DECIMAL(38,18)) / CAST(3 AS DECIMAL(38,18))",
                "0.333333",
                "decimal(38,6)",
            ),
            ("SELECT 1.5 + 1D", "2.5", "double"),
        ] {
            let frame = spark.sql(sql).await.unwrap();
            assert_eq!(frame.dtypes()[0].1, of, "{sql}");
            assert_eq!(texts(Ok(frame)).await, [text], "{sql}");
        }
        let most = "CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0))";
        for sql in [
            format!("SELECT {most} + 1"),
            format!("SELECT -{most} - 1"),
            format!("SELECT {most} * 10"),
            format!("SELECT {most} / 0.01"),
            "SELECT CAST(123.456 AS DECIMAL(4,2))".to_owned(),
        ] {
            let refused = spark.sql(&sql).await.unwrap().collect().await;
            assert_eq!(condition(refused), "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "{sql}");
        }
        for (sql, name) in
            [("SELECT 1.0 / 0", "DIVIDE_BY_ZERO"), ("SELECT 1.0 % 0", "REMAINDER_BY_ZERO")]
        {
            assert_eq!(condition(spark.sql(sql).await.unwrap().collect().await), name);
        }
    });
}

#[test]
fn what_a_query_gets_wrong_has_sparks_condition() {
    run(async {
        let spark = session();
        for (sql, name) in [
            ("SELECT x FROM VALUES (1) t(x) WHERE x", "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN"),
            ("SELECT x, y FROM VALUES (1, 2) t(x, y) GROUP BY x", "MISSING_AGGREGATION"),
            ("SELECT x FROM VALUES (1) t(x) GROUP BY 2", "GROUP_BY_POS_OUT_OF_RANGE"),
            ("SELECT x FROM VALUES (1) t(x) ORDER BY 2", "ORDER_BY_POS_OUT_OF_RANGE"),
            ("SELECT x FROM VALUES (1) t(x) WHERE sum(x) > 1", "INVALID_WHERE_CONDITION"),
            ("SELECT (SELECT x FROM VALUES (1), (2) t(x))", "SCALAR_SUBQUERY_TOO_MANY_ROWS"),
            ("SELECT CAST('maybe' AS BOOLEAN)", "CAST_INVALID_INPUT"),
            ("SELECT CAST('2020-01-01 25:00:00' AS TIMESTAMP)", "CAST_INVALID_INPUT"),
        ] {
            let refused = match spark.sql(sql).await {
                Ok(frame) => frame.collect().await.map(drop),
                Err(error) => Err(error),
            };
            assert_eq!(condition(refused), name, "{sql}");
        }
        let frame = people(&spark);
        assert_eq!(condition(frame.union(&spark.range(0, 1, 1).unwrap())), "NUM_COLUMNS_MISMATCH");
        spark.sql("CREATE TABLE t AS SELECT 1 AS id").await.unwrap();
        let long = spark.sql("DELETE FROM t WHERE sum(id) > 1").await.unwrap_err().to_string();
        assert!(long.len() < 200 && long.contains("aggregate"), "{long}");
    });
}

#[test]
fn columns_are_found_in_backquotes_and_in_structs() {
    run(async {
        let spark = session();
        let sql = "SELECT named_struct('x', 1, 'y', 'a') AS s, 2 AS `a.b`, 3 AS `c``d`";
        let frame = spark.sql(sql).await.unwrap();
        let chosen = frame.select(["s.x", "`a.b`", "`c``d`", "`s`.`y`"]);
        assert_eq!(texts(chosen).await, ["1 2 3 a"]);
        assert_eq!(
            texts(frame.filter(col("s.x").eq(1)).and_then(|f| f.select(["a.b"]))).await,
            ["2"]
        );
        spark.sql("CREATE TABLE nested AS SELECT named_struct('x', 1) AS s").await.unwrap();
        for sql in ["SELECT s.x FROM nested", "SELECT nested.s.x FROM nested"] {
            assert_eq!(spark.sql(sql).await.unwrap().columns(), ["x"], "{sql}");
        }
        assert!(frame.select(["s.nope"]).is_err() && frame.select(["`nope`"]).is_err());
    });
}

#[test]
fn frames_drop_and_fill_nulls() {
    run(async {
        let spark = session();
        let frame = people(&spark);
        assert_eq!(texts(frame.drop_na(&[])).await, ["1 ada", "2 bob"]);
        assert_eq!(texts(frame.drop_na(&["NAME"])).await, ["1 ada", "2 bob"]);
        assert_eq!(condition(frame.drop_na(&["nope"])), "UNRESOLVED_COLUMN.WITH_SUGGESTION");
        let filled = frame.fill_na(0).and_then(|frame| frame.fill_na("nobody"));
        assert_eq!(filled.as_ref().unwrap().dtypes(), frame.dtypes());
        assert_eq!(texts(filled).await, ["0 nobody", "1 ada", "2 bob"]);
        assert!(frame.fill_na(Value::Null).is_err());
        assert_eq!(texts(frame.union_all(&frame.limit(0).unwrap())).await.len(), 3);
        assert_eq!(frame.head(2).await.unwrap().len(), 2);
        let mean = frame.group_by(Vec::<&str>::new()).unwrap().mean(&["id"]);
        assert_eq!(texts(mean).await, ["1.5"]);
    });
}

#[test]
fn a_table_is_divided_by_columns_that_it_has() {
    run(async {
        let spark = session();
        for (columns, name) in [
            ("(a INT, b INT) PARTITIONED BY (nope)", "COLUMN_NOT_DEFINED_IN_TABLE"),
            ("(a INT, b INT) PARTITIONED BY (b, B)", "COLUMN_ALREADY_EXISTS"),
            ("(a INT, b INT) PARTITIONED BY (b, a)", "ALL_PARTITION_COLUMNS_NOT_ALLOWED"),
        ] {
            let error = spark.sql(&format!("CREATE TABLE p {columns}")).await.unwrap_err();
            assert_eq!(error.condition(), Some(name), "{columns}");
            assert!(!error.to_string().contains('<'), "{error}");
        }
        spark.sql("CREATE TABLE p (a INT) PARTITIONED BY (b STRING)").await.unwrap();
    });
}
