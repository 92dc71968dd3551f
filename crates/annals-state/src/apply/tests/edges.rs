//! Edges of what a change does when it is carried over: columns beside columns that came
//! meanwhile, chunks of one's own, what an overwrite discards, and names that come back.

use std::sync::Arc;

use arrow_schema::{DataType, Field};

use crate::catalog::tests::kit::{columns_of, row, rows_of, table};
use crate::catalog::tests::story::Story;
use crate::catalog::tests::wishes::{Wish, add_columns};
use crate::version::VersionId;
use crate::write_set::SchemaChange;

#[test]
fn columns_that_two_add_to_a_table_without_any_are_two() {
    let mut story = Story::new();
    story.make("t", &[], &[]);
    let mut tx = story.begin();
    tx.wish(&Wish::append("t", &["mine"], &[1])).unwrap();
    story.one(Wish::append("t", &["theirs"], &[2]));
    story.commit(tx).unwrap();
    let found = story.table("t");
    let names: Vec<String> = columns_of(found.state()).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["theirs", "mine"]);
    let ids: Vec<_> = found.state().schema().columns().iter().map(|column| column.id().0).collect();
    assert_eq!(ids, [0, 1]);
    let values: Vec<_> =
        rows_of(found.state()).iter().map(|row| (row["theirs"], row["mine"])).collect();
    assert_eq!(values, [(Some(2), None), (None, Some(1))]);
}

#[test]
fn an_overwrite_discards_what_came_since_and_nothing_older() {
    let mut story = Story::new();
    story.make("t", &["k"], &[row(&["k"], 1)]);
    let base = story.one(Wish::append("t", &["k"], &[2, 3]));
    let mut tx = story.begin();
    tx.wish(&Wish::overwrite("t", &["k"], &[9])).unwrap();
    let came = story.one(Wish::append("t", &["k"], &[4]));
    // The chunk that it makes is new; of its rows, some are of the base itself.
    story.one(Wish::compact("t"));
    let made = story.commit(tx).unwrap();
    let operations = &made.commit().unwrap().operations;
    assert_eq!(operations[0].discarded, [came.id()], "the base is {}", base.id());
    assert_eq!(rows_of(story.table("t").state()), [row(&["k"], 9)]);
}

#[test]
fn a_compaction_of_chunks_of_ones_own_is_in_nobodys_way() {
    let mut story = Story::new();
    story.make("t", &["k"], &[]);
    let mut tx = story.begin();
    tx.wish(&Wish::append("t", &["k"], &[1])).unwrap();
    tx.wish(&Wish::append("t", &["k"], &[2])).unwrap();
    tx.wish(&Wish::compact("t")).unwrap();
    story.one(Wish::append("t", &["k"], &[3]));
    story.commit(tx).unwrap();
    let state = story.table("t");
    assert_eq!(state.state().chunks().count(), 2);
    assert_eq!(rows_of(state.state()).len(), 3);
}

#[test]
fn a_table_that_comes_back_under_an_older_name_says_so_to_those_who_know_it_by_another() {
    let mut story = Story::new();
    let then = story.make("t", &["k"], &[]);
    let id = story.table("t").id();
    story.one(Wish::rename("t", "n"));
    story.one(Wish::drop("n"));
    story.one(Wish::restore("t", &then));
    assert_eq!(story.table("t").id(), id);
    let head = story.head();
    let departed = head.catalog().departed_from(&table("n")).unwrap();
    assert_eq!((departed.id, departed.renamed_to), (id, Some(&table("t"))));

    // One that was never called otherwise is simply there again.
    let then = story.make("q", &["k"], &[]);
    story.one(Wish::drop("q"));
    story.one(Wish::restore("q", &then));
    assert!(story.head().catalog().departed_from(&table("q")).is_none());
}

#[test]
fn alterations_are_told_in_words() {
    let text = |name: &str| name.to_owned();
    let cases = [
        (add_columns(&["x", "y"]), "add `x`, `y`"),
        (
            SchemaChange::AddColumnsBeforePartitions(vec![Arc::new(Field::new(
                "x",
                DataType::Int64,
                true,
            ))]),
            "add `x`",
        ),
        (SchemaChange::RenameColumn { from: text("a"), to: text("b") }, "rename `a` to `b`"),
        (SchemaChange::DropColumns(vec![text("a")]), "drop `a`"),
        (SchemaChange::WidenColumn { name: text("a"), to: DataType::Int64 }, "widen `a` to Int64"),
        (SchemaChange::SetNullable(text("a")), "let `a` be null"),
        (SchemaChange::SetColumnComment { name: text("a"), comment: None }, "comment on `a`"),
    ];
    for (change, words) in cases {
        assert_eq!(change.describe(), words);
    }
}

#[test]
fn an_operation_knows_which_tables_it_touched() {
    let mut story = Story::new();
    story.make_database("d1");
    story.make("d1.t", &["k"], &[]);
    story.make("u", &["k"], &[]);
    let (t, u) = (story.table("d1.t").id(), story.table("u").id());
    let touched = |version: &crate::version::Version| {
        let commit = version.commit().unwrap();
        assert_eq!(
            [t, u].map(|id| commit.touches(id)),
            [t, u].map(|id| commit.operations[0].touches(id))
        );
        [t, u].map(|id| commit.operations[0].touches(id))
    };
    let before = story.head();
    assert_eq!(touched(&story.one(Wish::append("u", &["k"], &[1]))), [false, true]);
    assert_eq!(touched(&story.one(Wish::append("d1.t", &["k"], &[1]))), [true, false]);
    let name = crate::catalog::tests::kit::database("d1");
    let gone = story.one(Wish::DropDatabase { name, cascade: true });
    assert_eq!(touched(&gone), [true, false]);
    assert_eq!(touched(&story.one(Wish::RestoreStore { source: before })), [true, true]);
    assert_eq!(VersionId::from(3), VersionId(3));
}

#[test]
fn records_are_found_by_the_version_that_they_made() {
    let mut story = Story::new();
    for name in ["a", "b", "c"] {
        story.make(name, &["k"], &[]);
    }
    let timeline = &story.timeline;
    assert_eq!(timeline.records_count(), 3);
    assert!(!timeline.is_empty());
    let records = timeline.records();
    for id in 1..=3 {
        assert_eq!(records.get(VersionId(id)).unwrap().version, VersionId(id));
    }
    assert!(records.get(VersionId(0)).is_none() && records.get(VersionId(4)).is_none());
}

#[test]
fn a_mode_does_to_a_view_what_it_may() {
    use crate::save_mode::{Decision, SaveMode};
    let mut story = Story::new();
    story.make("t", &["k"], &[]);
    story.one(Wish::CreateView { name: table("v") });
    let (t, v) = (story.table("t"), story.table("v"));
    assert!(matches!(SaveMode::Append.decide(Some(t.state())), Decision::Append));
    assert!(matches!(SaveMode::Append.decide(Some(v.state())), Decision::RefuseView));
    assert!(matches!(SaveMode::Append.decide(None), Decision::Create));
    assert_eq!(SaveMode::Append.to_string(), "append");
}

#[test]
fn where_rows_come_from_is_none_of_no_rows() {
    use crate::table::{Lineage, Origin};
    assert!(Lineage::of([]).is_empty());
    let one = Origin { row: 1, born: VersionId(1), changed: VersionId(1) };
    assert!(!Lineage::of([one]).is_empty());
}
