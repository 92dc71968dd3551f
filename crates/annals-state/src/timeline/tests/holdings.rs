//! Bytes beside a model that looks at every chunk of every version.

use std::collections::BTreeSet;

use super::*;
use crate::catalog::tests::kit::Dice;
use crate::chunk::Chunk;

/// All chunks of a version, by pointer, with their bytes.
fn chunks(version: &Version) -> BTreeMap<*const Chunk, u64> {
    let tables = version.catalog().tables();
    let entries = tables.flat_map(|(_, table)| table.state().chunk_map().values());
    entries.map(|entry| (Arc::as_ptr(entry.chunk()), entry.chunk().bytes())).collect()
}

/// All buffers of a version, by address, with their capacities.
fn buffers(version: &Version) -> BTreeMap<usize, u64> {
    let tables = version.catalog().tables();
    let entries = tables.flat_map(|(_, table)| table.state().chunk_map().values());
    entries.flat_map(|entry| entry.chunk().buffers()).collect()
}

fn holdings_of<K: Ord + Copy>(versions: &[BTreeMap<K, u64>]) -> Holdings {
    let of_others = |at: usize| -> BTreeSet<K> {
        let others = versions.iter().enumerate().filter(|(other, _)| *other != at);
        others.flat_map(|(_, version)| version.keys().copied()).collect()
    };
    let holding = |(at, version): (usize, &BTreeMap<K, u64>)| {
        let others = of_others(at);
        let alone = version.iter().filter(|(piece, _)| !others.contains(piece));
        Holding { bytes: version.values().sum(), exclusive: alone.map(|(_, bytes)| bytes).sum() }
    };
    let mut all = BTreeMap::new();
    versions.iter().for_each(|version| all.extend(version.clone()));
    Holdings {
        versions: versions.iter().enumerate().map(holding).collect(),
        bytes: all.values().sum(),
    }
}

/// What is left of `others`, as the bytes of each set of them, apart for tagged and untagged.
fn left_in_model(
    timeline: &Timeline,
    others: &[&Arc<Version>],
) -> BTreeMap<(bool, Vec<usize>), u64> {
    let (mut window, mut kept) = (BTreeSet::new(), BTreeSet::new());
    for version in timeline.versions() {
        let to = if version.id() < timeline.first() { &mut kept } else { &mut window };
        to.extend(chunks(version).into_keys());
    }
    let mut holders: BTreeMap<*const Chunk, (u64, Vec<usize>)> = BTreeMap::new();
    for (at, version) in others.iter().enumerate() {
        for (chunk, bytes) in chunks(version) {
            let holder = holders.entry(chunk).or_insert((bytes, Vec::new()));
            holder.1.push(at);
        }
    }
    let mut left = BTreeMap::new();
    for (chunk, (bytes, of)) in holders {
        if !window.contains(&chunk) {
            *left.entry((kept.contains(&chunk), of)).or_insert(0) += bytes;
        }
    }
    left
}

fn left_of(timeline: &Timeline, others: &[&Arc<Version>]) -> BTreeMap<(bool, Vec<usize>), u64> {
    let mut left = BTreeMap::new();
    for Leftover { bytes, tagged, spans } in timeline.left_of(others) {
        assert!(!spans.is_empty());
        *left.entry((tagged, spans.into_iter().flatten().collect())).or_insert(0) += bytes;
    }
    left
}

fn tell(story: &mut Story, dice: &mut Dice) {
    let mut tx = story.begin();
    // What has expired cannot be restored.
    let reachable: Vec<Arc<Version>> = story.timeline.versions().cloned().collect();
    for _ in 0..1 + dice.below(3) {
        let wish = random_wish(dice, &tx.draft, &reachable);
        let _ = tx.wish(&wish);
    }
    // Now and then somebody else commits before, so that it is carried over.
    if dice.one_in(5) {
        tell(story, dice);
    }
    let _ = story.commit(tx);
    let retained: Vec<VersionId> = story.timeline.versions().map(|version| version.id()).collect();
    let tag = dice.pick(&["a", "b", "c"]);
    match dice.below(8) {
        0 => drop(story.timeline.tag(tag, dice.pick(&retained))),
        1 => drop(story.timeline.untag(tag)),
        _ => {}
    }
}

#[test]
fn bytes_of_versions_equal_those_of_their_sets_of_chunks_and_buffers() {
    let (mut exclusive, mut shared) = (0, 0);
    each_seed(0..60, |dice| {
        let mut story = Story::new();
        story.retention.versions_max = dice.pick(&[1, 4, 100]);
        for _ in 0..25 {
            tell(&mut story, dice);
            let timeline = &story.timeline;
            let by_chunk: Vec<_> = timeline.versions().map(|version| chunks(version)).collect();
            let holdings = timeline.holdings();
            assert_eq!(holdings, holdings_of(&by_chunk));
            let newest = holdings.versions.last().unwrap().bytes;
            assert_eq!(newest, timeline.newest().catalog().bytes());
            for held in &holdings.versions {
                exclusive += held.exclusive;
                shared += held.bytes - held.exclusive;
            }
            let by_buffer: Vec<_> = timeline.versions().map(|version| buffers(version)).collect();
            assert_eq!(timeline.holdings_by_buffer(), holdings_of(&by_buffer));
        }
    });
    assert!(exclusive > 1_000 && shared > 1_000, "{exclusive} {shared}");
}

#[test]
fn what_is_left_of_expired_versions_is_what_no_version_of_the_window_has() {
    let (mut free, mut tagged, mut none) = (0_u64, 0_u64, 0);
    each_seed(0..120, |dice| {
        let mut story = Story::new();
        story.retention = Retention::UNBOUNDED;
        for _ in 0..25 {
            tell(&mut story, dice);
            let versions_max = dice.pick(&[1, 3, 10]);
            let policy = Retention { versions_max, ..Retention::UNBOUNDED };
            let mut after = story.timeline.clone();
            after.expire(&policy, story.head().timestamp(), dice.pick(&[2, usize::MAX]));
            // Those that go now, and those that went before and that somebody holds.
            let reachable: BTreeSet<VersionId> = after.versions().map(|v| v.id()).collect();
            let gone = story.versions.iter().filter(|v| !reachable.contains(&v.id()));
            let others: Vec<&Arc<Version>> = gone.filter(|_| !dice.one_in(3)).collect();
            let left = left_of(&after, &others);
            assert_eq!(left, left_in_model(&after, &others));
            for ((is_tagged, _), bytes) in &left {
                *(if *is_tagged { &mut tagged } else { &mut free }) += bytes;
            }
            none += usize::from(left.is_empty() && !others.is_empty());
            if dice.one_in(4) {
                story.timeline = after;
            }
        }
    });
    assert!(free > 1_000 && tagged > 1_000 && none > 10, "{free} {tagged} {none}");
}

#[test]
fn slices_of_one_buffer_count_once_by_buffer() {
    let mut story = Story::new();
    let rows: Vec<_> = (0..6).map(|n| row(&["k"], n)).collect();
    story.make("a", &["k"], &rows);
    let state = story.table("a");
    let mut addresses = BTreeSet::new();
    let entries = state.state().chunk_map().values();
    let capacity: u64 = entries
        .flat_map(|entry| entry.chunk().buffers())
        .filter(|(address, _)| addresses.insert(*address))
        .map(|(_, capacity)| capacity)
        .sum();
    let holdings = story.timeline.holdings_by_buffer();
    assert_eq!(holdings.bytes, capacity);
    assert_eq!(holdings.versions[1], Holding { bytes: capacity, exclusive: capacity });
    assert_eq!(holdings.versions[0], Holding::default());
}
