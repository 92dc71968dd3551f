//! The tools of a time-travelling debugger: searching history, watching it, and trying things out
//! on any of its versions.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking too")]

mod bisect;
mod speculation;
mod watch;
