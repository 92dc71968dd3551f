//! A store with something of everything, all that can be seen of it, and whether it is as usable
//! as it was.

use std::sync::Arc;
use std::time::Instant;

use annals::{
    AwaitingReclaim, ChunkSize, Retention, SaveMode, Store, StoreBuilder, TagError, VersionId,
    WriteError,
};
use annals_tests::{content_of, numbers, numbers_in, people};

use crate::ENOUGH;
use annals_tests::canary::Canaries;

/// How many versions it keeps: fewer than it has made, so that each commit expires one.
const VERSIONS_MAX: usize = 8;

pub(crate) fn fixture(canaries: &Canaries) -> Store {
    let retention =
        Retention { versions_max: VERSIONS_MAX, records_max: 100, ..Retention::default() };
    let size = ChunkSize { rows_min: 1, rows_max: 4, bytes_max: 1 << 20 };
    let store = StoreBuilder::new().retention(retention).chunk_size(size).build();
    store.create_database("s").unwrap();
    store.write(people([(1, "a"), (2, "b")])).save_as_table("t").unwrap();
    store.tag("early", store.version()).unwrap();
    store.write(numbers((0..10).rev())).save_as_table("s.numbers").unwrap();
    for round in 0..4 {
        let rows = canaries.rows(&[round, round]);
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("canaries").unwrap();
    }
    store.write(numbers([7])).save_as_table("gone").unwrap();
    store.drop_table("gone").unwrap();
    store.create_view("v", "SELECT 1").unwrap();
    store.write(people([(3, "c")])).mode(SaveMode::Append).save_as_table("t").unwrap();
    store.tag("late", store.version()).unwrap();
    store.write(people([(4, "d")])).mode(SaveMode::Append).save_as_table("t").unwrap();
    store
}

/// All that a reader can see of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) version: VersionId,
    content: String,
    numbers: String,
    versions: Vec<VersionId>,
    tags: Vec<(Arc<str>, VersionId)>,
    records: Vec<VersionId>,
    versions_max: usize,
}

impl Seen {
    pub(crate) fn of(store: &Store) -> Self {
        let snapshot = store.snapshot();
        Self {
            version: snapshot.version(),
            content: content_of(&snapshot),
            numbers: numbers_in(&snapshot),
            versions: store.versions(),
            tags: store.tags(),
            records: store.history().iter().map(|commit| commit.version).collect(),
            versions_max: store.retention().versions_max,
        }
    }
}

/// Fails if the store does not take every kind of write, each as the next version.
#[track_caller]
pub(crate) fn assert_usable(store: &Store, canaries: &Canaries, told: &str) {
    let before = store.version().0;
    let now = |count: u64, what: &str| {
        assert_eq!(store.version().0, before + count, "{told}: afterwards, {what}");
    };
    let write = |rows| store.write(rows).mode(SaveMode::Overwrite).save_as_table("afterwards");
    write(canaries.rows(&[1])).unwrap();
    now(1, "a create");
    write(canaries.rows(&[1, 2])).unwrap();
    now(2, "an overwrite");
    let mut late = store.begin();
    late.write(numbers([1])).save_as_table("late").unwrap();
    let transacted = store.transact(|tx| {
        tx.drop_table("afterwards")?;
        tx.assert("it is gone", |snapshot| match snapshot.table_exists("afterwards") {
            Ok(false) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        Ok::<_, WriteError>(())
    });
    transacted.unwrap();
    now(3, "an assertion");
    late.would_conflict().unwrap();
    late.commit().unwrap();
    now(4, "a commit on an older base");
    store.tag("afterwards", store.version()).unwrap();
    assert!(matches!(store.tag("afterwards", before + 3), Err(TagError::Exists { .. })));
    store.untag("afterwards").unwrap();
    drop(store.pin("afterwards"));
    now(4, "tags and pins");
    store.drop_table("late").unwrap();
    let timestamps: Vec<_> = store.history().iter().map(|commit| commit.timestamp).collect();
    assert!(timestamps.is_sorted_by(|newer, older| newer > older), "{told}: {timestamps:?}");
    let versions: Vec<_> = store.history().iter().map(|commit| commit.version.0).collect();
    let dense = versions.windows(2).all(|pair| pair[0] == pair[1] + 1);
    assert!(dense, "{told}: {versions:?}");
}

/// Empties the store, and fails if anything of what was in it is left.
#[track_caller]
pub(crate) fn assert_memory_returns(store: &Store, canaries: &Canaries, told: &str) {
    for name in store.tables("default").unwrap() {
        store.drop_table(&name).unwrap();
    }
    for (tag, _) in store.tags() {
        store.untag(&tag).unwrap();
    }
    let nothing = Retention { versions_max: 1, records_max: 0, ..Retention::default() };
    store.set_retention(nothing);
    assert_eq!(store.versions().len(), 1, "{told}");
    // A watch on another thread may yet hold what it has just seen.
    let begin = Instant::now();
    while store.awaiting_reclaim() != AwaitingReclaim::default() {
        assert!(begin.elapsed() < ENOUGH, "{told}: {:?}", store.awaiting_reclaim());
        assert!(store.settle(ENOUGH), "{told}: {:?}", store.awaiting_reclaim());
        std::thread::yield_now();
    }
    assert_eq!(canaries.alive(), 0, "{told}: buffers are left");
    assert!(store.pins().is_empty(), "{told}: {:?}", store.pins());
}
