//! Databases that both create, drop or change, and tables in them.

use annals::error::{CatalogError, Rule};
use annals::{Conflict, Isolation, NewDatabase, SaveMode, StoreBuilder};

use crate::{Mine, Theirs, append, property, race, race_in, rows, store_of};

fn catalog_error(conflict: &Conflict) -> &CatalogError {
    let Rule::NoLongerApplies { error } = &conflict.rule else { panic!("{conflict:?}") };
    error
}

#[test]
fn a_database_that_both_create_is_the_first_ones() {
    let mine: [Mine; 2] = [
        |tx| tx.create_database("new"),
        |tx| {
            tx.create_database("NEW")?;
            tx.write(rows([1])).save_as_table("new.t").map(drop)
        },
    ];
    for mine in mine {
        let conflict = race(mine, |store| drop(store.create_database("New").unwrap())).refused();
        assert!(matches!(catalog_error(&conflict), CatalogError::DatabaseExists { .. }));
    }
}

#[test]
fn a_single_creation_that_allows_for_it_finds_the_others_database() {
    let store = crate::store();
    store.create_database("new").unwrap();
    let none = store.create_database(NewDatabase::new("new").if_not_exists()).unwrap();
    assert!(!none.made_version());
}

#[test]
fn a_drop_without_the_tables_is_refused_when_one_came() {
    let mine: Mine = |tx| {
        tx.drop_table("d.t")?;
        tx.drop_table("d.other")?;
        tx.drop_database("d")
    };
    let creations: [Theirs; 3] = [
        |store| drop(store.write(rows([1])).save_as_table("d.new").unwrap()),
        |store| drop(store.create_view("d.new", "select 1").unwrap()),
        |store| {
            store.write(rows([1])).save_as_table("elsewhere").unwrap();
            store.rename_table("elsewhere", "d.new").unwrap();
        },
    ];
    for theirs in creations {
        let conflict = race(mine, theirs).refused();
        let error = catalog_error(&conflict);
        assert!(matches!(error, CatalogError::DatabaseNotEmpty { tables: 1, .. }), "{error}");
    }
    // What was created and dropped again is not in the way.
    let transient: Theirs = |store| {
        store.write(rows([1])).save_as_table("d.new").unwrap();
        store.drop_table("d.new").unwrap();
    };
    race(mine, transient).stands(mine, transient);
}

#[test]
fn a_drop_with_the_tables_takes_those_that_are_there_at_commit() {
    let mine: Mine = |tx| tx.drop_database_cascade("d");
    let changes: [Theirs; 4] = [
        |store| drop(store.write(rows([1])).save_as_table("d.new").unwrap()),
        |store| append(store, "d.t", rows([5])),
        |store| drop(store.drop_table("d.t").unwrap()),
        |store| drop(store.rename_table("d.t", "default.saved").unwrap()),
    ];
    for theirs in changes {
        let raced = race(mine, theirs);
        assert!(raced.store.snapshot().database("d").is_err());
        raced.stands(mine, theirs);
    }
    let conflict = race(mine, |store| drop(store.drop_database_cascade("d").unwrap())).gone();
    assert!(matches!(catalog_error(&conflict), CatalogError::NoDatabase { .. }));
}

#[test]
fn a_table_cannot_come_into_a_database_that_is_gone() {
    let mine: [Mine; 3] = [
        |tx| tx.write(rows([1])).save_as_table("d.new").map(drop),
        |tx| tx.create_table("d.new", rows([]).schema()),
        |tx| tx.alter_database("d", &property("key", "mine")),
    ];
    for mine in mine {
        let conflict = race(mine, |store| drop(store.drop_database_cascade("d").unwrap())).gone();
        assert!(matches!(catalog_error(&conflict), CatalogError::NoDatabase { .. }));
    }
}

#[test]
fn a_store_that_provides_databases_provides_them_once() {
    let providing = || store_of(StoreBuilder::new().create_missing_databases(true));
    let mine: Mine = |tx| tx.write(rows([1])).save_as_table("new.mine").map(drop);
    let theirs: Theirs = |store| drop(store.write(rows([2])).save_as_table("NEW.theirs").unwrap());
    let conflict = race_in(providing(), mine, theirs).refused();
    assert!(matches!(catalog_error(&conflict), CatalogError::DatabaseExists { .. }));

    // As a save of its own, it begins again by itself.
    let store = providing();
    let batch = rows([1]);
    let batches = std::iter::once_with(|| {
        theirs(&store);
        Ok::<_, std::io::Error>(batch.clone())
    });
    let source = annals::Source::stream(batch.schema(), batches);
    store.write(source).mode(SaveMode::Append).save_as_table("new.mine").unwrap();
    let tables = store.tables("new").unwrap();
    let tables: Vec<String> = tables.iter().map(ToString::to_string).collect();
    assert_eq!(tables, ["NEW.mine", "NEW.theirs"]);
}

#[test]
fn work_in_other_databases_commutes() {
    for isolation in [Isolation::Snapshot, Isolation::Serializable] {
        let store = store_of(StoreBuilder::new().isolation(isolation));
        let mut tx = store.begin();
        tx.create_database("mine").unwrap();
        tx.write(rows([1])).save_as_table("mine.t").unwrap();
        store.create_database("theirs").unwrap();
        store.write(rows([2])).save_as_table("theirs.t").unwrap();
        store.drop_database_cascade("d").unwrap();
        tx.commit().unwrap();
        assert_eq!(store.snapshot().table_count(), 2);
        assert_ne!(store.table("mine.t").unwrap().id(), store.table("theirs.t").unwrap().id());
    }
}
