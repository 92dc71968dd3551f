//! Which statement it is, and those that are neither about rows nor about tables.

use datafusion::sql::sqlparser::ast::TableVersion;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::error::ParseError;
use super::grammar::Grammar;
use crate::statement::{Command, DatabaseChange, Describe, Name, Show, Statement};

/// The words for a database.
const DATABASE: [&str; 3] = ["DATABASE", "SCHEMA", "NAMESPACE"];

impl Grammar<'_> {
    pub(super) fn statement(&mut self) -> Result<Statement, ParseError> {
        if self.sees(&["WITH"])
            && let Some(insert) = self.with_insert()?
        {
            return Ok(Statement::Command(insert));
        }
        if self.sees_query() {
            return Ok(Statement::Query(self.query()?));
        }
        if self.takes(&["EXPLAIN"]) {
            let analyze = !self.sees_at(1, "TABLE") && self.takes(&["ANALYZE"]);
            let how = ["EXTENDED", "FORMATTED", "CODEGEN", "COST", "VERBOSE"];
            let verbose = self.takes_one(&how).is_some();
            if analyze && !self.sees_query() {
                return self.expected("a query");
            }
            let statement = Box::new(self.statement()?);
            return Ok(Statement::Explain { verbose, analyze, statement });
        }
        Ok(Statement::Command(self.command()?))
    }

    fn command(&mut self) -> Result<Command, ParseError> {
        let Some(Token::Word(word)) = self.peek(0) else { return self.expected("a statement") };
        let word = word.value.to_ascii_uppercase();
        match word.as_str() {
            "CREATE" | "REPLACE" => self.create(),
            "DROP" => self.drop(),
            "ALTER" => self.alter(),
            "TRUNCATE" => self.truncate(),
            "INSERT" => self.insert(),
            "DELETE" => self.delete(),
            "UPDATE" => self.update(),
            "MERGE" => self.merge(),
            "USE" => self.use_database(),
            "SHOW" => self.show(),
            "DESCRIBE" | "DESC" => self.describe(),
            "SET" => self.set(),
            "RESET" => {
                self.skip(1);
                let key = if self.peek(0).is_some() { Some(self.property_key()?) } else { None };
                Ok(Command::Reset(key))
            }
            "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "ABORT" => self.transaction(),
            "RESTORE" => self.restore(),
            "COMMENT" => self.comment(),
            "REFRESH" | "CACHE" | "UNCACHE" | "CLEAR" | "ANALYZE" | "MSCK" => self.upkeep(&word),
            _ => self.expected("a statement"),
        }
    }

    pub(super) fn database_word(&self, ahead: usize) -> bool {
        DATABASE.iter().any(|word| self.sees_at(ahead, word))
    }

    // ---- databases ------------------------------------------------------------------------

    pub(super) fn create_database(&mut self) -> Result<Command, ParseError> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name()?;
        let (mut comment, mut location, mut properties) = (None, None, Vec::new());
        loop {
            if self.takes(&["COMMENT"]) {
                comment = Some(self.string()?);
            } else if self.takes(&["LOCATION"]) {
                location = Some(self.string()?);
            } else if self.takes(&["WITH"]) {
                self.expect_one(&["DBPROPERTIES", "PROPERTIES"])?;
                properties = self.properties()?;
            } else {
                break;
            }
        }
        Ok(Command::CreateDatabase { name, if_not_exists, comment, location, properties })
    }

    pub(super) fn drop_database(&mut self) -> Result<Command, ParseError> {
        let if_exists = self.if_exists()?;
        let name = self.name()?;
        let cascade = self.takes_one(&["RESTRICT", "CASCADE"]) == Some("CASCADE");
        Ok(Command::DropDatabase { name, if_exists, cascade })
    }

    pub(super) fn alter_database(&mut self) -> Result<Command, ParseError> {
        let name = self.name()?;
        let change = if self.takes(&["UNSET"]) {
            self.expect_one(&["DBPROPERTIES", "PROPERTIES"])?;
            self.if_exists()?;
            DatabaseChange::Unset(self.list(Self::property_key)?)
        } else {
            self.expect(&["SET"])?;
            match self.expect_one(&["DBPROPERTIES", "PROPERTIES", "LOCATION"])? {
                "LOCATION" => DatabaseChange::Location(self.string()?),
                _ => DatabaseChange::Set(self.properties()?),
            }
        };
        Ok(Command::AlterDatabase { name, change })
    }

    fn use_database(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        let database = self.database_word(0) && self.peek(1).is_some();
        if database {
            self.skip(1);
        }
        Ok(Command::Use { name: self.name()?, database })
    }

    // ---- telling --------------------------------------------------------------------------

    /// `[LIKE] 'pattern'`.
    fn pattern(&mut self) -> Result<Option<String>, ParseError> {
        if self.takes(&["LIKE"]) {
            return self.string().map(Some);
        }
        Ok(self.takes_string())
    }

    /// `[FROM | IN database]`.
    fn of_database(&mut self) -> Result<Option<Name>, ParseError> {
        match self.takes_one(&["FROM", "IN"]) {
            Some(_) => self.name().map(Some),
            None => Ok(None),
        }
    }

    fn show(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        let what = [
            "DATABASES",
            "SCHEMAS",
            "NAMESPACES",
            "TABLES",
            "TABLE",
            "VIEWS",
            "COLUMNS",
            "TBLPROPERTIES",
            "CREATE",
            "PARTITIONS",
            "CATALOGS",
            "CURRENT",
            "FUNCTIONS",
        ];
        let show = match self.expect_one(&what)? {
            "DATABASES" | "SCHEMAS" | "NAMESPACES" => {
                self.of_database()?;
                Show::Databases { pattern: self.pattern()? }
            }
            "TABLES" => Show::Tables { database: self.of_database()?, pattern: self.pattern()? },
            "VIEWS" => Show::Views { database: self.of_database()?, pattern: self.pattern()? },
            "TABLE" => {
                self.expect(&["EXTENDED"])?;
                let database = self.of_database()?;
                self.expect(&["LIKE"])?;
                let pattern = self.string()?;
                if self.takes(&["PARTITION"]) {
                    self.partition()?;
                }
                Show::TableExtended { database, pattern }
            }
            "COLUMNS" => {
                self.expect_one(&["FROM", "IN"])?;
                let mut name = self.name()?;
                if let Some(Name(mut database)) = self.of_database()? {
                    database.push(name.last().to_owned());
                    name = Name(database);
                }
                Show::Columns(name)
            }
            "TBLPROPERTIES" => {
                let name = self.name()?;
                let mut key = None;
                if self.takes_token(&Token::LParen) {
                    key = Some(self.property_key()?);
                    self.expect_token(&Token::RParen)?;
                }
                Show::Properties { name, key }
            }
            "CREATE" => {
                self.expect(&["TABLE"])?;
                let name = self.name()?;
                self.takes(&["AS", "SERDE"]);
                Show::CreateTable(name)
            }
            "PARTITIONS" => {
                let name = self.name()?;
                let said = self.takes(&["PARTITION"]);
                let partition = if said { Some(self.partition()?) } else { None };
                Show::Partitions { name, partition }
            }
            "CATALOGS" => Show::Catalogs { pattern: self.pattern()? },
            "FUNCTIONS" => {
                self.of_database()?;
                Show::Functions { pattern: self.pattern()? }
            }
            _ => {
                self.expect_one(&DATABASE)?;
                Show::CurrentNamespace
            }
        };
        Ok(Command::Show(show))
    }

    fn describe(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        if self.database_word(0) && self.peek(1).is_some() {
            self.skip(1);
            let extended = self.takes(&["EXTENDED"]);
            return Ok(Command::Describe(Describe::Database { name: self.name()?, extended }));
        }
        if self.sees(&["HISTORY"]) && matches!(self.peek(1), Some(Token::Word(_))) {
            self.skip(1);
            let name = self.name()?;
            let limited = self.takes(&["LIMIT"]);
            let limit = if limited { Some(self.whole_number()?) } else { None };
            return Ok(Command::Describe(Describe::History { name, limit }));
        }
        if self.sees(&["FUNCTION"]) && matches!(self.peek(1), Some(Token::Word(_))) {
            self.skip(1);
            let extended = self.takes(&["EXTENDED"]);
            return Ok(Command::Describe(Describe::Function { name: self.name()?, extended }));
        }
        if self.takes(&["QUERY"]) || (self.sees_query() && !self.sees(&["TABLE"])) {
            return Ok(Command::Describe(Describe::Query(self.query_text()?)));
        }
        if self.sees(&["TABLE"]) && self.peek(1).is_some() {
            self.skip(1);
        }
        let how = (self.sees(&["EXTENDED"]) || self.sees(&["FORMATTED"])) && self.peek(1).is_some();
        if how {
            self.skip(1);
        }
        let name = self.name()?;
        if self.takes(&["PARTITION"]) {
            self.partition()?;
        }
        let column = match self.peek(0) {
            Some(Token::Word(_)) => Some(self.name()?),
            _ => None,
        };
        Ok(Command::Describe(Describe::Table { name, extended: how, column }))
    }

    // ---- the session ----------------------------------------------------------------------

    fn set(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        if self.takes(&["CATALOG"]) {
            let catalog = match self.takes_string() {
                Some(name) => name,
                None => self.identifier()?,
            };
            return Ok(Command::SetCatalog(catalog));
        }
        if self.takes(&["TIME", "ZONE"]) {
            let key = Some("spark.sql.session.timeZone".to_owned());
            let value = match self.takes_string() {
                Some(zone) => zone,
                None => self.identifier()?,
            };
            return Ok(Command::Set { key, value: Some(value) });
        }
        if self.peek(0).is_none() || self.takes_token(&Token::Minus) {
            if self.peek(0).is_some() {
                self.expect(&["V"])?;
            }
            return Ok(Command::Set { key: None, value: None });
        }
        let key = Some(self.property_key()?);
        if !self.takes_token(&Token::Eq) {
            return Ok(Command::Set { key, value: None });
        }
        if let (Some(value), None) = (self.takes_string(), self.peek(0)) {
            return Ok(Command::Set { key, value: Some(value) });
        }
        // Whatever it is, it is the value.
        let from = self.here();
        while self.peek(0).is_some_and(|token| *token != Token::SemiColon) {
            self.skip(1);
        }
        Ok(Command::Set { key, value: Some(self.text_since(from)) })
    }

    fn transaction(&mut self) -> Result<Command, ParseError> {
        let word = self.expect_one(&["BEGIN", "START", "COMMIT", "ROLLBACK", "ABORT"])?;
        match word {
            "START" => self.expect(&["TRANSACTION"])?,
            _ => {
                let _ = self.takes_one(&["TRANSACTION", "WORK"]);
            }
        }
        Ok(match word {
            "BEGIN" | "START" => Command::Begin,
            "COMMIT" => Command::Commit,
            _ => Command::Rollback,
        })
    }

    fn restore(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        let _ = self.takes(&["TABLE"]);
        let name = self.name()?;
        let _ = self.takes(&["TO"]);
        // The tokens of `VERSION AS OF` were brought into this form as well.
        for word in ["TIMESTAMP", "AS", "OF"] {
            if !self.takes(&[word]) {
                return self.expected("VERSION AS OF or TIMESTAMP AS OF");
            }
        }
        let at = Box::new(TableVersion::TimestampAsOf(self.expr()?));
        Ok(Command::Restore { name, at })
    }

    fn comment(&mut self) -> Result<Command, ParseError> {
        self.skip(1);
        self.expect(&["ON"])?;
        let word = self.expect_one(&["DATABASE", "SCHEMA", "NAMESPACE", "TABLE"])?;
        let database = word != "TABLE";
        let name = self.name()?;
        self.expect(&["IS"])?;
        let comment = if self.takes(&["NULL"]) { None } else { Some(self.string()?) };
        Ok(Command::Comment { database, name, comment })
    }

    /// What a store in files needs, and this one takes for a check of the name.
    fn upkeep(&mut self, word: &str) -> Result<Command, ParseError> {
        self.skip(1);
        match word {
            "REFRESH" => {
                let _ = self.takes(&["TABLE"]);
                Ok(Command::Refresh(self.name()?))
            }
            "CACHE" => {
                let _ = self.takes(&["LAZY"]);
                self.expect(&["TABLE"])?;
                let name = self.name()?;
                if self.takes(&["OPTIONS"]) {
                    self.properties()?;
                }
                let _ = self.takes(&["AS"]);
                let query = if self.sees_query() { Some(self.query_text()?) } else { None };
                Ok(Command::Cache { name, query })
            }
            "UNCACHE" => {
                self.expect(&["TABLE"])?;
                let if_exists = self.if_exists()?;
                Ok(Command::Uncache { name: self.name()?, if_exists })
            }
            "CLEAR" => {
                self.expect(&["CACHE"])?;
                Ok(Command::ClearCache)
            }
            "ANALYZE" => {
                self.expect(&["TABLE"])?;
                let name = self.name()?;
                if self.takes(&["PARTITION"]) {
                    self.partition()?;
                }
                self.expect(&["COMPUTE", "STATISTICS"])?;
                if self.takes(&["FOR"]) && !self.takes(&["ALL", "COLUMNS"]) {
                    self.expect(&["COLUMNS"])?;
                    self.commas(Self::identifier)?;
                }
                let _ = self.takes(&["NOSCAN"]);
                Ok(Command::Analyze(name))
            }
            _ => {
                self.expect(&["REPAIR", "TABLE"])?;
                let name = self.name()?;
                if self.takes_one(&["ADD", "DROP", "SYNC"]).is_some() {
                    self.expect(&["PARTITIONS"])?;
                }
                Ok(Command::Repair(name))
            }
        }
    }
}
