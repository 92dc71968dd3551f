//! What fits what, by tables of types; what is said when it does not.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, MapBuilder, StringBuilder};
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer, i256};
use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, TimeUnit};

use super::*;

mod altering;
mod casting;
mod evolution;
mod kinship;
mod laws;
mod shapes;
mod values;

const S: TimeUnit = TimeUnit::Second;
const MS: TimeUnit = TimeUnit::Millisecond;
const US: TimeUnit = TimeUnit::Microsecond;
const NS: TimeUnit = TimeUnit::Nanosecond;

fn field(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, true))
}

fn strict(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, false))
}

fn schema<const N: usize>(fields: [FieldRef; N]) -> Schema {
    Schema::new(fields.into_iter().collect::<Fields>())
}

/// A table with columns of ids 0, 1, … and the next free id.
fn table<const N: usize>(fields: [FieldRef; N]) -> (Arc<TableSchema>, ColumnId) {
    let mut next = ColumnId(0);
    let made = for_new_table(&schema(fields), Nullability::AsWritten, &mut next).unwrap();
    (Arc::new(made), next)
}

fn batch<const N: usize>(columns: [(FieldRef, ArrayRef); N]) -> RecordBatch {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let rows = arrays.first().map_or(0, |a: &ArrayRef| a.len());
    read::assemble(Arc::new(Schema::new(fields)), arrays, rows).unwrap()
}

fn text(data_type: &DataType) -> ArrayRef {
    arrow_cast::cast(&StringArray::from(vec![Some("a"), None, Some("b")]), data_type).unwrap()
}

fn zoned(unit: TimeUnit, zone: &str) -> DataType {
    DataType::Timestamp(unit, Some(zone.into()))
}

fn dictionary(key: DataType, value: DataType) -> DataType {
    DataType::Dictionary(Box::new(key), Box::new(value))
}

fn runs(value: DataType) -> DataType {
    let ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
    DataType::RunEndEncoded(ends, field("values", value))
}

fn list(element: DataType) -> DataType {
    DataType::List(field("item", element))
}

fn structure<const N: usize>(fields: [FieldRef; N]) -> DataType {
    DataType::Struct(fields.into_iter().collect())
}

fn map(key: DataType, value: DataType) -> DataType {
    let entries = structure([strict("keys", key), field("values", value)]);
    DataType::Map(strict("entries", entries), false)
}

fn rules(casts: CastPolicy) -> FitRules {
    FitRules { casts, ..FitRules::default() }
}

fn merging() -> FitRules {
    FitRules {
        extra: Extra::AddColumn,
        missing: Missing::FillNull,
        widen: true,
        ..rules(CastPolicy::Lossless)
    }
}

/// Fits one column called `c` of that array to a table with one of type `to`.
fn save(array: ArrayRef, to: DataType, rules: &FitRules) -> Result<ArrayRef, SchemaError> {
    let incoming = batch([(field("c", array.data_type().clone()), array)]);
    let (table, mut next) = table([field("c", to)]);
    let plan = fit(&incoming.schema(), &table, rules, &mut next)?;
    let saved = plan.apply(&incoming)?;
    assert_eq!(saved.schema_ref(), plan.schema().arrow());
    Ok(Arc::clone(saved.column(0)))
}

fn ints(values: impl IntoIterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int32Array>())
}

#[test]
fn names_are_found_whatever_their_case() {
    let (table, _) = table([
        field("Id", DataType::Int32),
        field("Žluť", DataType::Utf8),
        field("b", DataType::Utf8),
    ]);
    for (name, at) in [("id", 0), ("ID", 0), ("Id", 0), ("žluť", 1), ("ŽLUŤ", 1), ("B", 2)] {
        assert_eq!(table.index_of(name), Some(at), "{name}");
    }
    assert_eq!(table.index_of("zlut"), None);
    assert_eq!(table.index_of(""), None);
    assert!(matches!(fold("plain_ß"), Cow::Borrowed(_)));
    assert_eq!(fold("ÄB"), "äb");
    assert_eq!(fold("İ"), "i̇");
}

