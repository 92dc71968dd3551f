//! The rules on columns: which rows go into which table, as what; and how columns are altered.

use annals::{CastPolicy, Matching, Missing};

use super::step::{Alter, Batch};
use super::world::{Cell, Column, Kind, State, Value, fold};

/// The name of an error's variant, such as `Catalog.NoTable`.
pub type Refusal = String;

/// Refuses.
pub fn refuse<T>(why: &str) -> Result<T, Refusal> {
    Err(why.to_owned())
}

/// How rows may differ from their table.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How columns find each other.
    pub matching: Matching,
    /// What may be converted.
    pub casts: CastPolicy,
    /// What becomes of columns that the rows lack.
    pub missing: Missing,
    /// Whether columns are added and widened.
    pub merge: bool,
}

/// How the columns of rows go into those of a table.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The table's columns from now on.
    pub columns: Vec<Column>,
    /// For each the place that its values come from, if any.
    pub sources: Vec<Option<usize>>,
}

/// Refuses names that differ in case only.
pub fn refuse_duplicates<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let mut folded: Vec<String> = names.map(fold).collect();
    let count = folded.len();
    folded.sort_unstable();
    folded.dedup();
    if folded.len() == count { Ok(()) } else { refuse("Schema.DuplicateNames") }
}

/// How strict a policy must be at most for values to go from one type to another.
fn needs(from: Kind, to: Kind) -> Option<CastPolicy> {
    match (from, to) {
        _ if from == to => Some(CastPolicy::Exact),
        (Kind::Small, Kind::Int) => Some(CastPolicy::Lossless),
        (Kind::Int, Kind::Small) | (_, Kind::Text) => Some(CastPolicy::Ansi),
        (Kind::Text, _) => None,
        (Kind::Int | Kind::Small, _) => None,
    }
}

/// Plans how rows go into a table. `next` is the table's next column id.
pub fn fit(rows: &Batch, table: &State, rules: Rules, next: &mut u64) -> Result<Fit, Refusal> {
    let same = rows.columns.len() == table.columns.len()
        && rows.columns.iter().zip(&table.columns).all(|((name, kind), column)| {
            column.name == *name
                && column.kind == *kind
                && column.nullable
                && column.comment.is_none()
        });
    if same {
        let sources = (0..table.columns.len()).map(Some).collect();
        return Ok(Fit { columns: table.columns.clone(), sources });
    }
    let mut sources: Vec<Option<usize>> = vec![None; table.columns.len()];
    let mut extra = Vec::new();
    match rules.matching {
        Matching::ByName => {
            refuse_duplicates(rows.columns.iter().map(|(name, _)| *name))?;
            for (from, (name, _)) in rows.columns.iter().enumerate() {
                match table.find(name) {
                    Some(at) => sources[at] = Some(from),
                    None => extra.push(from),
                }
            }
        }
        Matching::ByPosition => {
            let (came, has) = (rows.columns.len(), table.columns.len());
            if (came > has && !rules.merge) || (came < has && rules.missing == Missing::Refuse) {
                return refuse("Schema.ColumnCount");
            }
            sources = (0..has).map(|at| (at < came).then_some(at)).collect();
            extra = (has..came).collect();
        }
    }
    let mut columns = table.columns.clone();
    let (mut lacking, mut nothing, mut mismatch) = (false, false, false);
    for (column, source) in columns.iter_mut().zip(&sources) {
        let Some(from) = source else {
            match rules.missing {
                Missing::Refuse => lacking = true,
                Missing::FillNull => nothing |= !column.nullable,
            }
            continue;
        };
        let kind = rows.columns[*from].1;
        match needs(kind, column.kind) {
            Some(policy) if policy <= rules.casts.min(CastPolicy::Lossless) => {}
            _ if rules.merge && (kind, column.kind) == (Kind::Int, Kind::Small) => {
                column.kind = Kind::Int;
            }
            Some(policy) if policy <= rules.casts => {}
            _ => mismatch = true,
        }
    }
    if lacking || (!rules.merge && !extra.is_empty()) {
        return refuse("Schema.Columns");
    }
    if nothing {
        return refuse("Schema.NothingForNotNull");
    }
    if mismatch {
        return refuse("Schema.Types");
    }
    for from in extra {
        let (name, kind) = rows.columns[from];
        let (id, name, comment) = (*next, name.to_owned(), None);
        columns.push(Column { id, name, kind, nullable: true, comment });
        sources.push(Some(from));
        *next += 1;
    }
    refuse_duplicates(columns.iter().map(|column| column.name.as_str()))?;
    Ok(Fit { columns, sources })
}

impl Fit {
    /// The values of a batch, as the table is to have them.
    pub fn apply(&self, rows: &Batch) -> Result<Vec<Vec<Cell>>, Refusal> {
        let mut fitted: Vec<Vec<Cell>> = vec![Vec::new(); rows.rows.len()];
        for (column, source) in self.columns.iter().zip(&self.sources) {
            for (row, fitted) in rows.rows.iter().zip(&mut fitted) {
                let cell = source.and_then(|from| row[from].clone());
                fitted.push(cell.map(|value| converted(value, column.kind)).transpose()?);
            }
        }
        refuse_nulls(&self.columns, &fitted)?;
        Ok(fitted)
    }
}

