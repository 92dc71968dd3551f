//! What an expiry says it gives back, beside a model that looks at every chunk there is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use annals::{Expiry, Retention, SaveMode, Snapshot, Store, Version, VersionId};
use annals_state::chunk::Chunk;
use annals_tests::{Chance, numbers};
use expect_test::expect;

use crate::{append, keep, kept, overwrite, unbounded};

#[test]
fn a_chunk_returns_when_the_last_version_goes_that_has_it() {
    let store = unbounded();
    overwrite(&store, "t", 10);
    overwrite(&store, "t", 20);
    append(&store, "t", 1);
    overwrite(&store, "t", 30);
    // Of versions 0 to 2 only the 10 rows are gone for good: version 3 has the 20.
    let expiry = store.expire(&keep(2));
    assert_eq!(expiry.bytes_returned, 80);
    expect!["3 versions (v0 to v2) and 0 records expire; 80 bytes return, 0 are held by 0 pinned versions, 0 by tagged ones"]
        .assert_eq(&expiry.to_string());
    assert_eq!(store.expire(&keep(1)).bytes_returned, 160 + 8);
    let nothing = store.expire(&keep(1));
    assert_eq!(nothing, Expiry::default());
}

#[test]
fn what_a_snapshot_or_a_tag_holds_does_not_return() {
    let store = unbounded();
    for rows in [10, 20, 30, 40] {
        overwrite(&store, "t", rows);
    }
    store.tag("kept", 2).unwrap();
    let held = store.at(3).unwrap();
    // Version 2 is tagged: it stays, and so do its bytes, which no version that goes has.
    let dry = store.expire_dry_run(&keep(1));
    assert_eq!(kept(&store), [0, 1, 2, 3, 4]);
    assert_eq!(dry.versions, [0, 1, 3].map(VersionId));
    assert_eq!(dry.held, [VersionId(3)]);
    let bytes = |e: &Expiry| (e.bytes_returned, e.bytes_held_by_pins, e.bytes_held_by_tags);
    assert_eq!(bytes(&dry), (80, 240, 0));
    let policy = store.retention();
    assert_eq!(store.expire(&keep(1)), dry);
    assert_eq!(kept(&store), [2, 4]);
    assert_eq!((store.retention(), held.table("t").unwrap().row_count()), (policy, 30));

    // Rows that a version shares with a tagged one stay with that.
    let store = unbounded();
    overwrite(&store, "t", 10);
    store.tag("kept", 1).unwrap();
    append(&store, "t", 1);
    overwrite(&store, "t", 20);
    assert_eq!(bytes(&store.expire(&keep(1))), (8, 0, 80));
}

#[test]
fn what_a_restore_brought_back_does_not_return() {
    let store = unbounded();
    overwrite(&store, "t", 10);
    overwrite(&store, "t", 20);
    overwrite(&store, "t", 30);
    store.restore_table("t", 1).unwrap();
    append(&store, "t", 1);
    // Versions 0, 1 and 2 go; version 3 follows, and the 10 rows are back in version 4.
    assert_eq!(store.expire(&keep(3)).bytes_returned, 160);
}

/// A store beside the content of all versions that it ever had.
struct World {
    store: Store,
    all: BTreeMap<VersionId, Version>,
}

type Chunks = BTreeMap<*const Chunk, u64>;

fn chunks(version: &Version) -> Chunks {
    let tables = version.catalog().tables();
    let entries = tables.flat_map(|(_, table)| table.state().chunk_map().values());
    entries.map(|entry| (Arc::as_ptr(entry.chunk()), entry.chunk().bytes())).collect()
}

fn chunks_of<'a>(versions: impl Iterator<Item = &'a Version>) -> Chunks {
    versions.flat_map(chunks).collect()
}

/// One step of a random history, which may be refused.
fn step(store: &Store, chance: &mut Chance) {
    let name = chance.of(&["a", "b", "c"]);
    let rows = || numbers(0..7);
    let versions = store.versions();
    let then = chance.of(&versions);
    match chance.below(10) {
        0..=2 => drop(store.write(rows()).mode(SaveMode::Append).save_as_table(name)),
        3..=4 => drop(store.write(rows()).mode(SaveMode::Overwrite).save_as_table(name)),
        5 => drop(store.drop_table(name)),
        6 => drop(store.rename_table(name, chance.of(&["a", "b", "c"]))),
        7 => drop(store.restore_table(name, then)),
        8 => drop(store.restore(then)),
        _ => {
            let mut tx = store.begin();
            let _ = tx.write(rows()).mode(SaveMode::Append).save_as_table(name);
            let _ = tx.restore_table(chance.of(&["a", "b"]), then);
            let _ = tx.write(rows()).mode(SaveMode::Overwrite).save_as_table("d");
            let _ = tx.commit();
        }
    }
}

