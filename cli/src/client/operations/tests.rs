//! What manifests say, what an export shows, and the commands against a real server over a log in memory.

use std::{io::Write, sync::Arc, time::Duration};

use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_model::operation::{Arrived, Board, decide, refusal, view};
use beidou_query_api::{
    QueryApiConfig, bind,
    operation_export::{Chain, digests},
    serve,
};
use beidou_schemas::{
    Micros, Topic,
    operation::{
        ASKED, FACTS, Object, OperationId,
        command::Command as Asked,
        fact::{Body, Fact},
        said::Said,
    },
    runner::{TaskEvent, TaskEventKind},
};
use beidou_service::{CancellationToken, Metrics, Readiness};
use clap::Parser;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Kind, acts, length, machines, manifest, one_of, replay, watch};
use crate::{
    args::{Acting, Cli, Command, clients::Server},
    client::tests::client,
    exit::{Code, code, text},
    output::Look,
};

const GOLDEN: &str = include_str!("../../../../lib/model/golden/operation/first.log");
const RUN: Uuid = Uuid::from_u128(1);
/// The manifests that users bring.
const MANIFESTS: &str = "\
apiVersion: caas.beidou.io/v1alpha1
kind: Operation
metadata: {name: scaleup-2024, namespace: beidou-system, labels: {team: sre}}
spec:
  clusterName: c1
  operationType: ScaleUp
  operationFlow: [preCheck, scaleUp, postCheck]
  operationMachines: [{ip: 10.0.0.11, role: Compute, user: admin}]
---
---
apiVersion: caas.beidou.io/v1alpha1
kind: AutoOperationTask
metadata: {name: scaleup-2024-q3}
spec:
  cluster: c1
  clusterType: native
  operationIds: [scale-up]
  operationTaskMachines: [{name: 10.0.0.11}, {name: 10.0.0.12}]
  operationTaskStep: [{step: ScaleUpPreCheck}, {step: ScaleUpWorkprocess}, {step: ScaleUp}, {step: UncordonNodes}, {step: ScaleUpSubWorkprocess}]
  operationTaskType: ScaleUp
";

fn golden() -> Vec<Fact> {
    GOLDEN.lines().map(|line| Fact::from_json(line.as_bytes()).unwrap()).collect()
}

#[test]
fn manifests_become_bodies_of_calls() {
    let found = manifest::read(MANIFESTS).unwrap();
    let told: Vec<_> = found.iter().map(|one| (one.kind, one.name.as_str())).collect();
    assert_eq!(told, [(Kind::Operation, "beidou-system/scaleup-2024"), (Kind::Task, "default/scaleup-2024-q3")]);
    assert_eq!(found[0].body["spec"]["labels"], json!({"team": "sre"}));
    let spec: beidou_schemas::operation::OperationSpec = serde_json::from_value(found[0].body["spec"].clone()).unwrap();
    assert_eq!((spec.operation_machines.len(), spec.cluster_name.as_str()), (1, "c1"));
    let spec: beidou_schemas::operation::TaskSpec = serde_json::from_value(found[1].body["spec"].clone()).unwrap();
    assert_eq!(spec.operation_task_step.len(), 5);
}

#[test]
fn what_is_no_manifest_is_refused_with_its_place_and_what_is_allowed() {
    let head = "apiVersion: caas.beidou.io/v1alpha1\n";
    for (document, expected) in [
        (String::new(), "there is no manifest"),
        ("- a\n".into(), "document 1: it is"),
        ("kind: Operation\n".into(), "document 1: apiVersion is missing; allowed: caas.beidou.io/v1alpha1"),
        ("apiVersion: apps/v1\nkind: Operation\n".into(), "apiVersion is \"apps/v1\""),
        (
            "apiVersion: caas.beidou.io/v1\nkind: Operation\n".into(),
            "apiVersion is \"caas.beidou.io/v1\"; allowed: caas.beidou.io/v1alpha1",
        ),
        (format!("{head}kind: Cluster\n"), "kind is \"Cluster\"; allowed: Operation, AutoOperationTask"),
        (format!("{head}kind: Operation\nmetadata: {{}}\n"), "metadata.name is missing"),
        (format!("{head}kind: Operation\nmetadata: {{name: a}}\n"), "spec is missing"),
        (
            format!("{head}kind: Operation\nmetadata: {{name: a}}\nspec: {{cancel: true}}\n"),
            "spec.cancel is true; allowed: false",
        ),
        (format!("{MANIFESTS}---\nkind: Other\n"), "document 4: apiVersion"),
        ("a: [1\n".into(), "document 1 is no YAML"),
    ] {
        let failure = manifest::read(&document).unwrap_err();
        assert!(failure.code == Code::Usage && failure.text.contains(expected), "{document}: {}", failure.text);
    }
}

