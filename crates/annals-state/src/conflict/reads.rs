//! What a serializable transaction read, held against what others committed since.

use std::sync::Arc;

use super::chunks::check_read_rows;
use super::{Check, Column, Refusal, Rule, Subject, Theirs, arrival, details, gone};
use crate::catalog::Catalog;
use crate::write_set::RowReads;

/// Refuses if something that was read has changed.
pub(super) fn check_reads(ask: Check<'_>, head: &Catalog) -> Result<(), Box<(Subject, Refusal)>> {
    for (name, reads) in &ask.reads.tables {
        let refuse = |refusal| Box::new((Subject::Table(name.clone()), refusal));
        let changed = |theirs, winner| refuse(Refusal::new(Rule::ReadChanged { theirs }, winner));
        let now = match (&reads.base, head.table(name)) {
            (None, None) => continue,
            (None, Some(now)) => return Err(changed("a create", arrival(now))),
            (Some(base), Some(now)) if base.id() == now.id() => {
                if Arc::ptr_eq(base, now) {
                    continue;
                }
                now
            }
            (Some(base), other) => {
                let gone = gone(base, other.map(|now| &**now), ask, head);
                // Only read, so it may be done without: begun again, the author sees that it left.
                return Err(match gone.rule {
                    Rule::Dropped => changed("a drop", gone.winner),
                    _ => refuse(gone),
                });
            }
        };
        let theirs = Theirs { now, base: ask.base };
        // A restore may have put back anything, the schema included.
        let mut columns = vec![Column::Schema, Column::Addition, Column::Restore];
        if !matches!(reads.rows, RowReads::None) {
            columns.push(Column::Overwrite);
        }
        if matches!(reads.rows, RowReads::All) {
            columns.extend([Column::Rows, Column::Append]);
        }
        for column in columns {
            if let Some(winner) = theirs.since(column.stamp(now)) {
                return Err(changed(column.name(), winner));
            }
        }
        if let RowReads::Matching(predicates) = &reads.rows {
            check_read_rows(reads.base.as_deref(), predicates, &theirs).map_err(refuse)?;
        }
        details::check_read_details(reads, &theirs).map_err(refuse)?;
    }
    for (name, base) in &ask.reads.databases {
        let now = head.database(name);
        let same = match (base, now) {
            (Some(base), Some(now)) => base.tables_changed == now.tables_changed,
            (None, None) => true,
            _ => false,
        };
        if !same {
            let winner = now.map_or(head.databases_changed, |now| now.tables_changed);
            let rule = Rule::ReadChanged { theirs: "a create, drop or rename in it" };
            let refusal = Refusal::new(rule, winner);
            return Err(Box::new((Subject::Database(name.clone()), refusal)));
        }
    }
    details::check_told_databases(ask.reads, head)?;
    if ask.reads.all_databases && head.databases_changed > ask.base {
        let rule = Rule::ReadChanged { theirs: "a create or drop of a database" };
        return Err(Box::new((Subject::Store, Refusal::new(rule, head.databases_changed))));
    }
    Ok(())
}
