//! What may be given where a name is asked for: the name, or text that is parsed on the way. Behind
//! the call there are names only.

use std::borrow::Cow;

use super::{DatabaseName, NameError, TableName};

/// Anything that names a table: a parsed [`TableName`], or text to parse.
pub trait ToTableName {
    /// The name; borrowed where it was parsed before.
    ///
    /// # Errors
    ///
    /// [`NameError`] if text does not parse; see [`TableName::parse`].
    fn to_table_name(&self) -> Result<Cow<'_, TableName>, NameError>;
}

impl ToTableName for TableName {
    fn to_table_name(&self) -> Result<Cow<'_, TableName>, NameError> {
        Ok(Cow::Borrowed(self))
    }
}

impl ToTableName for str {
    fn to_table_name(&self) -> Result<Cow<'_, TableName>, NameError> {
        TableName::parse(self).map(Cow::Owned)
    }
}

impl ToTableName for String {
    fn to_table_name(&self) -> Result<Cow<'_, TableName>, NameError> {
        self.as_str().to_table_name()
    }
}

impl<T: ToTableName + ?Sized> ToTableName for &T {
    fn to_table_name(&self) -> Result<Cow<'_, TableName>, NameError> {
        (**self).to_table_name()
    }
}

/// Anything that names a database: a parsed [`DatabaseName`], or text to parse.
pub trait ToDatabaseName {
    /// The name; borrowed where it was parsed before.
    ///
    /// # Errors
    ///
    /// [`NameError`] if text does not parse; see [`DatabaseName::parse`].
    fn to_database_name(&self) -> Result<Cow<'_, DatabaseName>, NameError>;
}

impl ToDatabaseName for DatabaseName {
    fn to_database_name(&self) -> Result<Cow<'_, DatabaseName>, NameError> {
        Ok(Cow::Borrowed(self))
    }
}

impl ToDatabaseName for str {
    fn to_database_name(&self) -> Result<Cow<'_, DatabaseName>, NameError> {
        DatabaseName::parse(self).map(Cow::Owned)
    }
}

impl ToDatabaseName for String {
    fn to_database_name(&self) -> Result<Cow<'_, DatabaseName>, NameError> {
        self.as_str().to_database_name()
    }
}

impl<T: ToDatabaseName + ?Sized> ToDatabaseName for &T {
    fn to_database_name(&self) -> Result<Cow<'_, DatabaseName>, NameError> {
        (**self).to_database_name()
    }
}
