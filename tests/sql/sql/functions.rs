//! Table functions: what happened, what changed, what is kept.

use annals::{SaveMode, Store, TravelError, col, record_batch, set};
use annals_sql::{SqlError, SqlSession};
use annals_sql_tests::{column, error, new_session, rows, run};

fn with_changes() -> (Store, SqlSession) {
    let (store, session) = new_session();
    let rows = record_batch!(("n", Int64, [1, 2, 3])).unwrap();
    store.write(rows).message("begin").save_as_table("t").unwrap();
    store.delete("t", col("n").eq(1)).unwrap();
    store.update("t", [set("n", 30)], col("n").eq(3)).unwrap();
    let rows = record_batch!(("n", Int64, [9])).unwrap();
    store.write(rows).mode(SaveMode::Append).save_as_table("other").unwrap();
    (store, session)
}

#[test]
fn history_tells_who_did_what() {
    let (_store, session) = with_changes();
    run(async {
        let sql = "SELECT version, operation, rows_added, rows_removed, message FROM history('t') ORDER BY version";
        let expected = "\
+---------+----------------------+------------+--------------+---------+
| version | operation            | rows_added | rows_removed | message |
+---------+----------------------+------------+--------------+---------+
| 1       | create table (error) | 3          | 0            | begin   |
| 2       | delete where n = 1   | 0          | 1            |         |
| 3       | update n where n = 3 | 0          | 0            |         |
+---------+----------------------+------------+--------------+---------+";
        assert_eq!(rows(&session, sql).await, expected);
        assert_eq!(column(&session, "SELECT count(*) FROM history()").await, ["4"]);
        assert_eq!(column(&session, "SELECT count(*) FROM HISTORY('default.other')").await, ["1"]);
        let sql =
            "SELECT h.version FROM history('t') h JOIN snapshots() s ON h.version = s.version";
        assert_eq!(column(&session, sql).await.len(), 3);
    });
}

#[test]
fn changes_tell_which_rows_came_and_went() {
    let (store, session) = with_changes();
    store.tag("deleted", 2).unwrap();
    let time = store.at(3).unwrap().timestamp().to_string();
    run(async {
        let all = "SELECT n, _change_type, _commit_version FROM changes('t', 2, 3) ORDER BY 3, 1";
        let expected = "\
+----+------------------+-----------------+
| n  | _change_type     | _commit_version |
+----+------------------+-----------------+
| 1  | delete           | 2               |
| 3  | update_preimage  | 3               |
| 30 | update_postimage | 3               |
+----+------------------+-----------------+";
        assert_eq!(rows(&session, all).await, expected);
        for (args, count) in [
            ("'t', 1", "6"),
            ("'t', 2", "3"),
            ("'t', 'deleted'", "3"),
            ("'t', 'deleted', 'deleted'", "1"),
            ("'t', 3, 3", "2"),
            ("'t', '3'", "2"),
            ("'t', 1 + 2", "2"),
            ("'default.T', 3", "2"),
        ] {
            let sql = format!("SELECT count(*) FROM changes({args})");
            assert_eq!(column(&session, &sql).await, [count], "{args}");
        }
        let sql = format!("SELECT count(*) FROM changes('t', TIMESTAMP '{time}')");
        assert_eq!(column(&session, &sql).await, ["2"]);
    });
}

#[test]
fn snapshots_are_the_versions_that_can_be_read() {
    let (store, session) = with_changes();
    store.tag("mine", 3).unwrap();
    run(async {
        let expected = "\
+---------+--------+------+
| version | tables | tags |
+---------+--------+------+
| 4       | 2      |      |
| 3       | 1      | mine |
| 2       | 1      |      |
| 1       | 1      |      |
| 0       | 0      |      |
+---------+--------+------+";
        assert_eq!(rows(&session, "SELECT version, tables, tags FROM snapshots()").await, expected);
    });
}

#[test]
fn pins_show_who_holds_what() {
    let (store, session) = with_changes();
    let _held = store.pin_at(2, "report").unwrap();
    run(async {
        let sql = "SELECT version FROM pins() WHERE labels LIKE 'report%'";
        assert_eq!(column(&session, sql).await, ["2"]);
    });
}

#[test]
fn wrong_arguments_say_how_it_is_called() {
    let (store, session) = with_changes();
    store.create_view("v", annals::NewView::new("SELECT 1")).unwrap();
    run(async {
        for (call, name) in [
            ("history(1)", "history"),
            ("history('t', 2)", "history"),
            ("changes('t')", "changes"),
            ("changes()", "changes"),
            ("changes('t', 1, 2, 3)", "changes"),
            ("snapshots(1)", "snapshots"),
            ("pins('x')", "pins"),
        ] {
            match error(&session, &format!("SELECT * FROM {call}")).await {
                SqlError::Arguments { function, .. } => assert_eq!(function, name, "{call}"),
                other => panic!("{call}: {other}"),
            }
        }
        match error(&session, "SELECT * FROM history('gone')").await {
            SqlError::NoTable { name, .. } => assert_eq!(name, ["gone"]),
            other => panic!("{other}"),
        }
        match error(&session, "SELECT * FROM changes('t', 'no such tag')").await {
            SqlError::Read(annals::ReadError::Travel(TravelError::NoTag { tag })) => {
                assert_eq!(&*tag, "no such tag");
            }
            other => panic!("{other}"),
        }
        match error(&session, "SELECT * FROM changes('t', 77)").await {
            SqlError::Read(annals::ReadError::Travel(TravelError::NoVersion { .. })) => {}
            other => panic!("{other}"),
        }
        match error(&session, "SELECT * FROM no_such_function(1)").await {
            SqlError::NoFunction { name } => assert_eq!(name, "no_such_function"),
            other => panic!("{other}"),
        }
        assert!(matches!(
            error(&session, "SELECT * FROM changes('v', 1)").await,
            SqlError::Read(annals::ReadError::View { .. })
        ));
    });
}

#[test]
fn a_function_sees_no_more_than_its_statement() {
    let (store, session) = with_changes();
    run(async {
        let before = session.scope_at(store.at(2).unwrap());
        let plan = |sql: &str| match annals_sql::parse::parse(sql).unwrap() {
            annals_sql::parse::Statement::Query(query) => before.plan(*query).unwrap(),
            _ => unreachable!(),
        };
        for (sql, rows) in [
            ("SELECT * FROM history()", 2),
            ("SELECT * FROM snapshots()", 3),
            ("SELECT * FROM changes('t', 1)", 4),
        ] {
            let frame = session.frame(plan(sql));
            assert_eq!(frame.count().await.unwrap(), rows, "{sql}");
        }
    });
}

#[test]
fn functions_of_datafusion_are_there_too() {
    let (_store, session) = with_changes();
    run(async {
        let sql = "SELECT sum(value) FROM generate_series(1, 4)";
        assert_eq!(column(&session, sql).await, ["10"]);
    });
}
