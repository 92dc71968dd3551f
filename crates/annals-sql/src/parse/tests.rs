//! What is a statement, what is none, and which token says so.

use super::*;
use crate::statement::*;

fn command(text: &str) -> Command {
    match parse(text) {
        Ok(Statement::Command(command)) => command,
        other => panic!("{text}: {other:?}"),
    }
}

fn names(parts: &[&str]) -> Name {
    Name(parts.iter().map(|part| (*part).to_owned()).collect())
}

fn refused(text: &str) -> ParseError {
    match parse(text) {
        Err(error) => error,
        Ok(statement) => panic!("{text}: {statement:?}"),
    }
}

/// The token that does not fit, and where.
fn stops(text: &str) -> (Option<String>, bool, u64, u64) {
    match refused(text) {
        ParseError::Syntax { found, extra, line, column, .. } => (found, extra, line, column),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_error_names_the_token_that_does_not_fit() {
    let cases = [
        ("SELEC 1", Some("SELEC"), false, 1, 1),
        ("DROP TABLE IF EXIST t", Some("EXIST"), false, 1, 15),
        ("INSERT t VALUES (1)", Some("t"), false, 1, 8),
        ("CREATE TABLE", None, false, 1, 13),
        (";", Some(";"), false, 1, 1),
        ("SELECT 1; SELECT 2", Some("SELECT"), true, 1, 11),
        ("CREATE SCHEMA IF EXISTS x", Some("EXISTS"), false, 1, 18),
        ("OPTIMIZE t", Some("OPTIMIZE"), false, 1, 1),
        ("SELECT 'a' FROM\n  t WHERE )", Some(")"), false, 2, 11),
        ("DROP TABLE a b", Some("b"), true, 1, 14),
        ("SELECT * FROM t VERSION AS OF", None, false, 1, 30),
    ];
    for (text, found, extra, line, column) in cases {
        assert_eq!(stops(text), (found.map(str::to_owned), extra, line, column), "{text}");
    }
    assert_eq!(refused(""), ParseError::Empty);
    assert_eq!(refused(" \n"), ParseError::Empty);
    assert_eq!(stops("-- only a comment").0, None);
}

#[test]
fn a_name_with_a_dash_must_stand_in_backticks() {
    let found = parse_name("a-b").unwrap_err();
    assert_eq!(found, ParseError::Identifier { name: "a-b".to_owned() });
    assert_eq!(parse_name("`a-b`.`c``d`.1abc").unwrap(), names(&["a-b", "c`d", "1abc"]));
    assert_eq!(parse_name("default . t --x").unwrap(), names(&["default", "t"]));
    for (text, token, more) in
        [("a b", "b", true), ("t;", ";", true), ("t(1)", "(", false), ("*", "*", false)]
    {
        match parse_name(text).unwrap_err() {
            ParseError::Syntax { found, extra, .. } => {
                assert_eq!((found.as_deref(), extra), (Some(token), more), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn types_are_parsed_as_spark_means_them() {
    use arrow::datatypes::{DataType, TimeUnit};
    let micros = TimeUnit::Microsecond;
    let cases = [
        ("INT", DataType::Int32, "int"),
        ("long", DataType::Int64, "bigint"),
        ("byte", DataType::Int8, "tinyint"),
        ("timestamp", DataType::Timestamp(micros, Some("UTC".into())), "timestamp"),
        ("TIMESTAMP_NTZ", DataType::Timestamp(micros, None), "timestamp_ntz"),
        ("DEC(12, 3)", DataType::Decimal128(12, 3), "decimal(12,3)"),
        ("decimal", DataType::Decimal128(10, 0), "decimal(10,0)"),
        ("varchar(5)", DataType::Utf8, "string"),
    ];
    for (text, data_type, name) in cases {
        assert_eq!(parse_type(text).unwrap(), data_type, "{text}");
        assert_eq!(crate::types::type_name(&data_type), name);
    }
    for text in ["array<array<int>>", "map<string,array<struct<a:int,b:decimal(3,2)>>>", "struct<>"]
    {
        assert_eq!(crate::types::type_name(&parse_type(text).unwrap()), text);
    }
    assert!(parse_type("decimal(39,0)").is_err());
    assert!(parse_type("nothing").is_err());
    assert!(parse_type("array<int").is_err());
}

#[test]
fn columns_keep_what_is_said_of_them() {
    let columns =
        parse_columns("id INT NOT NULL COMMENT 'key', c CHAR(3), d INT DEFAULT 1 + 1").unwrap();
    assert!(!columns[0].field.is_nullable());
    assert_eq!(columns[0].field.metadata()[COMMENT], "key");
    assert_eq!(crate::types::field_type_name(&columns[1].field), "char(3)");
    assert_eq!(columns[2].default.as_ref().unwrap().text, "1 + 1");
}

#[test]
fn the_text_of_a_query_is_kept_as_it_was_written() {
    let text = "CREATE VIEW v (a COMMENT 'é') AS\n  SELECT \"x\" AS a -- why\n FROM `t 1` ;";
    let Command::CreateView(view) = command(text) else { panic!("no view") };
    assert_eq!(view.query.text, "SELECT \"x\" AS a -- why\n FROM `t 1`");
    assert_eq!(view.columns, [("a".to_owned(), Some("é".to_owned()))]);
}

#[test]
fn inserts_say_where_rows_go_and_which_make_room() {
    let insert = |text: &str| match command(text) {
        Command::Insert(insert) => *insert,
        other => panic!("{other:?}"),
    };
    let plain = insert("INSERT INTO TABLE db.t (a, b) SELECT 1, 2");
    assert_eq!((plain.name, plain.columns.len()), (names(&["db", "t"]), 2));
    assert!(insert("INSERT INTO t BY NAME (SELECT 1 AS a)").by_name);
    let over = insert("INSERT OVERWRITE t PARTITION (p = 1, q) IF NOT EXISTS VALUES (1)");
    let partition = over.partition.unwrap().0;
    assert_eq!((partition.len(), partition[1].1.is_none(), over.if_not_exists), (2, true, true));
    assert_eq!(over.replace, InsertReplace::Overwrite);
    let condition = insert("INSERT INTO t REPLACE WHERE a = 1 AND b < 2 SELECT 1").replace;
    assert!(matches!(condition, InsertReplace::Where(text) if text.text == "a = 1 AND b < 2"));
}

#[test]
fn numbers_with_a_suffix_have_its_type() {
    for (text, kind) in [
        ("1L", "BIGINT '1'"),
        ("2y", "TINYINT '2'"),
        ("1.50BD", "DECIMAL(3,2) '1.50'"),
        ("1e3", "DOUBLE '1e3'"),
        ("3D", "DOUBLE '3'"),
    ] {
        assert_eq!(parse_expr(text).unwrap().to_string(), kind, "{text}");
    }
    assert_eq!(parse_expr("t.1L").unwrap().to_string(), "t.1L", "a name behind a dot");
}

#[test]
fn what_has_no_meaning_here_is_refused_by_name() {
    for text in [
        "CREATE TABLE t (id INT) ROW FORMAT DELIMITED",
        "SELECT 1 INTO t",
        "SELECT * FROM t FOR UPDATE",
        "WITH q AS (SELECT 1) DELETE FROM t",
        "CREATE TABLE t (id INT) PARTITIONED BY (years(id))",
    ] {
        assert!(
            matches!(refused(text), ParseError::Unsupported { .. }),
            "{text}: {:?}",
            refused(text)
        );
    }
    let deep = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert!(matches!(refused(&deep), ParseError::Unsupported { .. }), "depth is bounded");
    for deep in [
        format!("SELECT CAST(NULL AS {}INT{})", "ARRAY<".repeat(33), ">".repeat(33)),
        format!("SELECT CAST(NULL AS INT{})", "[]".repeat(50_000)),
    ] {
        assert!(matches!(refused(&deep), ParseError::Unsupported { .. }), "{}", &deep[..50]);
    }
    assert_eq!(refused("VALUES (1, 2), (3)"), ParseError::Values { expected: 2, found: 1, row: 1 });
}

#[test]
fn what_would_take_ever_longer_to_plan_is_flattened_or_refused() {
    let nested = |count: usize, around: fn(String) -> String| {
        (0..count).fold("a".to_owned(), |inner, _| around(inner))
    };
    let added = |inner: String| format!("CASE WHEN a > 0 THEN 1 + {inner} ELSE 0 END");
    assert!(parse_expr(&nested(13, added)).is_ok());
    let error = parse_expr(&nested(14, added)).unwrap_err();
    assert!(matches!(error, ParseError::Unsupported { what, .. } if what.contains("CASE")));
    // Side by side, and directly in each other, there may be many.
    let else_if = |inner: String| format!("CASE WHEN a > 0 THEN 1 ELSE {inner} END");
    assert!(parse_expr(&nested(100, else_if)).is_ok());
    assert!(parse_expr(&vec![added("a".to_owned()); 100].join(" + ")).is_ok());

    let first = nested(3, |inner| format!("nvl({inner}, b)"));
    assert_eq!(parse_expr(&first).unwrap().to_string(), first, "a few stay as they are");
    let many = nested(50, |inner| format!("coalesce({inner}, b, 1)"));
    let flat = format!("coalesce(a{})", ", b, 1".repeat(50));
    assert_eq!(parse_expr(&many).unwrap().to_string(), flat);
    let mixed = nested(5, |inner| format!("nvl(ifnull({inner}, b), c)"));
    let flat = format!("coalesce(a{})", ", b, c".repeat(5));
    assert_eq!(parse_expr(&mixed).unwrap().to_string(), flat);
}

#[test]
fn a_mistake_deep_in_a_text_is_found_as_fast_as_any() {
    // Each level of these was read twice, for as an argument of a function it might fit.
    for begin in ["CAST(", "substring(", "CASE WHEN a > 0 THEN ", "INTERVAL ", "[1, ", "ceil("] {
        let text = format!("SELECT {} 1 1 1", begin.repeat(50));
        assert!(parse(&text).is_err(), "{text}");
    }
    let many = format!("SELECT * FROM t WHERE a IN ({}1)", "CAST(1 AS INT), ".repeat(20_000));
    assert!(parse(&many).is_ok(), "what is long and right is read to its end");
}
