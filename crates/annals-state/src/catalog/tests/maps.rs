//! The persistent maps beside std's collections. Everything here rests on them, on `diff` most of
//! all, which has been wrong in an earlier release.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use im::ordmap::DiffItem;
use im::{OrdMap, OrdSet, Vector};

use super::kit::{Dice, each_seed};

type Map = OrdMap<u16, u64>;
type Model = BTreeMap<u16, u64>;

#[derive(Debug, PartialEq)]
enum Difference {
    Added(u16, u64),
    Removed(u16, u64),
    Updated(u16, u64, u64),
}

fn difference(before: &Map, after: &Map) -> Vec<Difference> {
    let items = before.diff(after).map(|item| match item {
        DiffItem::Add(key, value) => Difference::Added(*key, *value),
        DiffItem::Remove(key, value) => Difference::Removed(*key, *value),
        DiffItem::Update { old: (key, old), new: (same, new) } => {
            assert_eq!(key, same);
            Difference::Updated(*key, *old, *new)
        }
    });
    items.collect()
}

fn expected_difference(before: &Model, after: &Model) -> Vec<Difference> {
    let mut keys: Vec<u16> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let compare = |key: u16| match (before.get(&key), after.get(&key)) {
        (None, Some(new)) => Some(Difference::Added(key, *new)),
        (Some(old), None) => Some(Difference::Removed(key, *old)),
        (Some(old), Some(new)) if old != new => Some(Difference::Updated(key, *old, *new)),
        _ => None,
    };
    keys.into_iter().filter_map(compare).collect()
}

/// One random operation on both. Values are drawn from few, so that a change may change nothing.
fn change(dice: &mut Dice, map: &mut Map, model: &mut Model, keys: usize) {
    let key = dice.below(keys) as u16;
    let value = dice.below(4) as u64;
    match dice.below(8) {
        0..=3 => assert_eq!(map.insert(key, value), model.insert(key, value)),
        4..=5 => assert_eq!(map.remove(&key), model.remove(&key)),
        6 => {
            let (one, other) = (map.get_mut(&key), model.get_mut(&key));
            assert_eq!(one.is_some(), other.is_some());
            if let (Some(one), Some(other)) = (one, other) {
                (*one, *other) = (value, value);
            }
        }
        _ => {
            *map.entry(key).or_insert(0) += 1;
            *model.entry(key).or_insert(0) += 1;
        }
    }
}

/// A run of removals or of insertions, which is what merges and splits nodes.
fn sweep(dice: &mut Dice, map: &mut Map, model: &mut Model, keys: usize) {
    let from = dice.below(keys);
    let to = (from + dice.below(keys / 2 + 1)).min(keys);
    let removes = dice.one_in(2);
    for key in from as u16..to as u16 {
        if removes {
            map.remove(&key);
            model.remove(&key);
        } else {
            map.insert(key, 1);
            model.insert(key, 1);
        }
    }
}

fn check_contents(dice: &mut Dice, map: &Map, model: &Model, keys: usize) {
    assert_eq!(map.len(), model.len());
    assert!(map.iter().eq(model.iter()));
    assert!(map.iter().rev().eq(model.iter().rev()));
    assert_eq!(map.get_min().map(|(k, _)| k), model.keys().next());
    assert_eq!(map.get_max().map(|(k, _)| k), model.keys().next_back());
    let (one, other) = (dice.below(keys) as u16, dice.below(keys) as u16);
    assert_eq!(map.get(&one), model.get(&one));
    assert_eq!(map.get_key_value(&other), model.get_key_value(&other));
    assert_eq!(map.contains_key(&other), model.contains_key(&other));
    let (low, high) = (one.min(other), one.max(other));
    assert!(map.range(low..).eq(model.range(low..)));
    assert!(map.range(low..high).eq(model.range(low..high)));
    assert!(map.range(low..=high).rev().eq(model.range(low..=high).rev()));
    if low < high {
        let open = (Bound::Excluded(low), Bound::Excluded(high));
        assert!(map.range(open).eq(model.range(open)));
    }
}

#[test]
fn an_ordered_map_equals_a_tree_map_and_their_differences_are_equal() {
    let mut pairs = 0;
    each_seed(0..60, |dice| {
        // From maps of one node to maps of three levels; most are small, to be quick.
        let keys = match dice.below(40) {
            0 => 1_000,
            1..4 => 300,
            4..20 => 70,
            20..36 => 20,
            _ => 4,
        };
        let mut family: Vec<(Map, Model)> = vec![Default::default()];
        if dice.one_in(2) {
            let (map, model) = &mut family[0];
            for key in 0..keys as u16 {
                map.insert(key, 0);
                model.insert(key, 0);
            }
        }
        for step in 0..100 {
            // Clones share; whichever of them changes, the others must not.
            let parent = dice.below(family.len());
            let (mut map, mut model) = family[parent].clone();
            if dice.one_in(12) {
                sweep(dice, &mut map, &mut model, keys);
            }
            for _ in 0..dice.below(4) {
                change(dice, &mut map, &mut model, keys);
            }
            if step % 8 == 0 {
                check_contents(dice, &map, &model, keys);
            }
            let other = dice.below(family.len());
            for (before, after) in [(parent, None), (other, None), (parent, Some(other))] {
                let (old, old_model) = &family[before];
                let (new, new_model) = after.map_or((&map, &model), |after| {
                    let (map, model) = &family[after];
                    (map, model)
                });
                assert_eq!(difference(old, new), expected_difference(old_model, new_model));
                assert_eq!(difference(new, old), expected_difference(new_model, old_model));
                assert_eq!(old == new, old_model == new_model);
                pairs += 2;
            }
            if family.len() < 8 {
                family.push((map, model));
            } else {
                let at = dice.below(family.len());
                family[at] = (map, model);
            }
        }
        for (map, model) in &family {
            check_contents(dice, map, model, keys);
            assert!(difference(map, &map.clone()).is_empty());
        }
    });
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
