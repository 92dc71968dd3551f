//! What the files of statements cannot say: shapes of results, and several sessions at once.

use annals_sql::{SqlError, SqlSession};
use annals_sql_tests::{column, new_session, run};
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;

/// Names, types and nullability of the columns that a statement gives.
async fn shape(session: &SqlSession, sql: &str) -> Vec<(String, DataType, bool)> {
    let frame = session.sql(sql).await.unwrap();
    let fields = frame.schema().fields().iter();
    fields.map(|f| (f.name().clone(), f.data_type().clone(), f.is_nullable())).collect()
}

#[test]
fn what_is_shown_has_the_columns_that_spark_gives_it() {
    let (_store, session) = new_session();
    run(async {
        session.sql("CREATE TABLE t (id INT)").await.unwrap();
        let text = |name: &str, null: bool| (name.to_owned(), DataType::Utf8, null);
        let temporary = ("isTemporary".to_owned(), DataType::Boolean, false);
        let tables = vec![text("namespace", false), text("tableName", false), temporary];
        assert_eq!(shape(&session, "SHOW TABLES").await, tables);
        assert_eq!(shape(&session, "SHOW DATABASES").await, [text("namespace", false)]);
        assert_eq!(shape(&session, "SHOW COLUMNS IN t").await, [text("col_name", false)]);
        assert_eq!(shape(&session, "SHOW CREATE TABLE t").await, [text("createtab_stmt", false)]);
        let described = [text("col_name", false), text("data_type", false), text("comment", true)];
        assert_eq!(shape(&session, "DESCRIBE t").await, described);
        assert_eq!(shape(&session, "INSERT INTO t VALUES (1)").await, []);
        assert_eq!(shape(&session, "CREATE DATABASE d").await, []);
    });
}

#[test]
fn a_command_runs_once_however_often_its_frame_is_collected() {
    let (store, session) = new_session();
    run(async {
        session.sql("CREATE TABLE t (id INT)").await.unwrap();
        let frame = session.sql("INSERT INTO t VALUES (1)").await.unwrap();
        frame.clone().collect().await.unwrap();
        frame.collect().await.unwrap();
        assert_eq!(store.table("t").unwrap().row_count(), 1);
    });
}

#[test]
fn a_commit_keeps_the_statement_that_made_it() {
    let (store, session) = new_session();
    run(async {
        session.sql("CREATE TABLE t (id INT)").await.unwrap();
        let long = format!("INSERT INTO t VALUES (1) -- {}", "é".repeat(5000));
        session.sql(&long).await.unwrap();
    });
    let kept = store.history().iter().next().unwrap().info.metadata[0].1.to_string();
    assert!(kept.starts_with("INSERT INTO t VALUES (1)") && kept.len() <= 1000, "{kept}");
}

#[test]
fn sessions_that_insert_at_once_lose_no_row() {
    let (store, session) = new_session();
    run(async { session.sql("CREATE TABLE t (id INT)").await.map(drop).unwrap() });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = session.another();
            scope.spawn(move || {
                run(async {
                    for n in 0..25 {
                        let sql = format!("INSERT INTO t VALUES ({})", thread * 100 + n);
                        session.sql(&sql).await.unwrap();
                    }
                });
            });
        }
    });
    assert_eq!(store.table("t").unwrap().row_count(), 100);
}

#[test]
fn a_replaced_table_is_always_whole() {
    let (_store, session) = new_session();
    run(async { session.sql("CREATE TABLE t AS SELECT 0 AS a, 0 AS b").await.map(drop).unwrap() });
    std::thread::scope(|scope| {
        for thread in 1..3 {
            let session = session.another();
            scope.spawn(move || {
                run(async {
                    for _ in 0..20 {
                        let sql = format!(
                            "CREATE OR REPLACE TABLE t AS SELECT {thread} AS a, {thread} AS b"
                        );
                        session.sql(&sql).await.unwrap();
                    }
                });
            });
        }
        let session = session.another();
        scope.spawn(move || {
            run(async {
                for _ in 0..50 {
                    let torn = session.collect("SELECT * FROM t WHERE a <> b").await.unwrap();
                    assert_eq!(torn.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
                    let all = session.collect("SELECT a FROM t").await.unwrap();
                    assert_eq!(all.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
                }
            });
        });
    });
}

#[test]
fn statements_that_count_and_add_run_one_after_the_other() {
    let (_store, session) = new_session();
    run(async { session.sql("CREATE TABLE t AS SELECT 0 AS n").await.map(drop).unwrap() });
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let session = session.another();
            scope.spawn(move || {
                run(async {
                    for _ in 0..20 {
                        session.sql("INSERT OVERWRITE t SELECT n + 1 FROM t").await.unwrap();
                    }
                });
            });
        }
    });
    run(async {
        let rows = session.collect("SELECT * FROM t WHERE n = 40").await.unwrap();
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    });
}

