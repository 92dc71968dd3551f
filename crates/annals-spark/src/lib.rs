//! Spark's words over an annals store: Session, DataFrame, DataFrameWriter and Catalog, as PySpark names them.

mod conditions;
mod error;
mod rows;
mod show;
pub mod types;
mod value;

pub use error::SparkError;
pub use rows::Row;
pub use show::Truncate;
pub use value::Value;
