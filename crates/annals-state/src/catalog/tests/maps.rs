//! The persistent maps beside std's collections. Everything here rests on them, on `diff` most of
//! all, which has been wrong in an earlier release.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::ops::{Bound, Range};
use std::sync::Arc;

use im::ordmap::DiffItem;
use im::{OrdMap, OrdSet, Vector};

use super::kit::{Dice, each_seed};

/// The keys and values of a map, made from numbers. They are those that the store has.
struct Shape<K, V> {
    key: fn(u16) -> K,
    value: fn(u64) -> V,
}

type Both<K, V> = (OrdMap<K, V>, BTreeMap<K, V>);

trait Part: Clone + Debug + PartialEq {}
impl<T: Clone + Debug + PartialEq> Part for T {}

/// A value of which only the very same is equal, as versions of tables and entries of chunks are.
#[derive(Clone, Debug)]
struct Identity(Arc<u64>);

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Identity {
    fn of(number: u64) -> Self {
        thread_local! {
            static ALL: [Identity; 5] = std::array::from_fn(|n| Identity(Arc::new(n as u64)));
        }
        ALL.with(|all| all[number as usize % 5].clone())
    }
}

#[derive(Debug, PartialEq)]
enum Difference<K, V> {
    Added(K, V),
    Removed(K, V),
    Updated(K, V, V),
}

fn difference<K: Part + Ord, V: Part>(
    before: &OrdMap<K, V>,
    after: &OrdMap<K, V>,
) -> Vec<Difference<K, V>> {
    let items = before.diff(after).map(|item| match item {
        DiffItem::Add(key, value) => Difference::Added(key.clone(), value.clone()),
        DiffItem::Remove(key, value) => Difference::Removed(key.clone(), value.clone()),
        DiffItem::Update { old: (key, old), new: (same, new) } => {
            assert_eq!(key, same);
            Difference::Updated(key.clone(), old.clone(), new.clone())
        }
    });
    items.collect()
}

fn expected_difference<K: Part + Ord, V: Part>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> Vec<Difference<K, V>> {
    let mut keys: Vec<K> = before.keys().chain(after.keys()).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    let compare = |key: K| match (before.get(&key), after.get(&key)) {
        (None, Some(new)) => Some(Difference::Added(key, new.clone())),
        (Some(old), None) => Some(Difference::Removed(key, old.clone())),
        (Some(old), Some(new)) if old != new => {
            Some(Difference::Updated(key, old.clone(), new.clone()))
        }
        _ => None,
    };
    keys.into_iter().filter_map(compare).collect()
}

impl<K: Part + Ord, V: Part> Shape<K, V> {
    /// One random operation on both. Values are drawn from few, so that a change may change
    /// nothing.
    fn change(&self, dice: &mut Dice, (map, model): &mut Both<K, V>, keys: usize) {
        let key = (self.key)(dice.below(keys) as u16);
        let value = (self.value)(dice.below(4) as u64);
        match dice.below(8) {
            0..=3 => {
                assert_eq!(map.insert(key.clone(), value.clone()), model.insert(key, value));
            }
            4..=5 => assert_eq!(map.remove(&key), model.remove(&key)),
            6 => {
                let (one, other) = (map.get_mut(&key), model.get_mut(&key));
                assert_eq!(one.is_some(), other.is_some());
                if let (Some(one), Some(other)) = (one, other) {
                    (*one, *other) = (value.clone(), value);
                }
            }
            _ => {
                let none = (self.value)(0);
                *map.entry(key.clone()).or_insert(none.clone()) = value.clone();
                *model.entry(key).or_insert(none) = value;
            }
        }
    }

    /// A run of removals or of insertions, which is what merges and splits nodes.
    fn sweep(&self, dice: &mut Dice, (map, model): &mut Both<K, V>, keys: usize) {
        let from = dice.below(keys);
        let to = (from + dice.below(keys / 2 + 1)).min(keys);
        let removes = dice.one_in(2);
        for key in (from as u16..to as u16).map(self.key) {
            if removes {
                map.remove(&key);
                model.remove(&key);
            } else {
                map.insert(key.clone(), (self.value)(1));
                model.insert(key, (self.value)(1));
            }
        }
    }

