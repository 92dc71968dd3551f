//! Private changes over any number of tables and databases: seen by none but their author, then by
//! everyone at once, or never.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod assertions;
mod drafts;
mod foreign;
mod interleaved;
mod model;
mod repeats;
mod savepoints;

use annals::{DatabaseName, Snapshot, Table, TableName, Transaction};
use annals_tests::{columns_of, rows_of};

/// What a reader of a version, or the author of a transaction, can see.
trait View {
    fn databases(&self) -> Vec<DatabaseName>;
    fn tables(&self, database: &DatabaseName) -> Vec<TableName>;
    fn table(&self, name: &TableName) -> Table;
}

impl View for Transaction {
    fn databases(&self) -> Vec<DatabaseName> {
        Transaction::databases(self)
    }

    fn tables(&self, database: &DatabaseName) -> Vec<TableName> {
        Transaction::tables(self, database).unwrap()
    }

    fn table(&self, name: &TableName) -> Table {
        Transaction::table(self, name).unwrap()
    }
}

impl View for Snapshot {
    fn databases(&self) -> Vec<DatabaseName> {
        Snapshot::databases(self).iter().map(|database| database.name().clone()).collect()
    }

    fn tables(&self, database: &DatabaseName) -> Vec<TableName> {
        Snapshot::tables(self, database).unwrap()
    }

    fn table(&self, name: &TableName) -> Table {
        Snapshot::table(self, name).unwrap()
    }
}

/// All that can be seen, as text.
fn seen(view: &impl View) -> Vec<String> {
    let mut lines = Vec::new();
    for database in view.databases() {
        lines.push(format!("database {database}"));
        for name in view.tables(&database) {
            let table = view.table(&name);
            let (columns, properties) = (columns_of(&table), table.properties());
            let mut line = format!("{} {} ({columns})", table.name(), table.kind());
            line += &format!(" {:?}", table.comment().unwrap_or_default());
            line.extend(properties.iter().map(|(key, value)| format!(" {key}={value}")));
            if columns.is_empty() {
                lines.push(line);
            } else {
                lines.push(format!("{line} {:?}", rows_of(&table)));
            }
        }
    }
    lines
}
