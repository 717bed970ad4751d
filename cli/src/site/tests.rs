//! The example is valid and says the defaults; what cannot work is refused.

use std::io::Write;

use super::*;

fn role(yaml: &str) -> (tempfile::TempDir, Role) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.yaml");
    std::fs::File::create(&path).unwrap().write_all(yaml.as_bytes()).unwrap();
    (dir, Role { config: Some(path), ..Role::default() })
}

fn refused(yaml: &str) -> (Code, String) {
    let (_dir, role) = role(yaml);
    let error = read(&role, Vec::new()).unwrap_err();
    (crate::exit::code(&error), crate::exit::text(&error))
}

#[test]
fn the_example_is_valid_and_says_the_defaults() {
    let uncommented: String =
        EXAMPLE.lines().map(|line| line.strip_prefix('#').unwrap_or(line).to_owned() + "\n").collect();
    // Sentences remain comments by their blank after the sign.
    let yaml: String = uncommented.lines().filter(|line| !is_sentence(line)).map(|line| format!("{line}\n")).collect();
    let (dir, role) = role(&yaml);
    let site = read(&role, Vec::new()).unwrap().config;
    let default = Site::default();
    assert_eq!(site.query_api.listen, default.query_api.listen);
    assert_eq!(
        (site.log.event_partitions, site.log.retention_days, site.log.retention_gib),
        (default.log.event_partitions, default.log.retention_days, default.log.retention_gib)
    );
    assert_eq!(site.engine.memory_mib, default.engine.memory_mib);
    assert_eq!(site.ingest, default.ingest);
    assert_eq!(site.telemetry, default.telemetry);
    assert_eq!(site.clusters[0].kubeconfig.as_deref(), Some(dir.path().join("kubeconfig.yaml").as_path()));
    assert!(site.server_endpoint().unwrap().is_some());
    assert!(Site::default().server_endpoint().unwrap().is_none());
}

fn is_sentence(line: &str) -> bool {
    line.starts_with(' ') && line.chars().nth(1).is_some_and(|c| c.is_uppercase() || c == '/')
}

#[test]
fn the_commented_example_changes_nothing() {
    let (_dir, role) = role(EXAMPLE);
    assert!(read(&role, Vec::new()).unwrap().config.clusters.is_empty());
}

#[test]
fn what_cannot_work_is_a_usage_error_that_says_what_to_do() {
    for (yaml, said) in [
        ("query_api: {lisen: x}", "allowed there: listen, tls_cert, tls_key"),
        ("clusters: [{name: a}]", "kubeconfig"),
        ("clusters: [{name: a, server: 'https://h', colour: red}]", "colour"),
        ("log: {event_partitions: 0}", "1 to 256"),
        ("log: {retention_days: 0}", "1 or more"),
        ("query_api: {listen: nowhere}", "query_api.listen"),
        ("store: {url: 'https://h'}", "store.writer_user"),
        ("ingest: {heartbeat_ms: 1}", "100 to 600000"),
        ("engine: {memory_mib: 1}", "512"),
    ] {
        let (code, text) = refused(yaml);
        assert_eq!(code, Code::Usage, "{yaml}: {text}");
        assert!(text.contains(said), "{yaml}: {text}");
    }
}

#[test]
fn flags_are_the_topmost_layer() {
    let (_dir, mut role) = role("query_api: {listen: '127.0.0.1:1'}\ndata: /a\n");
    role.data = Some("/b".into());
    let listen = crate::args::roles::listen_flag(Some(&"127.0.0.1:2".to_owned()));
    let loaded = read(&role, listen.into_iter().collect()).unwrap();
    assert_eq!(loaded.config.query_api.listen.port(), 2);
    assert_eq!(loaded.config.data.as_deref(), Some(Path::new("/b")));
    let source = |key: &str| loaded.settings.iter().find(|setting| setting.key == key).unwrap().source.clone();
    assert_eq!((source("query_api.listen").as_str(), source("data").as_str()), ("--listen", "--data"));
}
