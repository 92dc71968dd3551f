//! What a serializable transaction read of a table besides its columns and rows: the comment, the
//! properties, the comments on columns, and what every commit changes. And databases that it was told
//! of by a change that failed, or did nothing.
//!
//! Values are compared, not stamps: set and set back is no change.

use super::{Refusal, Rule, Subject, Theirs};
use crate::catalog::Catalog;
use crate::version::VersionId;
use crate::write_set::{ReadSet, TableReads};

/// Refuses if what was read is another in a later state of the same table.
pub(super) fn check_read_details(reads: &TableReads, theirs: &Theirs<'_>) -> Result<(), Refusal> {
    let (Some(base), read) = (&reads.base, reads.details) else { return Ok(()) };
    let (then, now) = (base.state(), theirs.now.state());
    let stamps = theirs.now.stamps();
    let said = stamps.property.max(stamps.restore);
    let changed = |what, stamp: VersionId| {
        let winner = theirs.since(stamp).unwrap_or_else(|| theirs.now.since());
        Err(Refusal::new(Rule::ReadChanged { theirs: what }, winner))
    };
    if read.comment && then.details().comment != now.details().comment {
        return changed("a comment", said);
    }
    if read.properties && then.details().properties != now.details().properties {
        return changed("a property", said);
    }
    if read.columns && then.schema() != now.schema() {
        // All else that alters columns was refused before.
        return changed("a comment on a column", said);
    }
    if read.state {
        return changed("a commit", theirs.now.since());
    }
    Ok(())
}

/// Refuses if a database that was there is gone or another, or one that was not has come.
pub(super) fn check_told_databases(
    reads: &ReadSet,
    head: &Catalog,
) -> Result<(), Box<(Subject, Refusal)>> {
    for (name, then) in &reads.told_databases {
        let now = head.database(name);
        if *then != now.map(|database| database.created) {
            let rule = Rule::ReadChanged { theirs: "a create or drop" };
            let winner = now.map_or(head.databases_changed, |database| database.arrived);
            let refusal = Refusal::new(rule, winner);
            return Err(Box::new((Subject::Database(name.clone()), refusal)));
        }
    }
    Ok(())
}