#[test]
fn a_schema_has_each_name_and_each_id_once() {
    let column = |id, name| Column::new(ColumnId(id), field(name, DataType::Int32));
    let error = TableSchema::new(vec![column(0, "a"), column(1, "b"), column(2, "A")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "columns `a`, `A` have the same name; names are compared without case, rename one"
    );
    let nested =
        field("s", list(structure([field("x", DataType::Int8), field("X", DataType::Int8)])));
    let error = TableSchema::new(vec![Column::new(ColumnId(0), nested)]).unwrap_err();
    assert!(matches!(error, SchemaError::DuplicateNames { names } if names == ["s.x", "s.X"]));
    let error = TableSchema::new(vec![column(7, "a"), column(7, "b")]).unwrap_err();
    assert_eq!(error.to_string(), "two columns have the id c7; give each column an id of its own");
}

#[test]
fn metadata_and_ids_are_kept_apart_from_columns() {
    let (made, _) = table([field("a", DataType::Int32), field("b", DataType::Utf8)]);
    let metadata = HashMap::from([("k".to_owned(), "v".to_owned())]);
    let with = made.as_ref().clone().with_metadata(metadata.clone());
    assert_ne!(with, *made);
    let moved = with.remap(|id| ColumnId(10 - id.0));
    assert_eq!(moved.arrow().metadata(), &metadata);
    assert_eq!((moved.index_of_id(ColumnId(9)), moved.index_of_id(ColumnId(1))), (Some(1), None));
    assert_eq!((moved.max_id(), moved.len(), moved.is_empty()), (Some(ColumnId(10)), 2, false));
    assert_eq!(format!("{made:?}"), "{c0: a: Int32, c1: b: Utf8}");
}

#[test]
fn a_new_table_is_nullable_throughout_unless_asked_otherwise() {
    let inner = structure([strict("x", DataType::Int32)]);
    let incoming = schema([
        strict("a", DataType::Int32),
        strict("s", inner.clone()),
        strict("l", DataType::List(strict("item", inner))),
        field("m", map(DataType::Utf8, DataType::Int32)),
    ]);
    let mut next = ColumnId(5);
    let relaxed = for_new_table(&incoming, Nullability::Relaxed, &mut next).unwrap();
    assert_eq!(next, ColumnId(9));
    assert_eq!(relaxed.columns()[0].id(), ColumnId(5));
    let inner = structure([field("x", DataType::Int32)]);
    let expected = schema([
        field("a", DataType::Int32),
        field("s", inner.clone()),
        field("l", list(inner)),
        field("m", map(DataType::Utf8, DataType::Int32)),
    ]);
    assert_eq!(**relaxed.arrow(), expected);
    let written = for_new_table(&incoming, Nullability::AsWritten, &mut next).unwrap();
    assert_eq!(**written.arrow(), incoming);

    let duplicate = schema([field("a", DataType::Int8), field("A", DataType::Int8)]);
    let before = next;
    assert!(for_new_table(&duplicate, Nullability::Relaxed, &mut next).is_err());
    assert_eq!(next, before, "a refused table takes no ids");
    let mut last = ColumnId(u32::MAX);
    let error = for_new_table(&incoming, Nullability::Relaxed, &mut last).unwrap_err();
    assert_eq!(error.to_string(), "no column id is left; save the rows to a new table");
}

#[test]
fn what_is_written_by_a_frame_that_was_not_null_is_relabelled_without_a_copy() {
    let array: ArrayRef =
        Arc::new(StructArray::from(vec![(strict("x", DataType::Int32), ints([Some(1), Some(2)]))]));
    let incoming = batch([(strict("s", array.data_type().clone()), Arc::clone(&array))]);
    let mut next = ColumnId(0);
    let table = for_new_table(&incoming.schema(), Nullability::Relaxed, &mut next).unwrap();
    let plan = fit(&incoming.schema(), &Arc::new(table), &FitRules::default(), &mut next).unwrap();
    let saved = plan.apply(&incoming).unwrap();
    let column = |b: &RecordBatch| b.column(0).to_data().child_data()[0].buffers()[0].as_ptr();
    assert_eq!(column(&saved), column(&incoming));
}

#[test]
fn a_replaced_table_keeps_the_ids_of_names_that_stay() {
    let (current, mut next) = table([field("a", DataType::Int32), field("b", DataType::Utf8)]);
    let same = schema([strict("a", DataType::Int32), field("b", DataType::Utf8)]);
    let kept = for_replaced_table(&same, &current, Nullability::Relaxed, &mut next).unwrap();
    assert!(Arc::ptr_eq(&kept, &current));

    let other = schema([field("c", DataType::Int8), field("A", DataType::Utf8)]);
    let replaced = for_replaced_table(&other, &current, Nullability::Relaxed, &mut next).unwrap();
    let ids: Vec<_> = replaced.columns().iter().map(|c| (c.id().0, c.name())).collect();
    assert_eq!(ids, [(2, "c"), (0, "A")]);
    assert_eq!(next, ColumnId(3));

    let doubled = schema([field("a", DataType::Int8), field("A", DataType::Int8)]);
    let error =
        for_replaced_table(&doubled, &current, Nullability::Relaxed, &mut next).unwrap_err();
    assert!(matches!(error, SchemaError::DuplicateNames { .. }));
}

#[test]
fn an_equal_schema_is_passed_on() {
    let (table, mut next) = table([field("a", DataType::Int32), field("b", DataType::Utf8)]);
    let rows = batch([
        (field("a", DataType::Int32), ints([Some(1), None, None])),
        (field("b", DataType::Utf8), text(&DataType::Utf8)),
    ]);
    let plan = fit(&rows.schema(), &table, &FitRules::default(), &mut next).unwrap();
    assert!(plan.is_identity() && Arc::ptr_eq(plan.schema(), &table));
    assert!(plan.added().is_empty() && plan.widened().is_empty());
    let saved = plan.apply(&rows).unwrap();
    assert!(Arc::ptr_eq(saved.schema_ref(), table.arrow()));
    assert!(saved.columns().iter().zip(rows.columns()).all(|(a, b)| Arc::ptr_eq(a, b)));

    // Names in another case are the table's in the result, and nothing is copied either.
    let shouted = schema([field("A", DataType::Int32), field("B", DataType::Utf8)]);
    let plan = fit(&shouted, &table, &rules(CastPolicy::Exact), &mut next).unwrap();
    assert!(plan.is_identity());
}

#[test]
fn columns_find_their_place_by_name_or_by_position() {
    let (table, mut next) = table([field("a", DataType::Int32), field("b", DataType::Int32)]);
    let swapped = batch([
        (field("B", DataType::Int32), ints([Some(1)])),
        (field("a", DataType::Int32), ints([Some(2)])),
    ]);
    let first = |rules: &FitRules, next: &mut ColumnId| {
        let plan = fit(&swapped.schema(), &table, rules, next).unwrap();
        let saved = plan.apply(&swapped).unwrap();
        (plan.is_identity(), saved.column(0).to_data().buffers()[0].typed_data::<i32>()[0])
    };
    assert_eq!(first(&FitRules::default(), &mut next), (false, 2));
    let by_position = FitRules { matching: Matching::ByPosition, ..FitRules::default() };
    assert_eq!(first(&by_position, &mut next), (true, 1));

    let doubled = schema([field("x", DataType::Int32), field("x", DataType::Int32)]);
    assert!(fit(&doubled, &table, &by_position, &mut next).is_ok());
    let error = fit(&doubled, &table, &FitRules::default(), &mut next).unwrap_err();
    assert!(matches!(error, SchemaError::DuplicateNames { .. }));

    let one = schema([field("x", DataType::Int32)]);
    let error = fit(&one, &table, &by_position, &mut next).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the rows have 1 columns and the table has 2; columns matched by position must agree in number"
    );
    let filled = FitRules { missing: Missing::FillNull, ..by_position };
    assert!(fit(&one, &table, &filled, &mut next).is_ok());
    let three = schema([
        field("x", DataType::Int32),
        field("y", DataType::Int32),
        field("z", DataType::Int32),
    ]);
    assert!(matches!(
        fit(&three, &table, &filled, &mut next),
        Err(SchemaError::ColumnCount { .. })
    ));
    let added = FitRules { extra: Extra::AddColumn, ..by_position };
    let plan = fit(&three, &table, &added, &mut next).unwrap();
    assert_eq!(plan.added(), [ColumnId(2)]);
}

