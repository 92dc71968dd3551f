//! Four programs that write a table and read it at once, statement for statement as PySpark
//! programs have them.

use std::sync::{Arc, Mutex};

use annals::Store;
use annals_spark::functions::lit;
use annals_spark::{Row, Session, SparkError, Value};

fn run(program: impl Future<Output = Result<(), SparkError>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(64 << 20).build();
    let runtime = runtime.expect("the runtime begins");
    runtime.block_on(program).expect("the program runs");
}

fn person(id: i64, name: &str) -> Row {
    Row::new([Value::from(id), name.into()])
}

#[test]
fn a_table_can_be_read_as_soon_as_it_is_saved() {
    run(async {
        let spark = Session::builder(&Store::in_memory()).build()?;
        spark.sql("CREATE SCHEMA IF NOT EXISTS test_schema").await?;

        let df =
            spark.create_data_frame_of([person(1, "Alice"), person(2, "Bob")], &["id", "name"])?;
        df.write().mode("overwrite").save_as_table("test_schema.test_table").await?;

        let table = spark.table("test_schema.test_table")?;
        assert_eq!(table.count().await?, 2);
        assert!(table.columns().contains(&"id".to_owned()));
        assert!(table.columns().contains(&"name".to_owned()));

        let rows = table.collect().await?;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["id"], Value::Long(1));
        assert_eq!(rows[0]["name"], Value::from("Alice"));
        Ok(())
    });
}

#[test]
fn a_schema_evolves_by_reading_the_table_that_was_just_saved() {
    run(async {
        let spark = Session::builder(&Store::in_memory()).build()?;
        spark.sql("CREATE SCHEMA IF NOT EXISTS test_schema").await?;

        let df1 = spark.create_data_frame_of([person(1, "Alice")], &["id", "name"])?;
        df1.write().mode("overwrite").save_as_table("test_schema.events").await?;

        let existing_table = spark.table("test_schema.events")?;
        let existing_schema = existing_table.schema();

        let row = Row::new([Value::from(2_i64), "Bob".into(), 25_i64.into()]);
        let mut df2 = spark.create_data_frame_of([row], &["id", "name", "age"])?;
        for field in existing_schema.fields() {
            if !df2.columns().contains(field.name()) {
                df2 = df2.with_column(field.name(), lit(None::<i64>))?;
            }
        }
        df2.write().mode("overwrite").save_as_table("test_schema.events").await?;

        let final_table = spark.table("test_schema.events")?;
        for column in ["id", "name", "age"] {
            assert!(final_table.columns().contains(&column.to_owned()));
        }
        Ok(())
    });
}

#[test]
fn ten_threads_write_and_read_at_once() {
    let store = Store::in_memory();
    let spark = Session::builder(&store).build().expect("the session begins");
    run(async {
        spark.sql("CREATE SCHEMA IF NOT EXISTS test_schema").await?;
        Ok(())
    });
    let results = Arc::new(Mutex::new(Vec::new()));
    let write_and_read = &|table_num: i64| {
        run(async {
            let row = Row::new([Value::from(table_num), format!("data_{table_num}").into()]);
            let df = spark.create_data_frame_of([row], &["id", "value"])?;
            let name = format!("test_schema.table_{table_num}");
            df.write().mode("overwrite").save_as_table(&name).await?;

            let count = spark.table(&name)?.count().await?;
            results.lock().expect("no thread panics").push((table_num, count));
            Ok(())
        });
    };
    std::thread::scope(|scope| {
        for table_num in 0..10 {
            scope.spawn(move || write_and_read(table_num));
        }
    });
    let results = results.lock().expect("no thread panics");
    assert_eq!(results.len(), 10);
    assert!(results.iter().all(|(_, count)| *count == 1));
}

#[test]
fn appended_rows_can_be_read_at_once() {
    run(async {
        let spark = Session::builder(&Store::in_memory()).build()?;
        spark.sql("CREATE SCHEMA IF NOT EXISTS test_schema").await?;

        let df1 = spark.create_data_frame_of([person(1, "Alice")], &["id", "name"])?;
        df1.write().mode("overwrite").save_as_table("test_schema.users").await?;

        let table1 = spark.table("test_schema.users")?;
        assert_eq!(table1.count().await?, 1);

        let df2 = spark.create_data_frame_of([person(2, "Bob")], &["id", "name"])?;
        df2.write().mode("append").save_as_table("test_schema.users").await?;

        let table2 = spark.table("test_schema.users")?;
        assert_eq!(table2.count().await?, 2);
        // What was held is as it was.
        assert_eq!(table1.count().await?, 1);
        Ok(())
    });
}
