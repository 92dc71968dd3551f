//! What a query may use, and that it can be stopped.

use std::time::{Duration, Instant};

use annals::{SaveMode, Store, record_batch};
use annals_sql::{SqlError, SqlSession};
use annals_sql_tests::{column, error, rows, run};

/// A table of 200,000 rows.
fn store() -> Store {
    let store = Store::in_memory();
    for part in 0..20_i64 {
        let n: Vec<i64> = (0..10_000).map(|n| (n * 7_919 + part) % 200_003).collect();
        let text: Vec<String> = n.iter().map(|n| format!("some text with number {n}")).collect();
        let rows = record_batch!(("n", Int64, n), ("text", Utf8, text)).unwrap();
        store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
    }
    store
}

#[test]
fn a_query_over_the_limit_fails_by_itself() {
    let store = store();
    let session = SqlSession::builder(&store).memory_limit(1 << 20).build().unwrap();
    run(async {
        for sql in [
            "SELECT text, n FROM t ORDER BY text, n",
            "SELECT text, count(*) FROM t GROUP BY text",
            "SELECT count(*) FROM (SELECT DISTINCT text FROM t)",
        ] {
            match error(&session, sql).await {
                SqlError::OverMemory { message } => {
                    assert!(message.to_lowercase().contains("memory"), "{message}");
                }
                other => panic!("{sql}: {other}"),
            }
            // What it had is given back, and all else goes on.
            eventually("memory is given back", || session.memory_pool().reserved() == 0);
            assert_eq!(column(&session, "SELECT count(*) FROM t").await, ["200000"]);
            assert_eq!(column(&session, "SELECT n FROM t ORDER BY n LIMIT 1").await, ["0"]);
        }
        let rows = record_batch!(("n", Int64, [1]), ("text", Utf8, ["x"])).unwrap();
        store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
        assert_eq!(column(&session, "SELECT count(*) FROM t").await, ["200001"]);
    });
}

#[test]
fn the_limit_is_the_sessions_and_not_the_stores() {
    let store = store();
    let small = SqlSession::builder(&store).memory_limit(1 << 20).build().unwrap();
    let large = SqlSession::builder(&store).memory_limit(1 << 30).build().unwrap();
    run(async {
        let sql = "SELECT count(*) FROM (SELECT DISTINCT text FROM t)";
        assert!(matches!(error(&small, sql).await, SqlError::OverMemory { .. }));
        assert!(matches!(error(&small.another(), sql).await, SqlError::OverMemory { .. }));
        assert_eq!(column(&large, sql).await.len(), 1);
        assert_eq!(column(&SqlSession::new(&store), sql).await.len(), 1);
    });
}

/// Waits until something holds; long enough that only what never holds fails.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_query_that_is_dropped_stops_and_lets_go() {
    let store = store();
    let session = SqlSession::builder(&store).target_partitions(2).build().unwrap();
    // Work for hours: each row of the scan meets each other.
    let endless = [
        "SELECT sum(a.n * b.n) FROM t a, t b, t c WHERE a.n + b.n + c.n > 7",
        "SELECT a.n FROM t a, t b, t c ORDER BY a.n + b.n * c.n LIMIT 5",
        "SELECT count(*) FROM t a JOIN t b ON a.n <> b.n JOIN t c ON b.n <> c.n",
        "SELECT sum(x) OVER (ORDER BY x) FROM (SELECT a.n * b.n AS x FROM t a, t b)",
    ];
    for sql in endless {
        let own = store.pins().len();
        let held = run(async {
            let its = session.clone();
            let query = tokio::spawn(async move { its.collect(sql).await });
            // It has begun: its frame holds the version, and its operators hold memory.
            while session.memory_pool().reserved() == 0 {
                assert!(!query.is_finished(), "{sql} ended");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let held = store.pins().len();
            query.abort();
            assert!(query.await.unwrap_err().is_cancelled(), "{sql}");
            held
        });
        assert_eq!(held, own + 1, "{sql}");
        eventually("memory is given back", || session.memory_pool().reserved() == 0);
        eventually("the version is let go of", || store.pins().len() == own);
    }
    run(async { assert_eq!(column(&session, "SELECT count(*) FROM t").await, ["200000"]) });
}

