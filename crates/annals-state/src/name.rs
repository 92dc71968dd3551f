//! Names of databases and tables, parsed once at the edge; code behind the edge takes
//! `&TableName`, never `&str`.
//!
//! A name is stored as it was written and compared *folded* (lower case, as Spark's default
//! does; no Unicode normalisation). Both forms live in one allocation, so a lookup compares bytes
//! and neither parses nor allocates.
//!
//! **Rule:** a name is 1 to [`NAME_BYTES_MAX`] bytes of any text without control characters.
//! Names never become paths, so `..`, `a/b` or `CON` are names like any other.

mod given;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

pub use self::given::{ToDatabaseName, ToTableName};

/// The longest part of a name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 1024;

/// The database that every store begins with, and that a name without a database is in.
pub const DEFAULT_DATABASE: &str = "default";

/// The one catalog that a name of three parts may begin with at this floor.
pub const CATALOG: &str = "annals";

/// Separates the parts inside a folded name. No part can contain it, and it sorts before every
/// character that a part can contain, so that names sort by database first.
const SEPARATOR: char = '\0';

/// A database: Spark's namespace of tables.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseName(Folded);

/// A table and the database it is in, such as `sales.orders`.
///
/// Equality, order and hash see the folded form: `Sales.Orders` equals `sales.orders`.
#[derive(Clone)]
pub struct TableName {
    name: Folded,
    digest: Digest,
}

impl DatabaseName {
    /// Where the database's tables stand in the catalog's map.
    pub(crate) fn digests(&self) -> RangeInclusive<Digest> {
        let database = digest(self.folded());
        Digest { database, table: 0 }..=Digest { database, table: u64::MAX }
    }

    /// Takes `text` as the name itself: dots and backticks are characters like any other.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the text is empty, too long or contains a control character.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_part(text)?;
        Ok(Self(Folded::new(text)))
    }

    /// Parses `db` or `` `odd name` ``, optionally behind the catalog's name.
    ///
    /// # Errors
    ///
    /// [`NameError`] as for [`TableName::parse`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match split(text)?.as_slice() {
            [database] => Self::new(database),
            [catalog, database] => {
                check_catalog(text, catalog)?;
                Self::new(database)
            }
            parts => Err(NameError::TooManyParts { text: shorten(text), parts: parts.len() }),
        }
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        self.0.written()
    }

    /// The form that is compared.
    pub fn folded(&self) -> &str {
        self.0.folded()
    }
}

impl Default for DatabaseName {
    /// The database `default`.
    fn default() -> Self {
        Self(Folded::new(DEFAULT_DATABASE))
    }
}

impl TableName {
    /// Takes `table` as the name itself: dots and backticks are characters like any other.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the text is empty, too long or contains a control character.
    pub fn new(database: &DatabaseName, table: &str) -> Result<Self, NameError> {
        check_part(table)?;
        Ok(Self::joined(database.as_str(), table))
    }

