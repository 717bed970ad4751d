//! Bad input, end to end: each has a clear error that names what is wrong and what to do, and nothing is lost.

use std::{collections::HashSet, fs, net::TcpListener, time::Duration};

use beidou_simulator::{ApiServer, Fleet, Ledger, Oddity, ServerOptions};
use beidou_tests::{
    beidou::{Home, http},
    wait::until,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// From a frame to the answer takes a second; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(120);

const ODDITIES: [Oddity; 6] = [
    Oddity::HugeMessage,
    Oddity::UnknownFields,
    Oddity::NullTimestamps,
    Oddity::FarFuture,
    Oddity::OddTimes,
    Oddity::OddText,
];

async fn simulated() -> ApiServer {
    let cluster = Fleet::new(5, 1, 3).clusters.remove(0);
    ApiServer::start(ServerOptions::new(cluster, Ledger::default())).await.unwrap()
}

/// A home whose server collects one simulated cluster.
async fn collecting(server: &ApiServer) -> Home {
    let mut home = Home::new().unwrap();
    let config = home.path().join("site.yaml");
    let cluster = json!({"name": "odd", "server": server.url(), "token": server.token()});
    let site = json!({"clusters": [cluster], "ingest": {"heartbeat_ms": 1000}});
    fs::write(&config, site.to_string()).unwrap();
    home.serve(&["up", "--config", config.to_str().unwrap()]).await.unwrap();
    until("the cluster is watched", LIMIT, async || (server.faults().running_streams() > 0).then_some(()))
        .await
        .unwrap();
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_events_are_kept_whole_and_broken_frames_are_listed() {
    let server = simulated().await;
    let home = collecting(&server).await;
    let faults = server.faults();
    let committed: HashSet<Uuid> = ODDITIES.iter().map(|oddity| faults.commit_odd(*oddity).0).collect();
    faults.send_broken_frame();
    faults.send_invalid_utf8_frame();
    faults.send_line(br#"{"type":"ADDED","object":{"kind":"Event","metadata":{"name":"no-identity"}}}"#);

    let found = until("every odd Event is found", LIMIT, async || {
        // The huge one ends its page early; the command line follows the pages.
        let lines = home.print(&["events", "--since", "1h", "--limit", "1000", "-o", "ndjson"]).ok()?;
        let items: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        let uids: HashSet<Uuid> = items.iter().filter_map(|item| item["uid"].as_str()?.parse().ok()).collect();
        committed.is_subset(&uids).then_some(items)
    });
    let found = found.await.unwrap_or_else(|overdue| panic!("{overdue}\n{}", home.log()));
    let flags =
        |oddity: &str| found.iter().find(|item| item["name"] == oddity).map(|item| item["time_flags"].to_string());
    assert!(flags("far-future").unwrap().contains("future"));
    for uid in committed {
        // The API looks for new clusters once a second, and this one is younger.
        let path = format!("/api/v1/events/odd/{uid}");
        let states = until("its states are found", LIMIT, async || home.get(&path).await.ok()).await.unwrap();
        let theirs = server.stored().into_iter().find(|(stored, _)| *stored == uid).unwrap();
        assert!(states.to_string().contains(&theirs.1.to_string()), "{uid}");
    }
    let rejects = until("the broken frames are listed", LIMIT, async || {
        let listed = home.get("/api/v1/rejects?from=-1h").await.ok()?;
        let items = listed["items"].as_array()?.clone();
        (items.len() >= 3).then_some(items)
    });
    let reasons: Vec<String> = rejects.await.unwrap().iter().map(|item| item["reason"].to_string()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("not_json")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("not_an_event")), "{reasons:?}");
    assert!(home.print(&["rejects", "--since", "1h"]).unwrap().contains("not_json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_gets_wrong_is_named() {
    let server = simulated().await;
    let home = collecting(&server).await;
    let (url, token) = home.target().unwrap();
    let problem = async |path: &str, token: &str, status: u16| -> Value {
        let answer = http().get(format!("{url}{path}")).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        answer.json().await.unwrap()
    };
    problem("/api/v1/events", "bd_wrong", 401).await;
    for (path, named) in [
        ("/api/v1/events?from=yesterday", "yesterday"),
        ("/api/v1/events?limit=0", "limit"),
        ("/api/v1/events?colour=red", "colour"),
        ("/api/v1/events?cursor=AAAA", "cursor"),
    ] {
        let told = problem(path, &token, 400).await;
        assert!(told.to_string().contains(named), "{told}");
    }
    let wrong = home.run(&["events", "--token", "bd_wrong"]).unwrap();
    assert_eq!(wrong.status.code(), Some(4), "{}", String::from_utf8_lossy(&wrong.stderr));
    let nobody = home.run(&["events", "--url", "http://127.0.0.1:1", "--token", "x"]).unwrap();
    assert_eq!(nobody.status.code(), Some(5), "{}", String::from_utf8_lossy(&nobody.stderr));

    // A second one on the same data, and one on a port that is taken.
    let data = home.data();
    let data = data.to_str().unwrap();
    let config = home.path().join("site.yaml");
    let second = home.run(&["ingest", "--data", data, "--config", config.to_str().unwrap()]).unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned() + &String::from_utf8_lossy(&second.stdout);
    assert!(!second.status.success() && told.contains("already has a writer"), "{told}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let third = home.run(&["query-api", "--data", data, "--listen", &address]).unwrap();
    let told = String::from_utf8_lossy(&third.stderr).into_owned() + &String::from_utf8_lossy(&third.stdout);
    assert!(!third.status.success() && told.contains(&address), "{told}");
}

#[test]
fn what_cannot_be_started_says_why() {
    let home = Home::new().unwrap();
    let refused = |arguments: &[&str], words: &[&str]| {
        let output = home.run(arguments).unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success(), "{arguments:?} succeeded: {told}");
        for word in words {
            assert!(told.contains(word), "{arguments:?} does not name {word:?}: {told}");
        }
    };
    let data = home.data();
    let data = data.to_str().unwrap();
    let missing = home.path().join("nowhere");
    refused(&["up", "--data", data, "--kubeconfig", missing.to_str().unwrap()], &["nowhere"]);
    let broken = home.path().join("kubeconfig");
    fs::write(&broken, "clusters: [not, a, kubeconfig").unwrap();
    refused(&["up", "--data", data, "--kubeconfig", broken.to_str().unwrap()], &["kubeconfig"]);
    let config = home.path().join("site.yaml");
    fs::write(&config, "colour: red\n").unwrap();
    refused(&["config", "--config", config.to_str().unwrap()], &["colour", "site.yaml"]);
}