/// What the model says of an expiry to the newest `versions_max`, given the held versions.
fn predicted(world: &World, held: &[VersionId], versions_max: usize) -> Expiry {
    let store = &world.store;
    let tagged: Vec<VersionId> = store.tags().iter().map(|(_, version)| *version).collect();
    let first = store.version().0.saturating_sub(versions_max as u64 - 1);
    let reachable = store.versions();
    let goes = |version: &VersionId| version.0 < first && !tagged.contains(version);
    let (gone, stay): (Vec<_>, Vec<_>) = reachable.into_iter().partition(goes);
    let of = |versions: &[VersionId]| chunks_of(versions.iter().map(|version| &world.all[version]));
    let (below, window): (Vec<_>, Vec<_>) = stay.iter().partition(|version| version.0 < first);
    let (window, below) = (of(&window), of(&below));
    let held_now: Vec<_> = gone.iter().filter(|v| held.contains(v)).copied().collect();
    let pinned = of(&held_now);
    let mut expiry = Expiry::default();
    for (chunk, bytes) in of(&gone) {
        if window.contains_key(&chunk) {
            continue;
        }
        if below.contains_key(&chunk) {
            expiry.bytes_held_by_tags += bytes;
        } else if pinned.contains_key(&chunk) {
            expiry.bytes_held_by_pins += bytes;
        } else {
            expiry.bytes_returned += bytes;
        }
    }
    (expiry.versions, expiry.held) = (gone, held_now);
    expiry
}

#[test]
fn the_account_of_an_expiry_equals_that_of_sets_of_chunks() {
    let mut chance = Chance::new();
    let mut totals = [0; 3];
    for _ in 0..40 {
        // The model holds the chunks, so that each keeps its address, and no version.
        let store = unbounded();
        let all = BTreeMap::from([(VersionId(0), apart(&store.snapshot()))]);
        let mut world = World { store, all };
        for _ in 0..4 {
            for _ in 0..2 + chance.below(8) {
                step(&world.store, &mut chance);
                let now = world.store.snapshot();
                world.all.entry(now.version()).or_insert_with(|| apart(&now));
                if chance.below(6) == 0 {
                    let _ = world.store.tag(chance.of(&["x", "y"]), now.version());
                }
                if chance.below(9) == 0 {
                    let _ = world.store.untag(chance.of(&["x", "y"]));
                }
            }
            let versions = world.store.versions();
            let held: Vec<Snapshot> = (0..chance.below(4))
                .map(|_| world.store.at(chance.of(&versions)).unwrap())
                .collect();
            let ids: Vec<VersionId> = held.iter().map(Snapshot::version).collect();
            let versions_max = 1 + chance.below(4);
            let policy = Retention { versions_max, ..Retention::UNBOUNDED };
            // While the one before is freed, the version after it is held for a moment.
            assert!(world.store.settle(Duration::from_secs(60)));
            let expected = predicted(&world, &ids, versions_max);
            assert_eq!(world.store.expire_dry_run(&policy), expected);
            assert_eq!(world.store.versions(), versions, "a dry run changes nothing");
            assert_eq!(world.store.expire(&policy), expected);
            let bytes =
                [expected.bytes_returned, expected.bytes_held_by_pins, expected.bytes_held_by_tags];
            totals.iter_mut().zip(bytes).for_each(|(total, bytes)| *total += bytes);
            for snapshot in &held {
                assert_eq!(chunks(snapshot.value()), chunks(&world.all[&snapshot.version()]));
            }
        }
    }
    assert!(totals.iter().all(|total| *total > 1_000), "{totals:?}");
}

/// The same content as a value of its own, so that the version is not held.
fn apart(snapshot: &Snapshot) -> Version {
    let value = snapshot.value();
    value.speculative(value.id(), value.catalog().clone())
}
