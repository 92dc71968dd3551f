//! One call after the other.

use annals_tests::model::decode::{Choices, STEP_BYTES, step};
use annals_tests::model::pair::Pair;
use annals_tests::model::step::Step;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

/// What the next call is drawn from. The model proper goes with the store, in [`Pair`]: a step
/// needs nothing of what came before it, as every call is allowed at every time, and whether it is
/// refused is a part of what is compared.
#[derive(Debug)]
struct Calls;

impl ReferenceStateMachine for Calls {
    type State = bool;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<bool> {
        any::<bool>().boxed()
    }

    fn transitions(_: &bool) -> BoxedStrategy<Step> {
        prop::collection::vec(any::<u8>(), STEP_BYTES)
            .prop_map(|bytes| step(&mut Choices::new(&bytes)))
            .boxed()
    }

    fn apply(state: bool, _: &Step) -> bool {
        state
    }
}

struct Told;

impl StateMachineTest for Told {
    type SystemUnderTest = Pair;
    type Reference = Calls;

    fn init_test(makes_databases: &bool) -> Pair {
        Pair::new(*makes_databases)
    }

    fn apply(mut pair: Pair, _: &bool, step: Step) -> Pair {
        pair.step(&step);
        pair
    }

    fn teardown(mut pair: Pair, _: bool) {
        pair.check_all();
    }
}

prop_state_machine! {
    #![proptest_config(super::config(200))]

    #[test]
    fn a_store_equals_its_model(sequential 1..40 => Told);
}
