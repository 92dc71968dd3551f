//! What can be wrong with statements beyond queries.

use annals::TableName;
use annals::error::NameError;
use annals_sql::SqlError;

use super::columns::{listed, mismatch, quoted_path, quoted_type};
use super::short;
use crate::error::SparkError;
use crate::names::{self, CATALOG, GLOBAL_TEMP, Parts};
use crate::types::quote;
use crate::writer::checks;

/// A text with its parts in backticks: `a.b` as `` `a`.`b` ``.
fn name_text(name: &str) -> String {
    match Parts::parse(name) {
        Ok(parts) => parts.quoted(),
        Err(_) => quote(name),
    }
}

/// The same in full, if it is a name in the store.
pub(super) fn full_text(name: &str) -> String {
    match Parts::parse(name) {
        Ok(parts) if parts.0.len() == 1 => parts.quoted(),
        Ok(parts) if parts.0.len() == 2 => format!("{}.{}", quote(CATALOG), parts.quoted()),
        Ok(parts) => parts.quoted(),
        Err(_) => quote(name),
    }
}

/// What can be wrong with statements beyond queries.
pub(super) fn statement(error: &SqlError) -> Option<SparkError> {
    let partition = |condition: &str, table: &TableName, partition: &str| {
        SparkError::new(
            condition,
            [("partitionList", partition.to_owned()), ("tableName", short(table))],
        )
    };
    Some(match error {
        SqlError::Name(NameError::Empty { .. }) => names::not_to_be_created(""),
        SqlError::TempViewExists { name } => SparkError::new(
            "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS",
            [("relationName", name_text(name))],
        ),
        SqlError::NotATable { name, operation, temporary } => SparkError::new(
            "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
            [
                ("viewName", if *temporary { name_text(name) } else { full_text(name) }),
                ("operation", (*operation).to_owned()),
            ],
        ),
        SqlError::NotAView { name, operation, .. } => SparkError::new(
            "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE",
            [("tableName", full_text(name)), ("operation", (*operation).to_owned())],
        ),
        SqlError::TempReference { name, temporary } => SparkError::new(
            "INVALID_TEMP_OBJ_REFERENCE",
            [
                ("obj", "VIEW".to_owned()),
                ("objName", full_text(name)),
                ("tempObj", "VIEW".to_owned()),
                ("tempObjName", name_text(temporary)),
            ],
        ),
        SqlError::TempQualifier { name, qualifier } => SparkError::new(
            "INVALID_TEMP_OBJ_QUALIFIER",
            [
                ("objectType", "VIEW".to_owned()),
                ("objectName", quote(name)),
                ("qualifier", quote(qualifier)),
            ],
        ),
        SqlError::ViewOutdated { view, column, text, .. } => {
            let full = full_text(view);
            let plain = Parts::parse(&full).map_or_else(|_| full.clone(), |parts| parts.plain());
            SparkError::new(
                "INCOMPATIBLE_VIEW_SCHEMA_CHANGE",
                [
                    ("viewName", full),
                    ("actualCols", "[]".to_owned()),
                    ("colName", column.clone()),
                    ("suggestion", format!("CREATE OR REPLACE VIEW {plain} AS {text}")),
                    ("expectedNum", "1".to_owned()),
                ],
            )
        }
        SqlError::ViewType { column, from, to, .. } => {
            let plain = |parts: &[String]| Parts(parts.to_vec()).plain();
            let expression = match column.len() {
                3 => format!("{CATALOG}.{}", plain(column)),
                _ => plain(column),
            };
            let details = "The type path of the target object is:\n\nYou can either add an explicit \
                           cast to the input data or choose a higher precision type of the field in \
                           the target object";
            SparkError::new(
                "CANNOT_UP_CAST_DATATYPE",
                [
                    ("expression", expression),
                    ("sourceType", quoted_type(from)),
                    ("targetType", quoted_type(to)),
                    ("details", details.to_owned()),
                ],
            )
        }
        SqlError::ColumnCount { table, expected, found } => {
            let kind = if found.len() < expected.len() { "NOT_ENOUGH" } else { "TOO_MANY" };
            SparkError::new(
                &format!("INSERT_COLUMN_ARITY_MISMATCH.{kind}_DATA_COLUMNS"),
                [
                    ("tableName", names::full(table)),
                    ("tableColumns", listed(expected)),
                    ("dataColumns", listed(found)),
                ],
            )
        }
        SqlError::ExtraColumns { table, columns } => SparkError::new(
            "INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS",
            [("tableName", names::full(table)), ("extraColumns", listed(columns))],
        ),
        SqlError::ColumnTwice { name } => {
            SparkError::new("COLUMN_ALREADY_EXISTS", [("columnName", quote(&name.to_lowercase()))])
        }
        SqlError::CannotStore { table, column, from, to } => {
            mismatch(names::full(table), column, from, to)
        }
        SqlError::Overflow { column, from, to, .. } => SparkError::new(
            "CAST_OVERFLOW_IN_TABLE_INSERT",
            [
                ("sourceType", quoted_type(from)),
                ("targetType", quoted_type(to)),
                ("columnName", quoted_path(column)),
            ],
        ),
        SqlError::TooLong { limit, .. } => {
            SparkError::new("EXCEED_LIMIT_LENGTH", [("limit", limit.to_string())])
        }
        SqlError::OtherDatabase { table, database } => SparkError::new(
            "RENAME_TABLE_SOURCE_DESTINATION_DATABASE_MISMATCH",
            [("db", quote(table.database_str())), ("newDb", quote(database))],
        ),
        SqlError::NoPartitionColumn { table, column, columns } => {
            checks::not_defined("partition", column, table, columns)
        }
        SqlError::AllPartitionColumns { .. } => {
            SparkError::plain("ALL_PARTITION_COLUMNS_NOT_ALLOWED")
        }
        SqlError::NotPartitioned { table } => SparkError::new(
            "INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY",
            [("name", names::full(table))],
        ),
        SqlError::NoPartition { table, partition: named } => {
            partition("PARTITIONS_NOT_FOUND", table, named)
        }
        SqlError::PartitionExists { table, partition: named } => {
            partition("PARTITIONS_ALREADY_EXIST", table, named)
        }
        SqlError::CannotCast { expr, from, to } => SparkError::new(
            "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
            [
                ("srcType", quoted_type(from)),
                ("targetType", quoted_type(to)),
                ("sqlExpr", format!("\"{expr}\"")),
            ],
        ),
        SqlError::Operand { expr, found, expected } => SparkError::new(
            "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE",
            [
                ("sqlExpr", format!("\"{expr}\"")),
                ("inputType", format!("(\"{}\")", expected.join("\" or \""))),
                ("actualType", quoted_type(found)),
            ],
        ),
        SqlError::ReservedDatabase { .. } => {
            SparkError::new("RESERVED_DATABASE_NAME", [("database", quote(GLOBAL_TEMP))])
        }
        _ => return None,
    })
}
