//! Under serializable isolation a transaction that writes also conflicts if what it read has
//! changed; under snapshot isolation it does not.

use super::*;
use crate::catalog::tests::kit::database;
use crate::catalog::tests::story::Tx;
use crate::catalog::tests::wishes::equals;
use crate::commit::Isolation;
use crate::conflict::{Rule, Subject};
use crate::name::TableName;
use crate::write_set::{PropertyPatch, ReadSet};

/// Row = what was read of the table `a`, by a transaction that writes to another table.
///
/// `schema` looks the table up and reads no row; `k=99` reads rows of which there are none.
const MATRIX: &str = "
read        | am ao ds do ws ow os co ac rc sn rt dr dc re rq rs sp sq sc cc pp us uo me rv ss cp
schema      | C  C  C  C  C  C  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  C  C  C  C  X  C
k=1         | X  C  X  C  X  X  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  X  C  X  C  X  C
k=3         | X  C  C  X  C  X  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  C  X  C  C  X  C
k=7         | X  C  C  C  C  X  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  C  C  C  X  X  C
k=99        | C  C  C  C  C  X  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  C  C  C  C  X  C
k=1,k=3     | X  C  X  X  X  X  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  X  X  X  C  X  C
all         | X  X  X  X  X  X  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  X  X  X  X  X  C
k=99,all    | X  X  X  X  X  X  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  X  X  X  X  X  C
all,k=99    | X  X  X  X  X  X  X  C  X  X  X  X  X  X  X  X  X  C  C  C  C  C  X  X  X  X  X  C
tables      | C  C  C  C  C  C  C  C  C  C  C  X  X  X  C  C  X  C  C  C  C  C  C  C  C  C  C  C
databases   | C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C
nothing     | C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C  C
";

fn reader(scene: &Scene, what: &str) -> Tx {
    let mut tx = scene.story.begin();
    tx.isolation = Isolation::Serializable;
    let (base, name) = (scene.base.catalog(), table("a"));
    for what in what.split(',') {
        match what {
            "schema" => tx.reads.looked_up(base, &name),
            "all" => tx.reads.read_rows(base, &name, None),
            "tables" => tx.reads.listed(base, &database("default")),
            "databases" => tx.reads.listed_databases(),
            "nothing" => {}
            predicate => {
                let value = predicate.strip_prefix("k=").unwrap().parse().unwrap();
                tx.reads.read_rows(base, &name, Some(&equals("k", value)));
            }
        }
    }
    tx.wish(&Wish::append("u", &["k"], &[1])).unwrap();
    tx
}

