//! The conflict matrix, every cell of it, against a copy that was written from the design and not
//! from the code; what serializable transactions may have read; what a conflict tells.

mod edges;
mod matrix;
mod reads;
mod told;

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::catalog::tests::kit::{Row, chunks, row, table};
use crate::catalog::tests::story::Story;
use crate::catalog::tests::wishes::{Which, Wish, add_columns, comment, set};
use crate::commit::OperationKind;
use crate::table::ChunkEntry;
use crate::version::{Version, VersionId};
use crate::write_set::{Change, NewRows, Revival, SchemaChange};

/// The columns of a table `a` at the base.
const COLUMNS: [&str; 2] = ["k", "v"];

/// What others do to the table `a` after the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theirs {
    /// Rows of which one has k = 1.
    AppendMatching,
    AppendOther,
    /// From the chunk of k = 1, 2.
    DeleteSame,
    /// From the chunk of k = 3, 4.
    DeleteOther,
    /// Replaces k = 1 by k = 60.
    ReplaceSame,
    Overwrite,
    OverwriteSchema,
    /// All chunks into one.
    Compact,
    AddColumn,
    RenameColumn,
    SetNullable,
    RenameTable,
    Drop,
    DropAndCreate,
    /// To a state with other properties.
    Restore,
    /// To a state with the same properties and comment.
    RestoreSame,
    RestoreStore,
    SetP,
    SetQ,
    SetComment,
    SetColumnComment,
    /// `p` to another value and back.
    SetPAndBack,
    /// In the chunk of k = 1, 2.
    UpdateSame,
    /// In the chunk of k = 3, 4.
    UpdateOther,
    /// Updates k = 1 and inserts.
    Merge,
    /// Brings back k = 7, into the chunk of k = 8.
    Revive,
    SetSchema,
    /// The chunk of k = 3, 4.
    CompactOther,
}

use Theirs::*;

const ALL: [(&str, Theirs); 28] = [
    ("am", AppendMatching),
    ("ao", AppendOther),
    ("ds", DeleteSame),
    ("do", DeleteOther),
    ("ws", ReplaceSame),
    ("ow", Overwrite),
    ("os", OverwriteSchema),
    ("co", Compact),
    ("ac", AddColumn),
    ("rc", RenameColumn),
    ("sn", SetNullable),
    ("rt", RenameTable),
    ("dr", Drop),
    ("dc", DropAndCreate),
    ("re", Restore),
    ("rq", RestoreSame),
    ("rs", RestoreStore),
    ("sp", SetP),
    ("sq", SetQ),
    ("sc", SetComment),
    ("cc", SetColumnComment),
    ("pp", SetPAndBack),
    ("us", UpdateSame),
    ("uo", UpdateOther),
    ("me", Merge),
    ("rv", Revive),
    ("ss", SetSchema),
    ("cp", CompactOther),
];

/// A store with a table `a` that has everything done to it before the base already.
struct Scene {
    story: Story,
    /// With other properties than at the base.
    other: Arc<Version>,
    /// With other rows only.
    same: Arc<Version>,
    base: Arc<Version>,
}

fn rows(values: &[i64]) -> Vec<Row> {
    values.iter().map(|value| row(&COLUMNS, *value)).collect()
}

impl Scene {
    fn new() -> Self {
        let mut story = Story::new();
        story.make_database("d1");
        story.make("u", &["k"], &[]);
        story.make("a", &["k"], &[]);
        story.one(Wish::append("a", &COLUMNS, &[1, 2, 3, 4, 5]));
        story.all(&[
            Wish::describe("a", set("p", "0")),
            Wish::describe("a", comment(Some("before"))),
        ]);
        let other = story.one(Wish::delete("a", "k", 5));
        story.one(Wish::rename("a", "b"));
        story.one(Wish::rename("b", "a"));
        story.all(&[Wish::describe("a", set("p", "1")), Wish::describe("a", comment(Some("now")))]);
        let same = story.one(Wish::append("a", &COLUMNS, &[6]));
        story.one(Wish::restore("a", &other));
        story.all(&[Wish::describe("a", set("p", "1")), Wish::describe("a", comment(Some("now")))]);
        let base = story
            .all(&[Wish::overwrite("a", &COLUMNS, &[1, 2, 3, 4, 7, 8]), Wish::delete("a", "k", 7)]);
        Self { story, other, same, base }
    }

