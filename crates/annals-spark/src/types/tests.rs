//! Types are written and read as Spark does it.

use super::*;

#[test]
fn a_type_is_read_in_any_case_and_written_in_spark_s() {
    for (text, simple, sql) in [
        ("INT", "int", "INT"),
        ("Long", "bigint", "BIGINT"),
        ("byte", "tinyint", "TINYINT"),
        ("decimal", "decimal(10,0)", "DECIMAL(10,0)"),
        ("DEC( 5 , 2 )", "decimal(5,2)", "DECIMAL(5,2)"),
        ("timestamp", "timestamp", "TIMESTAMP"),
        ("TIMESTAMP_NTZ", "timestamp_ntz", "TIMESTAMP_NTZ"),
        ("void", "void", "VOID"),
        ("interval", "interval", "INTERVAL"),
        ("interval year to month", "interval year to month", "INTERVAL YEAR TO MONTH"),
        ("INTERVAL DAY TO SECOND", "interval day to second", "INTERVAL DAY TO SECOND"),
        ("array<array<int>>", "array<array<int>>", "ARRAY<ARRAY<INT>>"),
        ("map<string,bigint>", "map<string,bigint>", "MAP<STRING, BIGINT>"),
        ("struct<a:int,b:string>", "struct<a:int,b:string>", "STRUCT<a: INT, b: STRING>"),
        ("STRUCT<`a b` INT NOT NULL>", "struct<a b:int>", "STRUCT<`a b`: INT NOT NULL>"),
        ("struct<>", "struct<>", "STRUCT<>"),
    ] {
        let parsed = parse_type(text).unwrap();
        assert_eq!(simple_string(&parsed), simple, "{text}");
        assert_eq!(sql_string(&parsed), sql, "{text}");
    }
}

#[test]
fn columns_keep_their_comments_lengths_and_nullability() {
    let text = "id INT NOT NULL,`a b` STRING COMMENT 'it\\'s',v VARCHAR(3),\
                s STRUCT<a: CHAR(2) NOT NULL>,c STRING COLLATE UTF8_LCASE";
    let schema = parse_ddl(text).unwrap();
    assert_eq!(to_ddl(&schema), text);
    assert!(!schema.field(0).is_nullable());
    assert_eq!(schema.field(1).metadata()[COMMENT], "it's");
    assert_eq!(declared_type(schema.field(2)), "varchar(3)");
    assert_eq!(field_type(schema.field(2)), "string");
    assert_eq!(declared_type(schema.field(3)), "struct<a:char(2)>");
    assert_eq!(field_type(schema.field(3)), "struct<a:string>");
    assert_eq!(field_type(schema.field(4)), "string collate UTF8_LCASE");
    assert_eq!(parse_ddl("c STRING COLLATE UTF8_BINARY").unwrap().field(0).metadata().len(), 0);
    assert_eq!(from_json(&to_json(&schema)).unwrap(), schema);
}

#[test]
fn a_struct_stands_for_its_columns() {
    assert_eq!(parse_ddl("struct<a:int,b:string>").unwrap(), parse_ddl("a int, b string").unwrap());
    assert_eq!(parse_ddl("  ").unwrap(), Schema::empty());
}

#[test]
fn what_is_no_type_is_refused_where_it_stands() {
    let syntax = |text: &str| match parse_ddl(text) {
        Err(TypeError::Text(ParseError::Syntax { found, column, .. })) => (found, column),
        other => panic!("{text}: {other:?}"),
    };
    let found = |word: &str| Some(word.to_owned());
    assert_eq!(syntax("id INT,"), (None, 8));
    assert_eq!(syntax("id INT name STRING"), (found("name"), 8));
    assert_eq!(syntax("id ARRAY<INT"), (None, 13));
    assert_eq!(syntax("`id INT"), (found("`"), 1));
    assert_eq!(syntax("id INT NOT 3"), (found("NOT"), 8));
    let text = |error| Err(TypeError::Text(error));
    assert_eq!(parse_type("nosuch"), text(ParseError::NoType { name: "nosuch".to_owned() }));
    assert_eq!(parse_type("decimal(39,0)"), text(ParseError::Decimal { precision: 39, scale: 0 }));
    assert_eq!(parse_type("decimal(3,4)"), text(ParseError::Decimal { precision: 3, scale: 4 }));
    assert!(matches!(parse_ddl("id INT DEFAULT 1"), Err(TypeError::Column { .. })));
    assert!(parse_type(&"array<".repeat(100_000)).is_err());
    assert!(from_json(&serde_json::json!({"type": "nosuch"})).is_err());
}

#[test]
fn a_name_is_quoted_only_where_it_must_be() {
    assert_eq!(quote_if_needed("a_1"), "a_1");
    assert_eq!(quote_if_needed("12"), "`12`");
    assert_eq!(quote_if_needed("a b"), "`a b`");
    assert_eq!(quote_if_needed("a`b"), "`a``b`");
    assert_eq!(quote_if_needed(""), "``");
}

#[test]
fn casts_know_the_types_that_columns_know() {
    crate::testing::run(|spark| async move {
        let sql = "SELECT CAST(array(1) AS ARRAY<BYTE>) AS a, CAST(1 AS SHORT) AS i, \
                   CAST(1 AS DOUBLE PRECISION) AS d, CAST(1 AS DEC(3)) AS n, \
                   CAST('2020-01-01' AS TIMESTAMP_LTZ) AS t";
        let frame = spark.sql(sql).await?;
        let types: Vec<String> = frame.dtypes().into_iter().map(|(_, name)| name).collect();
        assert_eq!(types, ["array<tinyint>", "smallint", "double", "decimal(3,0)", "timestamp"]);
        for (sql, condition) in [
            ("SELECT CAST(1 AS FROB)", "UNSUPPORTED_DATATYPE"),
            ("CREATE TABLE t (id FROB)", "UNSUPPORTED_DATATYPE"),
            ("SELECT CAST(1 AS DECIMAL(39,0))", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
            ("CREATE TABLE t (d DECIMAL(39))", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
        ] {
            let error = spark.sql(sql).await.unwrap_err();
            assert_eq!(error.condition(), Some(condition), "{sql}: {error}");
        }
        Ok(())
    });
}