#[test]
fn all_that_is_missing_and_extra_is_told_at_once() {
    let (table, mut next) = table([
        field("id", DataType::Int32),
        field("name", DataType::Utf8),
        field("city", DataType::Utf8),
    ]);
    let message = |fields: Schema, next: &mut ColumnId| {
        fit(&fields, &table, &FitRules::default(), next).unwrap_err().to_string()
    };
    let more = schema([
        field("id", DataType::Int32),
        field("name", DataType::Utf8),
        field("city", DataType::Utf8),
        field("age", DataType::Int8),
    ]);
    assert_eq!(
        message(more, &mut next),
        "column `age` is not in the table; save with merge_schema to add it"
    );
    assert_eq!(
        message(schema([field("id", DataType::Int32)]), &mut next),
        "columns `name`, `city` are not in the rows; supply it or ask for missing columns to be \
         filled with nulls"
    );
    assert_eq!(
        message(schema([field("label", DataType::Utf8), field("id", DataType::Int32)]), &mut next),
        "columns `name`, `city` are not in the rows, and column `label` is not in the table; give \
         the rows the columns of the table"
    );
    let long = "x".repeat(200);
    let told = message(
        schema([
            field("id", DataType::Int32),
            field("name", DataType::Utf8),
            field("city", DataType::Utf8),
            field(&long, DataType::Int8),
        ]),
        &mut next,
    );
    assert!(told.contains(&format!("`{}…`", "x".repeat(63))) && !told.contains(&long), "{told}");
}