/// Refuses nulls where there must be none.
pub fn refuse_nulls(columns: &[Column], rows: &[Vec<Cell>]) -> Result<(), Refusal> {
    for (at, column) in columns.iter().enumerate() {
        if !column.nullable && rows.iter().any(|row| row[at].is_none()) {
            return refuse("Schema.Null");
        }
    }
    Ok(())
}

fn converted(value: Value, to: Kind) -> Result<Value, Refusal> {
    match (value, to) {
        (Value::Int(value), Kind::Small) if i32::try_from(value).is_err() => {
            refuse("Schema.Overflow")
        }
        (Value::Int(value), Kind::Text) => Ok(Value::Text(value.to_string())),
        (value, _) => Ok(value),
    }
}

/// Whether a value goes into a column of an update: as it is, or because nothing is lost.
pub fn takes(kind: Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Small, Value::Int(value)) => i32::try_from(*value).is_ok(),
        (Kind::Int, Value::Int(_)) | (Kind::Text, Value::Text(_)) => true,
        _ => false,
    }
}

/// Whether every value of one type is one of another.
pub fn is_lossless(from: Kind, to: Kind) -> bool {
    needs(from, to).is_some_and(|policy| policy <= CastPolicy::Lossless)
}

/// The columns of a table that is made from rows, or made anew from them where `now` are those
/// that it has. What is written here can be null, so whether that is kept makes no difference.
pub fn made(rows: &Batch, now: &[Column], next: &mut u64) -> Result<Vec<Column>, Refusal> {
    refuse_duplicates(rows.columns.iter().map(|(name, _)| *name))?;
    let column = |(name, kind): &(&str, Kind)| {
        let same = now.iter().find(|column| fold(&column.name) == fold(name));
        let id = same.map_or_else(
            || {
                *next += 1;
                *next - 1
            },
            |column| column.id,
        );
        Column { id, name: (*name).to_owned(), kind: *kind, nullable: true, comment: None }
    };
    Ok(rows.columns.iter().map(column).collect())
}

/// The ids of the columns to divide rows by.
pub fn partition_ids<S: AsRef<str>>(columns: &[Column], by: &[S]) -> Result<Vec<u64>, Refusal> {
    let mut ids = Vec::new();
    for name in by {
        let found = columns.iter().find(|column| fold(&column.name) == fold(name.as_ref()));
        match found {
            Some(column) if !ids.contains(&column.id) => ids.push(column.id),
            _ => return refuse("Catalog.CannotPartition"),
        }
    }
    if !ids.is_empty() && ids.len() == columns.len() {
        return refuse("Catalog.CannotPartition");
    }
    Ok(ids)
}

/// Alters columns.
pub fn alter(state: &mut State, alteration: &Alter, next: &mut u64) -> Result<(), Refusal> {
    let find = |state: &State, name: &str| match state.find(name) {
        Some(at) => Ok(at),
        None => refuse("Schema.NoSuchColumn"),
    };
    match alteration {
        Alter::Add(name, kind, nullable) => {
            if !nullable {
                return refuse("Schema.AddedNotNull");
            }
            if state.find(name).is_some() {
                return refuse("Schema.ColumnExists");
            }
            let (name, comment) = ((*name).to_owned(), None);
            let column = Column { id: *next, name, kind: *kind, nullable: true, comment };
            state.columns.push(column);
            *next += 1;
        }
        Alter::Rename(from, to) => {
            let at = find(state, from)?;
            if state.find(to).is_some_and(|there| there != at) {
                return refuse("Schema.ColumnExists");
            }
            state.columns[at].name = (*to).to_owned();
        }
        Alter::Drop(names) => {
            let kept = state.partition_columns();
            if names.iter().any(|name| kept.iter().any(|kept| fold(kept) == fold(name))) {
                return refuse("Catalog.PartitionColumn");
            }
            let places: Result<Vec<usize>, _> =
                names.iter().map(|name| find(state, name)).collect();
            let places = places?;
            if places.len() >= state.columns.len()
                && (0..state.columns.len()).all(|at| places.contains(&at))
            {
                return refuse("Schema.LastColumn");
            }
            let mut at = 0;
            state.columns.retain(|_| {
                at += 1;
                !places.contains(&(at - 1))
            });
        }
        Alter::Widen(name, to) => {
            let at = find(state, name)?;
            if !is_lossless(state.columns[at].kind, *to) {
                return refuse("Schema.NotWider");
            }
            state.columns[at].kind = *to;
        }
        Alter::SetNullable(name) => {
            let at = find(state, name)?;
            state.columns[at].nullable = true;
        }
        Alter::Comment(name, comment) => {
            let at = find(state, name)?;
            state.columns[at].comment = comment.map(str::to_owned);
        }
    }
    Ok(())
}
