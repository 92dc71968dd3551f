//! Hostile names wherever a name or a text is taken: kept as they are, or refused by a typed error,
//! and never taken for another.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals::{
    Compaction, NewTable, PropertyPatch, SaveMode, Store, TagError, WriteError, col, set,
};
use annals_tests::{content_of, numbers, rows_of};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};

/// Names that are trouble somewhere. No two are the same without regard to case.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        ".",
        "..",
        "../../etc/passwd",
        "/etc/x",
        "a/b",
        "C:\\x",
        "CON",
        "nul.txt",
        "%2e%2e",
        "%00",
        "a.b",
        "a`b",
        "`",
        "``",
        "'",
        "\"",
        "--",
        "; DROP TABLE t",
        "${HOME}",
        "$(x)",
        "*",
        "?",
        " ",
        " lead",
        "trail ",
        "a b",
        "\u{a0}",
        "\u{202e}txt.exe",
        "\u{feff}bom",
        "\u{200b}",
        "e\u{301}",
        "\u{e9}",
        "ſ",
        "ß",
        "ss",
        "\u{130}",
        "i\u{307}x",
        "ı",
        "Σ",
        "ﬁ",
        "日本",
        "🦀",
        "\u{10ffff}",
        "\u{fffd}",
        "null",
        "NaN",
        "0",
        "-1",
        "true",
        "select",
        "annals",
        "default",
        "__proto__",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(1_024));
    names.push("é".repeat(512));
    names
}

/// Texts that have more in them than a name of a table may.
fn worse() -> Vec<String> {
    let mut texts = hostile();
    let control =
        ["", "\0", "a\0b", "\n", "line\nline", "\r", "\t", "\u{1b}[31m", "\u{7f}", "\u{85}"];
    texts.extend(control.map(str::to_owned));
    texts.push("x".repeat(64 << 10));
    texts.push("🦀".repeat(16 << 10));
    texts
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[test]
fn tables_and_databases_of_any_name_are_each_their_own() {
    let store = Store::in_memory();
    let names = hostile();
    for (n, name) in (0..).zip(&names) {
        let name = quoted(name);
        if name != "`default`" {
            store.create_database(name.as_str()).unwrap();
        }
        let full = format!("{name}.{name}");
        store.write(numbers([n])).save_as_table(&full).unwrap();
        store.write(numbers([n])).mode(SaveMode::Append).save_as_table(&full).unwrap();
        store.add_columns(&full, [Field::new("m", DataType::Int64, true)]).unwrap();
        store.set_properties(&full, &PropertyPatch::new().with(&name, &name)).unwrap();
        store.update(&full, [set("m", n)], col("n").eq(n)).unwrap();
    }
    let snapshot = store.snapshot();
    assert_eq!(snapshot.databases().len(), names.len());
    assert_eq!(snapshot.table_count(), names.len());
    for (n, name) in (0..).zip(&names) {
        let quoted = quoted(name);
        let table = snapshot.table(format!("{quoted}.{quoted}")).unwrap();
        assert_eq!(rows_of(&table), [format!("{n}, {n}"), format!("{n}, {n}")], "{name:?}");
        assert_eq!(table.name().table_str(), name.as_str());
        // What is printed is a name that finds it again.
        let printed = table.name().to_string();
        assert_eq!(snapshot.table(&printed).unwrap().id(), table.id(), "{printed:?}");
        assert_eq!(snapshot.tables(quoted.as_str()).unwrap(), [table.name().clone()]);
        assert_eq!(snapshot.database(quoted.as_str()).unwrap().table_count(), 1);
        let history = store.table_history(&printed).unwrap();
        assert_eq!(history.iter().count(), 5, "{name:?}");
    }
    for name in &names {
        let quoted = quoted(name);
        let full = format!("{quoted}.{quoted}");
        store.rename_table(&full, format!("{quoted}.`to`")).unwrap();
        store.rename_table(format!("{quoted}.`to`"), &full).unwrap();
        store.drop_table(&full).unwrap();
        store.restore_table(&full, snapshot.version()).unwrap();
        if quoted != "`default`" {
            store.drop_database_cascade(quoted.as_str()).unwrap();
        }
    }
    assert_eq!(store.snapshot().table_count(), 1);
}

/// Names that are one in lower case are one; names that look the same are not.
#[test]
fn names_are_folded_and_not_normalised() {
    let store = Store::in_memory();
    for (one, other) in [("T", "t"), ("É", "é"), ("ΑΒ", "αβ"), ("STRASSE", "strasse"), ("Я", "я")]
    {
        store.write(numbers([1])).save_as_table(quoted(one)).unwrap();
        let again = store.write(numbers([2])).save_as_table(quoted(other));
        assert!(matches!(again, Err(WriteError::Catalog(_))), "{one} and {other}");
        assert!(store.table(quoted(other)).is_ok());
        store.drop_table(quoted(other)).unwrap();
    }
    for (one, other) in
        [("e\u{301}", "\u{e9}"), ("ß", "ss"), ("ﬁ", "fi"), ("K\u{30a}", "Å"), ("Α", "A")]
    {
        store.write(numbers([1])).save_as_table(quoted(one)).unwrap();
        assert!(store.table(quoted(other)).is_err(), "{one} and {other}");
        store.write(numbers([2])).save_as_table(quoted(other)).unwrap();
        assert_eq!(rows_of(&store.table(quoted(one)).unwrap()), ["1"]);
        store.drop_table(quoted(one)).unwrap();
        store.drop_table(quoted(other)).unwrap();
    }
}

#[test]
fn columns_may_have_any_text_for_a_name() {
    let store = Store::in_memory();
    let names = worse();
    let folded: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), names.len(), "the list is of different names");
    let column = |n: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![n, n + 1])) };
    let columns = (0..).zip(&names).map(|(n, name)| (name.as_str(), column(n), true));
    let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    store.write(rows.clone()).save_as_table("t").unwrap();
    store.write(rows.clone()).mode(SaveMode::Append).save_as_table("t").unwrap();
    for (n, name) in (0_i64..).zip(&names) {
        let name = name.as_str();
        let table = store.table("t").unwrap();
        let scan = table.scan().filter(col(name).eq(n)).columns([name]);
        let read = scan.collect().unwrap();
        let count: usize = read.iter().map(RecordBatch::num_rows).sum();
        assert_eq!((count, read[0].schema().field(0).name().as_str()), (2, name), "{name:?}");
        assert_eq!(table.column_summary(name).unwrap().null_count, 0);
        assert!(!col(name).eq(n).to_string().is_empty());
        store.update("t", [set(name, n)], col(name).eq(n)).unwrap();
        store.rename_column("t", name, "between").unwrap();
        store.rename_column("t", "between", name).unwrap();
    }
    for name in ["", "\0", "a.b", "e\u{301}", " "] {
        store.compact_with("t", &Compaction::new().sort_by([name])).unwrap();
        let merge = store.merge("t", rows.slice(0, 1)).on([name]).when_matched_delete();
        merge.execute().unwrap();
        store.write(rows.clone()).mode(SaveMode::Append).save_as_table("t").unwrap();
        store.widen_column("t", name, &DataType::Int64).ok();
        let parted = store.write(rows.clone()).partition_by([name]).mode(SaveMode::Overwrite);
        parted.save_as_table("parted").unwrap();
        assert_eq!(store.table("parted").unwrap().partition_columns(), [name]);
        store.drop_table("parted").unwrap();
    }
    let twice = Schema::new(vec![
        Field::new("É", DataType::Int64, true),
        Field::new("é", DataType::Int64, true),
    ]);
    assert!(store.create_table("twice", NewTable::new(twice)).is_err());
    store.drop_columns("t", names[1..].to_vec()).unwrap();
    assert_eq!(store.table("t").unwrap().schema().fields().len(), 1);
    assert!(!content_of(&store.snapshot()).is_empty());
}

