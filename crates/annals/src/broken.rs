//! Ways to break the engine on purpose, so that whoever judges it can be judged.
//!
//! Each is compiled with `--cfg annals_broken="NAME"` alone and never ships. Where a break is more
//! than a condition, the place that is broken calls into this file; others, of a condition, are
//! marked by the same flag where they are.
#![allow(dead_code)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use annals_state::apply::Place;
use annals_state::commit::SourceLocation;
use annals_state::version::StoreId;
use annals_state::write_set::{Change, Staged};
use annals_state::{Catalog, Version, VersionId};

use crate::published::Head;

/// Of several changes, all but the last: a transaction loses one of its keys as it is carried over.
pub(crate) fn all_but_the_last<'a>(
    changes: impl Iterator<Item = &'a Arc<Staged>>,
) -> impl Iterator<Item = &'a Arc<Staged>> {
    let changes: Vec<_> = changes.collect();
    let count = changes.len().saturating_sub(1).max(1);
    changes.into_iter().take(count)
}

/// The version before the newest.
pub(crate) fn last_but_one(head: &Head) -> Arc<Version> {
    let before = VersionId(head.version.id().0.saturating_sub(1));
    Arc::clone(head.timeline.at_version(before).unwrap_or(&head.version))
}

/// The next head, in which the last of several changed tables is still as it was: it shows with
/// the next commit.
pub(crate) fn torn(now: &Head, next: &Arc<Head>) -> Arc<Head> {
    let (before, after) = (now.version.catalog(), next.version.catalog());
    let changed = after.tables().filter_map(|(name, table)| {
        let then = before.table(name).filter(|then| then.id() == table.id())?;
        (!Arc::ptr_eq(then.state(), table.state())).then_some((name, then))
    });
    let changed: Vec<_> = changed.collect();
    let [_, .., (name, then)] = changed[..] else { return Arc::clone(next) };
    let mut catalog = after.clone();
    let (source, from) = (Arc::clone(then), now.version.id());
    let change = Change::RestoreTable { name: name.clone(), source, from };
    let location = SourceLocation::from(std::panic::Location::caller());
    let id = next.version.id();
    let place = Place::on_base(id, id, VersionId::ZERO);
    catalog.apply(&Staged { change, location }, &place).expect("the table is there");
    let version = next.version.speculative(id, catalog).of_store(next.version.store());
    let (timeline, retention) = (next.timeline.clone(), next.retention);
    Arc::new(Head { version: Arc::new(version), timeline, retention })
}

/// What some transaction has staged last, by store.
static DIRT: Mutex<Option<HashMap<StoreId, Catalog>>> = Mutex::new(None);

/// Lets others see what a transaction has staged.
pub(crate) fn soil(base: &Version, draft: &Catalog) {
    let mut dirt = DIRT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(store) = base.store() {
        dirt.get_or_insert_default().insert(store, draft.clone());
    }
}

/// What a transaction that has changed nothing reads: whatever was staged last by anybody.
pub(crate) fn dirty(base: &Version, reads_only: bool) -> Option<Version> {
    let dirt = DIRT.lock().unwrap_or_else(PoisonError::into_inner);
    let catalog = dirt.as_ref()?.get(&base.store()?)?;
    reads_only.then(|| base.speculative(base.id(), catalog.clone()))
}
