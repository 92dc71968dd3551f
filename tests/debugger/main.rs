//! The tools of a time-travelling debugger: searching history, watching it, and trying things out
//! on any of its versions.

mod bisect;
mod speculation;
mod watch;
