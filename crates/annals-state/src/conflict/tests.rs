//! The conflict matrix, every cell of it, against a copy that was written from the design and not
//! from the code; what serializable transactions may have read; what a conflict tells.

mod matrix;
mod reads;
mod told;

use std::sync::Arc;

use crate::catalog::tests::kit::{Row, batch, row, rows_of, table};
use crate::catalog::tests::story::Story;
use crate::catalog::tests::wishes::{Wish, add_columns, comment, set};
use crate::chunk::Chunk;
use crate::table::{ChunkEntry, Chunks, TableVersion};
use crate::version::{Version, VersionId};
use crate::write_set::SchemaChange;

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
    UpdateSame,
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
}

use Theirs::*;

const ALL: [(&str, Theirs); 22] = [
    ("am", AppendMatching),
    ("ao", AppendOther),
    ("ds", DeleteSame),
    ("do", DeleteOther),
    ("us", UpdateSame),
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
        let base = story.one(Wish::overwrite("a", &COLUMNS, &[1, 2, 3, 4]));
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
            UpdateSame => {
                let (name, column) = (table("a"), "k".to_owned());
                let rows = rows(&[60]);
                vec![Wish::ReplaceWhere { name, column, value: 1, rows, told: false }]
            }
            Overwrite => vec![Wish::overwrite("a", &COLUMNS, &[70])],
            OverwriteSchema => vec![Wish::overwrite_schema("a", &["k", "other"], &[70])],
            Compact => return self.compact(),
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
        let version = self.story.all(&wishes).id();
        // With properties set or put back, another property set would be to blame as well.
        let of_properties =
            [Restore, RestoreSame, RestoreStore, SetP, SetQ, SetComment, SetColumnComment];
        let there = self.story.head().catalog().table(&table("a")).is_some();
        if there && !of_properties.contains(&theirs) {
            self.story.one(Wish::describe("a", set("late", "1")));
        }
        version
    }

    /// No change compacts yet: this one is made by hand.
    fn compact(&mut self) -> VersionId {
        let mut tx = self.story.begin();
        // Something to commit, in whose place the compacted table is put.
        tx.wish(&Wish::describe("a", set("late", "1"))).unwrap();
        let old = self.base.catalog().table(&table("a")).unwrap();
        let mut next = TableVersion::clone(tx.draft.table(&table("a")).unwrap());
        let mut state = (*next.state).clone();
        let all = batch(old.state().arrow_schema(), &rows_of(old.state()));
        let chunk = Arc::new(Chunk::new(all));
        let layout = state.layout_of(&Arc::clone(&state.schema));
        state.chunks = Chunks::new();
        state.bytes = chunk.bytes();
        let entry = ChunkEntry {
            ids: crate::table::RowIds::From(next.marks.next_row),
            birth: next.since,
            layout,
            chunk,
            deleted: None,
        };
        next.marks.next_row += state.rows;
        state.chunks.insert(next.marks.next_sequence, entry);
        next.marks.next_sequence += 1;
        next.stamps.compact = next.since;
        next.state = Arc::new(state);
        let version = next.since;
        tx.draft.tables.insert(Arc::new(next));
        self.story.commit(tx).unwrap();
        version
    }
}