#[test]
fn tags_of_any_text_are_each_their_own_or_refused() {
    let store = Store::in_memory();
    for _ in 0..10 {
        store.write(numbers([1])).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    let mut taken = Vec::new();
    for (n, tag) in worse().iter().enumerate() {
        let version = (n % 10) as u64;
        match store.tag(tag, version) {
            Ok(_) => taken.push((tag.clone(), version)),
            Err(TagError::Invalid { .. }) => {
                let refused =
                    tag.is_empty() || tag.len() > 1_024 || tag.chars().any(char::is_control);
                assert!(refused, "{tag:?}");
                assert!(store.at(tag.as_str()).is_err() && store.untag(tag).is_err());
            }
            Err(other) => panic!("{tag:?}: {other}"),
        }
    }
    assert_eq!(taken.len(), hostile().len());
    for (tag, version) in &taken {
        assert_eq!(store.at(tag.as_str()).unwrap().version().0, *version, "{tag:?}");
    }
    assert_eq!(store.tags().len(), taken.len());
    taken.iter().for_each(|(tag, version)| assert_eq!(store.untag(tag).unwrap().0, *version));
    assert!(store.tags().is_empty());
}

#[test]
fn what_is_said_beside_a_write_is_kept_as_it_is() {
    let store = Store::in_memory();
    store.write(numbers([0])).save_as_table("t").unwrap();
    let texts = worse();
    for (n, text) in (1_i64..).zip(&texts) {
        let write = store.write(numbers([n])).mode(SaveMode::Append).user(text).message(text);
        let write = write.metadata(text, text).idempotent(text, 1);
        let saved = write.save_as_table("t").unwrap();
        let info = &saved.committed().unwrap().commit().unwrap().info;
        assert_eq!(info.user.as_deref(), Some(text.as_str()));
        assert_eq!(info.message.as_deref(), Some(text.as_str()));
        assert_eq!(info.metadata, [(text.as_str().into(), text.as_str().into())]);
        store.set_properties("t", &PropertyPatch::new().with(text, text)).unwrap();
        let patch = PropertyPatch::new().with(text, text).with_comment(text);
        store.alter_database("default", &patch).unwrap();
        let pinned = store.pin(text);
        assert_eq!(&*store.pins().last().unwrap().labels[0].label, text.as_str());
        drop(pinned);
    }
    // Each application is its own.
    for (n, text) in (1_i64..).zip(&texts) {
        let again = store.write(numbers([n])).mode(SaveMode::Append).idempotent(text, 1);
        assert!(
            again.save_as_table("t").unwrap().committed().unwrap().was_applied_before(),
            "{text:?}"
        );
    }
    let table = store.table("t").unwrap();
    assert_eq!(table.row_count(), 1 + texts.len() as u64);
    for text in &texts {
        assert_eq!(
            table.properties().get(text.as_str()).map(|value| &**value),
            Some(text.as_str())
        );
    }
    assert_eq!(store.history().to_batch().num_rows(), store.history().iter().count());
}
