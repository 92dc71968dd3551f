//! Frames do what PySpark's do.

use std::collections::HashMap;

use super::DataFrame;
use crate::functions::{avg, col, count, expr, lit, max, sum, upper};
use crate::testing::{people, run, texts};

#[test]
fn columns_are_chosen_whatever_their_case_and_keep_the_asked_spelling() {
    run(|spark| async move {
        let frame = people(&spark, &[(1, "a"), (2, "b")]);
        assert_eq!(frame.select(["NAME", "id"])?.columns(), ["NAME", "id"]);
        assert_eq!(
            texts(&frame.select_expr(["ID * 2 AS twice", "upper(Name)"])?).await?,
            ["2 A", "4 B"]
        );
        assert_eq!(
            frame.select_expr(["id + 1", "upper(name)"])?.columns(),
            ["(id + 1)", "upper(name)"]
        );
        assert_eq!(frame.select([upper("name")])?.columns(), ["upper(name)"]);
        assert_eq!(frame.select(["*"])?.columns(), ["id", "name"]);
        let error = frame.select(["nope"]).unwrap_err();
        assert_eq!(error.condition(), Some("UNRESOLVED_COLUMN.WITH_SUGGESTION"));
        assert_eq!(error.parameter("objectName"), Some("`nope`"));
        Ok(())
    });
}

#[test]
fn columns_are_added_replaced_renamed_and_dropped() {
    run(|spark| async move {
        let frame = people(&spark, &[(1, "a")]);
        let wider = frame.with_column("age", lit(7))?.with_column("ID", expr("id + 10"))?;
        assert_eq!(wider.columns(), ["ID", "name", "age"]);
        assert_eq!(texts(&wider).await?, ["11 a 7"]);
        assert_eq!(wider.dtypes()[0].1, "int");
        let renamed = frame.with_column_renamed("Name", "label")?;
        assert_eq!(renamed.columns(), ["id", "label"]);
        let both = frame.with_columns_renamed(&HashMap::from([("id", "a"), ("nope", "b")]))?;
        assert_eq!(both.columns(), ["a", "name"]);
        assert_eq!(frame.drop(["NAME", "nope"])?.columns(), ["id"]);
        assert_eq!(frame.to_df(&["x", "y"])?.columns(), ["x", "y"]);
        assert!(frame.to_df(&["x"]).is_err());
        Ok(())
    });
}

#[test]
fn rows_are_filtered_sorted_and_cut() {
    run(|spark| async move {
        let frame = people(&spark, &[(3, "c"), (1, "a"), (2, "b"), (2, "b")]);
        assert_eq!(texts(&frame.filter("ID > 1 AND name <> 'c'")?).await?, ["2 b", "2 b"]);
        assert_eq!(frame.distinct()?.count().await?, 3);
        assert_eq!(frame.drop_duplicates(&["name"])?.count().await?, 3);
        let sorted = frame.order_by([col("id").desc(), col("name")])?.limit(2)?;
        let rows = sorted.collect().await?;
        assert_eq!(rows[0]["id"], 3.into());
        assert_eq!(rows[1]["id"], 2.into());
        assert_eq!(frame.order_by(["id"])?.first().await?.unwrap()["name"], "a".into());
        // A condition may name what a select just before it has left out.
        let below = frame.select_expr(["name"])?.filter("id = 3")?;
        assert_eq!(texts(&below).await?, ["c"]);
        assert!(frame.filter("id = 9")?.is_empty().await?);
        assert_eq!(
            frame.filter("nope = 1").unwrap_err().condition(),
            Some("UNRESOLVED_COLUMN.WITH_SUGGESTION")
        );
        Ok(())
    });
}

#[test]
fn frames_are_joined_united_and_compared() {
    run(|spark| async move {
        let left = people(&spark, &[(1, "a"), (2, "b")]);
        let right = people(&spark, &[(2, "x"), (3, "y")]).with_column_renamed("name", "other")?;
        let inner = left.join(&right, &["id"], "inner")?;
        assert_eq!(inner.columns(), ["id", "name", "other"]);
        assert_eq!(texts(&inner).await?, ["2 b x"]);
        assert_eq!(left.join(&right, &["id"], "left")?.count().await?, 2);
        assert_eq!(texts(&left.join(&right, &["id"], "left_anti")?).await?, ["1 a"]);
        assert_eq!(left.cross_join(&right.select(["other"])?)?.count().await?, 4);
        assert!(left.join(&right, &["id"], "sideways").is_err());

        let swapped = left.select(["name", "id"])?;
        assert_eq!(texts(&left.union_by_name(&swapped, false)?.distinct()?).await?, ["1 a", "2 b"]);
        assert!(left.union_by_name(&right, false).is_err());
        let filled = left.union_by_name(&right, true)?;
        assert_eq!(filled.columns(), ["id", "name", "other"]);
        assert_eq!(texts(&filled).await?, ["1 a NULL", "2 NULL x", "2 b NULL", "3 NULL y"]);
        assert_eq!(left.union(&left)?.count().await?, 4);
        assert_eq!(texts(&left.subtract(&left.limit(0)?)?).await?, ["1 a", "2 b"]);
        assert_eq!(left.intersect(&left.filter("id = 1")?)?.count().await?, 1);
        Ok(())
    });
}

