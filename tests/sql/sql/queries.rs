//! Queries over tables of a store.

use annals::{DatabaseName, SaveMode, Store, record_batch};
use annals_sql::{SqlError, SqlSession};
use annals_sql_tests::{column, error, new_session, rows, run};

fn with_tables() -> (Store, SqlSession) {
    let (store, session) = new_session();
    let rows = record_batch!(("id", Int64, [1, 2, 3]), ("item", Utf8, ["tea", "milk", "salt"]));
    store.write(rows.unwrap()).save_as_table("orders").unwrap();
    store.create_database("sales").unwrap();
    let rows = record_batch!(("id", Int64, [2, 3, 4]), ("price", Float64, [0.5, 1.5, 2.5]));
    store.write(rows.unwrap()).save_as_table("sales.prices").unwrap();
    (store, session)
}

#[test]
fn a_query_reads_tables_of_several_databases() {
    let (_store, session) = with_tables();
    run(async {
        let found = rows(
            &session,
            "SELECT o.item, p.price FROM orders o JOIN sales.prices p ON o.id = p.id ORDER BY 1",
        )
        .await;
        let expected = "\
+------+-------+
| item | price |
+------+-------+
| milk | 0.5   |
| salt | 1.5   |
+------+-------+";
        assert_eq!(found, expected);
    });
}

#[test]
fn names_are_found_by_one_two_or_three_parts_whatever_their_case() {
    let (_store, session) = with_tables();
    run(async {
        for name in ["orders", "ORDERS", "default.Orders", "annals.default.orders", "`orders`"] {
            assert_eq!(column(&session, &format!("SELECT count(*) FROM {name}")).await, ["3"]);
        }
        session.set_database(DatabaseName::new("sales").unwrap());
        assert_eq!(column(&session, "SELECT count(*) FROM prices").await, ["3"]);
        match error(&session, "SELECT * FROM orders").await {
            SqlError::NoTable { name, database, .. } => {
                assert_eq!((name, database.as_str()), (vec!["orders".to_owned()], "sales"));
            }
            other => panic!("{other}"),
        }
        match error(&session, "SELECT * FROM hive.default.orders").await {
            SqlError::NoCatalog { name, expected } => {
                assert_eq!((name.as_str(), expected.as_str()), ("hive", "annals"));
            }
            other => panic!("{other}"),
        }
    });
}

#[test]
fn a_frame_reads_the_version_that_its_statement_saw() {
    let (store, session) = with_tables();
    run(async {
        let frame = session.sql("SELECT * FROM orders").await.unwrap();
        let more = record_batch!(("id", Int64, [9]), ("item", Utf8, ["rice"])).unwrap();
        store.write(more).mode(SaveMode::Append).save_as_table("orders").unwrap();
        assert_eq!(frame.clone().count().await.unwrap(), 3);
        store.drop_table("orders").unwrap();
        assert_eq!(frame.count().await.unwrap(), 3);
    });
}

#[test]
fn errors_carry_what_is_wrong_as_data() {
    let (_store, session) = with_tables();
    run(async {
        match error(&session, "SELECT price FROM orders").await {
            SqlError::NoColumn { name, available } => {
                assert_eq!(name, ["price"]);
                assert_eq!(available, [["orders", "id"], ["orders", "item"]]);
            }
            other => panic!("{other}"),
        }
        match error(&session, "SELECT id FROM orders, sales.prices").await {
            SqlError::AmbiguousColumn { name, .. } => assert_eq!(name, ["id"]),
            other => panic!("{other}"),
        }
        match error(&session, "SELECT frobnicate(id) FROM orders").await {
            SqlError::NoFunction { name } => assert_eq!(name, "frobnicate"),
            other => panic!("{other}"),
        }
        match error(&session, "SELECT * FROM a.b.c.d").await {
            SqlError::Unsupported { .. } | SqlError::Plan(_) => {}
            other => panic!("{other}"),
        }
        for sql in ["SELECT 1; SELECT 2", "SELEKT 1", "SELECT 1 FROM", ""] {
            assert!(matches!(error(&session, sql).await, SqlError::Parse { .. }), "{sql}");
        }
    });
}

