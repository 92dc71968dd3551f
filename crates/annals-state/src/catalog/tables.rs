//! The map from names to tables: one search for a number, databases as ranges.
//!
//! Ordered by [`Digest`](crate::name::Digest), not by text: a search among a thousand names that
//! share a database and a prefix would else compare ten texts, and every commit would copy the
//! handles of the names along its path. What is listed is sorted where it is listed.

use std::sync::Arc;

use im::OrdMap;
use im::ordmap::DiffItem;

use crate::name::{DatabaseName, Digest, TableName};
use crate::table::TableVersion;

/// Tables by name. A clone shares everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    buckets: OrdMap<Digest, Bucket>,
    count: usize,
}

/// The tables of one digest: one, unless somebody looked for names that collide.
#[derive(Clone, Debug, PartialEq)]
struct Bucket {
    table: Arc<TableVersion>,
    others: Option<Arc<Vec<Arc<TableVersion>>>>,
}

impl Bucket {
    fn tables(&self) -> impl Iterator<Item = &Arc<TableVersion>> {
        std::iter::once(&self.table).chain(self.others.iter().flat_map(|others| others.iter()))
    }

    fn find(&self, name: &TableName) -> Option<&Arc<TableVersion>> {
        self.tables().find(|table| table.name() == name)
    }

    fn of(mut tables: Vec<Arc<TableVersion>>) -> Option<Self> {
        let table = tables.pop()?;
        let others = if tables.is_empty() { None } else { Some(Arc::new(tables)) };
        Some(Self { table, others })
    }
}

/// A table that two maps do not share.
#[derive(Clone, Copy)]
pub(crate) enum Difference<'a> {
    Added(&'a Arc<TableVersion>),
    Removed(&'a Arc<TableVersion>),
    Changed { old: &'a Arc<TableVersion>, new: &'a Arc<TableVersion> },
}

impl<'a> Difference<'a> {
    pub(crate) fn name(&self) -> &'a TableName {
        match self {
            Self::Added(table) | Self::Removed(table) | Self::Changed { new: table, .. } => {
                table.name()
            }
        }
    }
}

impl Tables {
    #[inline]
    pub(crate) fn get(&self, name: &TableName) -> Option<&Arc<TableVersion>> {
        let bucket = self.buckets.get(&name.digest())?;
        if bucket.table.name() == name { Some(&bucket.table) } else { bucket.find(name) }
    }

    /// Puts a table in the place of the one that has its name, if there is one.
    pub(crate) fn insert(&mut self, table: Arc<TableVersion>) {
        let digest = table.name().digest();
        if let Some(bucket) = self.buckets.get_mut(&digest) {
            if bucket.table.name() == table.name() {
                bucket.table = table;
                return;
            }
            let found = bucket.find(table.name()).is_some();
            let others = bucket.tables().filter(|other| other.name() != table.name()).cloned();
            let mut tables: Vec<_> = others.collect();
            tables.push(table);
            self.count += usize::from(!found);
            bucket.clone_from(&Bucket::of(tables).expect("one was just pushed"));
            return;
        }
        self.buckets.insert(digest, Bucket { table, others: None });
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, name: &TableName) {
        let Some(bucket) = self.buckets.get(&name.digest()) else { return };
        let others = bucket.tables().filter(|table| table.name() != name).cloned();
        let (before, others): (usize, Vec<_>) = (bucket.tables().count(), others.collect());
        self.count -= before - others.len();
        match Bucket::of(others) {
            Some(bucket) => self.buckets.insert(name.digest(), bucket),
            None => self.buckets.remove(&name.digest()),
        };
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// All tables, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<TableVersion>> {
        self.buckets.values().flat_map(Bucket::tables)
    }

    /// As [`iter`](Self::iter), of a map that is no longer needed: each part of it is freed once
    /// its tables have been taken, unless others share it.
    pub(crate) fn into_tables(self) -> impl Iterator<Item = Arc<TableVersion>> {
        self.buckets.into_iter().flat_map(|(_, bucket)| {
            let others = bucket.others.map_or_else(Vec::new, Arc::unwrap_or_clone);
            std::iter::once(bucket.table).chain(others)
        })
    }

