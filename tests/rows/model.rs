//! A table and its past as plain vectors, kept beside a store: what its rows should be, by id.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals::{
    ChunkSize, Compaction, SaveMode, Store, StoreBuilder, Transaction, WriteError, col, set,
};
use annals_tests::Chance;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field};

/// Values by the column's own number, which outlives its name.
pub(crate) type Values = BTreeMap<usize, Option<i64>>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) born: u64,
    pub(crate) changed: u64,
    pub(crate) values: Values,
}

/// One state of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) name: String,
    /// Number and name.
    pub(crate) columns: Vec<(usize, String)>,
    pub(crate) rows: Vec<Row>,
}

impl State {
    /// A row under columns, as text.
    pub(crate) fn show(columns: &[(usize, String)], values: &Values) -> String {
        let value = |(number, _): &(usize, String)| match values.get(number).copied().flatten() {
            Some(value) => value.to_string(),
            None => "null".to_owned(),
        };
        columns.iter().map(value).collect::<Vec<_>>().join(", ")
    }
}

/// A store of one table, and what it should hold in each version.
pub(crate) struct Model {
    pub(crate) store: Store,
    /// By version; none while the table is not there.
    pub(crate) states: Vec<Option<State>>,
    next_row: u64,
    next_column: usize,
    chance: Chance,
}

impl Model {
    pub(crate) fn new(chance: Chance) -> Self {
        let chunk_size = ChunkSize { rows_min: 1, rows_max: 4, ..ChunkSize::default() };
        let store = StoreBuilder::new().chunk_size(chunk_size).build();
        let mut model = Self { store, states: vec![None], next_row: 0, next_column: 2, chance };
        let columns = vec![(0, "k".to_owned()), (1, "v".to_owned())];
        let mut state = State { name: "t0".to_owned(), columns, rows: Vec::new() };
        let batch = model.bring(&mut state, 9);
        model.store.write(batch).save_as_table("t0").unwrap();
        model.states.push(Some(state));
        model
    }

    fn at(&self) -> u64 {
        self.states.len() as u64
    }

    /// New rows for a state, and as a batch.
    fn bring(&mut self, state: &mut State, rows: usize) -> RecordBatch {
        let mut brought = Vec::new();
        for _ in 0..rows {
            let mut values = Values::new();
            for (number, _) in &state.columns {
                let value = self.chance.below(4) as i64;
                let is_null = *number != 0 && value == 3;
                values.insert(*number, (!is_null).then_some(value));
            }
            brought.push(values);
        }
        self.bring_these(state, brought)
    }

