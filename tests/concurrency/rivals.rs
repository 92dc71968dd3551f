//! A save beside a rival that commits first: the outcome is that of the rival, then the save.
//!
//! The interleaving is made, not hoped for: the save's source of rows lets the rival commit while
//! it is being read, when the save has begun and not committed. Everything that a rival can do is
//! tried beside everything that a save can be. What must come out is known from a second store, on
//! which the same two are made one after the other.

use std::cell::Cell;
use std::collections::BTreeSet;

use annals::error::{BoxError, Rule};
use annals::{
    Missing, NewView, PropertyPatch, Remedy, SaveMode, Saved, SchemaChange, Source, Store,
    StoreBuilder, WriteError, Writer, col, record_batch,
};
use annals_tests::{numbers, people};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field};

use crate::{RETRIES_ENOUGH, state_of};

type Start = fn(&Store);

/// What `s.t` is before either of the two.
const STARTS: [(&str, Start); 6] = [
    ("a table", |store| save(store, people([(1, "a"), (2, "b")]), "s.t")),
    ("a table in partitions", |store| {
        let rows = people([(1, "a"), (2, "b"), (7, "a")]);
        store.write(rows).partition_by(["name"]).save_as_table("s.t").expect("it is free");
    }),
    ("a table of other columns", |store| save(store, numbers([1]), "s.t")),
    ("a view", |store| drop(store.create_view("s.t", "SELECT 1").expect("it is free"))),
    ("nothing", |_| {}),
    ("no database", |store| drop(store.drop_database_cascade("s").expect("it is there"))),
];

fn save(store: &Store, rows: RecordBatch, name: &str) {
    store.write(rows).save_as_table(name).expect("the name is free");
}

