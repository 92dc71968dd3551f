//! Tables that come, go, and change their columns while others write to them; and transactions that
//! change nothing, or come to nothing.

use annals::error::{BoxError, Rule};
use annals::testing::{Outcome, Run, Scenario, Steps};
use annals::{Conflict, Isolation, SaveMode, SchemaChange, Store, Transaction, col, set};
use annals_tests::{content_of, numbers, numbers_in, numbers_of, rows_of};
use arrow_schema::{DataType, Field};

use crate::{LEVELS, unblocked};

/// The table `t` of the rows 1, 2, 3.
fn store() -> Store {
    let store = Store::in_memory();
    store.write(numbers([1, 2, 3])).save_as_table("t").unwrap();
    store
}

/// What a transaction can do, by name. Nothing is read but by `read`, and by what looks for rows.
const WORDS: [&str; 13] = [
    "read",
    "append",
    "overwrite",
    "update",
    "delete",
    "create",
    "insert",
    "drop",
    "recreate",
    "rename",
    "add-column",
    "rename-column",
    "fail",
];

/// Those that write rows of `t`.
const WRITES: [&str; 4] = ["append", "overwrite", "update", "delete"];

fn perform(tx: &mut Transaction, word: &str) -> Result<Vec<i64>, BoxError> {
    match word {
        "read" => return Ok(numbers_of(&tx.table("t")?)),
        "append" => drop(tx.write(numbers([7])).mode(SaveMode::Append).save_as_table("t")?),
        "overwrite" => drop(tx.write(numbers([8])).mode(SaveMode::Overwrite).save_as_table("t")?),
        "update" => drop(tx.update("t", [set("n", 9)], col("n").eq(1))?),
        "delete" => drop(tx.delete("t", col("n").eq(2))?),
        "create" => drop(tx.write(numbers([5])).save_as_table("new")?),
        "insert" => drop(tx.write(numbers([6])).mode(SaveMode::Append).save_as_table("new")?),
        "drop" => tx.drop_table("t")?,
        "recreate" => {
            tx.drop_table("t")?;
            tx.write(numbers([1, 2, 3])).save_as_table("t")?;
        }
        "rename" => tx.rename_table("t", "u")?,
        "add-column" => tx.add_columns("t", [Field::new("more", DataType::Int64, true)])?,
        "rename-column" => tx.rename_column("t", "n", "m")?,
        _ => return Err(format!("{word}, on purpose").into()),
    }
    Ok(Vec::new())
}

fn steps() -> Steps<'static> {
    let add = |steps: Steps<'static>, word: &'static str| {
        steps.step(word, move |tx, ()| perform(tx, word))
    };
    WORDS.into_iter().fold(Steps::new(()), add)
}

fn scenario(level: Isolation) -> Scenario<'static> {
    let scenario = Scenario::on(&store()).isolation(level);
    scenario.transaction("a", steps()).transaction("b", steps())
}

fn replay(level: Isolation, script: &str) -> Run {
    scenario(level).replay(script).unwrap()
}

/// What there is at the end: names with their rows.
fn end(run: &Run) -> String {
    let snapshot = run.store().snapshot();
    let tables = snapshot.tables("default").unwrap().into_iter().map(|name| {
        let rows = rows_of(&snapshot.table(&name).unwrap());
        format!("{}: {}", name.table_str(), rows.join("; "))
    });
    tables.collect::<Vec<_>>().join(" | ")
}

/// `b` comes first, and `a` is refused: it leaves nothing of its own, and `b`'s stands.
#[track_caller]
fn refused(script: &str, expected: &str, is: impl Fn(&Conflict) -> bool) {
    for level in LEVELS {
        let run = replay(level, script);
        assert!(run["b"].is_committed(), "{level}\n{run}");
        let conflict = run["a"].conflict().unwrap_or_else(|| panic!("{level}\n{run}"));
        assert!(is(conflict), "{conflict:?}");
        assert_eq!(end(&run), expected, "{level}\n{run}");
        assert_eq!(run.store().version(), conflict.winner);
    }
}

/// Both stand.
#[track_caller]
fn stand(script: &str, expected: &str) {
    for level in LEVELS {
        let run = replay(level, script);
        assert!(run["a"].is_committed() && run["b"].is_committed(), "{level}\n{run}");
        assert_eq!(end(&run), expected, "{level}\n{run}");
    }
}