    fn bring_these(&mut self, state: &mut State, brought: Vec<Values>) -> RecordBatch {
        let column = |(number, name): &(usize, String)| {
            let values = brought.iter().map(|row| row[number]).collect::<Int64Array>();
            (name.clone(), Arc::new(values) as ArrayRef, true)
        };
        let columns: Vec<_> = state.columns.iter().map(column).collect();
        for values in brought {
            let (id, at) = (self.next_row, self.at());
            self.next_row += 1;
            state.rows.push(Row { id, born: at, changed: at, values });
        }
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    /// Does something by chance, to the store and to the model.
    pub(crate) fn step(&mut self) {
        let dice = self.chance.below(20);
        let now = self.states.last().unwrap().clone();
        let Some(state) = now else {
            match dice {
                0..10 => self.restore_table(None),
                10..14 => self.restore_store(),
                _ => self.elsewhere(),
            }
            return;
        };
        match dice {
            0..4 => self.transact(state, &[0]),
            4..7 => self.transact(state, &[1]),
            7..11 => self.transact(state, &[2]),
            11 => {
                let several: Vec<usize> = (0..3).map(|_| self.chance.below(3)).collect();
                self.transact(state, &several);
            }
            12 => self.overwrite(state),
            13 => self.compact(state),
            14 => self.restore_table(Some(state)),
            15 => self.restore_store(),
            16 => self.rename(state),
            17 => {
                self.store.drop_table(&*state.name).unwrap();
                self.states.push(None);
            }
            18 => self.alter(state),
            _ => self.elsewhere(),
        }
    }

    /// Notes the state that a commit led to. What changed nothing made no version.
    fn note(&mut self, state: Option<State>) {
        let version = self.store.version().0 + 1;
        if version > self.at() {
            assert_eq!(version, self.at() + 1);
            self.states.push(state);
        } else {
            assert_eq!(&state, self.states.last().unwrap());
        }
    }

    /// Appends (0), deletes (1) and updates (2) in one transaction.
    fn transact(&mut self, mut state: State, what: &[usize]) {
        let store = self.store.clone();
        let mut tx: Transaction = store.begin();
        let (first, mut changes) = (self.next_row, 0);
        for what in what {
            let name = state.name.clone();
            let k = self.chance.below(4) as i64;
            let matches = |row: &Row| row.values[&0] == Some(k);
            match what {
                0 => {
                    let rows = 1 + self.chance.below(7);
                    let batch = self.bring(&mut state, rows);
                    tx.write(batch).mode(SaveMode::Append).save_as_table(&*name).unwrap();
                    changes += rows as u64;
                }
                1 => {
                    let had = state.rows.len();
                    state.rows.retain(|row| !matches(row));
                    let gone = (had - state.rows.len()) as u64;
                    assert_eq!(tx.delete(&*name, col("k").eq(k)).unwrap(), gone);
                    changes += gone;
                }
                _ => {
                    let (number, column) = self.chance.of(&state.columns);
                    let value = self.chance.below(4) as i64;
                    let at = self.at();
                    let (mut kept, mut updated) = (Vec::new(), Vec::new());
                    for mut row in state.rows {
                        if matches(&row) {
                            row.values.insert(number, Some(value));
                            row.changed = at;
                            updated.push(row);
                        } else {
                            kept.push(row);
                        }
                    }
                    let done = tx.update(&*name, [set(column, value)], col("k").eq(k)).unwrap();
                    assert_eq!(done, updated.len() as u64);
                    changes += done;
                    kept.append(&mut updated);
                    state.rows = kept;
                }
            }
        }
        tx.commit().unwrap();
        if changes > 0 {
            self.note(Some(state));
        } else {
            assert_eq!((first, self.store.version().0 + 1), (self.next_row, self.at()));
        }
    }

    /// All rows anew: most of them hold what rows held before.
    fn overwrite(&mut self, mut state: State) {
        let mut brought: Vec<Values> =
            std::mem::take(&mut state.rows).into_iter().map(|row| row.values).collect();
        let count = brought.len();
        for _ in 0..self.chance.below(3).min(count) {
            let at = self.chance.below(brought.len());
            let values = brought.remove(at);
            if self.chance.below(2) == 0 {
                brought.insert(0, values);
            }
        }
        if let Some(values) = brought.first_mut() {
            values.insert(0, Some(self.chance.below(4) as i64));
        }
        let batch = self.bring_these(&mut state, brought);
        let name = state.name.clone();
        let write = self.store.write(batch).mode(SaveMode::Overwrite);
        write.save_as_table(&*name).unwrap();
        self.note(Some(state));
    }

    fn compact(&mut self, state: State) {
        let chunk_size = ChunkSize { rows_min: 3, rows_max: 8, ..ChunkSize::default() };
        let mut how = Compaction::new().chunk_size(chunk_size);
        if self.chance.below(2) == 0 {
            how = how.sort_by(["v"]);
        }
        self.store.compact_with(&*state.name, &how).unwrap();
        self.note(Some(state));
    }

    /// A version in which the table was there.
    fn some_version(&mut self) -> (u64, State) {
        loop {
            let version = self.chance.below(self.states.len());
            if let Some(state) = &self.states[version] {
                return (version as u64, state.clone());
            }
        }
    }

    fn restore_table(&mut self, now: Option<State>) {
        let (version, mut state) = self.some_version();
        if let Some(now) = now {
            state.name = now.name;
        }
        self.store.restore_table(&*state.name, version).unwrap();
        self.note(Some(state));
    }

    fn restore_store(&mut self) {
        let (version, state) = self.some_version();
        self.store.restore(version).unwrap();
        self.note(Some(state));
    }

    fn rename(&mut self, mut state: State) {
        let name = format!("t{}", self.chance.below(3));
        if name != state.name {
            self.store.rename_table(&*state.name, &*name).unwrap();
            state.name = name;
            self.note(Some(state));
        }
    }

    /// Adds a column, or drops one that was added.
    fn alter(&mut self, mut state: State) {
        if state.columns.len() > 2 && self.chance.below(2) == 0 {
            let at = 2 + self.chance.below(state.columns.len() - 2);
            let (number, name) = state.columns.remove(at);
            self.store.drop_columns(&*state.name, [name]).unwrap();
            for row in &mut state.rows {
                row.values.remove(&number);
            }
        } else {
            // Names come again, and stand for other columns.
            let name = format!("x{}", self.chance.below(3));
            if state.columns.iter().any(|(_, taken)| *taken == name) {
                return;
            }
            let field = Field::new(&name, DataType::Int64, true);
            self.store.add_columns(&*state.name, [field]).unwrap();
            for row in &mut state.rows {
                row.values.insert(self.next_column, None);
            }
            state.columns.push((self.next_column, name));
            self.next_column += 1;
        }
        self.note(Some(state));
    }

    /// A commit that has nothing to do with the table.
    fn elsewhere(&mut self) {
        let rows = annals_tests::numbers([1]);
        let save = self.store.write(rows).mode(SaveMode::Append).save_as_table("other");
        save.map(drop).map_err(|error: WriteError| error.to_string()).unwrap();
        self.note(self.states.last().unwrap().clone());
    }
}
