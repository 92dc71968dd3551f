//! Databases: made, dropped, changed, chosen.

use annals::error::NameError;
use annals::{DatabaseName, NewDatabase, PropertyPatch};

use super::rows::Rows;
use super::{Work, tables};
use crate::error::SqlError;
use crate::scope::{GLOBAL_TEMP, Scope};
use crate::session::SqlSession;
use crate::statement::{Command, DatabaseChange, Name};

/// The property that a location is recorded as.
pub(super) const LOCATION: &str = "location";

/// The name of a database that is to be there: `db` or `catalog.db`. No database's name is without
/// letters.
pub(super) fn database_name(
    scope: &Scope,
    catalog: &str,
    name: &Name,
) -> Result<DatabaseName, SqlError> {
    new_database_name(scope, catalog, name).map_err(|error| match error {
        SqlError::Name(NameError::Empty { .. }) => scope.no_database(&name.to_string()),
        error => error,
    })
}

/// The name of a database that is to be made.
fn new_database_name(scope: &Scope, catalog: &str, name: &Name) -> Result<DatabaseName, SqlError> {
    match &name.0[..] {
        [database] => Ok(DatabaseName::new(database)?),
        [first, database] if first.eq_ignore_ascii_case(catalog) => {
            Ok(DatabaseName::new(database)?)
        }
        parts => Err(scope.no_database(&parts.join("."))),
    }
}

pub(super) fn missing(scope: &Scope, name: &DatabaseName) -> SqlError {
    scope.no_database(name.as_str())
}

pub(super) fn choose(session: &SqlSession, name: &Name, database: bool) -> Result<Rows, SqlError> {
    let scope = session.scope();
    if let [catalog] = &name.0[..]
        && !database
        && catalog.eq_ignore_ascii_case(session.catalog())
    {
        session.set_database(DatabaseName::default());
        return Ok(Rows::none());
    }
    let name = database_name(&scope, session.catalog(), name)?;
    if name.folded() == GLOBAL_TEMP {
        return Err(SqlError::ReservedDatabase { name: name.as_str().to_owned() });
    }
    scope.snapshot().database(&name).map_err(|_| missing(&scope, &name))?;
    session.set_database(name);
    Ok(Rows::none())
}

pub(super) fn choose_catalog(session: &SqlSession, name: &str) -> Result<Rows, SqlError> {
    if name.eq_ignore_ascii_case(session.catalog()) {
        return Ok(Rows::none());
    }
    let expected = session.catalog().to_owned();
    Err(SqlError::NoCatalog { name: name.to_owned(), expected })
}

impl Work<'_> {
    pub(super) fn database_name(&self, name: &Name) -> Result<DatabaseName, SqlError> {
        database_name(&self.scope, self.session.catalog(), name)
    }

    pub(super) fn database(&mut self, command: &Command) -> Result<(), SqlError> {
        match command {
            Command::CreateDatabase { name, if_not_exists, comment, location, properties } => {
                let name = new_database_name(&self.scope, self.session.catalog(), name)?;
                if name.folded() == GLOBAL_TEMP {
                    return Err(SqlError::ReservedDatabase { name: name.as_str().to_owned() });
                }
                let mut new = NewDatabase::new(crate::statement::quoted(name.as_str()));
                if *if_not_exists {
                    new = new.if_not_exists();
                }
                if let Some(comment) = comment {
                    new = new.comment(comment);
                }
                if let Some(location) = location {
                    new = new.property(LOCATION, location);
                }
                for (key, value) in properties {
                    new = new.property(key, value);
                }
                Ok(self.tx.create_database(new)?)
            }
            Command::DropDatabase { name, if_exists, cascade } => {
                let name = self.database_name(name)?;
                if self.snapshot().database(&name).is_err() {
                    return match if_exists {
                        true => Ok(()),
                        false => Err(missing(&self.scope, &name)),
                    };
                }
                match cascade {
                    true => self.tx.drop_database_cascade(&name)?,
                    false => self.tx.drop_database(&name)?,
                }
                Ok(())
            }
            Command::AlterDatabase { name, change } => {
                let name = self.database_name(name)?;
                let patch = match change {
                    DatabaseChange::Set(properties) => tables::setting(properties),
                    DatabaseChange::Unset(keys) => tables::unsetting(keys),
                    DatabaseChange::Location(at) => PropertyPatch::new().with(LOCATION, at),
                };
                self.alter_database(&name, &patch)
            }
            other => unreachable!("{other:?} is about no database"),
        }
    }

    fn alter_database(
        &mut self,
        name: &DatabaseName,
        patch: &PropertyPatch,
    ) -> Result<(), SqlError> {
        self.snapshot().database(name).map_err(|_| missing(&self.scope, name))?;
        Ok(self.tx.alter_database(name, patch)?)
    }

    pub(super) fn comment(
        &mut self,
        database: bool,
        name: &Name,
        comment: Option<&str>,
    ) -> Result<(), SqlError> {
        let patch = PropertyPatch::new();
        let patch = match comment {
            Some(comment) => patch.with_comment(comment),
            None => patch.without_comment(),
        };
        if database {
            let name = self.database_name(name)?;
            return self.alter_database(&name, &patch);
        }
        let table = self.target(name, "COMMENT ON TABLE")?;
        Ok(self.tx.set_properties(table.name(), &patch)?)
    }
}
