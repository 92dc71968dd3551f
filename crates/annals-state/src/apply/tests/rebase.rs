//! Changes staged on a base and carried over to a head lead to what they would have led to, had
//! they been asked for on the head.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::catalog::tests::check_invariants;
use crate::catalog::tests::kit::{Dice, Row, each_seed, row, rows_in, rows_of, table};
use crate::catalog::tests::story::{Refused, Story, Tx};
use crate::catalog::tests::wishes::rows::live;
use crate::catalog::tests::wishes::{Which, Wish, add_columns, random_wish, set};
use crate::commit::{Metrics, Operation};
use crate::schema::Column;
use crate::table::{Details, HighWater, Life, Origin, Stamps, TableId, TableKind};
use crate::version::{Version, VersionId};
use crate::write_set::{Change, SchemaChange};

/// All that can be told of a table but how its rows are laid out.
#[derive(Debug, PartialEq)]
struct Print {
    id: TableId,
    ordinal: u64,
    since: VersionId,
    created: VersionId,
    marks: HighWater,
    stamps: Stamps,
    lives: Vec<Life>,
    kind: TableKind,
    details: Details,
    columns: Vec<Column>,
    /// By sequence: who the rows are that are still there, and their values.
    chunks: BTreeMap<u64, Vec<(Origin, Row)>>,
}

impl Print {
    /// Forgets in which order the rows are.
    fn without_order(mut self) -> Self {
        let mut rows: Vec<_> = std::mem::take(&mut self.chunks).into_values().flatten().collect();
        rows.sort_by_key(|(origin, _)| origin.row);
        self.chunks = [(0, rows)].into();
        self
    }
}

fn prints(catalog: &Catalog) -> BTreeMap<String, Print> {
    let print = |(name, version): (&crate::TableName, &Arc<crate::table::TableVersion>)| {
        let state = version.state();
        let chunk = |(sequence, entry)| {
            let entry: &crate::table::ChunkEntry = entry;
            let rows = rows_in(state, entry);
            let rows = live(entry).map(|at| (entry.origin(at), rows[at as usize].clone()));
            (sequence, rows.collect())
        };
        let print = Print {
            id: version.id(),
            ordinal: version.ordinal(),
            since: version.since(),
            created: version.created(),
            marks: version.high_water(),
            stamps: *version.stamps(),
            lives: version.lives().to_vec(),
            kind: state.kind().clone(),
            details: Details::clone(state.details()),
            columns: state.schema().columns().to_vec(),
            chunks: state.chunks().map(chunk).collect(),
        };
        (name.to_string(), print)
    };
    catalog.tables().map(print).collect()
}

/// Panics unless the two differ in layouts at most, and in the order of rows if that is asked for.
fn assert_alike(one: &Catalog, other: &Catalog, ordered: bool) {
    let prints = |catalog| -> BTreeMap<String, Print> {
        let prints = prints(catalog).into_iter();
        prints.map(|(n, p)| (n, if ordered { p } else { p.without_order() })).collect()
    };
    assert_eq!(prints(one), prints(other));
    assert_eq!(one.databases, other.databases);
    assert_eq!(one.databases_changed, other.databases_changed);
    assert_eq!(one.next_table, other.next_table);
    assert_eq!(format!("{:?}", one.departures), format!("{:?}", other.departures));
}

/// An operation without what depends on layouts: bytes.
fn record(operation: &Operation) -> (String, String, Metrics) {
    let metrics = Metrics { bytes_added: 0, bytes_removed: 0, ..operation.metrics };
    (format!("{:?}", operation.kind), format!("{:?}", operation.target), metrics)
}

