//! What the columns of a table are, what fits them, and how they change.
//!
//! A [`TableSchema`] is a value: every alteration returns a new one. Each column has a
//! [`ColumnId`] that outlives its name, its type and its place, so rows written long ago are read
//! by identity ([`read_as`]): a column dropped and added again under the same name is another
//! column, and a renamed one is still itself. Names are unique under [`fold`], and so are the
//! names of the fields of a struct, which have no id and are matched by name.
//!
//! | module | subject |
//! |---|---|
//! | `fit` | may these rows be written to that table, and as what: [`fit()`] |
//! | `make` | the schema of a table made from rows: [`for_new_table`], [`for_replaced_table`] |
//! | `kin`, `common` | how two types relate: [`widens_to`], [`common_type`] |
//! | `cast` | turning an array of one type into another, or naming the row that will not go |
//! | `read` | rows written under an older schema, seen under a newer one |
//! | `alter` | columns added, renamed, dropped, widened |
//!
//! **Invariant:** nothing here loses or changes a value without the caller having asked for
//! [`CastPolicy::Ansi`], and no value ever becomes null because it did not fit.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};

mod alter;
mod cast;
mod common;
mod error;
mod fit;
mod kin;
mod make;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use alter::Alteration;
pub use common::common_type;
pub use error::{SchemaError, TypeMismatch};
pub use fit::{Extra, Fit, FitRules, Matching, Missing, fit};
pub use kin::{CastPolicy, widens_to};
pub use make::{Nullability, for_new_table, for_replaced_table};
pub use read::{is_readable_as, read_as};

/// Stable identity of a column within its table id; never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId(pub u32);

impl fmt::Display for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// One column: who it is, and what it is called and holds at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    id: ColumnId,
    field: FieldRef,
}

impl Column {
    /// A column with the name, type, nullability and metadata of `field`.
    pub fn new(id: ColumnId, field: impl Into<FieldRef>) -> Self {
        Self { id, field: field.into() }
    }

    /// Who it is.
    pub fn id(&self) -> ColumnId {
        self.id
    }

    /// What Arrow knows of it.
    pub fn field(&self) -> &FieldRef {
        &self.field
    }

    /// Its name, spelled as it was given.
    pub fn name(&self) -> &str {
        self.field.name()
    }

    /// The type of its values.
    pub fn data_type(&self) -> &DataType {
        self.field.data_type()
    }

    /// Whether it may hold nulls.
    pub fn is_nullable(&self) -> bool {
        self.field.is_nullable()
    }
}

/// The columns of a table, in order; immutable.
#[derive(Clone)]
pub struct TableSchema {
    columns: Box<[Column]>,
    arrow: SchemaRef,
    /// Folded names with positions, sorted by name.
    by_name: Box<[(Box<str>, usize)]>,
    /// Ids with positions, sorted by id.
    by_id: Box<[(ColumnId, usize)]>,
}

impl TableSchema {
    /// A schema of these columns, in this order, without schema-level metadata.
    ///
    /// # Errors
    ///
    /// [`SchemaError::DuplicateNames`] if two columns, or two fields of one struct, have the same
    /// name under [`fold`]; [`SchemaError::DuplicateId`] if two columns have the same id.
    pub fn new(columns: Vec<Column>) -> Result<Self, SchemaError> {
        Self::checked(columns, HashMap::new())
    }

