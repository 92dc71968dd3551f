//! Every cell of the matrix: what I do to a table, and what another committed to it since.
//!
//! Compacting has no row and no column here: nothing compacts yet.

use annals::{Missing, SaveMode, SchemaChange, Store, Transaction, WriteError, col};
use arrow_schema::{DataType, Field};

use crate::{Mine, Theirs, append, comment, delete, low, overwrite, property, race, read};
use crate::{rows, rows_with};

/// Row: mine. Column: theirs. `C`: both stand, as if mine had begun after theirs. `X`: a conflict,
/// to begin again after. `F`: a conflict, and what mine was about is gone.
const MATRIX: &str = "
                                append
                                | append low
                                | | rows
                                | | | rows low
                                | | | | chunk
                                | | | | | overwrite
                                | | | | | | truncate
                                | | | | | | | other schema
                                | | | | | | | | add column
                                | | | | | | | | | merging append
                                | | | | | | | | | | rename column
                                | | | | | | | | | | | drop column
                                | | | | | | | | | | | | widen column
                                | | | | | | | | | | | | | restore
                                | | | | | | | | | | | | | | property
                                | | | | | | | | | | | | | | | comment
                                | | | | | | | | | | | | | | | | comment on a column
                                | | | | | | | | | | | | | | | | | rename and back
                                | | | | | | | | | | | | | | | | | | rename
                                | | | | | | | | | | | | | | | | | | | drop
                                | | | | | | | | | | | | | | | | | | | | recreate
                                | | | | | | | | | | | | | | | | | | | | | other table
blind append                    C C C C C C C X C C X X X X C C C X X F F C
append after a read             C C C C C X X X C C X X X X C C C X X F F C
blind overwrite                 C C C C C C C X X X X X X X C C C X X F F C
overwrite after a read          X X X X X X X X X X X X X X C C C X X F F C
blind truncate                  C C C C C C C X X X X X X X C C C X X F F C
blind overwrite, other schema   X X X X X X X X X X X X X X C C C X X F F C
overwrite where                 C X C X C X X X C C X X X X C C C X X F F C
overwrite where, after a read   C X C X C X X X C C X X X X C C C X X F F C
add column                      C C C C C X X X C C X X X X C C C X X F F C
merging append                  C C C C C X X X C C X X X X C C C X X F F C
rename column                   X X X X X X X X X X X X X X C C C X X F F C
drop column                     X X X X X X X X X X X X X X C C C X X F F C
widen column                    X X X X X X X X X X X X X X C C C X X F F C
rename                          X X X X X X X X X X X X X X C C C X X F F C
restore                         X X X X X X X X X X X X X X C C C X X F F C
set property                    C C C C C C C C C C C C C C C C C C X F F C
set the same property           C C C C C C C C C C C C C C X C C C X F F C
set comment                     C C C C C C C C C C C C C C C X C C X F F C
blind drop                      C C C C C C C X C C X X X X C C C X X F F C
drop after a read               X X X X X X X X C X X X X X C C C X X F F C
write elsewhere after a read    C C C C C C C C C C C C C C C C C C C C C C
restore the store               X X X X X X X X X X X X X X X X X X X X X X
";

const MINE: [(&str, Mine); 22] = [
    ("blind append", blind_append),
    ("append after a read", append_after_read),
    ("blind overwrite", blind_overwrite),
    ("overwrite after a read", overwrite_after_read),
    ("blind truncate", blind_truncate),
    ("blind overwrite, other schema", overwrite_schema),
    ("overwrite where", overwrite_where),
    ("overwrite where, after a read", overwrite_where_read),
    ("add column", add_column),
    ("merging append", merging_append),
    ("rename column", rename_column),
    ("drop column", drop_column),
    ("widen column", widen_column),
    ("rename", rename),
    ("restore", restore),
    ("set property", set_property),
    ("set the same property", set_same_property),
    ("set comment", set_comment),
    ("blind drop", blind_drop),
    ("drop after a read", drop_after_read),
    ("write elsewhere after a read", write_elsewhere),
    ("restore the store", restore_store),
];