/// A wish that means the same on whatever version it is asked for.
fn portable(wish: Wish, base: &Catalog) -> Wish {
    match wish {
        // Own chunks have other numbers there.
        Wish::Compact { name, chunks, shuffle } => {
            let known = base.table(&name).map_or(0, |table| table.high_water().next_sequence);
            let chunks = chunks.map(|chunks| chunks.into_iter().filter(|c| *c < known).collect());
            Wish::Compact { name, chunks, shuffle }
        }
        // Without its predicate, a deletion is about the chunks of the base only.
        Wish::ReplaceWhere { name, column, value, rows, .. } => {
            Wish::ReplaceWhere { name, column, value, rows, told: true }
        }
        Wish::Delete { name, which } => Wish::Delete { name, which: Which { told: true, ..which } },
        Wish::Update { name, which, set } => {
            Wish::Update { name, which: Which { told: true, ..which }, set }
        }
        // An overwrite that follows an own change of the schema takes no comments over.
        Wish::Alter { name, mut alterations } => {
            for alteration in &mut alterations {
                if let SchemaChange::SetColumnComment { name, .. } = alteration {
                    *alteration = SchemaChange::SetNullable(name.clone());
                }
            }
            Wish::Alter { name, alterations }
        }
        wish => wish,
    }
}

fn random_tx(dice: &mut Dice, mut tx: Tx, past: &[Arc<Version>]) -> (Tx, Vec<Wish>) {
    let mut wishes = Vec::new();
    for _ in 0..1 + dice.below(3) {
        let wish = portable(random_wish(dice, &tx.draft, past), tx.base.catalog());
        if tx.wish(&wish).is_ok() {
            wishes.push(wish);
        }
    }
    if dice.one_in(4) {
        tx.reads.listed_databases();
    }
    (tx, wishes)
}

#[test]
fn what_is_carried_over_is_what_would_have_been_done_there() {
    let (mut carried, mut refused, mut relocated) = (0, 0, 0);
    // How often the same table had been changed by others in between, and by what.
    let mut met: BTreeMap<String, u32> = BTreeMap::new();
    each_seed(0..120, |dice| {
        let mut story = Story::new();
        for _ in 0..8 {
            let (tx, _) = random_tx(dice, story.begin(), &story.versions);
            story.commit(tx).unwrap();
        }
        for _ in 0..12 {
            let (mine, wishes) = random_tx(dice, story.begin(), &story.versions);
            for _ in 0..1 + dice.below(2) {
                let (tx, _) = random_tx(dice, story.begin(), &story.versions);
                story.commit(tx).unwrap();
            }
            let head = story.head();
            let base = Arc::clone(&mine.base);
            let outcome = mine.check(&head).map(|()| mine.carried_over(&head, VersionId::ZERO));
            let (catalog, operations) = match outcome {
                // Rarely it may stand and no longer applies: its database is gone.
                Err(_) | Ok(Err(_)) => {
                    refused += 1;
                    continue;
                }
                Ok(Ok(done)) => done,
            };
            check_invariants(&catalog);
            let mut direct = Tx::on(&head, VersionId::ZERO);
            for wish in &wishes {
                direct.wish(wish).unwrap();
            }
            // Rows that a compaction moved are written in the order in which they were found.
            let mut compacted = mine.writes.changes().filter_map(|staged| match &staged.change {
                Change::ChangeRows { name, .. } => head.catalog().table(name),
                _ => None,
            });
            let ordered = !compacted.any(|now| now.stamps().compact > base.id());
            drop(compacted);
            relocated += usize::from(!ordered);
            assert_alike(&catalog, &direct.draft, ordered);
            let one: Vec<_> = operations.iter().map(|o| record(o)).collect();
            let other: Vec<_> = direct.operations.iter().map(|o| record(o)).collect();
            assert_eq!(one, other);

            carried += usize::from(!wishes.is_empty());
            for operation in &operations {
                if let crate::commit::Target::Table { name, .. } = &operation.target
                    && let (Some(then), Some(now)) =
                        (base.catalog().table(name), head.catalog().table(name))
                    && then != now
                {
                    *met.entry(operation.kind.name().to_owned()).or_default() += 1;
                }
            }
            story.commit(mine).unwrap();
        }
    });
    assert!(carried >= 200 && refused >= 50, "{carried} {refused}");
    for kind in [
        "append",
        "overwrite",
        "replace where",
        "delete",
        "update",
        "compact",
        "alter schema",
        "set properties",
    ] {
        assert!(met.get(kind).is_some_and(|count| *count >= 5), "{kind}: {met:?}");
    }
    assert!(relocated >= 5, "{relocated}");
}

