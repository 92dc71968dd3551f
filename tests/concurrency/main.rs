//! Many threads on one store: nothing acknowledged is lost, nothing is there twice, nobody sees half.
//!
//! No test here depends on who is faster. Writers are counted on to finish, never to finish first;
//! what readers see is checked at every look, however many looks there are. Interleavings that
//! must happen are made to happen, by a source of rows that lets a rival commit while it is read.

mod creators;
mod history;
mod idempotent;
mod one_table;
mod own_tables;
mod readers;
mod rivals;
mod waiting;

use annals::{Store, StoreBuilder, TableKind};
use annals_tests::{columns_of, rows_of};

/// More retries than there are commits in any of these tests. A retry needs a rival's commit, so
/// with this many no save can run out of them, whatever the schedule.
const RETRIES_ENOUGH: u32 = 10_000;

/// A store on which no save can run out of retries.
fn patient_store() -> Store {
    StoreBuilder::new().retries_max(RETRIES_ENOUGH).build()
}

/// All that the newest version of a store holds, as text, without numbers of versions.
fn state_of(store: &Store) -> Vec<String> {
    let snapshot = store.snapshot();
    let mut state = Vec::new();
    for database in snapshot.databases() {
        state.push(format!("{}: {} tables", database.name(), database.table_count()));
        for name in snapshot.tables(database.name()).expect("it was listed just now") {
            let table = snapshot.table(&name).expect("it was listed just now");
            let rows = match table.kind() {
                TableKind::View { text } => vec![text.to_string()],
                _ => rows_of(&table),
            };
            assert!(
                matches!(table.kind(), TableKind::View { .. })
                    || table.row_count() as usize == rows.len()
            );
            state.push(format!(
                "{name} ({}) by {:?} {:?}: {}",
                columns_of(&table),
                table.partition_columns(),
                table.properties(),
                rows.join("; ")
            ));
        }
    }
    state
}
