//! The end of all version numbers, with many who want the last ones.

use annals::{CommitError, Retention, SaveMode, StoreBuilder, VersionId, WriteError};
use annals_tests::{at_once, numbers, numbers_of};

#[test]
fn of_many_who_want_the_last_numbers_as_many_get_one_as_there_are() {
    let (threads, each, left) = (4, 10, 25_u64);
    let retention = Retention { versions_max: 4, records_max: 8, ..Retention::default() };
    let builder = StoreBuilder::new().retention(retention).retries_max(u32::MAX);
    let store = builder.build_at(VersionId(u64::MAX - left));
    let mut watch = store.watch(store.version()).unwrap();
    let made = at_once(threads, |thread| {
        let mut made = 0;
        for n in 0..each {
            let n = (thread * each + n) as i64;
            match store.write(numbers([n])).mode(SaveMode::Append).save_as_table("t") {
                Ok(_) => made += 1,
                Err(WriteError::Commit(CommitError::VersionsExhausted { newest })) => {
                    assert_eq!(newest, VersionId(u64::MAX));
                }
                Err(other) => panic!("{other}"),
            }
        }
        made
    });
    assert_eq!(made.iter().sum::<u64>(), left);
    assert_eq!(store.version(), VersionId(u64::MAX));
    assert_eq!(numbers_of(&store.table("t").unwrap()).len() as u64, left);
    // What makes no version goes on.
    store.tag("end", store.version()).unwrap();
    store.expire(&Retention { versions_max: 1, ..store.retention() });
    assert_eq!(store.versions(), [VersionId(u64::MAX)]);
    drop(store.pin("end"));
    let mut last = None;
    while let Some(item) = watch.try_next() {
        last = Some(item.map_or_else(|missed| missed.next, |watched| watched.version()));
    }
    assert_eq!(last, Some(VersionId(u64::MAX)));
}
