//! What each change does to a catalog, and that it does the same when it is carried over.

mod edges;
mod effects;
mod model;
mod random;
mod rebase;
mod refusals;

use std::sync::Arc;

use crate::catalog::Catalog;

/// Panics unless both are the same, down to what they share.
fn untouched(before: &Catalog, after: &Catalog) {
    let same = |(a, b): (_, _)| Arc::ptr_eq(a, b);
    assert_eq!(before.table_count(), after.table_count());
    assert!(before.tables().map(|(_, table)| table).zip(after.tables().map(|(_, t)| t)).all(same));
    assert!(before.tables().map(|(n, _)| n).eq(after.tables().map(|(n, _)| n)));
    assert!(before.databases().eq(after.databases()));
    assert_eq!(before.next_table, after.next_table);
    assert_eq!(before.databases_changed, after.databases_changed);
    assert_eq!(format!("{:?}", before.departures), format!("{:?}", after.departures));
    assert_eq!(before.applied, after.applied);
}
