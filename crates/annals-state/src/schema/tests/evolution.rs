//! Schemas that change, and rows from before the change.

use super::*;

fn commented(field: &Field, comment: &str) -> FieldRef {
    let metadata = HashMap::from([("comment".to_owned(), comment.to_owned())]);
    Arc::new(field.clone().with_metadata(metadata))
}

#[test]
fn merging_adds_columns_and_widens_others() {
    let (table, mut next) = table([
        commented(&field("id", DataType::Int32), "key"),
        field("v", DataType::Utf8),
        field("t", DataType::Timestamp(MS, None)),
    ]);
    let age = commented(&strict("age", DataType::Int8), "in years");
    let rows = batch([
        (age, Arc::new(Int8Array::from(vec![30])) as ArrayRef),
        (
            commented(&field("ID", DataType::Int64), "other"),
            Arc::new(Int64Array::from(vec![1 << 40])),
        ),
    ]);
    let plan = fit(&rows.schema(), &table, &merging(), &mut next).unwrap();
    assert_eq!(
        (plan.added(), plan.widened()),
        ([ColumnId(3)].as_slice(), [ColumnId(0)].as_slice())
    );
    assert_eq!(next, ColumnId(4));
    let after = plan.schema();
    let expected = [
        commented(&field("id", DataType::Int64), "key"),
        field("v", DataType::Utf8),
        field("t", DataType::Timestamp(MS, None)),
        commented(&field("age", DataType::Int8), "in years"),
    ];
    assert_eq!(**after.arrow(), schema(expected));
    let saved = plan.apply(&rows).unwrap();
    assert!(Arc::ptr_eq(saved.schema_ref(), after.arrow()));
    assert!(
        Arc::ptr_eq(saved.column(3), rows.column(0))
            && Arc::ptr_eq(saved.column(0), rows.column(1))
    );
    assert_eq!(saved.column(1).null_count(), 1);
    assert!(is_readable_as(&table, after));

    // A refused write takes no ids; an unchanged schema is the same one.
    let bad = schema([field("new", DataType::Int8), field("v", DataType::Int8)]);
    let narrow = schema([field("id", DataType::Int8)]);
    let no_widening = FitRules { widen: false, ..merging() };
    assert!(fit(&bad, &table, &no_widening, &mut next).is_err());
    assert_eq!(next, ColumnId(4));
    assert!(Arc::ptr_eq(fit(&narrow, &table, &merging(), &mut next).unwrap().schema(), &table));

    // Rows already there might not fit a finer unit, so the table is not widened to it.
    let finer = schema([field("t", DataType::Timestamp(US, None))]);
    assert!(matches!(fit(&finer, &table, &merging(), &mut next), Err(SchemaError::Types { .. })));
    let ansi = FitRules { casts: CastPolicy::Ansi, ..merging() };
    let plan = fit(&finer, &table, &ansi, &mut next).unwrap();
    assert!(Arc::ptr_eq(plan.schema(), &table));
    // Widening comes before a cast that would lose something; without it the cast is done.
    let wider = schema([field("id", DataType::Int64)]);
    assert_eq!(fit(&wider, &table, &ansi, &mut next).unwrap().widened(), [ColumnId(0)]);
    let narrowing = FitRules { widen: false, ..ansi };
    assert!(fit(&wider, &table, &narrowing, &mut next).unwrap().widened().is_empty());
    // A mark that fell behind does not make two columns of one id.
    let added = fit(&schema([field("new", DataType::Int8)]), &table, &merging(), &mut ColumnId(0));
    assert_eq!(added.unwrap().added(), [ColumnId(3)]);
    // Under `Exact` the table may grow, the rows may not.
    let exact = FitRules { casts: CastPolicy::Exact, ..merging() };
    assert!(fit(&schema([field("id", DataType::Int64)]), &table, &exact, &mut next).is_ok());
    assert!(fit(&schema([field("id", DataType::UInt32)]), &table, &exact, &mut next).is_err());
    assert!(fit(&narrow, &table, &exact, &mut next).is_err());
}