#[test]
fn names_are_found_when_one_alone_has_them() {
    let row = |id: u128, name: &str| json!({"id": Uuid::from_u128(id), "name": name, "phase": "Held"});
    let rows = [row(1, "ops/a"), row(2, "ops/b"), row(3, "ops/b"), row(4, "b/c")];
    assert_eq!(one_of(Kind::Operation, "ops/a", &rows).unwrap(), Uuid::from_u128(1));
    assert_eq!(one_of(Kind::Operation, "a", &rows).unwrap(), Uuid::from_u128(1));
    let several = one_of(Kind::Operation, "b", &rows).unwrap_err();
    assert!(several.code == Code::Usage && several.text.contains("2 operations") && several.text.contains("(Held)"));
    let none = one_of(Kind::Task, "ops", &rows).unwrap_err();
    assert!(none.code == Code::NotFound && none.next.contains("beidou task list"));
}

#[test]
fn answers_and_lines_are_short_and_whole() {
    let answer = json!({"outcome": "followed", "operation": {"name": "ops/a", "phase": "Held", "message": "lunch"}});
    assert_eq!(acts::told(Kind::Operation, "hold", &answer), "hold: operation ops/a is Held: lunch");
    let waiting = json!({"outcome": "waiting", "command": "c"});
    assert!(acts::told(Kind::Task, "hold", &waiting).contains("(command c)"));
    let summary = json!({"phase": "Held", "reason": "CanaryFailed", "message": "1 of 1", "present": {"step": "scaleUp", "batch": 0},
        "hosts": {"total": 5, "through": 0, "bad": 1}});
    let told = json!({"time": "2026-11-23T14:42:03Z", "fact": "Held"});
    let line = watch::line(Kind::Operation, &summary, Some(&told), |time| time.to_string());
    assert_eq!(line, "2026-11-23T14:42:03Z  Held  scaleUp, batch 0  0 of 5 through, 1 bad  CanaryFailed: 1 of 1");
    let of = |phase: &str| {
        watch::ended(Kind::Operation, &json!({"phase": phase, "name": "ops/a", "message": "m", "id": "i"}))
    };
    assert!(of("Succeeded").is_ok());
    assert!(of("Failed").unwrap_err().text.contains("ops/a is Failed: m"));
    assert_eq!(
        [length(900), length(61_000), length(600_000), length(7_260_000)],
        ["900 ms", "61 s", "10 min", "2 h 1 min"]
    );
}

#[test]
fn turns_of_a_task_are_called_as_skip_wants_them() {
    let step = |kind: &str, bundle: Option<&str>, state: &str| json!({"step": kind, "bundle": bundle, "state": state});
    let task = |steps: [Value; 2]| json!({"name": "ops/q3", "phase": "Held", "steps": steps});
    let one = task([step("ScaleUpPreCheck", None, "done"), step("ScaleUp", None, "running")]);
    let several = task([step("ScaleUp", Some("node-join"), "done"), step("ScaleUp", Some("command"), "running")]);
    for (task, turns) in [(one, ["ScaleUpPreCheck", "ScaleUp"]), (several, ["ScaleUp/node-join", "ScaleUp/command"])] {
        assert_eq!(watch::line(Kind::Task, &task, None, |time| time.to_string()), format!("-  Held  {}", turns[1]));
        let page = client(None).task_page(&json!({"summary": task}));
        let list = client(None).task_table(std::slice::from_ref(&task));
        let told = [(page.as_str(), turns[0]), (page.as_str(), turns[1]), (list.as_str(), turns[1])];
        for (text, turn) in told {
            assert!(text.split_whitespace().any(|word| word == turn), "{turn}: {text}");
        }
    }
}

