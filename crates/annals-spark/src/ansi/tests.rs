//! Numbers that do not fit are errors, and operators give what Spark's give.

use std::collections::BTreeMap;

use crate::functions::sum;
use crate::testing::{run, texts};
use crate::{Session, SparkError};

/// The only value of a query, as text, and what its column is called and of which type.
async fn value(spark: &Session, expr: &str) -> Result<[String; 3], SparkError> {
    let frame = spark.sql(&format!("SELECT {expr}")).await?;
    let (name, data_type) = frame.dtypes().remove(0);
    Ok([texts(&frame).await?.concat(), name, data_type])
}

async fn refused(spark: &Session, query: &str) -> SparkError {
    match spark.sql(query).await {
        Ok(frame) => frame.collect().await.unwrap_err(),
        Err(error) => error,
    }
}

#[test]
fn div_divides_into_whole_numbers() {
    run(|spark| async move {
        for (expr, expected) in [
            ("7 DIV 2", ["3", "(7 div 2)", "bigint"]),
            ("-7 div 2", ["-3", "(-7 div 2)", "bigint"]),
            ("7Y DIV 2L", ["3", "(7 div 2)", "bigint"]),
            ("7.5 DIV 0.5", ["15", "(7.5 div 0.5)", "bigint"]),
            ("-7.4 DIV 2", ["-3", "(-7.4 div 2)", "bigint"]),
            ("1 + 7 DIV 2 * 2", ["7", "(1 + ((7 div 2) * 2))", "bigint"]),
            ("CAST(NULL AS INT) DIV 0", ["NULL", "(CAST(NULL AS INT) div 0)", "bigint"]),
        ] {
            assert_eq!(value(&spark, expr).await?, expected, "{expr}");
        }
        let zero = refused(&spark, "SELECT id DIV 0 FROM range(3)").await;
        assert_eq!(zero.condition(), Some("DIVIDE_BY_ZERO"), "{zero}");
        let least = refused(&spark, "SELECT (-9223372036854775807 - 1) DIV -1").await;
        assert_eq!(least.condition(), Some("ARITHMETIC_OVERFLOW"), "{least}");
        let fraction = refused(&spark, "SELECT 7D DIV 2").await;
        assert_eq!(fraction.condition(), Some("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"));
        Ok(())
    });
}

#[test]
fn texts_are_searched_for_patterns() {
    run(|spark| async move {
        for (expr, expected) in [
            ("'annals' RLIKE '^an+'", ["true", "RLIKE(annals, ^an+)", "boolean"]),
            ("'annals' REGEXP 'x'", ["false", "RLIKE(annals, x)", "boolean"]),
            ("'annals' NOT RLIKE 'x'", ["true", "(NOT RLIKE(annals, x))", "boolean"]),
            (
                "CAST(NULL AS STRING) RLIKE 'x'",
                ["NULL", "RLIKE(CAST(NULL AS STRING), x)", "boolean"],
            ),
            ("1 <=> NULL", ["false", "(1 <=> NULL)", "boolean"]),
            ("NULL <=> NULL", ["true", "(NULL <=> NULL)", "boolean"]),
        ] {
            assert_eq!(value(&spark, expr).await?, expected, "{expr}");
        }
        Ok(())
    });
}

#[test]
fn literals_have_the_types_that_spark_gives_them() {
    run(|spark| async move {
        for (expr, expected) in [
            ("1e3", ["1000.0", "1e3", "double"]),
            ("1e300", ["1.0E300", "1e300", "double"]),
            ("1e-400", ["0.0", "1e-400", "double"]),
            ("127Y", ["127", "127", "tinyint"]),
            ("-128Y", ["-128", "-128", "tinyint"]),
            ("-9223372036854775808L", ["-9223372036854775808", "-9223372036854775808", "bigint"]),
            (
                "9223372036854775808",
                ["9223372036854775808", "9223372036854775808", "decimal(19,0)"],
            ),
            ("2 - 1Y", ["1", "(2 - 1)", "int"]),
        ] {
            assert_eq!(value(&spark, expr).await?, expected, "{expr}");
        }
        for (literal, name, least) in [
            ("1e400", "double", "-1.7976931348623157E+308"),
            ("1e400D", "double", "-1.7976931348623157E+308"),
            ("1e39F", "float", "-3.4028234663852886E+38"),
            ("128Y", "tinyint", "-128"),
            ("40000S", "smallint", "-32768"),
            ("99999999999999999999L", "bigint", "-9223372036854775808"),
        ] {
            let error = refused(&spark, &format!("SELECT {literal}")).await;
            let told: BTreeMap<&str, &str> =
                error.parameters().iter().map(|(key, value)| (&**key, &**value)).collect();
            assert_eq!(
                error.condition(),
                Some("INVALID_NUMERIC_LITERAL_RANGE"),
                "{literal}: {error}"
            );
            assert_eq!(
                told["rawStrippedQualifier"],
                literal.trim_end_matches(['D', 'F', 'Y', 'S', 'L'])
            );
            assert_eq!((told["typeName"], told["minValue"]), (name, least));
        }
        Ok(())
    });
}

