//! Undoing one commit in the middle of the history, on top of all that came later.

use std::fmt;
use std::panic::Location;

use annals_state::VersionId;
use annals_state::revert::{Obstacle, plan};
use annals_state::timeline::{At, TravelError};
use annals_state::write_set::Change;

use crate::error::WriteError;
use crate::store::Store;
use crate::transaction::{Committed, Transaction};

/// Why a commit cannot be reverted: everything that stands in the way.
#[derive(Clone, Debug)]
pub struct RevertError {
    /// The version whose commit was to be undone.
    pub version: VersionId,
    /// What later commits did.
    pub obstacles: Vec<Obstacle>,
}

impl fmt::Display for RevertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be reverted; since then: ", self.version)?;
        for (index, obstacle) in self.obstacles.iter().take(8).enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{obstacle}")?;
        }
        if self.obstacles.len() > 8 {
            write!(f, "; and {} more", self.obstacles.len() - 8)?;
        }
        f.write_str(". Revert those first, or restore")
    }
}

impl std::error::Error for RevertError {}

impl Store {
    /// Undoes what one commit did, as a new commit; what later commits did stays.
    ///
    /// Rows that the commit brought are taken out, rows that it deleted or updated are put back
    /// as they were, with their ids; so are columns, properties, names and whole tables. Costs
    /// what the commit changed and what changed since in the same tables. If nothing is left to
    /// undo, no version is made.
    ///
    /// # Errors
    ///
    /// [`WriteError::Revert`] with everything that stands in the way, if later commits built on
    /// it; [`WriteError::Travel`] if the version or the one before it is not retained.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{SaveMode, Store, col, record_batch, set};
    ///
    /// let store = Store::in_memory();
    /// store.write(record_batch!(("id", Int64, [1, 2]), ("x", Int64, [7, 8]))?).save_as_table("t")?;
    /// let bug = store.update("t", [set("x", 0)], col("id").eq(1))?.version();
    /// let more = record_batch!(("id", Int64, [3]), ("x", Int64, [9]))?;
    /// store.write(more).mode(SaveMode::Append).save_as_table("t")?;
    ///
    /// store.revert(bug)?;
    /// let table = store.table("t")?;
    /// assert_eq!(table.scan().filter(col("x").eq(7)).count()?, 1);
    /// assert_eq!(table.row_count(), 3); // what came later stays
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn revert(&self, version: impl Into<VersionId>) -> Result<Committed, WriteError> {
        let (version, location) = (version.into(), Location::caller());
        let work = |tx: &mut Transaction| tx.revert_at(version, location);
        self.autocommit(location, work).map(|((), committed)| committed)
    }
}

impl Transaction {
    /// Undoes what one commit did, on top of what this transaction sees and did; see
    /// [`Store::revert`]. Unless a message was given, it says what is reverted.
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn revert(&mut self, version: impl Into<VersionId>) -> Result<(), WriteError> {
        self.revert_at(version.into(), Location::caller())
    }

    fn revert_at(
        &mut self,
        version: VersionId,
        location: &'static Location<'static>,
    ) -> Result<(), WriteError> {
        let after = self.shared().version_at(&At::Version(version))?;
        let Some(previous) = version.0.checked_sub(1).map(VersionId) else {
            return Err(WriteError::Options("version 0 was made by no commit; nothing to revert"));
        };
        let before = self.shared().version_at(&At::Version(previous)).map_err(|error| {
            match after.commit() {
                // A fork begins with a version that no commit of its own made.
                None => TravelError::Expired { asked: previous, oldest: version },
                Some(_) => error,
            }
        })?;
        let changes = plan(&before, &after, self.catalog()).map_err(|mut obstacles| {
            let head = self.shared().published.head();
            for obstacle in &mut obstacles {
                obstacle.commit = head.timeline.record(obstacle.version).cloned();
            }
            WriteError::Revert(Box::new(RevertError { version, obstacles }))
        })?;
        for change in &changes {
            // It is dropped because nothing was done to it. What others write to it is not to go
            // with it.
            if let Change::DropTable { name } = change {
                self.depends_on(name);
            }
        }
        // What comes back is theirs.
        self.keep_until_dropped([before, after]);
        let savepoint = self.savepoint();
        let undoes = !changes.is_empty();
        for change in changes {
            if let Err(error) = self.stage(change, location) {
                self.rollback_to(&savepoint)?;
                return Err(error);
            }
        }
        if undoes {
            self.message_if_none(|| format!("revert of {version}"));
        }
        Ok(())
    }
}
