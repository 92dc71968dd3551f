//! `INSERT`, `DELETE`, `UPDATE` and `MERGE`.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::error::ParseError;
use super::grammar::Grammar;
use crate::statement::{
    Assignment, Command, Insert, InsertReplace, Merge, MergeAction, MergeClause, MergeWhen, Name,
};

impl Grammar<'_> {
    pub(super) fn insert(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        let overwrite = self.expect_one(&["INTO", "OVERWRITE"])? == "OVERWRITE";
        if self.sees(&["TABLE"]) && matches!(self.peek(1), Some(Token::Word(_))) {
            self.skip(1);
        }
        let name = self.name()?;
        let mut replace = if overwrite { InsertReplace::Overwrite } else { InsertReplace::None };
        let (mut partition, mut if_not_exists) = (None, false);
        if self.takes(&["PARTITION"]) {
            partition = Some(self.partition()?);
            if overwrite {
                if_not_exists = self.if_not_exists()?;
            }
        }
        let (mut by_name, mut columns) = (false, Vec::new());
        if !overwrite && self.takes(&["REPLACE"]) {
            self.expect(&["WHERE"])?;
            replace = InsertReplace::Where(self.expr_text()?);
        } else if self.takes(&["BY", "NAME"]) {
            by_name = true;
        } else if self.peek(0) == Some(&Token::LParen) && !self.sees_query() {
            columns = self.names_list()?;
        }
        let query = self.query_text()?;
        let insert = Insert { name, replace, partition, if_not_exists, by_name, columns, query };
        Ok(Command::Insert(Box::new(insert)))
    }

    /// `WITH … INSERT …`: the expressions are those of the query that is inserted.
    pub(super) fn with_insert(&mut self) -> Result<Option<Command>, ParseError> {
        let (mut ahead, mut depth) = (0, 0_usize);
        loop {
            match self.peek(ahead) {
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth = depth.saturating_sub(1),
                Some(Token::Word(_)) if depth == 0 && self.sees_at(ahead, "INSERT") => break,
                Some(_) => {}
                None => return Ok(None),
            }
            ahead += 1;
        }
        let from = self.here();
        self.skip(ahead);
        let with = self.text_since(from);
        let mut command = self.insert()?;
        if let Command::Insert(insert) = &mut command {
            if insert.query.query.with.is_some() {
                return Err(ParseError::Unsupported {
                    what: "WITH both before INSERT and in its query",
                    instead: "write them as one, before the query",
                });
            }
            let parsed = super::parse_query(&format!("{with}\nSELECT 1"))?;
            insert.query.query.with = parsed.with;
            insert.query.text = format!("{with}\n{}", insert.query.text);
        }
        Ok(Some(command))
    }

    /// `[AS] alias`, unless one of these words comes next.
    fn alias(&mut self, unless: &[&str]) -> Result<Option<String>, ParseError> {
        if self.takes(&["AS"]) {
            return self.identifier().map(Some);
        }
        let word = matches!(self.peek(0), Some(Token::Word(_)));
        if !word || unless.iter().any(|word| self.sees(&[word])) {
            return Ok(None);
        }
        self.identifier().map(Some)
    }

    pub(super) fn delete(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        self.expect(&["FROM"])?;
        let name = self.name()?;
        let alias = self.alias(&["WHERE"])?;
        let filtered = self.takes(&["WHERE"]);
        let filter = if filtered { Some(self.expr_text()?) } else { None };
        Ok(Command::Delete { name, alias, filter })
    }

    pub(super) fn update(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        let name = self.name()?;
        let alias = self.alias(&["SET"])?;
        self.expect(&["SET"])?;
        let assignments = self.commas(Self::assignment)?;
        let filtered = self.takes(&["WHERE"]);
        let filter = if filtered { Some(self.expr_text()?) } else { None };
        Ok(Command::Update { name, alias, assignments, filter })
    }

    fn assignment(&mut self) -> Result<Assignment, ParseError> {
        let column = self.name()?;
        if !self.takes_token(&Token::Eq) && !self.takes_token(&Token::DoubleEq) {
            return self.expected("'='");
        }
        Ok(Assignment { column, value: self.expr_text()? })
    }

    pub(super) fn merge(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        let evolution = self.takes(&["WITH", "SCHEMA", "EVOLUTION"]);
        self.expect(&["INTO"])?;
        let name = self.name()?;
        let alias = self.alias(&["USING"])?;
        self.expect(&["USING"])?;
        let source = Box::new(self.table_factor()?);
        self.expect(&["ON"])?;
        let on = self.expr_text()?;
        let mut clauses = Vec::new();
        while self.sees(&["WHEN"]) || clauses.is_empty() {
            clauses.push(self.merge_clause()?);
        }
        Ok(Command::Merge(Box::new(Merge { name, alias, source, on, clauses, evolution })))
    }

    fn merge_clause(&mut self) -> Result<MergeClause, ParseError> {
        self.expect(&["WHEN"])?;
        let not = self.takes(&["NOT"]);
        self.expect(&["MATCHED"])?;
        let mut when = if not { MergeWhen::NotMatched } else { MergeWhen::Matched };
        let by = not && self.takes(&["BY"]);
        if by && self.expect_one(&["SOURCE", "TARGET"])? == "SOURCE" {
            when = MergeWhen::NotMatchedBySource;
        }
        let conditional = self.takes(&["AND"]);
        let condition = if conditional { Some(self.expr_text()?) } else { None };
        self.expect(&["THEN"])?;
        let action = match when {
            MergeWhen::NotMatched => {
                self.expect(&["INSERT"])?;
                self.merge_insert()?
            }
            _ => match self.expect_one(&["DELETE", "UPDATE"])? {
                "DELETE" => MergeAction::Delete,
                _ => {
                    self.expect(&["SET"])?;
                    if when == MergeWhen::Matched && self.takes_token(&Token::Mul) {
                        MergeAction::UpdateAll
                    } else {
                        MergeAction::Update(self.commas(Self::assignment)?)
                    }
                }
            },
        };
        Ok(MergeClause { when, condition, action })
    }

    fn merge_insert(&mut self) -> Result<MergeAction, ParseError> {
        if self.takes_token(&Token::Mul) {
            return Ok(MergeAction::InsertAll);
        }
        let columns: Vec<Name> = self.list(Self::name)?;
        self.expect(&["VALUES"])?;
        let start = self.here();
        let values = self.list(Self::expr_text)?;
        if values.len() != columns.len() {
            self.go_to(start);
            return self.expected(&format!("{} values, one for each column", columns.len()));
        }
        let pairs = columns.into_iter().zip(values);
        let assignments = pairs.map(|(column, value)| Assignment { column, value });
        Ok(MergeAction::Insert(assignments.collect()))
    }
}
