//! Steps as text: each on one line, as the call that it is, however it is printed.

use std::fmt;

use annals::Isolation;

use super::step::{Alter, End, Given, Inner, Moment, Op, Patch, Step, Transact};

/// Writes `Debug` so that pretty printing does not spread a call over many lines.
macro_rules! told {
    ($($of:ty => |$value:ident| $text:expr;)+) => {$(
        impl fmt::Debug for $of {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self;
                f.write_str(&$text)
            }
        }
    )+};
}

told! {
    Given => |given| match given {
        Given::Value(value) => format!("{value:?}"),
        Given::Column(column) => format!("col({column})"),
    };
    Alter => |alter| match alter {
        Alter::Add(name, kind, true) => format!("add {name} {kind:?}"),
        Alter::Add(name, kind, false) => format!("add {name} {kind:?} not null"),
        Alter::Rename(from, to) => format!("rename {from} to {to}"),
        Alter::Drop(names) => format!("drop {}", names.join(", ")),
        Alter::Widen(name, kind) => format!("widen {name} to {kind:?}"),
        Alter::SetNullable(name) => format!("let {name} be null"),
        Alter::Comment(name, comment) => format!("comment on {name}: {comment:?}"),
    };
    Patch => |patch| {
        let comment = patch.comment.map(|comment| format!("comment {comment:?}"));
        let set = patch.set.map(|(key, value)| format!("{key}={value}"));
        let unset = patch.unset.map(|key| format!("without {key}"));
        [comment, set, unset].into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    Moment => |moment| match moment {
        Moment::Back(0) => "now".to_owned(),
        Moment::Back(back) => format!("{back} back"),
        Moment::Time(back, plus) => format!("time of {back} back {plus:+}"),
        Moment::Tag(tag) => format!("tag {tag:?}"),
    };
    Op => |op| op_text(op);
    Inner => |inner| match inner {
        Inner::Do(op) => format!("tx.{op:?}"),
        Inner::Savepoint => "tx.savepoint()".to_owned(),
        Inner::Rollback => "tx.rollback_to(savepoint)".to_owned(),
        Inner::Read(name) => format!("tx.table({name}).read()"),
        Inner::List(name) => format!("tx.tables({name})"),
    };
    Transact => |transact| {
        let Transact { back, isolation, idempotent, steps, rival, end } = transact;
        let mut text = match back {
            0 => "begin()".to_owned(),
            back => format!("begin_at({back} back)"),
        };
        if *isolation == Isolation::Serializable {
            text += ".isolation(Serializable)";
        }
        if let Some((application, sequence)) = idempotent {
            text += &format!(".idempotent({application}, {sequence})");
        }
        steps.iter().for_each(|step| text += &format!("; {step:?}"));
        if let Some(rival) = rival {
            text += &format!("; meanwhile store.{rival:?}");
        }
        text + &match end {
            End::Commit => "; tx.commit()".to_owned(),
            End::Drop => "; drop(tx)".to_owned(),
            End::AssertRows(rows) => format!("; tx.assert(at most {rows} rows); tx.commit()"),
            End::Panic => "; panic!()".to_owned(),
        }
    };
    Step => |step| match step {
        Step::Do(op) => format!("store.{op:?}"),
        Step::Idempotent(save, application, sequence) => {
            format!("store.{save:?} as {sequence} of {application}")
        }
        Step::Transact(transact) => format!("{transact:?}"),
        Step::Speculate(steps) => format!("store.speculate({steps:?})"),
        Step::Publish(steps) => format!("store.speculate({steps:?}).publish()"),
        Step::Tag(tag, at) => format!("store.tag({tag:?}, {at:?})"),
        Step::Untag(tag) => format!("store.untag({tag:?})"),
        Step::Expire(versions) => format!("store.expire(versions_max: {versions})"),
        Step::SetRetention(versions) => format!("store.set_retention(versions_max: {versions})"),
        Step::Clock(by) => format!("clock {by:+}"),
        Step::Hold(at, true) => format!("hold(store.pin_at({at:?}))"),
        Step::Hold(at, false) => format!("hold(store.at({at:?}))"),
        Step::LetGo => "let go of the oldest".to_owned(),
        Step::Fork(at) => format!("store = store.fork_from({at:?})"),
        Step::Diff(name, from, to) => format!("store.diff({name}, {from:?}, {to:?})"),
        Step::Changes(name, from, to) => format!("store.changes({name}, {from:?}, {to:?})"),
        Step::Blame(name, row) => format!("store.blame({name}), row_history({row})"),
        Step::Bisect(name, rows, back) => {
            format!("store.bisect({name} has {rows} rows, from {back} back)")
        }
        Step::Scan(name, condition, columns, limit) => {
            format!("store.table({name}).scan({condition:?}, {columns:?}, limit {limit})")
        }
        Step::At(at) => format!("store.at({at:?})"),
        Step::Ordinal(name, ordinal) => format!("store.table_at_ordinal({name}, {ordinal})"),
    };
}

fn op_text(op: &Op) -> String {
    let all = "all rows".to_owned();
    match op {
        Op::Save(save) => format!("{save:?}"),
        Op::CreateTable { name, columns, partition_by, if_not_exists, comment } => {
            let column = |(name, kind, nullable): &(&str, _, bool)| {
                format!("{name} {kind:?}{}", if *nullable { "" } else { " not null" })
            };
            let columns: Vec<String> = columns.iter().map(column).collect();
            let mut text = format!("create_table({name}, [{}]", columns.join(", "));
            if !partition_by.is_empty() {
                text += &format!(", by {partition_by:?}");
            }
            if let Some(comment) = comment {
                text += &format!(", {comment:?}");
            }
            text + if *if_not_exists { ", if not exists)" } else { ")" }
        }
        Op::CreateView { name, text, or_replace, property } => {
            let replaces = if *or_replace { ", or replace" } else { "" };
            let property =
                property.map_or(String::new(), |(key, value)| format!(", {key}={value}"));
            format!("create_view({name}, {text:?}{property}{replaces})")
        }
        Op::DropTable(name) => format!("drop_table({name})"),
        Op::RenameTable(from, to) => format!("rename_table({from}, {to})"),
        Op::Truncate(name) => format!("truncate({name})"),
        Op::AlterTable(name, alterations) => format!("alter_table({name}, {alterations:?})"),
        Op::SetProperties(name, patch) => format!("set_properties({name}, {patch:?})"),
        Op::CreateDatabase { name, if_not_exists, comment } => {
            let comment = comment.map_or(String::new(), |comment| format!(", {comment:?}"));
            let if_not_exists = if *if_not_exists { ", if not exists" } else { "" };
            format!("create_database({name:?}{comment}{if_not_exists})")
        }
        Op::DropDatabase(name, true) => format!("drop_database_cascade({name:?})"),
        Op::DropDatabase(name, false) => format!("drop_database({name:?})"),
        Op::AlterDatabase(name, patch) => format!("alter_database({name:?}, {patch:?})"),
        Op::Delete(name, condition) => {
            let condition = condition.as_ref().map_or(all, |condition| format!("{condition:?}"));
            format!("delete({name}, {condition})")
        }
        Op::Update(name, sets, condition) => {
            let set = |(column, given): &(&str, Given)| format!("{column} = {given:?}");
            let sets: Vec<String> = sets.iter().map(set).collect();
            let condition = condition.as_ref().map_or(all, |condition| format!("{condition:?}"));
            format!("update({name}, [{}], {condition})", sets.join(", "))
        }
        Op::Merge(name, on, rows, how) => format!("merge({name}, {rows:?}, on {on:?}, {how:?})"),
        Op::Compact(name, by) if by.is_empty() => format!("compact({name})"),
        Op::Compact(name, by) => format!("compact({name}, sorted by {by:?})"),
        Op::RestoreTable(name, at) => format!("restore_table({name}, {at:?})"),
        Op::Restore(at) => format!("restore({at:?})"),
        Op::Revert(back) => format!("revert({back} back)"),
    }
}
