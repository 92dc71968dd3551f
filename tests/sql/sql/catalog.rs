//! One version as a catalog of a plain `DataFusion` context.

use std::sync::Arc;

use annals::{NewView, SaveMode, Store, record_batch};
use annals_sql::{AnnalsCatalog, SqlError};
use annals_sql_tests::{run, table};
use datafusion::catalog::CatalogProvider;
use datafusion::prelude::SessionContext;

fn store() -> Store {
    let store = Store::in_memory();
    store.create_database("Sales").unwrap();
    for (name, n) in [("t", 1_i64), ("Sales.Orders", 2)] {
        let rows = record_batch!(("n", Int64, [n])).unwrap();
        store.write(rows).save_as_table(name).unwrap();
    }
    store
}

#[test]
fn a_plain_context_reads_one_version_for_ever() {
    let store = store();
    run(async {
        let context = SessionContext::new();
        context.register_catalog("annals", Arc::new(AnnalsCatalog::new(store.snapshot())));
        let more = record_batch!(("n", Int64, [7])).unwrap();
        store.write(more).mode(SaveMode::Append).save_as_table("t").unwrap();
        store.drop_table("Sales.Orders").unwrap();
        let sql = "SELECT a.n + b.n AS sum FROM annals.default.t a, annals.sales.orders b";
        let found = context.sql(sql).await.unwrap().collect().await.unwrap();
        assert_eq!(table(&found), "+-----+\n| sum |\n+-----+\n| 3   |\n+-----+");
        context.register_catalog("annals", Arc::new(AnnalsCatalog::new(store.snapshot())));
        let frame = context.sql("SELECT * FROM annals.default.t").await.unwrap();
        assert_eq!(frame.count().await.unwrap(), 2);
        assert!(context.sql("SELECT * FROM annals.sales.orders").await.is_err());
    });
}

#[test]
fn databases_and_tables_are_listed_as_they_were_written() {
    let catalog = AnnalsCatalog::new(store().snapshot());
    assert_eq!(catalog.schema_names(), ["default", "Sales"]);
    let sales = catalog.schema("SALES").unwrap();
    assert_eq!(sales.table_names(), ["Orders"]);
    assert!(sales.table_exist("ORDERS") && !sales.table_exist("t"));
    assert!(catalog.schema("nowhere").is_none());
}

#[test]
fn a_view_is_refused_by_name() {
    let store = store();
    store.create_view("v", NewView::new("SELECT 1")).unwrap();
    run(async {
        let context = SessionContext::new();
        context.register_catalog("annals", Arc::new(AnnalsCatalog::new(store.snapshot())));
        let error = context.sql("SELECT * FROM annals.default.v").await.unwrap_err();
        match SqlError::from(error) {
            SqlError::Read(annals::ReadError::View { table }) => {
                assert_eq!(table.to_string(), "default.v");
            }
            other => panic!("{other}"),
        }
    });
}