type Save = fn(Writer<'_>) -> Result<Saved, WriteError>;

/// What a save can be.
const SAVES: [(&str, Save); 13] = [
    ("error", |w| w.save_as_table("s.t")),
    ("ignore", |w| w.mode(SaveMode::Ignore).save_as_table("s.t")),
    ("append", |w| w.mode(SaveMode::Append).save_as_table("s.t")),
    ("append, merging", |w| w.mode(SaveMode::Append).merge_schema(true).save_as_table("s.t")),
    ("append, partitioned", |w| {
        w.mode(SaveMode::Append).partition_by(["name"]).save_as_table("s.t")
    }),
    ("overwrite", |w| w.mode(SaveMode::Overwrite).save_as_table("s.t")),
    ("overwrite, merging", |w| w.mode(SaveMode::Overwrite).merge_schema(true).save_as_table("s.t")),
    ("overwrite, partitioned", |w| {
        w.mode(SaveMode::Overwrite).partition_by(["name"]).save_as_table("s.t")
    }),
    ("overwrite, keeping the schema", |w| {
        w.mode(SaveMode::Overwrite).overwrite_schema(false).save_as_table("s.t")
    }),
    ("overwrite of a part", |w| {
        w.mode(SaveMode::Overwrite).replace_where(col("id").gt_eq(2_i64)).save_as_table("s.t")
    }),
    ("append, with a property", |w| {
        w.mode(SaveMode::Append).property("by", "me").save_as_table("s.t")
    }),
    ("insert", |w| w.insert_into("s.t")),
    ("insert, overwriting", |w| w.mode(SaveMode::Overwrite).insert_into("s.t")),
];

type Rival = fn(&Store) -> Result<(), WriteError>;

/// What a rival can do. Where it fails, for want of what it needs, it does nothing.
const RIVALS: [(&str, Rival); 30] = [
    ("appends", |store| {
        store.write(people([(50, "r")])).mode(SaveMode::Append).save_as_table("s.t").map(drop)
    }),
    ("appends below the part", |store| {
        store.write(people([(-50, "r")])).mode(SaveMode::Append).save_as_table("s.t").map(drop)
    }),
    ("appends a column", |store| {
        let rows = record_batch!(("id", Int64, [50]), ("extra", Int64, [0])).expect("a batch");
        store.write(rows).mode(SaveMode::Append).merge_schema(true).save_as_table("s.t").map(drop)
    }),
    ("overwrites", |store| {
        store.write(people([(50, "r")])).mode(SaveMode::Overwrite).save_as_table("s.t").map(drop)
    }),
    ("overwrites with other columns", |store| {
        store.write(numbers([50])).mode(SaveMode::Overwrite).save_as_table("s.t").map(drop)
    }),
    ("overwrites with columns in another order", |store| {
        let rows = record_batch!(("name", Utf8, ["r"]), ("id", Int64, [50])).expect("a batch");
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("s.t").map(drop)
    }),
    ("overwrites with other partitions", |store| {
        let overwrite = store.write(people([(50, "r")])).mode(SaveMode::Overwrite);
        overwrite.partition_by(["id"]).save_as_table("s.t").map(drop)
    }),
    ("overwrites a part", |store| {
        let overwrite = store.write(people([(2, "r")])).mode(SaveMode::Overwrite);
        overwrite.replace_where(col("id").eq(2_i64)).save_as_table("s.t").map(drop)
    }),
    ("overwrites another part", |store| {
        let overwrite = store.write(people([(1, "r")])).mode(SaveMode::Overwrite);
        overwrite.replace_where(col("id").eq(1_i64)).save_as_table("s.t").map(drop)
    }),
    ("truncates", |store| store.truncate("s.t").map(drop)),
    ("creates", |store| store.write(people([(50, "r")])).save_as_table("s.t").map(drop)),
    ("creates a view", |store| store.create_view("s.t", "SELECT 2").map(drop)),
    ("replaces the view", |store| {
        store.create_view("s.t", NewView::new("SELECT 3").or_replace()).map(drop)
    }),
    ("drops", |store| store.drop_table("s.t").map(drop)),
    ("drops and creates", |store| {
        store.drop_table("s.t")?;
        store.write(people([(50, "r")])).save_as_table("s.t").map(drop)
    }),
    ("drops and creates other columns", |store| {
        store.drop_table("s.t")?;
        store.write(numbers([50])).save_as_table("s.t").map(drop)
    }),
    ("drops and creates a view", |store| {
        store.drop_table("s.t")?;
        store.create_view("s.t", "SELECT 2").map(drop)
    }),
    ("renames it away", |store| store.rename_table("s.t", "s.away").map(drop)),
    ("renames it away and back", |store| {
        store.rename_table("s.t", "s.away")?;
        store.rename_table("s.away", "s.t").map(drop)
    }),
    ("swaps it with another", |store| {
        let swap = store.transact(|tx| {
            tx.rename_table("s.t", "s.between")?;
            tx.rename_table("s.other", "s.t")?;
            tx.rename_table("s.between", "s.other")
        });
        swap.map(drop)
    }),
    ("adds a column", |store| {
        store.add_columns("s.t", [Field::new("extra", DataType::Int64, true)]).map(drop)
    }),
    ("adds a column and drops it", |store| {
        store.add_columns("s.t", [Field::new("extra", DataType::Int64, true)])?;
        store.drop_columns("s.t", ["extra"]).map(drop)
    }),
    ("renames a column", |store| store.rename_column("s.t", "id", "key").map(drop)),
    ("drops a column", |store| store.drop_columns("s.t", ["id"]).map(drop)),
    ("makes a column another of its name", |store| {
        let field = Field::new("id", DataType::Int64, true);
        let changes = [
            SchemaChange::DropColumns(vec!["id".into()]),
            SchemaChange::AddColumns(vec![field.into()]),
        ];
        store.alter_table("s.t", changes).map(drop)
    }),
    ("sets a property", |store| {
        store.set_properties("s.t", &PropertyPatch::new().with("by", "a rival")).map(drop)
    }),
    ("restores it", |store| {
        let before = store.version();
        store.write(people([(50, "r")])).mode(SaveMode::Append).save_as_table("s.t")?;
        store.restore_table("s.t", before).map(drop)
    }),
    ("drops the database", |store| store.drop_database_cascade("s").map(drop)),
    ("makes the database anew", |store| {
        store.drop_database_cascade("s")?;
        store.create_database("s").map(drop)
    }),
    ("creates the database", |store| store.create_database("s").map(drop)),
];

fn store_at(start: Start, makes_databases: bool) -> Store {
    let builder = StoreBuilder::new().create_missing_databases(makes_databases);
    let store = builder.retries_max(RETRIES_ENOUGH).build();
    store.create_database("s").expect("it is new");
    save(&store, people([(70, "other")]), "s.other");
    start(&store);
    store
}

/// What a save came to, as text.
fn told(result: &Result<Saved, WriteError>) -> String {
    match result {
        Ok(saved) => format!("{:?} {}", saved.outcome(), saved.rows()),
        Err(error) => format!("{error}, so {:?}", error.remedy()),
    }
}

/// Whether the matrix of conflicts lets the save stand beside a column that the rival added, though
/// one that began later would have to say what goes there.
fn stands_beside_the_column_of(mine: &str, theirs: &str) -> bool {
    let appends = mine.starts_with("append") || mine == "insert";
    match theirs {
        "adds a column" => appends || mine == "overwrite of a part",
        "appends a column" => appends,
        _ => false,
    }
}

/// Whether the save says that it may be made again, but not with this source: its rows, which can
/// be read only once, had been converted for columns that the table no longer has.
fn is_left_to_the_caller(result: &Result<Saved, WriteError>) -> bool {
    let Err(WriteError::Commit(error)) = result else { return false };
    let is_layout = error.conflict().is_some_and(|conflict| matches!(conflict.rule, Rule::Layout));
    is_layout && error.remedy() == Remedy::Retry
}

/// The state with each table's rows in the order of their text.
fn regardless_of_order(state: Vec<String>) -> Vec<String> {
    let in_order = |text: String| match text.split_once("}: ") {
        None => text,
        Some((table, rows)) => {
            let mut rows = Vec::from_iter(rows.split("; "));
            rows.sort_unstable();
            format!("{table}}}: {}", rows.join("; "))
        }
    };
    state.into_iter().map(in_order).collect()
}

/// The rows of the save: none of them is in `s.t` before.
fn batches() -> [RecordBatch; 2] {
    [people([(3, "c"), (4, "a")]), people([(5, "c")])]
}

/// Makes the save, lets the rival commit when `at` batches were read; returns whether it did.
fn beside(store: &Store, save: Save, rival: Rival, at: usize) -> (Result<Saved, WriteError>, bool) {
    let ran = Cell::new(false);
    let mut given = 0;
    let mut batches = batches().into_iter();
    let stream = std::iter::from_fn(|| {
        if given == at && !ran.replace(true) {
            // It may fail, for want of what it is about: then it does nothing here nor there.
            drop(rival(store));
        }
        given += 1;
        batches.next().map(Ok::<_, BoxError>)
    });
    let source = Source::stream(people([]).schema(), stream);
    let result = save(store.write(source));
    (result, ran.get())
}

#[test]
fn a_save_beside_a_rival_comes_out_as_after_it() {
    let (mut raced, mut wrong, mut converted) = (0, Vec::new(), BTreeSet::new());
    for makes_databases in [false, true] {
        for (start, set_up) in STARTS {
            for (mine, save) in SAVES {
                for (theirs, rival) in RIVALS {
                    for at in if makes_databases { &[1][..] } else { &[0, 2] } {
                        let store = store_at(set_up, makes_databases);
                        let (mut result, ran) = beside(&store, save, rival, *at);

                        let serial = store_at(set_up, makes_databases);
                        if ran {
                            drop(rival(&serial));
                        }
                        let mut writer = serial.write(batches());
                        if ran
                            && start.contains("table")
                            && stands_beside_the_column_of(mine, theirs)
                        {
                            // Both stand, as if the save had known of the column.
                            writer = writer.missing(Missing::FillNull);
                        }
                        let expected = save(writer);

                        let story = format!(
                            "there is {start}; a save ({mine}) begins; a rival {theirs} after {at} \
                             batches{}",
                            if makes_databases { "; databases are made" } else { "" }
                        );
                        let state = |store: &Store| match start.contains("partitions") {
                            true => regardless_of_order(state_of(store)),
                            false => state_of(store),
                        };
                        if is_left_to_the_caller(&result) {
                            converted.insert((start, mine));
                            let alone = store_at(set_up, makes_databases);
                            drop(rival(&alone));
                            let left = (state(&store), store.version());
                            assert_eq!(left, (state(&alone), alone.version()), "{story}");
                            result = save(store.write(batches()));
                        }
                        let come_out = (told(&result), state(&store), store.version());
                        let expected = (told(&expected), state(&serial), serial.version());
                        if come_out != expected {
                            wrong.push(format!("{story}\n  {come_out:?}\n  {expected:?}"));
                        }
                        raced += usize::from(ran);
                    }
                }
            }
        }
    }
    let (count, some) = (wrong.len(), wrong.iter().take(20).cloned().collect::<Vec<_>>());
    assert_eq!(count, 0, "of {raced} races, and those before and after:\n{}", some.join("\n"));
    // Only rows that were padded on their way in cannot be taken for another schema.
    let merged = ["append, merging", "overwrite, merging"];
    let expected = BTreeSet::from(merged.map(|mine| ("a table of other columns", mine)));
    assert_eq!(converted, expected);
    assert!(raced > 2_000, "only {raced} were races");
}

/// The same, with two rivals: one while the rows are read, one when the save is made again. The
/// second comes in through the work of the first retry, so it runs in a transaction.
#[test]
fn work_beside_rivals_in_every_try_comes_out_as_after_them() {
    let changes: [Rival; 4] = [
        |store| {
            store.write(people([(50, "r")])).mode(SaveMode::Append).save_as_table("s.t").map(drop)
        },
        |store| {
            store
                .write(people([(51, "r")]))
                .mode(SaveMode::Overwrite)
                .save_as_table("s.t")
                .map(drop)
        },
        |store| store.add_columns("s.t", [Field::new("extra", DataType::Int64, true)]).map(drop),
        |store| store.rename_column("s.t", "extra", "more").map(drop),
    ];
    let store = store_at(STARTS[0].1, false);
    let tries = Cell::new(0);
    let done = store.transact(|tx| {
        let rows = tx.table("s.t")?.read()?;
        let rival = changes.get(tries.get());
        tries.set(tries.get() + 1);
        tx.write(rows).mode(SaveMode::Overwrite).save_as_table("s.copy")?;
        tx.truncate("s.t")?;
        if let Some(rival) = rival {
            rival(&store)?;
        }
        Ok::<_, Failure>(())
    });
    let done = done.unwrap();
    assert_eq!(tries.get(), 1 + changes.len(), "each rival made it begin again");
    assert_eq!(done.committed.retries() as usize, changes.len());
    let copy = store.table("s.copy").unwrap();
    assert_eq!(annals_tests::columns_of(&copy), "id Int64, name Utf8, more Int64");
    assert_eq!(annals_tests::rows_of(&copy), ["51, r, null"]);
    assert_eq!(store.table("s.t").unwrap().row_count(), 0);
}

/// What work in a transaction can fail with: reading, writing, committing.
#[derive(Debug)]
enum Failure {
    Read(annals::ReadError),
    Write(WriteError),
    Commit(annals::CommitError),
}

impl From<annals::ReadError> for Failure {
    fn from(error: annals::ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<annals::CommitError> for Failure {
    fn from(error: annals::CommitError) -> Self {
        Self::Commit(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
            Self::Commit(error) => error.fmt(f),
        }
    }
}

/// A stream that was already divided for a table in partitions, when a rival took that table away,
/// is written without partitions, and none of its rows is lost. Their order is that of the division.
#[test]
fn rows_that_were_divided_for_another_table_are_all_there() {
    let store = store_at(STARTS[1].1, false);
    let append: Save = |w| w.mode(SaveMode::Append).save_as_table("s.t");
    let drops: Rival = |store| store.drop_table("s.t").map(drop);
    let (result, _) = beside(&store, append, drops, 2);
    assert_eq!(told(&result), "Created 3");
    let mut rows = annals_tests::rows_of(&store.table("s.t").unwrap());
    rows.sort();
    assert_eq!(rows, ["3, c", "4, a", "5, c"]);
}

/// An overwrite that is not to lose anybody's rows is refused, and nothing is lost.
#[test]
fn an_overwrite_that_must_not_hide_a_change_is_refused_beside_one() {
    let rivals: [(&str, Rival); 4] = [RIVALS[0], RIVALS[3], RIVALS[8], RIVALS[9]];
    for (theirs, rival) in rivals {
        let store = store_at(STARTS[0].1, false);
        let overwrite: Save =
            |w| w.mode(SaveMode::Overwrite).fail_if_changed().save_as_table("s.t");
        let (result, ran) = beside(&store, overwrite, rival, 1);
        assert!(ran);
        let error = result.unwrap_err();
        assert_eq!(error.remedy(), Remedy::Retry, "a rival {theirs}: {error}");
        let alone = store_at(STARTS[0].1, false);
        rival(&alone).unwrap();
        assert_eq!(state_of(&store), state_of(&alone), "a rival {theirs}");
    }
    // Nothing changed: nothing to refuse.
    let store = store_at(STARTS[0].1, false);
    let overwrite = store.write(people([(3, "c")])).mode(SaveMode::Overwrite).fail_if_changed();
    overwrite.save_as_table("s.t").unwrap();
    assert_eq!(annals_tests::rows_of(&store.table("s.t").unwrap()), ["3, c"]);
}

/// A blind overwrite takes the place of what others wrote meanwhile, and says so on record.
#[test]
fn an_overwrite_that_discards_a_rivals_rows_says_so() {
    let store = store_at(STARTS[0].1, false);
    let overwrite: Save = |w| w.mode(SaveMode::Overwrite).save_as_table("s.t");
    let (result, _) = beside(&store, overwrite, RIVALS[0].1, 1);
    let saved = result.unwrap();
    let commit = saved.committed().unwrap().commit().unwrap().clone();
    assert_eq!(saved.committed().unwrap().retries(), 0, "it had nothing to decide again");
    assert!(commit.rebased);
    let discarded: Vec<u64> = commit.operations[0].discarded.iter().map(|v| v.0).collect();
    assert_eq!(discarded, [commit.version.0 - 1]);
}
