//! What is kept with a table beside its rows, in properties that the table's owner does not see.

use annals::Table;
pub(crate) use annals_sql::keep::{BUCKETS, CLUSTER_BY, PROVIDER};

use crate::source;

/// `bucketBy` and `sortBy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) count: u32,
    pub(crate) columns: Vec<String>,
    pub(crate) sorted_by: Vec<String>,
}

impl Buckets {
    /// The text that is kept, in the form of `annals-sql`.
    pub(crate) fn to_text(&self) -> String {
        format!("{}\n{}\n{}", self.count, self.columns.join(","), self.sorted_by.join(","))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let count = lines.next()?.parse().ok()?;
        let mut names = || {
            let names = lines.next().unwrap_or_default().split(',');
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        Some(Self { count, columns: names(), sorted_by: names() })
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
