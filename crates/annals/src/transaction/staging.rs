//! Changes on their way into the draft, and what they tell of what was there: for the rest of the
//! crate. A change is checked and made at once, and kept to be made again at commit.

use std::panic::Location;
use std::sync::Arc;

use annals_state::apply::Place;
use annals_state::conflict::Subject;
use annals_state::write_set::{Change, PropertyPatch, Staged};
use annals_state::{Catalog, DatabaseName, TableName, VersionId};

use super::Transaction;
use crate::error::WriteError;
use crate::store::Shared;

impl Transaction {
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.draft.catalog
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn base_id(&self) -> VersionId {
        self.base.id()
    }

    pub(crate) fn chunk_size(&self) -> crate::cutter::ChunkSize {
        self.shared.options.chunk_size
    }

    /// Notes that what was done, or left undone, depends on whether `name` is there.
    pub(crate) fn looked_up(&self, name: &TableName) {
        self.reads.note(|reads, base| reads.looked_up(base, name));
    }

    /// Notes that an error, or that nothing was done, told something of `name`.
    pub(crate) fn told(&self, name: &TableName) {
        self.reads.note(|reads, base| {
            reads.told(base, name);
            reads.told_database(base, &name.database());
        });
    }

    /// As [`told`](Self::told), of a database alone.
    pub(crate) fn told_of_database(&self, name: &DatabaseName) {
        self.reads.note(|reads, base| reads.told_database(base, name));
    }

    /// Notes what the refusal of a change told.
    fn told_of(&self, change: &Change) {
        match Subject::of(change) {
            Subject::Table(name) => self.told(&name),
            Subject::Database(name) => self.told_of_database(&name),
            _ => {}
        }
        if let Change::DropDatabase { name, cascade: false } = change {
            self.reads.note(|reads, base| reads.listed(base, name)); // whether it is empty
        }
        if let Change::Rename { to, .. } = change {
            self.told(to);
        }
    }

    /// Notes that rows written to `name` were computed from what it held at the base.
    pub(crate) fn depends_on(&self, name: &TableName) {
        self.reads.note(|reads, base| reads.read_rows(base, name, None));
    }

    /// Checks a change, makes it in the draft, and keeps it for the commit.
    pub(crate) fn stage(
        &mut self,
        change: Change,
        location: &'static Location<'static>,
    ) -> Result<(), WriteError> {
        let location = self.location.unwrap_or(location).into();
        let staged = Arc::new(Staged { change, location });
        let oldest = match &staged.change {
            // These trim what is remembered of a table's former names.
            Change::Rename { .. } | Change::RestoreTable { .. } | Change::RestoreStore { .. } => {
                self.shared.published.head().timeline.oldest_reachable()
            }
            _ => VersionId::ZERO,
        };
        let place = Place::on_base(self.base.id(), self.provisional(), oldest);
        // A change that does not apply leaves the catalog as it was.
        let operation = self.draft.catalog.apply(&staged, &place);
        let operation = operation.inspect_err(|_| self.told_of(&staged.change))?;
        self.draft.operations.push_back(Arc::new(operation));
        self.draft.writes.push(staged);
        #[cfg(annals_broken = "dirty_read")]
        crate::broken::soil(&self.base, &self.draft.catalog);
        Ok(())
    }

    /// Refuses a database that is not there, unless the store is asked to create it.
    pub(crate) fn may_use_database(&self, database: &DatabaseName) -> Result<(), WriteError> {
        if self.shared.options.create_missing_databases {
            return Ok(());
        }
        Ok(self.draft.catalog.require_database(database).map(drop)?)
    }

    /// Creates the database of a table to be created, if the store is asked to.
    pub(crate) fn provide_database(
        &mut self,
        database: &DatabaseName,
        location: &'static Location<'static>,
    ) -> Result<(), WriteError> {
        self.may_use_database(database)?;
        if self.draft.catalog.database(database).is_some() {
            return Ok(());
        }
        let properties = PropertyPatch::default();
        let change = Change::CreateDatabase { name: database.clone(), comment: None, properties };
        self.stage(change, location)
    }

    /// The number that the commit gets if nobody else commits before.
    pub(crate) fn provisional(&self) -> VersionId {
        self.base.id().next().unwrap_or(self.base.id())
    }
}
