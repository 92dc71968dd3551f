//! Stories in which engine and model once differed, each in the fewest calls that show it.

use annals::{Isolation, SaveMode};
use annals_tests::model::pair::Pair;
use annals_tests::model::step::{Alter, Batch, End, Inner, Moment, Op, Save, Step, Transact};
use annals_tests::model::world::{Kind, Value};

fn append(name: &'static str, keys: &[i64]) -> Op {
    let columns = vec![("k", Kind::Int), ("v", Kind::Int)];
    let rows = keys.iter().map(|key| vec![Some(Value::Int(*key)), None]).collect();
    let save = Save::new(name, Batch { columns, rows });
    Op::Save(Box::new(Save { mode: SaveMode::Append, ..save }))
}

fn create_database(name: &'static str) -> Op {
    Op::CreateDatabase { name, if_not_exists: false, comment: None }
}

/// A transaction that begins so many versions ago.
fn transact(back: u64, ops: Vec<Op>) -> Transact {
    let steps = ops.into_iter().map(Inner::Do).collect();
    let (isolation, end) = (Isolation::Snapshot, End::Commit);
    Transact { back, isolation, idempotent: None, steps, rival: None, end }
}

fn tell(ops: Vec<Op>, last: Transact) {
    tell_all(ops.into_iter().map(Step::Do).chain([Step::Transact(last)]));
}

fn tell_all(story: impl IntoIterator<Item = Step>) {
    Pair::new(false).tell(&story.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_database_that_a_restore_brought_back_came_after_the_transaction_began() {
    let drop = Op::DropDatabase("S", false);
    let before = vec![create_database("s"), drop, Op::Restore(Moment::Back(1))];
    tell(before, transact(1, vec![append("t", &[0]), create_database("s")]));
}

#[test]
fn a_table_that_came_stands_in_the_way_of_a_database_that_a_revert_drops() {
    let before = vec![create_database("s"), append("u", &[3, 0]), append("s.t", &[0])];
    tell(before, transact(1, vec![Op::Revert(2)]));
}

#[test]
fn a_table_that_was_sorted_since_is_the_one_that_was_created() {
    let before = vec![append("t", &[3, 0]), Op::Compact("t", vec!["k"]), append("u", &[0])];
    let reverted = transact(0, vec![Op::Revert(2)]);
    tell(before, Transact { rival: Some(append("u", &[1])), ..reverted });
}

#[test]
fn a_revert_brings_back_no_database_that_was_there_when_it_was_decided() {
    let before = vec![append("u", &[0]), create_database("s"), append("u", &[1])];
    let undone = vec![Op::Restore(Moment::Back(2)), create_database("s"), Op::Revert(0)];
    let mine = vec![Op::Revert(2), append("u", &[2])];
    tell([before, undone].concat(), transact(1, mine));
}

#[test]
fn an_overwrite_has_the_columns_of_its_rows_whatever_its_transaction_did_to_them_before() {
    let before = vec![append("t", &[0]), append("t", &[1])];
    let add = Op::AlterTable("t", vec![Alter::Add("x", Kind::Int, true)]);
    let Op::Save(mut save) = append("t", &[2]) else { unreachable!("an append is a save") };
    save.mode = SaveMode::Overwrite;
    tell(before, transact(1, vec![add, Op::Save(save)]));
}

#[test]
fn the_history_of_a_row_ends_where_versions_have_expired_though_a_tag_keeps_an_older_one() {
    let mut story = vec![Step::Do(append("t", &[0])), Step::Tag("one", Moment::Back(0))];
    story.push(Step::Do(Op::Truncate("t")));
    story.extend((0..4).map(|key| Step::Do(append("t", &[key]))));
    story.extend([Step::Expire(4), Step::Blame("t", 0)]);
    tell_all(story);
}
