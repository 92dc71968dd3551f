//! What there was: every version that was ever made, when, and which of them can be reached.

use std::collections::{BTreeMap, BTreeSet};

use super::fit::{Refusal, refuse};
use super::step::Moment;
use super::world::World;

/// The versions of a store, by number.
#[derive(Clone, Debug)]
pub struct Past {
    /// Whether it can be reached or not.
    pub worlds: Vec<World>,
    /// Their timestamps.
    pub times: Vec<i64>,
    /// The first of the dense window that ends with the newest.
    pub oldest: u64,
    /// Versions below the window that a tag keeps.
    pub kept: BTreeSet<u64>,
    /// What tags name.
    pub tags: BTreeMap<&'static str, u64>,
    /// The clock.
    pub clock: i64,
}

impl Past {
    /// Version 0 alone, of a store whose clock says `clock`.
    pub fn new(first: i64, clock: i64) -> Self {
        Self {
            worlds: vec![World::default()],
            times: vec![first],
            oldest: 0,
            kept: BTreeSet::new(),
            tags: BTreeMap::new(),
            clock,
        }
    }

    /// The newest version.
    pub fn newest(&self) -> u64 {
        self.worlds.len() as u64 - 1
    }

    /// The newest world.
    pub fn now(&self) -> &World {
        &self.worlds[self.worlds.len() - 1]
    }

    /// A version's content.
    pub fn world(&self, version: u64) -> &World {
        &self.worlds[version as usize]
    }

    /// The timestamp that the next version gets.
    pub fn next_time(&self) -> i64 {
        self.clock.max(self.times[self.times.len() - 1] + 1)
    }

    /// The next version.
    pub fn push(&mut self, world: World) {
        self.times.push(self.next_time());
        self.worlds.push(world);
    }

    /// The number of the version so many before the newest; one that never was if there are fewer.
    pub fn back(&self, back: u64) -> u64 {
        let newest = self.newest();
        newest.checked_sub(back).unwrap_or(newest + back)
    }

    /// Refuses a version that cannot be reached.
    pub fn reach(&self, version: u64) -> Result<u64, Refusal> {
        if version > self.newest() {
            return refuse("Travel.NoVersion");
        }
        match version >= self.oldest || self.kept.contains(&version) {
            true => Ok(version),
            false => refuse("Travel.Expired"),
        }
    }

    /// The version of a moment.
    pub fn at(&self, moment: &Moment) -> Result<u64, Refusal> {
        match moment {
            Moment::Back(back) => self.reach(self.back(*back)),
            Moment::Tag(tag) => match self.tags.get(tag) {
                Some(version) => self.reach(*version),
                None => refuse("Travel.NoTag"),
            },
            Moment::Time(..) => {
                let asked = self.micros(moment);
                let newest = self.newest();
                if asked > self.clock.max(self.times[newest as usize]) {
                    return refuse("Travel.Future");
                }
                let before = |version: &u64| self.times[*version as usize] <= asked;
                if let Some(found) = (self.oldest..=newest).rev().find(before) {
                    return Ok(found);
                }
                // Of a version below it can be told only if the one that followed is there too.
                let found = self.kept.iter().rev().copied().find(before);
                let next_is_kept = |version: &u64| self.reach(version + 1).is_ok();
                found.filter(next_is_kept).ok_or_else(|| "Travel.TooEarly".to_owned())
            }
        }
    }

    /// The timestamp that a moment stands for.
    pub fn micros(&self, moment: &Moment) -> i64 {
        let Moment::Time(back, plus) = moment else { return 0 };
        let version = self.newest().saturating_sub(*back);
        self.times[version as usize] + plus
    }

    /// What is left of the past under a bound on the number of versions.
    pub fn expire(&mut self, versions_max: usize) -> Vec<u64> {
        let mut gone = Vec::new();
        while self.newest() - self.oldest + 1 > versions_max.max(1) as u64 {
            if self.tags.values().any(|tagged| *tagged == self.oldest) {
                self.kept.insert(self.oldest);
            } else {
                gone.push(self.oldest);
            }
            self.oldest += 1;
        }
        gone
    }

    /// The versions that can be reached, oldest first.
    pub fn versions(&self) -> Vec<u64> {
        self.kept.iter().copied().chain(self.oldest..=self.newest()).collect()
    }
}