#[test]
fn statements_can_run_on_any_thread() {
    fn sent<T: Send>(future: T) -> T {
        future
    }
    let (_store, session) = new_session();
    run(sent(async move {
        session.sql("CREATE TABLE t (id INT)").await.unwrap();
        let wrong = session.sql("SELECT * FROM nowhere").await;
        assert!(matches!(wrong, Err(SqlError::NoTable { .. })));
    }));
}

#[test]
fn a_statement_that_is_stopped_leaves_its_transaction_open() {
    let (store, session) = new_session();
    run(async {
        session.sql("CREATE TABLE t (id BIGINT)").await.unwrap();
        session.sql("BEGIN").await.unwrap();
        session.sql("INSERT INTO t VALUES (1)").await.unwrap();
        let long = "INSERT INTO t SELECT a.value FROM generate_series(1, 100000) a, \
                    generate_series(1, 100000) b";
        tokio::select! {
            biased;
            _ = session.sql(long) => panic!("it cannot be done at once"),
            () = std::future::ready(()) => {}
        }
        // Nothing is committed, and what the transaction did before is still there.
        assert_eq!(store.table("t").unwrap().row_count(), 0);
        assert_eq!(column(&session, "SELECT count(*) FROM t").await, ["1"]);
        session.sql("COMMIT").await.unwrap();
        assert_eq!(store.table("t").unwrap().row_count(), 1);
    });
}

#[test]
fn the_history_of_a_table_tells_the_numbers_that_its_states_are_read_by() {
    let (_store, session) = new_session();
    run(async {
        session.sql("CREATE TABLE t AS SELECT 1 AS n").await.unwrap();
        session.sql("CREATE TABLE other AS SELECT 1 AS n").await.unwrap();
        session.sql("INSERT INTO t VALUES (2), (3)").await.unwrap();
        session.sql("DELETE FROM t WHERE n < 3").await.unwrap();
        assert_eq!(column(&session, "DESCRIBE HISTORY t").await, ["2", "1", "0"]);
        assert_eq!(column(&session, "DESCRIBE HISTORY t LIMIT 1").await, ["2"]);
        for (version, rows) in [(0, "1"), (1, "3"), (2, "1")] {
            let sql = format!("SELECT count(*) FROM t VERSION AS OF {version}");
            assert_eq!(column(&session, &sql).await, [rows]);
        }
    });
}

#[test]
fn a_restore_of_the_store_is_no_state_of_a_table_that_it_left_alone() {
    let (store, session) = new_session();
    run(async {
        session.sql("CREATE TABLE same AS SELECT 1 AS n").await.unwrap();
        session.sql("CREATE TABLE other AS SELECT 1 AS n").await.unwrap();
        session.sql("INSERT INTO other VALUES (2)").await.unwrap();
        store.restore(2).unwrap();
        session.sql("CREATE TABLE late AS SELECT 1 AS n").await.unwrap();
        session.sql("INSERT INTO same VALUES (2)").await.unwrap();
        for table in ["same", "late", "other"] {
            let ordinals = column(&session, &format!("DESCRIBE HISTORY {table}")).await;
            let sql = format!("SELECT count(*) FROM history('{table}')");
            assert_eq!(column(&session, &sql).await, [ordinals.len().to_string()], "{table}");
            let states: Vec<String> =
                (0..=store.table(table).unwrap().ordinal()).rev().map(|n| n.to_string()).collect();
            assert_eq!(ordinals, states, "{table}");
        }
    });
}
