//! What a transaction reads through SQL counts as read by it.

use std::sync::Arc;

use annals::{Isolation, SaveMode, Store, col, record_batch};
use annals_sql::{AnnalsTable, SqlSession};
use annals_sql_tests::run;
use datafusion::prelude::SessionContext;

fn store() -> Store {
    let store = Store::in_memory();
    // Two chunks: what others changed is told from what was read by their statistics.
    let rows = record_batch!(("n", Int64, [1]), ("k", Utf8, ["a"])).unwrap();
    store.write(rows).save_as_table("t").unwrap();
    let rows = record_batch!(("n", Int64, [2, 3]), ("k", Utf8, ["b", "c"])).unwrap();
    store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    store.write(record_batch!(("n", Int64, [0])).unwrap()).save_as_table("out").unwrap();
    store
}

/// Reads `sql` in a serializable transaction that writes elsewhere; meanwhile another commit
/// deletes the row `n = 1`. Whether the transaction is refused for it.
fn is_refused(sql: &str) -> bool {
    let store = store();
    let mut tx = store.begin();
    tx.isolation(Isolation::Serializable);
    let view = tx.view();
    run(async {
        let context = SessionContext::new();
        let table = view.table("t").unwrap();
        context.register_table("t", Arc::new(AnnalsTable::new(table))).unwrap();
        context.sql(sql).await.unwrap().collect().await.unwrap();
    });
    store.delete("t", col("n").eq(1)).unwrap();
    let rows = record_batch!(("n", Int64, [5])).unwrap();
    tx.write(rows).mode(SaveMode::Append).save_as_table("out").unwrap();
    tx.commit().is_err()
}

#[test]
fn rows_that_were_read_may_not_change() {
    assert!(is_refused("SELECT * FROM t"));
    assert!(is_refused("SELECT n FROM t WHERE n = 1"));
    assert!(is_refused("SELECT n FROM t WHERE n < 2 AND n % 3 > 0"));
    assert!(is_refused("SELECT n FROM t WHERE k = 'a' OR n = 7"));
    assert!(is_refused("SELECT n FROM t WHERE n + 1 = 9"));
    // What statistics tell is read too.
    assert!(is_refused("SELECT count(*) FROM t"));
    assert!(is_refused("SELECT max(n) FROM t"));
}

#[test]
fn rows_that_a_session_counted_may_not_change() {
    let store = Store::builder().isolation(Isolation::Serializable).build();
    let session = SqlSession::new(&store);
    run(async {
        for (what, is_refused) in [("count(*) FROM t", true), ("1 FROM out", false)] {
            let one = || record_batch!(("n", Int64, [1])).unwrap();
            for table in ["t", "out"] {
                store.write(one()).mode(SaveMode::Overwrite).save_as_table(table).unwrap();
            }
            for sql in ["BEGIN", &format!("SELECT {what}"), "INSERT INTO out VALUES (2)"] {
                session.collect(sql).await.unwrap();
            }
            store.write(one()).mode(SaveMode::Append).save_as_table("t").unwrap();
            assert_eq!(session.collect("COMMIT").await.is_err(), is_refused, "{what}");
        }
    });
}

#[test]
fn rows_that_were_not_read_may() {
    assert!(!is_refused("SELECT n FROM t WHERE n = 3"));
    assert!(!is_refused("SELECT n FROM t WHERE n > 1 AND n % 3 > 0"));
    assert!(!is_refused("SELECT n FROM t WHERE n IN (2, 3) AND k = 'b'"));
    assert!(!is_refused("SELECT count(*) FROM t WHERE k BETWEEN 'b' AND 'z'"));
    assert!(!is_refused("SELECT 1"));
}

#[test]
fn a_view_of_a_transaction_shows_its_own_changes_and_later_ones_not() {
    let store = store();
    let mut tx = store.begin();
    tx.delete("t", col("n").eq(1)).unwrap();
    let view = tx.view();
    tx.delete("t", col("n").eq(2)).unwrap();
    assert_eq!(view.table("t").unwrap().row_count(), 2);
    assert_eq!(tx.view().table("t").unwrap().row_count(), 1);
    assert_eq!(store.table("t").unwrap().row_count(), 3);
}