const THEIRS: [(&str, Theirs); 22] = [
    ("append", |store| append(store, "d.t", rows([2000]))),
    ("append low", |store| append(store, "d.t", rows([20]))),
    ("rows", |store| delete(store, "d.t", col("n").eq(102_i64))),
    ("rows low", |store| delete(store, "d.t", col("n").eq(2_i64))),
    ("chunk", |store| delete(store, "d.t", col("n").gt(100_i64))),
    ("overwrite", |store| overwrite(store, "d.t", rows([9, 999]))),
    ("truncate", |store| drop(store.truncate("d.t").unwrap())),
    ("other schema", |store| overwrite(store, "d.t", rows_with("theirs", [9, 999]))),
    ("add column", |store| {
        store.add_columns("d.t", [Field::new("theirs", DataType::Utf8, true)]).unwrap();
    }),
    ("merging append", |store| {
        let rows = rows_with("theirs", [2000]);
        let writer = store.write(rows).mode(SaveMode::Append).merge_schema(true);
        writer.save_as_table("d.t").unwrap();
    }),
    ("rename column", |store| drop(store.rename_column("d.t", "note", "text").unwrap())),
    ("drop column", |store| drop(store.drop_columns("d.t", ["note"]).unwrap())),
    ("widen column", |store| {
        store.widen_column("d.t", "small", &DataType::Int64).unwrap();
    }),
    ("restore", |store| drop(store.restore_table("d.t", 2).unwrap())),
    ("property", |store| drop(store.set_properties("d.t", &property("key", "theirs")).unwrap())),
    ("comment", |store| drop(store.set_properties("d.t", &comment("theirs")).unwrap())),
    ("comment on a column", |store| {
        let (name, comment) = ("n".to_owned(), Some("theirs".to_owned()));
        store.alter_table("d.t", [SchemaChange::SetColumnComment { name, comment }]).unwrap();
    }),
    ("rename and back", |store| {
        store.rename_table("d.t", "d.u").unwrap();
        store.rename_table("d.u", "d.t").unwrap();
    }),
    ("rename", |store| drop(store.rename_table("d.t", "d.moved").unwrap())),
    ("drop", |store| drop(store.drop_table("d.t").unwrap())),
    ("recreate", |store| {
        store.drop_table("d.t").unwrap();
        store.write(rows([4])).save_as_table("d.t").unwrap();
    }),
    ("other table", |store| append(store, "d.other", rows([2]))),
];

fn blind_append(tx: &mut Transaction) -> Result<(), WriteError> {
    let writer = tx.write(rows([30, 3000])).mode(SaveMode::Append);
    writer.missing(Missing::FillNull).save_as_table("d.t").map(drop)
}

fn append_after_read(tx: &mut Transaction) -> Result<(), WriteError> {
    read(tx);
    blind_append(tx)
}

fn blind_overwrite(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.write(rows([7])).mode(SaveMode::Overwrite).save_as_table("d.t").map(drop)
}

fn overwrite_after_read(tx: &mut Transaction) -> Result<(), WriteError> {
    read(tx);
    blind_overwrite(tx)
}

fn blind_truncate(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.truncate("d.t")
}

fn overwrite_schema(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.write(rows_with("mine", [7])).mode(SaveMode::Overwrite).save_as_table("d.t").map(drop)
}

fn overwrite_where(tx: &mut Transaction) -> Result<(), WriteError> {
    let writer = tx.write(rows([5])).mode(SaveMode::Overwrite).replace_where(low());
    writer.missing(Missing::FillNull).save_as_table("d.t").map(drop)
}

fn overwrite_where_read(tx: &mut Transaction) -> Result<(), WriteError> {
    read(tx);
    overwrite_where(tx)
}

fn add_column(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.add_columns("d.t", [Field::new("mine", DataType::Utf8, true)])
}

fn merging_append(tx: &mut Transaction) -> Result<(), WriteError> {
    let writer = tx.write(rows_with("mine", [3000])).mode(SaveMode::Append);
    writer.merge_schema(true).save_as_table("d.t").map(drop)
}

fn rename_column(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.rename_column("d.t", "small", "tiny")
}

fn drop_column(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.drop_columns("d.t", ["small"])
}

fn widen_column(tx: &mut Transaction) -> Result<(), WriteError> {
    let (name, to) = ("small".to_owned(), DataType::Int64);
    tx.alter_table("d.t", [SchemaChange::WidenColumn { name, to }])
}

fn rename(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.rename_table("d.t", "d.mine")
}

fn restore(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.restore_table("d.t", 2)
}

