//! Every cell of the matrix.

use std::sync::Arc;

use super::*;
use crate::catalog::tests::check_invariants;
use crate::catalog::tests::story::Tx;
use crate::conflict::Subject;

/// What the transaction does to the table `a`.
#[derive(Clone, Copy, Debug)]
enum Mine {
    Append,
    /// Also adds the column `x`, or `z`.
    Merge(&'static str),
    Overwrite,
    OverwriteSchema,
    Truncate,
    /// Replaces the rows where k = 1, 2 rows of a chunk of which others remain.
    Where {
        told: bool,
    },
    /// Replaces rows where k = 99: there are none.
    WhereNothing,
    AddColumn(&'static str),
    RenameColumn,
    DropColumn,
    SetNullable,
    RenameTable,
    Restore,
    RestoreStore,
    Set(&'static str),
    SetComment,
    SetColumnComment,
    Drop,
    /// From the chunk of k = 1, 2.
    Delete,
    Update,
    MergeRows,
    /// Brings back k = 7.
    Revert,
    /// Replaces rows where k = 7: at the base there are none, but there were.
    WhereRevived,
    Compact,
    /// The chunk of k = 1, 2.
    CompactPart,
    SetSchema,
}

/// Row = mine: what it does, whether it has read anything, and the cells. C both stand,
/// X conflict to be tried again, F conflict that trying again does not help.
///
/// Where the design says S there are two columns, or two rows, one that overlaps and one that
/// does not.
const MATRIX: &str = "
mine                | am ao ds do ws ow os co ac rc sn rt dr dc re rq rs sp sq sc cc pp us uo me rv ss cp
append          blind | C  C  C  C  C  C  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
append          read  | C  C  C  C  C  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
merge x         blind | C  C  C  C  C  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
merge z         blind | C  C  C  C  C  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
overwrite       blind | C  C  C  C  C  C  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
overwrite       read  | X  X  X  X  X  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
truncate        blind | C  C  C  C  C  C  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
overwrite-schema blind| X  X  X  X  X  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
where-told      blind | X  C  X  C  X  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  C  X  C  X  C
where-told      read  | X  C  X  C  X  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  C  X  C  X  C
where-untold    blind | C  C  X  C  X  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  C  X  C  X  C
where-nothing   blind | C  C  C  C  C  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
add-column x    blind | C  C  C  C  C  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
add-column x    read  | C  C  C  C  C  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
add-column z    blind | C  C  C  C  C  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
rename-column   blind | X  X  X  X  X  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
drop-column     blind | X  X  X  X  X  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
set-nullable    read  | X  X  X  X  X  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
rename-table    blind | X  X  X  X  X  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
restore         blind | X  X  X  X  X  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
restore         read  | X  X  X  X  X  X  X  C  X  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
set p           blind | C  C  C  C  C  C  C  C  C  C  C  X  F  F  X  C  X  X  C  C  C  C  C  C  C  C  C  C
set p           read  | C  C  C  C  C  C  C  C  C  C  C  X  F  F  X  C  X  X  C  C  C  C  C  C  C  C  C  C
set q           blind | C  C  C  C  C  C  C  C  C  C  C  X  F  F  C  C  C  C  X  C  C  C  C  C  C  C  C  C
set-comment     blind | C  C  C  C  C  C  C  C  C  C  C  X  F  F  X  C  X  C  C  X  C  C  C  C  C  C  C  C
set-column-comment blind | C  C  C  C  C  C  C  C  C  C  C  X  F  F  C  C  C  C  C  C  C  C  C  C  C  C  C  C
drop            blind | C  C  C  C  C  C  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  C  X  C
drop            read  | X  X  X  X  X  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  C
delete          blind | C  C  X  C  X  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  C  X  C  X  C
delete          read  | C  C  X  C  X  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  C  X  C  X  C
update          blind | C  C  X  C  X  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  C  X  C  X  C
merge-rows      blind | X  C  X  C  X  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  C  X  C  X  C
revert          blind | C  C  C  C  C  X  X  X  C  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  X  X  C
delete-back     blind | X  C  C  C  C  X  X  C  C  X  X  X  F  F  X  X  X  C  C  C  C  C  C  C  C  X  X  C
compact         blind | C  C  X  X  X  X  X  X  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  X  X  X  X  X
compact-part    blind | C  C  X  C  X  X  X  X  C  X  X  X  F  F  X  X  X  C  C  C  C  C  X  C  X  C  X  C
set-schema      blind | X  X  X  X  X  X  X  X  X  X  X  X  F  F  X  X  X  C  C  C  X  C  X  X  X  X  X  X
restore-store   blind | X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X  X
";

fn mine(words: &[&str]) -> Mine {
    match words {
        ["append"] => Mine::Append,
        ["merge", "x"] => Mine::Merge("x"),
        ["merge", "z"] => Mine::Merge("z"),
        ["overwrite"] => Mine::Overwrite,
        ["overwrite-schema"] => Mine::OverwriteSchema,
        ["truncate"] => Mine::Truncate,
        ["where-told"] => Mine::Where { told: true },
        ["where-untold"] => Mine::Where { told: false },
        ["where-nothing"] => Mine::WhereNothing,
        ["add-column", "x"] => Mine::AddColumn("x"),
        ["add-column", "z"] => Mine::AddColumn("z"),
        ["rename-column"] => Mine::RenameColumn,
        ["drop-column"] => Mine::DropColumn,
        ["set-nullable"] => Mine::SetNullable,
        ["rename-table"] => Mine::RenameTable,
        ["restore"] => Mine::Restore,
        ["restore-store"] => Mine::RestoreStore,
        ["set", "p"] => Mine::Set("p"),
        ["set", "q"] => Mine::Set("q"),
        ["set-comment"] => Mine::SetComment,
        ["set-column-comment"] => Mine::SetColumnComment,
        ["drop"] => Mine::Drop,
        ["delete"] => Mine::Delete,
        ["update"] => Mine::Update,
        ["merge-rows"] => Mine::MergeRows,
        ["revert"] => Mine::Revert,
        ["delete-back"] => Mine::WhereRevived,
        ["compact"] => Mine::Compact,
        ["compact-part"] => Mine::CompactPart,
        ["set-schema"] => Mine::SetSchema,
        other => panic!("{other:?}"),
    }
}

impl Mine {
    fn wish(self, scene: &Scene) -> Wish {
        let k = || "k".to_owned();
        let replace = |value, rows, told| Wish::ReplaceWhere {
            name: table("a"),
            column: "k".to_owned(),
            value,
            rows,
            told,
        };
        let alter = |change| Wish::alter("a", [change]);
        match self {
            Self::Append => Wish::append("a", &COLUMNS, &[10]),
            Self::Merge(column) => Wish::append("a", &["k", "v", column], &[10]),
            Self::Overwrite => Wish::overwrite("a", &COLUMNS, &[10]),
            Self::OverwriteSchema => Wish::overwrite_schema("a", &["k", "mine"], &[10]),
            Self::Truncate => Wish::Truncate { name: table("a") },
            Self::Where { told } => replace(1, rows(&[1]), told),
            Self::WhereNothing => replace(99, rows(&[99]), true),
            Self::AddColumn(name) => alter(add_columns(&[name])),
            Self::RenameColumn => {
                alter(SchemaChange::RenameColumn { from: k(), to: "mine".to_owned() })
            }
            Self::DropColumn => alter(SchemaChange::DropColumns(vec![k()])),
            Self::SetNullable => alter(SchemaChange::SetNullable(k())),
            Self::RenameTable => Wish::rename("a", "mine"),
            Self::Restore => Wish::restore("a", &scene.other),
            Self::RestoreStore => Wish::RestoreStore { source: Arc::clone(&scene.other) },
            Self::Set(key) => Wish::describe("a", set(key, "mine")),
            Self::SetComment => Wish::describe("a", comment(Some("mine"))),
            Self::SetColumnComment => {
                let comment = Some("mine".to_owned());
                alter(SchemaChange::SetColumnComment { name: k(), comment })
            }
            Self::Drop => Wish::drop("a"),
            Self::Delete => Wish::delete("a", "k", 1),
            Self::Update => Wish::update("a", "k", 1, "v", 9),
            Self::WhereRevived => replace(7, rows(&[7]), true),
            Self::Compact => Wish::compact("a"),
            Self::CompactPart => {
                let state = scene.base.catalog().table(&table("a")).unwrap().state();
                let chunks = Some(state.chunks().take(1).map(|(chunk, _)| chunk).collect());
                Wish::Compact { name: table("a"), chunks, shuffle: None }
            }
            Self::MergeRows | Self::Revert | Self::SetSchema => unreachable!("no wish does this"),
        }
    }

    fn stage(self, scene: &Scene, tx: &mut Tx) {
        let change = match self {
            Self::MergeRows => merge(&tx.draft, VersionId(tx.base.id().0 + 1)),
            Self::Revert => revive(&scene.base),
            Self::SetSchema => set_schema(&scene.base),
            _ => self.wish(scene).change(&tx.draft, VersionId(tx.base.id().0 + 1)),
        };
        tx.stage(change).unwrap();
    }
}

/// The letter that the check gives to a transaction after what others did.
fn outcome(scene: &Scene, tx: &Tx, mine: Mine, theirs: Theirs, winner: VersionId) -> char {
    let head = scene.story.head();
    let Err(conflict) = tx.check(&head) else {
        // What may stand on top must be able to.
        let (catalog, _) = tx.carried_over(&head, VersionId::ZERO).unwrap();
        check_invariants(&catalog);
        return 'C';
    };
    let place = format!("{mine:?} after {theirs:?}: {conflict}");
    let store = matches!(mine, Mine::RestoreStore);
    let subject = if store { Subject::Store } else { Subject::Table(table("a")) };
    assert_eq!(conflict.subject, subject, "{place}");
    assert_eq!(conflict.base, scene.base.id(), "{place}");
    let newest = if store { head.id() } else { winner };
    assert_eq!(conflict.winner, newest, "{place}");
    if conflict.is_retryable() { 'X' } else { 'F' }
}

#[test]
fn every_cell_of_the_matrix_is_as_designed() {
    let mut lines = MATRIX.lines().filter(|line| !line.is_empty());
    let header: Vec<&str> =
        lines.next().unwrap().split('|').nth(1).unwrap().split_whitespace().collect();
    assert_eq!(header, ALL.map(|(code, _)| code));
    let (mut cells, mut wrong) = (0, Vec::new());
    // One scene for each column: what others did, and the transactions that began before it.
    let lines: Vec<(&str, &str)> = lines.map(|line| line.split_once('|').unwrap()).collect();
    for (column, (_, theirs)) in ALL.into_iter().enumerate() {
        let mut scene = Scene::new();
        let begun: Vec<(Tx, Mine)> = lines
            .iter()
            .map(|(row, _)| {
                let words: Vec<&str> = row.split_whitespace().collect();
                let (reads, words) = words.split_last().unwrap();
                let mine = mine(words);
                let mut tx = scene.story.begin();
                if *reads == "read" {
                    // Whatever it is: not blind.
                    tx.reads.looked_up(scene.base.catalog(), &table("u"));
                }
                mine.stage(&scene, &mut tx);
                (tx, mine)
            })
            .collect();
        let winner = scene.others(theirs);
        for ((tx, mine), (row, expected)) in begun.iter().zip(&lines) {
            let expected = expected.split_whitespace().nth(column).unwrap();
            let found = outcome(&scene, tx, *mine, theirs, winner);
            if expected != found.to_string() {
                wrong.push(format!("{} after {theirs:?}: {found}, not {expected}", row.trim()));
            }
            cells += 1;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(cells, lines.len() * ALL.len());
}

#[test]
fn what_was_done_before_the_base_is_in_nobodys_way() {
    let scene = Scene::new();
    let words = [
        "append",
        "merge x",
        "overwrite",
        "overwrite-schema",
        "where-told",
        "add-column x",
        "rename-column",
        "rename-table",
        "restore",
        "set p",
        "set-comment",
        "drop",
        "delete",
        "update",
        "merge-rows",
        "revert",
        "compact",
        "set-schema",
    ];
    let begun: Vec<Tx> = words
        .iter()
        .map(|words| {
            let words: Vec<&str> = words.split_whitespace().collect();
            let mut tx = scene.story.begin();
            tx.reads.read_rows(scene.base.catalog(), &table("a"), None);
            mine(&words).stage(&scene, &mut tx);
            tx
        })
        .collect();
    let mut scene = scene;
    // The head moves, and the table stays.
    scene.story.one(Wish::append("u", &["k"], &[1]));
    for tx in &begun {
        tx.check(&scene.story.head()).unwrap();
    }
}

#[test]
fn rows_that_were_deleted_before_the_base_are_in_nobodys_way() {
    let mut scene = Scene::new();
    scene.story.one(Wish::delete("a", "k", 1));
    let begin = |scene: &Scene| {
        let mut tx = scene.story.begin();
        // The other row of that chunk.
        tx.wish(&Wish::delete("a", "k", 2)).unwrap();
        tx
    };
    let tx = begin(&scene);
    scene.story.one(Wish::append("a", &COLUMNS, &[50]));
    tx.check(&scene.story.head()).unwrap();
    scene.story.one(Wish::delete("a", "k", 3));
    scene.story.commit(tx).unwrap();
}

#[test]
fn several_changes_of_one_transaction_are_judged_each() {
    let mut scene = Scene::new();
    let tx_of = |wishes: &[Wish]| {
        let mut tx = scene.story.begin();
        for wish in wishes {
            tx.wish(wish).unwrap();
        }
        tx
    };
    let append = Wish::append("a", &COLUMNS, &[10]);
    let other = Wish::append("u", &["k"], &[1]);
    let fine = tx_of(&[append.clone(), Wish::describe("a", set("q", "1")), other.clone()]);
    let alters =
        tx_of(&[append.clone(), Wish::alter("a", [SchemaChange::SetNullable("k".into())])]);
    let reverse = tx_of(&[Wish::alter("a", [SchemaChange::SetNullable("k".into())]), append]);
    let elsewhere = tx_of(&[other]);
    scene.others(AppendMatching);
    let head = scene.story.head();
    fine.check(&head).unwrap();
    elsewhere.check(&head).unwrap();
    alters.check(&head).unwrap_err();
    reverse.check(&head).unwrap_err();
}

#[test]
fn a_change_of_part_that_asks_to_be_alone_goes_with_nothing() {
    for (_, theirs) in ALL {
        let mut scene = Scene::new();
        let mut tx = scene.story.begin();
        let wish = Mine::WhereNothing.wish(&scene);
        let mut change = wish.change(&tx.draft, VersionId::ZERO);
        let crate::write_set::Change::ChangeRows { alone, .. } = &mut change else { panic!() };
        *alone = true;
        tx.reads.read_rows(scene.base.catalog(), &table("a"), None);
        tx.stage(change).unwrap();
        scene.others(theirs);
        let goes = tx.check(&scene.story.head()).is_ok();
        let harmless =
            [Compact, CompactOther, SetP, SetQ, SetComment, SetColumnComment, SetPAndBack];
        assert_eq!(goes, harmless.contains(&theirs), "{theirs:?}");
    }
}

#[test]
fn a_chunk_that_a_revert_brought_back_counts_as_rows_that_came() {
    let mut story = Story::new();
    let before = story.make("a", &COLUMNS, &rows(&[1, 2, 3, 4]));
    let after = story.all(&[Wish::delete("a", "k", 1), Wish::delete("a", "k", 2)]);
    assert_eq!(story.table("a").state().chunk_count(), 1);
    let begin = |value| {
        let mut tx = story.begin();
        let which = Which { column: "k".into(), value, told: true };
        tx.wish(&Wish::Delete { name: table("a"), which }).unwrap();
        tx
    };
    let (mine, other) = (begin(1), begin(9));
    let undone = crate::revert::plan(&before, &after, after.catalog()).unwrap();
    let mut tx = story.begin();
    undone.into_iter().for_each(|change| drop(tx.stage(change).unwrap().clone()));
    let back = story.commit(tx).unwrap();
    assert_eq!(mine.check(&back).unwrap_err().winner, back.id());
    other.check(&back).unwrap();
}

#[test]
fn a_row_that_is_there_is_not_brought_back_again() {
    let scene = Scene::new();
    let mut tx = scene.story.begin();
    tx.stage(revive(&scene.base)).unwrap();
    // Whether or not other rows of its chunk are deleted.
    tx.stage(revive(&scene.base)).unwrap_err();
    tx.wish(&Wish::delete("a", "k", 8)).unwrap();
    let before = tx.draft.clone();
    let error = tx.stage(revive(&scene.base)).unwrap_err();
    assert!(matches!(error, crate::error::CatalogError::RowsMoved { .. }), "{error}");
    assert!(Arc::ptr_eq(before.table(&table("a")).unwrap(), tx.draft.table(&table("a")).unwrap()));
}
