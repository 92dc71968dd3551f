//! What a conflict says, to a program and to a person.

use super::*;
use crate::catalog::tests::kit::database;
use crate::catalog::tests::story::{Refused, Tx};
use crate::catalog::tests::wishes::equals;
use crate::commit::Isolation;
use crate::conflict::{Conflict, Rule, Subject};
use crate::error::CatalogError;
use crate::write_set::Change;

fn conflict(begin: impl Fn(&mut Tx, &Scene), theirs: &[Wish]) -> Box<Conflict> {
    let mut scene = Scene::new();
    let mut tx = scene.story.begin();
    begin(&mut tx, &scene);
    scene.story.all(theirs);
    scene.story.one(Wish::describe("u", set("late", "1")));
    if scene
        .story
        .head()
        .catalog()
        .table(&table("a"))
        .is_some_and(|now| now.stamps().property < scene.base.id())
    {
        scene.story.one(Wish::describe("a", set("late", "1")));
    }
    let mut conflict = tx.check(&scene.story.head()).unwrap_err();
    assert!(conflict.winning_commit.is_none(), "that is for the caller to fill in");
    conflict.winning_commit = scene.story.timeline.record(conflict.winner).cloned();
    conflict
}

fn wishes(wishes: &[Wish]) -> impl Fn(&mut Tx, &Scene) {
    let wishes = wishes.to_vec();
    move |tx, _| {
        for wish in &wishes {
            tx.wish(wish).unwrap();
        }
    }
}

#[test]
fn a_conflict_tells_what_met_what_and_what_to_do() {
    let append = || Wish::append("a", &COLUMNS, &[10]);
    let read_append = |tx: &mut Tx, scene: &Scene| {
        tx.reads.looked_up(scene.base.catalog(), &table("u"));
        tx.wish(&append()).unwrap();
    };
    let serializable = |tx: &mut Tx, scene: &Scene| {
        tx.isolation = Isolation::Serializable;
        tx.reads.read_rows(scene.base.catalog(), &table("a"), Some(&equals("k", 1)));
        tx.wish(&Wish::append("u", &["k"], &[1])).unwrap();
    };
    let restore = |tx: &mut Tx, scene: &Scene| {
        let source = Arc::clone(&scene.other);
        tx.wish(&Wish::RestoreStore { source }).unwrap();
    };
    let rename_column =
        Wish::alter("a", [SchemaChange::RenameColumn { from: "v".into(), to: "w".into() }]);
    let v = "(in v14, after this transaction began at v13; committed at story:0:0)";
    let again = "; begin again from a fresh snapshot";
    let gone = "; what the transaction was about is gone";
    let told = |conflict: &Conflict| conflict.to_string();
    let cases: Vec<(Box<Conflict>, &str, &str)> = vec![
        (
            conflict(read_append, &[Wish::overwrite("a", &COLUMNS, &[1])]),
            "default.a: an append after a read does not go with an overwrite",
            again,
        ),
        (
            conflict(wishes(&[append()]), &[rename_column]),
            "default.a: a blind append does not go with a schema change",
            again,
        ),
        (
            conflict(serializable, &[Wish::append("a", &COLUMNS, &[1])]),
            "default.a was read by this serializable transaction, then changed by new rows that \
             match",
            again,
        ),
        (
            conflict(wishes(&[Wish::create("n", &["k"], &[])]), &[Wish::create("N", &["k"], &[])]),
            "default.n was created by somebody else",
            again,
        ),
        (conflict(wishes(&[append()]), &[Wish::drop("a")]), "default.a was dropped", gone),
        (
            conflict(wishes(&[append()]), &[Wish::rename("a", "d1.b")]),
            "default.a was renamed to d1.b",
            again,
        ),
        (
            conflict(
                wishes(&[Wish::alter("a", [add_columns(&["X"])])]),
                &[Wish::alter("a", [add_columns(&["x"])])],
            ),
            "default.a: the column `x` was added twice",
            again,
        ),
        (
            conflict(
                wishes(&[Wish::describe("a", set("p", "2"))]),
                &[Wish::describe("a", set("p", "2"))],
            ),
            "default.a: the property `p` was set twice",
            again,
        ),
        (
            conflict(
                wishes(&[Wish::describe("a", comment(None))]),
                &[Wish::describe("a", comment(Some("x")))],
            ),
            "default.a: the comment was set twice",
            again,
        ),
    ];
    for (conflict, text, advice) in cases {
        assert_eq!(told(&conflict), format!("{text} {v}{advice}"));
    }
    let conflict = conflict(restore, &[append()]);
    // With a whole store, the newest commit is as good as any.
    let text = "the store: a restore of the whole store does not go with any commit (in v16, after \
                this transaction began at v13; committed at story:0:0); begin again from a fresh \
                snapshot";
    assert_eq!(told(&conflict), text);
}

#[test]
fn a_conflict_names_the_chunks_that_both_touched() {
    let delete = |value| Wish::delete("a", "k", value);
    let mine = |told| Wish::ReplaceWhere {
        name: table("a"),
        column: "k".into(),
        value: 1,
        rows: Vec::new(),
        told,
    };
    let chunks = |conflict: Box<Conflict>| {
        // Something else came after it.
        assert_eq!(conflict.winner, VersionId(conflict.base.0 + 1));
        conflict.chunks
    };
    let scene = Scene::new();
    let at_base = scene.base.catalog().table(&table("a")).unwrap();
    let (first, _) = at_base.state().chunks().next().unwrap();
    let next = at_base.high_water().next_sequence;
    // Deleted from by both; gone altogether; new, and may hold what mine is about.
    assert_eq!(chunks(conflict(wishes(&[mine(true)]), &[delete(2)])), [first]);
    assert_eq!(chunks(conflict(wishes(&[mine(false)]), &[delete(1), delete(2)])), [first]);
    let appended = [Wish::append("a", &COLUMNS, &[7, 8, 1])];
    assert_eq!(chunks(conflict(wishes(&[mine(true)]), &appended)), [next + 1]);
    let all = |tx: &mut Tx, scene: &Scene| {
        tx.isolation = Isolation::Serializable;
        tx.reads.read_rows(scene.base.catalog(), &table("a"), Some(&equals("k", 4)));
        tx.wish(&Wish::append("u", &["k"], &[1])).unwrap();
    };
    assert_eq!(chunks(conflict(all, &[delete(3)])), [first + 1]);
}

