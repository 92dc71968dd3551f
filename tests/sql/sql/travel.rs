//! Older states of a table, by every form of a version clause.

use annals::{SaveMode, Store, TravelError, record_batch};
use annals_sql::{SqlError, SqlSession};
use annals_sql_tests::{column, error, new_session, run};

/// A table with three states: `[1]`, `[1, 2]`, `[3]`, among commits to another table.
fn with_states() -> (Store, SqlSession) {
    let (store, session) = new_session();
    let write = |n: Vec<i64>, mode, table: &str| {
        let rows = record_batch!(("n", Int64, n)).unwrap();
        store.write(rows).mode(mode).save_as_table(table).unwrap();
    };
    write(vec![100], SaveMode::Overwrite, "other");
    write(vec![1], SaveMode::Overwrite, "t");
    write(vec![101], SaveMode::Overwrite, "other");
    write(vec![2], SaveMode::Append, "t");
    write(vec![102], SaveMode::Overwrite, "other");
    write(vec![3], SaveMode::Overwrite, "t");
    (store, session)
}

async fn all(session: &SqlSession, clause: &str) -> Vec<String> {
    column(session, &format!("SELECT n FROM {clause} ORDER BY n")).await
}

#[test]
fn a_number_is_the_tables_own_ordinal() {
    let (_store, session) = with_states();
    run(async {
        for (version, expected) in [(0, vec!["1"]), (1, vec!["1", "2"]), (2, vec!["3"])] {
            for clause in [
                format!("t VERSION AS OF {version}"),
                format!("t version as of {version}"),
                format!("default.t VERSION AS OF {version}"),
                format!("t FOR VERSION AS OF {version}"),
                format!("t FOR SYSTEM_VERSION AS OF {version}"),
                format!("t SYSTEM_VERSION AS OF {version}"),
                format!("t VERSION AS OF '{version}'"),
                format!("t@v{version}"),
                format!("default.t@v{version}"),
                format!("t VERSION AS OF {version} AS t"),
                format!("t VERSION AS OF {version} t"),
                format!("(SELECT * FROM t VERSION AS OF {version})"),
            ] {
                assert_eq!(all(&session, &clause).await, expected, "{clause}");
            }
        }
        match error(&session, "SELECT * FROM t VERSION AS OF 3").await {
            SqlError::Travel {
                table,
                asked,
                source: TravelError::NoOrdinal { asked: 3, newest: 2 },
            } => {
                assert_eq!((table.as_str(), asked.as_str()), ("default.t", "VERSION AS OF 3"));
            }
            other => panic!("{other}"),
        }
    });
}

#[test]
fn a_timestamp_leads_to_what_was_committed_by_then() {
    let (store, session) = with_states();
    let time = |version: u64| store.at(version).unwrap().timestamp().to_string();
    run(async {
        // Version 2 made the table, 4 and 6 changed it.
        for (version, expected) in [
            (2, vec!["1"]),
            (3, vec!["1"]),
            (4, vec!["1", "2"]),
            (5, vec!["1", "2"]),
            (6, vec!["3"]),
        ] {
            let time = time(version);
            for clause in [
                format!("t TIMESTAMP AS OF '{time}'"),
                format!("t FOR TIMESTAMP AS OF '{time}'"),
                format!("t SYSTEM_TIME AS OF '{time}'"),
                format!("t FOR SYSTEM_TIME AS OF '{time}'"),
                format!("t TIMESTAMP AS OF CAST('{time}' AS TIMESTAMP)"),
                format!("t TIMESTAMP AS OF '{time}' AS x"),
            ] {
                assert_eq!(all(&session, &clause).await, expected, "{clause}");
            }
        }
        assert_eq!(all(&session, "t TIMESTAMP AS OF now()").await, ["3"]);
        match error(&session, "SELECT * FROM t TIMESTAMP AS OF '1999-12-31'").await {
            SqlError::Travel { source: TravelError::TooEarly { .. }, .. } => {}
            other => panic!("{other}"),
        }
        match error(&session, "SELECT * FROM t TIMESTAMP AS OF '2999-12-31 12:00:00'").await {
            SqlError::Travel { source: TravelError::Future { .. }, .. } => {}
            other => panic!("{other}"),
        }
        let first = time(1);
        match error(&session, &format!("SELECT * FROM t TIMESTAMP AS OF '{first}'")).await {
            SqlError::NotThereThen { table, .. } => assert_eq!(table, "default.t"),
            other => panic!("{other}"),
        }
    });
}

