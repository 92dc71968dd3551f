//! Why a transaction cannot stand on top of what was committed after its base, by the matrix; and
//! why the engine may refuse it besides, by the grain of chunks.

use std::collections::BTreeSet;
use std::fmt;

use super::model::Model;
use crate::matrix::{Cell, Deed, Footprint, Id, Looked, cell, read_cell};
use crate::record::{Key, table_of};

/// What was committed after `base`, up to a version.
pub(crate) struct Past<'a> {
    pub(crate) model: &'a Model,
    /// What each version's transaction did.
    pub(crate) done: &'a [Footprint],
    pub(crate) base: u64,
    pub(crate) until: u64,
    /// Whether it is asked what may be refused, and not what must be.
    pub(crate) may: bool,
}

/// Why one is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reason {
    cell: Cell,
    version: u64,
    /// What was done there to the same; none if a name came or may have changed.
    deed: Option<Deed>,
}

impl Reason {
    /// Whether what the transaction is about is gone.
    pub(crate) fn is_final(&self) -> bool {
        self.cell == Cell::F
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in version {}", self.deed, self.version)
    }
}

impl Past<'_> {
    fn versions(&self) -> impl Iterator<Item = (u64, &Footprint)> {
        let versions = (0..).zip(self.done);
        let (base, until) = (self.base, self.until);
        let first = usize::try_from(base).map_or(usize::MAX, |base| base.saturating_add(1));
        versions.skip(first).take_while(move |(version, _)| *version <= until)
    }

    /// A name that came, or something that cannot be told more exactly.
    fn at_last(&self) -> Reason {
        Reason { cell: Cell::X, version: self.until, deed: None }
    }

    /// What does not go with what mine changes.
    pub(crate) fn conflicts(&self, mine: &Footprint) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for (version, theirs) in self.versions() {
            for (id, deed) in &theirs.deeds {
                for (_, my_deed) in mine.deeds.iter().filter(|(mine, _)| mine == id) {
                    let cell = match cell(*my_deed, mine.blind, *deed) {
                        Cell::S if self.overlap(mine, theirs, *id, (*my_deed, *deed)) => Cell::X,
                        Cell::S => Cell::C,
                        cell => cell,
                    };
                    if cell != Cell::C {
                        reasons.push(Reason { cell, version, deed: Some(*deed) });
                    }
                }
            }
        }
        if mine.taken.iter().any(|name| self.model.has(name, self.until)) {
            reasons.push(self.at_last());
        }
        reasons
    }

    /// Whether my deed and theirs are about the same rows.
    fn overlap(
        &self,
        mine: &Footprint,
        theirs: &Footprint,
        id: Id,
        (my_deed, their_deed): (Deed, Deed),
    ) -> bool {
        let of_table = |key: &Key| Id::Keys(table_of(*key)) == id;
        match (my_deed, their_deed) {
            (Deed::Rows, _) => {
                let rows = mine.rows.iter().filter(|(key, _)| of_table(key));
                let same = rows.clone().any(|(key, _)| theirs.rows.contains_key(key));
                let chunks = || rows.map(|(_, chunk)| *chunk).collect::<BTreeSet<usize>>();
                same || self.may && self.model.were_touched(self.base, self.until, &chunks())
            }
            // A compaction is about all rows that were there.
            (_, Deed::Compact) => true,
            _ => {
                let born = |key: &Key| self.model.keys.get(key).map(|row| row.born);
                let there = |key: &Key| born(key).is_some_and(|born| born <= self.base);
                theirs.rows.keys().any(|key| of_table(key) && there(key))
            }
        }
    }

    /// What changed of that which mine has read.
    pub(crate) fn changed_reads(&self, mine: &Footprint) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for read in &mine.reads {
            match read {
                Looked::Absence(name) => {
                    reasons.extend(self.model.has(name, self.until).then(|| self.at_last()));
                }
                Looked::Told(name, id) => {
                    let other = self.model.id_at(name, self.until) != *id;
                    reasons.extend(other.then(|| self.at_last()));
                    let back = |deed: &Deed| matches!(deed, Deed::Rename | Deed::Restore);
                    for (version, theirs) in self.versions() {
                        let deeds = theirs.deeds.iter().filter(|(of, _)| Some(*of) == *id);
                        reasons.extend(
                            deeds.filter(|(_, deed)| back(deed)).map(|(_, deed)| Reason {
                                cell: Cell::X,
                                version,
                                deed: Some(*deed),
                            }),
                        );
                    }
                }
                Looked::Key(key) => {
                    let may = self.may && self.model.may_have_changed(self.base, *key);
                    reasons.extend(may.then(|| self.at_last()));
                    let changed = self.versions().filter(|(_, theirs)| {
                        theirs.rows.contains_key(key) || theirs.inserted.contains(key)
                    });
                    reasons.extend(changed.map(|(version, _)| Reason {
                        cell: Cell::X,
                        version,
                        deed: Some(Deed::Rows),
                    }));
                }
                Looked::All(id) => {
                    for (version, theirs) in self.versions() {
                        let deeds = theirs.deeds.iter().filter(|(theirs, _)| theirs == id);
                        for (_, deed) in deeds {
                            let cell = read_cell(*deed);
                            let reason = Reason { cell, version, deed: Some(*deed) };
                            reasons.extend((cell != Cell::C).then_some(reason));
                        }
                    }
                }
            }
        }
        reasons
    }
}
