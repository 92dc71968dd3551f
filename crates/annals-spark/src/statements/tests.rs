//! What statements are told in Spark's words, as Spark 4.3 was seen to tell it.

use crate::testing::{run, texts};
use crate::{Session, SparkError};

/// A statement, the condition under which it is refused, and parameters.
type Refusal<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Asserts that each statement is refused under the condition and with these parameters.
async fn refused(spark: &Session, cases: &[Refusal<'_>]) {
    for (sql, condition, parameters) in cases {
        let answer: Result<_, SparkError> = match spark.sql(sql).await {
            Ok(frame) => frame.collect().await,
            Err(error) => Err(error),
        };
        let error = answer.expect_err(sql);
        assert_eq!(error.condition(), Some(*condition), "{sql}: {error}");
        for (name, value) in *parameters {
            assert_eq!(error.parameter(name), Some(*value), "{sql}: {error}");
        }
    }
}

#[test]
fn nothing_that_is_kept_is_called_by_an_empty_name() {
    run(|spark| async move {
        let invalid = ("INVALID_SCHEMA_OR_RELATION_NAME", [("name", "``")]);
        let no_schema = ("SCHEMA_NOT_FOUND", [("schemaName", "`spark_catalog`.``")]);
        spark.sql("CREATE TABLE e (a INT)").await?;
        for sql in [
            "CREATE DATABASE ``",
            "CREATE TABLE `` (a INT)",
            "CREATE TABLE default.`` (a INT)",
            "CREATE TABLE `` AS SELECT 1 AS a",
            "CREATE VIEW `` AS SELECT 1 AS a",
            "CREATE TEMPORARY VIEW `` AS SELECT 1 AS a",
            "CREATE GLOBAL TEMPORARY VIEW `` AS SELECT 1 AS a",
            "ALTER TABLE e RENAME TO ``",
        ] {
            refused(&spark, &[(sql, invalid.0, &invalid.1)]).await;
        }
        for sql in ["CREATE TABLE ``.t (a INT)", "USE ``", "DROP DATABASE ``"] {
            refused(&spark, &[(sql, no_schema.0, &no_schema.1)]).await;
        }
        let missing = "TABLE_OR_VIEW_NOT_FOUND";
        refused(
            &spark,
            &[
                ("SELECT * FROM nope.``", missing, &[("relationName", "`nope`.``")]),
                ("SELECT * FROM ``.t", missing, &[("relationName", "``.`t`")]),
                ("INSERT INTO `` VALUES (1)", missing, &[("relationName", "``")]),
                ("DROP TABLE ``.t", missing, &[("relationName", "`spark_catalog`.``.`t`")]),
                ("DROP VIEW ``", missing, &[]),
            ],
        )
        .await;
        spark.sql("DROP TABLE IF EXISTS ``").await?;
        spark.sql("DROP VIEW IF EXISTS ``").await?;
        let error = spark.range(0, 1, 1)?.create_temp_view("``").unwrap_err();
        assert_eq!(error.condition(), Some("INVALID_SCHEMA_OR_RELATION_NAME"));
        Ok(())
    });
}

#[test]
fn a_column_may_have_an_empty_name() {
    run(|spark| async move {
        spark.sql("CREATE TABLE e (`` INT)").await?;
        spark.sql("INSERT INTO e VALUES (1)").await?;
        assert_eq!(spark.sql("SELECT `` FROM e").await?.columns(), [""]);
        spark.sql("CREATE TABLE e2 (a INT)").await?;
        spark.sql("ALTER TABLE e2 ADD COLUMN (`` INT)").await?;
        let described = texts(&spark.sql("DESCRIBE e2").await?).await?;
        assert_eq!(described, [" int NULL", "a int NULL"]);
        Ok(())
    });
}

#[test]
fn a_partition_column_that_is_not_there_is_told_with_those_that_are() {
    run(|spark| async move {
        let parameters = [
            ("colType", "partition"),
            ("colName", "`x`"),
            ("tableName", "`spark_catalog`.`default`.`t`"),
            ("tableCols", "`a`, `b`"),
        ];
        for sql in [
            "CREATE TABLE t (a INT, b INT) PARTITIONED BY (x)",
            "CREATE TABLE t PARTITIONED BY (x) AS SELECT 1 AS a, 2 AS b",
        ] {
            refused(&spark, &[(sql, "COLUMN_NOT_DEFINED_IN_TABLE", &parameters)]).await;
        }
        let sql = "CREATE TABLE t (a INT, b INT) PARTITIONED BY ";
        let cases: [Refusal<'_>; 2] = [
            ("(a, A)", "COLUMN_ALREADY_EXISTS", &[("columnName", "`a`")]),
            ("(a, b)", "ALL_PARTITION_COLUMNS_NOT_ALLOWED", &[]),
        ];
        for (by, condition, parameters) in cases {
            refused(&spark, &[(&format!("{sql}{by}"), condition, parameters)]).await;
        }
        Ok(())
    });
}

#[test]
fn lists_of_the_catalog_take_the_patterns_of_show() {
    run(|spark| async move {
        for name in ["alpha", "alpine", "beta"] {
            spark.sql(&format!("CREATE TABLE {name} (a INT)")).await?;
        }
        spark.sql("CREATE TEMPORARY VIEW alps AS SELECT 1 AS a").await?;
        let catalog = spark.catalog();
        let tables = |pattern| -> Result<Vec<String>, SparkError> {
            let found = catalog.list_tables(None, Some(pattern))?;
            Ok(found.into_iter().map(|table| table.name).collect())
        };
        assert_eq!(tables(" AL.{1,2}s?|b..a")?, ["beta", "alps"]);
        assert_eq!(tables("[")?, [""; 0]);
        let databases = catalog.list_databases(Some("d.f*"));
        assert_eq!(databases.len(), 1);
        assert!(catalog.list_databases(Some("d[")).is_empty());
        assert_eq!(catalog.list_catalogs(Some("spark_.*")), ["spark_catalog"]);
        let functions = catalog.list_functions(Some("ab[sx]"));
        assert_eq!(functions.len(), 1);
        Ok(())
    });
}

#[test]
fn a_name_of_several_columns_of_a_subquery_is_ambiguous() {
    run(|spark| async move {
        spark.sql("CREATE TABLE t (id INT, name STRING)").await?;
        let both = |name: &str| (name.to_owned(), format!("[{name}, {name}]"));
        for (sql, (name, names)) in [
            ("SELECT x FROM (SELECT id AS x, name AS x FROM t)", both("`x`")),
            ("SELECT q.x FROM (SELECT id AS x, name AS X FROM t) q", both("`q`.`x`")),
            ("SELECT `1` FROM (SELECT 1, 1)", both("`1`")),
            ("SELECT id FROM (SELECT id FROM t), (SELECT id FROM t)", both("`id`")),
            (
                "SELECT id FROM (SELECT a.id, b.id FROM t a, t b) q",
                ("`id`".to_owned(), "[`q`.`id`, `q`.`id`]".to_owned()),
            ),
        ] {
            let parameters = [("name", &*name), ("referenceNames", &*names)];
            refused(&spark, &[(sql, "AMBIGUOUS_REFERENCE", &parameters)]).await;
        }
        let sql = "SELECT x FROM (SELECT id AS x, name AS x FROM t) q";
        let parameters = [("name", "`x`"), ("referenceNames", "[`q`.`x`, `q`.`x`]")];
        refused(&spark, &[(sql, "AMBIGUOUS_REFERENCE", &parameters)]).await;
        let frame = spark.sql("SELECT * FROM (SELECT id, ID, * FROM t)").await?;
        assert_eq!(frame.columns(), ["id", "ID", "id", "name"]);
        for sql in
            ["SELECT nope FROM (SELECT id, id FROM t)", "SELECT nope FROM (SELECT id FROM t)"]
        {
            let condition = "UNRESOLVED_COLUMN.WITH_SUGGESTION";
            refused(&spark, &[(sql, condition, &[("proposal", "`id`")])]).await;
        }
        let sql = "CREATE TABLE c AS SELECT * FROM (SELECT id, id FROM t)";
        refused(&spark, &[(sql, "COLUMN_ALREADY_EXISTS", &[("columnName", "`id`")])]).await;
        Ok(())
    });
}

#[test]
fn views_that_name_each_other_too_deep_or_in_a_circle_are_told_as_spark_tells_them() {
    run(|spark| async move {
        spark.sql("CREATE TABLE v0 (id INT)").await?;
        for n in 1..=65 {
            spark.sql(&format!("CREATE VIEW v{n} AS SELECT * FROM v{}", n - 1)).await?;
        }
        let (one, two) = ("`spark_catalog`.`default`.`v1`", "`spark_catalog`.`default`.`v2`");
        let sql = "SELECT * FROM v65";
        let parameters = [("viewName", one), ("maxNestedDepth", "64")];
        refused(&spark, &[(sql, "VIEW_EXCEED_MAX_NESTED_DEPTH", &parameters)]).await;
        let error = spark.sql(sql).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("54K00"));
        for (sql, path) in [
            ("CREATE OR REPLACE VIEW v1 AS SELECT * FROM v1", format!("{one} -> {one}")),
            ("CREATE OR REPLACE VIEW v1 AS SELECT * FROM v2", format!("{one} -> {two} -> {one}")),
        ] {
            let parameters = [("viewIdent", one), ("newPath", &path)];
            refused(&spark, &[(sql, "RECURSIVE_VIEW", &parameters)]).await;
        }
        Ok(())
    });
}