#[test]
fn a_text_is_a_tag() {
    let (store, session) = with_states();
    store.tag("before the change", 4).unwrap();
    store.tag("0", 6).unwrap();
    run(async {
        assert_eq!(all(&session, "t VERSION AS OF 'before the change'").await, ["1", "2"]);
        assert_eq!(
            all(&session, "t FOR SYSTEM_VERSION AS OF 'before the change'").await,
            ["1", "2"]
        );
        assert_eq!(all(&session, "other VERSION AS OF 'before the change'").await, ["101"]);
        // A tag comes before a number that is written as text.
        assert_eq!(all(&session, "t VERSION AS OF '0'").await, ["3"]);
        match error(&session, "SELECT * FROM t VERSION AS OF 'never'").await {
            SqlError::Travel { source: TravelError::NoTag { tag }, .. } => {
                assert_eq!(&*tag, "never");
            }
            other => panic!("{other}"),
        }
    });
}

#[test]
fn a_time_behind_an_at_sign_is_compact() {
    let clock = annals::testing::ManualClock::at(annals::Timestamp(1_700_000_000_000_000));
    let store = Store::builder().clock(clock.reading()).build();
    let session = SqlSession::new(&store);
    let write = |n: i64| {
        let rows = record_batch!(("n", Int64, [n])).unwrap();
        store.write(rows).mode(SaveMode::Overwrite).save_as_table("t").unwrap();
    };
    write(1);
    clock.advance(std::time::Duration::from_secs(60));
    write(2);
    run(async {
        // 1,700,000,000 seconds are 2023-11-14 22:13:20 UTC.
        assert_eq!(all(&session, "t@20231114221350000").await, ["1"]);
        assert_eq!(all(&session, "t@20231114221420000").await, ["2"]);
    });
}

#[test]
fn several_states_of_one_table_meet_in_one_query() {
    let (_store, session) = with_states();
    run(async {
        let sql = "SELECT a.n FROM t VERSION AS OF 1 AS a LEFT ANTI JOIN t@v0 AS b ON a.n = b.n";
        assert_eq!(column(&session, sql).await, ["2"]);
        let sql =
            "SELECT n FROM t@v1 EXCEPT SELECT n FROM t@v0 UNION ALL SELECT n FROM t ORDER BY n";
        assert_eq!(column(&session, sql).await, ["2", "3"]);
    });
}

#[test]
fn a_clause_that_is_not_understood_is_an_error_and_never_the_present() {
    let (_store, session) = with_states();
    run(async {
        for clause in [
            "t VERSION AS OF -1",
            "t VERSION AS OF n",
            "t VERSION AS OF 1.5",
            "t VERSION AS OF (1)",
            "t VERSION AS OF",
            "t TIMESTAMP AS OF 'yesterday-ish'",
            "t TIMESTAMP AS OF NULL",
            "t TIMESTAMP AS OF 17",
            "t TIMESTAMP AS OF n",
            "t TIMESTAMP AS OF true",
            "t AT(TIMESTAMP => '2024-01-01')",
            "t BEFORE(STATEMENT => '8e5d0ca9')",
            "t@1",
            "t@vx",
            "t@v",
            "t@v99999999999999999999",
            "t@2023111422135",
            "t@v1 VERSION AS OF 1",
            "t VERSION AS OF 0 VERSION AS OF 1",
            "t FOR SYSTEM_TIME BETWEEN '2020-01-01' AND '2021-01-01'",
            "t TABLESAMPLE (10 PERCENT)",
        ] {
            let sql = format!("SELECT * FROM {clause}");
            if let Ok(batches) = session.collect(&sql).await {
                panic!("{clause}\n{}", annals_sql_tests::table(&batches));
            }
        }
    });
}

#[test]
fn a_table_is_found_under_the_name_that_it_had() {
    let (store, session) = with_states();
    let before = store.at(4).unwrap().timestamp().to_string();
    store.rename_table("t", "renamed").unwrap();
    run(async {
        assert_eq!(all(&session, "renamed VERSION AS OF 1").await, ["1", "2"]);
        let clause = format!("renamed TIMESTAMP AS OF '{before}'");
        assert_eq!(all(&session, &clause).await, ["1", "2"]);
        match error(&session, "SELECT * FROM t VERSION AS OF 1").await {
            SqlError::NoTable { name, .. } => assert_eq!(name, ["t"]),
            other => panic!("{other}"),
        }
    });
}