#[test]
fn a_creation_is_blamed_and_not_what_came_after_it() {
    let mut scene = Scene::new();
    let begin = |scene: &Scene| {
        let mut tx = scene.story.begin();
        tx.wish(&Wish::create("n", &["k"], &[])).unwrap();
        tx
    };
    let tx = begin(&scene);
    let created = scene.story.make("n", &["k"], &[]);
    scene.story.one(Wish::append("n", &["k"], &[1]));
    assert_eq!(tx.check(&scene.story.head()).unwrap_err().winner, created.id());
    // A table of long ago that got the name just now.
    scene.story.one(Wish::drop("n"));
    let tx = begin(&scene);
    let renamed = scene.story.one(Wish::rename("a", "n"));
    scene.story.one(Wish::append("n", &COLUMNS, &[1]));
    assert_eq!(tx.check(&scene.story.head()).unwrap_err().winner, renamed.id());
}

#[test]
fn a_table_is_brought_back_only_if_it_has_been_away_since() {
    let mut scene = Scene::new();
    scene.story.one(Wish::drop("a"));
    let begin = |scene: &Scene| {
        let mut tx = scene.story.begin();
        tx.wish(&Wish::restore("a", &scene.base)).unwrap();
        tx
    };
    let fine = begin(&scene);
    scene.story.one(Wish::append("u", &["k"], &[1]));
    fine.check(&scene.story.head()).unwrap();
    let late = begin(&scene);
    // It came back and left again: its numbers have gone on.
    scene.story.one(Wish::restore("a", &scene.base));
    let back = begin_error(&late, &scene);
    assert!(matches!(back.rule, Rule::Created), "{back}");
    let gone = scene.story.one(Wish::drop("a"));
    let conflict = begin_error(&late, &scene);
    assert_eq!((conflict.winner, conflict.is_retryable()), (gone.id(), true), "{conflict}");
    scene.story.one(Wish::restore("a", &scene.base));
    scene.story.one(Wish::rename("a", "c"));
    let conflict = begin_error(&late, &scene);
    assert!(matches!(&conflict.rule, Rule::Renamed { to } if *to == table("c")), "{conflict}");
}

fn begin_error(tx: &Tx, scene: &Scene) -> Box<Conflict> {
    tx.check(&scene.story.head()).unwrap_err()
}

#[test]
fn what_the_catalog_says_on_top_of_the_matrix() {
    let refused = |mine: &[Wish], theirs: &[Wish]| -> CatalogError {
        let mut scene = Scene::new();
        let mut tx = scene.story.begin();
        for wish in mine {
            tx.wish(wish).unwrap();
        }
        scene.story.all(theirs);
        match scene.story.commit(tx) {
            Err(Refused::NoLongerApplies(error)) => error,
            Err(Refused::Conflict(conflict)) => panic!("{conflict}"),
            Ok(_) => panic!("it was committed"),
        }
    };
    let drop_d1 = |cascade| Wish::DropDatabase { name: database("d1"), cascade };
    let create = || Wish::create("d1.t", &["k"], &[]);
    assert!(matches!(refused(&[create()], &[drop_d1(false)]), CatalogError::NoDatabase { .. }));
    let error = refused(&[drop_d1(false)], &[create()]);
    assert!(matches!(error, CatalogError::DatabaseNotEmpty { tables: 1, .. }));
    assert!(matches!(refused(&[drop_d1(true)], &[drop_d1(true)]), CatalogError::NoDatabase { .. }));
    let retryable = |error| {
        let rule = Rule::NoLongerApplies { error: Box::new(error) };
        Conflict::new(Subject::Store, rule, VersionId(1), VersionId(2)).is_retryable()
    };
    assert!(!retryable(refused(&[create()], &[drop_d1(false)])));
    assert!(retryable(refused(&[drop_d1(false)], &[create()])));
    // With cascade, what is there at commit goes too.
    let mut scene = Scene::new();
    let mut tx = scene.story.begin();
    tx.wish(&drop_d1(true)).unwrap();
    scene.story.one(create());
    let version = scene.story.commit(tx).unwrap();
    assert!(version.catalog().table(&table("d1.t")).is_none());
}

#[test]
fn a_change_is_about_what_it_names() {
    let head = Scene::new().story.head();
    let subject =
        |wish: Wish| Subject::of(&wish.change(head.catalog(), VersionId::ZERO)).to_string();
    assert_eq!(subject(Wish::append("a", &COLUMNS, &[1])), "default.a");
    assert_eq!(subject(Wish::rename("a", "b")), "default.a");
    assert_eq!(subject(Wish::drop("d1.`x y`")), "d1.`x y`");
    let source = Arc::clone(&head);
    assert_eq!(Subject::of(&Change::RestoreStore { source }).to_string(), "the store");
    let name = database("d1");
    let change = Change::DropDatabase { name, cascade: true };
    assert_eq!(Subject::of(&change).to_string(), "the database d1");
}
