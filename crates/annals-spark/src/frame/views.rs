//! Frames under a name: temporary views.

use annals_sql::view::ViewQuery;

use super::DataFrame;
use crate::error::SparkError;
use crate::names::{self, GLOBAL_TEMP};
use crate::types::quote;

impl DataFrame {
    /// Makes a temporary view of this frame.
    ///
    /// # Errors
    ///
    /// `TEMP_TABLE_OR_VIEW_ALREADY_EXISTS` if there is one of the name.
    pub fn create_temp_view(&self, name: &str) -> Result<(), SparkError> {
        let name = names::view_name(name)?;
        if self.session.sql_session().views().local(&name).is_some() {
            return Err(view_exists(&quote(&name)));
        }
        self.set_view(&name, false)?;
        Ok(())
    }

    /// Makes a temporary view of this frame, in place of one of the name.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if it is no name.
    pub fn create_or_replace_temp_view(&self, name: &str) -> Result<(), SparkError> {
        self.set_view(&names::view_name(name)?, false)
    }

    /// Makes a temporary view that all sessions of the store see, as `global_temp.name`.
    ///
    /// # Errors
    ///
    /// `TEMP_TABLE_OR_VIEW_ALREADY_EXISTS` if there is one of the name.
    pub fn create_global_temp_view(&self, name: &str) -> Result<(), SparkError> {
        let name = names::view_name(name)?;
        if self.session.sql_session().views().global(&name).is_some() {
            return Err(view_exists(&format!("{}.{}", quote(GLOBAL_TEMP), quote(&name))));
        }
        self.set_view(&name, true)?;
        Ok(())
    }

    /// The same, in place of one of the name.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if it is no name.
    pub fn create_or_replace_global_temp_view(&self, name: &str) -> Result<(), SparkError> {
        self.set_view(&names::view_name(name)?, true)
    }

    fn set_view(&self, name: &str, global: bool) -> Result<(), SparkError> {
        let columns = self.columns();
        let twice = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name));
        if let Some((_, column)) = twice {
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS", [("columnName", quote(column))]));
        }
        let query = ViewQuery::Plan(Box::new(self.plan.as_ref().clone()));
        let sql = self.session.sql_session();
        if global {
            sql.set_global_view(name, query)
        } else {
            sql.set_view(name, query)
        };
        Ok(())
    }
}

fn view_exists(name: &str) -> SparkError {
    SparkError::new("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", [("relationName", name)])
}
