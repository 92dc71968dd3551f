//! How much the names of common table expressions stand for.
//!
//! The planner puts a plan in the place of each such name. So `WITH` can say much with few words:
//! thirty of them, each of which names the one before twice, stand for a milliard of scans. And a
//! plan as deep as a long chain needs as much of the stack to be planned and run. Both are counted
//! before anything is planned, for planning cannot be stopped.

use super::frame::Columns;
use crate::error::SqlError;

/// So many may be put in the place of names, in all.
const COUNT_MAX: usize = 2_000;

/// So deep they may stand in each other. As many as views: unoptimized code overflows a stack of
/// 2 MiB while it runs some 90 joins that read each other.
const DEPTH_MAX: usize = 64;

/// A common table expression in scope.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) columns: Columns,
    /// What it stands for, itself included.
    pub(super) size: Size,
}

/// What a query stands for: how many common table expressions, and how deep in each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    count: usize,
    depth: usize,
}

impl Size {
    /// Of a common table expression with this query.
    pub(super) fn within_one(self) -> Self {
        Self { count: self.count.saturating_add(1), depth: self.depth + 1 }
    }

    /// Of a query that names one more.
    pub(super) fn and(self, other: Self) -> Self {
        Self { count: self.count.saturating_add(other.count), depth: self.depth.max(other.depth) }
    }

    pub(super) fn check(self) -> Result<(), SqlError> {
        let what = if self.depth > DEPTH_MAX {
            format!("a WITH whose queries name each other more than {DEPTH_MAX} deep")
        } else if self.count > COUNT_MAX {
            format!("a statement whose names of WITH stand for more than {COUNT_MAX} queries")
        } else {
            return Ok(());
        };
        let instead = "keep the rows of one of them in a table".to_owned();
        Err(SqlError::Unsupported { what, instead })
    }
}
