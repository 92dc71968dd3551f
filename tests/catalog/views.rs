//! Views: stored texts under the names of tables.

use annals::{NewView, PropertyPatch, SaveMode, SaveOutcome, Store, TableKind, VersionId};
use annals_tests::{columns_of, numbers, numbers_of, people};
use expect_test::expect;

use crate::{names, refusal};

fn text(store: &Store, name: &str) -> Option<String> {
    match store.table(name).unwrap().kind() {
        TableKind::View { text } => Some(text.to_string()),
        _ => None,
    }
}

fn store() -> Store {
    let store = Store::in_memory();
    store.write(numbers([1, 2])).save_as_table("t").unwrap();
    store.create_view("v", "select n from t").unwrap();
    store
}

#[test]
fn a_view_keeps_its_text_and_what_is_said_of_it() {
    let store = store();
    assert_eq!(text(&store, "V").as_deref(), Some("select n from t"));
    let new = NewView::new("select 1 as id").schema(people([]).schema());
    store.create_view("w", new.comment("one").property("a", "b")).unwrap();
    let view = store.table("w").unwrap();
    assert_eq!(
        (columns_of(&view), view.comment(), view.properties().len()),
        ("id Int64, name Utf8".into(), Some("one"), 1)
    );
    assert_eq!((view.ordinal(), view.created(), view.row_count()), (0, VersionId(3), 0));
    assert_eq!(columns_of(&store.table("v").unwrap()), "");
    // The text is the owner's affair.
    for odd in ["", "not sql", "\0", &"x".repeat(100_000)] {
        store.create_view("v", NewView::new(odd).or_replace()).unwrap();
        assert_eq!(text(&store, "v").as_deref(), Some(odd));
    }
    assert_eq!(names(&store.tables("default").unwrap()), ["default.t", "default.v", "default.w"]);
}

#[test]
fn a_view_is_replaced_only_if_asked_and_only_by_a_view() {
    let store = store();
    expect![[r#"
        the view default.v exists already; use mode overwrite, append or ignore, or another name"#]]
    .assert_eq(&refusal(&store, |store| store.create_view("v", "select 2")));
    expect!["default.t is a table, not a view; drop it first, or choose another name"].assert_eq(
        &refusal(&store, |store| store.create_view("t", NewView::new("x").or_replace())),
    );
    expect![[r#"
        the table default.T exists already; use mode overwrite, append or ignore, or another name"#]]
    .assert_eq(&refusal(&store, |store| store.create_view("T", "select 2")));
    store
        .set_properties(
            "v",
            &PropertyPatch::new().with("a", "1").with("b", "2").with_comment("old"),
        )
        .unwrap();
    let id = store.table("v").unwrap().id();
    let new = NewView::new("select 3").property("b", "3").or_replace();
    store.create_view("V", new).unwrap();
    let view = store.table("v").unwrap();
    // Itself, with what the new one says and nothing of what the old one said.
    assert_eq!(
        (view.id(), view.ordinal(), text(&store, "v").as_deref()),
        (id, 2, Some("select 3"))
    );
    assert_eq!(view.comment(), None);
    assert_eq!(
        view.properties().iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
        ["b=3"]
    );
    // Where there is none, it is made.
    store.create_view("new", NewView::new("select 4").or_replace()).unwrap();
    assert_eq!(text(&store, "new").as_deref(), Some("select 4"));
    assert_eq!(store.table_at_ordinal("v", 0).unwrap().comment(), None);
}

#[test]
fn each_mode_of_a_save_meets_a_view_in_its_own_way() {
    let store = store();
    let save = |mode: SaveMode| store.write(numbers([7])).mode(mode).save_as_table("v");
    expect![[r#"
        the view default.v exists already; use mode overwrite, append or ignore, or another name"#]]
    .assert_eq(&save(SaveMode::ErrorIfExists).unwrap_err().to_string());
    expect!["default.v is a view; rows can be written to tables only"]
        .assert_eq(&save(SaveMode::Append).unwrap_err().to_string());
    assert_eq!(save(SaveMode::Ignore).unwrap().outcome(), SaveOutcome::Skipped);
    assert_eq!((store.version(), text(&store, "v").is_some()), (VersionId(2), true));
    assert_eq!(save(SaveMode::Overwrite).unwrap().outcome(), SaveOutcome::Overwritten);
    assert_eq!((text(&store, "v"), numbers_of(&store.table("v").unwrap())), (None, vec![7]));
    // The view is still there where it was.
    store.restore_table("v", 2).unwrap();
    assert_eq!(text(&store, "v").as_deref(), Some("select n from t"));
    expect!["default.v is a view; rows can be written to tables only"]
        .assert_eq(&refusal(&store, |store| store.truncate("v")));
}

#[test]
fn a_view_is_renamed_and_dropped_like_a_table() {
    let store = store();
    store.create_database("d").unwrap();
    store.rename_table("v", "d.w").unwrap();
    assert_eq!(text(&store, "d.w").as_deref(), Some("select n from t"));
    assert!(store.table_exists("d.w").unwrap() && !store.table_exists("v").unwrap());
    store.set_properties("d.w", &PropertyPatch::new().with_comment("moved")).unwrap();
    // What it names may go: it is not looked into.
    store.drop_table("t").unwrap();
    store.drop_table("d.w").unwrap();
    assert_eq!(store.snapshot().table_count(), 0);
}