#[test]
fn text_is_utf8_and_not_a_view_of_it() {
    let (_store, session) = with_tables();
    run(async {
        let sql = "SELECT item, CAST(id AS VARCHAR) AS text, 'x' AS word FROM orders";
        let frame = session.sql(sql).await.unwrap();
        for field in frame.schema().fields() {
            assert_eq!(field.data_type(), &arrow::datatypes::DataType::Utf8, "{}", field.name());
        }
    });
}

#[test]
fn a_backslash_before_a_wildcard_is_left_to_like() {
    let (store, session) = new_session();
    let texts = record_batch!(("s", Utf8, ["50%", "50x", "_b", "ab"])).unwrap();
    store.write(texts).save_as_table("escaped").unwrap();
    run(async {
        let percent = column(&session, r"SELECT s FROM escaped WHERE s LIKE '50\%'").await;
        assert_eq!(percent, ["50%"]);
        let line = column(&session, r"SELECT s FROM escaped WHERE s LIKE '\_b'").await;
        assert_eq!(line, ["_b"]);
        session.collect(r"DELETE FROM escaped WHERE s LIKE '\_b'").await.unwrap();
        assert_eq!(column(&session, "SELECT count(*) FROM escaped").await, ["3"]);
    });
}

#[test]
fn a_result_may_have_several_columns_of_one_name() {
    let (_store, session) = new_session();
    run(async {
        for sql in [
            "CREATE TABLE a AS SELECT * FROM VALUES (1, 'x'), (2, 'y') AS v (id, text)",
            "CREATE TABLE b AS SELECT * FROM VALUES (10, 'z'), (20, 'y') AS v (id, text)",
            "CREATE TABLE two (one INT, other INT)",
        ] {
            session.sql(sql).await.unwrap();
        }
        for (sql, names, row) in [
            ("SELECT id, id FROM a WHERE id = 1", vec!["id", "id"], vec!["1", "1"]),
            ("SELECT id, ID, a.id AS id FROM a WHERE id = 1", vec!["id", "ID", "id"], vec!["1"; 3]),
            (
                "SELECT sum(a.id), sum(b.id), count(*) FROM a, b",
                vec!["sum(id)", "sum(id)", "count(1)"],
                vec!["6", "60", "4"],
            ),
            ("SELECT id, text AS id FROM a ORDER BY text DESC", vec!["id", "id"], vec!["2", "y"]),
            ("SELECT a.id, b.id FROM a JOIN b USING (text)", vec!["id", "id"], vec!["2", "20"]),
            ("SELECT 1, 1", vec!["1", "1"], vec!["1", "1"]),
            ("SELECT id + 1, id + 1 FROM a LIMIT 1", vec!["(id + 1)", "(id + 1)"], vec!["2", "2"]),
            (
                "SELECT id, id FROM a WHERE id = 1 UNION ALL SELECT id, id FROM b WHERE id = 99",
                vec!["id", "id"],
                vec!["1", "1"],
            ),
            (
                "WITH w AS (SELECT id FROM a) SELECT max(id), max(id) FROM w",
                vec!["max(id)"; 2],
                vec!["2"; 2],
            ),
        ] {
            let batches = session.collect(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            let schema = batches[0].schema();
            let found: Vec<&str> =
                schema.fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(found, names, "{sql}");
            let values = batches[0]
                .columns()
                .iter()
                .map(|column| arrow::util::display::array_value_to_string(column, 0).unwrap());
            assert_eq!(values.collect::<Vec<_>>(), row, "{sql}");
        }
        session.sql("INSERT INTO two SELECT id, id FROM a").await.unwrap();
        let sum = "SELECT sum(one) + sum(other) FROM two";
        assert_eq!(column(&session, sum).await, ["6"]);
        // Where names are kept, they have to differ; and nobody can ask for one of several.
        for sql in [
            "CREATE TABLE c AS SELECT id, id FROM a",
            "CREATE VIEW c AS SELECT id, id FROM a",
            "SELECT id FROM (SELECT a.id, b.id FROM a, b)",
        ] {
            let error = error(&session, sql).await.to_string();
            assert!(error.contains("id") && !error.contains('\u{0}'), "{sql}: {error}");
        }
    });
}
