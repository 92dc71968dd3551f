//! Delta tables by `delta-rs`, on an object store in memory.
//!
//! Each table has a log and versions of its own; there is no state of several tables. A session
//! keeps the tables that it opened and brings them up to date before each read, which is cheaper
//! than to open them again.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion::physical_plan::common::collect;
use deltalake::logstore::object_store::memory::InMemory;
use deltalake::protocol::SaveMode;
use deltalake::{DeltaResult, DeltaTable, DeltaTableBuilder, DeltaTableError, ObjectStore};
use url::Url;

use super::runtime::wait;
use super::{Contestant, Failure, Keeps, Name, Peer, Session};

/// Takes part as `delta-rs`.
pub const CONTESTANT: Contestant = Contestant {
    name: "delta-rs",
    keeps: Keeps::History,
    open: || Box::new(InDelta { objects: Arc::new(InMemory::new()) }),
};

/// How often a change begins again when another was faster.
const RETRIES_MAX: usize = 100;

struct InDelta {
    objects: Arc<dyn ObjectStore>,
}

impl InDelta {
    fn named(&self, table: &str) -> DeltaResult<DeltaTableBuilder> {
        let place = Url::parse(&format!("memory:///{table}/")).expect("the name is plain");
        let builder = DeltaTableBuilder::from_url(place.clone())?;
        Ok(builder.with_storage_backend(Arc::clone(&self.objects), place))
    }
}

impl Peer for InDelta {
    fn session(&self) -> Box<dyn Session + '_> {
        Box::new(Tables { store: self, open: HashMap::new() })
    }
}

struct Tables<'a> {
    store: &'a InDelta,
    open: HashMap<String, DeltaTable>,
}

impl Tables<'_> {
    /// The newest version of a table; none if it does not exist.
    async fn newest(&mut self, table: &str) -> DeltaResult<Option<&mut DeltaTable>> {
        if let Some(open) = self.open.get_mut(table) {
            open.update_state().await?;
        } else {
            let mut new = self.store.named(table)?.build()?;
            match new.load().await {
                Ok(()) => drop(self.open.insert(table.to_owned(), new)),
                Err(DeltaTableError::NotATable(_)) => return Ok(None),
                Err(other) => return Err(other),
            }
        }
        Ok(self.open.get_mut(table))
    }

    async fn write(&mut self, table: &str, rows: RecordBatch, mode: SaveMode) -> DeltaResult<()> {
        let to = match self.open.remove(table) {
            Some(open) => open,
            None => {
                let mut new = self.store.named(table)?.build()?;
                match new.load().await {
                    Ok(()) | Err(DeltaTableError::NotATable(_)) => new,
                    Err(other) => return Err(other),
                }
            }
        };
        let written = to.write([rows]).with_save_mode(mode).await?;
        self.open.insert(table.to_owned(), written);
        Ok(())
    }

    /// Writes, and begins again with a newer version when another was faster.
    fn write_at_last(
        &mut self,
        table: &str,
        rows: &RecordBatch,
        mode: SaveMode,
    ) -> Result<(), Failure> {
        let mut tried = wait(self.write(table, rows.clone(), mode));
        for _ in 0..RETRIES_MAX {
            if !matches!(tried, Err(DeltaTableError::Transaction { .. })) {
                break;
            }
            self.open.remove(table);
            tried = wait(self.write(table, rows.clone(), mode));
        }
        Ok(tried?)
    }
}

async fn see_all(table: &DeltaTable, see: &mut dyn FnMut(&RecordBatch)) -> Result<(), Failure> {
    let (_, stream) = table.scan_table().await?;
    collect(stream).await?.iter().for_each(see);
    Ok(())
}

impl Session for Tables<'_> {
    fn create(&mut self, tables: &[Name], rows: &dyn Fn() -> RecordBatch) -> Result<(), Failure> {
        for name in tables {
            wait(self.write(&name.text, rows(), SaveMode::Append))?;
        }
        Ok(())
    }

    fn overwrite(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        self.write_at_last(&table.text, rows, SaveMode::Overwrite)
    }

    fn append(&mut self, table: &Name, rows: &RecordBatch) -> Result<(), Failure> {
        self.write_at_last(&table.text, rows, SaveMode::Append)
    }

    fn read(&mut self, table: &Name, see: &mut dyn FnMut(&RecordBatch)) -> Result<bool, Failure> {
        wait(async {
            let Some(table) = self.newest(&table.text).await? else { return Ok(false) };
            see_all(table, see).await?;
            Ok(true)
        })
    }

    fn list(&mut self) -> Result<usize, Failure> {
        Ok(wait(self.store.objects.list_with_delimiter(None))?.common_prefixes.len())
    }

    fn change(
        &mut self,
        table: &Name,
        change: &dyn Fn(&RecordBatch) -> RecordBatch,
    ) -> Result<(), Failure> {
        for _ in 0..RETRIES_MAX {
            let mut changed = None;
            self.read(table, &mut |rows| changed = Some(change(rows)))?;
            let changed = changed.ok_or("there is no such table")?;
            match wait(self.write(&table.text, changed, SaveMode::Overwrite)) {
                Err(DeltaTableError::Transaction { .. }) => {}
                done => return Ok(done?),
            }
        }
        Err("others were faster every time".into())
    }

    fn version(&mut self, table: &Name) -> Option<u64> {
        wait(self.newest(&table.text)).ok().flatten()?.version()
    }

    fn read_at(
        &mut self,
        version: u64,
        table: &Name,
        see: &mut dyn FnMut(&RecordBatch),
    ) -> Option<Result<bool, Failure>> {
        Some(wait(async {
            let table = self.store.named(&table.text)?.with_version(version);
            see_all(&table.load().await?, see).await?;
            Ok(true)
        }))
    }
}