#[test]
fn own_chunks_are_found_again_after_the_base_has_moved_on() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let mut mine = story.begin();
    mine.wish(&Wish::append("a", &["k"], &[7, 8, 9])).unwrap();
    // 7 is in the first chunk that the transaction itself brought.
    mine.wish(&Wish::delete("a", "k", 7)).unwrap();
    mine.wish(&Wish::delete("a", "k", 9)).unwrap();
    story.one(Wish::append("a", &["k"], &[2, 3, 4, 5]));
    let version = story.commit(mine).unwrap();

    let now = version.catalog().table(&table("a")).unwrap();
    let values: Vec<_> = rows_of(now.state()).iter().map(|row| row["k"]).collect();
    assert_eq!(values, [1, 2, 3, 4, 5, 8].map(Some));
    let sequences: Vec<u64> = now.state().chunks().map(|(sequence, _)| sequence).collect();
    assert_eq!(sequences, [0, 1, 2, 3]);
    let marks = now.high_water();
    assert_eq!((marks.next_sequence, marks.next_row), (5, 8));
}

#[test]
fn columns_that_both_add_get_ids_of_their_own() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let mut mine = story.begin();
    mine.wish(&Wish::append("a", &["k", "mine"], &[2])).unwrap();
    mine.wish(&Wish::append("a", &["mine"], &[3])).unwrap();
    mine.wish(&Wish::append("a", &["k", "late", "mine"], &[4])).unwrap();
    story.one(Wish::append("a", &["theirs", "k"], &[5]));
    let version = story.commit(mine).unwrap();

    let state = version.catalog().table(&table("a")).unwrap().state();
    let columns: Vec<_> =
        state.schema().columns().iter().map(|c| (c.name().to_owned(), c.id().0)).collect();
    let expected = [("k", 0), ("theirs", 1), ("mine", 2), ("late", 3)];
    assert_eq!(columns, expected.map(|(name, id)| (name.to_owned(), id)));
    let shown = |row: &Row| ["k", "theirs", "mine", "late"].map(|column| row[column]);
    let rows: Vec<_> = rows_of(state).iter().map(shown).collect();
    assert_eq!(
        rows,
        [
            [Some(1), None, None, None],
            [Some(5), Some(5), None, None],
            [Some(2), None, Some(2), None],
            [None, None, Some(3), None],
            [Some(4), None, Some(4), Some(4)],
        ]
    );
}

#[test]
fn a_blind_overwrite_names_whose_rows_it_discards() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    story.make("b", &["k"], &[]);
    let before = story.one(Wish::append("a", &["k"], &[2]));
    let (mut over, mut gone) = (story.begin(), story.begin());
    over.wish(&Wish::overwrite("a", &["k"], &[9])).unwrap();
    gone.wish(&Wish::drop("a")).unwrap();
    let one = story.one(Wish::append("a", &["k"], &[3, 3, 3]));
    story.one(Wish::append("b", &["k"], &[3]));
    let other = story.one(Wish::append("a", &["k"], &[4]));
    // What others brought and took again is nobody's loss.
    story.one(Wish::append("a", &["k"], &[5]));
    story.one(Wish::delete("a", "k", 5));

    for (tx, id) in [(&over, "overwrite"), (&gone, "drop table")] {
        let (catalog, operations) = tx.carried_over(&story.head(), VersionId::ZERO).unwrap();
        check_invariants(&catalog);
        assert_eq!(operations[0].kind.name(), id);
        assert_eq!(operations[0].discarded, [one.id(), other.id()], "{id}");
        assert_eq!(operations[0].metrics.rows_removed, 6, "{id}");
    }
    assert!(before.id() < one.id());
    let version = story.commit(over).unwrap();
    assert_eq!(rows_of(story.table("a").state()), [row(&["k"], 9)]);
    assert_eq!(version.commit().unwrap().operations[0].discarded.len(), 2);
}

#[test]
fn own_rows_are_not_discarded() {
    let mut story = Story::new();
    story.make("a", &["k"], &[]);
    let mut mine = story.begin();
    mine.wish(&Wish::append("a", &["k"], &[1])).unwrap();
    mine.wish(&Wish::overwrite("a", &["k"], &[2])).unwrap();
    let theirs = story.one(Wish::append("a", &["k"], &[3]));
    let version = story.commit(mine).unwrap();
    let discarded: Vec<_> =
        version.commit().unwrap().operations.iter().map(|o| o.discarded.clone()).collect();
    assert_eq!(discarded, [vec![], vec![theirs.id()]]);
}

