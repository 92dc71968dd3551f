//! Columns added, renamed, dropped, widened; rows written before it are still readable after it.
//!
//! A [`TableSchema`] never changes: it is taken into an [`Alteration`], which any number of changes
//! are made to, and which then becomes another schema. So however many columns there are, they are
//! gone through once, and each change costs no more than the columns that it names.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};

use super::kin::{self, kin};
use super::make::mint;
use super::{Column, ColumnId, SchemaError, TableSchema, fold, refuse_duplicates};

/// The key of a column's comment in the metadata of its field.
const COMMENT: &str = "comment";

/// A schema under alteration. A change that is refused leaves it as it was.
#[derive(Debug)]
pub(crate) struct Alteration<'a> {
    of: &'a TableSchema,
    /// In order; none where one was dropped.
    columns: Vec<Option<Column>>,
    /// Where the columns are that were not dropped, by folded name.
    by_name: HashMap<Box<str>, usize>,
    max_id: Option<ColumnId>,
}

impl<'a> Alteration<'a> {
    /// Nothing altered yet. O(columns).
    pub(crate) fn new(of: &'a TableSchema) -> Self {
        let columns = of.columns().iter().cloned().map(Some).collect();
        Self { of, columns, by_name: of.by_name.iter().cloned().collect(), max_id: of.max_id() }
    }

    /// The schema that it has become, checked as a whole. O(columns · log columns).
    ///
    /// # Errors
    ///
    /// As for [`TableSchema::new`]; none that the changes have not ruled out.
    pub(crate) fn finish(self) -> Result<TableSchema, SchemaError> {
        self.of.with_columns(self.columns.into_iter().flatten().collect())
    }

