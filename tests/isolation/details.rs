//! What a serializable transaction reads of a table besides its rows: comments, properties, numbers.
//! Who acts upon one of these is refused if it is another by then.

use annals::error::BoxError;
use annals::testing::{Scenario, Steps};
use annals::{Filter, Isolation, PropertyPatch, SaveMode, SchemaChange, Store, Table};
use annals_tests::numbers;

use crate::unblocked;

type Look = fn(&Table);
type Change = fn(&Store) -> Result<(), BoxError>;

fn append(store: &Store, n: i64) -> Result<(), BoxError> {
    store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t")?;
    Ok(())
}

fn say(store: &Store, patch: &PropertyPatch) -> Result<(), BoxError> {
    store.set_properties("t", patch)?;
    Ok(())
}

/// A table of two small chunks that has a comment, a property and a comment on its column.
fn store() -> Store {
    let store = Store::in_memory();
    append(&store, 1).unwrap();
    append(&store, 2).unwrap();
    say(&store, &PropertyPatch::new().with("owner", "Ann").with_comment("numbers")).unwrap();
    comment_on_column(&store, "a number").unwrap();
    store
}

fn comment_on_column(store: &Store, text: &str) -> Result<(), BoxError> {
    let comment = Some(text.to_owned());
    store.alter_table("t", [SchemaChange::SetColumnComment { name: "n".to_owned(), comment }])?;
    Ok(())
}

const LOOKS: [(&str, Look); 9] = [
    ("presence", |_| {}),
    ("comment", |table| assert_eq!(table.comment(), Some("numbers"))),
    ("properties", |table| assert_eq!(table.properties().len(), 1)),
    ("columns", |table| assert_eq!(table.schema().fields().len(), 1)),
    ("chunks", |table| assert_eq!(table.chunk_count(), 2)),
    ("ordinal", |table| assert_eq!(table.ordinal(), 3)),
    ("since", |table| assert_eq!(table.since().0, 4)),
    ("value", |table| assert_eq!(table.value().ordinal(), 3)),
    ("partitions", |table| assert!(table.partition_columns().is_empty())),
];

const CHANGES: [(&str, Change); 8] = [
    ("a comment", |store| say(store, &PropertyPatch::new().with_comment("theirs"))),
    ("a property", |store| say(store, &PropertyPatch::new().with("owner", "Bob"))),
    ("another property", |store| say(store, &PropertyPatch::new().with("more", "1"))),
    ("a comment on a column", |store| comment_on_column(store, "theirs")),
    ("an append", |store| append(store, 3)),
    ("rows deleted", |store| {
        store.delete("t", Filter::all())?;
        Ok(())
    }),
    ("a compaction", |store| {
        assert_eq!(store.compact("t")?.chunks_after, 1);
        Ok(())
    }),
    ("all said and unsaid", |store| {
        say(store, &PropertyPatch::new().with("owner", "Bob").with_comment("theirs"))?;
        comment_on_column(store, "theirs")?;
        say(store, &PropertyPatch::new().with("owner", "Ann").with_comment("numbers"))?;
        comment_on_column(store, "a number")
    }),
];

/// Which changes each look is refused for, by their places in the list.
fn refused(look: &str) -> &'static [usize] {
    match look {
        "comment" => &[0],
        "properties" => &[1, 2],
        "columns" => &[3],
        "chunks" => &[4, 5],
        "ordinal" | "since" | "value" => &[0, 1, 2, 3, 4, 5, 6, 7],
        _ => &[],
    }
}

/// One who looks at the table and then writes elsewhere, and another's change of the table.
fn scenario(store: &Store, ask: Look, change: Change) -> Scenario<'static> {
    let act = Steps::new(()).step("act", move |tx, ()| {
        ask(&tx.table("t")?);
        tx.write(numbers([9])).mode(SaveMode::Append).save_as_table("mine")?;
        Ok(())
    });
    Scenario::on(store).transaction("a", act).outside("change", change)
}

#[test]
fn what_was_asked_of_a_table_must_still_be_so() {
    unblocked(|| {
        let store = store();
        for (look, ask) in LOOKS {
            for (index, (name, change)) in CHANGES.into_iter().enumerate() {
                let run = scenario(&store, ask, change).isolation(Isolation::Serializable);
                let run = run.replay("a.act change a.commit").unwrap();
                let expected = refused(look).contains(&index);
                assert_eq!(run["a"].conflict().is_some(), expected, "{look} and {name}:\n{run}");
                assert_eq!(run["a"].is_committed(), !expected, "{look} and {name}:\n{run}");
                if let Some(conflict) = run["a"].conflict() {
                    assert!(conflict.is_retryable());
                    assert_eq!(conflict.winner, run.store().version(), "{conflict}");
                }
            }
        }
    });
}

#[test]
fn snapshot_isolation_does_not_ask() {
    unblocked(|| {
        let store = store();
        for (look, ask) in LOOKS {
            for (name, change) in CHANGES {
                let run = scenario(&store, ask, change).replay("a.act change a.commit").unwrap();
                assert!(run["a"].is_committed(), "{look} and {name}:\n{run}");
            }
        }
    });
}

#[test]
fn what_was_read_of_the_base_itself_is_not_asked_for() {
    // A snapshot knows no transaction; the documentation says so.
    let store = store();
    let steps = Steps::new(()).step("act", |tx, ()| {
        assert_eq!(tx.base().table("t")?.row_count(), 2);
        tx.write(numbers([9])).mode(SaveMode::Append).save_as_table("mine")?;
        Ok(())
    });
    let scenario = Scenario::on(&store).isolation(Isolation::Serializable).transaction("a", steps);
    let run = scenario.outside("change", |store| append(store, 3)).replay("a.act change a.commit");
    assert!(run.unwrap()["a"].is_committed());
}
