//! Steps of a commit at which a test may stop a thread, or let it panic.
//!
//! Compiled only with `--cfg annals_seams`, which no Cargo feature can choose; without it
//! `seam!` is no code at all. Each thread says for itself what happens at its
//! steps, so tests that run side by side do not meet.

#[cfg(annals_seams)]
pub(crate) use self::steps::pass;
#[cfg(annals_seams)]
pub use self::steps::{Seams, Step, on_this_thread};

/// Marks a step: `seam!(Prepared)`.
macro_rules! seam {
    ($step:ident) => {
        #[cfg(annals_seams)]
        $crate::seams::pass($crate::seams::Step::$step);
    };
}
pub(crate) use seam;

#[cfg(annals_seams)]
mod steps {
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A step, in the order in which a commit comes by them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum Step {
        /// A transaction is about to ask for the commit section.
        Asked,
        /// The section was entered.
        Entered,
        /// What others committed since the base goes with the transaction.
        Checked,
        /// One change of the transaction was made again on top of what others committed.
        Applied,
        /// The next version is there, and nobody knows of it.
        Prepared,
        /// An assertion holds for it.
        Asserted,
        /// The next timeline has the version, or has been changed otherwise.
        Pushed,
        /// Versions have left the next timeline.
        Expired,
        /// The next head is there.
        HeadMade,
        /// The next head is the section's tip, and readers have the one before.
        Sequenced,
        /// The number of the next version is announced, and the pointer is as it was.
        Announced,
        /// The pointer was swapped.
        Published,
        /// The section was left.
        Left,
        /// What expired was given away.
        Retired,
        /// Watches were told.
        Told,
        /// A watch has found nothing, has said so, and goes to sleep.
        Waiting,
        /// The last handle of a store gives away what is left.
        Closing,
    }

    impl Step {
        /// Whether a thread that is at this step keeps other committers out.
        pub fn is_inside(self) -> bool {
            use Step::{Announced, Entered, Expired, HeadMade, Published, Pushed, Sequenced};
            matches!(
                self,
                Entered | Pushed | Expired | HeadMade | Sequenced | Announced | Published
            )
        }
    }

    type Hook = Rc<dyn Fn(Step)>;

    thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    /// Calls `hook` at every step of this thread, until what is returned is dropped.
    pub fn on_this_thread(hook: impl Fn(Step) + 'static) -> Seams {
        Seams { before: HOOK.replace(Some(Rc::new(hook))) }
    }

    /// What happens at the steps of this thread, as long as it is kept.
    #[must_use = "when it is dropped nothing happens any more"]
    pub struct Seams {
        before: Option<Hook>,
    }

    impl Drop for Seams {
        fn drop(&mut self) {
            HOOK.set(self.before.take());
        }
    }

    pub(crate) fn pass(step: Step) {
        // A copy, so that nothing is borrowed if it panics.
        let hook = HOOK.try_with(|hook| hook.borrow().clone());
        if let Ok(Some(hook)) = hook {
            hook(step);
        }
    }
}
