//! What a commit says of itself, in words and in figures.

use super::*;
use crate::catalog::tests::kit::{database, table};

#[test]
fn operations_are_told_in_words() {
    let text = |words: &str| Arc::from(words);
    let v = VersionId(7);
    let kinds = [
        (OperationKind::CreateDatabase, "create database"),
        (OperationKind::DropDatabase { cascade: false }, "drop database"),
        (OperationKind::DropDatabase { cascade: true }, "drop database (cascade)"),
        (OperationKind::AlterDatabase, "alter database"),
        (OperationKind::CreateTable { mode: None }, "create table"),
        (OperationKind::CreateTable { mode: Some(SaveMode::Append) }, "create table (append)"),
        (OperationKind::CreateView, "create view"),
        (OperationKind::Append, "append"),
        (OperationKind::Overwrite, "overwrite"),
        (OperationKind::ReplaceWhere { predicate: text("k = 1") }, "replace where k = 1"),
        (OperationKind::Delete { filter: text("k = 1") }, "delete where k = 1"),
        (
            OperationKind::Update { columns: text("v"), filter: text("k = 1") },
            "update v where k = 1",
        ),
        (OperationKind::Merge { on: text("k") }, "merge on k"),
        (OperationKind::Compact, "compact"),
        (OperationKind::Revert { of: v }, "revert of v7"),
        (OperationKind::Truncate, "truncate"),
        (OperationKind::AlterSchema { description: text("add `x`") }, "alter schema: add `x`"),
        (OperationKind::SetProperties, "set properties"),
        (OperationKind::Rename { to: table("t") }, "rename to default.t"),
        (OperationKind::DropTable, "drop table"),
        (OperationKind::RestoreTable { from: v }, "restore table to v7"),
        (OperationKind::RestoreStore { from: v }, "restore store to v7"),
    ];
    for (kind, words) in kinds {
        assert_eq!(kind.to_string(), words);
    }
    let id = TableId(3);
    let targets = [
        (Target::Store, "the store"),
        (Target::Database(database("d")), "d"),
        (Target::Table { name: table("d.t"), id, ordinal: 0 }, "d.t"),
    ];
    for (target, words) in targets {
        assert_eq!(target.to_string(), words);
    }
    assert_eq!(Isolation::Snapshot.to_string(), "snapshot");
    assert_eq!(Isolation::Serializable.to_string(), "serializable");
}

#[test]
fn what_changes_rows_in_place_has_a_name_in_messages() {
    let text: Arc<str> = Arc::from("k");
    let kinds = [
        (OperationKind::ReplaceWhere { predicate: Arc::clone(&text) }, "an overwrite of a part"),
        (OperationKind::Delete { filter: Arc::clone(&text) }, "a delete"),
        (
            OperationKind::Update { columns: Arc::clone(&text), filter: Arc::clone(&text) },
            "an update",
        ),
        (OperationKind::Merge { on: text }, "a merge"),
        (OperationKind::Revert { of: VersionId(1) }, "a revert"),
        (OperationKind::Truncate, "a change of rows"),
    ];
    for (kind, name) in kinds {
        assert_eq!(kind.name_with_article(), name);
    }
}

#[test]
fn figures_add_up_one_by_one() {
    let one = |n: u64| Metrics {
        rows_added: n,
        rows_removed: n + 1,
        rows_updated: n + 2,
        bytes_added: n + 3,
        bytes_removed: n + 4,
        chunks_added: n + 5,
        chunks_removed: n + 6,
    };
    let mut sum = one(10);
    sum += one(100);
    let expected = Metrics {
        rows_added: 110,
        rows_removed: 112,
        rows_updated: 114,
        bytes_added: 116,
        bytes_removed: 118,
        chunks_added: 120,
        chunks_removed: 122,
    };
    assert_eq!(sum, expected);
}
