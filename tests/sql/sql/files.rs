//! Files: off, and below one directory only where the host allows it.

use std::fs;
use std::path::Path;

use annals::Store;
use annals_sql::{SqlError, SqlSession};
use annals_sql_tests::{column, error, new_session, run};

#[test]
fn no_statement_reaches_the_file_system() {
    let directory = tempfile::tempdir().unwrap();
    let csv = directory.path().join("a.csv");
    fs::write(&csv, "n\n1\n").unwrap();
    let (csv, written) = (csv.display(), directory.path().join("out.csv"));
    let (store, session) = new_session();
    run(async {
        for sql in [
            "SELECT * FROM '/etc/passwd'".to_owned(),
            "SELECT * FROM `/etc/passwd`".to_owned(),
            "SELECT * FROM \"/etc/passwd\"".to_owned(),
            "SELECT * FROM text.`/etc/passwd`".to_owned(),
            format!("SELECT * FROM `{csv}`"),
            format!("SELECT * FROM csv.`{csv}`"),
            format!("SELECT * FROM CSV.`file://{csv}`"),
            "SELECT * FROM parquet.`s3://bucket/key`".to_owned(),
            "SELECT * FROM `a.parquet`".to_owned(),
            format!("SELECT * FROM read_csv('{csv}')"),
            format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{csv}'"),
            format!("COPY (SELECT 1) TO '{}'", written.display()),
            format!("COPY t FROM '{csv}'"),
            format!("LOAD DATA INPATH '{csv}' INTO TABLE t"),
            format!(
                "INSERT OVERWRITE DIRECTORY '{}' USING csv SELECT 1",
                directory.path().display()
            ),
        ] {
            let refused = error(&session, &sql).await;
            // Whatever it is refused for, it is not for what the file holds.
            assert!(!refused.to_string().contains("root:"), "{sql}: {refused}");
        }
        for sql in ["SELECT * FROM `/etc/passwd`", "SELECT * FROM csv.`a.csv`"] {
            match error(&session, sql).await {
                SqlError::FilesAreOff { path } => assert!(sql.contains(&path), "{path}"),
                other => panic!("{sql}: {other}"),
            }
        }
        assert!(!written.exists());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(store.tables("default").unwrap().is_empty());
    });
}

#[test]
fn what_is_sorted_is_not_spilled_to_files() {
    let store = Store::in_memory();
    let session = SqlSession::builder(&store).memory_limit(1 << 20).build().unwrap();
    let runtime = std::sync::Arc::clone(session.state().runtime_env());
    assert!(!runtime.disk_manager.tmp_files_enabled());
    assert!(runtime.object_store(url()).is_err());
}

fn url() -> datafusion::datasource::listing::ListingTableUrl {
    datafusion::datasource::listing::ListingTableUrl::parse("/etc/passwd").unwrap()
}

/// A directory to read below, and a secret beside it.
fn with_root() -> (tempfile::TempDir, SqlSession) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("open");
    fs::create_dir_all(root.join("many")).unwrap();
    fs::write(directory.path().join("secret.csv"), "word\nroot:secret\n").unwrap();
    fs::write(root.join("a.csv"), "n,text\n1,x\n2,y\n").unwrap();
    fs::write(root.join("b.json"), "{\"n\": 7}\n{\"n\": 8}\n").unwrap();
    fs::write(root.join("many/1.csv"), "n\n1\n").unwrap();
    fs::write(root.join("many/2.csv"), "n\n2\n").unwrap();
    fs::write(root.join("many/_SUCCESS"), "").unwrap();
    let session = SqlSession::builder(&Store::in_memory()).files_below(&root).unwrap();
    (directory, session.build().unwrap())
}

#[test]
fn files_below_the_directory_are_read() {
    let (directory, session) = with_root();
    let full = directory.path().canonicalize().unwrap().join("open/a.csv");
    run(async {
        for name in
            ["`a.csv`", "csv.`a.csv`", "CSV.`./a.csv`", &format!("csv.`{}`", full.display())]
        {
            let sql = format!("SELECT sum(n) FROM {name}");
            assert_eq!(column(&session, &sql).await, ["3"], "{name}");
        }
        assert_eq!(column(&session, "SELECT sum(n) FROM json.`b.json`").await, ["15"]);
        assert_eq!(column(&session, "SELECT sum(n) FROM csv.`many`").await, ["3"]);
        let sql = "SELECT text FROM `a.csv` a JOIN `b.json` b ON a.n + 6 = b.n ORDER BY 1";
        assert_eq!(column(&session, sql).await, ["x", "y"]);
    });
}

#[test]
fn nothing_else_is() {
    let (directory, session) = with_root();
    let secret = directory.path().canonicalize().unwrap().join("secret.csv");
    run(async {
        for path in [
            "../secret.csv",
            "many/../../secret.csv",
            "/etc/passwd",
            "file:///etc/passwd",
            "s3://bucket/a.csv",
            &secret.display().to_string(),
            &format!("{}/open/../secret.csv", directory.path().canonicalize().unwrap().display()),
        ] {
            match error(&session, &format!("SELECT * FROM csv.`{path}`")).await {
                SqlError::FileOutside { path: told, .. } => assert_eq!(told, path),
                other => panic!("{path}: {other}"),
            }
        }
        match error(&session, "SELECT * FROM csv.`none.csv`").await {
            SqlError::File { source, .. } => {
                assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
            }
            other => panic!("{other}"),
        }
        assert!(matches!(
            error(&session, "SELECT * FROM orc.`a.csv`").await,
            SqlError::Unsupported { .. }
        ));
        let out = directory.path().join("open/out.csv");
        error(&session, &format!("COPY (SELECT 1) TO '{}'", out.display())).await;
        error(&session, "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION 'a.csv'").await;
        assert!(!out.exists());
    });
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere() {
    let (directory, session) = with_root();
    let root = directory.path().join("open");
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
    link(&directory.path().join("secret.csv"), "link.csv");
    link(directory.path(), "up");
    link(&directory.path().join("secret.csv"), "many/3.csv");
    run(async {
        for path in ["link.csv", "up/secret.csv", "many", "up"] {
            match error(&session, &format!("SELECT * FROM csv.`{path}`")).await {
                SqlError::FileOutside { path: told, .. } => assert_eq!(told, path),
                other => panic!("{path}: {other}"),
            }
        }
        assert_eq!(column(&session, "SELECT n FROM csv.`many/1.csv`").await, ["1"]);
    });
}

#[test]
fn a_table_of_the_store_comes_before_a_file() {
    let (_directory, session) = with_root();
    let rows = annals::record_batch!(("n", Int64, [99])).unwrap();
    let name = annals::TableName::new(&annals::DatabaseName::default(), "a.csv").unwrap();
    session.store().write(rows).save_as_table(&name).unwrap();
    run(async { assert_eq!(column(&session, "SELECT n FROM `a.csv`").await, ["99"]) });
}