#[test]
fn groups_are_told_by_spark_s_names() {
    run(|spark| async move {
        let frame = people(&spark, &[(1, "a"), (2, "a"), (5, "b")]);
        let counted = frame.group_by(["name"])?.count()?;
        assert_eq!(counted.columns(), ["name", "count"]);
        assert_eq!(texts(&counted).await?, ["a 2", "b 1"]);
        let told =
            frame.group_by(["NAME"])?.agg([sum("id"), max("id").alias("top"), count("*")])?;
        assert_eq!(told.columns(), ["NAME", "sum(id)", "top", "count(1)"]);
        assert_eq!(texts(&told).await?, ["a 3 2 2", "b 5 5 1"]);
        let mean = frame.agg([avg("id")])?;
        assert_eq!(mean.columns(), ["avg(id)"]);
        assert_eq!(texts(&frame.group_by(["name"])?.min(&["id"])?).await?, ["a 1", "b 5"]);
        Ok(())
    });
}

#[test]
fn a_frame_of_a_table_stays_as_it_was_and_old_versions_can_be_read() {
    run(|spark| async move {
        people(&spark, &[(1, "a")]).write().save_as_table("t").await?;
        let held = spark.table("T")?;
        let queried = spark.sql("SELECT name FROM t").await?;
        spark.store().tag("first", spark.store().version()).unwrap();
        people(&spark, &[(2, "b")]).write().mode("append").save_as_table("t").await?;

        assert_eq!(held.count().await?, 1);
        assert_eq!(texts(&queried).await?, ["a"]);
        assert_eq!(spark.table("t")?.count().await?, 2);
        let read = |key: &str, value: &str| spark.read().option(key, value).table("t");
        assert_eq!(read("versionAsOf", "0")?.count().await?, 1);
        assert_eq!(read("versionAsOf", "1")?.count().await?, 2);
        assert_eq!(read("VersionAsOf", "first")?.count().await?, 1);
        assert!(read("versionAsOf", "9").is_err());
        let both = spark.read().option("versionAsOf", 0).option("timestampAsOf", "x").table("t");
        assert_eq!(both.unwrap_err().condition(), Some("MULTIPLE_TIME_TRAVEL_SPEC"));
        Ok(())
    });
}

#[test]
fn views_are_of_this_session_and_global_ones_of_all() {
    run(|spark| async move {
        let frame = people(&spark, &[(1, "a")]);
        frame.create_temp_view("v")?;
        let twice = frame.create_temp_view("V").unwrap_err();
        assert_eq!(twice.condition(), Some("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS"));
        frame.create_or_replace_global_temp_view("g")?;
        assert_eq!(spark.table("v")?.count().await?, 1);

        let other = spark.new_session();
        assert_eq!(other.table("v").unwrap_err().condition(), Some("TABLE_OR_VIEW_NOT_FOUND"));
        assert_eq!(texts(&other.sql("SELECT name FROM global_temp.g").await?).await?, ["a"]);
        assert!(spark.catalog().drop_temp_view("v"));
        assert!(!spark.catalog().drop_temp_view("v"));
        Ok(())
    });
}

#[test]
fn a_frame_is_shown_as_spark_shows_it() {
    run(|spark| async move {
        let frame = people(&spark, &[(1, "Alice"), (2, "Bob")]).order_by(["id"])?;
        let text = "+---+-----+\n| id| name|\n+---+-----+\n|  1|Alice|\n+---+-----+\nonly showing top 1 row\n";
        assert_eq!(frame.show_string(1, true, false).await?, text);
        assert_eq!(format!("{frame:?}"), "DataFrame[id: int, name: string]");
        let tree =
            "root\n |-- id: integer (nullable = true)\n |-- name: string (nullable = true)\n";
        assert_eq!(frame.schema_string(), tree);
        let cached = frame.cache().await?;
        assert_eq!(texts(&cached).await?, ["1 Alice", "2 Bob"]);
        Ok(())
    });
}

