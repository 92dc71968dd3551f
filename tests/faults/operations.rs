//! Every kind of thing that publishes a head, made ready to be run with seams.

use std::error::Error;

use annals::{
    ChunkSize, Compaction, NewTable, PropertyPatch, Retention, SaveMode, Store, VersionId,
    WriteError, col, set,
};
use annals_tests::{numbers, people};
use arrow_schema::{DataType, Field, Schema};

use annals_tests::canary::Canaries;

type Done = Result<(), Box<dyn Error>>;
type Run = Box<dyn FnOnce() -> Done + Send>;

/// What is to be run: it is made ready by a call, without seams.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) ready: Box<dyn Fn(&Store, &Canaries) -> Run>,
}

fn of<T, E: Error + 'static>(
    name: &'static str,
    run: impl Fn(&Store, &Canaries) -> Result<T, E> + Clone + Send + 'static,
) -> Operation {
    prepared(name, move |store, canaries| {
        let (store, canaries, run) = (store.clone(), canaries.clone(), run.clone());
        move || run(&store, &canaries)
    })
}

fn prepared<T, E: Error + 'static, R: FnOnce() -> Result<T, E> + Send + 'static>(
    name: &'static str,
    ready: impl Fn(&Store, &Canaries) -> R + 'static,
) -> Operation {
    let ready = move |store: &Store, canaries: &Canaries| {
        let run = ready(store, canaries);
        let run: Run = Box::new(|| Ok(run().map(drop)?));
        run
    };
    Operation { name, ready: Box::new(ready) }
}

/// Runs `work` on a thread that has no seams.
pub(crate) fn elsewhere(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap());
}

pub(crate) fn all() -> Vec<Operation> {
    let mut all = saves();
    all.extend(changes());
    all.extend(transactions());
    all.extend(heads());
    all
}

fn saves() -> Vec<Operation> {
    vec![
        of("a save that creates", |store, canaries| {
            store.write(canaries.rows(&[9])).save_as_table("new")
        }),
        of("an append", |store, _| {
            store.write(people([(9, "z")])).mode(SaveMode::Append).save_as_table("t")
        }),
        of("an overwrite", |store, canaries| {
            let write = store.write(canaries.rows(&[9])).mode(SaveMode::Overwrite);
            write.save_as_table("canaries")
        }),
        of("an overwrite with other columns", |store, _| {
            let write = store.write(numbers([9])).mode(SaveMode::Overwrite);
            write.overwrite_schema(true).save_as_table("t")
        }),
        of("an overwrite of some rows", |store, _| {
            let write = store.write(people([(1, "z")])).mode(SaveMode::Overwrite);
            write.replace_where(col("id").eq(1_i64)).save_as_table("t")
        }),
        of("an insert", |store, _| store.write(numbers([11])).insert_into("s.numbers")),
        of("an idempotent save", |store, _| {
            let write = store.write(numbers([11])).mode(SaveMode::Append).idempotent("app", 7);
            write.save_as_table("s.numbers")
        }),
        of("a delete", |store, _| store.delete("t", col("id").gt(1_i64))),
        of("an update", |store, _| store.update("t", [set("name", "new")], col("id").gt(1_i64))),
        of("a merge", |store, _| {
            let merge = store.merge("t", people([(1, "new"), (8, "y")])).on(["id"]);
            merge.when_matched_update_all().when_not_matched_insert_all().execute()
        }),
        of("a compaction", |store, _| {
            let size = ChunkSize { rows_min: 8, rows_max: 8, ..ChunkSize::default() };
            store.compact_with("t", &Compaction::new().chunk_size(size))
        }),
        of("a sorting compaction", |store, _| {
            store.compact_with("s.numbers", &Compaction::new().sort_by(["n"]))
        }),
    ]
}

fn changes() -> Vec<Operation> {
    vec![
        of("a new database", |store, _| store.create_database("d")),
        of("a changed database", |store, _| {
            store.alter_database("s", &PropertyPatch::new().with("key", "value"))
        }),
        of("a dropped database", |store, _| store.drop_database_cascade("s")),
        of("a new table", |store, _| {
            let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
            store.create_table("new", NewTable::new(schema))
        }),
        of("a new view", |store, _| store.create_view("w", "SELECT 2")),
        of("a drop", |store, _| store.drop_table("canaries")),
        of("a truncation", |store, _| store.truncate("canaries")),
        of("a rename", |store, _| store.rename_table("t", "u")),
        of("added columns", |store, _| {
            store.add_columns("t", [Field::new("more", DataType::Int8, true)])
        }),
        of("a renamed column", |store, _| store.rename_column("t", "name", "called")),
        of("dropped columns", |store, _| store.drop_columns("t", ["name"])),
        of("a property", |store, _| {
            store.set_properties("t", &PropertyPatch::new().with("key", "value"))
        }),
        of("a restored table", |store, _| store.restore_table("t", "late")),
        of("a restored store", |store, _| store.restore("early")),
        of("a revert", |store, _| store.revert(store.version())),
    ]
}

