//! Dice, names, and rows of integers that are put into tables and read back.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, FieldRef, Schema};

use crate::Chunk;
use crate::name::{DatabaseName, TableName};
use crate::schema::{TableSchema, read_as};
use crate::table::{ChunkEntry, TableState};

/// Numbers that look random (splitmix64): a seed replays everything.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, sides: usize) -> usize {
        (self.next() >> 16) as usize % sides
    }

    pub(crate) fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Runs a test once for each seed, and names the seed of a failure.
pub(crate) fn each_seed(seeds: std::ops::Range<u64>, mut test: impl FnMut(&mut Dice)) {
    for seed in seeds {
        let run = catch_unwind(AssertUnwindSafe(|| test(&mut Dice::new(seed))));
        if let Err(panic) = run {
            eprintln!("failed with seed {seed}");
            resume_unwind(panic);
        }
    }
}

pub(crate) fn table(name: &str) -> TableName {
    TableName::parse(name).unwrap()
}

pub(crate) fn database(name: &str) -> DatabaseName {
    DatabaseName::new(name).unwrap()
}

/// A row by column name. All columns are integers.
pub(crate) type Row = BTreeMap<String, Option<i64>>;

/// A row with the same value in each of `columns`.
pub(crate) fn row(columns: &[&str], value: i64) -> Row {
    columns.iter().map(|column| ((*column).to_owned(), Some(value))).collect()
}

pub(crate) fn field(name: &str, data_type: &DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type.clone(), true))
}

/// Rows as a batch of `schema`; columns that a row lacks are null.
pub(crate) fn batch(schema: &Schema, rows: &[Row]) -> RecordBatch {
    let column = |field: &FieldRef| -> ArrayRef {
        let values: Int64Array =
            rows.iter().map(|row| row.get(field.name()).copied().flatten()).collect();
        cast(&values, field.data_type()).unwrap()
    };
    let columns = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(schema.clone()), columns, &options).unwrap()
}

/// Rows cut into chunks of at most `chunk_rows`, under the schema that they are written in.
pub(crate) fn chunks(schema: &TableSchema, rows: &[Row], chunk_rows: usize) -> Arc<[Arc<Chunk>]> {
    let chunk = |rows: &[Row]| Arc::new(Chunk::new(batch(schema.arrow(), rows)));
    rows.chunks(chunk_rows).map(chunk).collect()
}

/// The rows of a chunk, deleted ones included, under the present schema of the table.
pub(crate) fn rows_in(state: &TableState, entry: &ChunkEntry) -> Vec<Row> {
    let seen = read_as(entry.chunk().batch(), state.layout(entry), state.schema(), None).unwrap();
    let mut rows = vec![Row::new(); seen.num_rows()];
    for (field, column) in seen.schema().fields().iter().zip(seen.columns()) {
        let values = cast(column, &DataType::Int64).unwrap();
        let values = values.as_primitive::<Int64Type>();
        for (at, row) in rows.iter_mut().enumerate() {
            let value = values.is_valid(at).then(|| values.value(at));
            row.insert(field.name().clone(), value);
        }
    }
    rows
}

/// What a scan returns, in order.
pub(crate) fn rows_of(state: &TableState) -> Vec<Row> {
    let live = |(_, entry): (u64, &ChunkEntry)| {
        let gone =
            |at: usize| entry.deletions().is_some_and(|deleted| deleted.rows().contains(at as u32));
        let rows = rows_in(state, entry).into_iter().enumerate();
        rows.filter(|(at, _)| !gone(*at)).map(|(_, row)| row).collect::<Vec<_>>()
    };
    state.chunks().flat_map(live).collect()
}

/// Name, type and nullability of each column, in order.
pub(crate) fn columns_of(state: &TableState) -> Vec<(String, DataType, bool)> {
    let columns = state.schema().columns().iter();
    columns.map(|c| (c.name().to_owned(), c.data_type().clone(), c.is_nullable())).collect()
}