#[test]
fn all_types_that_differ_are_told_at_once() {
    let (table, mut next) = table([
        field("a", DataType::Int32),
        field("b", structure([field("x", DataType::Boolean)])),
    ]);
    let incoming =
        schema([field("a", DataType::Utf8), field("b", structure([field("x", DataType::Int8)]))]);
    let error = fit(&incoming, &table, &FitRules::default(), &mut next).unwrap_err();
    assert_eq!(
        error.to_string(),
        "types differ in a way that the policy lossless refuses: `a` is Int32 and comes as Utf8, \
         `b.x` is Boolean and comes as Int8; cast it before saving or allow more with the cast policy"
    );
    let error = fit(&incoming, &table, &rules(CastPolicy::Ansi), &mut next).unwrap_err();
    assert!(
        matches!(error, SchemaError::Types { mismatches, policy: CastPolicy::Ansi } if mismatches.len() == 2)
    );
}

#[test]
fn nulls_do_not_enter_columns_that_forbid_them() {
    let (table, mut next) = table([
        strict("a", DataType::Int32),
        field("s", structure([strict("x", DataType::Int32)])),
    ]);
    let nested: ArrayRef = Arc::new(StructArray::new(
        vec![field("x", DataType::Int32)].into(),
        vec![ints([Some(1), None, None])],
        Some(NullBuffer::from(vec![true, false, true])),
    ));
    let rows = |a: &[Option<i32>], s: &ArrayRef| {
        batch([
            (field("a", DataType::Int32), ints(a.iter().copied())),
            (field("s", s.data_type().clone()), Arc::clone(s)),
        ])
    };

    let good = rows(&[Some(1), Some(2)], &nested.slice(0, 2));
    let plan = fit(&good.schema(), &table, &FitRules::default(), &mut next).unwrap();
    plan.apply(&good).unwrap(); // the null below a null struct is no matter
    let error = plan.apply(&rows(&[Some(1), None, None], &nested)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 2 has a null in column `s.x`, which is declared not null; fill it or make the column nullable"
    );
    let error = plan.apply(&rows(&[Some(1), None], &nested.slice(0, 2))).unwrap_err();
    assert!(matches!(error, SchemaError::Null { column, row: 1 } if column == "a"));

    let void = schema([field("a", DataType::Null), field("s", nested.data_type().clone())]);
    let error = fit(&void, &table, &FitRules::default(), &mut next).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `a` is declared not null and the rows have no values for it; supply them"
    );
    let lacking = schema([field("s", structure([]))]);
    let error = fit(&lacking, &table, &merging(), &mut next).unwrap_err();
    assert!(matches!(error, SchemaError::NothingForNotNull { names } if names == ["a", "s.x"]));
}

