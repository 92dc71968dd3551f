//! SQL over a store: what is read, in which version, at what cost, and what is refused.

mod commands;
mod files;
mod queries;