#[test]
fn an_id_that_a_new_table_was_to_get_may_be_taken() {
    let mut story = Story::new();
    story.make("a", &["k"], &[]);
    let mut mine = story.begin();
    mine.wish(&Wish::create("mine", &["k"], &[row(&["k"], 1)])).unwrap();
    mine.wish(&Wish::append("mine", &["k", "x"], &[2])).unwrap();
    mine.wish(&Wish::delete("mine", "k", 1)).unwrap();
    // The very number that the draft gave to `mine`, with marks of its own.
    story.make("theirs", &["k", "v"], &[row(&["k"], 5), row(&["k"], 6), row(&["k"], 7)]);
    story.commit(mine).unwrap();
    assert_eq!((story.table("theirs").id(), story.table("mine").id()), (TableId(1), TableId(2)));
    assert_eq!(rows_of(story.table("mine").state()), [row(&["k", "x"], 2)]);
    assert_eq!(story.table("mine").high_water().next_column.0, 2);
    assert_eq!(story.table("theirs").state().rows(), 3);
}

#[test]
fn an_overwrite_keeps_the_comment_that_a_column_got_meanwhile() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let mut mine = story.begin();
    mine.wish(&Wish::overwrite("a", &["k"], &[2])).unwrap();
    let comment = Some("in metres".to_owned());
    story.one(Wish::alter("a", [SchemaChange::SetColumnComment { name: "k".into(), comment }]));
    let mut direct = story.begin();
    direct.wish(&Wish::overwrite("a", &["k"], &[2])).unwrap();
    if story.commit(mine).is_ok() {
        assert_alike(story.head().catalog(), &direct.draft, true);
    }
}

#[test]
fn numbers_go_on_when_a_dropped_table_came_and_went_meanwhile() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1)]);
    let then = story.head();
    story.one(Wish::drop("a"));
    let mut mine = story.begin();
    mine.wish(&Wish::restore("a", &then)).unwrap();
    mine.wish(&Wish::append("a", &["k", "mine"], &[2])).unwrap();
    // Others bring it back, use up the ids that mine took for free, and drop it again.
    story.one(Wish::restore("a", &then));
    story.one(Wish::append("a", &["k", "theirs"], &[3]));
    let gone = story.table("a");
    story.one(Wish::drop("a"));
    match story.commit(mine) {
        Err(Refused::Conflict(_)) => {}
        Err(Refused::NoLongerApplies(error)) => panic!("{error}"),
        Ok(_) => {
            let now = story.table("a");
            assert_eq!(
                rows_of(now.state()),
                [Row::from([("k".into(), Some(1)), ("mine".into(), None)]), row(&["k", "mine"], 2),]
            );
            assert!(now.high_water().next_column > gone.high_water().next_column);
        }
    }
}

#[test]
fn a_predicate_and_a_property_are_carried_over_as_they_are() {
    let mut story = Story::new();
    story.make("a", &["k"], &[row(&["k"], 1), row(&["k"], 5)]);
    let mut mine = story.begin();
    let name = table("a");
    let wish = Wish::ReplaceWhere {
        name,
        column: "k".into(),
        value: 1,
        rows: vec![row(&["k"], 1)],
        told: true,
    };
    mine.wish(&wish).unwrap();
    mine.wish(&Wish::describe("a", set("mine", "1"))).unwrap();
    mine.wish(&Wish::alter("a", [add_columns(&["x"])])).unwrap();
    // A whole chunk, none of whose rows is 1.
    story.one(Wish::append("a", &["k"], &[2, 3]));
    story.one(Wish::describe("a", set("theirs", "1")));
    story.commit(mine).unwrap();
    let now = story.table("a");
    let values: Vec<_> = rows_of(now.state()).iter().map(|row| (row["k"], row["x"])).collect();
    assert_eq!(values, [5, 2, 3, 1].map(|k| (Some(k), None)));
    let keys: Vec<_> = now.state().details().properties.keys().map(|key| &**key).collect();
    assert_eq!(keys, ["mine", "theirs"]);
}