#[test]
fn a_table_is_dropped_under_its_writer() {
    unblocked(|| {
        let gone = |conflict: &Conflict| {
            matches!(conflict.rule, Rule::Dropped) && !conflict.is_retryable()
        };
        for write in WRITES {
            refused(&format!("a.{write} b.drop b.commit a.commit"), "", gone);
            // Who drops without a look drops what is there.
            stand(&format!("b.drop a.{write} a.commit b.commit"), "");
            // Who has looked is told that it has changed.
            let script = format!("a.read a.drop b.{write} b.commit a.commit");
            let rows = end(&replay(Isolation::Snapshot, &format!("b.{write} b.commit")));
            refused(&script, &rows, Conflict::is_retryable);
        }
        refused("a.drop b.drop b.commit a.commit", "", gone);
    });
}

#[test]
fn a_table_of_the_same_name_is_another_one() {
    unblocked(|| {
        // The very same rows: only the table's identity tells.
        for write in WRITES.into_iter().chain(["drop", "recreate", "rename", "add-column"]) {
            let script = format!("a.{write} b.recreate b.commit a.commit");
            refused(&script, "t: 1; 2; 3", |conflict| {
                matches!(conflict.rule, Rule::Dropped) && !conflict.is_retryable()
            });
        }
        for write in WRITES {
            stand(&format!("b.recreate a.{write} a.commit b.commit"), "t: 1; 2; 3");
        }
        // In two commits as in one.
        let run = replay(Isolation::Snapshot, "a.append b.drop b.commit");
        assert!(run["b"].is_committed());
        let again = |store: &Store| {
            store.drop_table("t")?;
            store.write(numbers([1, 2, 3])).save_as_table("t")?;
            Ok(())
        };
        for level in LEVELS {
            let scenario = scenario(level).outside("again", again);
            let run = scenario.replay("a.read a.append again a.read a.commit").unwrap();
            assert_eq!(run.told("a.read"), ["[1, 2, 3]", "[1, 2, 3, 7]"]);
            assert!(run["a"].conflict().is_some_and(|conflict| !conflict.is_retryable()), "{run}");
            assert_eq!(end(&run), "t: 1; 2; 3");
        }
    });
}

#[test]
fn a_table_is_renamed_under_its_writer() {
    unblocked(|| {
        for write in WRITES {
            refused(&format!("a.{write} b.rename b.commit a.commit"), "u: 1; 2; 3", |conflict| {
                matches!(&conflict.rule, Rule::Renamed { to } if to.table_str() == "u")
                    && conflict.is_retryable()
            });
            // And the other way round: what is renamed would not be what was written.
            let rows = end(&replay(Isolation::Snapshot, &format!("b.{write} b.commit")));
            refused(
                &format!("a.rename b.{write} b.commit a.commit"),
                &rows,
                Conflict::is_retryable,
            );
        }
    });
}

#[test]
fn two_create_the_same_table() {
    unblocked(|| {
        let created =
            |conflict: &Conflict| matches!(conflict.rule, Rule::Created) && conflict.is_retryable();
        refused("a.create b.create b.commit a.commit", "new: 5 | t: 1; 2; 3", created);
        refused("a.create b.insert b.commit a.commit", "new: 6 | t: 1; 2; 3", created);
        refused("a.insert b.insert b.commit a.commit", "new: 6 | t: 1; 2; 3", created);
        for level in LEVELS {
            // Begun again, an insert finds the table, and a create says that it is there.
            let again = |word: &str| {
                let scenario = Scenario::on(&store()).isolation(level);
                let scenario = scenario.transaction("a", steps().retrying());
                let scenario = scenario.transaction("b", steps());
                scenario.replay(&format!("a.{word} b.insert b.commit a.commit")).unwrap()
            };
            let run = again("insert");
            assert!(run["a"].is_committed());
            assert_eq!(end(&run), "new: 6; 6 | t: 1; 2; 3");
            let run = again("create");
            assert!(matches!(&run["a"], Outcome::Failed { step, .. } if step == "a.create"));
            assert_eq!(end(&run), "new: 6 | t: 1; 2; 3");
        }
    });
}

