//! Finds the rows of the source that have the same key as a row of the table.
//!
//! Keys of one column of numbers, dates or times are found by their bits, those of one column of text
//! or bytes by these as they lie; others by the bytes that Arrow's row format makes of them, a block
//! of rows at a time. Equal bits or bytes are equal
//! values in the order that predicates use: for floats, in which -0.0 is not 0.0, totalOrder.

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::ByteArrayType;
use arrow_array::{Array, ArrayRef, GenericByteArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, DataType};
use hashbrown::HashTable;

use super::block::BLOCK_ROWS;

/// The end of a chain of rows with one key.
const NONE: u32 = u32::MAX;

/// Rows of the source by key. Keys with a null in them are not there: null equals nothing.
pub(super) struct Index {
    keys: Keys,
    hasher: RandomState,
    /// For each row of the source the next one with the same key.
    next: Vec<u32>,
}

enum Keys {
    Words { table: HashTable<(u64, u32)>, min: u64, max: u64 },
    Text { table: HashTable<u32>, source: Text },
    Bytes { table: HashTable<u32>, converter: RowConverter, rows: Rows },
}

impl Index {
    /// Whether rows can be found by keys of these types.
    pub(super) fn supports(types: &[DataType]) -> bool {
        let fields: Vec<SortField> = types.iter().cloned().map(SortField::new).collect();
        RowConverter::supports_fields(&fields)
    }

    /// Indexes the rows of the source, of which there are fewer than 2^32 - 1. The keys are in the
    /// types of the table's columns.
    pub(super) fn new(keys: &[ArrayRef], nulls: Option<&NullBuffer>) -> Result<Self, ArrowError> {
        let count = keys.first().map_or(0, Array::len);
        let hasher = RandomState::new();
        let mut next = vec![NONE; count];
        // Backwards, so that the rows of a chain ascend.
        let live =
            (0..count as u32).rev().filter(|row| nulls.is_none_or(|n| n.is_valid(*row as usize)));
        if let [key] = keys
            && let Some(words) = Words::of(key)
        {
            let mut table: HashTable<(u64, u32)> = HashTable::with_capacity(count);
            let (mut min, mut max) = (u64::MAX, 0);
            for row in live {
                let word = words.get(row as usize);
                (min, max) = (min.min(word), max.max(word));
                let hash = hasher.hash_one(word);
                match table.find_mut(hash, |(other, _)| *other == word) {
                    Some((_, first)) => next[row as usize] = std::mem::replace(first, row),
                    None => {
                        table.insert_unique(hash, (word, row), |(word, _)| hasher.hash_one(word));
                    }
                }
            }
            return Ok(Self { keys: Keys::Words { table, min, max }, hasher, next });
        }
        if let [key] = keys
            && let Some(source) = Text::of(key)
        {
            let text = |row: u32| source.get(row as usize);
            let table = chained(live, &hasher, text, &mut next);
            return Ok(Self { keys: Keys::Text { table, source }, hasher, next });
        }
        let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
        let converter = RowConverter::new(fields)?;
        let rows = converter.convert_columns(keys)?;
        let table = chained(live, &hasher, |row| rows.row(row as usize).data(), &mut next);
        Ok(Self { keys: Keys::Bytes { table, converter, rows }, hasher, next })
    }