    fn check_contents(&self, dice: &mut Dice, (map, model): &Both<K, V>, keys: usize) {
        assert_eq!(map.len(), model.len());
        assert!(map.iter().eq(model.iter()));
        assert!(map.iter().rev().eq(model.iter().rev()));
        assert!(map.keys().eq(model.keys()) && map.values().eq(model.values()));
        assert_eq!(map.get_min().map(|(k, _)| k), model.keys().next());
        assert_eq!(map.get_max().map(|(k, _)| k), model.keys().next_back());
        let [one, other] = [(); 2].map(|()| (self.key)(dice.below(keys) as u16));
        assert_eq!(map.get(&one), model.get(&one));
        assert_eq!(map.get_key_value(&other), model.get_key_value(&other));
        assert_eq!(map.contains_key(&other), model.contains_key(&other));
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        assert!(map.range(low.clone()..).eq(model.range(low.clone()..)));
        assert!(map.range(low.clone()..high.clone()).eq(model.range(low.clone()..high.clone())));
        let to = low.clone()..=high.clone();
        assert!(map.range(to.clone()).rev().eq(model.range(to).rev()));
        if low < high {
            let open = (Bound::Excluded(low), Bound::Excluded(high));
            assert!(map.range(open.clone()).eq(model.range(open)));
        }
    }

    /// Compares related maps with their models, pair by pair; returns how many pairs.
    fn compare(&self, seeds: Range<u64>) -> usize {
        let mut pairs = 0;
        each_seed(seeds, |dice| {
            // From maps of one node to maps of three levels; most are small, to be quick.
            let keys = match dice.below(40) {
                0 => 1_000,
                1..4 => 300,
                4..20 => 70,
                20..36 => 20,
                _ => 4,
            };
            let mut family: Vec<Both<K, V>> = vec![(OrdMap::new(), BTreeMap::new())];
            if dice.one_in(2) {
                let (map, model) = &mut family[0];
                for key in (0..keys as u16).map(self.key) {
                    map.insert(key.clone(), (self.value)(0));
                    model.insert(key, (self.value)(0));
                }
            }
            for step in 0..100 {
                // Clones share; whichever of them changes, the others must not.
                let parent = dice.below(family.len());
                let mut both = family[parent].clone();
                if dice.one_in(12) {
                    self.sweep(dice, &mut both, keys);
                }
                for _ in 0..dice.below(4) {
                    self.change(dice, &mut both, keys);
                }
                if step % 8 == 0 {
                    self.check_contents(dice, &both, keys);
                }
                let other = dice.below(family.len());
                for (before, after) in [(parent, None), (other, None), (parent, Some(other))] {
                    let (old, old_model) = &family[before];
                    let (new, new_model) = after.map_or(&both, |after| &family[after]);
                    assert_eq!(difference(old, new), expected_difference(old_model, new_model));
                    assert_eq!(difference(new, old), expected_difference(new_model, old_model));
                    assert_eq!(old == new, old_model == new_model);
                    pairs += 2;
                }
                if family.len() < 8 {
                    family.push(both);
                } else {
                    let at = dice.below(family.len());
                    family[at] = both;
                }
            }
            for both in &family {
                self.check_contents(dice, both, keys);
                assert!(difference(&both.0, &both.0.clone()).is_empty());
            }
        });
        pairs
    }
}

#[test]
fn an_ordered_map_equals_a_tree_map_and_their_differences_are_equal() {
    let pairs = Shape { key: |key| key, value: |value| value }.compare(0..60);
    assert!(pairs >= 20_000, "{pairs} pairs");
}

#[test]
fn so_does_one_of_what_the_store_keeps_in_maps() {
    // Tables by the digest of their names, which is no order that anybody sees.
    let digest = |key: u16| {
        let mixed = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed % 3, mixed)
    };
    let mut pairs = Shape { key: digest, value: Identity::of }.compare(100..114);
    // Chunks by sequence, versions by number.
    pairs += Shape { key: u64::from, value: Identity::of }.compare(200..214);
    // Tags, and properties.
    let text = |key: u16| -> Arc<str> { format!("key {key}").into() };
    let value = |value: u64| -> Arc<str> { value.to_string().into() };
    pairs += Shape { key: text, value }.compare(300..304);
    // Sets, which are maps of nothing.
    pairs += Shape { key: |key: u16| (key / 3, key % 3), value: |_| () }.compare(400..404);
    assert!(pairs >= 20_000, "{pairs} pairs");
}

