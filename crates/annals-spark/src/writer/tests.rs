//! Rows are written as Spark writes them, and a store's way where Spark has none.

use annals::col;

use crate::testing::{people, run, texts};
use crate::{CreateTable, Row, Value};

#[test]
fn each_mode_does_what_it_says() {
    run(|spark| async move {
        let (first, second) = (people(&spark, &[(1, "a")]), people(&spark, &[(2, "b")]));
        first.write().save_as_table("t").await?;
        let error = second.write().save_as_table("T").await.unwrap_err();
        assert_eq!(error.condition(), Some("TABLE_OR_VIEW_ALREADY_EXISTS"));
        assert_eq!(error.parameter("relationName"), Some("`spark_catalog`.`default`.`t`"));
        second.write().mode("ignore").save_as_table("t").await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["1 a"]);
        second.write().mode("APPEND").save_as_table("t").await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["1 a", "2 b"]);
        second.write().mode("overwrite").save_as_table("t").await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["2 b"]);
        let error = second.write().mode("bogus").save_as_table("t").await.unwrap_err();
        assert_eq!(error.condition(), Some("INVALID_SAVE_MODE"));
        Ok(())
    });
}

#[test]
fn an_overwrite_that_fails_leaves_the_old_table() {
    run(|spark| async move {
        people(&spark, &[(1, "a")]).write().save_as_table("t").await?;
        let version = spark.store().version();
        let bad = spark.sql("SELECT raise_error('boom') AS x FROM t").await?;
        assert!(bad.write().mode("overwrite").save_as_table("t").await.is_err());
        let own = spark.table("t")?;
        let error = own.write().mode("overwrite").save_as_table("default.t").await.unwrap_err();
        assert_eq!(error.condition(), Some("UNSUPPORTED_OVERWRITE.TABLE"));
        assert_eq!(spark.store().version(), version);
        assert_eq!(texts(&spark.table("t")?).await?, ["1 a"]);
        // What was collected before reads nothing any more.
        own.cache().await?.write().mode("overwrite").save_as_table("t").await?;
        Ok(())
    });
}

#[test]
fn an_append_finds_columns_by_name_and_an_insert_by_place() {
    run(|spark| async move {
        let rows = |ddl: &str, a: i32, b: i32| spark.create_data_frame([Row::new([a, b])], ddl);
        rows("a INT, b INT", 1, 2)?.write().save_as_table("t").await?;
        rows("B INT, A INT", 3, 4)?.write().mode("append").save_as_table("t").await?;
        rows("b INT, a INT", 5, 6)?.write().insert_into("t").await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["1 2", "4 3", "5 6"]);
        let narrow = spark.create_data_frame([Row::new([1])], "a INT")?;
        let error = narrow.write().insert_into("t").await.unwrap_err();
        assert_eq!(error.condition(), Some("INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"));
        let error = narrow.write().mode("append").save_as_table("t").await.unwrap_err();
        assert_eq!(error.parameter("querySchema"), Some("struct<a:int>"));
        // Only with the option does an append change the table.
        let wider = spark.create_data_frame([Row::new([7, 8, 9])], "a INT, b INT, c INT")?;
        assert!(wider.write().mode("append").save_as_table("t").await.is_err());
        wider.write().mode("append").option("mergeSchema", true).save_as_table("t").await?;
        assert_eq!(spark.table("t")?.columns(), ["a", "b", "c"]);
        Ok(())
    });
}

#[test]
fn partitions_come_last_and_are_overwritten_alone_where_asked() {
    run(|spark| async move {
        let rows = |pairs: &[(i32, i32)]| {
            let rows = pairs.iter().map(|(k, v)| Row::new([*k, *v])).collect::<Vec<_>>();
            spark.create_data_frame(rows, "k INT, v INT")
        };
        rows(&[(1, 10), (2, 20)])?.write().partition_by(["K"]).save_as_table("t").await?;
        assert_eq!(spark.table("t")?.columns(), ["v", "k"]);
        let one = rows(&[(1, 11)])?;
        one.write_to("t")?.overwrite_partitions().await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["11 1", "20 2"]);
        one.write_to("t")?.overwrite(col("k").eq(1)).await?;
        assert!(one.write_to("t")?.overwrite(col("k").eq(2)).await.is_err());
        spark.conf().set("spark.sql.sources.partitionOverwriteMode", "dynamic");
        let two = one.select_expr(["99 AS v", "2 AS k"])?;
        two.write().mode("overwrite").insert_into("t").await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["11 1", "99 2"]);
        spark.conf().set("spark.sql.sources.partitionOverwriteMode", "static");
        two.write().mode("overwrite").insert_into("t").await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["99 2"]);
        Ok(())
    });
}

