//! What a transaction sees at a moment, apart from the transaction: for readers that cannot
//! borrow it, such as a query that runs while the next statement is prepared.

use std::sync::Arc;

use annals_state::catalog::Database;
use annals_state::name::{ToDatabaseName, ToTableName};
use annals_state::{DatabaseName, TableName};

use super::Transaction;
use crate::error::ReadError;
use crate::snapshot::{ReadLog, Snapshot, Table};

/// The base of a transaction with its own changes so far; later ones do not show.
///
/// What is read through it counts as read by the transaction, as long as that is open. Cheap to
/// clone; holds the base.
#[derive(Clone, Debug)]
pub struct TransactionView {
    reads: Arc<ReadLog>,
    /// Let go of last.
    snapshot: Snapshot,
}

impl Transaction {
    /// What the transaction sees at this moment, to be kept apart from it.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals::{Store, record_batch};
    ///
    /// let store = Store::in_memory();
    /// let mut tx = store.begin();
    /// tx.write(record_batch!(("n", Int64, [1, 2]))?).save_as_table("t")?;
    /// let view = tx.view();
    /// tx.truncate("t")?;
    /// assert_eq!(view.table("t")?.row_count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn view(&self) -> TransactionView {
        TransactionView { reads: Arc::clone(&self.reads), snapshot: self.uncounted() }
    }
}

impl TransactionView {
    /// The table or view of this name. Counts as read, and so does what is then read of it.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::table`].
    pub fn table(&self, name: impl ToTableName) -> Result<Table, ReadError> {
        let name = name.to_table_name()?;
        self.reads.note(|reads, base| reads.looked_up(base, &name));
        let version = self.snapshot.value();
        let table = Table::find(version, version, &name, Some(Arc::clone(&self.reads)))?;
        self.reads.note(|reads, base| reads.looked_up(base, table.name_in(base)));
        Ok(table)
    }

    /// The tables and views of a database whose own name matches `pattern`; see
    /// [`Snapshot::tables_like`]. Counts as read.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn tables_like(
        &self,
        database: impl ToDatabaseName,
        pattern: &str,
    ) -> Result<Vec<TableName>, ReadError> {
        let database = database.to_database_name()?;
        self.reads.note(|reads, base| reads.listed(base, &database));
        self.snapshot.tables_like(&*database, pattern)
    }

    /// The database of this name. Counts as read, as a listing of its tables does.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::database`].
    pub fn database(&self, name: impl ToDatabaseName) -> Result<Arc<Database>, ReadError> {
        let name = name.to_database_name()?;
        self.reads.note(|reads, base| reads.listed(base, &name));
        self.snapshot.database(&*name)
    }

    /// The databases whose name matches `pattern`. Counts as read.
    pub fn databases_like(&self, pattern: &str) -> Vec<Arc<Database>> {
        self.reads.note(|reads, _| reads.listed_databases());
        self.snapshot.databases_like(pattern)
    }

    /// The names of all databases. Counts as read.
    pub fn databases(&self) -> Vec<DatabaseName> {
        let all = self.databases_like("*");
        all.iter().map(|database| database.name().clone()).collect()
    }

    /// The same as a snapshot. What is read of it does not count as read.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}
