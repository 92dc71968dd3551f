//! What the tests of SQL and of Spark's words share.
