//! Step 14: the same store once more, in the words of PySpark.

use annals::Store;
use annals_spark::Session;
use annals_spark::functions::{avg, col, count};

use crate::listing::shown;
use crate::nyc::expect;
use crate::page::Page;
use crate::{Result, refusal, text};

pub(crate) async fn run(page: &mut Page, store: &Store) -> Result {
    page.step("Say it in Spark's words")?;
    page.say("Whoever knows PySpark knows this: lazy frames, writers, modes, and `show`.")?;
    let spark = shown!(page, Session::new(store));
    let flights = shown!(page, spark.table("flights")?);
    let cancelled = shown!(page, flights.filter("DEP_TIME IS NULL")?.count().await?);
    page.result(&format!("{} flights were cancelled", text::count(cancelled as u64)))?;
    expect("the cancelled flights", cancelled, 8_255)?;

    page.say("A save can be read on the next line, here and by everyone else.")?;
    let by_origin = shown!(
        page,
        flights
            .group_by(["origin"])?
            .agg([count("*").alias("flights"), avg("dep_delay").alias("late"),])?
    );
    let round =
        shown!(page, by_origin.select_expr(["origin", "flights", "round(late, 1) AS late"])?);
    shown!(page, round.write().mode("overwrite").save_as_table("by_origin").await?);
    let saved = shown!(page, spark.table("by_origin")?.order_by([col("late").desc()])?);
    page.verbatim(&saved.show_string(20, true, false).await?)?;
    expect("the rows in the store", store.table("by_origin")?.row_count(), 3)?;

    page.say("Frames stay with the version that they were made from, and tables go back in time.")?;
    shown!(page, spark.sql("DELETE FROM by_origin WHERE origin = 'LGA'").await?);
    let now = shown!(page, spark.table("by_origin")?.count().await?);
    let then =
        shown!(page, spark.read().option("versionAsOf", 0).table("by_origin")?.count().await?);
    expect("the rows now and then", (now, then), (2, 3))?;
    page.result(&format!(
        "{now} rows now, {then} then, and {} in the frame",
        saved.count().await?
    ))?;

    page.say("Errors have Spark's conditions, SQLSTATEs and parameters.")?;
    let refused = shown!(page, round.write().save_as_table("by_origin").await);
    let error = refusal(refused)?;
    page.refused(&error.to_string())?;
    expect("the SQLSTATE", error.sqlstate(), Some("42P07"))
}