#[test]
fn columns_change_under_an_append() {
    unblocked(|| {
        // Rows without the column get null in it, whoever comes first.
        let padded = "t: 1, null; 2, null; 3, null; 7, null";
        stand("a.append b.add-column b.commit a.commit", padded);
        stand("a.add-column b.append b.commit a.commit", padded);
        let retry = Conflict::is_retryable;
        refused("a.append b.rename-column b.commit a.commit", "t: 1; 2; 3", retry);
        refused("a.rename-column b.append b.commit a.commit", "t: 1; 2; 3; 7", retry);
        refused("a.update b.rename-column b.commit a.commit", "t: 1; 2; 3", retry);
        refused(
            "a.add-column b.add-column b.commit a.commit",
            "t: 1, null; 2, null; 3, null",
            |c| matches!(&c.rule, Rule::Column { column } if column == "more"),
        );
        // What was read has another shape by then: only the strict level minds.
        for (level, stands) in LEVELS.into_iter().zip([true, false]) {
            let run = replay(level, "a.read a.insert b.add-column b.commit a.commit");
            assert_eq!(run["a"].is_committed(), stands, "{run}");
        }
        // What is said of a column is not part of its shape.
        let say = |store: &Store| {
            let (name, comment) = ("n".to_owned(), Some("a number".to_owned()));
            store.alter_table("t", [SchemaChange::SetColumnComment { name, comment }])?;
            Ok(())
        };
        for level in LEVELS {
            let run = scenario(level).outside("comment", say).replay("a.append comment a.commit");
            assert!(run.unwrap()["a"].is_committed());
        }
    });
}

#[test]
fn a_transaction_without_changes_never_conflicts_and_makes_no_version() {
    unblocked(|| {
        for level in LEVELS {
            for theirs in ["append", "overwrite", "update", "delete", "drop", "recreate", "rename"]
            {
                // One that does nothing, and one that only reads.
                for mine in ["a.begin", "a.read"] {
                    let run = replay(level, &format!("{mine} b.{theirs} b.commit a.commit"));
                    let Outcome::Committed(committed) = &run["a"] else { panic!("{run}") };
                    assert!(!committed.made_version() && committed.commit().is_none());
                    assert_eq!(run.store().version(), run["b"].version().unwrap());
                }
                // It reads on as it was, whatever becomes of the table.
                let run = replay(level, &format!("a.read b.{theirs} b.commit a.read a.commit"));
                assert_eq!(run.told("a.read"), ["[1, 2, 3]", "[1, 2, 3]"]);
            }
            let run = replay(level, "a.commit b.abort");
            assert!(run["a"].is_committed() && matches!(run["b"], Outcome::Aborted));
            assert_eq!(run.store().history().iter().count(), 0);
        }
    });
}

#[test]
fn own_changes_are_seen_at_once_and_by_nobody_else() {
    unblocked(|| {
        let script = "a.append a.read b.read a.delete a.read a.update a.read b.read a.overwrite \
                      a.read a.append a.read a.recreate a.read b.read a.commit b.read b.commit";
        for level in LEVELS {
            let run = replay(level, script);
            let seen = ["[1, 2, 3, 7]", "[1, 3, 7]", "[3, 7, 9]", "[8]", "[8, 7]", "[1, 2, 3]"];
            assert_eq!(run.told("a.read"), seen);
            assert_eq!(run.told("b.read"), ["[1, 2, 3]"; 4]);
            assert!(run["a"].is_committed() && run["b"].is_committed());
        }
    });
}

#[test]
fn what_is_aborted_fails_or_is_refused_leaves_no_trace() {
    unblocked(|| {
        let everything = |run: &Run| {
            let snapshot = run.store().snapshot();
            let history = run.store().history().iter().count();
            format!("{}{}{history}", content_of(&snapshot), numbers_in(&snapshot))
        };
        let changes = WORDS.into_iter().filter(|word| !["read", "fail"].contains(word));
        for word in changes {
            for level in LEVELS {
                // Those who come later get the same numbers of versions, tables, chunks and rows.
                let later = "b.append b.create b.commit";
                let alone = everything(&replay(level, later));
                for trace in [
                    format!("a.{word} a.abort {later}"),
                    format!("a.{word} a.read a.fail {later} a.commit"),
                    format!("a.{word} {later}"),
                    format!("a.{word} {later} a.abort"),
                ] {
                    let run = replay(level, &trace);
                    assert!(!run["a"].is_committed());
                    assert_eq!(everything(&run), alone, "{trace}");
                }
                let script = format!("a.{word} b.recreate b.commit a.commit");
                let run = replay(level, &script);
                if run["a"].conflict().is_some() {
                    assert_eq!(everything(&run), everything(&replay(level, "b.recreate b.commit")));
                }
            }
        }
    });
}
