//! **annals-sql**: SQL over an annals store, by `DataFusion`.
//!
//! A [`SqlSession`] reads and writes a [`Store`](annals::Store). Every statement sees one version:
//! all names in it, self joins and subqueries included, resolve in the snapshot that it took when
//! it began. Scans give `DataFusion` the chunks of the store as they lie in memory.
//!
//! ```
//! use annals::{Store, record_batch};
//! use annals_sql::SqlSession;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = Store::in_memory();
//! store.write(record_batch!(("n", Int64, [1, 2, 3]))?).save_as_table("t")?;
//!
//! let session = SqlSession::new(&store);
//! let rows = session.collect("SELECT max(n) AS largest FROM t").await?;
//! assert_eq!(rows[0].num_rows(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | see |
//! |---|---|
//! | run SQL | [`SqlSession::sql`], [`SqlSession::collect`] |
//! | choose limits, the database, whether files may be read | [`SqlSession::builder`] |
//! | give a version to a plain `DataFusion` context | [`AnnalsCatalog`], [`AnnalsTable`] |
//! | know what a failure means | [`SqlError`] |
//!
//! No statement reaches the file system unless the host allows a directory
//! ([`SqlSessionBuilder::files_below`]).

/// The examples of the page on SQL, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/sql.md")]
struct SqlPage;

mod casing;
pub mod catalog;
pub mod command;
mod counts;
mod division;
pub mod error;
mod exec;
mod files;
mod functions;
pub mod gather;
pub mod keep;
mod nulls;
pub mod parse;
pub mod pattern;
mod planner;
mod predicate;
mod pruning;
mod rules;
pub mod scope;
pub mod session;
pub mod statement;
mod statistics;
mod stoppable;
pub mod table;
mod travel;
pub mod types;
pub mod view;

pub use catalog::{AnnalsCatalog, AnnalsDatabase};
pub use error::SqlError;
pub use pattern::NamePattern;
pub use scope::{Scope, ScopeView};
pub use session::{SqlSession, SqlSessionBuilder};
pub use table::AnnalsTable;
pub use view::{ViewQuery, Views};
