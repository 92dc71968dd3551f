//! Spark's types and how they are written: `decimal(10,2)`, `STRUCT<a: INT>`, DDL text and JSON.
//!
//! Types are those of [`annals_sql::types`], under the names that Spark has for the ways to write
//! them. One grammar reads them, in SQL and here.

mod json;

use std::fmt::Write as _;

use annals_sql::parse::{self, ParseError};
use annals_sql::types;
use arrow::datatypes::{DataType, Field, Fields, Schema};

pub use annals_sql::parse::{COLLATION, COMMENT, DECLARED as CHAR_VARCHAR};
pub use annals_sql::statement::{quoted as quote, quoted_if_needed as quote_if_needed};
pub(crate) use annals_sql::types::key_and_value;
pub use annals_sql::types::{array_of, map_of, timestamp, timestamp_ntz};
pub use json::{from_json, to_json};

/// Why a text is no type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeError {
    /// The text is none; with what stands where it should not, or is not known.
    #[error(transparent)]
    Text(#[from] ParseError),

    /// A text of columns that says more of one than a schema can.
    #[error("{what} has no place in a schema; give it to CREATE TABLE")]
    Column {
        /// What is said.
        what: String,
    },

    /// The JSON is not that of a type.
    #[error("{what} is not the JSON of a Spark type")]
    Json {
        /// What was found.
        what: String,
    },
}

/// Reads a type: `int`, `DECIMAL(10, 2)`, `array<struct<a: int>>`.
///
/// # Errors
///
/// [`TypeError`] if the text is no type.
pub fn parse_type(text: &str) -> Result<DataType, TypeError> {
    Ok(parse::parse_type(text)?)
}

/// Reads columns: `id INT, s STRUCT<a: INT, b: STRING>, d DECIMAL(10,2) NOT NULL COMMENT 'x'`.
/// Also a type `struct<…>`, whose fields are the columns.
///
/// # Errors
///
/// [`TypeError`] if the text is neither.
pub fn parse_ddl(text: &str) -> Result<Schema, TypeError> {
    let columns = match parse::parse_columns(text) {
        Ok(columns) => columns,
        Err(ParseError::Empty) => return Ok(Schema::empty()),
        Err(error) => {
            return match parse::parse_type(text) {
                Ok(DataType::Struct(fields)) => Ok(Schema::new(fields)),
                _ => Err(error.into()),
            };
        }
    };
    let field = |column: annals_sql::statement::Column| match (column.default, column.extra) {
        (None, None) => Ok(column.field),
        (Some(default), _) => Err(TypeError::Column { what: format!("DEFAULT {}", default.text) }),
        (_, Some(what)) => Err(TypeError::Column { what: what.to_owned() }),
    };
    let fields: Result<Vec<Field>, TypeError> = columns.into_iter().map(field).collect();
    Ok(Schema::new(fields?))
}

/// The type as Spark's `simpleString` has it: `bigint`, `array<int>`, `struct<a:int,b:string>`.
///
/// # Examples
///
/// ```
/// use annals_spark::types::{parse_type, simple_string};
///
/// let parsed = parse_type("STRUCT<a: INT, b: ARRAY<DECIMAL(10, 2)>>")?;
/// assert_eq!(simple_string(&parsed), "struct<a:int,b:array<decimal(10,2)>>");
/// # Ok::<(), annals_spark::types::TypeError>(())
/// ```
pub fn simple_string(data_type: &DataType) -> String {
    types::type_name(data_type)
}

/// The type of a column as Spark shows it: [`simple_string`], with a collation if it has one.
pub fn field_type(field: &Field) -> String {
    types::stored_type_name(field)
}

/// The type of a column as it was declared: `varchar(3)` where the column is one.
pub fn declared_type(field: &Field) -> String {
    types::field_type_name(field)
}

/// The columns as Spark's `StructType.simpleString` has them.
pub fn struct_string(fields: &Fields) -> String {
    types::type_name(&DataType::Struct(fields.clone()))
}

/// The type as SQL has it: `BIGINT`, `ARRAY<INT>`, `STRUCT<a: INT NOT NULL, b: STRING>`.
pub fn sql_string(data_type: &DataType) -> String {
    types::sql_type_name(data_type)
}

/// The columns as the text that [`parse_ddl`] reads.
///
/// # Examples
///
/// ```
/// use annals_spark::types::{parse_ddl, to_ddl};
///
/// let schema = parse_ddl("id int not null, d decimal(10,2) COMMENT 'price'")?;
/// assert_eq!(to_ddl(&schema), "id INT NOT NULL,d DECIMAL(10,2) COMMENT 'price'");
/// # Ok::<(), annals_spark::types::TypeError>(())
/// ```
pub fn to_ddl(schema: &Schema) -> String {
    let column = |field: &Field| {
        let (name, data_type) = (quote_if_needed(field.name()), types::sql_field_type_name(field));
        let mut text = format!("{name} {data_type}");
        if !field.is_nullable() {
            text.push_str(" NOT NULL");
        }
        if let Some(comment) = field.metadata().get(COMMENT) {
            let _ =
                write!(text, " COMMENT '{}'", comment.replace('\\', "\\\\").replace('\'', "\\'"));
        }
        text
    };
    schema.fields().iter().map(|field| column(field)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
