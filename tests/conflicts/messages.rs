//! What a conflict says and carries: who won, from where, and what to do. Messages are interface.

use annals::error::{Rule, Subject};
use annals::{CommitError, Isolation, OperationKind, SaveMode, Store, VersionId, col};
use arrow_schema::{DataType, Field};
use expect_test::{Expect, expect};

use crate::{Mine, Theirs, append, comment, low, property, race, read, rows, store};

/// The message of a conflict, with the place in this file left out.
fn message(error: &CommitError) -> String {
    let text = error.to_string();
    let place = error.conflict().and_then(|conflict| conflict.winning_commit.as_ref());
    place.map_or(text.clone(), |commit| text.replace(&commit.location.to_string(), "PLACE"))
}

#[track_caller]
fn says(mine: Mine, theirs: Theirs, expected: &Expect) {
    let error = race(mine, theirs).outcome.unwrap_err();
    expected.assert_eq(&message(&error));
}

#[test]
fn each_rule_names_what_it_is_about_and_says_what_to_do() {
    let blind_append: Mine =
        |tx| tx.write(rows([7])).mode(SaveMode::Append).save_as_table("d.t").map(drop);
    let append_low: Theirs = |store| append(store, "d.t", rows([20]));
    says(
        blind_append,
        |store| drop(store.rename_column("d.t", "note", "text").unwrap()),
        &expect![[r#"
            d.t: a blind append does not go with a schema change (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| {
            read(tx);
            tx.write(rows([7])).mode(SaveMode::Overwrite).save_as_table("d.t").map(drop)
        },
        append_low,
        &expect![[r#"
            d.t: an overwrite after a read does not go with an append (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| {
            let writer = tx.write(rows([5])).mode(SaveMode::Overwrite).replace_where(low());
            writer.save_as_table("d.t").map(drop)
        },
        append_low,
        &expect![[r#"
            d.t: an overwrite of a part does not go with a change of the same rows (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| tx.write(rows([1])).save_as_table("d.new").map(drop),
        |store| drop(store.write(rows([2])).save_as_table("d.new").unwrap()),
        &expect![[r#"
            d.new was created by somebody else (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        blind_append,
        |store| drop(store.drop_table("d.t").unwrap()),
        &expect![[r#"
            d.t was dropped (in v5, after this transaction began at v4; committed at PLACE); what the transaction was about is gone"#]],
    );
    says(
        blind_append,
        |store| drop(store.rename_table("d.t", "d.`odd name`").unwrap()),
        &expect![[r#"
            d.t was renamed to d.`odd name` (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| tx.add_columns("d.t", [Field::new("extra", DataType::Utf8, true)]),
        |store| {
            store.add_columns("d.t", [Field::new("EXTRA", DataType::Int8, true)]).unwrap();
        },
        &expect![[r#"
            d.t: the column `extra` was added twice (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| tx.set_properties("d.t", &property("key", "mine")),
        |store| drop(store.set_properties("d.t", &property("key", "theirs")).unwrap()),
        &expect![[r#"
            d.t: the property `key` was set twice (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| tx.set_properties("d.t", &comment("mine")),
        |store| drop(store.set_properties("d.t", &comment("theirs")).unwrap()),
        &expect![[r#"
            d.t: the comment was set twice (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| tx.restore(2),
        append_low,
        &expect![[r#"
            the store: a restore of the whole store does not go with any commit (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| tx.create_database("new"),
        |store| drop(store.create_database("new").unwrap()),
        &expect![
            "the database new exists already; use if_not_exists, or another name (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"
        ],
    );
    says(
        |tx| tx.write(rows([1])).save_as_table("d.new").map(drop),
        |store| drop(store.drop_database_cascade("d").unwrap()),
        &expect![[r#"
            the database d does not exist; create it first (in v5, after this transaction began at v4; committed at PLACE); what the transaction was about is gone"#]],
    );
}

#[test]
fn each_rule_of_serializable_names_what_was_read() {
    let says = |mine: Mine, theirs: Theirs, expected: &Expect| {
        let mine_serializable = |store: &Store| {
            let mut tx = store.begin();
            tx.isolation(Isolation::Serializable);
            mine(&mut tx).unwrap();
            tx.write(rows([1])).mode(SaveMode::Append).save_as_table("d.other").unwrap();
            theirs(store);
            tx.commit().unwrap_err()
        };
        expected.assert_eq(&message(&mine_serializable(&store())));
    };
    let append_low: Theirs = |store| append(store, "d.t", rows([20]));
    says(
        |tx| {
            read(tx);
            Ok(())
        },
        append_low,
        &expect![[r#"
            d.t was read by this serializable transaction, then changed by an append (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| {
            tx.table("d.t").unwrap().scan().filter(low()).collect().unwrap();
            Ok(())
        },
        append_low,
        &expect![[r#"
            d.t was read by this serializable transaction, then changed by new rows that match (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| {
            tx.table("d.t").unwrap().scan().filter(low()).collect().unwrap();
            Ok(())
        },
        |store| crate::delete(store, "d.t", col("n").eq(2_i64)),
        &expect![[r#"
            d.t was read by this serializable transaction, then changed by a change of rows that match (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| {
            assert!(!tx.table_exists("d.new").unwrap());
            Ok(())
        },
        |store| drop(store.write(rows([2])).save_as_table("d.new").unwrap()),
        &expect![[r#"
            d.new was read by this serializable transaction, then changed by a create (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| {
            assert_eq!(tx.tables("d").unwrap().len(), 2);
            Ok(())
        },
        |store| drop(store.write(rows([2])).save_as_table("d.new").unwrap()),
        &expect![[r#"
            the database d was read by this serializable transaction, then changed by a create, drop or rename in it (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
    says(
        |tx| {
            assert_eq!(tx.databases().len(), 2);
            Ok(())
        },
        |store| drop(store.create_database("new").unwrap()),
        &expect![[r#"
            the store was read by this serializable transaction, then changed by a create or drop of a database (in v5, after this transaction began at v4; committed at PLACE); begin again from a fresh snapshot"#]],
    );
}

#[test]
fn a_conflict_carries_the_commit_that_won_with_its_place_in_the_source() {
    let store = store();
    let base = store.version();
    let mut tx = store.begin();
    tx.rename_column("d.t", "note", "text").unwrap();

    let theirs = store.write(rows([20])).mode(SaveMode::Append);
    let theirs = theirs.user("ada").message("late orders").metadata("ticket", "7");
    let (line, saved) = (line!(), theirs.save_as_table("d.t").unwrap());

    let error = tx.commit().unwrap_err();
    let conflict = error.conflict().unwrap();
    assert_eq!((conflict.base, conflict.winner), (base, saved.version().unwrap()));
    assert!(matches!(&conflict.subject, Subject::Table(name) if name.to_string() == "d.t"));
    assert!(matches!(conflict.rule, Rule::Changed { theirs: "an append", .. }));

    let commit = conflict.winning_commit.as_ref().unwrap();
    assert_eq!(commit, saved.committed().unwrap().commit().unwrap());
    assert_eq!((commit.location.file.as_ref(), commit.location.line), (file!(), line));
    assert_eq!(commit.info.user.as_deref(), Some("ada"));
    assert_eq!(commit.info.message.as_deref(), Some("late orders"));
    assert_eq!(commit.info.metadata, [("ticket".into(), "7".into())]);
    assert_eq!(commit.operations[0].kind, OperationKind::Append);
    assert!(error.to_string().contains(&format!("{}:{line}:", file!())), "{error}");
}

#[test]
fn the_winner_is_the_commit_that_stands_in_the_way_and_not_the_newest() {
    let store = store();
    let mut tx = store.begin();
    read(&tx);
    tx.write(rows([7])).mode(SaveMode::Append).save_as_table("d.t").unwrap();
    append(&store, "d.t", rows([20]));
    crate::overwrite(&store, "d.t", rows([9]));
    let culprit = store.version();
    append(&store, "d.t", rows([21]));
    append(&store, "d.other", rows([22]));
    let error = tx.commit().unwrap_err();
    let conflict = error.conflict().unwrap();
    assert_eq!(conflict.winner, culprit);
    assert_eq!(conflict.winning_commit.as_ref().unwrap().version, culprit);
}

#[test]
fn the_winner_of_a_creation_is_the_one_who_created() {
    let cases: [(Mine, Theirs); 4] = [
        (|tx| tx.create_database("new"), |store| drop(store.create_database("new").unwrap())),
        (
            |tx| tx.write(rows([1])).save_as_table("d.new").map(drop),
            |store| drop(store.drop_database_cascade("d").unwrap()),
        ),
        (
            |tx| tx.write(rows([1])).save_as_table("d.new").map(drop),
            |store| drop(store.write(rows([2])).save_as_table("d.new").unwrap()),
        ),
        (
            |tx| {
                tx.drop_table("d.t")?;
                tx.drop_table("d.other")?;
                tx.drop_database("d")
            },
            |store| drop(store.write(rows([2])).save_as_table("d.new").unwrap()),
        ),
    ];
    for (mine, theirs) in cases {
        let store = store();
        let mut tx = store.begin();
        mine(&mut tx).unwrap();
        theirs(&store);
        let culprit = store.version();
        // Others who have nothing to do with it.
        for n in 0..3 {
            store.write(rows([n])).mode(SaveMode::Append).save_as_table("elsewhere").unwrap();
        }
        let error = tx.commit().unwrap_err();
        assert_eq!(error.conflict().unwrap().winner, culprit, "{error}");
    }
}

#[test]
fn the_winner_of_a_database_that_came_back_is_the_restore() {
    let mine: [Mine; 2] = [
        |tx| tx.create_database("new"),
        |tx| {
            tx.isolation(Isolation::Serializable);
            tx.create_database("new").unwrap_err();
            tx.create_database("mine")
        },
    ];
    for (mine, is_another_there) in mine.into_iter().zip([false, true]) {
        let store = store();
        store.create_database("new").unwrap();
        let with_it = store.version();
        store.drop_database("new").unwrap();
        if is_another_there {
            store.create_database("new").unwrap();
        }
        let mut tx = store.begin();
        mine(&mut tx).unwrap();
        store.restore(with_it).unwrap();
        let culprit = store.version();
        store.create_database("elsewhere").unwrap();
        store.restore(culprit).unwrap();
        let error = tx.commit().unwrap_err();
        // Not the commit that created it first: that was before the transaction began.
        assert_eq!(error.conflict().unwrap().winner, culprit, "{error}");
    }
}

#[test]
fn a_write_that_was_applied_before_would_not_conflict_either() {
    let store = store();
    let attempt = |store: &Store| {
        let mut tx = store.begin();
        tx.idempotent("loader", 1);
        read(&tx);
        tx.write(rows([7])).mode(SaveMode::Overwrite).save_as_table("d.t").unwrap();
        tx
    };
    // The same attempt twice, as after a lost answer.
    let (first, second) = (attempt(&store), attempt(&store));
    let committed = first.commit().unwrap();
    second.would_conflict().unwrap();
    let again = second.commit().unwrap();
    assert!(again.was_applied_before() && again.version() == committed.version());

    // And a sequence that is no longer new is told before the commit too.
    store.set_retention(annals::Retention { records_max: 0, ..store.retention() });
    let mut later = store.begin();
    later.idempotent("loader", 2);
    later.truncate("d.t").unwrap();
    later.commit().unwrap();
    let stale = attempt(&store);
    let asked = stale.would_conflict().unwrap_err();
    let told = stale.commit().unwrap_err();
    assert_eq!(asked.to_string(), told.to_string());
}

#[test]
fn a_conflict_over_chunks_names_them() {
    let mine: Mine = |tx| {
        let writer = tx.write(rows([5])).mode(SaveMode::Overwrite).replace_where(low());
        writer.save_as_table("d.t").map(drop)
    };
    for (theirs, chunks) in [
        // The third chunk that the table ever had.
        ((|store| append(store, "d.t", rows([20]))) as Theirs, [2]),
        (|store| crate::delete(store, "d.t", col("n").eq(2_i64)), [0]),
        (|store| crate::delete(store, "d.t", low()), [0]),
    ] {
        let conflict = race(mine, theirs).refused();
        assert_eq!(conflict.chunks, chunks);
        assert_eq!(conflict.winner, VersionId(5));
    }
}
