//! One statement of SQL: run below, and told in Spark's words.

use annals_sql::parse;
use annals_sql::statement::Statement;

use crate::error::SparkError;
use crate::frame::DataFrame;
use crate::session::Session;

pub(crate) async fn run(session: &Session, text: &str) -> Result<DataFrame, SparkError> {
    if text.trim().is_empty() {
        return Err(SparkError::plain("PARSE_EMPTY_STATEMENT"));
    }
    let reads = matches!(parse::parse(text), Ok(Statement::Query(_)));
    let frame = session.sql_session().sql(text).await;
    let frame = frame.map_err(|error| session.told(reads).sql(error))?;
    Ok(session.frame(frame.into_unoptimized_plan()))
}