#[test]
fn what_does_not_fit_is_an_error_and_no_other_number() {
    run(|spark| async move {
        spark
            .sql(
                "CREATE TABLE t AS SELECT * FROM \
                 VALUES (9223372036854775807, 2147483647, 1), (1, 1, 1) AS v (b, i, g)",
            )
            .await?;
        for (query, message) in [
            ("SELECT sum(b) FROM t", "long overflow"),
            ("SELECT g, sum(b) FROM t GROUP BY g", "long overflow"),
            ("SELECT sum(DISTINCT b), count(DISTINCT i) FROM t", "long overflow"),
            ("SELECT sum(DISTINCT b) FROM t", "long overflow"),
            ("SELECT sum(b) OVER (ORDER BY b) FROM t", "long overflow"),
            ("SELECT sum(b) OVER (ORDER BY b ROWS 1 PRECEDING) FROM t", "long overflow"),
            ("SELECT b + 1 FROM t", "long overflow"),
            ("SELECT i + 1 FROM t", "integer overflow"),
            ("SELECT i * 2 FROM t", "integer overflow"),
            ("SELECT -2 - i FROM t", "integer overflow"),
            ("SELECT - (-1 - i) FROM t", "integer overflow"),
        ] {
            let error = refused(&spark, query).await;
            assert_eq!(error.condition(), Some("ARITHMETIC_OVERFLOW"), "{query}: {error}");
            assert_eq!(error.parameter("message"), Some(message), "{query}");
        }
        let error = spark.table("t")?.agg([sum("b")])?.collect().await.unwrap_err();
        assert_eq!(error.condition(), Some("ARITHMETIC_OVERFLOW"), "{error}");
        let rest = refused(&spark, "SELECT id % 0 FROM range(2)").await;
        assert_eq!(rest.condition(), Some("REMAINDER_BY_ZERO"), "{rest}");

        // What fits is summed as ever: in groups, in windows, of some rows, of none.
        let sums = "SELECT sum(i), sum(i) FILTER (WHERE i = 1), sum(b) FILTER (WHERE g = 2), sum(1.5D) FROM t";
        assert_eq!(texts(&spark.sql(sums).await?).await?, ["2147483648 1 NULL 3.0"]);
        let groups = "SELECT id % 3 AS k, sum(id) AS s FROM range(1000) GROUP BY id % 3";
        assert_eq!(texts(&spark.sql(groups).await?).await?, ["0 166833", "1 166167", "2 166500"]);
        let windows = "SELECT id, sum(id) OVER (ORDER BY id ROWS 1 PRECEDING) AS s FROM range(4)";
        assert_eq!(texts(&spark.sql(windows).await?).await?, ["0 0", "1 1", "2 3", "3 5"]);
        let distinct = "SELECT sum(DISTINCT id % 3), count(DISTINCT id % 2) FROM range(100)";
        assert_eq!(texts(&spark.sql(distinct).await?).await?, ["3 2"]);
        Ok(())
    });
}

#[test]
fn deep_expressions_are_planned() {
    run(|spark| async move {
        let nested = |count, around: fn(String) -> String| {
            (0..count).fold("id".to_owned(), |inner, _| around(inner))
        };
        let coalesced = nested(60, |inner| format!("coalesce({inner}, 7)"));
        let chosen = nested(100, |inner| format!("CASE WHEN id = 1 THEN 5 ELSE {inner} END"));
        let added = nested(9, |inner| format!("CASE WHEN id > 1 THEN 1 + {inner} ELSE 0 END"));
        let sql = format!("SELECT {coalesced} AS a, {chosen} AS b, {added} AS c FROM range(3)");
        assert_eq!(texts(&spark.sql(&sql).await?).await?, ["0 0 0", "1 5 0", "2 2 11"]);
        Ok(())
    });
}

#[test]
fn intervals_of_several_units_have_the_types_of_spark() {
    run(|spark| async move {
        let of = async |literal: &str| {
            let frame = spark.sql(&format!("SELECT {literal} AS i")).await?;
            Ok::<_, SparkError>((frame.dtypes()[0].1.clone(), texts(&frame).await?.concat()))
        };
        let (months, days) = ("interval year to month", "interval day to second");
        for (literal, data_type, text) in [
            ("INTERVAL '1-2' YEAR TO MONTH", months, "INTERVAL '1-2' YEAR TO MONTH"),
            ("INTERVAL '-1-2' YEAR TO MONTH", months, "INTERVAL '-1-2' YEAR TO MONTH"),
            ("INTERVAL '1 02:03:04' DAY TO SECOND", days, "INTERVAL '1 02:03:04' DAY TO SECOND"),
            (
                "INTERVAL '-30:05.5' MINUTE TO SECOND",
                days,
                "INTERVAL '-0 00:30:05.5' DAY TO SECOND",
            ),
            ("INTERVAL '2 5' DAY TO HOUR", days, "INTERVAL '2 05:00:00' DAY TO SECOND"),
        ] {
            assert_eq!(of(literal).await?, (data_type.to_owned(), text.to_owned()), "{literal}");
        }
        for wrong in ["'1' YEAR TO MONTH", "'1-12' YEAR TO MONTH", "'1 25:00:00' DAY TO SECOND"] {
            assert!(of(&format!("INTERVAL {wrong}")).await.is_err(), "{wrong}");
        }
        Ok(())
    });
}