fn set_property(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.set_properties("d.t", &property("another key", "mine"))
}

fn set_same_property(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.set_properties("d.t", &property("key", "mine"))
}

fn set_comment(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.set_properties("d.t", &comment("mine"))
}

fn blind_drop(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.drop_table("d.t")
}

fn drop_after_read(tx: &mut Transaction) -> Result<(), WriteError> {
    read(tx);
    blind_drop(tx)
}

fn write_elsewhere(tx: &mut Transaction) -> Result<(), WriteError> {
    read(tx);
    tx.write(rows([5])).mode(SaveMode::Append).save_as_table("d.other")?;
    tx.write(rows([6])).save_as_table("d.new").map(drop)
}

fn restore_store(tx: &mut Transaction) -> Result<(), WriteError> {
    tx.restore(3)
}

#[test]
fn every_cell_of_the_matrix_holds() {
    let lines: Vec<&str> = MATRIX.lines().skip(1 + THEIRS.len()).collect();
    assert_eq!(lines.len(), MINE.len());
    let mut broken = Vec::new();
    for ((name, mine), line) in MINE.into_iter().zip(lines) {
        let marks: Vec<&str> = line.strip_prefix(name).unwrap().split_whitespace().collect();
        assert_eq!(marks.len(), THEIRS.len(), "{name}");
        for ((theirs_name, theirs), mark) in THEIRS.into_iter().zip(marks) {
            let holds = std::panic::catch_unwind(|| match (race(mine, theirs), mark) {
                (raced, "C") => raced.stands(mine, theirs),
                (raced, "X") => drop(raced.refused()),
                (raced, _) => drop(raced.gone()),
            });
            if holds.is_err() {
                broken.push(format!("{name} against {theirs_name} is not {mark}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn with_two_commits_in_between_each_counts() {
    // The second of two commits conflicts, or the first: it does not matter which.
    let harmless: Theirs = |store| append(store, "d.t", rows([2000]));
    let harmful: Theirs = |store| drop(store.rename_column("d.t", "note", "text").unwrap());
    for in_order in [[harmless, harmful], [harmful, |store| append(store, "d.other", rows([3]))]] {
        let store = crate::store();
        let mut tx = store.begin();
        blind_append(&mut tx).unwrap();
        for theirs in in_order {
            theirs(&store);
        }
        assert!(tx.commit().unwrap_err().conflict().is_some());
    }
    let store = crate::store();
    let mut tx = store.begin();
    blind_append(&mut tx).unwrap();
    for n in 4000..4050 {
        append(&store, "d.t", rows([n]));
    }
    let committed = tx.commit().unwrap();
    assert_eq!(committed.version(), store.version());
    let numbers = annals_tests::numbers_of(&store.table("d.t").unwrap());
    assert_eq!(numbers.len(), 6 + 50 + 2);
    assert_eq!(numbers[numbers.len() - 2..], [30, 3000]);
}

#[test]
fn each_change_of_a_transaction_is_held_against_what_came() {
    // One change commutes with what came and the other does not, in either order and on two tables.
    let works: [Mine; 3] = [
        |tx| blind_append(tx).and_then(|()| rename_column(tx)),
        |tx| rename_column(tx).and_then(|()| set_property(tx)),
        |tx| write_elsewhere(tx).and_then(|()| rename_column(tx)),
    ];
    for mine in works {
        let theirs: Theirs = |store| append(store, "d.t", rows([2000]));
        race(mine, theirs).refused();
    }
    let both: Mine = |tx| blind_append(tx).and_then(|()| set_property(tx));
    let theirs: Theirs = |store: &Store| append(store, "d.t", rows([2000]));
    race(both, theirs).stands(both, theirs);
}

#[test]
fn a_property_that_a_restore_put_back_conflicts_with_mine() {
    let store = crate::store();
    store.set_properties("d.t", &property("key", "before")).unwrap();
    let mine: [(Mine, bool); 2] = [(set_same_property, false), (set_property, true)];
    for (mine, stands) in mine {
        let mut tx = store.begin();
        mine(&mut tx).unwrap();
        // To where the property was not set yet.
        store.restore_table("d.t", 4).unwrap();
        assert_eq!(tx.commit().is_ok(), stands);
        store.set_properties("d.t", &property("key", "before")).unwrap();
    }
}