#[test]
fn a_view_gives_its_columns_in_place_also_where_its_query_calls_them_the_same() {
    run(|spark| async move {
        spark.sql("CREATE TABLE t AS SELECT 1 AS id, 'a' AS name").await?;
        for kind in ["VIEW v", "TEMPORARY VIEW w"] {
            let sql = format!("CREATE {kind}(x, y) AS SELECT id AS a, name AS A FROM t");
            spark.sql(&sql).await?;
        }
        spark.sql("CREATE VIEW u(x, y, z) AS SELECT name AS a, id, id + 1 AS a FROM t").await?;
        for (view, row) in [("v", "1 a"), ("w", "1 a"), ("u", "a 1 2")] {
            assert_eq!(texts(&spark.table(view)?).await?, [row], "{view}");
        }
        Ok(())
    });
}

#[test]
fn casts_to_nested_types_are_those_of_columns() {
    run(|spark| async move {
        let sql = "SELECT CAST(map('a', named_struct('x', 1)) AS MAP<STRING, STRUCT<x: BIGINT>>) AS m, \
                   CAST(array(1) AS ARRAY<STRING>), array(1)::ARRAY<DECIMAL(5, 2)>, CAST(1 AS VARCHAR(3))";
        let frame = spark.sql(sql).await?;
        assert_eq!(
            frame.dtypes(),
            [
                ("m", "map<string,struct<x:bigint>>"),
                ("array(1)", "array<string>"),
                ("array(1)", "array<decimal(5,2)>"),
                ("CAST(1 AS STRING)", "string"),
            ]
            .map(|(name, data_type)| (name.to_owned(), data_type.to_owned()))
        );
        assert_eq!(texts(&frame).await?, ["{a -> {1}} [1] [1.00] 1"]);
        let sql = "SELECT CAST(named_struct('a', 1) AS STRUCT<a: BIGINT, b: STRING>)";
        let target = ("targetType", "\"STRUCT<a: BIGINT, b: STRING>\"");
        let cases = [(sql, "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION", &[target][..])];
        refused(&spark, &cases).await;
        let no_type = [("typeName", "\"NOPE\"")];
        refused(
            &spark,
            &[
                ("SELECT CAST(1 AS ARRAY<INT>)", "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION", &[]),
                ("SELECT CAST(NULL AS ARRAY<NOPE>)", "UNSUPPORTED_DATATYPE", &no_type),
                (
                    "SELECT CAST(1 AS STRUCT<a INT b INT>)",
                    "PARSE_SYNTAX_ERROR",
                    &[("error", "'b'")],
                ),
            ],
        )
        .await;
        Ok(())
    });
}