#[test]
fn the_second_writer_creates_replaces_and_appends() {
    run(|spark| async move {
        let frame = people(&spark, &[(1, "a")]);
        let missing = frame.write_to("t")?.append().await.unwrap_err();
        assert_eq!(missing.condition(), Some("TABLE_OR_VIEW_NOT_FOUND"));
        assert!(frame.write_to("t")?.replace().await.is_err());
        frame.write_to("t")?.table_property("a", "1").create().await?;
        assert!(frame.write_to("t")?.create().await.is_err());
        frame.select(["id"])?.write_to("t")?.append().await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["1 NULL", "1 a"]);
        let other = spark.create_data_frame([Row::new([1.5])], "z DOUBLE")?;
        other.write_to("t")?.create_or_replace().await?;
        assert_eq!(texts(&spark.table("t")?).await?, ["1.5"]);
        assert_eq!(spark.read().option("versionAsOf", 0).table("t")?.count().await?, 1);
        let properties = spark.sql("SHOW TBLPROPERTIES t").await?;
        assert_eq!(properties.count().await?, 0);
        Ok(())
    });
}

#[test]
fn files_are_reached_only_below_what_the_host_allows() {
    run(|spark| async move {
        let frame = people(&spark, &[(1, "a")]);
        assert!(frame.write().save("/tmp/annals-never").await.is_err());
        assert!(spark.read().load("/etc").is_err());
        let folder = std::env::temp_dir().join(format!("annals-spark-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let allowed = crate::Session::builder(spark.store()).files_below(&folder).build()?;
        let frame = people(&allowed, &[(1, "a")]);
        frame.write().save("rows").await?;
        frame.write().mode("append").save("rows").await?;
        assert!(frame.write().save("rows").await.is_err());
        assert!(frame.write().save("../elsewhere").await.is_err());
        assert_eq!(allowed.read().parquet("rows")?.count().await?, 2);
        frame.write().mode("overwrite").parquet("rows").await?;
        let new = CreateTable::new().path("rows");
        let table = allowed.catalog().create_table("t", new).await?;
        assert_eq!(texts(&table).await?, ["1 a"]);
        std::fs::remove_dir_all(&folder).unwrap();
        Ok(())
    });
}

#[test]
fn texts_keep_to_the_length_of_their_column() {
    run(|spark| async move {
        spark.sql("CREATE TABLE t (c CHAR(3), v VARCHAR(2))").await?;
        let row =
            |c: &str, v: &str| spark.create_data_frame([Row::new([c, v])], "c STRING, v STRING");
        row("a", "b ")?.write().mode("append").save_as_table("t").await?;
        row("abc  ", "xy   ")?.write().insert_into("t").await?;
        let error = row("a", "xyz")?.write().insert_into("t").await.unwrap_err();
        assert_eq!(error.condition(), Some("EXCEED_LIMIT_LENGTH"));
        assert_eq!(error.parameter("limit"), Some("2"));
        let rows = spark.sql("SELECT c, v FROM t ORDER BY v").await?.collect().await?;
        assert_eq!(rows[0].values(), [Value::from("a  "), "b ".into()]);
        assert_eq!(rows[1].values(), [Value::from("abc"), "xy".into()]);
        Ok(())
    });
}

#[test]
fn writes_are_part_of_the_open_transaction() {
    run(|spark| async move {
        people(&spark, &[(1, "a")]).write().save_as_table("t").await?;
        spark.sql("BEGIN").await?;
        people(&spark, &[(2, "b")]).write().mode("append").save_as_table("t").await?;
        people(&spark, &[(3, "c")]).write().save_as_table("u").await?;
        assert!(people(&spark, &[(3, "c")]).write().save_as_table("u").await.is_err());
        assert_eq!(spark.table("t")?.count().await?, 2);
        assert!(spark.catalog().table_exists("u", None)?);
        let other = spark.new_session();
        assert_eq!(other.table("t")?.count().await?, 1);
        assert!(!other.catalog().table_exists("u", None)?);
        spark.sql("COMMIT").await?;
        assert_eq!(other.table("t")?.count().await?, 2);
        assert_eq!(texts(&other.table("u")?).await?, ["3 c"]);

        spark.sql("BEGIN").await?;
        people(&spark, &[(9, "z")]).write().mode("overwrite").save_as_table("t").await?;
        spark.sql("ROLLBACK").await?;
        assert_eq!(spark.table("t")?.count().await?, 2);
        Ok(())
    });
}
