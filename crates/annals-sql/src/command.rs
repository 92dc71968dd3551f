//! Statements that do something, and how they are executed.

use datafusion::dataframe::DataFrame;

use crate::error::SqlError;
use crate::session::SqlSession;

/// A statement that does something.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {}

/// Executes a command, at once and exactly once; gives a frame over its result rows.
///
/// # Errors
///
/// [`SqlError`]; the store is then as it was.
#[expect(clippy::unused_async, reason = "commands read queries")]
pub async fn execute(_session: &SqlSession, command: Command) -> Result<DataFrame, SqlError> {
    match command {}
}
