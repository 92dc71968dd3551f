//! The commits that did something to one table, newest first, found without looking at the others.
//!
//! A table version says since when it is what it is, and in which spans of versions the table was
//! there under which name. So a step leads from a state to the one before it, over any number of
//! versions in between.

use std::sync::Arc;

use annals_state::table::{Life, TableId, TableVersion};
use annals_state::timeline::Timeline;
use annals_state::{TableName, Version, VersionId};

use crate::error::TravelError;

/// A table as seen from one version, in which it need not be there any more.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    id: TableId,
    /// Its last name.
    pub(crate) name: TableName,
    lives: Arc<[Life]>,
}

/// What one commit did to a table. The states go before the versions that they belong to.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) before: Option<Arc<TableVersion>>,
    pub(crate) after: Option<Arc<TableVersion>>,
    _base: Option<Arc<Version>>,
    /// The version that the commit made.
    pub(crate) version: Arc<Version>,
}

impl Subject {
    /// The table of this name in `version`, or the one that left the name last.
    pub(crate) fn find(version: &Version, name: &TableName) -> Option<Self> {
        let of = |table: &Arc<TableVersion>| Self {
            id: table.id(),
            name: table.name().clone(),
            lives: table.lives().into(),
        };
        let catalog = version.catalog();
        if let Some(table) = catalog.table(name) {
            return Some(of(table));
        }
        let departed = catalog.departed_from(name)?;
        match departed.renamed_to {
            Some(now) => catalog.table(now).map(of),
            None => Some(Self {
                id: departed.id,
                name: departed.lives.last().map_or(name, |life| &life.name).clone(),
                lives: Arc::clone(departed.lives),
            }),
        }
    }

    /// The table's state in `version`, if it is there.
    pub(crate) fn state_in<'a>(&self, version: &'a Version) -> Option<&'a Arc<TableVersion>> {
        let at = version.id();
        let covers = |life: &&Life| life.from <= at && life.until.is_none_or(|until| at < until);
        let life = self.lives.iter().find(covers)?;
        version.catalog().table(&life.name).filter(|table| table.id() == self.id)
    }

    /// The steps to the state in version `last` and before it, down to version `first`.
    pub(crate) fn steps<'a>(
        &'a self,
        timeline: &'a Timeline,
        first: VersionId,
        last: VersionId,
    ) -> Steps<'a> {
        Steps { timeline, subject: self, first, at: Some(last) }
    }
}

/// The steps of a table, newest first. Ends after an error.
pub(crate) struct Steps<'a> {
    timeline: &'a Timeline,
    subject: &'a Subject,
    first: VersionId,
    /// The newest version that is not yet accounted for.
    at: Option<VersionId>,
}

impl Steps<'_> {
    fn step(&self, at: VersionId) -> Result<Option<Step>, TravelError> {
        let after = self.subject.state_in(self.timeline.at_version(at)?);
        let made = match after {
            Some(table) => Some(table.since()),
            // Not there: what happened last was its departure.
            None => {
                let ends = self.subject.lives.iter().filter_map(|life| life.until);
                ends.filter(|until| *until <= at).max()
            }
        };
        let Some(made) = made.filter(|made| *made >= self.first) else { return Ok(None) };
        let version = Arc::clone(self.timeline.at_version(made)?);
        let base = match made.0.checked_sub(1) {
            Some(base) => Some(Arc::clone(self.timeline.at_version(VersionId(base))?)),
            None => None,
        };
        let before = base.as_deref().and_then(|base| self.subject.state_in(base)).cloned();
        Ok(Some(Step { before, after: after.cloned(), _base: base, version }))
    }
}

impl Iterator for Steps<'_> {
    type Item = Result<Step, TravelError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.take().filter(|at| *at >= self.first)?;
        let step = self.step(at).transpose()?;
        if let Ok(step) = &step {
            self.at = step.version.id().0.checked_sub(1).map(VersionId);
        }
        Some(step)
    }
}
