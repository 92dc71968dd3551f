//! The edges of the rules: what was done at the base itself is no change since, rows that went are
//! no rows that came, and what a refusal calls the change that it refuses.

use super::*;
use crate::catalog::tests::wishes::equals;
use crate::commit::Isolation;
use crate::conflict::{Conflict, Rule};

fn read_changed(conflict: &Conflict) -> &'static str {
    match &conflict.rule {
        Rule::ReadChanged { theirs } => theirs,
        other => panic!("{other:?}"),
    }
}

fn changed(conflict: &Conflict) -> (&'static str, &'static str) {
    match &conflict.rule {
        Rule::Changed { mine, theirs } => (mine, theirs),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_done_at_the_base_is_no_change_since() {
    let mut story = Story::new();
    story.make("u", &["k"], &[]);
    story.make_database("late");
    let mut tx = story.begin();
    tx.isolation = Isolation::Serializable;
    tx.reads.listed_databases();
    tx.wish(&Wish::append("u", &["k"], &[1])).unwrap();
    story.one(Wish::append("u", &["k"], &[2]));
    tx.check(&story.head()).unwrap();
    story.make_database("later");
    tx.check(&story.head()).unwrap_err();
}

#[test]
fn a_table_of_the_same_name_is_another_table() {
    let mut scene = Scene::new();
    let mut tx = scene.story.begin();
    tx.isolation = Isolation::Serializable;
    tx.reads.looked_up(scene.base.catalog(), &table("a"));
    tx.wish(&Wish::append("u", &["k"], &[1])).unwrap();
    scene.others(DropAndCreate);
    let conflict = tx.check(&scene.story.head()).unwrap_err();
    assert_eq!(read_changed(&conflict), "a drop");
}

#[test]
fn rows_that_went_are_none_that_came() {
    // No row of this chunk is 5, though its bounds do not say so.
    let mut story = Story::new();
    let values = [1, 8].map(|value| row(&["k"], value));
    story.make("t", &["k"], &values);
    story.make("u", &["k"], &[]);
    let base = story.head();
    assert_eq!(base.catalog().table(&table("t")).unwrap().state().chunks().count(), 1);
    let mut tx = story.begin();
    let which = Which { column: "k".into(), value: 5, told: true };
    tx.wish(&Wish::Delete { name: table("t"), which }).unwrap();
    story.one(Wish::delete("t", "k", 8));
    tx.check(&story.head()).unwrap();
    // One that came is in the way.
    story.one(Wish::append("t", &["k"], &[5]));
    let conflict = tx.check(&story.head()).unwrap_err();
    assert_eq!(changed(&conflict), ("a delete", "a change of the same rows"));

    // The same for a reader by predicate, which is told of what went and not of what came.
    let mut reader = Story::new().begin();
    reader.base = Arc::clone(&base);
    reader.draft = base.catalog().clone();
    reader.isolation = Isolation::Serializable;
    reader.reads.read_rows(base.catalog(), &table("t"), Some(&equals("k", 1)));
    reader.wish(&Wish::append("u", &["k"], &[1])).unwrap();
    let went = story.versions.iter().find(|version| version.id() > base.id()).unwrap();
    let conflict = reader.check(went).unwrap_err();
    assert_eq!(read_changed(&conflict), "a change of rows that match");
}

#[test]
fn a_refusal_names_what_it_refuses() {
    let cases = [
        (Wish::delete("a", "k", 1), UpdateSame, "a delete"),
        (Wish::update("a", "k", 1, "v", 9), DeleteSame, "an update"),
        (Wish::compact("a"), DeleteSame, "a compaction"),
    ];
    for (mine, theirs, name) in cases {
        let mut scene = Scene::new();
        let mut tx = scene.story.begin();
        tx.wish(&mine).unwrap();
        scene.others(theirs);
        let conflict = tx.check(&scene.story.head()).unwrap_err();
        assert_eq!(changed(&conflict), (name, "a change of the same rows"), "{mine:?}");
    }
    let mut scene = Scene::new();
    let mut tx = scene.story.begin();
    tx.stage(set_schema(&scene.base)).unwrap();
    scene.others(Compact);
    let conflict = tx.check(&scene.story.head()).unwrap_err();
    assert_eq!(changed(&conflict), ("a schema change", "a change of the same rows"));
}

#[test]
fn a_rename_takes_its_name_as_a_creation_does() {
    let mut story = Story::new();
    story.make("t", &["k"], &[]);
    let rename = |to: &str| {
        let mut tx = story.begin();
        tx.wish(&Wish::rename("t", to)).unwrap();
        tx
    };
    let (other, same) = (rename("u"), rename("T"));
    story.make("u", &["k"], &[]);
    assert!(other.check(&story.head()).is_err());
    same.check(&story.head()).unwrap();
}
