//! Statements that do something, and how they are executed.

use datafusion::dataframe::DataFrame;

use crate::error::SqlError;
use crate::session::SqlSession;
use crate::statement::Statement;
pub use crate::statement::Command;

/// Executes a command, at once and exactly once; gives a frame over its result rows.
///
/// # Errors
///
/// [`SqlError`]; the store is then as it was.
#[expect(clippy::unused_async, reason = "commands read queries")]
pub async fn execute(_session: &SqlSession, _command: Command, _text: &str) -> Result<DataFrame, SqlError> {
    todo!()
}
pub(crate) async fn explain(_session: &SqlSession, _command: Statement, _verbose: bool) -> Result<DataFrame, SqlError> {
    todo!()
}
