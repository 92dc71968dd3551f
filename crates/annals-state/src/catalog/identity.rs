//! Tables by identity, whatever they are called.
//!
//! The catalog is ordered by names. A table that has another name now is found by what is known of
//! its past: its lives, or the departure that the catalog remembers.

use std::sync::Arc;

use super::Catalog;
use crate::name::TableName;
use crate::table::{Life, TableId, TableVersion};

/// A table that is no longer under a name that it had.
#[derive(Clone, Copy, Debug)]
pub struct Departed<'a> {
    /// The table.
    pub id: TableId,
    /// What it is called now; none if it was dropped.
    pub renamed_to: Option<&'a TableName>,
    /// The spans in which it was there, up to the departure.
    pub lives: &'a Arc<[Life]>,
}

impl Catalog {
    /// The table of this id. Costs a search for each of `names`, under which it is looked for
    /// first; O(tables) if it is there under none of them and the catalog does not know why.
    pub fn table_by_id<'a>(
        &self,
        id: TableId,
        names: impl IntoIterator<Item = &'a TableName>,
    ) -> Option<&Arc<TableVersion>> {
        let under = |name: &TableName| self.table(name).filter(|table| table.id() == id);
        if let Some(found) = names.into_iter().find_map(under) {
            return Some(found);
        }
        match self.departure(id) {
            Some(departure) => departure.renamed_to.as_ref().and_then(under),
            None if id >= self.next_table => None,
            None => self.tables.iter().find(|table| table.id() == id),
        }
    }

    /// The table that left this name last, as far as that is remembered: as long as an older
    /// version is retained. O(departures).
    pub fn departed_from(&self, name: &TableName) -> Option<Departed<'_>> {
        self.departures.by_version.iter().rev().find_map(|(_, id)| {
            let departure = self.departure(*id)?;
            let had = departure.lives.iter().any(|life| life.name == *name);
            let renamed_to = departure.renamed_to.as_ref();
            had.then_some(Departed { id: *id, renamed_to, lives: &departure.lives })
        })
    }
}
