//! What is kept with a table beside its rows, in properties that the table's owner does not see.

use annals::Table;

use crate::source;

/// The format that was given when the table was made.
pub(crate) const PROVIDER: &str = "provider";
/// The columns that the rows were to be divided by, into how many buckets, and their order there.
pub(crate) const BUCKETS: &str = "__buckets";
/// The columns of `CLUSTER BY`.
pub(crate) const CLUSTERING: &str = "clusteringColumns";

/// `bucketBy` and `sortBy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) count: u32,
    pub(crate) columns: Vec<String>,
    pub(crate) sorted_by: Vec<String>,
}

impl Buckets {
    /// The text that is kept.
    pub(crate) fn to_text(&self) -> String {
        serde_json::json!([self.count, self.columns, self.sorted_by]).to_string()
    }

    fn parse(text: &str) -> Option<Self> {
        let (count, columns, sorted_by) = serde_json::from_str(text).ok()?;
        Some(Self { count, columns, sorted_by })
    }

    /// As Spark's messages have it.
    pub(crate) fn shown(&self) -> String {
        let mut text =
            format!("{} buckets, bucket columns: [{}]", self.count, self.columns.join(", "));
        if !self.sorted_by.is_empty() {
            text.push_str(&format!(", sort columns: [{}]", self.sorted_by.join(", ")));
        }
        text
    }

    /// Whether both divide rows in the same way, whatever the case of names.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let same = |one: &[String], other: &[String]| {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.eq_ignore_ascii_case(other))
        };
        self.count == other.count
            && same(&self.columns, &other.columns)
            && same(&self.sorted_by, &other.sorted_by)
    }
}

/// The format of a table.
pub(crate) fn provider(table: &Table) -> String {
    table.properties().get(PROVIDER).map_or(source::DEFAULT, |provider| provider).to_lowercase()
}

/// The buckets of a table.
pub(crate) fn buckets(table: &Table) -> Option<Buckets> {
    table.properties().get(BUCKETS).and_then(|text| Buckets::parse(text))
}
