//! A program as a PySpark user would write it, in Rust, over a store in memory.
//!
//! `cargo run -p annals-spark --example spark`

use annals::Store;
use annals_spark::functions::{avg, col, count};
use annals_spark::{Row, Session, SparkError, Value};

fn sale(id: i32, item: &str, price: f64) -> Row {
    Row::new([Value::from(id), item.into(), price.into()])
}

async fn program() -> Result<(), SparkError> {
    let spark = Session::builder(&Store::in_memory()).build()?;
    spark.sql("CREATE DATABASE shop").await?;

    let sales = [sale(1, "tea", 2.5), sale(2, "milk", 1.0), sale(3, "tea", 3.5)];
    let frame = spark.create_data_frame(sales, "id INT, item STRING, price DOUBLE")?;
    frame.write().mode("overwrite").save_as_table("shop.sales").await?;

    let table = spark.table("shop.sales")?;
    table.print_schema();
    table.order_by(["id"])?.show().await?;
    let by_item = table.group_by(["item"])?.agg([count("*").alias("sold"), avg("price")])?;
    by_item.order_by([col("sold").desc()])?.show().await?;

    spark.sql("DELETE FROM shop.sales WHERE item = 'milk'").await?;
    println!("held: {}, now: {}", table.count().await?, spark.table("shop.sales")?.count().await?);
    let first = spark.read().option("versionAsOf", 0).table("shop.sales")?;
    println!("version 0: {}", first.count().await?);

    if let Err(error) = frame.write().save_as_table("shop.sales").await {
        println!("{error}");
        println!("{:?} {:?}", error.condition(), error.sqlstate());
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(program())?)
}