    /// Whether both are one value, by identity.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.buckets.ptr_eq(&other.buckets)
    }

    /// The tables of one database, in no particular order.
    pub(crate) fn in_database<'a>(
        &'a self,
        database: &'a DatabaseName,
    ) -> impl Iterator<Item = &'a Arc<TableVersion>> {
        let buckets = self.buckets.range(database.digests());
        let tables = buckets.flat_map(|(_, bucket)| bucket.tables());
        tables.filter(|table| table.name().is_in(database))
    }

    /// What differs, in the order of names. O(what differs), by identity.
    pub(crate) fn diff<'a>(&'a self, to: &'a Self) -> Vec<Difference<'a>> {
        let mut differences = Vec::new();
        for item in self.buckets.diff(&to.buckets) {
            match item {
                DiffItem::Add(_, new) => differences.extend(new.tables().map(Difference::Added)),
                DiffItem::Remove(_, old) => {
                    differences.extend(old.tables().map(Difference::Removed));
                }
                DiffItem::Update { old: (_, old), new: (_, new) } => {
                    diff_buckets(old, new, &mut differences);
                }
            }
        }
        differences.sort_by(|a, b| a.name().cmp(b.name()));
        differences
    }
}

fn diff_buckets<'a>(old: &'a Bucket, new: &'a Bucket, differences: &mut Vec<Difference<'a>>) {
    for before in old.tables() {
        match new.find(before.name()) {
            None => differences.push(Difference::Removed(before)),
            Some(after) if before != after => {
                differences.push(Difference::Changed { old: before, new: after });
            }
            Some(_) => {}
        }
    }
    let added = new.tables().filter(|table| old.find(table.name()).is_none());
    differences.extend(added.map(Difference::Added));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::table::tests::table_named;

    /// Every name of these digests as every other of its database: the tests' own rule for them.
    const NAMES: [&str; 8] = [
        "collide_a",
        "collide_b",
        "COLLIDE_c",
        "plain",
        "other.collide_a",
        "collide_db.t",
        "collide_db2.t",
        "collide_db2.collide_a",
    ];

    #[test]
    fn names_of_one_digest_are_told_apart() {
        let name = |text: &str| TableName::parse(text).unwrap();
        assert_eq!(name("collide_a").digest(), name("collide_b").digest());
        assert_ne!(name("collide_a").digest(), name("plain").digest());
        for seed in 1..300_u64 {
            let (mut tables, mut model) = (Tables::default(), BTreeMap::new());
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            for step in 0..40 {
                let before = (tables.clone(), model.clone());
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let name = name(NAMES[(random >> 8) as usize % NAMES.len()]);
                if random % 3 == 0 {
                    tables.remove(&name);
                    model.remove(&name);
                } else {
                    let table = table_named(&name, step);
                    tables.insert(Arc::clone(&table));
                    model.insert(name, table);
                }
                check(seed, &tables, &model, &before);
            }
        }
    }

    type Model = BTreeMap<TableName, Arc<TableVersion>>;

    fn check(seed: u64, tables: &Tables, model: &Model, before: &(Tables, Model)) {
        assert_eq!(tables.len(), model.len(), "seed {seed}");
        assert_eq!(tables.iter().count(), model.len(), "seed {seed}");
        for text in NAMES {
            let name = TableName::parse(text).unwrap();
            assert_eq!(tables.get(&name), model.get(&name), "seed {seed}: {name}");
            let database = name.database();
            let mut listed: Vec<_> = tables.in_database(&database).map(|t| t.name()).collect();
            listed.sort();
            let expected: Vec<_> = model.keys().filter(|n| n.is_in(&database)).collect();
            assert_eq!(listed, expected, "seed {seed}: {database}");
        }
        let differences = before.0.diff(tables);
        let shown: Vec<_> = differences.iter().map(Difference::name).collect();
        let mut names: Vec<_> = before.1.keys().chain(model.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| before.1.get(*name) != model.get(*name));
        assert_eq!(shown, names, "seed {seed}");
    }
}
