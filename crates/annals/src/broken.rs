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
use annals_state::table::TableVersion;
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

/// How many commits a torn table stays as it was, its own included.
const TORN_COMMITS: u64 = 6;

/// The next head, in which of each of the last commits that changed several tables the last of them
/// is still as it was before.
pub(crate) fn torn(next: &Arc<Head>) -> Arc<Head> {
    let newest = next.version.id();
    let mut catalog = next.version.catalog().clone();
    // Newest first, so that a table that was torn twice is as it was before both.
    for late in 0..TORN_COMMITS {
        let at = |back: u64| next.timeline.at_version(VersionId(newest.0.checked_sub(back)?)).ok();
        let (Some(before), Some(after)) = (at(late + 1), at(late)) else { break };
        let Some(then) = last_of_several(before.catalog(), after.catalog()) else { continue };
        let (name, source, from) = (then.name().clone(), Arc::clone(then), before.id());
        if catalog.table(&name).is_none_or(|now| now.id() != source.id()) {
            continue;
        }
        let change = Change::RestoreTable { name, source, from };
        let location = SourceLocation::from(std::panic::Location::caller());
        let place = Place::on_base(newest, newest, VersionId::ZERO);
        catalog.apply(&Staged { change, location }, &place).expect("the table is there");
    }
    let version = next.version.speculative(newest, catalog).of_store(next.version.store());
    let (timeline, retention) = (next.timeline.clone(), next.retention);
    Arc::new(Head { version: Arc::new(version), timeline, retention })
}

/// The last of several tables that a commit changed, as it was before.
fn last_of_several<'a>(before: &'a Catalog, after: &Catalog) -> Option<&'a Arc<TableVersion>> {
    let changed = after.tables().filter_map(|(name, table)| {
        let then = before.table(name).filter(|then| then.id() == table.id())?;
        (!Arc::ptr_eq(then.state(), table.state())).then_some(then)
    });
    match changed.collect::<Vec<_>>()[..] {
        [_, .., last] => Some(last),
        _ => None,
    }
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
