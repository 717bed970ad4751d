//! The example is valid and says the defaults; what cannot work is refused.

use std::{collections::BTreeSet, io::Write};

use beidou_service::config::ConfigError;

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

/// The example with every key in force.
fn uncommented() -> String {
    let lines = EXAMPLE.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
    // Sentences remain comments by their blank after the sign.
    lines.filter(|line| !is_sentence(line)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_example_is_valid_and_says_the_defaults() {
    let (dir, role) = role(&uncommented());
    let site = read(&role, Vec::new()).unwrap().config;
    let default = Site::default();
    let (api, usual) = (&site.query_api, &default.query_api);
    assert_eq!((api.listen, api.anonymous), (usual.listen, usual.anonymous));
    assert_eq!(
        (api.max_requests, api.max_tails, api.coverage_age_ms),
        (usual.max_requests, usual.max_tails, usual.coverage_age_ms)
    );
    assert_eq!(
        (api.query_memory_bytes, api.query_time_limit_seconds),
        (usual.query_memory_bytes, usual.query_time_limit_seconds)
    );
    assert_eq!(
        (site.log.event_partitions, site.log.retention_days, site.log.retention_gib),
        (default.log.event_partitions, default.log.retention_days, default.log.retention_gib)
    );
    assert_eq!(site.engine.memory_mib, default.engine.memory_mib);
    assert_eq!(site.ingest, default.ingest);
    assert_eq!(site.projector, default.projector);
    let (controllers, usual) = (&site.controllers, &default.controllers);
    assert_eq!((&controllers.listen, controllers.executor), (&usual.listen, usual.executor));
    assert_eq!((&controllers.job, controllers.hold_at_warnings), (&usual.job, usual.hold_at_warnings));
    assert_eq!(controllers.clusters[0].ssh_key.as_deref(), Some(dir.path().join("hz-prod-02.key").as_path()));
    assert_eq!(site.telemetry, default.telemetry);
    assert_eq!(site.clusters[0].kubeconfig.as_deref(), Some(dir.path().join("kubeconfig.yaml").as_path()));
    assert!(site.server_endpoint().unwrap().is_some());
    assert!(Site::default().server_endpoint().unwrap().is_none());
}

fn is_sentence(line: &str) -> bool {
    line.starts_with(' ') && line.chars().nth(1).is_some_and(|c| c != ' ')
}

/// What a place of the configuration allows, asked for by a key that nobody has; `None` where it holds a plain value.
fn allowed(yaml: &str) -> Option<Vec<String>> {
    let (_dir, role) = role(yaml);
    let error = read(&role, Vec::new()).err()?;
    let Some(ConfigError::UnknownKey { allowed, .. }) = error.downcast_ref() else { return None };
    Some(allowed.split(", ").map(ToOwned::to_owned).collect())
}

/// Every key of the configuration, `section.key`, also those of the entries of lists.
fn keys_of_the_type() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let keys = allowed("no_such_key: 1").expect("a mapping");
    keys.iter().for_each(|key| keys_below(key, (&format!("{key}: "), ""), &mut all));
    all
}

/// Those below a place whose value stands between these two texts.
fn keys_below(place: &str, (open, close): (&str, &str), all: &mut BTreeSet<String>) {
    let forms =
        [("{", "}"), ("[{", "}]"), ("[{name: a, ", "}]")].map(|(o, c)| (format!("{open}{o}"), format!("{c}{close}")));
    let found = forms.iter().find_map(|(o, c)| Some((o, c, allowed(&format!("{o}no_such_key: 1{c}"))?)));
    let Some((open, close, keys)) = found else {
        all.insert(place.to_owned());
        return;
    };
    for key in keys {
        keys_below(&format!("{place}.{key}"), (&format!("{open}{key}: "), close), all);
    }
}

/// Places whose keys are names of clusters or parameters.
const FREE: [&str; 3] = ["retention.clusters", "controllers.clusters.parameters", "controllers.clusters.freezes"];

fn keys_of(place: &str, value: &serde_json::Value, all: &mut BTreeSet<String>) {
    match value {
        // Their keys are names that users choose.
        serde_json::Value::Object(_) if FREE.contains(&place) => {
            all.insert(place.to_owned());
        }
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                keys_of(&place, value, all);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys_of(place, item, all)),
        _ => {
            all.insert(place.to_owned());
        }
    }
}

