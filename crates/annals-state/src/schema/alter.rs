//! Columns added, renamed, dropped, widened. Each alteration is pure and returns a new schema;
//! rows written before it are still readable after it.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};

use super::kin::{self, kin};
use super::make::mint;
use super::{Column, ColumnId, SchemaError, TableSchema};

/// The key of a column's comment in the metadata of its field.
const COMMENT: &str = "comment";

impl TableSchema {
    /// The schema with `fields` behind the present columns. `next` is the table's next free id.
    ///
    /// # Errors
    ///
    /// [`SchemaError::AddedNotNull`], as rows already there have no values for the new columns;
    /// [`SchemaError::ColumnExists`]; [`SchemaError::DuplicateNames`] among `fields`;
    /// [`SchemaError::IdsExhausted`].
    pub fn add_columns(
        &self,
        fields: &[FieldRef],
        next: &mut ColumnId,
    ) -> Result<Self, SchemaError> {
        let names = |of: &dyn Fn(&&FieldRef) -> bool| -> Vec<String> {
            fields.iter().filter(of).map(|f| f.name().clone()).collect()
        };
        let strict = names(&|f| !f.is_nullable());
        if !strict.is_empty() {
            return Err(SchemaError::AddedNotNull { names: strict });
        }
        let there = names(&|f| self.index_of(f.name()).is_some());
        if !there.is_empty() {
            return Err(SchemaError::ColumnExists { names: there });
        }
        let mut free = (*next).max(mint::first_free(self)?);
        let mut columns = self.columns().to_vec();
        for field in fields {
            columns.push(Column::new(mint::take(&mut free)?, Arc::clone(field)));
        }
        let altered = self.with_columns(columns)?;
        *next = free;
        Ok(altered)
    }

    /// The schema with the column `from` called `to`; changing only the case is allowed.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoSuchColumn`]; [`SchemaError::ColumnExists`] if another column is `to`.
    pub fn rename_column(&self, from: &str, to: &str) -> Result<Self, SchemaError> {
        let at = self.find(from)?;
        if self.index_of(to).is_some_and(|there| there != at) {
            return Err(SchemaError::ColumnExists { names: vec![to.to_owned()] });
        }
        self.with_field(at, |field| field.with_name(to))
    }

    /// The schema without the columns `names`.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoSuchColumn`] with all that are missing; [`SchemaError::LastColumn`] if
    /// none would be left.
    pub fn drop_columns<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, SchemaError> {
        let mut keep = vec![true; self.len()];
        let mut missing = Vec::new();
        for name in names.iter().map(AsRef::as_ref) {
            match self.index_of(name) {
                Some(at) => keep[at] = false,
                None => missing.push(name.to_owned()),
            }
        }
        if !missing.is_empty() {
            return Err(SchemaError::NoSuchColumn { names: missing });
        }
        if !names.is_empty() && !keep.contains(&true) {
            return Err(SchemaError::LastColumn);
        }
        let kept = self.columns().iter().zip(keep).filter(|(_, keep)| *keep);
        self.with_columns(kept.map(|(column, _)| column.clone()).collect())
    }

    /// The schema with the column `name` of the wider type `to`.
    ///
    /// Only types that hold every value which rows already there may have: reading must not fail
    /// once it has begun. So a timestamp does not get a finer unit (its range would shrink), nor
    /// a large string a smaller offset, although rows *written* may be converted that way.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoSuchColumn`]; [`SchemaError::NotWider`]; [`SchemaError::DuplicateNames`]
    /// within a nested `to`.
    pub fn widen_column(&self, name: &str, to: &DataType) -> Result<Self, SchemaError> {
        let at = self.find(name)?;
        let from = self.columns()[at].data_type();
        if !kin(from, to).is_some_and(kin::Kin::always_widens) {
            let column = self.columns()[at].name().to_owned();
            return Err(SchemaError::NotWider { column, from: from.clone(), to: to.clone() });
        }
        self.with_field(at, |field| field.with_data_type(to.clone()))
    }

    /// The schema with the column `name` nullable. There is no way back: rows that were written
    /// meanwhile may hold nulls.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoSuchColumn`].
    pub fn set_nullable(&self, name: &str) -> Result<Self, SchemaError> {
        self.with_field(self.find(name)?, |field| field.with_nullable(true))
    }

    /// The schema with this comment on the column `name`, or with none.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoSuchColumn`].
    pub fn set_column_comment(
        &self,
        name: &str,
        comment: Option<String>,
    ) -> Result<Self, SchemaError> {
        self.with_field(self.find(name)?, |mut field| {
            let metadata = field.metadata_mut();
            match comment {
                Some(text) => metadata.insert(COMMENT.to_owned(), text),
                None => metadata.remove(COMMENT),
            };
            field
        })
    }

    fn find(&self, name: &str) -> Result<usize, SchemaError> {
        self.index_of(name)
            .ok_or_else(|| SchemaError::NoSuchColumn { names: vec![name.to_owned()] })
    }

    fn with_field(&self, at: usize, f: impl FnOnce(Field) -> Field) -> Result<Self, SchemaError> {
        let mut columns = self.columns().to_vec();
        let field = f(columns[at].field().as_ref().clone());
        columns[at] = Column::new(columns[at].id(), Arc::new(field));
        self.with_columns(columns)
    }
}
