//! Columns that both add: whose are whose, and which values are in which.

use annals::error::Rule;
use annals::{ColumnChange, SaveMode, SchemaChange, Source, Store, Transaction, WriteError};
use annals_tests::{columns_of, rows_of};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field};

use crate::{Mine, append, delete, low, race, rows, rows_with, store};

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

/// Each column of `d.t` with its id.
fn ids(store: &Store) -> Vec<String> {
    let table = store.table("d.t").unwrap();
    let columns = table.value().state().schema().columns().to_vec();
    columns.iter().map(|column| format!("{} {}", column.id(), column.name())).collect()
}

fn append_merging(store: &Store, rows: RecordBatch) {
    let writer = store.write(rows).mode(SaveMode::Append).merge_schema(true);
    writer.save_as_table("d.t").unwrap();
}

#[test]
fn columns_of_other_names_both_stand_and_each_keeps_its_values() {
    let store = store();
    let mut tx = store.begin();
    tx.add_columns("d.t", [text("mine"), text("mine too")]).unwrap();
    let rows = rows_with("mine", [7]);
    let writer = tx.write(rows).mode(SaveMode::Append).missing(annals::Missing::FillNull);
    writer.save_as_table("d.t").unwrap();

    append_merging(&store, rows_with("theirs", [8]));
    append_merging(&store, rows_with("theirs as well", [9]));
    tx.commit().unwrap();

    assert_eq!(
        ids(&store),
        ["c0 n", "c1 note", "c2 small", "c3 theirs", "c4 theirs as well", "c5 mine", "c6 mine too"]
    );
    assert_eq!(
        rows_of(&store.table("d.t").unwrap()),
        [
            "1, note 1, 1, null, null, null, null",
            "2, note 2, 2, null, null, null, null",
            "3, note 3, 3, null, null, null, null",
            "101, note 101, 1, null, null, null, null",
            "102, note 102, 2, null, null, null, null",
            "103, note 103, 3, null, null, null, null",
            "8, note 8, 8, theirs, null, null, null",
            "9, note 9, 9, null, theirs as well, null, null",
            "7, note 7, 7, null, null, mine, null",
        ]
    );
}

#[test]
fn a_column_added_by_both_is_a_conflict_whatever_its_case() {
    for (mine, theirs) in [("extra", "extra"), ("Extra", "eXTRA"), ("ÉTÉ", "été")] {
        let store = store();
        let mut tx = store.begin();
        tx.add_columns("d.t", [text("other"), text(mine)]).unwrap();
        store.add_columns("d.t", [text(theirs)]).unwrap();
        let error = tx.commit().unwrap_err();
        let conflict = error.conflict().unwrap();
        assert!(conflict.is_retryable());
        let Rule::Column { column } = &conflict.rule else { panic!("{conflict:?}") };
        assert_eq!(*column, mine.to_lowercase());
    }
}

#[test]
fn a_column_that_they_added_and_dropped_again_does_not_give_its_id_to_mine() {
    let store = store();
    store.add_columns("d.t", [text("gone")]).unwrap();
    append(&store, "d.t", rows_with("gone", [4]));
    let with_gone = store.version();
    let mut tx = store.begin();
    tx.add_columns("d.t", [text("mine")]).unwrap();
    append(&store, "d.t", rows_with("gone", [5]));
    tx.commit().unwrap();
    assert_eq!(ids(&store), ["c0 n", "c1 note", "c2 small", "c3 gone", "c4 mine"]);

    store.drop_columns("d.t", ["gone", "mine"]).unwrap();
    store.add_columns("d.t", [text("new"), text("gone")]).unwrap();
    assert_eq!(ids(&store), ["c0 n", "c1 note", "c2 small", "c5 new", "c6 gone"]);
    let newest = rows_of(&store.table("d.t").unwrap());
    assert!(newest.iter().all(|row| row.ends_with(", null, null")), "{newest:?}");
    let then = rows_of(&store.at(with_gone).unwrap().table("d.t").unwrap());
    assert_eq!(then[6], "4, note 4, 4, gone");
}

#[test]
fn a_draft_that_goes_on_with_its_new_column_is_carried_over_whole() {
    // In the draft: a new column, rows that have it, some of these taken out again.
    let mine = |tx: &mut Transaction| -> Result<(), WriteError> {
        tx.add_columns("d.t", [text("mine")])?;
        tx.write(rows_with("mine", [11, 12])).mode(SaveMode::Append).save_as_table("d.t")?;
        tx.write(rows_with("mine", [13])).mode(SaveMode::Append).save_as_table("d.t")?;
        let where_low = tx.write(rows_with("mine", [21, 22])).mode(SaveMode::Overwrite);
        where_low.replace_where(low()).save_as_table("d.t").map(drop)
    };
    let theirs = |store: &Store| append_merging(store, rows_with("theirs", [2000, 3000]));
    let raced = race(mine, theirs);
    assert_eq!(
        columns_of(&raced.store.table("d.t").unwrap()),
        "n Int64, note Utf8, small Int32, theirs Utf8, mine Utf8"
    );
    assert_eq!(
        rows_of(&raced.store.table("d.t").unwrap()),
        [
            "101, note 101, 1, null, null",
            "102, note 102, 2, null, null",
            "103, note 103, 3, null, null",
            "2000, note 2000, 0, theirs, null",
            "3000, note 3000, 0, theirs, null",
            "21, note 21, 1, null, mine",
            "22, note 22, 2, null, mine",
        ]
    );
}

