//! Frames put together with other frames, and divided into groups.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{JoinType, LogicalPlan, Union, lit};

use super::depth::with_room;
use super::joins::join_type;
use super::twice::{self, at};
use super::{DataFrame, GroupedData, THIS};
use crate::column::Column;
use crate::error::SparkError;
use crate::types::quote;

/// The name that the other frame has in the text of a query.
const OTHER: &str = "__other";

impl DataFrame {
    /// The rows of both, column by place. Types become those that hold both.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the numbers of columns differ.
    pub fn union(&self, other: &Self) -> Result<Self, SparkError> {
        let steps = (self.steps, other.steps);
        if twice::any(&self.plan) || twice::any(&other.plan) {
            let (one, other) = (self.placed()?, other.placed()?);
            return self.united(&one, &other, steps)?.shown();
        }
        self.united(&self.plan, &other.plan, steps)
    }

    /// Unions of unions are one: programs make them in loops, and the plan stays as it is deep.
    fn united(
        &self,
        one: &Arc<LogicalPlan>,
        other: &Arc<LogicalPlan>,
        steps: (usize, usize),
    ) -> Result<Self, SparkError> {
        let (mut inputs, steps) = match one.as_ref() {
            LogicalPlan::Union(union) => (union.inputs.clone(), steps.0.max(steps.1 + 1)),
            _ => (vec![Arc::clone(one)], steps.0.max(steps.1) + 1),
        };
        inputs.push(Arc::clone(other));
        let union = Union::try_new_with_loose_types(inputs).map_err(|error| self.told(error))?;
        self.steps_with(LogicalPlan::Union(union), steps)
    }

