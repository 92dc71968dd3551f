//! SQL over a store: what is read, in which version, at what cost, and what is refused.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod catalog;
mod commands;
mod differential;
mod files;
mod flights;
mod functions;
mod isolation;
mod joins;
mod limits;
mod queries;
mod reads;
mod rules;
mod scans;
mod statements;
mod streams;
mod travel;
mod values;
mod views;
mod words;
