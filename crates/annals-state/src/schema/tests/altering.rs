//! Several alterations at one go: as if each had been made to the schema that the one before left.

use arrow_schema::DataType::{Int32, Int64, Utf8};

use super::*;

type Change = fn(&mut Alteration<'_>, &mut ColumnId) -> Result<(), SchemaError>;

const CHANGES: [Change; 14] = [
    |columns, next| columns.add_columns(&[field("d", Utf8)], &[], next),
    |columns, next| columns.add_columns(&[field("A", Utf8), field("e", Utf8)], &[], next),
    |columns, next| columns.add_columns(&[field("f", Utf8)], &[ColumnId(1)], next),
    |columns, next| columns.add_columns(&[field("g", Utf8), field("G", Utf8)], &[], next),
    |columns, _| columns.rename_column("a", "A"),
    |columns, _| columns.rename_column("A", "É"),
    |columns, _| columns.rename_column("b", "é"),
    |columns, _| columns.rename_column("é", "a"),
    |columns, _| columns.drop_columns(&["a", "A"]),
    |columns, _| columns.drop_columns(&["B", "é"]),
    |columns, _| columns.drop_columns(&["b"]),
    |columns, _| columns.widen_column("B", &Int64),
    |columns, _| columns.set_nullable("é"),
    |columns, _| columns.set_column_comment("a", Some("first".to_owned())),
];

#[test]
fn alterations_at_one_go_are_alterations_one_after_the_other() {
    let (table, free) = table([field("a", Utf8), field("b", Int32)]);
    let mut refusals = 0;
    for number in 0..CHANGES.len().pow(4) {
        let order = (0..4).map(|place| CHANGES[number / CHANGES.len().pow(place) % CHANGES.len()]);
        let mut at_once = Alteration::new(&table);
        let mut one_by_one = TableSchema::clone(&table);
        let (mut next, mut after) = (free, free);
        for change in order {
            let told = change(&mut at_once, &mut next);
            // From the schema itself each time, with what it knows of its names and ids.
            let mut alone = Alteration::new(&one_by_one);
            let expected = change(&mut alone, &mut after);
            let text = |told: &Result<(), SchemaError>| format!("{told:?}");
            assert_eq!((text(&told), next), (text(&expected), after));
            refusals += usize::from(told.is_err());
            // Also after a refusal, which leaves everything as it was.
            one_by_one = alone.finish().unwrap();
        }
        let at_once = at_once.finish().unwrap();
        assert_eq!(at_once, one_by_one);
        for (at, column) in at_once.columns().iter().enumerate() {
            assert_eq!(at_once.index_of(column.name()), Some(at));
            assert_eq!(at_once.index_of_id(column.id()), Some(at));
        }
    }
    assert!(refusals > 10_000, "only {refusals} were refused");
}
