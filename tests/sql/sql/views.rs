//! Views that are kept in the store, and temporary ones.

use annals::{DatabaseName, NewView, SaveMode, Store, record_batch};
use annals_sql::{SqlError, SqlSession, ViewQuery};
use annals_sql_tests::{column, error, new_session, run};

fn write(store: &Store, table: &str, n: i64) {
    let rows = record_batch!(("n", Int64, [n])).unwrap();
    store.write(rows).mode(SaveMode::Overwrite).save_as_table(table).unwrap();
}

fn text(text: &str) -> ViewQuery {
    ViewQuery::Text { text: text.to_owned(), database: DatabaseName::default(), columns: None }
}

async fn n(session: &SqlSession, name: &str) -> Vec<String> {
    column(session, &format!("SELECT n FROM {name}")).await
}

#[test]
fn a_view_shows_the_version_of_the_statement_that_reads_it() {
    let (store, session) = new_session();
    write(&store, "t", 1);
    store.create_view("v", NewView::new("SELECT n + 1 AS n FROM t")).unwrap();
    run(async {
        assert_eq!(n(&session, "v").await, ["2"]);
        let frame = session.sql("SELECT t.n, v.n AS m FROM t, v").await.unwrap();
        write(&store, "t", 10);
        assert_eq!(n(&session, "v").await, ["11"]);
        let found = annals_sql_tests::table(&frame.collect().await.unwrap());
        assert!(found.contains("| 1 | 2 |"), "{found}");
    });
}

#[test]
fn a_view_finds_names_in_its_own_database() {
    let (store, session) = new_session();
    store.create_database("sales").unwrap();
    write(&store, "sales.t", 5);
    write(&store, "t", 1);
    store.create_view("sales.v", NewView::new("SELECT n FROM t")).unwrap();
    run(async { assert_eq!(n(&session, "sales.v").await, ["5"]) });
}

#[test]
fn a_temporary_view_hides_a_table_and_a_global_one_does_not() {
    let (store, session) = new_session();
    write(&store, "t", 1);
    run(async {
        session.set_view("T", text("SELECT 7 AS n"));
        assert_eq!(n(&session, "t").await, ["7"]);
        assert_eq!(n(&session, "default.t").await, ["1"]);
        assert!(session.remove_view("t"));
        assert!(!session.remove_view("t"));
        assert_eq!(n(&session, "t").await, ["1"]);

        session.set_global_view("g", text("SELECT n * 2 AS n FROM t"));
        assert_eq!(n(&session, "global_temp.g").await, ["2"]);
        let other = session.another();
        assert_eq!(n(&other, "GLOBAL_TEMP.G").await, ["2"]);
        other.set_view("t", text("SELECT 8 AS n"));
        assert_eq!(n(&session, "t").await, ["1"], "temporary views are a session's own");
        match error(&session, "SELECT * FROM g").await {
            SqlError::NoTable { name, .. } => assert_eq!(name, ["g"]),
            other => panic!("{other}"),
        }
    });
}

#[test]
fn a_view_of_a_plan_reads_what_the_plan_read() {
    let (store, session) = new_session();
    write(&store, "t", 1);
    run(async {
        let plan = session.sql("SELECT n FROM t").await.unwrap().into_unoptimized_plan();
        session.set_view("fixed", ViewQuery::Plan(Box::new(plan)));
        write(&store, "t", 2);
        assert_eq!(n(&session, "fixed").await, ["1"]);
    });
}

#[test]
fn a_view_that_names_itself_is_refused() {
    let (store, session) = new_session();
    store.create_view("a", NewView::new("SELECT * FROM b")).unwrap();
    store.create_view("b", NewView::new("SELECT * FROM a")).unwrap();
    run(async {
        match error(&session, "SELECT * FROM a").await {
            SqlError::ViewCycle { chain } => {
                assert_eq!(chain, ["default.a", "default.b", "default.a"]);
            }
            other => panic!("{other}"),
        }
        session.set_view("selfish", text("SELECT * FROM selfish"));
        assert!(matches!(
            error(&session, "SELECT * FROM selfish").await,
            SqlError::ViewCycle { .. }
        ));
    });
}

#[test]
fn what_is_wrong_with_a_view_is_told_with_its_name() {
    let (store, session) = new_session();
    store.create_view("v", NewView::new("SELECT * FROM gone")).unwrap();
    store.create_view("w", NewView::new("DROP TABLE x")).unwrap();
    run(async {
        match error(&session, "SELECT * FROM v").await {
            SqlError::View { name, source } => {
                assert_eq!(name, "default.v");
                assert!(matches!(*source, SqlError::NoTable { .. }), "{source}");
            }
            other => panic!("{other}"),
        }
        assert!(matches!(error(&session, "SELECT * FROM w").await, SqlError::View { .. }));
    });
}
