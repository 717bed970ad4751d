//! Who gets in, and what a reader may do.

use crate::support::{EngineProcess, answer, http};

#[tokio::test]
async fn wrong_secrets_foreign_hosts_and_web_pages_are_refused() {
    let engine = EngineProcess::start();
    let url = &engine.endpoint.url;
    let writer = &engine.endpoint.writer;
    let wrong = engine.client().with_password("wrong").query("SELECT 1").fetch_one::<u8>().await.unwrap_err();
    assert!(wrong.to_string().contains("AUTHENTICATION_FAILED"), "{wrong}");
    for (what, request) in [
        ("no user", http().post(url).body("SELECT 1")),
        ("wrong password", http().post(url).basic_auth(&writer.user, Some("x")).body("SELECT 1")),
        (
            "the reader's secret",
            http().post(url).basic_auth(&writer.user, Some(&engine.endpoint.reader.password)).body("SELECT 1"),
        ),
        ("a foreign host", engine.request().header("host", "evil.example").body("SELECT 1")),
        ("a web page", engine.request().header("origin", "http://127.0.0.1").body("SELECT 1")),
        ("a foreign host's ping", http().get(format!("{url}/ping")).header("host", "evil.example")),
    ] {
        let (status, text) = answer(request).await;
        assert_eq!(status, 403, "{what}: {text}");
    }
    assert_eq!(answer(http().get(format!("{url}/ping"))).await, (200, "Ok.\n".to_owned()));
    assert_eq!(answer(http().get(url)).await, (200, "Ok.\n".to_owned()));
    assert_eq!(answer(http().get(format!("{url}/elsewhere"))).await.0, 404);
    let in_url = [("user", writer.user.as_str()), ("password", writer.password.as_str()), ("query", "SELECT 1")];
    assert_eq!(answer(http().get(url).query(&in_url)).await, (200, "1\n".to_owned()));
}

/// The page about servers of one's own; the engine has no users to create, but it reads what a server reads.
#[tokio::test]
async fn the_documented_statements_are_well_formed() {
    let page = include_str!("../../../../docs/clickhouse.md");
    let blocks = page.split("```sql\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let words = blocks.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    let statements: Vec<&str> = words.split_terminator(';').map(str::trim).collect();
    assert_eq!(statements.len(), 21, "{statements:#?}");
    let engine = EngineProcess::start();
    for statement in statements {
        let request = engine.request().query(&[("param_sql", statement)]).body("SELECT formatQuery({sql:String})");
        let (status, text) = answer(request).await;
        assert_eq!(status, 200, "{statement}: {text}");
    }
}

#[tokio::test]
async fn a_reader_reads_and_does_nothing_else() {
    let engine = EngineProcess::start();
    engine.ok("CREATE TABLE beidou.t (a UInt8) ENGINE = MergeTree ORDER BY a").await;
    engine.ok("INSERT INTO beidou.t VALUES (1)").await;
    let outfile = engine.data().join("out");
    let outfile_sql = format!("SELECT 1 INTO OUTFILE '{}'", outfile.display());
    for sql in [
        "INSERT INTO beidou.t VALUES (2)",
        "INSERT INTO beidou.t SELECT 2",
        "DROP TABLE beidou.t",
        "CREATE TABLE beidou.u (a UInt8) ENGINE = Memory",
        "SET max_threads = 1",
        "SELECT 1 SETTINGS max_threads = 1",
        "KILL QUERY WHERE 1 ASYNC",
        "SYSTEM FLUSH LOGS",
        "SELECT 1; DROP TABLE beidou.t",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM `default`.`/etc/passwd`",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM filesystem('/etc')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'LineAsString')",
        &outfile_sql,
    ] {
        let (status, text) = answer(engine.reader_request().body(sql.to_owned())).await;
        assert!(matches!(status, 400 | 403), "{sql}: {status} {text}");
    }
    assert!(!outfile.exists());
    let limited = engine.reader_request().query(&[("max_execution_time", "5"), ("database", "beidou")]);
    assert_eq!(answer(limited.body("SELECT count() FROM t")).await, (200, "1\n".to_owned()));
    let refused = engine.reader_request().query(&[("readonly", "0"), ("allow_ddl", "1")]).body("SELECT 1");
    assert_eq!(answer(refused).await.0, 403);
    let loosened = engine.reader_request().query(&[("readonly", "0")]).body("DROP TABLE beidou.t");
    assert_eq!(answer(loosened).await.0, 403);
    // A GET never changes anything, whoever sends it.
    let writer = &engine.endpoint.writer;
    let get = http().get(&engine.endpoint.url).basic_auth(&writer.user, Some(&writer.password));
    assert_eq!(answer(get.query(&[("query", "DROP TABLE beidou.t")])).await.0, 403);
    assert_eq!(engine.ok("SELECT count() FROM beidou.t").await, "1");
}

/// For statements of Beidou's own over the archive; the way is another than that of callers' statements.
#[tokio::test]
async fn the_reader_of_the_archive_reads_files_and_changes_nothing() {
    let engine = EngineProcess::start();
    engine.ok("CREATE TABLE beidou.t (a UInt8) ENGINE = MergeTree ORDER BY a").await;
    let file = engine.data().join("seven");
    std::fs::write(&file, "7\n").unwrap();
    let sql = format!("SELECT * FROM file('{}', 'TSV', 'a UInt8')", file.display());
    let limited = engine.archive_request().query(&[("max_execution_time", "5"), ("use_hive_partitioning", "0")]);
    assert_eq!(answer(limited.body(sql.clone())).await, (200, "7\n".to_owned()));
    for refused in [
        "INSERT INTO beidou.t VALUES (2)",
        "INSERT INTO FUNCTION file('/tmp/never', 'TSV', 'a UInt8') SELECT 1",
        "DROP TABLE beidou.t",
        "CREATE TABLE beidou.u (a UInt8) ENGINE = Memory",
        "SYSTEM FLUSH LOGS",
        "KILL QUERY WHERE 1 ASYNC",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'LineAsString')",
    ] {
        let (status, text) = answer(engine.archive_request().body(refused)).await;
        assert!(matches!(status, 400 | 403), "{refused}: {status} {text}");
    }
    let setting = engine.archive_request().query(&[("allow_ddl", "1")]).body("SELECT 1");
    assert_eq!(answer(setting).await.0, 403);
    let (status, text) = answer(engine.reader_request().body(sql)).await;
    assert_eq!(status, 403, "{text}");
}
