//! Bounds of chunks that were written under older schemas, against the values themselves.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType, Field};
use roaring::RoaringBitmap;

use super::*;
use crate::Chunk;
use crate::catalog::tests::kit::{Dice, each_seed};
use crate::predicate::{Predicate, col};
use crate::schema::{Column, ColumnId, TableSchema, read_as};
use crate::table::{Deletions, Details, TableKind};
use crate::version::VersionId;

fn schema(columns: &[(u32, &str, DataType)]) -> Arc<TableSchema> {
    let column = |(id, name, of): &(u32, &str, DataType)| {
        Column::new(ColumnId(*id), Field::new(*name, of.clone(), true))
    };
    Arc::new(TableSchema::new(columns.iter().map(column).collect()).unwrap())
}

/// A table of the last of `layouts`, with chunks under each of them.
struct Made {
    state: TableState,
    layouts: Vec<Arc<TableSchema>>,
}

impl Made {
    fn new(layouts: Vec<Arc<TableSchema>>) -> Self {
        let present = Arc::clone(layouts.last().unwrap());
        let details = Arc::new(Details::default());
        Self { state: TableState::empty(TableKind::Managed, present, details), layouts }
    }

    fn add(&mut self, layout: usize, columns: Vec<ArrayRef>, deleted: &[u32]) {
        let layout = Arc::clone(&self.layouts[layout]);
        let batch = RecordBatch::try_new(Arc::clone(layout.arrow()), columns).unwrap();
        let rows: RoaringBitmap = deleted.iter().copied().collect();
        let deletions = Deletions { rows, changed: VersionId(2) };
        let sequence = self.state.chunk_count() as u64;
        let entry = ChunkEntry {
            ids: crate::table::RowIds::From(sequence * 1_000),
            birth: VersionId(1),
            layout: self.state.layout_of(&layout),
            deleted: (!deleted.is_empty()).then(|| Arc::new(deletions)),
            chunk: Arc::new(Chunk::new(batch)),
        };
        self.state.rows += entry.live_rows();
        self.state.bytes += entry.chunk().bytes();
        self.state.chunks.insert(sequence, entry);
    }

    /// The rows of a chunk under the present schema, with marks on those that are still there.
    fn seen(&self, entry: &ChunkEntry) -> (RecordBatch, Vec<bool>) {
        let layout = self.state.layout(entry);
        let batch = read_as(entry.chunk().batch(), layout, self.state.schema(), None).unwrap();
        let gone = |row: u32| entry.deletions().is_some_and(|d| d.rows().contains(row));
        let live = (0..batch.num_rows() as u32).map(|row| !gone(row)).collect();
        (batch, live)
    }
}

/// Values in one order: as integers, or as floats in total order.
fn keys(column: &ArrayRef) -> Vec<Option<i64>> {
    let value = |at: usize| match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(at),
        DataType::Float64 => {
            let bits = column.as_primitive::<Float64Type>().value(at).to_bits().cast_signed();
            bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
        }
        other => panic!("{other}"),
    };
    (0..column.len()).map(|at| column.is_valid(at).then(|| value(at))).collect()
}

fn key(bound: &Option<ArrayRef>) -> Option<i64> {
    bound.as_ref().and_then(|value| keys(value)[0])
}

/// Panics unless the bounds hold for these values, and are as tight as they claim.
fn check_bounds(bounds: &Bounds, live: &[Option<i64>], rows_in_all: u64, place: &str) {
    let values: Vec<i64> = live.iter().flatten().copied().collect();
    let nulls = (live.len() - values.len()) as u64;
    let (least, greatest) = (values.iter().min().copied(), values.iter().max().copied());
    if bounds.exact {
        assert_eq!(bounds.null_count, nulls, "{place}: nulls");
        assert_eq!(bounds.rows, live.len() as u64, "{place}: rows");
        for (bound, value) in [(&bounds.min, least), (&bounds.max, greatest)] {
            assert!(bound.is_none() || key(bound) == value, "{place}: {bounds:?}");
        }
    } else {
        assert!(bounds.null_count >= nulls && bounds.rows <= rows_in_all, "{place}: {bounds:?}");
        assert!(key(&bounds.min).is_none_or(|min| least.is_none_or(|v| min <= v)), "{place}");
        assert!(key(&bounds.max).is_none_or(|max| greatest.is_none_or(|v| max >= v)), "{place}");
    }
}

/// Some values, with extreme shares of nulls and few distinct ones.
fn draw<T: Copy>(dice: &mut Dice, pool: &[T], rows: usize) -> Vec<Option<T>> {
    let nulls_in_four = dice.pick(&[0, 0, 1, 4]);
    let (start, distinct) = (dice.below(pool.len()), dice.pick(&[1, 2, 4]));
    let mut one = || {
        let value = pool[(start + dice.below(distinct)) % pool.len()];
        (dice.below(4) >= nulls_in_four).then_some(value)
    };
    (0..rows).map(|_| one()).collect()
}