#[test]
fn a_scan_gives_way_to_others() {
    let store = store();
    let session = SqlSession::builder(&store).target_partitions(1).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // One thread: while a query never gives way, nothing else is run, also not what would stop it.
    runtime.block_on(async {
        let sql = "SELECT sum(a.n * b.n) FROM t a, t b, t c WHERE a.n + b.n + c.n > 7";
        let endless = session.collect(sql);
        let stopped = tokio::time::timeout(Duration::from_millis(50), endless).await;
        assert!(stopped.is_err());
    });
}

#[test]
fn deep_views_work_and_deeper_types_are_refused() {
    let store = Store::in_memory();
    store.write(record_batch!(("n", Int64, [1, 2])).unwrap()).save_as_table("t").unwrap();
    let session = SqlSession::new(&store);
    run(async {
        for view in 0..20 {
            let below = if view == 0 { "t".to_owned() } else { format!("v{}", view - 1) };
            let sql = format!("CREATE VIEW v{view} AS SELECT n FROM {below}");
            session.collect(&sql).await.unwrap();
        }
        assert_eq!(column(&session, "SELECT count(*) FROM v19").await, ["2"]);

        let deep = format!("CREATE TABLE d (a {}INT{})", "ARRAY<".repeat(2_000), ">".repeat(2_000));
        let error = error(&session, &deep).await.to_string();
        assert!(error.contains("nested so deeply"), "{error}");
    });
}

#[test]
fn long_chains_of_operators_work_or_are_refused() {
    let store = Store::in_memory();
    let session = SqlSession::new(&store);
    run(async {
        session
            .sql("CREATE TABLE c AS SELECT * FROM VALUES (1, 2), (3, 4) AS v (a, b)")
            .await
            .unwrap();
        let chain =
            |operand: &str, operator: &str, count: usize| vec![operand; count].join(operator);
        // Some grouping of `AND` and `OR` is as good as any other.
        let held = chain("(a = 1 OR b = 4)", " AND ", 1_000);
        let sql = format!("SELECT count(*) FROM c WHERE {held}");
        assert_eq!(column(&session, &sql).await, ["2"]);
        let none = chain("a = 7", " OR ", 1_000);
        session.sql(&format!("DELETE FROM c WHERE {none}")).await.unwrap();
        let all = chain("a > 0", " AND ", 1_000);
        session.sql(&format!("DELETE FROM c WHERE {all} AND b = 4")).await.unwrap();
        assert_eq!(session.sql("SELECT * FROM c").await.unwrap().count().await.unwrap(), 1);
        // That of others is not.
        let sum = format!("SELECT {} AS n", chain("1", " + ", 150));
        assert_eq!(column(&session, &sum).await, ["150"]);
        for operator in [" + ", " || ", " * "] {
            let long = format!("SELECT {} AS n", chain("1", operator, 50_000));
            let error = error(&session, &long).await.to_string();
            assert!(error.contains("more than 200 operators"), "{error}");
        }
    });
}

#[test]
fn long_chains_of_unions_work_and_those_of_other_set_operations_are_refused() {
    let store = Store::in_memory();
    let session = SqlSession::new(&store);
    let chain = |count: usize, operator: &str, select: fn(usize) -> String| {
        (0..count).map(select).collect::<Vec<_>>().join(&format!(" {operator} "))
    };
    let numbered = |n: usize| format!("SELECT {n} AS n{n}");
    run(async {
        let all = chain(1_000, "UNION ALL", numbered);
        let sql = format!("SELECT count(*), sum(n0), min(n0), max(n0) FROM ({all})");
        assert!(rows(&session, &sql).await.contains("| 1000     | 499500  | 0       | 999     |"));
        let distinct = chain(500, "UNION", |n| format!("SELECT {} AS n", n % 7));
        let sql = format!("SELECT count(*) FROM ({distinct})");
        assert_eq!(column(&session, &sql).await, ["7"]);
        let common = chain(500, "INTERSECT", |_| "SELECT 7 AS n".to_owned());
        assert_eq!(column(&session, &common).await, ["7"]);
        // What is grouped otherwise gives something else, and stays as it was written.
        let mixed = format!("{distinct} EXCEPT SELECT 3 EXCEPT SELECT 4 UNION ALL SELECT 4");
        let sql = format!("SELECT count(*) FROM ({mixed})");
        assert_eq!(column(&session, &sql).await, ["6"]);
        let some = chain(50, "EXCEPT", numbered);
        assert_eq!(column(&session, &some).await, ["0"]);
        for long in [
            chain(2_000, "EXCEPT", numbered),
            chain(2_000, "EXCEPT ALL", numbered),
            format!("SELECT 1 UNION {}", chain(1_000, "INTERSECT ALL SELECT 1 EXCEPT", numbered)),
            (0..2_000)
                .map(|n| format!("SELECT {n} {} ", ["UNION", "UNION ALL"][n % 2]))
                .collect::<String>()
                + "SELECT 1",
        ] {
            for sql in
                [long.clone(), format!("CREATE TABLE t AS {long}"), format!("EXPLAIN {long}")]
            {
                let error = error(&session, &sql).await.to_string();
                assert!(error.contains("more than 50 set operations"), "{error}");
            }
        }
    });
}

