//! What parses, what does not, and what counts as the same name.

use super::*;

fn parsed(text: &str) -> String {
    TableName::parse(text).unwrap().to_string()
}

#[test]
fn names_parse_in_every_documented_form() {
    for (text, full) in [
        ("t", "default.t"),
        ("db.t", "db.t"),
        ("annals.db.t", "db.t"),
        ("ANNALS.db.t", "db.t"),
        ("`odd name`.`t`", "`odd name`.t"),
        ("`a.b`", "default.`a.b`"),
        ("`a``b`.c", "`a``b`.c"),
        ("a-b", "default.`a-b`"),
        ("..x.y".trim_start_matches('.'), "x.y"),
        ("`..`", "default.`..`"),
        ("`/etc/x`", "default.`/etc/x`"),
        (r"C:\x", r"default.`C:\x`"),
        ("CON", "default.CON"),
        ("%2e%2e", "default.`%2e%2e`"),
        ("tábla", "default.tábla"),
        ("🐎", "default.`🐎`"),
        ("two words", "default.`two words`"),
    ] {
        assert_eq!(parsed(text), full, "{text}");
        assert_eq!(parsed(full), full, "the display of {text} reads back");
    }
}

#[test]
fn bad_names_say_what_is_wrong() {
    let long = "x".repeat(64 * 1024);
    let cases: Vec<(&str, &str)> = vec![
        ("", "the name `` has an empty part; write `table` or `database.table`"),
        ("sales.", "the name `sales.` has an empty part; write `table` or `database.table`"),
        (".t", "the name `.t` has an empty part; write `table` or `database.table`"),
        ("``", "the name ```` has an empty part; write `table` or `database.table`"),
        ("a.b.c.d", "the name `a.b.c.d` has 4 parts; put a part that contains dots in backticks"),
        ("x.db.t", "the name `x.db.t` is in the catalog `x`; the only one is `annals`"),
        ("`ab", "the name \"`ab\" has a misplaced backtick; write a backtick inside a name twice"),
        (
            "`a`b",
            "the name \"`a`b\" has a misplaced backtick; write a backtick inside a name twice",
        ),
        ("a`b", "the name \"a`b\" has a misplaced backtick; write a backtick inside a name twice"),
        (" ", "the name \" \" has white space around a part; put the part in backticks"),
        ("a\0b", "the name \"a\\0b\" contains the control character '\\0'; remove it"),
        ("a\nb", "the name \"a\\nb\" contains the control character '\\n'; remove it"),
    ];
    for (text, message) in cases {
        assert_eq!(TableName::parse(text).unwrap_err().to_string(), message, "{text:?}");
    }
    let message = TableName::parse(&long).unwrap_err().to_string();
    assert!(
        message.ends_with("… is 65536 bytes long; at most 1024 are allowed")
            || message.contains("65536 bytes long")
    );
    assert!(message.len() < 300, "a long name does not make a long message");
}

#[test]
fn the_longest_name_is_a_name() {
    let longest = "ẞ".repeat(NAME_BYTES_MAX / 3);
    let name = TableName::parse(&format!("{longest}.{longest}")).unwrap();
    assert_eq!(name.table_str(), longest);
}

#[test]
fn names_of_the_greatest_length_are_taken_part_by_part() {
    let longest = "n".repeat(NAME_BYTES_MAX);
    let database = DatabaseName::new(&longest).unwrap();
    assert_eq!(TableName::new(&database, &longest).unwrap().table_str(), longest);
    let longer = format!("{longest}n");
    assert!(matches!(DatabaseName::new(&longer), Err(NameError::TooLong { .. })));
    assert!(matches!(TableName::new(&database, &longer), Err(NameError::TooLong { .. })));
}

#[test]
fn a_space_at_either_end_of_a_part_is_an_error() {
    for text in ["d. t", "d .t", "d.t ", " d.t", " t", "t "] {
        assert!(matches!(TableName::parse(text), Err(NameError::Space { .. })), "{text:?}");
    }
}

#[test]
fn what_is_compared_is_what_is_hashed() {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let name = |text: &str| TableName::parse(text).unwrap();
    let state = BuildHasherDefault::<DefaultHasher>::default();
    assert_eq!(name("Sales.T").table_folded(), "t");
    assert_eq!(state.hash_one(name("Sales.T")), state.hash_one(name("sales.t")));
    assert_ne!(state.hash_one(name("sales.t")), state.hash_one(name("sales.u")));
    let database = |text: &str| DatabaseName::parse(text).unwrap();
    assert_eq!(state.hash_one(database("D")), state.hash_one(database("d")));
    assert_ne!(state.hash_one(database("d")), state.hash_one(database("e")));
}

#[test]
fn case_does_not_count_and_the_written_form_is_kept() {
    let (written, asked) =
        (TableName::parse("Sales.ÉTÉ").unwrap(), TableName::parse("SALES.été").unwrap());
    assert_eq!(written, asked);
    assert_eq!(written.cmp(&asked), Ordering::Equal);
    assert_eq!(written.table_str(), "ÉTÉ");
    assert_eq!(written.database(), DatabaseName::parse("sALES").unwrap());
    assert_eq!(written.database().as_str(), "Sales");
}

#[test]
fn normalisation_is_not_applied() {
    // Composed and decomposed é: two names, as in Spark.
    assert_ne!(TableName::parse("\u{e9}").unwrap(), TableName::parse("e\u{301}").unwrap());
}

#[test]
fn names_sort_by_database_first() {
    let mut names: Vec<TableName> =
        ["a.z", "a b.x", "ab.a", "a.b", "`a!`.c"].map(|t| TableName::parse(t).unwrap()).into();
    names.sort();
    let shown: Vec<String> = names.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["a.b", "a.z", "`a b`.x", "`a!`.c", "ab.a"]);
    let database = DatabaseName::parse("A").unwrap();
    assert!(names[0].is_in(&database) && !names[4].is_in(&database));
}

#[test]
fn a_part_cannot_pretend_to_be_two() {
    let db = DatabaseName::default();
    assert_eq!(TableName::new(&db, "a.b").unwrap().to_string(), "default.`a.b`");
    assert_ne!(TableName::new(&db, "a.b").unwrap(), TableName::parse("a.b").unwrap());
}