const INTS: [i32; 8] = [i32::MIN, -7, -1, 0, 1, 2, 9, i32::MAX];
const FLOATS: [u32; 10] = [
    0x0000_0000, // 0.0
    0x8000_0000, // -0.0
    0x3f80_0000, // 1.0
    0xc000_0000, // -2.0
    0x7f80_0000, // infinity
    0xff80_0000, // negative infinity
    0x7fc0_0000, // NaN
    0xffc0_0000, // negative NaN
    0x7fa0_0000, // signalling NaN
    0xffa0_0001, // negative signalling NaN
];

/// A table whose columns were added, widened, dropped, renamed and moved.
fn random_table(dice: &mut Dice) -> Made {
    use DataType::{Float32, Float64, Int32, Int64};
    let mut made = Made::new(vec![
        schema(&[(0, "i", Int32), (1, "f", Float32)]),
        // `gone` has the place that another column has today; `i` has another name.
        schema(&[(2, "gone", Int64), (0, "old", Int64), (1, "f", Float32)]),
        schema(&[(1, "f", Float64), (3, "late", Int64), (0, "i", Int64)]),
    ]);
    for _ in 0..1 + dice.below(5) {
        let rows = 1 + dice.below(5);
        let layout = dice.below(3);
        let mut ints = || -> ArrayRef {
            let values = draw(dice, &INTS, rows);
            Arc::new(Int64Array::from_iter(values.into_iter().map(|v| v.map(i64::from))))
        };
        let (one, other) = (ints(), ints());
        let floats: Vec<Option<f32>> =
            draw(dice, &FLOATS, rows).into_iter().map(|bits| bits.map(f32::from_bits)).collect();
        let narrow: ArrayRef = Arc::new(Float32Array::from(floats.clone()));
        let wide: ArrayRef =
            Arc::new(Float64Array::from_iter(floats.into_iter().map(|v| v.map(f64::from))));
        let columns = match layout {
            0 => vec![Arc::new(Int32Array::from(draw(dice, &INTS, rows))) as ArrayRef, narrow],
            1 => vec![one, other, narrow],
            _ => vec![wide, one, other],
        };
        let mut deleted: Vec<u32> = (0..rows as u32).filter(|_| dice.one_in(3)).collect();
        if deleted.len() == rows || dice.one_in(2) {
            deleted.clear();
        }
        made.add(layout, columns, &deleted);
    }
    made
}

#[test]
fn bounds_hold_for_every_value_and_are_exact_where_they_say_so() {
    let (mut exact, mut tight) = (0, 0);
    each_seed(0..600, |dice| {
        let made = random_table(dice);
        let state = &made.state;
        for column in 0..state.schema().len() {
            let mut all = Vec::new();
            let mut rows_in_all = 0;
            for (sequence, entry) in state.chunks() {
                let (batch, live) = made.seen(entry);
                let values = keys(batch.column(column)).into_iter().zip(live);
                let values: Vec<_> = values.filter(|(_, live)| *live).map(|(v, _)| v).collect();
                let rows = entry.chunk().rows() as u64;
                rows_in_all += rows;
                let found = bounds(state, entry, column);
                check_bounds(&found, &values, rows, &format!("chunk {sequence}, {column}"));
                if entry.deletions().is_none() {
                    assert!(found.exact, "nothing was deleted");
                    // An integer's bounds are never lost on the way, nor a plain float's.
                    let is_float =
                        *state.schema().columns()[column].data_type() == DataType::Float64;
                    let old = !Arc::ptr_eq(state.layout(entry), state.schema());
                    let values = values.iter().flatten().count();
                    assert!(is_float && old || found.min.is_some() == (values > 0));
                }
                exact += usize::from(found.exact);
                tight += usize::from(found.min.is_some());
                all.extend(values);
            }
            let found = table_bounds(state, column);
            check_bounds(&found, &all, rows_in_all, &format!("the table, {column}"));
        }
    });
    assert!(exact > 2_000 && tight > 2_000, "{exact} {tight}");
}

fn random_predicate(dice: &mut Dice, depth: usize) -> Predicate {
    if depth > 0 && dice.one_in(2) {
        let one = random_predicate(dice, depth - 1);
        return match dice.below(3) {
            0 => one.and(random_predicate(dice, depth - 1)),
            1 => one.or(random_predicate(dice, depth - 1)),
            _ => one.not(),
        };
    }
    let int = |dice: &mut Dice| i64::from(dice.pick(&INTS));
    let float = |dice: &mut Dice| f64::from(f32::from_bits(dice.pick(&FLOATS)));
    let column = dice.pick(&["i", "late", "f"]);
    match (column, dice.below(7)) {
        (_, 0) => col(column).is_null(),
        (_, 1) => col(column).is_not_null(),
        ("f", 2) => col("f").eq(float(dice)),
        ("f", 3) => col("f").lt(float(dice)),
        ("f", 4) => col("f").gt_eq(float(dice)),
        ("f", 5) => col("f").ne(float(dice)),
        (_, 2) => col(column).eq(int(dice)),
        (_, 3) => col(column).lt(int(dice)),
        (_, 4) => col(column).gt_eq(int(dice)),
        (_, 5) => col(column).ne(int(dice)),
        _ => col("i").lt(col("late")),
    }
}

