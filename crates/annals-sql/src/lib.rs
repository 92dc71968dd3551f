//! SQL over an annals store: every statement sees one version, every write is one transaction.

pub mod parse;
pub mod statement;
