//! Version clauses: `t VERSION AS OF 3`, `TIMESTAMP AS OF '…'`, `t@v3`.
//!
//! A number is the table's own ordinal, as users of Delta Lake expect: 0 when it was created, one
//! more for each commit to it. A text is a tag of the store. A timestamp leads to the newest
//! version of the store that was committed by then.
//!
//! **Rule:** a clause that is not understood is an error. `DataFusion`'s own planner drops what it
//! does not know, and would return the present.

use std::sync::Arc;

use annals::{At, ReadError, Table, TableKind, Timestamp, TravelError};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, TableFactor, TableVersion,
    Value,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::error::SqlError;
use crate::functions;
use crate::planner::simplified;
use crate::scope::{Named, Scope};

/// Stands in the tokens for a version, so that one clause of the parser takes all forms.
const VERSION_MARK: &str = "__version_as_of";

/// Which state of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Moment {
    /// The table's own ordinal.
    Ordinal(u64),
    /// A tag, or an ordinal written as text.
    Tag(String),
    /// A moment in time.
    Timestamp(Timestamp),
}

impl Moment {
    /// The clause as messages show it.
    fn clause(&self) -> String {
        match self {
            Self::Ordinal(ordinal) => format!("VERSION AS OF {ordinal}"),
            Self::Tag(tag) => format!("VERSION AS OF '{tag}'"),
            Self::Timestamp(timestamp) => format!("TIMESTAMP AS OF '{timestamp}'"),
        }
    }
}

/// Brings all forms of a version clause into the one that the parser knows. To be called on the
/// tokens of a statement before they are parsed.
///
/// `[FOR] (VERSION | SYSTEM_VERSION) AS OF x` and `[FOR] (TIMESTAMP | SYSTEM_TIME) AS OF x`.
pub(crate) fn normalize_version_clauses(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_word = |token: &Token, word: &str| {
        matches!(token, Token::Word(found)
            if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
    };
    // Where each token that is no white space stands.
    let solid: Vec<usize> =
        (0..tokens.len()).filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_))).collect();
    let token = |place: usize| solid.get(place).map(|at| &tokens[*at].token);
    let mut edits: Vec<(usize, usize, Vec<Token>)> = Vec::new();
    let mut place = 0;
    while place < solid.len() {
        let has_for = token(place).is_some_and(|token| is_word(token, "FOR"));
        let begin = place;
        let at = place + usize::from(has_for);
        let is = |offset: usize, word: &str| {
            token(at + offset).is_some_and(|token| is_word(token, word))
        };
        place += 1;
        if !(is(1, "AS") && is(2, "OF")) {
            continue;
        }
        let head = || ["TIMESTAMP", "AS", "OF"].map(word).to_vec();
        if is(0, "VERSION") || is(0, "SYSTEM_VERSION") {
            let is_value = |token: &Token| {
                matches!(
                    token,
                    Token::Number(..) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)
                )
            };
            let Some(value) = token(at + 3).filter(|token| is_value(token)) else { continue };
            let mut new = head();
            new.extend([word(VERSION_MARK), Token::LParen, value.clone(), Token::RParen]);
            edits.push((solid[begin], solid[at + 3], new));
            place = at + 4;
        } else if is(0, "SYSTEM_TIME") || has_for && is(0, "TIMESTAMP") {
            edits.push((solid[begin], solid[at + 2], head()));
            place = at + 3;
        }
    }
    if edits.is_empty() {
        return tokens;
    }
    let mut edited = Vec::with_capacity(tokens.len() + 4 * edits.len());
    let mut edits = edits.into_iter().peekable();
    let mut last = None;
    for (at, token) in tokens.into_iter().enumerate() {
        if let Some((_, _, new)) = edits.next_if(|(first, _, _)| *first == at).inspect(|edit| {
            last = Some(edit.1);
        }) {
            edited.extend(new.into_iter().map(|new| TokenWithSpan::new(new, token.span)));
        }
        if last.is_none_or(|last| at > last) {
            edited.push(token);
        }
    }
    edited
}

