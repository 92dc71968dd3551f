//! Spark's error conditions: the name, the SQLSTATE and the text of each that occurs here.
//!
//! A text names its parameters in angle brackets, as Spark's own list of conditions does. Names
//! that begin with `_LEGACY_ERROR_TEMP_` are Spark's provisional ones; they have no SQLSTATE.

/// One condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    pub(crate) name: &'static str,
    pub(crate) sqlstate: &'static str,
    pub(crate) text: &'static str,
}

/// The condition of this name, if it is one of those that occur here.
pub(crate) fn find(name: &str) -> Option<&'static Condition> {
    CONDITIONS.iter().find(|condition| condition.name == name)
}

macro_rules! conditions {
    ($($name:literal $sqlstate:literal $text:literal),* $(,)?) => {
        /// All of them.
        pub(crate) const CONDITIONS: &[Condition] =
            &[$(Condition { name: $name, sqlstate: $sqlstate, text: $text }),*];
    };
}

conditions! {
    "ALL_PARTITION_COLUMNS_NOT_ALLOWED" "KD005"
        "Cannot use all columns for partition columns.",
    "AMBIGUOUS_COLUMN_OR_FIELD" "42702"
        "Column or field <name> is ambiguous and has <n> matches.",
    "AMBIGUOUS_REFERENCE" "42704"
        "Reference <name> is ambiguous, could be: <referenceNames>.",
    "ARITHMETIC_OVERFLOW" "22003"
        "<message>.<alternative> If necessary set <config> to \"false\" to bypass this error.",
    "AVRO_DATA_SOURCE_NOT_ENABLED" "42K02"
        "The data source for the provider <provider> is not enabled.",
    "CANNOT_BE_EMPTY" "" "At least one <item> must be specified.",
    "CANNOT_CREATE_DATA_SOURCE_TABLE.EXTERNAL_METADATA_UNSUPPORTED" "42KDE"
        "Failed to create data source table <tableName>: provider '<provider>' does not support external metadata but a schema is provided. Please remove the schema when creating the table.",
    "CANNOT_DETERMINE_TYPE" "" "Some of types cannot be determined after inferring.",
    "CANNOT_RESOLVE_STAR_EXPAND" "42704"
        "Cannot resolve <targetString>.* given input columns <columns>. Please check that the specified table or struct exists and is accessible in the input columns.",
    "CANNOT_UP_CAST_DATATYPE" "42846"
        "Cannot up cast <expression> from <sourceType> to <targetType>. <details>",
    "CAST_INVALID_INPUT" "22018"
        "The value <expression> of the type <sourceType> cannot be cast to <targetType> because it is malformed. Correct the value as per the syntax, or change its target type. Use `try_cast` to tolerate malformed input and return NULL instead.",
    "CAST_OVERFLOW" "22003"
        "The value <value> of the type <sourceType> cannot be cast to <targetType> due to an overflow. Use `try_cast` to tolerate overflow and return NULL instead.",
    "CAST_OVERFLOW_IN_TABLE_INSERT" "22003"
        "Fail to assign a value of <sourceType> type to the <targetType> type column or variable <columnName> due to an overflow. Use `try_cast` on the input value to tolerate overflow and return NULL instead.",
    "CATALOG_NOT_FOUND" "42P08"
        "The catalog <catalogName> not found. Consider to set the SQL config <config> to a catalog plugin.",
    "CLUSTERING_COLUMNS_MISMATCH" "42P10"
        "Specified clustering does not match that of the existing table <tableName>. Specified clustering columns: [<specifiedClusteringString>]. Existing clustering columns: [<existingClusteringString>].",
    "CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION" "56038"
        "The codec <codecName> is not available. Available codecs are <availableCodecs>.",
    "COLUMN_ALREADY_EXISTS" "42711"
        "The column <columnName> already exists. Choose another name or rename the existing column.",
    "COLUMN_NOT_DEFINED_IN_TABLE" "42703"
        "<colType> column <colName> is not defined in table <tableName>, defined table columns are: <tableCols>.",
    "COLUMN_NOT_FOUND" "42703"
        "The column <colName> cannot be found. Verify the spelling and correctness of the column name according to the SQL config <caseSensitiveConfig>.",
    "CONCURRENT_WRITE_CONFLICT" "40001"
        "Another commit came first and does not go with this one: <reason>. Begin again.",
    "CREATE_VIEW_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS" "21S01"
        "Cannot create view <viewName>, the reason is not enough data columns: View columns: <viewColumns>. Data columns: <dataColumns>.",
    "CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS" "21S01"
        "Cannot create view <viewName>, the reason is too many data columns: View columns: <viewColumns>. Data columns: <dataColumns>.",
    "DATATYPE_MISMATCH" "42K09"
        "Cannot resolve <sqlExpr> due to data type mismatch: <details>.",
    "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE" "42K09"
        "Cannot resolve <sqlExpr> due to data type mismatch: the binary operator requires the input type <inputType>, not <actualType>.",
    "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION" "42K09"
        "Cannot resolve <sqlExpr> due to data type mismatch: cannot cast <srcType> to <targetType>.",
    "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN" "42K09"
        "Cannot resolve <sqlExpr> due to data type mismatch: Filter expression <filter> of type <type> is not a boolean.",
    "DATA_SOURCE_NOT_FOUND" "42K02"
        "Failed to find the data source: <provider>. Make sure the provider name is correct and the package is properly registered and compatible with your Spark version.",
    "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION" "22003"
        "Decimal precision <precision> exceeds max precision <maxPrecision>.",
    "DIVIDE_BY_ZERO" "22012"
        "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead. If necessary set <config> to \"false\" to bypass this error.",
    "EXCEED_LIMIT_LENGTH" "54006"
        "Exceeds char/varchar type length limitation: <limit>.",
    "EXPECT_PERMANENT_VIEW_NOT_TEMP" "42809"
        "'<operation>' expects a permanent view but <viewName> is a temp view.",
    "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE" "42809"
        "'<operation>' expects a table but <viewName> is a view.",
    "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE" "42809"
        "The table <tableName> does not support <operation>.",
    "FAILED_READ_FILE.FILE_NOT_EXIST" "KD001"
        "Encountered error while reading file <path>. File does not exist.",
    "FIELD_NOT_FOUND" "42704"
        "No such struct field <fieldName> in <fields>.",
    "FORBIDDEN_OPERATION" "42809"
        "The operation <statement> is not allowed on the <objectType>: <objectName>.",
    "GROUP_BY_POS_OUT_OF_RANGE" "42805"
        "GROUP BY position <index> is not in select list (valid range is [1, <size>]).",
    "INCOMPATIBLE_DATA_FOR_TABLE.AMBIGUOUS_COLUMN_NAME" "KD000"
        "Cannot write incompatible data for the table <tableName>: Ambiguous column name in the input data <colName>.",
    "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_FIND_DATA" "KD000"
        "Cannot write incompatible data for the table <tableName>: Cannot find data for the output column <colName>.",
    "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST" "KD000"
        "Cannot write incompatible data for the table <tableName>: Cannot safely cast <colName> <srcType> to <targetType>.",
    "INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS" "KD000"
        "Cannot write incompatible data for the table <tableName>: Cannot write extra columns <extraColumns>.",
    "INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_STRUCT_FIELDS" "KD000"
        "Cannot write incompatible data for the table <tableName>: Cannot write extra fields <extraFields> to the struct <colName>.",
    "INCOMPATIBLE_DATA_FOR_TABLE.NULLABLE_COLUMN" "KD000"
        "Cannot write incompatible data for the table <tableName>: Cannot write nullable values to non-null column <colName>.",
    "INCOMPATIBLE_DATA_FOR_TABLE.STRUCT_MISSING_FIELDS" "KD000"
        "Cannot write incompatible data for the table <tableName>: Struct <colName> missing fields: <missingFields>.",
    "INCOMPATIBLE_VIEW_SCHEMA_CHANGE" "51024"
        "The SQL query of view <viewName> has an incompatible schema change and column <colName> cannot be resolved. Expected <expectedNum> columns named <colName> but got <actualCols>. Please try to re-create the view by running: <suggestion>.",
    "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS" "21S01"
        "Cannot write to <tableName>, the reason is not enough data columns: Table columns: <tableColumns>. Data columns: <dataColumns>.",
    "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS" "21S01"
        "Cannot write to <tableName>, the reason is too many data columns: Table columns: <tableColumns>. Data columns: <dataColumns>.",
    "INTERNAL_ERROR" "XX000" "<message>",
    "INVALID_ARRAY_INDEX" "22003"
        "The index <indexValue> is out of bounds. The array has <arraySize> elements. Use the SQL function `get()` to tolerate accessing element at invalid index and return NULL instead.",
    "INVALID_ARRAY_INDEX_IN_ELEMENT_AT" "22003"
        "The index <indexValue> is out of bounds. The array has <arraySize> elements. Use `try_element_at` to tolerate accessing element at invalid index and return NULL instead.",
    "INVALID_BUCKET_COUNT" "22003"
        "Number of buckets should be greater than 0 but less than or equal to bucketing.maxBuckets (`<bucketingMaxBuckets>`). Got `<numBuckets>`.",
    "INVALID_IDENTIFIER" "42602"
        "The unquoted identifier <ident> is invalid and must be back quoted as: `<ident>`. Unquoted identifiers can only contain ASCII letters ('a' - 'z', 'A' - 'Z'), digits ('0' - '9'), and underbar ('_'). Unquoted identifiers must also not start with a digit. Different data sources and meta stores may impose additional restrictions on valid identifiers.",
    "INVALID_INDEX_OF_ZERO" "22003"
        "The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).",
    "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH" "42000"
        "Invalid inline table. Inline table expected <expectedNumCols> columns but found <actualNumCols> columns in row <rowIndex>.",
    "INVALID_NUMERIC_LITERAL_RANGE" "22003"
        "Numeric literal <rawStrippedQualifier> is outside the valid range for <typeName> with minimum value of <minValue> and maximum value of <maxValue>. Please adjust the value accordingly.",
    "INVALID_PARTITION_COLUMN_DATA_TYPE" "0A000"
        "Cannot use <type> for partition column.",
    "INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY" "42601"
        "The partition command is invalid. Table <name> is not partitioned.",
    "INVALID_SAVE_MODE" "42000"
        "The specified save mode <mode> is invalid. Valid save modes include \"append\", \"overwrite\", \"ignore\", \"error\", \"errorifexists\", and \"default\".",
    "INVALID_SCHEMA_OR_RELATION_NAME" "42602"
        "<name> is not a valid name for tables/schemas. Valid names only contain alphabet characters, numbers and _.",
    "INVALID_TEMP_OBJ_QUALIFIER" "42602"
        "Temporary <objectType> <objectName> cannot be qualified with <qualifier>.",
    "INVALID_TEMP_OBJ_REFERENCE" "42K0F"
        "Cannot create the persistent object <objName> of the type <obj> because it references to the temporary object <tempObjName> of the type <tempObj>. Please make the temporary object <tempObjName> persistent, or make the persistent object <objName> temporary.",
    "INVALID_TIME_TRAVEL_TIMESTAMP_EXPR.INPUT" "42K0E"
        "The time travel timestamp expression <expr> is invalid. Cannot be casted to the \"TIMESTAMP\" type.",
    "INVALID_WHERE_CONDITION" "42903"
        "The WHERE condition <condition> contains invalid expressions: <expressionList>. Rewrite the query to avoid window functions, aggregate functions, and generator functions in the WHERE clause.",
    "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE" "42K0E"
        "The join condition <joinCondition> has the invalid type <conditionType>, expected \"BOOLEAN\".",
    "MERGE_CARDINALITY_VIOLATION" "23K01"
        "The ON search condition of the MERGE statement matched a single row from the target table with multiple rows of the source table. This could result in the target row being operated on more than once with an update or delete operation and is not allowed.",
    "MISSING_AGGREGATION" "42803"
        "The non-aggregating expression <expression> is based on columns which are not participating in the GROUP BY clause. Add the columns or the expression to the GROUP BY, aggregate the expression, or use <expressionAnyValue> if you do not care which of the values within a group is returned.",
    "MISSING_GROUP_BY" "42803"
        "The query does not include a GROUP BY clause. Add GROUP BY or turn it into the window functions using OVER clauses.",
    "MULTIPLE_TIME_TRAVEL_SPEC" "42K0E"
        "Cannot specify time travel in both the time travel clause and options.",
    "NOT_A_PARTITIONED_TABLE" "42809"
        "Operation <operation> is not allowed for <tableIdentWithDB> because it is not a partitioned table.",
    "NOT_IMPLEMENTED" "0A000" "<feature> is not implemented.",
    "NOT_NULL_CONSTRAINT_VIOLATION" "42000"
        "Assigning a NULL is not allowed here: <columnPath>.",
    "NOT_SUPPORTED_CHANGE_COLUMN" "0A000"
        "ALTER TABLE ALTER/CHANGE COLUMN is not supported for changing <table>'s column <originName> with type <originType> to <newName> with type <newType>.",
    "NOT_SUPPORTED_COMMAND_WITHOUT_HIVE_SUPPORT" "0A000"
        "<cmd> is not supported, if you want to enable it, please set \"spark.sql.catalogImplementation\" to \"hive\".",
    "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION" "22003"
        "The <value> rounded half up from <roundedValue> cannot be represented as Decimal(<precision>, <scale>). If necessary set <config> to \"false\" to bypass this error, and return NULL instead.",
    "NUM_COLUMNS_MISMATCH" "42826"
        "<operator> can only be performed on inputs with the same number of columns, but the first input has <firstNumColumns> columns and the <invalidOrdinalNum> input has <invalidNumColumns> columns.",
    "ORDER_BY_POS_OUT_OF_RANGE" "42805"
        "ORDER BY position <index> is not in select list (valid range is [1, <size>]).",
    "PARSE_EMPTY_STATEMENT" "42617" "Syntax error, unexpected empty statement.",
    "PARSE_SYNTAX_ERROR" "42601" "Syntax error at or near <error><hint>.",
    "PARTITIONS_ALREADY_EXIST" "428FT"
        "Cannot ADD or RENAME TO partition(s) <partitionList> in table <tableName> because they already exist. Choose a different name, drop the existing partition, or add the IF NOT EXISTS clause to tolerate a pre-existing partition.",
    "PARTITIONS_NOT_FOUND" "428FT"
        "The partition(s) <partitionList> cannot be found in table <tableName>. Verify the partition specification and table name. To tolerate the error on drop use ALTER TABLE … DROP IF EXISTS PARTITION.",
    "PARTITION_BY_NOT_ALLOWED_WITH_INSERT_INTO" "42601"
        "partitionBy() cannot be used with insertInto(). Partition columns for table <tableName> are determined from the table definition.",
    "PATH_ALREADY_EXISTS" "42K04"
        "Path <outputPath> already exists. Set mode as \"overwrite\" to overwrite the existing path.",
    "PATH_NOT_FOUND" "42K03" "Path does not exist: <path>.",
    "RECURSIVE_VIEW" "42K0H"
        "Recursive view <viewIdent> detected (cycle: <newPath>).",
    "REMAINDER_BY_ZERO" "22012"
        "Remainder by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead. If necessary set <config> to \"false\" to bypass this error.",
    "RENAME_TABLE_SOURCE_DESTINATION_DATABASE_MISMATCH" "3F000"
        "RENAME TABLE source and destination databases do not match: '<db>' != '<newDb>'.",
    "REQUIRES_SINGLE_PART_NAMESPACE" "42K05"
        "<sessionCatalog> requires a single-part namespace, but got identifier <identifier>.",
    "RESERVED_DATABASE_NAME" "42939"
        "<database> is a system preserved database, you cannot create a database with this name.",
    "ROUTINE_NOT_FOUND" "42883"
        "The routine <routineName> cannot be found. Verify the spelling and correctness of the schema and catalog.",
    "SCALAR_SUBQUERY_TOO_MANY_ROWS" "21000"
        "More than one row returned by a subquery used as an expression.",
    "SCHEMA_ALREADY_EXISTS" "42P06"
        "Cannot create schema <schemaName> because it already exists. Choose a different name, drop the existing schema, or add the IF NOT EXISTS clause to tolerate pre-existing schema.",
    "SCHEMA_NOT_EMPTY" "2BP01"
        "Cannot drop a schema <schemaName> because it contains objects. Use DROP SCHEMA ... CASCADE to drop the schema and all its objects.",
    "SCHEMA_NOT_FOUND" "42704"
        "The schema <schemaName> cannot be found. Verify the spelling and correctness of the schema and catalog. If you did not qualify the name with a catalog, verify the current_schema() output, or qualify the name with the correct catalog. To tolerate the error on drop use DROP SCHEMA IF EXISTS.",
    "SORT_BY_WITHOUT_BUCKETING" "42601" "sortBy must be used together with bucketBy.",
    "SQL_CONF_NOT_FOUND" "42K0I"
        "The SQL config <sqlConf> cannot be found. Please verify that the config exists.",
    "TABLE_OR_VIEW_ALREADY_EXISTS" "42P07"
        "Cannot create table or view <relationName> because it already exists. Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects.",
    "TABLE_OR_VIEW_NOT_FOUND" "42P01"
        "The table or view <relationName> cannot be found. Verify the spelling and correctness of the schema and catalog. If you did not qualify the name with a schema, verify the current_schema() output, or qualify the name with the correct schema and catalog. To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS.",
    "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS" "42P07"
        "Cannot create the temporary view <relationName> because it already exists. Choose a different name, drop or replace the existing view, or add the IF NOT EXISTS clause to tolerate pre-existing views.",
    "TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS" "428EK"
        "CREATE TEMPORARY VIEW or the corresponding Dataset APIs only accept single-part view names, but got: <actualName>.",
    "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION" "42703"
        "A column, variable, or function parameter with name <objectName> cannot be resolved.",
    "UNRESOLVED_COLUMN.WITH_SUGGESTION" "42703"
        "A column, variable, or function parameter with name <objectName> cannot be resolved. Did you mean one of the following? [<proposal>].",
    "UNRESOLVED_ROUTINE" "42883"
        "Cannot resolve routine <routineName> on search path <searchPath>.",
    "UNSUPPORTED_DATATYPE" "0A000" "Unsupported data type <typeName>.",
    "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE" "0A000"
        "The <format> datasource doesn't support the column <columnName> of the type <columnType>.",
    "UNSUPPORTED_FEATURE.DROP_DATABASE" "0A000"
        "The feature is not supported: Drop the default database <database>.",
    "UNSUPPORTED_FEATURE.TABLE_OPERATION" "0A000"
        "The feature is not supported: Table <tableName> does not support <operation>. Please check the current catalog and namespace to make sure the qualified table name is expected, and also check the catalog implementation which is configured by \"spark.sql.catalog\".",
    "UNSUPPORTED_FEATURE.TIME_TRAVEL" "0A000"
        "The feature is not supported: Time travel on the relation: <relationId>.",
    "UNSUPPORTED_INSERT.RDD_BASED" "42809" "Can't insert into the target. Can't insert into an RDD-based table.",
    "UNSUPPORTED_JOIN_TYPE" "0A000" "Unsupported join type '<typ>'.",
    "UNSUPPORTED_OPERATION" "0A000" "<operation> is not supported.",
    "UNSUPPORTED_OVERWRITE.TABLE" "42902"
        "Can't overwrite the target that is also being read from. The target table is <table>.",
    "UNSUPPORTED_TIME_TYPE" "0A000" "The data type TIME is not supported.",
    "USER_RAISED_EXCEPTION" "P0001" "<errorMessage>",
    "VIEW_EXCEED_MAX_NESTED_DEPTH" "54K00"
        "The depth of view <viewName> exceeds the maximum view resolution depth (<maxNestedDepth>).",
    "VIEW_WRITE_NOT_ALLOWED" "42809" "Cannot write into view <name>, write to a table instead.",
    "WRONG_COMMAND_FOR_OBJECT_TYPE" "42809"
        "The operation <operation> requires a <requiredType>. But <objectName> is a <foundType>. Use <alternative> instead.",
    "_LEGACY_ERROR_TEMP_0035" "" "Operation not allowed: <message>",
    "_LEGACY_ERROR_TEMP_1012" "" "Cannot write into v1 table: <identifier>.",
    "_LEGACY_ERROR_TEMP_1052" "" "ADD COLUMN with v1 tables cannot specify NOT NULL.",
    "_LEGACY_ERROR_TEMP_1068" "" "<database> is a system preserved database, you cannot use it as current database. To access global temporary views, you should use qualified name with the GLOBAL_TEMP_DATABASE, e.g. SELECT * FROM <database>.viewName.",
    "_LEGACY_ERROR_TEMP_1158" "" "Saving data into a view is not allowed.",
    "_LEGACY_ERROR_TEMP_1159" "" "The format of the existing table <tableName> is `<existingProvider>`. It doesn't match the specified format `<specifiedProvider>`.",
    "_LEGACY_ERROR_TEMP_1160" "" "The location of the existing table <identifier> is `<existingTableLoc>`. It doesn't match the specified location `<tableDescLoc>`.",
    "_LEGACY_ERROR_TEMP_1161" "" "The column number of the existing table <tableName> (<existingTableSchema>) doesn't match the data schema (<querySchema>).",
    "_LEGACY_ERROR_TEMP_1162" "" "cannot resolve '<col>' given input columns: [<inputColumns>].",
    "_LEGACY_ERROR_TEMP_1163" "" "Specified partitioning does not match that of the existing table <tableName>. Specified partition columns: [<specifiedPartCols>]. Existing partition columns: [<existingPartCols>].",
    "_LEGACY_ERROR_TEMP_1164" "" "Specified bucketing does not match that of the existing table <tableName>. Specified bucketing: <specifiedBucketString>. Existing bucketing: <existingBucketString>.",
    "_LEGACY_ERROR_TEMP_1166" "" "bucketing column '<bucketCol>' should not be part of partition columns '<normalizedPartCols>'.",
    "_LEGACY_ERROR_TEMP_1228" "" "Decimal scale (<scale>) cannot be greater than precision (<precision>).",
    "_LEGACY_ERROR_TEMP_1241" "" "CREATE-TABLE-AS-SELECT cannot create table with location to a non-empty directory <tablePath>. To allow overwriting the existing non-empty directory, set '<config>' to true.",
    "_LEGACY_ERROR_TEMP_1310" "" "Couldn't find a catalog to handle the identifier <quote>.",
    "_LEGACY_ERROR_TEMP_1312" "" "'<operation>' does not support bucketBy right now.",
    "_LEGACY_ERROR_TEMP_1321" "" "Invalid view name: <viewName>.",
}
