//! Which changes of one table go together: written anew from what the guarantees promise, and not
//! from the code that keeps the promise.
//!
//! Both say what two transactions do to one table. Row = mine, column = what was committed since
//! my base. Only what the runs do is here; of a rename the guarantees speak as of a change of the
//! schema, and of a table that was dropped as of one that is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::Key;

/// What a transaction does to a table that was there at its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Append,
    Rows,
    Overwrite,
    Compact,
    Rename,
    Restore,
    Drop,
}

/// What comes of two deeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// Both stand.
    C,
    /// Mine is refused if both are about the same rows.
    S,
    /// Mine is refused, and may be begun again.
    X,
    /// Mine is refused, for what it is about is gone.
    F,
}

/// A row of the matrix, its columns in the order of [`Deed`].
type Row = [Cell; 7];

/// What comes of my deed, where they have done theirs since my base. I am blind if I have read
/// nothing at all.
pub(crate) fn cell(mine: Deed, blind: bool, theirs: Deed) -> Cell {
    use Cell::{C, F, S, X};
    #[rustfmt::skip]
    const ROWS: [(Deed, Row, Row); 7] = [
        //                  blind: append rows overwrite compact rename restore drop; after a read
        (Deed::Append,    [C, C, C, C, X, X, F], [C, C, X, C, X, X, F]),
        (Deed::Rows,      [C, S, X, C, X, X, F], [C, S, X, C, X, X, F]),
        (Deed::Overwrite, [C, C, C, C, X, X, F], [X, X, X, C, X, X, F]),
        (Deed::Compact,   [C, S, X, S, X, X, F], [C, S, X, S, X, X, F]),
        (Deed::Rename,    [X, X, X, C, X, X, F], [X, X, X, C, X, X, F]),
        (Deed::Restore,   [X, X, X, C, X, X, F], [X, X, X, C, X, X, F]),
        (Deed::Drop,      [C, C, C, C, X, X, F], [X, X, X, C, X, X, F]),
    ];
    let (_, of_blind, of_others) =
        ROWS.iter().find(|(deed, ..)| *deed == mine).expect("every deed has its row");
    if blind { of_blind[theirs as usize] } else { of_others[theirs as usize] }
}

/// What comes of having read all rows of a table, where I am serializable and write something.
pub(crate) fn read_cell(theirs: Deed) -> Cell {
    match theirs {
        Deed::Compact => Cell::C,
        _ => Cell::X,
    }
}

/// A table by what it is, and not by what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Id {
    Keys(usize),
    Table(u64),
}

/// What a transaction does, in sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint {
    pub(crate) deeds: BTreeSet<(Id, Deed)>,
    /// The rows that it changes, with the chunk that each is in at the base.
    pub(crate) rows: BTreeMap<Key, usize>,
    /// Keys that it brings.
    pub(crate) inserted: BTreeSet<Key>,
    /// Names that it takes and that were free at the base.
    pub(crate) taken: BTreeSet<&'static str>,
    /// What it has read, own changes left out.
    pub(crate) reads: BTreeSet<Looked>,
    pub(crate) blind: bool,
}

/// What was read at the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Looked {
    /// The rows of a key, there or not.
    Key(Key),
    /// All rows of a table.
    All(Id),
    /// That there is no table of this name.
    Absence(&'static str),
    /// Whether there is a table of this name, and which: a change that was not made has told it.
    /// That the table was moved to another name and back, or restored, changes it too.
    Told(&'static str, Option<Id>),
}
