//! Transactions of many steps beside compactions: those that stand leave what they leave alone.

use annals::{ChunkSize, Compaction, SaveMode, Store, StoreBuilder, Transaction, col, set};
use annals_tests::{Chance, numbers, numbers_of};

use super::changes::origins_of;

const ROUNDS: usize = 300;

/// How a table comes about before the transaction begins: the same for the same numbers.
#[derive(Clone, Copy)]
struct Start {
    size: ChunkSize,
    numbers: [i64; 3],
}

impl Start {
    fn store(self) -> Store {
        let store = StoreBuilder::new().chunk_size(self.size).build();
        let append = |first, end| {
            let rows = numbers(first..end);
            store.write(rows).mode(SaveMode::Append).save_as_table("t").unwrap();
        };
        let [deleted, updated, to] = self.numbers;
        append(0, 6);
        append(6, 9);
        store.delete("t", col("n").eq(deleted)).unwrap();
        store.update("t", [set("n", 50 + to)], col("n").eq(updated)).unwrap();
        append(9, 11);
        store
    }
}

/// One step of a transaction: what, and two numbers that it is about.
type Step = (usize, i64, i64);

fn run(steps: &[Step], tx: &mut Transaction) {
    let newest = tx.base().version().0;
    let version = |n: i64| 1 + n.unsigned_abs() % newest;
    let mut savepoint = tx.savepoint();
    for &(kind, n, other) in steps {
        match kind {
            0 | 1 => drop(tx.delete("t", col("n").eq(n)).unwrap()),
            2 | 3 => drop(tx.update("t", [set("n", other)], col("n").eq(n)).unwrap()),
            4 => tx.restore_table("t", version(n)).unwrap(),
            // Where earlier steps stand in the way, they do so beside a compaction too.
            5 => drop(tx.revert(version(n))),
            6 => {
                let rows = tx.write(numbers([100 + n])).mode(SaveMode::Append);
                rows.save_as_table("t").unwrap();
            }
            7 => drop(tx.compact("t", &Compaction::new()).unwrap()),
            8 => savepoint = tx.savepoint(),
            9 => tx.rollback_to(&savepoint).unwrap(),
            10 => {
                tx.drop_table("t").unwrap();
                tx.restore_table("t", newest).unwrap();
            }
            _ => {
                let merge = tx.merge("t", numbers([other, 2, 3])).on(["n"]);
                merge.when_matched_delete().when_not_matched_insert_all().execute().unwrap();
            }
        }
    }
}

/// The numbers and the rows' ids; each id is there once, and as many rows as are counted.
fn shown(store: &Store) -> (Vec<i64>, Vec<u64>) {
    let table = store.table("t").unwrap();
    let mut numbers = numbers_of(&table);
    let mut ids: Vec<u64> = origins_of(store).into_iter().map(|(id, ..)| id).collect();
    assert_eq!((numbers.len() as u64, ids.len()), (table.row_count(), numbers.len()));
    numbers.sort_unstable();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "an id is there twice: {ids:?}");
    (numbers, ids)
}

#[test]
fn what_stands_beside_a_compaction_is_as_it_is_alone() {
    let mut chance = Chance::new();
    let sized = |rows_min, rows_max| {
        Compaction::new().chunk_size(ChunkSize { rows_min, rows_max, ..ChunkSize::default() })
    };
    let compactions = [sized(8, 100), sized(1, 1), Compaction::new().sort_by(["n"])];
    let mut stood = 0;
    for _ in 0..ROUNDS {
        let rows_min = 1 + chance.below(4);
        let start = Start {
            size: ChunkSize { rows_min, rows_max: 8, ..ChunkSize::default() },
            numbers: [9, 9, 3].map(|below| chance.below(below) as i64),
        };
        let step = |chance: &mut Chance| {
            (chance.below(12), chance.below(12) as i64, chance.below(60) as i64)
        };
        let steps: Vec<Step> = (0..=chance.below(5)).map(|_| step(&mut chance)).collect();

        let alone = start.store();
        let mut tx = alone.begin();
        run(&steps, &mut tx);
        tx.commit().unwrap();

        let store = start.store();
        let mut tx = store.begin();
        run(&steps, &mut tx);
        for _ in 0..=chance.below(2) {
            store.compact_with("t", &chance.of(&compactions)).unwrap();
        }
        // A compaction or revert of its own may have to give way.
        if tx.commit().is_ok() {
            stood += 1;
            assert_eq!(shown(&store), shown(&alone), "{steps:?}");
        }
    }
    assert!(stood > ROUNDS / 3, "of {ROUNDS} only {stood} stood");
}
