//! Queries that can be stopped while they run.
//!
//! A query is stopped by letting go of it, which takes effect when its threads give way. Scans do
//! so every few batches. But a join may turn one batch into thousands, and until all of these are
//! worked off nothing asks the scan again; so joins are made to give way by what they put out.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};

/// Puts what gives way above every join whose output can be much larger than its input.
#[derive(Debug, Default)]
pub(crate) struct GiveWay;

impl PhysicalOptimizerRule for GiveWay {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wrapped = plan.transform_up(|plan| {
            let multiplies = plan.is::<CrossJoinExec>() || plan.is::<NestedLoopJoinExec>();
            Ok(match multiplies {
                true => Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _),
                false => Transformed::no(plan),
            })
        });
        Ok(wrapped?.data)
    }

    fn name(&self) -> &'static str {
        "GiveWay"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
