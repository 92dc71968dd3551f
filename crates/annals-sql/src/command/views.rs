//! Views: made, dropped, altered.
//!
//! A view keeps its text, the database that was current, and the columns that its query gave when
//! it was made; whatever its tables become, it goes on giving those columns.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use annals::error::NameError;
use annals::{NewView, Table, TableKind, TableName};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};

use super::rows::Rows;
use super::{Work, no_table, tables};
use crate::error::SqlError;
use crate::keep;
use crate::parse::COMMENT;
use crate::scope::{GLOBAL_TEMP, Named, Scope};
use crate::session::SqlSession;
use crate::statement::{CreateView, Name, QueryText, ViewChange, ViewKind};
use crate::view::{Captured, ViewQuery};

/// `CACHE TABLE v AS SELECT …`: a temporary view.
pub(super) fn cache(session: &SqlSession, name: &Name, query: QueryText) -> Result<Rows, SqlError> {
    let view = CreateView {
        name: name.clone(),
        kind: ViewKind::Temporary,
        replace: false,
        if_not_exists: false,
        columns: Vec::new(),
        comment: None,
        properties: Vec::new(),
        query,
    };
    let scope = session.scope();
    let columns = columns(&scope, &view)?;
    temporary(session, &scope, &view, columns)?;
    Ok(Rows::none())
}

/// The columns that a view is to have, and those that its query gives.
fn columns(scope: &Scope, view: &CreateView) -> Result<Captured, SqlError> {
    let plan = scope.plan((*view.query.query).clone())?;
    let given: Vec<String> = plan.schema().fields().iter().map(|f| f.name().clone()).collect();
    if !view.columns.is_empty() && view.columns.len() != given.len() {
        let named = view.columns.iter().map(|(name, _)| name.clone()).collect();
        let view = view.name.to_string();
        return Err(SqlError::ViewColumns { view, named, given });
    }
    let mut fields = Vec::with_capacity(given.len());
    let mut seen = HashSet::new();
    for (index, field) in plan.schema().fields().iter().enumerate() {
        let named = view.columns.get(index);
        let name = named.map_or(field.name(), |(name, _)| name);
        if !seen.insert(name.to_lowercase()) {
            return Err(SqlError::ColumnTwice { name: name.to_lowercase() });
        }
        let mut new = Field::new(name, field.data_type().clone(), field.is_nullable());
        let mut metadata = field.metadata().clone();
        if let Some((_, comment)) = named {
            metadata.remove(COMMENT);
            if let Some(comment) = comment {
                metadata.insert(COMMENT.to_owned(), comment.clone());
            }
        }
        new.set_metadata(metadata);
        fields.push(new);
    }
    let up_cast = view.kind != ViewKind::Permanent;
    Ok(Captured { given: given.into(), schema: Arc::new(Schema::new(fields)), up_cast })
}

/// Makes a view of the session.
fn temporary(
    session: &SqlSession,
    scope: &Scope,
    view: &CreateView,
    columns: Captured,
) -> Result<(), SqlError> {
    let global = view.kind == ViewKind::GlobalTemporary;
    let name = match &view.name.0[..] {
        [name] => name,
        [database, name] if global && database.eq_ignore_ascii_case(GLOBAL_TEMP) => name,
        [qualifier @ .., name] => {
            let (name, qualifier) = (name.clone(), qualifier.join("."));
            return Err(SqlError::TempQualifier { name, qualifier });
        }
        [] => unreachable!("a name has a part"),
    };
    if name.is_empty() {
        // Nothing could name it: plans have no relation without a name.
        return Err(NameError::Empty { text: String::new() }.into());
    }
    let views = scope.views();
    let there = if global { views.global(name) } else { views.local(name) };
    if there.is_some() && !view.replace {
        return match view.if_not_exists {
            true => Ok(()),
            false => Err(SqlError::TempViewExists { name: name.clone() }),
        };
    }
    let (text, database) = (view.query.text.clone(), scope.database().clone());
    let query = ViewQuery::Text { text, database, columns: Some(Arc::new(columns)) };
    let _ =
        if global { session.set_global_view(name, query) } else { session.set_view(name, query) };
    Ok(())
}

