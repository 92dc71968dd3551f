//! The promise that annals was made for: a table is readable at once after a save, with its rows.
//!
//! It began with a complaint about another store, where a table that had been saved could not be
//! found until later, so that every reader needed delays and retries. `complaint` holds what the
//! complaint asked for, statement by statement; `evolution` the round that suffered most. Nothing
//! here waits or tries twice: a read that has to would fail.

mod complaint;
mod evolution;

use annals::{NewDatabase, Store};
use annals_tests::providing_store;

/// Runs `test` on a store in which `databases` were created first, as the complaint's tests do,
/// and on one that makes them when they are first written to, as its sketch of a remedy does.
fn on_both_stores(databases: &[&str], test: impl Fn(&Store)) {
    let prepared = Store::in_memory();
    for database in databases {
        prepared
            .create_database(NewDatabase::new(*database).if_not_exists())
            .expect("the name is free");
    }
    for store in [prepared, providing_store()] {
        test(&store);
    }
}
