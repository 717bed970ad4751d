//! Commands over HTTP: each stands once in the log, what came of it is answered, and mistakes never get there.

use beidou_schemas::operation::{command::Ask, fact::Body};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Answer, Api, TOKEN, answer, log,
    operations::{BOSS, board_facts, commands, controllers, golden_until, post, tell, two_callers},
    wait::until,
};

fn spec(flow: &[&str], hosts: std::ops::Range<u32>) -> Value {
    let machines: Vec<Value> = hosts.map(|host| json!({"ip": format!("10.0.{}.{}", host / 256, host % 256)})).collect();
    json!({"clusterName": "c1", "operationType": "ScaleUp", "operationFlow": flow, "operationMachines": machines})
}

fn wish(spec: Value) -> Value {
    json!({"name": "ops/new", "spec": spec})
}

async fn send(api: &Api, path: &str, body: &Value) -> Answer {
    answer(post(api, path, body)).await
}

async fn keyed(api: &Api, path: &str, body: &Value, key: Uuid, token: &str) -> Answer {
    let request = api.client.request(Method::POST, format!("{}{path}", api.url)).bearer_auth(token).json(body);
    answer(request.header("Idempotency-Key", key.to_string())).await
}

async fn made(api: &Api, body: &Value) -> String {
    let made = send(api, "/api/v1/operations", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_operation_is_made_and_told_with_what_people_say_to_it() {
    let log = log();
    tell(&log, &board_facts()).await;
    let (api, _controllers) = (two_callers(log.clone()).await, controllers(&log));
    let body = wish(spec(&["preCheck", "scaleUp"], 1..4));
    let answered = send(&api, "/api/v1/operations", &body).await;
    let told = answered.json();
    assert_eq!(
        (answered.status, &told["outcome"], &told["operation"]["phase"]),
        (201, &json!("followed"), &json!("Pending"))
    );
    let id = told["id"].as_str().unwrap().to_owned();
    assert_eq!(id.parse::<Uuid>().unwrap().get_version_num(), 4);
    assert_eq!((&told["operation"]["subject"], &told["operation"]["name"]), (&json!("tester"), &json!("ops/new")));
    let say = async |act: &str, body: Value| send(&api, &format!("/api/v1/operations/{id}/{act}"), &body).await;
    let held = say("hold", json!({"why": "lunch"})).await;
    assert_eq!((held.status, &held.json()["operation"]["message"]), (200, &json!("lunch")));
    let again = say("hold", json!({})).await;
    assert_eq!((again.status, &again.json()["type"]), (409, &json!("/problems/not-possible")));
    assert_eq!(again.json()["parameter"]["allowed"], json!("possible in: Pending, Running"));
    let skipped = say("skip", json!({"step": "postCheck"})).await;
    assert_eq!((skipped.status, &skipped.json()["type"]), (422, &json!("/problems/spec-refused")));
    assert!(skipped.json()["parameter"]["allowed"].as_str().unwrap().contains("preCheck"));
    assert_eq!(say("skip", json!({"step": "preCheck", "why": "done by hand"})).await.status, 200);
    assert_eq!(say("retry", json!({"hosts": []})).await.status, 409, "nothing is held any more");
    assert_eq!(say("resume", json!({})).await.status, 409);
    assert_eq!(say("cancel", json!({"why": "wrong rack"})).await.json()["operation"]["phase"], json!("Cancelling"));
    assert_eq!(say("approve", json!({})).await.status, 409);
    assert_eq!(say("reject", json!({"ticket": "CHG-1"})).await.status, 409);
    assert_eq!(say("hold", json!({"wy": "x"})).await.status, 400);
    assert_eq!(say("hold?wait_ms=20000", json!({})).await.json()["parameter"]["name"], json!("wait_ms"));
    let kinds: Vec<u8> = commands(&log).await.iter().map(|command| command.ask.number()).collect();
    assert_eq!(kinds, [1, 5, 9, 7], "what is refused here is not written");
    let unknown = send(&api, &format!("/api/v1/operations/{}/hold", Uuid::from_u128(77)), &json!({})).await;
    assert_eq!(unknown.status, 409, "{}", unknown.text);
}

#[tokio::test]
async fn another_subject_approves() {
    let log = log();
    tell(&log, &board_facts()).await;
    let (api, _controllers) = (two_callers(log.clone()).await, controllers(&log));
    let id = made(&api, &wish(spec(&["preCheck", "scaleUp", "postCheck"], 1..9))).await;
    let path = format!("/api/v1/operations/{id}/approve");
    let own = send(&api, &path, &json!({})).await;
    assert_eq!((own.status, &own.json()["parameter"]["name"]), (409, &json!("subject")));
    let boss = keyed(&api, &path, &json!({"ticket": "CHG-4711"}), Uuid::new_v4(), BOSS).await;
    assert_eq!((boss.status, &boss.json()["operation"]["approved_by"]), (200, &json!("boss")));
    let id = made(&api, &wish(spec(&["preCheck", "scaleUp", "postCheck"], 20..29))).await;
    let rejected =
        keyed(&api, &format!("/api/v1/operations/{id}/reject"), &json!({"why": "no"}), Uuid::new_v4(), BOSS).await;
    assert_eq!(rejected.status, 200, "{}", rejected.text);
}

#[tokio::test]
async fn the_same_key_twice_is_one_command_and_one_answer() {
    let log = log();
    tell(&log, &board_facts()).await;
    let (api, _controllers) = (two_callers(log.clone()).await, controllers(&log));
    let (body, key) = (wish(spec(&["preCheck"], 1..3)), Uuid::new_v4());
    let first = keyed(&api, "/api/v1/operations", &body, key, TOKEN).await.json();
    let second = keyed(&api, "/api/v1/operations", &body, key, TOKEN).await.json();
    assert_eq!((&first["id"], &first["command"]), (&second["id"], &json!(key)));
    // Another process knows it too.
    let other = two_callers(log.clone()).await;
    let third = keyed(&other, "/api/v1/operations", &body, key, TOKEN).await;
    assert_eq!((third.status, &third.json()["id"]), (201, &first["id"]));
    let all = [
        (keyed(&api, "/api/v1/operations", &wish(spec(&["preCheck"], 1..4)), key, TOKEN).await, "another body"),
        (keyed(&api, "/api/v1/operations", &body, key, BOSS).await, "another subject"),
        (
            keyed(&api, &format!("/api/v1/operations/{}/hold", first["id"].as_str().unwrap()), &json!({}), key, TOKEN)
                .await,
            "another act",
        ),
    ];
    for (refused, what) in all {
        assert_eq!((refused.status, &refused.json()["type"]), (409, &json!("/problems/key-reused")), "{what}");
    }
    let hold = format!("/api/v1/operations/{}/hold", first["id"].as_str().unwrap());
    let key = Uuid::new_v4();
    let held = [keyed(&api, &hold, &json!({}), key, TOKEN).await, keyed(&api, &hold, &json!({}), key, TOKEN).await];
    assert!(held.iter().all(|answer| answer.status == 200), "{}", held[1].text);
    assert_eq!(commands(&log).await.len(), 2);
    let bad = answer(post(&api, "/api/v1/operations", &body).header("Idempotency-Key", "seven")).await;
    assert_eq!((bad.status, &bad.json()["parameter"]["name"]), (400, &json!("Idempotency-Key")));
}

#[tokio::test]
async fn without_controllers_mistakes_are_told_and_the_rest_waits() {
    let log = log();
    tell(&log, &board_facts()).await;
    let api = two_callers(log.clone()).await;
    let mut spec_of = spec(&["preCheck", "scaleup"], 1..3);
    let refused = send(&api, "/api/v1/operations", &wish(spec_of.clone())).await;
    let problem = refused.json();
    assert_eq!((refused.status, &problem["parameter"]["name"]), (422, &json!("operationFlow[1]")));
    assert_eq!(problem["parameter"]["allowed"], json!("a step of bundle scale-up: preCheck, scaleUp, postCheck"));
    spec_of["clusterName"] = json!("c7");
    let refused = send(&api, "/api/v1/operations", &wish(spec_of)).await.json();
    assert_eq!(
        (&refused["parameter"]["value"], &refused["parameter"]["allowed"]),
        (&json!("c7"), &json!("a cluster that Beidou knows: c1"))
    );
    for (body, status) in [
        (json!({"name": "a b", "spec": spec(&["preCheck"], 1..2)}), 422),
        (json!({"name": "a", "spec": {"clusterName": "c1"}}), 400),
        (json!({"name": "a", "spec": spec(&["preCheck"], 1..2), "owner": 1}), 400),
        (wish(spec(&["preCheck"], 0..0)), 422),
    ] {
        let refused = send(&api, "/api/v1/operations", &body).await;
        assert_eq!(refused.status, status, "{}", refused.text);
    }
    assert!(commands(&log).await.is_empty(), "mistakes are not written");
    let waiting = send(&api, "/api/v1/operations?wait_ms=0", &wish(spec(&["preCheck"], 1..3))).await;
    assert_eq!(
        (waiting.status, &waiting.json()["outcome"], &waiting.json()["operation"]),
        (202, &json!("waiting"), &Value::Null)
    );
    let command = format!("/api/v1/operations/commands/{}", waiting.json()["command"].as_str().unwrap());
    assert_eq!(api.list(&command).await["outcome"], json!("waiting"));
    let _controllers = controllers(&log);
    until("the command is followed", async || api.list(&command).await["outcome"] == "followed").await;
    assert_eq!(api.list(&command).await["operation"]["phase"], json!("Pending"));
    let unknown = api.get(&format!("/api/v1/operations/commands/{}", Uuid::from_u128(5))).await;
    assert_eq!((unknown.status, &unknown.json()["type"]), (404, &json!("/problems/unknown-command")));
}

#[tokio::test]
async fn a_plan_is_shown_and_nothing_is_written() {
    let log = log();
    tell(&log, &golden_until(|fact| matches!(fact.body, Body::LockReleased(_)))).await;
    let api = two_callers(log.clone()).await;
    let shown = send(&api, "/api/v1/operations/plan", &wish(spec(&["preCheck", "scaleUp", "postCheck"], 20..30))).await;
    let plan = shown.json();
    assert_eq!((shown.status, &plan["bundle"]), (200, &json!("scale-up")), "{plan}");
    let stages: Vec<_> = plan["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["step"].as_str().unwrap(), s["hosts"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("preCheck", 10),
        ("scaleUp", 1),
        ("scaleUp", 3),
        ("scaleUp", 3),
        ("scaleUp", 3),
        ("postCheck", 10),
        ("uncordon", 10),
    ];
    assert_eq!(stages, expected);
    let guard =
        |name: &str| plan["guards"].as_array().unwrap().iter().find(|guard| guard["guard"] == name).unwrap().clone();
    assert_eq!(
        (&guard("lock")["reason"], &guard("lock")["operation"]),
        (&json!("AwaitingLock"), &json!(Uuid::from_u128(1)))
    );
    assert_eq!(
        (&guard("approval")["open"], &guard("window")["open"], &plan["begins_at_once"]),
        (&json!(false), &json!(true), &json!(false))
    );
    let check = send(&api, "/api/v1/operations/plan", &wish(spec(&["preCheck"], 20..22))).await.json();
    assert_eq!(check["begins_at_once"], json!(true), "{check}");
    let mut dry = spec(&["preCheck", "scaleUp", "postCheck"], 20..22);
    dry["dryRun"] = json!(true);
    let dry = send(&api, "/api/v1/operations/plan", &wish(dry)).await.json();
    assert_eq!((&dry["plan"]["lock"], dry["plan"]["steps"].as_array().unwrap().len()), (&json!("none"), 2));
    let refused = send(&api, "/api/v1/operations/plan", &wish(spec(&["boot"], 1..2))).await;
    assert_eq!((refused.status, &refused.json()["type"]), (422, &json!("/problems/spec-refused")));
    assert!(commands(&log).await.is_empty());
}

#[tokio::test]
async fn a_task_is_made_and_its_gate_answered_by_another() {
    let log = log();
    tell(&log, &board_facts()).await;
    let (api, _controllers) = (two_callers(log.clone()).await, controllers(&log));
    let mut task = json!({"cluster": "c1", "operationIds": ["scale-up"], "operationTaskType": "ScaleUp",
        "operationTaskMachines": [{"name": "10.0.0.11"}], "operationTaskStep": [{"step": "ScaleUpPreCheck"}, {"step": "ScaleUpWorkprocess"}]});
    let made = send(&api, "/api/v1/tasks", &json!({"name": "ops/q4", "spec": task})).await;
    assert_eq!((made.status, &made.json()["task"]["phase"]), (201, &json!("Pending")), "{}", made.text);
    let path = format!("/api/v1/tasks/{}", made.json()["id"].as_str().unwrap());
    let early = keyed(&api, &format!("{path}/approve"), &json!({}), Uuid::new_v4(), BOSS).await;
    assert_eq!((early.status, &early.json()["parameter"]["name"]), (409, &json!("approval")));
    assert_eq!(
        send(&api, &format!("{path}/hold"), &json!({"why": "wait"})).await.json()["task"]["phase"],
        json!("Held")
    );
    assert_eq!(send(&api, &format!("{path}/resume"), &json!({})).await.status, 200);
    assert_eq!(send(&api, &format!("{path}/retry"), &json!({})).await.status, 422);
    assert_eq!(send(&api, &format!("{path}/skip"), &json!({"step": "ScaleUp"})).await.status, 422);
    assert_eq!(send(&api, &format!("{path}/reject"), &json!({})).await.status, 409);
    assert_eq!(send(&api, &format!("{path}/cancel"), &json!({})).await.json()["task"]["phase"], json!("Cancelling"));
    task["operationTaskStep"] = json!([{"step": "ScaleUp"}, {"step": "ScaleUpPreCheck"}]);
    let refused = send(&api, "/api/v1/tasks", &json!({"name": "ops/q4", "spec": task})).await;
    assert_eq!((refused.status, &refused.json()["parameter"]["name"]), (422, &json!("operationTaskStep")));
    task["operationIds"] = json!(["scale-up", "scale-up"]);
    let refused = send(&api, "/api/v1/tasks", &json!({"name": "ops/q4", "spec": task})).await;
    assert_eq!((refused.status, &refused.json()["parameter"]["name"]), (422, &json!("operationIds[1]")));
    assert!(commands(&log).await.iter().all(|command| !matches!(command.ask, Ask::Retry(_) | Ask::Skip(_))));
}

#[tokio::test]
async fn bodies_are_bounded_and_a_large_operation_fits() {
    let log = log();
    tell(&log, &board_facts()).await;
    let (api, _controllers) = (two_callers(log.clone()).await, controllers(&log));
    let mut large = spec(&["preCheck", "scaleUp"], 1..5001);
    large["operationMachines"][6]["name"] = json!("node-7");
    let id = made(&api, &wish(large)).await;
    let detail = api.list(&format!("/api/v1/operations/{id}")).await;
    assert_eq!(detail["summary"]["hosts"]["total"], json!(5000));
    let hosts = api.list(&format!("/api/v1/operations/{id}/hosts?limit=1000")).await;
    assert_eq!(hosts["total"]["value"], json!(5000));
    let path = format!("/api/v1/operations/{id}/hold");
    let long = send(&api, &path, &json!({"why": "x".repeat(4097)})).await;
    assert_eq!((long.status, &long.json()["parameter"]["name"]), (422, &json!("why")));
    assert_eq!(commands(&log).await.len(), 1, "the log has none of it");
    let large = json!({"text": "x".repeat(3 << 20)});
    assert_eq!(send(&api, "/api/v1/operations/machines", &large).await.status, 413);
    let many: Vec<String> = (0..2000).map(|n| format!("10.1.{}.{}", n / 256, n % 256)).collect();
    let rows = send(&api, "/api/v1/operations/machines", &json!({"text": many.join("\n")})).await.json();
    assert_eq!((rows["rows"].as_array().unwrap().len(), &rows["errors"]), (2000, &json!([])));
    let few =
        send(&api, "/api/v1/operations/machines", &json!({"text": "10.0.0.1 n1\nx\n10.0.0.1", "format": "lines"}))
            .await
            .json();
    assert_eq!(
        (&few["rows"][1]["duplicate_of"], &few["duplicates"], &few["errors"][0]["line"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let named = |cluster: &str| json!({"text": "node-7\nnode-8", "cluster": cluster});
    let there = send(&api, "/api/v1/operations/machines", &named("c1")).await.json();
    // The operation above had node-7 at an address that may be another node's by now.
    assert_eq!((&there["rows"][0]["ip"], &there["rows"][0]["name"]), (&json!(null), &json!("node-7")));
    assert_eq!((&there["rows"][1]["ip"], &there["errors"]), (&json!(null), &json!([])));
    let bad = send(&api, "/api/v1/operations/machines", &json!({"text": "", "format": "xml"})).await.json();
    assert_eq!(bad["parameter"]["allowed"], json!("auto, lines, csv, ini, yaml"));
}

#[tokio::test]
async fn a_node_is_asked_for_by_its_name_and_whoever_asks_its_cluster_says_no() {
    let log = log();
    tell(&log, &board_facts()).await;
    let (api, _controllers) = (two_callers(log.clone()).await, controllers(&log));
    // An address goes from node to node.
    for name in ["node-7", "node-9"] {
        let mut before = spec(&["preCheck"], 7..8);
        before["operationMachines"][0]["name"] = json!(name);
        made(&api, &wish(before)).await;
    }
    let named = |kind: &str| {
        let machines = json!([{"name": "node-7"}, {"name": "node-9"}]);
        wish(json!({"clusterName": "c1", "operationType": kind, "operationMachines": machines}))
    };
    let planned = send(&api, "/api/v1/operations/plan", &named("Uncordon")).await;
    let hosts = json!(["node-7", "node-9"]);
    assert_eq!((planned.status, &planned.json()["plan"]["hosts"]), (200, &hosts), "{}", planned.text);
    // These controllers have no cluster that they could ask.
    let refused = send(&api, "/api/v1/operations", &named("Uncordon")).await;
    assert_eq!((refused.status, &refused.json()["parameter"]["name"]), (422, &json!("operationMachines[0].name")));
    let there = commands(&log).await;
    assert!(matches!(&there[2].ask, Ask::RequestOperation(asked) if asked.spec.operation_machines[1].ip.is_empty()));
    let joins = send(&api, "/api/v1/operations/plan", &named("ScaleUp")).await;
    assert_eq!((joins.status, &joins.json()["parameter"]["name"]), (422, &json!("operationMachines[0].ip")));
}

#[tokio::test]
async fn whoever_says_something_says_why_and_it_is_told() {
    let log = log();
    tell(&log, &board_facts()).await;
    let (api, _controllers) = (two_callers(log.clone()).await, controllers(&log));
    let mut body = wish(spec(&["preCheck", "scaleUp"], 1..4));
    body["why"] = json!("rack 7 is new");
    let id = made(&api, &body).await;
    let say = async |act: &str, body: Value| {
        let said = send(&api, &format!("/api/v1/operations/{id}/{act}"), &body).await;
        assert_eq!(said.status, 200, "{}", said.text);
    };
    say("hold", json!({"why": "lunch"})).await;
    say("skip", json!({"step": "preCheck", "why": "done by hand"})).await;
    say("cancel", json!({"why": "wrong rack"})).await;
    let found = api.list(&format!("/api/v1/operations/{id}")).await;
    assert_eq!(found["summary"]["why"], json!("rack 7 is new"));
    let said = found["said"].as_array().unwrap().iter().map(|one| (&one["act"], &one["why"], &one["subject"]));
    let expected = [("start", "rack 7 is new"), ("hold", "lunch"), ("skip", "done by hand"), ("cancel", "wrong rack")];
    let expected = expected.map(|(act, why)| (json!(act), json!(why), json!("tester")));
    assert_eq!(said.collect::<Vec<_>>(), expected.iter().map(|(a, b, c)| (a, b, c)).collect::<Vec<_>>());
    // What is asked again is asked for the same reason.
    let key = Uuid::new_v4();
    assert_eq!(keyed(&api, "/api/v1/operations", &body, key, TOKEN).await.status, 201);
    body["why"] = json!("another");
    assert_eq!(keyed(&api, "/api/v1/operations", &body, key, TOKEN).await.status, 409);
    let Ask::RequestOperation(asked) = &commands(&log).await[0].ask else { panic!("no request") };
    assert_eq!(asked.why, "rack 7 is new");
}