#[test]
fn the_example_has_every_key() {
    let all = keys_of_the_type();
    for known in ["data", "query_api.listen", "query_api.tokens.token_sha256", "clusters.id", "ingest.page_size"] {
        assert!(all.contains(known), "the type is not read right: {known} in {all:?}");
    }
    let mut shown = BTreeSet::new();
    keys_of("", &serde_yaml_ng::from_str(&uncommented()).unwrap(), &mut shown);
    assert_eq!(all.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new(), "keys that the example lacks");
    assert_eq!(shown.difference(&all).collect::<Vec<_>>(), Vec::<&String>::new(), "keys that are none");
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
        ("log: {event_partitions: 17, retention_gib: 1}", "too small for so many partitions"),
        ("log: {retention_days: 0}", "1 or more"),
        ("log: {kafka: {replicas: 1}}", "`log.kafka.brokers` is empty"),
        ("log: {kafka: {brokers: [a]}}", "each broker is host:port"),
        ("log: {kafka: {broker: [a]}}", "allowed there: brokers, prefix"),
        ("log: {kafka: {brokers: ['a:1'], sasl: {mechanism: GSSAPI}}}", "SCRAM-SHA-512"),
        ("query_api: {listen: nowhere}", "query_api.listen"),
        ("store: {url: 'https://h'}", "store.writer_user"),
        ("ingest: {heartbeat_ms: 1}", "100 to 600000"),
        ("engine: {memory_mib: 1}", "512"),
        ("query_api: {exports_days: 0}", "query_api.exports_days is 0; allowed: 1 to 365"),
        ("retention: {day: 1}", "allowed there: days, table_days, clusters"),
        ("retention: {days: -1}", "`retention.days`"),
        ("retention: {days: 36501}", "use 0 (for ever) to 36500"),
        ("retention: {clusters: {a: {day: 1}}}", "allowed there: days"),
        ("retention: {clusters: {a: {}}}", "retention.clusters.a"),
        ("retention: {clusters: {a: 30}}", "retention.clusters.a"),
        ("retention: {clusters: {a.b: {days: 99999}}}", "`retention.clusters.a.b.days` is not valid: 99999"),
        ("archive: {max_rows: 0}", "1 to 1000000"),
        ("archive: {max_age_seconds: 86401}", "1 to 86400"),
        ("archive: {s3: {bucket: ab}}", "3 to 63"),
        ("archive: {s3: {prefix: a}}", "`archive.s3.bucket` is"),
        ("archive: {s3: {bucket: events, endpoint: 'http://h'}}", "archive.s3.allow_http"),
        ("archive: {s3: {buckets: a}}", "allowed there: bucket, prefix"),
        ("audit: {every_seconds: 604801}", "0 to 604800"),
        ("projector: {window: 999}", "`projector.window` is not valid: 999"),
        ("projector: {window: 16777217}", "1000 to 16777216"),
    ] {
        let (code, text) = refused(yaml);
        assert_eq!(code, Code::Usage, "{yaml}: {text}");
        assert!(text.contains(said), "{yaml}: {text}");
    }
}

#[test]
fn what_leaves_the_tables_needs_who_reads_the_archive() {
    let (bucket, reader) = ("archive: {s3: {bucket: events}}", "archive_reader_user: a");
    let on_server = |archive: &str, more: &str| {
        let users = "url: 'https://h', writer_user: w, reader_user: r";
        format!("retention: {{table_days: 1}}\n{archive}\nstore: {{{users}, {more}}}")
    };
    for (archive, more, said) in [
        ("archive: {enabled: false}", reader, "switch `archive.enabled` on"),
        ("", reader, "set `archive.s3.bucket`"),
        (bucket, "", "set `store.archive_reader_user`"),
        (bucket, "archive_reader_user: a, archive_collection: a-b", "`store.archive_collection` is not valid: \"a-b\""),
    ] {
        let (code, text) = refused(&on_server(archive, more));
        assert_eq!(code, Code::Usage, "{archive} {more}: {text}");
        assert!(text.contains(said), "{archive} {more}: {text}");
    }
    let (_dir, role) = role(&on_server(bucket, reader));
    let server = read(&role, Vec::new()).unwrap().config.server_endpoint().unwrap().unwrap();
    assert_eq!(server.archive_collection.as_deref(), Some("beidou_archive"));
    assert_eq!(server.archive_reader.unwrap().user, "a");
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