    fn checked(
        columns: Vec<Column>,
        metadata: HashMap<String, String>,
    ) -> Result<Self, SchemaError> {
        refuse_duplicates(columns.iter().map(Column::field))?;
        let schema = Self::index(columns, metadata);
        match schema.by_id.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(SchemaError::DuplicateId { id: pair[0].0 }),
            None => Ok(schema),
        }
    }

    /// The same columns, with this schema-level metadata in place of the present one.
    #[must_use]
    pub fn with_metadata(self, metadata: HashMap<String, String>) -> Self {
        Self::index(self.columns.into_vec(), metadata)
    }

    /// Whether both are the same columns: at once where both are one value, as they mostly are.
    pub fn same(a: &Arc<Self>, b: &Arc<Self>) -> bool {
        Arc::ptr_eq(a, b) || a == b
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// What Arrow knows of this schema. The same `Arc` for the life of the schema.
    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The greatest id in use.
    pub fn max_id(&self) -> Option<ColumnId> {
        self.by_id.last().map(|&(id, _)| id)
    }

    /// Where the column is that has this name under [`fold`]. ASCII names cost no allocation.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        let found = if name.is_ascii() {
            self.by_name.binary_search_by(|(key, _)| compare_ascii_folded(key, name))
        } else {
            let folded = fold(name);
            self.by_name.binary_search_by(|(key, _)| (**key).cmp(&folded))
        };
        found.ok().map(|at| self.by_name[at].1)
    }

    /// Where the column is that has this id.
    pub fn index_of_id(&self, id: ColumnId) -> Option<usize> {
        let at = self.by_id.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        Some(self.by_id[at].1)
    }

    /// The same columns under other ids, as when a commit is rebased.
    ///
    /// `f` must not give two columns the same id; lookup by id finds either if it does.
    #[must_use]
    pub fn remap(&self, mut f: impl FnMut(ColumnId) -> ColumnId) -> Self {
        let columns: Box<[Column]> =
            self.columns.iter().map(|c| Column::new(f(c.id), Arc::clone(&c.field))).collect();
        let by_id = index_by_id(&columns);
        Self { columns, arrow: Arc::clone(&self.arrow), by_name: self.by_name.clone(), by_id }
    }

    /// Builds the lookups. The caller has ruled out duplicate names.
    fn index(columns: Vec<Column>, metadata: HashMap<String, String>) -> Self {
        let fields: Fields = columns.iter().map(|c| Arc::clone(&c.field)).collect();
        let arrow = Arc::new(Schema::new_with_metadata(fields, metadata));
        let mut by_name: Box<[(Box<str>, usize)]> =
            columns.iter().enumerate().map(|(at, c)| (fold(c.name()).into(), at)).collect();
        by_name.sort_unstable();
        let columns = columns.into_boxed_slice();
        let by_id = index_by_id(&columns);
        Self { columns, arrow, by_name, by_id }
    }

    /// The schema with other columns and the same schema-level metadata.
    fn with_columns(&self, columns: Vec<Column>) -> Result<Self, SchemaError> {
        Self::checked(columns, self.arrow.metadata().clone())
    }
}

impl PartialEq for TableSchema {
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns && self.arrow.metadata() == other.arrow.metadata()
    }
}

impl Eq for TableSchema {}

impl fmt::Debug for TableSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for column in &self.columns {
            let null = if column.is_nullable() { "" } else { " not null" };
            let value = format!("{}: {}{null}", column.name(), column.data_type());
            map.entry(&format_args!("{}", column.id), &format_args!("{value}"));
        }
        map.finish()
    }
}

/// The form in which names are compared: lower case, and nothing else, as Spark does. Names that
/// differ only in Unicode normalisation are different names.
///
/// Allocates only if folding changes the name.
pub fn fold(name: &str) -> Cow<'_, str> {
    let is_folded = |c: char| {
        let mut lower = c.to_lowercase();
        lower.next() == Some(c) && lower.next().is_none()
    };
    if name.chars().all(is_folded) { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) }
}

fn compare_ascii_folded(key: &str, name: &str) -> Ordering {
    key.bytes().cmp(name.bytes().map(|b| b.to_ascii_lowercase()))
}

fn index_by_id(columns: &[Column]) -> Box<[(ColumnId, usize)]> {
    let mut by_id: Box<[_]> = columns.iter().enumerate().map(|(at, c)| (c.id, at)).collect();
    by_id.sort_unstable();
    by_id
}

/// Refuses fields of one level, and of structs within them, that have the same folded name.
fn refuse_duplicates<'a>(
    fields: impl IntoIterator<Item = &'a FieldRef>,
) -> Result<(), SchemaError> {
    let mut names = Vec::new();
    find_duplicates("", fields, &mut names);
    if names.is_empty() { Ok(()) } else { Err(SchemaError::DuplicateNames { names }) }
}

fn find_duplicates<'a>(
    within: &str,
    fields: impl IntoIterator<Item = &'a FieldRef>,
    names: &mut Vec<String>,
) {
    let mut seen: HashMap<Cow<'a, str>, (&'a Field, bool)> = HashMap::new();
    for field in fields {
        match seen.get_mut(&fold(field.name())) {
            None => {
                seen.insert(fold(field.name()), (field, false));
            }
            Some((first, told)) => {
                if !std::mem::replace(told, true) {
                    names.push(join(within, first.name()));
                }
                names.push(join(within, field.name()));
            }
        }
        if field.data_type().is_nested() {
            find_nested_duplicates(&join(within, field.name()), field.data_type(), names);
        }
    }
}

fn find_nested_duplicates(within: &str, data_type: &DataType, names: &mut Vec<String>) {
    use DataType::*;
    match data_type {
        Struct(fields) => find_duplicates(within, fields, names),
        List(field)
        | LargeList(field)
        | ListView(field)
        | LargeListView(field)
        | FixedSizeList(field, _)
        | RunEndEncoded(_, field)
        | Map(field, _) => {
            find_nested_duplicates(within, field.data_type(), names);
        }
        Dictionary(_, value) => find_nested_duplicates(within, value, names),
        _ => {}
    }
}

/// The path of a field within a column, as messages show it.
fn join(within: &str, name: &str) -> String {
    if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") }
}
