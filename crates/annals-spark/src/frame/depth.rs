//! How many steps a frame may be put together from, and room on the stack for those that have many.
//!
//! Each step is a node around the plan before it, and whoever walks such a plan recurses: planners,
//! optimizers, streams that ask each other for rows, what drops it. Overflowing the stack would end
//! the process. So steps are counted and bounded, and deep plans run on a stack that is large
//! enough for as many as there may be. So do plans with deep expressions, such as a sum of a hundred
//! columns: to name or compute one recurses as well.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::pin::pin;

use annals_sql::view::{ViewQuery, Views};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::DataFrame;
use crate::error::SparkError;

/// The most steps of a frame. A join counts as ten of them.
pub const STEPS_MAX: usize = 1_000;

/// How much deeper a join makes a plan than another step, as stacks go.
const JOIN: usize = 10;

/// Plans of fewer steps run on the stack that there is.
const SHALLOW: usize = 16;

/// How much stack is taken if less than [`LEFT`] is left; memory only as far as it is touched.
const ROOM: usize = 256 << 20;
const LEFT: usize = 64 << 20;

/// Runs something that walks a plan of that many steps.
pub(crate) fn with_room<T>(steps: usize, walk: impl FnOnce() -> T) -> T {
    match steps > SHALLOW {
        true => stacker::maybe_grow(LEFT, ROOM, walk),
        false => walk(),
    }
}

/// The steps that a plan is made of. What several steps share is looked at once.
pub(crate) fn steps_of(plan: &LogicalPlan) -> usize {
    let mut known: HashMap<*const LogicalPlan, usize> = HashMap::new();
    let mut pending = vec![(plan, false)];
    while let Some((node, inputs_known)) = pending.pop() {
        let inputs = inputs_of(node);
        if inputs_known {
            let deepest = inputs.iter().filter_map(|input| known.get(&std::ptr::from_ref(*input)));
            let own = if matches!(node, LogicalPlan::Join(_)) { JOIN } else { 1 };
            known.insert(node, deepest.max().copied().unwrap_or_default() + own);
        } else if !known.contains_key(&std::ptr::from_ref(node)) {
            pending.push((node, true));
            pending.extend(inputs.into_iter().map(|input| (input, false)));
        }
    }
    known.get(&std::ptr::from_ref(plan)).copied().unwrap_or_default()
}

/// Whether an expression in the plan is so deep that to walk it takes much stack. What lies below
/// `seen` is not looked at.
pub(super) fn has_deep_exprs(plan: &LogicalPlan, seen: Option<&LogicalPlan>) -> bool {
    let seen = seen.into_iter().flat_map(inputs_of).map(std::ptr::from_ref);
    let mut known: HashSet<*const LogicalPlan> = seen.collect();
    let mut pending = vec![plan];
    while let Some(node) = pending.pop() {
        if !known.insert(node) {
            continue;
        }
        let mut deep = false;
        let looked = node.apply_expressions(|expr| {
            deep = is_deep(expr);
            Ok(if deep { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        if deep || looked.is_err() {
            return true;
        }
        pending.extend(inputs_of(node));
    }
    false
}

/// Whether an expression has more than [`SHALLOW`] levels.
pub(super) fn is_deep(expr: &Expr) -> bool {
    let mut pending = vec![(expr, 0)];
    while let Some((expr, level)) = pending.pop() {
        if level > SHALLOW {
            return true;
        }
        let looked = expr.apply_children(|child| {
            pending.push((child, level + 1));
            Ok(TreeNodeRecursion::Continue)
        });
        if looked.is_err() {
            return true;
        }
    }
    false
}

fn inputs_of(node: &LogicalPlan) -> Vec<&LogicalPlan> {
    match node {
        // A view stands in the plan as a table that has a plan of its own.
        LogicalPlan::TableScan(scan) => match scan.source.get_logical_plan() {
            Some(std::borrow::Cow::Borrowed(within)) => vec![within],
            _ => Vec::new(),
        },
        node => node.inputs(),
    }
}

impl DataFrame {
    /// The frame with one more step, if it may have that.
    pub(super) fn step(&self, plan: LogicalPlan) -> Result<Self, SparkError> {
        self.steps_with(plan, self.steps + 1)
    }

    /// The frame of a plan over this and another frame.
    pub(super) fn joined(&self, other: &Self, plan: LogicalPlan) -> Result<Self, SparkError> {
        self.steps_with(plan, self.steps.max(other.steps) + JOIN)
    }

    /// The frame of a plan of that many steps.
    pub(super) fn steps_with(&self, plan: LogicalPlan, steps: usize) -> Result<Self, SparkError> {
        if steps > STEPS_MAX {
            return Err(SparkError::other(format!(
                "the frame would have {steps} steps, and {STEPS_MAX} is the most; save it or \
                 `cache` it, and go on from there"
            )));
        }
        let deep = self.deep || has_deep_exprs(&plan, Some(&self.plan));
        Ok(Self { session: self.session.clone(), plan: plan.into(), steps, deep })
    }

    /// The steps of a plan that takes as much room as this.
    pub(super) fn levels(&self) -> usize {
        if self.deep { STEPS_MAX } else { self.steps }
    }

    /// Runs something that plans or runs this frame.
    pub(crate) async fn with_room<F: Future>(&self, work: F) -> F::Output {
        given_room(self.levels(), work).await
    }
}

/// Runs something that plans or runs a plan of that many steps.
pub(crate) async fn given_room<F: Future>(steps: usize, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| with_room(steps, || work.as_mut().poll(context))).await
}

/// The steps of the deepest frame that a statement can name as a temporary view.
pub(crate) fn steps_of_views(views: &Views) -> usize {
    let local = views.local_names().filter_map(|name| views.local(name));
    let global = views.global_names().filter_map(|name| views.global(name));
    let steps = local.chain(global).map(|(_, query)| match &*query {
        ViewQuery::Plan(plan) => steps_of(plan),
        _ => 0,
    });
    steps.max().unwrap_or_default()
}
