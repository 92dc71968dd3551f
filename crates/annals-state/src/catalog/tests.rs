//! Lookups by name, and what the tests of the rules share: dice, small tables, a store in
//! miniature, and what must hold of every catalog.

mod identity;
mod invariants;
pub(crate) mod kit;
mod maps;
pub(crate) mod story;
pub(crate) mod wishes;

pub(crate) use self::invariants::check_invariants;

use self::kit::{database, table};
use self::story::Story;
use super::*;
use crate::version::{Timestamp, Version};

#[test]
fn a_lookup_ignores_case_and_returns_the_name_as_written() {
    let mut story = Story::new();
    story.make("Orders", &["a"], &[]);
    let head = story.head();
    let catalog = head.catalog();
    for spelling in ["orders", "ORDERS", "Default.oRders"] {
        let (name, found) = catalog.table_entry(&table(spelling)).unwrap();
        assert_eq!(name.table_str(), "Orders");
        assert!(Arc::ptr_eq(found, catalog.table(&table(spelling)).unwrap()));
    }
    assert!(catalog.table(&table("d1.orders")).is_none());
    assert_eq!(catalog.database(&database("DEFAULT")).unwrap().name().as_str(), "default");
}

#[test]
fn the_tables_of_a_database_are_its_own_and_in_order() {
    let mut story = Story::new();
    // Names that are prefixes of each other, and neighbours of the separator.
    for name in ["d", "d!", "d0", "D1", "d10", "\u{e9}"] {
        story.make_database(name);
    }
    let names =
        ["`d`.z", "`d!`.a", "d0.b", "d1.a", "d1.A2", "d1.`a b`", "d10.a", "`\u{e9}`.a", "x"];
    for name in names {
        story.make(name, &["a"], &[]);
    }
    let head = story.head();
    let catalog = head.catalog();
    assert_eq!(catalog.table_count(), names.len());
    let in_database = |name: &str| -> Vec<String> {
        let database = database(name);
        let tables = catalog.tables_in(&database).map(|(name, _)| name.table_str().to_owned());
        tables.collect()
    };
    assert_eq!(in_database("d1"), ["a", "a b", "A2"]);
    assert_eq!(in_database("D"), ["z"]);
    assert_eq!(in_database("d!"), ["a"]);
    assert_eq!(in_database("d10"), ["a"]);
    assert_eq!(in_database("\u{c9}"), ["a"]);
    assert_eq!(in_database("default"), ["x"]);
    assert!(in_database("d2").is_empty());
    for known in catalog.databases() {
        assert_eq!(catalog.tables_in(known.name()).count() as u64, known.table_count());
    }
}

#[test]
fn names_are_in_order_however_much_of_them_is_the_same() {
    let mut story = Story::new();
    story.make_database("d");
    let stem = "sixteen_bytes_or";
    let mut names: Vec<String> =
        (0..20).rev().map(|number| format!("{stem}_more_{number}")).collect();
    names.extend(["", "_", "_more", "s", "\u{e9}", "!"].map(|end| format!("{stem}{end}")));
    names.extend((0..stem.len()).step_by(5).map(|cut| format!("a{}", &stem[cut..])));
    names.extend(["b", "bb", "\u{e9}t\u{e9}", "\u{1d54f}", "Z"].map(str::to_owned));
    for name in &names {
        story.make(&format!("d.`{name}`"), &["a"], &[]);
        story.make(&format!("`{name}`"), &["a"], &[]);
    }
    names.sort_by_key(|name| name.to_lowercase());
    let head = story.head();
    let catalog = head.catalog();
    let own = |(name, _): (&TableName, _)| name.table_str().to_owned();
    let (first, second) = (database("d"), database("default"));
    assert_eq!(catalog.tables_in(&first).map(own).collect::<Vec<_>>(), names);
    assert_eq!(catalog.tables_in(&second).map(own).collect::<Vec<_>>(), names);
    // The separator of a joined name comes before all that a name may have.
    assert_eq!(catalog.tables().map(own).collect::<Vec<_>>(), [&names[..], &names].concat());
}

#[test]
fn departures_are_forgotten_once_nobody_is_older() {
    let mut catalog = Catalog::default();
    let departure = |at| Departure {
        at: VersionId(at),
        renamed_to: None,
        ordinal: at,
        since: VersionId(at),
        marks: HighWater::default(),
        lives: Arc::from([]),
    };
    for (id, at) in [(1, 5), (2, 5), (3, 6), (4, 9)] {
        catalog.departed(TableId(id), departure(at));
    }
    // One that leaves again is known by its last departure only.
    catalog.departed(TableId(1), departure(7));
    let known = |catalog: &Catalog| -> Vec<(u64, u64)> {
        let at = |id| catalog.departure(TableId(id)).map(|departure| (id, departure.at.0));
        (0..9).filter_map(at).collect()
    };
    assert_eq!(known(&catalog), [(1, 7), (2, 5), (3, 6), (4, 9)]);
    for (oldest, left) in [
        (4, vec![(1, 7), (2, 5), (3, 6), (4, 9)]),
        (5, vec![(1, 7), (3, 6), (4, 9)]),
        (6, vec![(1, 7), (4, 9)]),
        (8, vec![(4, 9)]),
        (9, vec![]),
        (u64::MAX, vec![]),
    ] {
        catalog.forget_departures(VersionId(oldest));
        assert_eq!(known(&catalog), left, "{oldest}");
    }
    assert!(catalog.returned(TableId(1)).is_none());
}

#[test]
fn the_newest_write_of_an_application_is_known() {
    let mut catalog = Catalog::default();
    assert_eq!(catalog.applied("etl"), None);
    catalog.set_applied("etl".into(), 7, VersionId(3));
    let before = catalog.clone();
    catalog.set_applied("etl".into(), 9, VersionId(4));
    catalog.set_applied("other".into(), 1, VersionId(5));
    assert_eq!(catalog.applied("etl"), Some((9, VersionId(4))));
    assert_eq!(catalog.applied("other"), Some((1, VersionId(5))));
    assert_eq!(before.applied("etl"), Some((7, VersionId(3))));
    assert_eq!(before.applied("other"), None);
}

#[test]
fn a_store_begins_with_the_database_default_alone() {
    let version = Version::initial(Timestamp(17));
    check_invariants(version.catalog());
    assert_eq!((version.id(), version.timestamp()), (VersionId::ZERO, Timestamp(17)));
    assert!(version.commit().is_none());
    let names: Vec<&str> = version.catalog().databases().map(|d| d.name().as_str()).collect();
    assert_eq!(names, ["default"]);
    assert_eq!(version.catalog().table_count(), 0);
}
