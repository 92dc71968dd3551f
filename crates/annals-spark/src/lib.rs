//! **annals-spark**: Spark's words over an annals store.
//!
//! A [`Session`] has what PySpark's has, under PySpark's names: [`DataFrame`], [`DataFrameWriter`],
//! [`DataFrameWriterV2`], [`DataFrameReader`], [`Catalog`], [`Conf`]. It behaves as Spark 4.3 does,
//! down to the conditions and SQLSTATEs of its [errors](SparkError); docs/spark.md says where it
//! does not, and why. Beside that, everything is a store's: a write is one commit, a frame of a
//! table is pinned to the version that it was made from, and old versions can be read.
//!
//! ```
//! use annals::Store;
//! use annals_spark::Session;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let spark = Session::new(&Store::in_memory());
//! spark.range(0, 5, 1)?.write().save_as_table("numbers").await?;
//! let before = spark.table("numbers")?;
//! spark.range(5, 7, 1)?.write().mode("append").save_as_table("numbers").await?;
//!
//! assert_eq!(before.count().await?, 5); // as it was
//! assert_eq!(spark.table("numbers")?.count().await?, 7);
//! assert_eq!(spark.read().option("versionAsOf", 0).table("numbers")?.count().await?, 5);
//! # Ok::<(), annals_spark::SparkError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// The examples of the README, as tests: here, where all crates that it speaks of are at hand.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The examples of the page on Spark's words, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/spark.md")]
struct Page;

mod ansi;
pub mod catalog;
mod column;
mod conditions;
mod conf;
mod convert;
mod declared;
mod details;
mod error;
pub mod frame;
pub mod functions;
mod names;
mod planners;
mod reader;
mod reads;
mod rows;
mod session;
mod show;
mod source;
mod statements;
#[cfg(test)]
mod testing;
pub mod types;
mod value;
mod writer;
mod writer_v2;

pub use catalog::{Catalog, CreateTable};
pub use column::{Column, Operand};
pub use conf::Conf;
pub use error::SparkError;
pub use frame::{Condition, DataFrame, GroupedData};
pub use names::{CATALOG, GLOBAL_TEMP};
pub use reader::DataFrameReader;
pub use rows::Row;
pub use session::{Session, SessionBuilder};
pub use show::Truncate;
pub use value::Value;
pub use writer::DataFrameWriter;
pub use writer_v2::DataFrameWriterV2;
