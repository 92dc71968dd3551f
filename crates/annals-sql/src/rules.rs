//! What this crate adds to the rules by which `DataFusion` improves queries.

use std::sync::Arc;

use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use crate::counts::AnswerCounts;
use crate::nulls::KnowNoNulls;
use crate::statistics::KeepCounts;
use crate::stoppable::GiveWay;

type LogicalRule = Arc<dyn OptimizerRule + Send + Sync>;
type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// How queries are improved.
pub(crate) fn logical() -> Vec<LogicalRule> {
    let mut rules = Optimizer::new().rules;
    // Behind the rule that finds the keys of joins.
    let behind = rules.iter().position(|rule| rule.name() == "extract_equijoin_predicate");
    if let Some(at) = behind {
        rules.insert(at + 1, Arc::new(KnowNoNulls));
    }
    // What needs no plan is answered first.
    rules.insert(0, Arc::new(AnswerCounts));
    rules
}

/// How plans are improved.
pub(crate) fn physical() -> Vec<PhysicalRule> {
    let mut rules = PhysicalOptimizer::new().rules;
    // Behind the rule that answers by extremes.
    let behind = rules.iter().position(|rule| rule.name() == "aggregate_statistics");
    if let Some(at) = behind {
        rules.insert(at + 1, Arc::new(KeepCounts));
    }
    rules.push(Arc::new(GiveWay));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They are found by name, and a name may change with `DataFusion`.
    #[test]
    fn each_rule_has_its_place() {
        let names: Vec<String> = logical().iter().map(|rule| rule.name().to_owned()).collect();
        let physical: Vec<String> = physical().iter().map(|rule| rule.name().to_owned()).collect();
        let place = |names: &[String], name: &str| names.iter().position(|other| other == name);
        assert_eq!(place(&names, "answer_counts"), Some(0));
        let keys = place(&names, "extract_equijoin_predicate").unwrap();
        assert_eq!(place(&names, "know_no_nulls"), Some(keys + 1));
        let extremes = place(&physical, "aggregate_statistics").unwrap();
        assert_eq!(place(&physical, "KeepCounts"), Some(extremes + 1));
    }
}