#[test]
fn a_serializable_writer_conflicts_with_changes_of_what_it_read() {
    let mut lines = MATRIX.lines().filter(|line| !line.is_empty());
    let header = lines.next().unwrap().split_once('|').unwrap().1;
    let header: Vec<&str> = header.split_whitespace().collect();
    assert_eq!(header, ALL.map(|(code, _)| code));
    let lines: Vec<(&str, &str)> = lines.map(|line| line.split_once('|').unwrap()).collect();
    let mut wrong = Vec::new();
    for (column, (_, theirs)) in ALL.into_iter().enumerate() {
        let mut scene = Scene::new();
        let readers: Vec<Tx> = lines.iter().map(|(what, _)| reader(&scene, what.trim())).collect();
        let winner = scene.others(theirs);
        let head = scene.story.head();
        for (tx, (what, expected)) in readers.iter().zip(&lines) {
            let expected = expected.split_whitespace().nth(column).unwrap();
            let found = match tx.check(&head) {
                Ok(()) => "C",
                Err(conflict) => {
                    let place = format!("{what} after {theirs:?}: {conflict}");
                    assert_eq!(conflict.winner, winner, "{place}");
                    let subject = match what.trim() {
                        "tables" => Subject::Database(database("default")),
                        _ => Subject::Table(table("a")),
                    };
                    assert_eq!(conflict.subject, subject, "{place}");
                    if conflict.is_retryable() { "X" } else { "F" }
                }
            };
            if found != expected {
                wrong.push(format!("{} after {theirs:?}: {found}, not {expected}", what.trim()));
            }
            // Under snapshot isolation only what is written counts, and that is another table.
            let mut tx = tx.clone();
            tx.isolation = Isolation::Snapshot;
            tx.check(&head).unwrap();
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What a transaction says that read what `read` notes, then wrote, after others did `wishes`.
fn after(read: impl Fn(&mut Tx), wishes: &[Wish]) -> Option<(Subject, VersionId, VersionId)> {
    let mut scene = Scene::new();
    scene.story.make("d1.t", &["k"], &[]);
    let mut tx = scene.story.begin();
    tx.isolation = Isolation::Serializable;
    read(&mut tx);
    tx.wish(&Wish::append("u", &["k"], &[1])).unwrap();
    let first = scene.story.all(wishes).id();
    scene.story.one(Wish::append("a", &COLUMNS, &[1]));
    let conflict = tx.check(&scene.story.head()).err()?;
    assert!(matches!(conflict.rule, Rule::ReadChanged { .. }), "{conflict}");
    Some((conflict.subject, conflict.winner, first))
}

#[test]
fn an_absence_that_was_seen_must_last() {
    let read = |tx: &mut Tx| {
        let base = tx.base.catalog().clone();
        tx.reads.looked_up(&base, &table("n"));
    };
    // It is created, and changed thereafter: the creation is in the way.
    let (subject, winner, created) = after(read, &[Wish::create("n", &["k"], &[])]).unwrap();
    assert_eq!((subject, winner), (Subject::Table(table("n")), created));
    let (subject, winner, renamed) =
        after(read, &[Wish::rename("a", "n"), Wish::create("a", &COLUMNS, &[])]).unwrap();
    assert_eq!((subject, winner), (Subject::Table(table("n")), renamed));
    // It came and went: absent then, absent now.
    assert_eq!(after(read, &[Wish::create("n", &["k"], &[]), Wish::drop("n")]), None);
    assert_eq!(after(read, &[Wish::create("m", &["k"], &[])]), None);
}

#[test]
fn a_listing_that_was_seen_must_last() {
    let listed = |name: &'static str| {
        move |tx: &mut Tx| {
            let base = tx.base.catalog().clone();
            tx.reads.listed(&base, &database(name));
        }
    };
    let d1 = Some(Subject::Database(database("d1")));
    let none = PropertyPatch::default;
    let alter = Wish::AlterDatabase { name: database("d1"), patch: none() };
    let cascade = Wish::DropDatabase { name: database("d1"), cascade: true };
    let recreate = Wish::CreateDatabase { name: database("d1"), property: None };
    for (wishes, conflict) in [
        (vec![Wish::create("d1.n", &["k"], &[])], d1.clone()),
        (vec![Wish::drop("d1.t")], d1.clone()),
        (vec![Wish::rename("d1.t", "t")], d1.clone()),
        (vec![Wish::rename("a", "d1.a"), Wish::create("a", &COLUMNS, &[])], d1.clone()),
        (vec![Wish::rename("d1.t", "d1.s")], d1.clone()),
        (vec![cascade.clone()], d1.clone()),
        (vec![cascade, recreate], d1),
        (vec![Wish::append("d1.t", &["k"], &[1])], None),
        (vec![Wish::create("n", &["k"], &[])], None),
        (vec![alter], None),
    ] {
        let found = after(listed("d1"), &wishes);
        assert_eq!(found.as_ref().map(|(subject, ..)| subject.clone()), conflict, "{wishes:?}");
        if let Some((_, winner, version)) = found {
            assert_eq!(winner, version, "{wishes:?}");
        }
    }
    // A database that was not there.
    let create = Wish::CreateDatabase { name: database("d9"), property: None };
    let (subject, winner, version) = after(listed("d9"), std::slice::from_ref(&create)).unwrap();
    assert_eq!((subject, winner), (Subject::Database(database("d9")), version));
    let drop = Wish::DropDatabase { name: database("d9"), cascade: false };
    assert_eq!(after(listed("d9"), &[create, drop]), None);
}

#[test]
fn the_list_of_databases_that_was_seen_must_last() {
    let read = |tx: &mut Tx| tx.reads.listed_databases();
    let create = Wish::CreateDatabase { name: database("d9"), property: None };
    let drop = Wish::DropDatabase { name: database("d1"), cascade: true };
    for wish in [create, drop] {
        let (subject, winner, version) = after(read, &[wish]).unwrap();
        assert_eq!((subject, winner), (Subject::Store, version));
    }
    let patch = PropertyPatch::default();
    let alter = Wish::AlterDatabase { name: database("d1"), patch };
    assert_eq!(after(read, &[alter]), None);
    assert_eq!(after(read, &[Wish::create("d1.n", &["k"], &[])]), None);
}

#[test]
fn own_writes_that_are_read_back_do_no_harm() {
    let mut scene = Scene::new();
    let mut tx = scene.story.begin();
    tx.isolation = Isolation::Serializable;
    tx.wish(&Wish::create("mine", &["k"], &[])).unwrap();
    let base = tx.base.catalog().clone();
    tx.reads.read_rows(&base, &table("mine"), None);
    tx.wish(&Wish::append("mine", &["k"], &[1])).unwrap();
    scene.story.one(Wish::append("u", &["k"], &[1]));
    tx.check(&scene.story.head()).unwrap();
    scene.story.commit(tx).unwrap();
}

#[test]
fn a_read_makes_a_transaction_depend_on_what_it_read_and_on_nothing_else() {
    let scene = Scene::new();
    let mut tx = scene.story.begin();
    assert!(tx.reads.is_empty());
    let base = tx.base.catalog().clone();
    tx.reads.read_rows(&base, &table("a"), Some(&equals("k", 1)));
    assert!(!tx.reads.is_empty());
    for read in [
        |tx: &mut Tx| tx.reads.listed_databases(),
        |tx: &mut Tx| {
            let base = tx.base.catalog().clone();
            tx.reads.listed(&base, &database("default"));
        },
    ] {
        let mut tx = scene.story.begin();
        read(&mut tx);
        assert!(!tx.reads.is_empty());
    }
}

#[test]
fn what_was_read_of_a_tables_details_must_last() {
    type Read = fn(&mut ReadSet, &Catalog, &TableName);
    let reads = |read: Read, name: &'static str| {
        move |tx: &mut Tx| {
            let base = tx.base.catalog().clone();
            read(&mut tx.reads, &base, &table(name));
        }
    };
    let comment_on = |text| Wish::describe("d1.t", comment(text));
    let property = || Wish::describe("d1.t", set("fresh", "1"));
    let on_column = || {
        let comment = Some("c".to_owned());
        Wish::alter("d1.t", [SchemaChange::SetColumnComment { name: "k".to_owned(), comment }])
    };
    let append = || Wish::append("d1.t", &["k"], &[1]);
    let all = [vec![comment_on(Some("new"))], vec![property()], vec![on_column()], vec![append()]];
    let cases: [(Read, [bool; 4]); 4] = [
        (ReadSet::read_comment, [true, false, false, false]),
        (ReadSet::read_properties, [false, true, false, false]),
        (ReadSet::read_columns, [false, false, true, false]),
        (ReadSet::read_state, [true; 4]),
    ];
    for (at, (read, expected)) in cases.into_iter().enumerate() {
        for (wishes, expected) in all.iter().zip(expected) {
            let found = after(reads(read, "d1.t"), wishes);
            assert_eq!(found.is_some(), expected, "{at}: {wishes:?}");
            if let Some((subject, winner, version)) = found {
                assert_eq!((subject, winner), (Subject::Table(table("d1.t")), version));
            }
        }
    }
    // Values are compared: what was set and taken back was not changed.
    let back = [comment_on(Some("new")), comment_on(None)];
    assert_eq!(after(reads(ReadSet::read_comment, "d1.t"), &back), None);
}

#[test]
fn a_name_that_a_change_told_of_must_last() {
    let read = |tx: &mut Tx| {
        let base = tx.base.catalog().clone();
        tx.reads.told(&base, &table("n"));
    };
    let (subject, winner, created) = after(read, &[Wish::create("n", &["k"], &[])]).unwrap();
    assert_eq!((subject, winner), (Subject::Table(table("n")), created));
    assert_eq!(after(read, &[Wish::create("m", &["k"], &[])]), None);

    let told = |name: &'static str| {
        move |tx: &mut Tx| {
            let base = tx.base.catalog().clone();
            tx.reads.told_database(&base, &database(name));
        }
    };
    let create = |name| Wish::CreateDatabase { name: database(name), property: None };
    let drop = Wish::DropDatabase { name: database("d1"), cascade: true };
    for (name, wishes) in
        [("d1", vec![drop.clone()]), ("d1", vec![drop, create("d1")]), ("d9", vec![create("d9")])]
    {
        let (subject, winner, version) = after(told(name), &wishes).unwrap();
        assert_eq!((subject, winner), (Subject::Database(database(name)), version), "{wishes:?}");
    }
    assert_eq!(after(told("d1"), &[Wish::create("d1.n", &["k"], &[])]), None);
    assert_eq!(after(told("d9"), &[create("d8")]), None);
}
