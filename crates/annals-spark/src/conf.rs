//! The configuration of a session: text under keys. Few keys have an effect here; the others are
//! kept, so that programs that set them run as they are.

use crate::error::SparkError;
use crate::session::Session;

/// Values that Spark has for keys that programs like to ask for.
const DEFAULTS: &[(&str, &str)] = &[
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.caseSensitive", "false"),
    ("spark.sql.catalogImplementation", "in-memory"),
    ("spark.sql.session.timeZone", "UTC"),
    ("spark.sql.shuffle.partitions", "200"),
    ("spark.sql.sources.default", "parquet"),
    ("spark.sql.sources.partitionOverwriteMode", "STATIC"),
    ("spark.sql.storeAssignmentPolicy", "ANSI"),
    ("spark.sql.warehouse.dir", "spark-warehouse"),
];

/// The configuration of a session; see [`Session::conf`].
#[derive(Clone, Debug)]
pub struct Conf {
    session: Session,
}

impl Conf {
    pub(crate) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Sets a value.
    #[expect(clippy::needless_pass_by_value, reason = "values are given as they are")]
    pub fn set(&self, key: &str, value: impl ToString) {
        self.session.sql_session().set_setting(key, Some(&value.to_string()));
    }

    /// The value of a key, or Spark's default for it.
    ///
    /// # Errors
    ///
    /// [`SparkError`] if it was not set and has no default.
    pub fn get(&self, key: &str) -> Result<String, SparkError> {
        self.find(key).ok_or_else(|| {
            SparkError::new("SQL_CONF_NOT_FOUND", [("sqlConf", format!("\"{key}\""))])
        })
    }

    /// The value of a key, or this one.
    pub fn get_or(&self, key: &str, default: &str) -> String {
        self.find(key).unwrap_or_else(|| default.to_owned())
    }

    pub(crate) fn find(&self, key: &str) -> Option<String> {
        let set = self.session.sql_session().settings().get(key).cloned();
        let default = || DEFAULTS.iter().find(|(known, _)| *known == key);
        set.or_else(|| default().map(|(_, value)| (*value).to_owned()))
    }

    /// Takes back what was set.
    pub fn unset(&self, key: &str) {
        self.session.sql_session().set_setting(key, None);
    }

    /// All that was set, in the order of the keys.
    pub fn get_all(&self) -> Vec<(String, String)> {
        let values = self.session.sql_session().settings();
        let shown = values.iter().filter(|(key, _)| !key.starts_with("annals."));
        shown.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether the key can be set while a session runs.
    pub fn is_modifiable(&self, key: &str) -> bool {
        key.starts_with("spark.sql.")
            && !matches!(key, "spark.sql.warehouse.dir" | "spark.sql.catalogImplementation")
    }
}
