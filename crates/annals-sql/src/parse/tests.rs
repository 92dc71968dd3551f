use super::*;
use crate::statement::*;

fn command(text: &str) -> Command {
    match parse(text) {
        Ok(Statement::Command(command)) => command,
        other => panic!("{text}: {other:?}"),
    }
}

fn names(parts: &[&str]) -> Name {
    Name(parts.iter().map(|part| (*part).to_owned()).collect())
}

fn refused(text: &str) -> ParseError {
    match parse(text) {
        Err(error) => error,
        Ok(statement) => panic!("{text}: {statement:?}"),
    }
}

/// The token that does not fit, and where.
fn stops(text: &str) -> (Option<String>, bool, u64, u64) {
    match refused(text) {
        ParseError::Syntax { found, extra, line, column, .. } => (found, extra, line, column),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_error_names_the_token_that_does_not_fit() {
    let cases = [
        ("SELEC 1", Some("SELEC"), false, 1, 1),
        ("DROP TABLE IF EXIST t", Some("EXIST"), false, 1, 15),
        ("INSERT t VALUES (1)", Some("t"), false, 1, 8),
        ("CREATE TABLE", None, false, 1, 13),
        (";", Some(";"), false, 1, 1),
        ("SELECT 1; SELECT 2", Some("SELECT"), true, 1, 11),
        ("CREATE SCHEMA IF EXISTS x", Some("EXISTS"), false, 1, 18),
        ("OPTIMIZE t", Some("OPTIMIZE"), false, 1, 1),
        ("SELECT 'a' FROM\n  t WHERE WHERE", Some("WHERE"), false, 2, 11),
        ("DROP TABLE a b", Some("b"), true, 1, 14),
        ("SELECT * FROM t VERSION AS OF", None, false, 1, 30),
    ];
    for (text, found, extra, line, column) in cases {
        assert_eq!(stops(text), (found.map(str::to_owned), extra, line, column), "{text}");
    }
    assert_eq!(refused(""), ParseError::Empty);
    assert_eq!(refused(" \n"), ParseError::Empty);
    assert_eq!(stops("-- only a comment").0, None);
    assert_eq!(refused("SELECT * FROM t WHERE a-b").found(), None);
}