    /// Parses `t`, `db.t` or `annals.db.t`. Any part may stand in backticks, and must if it
    /// contains a dot or a backtick; a backtick inside is written twice. A name without a
    /// database is in `default`.
    ///
    /// # Errors
    ///
    /// [`NameError`] if a part is empty, too long, unclosed, or there are too many.
    ///
    /// # Examples
    ///
    /// ```
    /// use annals_state::TableName;
    ///
    /// assert_eq!(TableName::parse("Orders")?.to_string(), "default.Orders");
    /// assert_eq!(TableName::parse("`my db`.t")?.to_string(), "`my db`.t");
    /// assert_eq!(TableName::parse("SALES.Orders")?, TableName::parse("sales.orders")?);
    /// assert!(TableName::parse("sales.").is_err());
    /// # Ok::<(), annals_state::NameError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::parse_in(text, &DatabaseName::default())
    }

    /// Parses as [`parse`](Self::parse) does; a name without a database is in `current`.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn parse_in(text: &str, current: &DatabaseName) -> Result<Self, NameError> {
        let parts = split(text)?;
        match parts.as_slice() {
            [table] => Self::new(current, table),
            [database, table] => {
                check_part(database)?;
                check_part(table)?;
                Ok(Self::joined(database, table))
            }
            [catalog, database, table] => {
                check_catalog(text, catalog)?;
                Self::new(&DatabaseName::new(database)?, table)
            }
            parts => Err(NameError::TooManyParts { text: shorten(text), parts: parts.len() }),
        }
    }

    /// The parts of a name without backticks, as [`parse`](Self::parse) takes it apart.
    ///
    /// # Errors
    ///
    /// [`NameError`] if a part is empty or a backtick is misplaced.
    pub fn split(text: &str) -> Result<Vec<String>, NameError> {
        Ok(split(text)?.into_iter().map(Cow::into_owned).collect())
    }

    /// The database that the table is in.
    pub fn database(&self) -> DatabaseName {
        let (database, _) = parts(self.name.written());
        DatabaseName(Folded::new(database))
    }

    /// The database's name as it was written in this table's name.
    pub fn database_str(&self) -> &str {
        parts(self.name.written()).0
    }

    /// The table's name as it was written.
    pub fn table_str(&self) -> &str {
        parts(self.name.written()).1
    }

    /// Whether the table is in `database`.
    pub fn is_in(&self, database: &DatabaseName) -> bool {
        parts(self.name.folded()).0 == database.folded()
    }

    /// The table's own name in the form that is compared.
    pub fn table_folded(&self) -> &str {
        parts(self.name.folded()).1
    }

    /// A number that orders names as their folded forms do, by the bytes after the first `common`
    /// ones; names that it does not tell apart are yet to be compared. No name has a zero byte.
    pub(crate) fn order(&self, common: usize) -> u128 {
        let rest = self.name.folded().as_bytes().get(common..).unwrap_or_default();
        let mut first = [0; 16];
        let known = rest.len().min(first.len());
        first[..known].copy_from_slice(&rest[..known]);
        u128::from_be_bytes(first)
    }

    fn joined(database: &str, table: &str) -> Self {
        let mut text = String::with_capacity(database.len() + 1 + table.len());
        text.push_str(database);
        text.push(SEPARATOR);
        text.push_str(table);
        let name = Folded::new(&text);
        Self { digest: Digest::of(name.folded()), name }
    }

    /// Where the name stands in the catalog's map.
    #[inline]
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}

impl PartialEq for TableName {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.name == other.name
    }
}

impl Eq for TableName {}

impl Ord for TableName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl PartialOrd for TableName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for TableName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Splits a joined name; only a joined name has a separator.
fn parts(joined: &str) -> (&str, &str) {
    joined.split_once(SEPARATOR).unwrap_or(("", joined))
}

/// A text with the form it is compared by, in one allocation: the folded form, and behind it the
/// written one where the two differ.
#[derive(Clone)]
struct Folded {
    text: Arc<str>,
    folded_bytes: u32,
}

impl Folded {
    fn new(written: &str) -> Self {
        let folded = fold(written);
        // Two parts of at most NAME_BYTES_MAX each; folding grows a character at most threefold.
        let folded_bytes = u32::try_from(folded.len()).expect("parts are bounded");
        let text = if folded == written { folded.into() } else { (folded + written).into() };
        Self { text, folded_bytes }
    }

    fn folded(&self) -> &str {
        &self.text[..self.folded_bytes as usize]
    }

    fn written(&self) -> &str {
        match &self.text[self.folded_bytes as usize..] {
            "" => &self.text,
            written => written,
        }
    }
}

impl PartialEq for Folded {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let bytes = self.folded_bytes as usize;
        self.folded_bytes == other.folded_bytes
            && (Arc::ptr_eq(&self.text, &other.text)
                || self.text.as_bytes().get(..bytes) == other.text.as_bytes().get(..bytes))
    }
}

impl Eq for Folded {}

impl Ord for Folded {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl PartialOrd for Folded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Folded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

/// Where a name stands in the catalog's map: tables of one database together, within it by a
/// digest of the name. A number is found faster than a text, and copied without counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    database: u64,
    table: u64,
}

impl Ord for Digest {
    /// One wide comparison: a branch on each half would be mispredicted in every search.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let wide = |digest: &Self| u128::from(digest.database) << 64 | u128::from(digest.table);
        wide(self).cmp(&wide(other))
    }
}

impl PartialOrd for Digest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Digest {
    fn of(joined: &str) -> Self {
        let (database, table) = parts(joined);
        Self { database: digest(database), table: digest(table) }
    }
}

/// FNV-1a, then a step that mixes the high bits down. Two texts of one digest are told apart by
/// comparing them, so a collision costs time and nothing else.
fn digest(text: &str) -> u64 {
    #[cfg(test)]
    if text.starts_with("collide") {
        return 7;
    }
    let sum = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    (sum ^ (sum >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

macro_rules! name {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    };
}

name!(DatabaseName);
name!(TableName);

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_part(f, self.as_str())
    }
}

