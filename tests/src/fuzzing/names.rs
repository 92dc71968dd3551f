//! Names of tables and databases: parsed as a parser says that goes through the text once, one
//! character after the other.

use annals_state::{DatabaseName, TableName};

/// Bytes as text.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let expected = table(&text);
    let found = TableName::parse(&text);
    match (&found, &expected) {
        (Ok(name), Some((database, table))) => {
            assert_eq!((name.database_str(), name.table_str()), (&**database, &**table));
            let again = TableName::parse(&name.to_string()).expect("what is written can be read");
            assert_eq!(&again, name, "{name}");
            assert_eq!((again.database_str(), again.table_str()), (&**database, &**table));
            let upper = TableName::parse_in(&name.to_string().to_lowercase(), &name.database());
            if let Ok(lower) = upper {
                assert_eq!(&lower, name, "case makes no difference");
            }
            assert!(name.is_in(&name.database()));
            assert_eq!(name.table_folded(), table.to_lowercase());
        }
        (Err(error), None) => {
            let message = error.to_string();
            assert!(!message.is_empty() && message.len() < 1_000, "{message}");
        }
        _ => panic!("{text:?}: {found:?}, the other parser says {expected:?}"),
    }
    let found = DatabaseName::parse(&text).ok().map(|name| name.as_str().to_owned());
    assert_eq!(found, database(&text), "{text:?} as a database");
}

fn table(text: &str) -> Option<(String, String)> {
    let parts = split(text)?;
    let (database, table) = match &parts[..] {
        [table] => ("default".to_owned(), table.clone()),
        [database, table] => (database.clone(), table.clone()),
        [catalog, database, table] if catalog.eq_ignore_ascii_case("annals") => {
            (database.clone(), table.clone())
        }
        _ => return None,
    };
    (is_part(&database) && is_part(&table)).then_some((database, table))
}

fn database(text: &str) -> Option<String> {
    let parts = split(text)?;
    let database = match &parts[..] {
        [database] => database.clone(),
        [catalog, database] if catalog.eq_ignore_ascii_case("annals") => database.clone(),
        _ => return None,
    };
    is_part(&database).then_some(database)
}

fn is_part(text: &str) -> bool {
    (1..=1024).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The parts of a name, without their backticks.
fn split(text: &str) -> Option<Vec<String>> {
    #[derive(PartialEq)]
    enum At {
        Start,
        Plain,
        Quoted,
        /// Behind a backtick in quotes: the end of them, or the first of two.
        Backtick,
    }
    let (mut at, mut part, mut parts) = (At::Start, String::new(), Vec::new());
    let is_space = |c: Option<char>| c.is_some_and(|c| c.is_whitespace() && !c.is_control());
    let ends_well = |part: &str, plain: bool| {
        !part.is_empty()
            && !(plain && (is_space(part.chars().next()) || is_space(part.chars().next_back())))
    };
    for char in text.chars() {
        at = match (at, char) {
            (At::Start, '`') => At::Quoted,
            (At::Start | At::Plain, '.') => {
                if !ends_well(&part, true) {
                    return None;
                }
                parts.push(std::mem::take(&mut part));
                At::Start
            }
            (At::Plain, '`') => return None,
            (At::Start | At::Plain, char) => {
                part.push(char);
                At::Plain
            }
            (At::Quoted, '`') => At::Backtick,
            (At::Quoted, char) => {
                part.push(char);
                At::Quoted
            }
            (At::Backtick, '`') => {
                part.push('`');
                At::Quoted
            }
            (At::Backtick, '.') => {
                if !ends_well(&part, false) {
                    return None;
                }
                parts.push(std::mem::take(&mut part));
                At::Start
            }
            (At::Backtick, _) => return None,
        };
    }
    if at == At::Quoted || !ends_well(&part, at != At::Backtick) {
        return None;
    }
    parts.push(part);
    Some(parts)
}