#[test]
fn numbers_and_texts_have_spark_s_types() {
    run(|spark| async move {
        let text = "SELECT 1 AS i, 3000000000 AS l, 1.5 AS d, 2L AS b, 'x' AS s, \
                    TIMESTAMP '2024-01-02 03:04:05' AS t, CAST('7' AS INT) AS c, NULL AS n, \
                    map('k', 1) AS m, named_struct('a', array(1)) AS r";
        let types: Vec<String> =
            spark.sql(text).await?.dtypes().into_iter().map(|(_, of)| of).collect();
        assert_eq!(
            types,
            [
                "int",
                "bigint",
                "decimal(2,1)",
                "bigint",
                "string",
                "timestamp",
                "int",
                "void",
                "map<string,int>",
                "struct<a:array<int>>"
            ]
        );
        Ok(())
    });
}

#[test]
fn arithmetic_is_checked_and_never_gives_another_number() {
    run(|spark| async move {
        let told = |text: &'static str| {
            let spark = spark.clone();
            async move {
                let done = match spark.sql(text).await {
                    Ok(frame) => texts(&frame).await,
                    Err(error) => Err(error),
                };
                done.map_err(|error| error.condition().unwrap_or_default().to_owned())
            }
        };
        let fails = |condition: &str| Err(condition.to_owned());
        let numbers = told("SELECT 1 + 2, 7 / 2, 7 - 9, 3 * 4L").await;
        assert_eq!(numbers, Ok(vec!["3 3.5 -2 12".to_owned()]));
        assert_eq!(told("SELECT 2147483647 + 1").await, fails("ARITHMETIC_OVERFLOW"));
        assert_eq!(told("SELECT 9223372036854775807 * 2").await, fails("ARITHMETIC_OVERFLOW"));
        let wide = "SELECT id * 3000000000 * 4000000000 FROM range(2)";
        assert_eq!(told(wide).await, fails("ARITHMETIC_OVERFLOW"));
        assert_eq!(told("SELECT 1 / 0").await, fails("DIVIDE_BY_ZERO"));
        assert_eq!(told("SELECT CAST(NULL AS INT) / 0").await, Ok(vec!["NULL".to_owned()]));
        assert_eq!(told("SELECT CAST('x' AS INT)").await, fails("CAST_INVALID_INPUT"));
        assert_eq!(told("SELECT CAST(3000000000 AS INT)").await, fails("CAST_OVERFLOW"));
        let frame = people(&spark, &[(2_147_483_647, "a")]);
        let next = frame.select_expr(["id + 1"])?;
        assert_eq!(next.dtypes(), [("(id + 1)".to_owned(), "int".to_owned())]);
        assert!(next.collect().await.is_err());
        Ok(())
    });
}