impl fmt::Display for TableName {
    /// Writes the full name so that [`TableName::parse`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_part(f, self.database_str())?;
        f.write_str(".")?;
        write_part(f, self.table_str())
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    if !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_') {
        f.write_str(part)
    } else {
        write!(f, "`{}`", part.replace('`', "``"))
    }
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A part has no characters.
    #[error("the name `{text}` has an empty part; write `table` or `database.table`")]
    Empty {
        /// The whole text, shortened.
        text: String,
    },

    /// A part is longer than a name may be.
    #[error("the name `{text}` is {bytes} bytes long; at most {NAME_BYTES_MAX} are allowed")]
    TooLong {
        /// The part, shortened.
        text: String,
        /// Its length in bytes.
        bytes: usize,
    },

    /// A part contains a control character.
    #[error("the name {text:?} contains the control character {character:?}; remove it")]
    ControlCharacter {
        /// The part, shortened.
        text: String,
        /// The first control character in it.
        character: char,
    },

    /// A part in backticks has no end, or something stands behind its end.
    #[error("the name {text:?} has a misplaced backtick; write a backtick inside a name twice")]
    Backtick {
        /// The whole text, shortened.
        text: String,
    },

    /// White space stands at the edge of a part that is not in backticks.
    #[error("the name {text:?} has white space around a part; put the part in backticks")]
    Space {
        /// The whole text, shortened.
        text: String,
    },

    /// There are more parts than `catalog.database.table`.
    #[error("the name `{text}` has {parts} parts; put a part that contains dots in backticks")]
    TooManyParts {
        /// The whole text, shortened.
        text: String,
        /// How many parts were found.
        parts: usize,
    },

    /// The first of three parts is not this store's catalog.
    #[error("the name `{text}` is in the catalog `{catalog}`; the only one is `{CATALOG}`")]
    UnknownCatalog {
        /// The whole text, shortened.
        text: String,
        /// The catalog asked for.
        catalog: String,
    },
}

fn check_part(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { text: String::new() });
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong { text: shorten(text), bytes: text.len() });
    }
    match text.chars().find(|c| c.is_control()) {
        Some(character) => Err(NameError::ControlCharacter { text: shorten(text), character }),
        None => Ok(()),
    }
}

fn check_catalog(text: &str, catalog: &str) -> Result<(), NameError> {
    if catalog.eq_ignore_ascii_case(CATALOG) {
        Ok(())
    } else {
        Err(NameError::UnknownCatalog { text: shorten(text), catalog: shorten(catalog) })
    }
}

/// Splits at dots outside backticks and takes the backticks off.
fn split(text: &str) -> Result<Vec<Cow<'_, str>>, NameError> {
    let mut parts = Vec::with_capacity(3);
    let mut rest = text;
    loop {
        let (part, behind) = match rest.strip_prefix('`') {
            Some(quoted) => quoted_part(text, quoted)?,
            None => plain_part(text, rest)?,
        };
        if part.is_empty() {
            return Err(NameError::Empty { text: shorten(text) });
        }
        parts.push(part);
        match behind {
            Some(behind) => rest = behind,
            None => return Ok(parts),
        }
    }
}

type Part<'a> = (Cow<'a, str>, Option<&'a str>);

fn plain_part<'a>(text: &str, rest: &'a str) -> Result<Part<'a>, NameError> {
    let (part, behind) = match rest.split_once('.') {
        Some((part, behind)) => (part, Some(behind)),
        None => (rest, None),
    };
    if part.contains('`') {
        return Err(NameError::Backtick { text: shorten(text) });
    }
    // Control characters have an error of their own, which says more.
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_whitespace() && !c.is_control());
    if edge(part.chars().next()) || edge(part.chars().next_back()) {
        return Err(NameError::Space { text: shorten(text) });
    }
    Ok((Cow::Borrowed(part), behind))
}

fn quoted_part<'a>(text: &str, quoted: &'a str) -> Result<Part<'a>, NameError> {
    let misplaced = || NameError::Backtick { text: shorten(text) };
    let mut from = 0;
    loop {
        let end = from + quoted[from..].find('`').ok_or_else(misplaced)?;
        let behind = &quoted[end + 1..];
        if behind.starts_with('`') {
            from = end + 2;
            continue;
        }
        let part = &quoted[..end];
        let part = if part.contains('`') { part.replace("``", "`").into() } else { part.into() };
        return match behind {
            "" => Ok((part, None)),
            _ => Ok((part, Some(behind.strip_prefix('.').ok_or_else(misplaced)?))),
        };
    }
}

/// At most 64 characters of a text, for messages.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(64) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

#[cfg(test)]
mod tests;
