//! Wishes about rows: which ones match, and what a delete, an update or a compaction makes of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::super::kit::{Dice, Row, chunks, rows_in};
use super::{CHUNK_ROWS, ColumnOf, Wish, equals, nowhere};
use crate::catalog::Catalog;
use crate::commit::OperationKind;
use crate::name::TableName;
use crate::schema::TableSchema;
use crate::table::{ChunkEntry, Lineage, Origin, TableState};
use crate::version::VersionId;
use crate::write_set::{Change, NewRows, Removal};

/// Rows in a chunk of those that a compaction writes.
pub(crate) const COMPACT_ROWS: usize = 3;

/// The rows whose `column` is `value`, and what is to be said of them.
#[derive(Clone, Debug)]
pub(crate) struct Which {
    pub(crate) column: String,
    pub(crate) value: i64,
    /// Whether the predicate is given to the conflict check.
    pub(crate) told: bool,
}

impl Which {
    pub(crate) fn matches(&self, row: &Row) -> bool {
        row.get(&self.column).copied().flatten() == Some(self.value)
    }

    /// The condition as the history has it.
    pub(crate) fn text(&self) -> Arc<str> {
        format!("{} = {}", self.column, self.value).into()
    }
}

/// The places of the rows of a chunk that are still there.
pub(crate) fn live(entry: &ChunkEntry) -> impl Iterator<Item = u32> {
    let gone = move |at: &u32| entry.deletions().is_some_and(|gone| gone.rows().contains(*at));
    (0..entry.chunk().rows() as u32).filter(move |at| !gone(at))
}

/// Rows of a chunk with their places, and the chunk's.
type Found<'a> = (u64, &'a ChunkEntry, Vec<(u32, Row)>);

/// For each chunk that has some, the rows that match.
fn matching<'a>(state: &'a TableState, which: &Which) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for (sequence, entry) in state.chunks() {
        let rows = rows_in(state, entry);
        let rows = live(entry).map(|at| (at, rows[at as usize].clone()));
        let rows: Vec<(u32, Row)> = rows.filter(|(_, row)| which.matches(row)).collect();
        if !rows.is_empty() {
            found.push((sequence, entry, rows));
        }
    }
    found
}

fn removal(entry: &ChunkEntry, rows: &[(u32, Row)]) -> Removal {
    match rows.len() as u64 == entry.live_rows() {
        true => Removal::Chunk,
        false => Removal::Rows(rows.iter().map(|(at, _)| *at).collect::<RoaringBitmap>()),
    }
}

/// What goes where `which` rows do.
pub(super) fn removed(state: &TableState, which: &Which) -> Arc<[(u64, Removal)]> {
    let found = matching(state, which);
    found.iter().map(|(sequence, entry, rows)| (*sequence, removal(entry, rows))).collect()
}

/// A change of rows in which nothing is revived, and that is not alone.
pub(super) fn change_rows(
    name: TableName,
    removed: Arc<[(u64, Removal)]>,
    rows: NewRows,
    which: &Which,
    label: OperationKind,
) -> Change {
    let predicate = which.told.then(|| Arc::new(equals(&which.column, which.value)));
    Change::ChangeRows {
        name,
        removed,
        revived: Arc::default(),
        rows,
        predicate,
        alone: false,
        label,
    }
}

pub(super) fn delete(catalog: &Catalog, name: TableName, which: &Which) -> Change {
    let label = OperationKind::Delete { filter: which.text() };
    let (removed, rows) = match catalog.table(&name) {
        None => (Arc::default(), nowhere()),
        Some(table) => {
            let state = table.state();
            (removed(state, which), NewRows::none(Arc::clone(state.schema())))
        }
    };
    change_rows(name, removed, rows, which, label)
}