    /// Calls `found` with the index of each row in `keys`, ascending, and of each row of the
    /// source that has the same key. `keys` are columns of the types that the index was made of.
    pub(super) fn probe<E: From<ArrowError>>(
        &self,
        keys: &[ArrayRef],
        mut found: impl FnMut(u32, u32) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.next.is_empty() {
            return Ok(());
        }
        let nulls = union_of_nulls(keys);
        let mut chain = |row: usize, first: u32| {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                return Ok(());
            }
            let mut at = first;
            while at != NONE {
                // A chunk has fewer than 2^32 rows.
                found(row as u32, at)?;
                at = self.next[at as usize];
            }
            Ok(())
        };
        match &self.keys {
            Keys::Words { table, min, max } => {
                let Some(words) = keys.first().and_then(Words::of) else { return Ok(()) };
                let find = |word: u64| {
                    // A pass over keys far from the source's costs two comparisons each.
                    if word < *min || word > *max {
                        return None;
                    }
                    let hash = self.hasher.hash_one(word);
                    table.find(hash, |(other, _)| *other == word).map(|(_, first)| *first)
                };
                words.each(|row, word| match find(word) {
                    None => Ok(()),
                    Some(first) => chain(row, first),
                })
            }
            Keys::Text { table, source } => {
                let Some(text) = keys.first().and_then(Text::of) else { return Ok(()) };
                for row in 0..text.len() {
                    let bytes = text.get(row);
                    let hash = self.hasher.hash_one(bytes);
                    if let Some(first) = table.find(hash, |at| source.get(*at as usize) == bytes) {
                        chain(row, *first)?;
                    }
                }
                Ok(())
            }
            Keys::Bytes { table, converter, rows } => {
                let count = keys.first().map_or(0, Array::len);
                for start in (0..count).step_by(BLOCK_ROWS) {
                    let length = BLOCK_ROWS.min(count - start);
                    let slices: Vec<ArrayRef> =
                        keys.iter().map(|key| key.slice(start, length)).collect();
                    for (row, bytes) in converter.convert_columns(&slices)?.iter().enumerate() {
                        let bytes = bytes.as_ref();
                        let hash = self.hasher.hash_one(bytes);
                        let same = |other: &u32| rows.row(*other as usize).as_ref() == bytes;
                        if let Some(first) = table.find(hash, same) {
                            chain(start + row, *first)?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

/// The first row of each key among `rows`, by the key's bytes; the others are chained in `next`.
fn chained<'a>(
    rows: impl Iterator<Item = u32>,
    hasher: &RandomState,
    bytes: impl Fn(u32) -> &'a [u8],
    next: &mut [u32],
) -> HashTable<u32> {
    let hash_of = |row: u32| hasher.hash_one(bytes(row));
    let mut table: HashTable<u32> = HashTable::with_capacity(next.len());
    for row in rows {
        let hash = hash_of(row);
        match table.find_mut(hash, |other| bytes(*other) == bytes(row)) {
            Some(first) => next[row as usize] = std::mem::replace(first, row),
            None => {
                table.insert_unique(hash, row, |row| hash_of(*row));
            }
        }
    }
    table
}

/// Where at least one of the columns is null.
pub(super) fn union_of_nulls(keys: &[ArrayRef]) -> Option<NullBuffer> {
    keys.iter().fold(None, |all: Option<NullBuffer>, key| {
        NullBuffer::union(all.as_ref(), key.logical_nulls().as_ref())
    })
}

/// Texts or byte strings, as they lie.
enum Text {
    Small(OffsetBuffer<i32>, Buffer),
    Large(OffsetBuffer<i64>, Buffer),
}

impl Text {
    fn of(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::small(array.as_string()),
            DataType::Binary => Self::small(array.as_binary()),
            DataType::LargeUtf8 => Self::large(array.as_string()),
            DataType::LargeBinary => Self::large(array.as_binary()),
            _ => return None,
        })
    }

    fn small<T: ByteArrayType<Offset = i32>>(array: &GenericByteArray<T>) -> Self {
        Self::Small(array.offsets().clone(), array.values().clone())
    }

    fn large<T: ByteArrayType<Offset = i64>>(array: &GenericByteArray<T>) -> Self {
        Self::Large(array.offsets().clone(), array.values().clone())
    }

    fn len(&self) -> usize {
        match self {
            Self::Small(offsets, _) => offsets.len() - 1,
            Self::Large(offsets, _) => offsets.len() - 1,
        }
    }

    /// The bytes of a value; of a null, some.
    fn get(&self, row: usize) -> &[u8] {
        match self {
            Self::Small(at, values) => &values[at[row] as usize..at[row + 1] as usize],
            Self::Large(at, values) => &values[at[row] as usize..at[row + 1] as usize],
        }
    }
}

/// Values of a fixed width of at most 8 bytes, as their bits.
enum Words {
    One(ScalarBuffer<u8>),
    Two(ScalarBuffer<u16>),
    Four(ScalarBuffer<u32>),
    Eight(ScalarBuffer<u64>),
}

impl Words {
    fn of(array: &ArrayRef) -> Option<Self> {
        // An interval has several numbers, which are aligned as such.
        if matches!(array.data_type(), DataType::Interval(_)) {
            return None;
        }
        let width = array.data_type().primitive_width()?;
        let data = array.to_data();
        let (values, offset, length) = (data.buffers().first()?.clone(), data.offset(), data.len());
        Some(match width {
            1 => Self::One(ScalarBuffer::new(values, offset, length)),
            2 => Self::Two(ScalarBuffer::new(values, offset, length)),
            4 => Self::Four(ScalarBuffer::new(values, offset, length)),
            8 => Self::Eight(ScalarBuffer::new(values, offset, length)),
            _ => return None,
        })
    }

    fn get(&self, row: usize) -> u64 {
        match self {
            Self::One(values) => values[row].into(),
            Self::Two(values) => values[row].into(),
            Self::Four(values) => values[row].into(),
            Self::Eight(values) => values[row],
        }
    }

    fn each<E>(&self, visit: impl FnMut(usize, u64) -> Result<(), E>) -> Result<(), E> {
        fn go<T: Copy + Into<u64>, E>(
            values: &[T],
            mut visit: impl FnMut(usize, u64) -> Result<(), E>,
        ) -> Result<(), E> {
            values.iter().enumerate().try_for_each(|(row, value)| visit(row, (*value).into()))
        }
        match self {
            Self::One(values) => go(values, visit),
            Self::Two(values) => go(values, visit),
            Self::Four(values) => go(values, visit),
            Self::Eight(values) => go(values, visit),
        }
    }
}
