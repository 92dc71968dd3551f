//! For tests of your own pipelines: transactions taken step by step, in an order of your choice or in
//! every order; commits that are refused on purpose; a clock that stands still.
//!
//! A pipeline that reads, decides and writes is right when nobody else is about. Whether it is right
//! *whatever* the others do is decided by a few orders of steps, which a test with threads may meet
//! once in a million runs. Here they are written down, or all gone through:
//!
//! ```
//! use annals::error::BoxError;
//! use annals::testing::{Run, Scenario, Steps};
//! use annals::{Filter, Isolation, Store, record_batch};
//!
//! // Somebody has to stay on duty, here or there.
//! let store = Store::in_memory();
//! store.write(record_batch!(("clerk", Utf8, ["Ann"]))?).save_as_table("here")?;
//! store.write(record_batch!(("clerk", Utf8, ["Bob"]))?).save_as_table("there")?;
//!
//! // Each clerk counts who is on duty, and goes home if that is more than one.
//! let clerk = |mine: &'static str| {
//!     Steps::new(0)
//!         .step("count", |tx, on_duty| {
//!             *on_duty = tx.table("here")?.row_count() + tx.table("there")?.row_count();
//!             Ok(*on_duty)
//!         })
//!         .step("leave", move |tx, on_duty| {
//!             Ok(if *on_duty > 1 { tx.delete(mine, Filter::all())? } else { 0 })
//!         })
//! };
//! let duty = || Scenario::on(&store).transaction("ann", clerk("here")).transaction("bob", clerk("there"));
//!
//! // An order of your choice. Snapshot isolation lets both leave: each changed what the other read.
//! let run = duty().replay("ann.count bob.count ann.leave bob.leave ann.commit bob.commit")?;
//! assert!(run["ann"].is_committed() && run["bob"].is_committed());
//! assert_eq!(run.told("bob.count"), ["2"]);
//! assert_eq!(run.store().table("here")?.row_count() + run.store().table("there")?.row_count(), 0);
//!
//! // Every order. The first that breaks the rule is named, in the form in which it can be replayed.
//! fn somebody_stays(run: &Run) -> Result<(), BoxError> {
//!     let store = run.store();
//!     match store.table("here")?.row_count() + store.table("there")?.row_count() {
//!         0 => Err("nobody is on duty".into()),
//!         _ => Ok(()),
//!     }
//! }
//! let error = duty().check(somebody_stays).unwrap_err();
//! let broken = error.broken().expect("an order that breaks the rule").order.clone();
//! assert_eq!(broken, "ann.count ann.leave bob.count bob.leave ann.commit bob.commit");
//!
//! // Serializable transactions keep the rule, whatever the order.
//! let checked = duty().isolation(Isolation::Serializable).check(somebody_stays)?;
//! assert_eq!((checked.orders, checked.refused), (4, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything runs on the calling thread, one step after the other, so a failure is the same each time,
//! and none depends on how fast the machine is. Nothing can wait for another transaction: every one of
//! them stands still while a step is taken.
//!
//! | to | use |
//! |---|---|
//! | take steps in a given order | [`Scenario::replay`] |
//! | hold a rule in all orders that make a difference | [`Scenario::check`] |
//! | hold it in all orders of all steps, for steps that do more than use their transaction | [`Scenario::check_every_order`] |
//! | test code that begins again by itself | [`Refusals`] |
//! | test what depends on time | [`ManualClock`] |
//!
//! The guide is `docs/testing-pipelines.md`.

mod check;
mod clock;
mod orders;
mod refusals;
mod run;
mod scenario;
mod script;
mod steps;

pub use check::{BrokenRule, CheckError, Checked};
pub use clock::ManualClock;
pub use refusals::{Refusal, Refusals};
pub use run::{Outcome, Run, Taken};
pub use scenario::Scenario;
pub use script::ScriptError;
pub use steps::Steps;

#[cfg(test)]
mod tests;
