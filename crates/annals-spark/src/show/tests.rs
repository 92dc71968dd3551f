//! Tables and trees as Spark prints them.

use super::*;
use crate::types::parse_ddl;
use crate::value::Value;

fn rows() -> (Schema, Vec<Row>) {
    let schema = parse_ddl("id INT, name STRING").unwrap();
    let rows = vec![
        Row::new([Value::Int(1), Value::from("Alice")]),
        Row::new([Value::Null, Value::from("a name of more than 20 signs")]),
    ];
    (schema, rows)
}

#[test]
fn a_table_is_shown_to_the_right_and_cut_at_20() {
    let (schema, rows) = rows();
    let text = table(&schema, &rows, false, Truncate::Short, false);
    let expected = "\
+----+--------------------+
|  id|                name|
+----+--------------------+
|   1|               Alice|
|NULL|a name of more th...|
+----+--------------------+
";
    assert_eq!(text, expected);
}

#[test]
fn a_table_that_is_not_cut_is_shown_to_the_left() {
    let (schema, rows) = rows();
    let text = table(&schema, &rows[..1], true, Truncate::Never, false);
    let expected = "\
+---+-----+
|id |name |
+---+-----+
|1  |Alice|
+---+-----+
only showing top 1 row
";
    assert_eq!(text, expected);
}

#[test]
fn records_are_shown_one_below_the_other() {
    let (schema, rows) = rows();
    let text = table(&schema, &rows, false, Truncate::At(8), true);
    let expected = "\
-RECORD 0--------
 id   | 1        
 name | Alice    
-RECORD 1--------
 id   | NULL     
 name | a nam... 
";
    assert_eq!(text, expected);
    let none = table(&schema, &[], false, Truncate::Short, true);
    assert_eq!(none, "(0 rows)\n");
}

#[test]
fn a_value_is_cut_without_dots_where_these_have_no_room() {
    assert_eq!(cell("abcdef", 3), "abc");
    assert_eq!(cell("abcdef", 4), "a...");
    assert_eq!(cell("abcdef", 6), "abcdef");
    assert_eq!(cell("abcdef", 0), "abcdef");
}

#[test]
fn wide_signs_take_two_columns() {
    let schema = parse_ddl("n STRING").unwrap();
    let rows = [Row::new(["表"]), Row::new(["a\nb"])];
    let text = table(&schema, &rows, false, Truncate::Short, false);
    assert_eq!(text, "+----+\n|   n|\n+----+\n|  表|\n|a\\nb|\n+----+\n");
}

#[test]
fn a_schema_is_a_tree() {
    let ddl = "id BIGINT NOT NULL, tags ARRAY<STRING>, m MAP<STRING, STRUCT<x: INT>>, \
               s STRUCT<d: DECIMAL(10,2), t: TIMESTAMP>";
    let expected = "\
root
 |-- id: long (nullable = false)
 |-- tags: array (nullable = true)
 |    |-- element: string (containsNull = true)
 |-- m: map (nullable = true)
 |    |-- key: string
 |    |-- value: struct (valueContainsNull = true)
 |    |    |-- x: integer (nullable = true)
 |-- s: struct (nullable = true)
 |    |-- d: decimal(10,2) (nullable = true)
 |    |-- t: timestamp (nullable = true)
";
    let schema = parse_ddl(ddl).unwrap();
    assert_eq!(tree(&schema, None), expected);
    assert_eq!(tree(&schema, Some(1)).lines().count(), 5);
}