    /// The same as [`union`](Self::union).
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union).
    pub fn union_all(&self, other: &Self) -> Result<Self, SparkError> {
        self.union(other)
    }

    /// The rows of both, column by name. With `allow_missing_columns`, what one of them lacks is
    /// null there.
    ///
    /// # Errors
    ///
    /// `UNRESOLVED_COLUMN` if a column is missing and may not be.
    pub fn union_by_name(
        &self,
        other: &Self,
        allow_missing_columns: bool,
    ) -> Result<Self, SparkError> {
        let null = |name: &str| lit(ScalarValue::Null).alias(name);
        let missing = |name: &str, in_frame: &Self| {
            let available: Vec<Vec<String>> =
                in_frame.columns().into_iter().map(|column| vec![column]).collect();
            crate::convert::no_column(&[name.to_owned()], &available)
        };
        let (mut left, mut right) = (self.own_columns(), Vec::new());
        for name in self.columns() {
            match other.position(&name) {
                Some(index) => right.push(other.own_columns()[index].clone().alias(&name)),
                None if allow_missing_columns => right.push(null(&name)),
                None => return Err(missing(&name, other)),
            }
        }
        for (index, name) in other.columns().iter().enumerate() {
            if self.position(name).is_none() {
                if !allow_missing_columns {
                    return Err(missing(name, self));
                }
                left.push(null(name));
                right.push(other.own_columns()[index].clone());
            }
        }
        let left = self.project(left)?;
        let right = other.project(right)?;
        left.union(&right)
    }

    /// The rows of this frame that the other one has too, each once.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the columns differ.
    pub fn intersect(&self, other: &Self) -> Result<Self, SparkError> {
        self.set_operation(other, "INTERSECT")
    }

    /// The rows of this frame that the other one lacks, each once.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the columns differ.
    pub fn subtract(&self, other: &Self) -> Result<Self, SparkError> {
        self.set_operation(other, "EXCEPT")
    }

    fn set_operation(&self, other: &Self, operation: &str) -> Result<Self, SparkError> {
        let text = format!("SELECT * FROM {THIS} {operation} SELECT * FROM {OTHER}");
        self.query_with(other, &text)
    }

    /// A query over this frame and another, whose columns it names by [`at`].
    fn query_with(&self, other: &Self, text: &str) -> Result<Self, SparkError> {
        let (this, second) = (self.placed()?, other.placed()?);
        let frames: [(&str, &LogicalPlan); 2] = [(THIS, &this), (OTHER, &second)];
        let plan = with_room(self.levels().max(other.levels()), || {
            self.session.query_over(&frames, text)
        })?;
        self.joined(other, plan)?.shown()
    }

    /// The two joined on columns that both have, which the result has once. `how` is `inner`,
    /// `left`, `right`, `full`, `left_semi`, `left_anti` or `cross`.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if a column is missing or the way is unknown.
    pub fn join(&self, other: &Self, on: &[&str], how: &str) -> Result<Self, SparkError> {
        let kind = match (join_type(how)?, on.is_empty()) {
            (None, true) => "CROSS JOIN",
            // As in Spark, what the rows are to have in common counts.
            (None, false) | (Some(JoinType::Inner), _) => "INNER JOIN",
            (Some(JoinType::Left), _) => "LEFT JOIN",
            (Some(JoinType::Right), _) => "RIGHT JOIN",
            (Some(JoinType::Full), _) => "FULL JOIN",
            (Some(JoinType::LeftAnti), _) => "LEFT ANTI JOIN",
            (Some(_), _) => "LEFT SEMI JOIN",
        };
        let found = |frame: &Self, name: &str| {
            let column = super::find_column(frame.logical_plan(), name)?;
            let place = frame.plan.schema().index_of_column(&column);
            let place = place.map_err(|error| frame.told(error))?;
            Ok::<_, SparkError>((place, quote(&at(place, &column.name))))
        };
        let (mut items, mut conditions) = (Vec::new(), Vec::new());
        let mut keys = (Vec::new(), Vec::new());
        // What a column of the result is called does not matter to the query, but that it differs.
        let item = |items: &mut Vec<String>, value: &str, name: &str| {
            let called = quote(&at(items.len(), name));
            items.push(format!("{value} AS {called}"));
        };
        for name in on {
            let ((left_at, left), (right_at, right)) = (found(self, name)?, found(other, name)?);
            keys.0.push(left_at);
            keys.1.push(right_at);
            let (left, right) = (format!("{THIS}.{left}"), format!("{OTHER}.{right}"));
            let value = match kind {
                "RIGHT JOIN" => right.clone(),
                "FULL JOIN" => format!("coalesce({left}, {right})"),
                _ => left.clone(),
            };
            item(&mut items, &value, name);
            conditions.push(format!("{left} = {right}"));
        }
        // As in Spark, the keys come first, then the other columns of each.
        let mut others = |frame: &Self, table: &str, keys: &[usize]| {
            for (place, name) in frame.columns().iter().enumerate() {
                if !keys.contains(&place) {
                    item(&mut items, &format!("{table}.{}", quote(&at(place, name))), name);
                }
            }
        };
        others(self, THIS, &keys.0);
        if !kind.contains("SEMI") && !kind.contains("ANTI") {
            others(other, OTHER, &keys.1);
        }
        let on = match conditions.is_empty() {
            true => String::new(),
            false => format!(" ON {}", conditions.join(" AND ")),
        };
        let text = format!("SELECT {} FROM {THIS} {kind} {OTHER}{on}", items.join(", "));
        self.query_with(other, &text)
    }

    /// Every row of the one with every row of the other.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if the plan cannot be made.
    pub fn cross_join(&self, other: &Self) -> Result<Self, SparkError> {
        self.join(other, &[], "cross")
    }

    /// Rows divided into groups, to be aggregated.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn group_by<C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<GroupedData, SparkError> {
        let mut keys = Vec::new();
        for column in columns {
            keys.extend(column.into().resolve(&self.session, &self.plan)?);
        }
        Ok(GroupedData::new(self.clone(), keys))
    }

    /// One row of aggregates over all rows.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    pub fn agg<C: Into<Column>>(
        &self,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<Self, SparkError> {
        GroupedData::new(self.clone(), Vec::new()).agg(columns)
    }
}
