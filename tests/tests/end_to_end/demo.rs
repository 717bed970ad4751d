//! The demo as a stranger runs it: a week of history in the tables, and the commands that it prints find the incident.

use std::{process::Command, time::Duration};

use beidou_tests::{
    beidou::{Home, binary},
    wait::until,
};

/// A tenth of a million states takes some seconds; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Enough for the whole story; `make demo` makes ten times as many.
const STATES: &str = "100000";

#[test]
fn the_history_is_whole_and_the_incident_is_there_to_be_found() {
    let home = Home::new().unwrap();
    let data = home.data();
    let data = data.to_str().unwrap();
    let told =
        home.print(&["demo", "--data", data, "--listen", "127.0.0.1:0", "--states", STATES, "--exit-after-seed"]);
    let told = told.unwrap();
    assert!(told.contains("http://127.0.0.1:") && told.contains("Not for production"), "{told}");
    let tries: Vec<&str> =
        told.lines().filter(|line| line.contains(" timeline ") || line.contains("events -c")).collect();
    assert!(tries.len() >= 3, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_it_prints_finds_something() {
    let mut home = Home::new().unwrap();
    home.serve(&["demo", "--states", STATES]).await.unwrap();
    let binary = binary().unwrap();
    let named = |line: &&str| line.trim_start().starts_with(binary.to_str().unwrap());
    let told =
        until("the demo has told its story", LIMIT, async || Some(home.log()).filter(|log| log.contains("wipe")));
    let told = told.await.unwrap();
    let commands: Vec<&str> = told.lines().filter(named).collect();
    assert!(commands.len() >= 3, "{told}");
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let found = home.print(&words).unwrap();
        assert!(found.contains("mirror.hz") || found.contains("NodeNotReady"), "{command}: {found}");
        assert!(found.lines().count() > 5, "{command}: {found}");
    }
    let rows = home.sql("SELECT count(), uniqExact(cluster_uid, epoch, event_uid, resource_version) FROM kube_event WHERE found_by = 'seed'");
    let rows = rows.await.unwrap();
    let (rows, distinct) = rows[0].split_once('\t').unwrap();
    assert_eq!(rows, distinct);
    assert!(rows.parse::<u64>().unwrap() >= 100_000);
    // What is promised of a range follows the tables by some seconds.
    let gap = until("the unwatched time is told", LIMIT, async || {
        let told = home.print(&["coverage", "--since", "7d", "-c", "sz-prod-01"]).unwrap();
        told.contains("degraded").then_some(())
    });
    gap.await.unwrap();
}

#[test]
fn an_occupied_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new().unwrap();
    let mut command = Command::new(binary().unwrap());
    command.args(["demo", "--states", "1", "--listen", &address]).env("XDG_CONFIG_HOME", home.path().join("config"));
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains(&address), "{told}");
}