    /// Commits what others do, and returns the version in which they did it. After it comes a
    /// commit that is in nobody's way, for whoever would blame the last one.
    fn others(&mut self, theirs: Theirs) -> VersionId {
        let (other, same) = (&self.other, &self.same);
        let alter = |change: SchemaChange| vec![Wish::alter("a", [change])];
        let k = || "k".to_owned();
        let wishes = match theirs {
            AppendMatching => vec![Wish::append("a", &COLUMNS, &[1, 50])],
            AppendOther => vec![Wish::append("a", &COLUMNS, &[50])],
            DeleteSame => vec![Wish::delete("a", "k", 1)],
            DeleteOther => vec![Wish::delete("a", "k", 3)],
            ReplaceSame => {
                let (name, column) = (table("a"), "k".to_owned());
                let rows = rows(&[60]);
                vec![Wish::ReplaceWhere { name, column, value: 1, rows, told: false }]
            }
            Overwrite => vec![Wish::overwrite("a", &COLUMNS, &[70])],
            OverwriteSchema => vec![Wish::overwrite_schema("a", &["k", "other"], &[70])],
            Compact => vec![Wish::compact("a")],
            CompactOther => {
                let state = self.base.catalog().table(&table("a")).unwrap().state();
                let chunks = Some(state.chunks().skip(1).take(1).map(|(chunk, _)| chunk).collect());
                vec![Wish::Compact { name: table("a"), chunks, shuffle: Some(1) }]
            }
            UpdateSame => vec![Wish::update("a", "k", 1, "v", 60)],
            UpdateOther => vec![Wish::update("a", "k", 3, "v", 60)],
            Merge | Revive | SetSchema => Vec::new(),
            AddColumn => alter(add_columns(&["x"])),
            RenameColumn => alter(SchemaChange::RenameColumn { from: "v".into(), to: "w".into() }),
            SetNullable => alter(SchemaChange::SetNullable(k())),
            RenameTable => vec![Wish::rename("a", "c")],
            Drop => vec![Wish::drop("a")],
            DropAndCreate => vec![Wish::drop("a"), Wish::create("a", &COLUMNS, &rows(&[1]))],
            Restore => vec![Wish::restore("a", other)],
            RestoreSame => vec![Wish::restore("a", same)],
            RestoreStore => vec![Wish::RestoreStore { source: Arc::clone(other) }],
            SetP => vec![Wish::describe("a", set("p", "2"))],
            SetQ => vec![Wish::describe("a", set("q", "2"))],
            SetComment => vec![Wish::describe("a", comment(Some("theirs")))],
            SetColumnComment => {
                let comment = Some("theirs".to_owned());
                alter(SchemaChange::SetColumnComment { name: k(), comment })
            }
            SetPAndBack => {
                self.story.one(Wish::describe("a", set("p", "2")));
                vec![Wish::describe("a", set("p", "1"))]
            }
        };
        let version = match theirs {
            Merge => {
                let head = self.story.head();
                self.commit(merge(head.catalog(), VersionId(head.id().0 + 1)))
            }
            Revive => self.commit(revive(&self.base)),
            SetSchema => self.commit(set_schema(&self.base)),
            _ => self.story.all(&wishes).id(),
        };
        // With properties set or put back, another property set would be to blame as well.
        let of_properties =
            [Restore, RestoreSame, RestoreStore, SetP, SetQ, SetComment, SetColumnComment];
        let there = self.story.head().catalog().table(&table("a")).is_some();
        if there && !of_properties.contains(&theirs) {
            self.story.one(Wish::describe("a", set("late", "1")));
        }
        version
    }

    fn commit(&mut self, change: Change) -> VersionId {
        let mut tx = self.story.begin();
        tx.stage(change).unwrap();
        self.story.commit(tx).unwrap().id()
    }
}

/// Gives the row k = 1 another value and brings one with k = 50, as a merge does.
fn merge(catalog: &Catalog, at: VersionId) -> Change {
    let which = Which { column: "k".into(), value: 1, told: true };
    let wish = Wish::Update { name: table("a"), which, set: ("v".into(), 60) };
    let mut change = wish.change(catalog, at);
    let Change::ChangeRows { rows: changed, label, .. } = &mut change else { panic!() };
    *label = OperationKind::Merge { on: "k".into() };
    let new = chunks(&changed.layout, &rows(&[50]), 2);
    changed.chunks = changed.chunks.iter().chain(&*new).cloned().collect();
    change
}

/// Lets the row k = 7 be again, as a revert does.
fn revive(base: &Version) -> Change {
    let (name, state) = (table("a"), base.catalog().table(&table("a")).unwrap().state());
    let (sequence, entry) = state.chunks().find(|(_, entry)| entry.deletions().is_some()).unwrap();
    let rows = entry.deletions().unwrap().rows().clone();
    let revival = Revival {
        sequence,
        entry: ChunkEntry { deleted: None, ..entry.clone() },
        layout: Arc::clone(state.layout(entry)),
        rows,
    };
    Change::ChangeRows {
        name,
        removed: Arc::default(),
        revived: [revival].into(),
        rows: NewRows::none(Arc::clone(state.schema())),
        predicate: None,
        alone: false,
        label: OperationKind::Revert { of: base.id() },
    }
}

/// Lets the column v go by another name, as the revert of a schema change does.
fn set_schema(base: &Version) -> Change {
    let state = base.catalog().table(&table("a")).unwrap().state();
    let schema = Arc::new(state.schema().rename_column("v", "was").unwrap());
    Change::SetSchema { name: table("a"), schema, description: "as it was".into() }
}