fn word(text: &str) -> Token {
    let keyword = match text {
        "TIMESTAMP" => Keyword::TIMESTAMP,
        "AS" => Keyword::AS,
        "OF" => Keyword::OF,
        _ => Keyword::NoKeyword,
    };
    Token::Word(Word { value: text.to_owned(), quote_style: None, keyword })
}

/// Plans what stands in FROM and is more than a name: version clauses and table functions.
/// Refuses what `DataFusion` would leave out without a word.
#[derive(Debug)]
pub(crate) struct Relations {
    scope: Scope,
}

impl Relations {
    pub(crate) fn new(scope: Scope) -> Self {
        Self { scope }
    }

    fn travelled(
        &self,
        name: ObjectName,
        moment: &Moment,
        context: &dyn RelationPlannerContext,
    ) -> Result<LogicalPlanBuilder> {
        let reference = context.object_name_to_table_reference(name)?;
        let parts = reference.to_vec();
        let table = match self.scope.find(&parts)? {
            Named::Table(table) => table,
            Named::TempView(name, _) => {
                return Err(SqlError::Unsupported {
                    what: format!("a version clause on the temporary view {name}"),
                    instead: "put it on the tables that the view names".to_owned(),
                }
                .into());
            }
        };
        let found = table_at(&self.scope, &table, moment)?;
        if matches!(found.kind(), TableKind::View { .. }) {
            // Its text is of then; what it names would be of now.
            return Err(SqlError::Unsupported {
                what: format!("a version clause on the view {}", table.name()),
                instead: "put it on the tables that the view names".to_owned(),
            }
            .into());
        }
        let provider = crate::view::provider(&self.scope, found)?;
        LogicalPlanBuilder::scan(reference, provider_as_source(provider), None)
    }

    fn moment(
        &self,
        version: TableVersion,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Moment> {
        let clause = version.to_string();
        let unclear = |reason: &str| SqlError::VersionClause {
            clause: clause.clone(),
            reason: reason.to_owned(),
        };
        match version {
            TableVersion::VersionAsOf(expr) => {
                version_of(&expr).ok_or_else(|| unclear("write a number or a tag in quotes").into())
            }
            TableVersion::TimestampAsOf(expr) | TableVersion::ForSystemTimeAsOf(expr) => {
                if marked_version(&expr).is_none() && expr.to_string().contains(VERSION_MARK) {
                    let clause = format!("VERSION AS OF {expr}");
                    let clause =
                        clause.replace(&format!("{VERSION_MARK}("), "").replacen(')', "", 1);
                    let reason = "write a number or a tag in quotes, and nothing more".to_owned();
                    return Err(SqlError::VersionClause { clause, reason }.into());
                }
                if let Some(marked) = marked_version(&expr) {
                    let found = version_of(marked);
                    return found.ok_or_else(|| {
                        let clause = format!("VERSION AS OF {marked}");
                        let reason = "write a number or a tag in quotes".to_owned();
                        SqlError::VersionClause { clause, reason }.into()
                    });
                }
                let expr = context.sql_to_expr(expr, &DFSchema::empty())?;
                Ok(Moment::Timestamp(timestamp_of(&self.scope, expr, &clause)?))
            }
            _ => Err(unclear("write VERSION AS OF or TIMESTAMP AS OF").into()),
        }
    }
}

impl RelationPlanner for Relations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let original = |relation| Ok(RelationPlanning::Original(Box::new(relation)));
        let TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
        } = relation
        else {
            return original(relation);
        };
        let refused = [
            (sample.is_some(), "TABLESAMPLE"),
            (!with_hints.is_empty() || !index_hints.is_empty(), "a hint on a table"),
            (!partitions.is_empty(), "a PARTITION clause on a table"),
            (json_path.is_some(), "a path behind a table"),
            (with_ordinality, "WITH ORDINALITY"),
            (args.is_some() && version.is_some(), "a version clause on a table function"),
        ];
        if let Some((_, what)) = refused.into_iter().find(|(there, _)| *there) {
            let instead = "leave it out".to_owned();
            return Err(SqlError::Unsupported { what: what.to_owned(), instead }.into());
        }
        let (name, at_sign) = match (&args, &version) {
            (None, None) => split_at_sign(name)?,
            _ => (name, None),
        };
        let planned = if let Some(version) = version {
            let moment = self.moment(version, context)?;
            self.travelled(name, &moment, context)?
        } else if let Some(moment) = at_sign {
            self.travelled(name, &moment, context)?
        } else if let Some(args) = &args
            && let Some(function) = functions::find(&name)
        {
            let mut values = Vec::with_capacity(args.args.len());
            for arg in &args.args {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else {
                    return Err(function.wrong(format!("the argument {arg}")).into());
                };
                let expr = context.sql_to_expr(expr.clone(), &DFSchema::empty())?;
                values.push(simplified(self.scope.state(), expr)?);
            }
            let provider = function.call(&self.scope, &values)?;
            let named = TableReference::bare(function.name());
            LogicalPlanBuilder::scan(named, provider_as_source(provider), None)?
        } else {
            return original(TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version: None,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            });
        };
        let planned = PlannedRelation::new(planned.build()?, alias);
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}