#[test]
fn merging_reaches_into_structs_lists_and_maps() {
    let before = structure([field("x", DataType::Int32), field("gone", DataType::Utf8)]);
    let came = structure([field("NEW", DataType::Utf8), field("X", DataType::Int64)]);
    let after = structure([
        field("x", DataType::Int64),
        field("gone", DataType::Utf8),
        field("NEW", DataType::Utf8),
    ]);
    type Wrap = fn(DataType) -> DataType;
    let wraps: [Wrap; 4] = [
        |t| t,
        list,
        |t| map(DataType::Utf8, t),
        |t| DataType::FixedSizeList(field("item", structure([field("deep", list(t))])), 2),
    ];
    for wrap in wraps {
        let (table, mut next) = table([field("c", wrap(before.clone()))]);
        let incoming = schema([field("c", wrap(came.clone()))]);
        let error = fit(&incoming, &table, &FitRules::default(), &mut next).unwrap_err();
        assert!(
            matches!(&error, SchemaError::Columns { missing, extra } if missing.len() == 1 && extra.len() == 1),
            "{error}"
        );
        let plan = fit(&incoming, &table, &merging(), &mut next).unwrap();
        assert_eq!(plan.schema().columns()[0].data_type(), &wrap(after.clone()));
        assert_eq!((plan.widened(), plan.added()), ([ColumnId(0)].as_slice(), [].as_slice()));
        assert!(is_readable_as(&table, plan.schema()));

        let old =
            batch([(field("c", wrap(before.clone())), new_null_array(&wrap(before.clone()), 3))]);
        assert_eq!(read_as(&old, &table, plan.schema(), None).unwrap().num_rows(), 3);
        let rows =
            batch([(field("c", wrap(came.clone())), new_null_array(&wrap(came.clone()), 3))]);
        assert_eq!(plan.apply(&rows).unwrap().num_rows(), 3);
    }

    let rows = StructArray::from(vec![
        (field("NEW", DataType::Int32), ints([Some(7)])),
        (field("X", DataType::Int32), ints([Some(8)])),
    ]);
    let saved = save(
        Arc::new(rows),
        structure([field("x", DataType::Int32), field("gone", DataType::Utf8)]),
        &merging(),
    )
    .unwrap();
    let shown = arrow_cast::display::array_value_to_string(&saved, 0).unwrap();
    assert_eq!(shown, "{x: 8, gone: , NEW: 7}");
    let clash = structure([field("x", DataType::Int32), field("X", DataType::Int32)]);
    let (table, mut next) = table([field("c", before)]);
    let error = fit(&schema([field("c", clash)]), &table, &merging(), &mut next).unwrap_err();
    assert!(matches!(error, SchemaError::DuplicateNames { names } if names == ["c.x", "c.X"]));
}

#[test]
fn old_rows_are_read_by_identity_through_every_alteration() {
    let (first, mut next) = table([
        field("a", DataType::Int32),
        strict("b", DataType::Utf8),
        field("c", DataType::Int8),
    ]);
    let old = batch([
        (field("a", DataType::Int32), ints([Some(1), None, Some(3)])),
        (strict("b", DataType::Utf8), Arc::new(StringArray::from(vec!["x", "y", "z"]))),
        (field("c", DataType::Int8), Arc::new(Int8Array::from(vec![1, 2, 3]))),
    ]);
    let now = first.add_columns(&[field("d", DataType::Utf8)], &mut next).unwrap();
    let now = now.rename_column("A", "z").unwrap().drop_columns(&["c"]).unwrap();
    let now = now.add_columns(&[field("c", DataType::Int8)], &mut next).unwrap();
    let now = now.widen_column("z", &DataType::Int64).unwrap().set_nullable("b").unwrap();
    let now = now.set_column_comment("b", Some("text".to_owned())).unwrap();
    let ids: Vec<_> = now.columns().iter().map(|c| (c.id().0, c.name())).collect();
    assert_eq!(ids, [(0, "z"), (1, "b"), (3, "d"), (4, "c")]);
    assert_eq!(now.arrow().field(1).metadata()["comment"], "text");
    assert!(is_readable_as(&first, &now) && !is_readable_as(&now, &first));

    let seen = read_as(&old, &first, &now, None).unwrap();
    assert!(Arc::ptr_eq(seen.schema_ref(), now.arrow()));
    assert_eq!(
        seen.column(0).as_ref(),
        &Int64Array::from(vec![Some(1), None, Some(3)]) as &dyn Array
    );
    assert!(Arc::ptr_eq(seen.column(1), old.column(1)));
    assert_eq!((seen.column(2).null_count(), seen.column(3).null_count()), (3, 3), "another c");

    let seen = read_as(&old, &first, &now, Some(&[3, 1])).unwrap();
    assert_eq!(seen.schema().fields()[0].name(), "c");
    assert!(Arc::ptr_eq(seen.column(1), old.column(1)));
    let error = read_as(&old, &first, &now, Some(&[4])).unwrap_err();
    assert_eq!(error.to_string(), "there is no column 4; the schema has 4 columns, counted from 0");
    assert!(matches!(read_as(&seen, &first, &now, None), Err(SchemaError::BatchDiffers { .. })));
}

