//! `beidou import` end to end: what a dump brings is found, once, whatever it overlaps with.

use std::{collections::HashSet, fs, io::Write, path::PathBuf, process::Stdio, time::Duration};

use beidou_simulator::{ApiServer, Fleet, Ledger, Oddity, ServerOptions};
use beidou_tests::{
    beidou::{Home, http},
    wait::until,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// From a frame to the answer takes a second; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(120);
/// Longer ago than the dumps are.
const LONG_AGO: &str = "3650d";

async fn simulated() -> ApiServer {
    let cluster = Fleet::new(5, 1, 3).clusters.remove(0);
    ApiServer::start(ServerOptions::new(cluster, Ledger::default())).await.unwrap()
}

/// A home whose server collects one simulated cluster, called `watched`.
async fn collecting(server: &ApiServer) -> Home {
    let mut home = Home::new().unwrap();
    start(&mut home, server).await;
    home
}

async fn start(home: &mut Home, server: &ApiServer) {
    let config = home.path().join("site.yaml");
    let cluster = json!({"name": "watched", "server": server.url(), "token": server.token()});
    fs::write(&config, json!({"clusters": [cluster], "ingest": {"heartbeat_ms": 1000}}).to_string()).unwrap();
    home.serve(&["up", "--config", config.to_str().unwrap()]).await.unwrap();
    until("the cluster is watched", LIMIT, async || (server.faults().running_streams() > 0).then_some(()))
        .await
        .unwrap();
}

/// These Events as the server lists them.
async fn dumped(server: &ApiServer, uids: &HashSet<Uuid>) -> Vec<Value> {
    let list = http().get(format!("{}/api/v1/events", server.url())).bearer_auth(server.token());
    let list: Value = list.send().await.unwrap().json().await.unwrap();
    let wanted =
        |item: &&Value| item["metadata"]["uid"].as_str().is_some_and(|uid| uids.contains(&uid.parse().unwrap()));
    let items: Vec<Value> = list["items"].as_array().unwrap().iter().filter(wanted).cloned().collect();
    assert_eq!(items.len(), uids.len());
    items
}

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../lib/model/golden/import").join(name);
    path.to_str().unwrap().to_owned()
}

/// The answer of an import, and its exit code.
fn import(home: &Home, arguments: &[&str]) -> (Value, i32) {
    let output = home.run(&[&["import", "-o", "json"], arguments].concat()).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answer = serde_json::from_str(&text);
    let answer = answer.unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    (answer, output.status.code().unwrap())
}

