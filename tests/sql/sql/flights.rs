//! Real rows: a year of flights, with what is known of them from elsewhere.

use annals::Store;
use annals_sql::SqlSession;
use annals_sql_tests::{column, rows, run};

/// A session over a store with all of the flights' tables, read by SQL.
async fn flights() -> SqlSession {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/nycflights13");
    let store = Store::in_memory();
    let session = SqlSession::builder(&store).files_below(data).unwrap().build().unwrap();
    for table in ["airlines", "airports", "flights", "planes", "weather"] {
        let sql = format!("CREATE TABLE {table} AS SELECT * FROM parquet.`{table}.parquet`");
        session.sql(&sql).await.unwrap();
    }
    session
}

#[test]
fn what_is_known_of_the_flights_of_2013_is_what_queries_tell() {
    run(async {
        let session = flights().await;
        for (known, sql) in [
            ("336776", "SELECT count(*) FROM flights"),
            ("26115", "SELECT count(*) FROM weather"),
            ("3322", "SELECT count(*) FROM planes"),
            ("1458", "SELECT count(*) FROM airports"),
            ("16", "SELECT count(*) FROM airlines"),
            // Cancelled.
            ("8255", "SELECT count(*) FROM flights WHERE dep_time IS NULL"),
            ("8255", "SELECT count(*) - count(dep_time) FROM flights"),
            // Nothing is known of their planes; some have no number at all.
            ("52606", "SELECT count(*) FROM flights f ANTI JOIN planes p ON f.tailnum = p.tailnum"),
            (
                "52606",
                "SELECT count(*) FROM flights f LEFT JOIN planes p ON f.tailnum = p.tailnum \
                 WHERE p.tailnum IS NULL",
            ),
            (
                "52606",
                "SELECT count(*) FROM flights f \
                 WHERE NOT EXISTS (SELECT 1 FROM planes p WHERE p.tailnum = f.tailnum)",
            ),
            // All have an airline, and each of the airlines flies.
            ("336776", "SELECT count(*) FROM flights JOIN airlines USING (carrier)"),
            ("16", "SELECT count(DISTINCT carrier) FROM flights"),
            ("3", "SELECT count(DISTINCT origin) FROM flights"),
            ("365", "SELECT count(*) FROM (SELECT DISTINCT month, day FROM flights)"),
        ] {
            assert_eq!(column(&session, sql).await, [known], "{sql}");
        }
        let busiest = "SELECT name, count(*) AS flights FROM flights JOIN airlines USING (carrier) \
                       GROUP BY name ORDER BY flights DESC LIMIT 3";
        let known = "\
+--------------------------+---------+
| name                     | flights |
+--------------------------+---------+
| United Air Lines Inc.    | 58665   |
| JetBlue Airways          | 54635   |
| ExpressJet Airlines Inc. | 54173   |
+--------------------------+---------+";
        assert_eq!(rows(&session, busiest).await, known);
    });
}

/// What is changed and put back is what it was; in between, the old state is read beside the new.
#[test]
fn a_year_of_flights_is_changed_and_put_back() {
    run(async {
        let session = flights().await;
        let digest = "SELECT count(*), sum(distance), sum(air_time), count(tailnum) FROM flights";
        let before = rows(&session, digest).await;
        for sql in [
            "DELETE FROM flights WHERE dep_time IS NULL",
            "UPDATE flights SET distance = 0 WHERE month = 2",
            "INSERT INTO flights SELECT * FROM flights VERSION AS OF 0 WHERE dep_time IS NULL",
            "MERGE INTO flights USING (SELECT DISTINCT carrier FROM flights WHERE carrier = 'OO') s \
             ON flights.carrier = s.carrier WHEN MATCHED THEN DELETE",
        ] {
            session.sql(sql).await.unwrap();
            assert_ne!(rows(&session, digest).await, before, "{sql}");
            let then = format!("{digest} VERSION AS OF 0");
            assert_eq!(rows(&session, &then).await, before, "{sql}");
        }
        assert_eq!(column(&session, "SELECT count(*) FROM flights").await, ["336744"]);
        session.sql("RESTORE TABLE flights TO VERSION AS OF 0").await.unwrap();
        assert_eq!(rows(&session, digest).await, before);
    });
}
