//! Joins on columns that both sides have: which value counts, and which columns `*` gives.

use annals_sql_tests::{column, error, new_session, rows, run};

/// `z` has 1 and 2, `a` has 2 and 3, `c` has 3 and 4.
const TABLES: [&str; 3] = [
    "CREATE TABLE z AS SELECT * FROM VALUES (1, 'z1'), (2, 'z2') t(id, z)",
    "CREATE TABLE a AS SELECT * FROM VALUES (2, 'a2'), (3, 'a3') t(ID, a)",
    "CREATE TABLE c AS SELECT * FROM VALUES (3, 'c3'), (4, 'c4') t(id, c)",
];

#[test]
fn a_joined_column_has_the_value_of_the_side_that_has_one() {
    run(async {
        let (_store, session) = new_session();
        for table in TABLES {
            session.sql(table).await.unwrap();
        }
        for (kind, ids) in [
            ("JOIN", vec!["2"]),
            ("LEFT JOIN", vec!["1", "2"]),
            ("RIGHT JOIN", vec!["2", "3"]),
            ("FULL JOIN", vec!["1", "2", "3"]),
            ("LEFT SEMI JOIN", vec!["2"]),
            ("LEFT ANTI JOIN", vec!["1"]),
        ] {
            for from in [format!("z {kind} a USING (id)"), format!("z NATURAL {kind} a")] {
                if from.contains("NATURAL LEFT SEMI") || from.contains("NATURAL LEFT ANTI") {
                    continue; // no such thing
                }
                for sql in [
                    format!("SELECT id FROM {from} ORDER BY id"),
                    format!("SELECT * FROM {from} ORDER BY id"),
                    format!("SELECT Id FROM {from} GROUP BY ID ORDER BY id"),
                    format!("SELECT q.id FROM (SELECT * FROM {from}) q WHERE id > 0 ORDER BY 1"),
                    format!("SELECT max(id) OVER (PARTITION BY id) AS m FROM {from} ORDER BY m"),
                ] {
                    assert_eq!(column(&session, &sql).await, ids, "{sql}");
                }
            }
        }
        let chained = "SELECT id FROM z FULL JOIN a USING (id) FULL JOIN c USING (id) ORDER BY id";
        assert_eq!(column(&session, chained).await, ["1", "2", "3", "4"]);
        let nested =
            "SELECT id FROM c RIGHT JOIN (z FULL JOIN a USING (id)) USING (id) ORDER BY id";
        assert_eq!(column(&session, nested).await, ["1", "2", "3"]);
        let on = "SELECT z.id FROM z JOIN a USING (id) JOIN c ON c.id = z.id + 1 WHERE z > ''";
        assert_eq!(column(&session, on).await, ["2"]);
    });
}

#[test]
fn a_star_gives_joined_columns_first_and_once() {
    run(async {
        let (_store, session) = new_session();
        for table in TABLES {
            session.sql(table).await.unwrap();
        }
        let names = async |sql: &str| {
            let frame = session.sql(sql).await.unwrap();
            frame.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>().join(" ")
        };
        for (sql, expected) in [
            ("SELECT * FROM z FULL JOIN a USING (ID)", "id z a"),
            ("SELECT * FROM z RIGHT JOIN a USING (id)", "ID z a"),
            ("SELECT * FROM (SELECT z, id FROM z) x JOIN a USING (id)", "id z a"),
            ("SELECT * EXCEPT (id) FROM z LEFT JOIN a USING (id)", "z a"),
            ("SELECT a.*, id FROM z LEFT JOIN a USING (id)", "ID a id"),
            ("SELECT * FROM z JOIN a USING (id), c", "id z a id c"),
            ("SELECT * FROM z LEFT SEMI JOIN a USING (id)", "id z"),
            ("SELECT * FROM z JOIN a USING (id) JOIN c USING (id)", "id z a c"),
        ] {
            assert_eq!(names(sql).await, expected, "{sql}");
        }
        // What has no name is told apart all the same.
        for sql in [
            "SELECT id FROM z JOIN (SELECT id, 5 AS five FROM z) USING (id) ORDER BY id",
            "SELECT col1 FROM (VALUES (1), (2)) ORDER BY col1",
            "SELECT id FROM z MINUS SELECT 7 ORDER BY id",
        ] {
            assert_eq!(column(&session, sql).await, ["1", "2"], "{sql}");
        }
        let all = rows(&session, "SELECT * FROM z FULL JOIN a USING (id) WHERE id = 3").await;
        assert!(all.contains("| 3  |   | a3 |"), "{all}");
        let into = "CREATE TABLE saved AS SELECT * FROM z FULL JOIN a USING (id)";
        session.sql(into).await.unwrap();
        assert_eq!(column(&session, "SELECT count(id) FROM saved").await, ["3"]);
        let view = "CREATE VIEW v AS SELECT * FROM z FULL JOIN a USING (id)";
        session.sql(view).await.unwrap();
        assert_eq!(column(&session, "SELECT id FROM v ORDER BY id").await, ["1", "2", "3"]);
    });
}

#[test]
fn an_outer_join_on_what_is_not_known_is_refused() {
    run(async {
        let (_store, session) = new_session();
        for table in TABLES {
            session.sql(table).await.unwrap();
        }
        for sql in [
            "SELECT * FROM z LEFT JOIN generate_series(1, 2) USING (id)",
            "SELECT * FROM z FULL JOIN a USING (nope)",
        ] {
            let text = error(&session, sql).await.to_string();
            assert!(text.contains("ON") || text.contains("nope"), "{text}");
        }
        let named = "SELECT id FROM z FULL JOIN (SELECT value AS id FROM generate_series(2, 3)) s \
                     USING (id) ORDER BY id";
        assert_eq!(column(&session, named).await, ["1", "2", "3"]);
    });
}