    /// See [`TableSchema::add_columns`]; but those of the columns `last` that are at the end stay
    /// there.
    pub(crate) fn add_columns(
        &mut self,
        fields: &[FieldRef],
        last: &[ColumnId],
        next: &mut ColumnId,
    ) -> Result<(), SchemaError> {
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
        let mut free = *next;
        if let Some(ColumnId(max)) = self.max_id {
            free = free.max(ColumnId(max.checked_add(1).ok_or(SchemaError::IdsExhausted)?));
        }
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            columns.push(Column::new(mint::take(&mut free)?, Arc::clone(field)));
        }
        refuse_duplicates(fields)?;
        *next = free;
        let stays = |column: &Option<Column>| {
            column.as_ref().is_none_or(|column| last.contains(&column.id()))
        };
        let staying = self.columns.iter().rev().take_while(|column| stays(column)).count();
        let at = self.columns.len() - staying;
        if staying > 0 {
            let moved = self.by_name.values_mut().filter(|index| **index >= at);
            moved.for_each(|index| *index += columns.len());
        }
        for (index, column) in (at..).zip(&columns) {
            self.max_id = self.max_id.max(Some(column.id()));
            self.by_name.insert(fold(column.name()).into(), index);
        }
        self.columns.splice(at..at, columns.into_iter().map(Some));
        Ok(())
    }

    /// See [`TableSchema::rename_column`].
    pub(crate) fn rename_column(&mut self, from: &str, to: &str) -> Result<(), SchemaError> {
        let at = self.find(from)?;
        if self.index_of(to).is_some_and(|there| there != at) {
            return Err(SchemaError::ColumnExists { names: vec![to.to_owned()] });
        }
        self.by_name.remove(&*fold(from));
        self.by_name.insert(fold(to).into(), at);
        self.set_field(at, |field| field.with_name(to));
        Ok(())
    }

    /// See [`TableSchema::drop_columns`].
    pub(crate) fn drop_columns<S: AsRef<str>>(&mut self, names: &[S]) -> Result<(), SchemaError> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for name in names.iter().map(AsRef::as_ref) {
            match self.index_of(name) {
                Some(at) => found.push((at, name)),
                None => missing.push(name.to_owned()),
            }
        }
        if !missing.is_empty() {
            return Err(SchemaError::NoSuchColumn { names: missing });
        }
        // A name may be given twice.
        found.sort_unstable_by_key(|(at, _)| *at);
        found.dedup_by_key(|(at, _)| *at);
        if !names.is_empty() && found.len() == self.by_name.len() {
            return Err(SchemaError::LastColumn);
        }
        for (at, name) in found {
            self.by_name.remove(&*fold(name));
            self.columns[at] = None;
        }
        Ok(())
    }

    /// See [`TableSchema::widen_column`].
    pub(crate) fn widen_column(&mut self, name: &str, to: &DataType) -> Result<(), SchemaError> {
        let at = self.find(name)?;
        let column = self.column(at);
        let from = column.data_type();
        if !kin(from, to).is_some_and(kin::Kin::always_widens) {
            let column = column.name().to_owned();
            return Err(SchemaError::NotWider { column, from: from.clone(), to: to.clone() });
        }
        let wider: FieldRef = Arc::new(column.field().as_ref().clone().with_data_type(to.clone()));
        refuse_duplicates([&wider])?;
        self.columns[at] = Some(Column::new(column.id(), wider));
        Ok(())
    }

    /// See [`TableSchema::set_nullable`].
    pub(crate) fn set_nullable(&mut self, name: &str) -> Result<(), SchemaError> {
        let at = self.find(name)?;
        self.set_field(at, |field| field.with_nullable(true));
        Ok(())
    }

    /// See [`TableSchema::set_column_comment`].
    pub(crate) fn set_column_comment(
        &mut self,
        name: &str,
        comment: Option<String>,
    ) -> Result<(), SchemaError> {
        let at = self.find(name)?;
        self.set_field(at, |mut field| {
            let metadata = field.metadata_mut();
            match comment {
                Some(text) => metadata.insert(COMMENT.to_owned(), text),
                None => metadata.remove(COMMENT),
            };
            field
        });
        Ok(())
    }

    /// The id of the column of this name.
    pub(crate) fn id_of(&self, name: &str) -> Option<ColumnId> {
        self.index_of(name).map(|at| self.column(at).id())
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(&*fold(name)).copied()
    }

    fn find(&self, name: &str) -> Result<usize, SchemaError> {
        self.index_of(name)
            .ok_or_else(|| SchemaError::NoSuchColumn { names: vec![name.to_owned()] })
    }

    fn column(&self, at: usize) -> &Column {
        self.columns[at].as_ref().expect("names lead to columns that were not dropped")
    }

    fn set_field(&mut self, at: usize, f: impl FnOnce(Field) -> Field) {
        let column = self.column(at);
        let (id, field) = (column.id(), f(column.field().as_ref().clone()));
        self.columns[at] = Some(Column::new(id, Arc::new(field)));
    }
}

/// One change at a time. Several at once are an `Alteration`'s.
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
        self.altered(|columns| columns.add_columns(fields, &[], next))
    }

    /// The schema with the column `from` called `to`; changing only the case is allowed.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoSuchColumn`]; [`SchemaError::ColumnExists`] if another column is `to`.
    pub fn rename_column(&self, from: &str, to: &str) -> Result<Self, SchemaError> {
        self.altered(|columns| columns.rename_column(from, to))
    }

    /// The schema without the columns `names`.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoSuchColumn`] with all that are missing; [`SchemaError::LastColumn`] if
    /// none would be left.
    pub fn drop_columns<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, SchemaError> {
        self.altered(|columns| columns.drop_columns(names))
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
        self.altered(|columns| columns.widen_column(name, to))
    }

    /// The schema with the column `name` nullable. There is no way back: rows that were written
    /// meanwhile may hold nulls.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoSuchColumn`].
    pub fn set_nullable(&self, name: &str) -> Result<Self, SchemaError> {
        self.altered(|columns| columns.set_nullable(name))
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
        self.altered(|columns| columns.set_column_comment(name, comment))
    }

    fn altered(
        &self,
        alter: impl FnOnce(&mut Alteration<'_>) -> Result<(), SchemaError>,
    ) -> Result<Self, SchemaError> {
        let mut alteration = Alteration::new(self);
        alter(&mut alteration)?;
        alteration.finish()
    }
}
