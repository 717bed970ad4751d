//! The binary as a user meets it: output, errors, exit codes. No engine and no server are needed.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use beidou_service::held_port::HeldPort;

/// Runs `beidou` with an empty home.
fn beidou(home: &Path, args: &[&str]) -> Output {
    beidou_with(home, args, &[])
}

fn beidou_with(home: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_beidou"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts the exit code and that stderr says all of this.
fn assert_fails(output: &Output, code: i32, said: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in said {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn help_shows_first_steps_and_exit_codes() {
    let help = beidou(home().path(), &["--help"]);
    let text = stdout(&help);
    assert!(help.status.success());
    for part in ["beidou demo", "up --kubeconfig", "Exit codes", "4  the token was refused", "timeline"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    for command in
        ["demo", "up", "ingest", "projector", "query-api", "engine", "config", "events", "timeline", "coverage"]
    {
        assert!(beidou(home().path(), &[command, "--help"]).status.success(), "{command}");
    }
}

#[test]
fn completion_is_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = beidou(home().path(), &["completion", shell]);
        assert!(script.status.success() && stdout(&script).contains("beidou"), "{shell}");
    }
}

const SECRETS: &str = "log: {retention_days: 3}\nstore: {writer_password: hunter2}\n\
    archive: {s3: {bucket: events, access_key_id: id, secret_access_key: hunter2}}\n";

#[test]
fn config_names_the_source_of_each_value() {
    let home = home();
    let file = home.path().join("site.yaml");
    std::fs::write(&file, SECRETS).unwrap();
    let args = ["config", "--config", file.to_str().unwrap(), "--data", "/d"];
    let variables = [("BEIDOU_LOG_RETENTION_GIB", "5"), ("BEIDOU_LOG_RETENTOIN", "5")];
    let shown = beidou_with(home.path(), &args, &variables);
    let text = stdout(&shown);
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {text}"));
    assert!(line("log.retention_days").contains("site.yaml"), "{text}");
    assert!(line("log.retention_gib").contains("BEIDOU_LOG_RETENTION_GIB"), "{text}");
    assert!(line("data").contains("--data"), "{text}");
    assert!(line("query_api.listen").contains("default"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(stderr(&shown).contains("BEIDOU_LOG_RETENTOIN"), "{}", stderr(&shown));
}

#[test]
fn the_printed_example_is_a_valid_file() {
    let home = home();
    let file = home.path().join("site.yaml");
    std::fs::write(&file, beidou(home.path(), &["config", "--example"]).stdout).unwrap();
    let shown = beidou(home.path(), &["config", "--json", "--config", file.to_str().unwrap()]);
    assert!(shown.status.success(), "{}", stderr(&shown));
}

#[test]
fn a_wrong_configuration_is_a_usage_error() {
    let home = home();
    let file = home.path().join("site.yaml");
    let file_name = file.to_str().unwrap();
    std::fs::write(&file, "query_api: {lisen: x}").unwrap();
    for role in ["up", "ingest", "projector", "query-api", "engine", "config"] {
        let output = beidou(home.path(), &[role, "--config", file_name]);
        assert_fails(&output, 2, &["query_api.lisen", "site.yaml", "allowed there: listen"]);
    }
    let missing = beidou(home.path(), &["up", "--config", "/does/not/exist.yaml"]);
    assert_fails(&missing, 2, &["/does/not/exist.yaml"]);
}

#[test]
fn an_unreadable_kubeconfig_says_so() {
    let home = home();
    let data = home.path().join("data");
    let output = beidou(home.path(), &["up", "--data", data.to_str().unwrap(), "--kubeconfig", "/does/not/exist"]);
    assert_fails(&output, 2, &["cannot read the kubeconfig", "/does/not/exist", "next:"]);
    let none = beidou(home.path(), &["ingest", "--data", data.to_str().unwrap()]);
    assert_fails(&none, 2, &["no cluster to collect", "--kubeconfig"]);
}

#[test]
fn an_occupied_port_is_named_with_the_way_out() {
    let (home, holder) = (home(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let (data, address) = (home.path().join("data"), holder.local_addr().unwrap().to_string());
    for role in ["up", "query-api"] {
        let output = beidou(home.path(), &[role, "--data", data.to_str().unwrap(), "--listen", &address]);
        assert_fails(&output, 1, &[&address, "--listen", "in use"]);
    }
}

#[test]
fn an_archive_is_not_made_by_who_looks_at_it() {
    let home = home();
    let nowhere = home.path().join("nowhere");
    for action in ["list", "compact"] {
        let output = beidou(home.path(), &["archive", action, "--data", nowhere.to_str().unwrap()]);
        assert_fails(&output, 2, &[nowhere.to_str().unwrap(), "no data directory there", "--data"]);
    }
    assert!(!nowhere.exists());
}

#[test]
fn the_token_of_a_data_directory_is_printed_and_never_made() {
    let home = home();
    let (own, other) = (home.path().join(".local/share/beidou"), home.path().join("other"));
    let none = beidou(home.path(), &["token"]);
    assert_fails(&none, 2, &[own.to_str().unwrap(), "there is no token", "beidou up", "--data"]);
    assert!(!own.exists() && none.stdout.is_empty());
    for (data, token) in [(&own, "bd_own\n"), (&other, "bd_other\n")] {
        std::fs::create_dir_all(data).unwrap();
        std::fs::write(data.join("token"), token).unwrap();
    }
    let other = other.to_str().unwrap();
    assert_eq!(stdout(&beidou(home.path(), &["token"])), "bd_own\n");
    assert_eq!(stdout(&beidou(home.path(), &["token", "--data", other])), "bd_other\n");
    assert_eq!(stdout(&beidou_with(home.path(), &["token"], &[("BEIDOU_DATA", other)])), "bd_other\n");
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let home = home();
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let lock = std::fs::File::create(data.join("lock")).unwrap();
    lock.lock().unwrap();
    for role in ["up", "demo"] {
        let output = beidou(home.path(), &[role, "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
        assert_fails(&output, 1, &["in use", "another directory"]);
    }
}

#[test]
fn a_missing_engine_tells_how_to_get_it() {
    let home = home();
    let variables = [("BEIDOU_ENGINE_LIBRARY", "/does/not/exist.so")];
    for args in [&["engine", "verify"][..], &["demo", "--listen", "127.0.0.1:0"]] {
        let output = beidou_with(home.path(), args, &variables);
        assert_fails(&output, 1, &["/does/not/exist.so", "BEIDOU_ENGINE_LIBRARY"]);
    }
}

#[test]
fn clients_without_a_server_are_told_how_to_get_one() {
    let home = home();
    assert_fails(&beidou(home.path(), &["events"]), 2, &["no server is known", "beidou demo"]);
    assert_fails(&beidou(home.path(), &["events", "--context", "x"]), 3, &["\"x\" is not known"]);
    // The port is held, and nobody listens there.
    let held = HeldPort::any().unwrap();
    let url = format!("http://{}", held.address());
    for client in [&["events"][..], &["clusters"], &["coverage"], &["rejects"], &["timeline", "po/a", "-c", "b"]] {
        let output = beidou_with(home.path(), client, &[("BEIDOU_URL", &url)]);
        assert_fails(&output, 5, &["cannot reach", &url, "beidou up"]);
    }
}

#[test]
fn contexts_are_listed_and_chosen() {
    let home = home();
    let file = home.path().join(".config/beidou/contexts.yaml");
    assert!(stdout(&beidou(home.path(), &["context", "list"])).contains("no contexts"));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let contexts = "current: a\ncontexts:\n- {name: a, url: 'http://a', token: bd_0123456789}\n- {name: b, url: 'http://b', token: bd_x}\n";
    std::fs::write(&file, contexts).unwrap();
    let listed = stdout(&beidou(home.path(), &["context", "list"]));
    assert!(listed.contains('*') && listed.contains("http://b") && !listed.contains("0123456789"), "{listed}");
    assert!(beidou(home.path(), &["context", "use", "b"]).status.success());
    assert!(std::fs::read_to_string(&file).unwrap().contains("current: b"));
    assert_fails(&beidou(home.path(), &["context", "use", "c"]), 3, &["known contexts: a, b"]);
}

#[test]
fn usage_errors_exit_with_two() {
    assert_fails(&beidou(home().path(), &["events", "--since", "yesterday"]), 2, &["36h", "RFC 3339"]);
    assert_fails(&beidou(home().path(), &["events", "--for", "web"]), 2, &["KIND/NAME"]);
    assert_fails(&beidou(home().path(), &["evnts"]), 2, &["events"]);
    let both = ["events", "--follow", "-o", "json", "--url", "http://127.0.0.1:9"];
    assert_fails(&beidou(home().path(), &both), 2, &["ndjson"]);
}