/// States of a cluster in the table, and how many of them differ.
async fn stored(home: &Home, cluster: &str) -> (String, String) {
    let sql = format!(
        "SELECT count(), uniqExact(event_uid, resource_version) FROM kube_event WHERE cluster = '{cluster}' AND found_by = 'import'"
    );
    let rows = home.sql(&sql).await.unwrap();
    let (count, distinct) = rows[0].split_once('\t').unwrap();
    (count.into(), distinct.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_is_imported_once_and_found_and_proves_nothing() {
    let server = simulated().await;
    let home = collecting(&server).await;
    let (dump, rejects) = (golden("kubectl-get-events.json"), home.path().join("rejects.ndjson"));
    let into = ["--cluster", "old-prod", dump.as_str()];

    let (planned, _) = import(&home, &[&into[..], &["--dry-run"]].concat());
    assert_eq!((&planned["imported"], &planned["dry_run"]), (&json!(7), &json!(true)), "{planned}");
    assert_eq!(stored(&home, "old-prod").await.0, "0");
    let (done, code) = import(&home, &[&into[..], &["--rejects", rejects.to_str().unwrap()]].concat());
    assert_eq!(
        (&done["imported"], &done["known"], &done["rejected"], code),
        (&json!(7), &json!(0), &json!(6), 1),
        "{done}"
    );
    assert_eq!(done["clusters"][0]["known"], false);
    let refused: Vec<Value> =
        fs::read_to_string(&rejects).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (refused.len(), &refused[0]["line"], &refused[0]["reason"]),
        (6, &json!(173), &json!("identity")),
        "{refused:?}"
    );
    assert!(refused.iter().any(|one| one["line"] == json!(290) && one["reason"] == json!("time")), "{refused:?}");

    let found = home.print(&["events", "--since", LONG_AGO, "found_by:import", "-o", "ndjson"]).unwrap();
    assert_eq!(found.lines().count(), 7, "{found}");
    assert!(found.contains("naïve 🚀"));
    let (again, _) = import(&home, &into);
    assert_eq!((&again["imported"], &again["known"]), (&json!(0), &json!(7)), "{again}");
    assert_eq!(again["clusters"][0]["known"], true);
    assert_eq!(stored(&home, "old-prod").await, ("7".into(), "7".into()));

    let listed = home.get("/api/v1/clusters?from=-3650d").await.unwrap().to_string();
    assert!(listed.contains("old-prod"), "{listed}");
    let coverage =
        home.get("/api/v1/coverage?cluster=old-prod&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z").await.unwrap();
    let of_dump = &coverage["coverage"][0];
    assert_eq!((&of_dump["complete"], &of_dump["parts"][0]["reason"]), (&json!(false), &json!("imported_only")));
    let says = "old-prod: imported, completeness not known";
    for (args, named) in [
        (&["events", "--since", "1h", "-c", "old-prod"][..], true),
        (&["events", "--since", "1h"], false),
        (&["coverage", "--since", "1h"], true),
    ] {
        let shown = home.print(args).unwrap();
        assert_eq!(shown.contains(says), named, "{args:?}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_a_watched_cluster_brings_nothing_twice() {
    let server = simulated().await;
    let home = collecting(&server).await;
    let faults = server.faults();
    let oddities =
        [Oddity::HugeMessage, Oddity::UnknownFields, Oddity::NullTimestamps, Oddity::OddTimes, Oddity::OddText];
    let committed: HashSet<Uuid> = oddities.iter().map(|oddity| faults.commit_odd(*oddity).0).collect();
    let count = "SELECT count() FROM kube_event WHERE cluster = 'watched'";
    until("the watch has brought them", LIMIT, async || {
        let rows = home.sql("SELECT DISTINCT event_uid FROM kube_event").await.ok()?;
        let have: HashSet<Uuid> = rows.iter().map(|uid| uid.parse().unwrap()).collect();
        committed.is_subset(&have).then_some(())
    })
    .await
    .unwrap();
    let before = home.sql(count).await.unwrap();
    // The server's own answer, and the same as frames: two dumps of what was watched.
    let items = dumped(&server, &committed).await;
    let list = home.path().join("list.json");
    fs::write(&list, serde_json::to_string_pretty(&json!({"kind": "List", "items": items})).unwrap()).unwrap();
    let frames = home.path().join("frames.ndjson");
    let lines: Vec<_> = items.iter().map(|event| json!({"type": "ADDED", "object": event}).to_string()).collect();
    fs::write(&frames, lines.join("\n")).unwrap();
    // The watch keeps the one whose time cannot be read; of a dump it is a reject.
    for dump in [&list, &frames] {
        let (done, code) = import(&home, &["-c", "watched", dump.to_str().unwrap()]);
        assert_eq!((&done["imported"], &done["known"], code), (&json!(0), &json!(items.len() - 1), 1), "{done}");
        assert_eq!(done["rejected"], json!(1), "{done}");
    }
    // An older state of one of them, of which the watch knew nothing: it adds no occurrences.
    let readable = |item: &&Value| item["lastTimestamp"] != json!("yesterday");
    let mut older = items.iter().filter(readable).nth(1).unwrap().clone();
    older["metadata"]["resourceVersion"] = "1".into();
    fs::write(&list, older.to_string()).unwrap();
    let (done, _) = import(&home, &["-c", "watched", list.to_str().unwrap()]);
    assert_eq!((&done["imported"], &done["clusters"][0]["known"]), (&json!(1), &json!(true)), "{done}");
    let uid = older["metadata"]["uid"].as_str().unwrap();
    let added =
        format!("SELECT max(occurrences) = sum(occurrences_delta), count() FROM kube_event WHERE event_uid = '{uid}'");
    assert_eq!(home.sql(&added).await.unwrap(), ["1\t2"]);
    let after: u64 = home.sql(count).await.unwrap()[0].parse().unwrap();
    assert!(after > before[0].parse().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_a_crash_ended_is_finished_by_the_next_one() {
    const STATES: usize = 20_000;
    let server = simulated().await;
    let mut home = collecting(&server).await;
    let line = |number: usize| {
        let uid = Uuid::from_u128(number as u128 + 1);
        let event = json!({"kind": "Event", "apiVersion": "v1", "reason": "BackOff", "type": "Warning", "count": 1,
            "metadata": {"name": format!("a.{number}"), "namespace": "a", "uid": uid, "resourceVersion": "7"},
            "involvedObject": {"kind": "Pod", "namespace": "a", "name": "a"}, "message": format!("the {number}th"),
            "lastTimestamp": "2026-11-20T10:00:00Z"});
        json!({"type": "ADDED", "object": event}).to_string() + "\n"
    };
    let dump: String = (0..STATES).map(line).collect();
    let file = home.path().join("long.ndjson");
    fs::write(&file, &dump).unwrap();

    let mut command = home.command(&["import", "-", "-c", "old-prod"]).unwrap();
    let mut client = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = client.stdin.take().unwrap();
    let half = dump.len() / 2;
    // The pipe is full where the server does not read on: it is written from a thread of its own, and stays open.
    let writing = std::thread::spawn(move || {
        let _broken_where_the_client_ended = pipe.write_all(&dump.as_bytes()[..half]);
        pipe
    });
    until("a part of it is in the table", LIMIT, async || (stored(&home, "old-prod").await.0 != "0").then_some(()))
        .await
        .unwrap();
    home.kill();
    let pipe = writing.join().unwrap();
    assert!(!client.wait().unwrap().success(), "half of a dump is no import");
    drop(pipe);

    start(&mut home, &server).await;
    let (done, code) = import(&home, &["-c", "old-prod", file.to_str().unwrap()]);
    let number = |field: &str| done[field].as_u64().unwrap() as usize;
    assert_eq!((number("imported") + number("known"), code), (STATES, 0), "{done}");
    assert!(number("known") > 0, "{done}");
    assert_eq!(stored(&home, "old-prod").await, (STATES.to_string(), STATES.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_gets_wrong_is_named() {
    let server = simulated().await;
    let home = collecting(&server).await;
    let (done, code) = import(&home, &[&golden("event-list-raw.json")]);
    assert_eq!((&done["imported"], &done["rejected"], code), (&json!(0), &json!(2), 1), "{done}");
    let said = |arguments: &[&str]| String::from_utf8(home.run(arguments).unwrap().stderr).unwrap();
    assert!(said(&["import", &golden("event-list-raw.json")]).contains("--cluster"));
    assert!(said(&["import", "/does/not/exist"]).contains("/does/not/exist"));
    let (good, missing) = (golden("exporter.ndjson"), "/does/not/exist");
    assert!(!said(&["import", "-c", "unsent", &good, missing]).contains("imported"));
    assert_eq!(stored(&home, "unsent").await.0, "0", "a missing last file is noticed before the first is sent");
    let blank = home.run(&["import", "-c", " ", &golden("event-list-raw.json")]).unwrap();
    let told = String::from_utf8(blank.stderr).unwrap();
    assert!(blank.status.code() == Some(2) && told.contains("--cluster") && told.contains("1 to 128"), "{told}");
    let (url, token) = home.target().unwrap();
    for (query, allowed) in
        [("format=xml", "elasticsearch"), ("cluster=", "1 to 128"), ("cluster=a%2Fb%0A", "1 to 128")]
    {
        let post = http().post(format!("{url}/api/v1/imports?{query}")).bearer_auth(&token);
        let refused: Value = post.send().await.unwrap().json().await.unwrap();
        assert_eq!(refused["status"], json!(400), "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(allowed), "{refused}");
    }
}
