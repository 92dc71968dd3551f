//! The rules on columns: rows fitted to tables as the model says, and what must hold of types
//! whatever they are.

use std::sync::Arc;

use annals_state::schema::{
    CastPolicy, Column, ColumnId, Extra, FitRules, Matching, Missing, SchemaError, TableSchema,
    common_type, fit, is_readable_as, read_as, widens_to,
};
use arrow_array::{RecordBatch, new_null_array};
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};

use crate::model::decode::{Choices, LARGE};
use crate::model::engine::{cells, data_type, record_batch};
use crate::model::fit::{self as rules, Refusal, Rules};
use crate::model::step::{Alter, Batch};
use crate::model::world::{self, Kind, State, Value, What};

/// The first byte chooses what is tried with the rest.
pub fn run(bytes: &[u8]) {
    let c = &mut Choices::new(bytes);
    match c.below(4) {
        0..=1 => fits_as_the_model_says(c),
        2 => alters_as_the_model_says(c),
        _ => holds_of_all_types(c),
    }
}

const NAMES: [&str; 5] = ["k", "v", "K", "s", "x"];
const KINDS: [Kind; 3] = [Kind::Int, Kind::Small, Kind::Text];

fn some_table(c: &mut Choices<'_>) -> Option<(State, Arc<TableSchema>)> {
    let columns: Vec<world::Column> = (0..1 + c.below(3))
        .map(|id| world::Column {
            id: id as u64,
            name: c.of(&NAMES).to_owned(),
            kind: c.of(&KINDS),
            nullable: !c.one_in(3),
            comment: None,
        })
        .collect();
    let known = |column: &world::Column| {
        let field = Field::new(&column.name, data_type(column.kind), column.nullable);
        Column::new(ColumnId(column.id as u32), field)
    };
    let schema = TableSchema::new(columns.iter().map(known).collect());
    let duplicates = rules::refuse_duplicates(columns.iter().map(|column| &*column.name));
    assert_eq!(schema.is_ok(), duplicates.is_ok(), "{columns:?}");
    let (rows, properties, partition_by) = Default::default();
    let (what, comment) = (What::Managed, None);
    let state = State { what, columns, rows, comment, properties, partition_by };
    Some((state, Arc::new(schema.ok()?)))
}

fn refusal(error: &SchemaError) -> Refusal {
    let text = format!("{error:?}");
    let variant: String = text.chars().take_while(|char| char.is_alphanumeric()).collect();
    assert!(error.to_string().len() < 5_000, "{error}");
    format!("Schema.{variant}")
}

fn fits_as_the_model_says(c: &mut Choices<'_>) {
    let Some((state, table)) = some_table(c) else { return };
    let columns: Vec<(&'static str, Kind)> =
        (0..1 + c.below(4)).map(|_| (c.of(&NAMES), c.of(&KINDS))).collect();
    let value = |c: &mut Choices<'_>, kind| match (c.below(6), kind) {
        (5, _) => None,
        (4, Kind::Int) => Some(Value::Int(LARGE)),
        (at, Kind::Text) => Some(Value::Text(["a", "1"][at % 2].to_owned())),
        (at, _) => Some(Value::Int(at as i64)),
    };
    let row = |c: &mut Choices<'_>| columns.iter().map(|(_, kind)| value(c, *kind)).collect();
    let rows = (0..c.below(3)).map(|_| row(c)).collect();
    let batch = Batch { columns, rows };
    let merge = c.one_in(2);
    let ours = Rules {
        matching: c.of(&[Matching::ByName, Matching::ByPosition]),
        casts: c.of(&[CastPolicy::Lossless, CastPolicy::Exact, CastPolicy::Ansi]),
        missing: c.of(&[Missing::Refuse, Missing::FillNull]),
        merge,
    };
    let theirs = FitRules {
        matching: ours.matching,
        casts: ours.casts,
        missing: ours.missing,
        extra: if merge { Extra::AddColumn } else { Extra::Refuse },
        widen: merge,
    };
    let (mut next, mut next_id) = (state.columns.len() as u64, ColumnId(table.len() as u32));
    let incoming = record_batch(&batch);
    let found = fit(incoming.schema_ref(), &table, &theirs, &mut next_id);
    let expected = rules::fit(&batch, &state, ours, &mut next);
    let (found, expected) = match (found, expected) {
        (Ok(found), Ok(expected)) => (found, expected),
        (Err(error), Err(expected)) => {
            return assert_eq!(refusal(&error), expected, "{batch:?} into {state:?}, {ours:?}");
        }
        (found, expected) => {
            panic!("{batch:?} into {state:?}, {ours:?}: {found:?}, not {expected:?}")
        }
    };
    assert_eq!(u64::from(next_id.0), next);
    let columns = found.schema().columns().iter();
    let columns: Vec<(u64, String, DataType, bool)> = columns
        .map(|of| {
            (of.id().0.into(), of.name().to_owned(), of.data_type().clone(), of.is_nullable())
        })
        .collect();
    let wanted = expected.columns.iter();
    let wanted: Vec<_> =
        wanted.map(|of| (of.id, of.name.clone(), data_type(of.kind), of.nullable)).collect();
    assert_eq!(columns, wanted, "{batch:?} into {state:?}, {ours:?}");
    match (found.apply(&incoming), expected.apply(&batch)) {
        (Ok(rows), Ok(expected)) => {
            assert_eq!(&rows.schema(), found.schema().arrow());
            assert_eq!(cells(&rows), expected);
        }
        (Err(error), Err(expected)) => assert_eq!(refusal(&error), expected),
        (rows, expected) => panic!("{batch:?} into {state:?}: {rows:?}, not {expected:?}"),
    }
    // Whatever a merge of schemas does, what was written before can be read.
    assert!(is_readable_as(&table, found.schema()) || found.schema().len() > table.len());
    readable(&table, found.schema());
}