#[test]
fn a_merging_append_is_decided_again_when_others_added_the_column_first() {
    // Theirs is committed while my rows are still being read.
    for theirs in ["extra", "other"] {
        let store = store();
        let mine = rows_with("extra", [7]);
        let batches = std::iter::once_with(|| {
            append_merging(&store, rows_with(theirs, [8]));
            Ok::<_, std::io::Error>(mine.clone())
        });
        let writer = store.write(Source::stream(mine.schema(), batches)).mode(SaveMode::Append);
        let saved = writer.merge_schema(true).save_as_table("d.t").unwrap();

        assert_eq!(saved.version(), Some(store.version()));
        let newest = rows_of(&store.table("d.t").unwrap());
        let expected = match theirs {
            "extra" => ["8, note 8, 8, extra", "7, note 7, 7, extra"],
            _ => ["8, note 8, 8, other, null", "7, note 7, 7, null, extra"],
        };
        assert_eq!(newest[6..], expected);
    }
}

#[test]
fn rows_written_under_two_schemas_side_by_side_are_told_apart_by_the_diff() {
    let store = store();
    let base = store.snapshot();
    let mut tx = store.begin();
    tx.add_columns("d.t", [text("mine")]).unwrap();
    store.add_columns("d.t", [text("theirs")]).unwrap();
    tx.commit().unwrap();
    let diff = base.diff(&store.snapshot());
    let columns = diff.tables[0].details().columns;
    let added: Vec<String> = columns.iter().map(ToString::to_string).collect();
    assert_eq!(added, ["+ theirs Utf8", "+ mine Utf8"]);
    let ids: Vec<u32> = columns
        .iter()
        .map(|change| match change {
            ColumnChange::Added { id, .. } => id.0,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(ids, [3, 4]);
}

#[test]
fn a_partial_overwrite_reaches_its_chunk_though_others_came_before_it() {
    // Mine removes rows from a chunk of the base and from one of its own; theirs takes the
    // sequence that mine had in the draft.
    let mine = |tx: &mut Transaction| -> Result<(), WriteError> {
        tx.write(rows([41, 42])).mode(SaveMode::Append).save_as_table("d.t")?;
        let none = tx.write(rows([])).mode(SaveMode::Overwrite);
        none.replace_where(annals::col("n").is_in([2_i64, 41])).save_as_table("d.t").map(drop)
    };
    let theirs = |store: &Store| {
        append(store, "d.t", rows([5000]));
        delete(store, "d.t", annals::col("n").eq(103_i64));
        append(store, "d.t", rows([6000]));
    };
    let raced = race(mine, theirs);
    let table = raced.store.table("d.t").unwrap();
    assert_eq!(annals_tests::numbers_of(&table), [1, 3, 101, 102, 5000, 6000, 42]);
    raced.stands(mine, theirs);
}

fn say_of_a_column(store: &Store) {
    let (name, comment) = ("n".to_owned(), Some("theirs".to_owned()));
    store.alter_table("d.t", [SchemaChange::SetColumnComment { name, comment }]).unwrap();
}

#[test]
fn what_is_said_of_a_column_stays_or_goes_as_if_it_had_been_said_before() {
    let overwrites: [Mine; 5] = [
        // The columns are those of the rows, which say nothing.
        |tx| tx.write(rows([7])).mode(SaveMode::Overwrite).save_as_table("d.t").map(drop),
        // The columns stay, whatever they are by then.
        |tx| tx.write(rows([7])).mode(SaveMode::Overwrite).insert_into("d.t").map(drop),
        |tx| tx.truncate("d.t"),
        |tx| {
            tx.add_columns("d.t", [text("mine")])?;
            tx.truncate("d.t")
        },
        |tx| {
            tx.add_columns("d.t", [text("mine")])?;
            tx.write(rows([7])).mode(SaveMode::Overwrite).save_as_table("d.t").map(drop)
        },
    ];
    for mine in overwrites {
        race(mine, say_of_a_column).stands(mine, say_of_a_column);
    }
    // Columns that were merged are set as a whole, and would leave out what was said.
    let merging: Mine = |tx| {
        let writer = tx.write(rows_with("mine", [7])).mode(SaveMode::Overwrite);
        writer.merge_schema(true).save_as_table("d.t").map(drop)
    };
    let conflict = race(merging, say_of_a_column).refused();
    assert!(matches!(conflict.rule, Rule::Changed { theirs: "a comment on a column", .. }));
}
