//! Which table is which: found again by its id after it was renamed, dropped or restored, equal by
//! identity and never by content.

use super::*;
use crate::table::TableVersion;
use crate::write_set::PropertyPatch;

#[test]
fn a_table_is_found_by_its_id_wherever_it_went() {
    let mut story = Story::new();
    story.make("first", &["k"], &[]);
    story.make("second", &["k"], &[]);
    let (first, second) = (story.table("first").id(), story.table("second").id());
    let find = |story: &Story, id, names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| table(name)).collect();
        let head = story.head();
        let found = head.catalog().table_by_id(id, &names).cloned();
        found.map(|table| table.name().table_str().to_owned())
    };
    // Under a name that is told, under none of them, and under another table's.
    for names in [&["first"][..], &[], &["second"], &["nowhere", "first"]] {
        assert_eq!(find(&story, first, names).as_deref(), Some("first"), "{names:?}");
    }
    assert_eq!(find(&story, second, &[]).as_deref(), Some("second"));
    let unborn = TableId(story.head().catalog().table_count() as u64 + 7);
    assert_eq!(find(&story, unborn, &["first"]), None);

    story.one(wishes::Wish::rename("first", "moved"));
    assert_eq!(find(&story, first, &["first"]).as_deref(), Some("moved"));
    story.one(wishes::Wish::drop("second"));
    assert_eq!(find(&story, second, &["second"]), None);
    // Another table under the name is another table.
    story.make("second", &["k"], &[]);
    assert_eq!(find(&story, second, &["second"]), None);
}

#[test]
fn a_name_tells_which_table_left_it_last() {
    let mut story = Story::new();
    story.make("t", &["k"], &[]);
    story.make("other", &["k"], &[]);
    let first = story.table("t").id();
    assert!(story.head().catalog().departed_from(&table("t")).is_none());
    story.one(wishes::Wish::rename("t", "moved"));
    let head = story.head();
    let departed = head.catalog().departed_from(&table("t")).unwrap();
    assert_eq!((departed.id, departed.renamed_to), (first, Some(&table("moved"))));
    story.make("t", &["k"], &[]);
    let second = story.table("t").id();
    story.one(wishes::Wish::drop("t"));
    story.one(wishes::Wish::drop("other"));
    let head = story.head();
    let departed = head.catalog().departed_from(&table("t")).unwrap();
    assert_eq!((departed.id, departed.renamed_to), (second, None));
    assert!(head.catalog().departed_from(&table("never")).is_none());
}

#[test]
fn states_of_tables_are_equal_by_identity() {
    let mut story = Story::new();
    story.make("a", &["k"], &[]);
    story.make("b", &["k"], &[]);
    let (a, b) = (story.table("a"), story.table("b"));
    story.one(wishes::Wish::append("a", &["k"], &[1]));
    let later = story.table("a");
    assert_eq!(*a, TableVersion::clone(&a));
    assert_ne!(*a, *b, "as empty as each other, and as old");
    assert_ne!(*a, *later);
    assert_ne!(*b, *later);
    // The same content written once more is another state.
    story.one(wishes::Wish::overwrite("a", &["k"], &[1]));
    assert_ne!(*later, *story.table("a"));
    assert_eq!(a.id().to_string(), format!("#{}", a.id().0));
}

#[test]
fn chunks_that_another_state_has_not_are_counted() {
    let mut story = Story::new();
    story.make("t", &["k"], &[]);
    let mut states = vec![story.table("t")];
    for value in 0..5 {
        story.one(wishes::Wish::append("t", &["k"], &[value, value + 100]));
        states.push(story.table("t"));
    }
    for wish in [wishes::Wish::delete("t", "k", 102), wishes::Wish::compact("t")] {
        story.one(wish);
        states.push(story.table("t"));
    }
    for from in &states {
        for to in &states {
            let (from, to) = (from.state().chunk_map(), to.state().chunk_map());
            let lost = from.iter().filter(|(sequence, entry)| to.get(sequence) != Some(entry));
            assert_eq!(from.count_not_in(to), lost.count());
        }
    }
    let counts = |from: usize, to: usize| {
        states[from].state().chunk_map().count_not_in(states[to].state().chunk_map())
    };
    assert_eq!(
        [counts(5, 3), counts(3, 5), counts(5, 6), counts(6, 5), counts(5, 7)],
        [2, 0, 1, 1, 5]
    );
}

#[test]
fn a_patch_does_what_was_asked_in_one_breath() {
    let patch = PropertyPatch::new();
    assert!(patch.is_empty());
    let patch = patch.with("a", "1").without("b").with_comment("told");
    assert!(!patch.is_empty());
    assert_eq!(patch.keys().map(|key| &**key).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(patch.comment, Some(Some("told".into())));
    assert_eq!(patch.without_comment().comment, Some(None));
    assert!(!PropertyPatch::new().without("b").is_empty());
    assert!(!PropertyPatch::new().without_comment().is_empty());
    let mut story = Story::new();
    story.make("t", &["k"], &[]);
    assert!(story.begin().writes.is_empty());
    let mut tx = story.begin();
    tx.wish(&wishes::Wish::describe("t", PropertyPatch::new().with("a", "1"))).unwrap();
    assert!(!tx.writes.is_empty());
    story.commit(tx).unwrap();
    let found = story.table("t");
    assert_eq!(found.state().details().properties.get("a").map(|value| &**value), Some("1"));
}

#[test]
fn kinds_of_tables_are_told() {
    let mut story = Story::new();
    story.make("t", &["k"], &[]);
    story.one(wishes::Wish::CreateView { name: table("v") });
    for (name, kind, view) in [("t", "managed", false), ("v", "view", true)] {
        let found = story.table(name);
        assert_eq!(
            (found.state().kind().to_string().as_str(), found.state().is_view()),
            (kind, view)
        );
    }
}