#[test]
fn machines_become_a_table_and_a_manifest() {
    let answer = json!({"lines": 4, "rows": [
        {"line": 1, "ip": "10.0.0.1", "name": "n1", "role": "Compute", "user": null, "port": 22, "group": "w", "duplicate_of": null},
        {"line": 3, "ip": "10.0.0.1", "name": null, "role": null, "user": null, "port": null, "group": null, "duplicate_of": 1}],
        "errors": [{"line": 2, "field": "ip", "value": "10.0.0.300", "allowed": "an IPv4 or IPv6 address"}]});
    let expected = json!({"operationMachines": [{"ip": "10.0.0.1", "role": "Compute", "name": "n1", "port": 22}]});
    assert_eq!(machines::as_manifest(&answer), expected);
    insta::assert_snapshot!(client(None).machine_table(&answer), @r"
    LINE  IP        NAME  ROLE     USER  PORT  GROUP  REMARK
       1  10.0.0.1  n1    Compute          22  w
       3  10.0.0.1                                    as line 1

    LINE  WRONG  VALUE       ALLOWED
       2  ip     10.0.0.300  an IPv4 or IPv6 address
    ");
}

fn export_of(facts: &[Fact]) -> String {
    export_with(&[], facts)
}

/// An export with these lines behind its first one.
fn export_with(lines: &[Value], facts: &[Fact]) -> String {
    let (mut chain, mut text) = (Chain::default(), String::new());
    let head = json!({"kind": "head", "format": beidou_query_api::operation_export::FORMAT}).to_string();
    let lines = lines.iter().map(Value::to_string);
    let facts = facts
        .iter()
        .map(|fact| format!(r#"{{"kind":"fact","offset":0,"fact":{}}}"#, String::from_utf8(fact.to_json()).unwrap()));
    for line in std::iter::once(head).chain(lines).chain(facts) {
        chain.push(line.as_bytes());
        text += &(line + "\n");
    }
    text + &chain.end() + "\n"
}

fn run() -> Vec<Fact> {
    golden().into_iter().filter(|fact| fact.object == Object::Operation(OperationId(RUN))).collect()
}

#[test]
fn a_replay_shows_any_moment_as_the_model_has_it() {
    let opened = replay::open(&export_of(&run())).unwrap();
    let whole = Board::fold(&golden());
    let operation = &whole.operations[&OperationId(RUN)];
    for change in &operation.changes {
        let (at, then) = (change.time, opened.at(change.time));
        let document = replay::document(&opened, &then, at);
        let matrix = view::matrix_at(operation, at);
        for (host, row) in document["hosts"].as_array().unwrap().iter().enumerate() {
            for (step, plan) in operation.plan.steps.iter().enumerate() {
                let byte = matrix.bytes[step * matrix.hosts + host];
                let expected = beidou_schemas::operation::HostState::from_number(byte).unwrap().name();
                assert_eq!(row["steps"][&plan.name], json!(expected), "{at}");
            }
        }
    }
    let look = Look { width: None, colour: false };
    let page = replay::page(&opened, &opened.at(operation.updated), operation.updated, look);
    assert!(page.contains("Cancelled (CancelledOnRequest: boss cancelled it: the rack is dark)"), "{page}");
    assert!(page.contains("10.0.0.5"), "{page}");
    let early = replay::page(&opened, &opened.at(Micros(0)), Micros(0), look);
    assert!(early.contains("Pending"), "{early}");
}

#[test]
fn a_replay_has_what_was_printed_once_and_in_order() {
    let part = |seq, text: &str| TaskEvent {
        message: Some(text.into()),
        ..TaskEvent::new(seq, Micros(0), TaskEventKind::Output)
    };
    let said = |attempt: &str, events| Said {
        operation: OperationId(RUN),
        attempt: attempt.parse().unwrap(),
        step: "scaleUp".into(),
        batch: 0,
        number: 1,
        epoch: 1,
        time: Micros(0),
        events,
    };
    let records = [
        said(
            "00000000-scaleup-b1-a1",
            vec![TaskEvent::new(1, Micros(0), TaskEventKind::Start), part(2, "PLAY "), part(3, "[a]\n")],
        ),
        said("00000000-scaleup-b0-a1", vec![part(1, "other")]),
        said("00000000-scaleup-b1-a1", vec![part(3, "[a]\n"), part(4, "ok\n")]),
    ];
    let mut lines: Vec<String> = export_of(&run()).lines().map(str::to_owned).collect();
    lines.pop();
    let told =
        |said: &Said| format!(r#"{{"kind":"said","offset":0,"said":{}}}"#, String::from_utf8(said.to_json()).unwrap());
    lines.extend(records.iter().map(told));
    let mut chain = Chain::default();
    lines.iter().for_each(|line| chain.push(line.as_bytes()));
    let opened = replay::open(&format!("{}\n{}\n", lines.join("\n"), chain.end())).unwrap();
    let text =
        opened.printed.iter().map(|(attempt, parts)| (&attempt[9..], parts.values().cloned().collect::<String>()));
    let wanted = [("scaleup-b1-a1", "PLAY [a]\nok\n".to_owned()), ("scaleup-b0-a1", "other".to_owned())];
    assert_eq!(text.collect::<Vec<_>>(), wanted);
}

#[test]
fn a_play_keeps_the_order_and_the_pauses() {
    let opened = replay::open(&export_of(&run())).unwrap();
    let frames = replay::frames(&opened, 60);
    let lines: Vec<&String> = frames.iter().flat_map(|(_, lines)| lines).collect();
    assert!(
        lines[0].contains("Accepted") && lines.iter().any(|line| line.ends_with("scaleUp  10.0.0.1  running")),
        "{lines:#?}"
    );
    let times: Vec<&str> = lines.iter().map(|line| line.split_once(' ').unwrap().0).collect();
    assert!(times.is_sorted());
    assert_eq!(frames[0].0, Duration::ZERO);
    assert!(frames.iter().skip(1).all(|(pause, _)| *pause > Duration::ZERO && *pause <= Duration::from_secs(5)));
    let faster: Duration = replay::frames(&opened, 600).iter().map(|(pause, _)| *pause).sum();
    assert!(faster < frames.iter().map(|(pause, _)| *pause).sum());
}

#[test]
fn an_export_that_was_touched_or_is_of_another_version_is_not_opened() {
    let good = export_of(&run());
    for (text, expected) in [
        (good.replacen("the rack is dark", "the rack is lit", 1), "a line was changed"),
        (good.lines().take(9).collect::<Vec<_>>().join("\n"), "cut"),
        (good.replacen("v1", "v2", 1), "a line was changed"),
        (export_of(&[]), "holds no operation"),
    ] {
        let Err(failure) = replay::open(&text) else { panic!("opened: {expected}") };
        assert!(failure.text.contains(expected), "{}", failure.text);
    }
}

#[test]
fn an_export_tells_what_went_in_and_is_held_to_it() {
    let good = digests(&replay::open(&export_of(&run())).unwrap().operation);
    let told = |bad: &[&str]| {
        let line = |(name, sha256): &(&str, String)| {
            let sha256 = if bad.contains(name) { "0".repeat(64) } else { sha256.clone() };
            json!({"kind": "digest", "name": name, "sha256": sha256})
        };
        replay::open(&export_with(&good.iter().map(line).collect::<Vec<_>>(), &run())).map(drop)
    };
    told(&[]).unwrap();
    for bad in [&["bundle"][..], &["spec"], &["spec", "plan"]] {
        let failure = told(bad).unwrap_err();
        assert!(failure.text.contains(&format!("{} differs", bad.join(", "))), "{}", failure.text);
    }
}

#[test]
fn the_command_line_is_read() {
    let parse = |line: &str| Cli::try_parse_from(line.split_whitespace());
    for line in [
        "beidou operation apply -f a.yaml --why rack-7 --watch",
        "beidou op list --phase active -c c1 --since 7d -o yaml",
        "beidou operation show ops/a -o json",
        "beidou operation hold a --why lunch",
        "beidou operation retry a --host 10.0.0.1 --host 10.0.0.2 --why fixed",
        "beidou operation skip a --step postCheck",
        "beidou operation approve a --ticket CHG-1",
        "beidou operation replay f --at 2026-11-23T14:42:03Z",
        "beidou operation replay f --speed 60",
        "beidou operation export a --to f",
        "beidou operation machines - --format csv -c hz-prod-01",
        "beidou operation plan -f a.yaml",
        "beidou task apply -f a.yaml --key 00000000-0000-4000-8000-000000000001",
        "beidou task list --sort name",
        "beidou task reject a",
    ] {
        assert!(matches!(parse(line).unwrap().command, Command::Acting(_)), "{line}");
    }
    for line in [
        "beidou operation",
        "beidou operation apply",
        "beidou operation skip a",
        "beidou operation replay f --at x",
        "beidou operation replay f --speed 0",
        "beidou operation replay f --speed 2 -o json",
        "beidou operation list --sort size",
        "beidou operation apply -f a --key 7",
        "beidou task machines f",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

/// A server over a log in memory, and controllers as far as commands go.
async fn site(facts: &[Fact]) -> (Server, Arc<MemoryLog>, CancellationToken) {
    let _set_before = rustls::crypto::ring::default_provider().install_default();
    let topics = [
        (Topic::KubeEvent, 1),
        (Topic::Ledger, 2),
        (Topic::Maintenance, 2),
        (Topic::OperationCommand, 2),
        (Topic::Operation, 1),
        (Topic::OperationTask, 1),
    ];
    let log = MemoryLog::with_holes(topics);
    let writer = log.writer(FACTS, "controllers").await.unwrap();
    writer.append(facts.iter().map(Fact::to_record).collect()).await.unwrap();
    let config = QueryApiConfig { listen: ([127, 0, 0, 1], 0).into(), anonymous: true, ..QueryApiConfig::default() };
    let bound = bind(config).await.unwrap();
    let (server, stop) = (Server { url: Some(bound.url()), ..Server::default() }, CancellationToken::new());
    let store = beidou_store::Store::embedded(std::path::Path::new("/nowhere"));
    tokio::spawn(serve(bound, log.clone(), store, Metrics::default(), Readiness::default(), stop.clone()));
    let (log_too, mut board) = (log.clone(), Board::fold(facts));
    tokio::spawn(async move {
        let mut at = 0;
        loop {
            let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::from_secs(60) };
            let batch = log_too.read(ASKED, at, limit).await.unwrap();
            at = batch.next;
            for stored in &batch.records {
                let command = Asked::from_json(&stored.record.value).unwrap();
                let time = command.time;
                let arrived = Arrived { command, partition: 0, offset: stored.offset };
                let facts = decide(&board, &arrived, time);
                let facts = facts.unwrap_or_else(|refused| refusal(&board, &arrived, &refused, time));
                for fact in &facts {
                    board.apply(fact);
                }
                writer.append(facts.iter().map(Fact::to_record).collect()).await.unwrap();
            }
        }
    });
    (server, log, stop)
}

async fn beidou(server: &Server, line: &str) -> anyhow::Result<()> {
    let words = std::iter::once("beidou").chain(line.split_whitespace()).map(str::to_owned);
    let url = ["--url".to_owned(), server.url.clone().unwrap()];
    let local = line.contains(" replay ");
    let words: Vec<String> = if local { words.collect() } else { words.chain(url).collect() };
    match Cli::try_parse_from(words)?.command {
        Command::Acting(Acting::Operation(args)) => super::operation(*args).await,
        Command::Acting(Acting::Task(args)) => super::task(*args).await,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn manifests_are_applied_and_people_have_their_say() {
    let board: Vec<Fact> = golden().into_iter().filter(|fact| fact.object == Object::Board).collect();
    let (server, log, stop) = site(&board).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(MANIFESTS.as_bytes()).unwrap();
    let path = file.path().display().to_string();
    beidou(&server, &format!("operation apply -f {path} --why rack-7")).await.unwrap();
    let there = log.read(ASKED, 0, ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO }).await.unwrap();
    assert_eq!(there.records.len(), 2);
    assert!(
        there.records.iter().all(|stored| String::from_utf8_lossy(&stored.record.value).contains("\"why\":\"rack-7\""))
    );
    for line in [
        "operation list -c c1",
        "operation list -l team=sre,!old -l tier!=web",
        "operation list -o yaml",
        "operation show scaleup-2024",
        "operation hold beidou-system/scaleup-2024 --why lunch",
        "operation resume scaleup-2024",
        "task list",
        "task show scaleup-2024-q3",
        "task hold scaleup-2024-q3",
        "task cancel scaleup-2024-q3 --why enough",
        "operation cancel scaleup-2024 -o json",
    ] {
        beidou(&server, line).await.unwrap_or_else(|error| panic!("{line}: {}", text(&error)));
    }
    let odd = beidou(&server, "operation list -l a!b").await.unwrap_err();
    assert!(code(&odd) == Code::Usage && text(&odd).contains("name!=value"), "{}", text(&odd));
    let again = beidou(&server, "operation hold scaleup-2024").await.unwrap_err();
    assert!(
        code(&again) == Code::Failure && text(&again).contains("possible in: Pending, Running"),
        "{}",
        text(&again)
    );
    let unknown = beidou(&server, "operation show nothing").await.unwrap_err();
    assert_eq!(code(&unknown), Code::NotFound);
    let two = beidou(&server, &format!("operation apply -f {path} --watch")).await.unwrap_err();
    assert!(code(&two) == Code::Usage && text(&two).contains("2 documents"));
    let wrong = MANIFESTS.replace("preCheck, scaleUp, postCheck", "preCheck, boot");
    std::fs::write(file.path(), wrong.split_once("---").unwrap().0).unwrap();
    for act in ["plan", "apply"] {
        let refused = beidou(&server, &format!("operation {act} -f {path}")).await.unwrap_err();
        let said = text(&refused);
        assert!(
            code(&refused) == Code::Usage && said.contains("operationFlow[1]") && said.contains("preCheck, scaleUp"),
            "{said}"
        );
    }
    stop.cancel();
}

#[tokio::test]
async fn an_operation_is_watched_exported_and_replayed() {
    let (server, _log, stop) = site(&golden()).await;
    let watched = beidou(&server, &format!("operation watch {RUN} --from-start")).await.unwrap_err();
    assert!(text(&watched).contains("ops/1 is Cancelled"), "{}", text(&watched));
    beidou(&server, "operation watch ops/q3-scaleup --from-start").await.unwrap();
    beidou(&server, "task watch ops/q3 --from-start").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    beidou(&server, &format!("operation export {RUN} --to {}", path.display())).await.unwrap();
    let opened = replay::open(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(opened.operation.changes, Board::fold(&golden()).operations[&OperationId(RUN)].changes);
    for rest in ["", " -o json", " --at 2026-11-23T14:45:00Z", " --speed 100000"] {
        beidou(&server, &format!("operation replay {}{rest}", path.display())).await.unwrap();
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing half is left behind");
    let list = folder.path().join("hosts");
    std::fs::write(&list, "10.0.0.1\n10.0.0.300\n").unwrap();
    let refused = beidou(&server, &format!("operation machines {}", list.display())).await.unwrap_err();
    assert!(code(&refused) == Code::Usage && text(&refused).contains("1 of 2 lines"));
    assert!(golden().iter().any(|fact| matches!(fact.body, Body::Finished(_))));
    stop.cancel();
}