#[test]
fn logical_nulls_count_as_nulls() {
    let values = StringArray::from(vec![Some("a"), None]);
    let keys = Int32Array::from(vec![0, 1]);
    let array: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(values)));
    let (table, mut next) = table([strict("c", array.data_type().clone())]);
    let rows = batch([(strict("c", array.data_type().clone()), array)]);
    let plan = fit(&rows.schema(), &table, &FitRules::default(), &mut next).unwrap();
    assert!(plan.is_identity());
    assert!(matches!(plan.apply(&rows), Err(SchemaError::Null { row: 1, .. })));
}

#[test]
fn void_columns_are_nulls_of_any_type_and_become_something_only_by_widening() {
    let void: ArrayRef = Arc::new(NullArray::new(2));
    let targets = [
        DataType::Int32,
        DataType::Utf8,
        dictionary(DataType::Int8, DataType::Utf8),
        runs(DataType::Int64),
        list(DataType::Int8),
        structure([strict("x", DataType::Int8)]),
        map(DataType::Utf8, DataType::Int8),
        DataType::FixedSizeBinary(3),
        DataType::Null,
    ];
    for to in targets {
        let saved = save(Arc::clone(&void), to.clone(), &rules(CastPolicy::Exact)).unwrap();
        assert_eq!((saved.data_type(), saved.logical_null_count()), (&to, 2));
    }
    let error = save(ints([Some(1)]), DataType::Null, &rules(CastPolicy::Ansi)).unwrap_err();
    assert!(matches!(error, SchemaError::Types { .. }));
    let saved = save(ints([Some(1)]), DataType::Null, &merging()).unwrap();
    assert_eq!(saved.data_type(), &DataType::Int32);
}

#[test]
fn no_rows_and_no_columns_are_fine() {
    let (none, mut next) = table([]);
    let empty = batch([]);
    let plan = fit(&empty.schema(), &none, &FitRules::default(), &mut next).unwrap();
    assert_eq!(plan.apply(&empty).unwrap().num_rows(), 0);
    let counted = read::assemble(Arc::clone(none.arrow()), Vec::new(), 7).unwrap();
    assert_eq!(plan.apply(&counted).unwrap().num_rows(), 7);
    assert_eq!(read_as(&counted, &none, &none, None).unwrap().num_rows(), 7);
    assert_eq!(read_as(&counted, &none, &none, Some(&[])).unwrap().num_rows(), 7);
    let (wide, _) = table([field("a", list(DataType::Int32))]);
    assert_eq!(read_as(&counted, &none, &wide, None).unwrap().column(0).null_count(), 7);
    let plan = fit(&schema([field("a", DataType::Int32)]), &none, &merging(), &mut next).unwrap();
    assert_eq!(plan.schema().len(), 1);
    let no_rows: ArrayRef = Arc::new(Float64Array::from(Vec::<f64>::new()));
    let saved =
        save(no_rows, dictionary(DataType::Int8, DataType::Int32), &rules(CastPolicy::Ansi));
    assert_eq!(saved.unwrap().len(), 0);
}

#[test]
fn a_batch_of_another_schema_than_planned_is_refused() {
    let (table, mut next) = table([field("a", DataType::Int32)]);
    let plan = fit(table.arrow(), &table, &FitRules::default(), &mut next).unwrap();
    let error =
        plan.apply(&batch([(field("a", DataType::Utf8), text(&DataType::Utf8))])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the batch has Utf8 where Int32 for column `a` was announced; plan anew for this schema"
    );
    let error = plan.apply(&batch([])).unwrap_err();
    assert!(matches!(error, SchemaError::BatchDiffers { .. }));
}
