//! `CREATE`, `DROP` and `ALTER` of tables and views.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::error::ParseError;
use super::grammar::Grammar;
use crate::statement::{
    ColumnChange, Command, CreateTable, CreateView, Partition, Replace, TableChange, ViewChange,
    ViewKind,
};

impl Grammar<'_> {
    // ---- create ---------------------------------------------------------------------------

    pub(super) fn create(&mut self) -> Result<Command, ParseError> {
        if self.takes(&["REPLACE"]) {
            self.expect(&["TABLE"])?;
            return self.create_table(Replace::MustExist, false);
        }
        self.skip(1);
        if self.database_word(0) {
            self.skip(1);
            return self.create_database();
        }
        let replace = self.takes(&["OR"]);
        if replace {
            self.expect(&["REPLACE"])?;
        }
        let global = self.takes(&["GLOBAL"]);
        let temporary = self.takes_one(&["TEMP", "TEMPORARY"]).is_some();
        let external = self.takes(&["EXTERNAL"]);
        if global && !temporary {
            return self.expected("TEMPORARY");
        }
        if !global && self.takes(&["TABLE"]) {
            if external {
                return Err(ParseError::Unsupported {
                    what: "CREATE EXTERNAL TABLE",
                    instead: "write CREATE TABLE … USING …",
                });
            }
            let replace = if replace { Replace::OrCreate } else { Replace::No };
            return self.create_table(replace, temporary);
        }
        if external {
            return self.expected("TABLE");
        }
        if self.takes(&["VIEW"]) {
            let kind = match (temporary, global) {
                (true, true) => ViewKind::GlobalTemporary,
                (true, false) => ViewKind::Temporary,
                _ => ViewKind::Permanent,
            };
            return self.create_view(kind, replace);
        }
        self.expected("DATABASE, SCHEMA, TABLE or VIEW")
    }

    fn create_table(&mut self, replace: Replace, temporary: bool) -> Result<Command, ParseError> {
        let if_not_exists = self.if_not_exists()?;
        let mut table = CreateTable {
            name: self.name()?,
            if_not_exists,
            replace,
            temporary,
            columns: Vec::new(),
            like: None,
            provider: None,
            partition_by: Vec::new(),
            buckets: None,
            cluster_by: Vec::new(),
            comment: None,
            location: None,
            properties: Vec::new(),
            options: Vec::new(),
            query: None,
        };
        if self.takes(&["LIKE"]) {
            table.like = Some(self.name()?);
        } else if self.peek(0) == Some(&Token::LParen) && !self.sees_query() {
            self.table_columns(&mut table)?;
        }
        while self.table_clause(&mut table)? {}
        let said_as = self.takes(&["AS"]);
        if said_as || self.sees_query() {
            table.query = Some(self.query_text()?);
        }
        Ok(Command::CreateTable(Box::new(table)))
    }

    fn table_columns(&mut self, table: &mut CreateTable) -> Result<(), ParseError> {
        self.expect_token(&Token::LParen)?;
        let mut constrained = false;
        loop {
            let constraint = self.sees(&["CONSTRAINT"])
                || self.sees(&["PRIMARY", "KEY"])
                || self.sees(&["FOREIGN", "KEY"])
                || (self.sees(&["CHECK"]) && self.peek(1) == Some(&Token::LParen))
                || (self.sees(&["UNIQUE"]) && self.peek(1) == Some(&Token::LParen));
            if constraint {
                self.constraint()?;
                constrained = true;
            } else {
                table.columns.push(self.column()?);
            }
            if !self.takes_token(&Token::Comma) {
                break;
            }
        }
        self.expect_token(&Token::RParen)?;
        if let (true, Some(first)) = (constrained, table.columns.first_mut()) {
            first.extra = Some("CONSTRAINT");
        }
        Ok(())
    }

    fn table_clause(&mut self, table: &mut CreateTable) -> Result<bool, ParseError> {
        if self.takes(&["USING"]) {
            let mut provider = match self.takes_string() {
                Some(provider) => provider,
                None => self.name()?.to_string(),
            };
            provider.make_ascii_lowercase();
            table.provider = Some(provider);
        } else if self.takes(&["PARTITIONED"]) {
            self.expect(&["BY"])?;
            table.partition_by = self.partition_columns(table)?;
        } else if self.takes(&["CLUSTERED"]) {
            self.expect(&["BY"])?;
            let columns = self.names_list()?;
            let mut sorted = Vec::new();
            if self.takes(&["SORTED"]) {
                self.expect(&["BY"])?;
                sorted = self.list(|grammar| {
                    let name = grammar.identifier()?;
                    let _ = grammar.takes_one(&["ASC", "DESC"]);
                    Ok(name)
                })?;
            }
            self.expect(&["INTO"])?;
            let buckets = self.whole_number()?;
            self.expect(&["BUCKETS"])?;
            table.buckets = Some((columns, sorted, buckets));
        } else if self.takes(&["CLUSTER"]) {
            self.expect(&["BY"])?;
            table.cluster_by = self.names_list()?;
        } else if self.takes(&["COMMENT"]) {
            table.comment = Some(self.string()?);
        } else if self.takes(&["LOCATION"]) {
            table.location = Some(self.string()?);
        } else if self.takes(&["TBLPROPERTIES"]) {
            table.properties = self.properties()?;
        } else if self.takes(&["OPTIONS"]) {
            table.options = self.properties()?;
        } else if self.sees(&["STORED"]) || self.sees(&["ROW", "FORMAT"]) {
            return Err(ParseError::Unsupported {
                what: "a Hive table (STORED AS, ROW FORMAT)",
                instead: "leave the clause out: the store keeps rows in its own form",
            });
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Columns by name, or declared here, as Hive has it.
    fn partition_columns(&mut self, table: &mut CreateTable) -> Result<Vec<String>, ParseError> {
        let mut names = Vec::new();
        let columns = &mut table.columns;
        self.list(|grammar| {
            let bare = matches!(grammar.peek(1), Some(Token::Comma | Token::RParen));
            if grammar.peek(1) == Some(&Token::LParen) {
                return Err(ParseError::Unsupported {
                    what: "a partition transform",
                    instead: "partition by columns",
                });
            }
            if bare {
                names.push(grammar.identifier()?);
            } else {
                let column = grammar.column()?;
                names.push(column.field.name().clone());
                columns.push(column);
            }
            Ok(())
        })?;
        Ok(names)
    }

    fn create_view(&mut self, kind: ViewKind, replace: bool) -> Result<Command, ParseError> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name()?;
        let mut columns = Vec::new();
        if self.peek(0) == Some(&Token::LParen) && !self.sees_query() {
            columns = self.list(|grammar| {
                let name = grammar.identifier()?;
                let said = grammar.takes(&["COMMENT"]);
                Ok((name, if said { Some(grammar.string()?) } else { None }))
            })?;
        }
        let (mut comment, mut properties) = (None, Vec::new());
        loop {
            if self.takes(&["COMMENT"]) {
                comment = Some(self.string()?);
            } else if self.takes(&["TBLPROPERTIES"]) {
                properties = self.properties()?;
            } else if self.takes(&["WITH", "SCHEMA"]) {
                let modes = ["BINDING", "COMPENSATION", "TYPE", "EVOLUTION"];
                if self.expect_one(&modes)? == "TYPE" {
                    self.expect(&["EVOLUTION"])?;
                }
            } else {
                break;
            }
        }
        self.expect(&["AS"])?;
        let query = self.query_text()?;
        let view =
            CreateView { name, kind, replace, if_not_exists, columns, comment, properties, query };
        Ok(Command::CreateView(Box::new(view)))
    }

    // ---- drop -----------------------------------------------------------------------------

    pub(super) fn drop(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        if self.database_word(0) {
            self.skip(1);
            return self.drop_database();
        }
        let what = self.expect_one(&["TABLE", "VIEW"])?;
        let if_exists = self.if_exists()?;
        let name = self.name()?;
        if what == "VIEW" {
            return Ok(Command::DropView { name, if_exists });
        }
        let _ = self.takes(&["PURGE"]);
        Ok(Command::DropTable { name, if_exists })
    }

    pub(super) fn truncate(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        self.expect(&["TABLE"])?;
        let name = self.name()?;
        let said = self.takes(&["PARTITION"]);
        let partition = if said { Some(self.partition()?) } else { None };
        Ok(Command::Truncate { name, partition })
    }

    /// `(p = 1, q)`.
    pub(super) fn partition(&mut self) -> Result<Partition, ParseError> {
        let mut names: Vec<String> = Vec::new();
        let parts = self.list(|grammar| {
            let name = grammar.identifier()?;
            if names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                return grammar.expected(&format!("another column than `{name}`, which was named"));
            }
            names.push(name.clone());
            let said = grammar.takes_token(&Token::Eq) || grammar.takes_token(&Token::DoubleEq);
            Ok((name, if said { Some(grammar.expr_text()?) } else { None }))
        })?;
        Ok(Partition(parts))
    }

    fn partitions(&mut self) -> Result<Vec<Partition>, ParseError> {
        let mut partitions = Vec::new();
        while self.takes_token(&Token::Comma) || partitions.is_empty() || self.sees(&["PARTITION"])
        {
            self.expect(&["PARTITION"])?;
            partitions.push(self.partition()?);
            if self.takes(&["LOCATION"]) {
                self.string()?;
            }
        }
        Ok(partitions)
    }

    // ---- alter ----------------------------------------------------------------------------

    pub(super) fn alter(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        if self.database_word(0) {
            self.skip(1);
            return self.alter_database();
        }
        match self.expect_one(&["TABLE", "VIEW"])? {
            "VIEW" => self.alter_view(),
            _ => {
                let name = self.name()?;
                Ok(Command::AlterTable { name, change: self.table_change()? })
            }
        }
    }

    fn alter_view(&mut self) -> Result<Command, ParseError> {
        let name = self.name()?;
        let change = if self.takes(&["RENAME", "TO"]) {
            ViewChange::Rename(self.name()?)
        } else if self.takes(&["SET"]) {
            self.expect(&["TBLPROPERTIES"])?;
            ViewChange::Set(self.properties()?)
        } else if self.takes(&["UNSET"]) {
            self.expect(&["TBLPROPERTIES"])?;
            self.if_exists()?;
            ViewChange::Unset(self.list(Self::property_key)?)
        } else {
            let _ = self.takes(&["AS"]);
            ViewChange::Query(self.query_text()?)
        };
        Ok(Command::AlterView { name, change })
    }

    fn table_change(&mut self) -> Result<TableChange, ParseError> {
        let words = [
            "RENAME", "ADD", "DROP", "ALTER", "CHANGE", "REPLACE", "SET", "UNSET", "CLUSTER",
            "RECOVER",
        ];
        match self.expect_one(&words)? {
            "RENAME" => self.rename(),
            "ADD" => self.add(),
            "DROP" => self.drop_part(),
            "ALTER" => {
                let _ = self.takes(&["COLUMN"]);
                let name = self.column_path()?;
                let changes = vec![self.column_change()?];
                Ok(TableChange::AlterColumn { name, changes })
            }
            "CHANGE" => self.change_column(),
            "REPLACE" => {
                self.expect(&["COLUMNS"])?;
                self.expect_token(&Token::LParen)?;
                let columns = self.columns()?;
                self.expect_token(&Token::RParen)?;
                Ok(TableChange::ReplaceColumns(columns))
            }
            "SET" => {
                match self.expect_one(&["TBLPROPERTIES", "LOCATION", "SERDE", "SERDEPROPERTIES"])? {
                    "TBLPROPERTIES" => Ok(TableChange::Set(self.properties()?)),
                    "LOCATION" => Ok(TableChange::Location(self.string()?)),
                    _ => Err(ParseError::Unsupported {
                        what: "a serde of a table",
                        instead: "leave it out: the store keeps rows in its own form",
                    }),
                }
            }
            "UNSET" => {
                self.expect(&["TBLPROPERTIES"])?;
                self.if_exists()?;
                Ok(TableChange::Unset(self.list(Self::property_key)?))
            }
            "CLUSTER" => {
                self.expect(&["BY"])?;
                if !self.takes(&["NONE"]) {
                    self.names_list()?;
                }
                Ok(TableChange::Unsupported("CLUSTER BY"))
            }
            _ => {
                self.expect(&["PARTITIONS"])?;
                Ok(TableChange::AddPartitions { partitions: Vec::new(), if_not_exists: true })
            }
        }
    }

    fn rename(&mut self) -> Result<TableChange, ParseError> {
        if self.takes(&["COLUMN"]) {
            let from = self.column_path()?;
            self.expect(&["TO"])?;
            return Ok(TableChange::RenameColumn { from, to: self.identifier()? });
        }
        self.expect(&["TO"])?;
        Ok(TableChange::Rename(self.name()?))
    }

    fn add(&mut self) -> Result<TableChange, ParseError> {
        let constraint = ["CONSTRAINT", "PRIMARY", "FOREIGN", "CHECK", "UNIQUE"];
        if constraint.iter().any(|word| self.sees(&[word])) {
            self.constraint()?;
            return Ok(TableChange::Unsupported("ADD CONSTRAINT"));
        }
        if self.takes_one(&["COLUMN", "COLUMNS"]).is_some() {
            let listed = self.takes_token(&Token::LParen);
            let columns = self.commas(|grammar| {
                let column = grammar.column()?;
                grammar.position()?;
                Ok(column)
            })?;
            if listed {
                self.expect_token(&Token::RParen)?;
            }
            return Ok(TableChange::AddColumns(columns));
        }
        let if_not_exists = self.if_not_exists()?;
        Ok(TableChange::AddPartitions { partitions: self.partitions()?, if_not_exists })
    }

    /// `FIRST`, `AFTER c`.
    fn position(&mut self) -> Result<bool, ParseError> {
        if self.takes(&["FIRST"]) {
            return Ok(true);
        }
        let after = self.takes(&["AFTER"]);
        if after {
            self.identifier()?;
        }
        Ok(after)
    }

    fn drop_part(&mut self) -> Result<TableChange, ParseError> {
        if self.takes_one(&["COLUMN", "COLUMNS"]).is_some() {
            let if_exists = self.if_exists()?;
            let names = match self.peek(0) {
                Some(Token::LParen) => self.names_list()?,
                _ => self.commas(Self::column_path)?,
            };
            return Ok(TableChange::DropColumns { names, if_exists });
        }
        if self.takes(&["CONSTRAINT"]) {
            self.if_exists()?;
            self.identifier()?;
            return Ok(TableChange::Unsupported("DROP CONSTRAINT"));
        }
        let if_exists = self.if_exists()?;
        let partitions = self.partitions()?;
        let _ = self.takes(&["PURGE"]);
        Ok(TableChange::DropPartitions { partitions, if_exists })
    }

    fn change_column(&mut self) -> Result<TableChange, ParseError> {
        let _ = self.takes(&["COLUMN"]);
        let name = self.column_path()?;
        let one = ["TYPE", "COMMENT", "SET", "DROP", "FIRST", "AFTER"];
        if one.iter().any(|word| self.sees(&[word])) {
            return Ok(TableChange::AlterColumn { name, changes: vec![self.column_change()?] });
        }
        let column = self.column()?;
        let mut changes = vec![ColumnChange::Type(column.field.data_type().clone())];
        if let Some(comment) = column.field.metadata().get(super::types::COMMENT) {
            changes.push(ColumnChange::Comment(comment.clone()));
        }
        if self.position()? {
            changes.push(ColumnChange::Position);
        }
        if column.field.name() != &name {
            changes.push(ColumnChange::Rename(column.field.name().clone()));
        }
        Ok(TableChange::AlterColumn { name, changes })
    }

    fn column_path(&mut self) -> Result<String, ParseError> {
        let name = self.name()?;
        match &name.0[..] {
            [column] => Ok(column.clone()),
            _ => Err(ParseError::Unsupported {
                what: "altering a field within a column",
                instead: "give the column another type as a whole",
            }),
        }
    }

    fn column_change(&mut self) -> Result<ColumnChange, ParseError> {
        if self.position()? {
            return Ok(ColumnChange::Position);
        }
        match self.expect_one(&["TYPE", "COMMENT", "SET", "DROP"])? {
            "TYPE" => Ok(ColumnChange::Type(self.data_type()?.data_type)),
            "COMMENT" => Ok(ColumnChange::Comment(self.string()?)),
            "SET" if self.takes(&["DEFAULT"]) => Ok(ColumnChange::Default(Some(self.expr_text()?))),
            "SET" => {
                self.expect(&["NOT"])?;
                self.expect(&["NULL"])?;
                Ok(ColumnChange::SetNotNull)
            }
            _ if self.takes(&["DEFAULT"]) => Ok(ColumnChange::Default(None)),
            _ => {
                self.expect(&["NOT"])?;
                self.expect(&["NULL"])?;
                Ok(ColumnChange::DropNotNull)
            }
        }
    }
}