#[test]
fn views_of_too_many_views_are_no_cycle() {
    let store = Store::in_memory();
    let session = SqlSession::new(&store);
    store.write(record_batch!(("n", Int64, [1, 2])).unwrap()).save_as_table("v0").unwrap();
    for view in 1..=66 {
        let text = format!("SELECT n FROM v{}", view - 1);
        store.create_view(format!("v{view}"), annals::NewView::new(&text)).unwrap();
    }
    run(async {
        assert_eq!(column(&session, "SELECT count(*) FROM v64").await, ["2"]);
        for (view, depth) in [("v65", 65), ("v66", 65)] {
            match error(&session, &format!("SELECT n FROM {view}")).await {
                SqlError::ViewDepth { chain, limit } => {
                    assert_eq!(
                        (chain[0].as_str(), chain.len()),
                        (&*format!("default.{view}"), depth)
                    );
                    assert_eq!(limit, 64);
                }
                other => panic!("{other}"),
            }
        }
    });
}

#[test]
fn what_names_stand_for_is_bounded_before_it_is_planned() {
    let store = Store::in_memory();
    let session = SqlSession::new(&store);
    store.write(record_batch!(("n", Int64, [1, 2])).unwrap()).save_as_table("c0").unwrap();
    let chain = |length: usize, query: &dyn Fn(usize) -> String| {
        let all = (1..=length).map(|at| format!("c{at} AS ({})", query(at - 1)));
        let all: Vec<String> = all.collect();
        format!("WITH {} SELECT count(*) FROM c{length}", all.join(", "))
    };
    let once = |from: usize| format!("SELECT n FROM c{from} WHERE n + {from} > 0 LIMIT 1000");
    let joined = |from: usize| format!("SELECT x.n FROM c{from} x JOIN c0 y ON x.n = y.n");
    let twice = |from: usize| format!("SELECT x.n FROM c{from} x JOIN c{from} y ON x.n = y.n");
    let refused = |sql: String, expected: &'static str| {
        let session = &session;
        async move {
            match error(session, &sql).await {
                SqlError::Unsupported { what, .. } => assert!(what.contains(expected), "{what}"),
                other => panic!("{other}"),
            }
        }
    };
    run(async {
        assert_eq!(column(&session, &chain(64, &once)).await, ["2"]);
        assert_eq!(column(&session, &chain(30, &joined)).await, ["2"]);
        assert_eq!(column(&session, &chain(6, &twice)).await, ["2"]);
        refused(chain(65, &once), "64 deep").await;
        refused(chain(5000, &joined), "64 deep").await;
        refused(chain(40, &twice), "2000 queries").await;
        // As many as one likes beside each other.
        let beside = chain(500, &|_| "SELECT n FROM c0".to_owned());
        assert_eq!(column(&session, &beside).await, ["2"]);
        // The same by views.
        for view in 1..=40 {
            let text = twice(view - 1).replace('c', "v").replace("v0", "c0");
            store.create_view(format!("v{view}"), annals::NewView::new(&text)).unwrap();
        }
        assert_eq!(column(&session, "SELECT count(*) FROM v5").await, ["2"]);
        for sql in ["SELECT count(*) FROM v40", "CREATE VIEW w AS SELECT * FROM v40"] {
            match error(&session, sql).await {
                SqlError::ViewCount { view, limit } => {
                    assert_eq!((view.as_str(), limit), ("default.v40", 2000));
                }
                other => panic!("{other}"),
            }
        }
        // Not what other statements, or other names of this one, stand for.
        for _ in 0..3 {
            let sql = "SELECT count(*) FROM v9 a JOIN v9 b ON a.n = b.n";
            session.sql(sql).await.unwrap();
        }
    });
}
