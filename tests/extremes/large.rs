//! A million tables.

use annals::{NewTable, Retention, SaveMode, Store, StoreBuilder, WriteError};
use annals_tests::{numbers, numbers_of};

use crate::{Steps, full};

const TABLES: usize = full(1_000_000, 20_000);

#[test]
fn a_store_of_a_million_tables_works_as_one_of_a_few() {
    let mut steps = Steps::of("tables");
    let retention = Retention { versions_max: 20, ..Retention::default() };
    let store = StoreBuilder::new().retention(retention).build();
    let schema = numbers([]).schema();
    // Tables in transactions of a tenth each.
    for tenth in 0..10 {
        let done = store.transact(|tx| {
            for n in tenth * TABLES / 10..(tenth + 1) * TABLES / 10 {
                tx.create_table(format!("table_{n}"), NewTable::new(schema.clone()))?;
            }
            Ok::<_, WriteError>(())
        });
        done.unwrap();
        steps.step(&format!("{} tables", (tenth + 1) * TABLES / 10));
    }
    let snapshot = store.snapshot();
    store.tag("made", snapshot.version()).unwrap();
    assert_eq!(snapshot.table_count(), TABLES);
    for n in (0..TABLES).step_by(TABLES / 1_000) {
        assert_eq!(snapshot.table(format!("TABLE_{n}")).unwrap().row_count(), 0);
    }
    assert!(snapshot.table(format!("table_{TABLES}")).is_err());
    steps.step("1,000 looked up");
    for n in 0..1_000 {
        let name = format!("table_{}", n * TABLES / 1_000);
        store.write(numbers([n as i64])).mode(SaveMode::Append).save_as_table(&name).unwrap();
    }
    steps.step("1,000 appends");
    assert_eq!(store.tables("default").unwrap().len(), TABLES);
    steps.step("all listed");
    let diff = snapshot.diff(&store.snapshot());
    assert_eq!(diff.tables.len(), 1_000);
    steps.step("a diff of 1,000");
    assert!(!snapshot.tables_like("default", "table_77*").unwrap().is_empty());
    steps.step("names by a pattern");
    let memory = store.memory();
    steps.step(&format!("a report on memory of {} versions", memory.versions.len()));
    drop((memory, store.metrics(), store.pins()));
    let fork = store.fork();
    fork.drop_database_cascade("default").ok();
    store.rename_table("table_7", "renamed").unwrap();
    store.drop_table("renamed").unwrap();
    store.restore("made").unwrap();
    assert_eq!(store.snapshot().table_count(), TABLES);
    assert_eq!(numbers_of(&store.table("table_0").unwrap()), Vec::<i64>::new());
    steps.step("a drop, a restore of the whole store");
    drop((diff, snapshot, fork, store));
    steps.step("dropped");
    assert!(Store::in_memory().settle(std::time::Duration::from_secs(600)));
    steps.step("freed");
}
