//! Bytes of each version, shared and its own.

use annals::{MemoryReport, SaveMode, Store};
use annals_tests::{numbers, rows_in};
use expect_test::expect;

use crate::{Hand, append, keep, overwrite, unbounded};

/// Of each version: its number, and its bytes, shared and exclusive.
fn told(report: &MemoryReport) -> Vec<(u64, u64, u64)> {
    report.versions.iter().map(|of| (of.version.0, of.shared(), of.exclusive)).collect()
}

#[test]
fn a_version_has_alone_what_neither_neighbour_has() {
    let store = unbounded();
    overwrite(&store, "kept", 100);
    overwrite(&store, "t", 10);
    overwrite(&store, "t", 20);
    append(&store, "t", 1);
    store.restore_table("t", 2).unwrap();
    store.drop_table("t").unwrap();
    let report = store.memory();
    let expected =
        [(0, 0, 0), (1, 800, 0), (2, 880, 0), (3, 960, 0), (4, 960, 8), (5, 880, 0), (6, 800, 0)];
    assert_eq!(told(&report), expected);
    assert_eq!((report.bytes, report.historical_bytes()), (800 + 80 + 160 + 8, 80 + 160 + 8));
    // The restored state is shared by the version that it came from and the one that it made.
    store.tag("then", 2).unwrap();
    store.expire(&keep(1));
    let report = store.memory();
    assert_eq!(told(&report), [(2, 800, 80), (6, 800, 0)]);
    assert_eq!(report.versions[0].tags, ["then".into()]);
}

#[test]
fn one_version_has_everything_alone() {
    let store = unbounded();
    overwrite(&store, "t", 10);
    store.expire(&keep(1));
    assert_eq!(told(&store.memory()), [(1, 0, 80)]);
    assert_eq!(told(&Store::in_memory().memory()), [(0, 0, 0)]);
}

#[test]
fn a_rename_moves_no_byte() {
    let store = unbounded();
    overwrite(&store, "t", 10);
    store.rename_table("t", "u").unwrap();
    store.expire(&keep(2));
    assert_eq!(told(&store.memory()), [(1, 80, 0), (2, 80, 0)]);
}

#[test]
fn buffers_that_chunks_share_count_once() {
    let store = unbounded();
    let rows = numbers(0..1_000);
    let capacity = rows.column(0).to_data().buffers()[0].capacity() as u64;
    for (name, from) in [("a", 0), ("b", 500)] {
        let half = rows.slice(from, 500);
        store.write(half).mode(SaveMode::Overwrite).save_as_table(name).unwrap();
    }
    assert_eq!(store.memory().bytes, 8_000);
    let by_buffer = store.memory_by_buffer();
    assert_eq!(by_buffer.bytes, capacity);
    assert_eq!(told(&by_buffer), [(0, 0, 0), (1, capacity, 0), (2, capacity, 0)]);
    overwrite(&store, "a", 0);
    overwrite(&store, "b", 0);
    store.expire(&keep(1));
    assert_eq!(store.memory_by_buffer().bytes, 0);
}

#[test]
fn the_report_is_a_table() {
    let hand = Hand::at(0);
    let store = hand.store(annals::Retention::UNBOUNDED);
    overwrite(&store, "t", 10);
    overwrite(&store, "t", 20);
    store.tag("b", 1).unwrap();
    store.tag("a", 1).unwrap();
    let batch = store.memory().to_batch();
    assert_eq!(batch.schema(), MemoryReport::schema());
    expect![[r#"
        0, 1970-01-01T00:00:00Z, null, 0, 0, 0
        1, 1970-01-01T00:00:00.000001Z, a, b, 80, 0, 80
        2, 1970-01-01T00:00:00.000002Z, null, 160, 0, 160"#]]
    .assert_eq(&rows_in(&[batch]).join("\n"));
}