#[test]
fn what_cannot_be_read_says_so() {
    let (narrow, _) = table([field("a", DataType::Int32)]);
    let (text, _) = table([field("a", DataType::Utf8)]);
    let (not_null, _) = table([strict("a", DataType::Int32)]);
    let rows = batch([(field("a", DataType::Int32), ints([Some(1), None]))]);
    let error = read_as(&rows, &narrow, &text, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `a` was written as Int32 and cannot be read as Utf8; read a version with that schema"
    );
    assert!(!is_readable_as(&narrow, &text) && !is_readable_as(&narrow, &not_null));
    assert!(matches!(
        read_as(&rows, &narrow, &not_null, None),
        Err(SchemaError::Null { row: 1, .. })
    ));
    let dates = [DataType::Date32, DataType::Timestamp(MS, None), DataType::Timestamp(US, None)];
    let [date, milli, micro] = dates.map(|t| table([field("a", t)]).0);
    assert!(is_readable_as(&date, &milli) && !is_readable_as(&date, &micro));
}

#[test]
fn alterations_refuse_what_would_lose_or_confuse() {
    let (table, mut next) = table([field("a", DataType::Int32), field("b", DataType::Utf8)]);
    let told = |result: Result<TableSchema, SchemaError>| result.unwrap_err().to_string();
    assert_eq!(
        told(
            table.add_columns(
                &[strict("x", DataType::Int8), strict("y", DataType::Int8)],
                &mut next
            )
        ),
        "columns `x`, `y` are declared not null; columns added to a table must be nullable"
    );
    assert_eq!(
        told(table.add_columns(&[field("B", DataType::Int8)], &mut next)),
        "column `B` is already in the table; choose other names"
    );
    assert!(
        table
            .add_columns(&[field("x", DataType::Int8), field("X", DataType::Int8)], &mut next)
            .is_err()
    );
    assert_eq!(next, ColumnId(2));
    assert_eq!(
        told(table.rename_column("x", "y")),
        "column `x` is not in the table; check the spelling"
    );
    assert!(matches!(table.rename_column("a", "B"), Err(SchemaError::ColumnExists { .. })));
    assert_eq!(table.rename_column("a", "A").unwrap().columns()[0].name(), "A");
    assert_eq!(
        told(table.drop_columns(&["x", "a", "y"])),
        "columns `x`, `y` are not in the table; check the spelling"
    );
    assert_eq!(
        told(table.drop_columns(&["a", "B", "b"])),
        "the last column of a table cannot be dropped; drop the table"
    );
    assert_eq!(table.drop_columns::<&str>(&[]).unwrap(), *table);
    assert_eq!(
        told(table.widen_column("A", &DataType::Int16)),
        "column `a` cannot be widened from Int32 to Int16; every value it may hold must fit the new type"
    );
    assert!(table.widen_column("b", &DataType::LargeUtf8).is_ok());
    let large = table.widen_column("b", &DataType::LargeUtf8).unwrap();
    assert!(large.widen_column("b", &DataType::Utf8).is_err(), "may not fit the offsets");
    assert!(table.widen_column("a", &DataType::Float32).is_err());
    assert!(table.set_nullable("x").is_err() && table.set_column_comment("x", None).is_err());
    let commented = table.set_column_comment("a", Some("c".to_owned())).unwrap();
    assert_eq!(commented.set_column_comment("A", None).unwrap(), *table);
    // An id that fell behind does not make two columns of one id.
    let added = table.add_columns(&[field("x", DataType::Int8)], &mut ColumnId(0)).unwrap();
    assert_eq!(added.max_id(), Some(ColumnId(2)));
}
