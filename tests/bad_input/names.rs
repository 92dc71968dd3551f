//! Names of any kind: hostile ones are names like others, or refused by an error of their own.

use annals::error::NameError;
use annals::{
    DatabaseName, NewTable, PropertyPatch, ReadError, Store, StoreBuilder, TableName, WriteError,
};
use annals_tests::{content_of, numbers, numbers_of};
use expect_test::expect;

use crate::{refused, store, unreadable};

/// Texts that are no names, and why.
#[test]
fn what_is_no_name_is_refused_and_says_how_to_write_one() {
    let long = "x".repeat(1025);
    let huge = "x".repeat(64 * 1024);
    let cases = [
        ("", expect!["the name `` has an empty part; write `table` or `database.table`"]),
        (".", expect!["the name `.` has an empty part; write `table` or `database.table`"]),
        ("d.", expect!["the name `d.` has an empty part; write `table` or `database.table`"]),
        (".t", expect!["the name `.t` has an empty part; write `table` or `database.table`"]),
        ("d..t", expect!["the name `d..t` has an empty part; write `table` or `database.table`"]),
        ("..", expect!["the name `..` has an empty part; write `table` or `database.table`"]),
        (
            "../../etc/passwd",
            expect![[r#"
                the name `../../etc/passwd` has an empty part; write `table` or `database.table`"#]],
        ),
        ("``", expect!["the name ```` has an empty part; write `table` or `database.table`"]),
        (
            "a.b.c.d",
            expect!["the name `a.b.c.d` has 4 parts; put a part that contains dots in backticks"],
        ),
        (
            "spark_catalog.d.t",
            expect![[r#"
                the name `spark_catalog.d.t` is in the catalog `spark_catalog`; the only one is `annals`"#]],
        ),
        (
            "`a",
            expect![[
                r#"the name "`a" has a misplaced backtick; write a backtick inside a name twice"#
            ]],
        ),
        (
            "a`",
            expect![[
                r#"the name "a`" has a misplaced backtick; write a backtick inside a name twice"#
            ]],
        ),
        (
            "`a`b",
            expect![[
                r#"the name "`a`b" has a misplaced backtick; write a backtick inside a name twice"#
            ]],
        ),
        (
            "d.`a`.`b",
            expect![[
                r#"the name "d.`a`.`b" has a misplaced backtick; write a backtick inside a name twice"#
            ]],
        ),
        (
            " t",
            expect![[r#"the name " t" has white space around a part; put the part in backticks"#]],
        ),
        (
            "d. t",
            expect![[
                r#"the name "d. t" has white space around a part; put the part in backticks"#
            ]],
        ),
        (
            "t\u{a0}",
            expect![[
                r#"the name "t\u{a0}" has white space around a part; put the part in backticks"#
            ]],
        ),
        ("a\0b", expect![[r#"the name "a\0b" contains the control character '\0'; remove it"#]]),
        ("`a\nb`", expect![[r#"the name "a\nb" contains the control character '\n'; remove it"#]]),
        ("d\r.t", expect![[r#"the name "d\r" contains the control character '\r'; remove it"#]]),
        (
            "\u{1b}[31m",
            expect![[
                r#"the name "\u{1b}[31m" contains the control character '\u{1b}'; remove it"#
            ]],
        ),
        (
            &long,
            expect![[r#"
                the name `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` is 1025 bytes long; at most 1024 are allowed"#]],
        ),
        (
            &huge,
            expect![[r#"
                the name `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` is 65536 bytes long; at most 1024 are allowed"#]],
        ),
    ];
    let store = store();
    for (text, message) in cases {
        let told = unreadable(store.table(text));
        message.assert_eq(&told);
        assert!(matches!(store.table(text), Err(ReadError::Name(_))));
        assert_eq!(unreadable(store.table_exists(text)), told);
        assert_eq!(unreadable(store.table_at_ordinal(text, 0)), told);
        assert_eq!(unreadable(store.table_history(text)), told);
        // Whatever is done by that name.
        let schema = numbers([]).schema();
        type Write<'a> = &'a dyn Fn(&Store) -> Result<(), WriteError>;
        let writes: [Write<'_>; 11] = [
            &|store| store.write(numbers([1])).save_as_table(text).map(drop),
            &|store| store.write(numbers([1])).insert_into(text).map(drop),
            &|store| store.create_table(text, NewTable::new(schema.clone())).map(drop),
            &|store| store.create_view(text, "x").map(drop),
            &|store| store.drop_table(text).map(drop),
            &|store| store.truncate(text).map(drop),
            &|store| store.rename_table("t", text).map(drop),
            &|store| store.rename_table(text, "t").map(drop),
            &|store| store.drop_columns(text, ["n"]).map(drop),
            &|store| store.set_properties(text, &PropertyPatch::new().with("a", "b")).map(drop),
            &|store| store.restore_table(text, 1).map(drop),
        ];
        for write in writes {
            assert_eq!(refused(&store, |store| write(store)), told, "{text:?}");
        }
    }
}

#[test]
fn what_is_no_name_of_a_database_is_refused_wherever_it_stands() {
    let store = store();
    let huge = "é".repeat(32 * 1024);
    let cases = [
        ("", expect!["the name `` has an empty part; write `table` or `database.table`"]),
        (
            "a.b.c",
            expect!["the name `a.b.c` has 3 parts; put a part that contains dots in backticks"],
        ),
        ("a.b", expect!["the name `a.b` is in the catalog `a`; the only one is `annals`"]),
        ("a\tb", expect![[r#"the name "a\tb" contains the control character '\t'; remove it"#]]),
        (
            &huge,
            expect![[r#"
                the name `éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé…` is 65536 bytes long; at most 1024 are allowed"#]],
        ),
    ];
    for (text, message) in cases {
        let told = refused(&store, |store| store.create_database(text));
        message.assert_eq(&told);
        assert_eq!(refused(&store, |store| store.drop_database(text)), told);
        assert_eq!(refused(&store, |store| store.drop_database_cascade(text)), told);
        let patch = PropertyPatch::new().with("a", "b");
        assert_eq!(refused(&store, |store| store.alter_database(text, &patch)), told);
        assert_eq!(unreadable(store.tables(text)), told);
        assert_eq!(unreadable(store.snapshot().database(text)), told);
        assert_eq!(unreadable(store.snapshot().tables_like(text, "*")), told);
        assert!(store.history().of_database(text).is_err());
    }
}

#[test]
fn hostile_texts_are_names_like_any_other_when_they_are_quoted() {
    // None of them ever becomes a path, a pattern or a part of a message that is acted upon.
    let long = "x".repeat(1024);
    let hostile = [
        "..",
        ".",
        "/etc/x",
        "a/b",
        "C:\\x",
        "CON",
        "NUL",
        "aux.txt",
        "%2e%2e",
        "%00",
        "~",
        "$HOME",
        "*",
        "?",
        "a|b",
        "'; DROP TABLE t; --",
        "\"",
        "<script>",
        "{}",
        "{0}",
        "%s",
        "\\",
        "\u{202e}abc",
        "\u{feff}",
        "\u{200b}",
        "👩‍👩‍👧",
        "﷽",
        &long,
    ];
    let store = StoreBuilder::new().create_missing_databases(true).build();
    for (n, text) in (0..).zip(hostile) {
        let database = DatabaseName::new(text).unwrap();
        let name = TableName::new(&database, text).unwrap();
        store.write(numbers([n])).save_as_table(&name).unwrap();
        assert_eq!(numbers_of(&store.table(&name).unwrap()), [n], "{text}");
        // By its text, which is read back as the same name.
        assert_eq!(numbers_of(&store.table(name.to_string()).unwrap()), [n], "{text}");
        assert_eq!(store.tables(&database).unwrap(), std::slice::from_ref(&name), "{text}");
        store.tag(text, annals::At::Latest).unwrap();
        assert_eq!(store.at(text).unwrap().version(), store.version());
    }
    assert_eq!(store.snapshot().table_count(), hostile.len());
    assert!(content_of(&store.snapshot()).contains("DROP TABLE"));
    for text in hostile {
        store.drop_database_cascade(DatabaseName::new(text).unwrap()).unwrap();
    }
    assert_eq!(store.snapshot().table_count(), 0);
}

#[test]
fn texts_with_control_characters_are_refused_however_they_are_given() {
    for text in ["\0", "a\0", "\n", "a\nb", "\u{7f}", "\u{85}", "\u{9f}", "\t", "\r\n"] {
        assert!(
            matches!(DatabaseName::new(text), Err(NameError::ControlCharacter { .. })),
            "{text:?}"
        );
        let database = DatabaseName::default();
        assert!(matches!(TableName::new(&database, text), Err(NameError::ControlCharacter { .. })));
        assert!(TableName::parse(text).is_err());
        assert!(TableName::parse(&format!("`{text}`")).is_err());
    }
    assert!(matches!(DatabaseName::new(""), Err(NameError::Empty { .. })));
    assert!(matches!(
        DatabaseName::new(&"x".repeat(1025)),
        Err(NameError::TooLong { bytes: 1025, .. })
    ));
}

/// A reader that looked at all before it for each part would take hours over these.
#[test]
fn a_name_of_very_many_parts_or_backticks_is_refused() {
    let store = store();
    for text in [
        "a.".repeat(1 << 20),
        "`".repeat((1 << 20) + 1),
        "`a`.".repeat(1 << 19),
        "`".repeat(1 << 20),
    ] {
        unreadable(store.table(&text));
    }
}