fn transactions() -> Vec<Operation> {
    vec![
        of("a transaction over tables", |store, canaries| {
            store.transact(|tx| {
                tx.write(canaries.rows(&[1])).save_as_table("new")?;
                tx.write(people([(9, "z")])).mode(SaveMode::Append).save_as_table("t")?;
                tx.rename_table("s.numbers", "s.digits")?;
                tx.drop_table("canaries")
            })
        }),
        prepared("a transaction on an older base", |store, canaries| {
            let mut tx = store.begin();
            tx.write(canaries.rows(&[1])).save_as_table("new").unwrap();
            tx.write(people([(9, "z")])).mode(SaveMode::Append).save_as_table("t").unwrap();
            store.write(people([(8, "y")])).mode(SaveMode::Append).save_as_table("t").unwrap();
            move || tx.commit()
        }),
        prepared("a transaction that is refused", |store, _| {
            let mut tx = store.begin();
            tx.table("t").unwrap().read().unwrap();
            tx.write(people([(9, "z")])).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
            store.write(people([(8, "y")])).mode(SaveMode::Append).save_as_table("t").unwrap();
            move || match tx.commit() {
                Err(annals::CommitError::Conflict(_)) => Ok(()),
                Err(other) => Err(other),
                Ok(_) => panic!("it was to be refused"),
            }
        }),
        of("a transaction with an assertion", |store, canaries| {
            store.transact(|tx| {
                tx.write(canaries.rows(&[1])).save_as_table("new")?;
                tx.assert("it is there", |snapshot| match snapshot.table_exists("new") {
                    Ok(true) => Ok(()),
                    other => Err(format!("{other:?}")),
                });
                Ok::<_, WriteError>(())
            })
        }),
        of("an assertion that others overtake", |store, _| {
            let handle = store.clone();
            let overtaken = std::sync::atomic::AtomicBool::new(false);
            let mut tx = store.begin();
            tx.write(numbers([1])).save_as_table("new")?;
            tx.assert("overtaken once", move |_| {
                if !overtaken.swap(true, std::sync::atomic::Ordering::Relaxed) {
                    elsewhere(|| drop(handle.create_database("overtaking").unwrap()));
                }
                Ok(())
            });
            tx.commit().map_err(WriteError::from)
        }),
        prepared("a delete under which rows were compacted", |store, _| {
            let mut tx = store.begin();
            tx.delete("t", col("id").eq(1_i64)).unwrap();
            let size = ChunkSize { rows_min: 8, rows_max: 8, ..ChunkSize::default() };
            store.compact_with("t", &Compaction::new().chunk_size(size)).unwrap();
            move || tx.commit()
        }),
        prepared("a speculation that is published", |store, canaries| {
            let rows = canaries.rows(&[1]);
            let what_if = store.speculate(move |tx| tx.write(rows).save_as_table("new")).unwrap();
            let store = store.clone();
            move || what_if.publish(&store)
        }),
        prepared("a question about conflicts", |store, _| {
            let mut tx = store.begin();
            tx.write(numbers([1])).save_as_table("new").unwrap();
            store.create_database("meanwhile").unwrap();
            move || tx.would_conflict()
        }),
    ]
}

/// What publishes a head and makes no version.
fn heads() -> Vec<Operation> {
    vec![
        of("a tag", |store, _| store.tag("now", store.version())),
        of("a removed tag", |store, _| store.untag("early")),
        of("an expiry", |store, _| {
            store.expire(&Retention { versions_max: 2, ..store.retention() });
            Ok::<_, WriteError>(())
        }),
        of("another policy", |store, _| {
            store.set_retention(Retention { versions_max: 3, ..store.retention() });
            Ok::<_, WriteError>(())
        }),
        of("a fork that is written to", |store, canaries| {
            let fork = store.fork();
            fork.write(canaries.rows(&[1])).save_as_table("new")?;
            Ok::<_, WriteError>(())
        }),
        of("a refused tag", |store, _| {
            let refused = store.tag("early", VersionId(store.version().0));
            assert!(refused.is_err());
            Ok::<_, WriteError>(())
        }),
    ]
}

/// Whether all that publishes is here, as far as the engine's own list of kinds tells.
#[test]
fn every_kind_of_operation_is_run() {
    let mut seen = std::collections::BTreeSet::new();
    for operation in all() {
        let canaries = Canaries::default();
        let store = crate::fixture::fixture(&canaries);
        (operation.ready)(&store, &canaries)().unwrap();
        let history = store.history();
        let kinds =
            history.iter().flat_map(|commit| commit.operations.iter().map(|o| o.kind.clone()));
        seen.extend(kinds.map(|kind| kind.to_string()));
    }
    println!("{seen:?}");
    assert!(seen.len() >= 20, "{} kinds: {seen:?}", seen.len());
}