/// The first temporary view that a query names.
fn temporary_in(scope: &Scope, query: &ast::Query) -> Option<String> {
    struct Names<'a>(&'a Scope);
    impl Visitor for Names<'_> {
        type Break = String;

        fn pre_visit_relation(&mut self, name: &ast::ObjectName) -> ControlFlow<String> {
            let parts: Vec<String> =
                name.0.iter().filter_map(|part| part.as_ident()).map(|i| i.value.clone()).collect();
            match self.0.find(&parts) {
                Ok(Named::TempView(name, _)) => ControlFlow::Break(name),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match query.visit(&mut Names(scope)) {
        ControlFlow::Break(name) => Some(name),
        ControlFlow::Continue(()) => None,
    }
}

fn view_text(table: &Table) -> Option<&str> {
    match table.kind() {
        TableKind::View { text } => Some(text),
        _ => None,
    }
}

impl Work<'_> {
    pub(super) fn create_view(&mut self, view: &CreateView) -> Result<(), SqlError> {
        if view.kind != ViewKind::Permanent {
            let columns = columns(&self.scope, view)?;
            return temporary(self.session, &self.scope, view, columns);
        }
        let name = self.name(&view.name)?;
        let database = name.database();
        let there = self.snapshot().database(&database);
        there.map_err(|_| super::databases::missing(&self.scope, &database))?;
        if let Ok(there) = self.snapshot().table(&name) {
            if view.if_not_exists {
                return Ok(());
            }
            if view.replace && view_text(&there).is_none() {
                return Err(SqlError::NotAView {
                    name: there.name().to_string(),
                    temporary: false,
                    operation: "CREATE OR REPLACE VIEW",
                });
            }
        }
        if let Some(temporary) = temporary_in(&self.scope, &view.query.query) {
            return Err(SqlError::TempReference { name: name.to_string(), temporary });
        }
        if view.replace
            && let Some(chain) = circle(&self.scope, &name, &view.query.query)
        {
            return Err(SqlError::ViewCycle { chain });
        }
        let captured = columns(&self.scope, view)?;
        let mut new = self.view(&view.query.text, &captured.schema, &captured.given);
        if let Some(comment) = &view.comment {
            new = new.comment(comment);
        }
        for (key, value) in &view.properties {
            new = new.property(key, value);
        }
        if view.replace {
            new = new.or_replace();
        }
        Ok(self.tx.create_view(&name, new)?)
    }

    fn view(&self, text: &str, schema: &SchemaRef, given: &[String]) -> NewView {
        NewView::new(text)
            .schema(Arc::clone(schema))
            .property(keep::VIEW_DATABASE, self.scope.database().as_str())
            .property(keep::VIEW_COLUMNS, &given.join("\n"))
    }

    pub(super) fn drop_view(&mut self, name: &Name, if_exists: bool) -> Result<(), SqlError> {
        match &name.0[..] {
            [single] if self.session.remove_view(single) => return Ok(()),
            [database, single]
                if database.eq_ignore_ascii_case(GLOBAL_TEMP)
                    && self.session.remove_global_view(single) =>
            {
                return Ok(());
            }
            _ => {}
        }
        let there = self.known(name).map(|full| self.snapshot().table(&full));
        let table = match there {
            Ok(Ok(table)) => table,
            Ok(Err(_)) | Err(SqlError::NoTable { .. }) => {
                return match if_exists {
                    true => Ok(()),
                    false => Err(no_table(&self.scope, name)),
                };
            }
            Err(error) => return Err(error),
        };
        if view_text(&table).is_none() {
            let name = table.name().to_string();
            return Err(SqlError::NotAView { name, temporary: false, operation: "DROP VIEW" });
        }
        Ok(self.tx.drop_table(table.name())?)
    }

    pub(super) fn alter_view(&mut self, name: &Name, change: &ViewChange) -> Result<(), SqlError> {
        let table = match self.scope.find(&name.0)? {
            Named::Table(table) => table,
            Named::TempView(found, _) => {
                let ViewChange::Query(query) = change else {
                    let operation = "ALTER VIEW";
                    return Err(SqlError::NotAView { name: found, temporary: true, operation });
                };
                let global = name.0.len() == 2;
                let kind = if global { ViewKind::GlobalTemporary } else { ViewKind::Temporary };
                return self.create_view(&replacing(name, kind, query));
            }
        };
        if view_text(&table).is_none() {
            let name = table.name().to_string();
            return Err(SqlError::NotAView { name, temporary: false, operation: "ALTER VIEW" });
        }
        let full = table.name().clone();
        match change {
            ViewChange::Query(query) => {
                let mut view = replacing(name, ViewKind::Permanent, query);
                view.comment = table.comment().map(str::to_owned);
                let kept = table.properties().iter().filter(|(key, _)| !key.starts_with(keep::OWN));
                view.properties = kept.map(|(k, v)| (k.to_string(), v.to_string())).collect();
                self.create_view(&view)
            }
            ViewChange::Rename(to) => self.rename(&table, to),
            ViewChange::Set(properties) => {
                Ok(self.tx.set_properties(&full, &tables::setting(properties))?)
            }
            ViewChange::Unset(keys) => {
                Ok(self.tx.set_properties(&full, &tables::unsetting(keys))?)
            }
        }
    }
}