#[test]
fn columns_may_share_a_name_until_it_is_asked_for() {
    run(|spark| async move {
        let frame = people(&spark, &[(1, "a"), (2, "b")]);
        let twice = frame.select([col("id"), col("name"), expr("id * 10 AS id")])?;
        assert_eq!(twice.columns(), ["id", "name", "id"]);
        assert_eq!(texts(&twice).await?, ["1 a 10", "2 b 20"]);
        assert_eq!(
            twice.order_by(["name"])?.show_string(20, true, false).await?,
            "+---+----+---+\n| id|name| id|\n+---+----+---+\n|  1|   a| 10|\n|  2|   b| 20|\n+---+----+---+\n"
        );
        assert_eq!(twice.count().await?, 2);

        for error in [
            twice.select(["id"]).unwrap_err(),
            twice.select_expr(["ID + 1"]).unwrap_err(),
            twice.filter("id > 1").unwrap_err(),
            twice.with_column("n", expr("id + 1")).unwrap_err(),
            twice.order_by([col("id")]).unwrap_err(),
            twice.group_by(["id"]).unwrap_err(),
            twice.join(&frame, &["id"], "inner").unwrap_err(),
        ] {
            assert_eq!(error.condition(), Some("AMBIGUOUS_REFERENCE"), "{error}");
            assert_eq!(error.parameter("referenceNames"), Some("[`id`, `id`]"));
        }
        let error = twice.create_temp_view("v").unwrap_err();
        assert_eq!(error.condition(), Some("COLUMN_ALREADY_EXISTS"));

        // What does not ask for it goes on as ever.
        assert_eq!(texts(&twice.filter("name = 'b'")?).await?, ["2 b 20"]);
        assert_eq!(
            texts(&twice.select_expr(["*", "upper(name) AS n"])?).await?,
            ["1 a 10 A", "2 b 20 B"]
        );
        assert_eq!(twice.select_expr(["*"])?.columns(), ["id", "name", "id"]);
        assert_eq!(texts(&twice.with_column("id", lit(0))?).await?, ["0 a 0", "0 b 0"]);
        assert_eq!(texts(&twice.to_df(&["x", "y", "z"])?.filter("z > 10")?).await?, ["2 b 20"]);
        assert_eq!(twice.drop(["id"])?.columns(), ["name"]);
        assert_eq!(texts(&twice.union(&twice)?.distinct()?).await?, ["1 a 10", "2 b 20"]);
        assert_eq!(twice.union(&twice)?.columns(), ["id", "name", "id"]);
        assert_eq!(texts(&twice.subtract(&twice.limit(0)?)?).await?, ["1 a 10", "2 b 20"]);
        assert_eq!(texts(&twice.drop_duplicates(&["name"])?).await?, ["1 a 10", "2 b 20"]);
        let cached = twice.cache().await?;
        assert_eq!(
            (cached.columns(), texts(&cached).await?),
            (twice.columns(), texts(&twice).await?)
        );
        let error = twice.write().save_as_table("t").await.unwrap_err();
        assert_eq!(error.condition(), Some("COLUMN_ALREADY_EXISTS"), "{error}");
        Ok(())
    });
}

#[test]
fn joins_and_groups_may_give_columns_of_one_name() {
    run(|spark| async move {
        let (left, right) = (people(&spark, &[(1, "a")]), people(&spark, &[(1, "x")]));
        let joined = left.join(&right, &["id"], "inner")?;
        assert_eq!(joined.columns(), ["id", "name", "name"]);
        assert_eq!(texts(&joined).await?, ["1 a x"]);
        let error = joined.select(["name"]).unwrap_err();
        assert_eq!(error.condition(), Some("AMBIGUOUS_REFERENCE"));
        let crossed = left.cross_join(&right)?;
        assert_eq!(crossed.columns(), ["id", "name", "id", "name"]);
        assert_eq!(
            texts(&crossed.join(&joined.to_df(&["k", "a", "b"])?, &[], "cross")?).await?,
            ["1 a 1 x 1 a x"]
        );
        let sums =
            left.group_by(["name", "NAME"])?.agg([sum("id"), sum("id"), max("id").alias("m")])?;
        assert_eq!(sums.columns(), ["name", "NAME", "sum(id)", "sum(id)", "m"]);
        assert_eq!(texts(&sums).await?, ["a a 1 1 1"]);
        let given = [crate::Row::new([crate::Value::from(1), crate::Value::from(2)])];
        let given = spark.create_data_frame(given, "id INT, id INT")?;
        assert_eq!(texts(&given).await?, ["1 2"]);
        Ok(())
    });
}

#[test]
fn a_temporary_table_is_a_view_of_its_session_without_rows() {
    run(|spark| async move {
        spark.sql("CREATE TEMPORARY TABLE tt (id INT, name STRING) USING parquet").await?;
        assert_eq!(spark.sql("SELECT name, id FROM tt").await?.columns(), ["name", "id"]);
        assert_eq!(spark.table("tt")?.count().await?, 0);
        assert!(spark.new_session().table("tt").is_err());
        for (sql, condition) in [
            (
                "CREATE TEMPORARY TABLE tt (id INT) USING parquet",
                "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS",
            ),
            ("CREATE TEMPORARY TABLE s.tt (id INT) USING parquet", "INVALID_TEMP_OBJ_QUALIFIER"),
            ("CREATE TEMPORARY TABLE a (id INT) USING nosuch", "DATA_SOURCE_NOT_FOUND"),
            ("CREATE TEMPORARY TABLE a (id INT)", "_LEGACY_ERROR_TEMP_0035"),
            ("INSERT INTO tt VALUES (1, 'a')", "UNSUPPORTED_INSERT.RDD_BASED"),
        ] {
            let error = spark.sql(sql).await.unwrap_err();
            assert_eq!(error.condition(), Some(condition), "{sql}: {error}");
        }
        spark.sql("DROP VIEW tt").await?;
        assert!(spark.table("tt").is_err());
        Ok(())
    });
}