/// The moment that the clause of a command says.
pub(crate) fn moment_of(scope: &Scope, version: &TableVersion) -> Result<Moment, SqlError> {
    let clause = version.to_string();
    let unclear = |reason: &str| SqlError::VersionClause {
        clause: clause.clone(),
        reason: reason.to_owned(),
    };
    let TableVersion::TimestampAsOf(expr) = version else {
        return Err(unclear("write VERSION AS OF or TIMESTAMP AS OF"));
    };
    if let Some(marked) = marked_version(expr) {
        return version_of(marked).ok_or_else(|| unclear("write a number or a tag in quotes"));
    }
    let expr = scope.expression(expr.clone(), &DFSchema::empty())?;
    Ok(Moment::Timestamp(timestamp_of(scope, expr, &clause)?))
}

/// The value that [`normalize_version_clauses`] has marked.
fn marked_version(expr: &ast::Expr) -> Option<&ast::Expr> {
    let ast::Expr::Function(function) = expr else { return None };
    if function.name.to_string() != VERSION_MARK {
        return None;
    }
    match &function.args {
        FunctionArguments::List(list) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] => Some(value),
            _ => None,
        },
        _ => None,
    }
}

fn version_of(expr: &ast::Expr) -> Option<Moment> {
    let ast::Expr::Value(value) = expr else { return None };
    match &value.value {
        Value::Number(number, _) => number.parse().ok().map(Moment::Ordinal),
        Value::SingleQuotedString(tag) | Value::DoubleQuotedString(tag) => {
            Some(Moment::Tag(tag.clone()))
        }
        _ => None,
    }
}

/// Takes `@v3`, or `@20240131093000000`, off a name that is not in quotes.
pub(crate) fn split_at_sign(
    mut name: ObjectName,
) -> Result<(ObjectName, Option<Moment>), SqlError> {
    let last = name.0.last().and_then(|part| part.as_ident());
    let Some(ident) = last.filter(|ident| ident.quote_style.is_none()) else {
        return Ok((name, None));
    };
    let Some((table, at)) = ident.value.split_once('@') else { return Ok((name, None)) };
    let unclear = || SqlError::VersionClause {
        clause: format!("{table}@{at}"),
        reason: "write `@v` and a number, or `@` and a time as yyyyMMddHHmmssSSS".to_owned(),
    };
    let moment = match at.strip_prefix(['v', 'V']) {
        Some(number) => number.parse().ok().map(Moment::Ordinal),
        None => compact_timestamp(at).map(Moment::Timestamp),
    };
    let moment = moment.ok_or_else(unclear)?;
    let table = ast::Ident { value: table.to_owned(), ..ident.clone() };
    if let Some(part) = name.0.last_mut() {
        *part = ast::ObjectNamePart::Identifier(table);
    }
    Ok((name, Some(moment)))
}