fn replacing(name: &Name, kind: ViewKind, query: &QueryText) -> CreateView {
    CreateView {
        name: name.clone(),
        kind,
        replace: true,
        if_not_exists: false,
        columns: Vec::new(),
        comment: None,
        properties: Vec::new(),
        query: query.clone(),
    }
}

/// The way from a view back to it, if its query names it, directly or by other views.
fn circle(scope: &Scope, view: &TableName, query: &ast::Query) -> Option<Vec<String>> {
    struct Names<'a> {
        scope: &'a Scope,
        view: &'a TableName,
        /// The views that name each other down to the query.
        chain: Vec<String>,
        /// Those that were gone into already: several may name the same.
        seen: &'a mut HashSet<String>,
    }
    impl Visitor for Names<'_> {
        type Break = Vec<String>;

        fn pre_visit_relation(&mut self, name: &ast::ObjectName) -> ControlFlow<Vec<String>> {
            let parts: Vec<String> =
                name.0.iter().filter_map(|part| part.as_ident()).map(|i| i.value.clone()).collect();
            let Ok(Named::Table(table)) = self.scope.find(&parts) else {
                return ControlFlow::Continue(());
            };
            let step = table.name().to_string();
            let chain: Vec<String> = self.chain.iter().cloned().chain([step.clone()]).collect();
            if table.name() == self.view {
                return ControlFlow::Break(chain);
            }
            // Those that lie deeper are refused when the query is planned.
            if chain.len() > crate::view::DEPTH_MAX + 1 || !self.seen.insert(step) {
                return ControlFlow::Continue(());
            }
            let Some(text) = view_text(&table) else { return ControlFlow::Continue(()) };
            let Ok(inner) = crate::parse::parse_query(text) else {
                return ControlFlow::Continue(());
            };
            let (scope, view, seen) = (self.scope, self.view, &mut *self.seen);
            inner.visit(&mut Names { scope, view, chain, seen })
        }
    }
    let (chain, mut seen) = (vec![view.to_string()], HashSet::new());
    match query.visit(&mut Names { scope, view, chain, seen: &mut seen }) {
        ControlFlow::Break(chain) => Some(chain),
        ControlFlow::Continue(()) => None,
    }
}
