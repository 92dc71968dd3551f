//! Commits that are refused on purpose, so that what a program does then can be tested.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_state::VersionId;
use annals_state::conflict::{Conflict, Rule, Subject};
use annals_state::write_set::WriteSet;

use crate::error::CommitError;
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// What a commit is refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A conflict with the remedy [`Retry`](crate::Remedy::Retry): others were quicker.
    Retry,
    /// A conflict with the remedy [`Change`](crate::Remedy::Change): what the transaction was about
    /// was dropped.
    Gone,
}

/// The commits that a store refuses, whatever others do. A clone is the same list.
///
/// The store must be made with it, see [`StoreBuilder::refusals`](crate::StoreBuilder::refusals), and
/// its forks have it as well. A commit of a transaction without changes is neither refused nor
/// counted. Refused commits are counted by the metrics of the store as any others are.
///
/// # Examples
///
/// Code that runs twice must do the same twice:
///
/// ```
/// use annals::testing::{Refusal, Refusals};
/// use annals::{SaveMode, Store, WriteError, record_batch};
///
/// let refusals = Refusals::new();
/// let store = Store::builder().refusals(&refusals).build();
/// refusals.refuse_next(Refusal::Retry);
///
/// let mut ids = 0..; // changed by the closure, and not taken back
/// let done = store.transact(|tx| {
///     let id = ids.next().unwrap_or_default();
///     tx.write(record_batch!(("id", Int64, [id])).unwrap()).save_as_table("orders")?;
///     Ok::<_, WriteError>(id)
/// })?;
/// assert_eq!(done.committed.retries(), 1);
/// assert_eq!(done.value, 1, "an id was lost: take it before the transaction");
/// assert_eq!(refusals.asked(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    asked: u64,
    /// By the number of the commit, counted from 1.
    refused: BTreeMap<u64, Refusal>,
}

impl Refusals {
    /// An empty list: nothing is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses the next commit that is not to be refused yet. Called twice, it refuses two.
    pub fn refuse_next(&self, refusal: Refusal) {
        let mut list = self.list();
        let mut number = list.asked.saturating_add(1);
        while list.refused.contains_key(&number) {
            number = number.saturating_add(1);
        }
        list.refused.insert(number, refusal);
    }

    /// Refuses the commit of this number: 1 is the first that the store was asked for. One that has
    /// been asked for already is not refused any more.
    pub fn refuse(&self, number: u64, refusal: Refusal) {
        self.list().refused.insert(number, refusal);
    }

    /// Refuses nothing any more.
    pub fn clear(&self) {
        self.list().refused.clear();
    }

    /// How many commits the store was asked for, refused ones among them.
    pub fn asked(&self) -> u64 {
        self.list().asked
    }

    /// Counts a commit, and says whether it may go on.
    pub(crate) fn ask(
        &self,
        writes: &WriteSet,
        base: VersionId,
        head: VersionId,
    ) -> Result<(), CommitError> {
        let refusal = {
            let mut list = self.list();
            list.asked = list.asked.saturating_add(1);
            let number = list.asked;
            list.refused.remove(&number)
        };
        let subject = || {
            let first = writes.changes().next();
            first.map_or(Subject::Store, |staged| Subject::of(&staged.change))
        };
        let (subject, rule) = match refusal {
            None => return Ok(()),
            Some(Refusal::Retry) => (Subject::Store, Rule::Contention),
            Some(Refusal::Gone) => (subject(), Rule::Dropped),
        };
        Err(CommitError::Conflict(Box::new(Conflict::new(subject, rule, base, head))))
    }

    /// A list is changed as a whole, so a panic elsewhere leaves it intact.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