/// A time as Delta Lake writes it behind a table's name: yyyyMMddHHmmssSSS, in UTC.
fn compact_timestamp(text: &str) -> Option<Timestamp> {
    if text.len() != 17 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let spaced = format!(
        "{}-{}-{}T{}:{}:{}.{}",
        &text[..4],
        &text[4..6],
        &text[6..8],
        &text[8..10],
        &text[10..12],
        &text[12..14],
        &text[14..]
    );
    datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(&spaced)
        .ok()
        .map(|nanos| Timestamp(nanos.div_euclid(1000)))
}

/// The moment that an expression without columns says.
pub(crate) fn timestamp_of(scope: &Scope, expr: Expr, clause: &str) -> Result<Timestamp, SqlError> {
    let unclear = |reason: &str| SqlError::VersionClause {
        clause: clause.to_owned(),
        reason: reason.to_owned(),
    };
    let Expr::Literal(value, _) = simplified(scope.state(), expr)? else {
        return Err(unclear("write a time that is known before the query runs"));
    };
    if value.is_null() {
        return Err(unclear("the time is null"));
    }
    let array = value.to_array()?;
    let options = CastOptions { safe: false, ..CastOptions::default() };
    // A time without a zone is one of the session's.
    let zone = scope.state().config_options().execution.time_zone.clone();
    let zone: Arc<str> = zone.map_or_else(|| "+00:00".into(), Into::into);
    let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some(zone));
    let castable = matches!(
        array.data_type(),
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Date32
            | DataType::Date64
            | DataType::Timestamp(..)
    );
    if !castable {
        return Err(unclear("write a timestamp, a date, or a text that is one"));
    }
    let cast = cast_with_options(&array, &zoned, &options);
    let cast = cast.map_err(|_| unclear("the text is no timestamp"))?;
    Ok(Timestamp(cast.as_primitive::<TimestampMicrosecondType>().value(0)))
}

/// A table in an older state, or itself. Never newer than what the statement sees.
///
/// By a number, the state of that ordinal. By a tag or a time, the same table in that version,
/// under whatever name it had; if it was not there yet, the table that had its name then.
///
/// # Errors
///
/// [`SqlError::Travel`] and [`SqlError::NotThereThen`].
pub(crate) fn table_at(scope: &Scope, table: &Table, moment: &Moment) -> Result<Table, SqlError> {
    let travel = |source| SqlError::Travel {
        table: table.name().to_string(),
        asked: moment.clause(),
        source,
    };
    let by_ordinal = |ordinal| match ordinal == table.ordinal() {
        true => Ok(table.clone()),
        false => scope.store().state_of(table, ordinal),
    };
    let at = match moment {
        Moment::Ordinal(ordinal) => return by_ordinal(*ordinal).map_err(travel),
        Moment::Timestamp(timestamp) => At::Timestamp(*timestamp),
        Moment::Tag(tag) => At::Tag(tag.as_str().into()),
    };
    let then = match (scope.store().at(at), moment) {
        (Err(TravelError::NoTag { tag }), Moment::Tag(text)) => {
            // Some write numbers as text; a tag of that name comes first.
            let Ok(ordinal) = text.parse() else { return Err(travel(TravelError::NoTag { tag })) };
            return by_ordinal(ordinal).map_err(travel);
        }
        (then, _) => then.map_err(travel)?,
    };
    // What was committed since the statement began is not seen by it.
    if then.version() >= scope.snapshot().version() {
        return Ok(table.clone());
    }
    if let Some(found) = then.same_table(table) {
        return Ok(found);
    }
    then.table(table.name()).map_err(|error| match error {
        ReadError::Catalog { version, .. } => SqlError::NotThereThen {
            table: table.name().to_string(),
            asked: moment.clause(),
            version,
        },
        error => error.into(),
    })
}