#[test]
fn what_statistics_rule_out_no_row_would_have_matched() {
    let (mut none, mut all) = (0, 0);
    each_seed(0..800, |dice| {
        let made = random_table(dice);
        for _ in 0..4 {
            let predicate = random_predicate(dice, 2);
            let bound = predicate.bind(made.state.arrow_schema()).unwrap();
            for (_, entry) in made.state.chunks() {
                let (batch, live) = made.seen(entry);
                let matching = bound.evaluate(&batch).unwrap();
                let hit = |row: usize| matching.is_valid(row) && matching.value(row);
                let hits = (0..batch.num_rows()).filter(|row| live[*row] && hit(*row)).count();
                match can_match(&bound, &made.state, entry) {
                    Matches::None => {
                        assert_eq!(hits, 0, "{predicate}");
                        none += 1;
                    }
                    Matches::All => {
                        assert_eq!(hits as u64, entry.live_rows(), "{predicate}");
                        all += 1;
                    }
                    Matches::Some => {}
                }
            }
        }
    });
    assert!(none > 500 && all > 500, "{none} {all}");
}

#[test]
fn a_column_that_came_later_is_null_and_rules_its_chunks_out() {
    use DataType::{Int64, Utf8};
    let layouts = vec![schema(&[(0, "k", Int64)]), schema(&[(0, "k", Int64), (1, "s", Utf8)])];
    let mut made = Made::new(layouts);
    made.add(0, vec![Arc::new(Int64Array::from(vec![1, 2, 3]))], &[]);
    made.add(0, vec![Arc::new(Int64Array::from(vec![1, 2, 3]))], &[0]);
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("m"), None, Some("b")]));
    made.add(1, vec![Arc::new(Int64Array::from(vec![7, 8, 9])), text], &[]);
    let bind = |predicate: &Predicate| predicate.bind(made.state.arrow_schema()).unwrap();
    let matches = |predicate: Predicate| -> Vec<Matches> {
        let bound = bind(&predicate);
        made.state.chunks().map(|(_, entry)| can_match(&bound, &made.state, entry)).collect()
    };
    let (none, some, all) = (Matches::None, Matches::Some, Matches::All);
    assert_eq!(matches(col("s").eq("m")), [none, none, some]);
    assert_eq!(matches(col("s").is_null()), [all, all, some]);
    assert_eq!(matches(col("s").is_not_null()), [none, none, some]);
    assert_eq!(matches(col("s").ne("m").not()), [none, none, some]);
    assert_eq!(matches(col("k").gt(6)), [none, none, all]);

    let found = table_bounds(&made.state, 1);
    let text = |value: &ArrayRef| value.as_string::<i32>().value(0).to_owned();
    assert_eq!(found.min.as_ref().map(text), Some("b".to_owned()));
    assert_eq!(found.max.as_ref().map(text), Some("m".to_owned()));
    assert!(!found.exact || found.null_count == 6, "{found:?}");
}

#[test]
fn the_bounds_of_no_rows_are_those_of_nothing() {
    let made = Made::new(vec![schema(&[(0, "k", DataType::Int64)])]);
    let found = table_bounds(&made.state, 0);
    assert_eq!((found.null_count, found.rows, found.exact), (0, 0, true));
    assert!(found.min.is_none() && found.max.is_none());
}

/// The order of floats puts one that is no number by its bits, and those change when it is cast.
#[test]
fn a_half_float_that_is_no_number_bounds_nothing_once_it_is_wider() {
    use arrow_array::Float16Array;
    use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type};
    type Half = <Float16Type as ArrowPrimitiveType>::Native;
    let of = |half| schema(&[(0, "f", half)]);
    let mut made = Made::new(vec![of(DataType::Float16), of(DataType::Float32)]);
    // 1, 2; -2, 1, a signalling NaN; a negative quiet NaN, 1.
    for bits in [vec![0x3c00, 0x4000], vec![0xc000, 0x3c00, 0x7c01], vec![0xfe00, 0x3c00]] {
        let halves = Float16Array::from_iter_values(bits.into_iter().map(Half::from_bits));
        made.add(0, vec![Arc::new(halves)], &[]);
    }
    let told = made.state.chunks().map(|(_, entry)| {
        let found = bounds(&made.state, entry, 0);
        [found.min, found.max].map(|of| of.map(|of| of.as_primitive::<Float32Type>().value(0)))
    });
    let expected = [[Some(1.0), Some(2.0)], [Some(-2.0), None], [None, Some(1.0)]];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}
