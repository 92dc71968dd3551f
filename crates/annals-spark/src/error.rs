//! Errors as Spark tells them: a condition, its SQLSTATE, its parameters, and a text.

use std::error::Error as StdError;
use std::fmt;

use crate::types::TypeError;
use crate::{conditions, convert};

/// Why a call failed, in Spark's words.
///
/// The condition names the kind of failure and never changes; programs compare that, or the
/// SQLSTATE. Errors for which Spark has no condition have none here either.
#[derive(Debug)]
pub struct SparkError {
    condition: Option<String>,
    sqlstate: Option<String>,
    parameters: Vec<(String, String)>,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl SparkError {
    /// An error of this condition. Its text is made from the parameters.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals_spark::SparkError;
    ///
    /// let error = SparkError::new("SCHEMA_NOT_EMPTY", [("schemaName", "`s`")]);
    /// assert_eq!(error.sqlstate(), Some("2BP01"));
    /// assert!(error.to_string().starts_with("[SCHEMA_NOT_EMPTY] Cannot drop a schema `s`"));
    /// assert!(error.to_string().ends_with("SQLSTATE: 2BP01"));
    /// ```
    pub fn new<K: Into<String>, V: Into<String>>(
        condition: &str,
        parameters: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let parameters: Vec<(String, String)> =
            parameters.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let known = conditions::find(condition);
        let mut message = known.map_or_else(String::new, |known| known.text.to_owned());
        for (key, value) in &parameters {
            message = message.replace(&format!("<{key}>"), value);
        }
        let sqlstate = known.map(|known| known.sqlstate).filter(|state| !state.is_empty());
        Self {
            condition: Some(condition.to_owned()),
            sqlstate: sqlstate.map(str::to_owned),
            parameters,
            message,
            source: None,
        }
    }

    /// An error of a condition without parameters.
    pub fn plain(condition: &str) -> Self {
        Self::new::<&str, &str>(condition, [])
    }

    /// An error for which Spark has no condition.
    pub fn other(message: impl Into<String>) -> Self {
        Self {
            condition: None,
            sqlstate: None,
            parameters: Vec::new(),
            message: message.into(),
            source: None,
        }
    }

    /// The same with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The name of the condition, such as `TABLE_OR_VIEW_NOT_FOUND`.
    pub fn condition(&self) -> Option<&str> {
        self.condition.as_deref()
    }

    /// The SQLSTATE, such as `42P01`.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// The parameters of the message, in the order in which they were given.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// One parameter of the message.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// The text without the condition and the SQLSTATE.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for SparkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(condition) = &self.condition {
            write!(f, "[{condition}] ")?;
        }
        f.write_str(&self.message)?;
        match &self.sqlstate {
            Some(sqlstate) => write!(f, " SQLSTATE: {sqlstate}"),
            None => Ok(()),
        }
    }
}

impl StdError for SparkError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<TypeError> for SparkError {
    fn from(error: TypeError) -> Self {
        let told = match &error {
            TypeError::Text(error) => convert::parse(error),
            other => Self::other(other.to_string()),
        };
        told.caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_has_its_text_state_and_parameters() {
        let error = SparkError::new("TABLE_OR_VIEW_NOT_FOUND", [("relationName", "`t`")]);
        assert_eq!(error.condition(), Some("TABLE_OR_VIEW_NOT_FOUND"));
        assert_eq!(error.sqlstate(), Some("42P01"));
        assert_eq!(error.parameter("relationName"), Some("`t`"));
        let text = error.to_string();
        assert!(text.starts_with("[TABLE_OR_VIEW_NOT_FOUND] The table or view `t` cannot be"));
        assert!(text.ends_with(" SQLSTATE: 42P01"));
    }

    #[test]
    fn a_provisional_condition_has_no_state() {
        let error = SparkError::plain("_LEGACY_ERROR_TEMP_1158");
        assert_eq!(error.sqlstate(), None);
        assert_eq!(
            error.to_string(),
            "[_LEGACY_ERROR_TEMP_1158] Saving data into a view is not allowed."
        );
    }

    #[test]
    fn every_condition_stands_once_and_in_order() {
        let names: Vec<&str> = conditions::CONDITIONS.iter().map(|known| known.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn a_type_that_does_not_parse_is_told_as_spark_does() {
        let error = SparkError::from(crate::types::parse_type("frob").unwrap_err());
        assert_eq!(error.condition(), Some("UNSUPPORTED_DATATYPE"));
        assert_eq!(error.parameter("typeName"), Some("\"FROB\""));
        let error = SparkError::from(crate::types::parse_ddl("a INT,").unwrap_err());
        assert_eq!(error.parameter("error"), Some("end of input"));
    }
}
