//! Saves, in every mode and with every option.

use annals::{Matching, Missing, SaveMode};

use super::conditions::{bind, holds, matching};
use super::draft::{Cells, Draft, NewRow, RowChange, parse};
use super::fit::{self, Refusal, Rules, refuse};
use super::rows::{cells_of, cut};
use super::step::{Batch, Save, Where};
use super::world::{Key, State, What, key_of};

impl Draft<'_> {
    /// A save. Returns its outcome and how many rows were written.
    pub fn save(&mut self, save: &Save) -> Result<String, Refusal> {
        if save.insert && save.mode == SaveMode::Ignore {
            return refuse("Options");
        }
        let name = parse(save.name)?;
        let Some(rows) = &save.rows else { return refuse("NoSchema") };
        let mode = match save.mode {
            SaveMode::ErrorIfExists if save.insert => SaveMode::Append,
            mode => mode,
        };
        if save.replace_where.is_some() && mode != SaveMode::Overwrite {
            return refuse("Options");
        }
        if save.merge_schema && save.overwrite_schema == Some(true) {
            return refuse("Options");
        }
        let key = key_of(&name);
        let count = rows.rows.len();
        let Some(table) = self.world.tables.get(&key) else {
            if save.insert {
                self.require_name(&name)?;
            }
            self.save_new(save, rows, &name, mode)?;
            return Ok(format!("Created, {count} rows"));
        };
        let is_view = table.state.is_view();
        match mode {
            SaveMode::Ignore => Ok("Skipped, 0 rows".to_owned()),
            SaveMode::ErrorIfExists => refuse("Catalog.TableExists"),
            SaveMode::Append if is_view => refuse("Catalog.IsView"),
            SaveMode::Append => {
                self.append(save, rows, &key)?;
                Ok(format!("Appended, {count} rows"))
            }
            SaveMode::Overwrite if is_view && (save.insert || save.replace_where.is_some()) => {
                refuse("Catalog.IsView")
            }
            SaveMode::Overwrite => match &save.replace_where {
                Some(predicate) => {
                    self.replace_where(save, rows, &key, predicate)?;
                    Ok(format!("ReplacedWhere, {count} rows"))
                }
                None => {
                    self.overwrite(save, rows, &key)?;
                    Ok(format!("Overwritten, {count} rows"))
                }
            },
        }
    }

    fn save_new(
        &mut self,
        save: &Save,
        rows: &Batch,
        name: &(String, String),
        mode: SaveMode,
    ) -> Result<(), Refusal> {
        if !self.makes_databases && !self.world.databases.contains_key(&key_of(name).0) {
            return refuse("Catalog.NoDatabase");
        }
        let columns = fit::made(rows, &[], &mut 0)?;
        let by = save.partition_by.as_deref().unwrap_or_default();
        let partition_by = fit::partition_ids(&columns, by)?;
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let state = State {
            what: if save.external { What::External("x".to_owned()) } else { What::Managed },
            columns,
            rows: Vec::new(),
            comment: save.comment.map(str::to_owned),
            properties: save.property.map(own).into_iter().collect(),
            partition_by,
        };
        let cells: Vec<Cells> = rows.rows.iter().map(|row| cells_of(&state.columns, row)).collect();
        if let Some(predicate) = &save.replace_where {
            refuse_outside(&state, predicate, &cells)?;
        }
        self.provide_database(&name.0)?;
        let chunks = cut(&state, vec![cells.into_iter().map(NewRow::New).collect()]);
        let label = format!("CreateTable {mode}");
        self.create(name, state, &label, chunks)
    }

    fn rules(save: &Save) -> Rules {
        Rules {
            matching: if save.insert { Matching::ByPosition } else { save.matching },
            casts: save.casts,
            missing: if save.merge_schema { Missing::FillNull } else { save.missing },
            merge: save.merge_schema,
        }
    }

    fn append(&mut self, save: &Save, rows: &Batch, key: &Key) -> Result<(), Refusal> {
        let mut state = self.state(key);
        refuse_other_partitioning(save, &state)?;
        let change = match self.given_change(key)? {
            Some(change) => change,
            None => {
                let mut next = self.marks(key).next_column;
                let fit = fit::fit(rows, &state, Self::rules(save), &mut next)?;
                let fitted = fit.apply(rows)?;
                let inserted = fitted.iter().map(|row| cells_of(&fit.columns, row)).collect();
                let altered = fit.columns.into_iter().filter(|c| !state.columns.contains(c));
                RowChange { inserted, altered: altered.collect(), ..RowChange::default() }
            }
        };
        for column in change.altered.iter().cloned() {
            let next = &mut self.marks(key).next_column;
            *next = (*next).max(column.id + 1);
            let taken = state.find(&column.name).is_some();
            match state.columns.iter_mut().find(|there| there.id == column.id) {
                Some(there) => there.kind = column.kind,
                None if taken => return refuse("Schema.DuplicateNames"),
                None => state.columns.push(column),
            }
        }
        patch(save, &mut state);
        let came = change.inserted.len() as u64;
        self.decided.push(change.clone());
        let chunks = cut(&state, vec![change.inserted.into_iter().map(NewRow::New).collect()]);
        self.add_rows(key, &mut state, chunks);
        self.put(key, state);
        self.note_table("Append", key, [came, 0, 0]);
        Ok(())
    }

    fn overwrite(&mut self, save: &Save, rows: &Batch, key: &Key) -> Result<(), Refusal> {
        let mut state = self.state(key);
        let mut next = self.marks(key).next_column;
        let keeps_columns =
            save.overwrite_schema == Some(false) || save.merge_schema || save.insert;
        let fitted = if keeps_columns && !state.is_view() {
            let fit = fit::fit(rows, &state, Self::rules(save), &mut next)?;
            state.columns = fit.columns.clone();
            Ok(fit)
        } else {
            state.columns = fit::made(rows, &state.columns, &mut next)?;
            Err(rows.rows.clone())
        };
        state.partition_by = match &save.partition_by {
            Some(by) => fit::partition_ids(&state.columns, by)?,
            None => {
                let before = self.state(key).partition_columns();
                fit::partition_ids(&state.columns, &before).unwrap_or_default()
            }
        };
        let fitted = match fitted {
            Ok(fit) => fit.apply(rows)?,
            Err(rows) => rows,
        };
        self.marks(key).next_column = next;
        state.what = match (&state.what, save.external) {
            (_, true) => What::External("x".to_owned()),
            (What::View(_), false) => What::Managed,
            (what, false) => what.clone(),
        };
        patch(save, &mut state);
        let gone = state.rows.len() as u64;
        state.rows.clear();
        let cells = fitted.iter().map(|row| NewRow::New(cells_of(&state.columns, row))).collect();
        let chunks = cut(&state, vec![cells]);
        self.add_rows(key, &mut state, chunks);
        let came = state.rows.len() as u64;
        self.put(key, state);
        self.note_table("Overwrite", key, [came, gone, 0]);
        Ok(())
    }

    fn replace_where(
        &mut self,
        save: &Save,
        rows: &Batch,
        key: &Key,
        predicate: &Where,
    ) -> Result<(), Refusal> {
        if save.merge_schema || save.overwrite_schema == Some(true) {
            return refuse("Options");
        }
        let state = self.state(key);
        refuse_other_partitioning(save, &state)?;
        let change = match self.given_change(key)? {
            Some(change) => change,
            None => {
                let fit = fit::fit(rows, &state, Self::rules(save), &mut 0)?;
                bind(&state, predicate, "Predicate")?;
                let fitted = fit.apply(rows)?;
                let inserted: Vec<Cells> =
                    fitted.iter().map(|row| cells_of(&state.columns, row)).collect();
                refuse_outside(&state, predicate, &inserted)?;
                let removed = matching(&state, Some(predicate)).map(|row| row.id).collect();
                RowChange { removed, inserted, ..RowChange::default() }
            }
        };
        self.change_rows(key, change, "ReplaceWhere")?;
        if save.property.is_some() || save.comment.is_some() {
            let mut state = self.state(key);
            patch(save, &mut state);
            self.put(key, state);
            self.note_table("SetProperties", key, [0; 3]);
        }
        Ok(())
    }
}

fn patch(save: &Save, state: &mut State) {
    if let Some(comment) = save.comment {
        state.comment = Some(comment.to_owned());
    }
    if let Some((key, value)) = save.property {
        state.properties.insert(key.to_owned(), value.to_owned());
    }
}

fn refuse_other_partitioning(save: &Save, state: &State) -> Result<(), Refusal> {
    let Some(asked) = &save.partition_by else { return Ok(()) };
    let same = asked.iter().map(|name| super::world::fold(name));
    match same.eq(state.partition_columns().iter().map(|name| super::world::fold(name))) {
        true => Ok(()),
        false => refuse("Catalog.OtherPartitioning"),
    }
}

fn refuse_outside(state: &State, predicate: &Where, rows: &[Cells]) -> Result<(), Refusal> {
    bind(state, predicate, "Predicate")?;
    match rows.iter().all(|cells| holds(state, predicate, cells) == Some(true)) {
        true => Ok(()),
        false => refuse("OutsideReplaceWhere"),
    }
}