pub(super) fn update(
    catalog: &Catalog,
    name: TableName,
    which: &Which,
    (column, to): (&str, i64),
    at: VersionId,
) -> Change {
    let label = OperationKind::Update { columns: column.into(), filter: which.text() };
    let Some(table) = catalog.table(&name) else {
        return change_rows(name, Arc::default(), nowhere(), which, label);
    };
    let state = table.state();
    let mut updated = Vec::new();
    for (_, entry, rows) in matching(state, which) {
        for (index, mut row) in rows {
            row.insert(column.to_owned(), Some(to));
            updated.push((Origin { changed: at, ..entry.origin(index) }, row));
        }
    }
    let rows = kept_rows(state.schema(), &updated, CHUNK_ROWS);
    change_rows(name, removed(state, which), rows, which, label)
}

/// Rows that were there before, as floor 2 cuts them.
pub(crate) fn kept_rows(
    layout: &Arc<TableSchema>,
    rows: &[(Origin, Row)],
    chunk_rows: usize,
) -> NewRows {
    let values: Vec<Row> = rows.iter().map(|(_, row)| row.clone()).collect();
    let lineage = |rows: &[(Origin, Row)]| Arc::new(Lineage::of(rows.iter().map(|(of, _)| *of)));
    NewRows {
        layout: Arc::clone(layout),
        chunks: chunks(layout, &values, chunk_rows),
        kept: rows.chunks(chunk_rows).map(lineage).collect(),
    }
}

/// The order in which a compaction writes as many rows: theirs, or as a sort might leave them.
pub(crate) fn order(rows: usize, shuffle: Option<u64>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    if let Some(seed) = shuffle {
        let mut dice = Dice::new(seed);
        for at in (1..rows).rev() {
            order.swap(at, dice.below(at + 1));
        }
    }
    order
}

pub(super) fn compact(
    catalog: &Catalog,
    name: TableName,
    chosen: Option<&BTreeSet<u64>>,
    shuffle: Option<u64>,
) -> Change {
    let Some(table) = catalog.table(&name) else {
        return Change::Compact { name, removed: Arc::default(), rows: nowhere() };
    };
    let state = table.state();
    let is_chosen = |sequence: &u64| chosen.is_none_or(|chosen| chosen.contains(sequence));
    let (mut removed, mut rows) = (Vec::new(), Vec::new());
    for (sequence, entry) in state.chunks().filter(|(sequence, _)| is_chosen(sequence)) {
        removed.push(sequence);
        let values = rows_in(state, entry);
        rows.extend(live(entry).map(|at| (entry.origin(at), values[at as usize].clone())));
    }
    let order = order(rows.len(), shuffle);
    let rows: Vec<(Origin, Row)> = order.into_iter().map(|at| rows[at].clone()).collect();
    let rows = kept_rows(state.schema(), &rows, COMPACT_ROWS);
    Change::Compact { name, removed: removed.into(), rows }
}

/// A delete, an update or a compaction of a table with these columns, of which one at least is
/// there.
pub(super) fn random_row_wish(
    dice: &mut Dice,
    catalog: &Catalog,
    name: TableName,
    columns: &[ColumnOf],
) -> Wish {
    let column = dice.pick(columns).0;
    let which = Which { column, value: dice.below(6) as i64, told: !dice.one_in(4) };
    match dice.below(5) {
        0..=1 => Wish::Delete { name, which },
        2..=3 => {
            let set = (dice.pick(columns).0, dice.below(6) as i64);
            Wish::Update { name, which, set }
        }
        _ => {
            let all = catalog.table(&name).into_iter().flat_map(|table| table.state().chunks());
            let chosen: BTreeSet<u64> = match dice.one_in(2) {
                true => all.map(|(sequence, _)| sequence).collect(),
                false => all.filter(|_| dice.one_in(2)).map(|(sequence, _)| sequence).collect(),
            };
            let shuffle = dice.one_in(2).then(|| dice.next());
            Wish::Compact { name, chunks: Some(chosen), shuffle }
        }
    }
}