/// Rows that were written under one schema are read under another without fail.
fn readable(written: &Arc<TableSchema>, wanted: &TableSchema) {
    if !is_readable_as(written, wanted) {
        return;
    }
    let columns = written.arrow().fields().iter();
    let nullable: Vec<_> =
        columns.clone().map(|of| of.as_ref().clone().with_nullable(true)).collect();
    let all_null = written.arrow().fields().iter().all(|of| of.is_nullable());
    let rows = if all_null { 2 } else { 0 };
    let arrays = nullable.iter().map(|of| new_null_array(of.data_type(), rows)).collect();
    let batch = RecordBatch::try_new(Arc::clone(written.arrow()), arrays);
    let batch = batch.expect("nulls where they may be");
    let read = read_as(&batch, written, wanted, None).expect("it was said to be readable");
    assert_eq!((read.num_rows(), &read.schema()), (rows, wanted.arrow()));
}

fn alters_as_the_model_says(c: &mut Choices<'_>) {
    let Some((mut state, mut table)) = some_table(c) else { return };
    let (mut next, mut next_id) = (state.columns.len() as u64, ColumnId(table.len() as u32));
    for _ in 0..1 + c.below(6) {
        let alter = match c.below(5) {
            0 => Alter::Add(c.of(&NAMES), c.of(&KINDS), !c.one_in(6)),
            1 => Alter::Rename(c.of(&NAMES), c.of(&NAMES)),
            2 => Alter::Drop((0..1 + c.below(3)).map(|_| c.of(&NAMES)).collect()),
            3 => Alter::Widen(c.of(&NAMES), c.of(&KINDS)),
            _ => Alter::SetNullable(c.of(&NAMES)),
        };
        let found = match &alter {
            Alter::Add(name, kind, nullable) => {
                let field = Arc::new(Field::new(*name, data_type(*kind), *nullable));
                table.add_columns(&[field], &mut next_id)
            }
            Alter::Rename(from, to) => table.rename_column(from, to),
            Alter::Drop(names) => table.drop_columns(names),
            Alter::Widen(name, kind) => table.widen_column(name, &data_type(*kind)),
            Alter::SetNullable(name) | Alter::Comment(name, _) => table.set_nullable(name),
        };
        let mut after = state.clone();
        match (found, rules::alter(&mut after, &alter, &mut next)) {
            (Ok(found), Ok(())) => {
                state = after;
                let names: Vec<&str> = found.columns().iter().map(Column::name).collect();
                let expected: Vec<&str> = state.columns.iter().map(|of| &*of.name).collect();
                assert_eq!(names, expected, "{alter:?}");
                assert!(is_readable_as(&table, &found), "{alter:?} of {table:?}");
                readable(&table, &found);
                table = Arc::new(found);
            }
            (Err(error), Err(expected)) => assert_eq!(refusal(&error), expected, "{alter:?}"),
            (found, expected) => panic!("{alter:?} of {table:?}: {found:?}, not {expected:?}"),
        }
        assert_eq!(u64::from(next_id.0), next);
    }
}