#[test]
fn a_temporary_view_refuses_columns_that_have_become_wider() {
    run(|spark| async move {
        spark.sql("CREATE TABLE t AS SELECT 1 AS id, 'a' AS name").await?;
        spark.sql("CREATE VIEW kept AS SELECT * FROM t").await?;
        spark.sql("CREATE TEMPORARY VIEW v(k, n) AS SELECT id, name FROM t").await?;
        let made = |select: &str| format!("CREATE OR REPLACE TABLE t AS SELECT {select}");
        // Narrower ones fit, and what becomes a text.
        spark.sql(&made("2Y AS id, 3 AS name")).await?;
        assert_eq!(texts(&spark.table("v")?).await?, ["2 3"]);
        spark.sql(&made("4L AS id, 'a' AS name")).await?;
        let parameters = [
            ("expression", "spark_catalog.default.t.id"),
            ("sourceType", "\"BIGINT\""),
            ("targetType", "\"INT\""),
        ];
        for sql in ["SELECT * FROM v", "SELECT n FROM v"] {
            refused(&spark, &[(sql, "CANNOT_UP_CAST_DATATYPE", &parameters)]).await;
        }
        // A view of the store casts, as in Spark.
        assert_eq!(texts(&spark.table("kept")?).await?, ["4 a"]);
        Ok(())
    });
}
