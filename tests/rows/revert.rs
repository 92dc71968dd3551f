//! One commit in the middle is undone; what came later stays, or is said to be in the way.

use std::collections::BTreeMap;

use annals::error::Reason;
use annals::{
    ChunkSize, Compaction, Filter, PropertyPatch, SaveMode, Store, StoreBuilder, VersionId,
    WriteError, col, record_batch, set,
};
use annals_tests::{numbers, people, rows_of};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::{DataType, Field};

fn store_of_people() -> Store {
    let store = Store::in_memory();
    let rows = people([(1, "Ada"), (2, "Bob"), (3, "Cyd"), (4, "Dan")]);
    store.write(rows).save_as_table("t").unwrap();
    store
}

fn append(store: &Store, id: i64, name: &str) -> VersionId {
    let writer = store.write(people([(id, name)])).mode(SaveMode::Append);
    writer.save_as_table("t").unwrap().version().unwrap()
}

fn rows(store: &Store) -> Vec<String> {
    let mut rows = rows_of(&store.table("t").unwrap());
    rows.sort();
    rows
}

/// What stands in the way of reverting a version.
#[track_caller]
fn obstacles(store: &Store, version: impl Into<VersionId>) -> Vec<(Reason, u64)> {
    match store.revert(version).unwrap_err() {
        WriteError::Revert(error) => {
            error.obstacles.into_iter().map(|o| (o.reason, o.version.0)).collect()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn rows_that_were_brought_go_and_later_ones_stay() {
    let store = store_of_people();
    let bad = append(&store, 5, "Eve");
    append(&store, 6, "Fay");
    let done = store.revert(bad).unwrap();
    assert_eq!(rows(&store), ["1, Ada", "2, Bob", "3, Cyd", "4, Dan", "6, Fay"]);
    let commit = done.commit().unwrap();
    assert_eq!(commit.operations[0].kind.to_string(), "revert of v2");
    assert_eq!(commit.info.message.as_deref(), Some("revert of v2"));
    assert!(commit.location.file.ends_with("revert.rs"), "{}", commit.location);
    // A second time there is nothing to do; and the revert can be reverted.
    assert!(!store.revert(bad).unwrap().made_version());
    store.revert(done.version()).unwrap();
    assert_eq!(rows(&store).len(), 6);
}

#[test]
fn rows_that_went_come_back_as_they_were() {
    let store = store_of_people();
    let before = annals_tests::numbers_in(&store.snapshot());
    let bad = store.delete("t", col("id").gt(1)).unwrap().version();
    append(&store, 5, "Eve");
    store.revert(bad).unwrap();
    assert_eq!(rows(&store), ["1, Ada", "2, Bob", "3, Cyd", "4, Dan", "5, Eve"]);
    // In their place, with their ids.
    let now = annals_tests::numbers_in(&store.snapshot());
    let chunk = |text: &str| text.lines().nth(1).unwrap().to_owned();
    assert_eq!(chunk(&now), chunk(&before));
}

#[test]
fn an_update_is_undone_row_by_row() {
    let store = store_of_people();
    let bad = store.update("t", [set("name", "?")], col("id").gt_eq(2)).unwrap().version();
    append(&store, 5, "Eve");
    store.delete("t", col("id").eq(3)).unwrap();
    store.compact("t").unwrap();
    store.revert(bad).unwrap();
    assert_eq!(rows(&store), ["1, Ada", "2, Bob", "4, Dan", "5, Eve"], "3 was deleted since");
}

#[test]
fn an_update_of_what_was_updated_stands_in_the_way() {
    let store = store_of_people();
    let bad = store.update("t", [set("name", "?")], col("id").gt_eq(2)).unwrap().version();
    store.update("t", [set("name", "!")], col("id").gt_eq(3)).unwrap();
    store.compact_with("t", &Compaction::new().sort_by(["id"])).unwrap();
    assert_eq!(obstacles(&store, bad), [(Reason::RowsUpdated { rows: 2 }, 3)]);
    let text = store.revert(bad).unwrap_err().to_string();
    assert!(
        text.starts_with(
            "v2 cannot be reverted; since then: default.t: 2 of the rows were updated in v3 (at "
        ),
        "{text}"
    );
    // The later one first, then it goes.
    store.revert(3).unwrap();
    store.revert(bad).unwrap();
    assert_eq!(rows(&store), ["1, Ada", "2, Bob", "3, Cyd", "4, Dan"]);
}

#[test]
fn an_overwrite_is_undone_and_what_was_appended_to_it_stays() {
    let store = store_of_people();
    let bad = store.write(people([(9, "Zoe")])).mode(SaveMode::Overwrite);
    let bad = bad.save_as_table("t").unwrap().version().unwrap();
    append(&store, 5, "Eve");
    store.revert(bad).unwrap();
    assert_eq!(rows(&store), ["1, Ada", "2, Bob", "3, Cyd", "4, Dan", "5, Eve"]);
    let late = append(&store, 6, "Fay");
    store.write(people([(1, "x")])).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    assert_eq!(obstacles(&store, late), [(Reason::Replaced { by: "an overwrite" }, 6)]);
}

#[test]
fn a_compaction_is_nothing_to_undo() {
    let size = ChunkSize { rows_min: 1, ..ChunkSize::default() };
    let store = StoreBuilder::new().chunk_size(size).build();
    for n in 0..4 {
        store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    let size = ChunkSize { rows_min: 100, ..ChunkSize::default() };
    let done = store.compact_with("t", &Compaction::new().chunk_size(size)).unwrap();
    append_number(&store, 9);
    assert!(!store.revert(done.committed.unwrap().version()).unwrap().made_version());
    store.revert(2).unwrap();
    assert_eq!(annals_tests::numbers_of(&store.table("t").unwrap()), [0, 2, 3, 9]);
}

fn append_number(store: &Store, n: i64) {
    store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t").unwrap();
}

#[test]
fn tables_that_were_dropped_created_and_renamed_go_back() {
    let store = store_of_people();
    let dropped = store.drop_table("t").unwrap().version();
    store.write(numbers([1])).save_as_table("u").unwrap();
    store.revert(dropped).unwrap();
    assert_eq!(rows(&store).len(), 4);

    let created = store.write(numbers([1])).save_as_table("v").unwrap().version().unwrap();
    let later = store.write(numbers([2])).mode(SaveMode::Append).save_as_table("v").unwrap();
    let (reason, later) = (Reason::Changed { by: "an append" }, later.version().unwrap());
    assert_eq!(obstacles(&store, created), [(reason, later.0)]);
    store.revert(later).unwrap();
    // Putting rows back and taking them out is a change too: its author decides.
    assert!(!obstacles(&store, created).is_empty());

    let renamed = store.rename_table("t", "people").unwrap().version();
    let writer = store.write(people([(5, "Eve")])).mode(SaveMode::Append);
    writer.save_as_table("people").unwrap();
    store.revert(renamed).unwrap();
    assert_eq!(rows(&store).len(), 5);
    assert!(!store.table_exists("people").unwrap());

    let dropped = store.drop_table("t").unwrap().version();
    store.write(numbers([1])).save_as_table("t").unwrap();
    let name = annals::TableName::parse("t").unwrap();
    assert_eq!(obstacles(&store, dropped), [(Reason::NameTaken { name }, dropped.0 + 1)]);
}

#[test]
fn renames_in_a_ring_go_back_together() {
    let store = Store::in_memory();
    for (n, name) in (0..).zip(["a", "b", "c"]) {
        store.write(numbers([n])).save_as_table(name).unwrap();
    }
    let done = store
        .transact(|tx| {
            for (from, to) in [("a", "x"), ("b", "a"), ("c", "b"), ("x", "c")] {
                tx.rename_table(from, to)?;
            }
            Ok::<_, WriteError>(())
        })
        .unwrap();
    store.write(numbers([7])).save_as_table("d").unwrap();
    store.revert(done.committed.version()).unwrap();
    for (n, name) in (0..).zip(["a", "b", "c"]) {
        assert_eq!(annals_tests::numbers_of(&store.table(name).unwrap()), [n], "{name}");
    }
    assert_eq!(store.tables("default").unwrap().len(), 4);
}

#[test]
fn databases_go_back_with_their_tables() {
    let store = Store::in_memory();
    store.create_database("d").unwrap();
    store.write(numbers([1])).save_as_table("d.t").unwrap();
    let dropped = store.drop_database_cascade("d").unwrap().version();
    store.write(numbers([1])).save_as_table("u").unwrap();
    store.revert(dropped).unwrap();
    assert_eq!(annals_tests::numbers_of(&store.table("d.t").unwrap()), [1]);
    assert_eq!(obstacles(&store, 1), [(Reason::DatabaseInUse, 5)]);
    store.drop_table("d.t").unwrap();
    store.revert(1).unwrap();
    assert!(store.snapshot().database("d").is_err());
}

#[test]
fn columns_go_back_unless_rows_depend_on_them() {
    let store = store_of_people();
    let age = || [Field::new("age", DataType::Int32, true)];
    let added = store.add_columns("t", age()).unwrap().version();
    append_plain(&store, 5);
    assert_eq!(obstacles(&store, added), [(Reason::RowsWritten, 3)]);
    store.revert(3).unwrap();
    store.revert(added).unwrap();
    assert_eq!(annals_tests::columns_of(&store.table("t").unwrap()), "id Int64, name Utf8");

    let dropped = store.drop_columns("t", ["name"]).unwrap().version();
    store.set_properties("t", &PropertyPatch::new().with("k", "v")).unwrap();
    store.delete("t", col("id").eq(2)).unwrap();
    store.revert(dropped).unwrap();
    assert_eq!(rows(&store), ["1, Ada", "3, Cyd", "4, Dan"]);

    let dropped = store.drop_columns("t", ["name"]).unwrap().version();
    let moved = store.update("t", [set("id", 9)], col("id").eq(1)).unwrap().version();
    assert_eq!(obstacles(&store, dropped), [(Reason::RowsWritten, moved.0)]);

    let renamed = store.rename_column("t", "id", "key").unwrap().version();
    store.rename_column("t", "key", "code").unwrap();
    assert_eq!(obstacles(&store, renamed), [(Reason::SchemaChanged, renamed.0 + 1)]);
}

fn append_plain(store: &Store, id: i64) {
    let row = record_batch!(("id", Int64, [id]), ("name", Utf8, ["Eve"]), ("age", Int32, [1]));
    store.write(row.unwrap()).mode(SaveMode::Append).save_as_table("t").unwrap();
}

#[test]
fn properties_go_back_unless_they_were_set_again() {
    let store = store_of_people();
    let patch = PropertyPatch::new;
    store.set_properties("t", &patch().with("a", "1").with("b", "1")).unwrap();
    let bad = store.set_properties("t", &patch().with("a", "2").without("b").with_comment("x"));
    let bad = bad.unwrap().version();
    store.set_properties("t", &patch().with("c", "3")).unwrap();
    store.revert(bad).unwrap();
    let table = store.table("t").unwrap();
    let said: Vec<String> = table.properties().iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!((said.join(" "), table.comment()), ("a=1 b=1 c=3".to_owned(), None));
    let bad = store.set_properties("t", &patch().with("a", "4")).unwrap().version();
    let last = store.set_properties("t", &patch().with("a", "5")).unwrap().version();
    assert_eq!(obstacles(&store, bad), [(Reason::PropertySet { key: Some("a".into()) }, last.0)]);
}

#[test]
fn a_restore_of_the_store_is_undone() {
    let store = store_of_people();
    append(&store, 5, "Eve");
    store.write(numbers([1])).save_as_table("u").unwrap();
    let bad = store.restore(1).unwrap().version();
    store.write(numbers([1])).save_as_table("w").unwrap();
    store.revert(bad).unwrap();
    assert_eq!(rows(&store).len(), 5);
    assert!(store.table_exists("u").unwrap() && store.table_exists("w").unwrap());
}

#[test]
fn two_reverts_of_one_commit_at_once_undo_it_once() {
    let store = store_of_people();
    let bad = store.delete("t", col("id").gt(1)).unwrap().version();
    let (mut one, mut other) = (store.begin(), store.begin());
    one.revert(bad).unwrap();
    other.revert(bad).unwrap();
    one.commit().unwrap();
    assert!(other.commit().unwrap_err().conflict().unwrap().is_retryable());
    assert_eq!(rows(&store).len(), 4);
    assert_eq!(store.table("t").unwrap().row_count(), 4);
}

#[test]
fn a_transaction_in_which_nothing_was_undone_does_not_say_so() {
    let store = store_of_people();
    let bad = append(&store, 5, "Eve");
    store.revert(bad).unwrap();
    let mut tx = store.begin();
    tx.revert(bad).unwrap();
    tx.delete("t", col("id").eq(1)).unwrap();
    assert_eq!(tx.commit().unwrap().commit().unwrap().info.message, None);
}

#[test]
fn what_cannot_be_reached_cannot_be_reverted() {
    let store = store_of_people();
    assert!(matches!(store.revert(0).unwrap_err(), WriteError::Options(_)));
    assert!(matches!(store.revert(9).unwrap_err(), WriteError::Travel(_)));
    append(&store, 5, "Eve");
    let fork = store.fork();
    assert!(matches!(fork.revert(2).unwrap_err(), WriteError::Travel(_)));
}

/// A row: its value, and the version that gave it.
type Rows = BTreeMap<u64, (i64, u64)>;

fn rows_by_id(store: &Store, version: u64) -> Rows {
    let Ok(table) = store.at(version).unwrap().table("t") else { return Rows::new() };
    let mut rows = Rows::new();
    for (_, entry) in table.value().state().chunks() {
        let values = entry.chunk().batch().column(0).as_primitive::<Int64Type>();
        for index in 0..entry.chunk().rows() as u32 {
            if !entry.deletions().is_some_and(|gone| gone.rows().contains(index)) {
                let origin = entry.origin(index);
                let row = (values.value(index as usize), origin.changed.0);
                assert_eq!(rows.insert(origin.row, row), None, "a row is there twice");
            }
        }
    }
    assert_eq!(rows.len() as u64, table.row_count());
    rows
}

#[test]
fn random_commits_are_reverted_as_a_model_says() {
    for seed in 1..250_u64 {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut below = |limit: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) % limit
        };
        let size = ChunkSize { rows_min: 4, rows_max: 8, ..ChunkSize::default() };
        let store = StoreBuilder::new().chunk_size(size).build();
        store.write(numbers(0..12)).save_as_table("t").unwrap();
        // Versions in which all rows were replaced.
        let mut replaced = Vec::new();
        for step in 0..25 {
            let n = below(20) as i64;
            match below(10) {
                0..=2 => {
                    let new = numbers((0..1 + below(5) as i64).map(|at| n + at));
                    store.write(new).mode(SaveMode::Append).save_as_table("t").unwrap();
                }
                3 | 4 => drop(store.delete("t", col("n").between(n, n + 2)).unwrap()),
                5 | 6 => {
                    let to = below(20) as i64;
                    store.update("t", [set("n", to)], col("n").between(n, n + 1)).unwrap();
                }
                7 => drop(store.compact("t").unwrap()),
                8 if below(4) == 0 => {
                    store.write(numbers([n])).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
                    replaced.push(store.version().0);
                }
                8 => {
                    let at = 1 + below(store.version().0);
                    store.restore_table("t", at).unwrap();
                    replaced.push(store.version().0);
                }
                _ => {
                    let bad = 2 + below(store.version().0);
                    if bad > store.version().0 {
                        continue;
                    }
                    let place = format!("seed {seed}, step {step}, revert of v{bad}");
                    let (old, new) = (rows_by_id(&store, bad - 1), rows_by_id(&store, bad));
                    let now = rows_by_id(&store, store.version().0);
                    let expected = match replaced.iter().any(|at| *at > bad) && new != now {
                        true => None,
                        false => undone(&old, &new, &now),
                    };
                    match (store.revert(bad), expected) {
                        (Ok(_), Some(expected)) => {
                            assert_eq!(rows_by_id(&store, store.version().0), expected, "{place}");
                        }
                        (Err(WriteError::Revert(_)), None) => {}
                        // What is the same rows by chance may be refused or not.
                        (Ok(_), None) | (Err(WriteError::Revert(_)), Some(_))
                            if replaced.iter().any(|at| *at > bad) => {}
                        (found, expected) => panic!("{place}: {found:?}, not {expected:?}"),
                    }
                }
            }
        }
        let all = store.table("t").unwrap();
        assert_eq!(all.scan().filter(col("n").is_not_null()).count().unwrap(), all.row_count());
        store.delete("t", Filter::all()).unwrap();
    }
}

#[test]
fn what_others_wrote_meanwhile_does_not_go_with_a_table_whose_creation_is_reverted() {
    let store = store_of_people();
    let mut tx = store.begin();
    tx.revert(1).unwrap();
    append(&store, 5, "Eve");
    let error = tx.commit().unwrap_err();
    assert_eq!(error.remedy(), annals::Remedy::Retry, "{error}");
    // Begun again, it sees what is in the way.
    let by = "an append";
    assert_eq!(obstacles(&store, 1), [(Reason::Changed { by }, 2)]);
}

#[test]
fn a_name_that_was_only_written_otherwise_is_written_as_before() {
    let store = store_of_people();
    let renamed = store.rename_table("t", "T").unwrap().version();
    append(&store, 5, "Eve");
    assert_eq!(store.at(1).unwrap().diff(&store.at(2).unwrap()).tables.len(), 1);
    store.revert(renamed).unwrap();
    assert_eq!(store.table("t").unwrap().name().table_str(), "t");
    assert_eq!(store.table("t").unwrap().row_count(), 5);
}

#[test]
fn a_table_does_not_go_back_to_a_database_that_is_gone() {
    let store = store_of_people();
    store.create_database("s").unwrap();
    store.write(numbers([1])).save_as_table("s.v").unwrap();
    let renamed = store.rename_table("s.v", "v").unwrap().version();
    let gone = store.drop_database("s").unwrap().version().0;
    assert_eq!(obstacles(&store, renamed), [(Reason::NoDatabase, gone)]);
    store.create_database("s").unwrap();
    store.revert(renamed).unwrap();
    assert_eq!(store.table("s.v").unwrap().row_count(), 1);
}

/// What is left when the step from `old` to `new` is undone on `now`; none if something is in the
/// way.
fn undone(old: &Rows, new: &Rows, now: &Rows) -> Option<Rows> {
    let mut rows = now.clone();
    for id in old.keys().chain(new.keys()) {
        let (then, made, present) = (old.get(id), new.get(id), now.get(id));
        if then == made || then == present {
            continue;
        }
        match (made, present) {
            // Deleted since: it stays so.
            (Some(_), None) => {}
            (Some(made), Some(present)) if made != present => return None,
            _ => match then {
                Some(then) => drop(rows.insert(*id, *then)),
                None => drop(rows.remove(id)),
            },
        }
    }
    Some(rows)
}
