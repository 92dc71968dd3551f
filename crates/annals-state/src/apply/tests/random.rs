//! Any sequence of wishes beside the model: what is shown, what goes on counting, what is
//! recorded, what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::{Model, Refusal, moved, restored, rewritten};
use super::untouched;
use crate::catalog::Catalog;
use crate::catalog::tests::check_invariants;
use crate::catalog::tests::kit::{each_seed, table};
use crate::catalog::tests::story::Story;
use crate::catalog::tests::wishes::{Wish, random_wish};
use crate::commit::{Metrics, Operation, OperationKind, Target};
use crate::write_set::{PropertyPatch, SchemaChange};

fn expected_kind(wish: &Wish) -> OperationKind {
    match wish {
        Wish::CreateDatabase { .. } => OperationKind::CreateDatabase,
        Wish::DropDatabase { cascade, .. } => OperationKind::DropDatabase { cascade: *cascade },
        Wish::AlterDatabase { .. } => OperationKind::AlterDatabase,
        Wish::Create { .. } => OperationKind::CreateTable { mode: Some(Default::default()) },
        Wish::CreateView { .. } => OperationKind::CreateView,
        Wish::Append { .. } => OperationKind::Append,
        Wish::Overwrite { .. } => OperationKind::Overwrite,
        Wish::Truncate { .. } => OperationKind::Truncate,
        Wish::ReplaceWhere { column, value, .. } => {
            OperationKind::ReplaceWhere { predicate: format!("{column} = {value}").into() }
        }
        Wish::Delete { which, .. } => OperationKind::Delete { filter: which.text() },
        Wish::Update { which, set: (column, _), .. } => {
            OperationKind::Update { columns: column.as_str().into(), filter: which.text() }
        }
        Wish::Compact { .. } => OperationKind::Compact,
        Wish::Alter { alterations, .. } => {
            let words: Vec<String> = alterations.iter().map(SchemaChange::describe).collect();
            OperationKind::AlterSchema { description: words.join("; ").into() }
        }
        Wish::Describe { .. } => OperationKind::SetProperties,
        Wish::Rename { to, .. } => OperationKind::Rename { to: to.clone() },
        Wish::Drop { .. } => OperationKind::DropTable,
        Wish::RestoreTable { from, .. } => OperationKind::RestoreTable { from: *from },
        Wish::RestoreStore { source } => OperationKind::RestoreStore { from: source.id() },
    }
}

fn check_record(wish: &Wish, operation: &Operation, before: &Catalog, after: &Catalog) {
    assert_eq!(operation.kind, expected_kind(wish));
    let metrics = match wish {
        Wish::RestoreTable { .. } | Wish::RestoreStore { .. } => restored(before, after),
        // A row that came in the same transaction changes, and no version tells.
        Wish::Update { .. } => {
            Metrics { rows_updated: rewritten(before, after), ..moved(before, after) }
        }
        _ => moved(before, after),
    };
    assert_eq!(operation.metrics, metrics, "rows, bytes and chunks");
    assert!(operation.discarded.is_empty(), "nobody else has committed");
    let target = match wish {
        Wish::CreateDatabase { name, .. }
        | Wish::DropDatabase { name, .. }
        | Wish::AlterDatabase { name, .. } => Target::Database(name.clone()),
        Wish::RestoreStore { .. } => Target::Store,
        Wish::Drop { name } => {
            let table = before.table(name).unwrap();
            Target::Table { name: name.clone(), id: table.id(), ordinal: table.ordinal() }
        }
        Wish::Rename { from, to } => {
            let table = after.table(to).unwrap();
            Target::Table { name: from.clone(), id: table.id(), ordinal: table.ordinal() }
        }
        Wish::Create { name, .. }
        | Wish::CreateView { name }
        | Wish::Append { name, .. }
        | Wish::Overwrite { name, .. }
        | Wish::Truncate { name }
        | Wish::ReplaceWhere { name, .. }
        | Wish::Delete { name, .. }
        | Wish::Update { name, .. }
        | Wish::Compact { name, .. }
        | Wish::Alter { name, .. }
        | Wish::Describe { name, .. }
        | Wish::RestoreTable { name, .. } => {
            let table = after.table(name).unwrap();
            Target::Table { name: name.clone(), id: table.id(), ordinal: table.ordinal() }
        }
    };
    assert_eq!(operation.target, target);
}

#[test]
fn every_sequence_of_changes_does_what_a_model_does() {
    let mut applied: BTreeMap<String, u32> = BTreeMap::new();
    let mut refused: BTreeMap<Refusal, u32> = BTreeMap::new();
    each_seed(0..100, |dice| {
        let mut story = Story::new();
        let mut models = vec![Model::new()];
        for _ in 0..25 {
            let mut tx = story.begin();
            let mut model = models.last().unwrap().clone();
            model.begin();
            for _ in 0..1 + dice.below(4) {
                let before = tx.draft.clone();
                let wish = random_wish(dice, &tx.draft, &story.versions);
                let expected = model.apply(&wish, &models);
                let outcome = tx.wish(&wish).cloned();
                match (&outcome, expected) {
                    (Ok(operation), Ok(())) => {
                        check_record(&wish, operation, &before, &tx.draft);
                        *applied.entry(operation.kind.name().to_owned()).or_default() += 1;
                    }
                    (Err(error), Err(refusal)) => {
                        assert_eq!(Refusal::of(error), refusal, "{error}");
                        untouched(&before, &tx.draft);
                        *refused.entry(refusal).or_default() += 1;
                    }
                    _ => {
                        let wished = expected_kind(&wish);
                        panic!("{wished:?}: {outcome:?}, and {expected:?} was expected")
                    }
                }
                check_invariants(&tx.draft);
                model.compare(&tx.draft);
            }
            let version = story.commit(tx).unwrap();
            model.compare(version.catalog());
            models.push(model);
        }
        // What was committed has not changed since.
        for (version, model) in story.versions.iter().zip(&models) {
            model.compare(version.catalog());
            check_invariants(version.catalog());
        }
    });
    // The dice must have thrown every kind of change, and every refusal that wishes can meet.
    assert_eq!(applied.len(), 18, "{applied:?}");
    assert!(applied.values().all(|count| *count >= 10), "{applied:?}");
    assert_eq!(refused.len(), 10, "{refused:?}");
}

#[test]
fn a_transaction_of_no_effect_on_a_table_still_counts_once() {
    let mut story = Story::new();
    story.make("a", &["k"], &[]);
    let patch = PropertyPatch::default();
    let version = story.all(&[
        Wish::append("a", &["k"], &[]),
        Wish::describe("a", patch),
        Wish::append("a", &["k"], &[1, 2, 3]),
    ]);
    let now = version.catalog().table(&table("a")).unwrap();
    assert_eq!((now.ordinal(), now.since()), (1, version.id()));
    assert!(Arc::ptr_eq(now, &story.table("a")));
}