fn some_type(c: &mut Choices<'_>, depth: usize) -> DataType {
    use DataType::*;
    let child = |c: &mut Choices<'_>, name: &str| {
        Arc::new(Field::new(name, some_type(c, depth + 1), !c.one_in(4)))
    };
    match c.below(if depth < 2 { 28 } else { 22 }) {
        0 => Int64,
        1 => Int32,
        2 => Int8,
        3 => UInt64,
        4 => UInt8,
        5 => Float64,
        6 => Float32,
        7 => Float16,
        8 => Utf8,
        9 => LargeUtf8,
        10 => Utf8View,
        11 => Binary,
        12 => FixedSizeBinary(i32::from(c.byte() % 4)),
        13 => Boolean,
        14 => Date32,
        15 => Date64,
        16 => Timestamp(c.of(&[TimeUnit::Second, TimeUnit::Nanosecond]), None),
        17 => Timestamp(TimeUnit::Microsecond, Some(c.of(&["UTC", "+02:00"]).into())),
        18 => Decimal128(1 + c.byte() % 38, (c.byte() % 5) as i8),
        19 => Decimal256(1 + c.byte() % 76, (c.byte() % 9) as i8 - 4),
        20 => Null,
        21 => Time64(TimeUnit::Microsecond),
        22 => List(child(c, "item")),
        23 => LargeList(child(c, "element")),
        24 => FixedSizeList(child(c, "item"), i32::from(c.byte() % 3)),
        25 => Dictionary(Box::new(c.of(&[Int32, Int8])), Box::new(Utf8)),
        26 => {
            let fields: Fields =
                (0..1 + c.below(3)).map(|at| child(c, ["a", "b", "c"][at])).collect();
            Struct(fields)
        }
        _ => {
            let entries = Fields::from(vec![
                Field::new("key", Utf8, false),
                Field::new("value", some_type(c, depth + 1), true),
            ]);
            Map(Arc::new(Field::new("entries", Struct(entries), false)), false)
        }
    }
}

fn holds_of_all_types(c: &mut Choices<'_>) {
    let (a, b) = (some_type(c, 0), some_type(c, 0));
    assert!(widens_to(&a, &a), "{a} holds its own values");
    if let Some(common) = common_type(&a, &b) {
        assert!(widens_to(&a, &common), "{a} goes into {common}, common with {b}");
        assert!(widens_to(&b, &common), "{b} goes into {common}, common with {a}");
        assert!(common_type(&b, &a).is_some(), "{a} and {b} the other way round");
    }
    let column = Column::new(ColumnId(0), Field::new("c", a.clone(), true));
    let Ok(table) = TableSchema::new(vec![column]) else { return };
    let table = Arc::new(table);
    if let Ok(wider) = table.widen_column("c", &b) {
        assert!(widens_to(&a, &b), "{a} was widened to {b}");
        readable(&table, &wider);
    }
    let rules = FitRules {
        matching: c.of(&[Matching::ByName, Matching::ByPosition]),
        casts: c.of(&[CastPolicy::Lossless, CastPolicy::Exact, CastPolicy::Ansi]),
        missing: c.of(&[Missing::Refuse, Missing::FillNull]),
        extra: c.of(&[Extra::Refuse, Extra::AddColumn]),
        widen: c.one_in(2),
    };
    let incoming = Arc::new(Schema::new(vec![Field::new("C", b.clone(), true)]));
    let found = match fit(&incoming, &table, &rules, &mut ColumnId(1)) {
        Ok(found) => found,
        Err(error) => {
            let _ = refusal(&error);
            // What holds all values takes them, unless fields that rows lack are not to be filled.
            let lossless = widens_to(&b, &a) && rules.casts != CastPolicy::Exact;
            let lacks =
                matches!(&error, SchemaError::Columns { missing, .. } if !missing.is_empty());
            let refuses = rules.missing == Missing::Refuse && lacks;
            return assert!(!lossless || refuses, "{b} into {a}: {error}");
        }
    };
    let rows = 3;
    let nulls = RecordBatch::try_new(incoming, vec![new_null_array(&b, rows)]);
    let Ok(nulls) = nulls else { return };
    if let Ok(fitted) = found.apply(&nulls) {
        assert_eq!((fitted.num_rows(), &fitted.schema()), (rows, found.schema().arrow()));
        let column = fitted.column(0);
        assert_eq!(column.logical_null_count(), rows, "a null of {b} is one of {a}");
    }
}