/// As [`run`], on a stack of the size that threads have.
fn run_on_a_plain_stack<F>(test: impl FnOnce(crate::Session) -> F + Send + 'static)
where
    F: Future<Output = Result<(), crate::SparkError>>,
{
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let session = crate::Session::new(&annals::Store::in_memory());
        runtime.unwrap().block_on(test(session)).unwrap();
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn frames_of_many_steps_run_and_those_of_too_many_are_refused() {
    type Step = fn(&DataFrame, &DataFrame) -> Result<DataFrame, crate::SparkError>;
    let steps: [(&str, Step); 4] = [
        ("column", |frame, _| frame.with_column("x", lit(7))),
        ("filter", |frame, _| {
            frame.filter(crate::Column::from(
                datafusion::prelude::col("id").gt_eq(datafusion::prelude::lit(1)),
            ))
        }),
        ("limit", |frame, _| frame.limit(9)),
        ("union", |frame, other| other.union(frame)),
    ];
    run_on_a_plain_stack(move |spark| async move {
        let begin = people(&spark, &[(1, "a")]);
        for (name, step) in steps {
            let (mut frame, mut count) = (begin.select(["id", "name"])?, 0);
            let error = loop {
                match step(&frame, &begin) {
                    Ok(next) => (frame, count) = (next, count + 1),
                    Err(error) => break error,
                }
            };
            assert!(error.to_string().contains("1000 is the most"), "{name}: {error}");
            assert!((900..1000).contains(&count), "{name}: {count} steps");
            let rows = if name == "union" { count + 1 } else { 1 };
            assert_eq!(frame.count().await?, rows, "{name}");
            assert_eq!(frame.collect().await?.len(), rows, "{name}");
            frame.write().mode("overwrite").save_as_table("kept").await?;
            assert_eq!(spark.table("kept")?.count().await?, rows, "{name}");
            frame.write().mode("overwrite").insert_into("kept").await?;
            frame.write_to("kept")?.append().await?;
            frame.write_to("kept")?.create_or_replace().await?;
            frame.create_or_replace_temp_view("deep")?;
            spark.sql("INSERT OVERWRITE kept SELECT * FROM deep").await?;
            assert_eq!(spark.sql("SELECT * FROM deep").await?.count().await?, rows, "{name}");
            // What is kept begins anew.
            assert!(step(&frame.cache().await?, &begin).is_ok());
        }
        // A long union is one step, and a plan that is shared is walked once.
        let mut union = begin.clone();
        for _ in 0..2_000 {
            union = union.union(&begin)?;
        }
        assert_eq!(union.count().await?, 2_001);
        let mut joined = begin.select(["id"])?;
        for _ in 0..30 {
            joined = joined.join(&begin, &["id"], "left_semi")?;
        }
        assert_eq!(joined.count().await?, 1);
        Ok(())
    });
}

#[test]
fn a_view_of_a_view_counts_as_the_steps_below_it() {
    run_on_a_plain_stack(|spark| async move {
        let mut frame = people(&spark, &[(1, "a")]);
        for _ in 0..500 {
            frame = frame.limit(9)?;
        }
        frame.create_temp_view("v")?;
        let mut over = spark.sql("SELECT * FROM v").await?;
        let refused = (0..600).find_map(|_| match over.limit(9) {
            Ok(next) => {
                over = next;
                None
            }
            Err(error) => Some(error),
        });
        assert!(refused.is_some());
        assert_eq!(over.count().await?, 1);
        Ok(())
    });
}

#[test]
fn cases_in_each_other_are_bounded_however_a_column_is_made() {
    use datafusion::logical_expr::{Expr, col, lit, when};
    run(|spark| async move {
        let frame = spark.range(0, 2, 1)?;
        let nested = |levels: usize, between: fn(Expr) -> Expr| {
            (0..levels).fold(col("id"), |inner, level| {
                let level = i64::try_from(level).unwrap();
                when(col("id").gt(lit(level)), between(inner)).otherwise(lit(level)).unwrap()
            })
        };
        let plus: fn(Expr) -> Expr = |expr| expr + lit(1_i64);
        for (cases, allowed) in
            [(nested(4, plus), true), (nested(40, |expr| expr), true), (nested(14, plus), false)]
        {
            let told = frame.select([crate::Column::from(cases)]).map(drop);
            assert_eq!(told.is_ok(), allowed);
            let Err(error) = told else { continue };
            assert!(error.to_string().contains("a CASE in more than 12 others"), "{error}");
        }
        Ok(())
    });
}
