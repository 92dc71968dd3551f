//! All names of a statement are of one version, whatever is committed meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use annals::{SaveMode, Store, record_batch};
use annals_sql::SqlSession;
use annals_sql_tests::{column, run};

/// In every version `a` and `b` hold the same number, as many times as it says in `size`.
fn commit(store: &Store, number: i64) {
    let mut tx = store.begin();
    let rows = usize::try_from(number % 5 + 1).unwrap();
    for table in ["a", "b"] {
        let batch = record_batch!(("n", Int64, vec![number; rows])).unwrap();
        tx.write(batch).mode(SaveMode::Overwrite).save_as_table(table).unwrap();
    }
    let batch = record_batch!(("n", Int64, [number])).unwrap();
    tx.write(batch).mode(SaveMode::Overwrite).save_as_table("number").unwrap();
    tx.commit().unwrap();
}

#[test]
fn joins_and_subqueries_never_see_two_versions() {
    let store = Store::in_memory();
    commit(&store, 0);
    store.create_view("v", annals::NewView::new("SELECT n FROM b")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                commit(&store, number);
            }
            number
        })
    };
    let session = SqlSession::builder(&store).target_partitions(2).build().unwrap();
    // Each gives rows only where two versions meet.
    let torn = [
        "SELECT a.n FROM a JOIN a AS other ON a.n <> other.n",
        "SELECT a.n, b.n FROM a, b WHERE a.n <> b.n",
        "SELECT n FROM a WHERE n NOT IN (SELECT n FROM b)",
        "SELECT n FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE a.n = b.n)",
        "SELECT n FROM a WHERE n <> (SELECT max(n) FROM number)",
        "WITH c AS (SELECT n FROM b) SELECT a.n FROM a LEFT JOIN c ON a.n = c.n WHERE c.n IS NULL",
        "SELECT n FROM a EXCEPT SELECT n FROM v",
        "SELECT x FROM (SELECT count(*) AS x FROM a) WHERE x <> (SELECT n % 5 + 1 FROM number)",
        "SELECT x FROM (SELECT (SELECT count(*) FROM a) - (SELECT count(*) FROM v) AS x) WHERE x <> 0",
    ];
    let mut rounds = 0;
    let seen = run(async {
        let mut seen = Vec::new();
        while rounds < 8 || seen.len() < 2 {
            for sql in torn {
                let rows = column(&session, sql).await;
                assert!(rows.is_empty(), "{sql}: {rows:?}");
            }
            let number = column(&session, "SELECT n FROM number").await[0].clone();
            if seen.last() != Some(&number) {
                seen.push(number);
            }
            rounds += 1;
        }
        seen
    });
    stop.store(true, Ordering::Relaxed);
    assert!(writer.join().unwrap() > 0);
    assert!(seen.len() >= 2, "nothing was committed meanwhile");
}