thread_local! {
    static COMPARISONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts how often two of it are compared.
#[derive(Clone, Debug)]
struct Counted(u32);

impl Counted {
    fn note() {
        COMPARISONS.set(COMPARISONS.get() + 1);
    }

    fn during<R>(work: impl FnOnce() -> R) -> (R, u64) {
        let before = COMPARISONS.get();
        let result = work();
        (result, COMPARISONS.get() - before)
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        Self::note();
        self.0 == other.0
    }
}

impl Eq for Counted {}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> Ordering {
        Self::note();
        self.0.cmp(&other.0)
    }
}

#[test]
fn what_is_shared_is_not_visited() {
    let all = 30_000;
    let map: OrdMap<Counted, Counted> = (0..all).map(|n| (Counted(n), Counted(0))).collect();
    for (changes, comparisons_max) in [(0, 0), (1, 200), (10, 2_000)] {
        let mut next = map.clone();
        let ((), comparisons) = Counted::during(|| {
            for n in 0..changes {
                next.insert(Counted(n * 2_999 + 7), Counted(1));
            }
        });
        assert!(comparisons <= comparisons_max, "{changes} insertions: {comparisons}");
        let (count, comparisons) = Counted::during(|| map.diff(&next).count());
        assert_eq!(count, changes as usize);
        assert!(comparisons <= comparisons_max, "a difference of {changes}: {comparisons}");
    }
    let mut next = map.clone();
    next.remove(&Counted(15_000));
    next.insert(Counted(all), Counted(0));
    let (count, comparisons) = Counted::during(|| next.diff(&map).count());
    assert_eq!(count, 2);
    // Entries behind one that went lie in other places of their nodes; whole nodes are shared.
    assert!(comparisons <= 2_000, "{comparisons}");
}

#[test]
fn a_vector_equals_a_deque() {
    each_seed(0..40, |dice| {
        let mut family: Vec<(Vector<u32>, VecDeque<u32>)> = vec![Default::default()];
        let steady = dice.pick(&[3, 64, 200, 1_500]);
        for step in 0..200 {
            let parent = dice.below(family.len());
            let (mut vector, mut model) = family[parent].clone();
            for _ in 0..dice.below(80) {
                // A window that slides: pushed at one end, popped at the other.
                if model.len() < steady || dice.one_in(3) {
                    vector.push_back(step);
                    model.push_back(step);
                }
                if model.len() > steady || dice.one_in(3) {
                    assert_eq!(vector.pop_front(), model.pop_front());
                }
            }
            assert_eq!(vector.len(), model.len());
            assert_eq!((vector.front(), vector.back()), (model.front(), model.back()));
            for _ in 0..4 {
                let at = dice.below(model.len() + 2);
                assert_eq!(vector.get(at), model.get(at));
            }
            if step % 40 == 0 {
                assert!(vector.iter().eq(model.iter()));
                assert!(vector.iter().rev().eq(model.iter().rev()));
            }
            match family.len() {
                0..4 => family.push((vector, model)),
                len => family[dice.below(len)] = (vector, model),
            }
        }
        for (vector, model) in &family {
            assert!(vector.iter().eq(model.iter()));
        }
    });
}

#[test]
fn an_ordered_set_gives_its_least_first() {
    each_seed(0..30, |dice| {
        let mut set: OrdSet<(u64, u64)> = OrdSet::new();
        let mut model = std::collections::BTreeSet::new();
        for _ in 0..300 {
            let item = (dice.below(40) as u64, dice.below(3) as u64);
            if dice.one_in(3) {
                assert_eq!(set.remove(&item).is_some(), model.remove(&item));
            } else {
                assert_eq!(set.insert(item).is_none(), model.insert(item));
            }
            assert_eq!(set.get_min(), model.first());
            assert_eq!(set.len(), model.len());
        }
        assert!(set.iter().eq(model.iter()));
    });
}