#[test]
fn drop_and_create_begins_another_life() {
    let (store, session) = with_states();
    let before = store.at(4).unwrap().timestamp().to_string();
    store.drop_table("t").unwrap();
    let rows = record_batch!(("n", Int64, [9])).unwrap();
    store.write(rows).save_as_table("t").unwrap();
    run(async {
        assert_eq!(all(&session, "t VERSION AS OF 0").await, ["9"]);
        match error(&session, "SELECT * FROM t VERSION AS OF 1").await {
            SqlError::Travel { source: TravelError::NoOrdinal { newest: 0, .. }, .. } => {}
            other => panic!("{other}"),
        }
        // By time it is the table that had the name then.
        assert_eq!(all(&session, &format!("t TIMESTAMP AS OF '{before}'")).await, ["1", "2"]);
    });
}

#[test]
fn an_expired_state_is_a_typed_error() {
    let (store, session) = with_states();
    let oldest = store.version();
    let policy =
        annals::Retention { versions_max: 1, versions_min: 1, ..annals::Retention::default() };
    store.expire(&policy);
    assert_eq!(store.versions().first(), Some(&oldest));
    run(async {
        match error(&session, "SELECT * FROM t VERSION AS OF 0").await {
            SqlError::Travel { source: TravelError::OrdinalExpired { asked: 0 }, .. } => {}
            other => panic!("{other}"),
        }
        assert_eq!(all(&session, "t VERSION AS OF 2").await, ["3"]);
    });
}

#[test]
fn what_looks_like_a_clause_and_is_none_is_left_alone() {
    let (_store, session) = with_states();
    run(async {
        assert_eq!(column(&session, "SELECT 'VERSION AS OF 1' FROM t").await, ["VERSION AS OF 1"]);
        assert_eq!(column(&session, "SELECT n AS version FROM t").await, ["3"]);
        assert_eq!(
            column(&session, "SELECT version FROM (SELECT n AS version FROM t) AS of").await,
            ["3"]
        );
        assert_eq!(column(&session, "SELECT timestamp.n FROM t AS timestamp").await, ["3"]);
        let sql = "SELECT timestamp AS of FROM (SELECT n AS timestamp FROM t)";
        assert_eq!(column(&session, sql).await, ["3"]);
        assert_eq!(column(&session, "SELECT TIMESTAMP '2024-01-02 03:04:05' AS of").await.len(), 1);
    });
}

#[test]
fn no_clause_leads_past_the_version_that_the_statement_sees() {
    let (store, session) = with_states();
    store.tag("later", 6).unwrap();
    run(async {
        let then = session.scope_at(store.at(4).unwrap());
        for clause in ["t TIMESTAMP AS OF now()", "t VERSION AS OF 'later'", "t@v1", "t"] {
            let sql = format!("SELECT n FROM {clause}");
            let annals_sql::parse::Statement::Query(query) =
                annals_sql::parse::parse(&sql).unwrap()
            else {
                panic!("{sql} is a query");
            };
            let frame = session.frame(then.plan(*query).unwrap());
            assert_eq!(frame.count().await.unwrap(), 2, "{clause}");
        }
    });
}

#[test]
fn a_version_is_a_whole_number_of_something_that_was_committed() {
    run(async {
        let (_store, session) = new_session();
        session.sql("CREATE TABLE t (n INT)").await.unwrap();
        session.sql("INSERT INTO t VALUES (1)").await.unwrap();
        // A view is its text: what it names would be of now.
        session.sql("CREATE VIEW v AS SELECT n FROM t").await.unwrap();
        for sql in [
            "SELECT * FROM v VERSION AS OF 0",
            "SELECT * FROM v@v0",
            "SELECT * FROM v TIMESTAMP AS OF now()",
            "SELECT * FROM changes('t', 1.5)",
            "SELECT * FROM changes('t', -1)",
            "SELECT * FROM changes('t', 1e0)",
        ] {
            error(&session, sql).await;
        }
        // The version that the statement is about to make is not there yet.
        session.sql("CREATE TABLE saved AS SELECT * FROM changes('t', 0)").await.unwrap();
        assert_eq!(column(&session, "SELECT count(*) FROM saved").await, ["1"]);
        session.sql("BEGIN").await.unwrap();
        session.sql("INSERT INTO t VALUES (2)").await.unwrap();
        assert_eq!(column(&session, "SELECT count(*) FROM changes('t', 0)").await, ["1"]);
        session.sql("COMMIT").await.unwrap();
        assert_eq!(column(&session, "SELECT count(*) FROM changes('t', 0)").await, ["2"]);
    });
}
