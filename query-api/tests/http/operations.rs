//! Operations as they are read: what a recorded run folds to is what every call answers.

use base64::{Engine, engine::general_purpose::STANDARD};
use beidou_model::operation::{Board, Operation, view};
use beidou_schemas::{
    Micros,
    operation::{
        Object, OperationId, TaskId, Window,
        fact::{Body, Fact},
    },
    runner::TaskEventKind,
};
use serde_json::{Value, json};

use crate::support::{
    Api, log,
    operations::{RUN, TASK, board_facts, golden, golden_until, said, say, tell},
    texts,
    wait::until,
    without_store,
};

async fn recorded() -> (Api, Board) {
    let (log, facts) = (log(), golden());
    tell(&log, &facts).await;
    (without_store(log).await, Board::fold(&facts))
}

fn run(board: &Board) -> &Operation {
    &board.operations[&OperationId(RUN)]
}

fn of_run(fact: &Fact) -> bool {
    fact.object == Object::Operation(OperationId(RUN))
}

fn path(rest: &str) -> String {
    format!("/api/v1/operations/{RUN}{rest}")
}

async fn count(api: &Api, query: &str) -> u64 {
    api.list(&format!("/api/v1/operations?{query}")).await["total"]["value"].as_u64().unwrap()
}

#[tokio::test]
async fn the_list_is_filtered_sorted_and_paged_here() {
    let (api, _) = recorded().await;
    for (query, found) in [
        ("", 4),
        ("cluster=c1", 4),
        ("cluster=c2", 0),
        ("type=ScaleUp", 3),
        ("type=Uncordon,Drain", 1),
        ("phase=Cancelled", 1),
        ("phase=active", 0),
        ("phase=Cancelled&phase=Succeeded", 4),
        ("subject=dev", 1),
        (&format!("task={TASK}"), 3),
        ("text=10.0.0.51", 3),
        ("host=10.0.0.51", 3),
        ("text=10.0.0.5", 4),
        ("host=10.0.0.5", 1),
        ("text=RACK%20is%20dark", 1),
        ("text=q3-scaleup", 2),
        ("text=nothing-like-it", 0),
        ("from=2026-11-23T15:00:00Z", 2),
        ("to=2026-11-23T14:50:00Z", 2),
        ("from=2026-11-23T14:52:40Z&to=2026-11-23T14:53:00Z", 2),
        ("cluster=c1&phase=Succeeded&text=uncordon", 1),
    ] {
        assert_eq!(count(&api, query).await, found, "{query}");
    }
    let names = |list: &Value| texts(list, "name");
    let newest = names(&api.list("/api/v1/operations").await);
    assert_eq!(newest, ["ops/q3-uncordonnodes", "ops/q3-scaleup", "ops/q3-scaleupprecheck", "ops/1"]);
    let sorted = names(&api.list("/api/v1/operations?sort=name&order=asc").await);
    assert_eq!(sorted, ["ops/1", "ops/q3-scaleup", "ops/q3-scaleupprecheck", "ops/q3-uncordonnodes"]);
    for sort in ["created", "updated", "name", "cluster", "phase", "bad"] {
        for order in ["asc", "desc"] {
            let query = format!("/api/v1/operations?sort={sort}&order={order}");
            let whole = names(&api.list(&query).await);
            assert_eq!(api.all(&format!("{query}&limit=1"), "name").await, whole, "{query}");
        }
    }
    let first = api.list("/api/v1/operations?limit=1").await;
    let cursor = first["next"].as_str().unwrap();
    let other = api.get(&format!("/api/v1/operations?limit=1&phase=Held&cursor={cursor}")).await;
    assert_eq!((other.status, &other.json()["type"]), (400, &json!("/problems/bad-cursor")));
}

#[tokio::test]
async fn labels_are_looked_at_before_the_limit() {
    let (log, mut facts) = (log(), golden());
    for fact in facts.iter_mut().filter(|fact| of_run(fact)) {
        if let Body::Accepted(accepted) = &mut fact.body {
            accepted.spec.labels.insert("team".into(), "sre".into());
        }
    }
    tell(&log, &facts).await;
    let api = without_store(log).await;
    for (query, found) in [
        ("label=team=sre", 1),
        ("label=team%3Dsre&label=!old", 1),
        ("label=team,tier!=web", 1),
        ("label=team!=sre", 3),
        ("label=!team", 3),
        ("label=team=infra", 0),
        ("label=team=sre&label=old", 0),
    ] {
        assert_eq!(count(&api, query).await, found, "{query}");
    }
    let newest = api.list("/api/v1/operations?limit=1").await;
    let labelled = api.list("/api/v1/operations?limit=1&label=team=sre").await;
    assert_ne!(texts(&newest, "id"), [RUN.to_string()]);
    assert_eq!(texts(&labelled, "id"), [RUN.to_string()]);
}

/// The timeline of a node shows what was done to it: not what was done to those whose names begin as its own does.
#[tokio::test]
async fn a_host_is_found_by_its_whole_name() {
    let (log, mut facts) = (log(), golden());
    for fact in facts.iter_mut().filter(|fact| of_run(fact)) {
        if let Body::Accepted(accepted) = &mut fact.body {
            accepted.spec.operation_machines[0].name = Some("node-10".into());
        }
    }
    tell(&log, &facts).await;
    let api = without_store(log).await;
    for (query, found) in [("host=node-10", 1), ("host=node-1", 0), ("text=node-1", 1), ("host=node-10&type=Drain", 0)]
    {
        assert_eq!(count(&api, query).await, found, "{query}");
    }
}

#[tokio::test]
async fn mistakes_name_the_parameter_and_what_is_allowed() {
    let (api, _) = recorded().await;
    for (path, name, allowed) in [
        ("/api/v1/operations?phase=Done".into(), "phase", "active, Pending, Running"),
        ("/api/v1/operations?type=Scaleup".into(), "type", "ScaleUp"),
        ("/api/v1/operations?sort=size".into(), "sort", "created"),
        ("/api/v1/operations?order=up".into(), "order", "asc"),
        ("/api/v1/operations?task=7".into(), "task", "UUID"),
        ("/api/v1/operations?label==sre".into(), "label", "name=value"),
        ("/api/v1/operations?from=now&to=-1h".into(), "from", "before"),
        (path("/hosts?group=cause"), "group", "error"),
        (path("/hosts?state=lost"), "state", "unreachable"),
        (path("/hosts?sort=name"), "sort", "worst"),
        (path("/matrix?t=later"), "t", "RFC 3339"),
        (path("/log?seq=4"), "seq", "attempt"),
        (path("/log?tail=0"), "tail", "from 1"),
        (path("/log?attempt=a&seq=4&tail=3"), "tail", "seq"),
        (path("/log?step=reboot"), "step", "preCheck"),
        (path("/log?host=10.9.9.9"), "host", "host of the operation"),
        (path("/log?kind=line"), "kind", "host_start"),
        (path("/log?attempt=A%20B"), "attempt", "attempt"),
        (path("/stream?after=x"), "after", "offset"),
        ("/api/v1/operations/7".into(), "id", "UUID"),
        ("/api/v1/tasks/7".into(), "id", "UUID"),
        ("/api/v1/tasks?sort=size".into(), "sort", "created"),
    ] {
        let refused = api.get(&path).await;
        let problem = refused.json();
        let told = problem["parameter"]["allowed"].as_str().unwrap_or_default();
        assert_eq!((refused.status, problem["parameter"]["name"].as_str()), (400, Some(name)), "{path}: {problem}");
        assert!(told.contains(allowed), "{path}: {told}");
    }
    let nobody = TASK;
    for rest in ["", "/matrix", "/matrix/changes", "/hosts", "/log", "/facts", "/stream", "/export"] {
        let unknown = api.get(&format!("/api/v1/operations/{nobody}{rest}")).await;
        assert_eq!((unknown.status, &unknown.json()["type"]), (404, &json!("/problems/unknown-operation")), "{rest}");
    }
    for rest in ["", "/facts", "/stream"] {
        let unknown = api.get(&format!("/api/v1/tasks/{RUN}{rest}")).await;
        assert_eq!((unknown.status, &unknown.json()["type"]), (404, &json!("/problems/unknown-task")), "{rest}");
    }
    assert_eq!(api.bare(&path("")).await.status, 401);
}

#[tokio::test]
async fn one_operation_is_told_as_the_model_folds_it() {
    let (api, board) = recorded().await;
    let (found, operation) = (api.list(&path("")).await, run(&board));
    let summary = &found["summary"];
    assert_eq!((&summary["phase"], &summary["reason"]), (&json!("Cancelled"), &json!("CancelledOnRequest")));
    assert_eq!(summary["hosts"], json!({"total": 5, "through": 0, "bad": 5}));
    assert_eq!((&summary["subject"], &summary["seq"]), (&json!("dev"), &json!(operation.seq)));
    assert_eq!(summary["created"], json!(operation.created));
    assert_eq!(summary["steps"][0]["hosts"], json!({"ok": 5}));
    assert_eq!(found["spec"], serde_json::to_value(&operation.spec).unwrap());
    assert_eq!(found["plan"]["hosts"], json!(operation.plan.hosts));
    assert_eq!(found["plan"]["steps"][1]["owes"], json!(["join", "taint"]));
    let stages = found["stages"].as_array().unwrap();
    assert_eq!(stages.len(), operation.plan.stages.len());
    assert_eq!((&stages[1]["canary"], &stages[1]["host_ranges"]), (&json!(true), &json!([[0, 1]])));
    let attempts = found["attempts"].as_array().unwrap();
    let acts = view::step_times(operation);
    let told: Vec<_> = attempts.iter().filter(|a| a["purpose"] == "act").map(|a| a["intended"].clone()).collect();
    assert_eq!(told, acts.iter().map(|act| json!(act.intended)).collect::<Vec<_>>());
    assert_eq!(attempts[0]["end"], json!(operation.attempts[0].over.as_ref().unwrap().end));
    let undone: u64 = found["debts"].as_array().unwrap().iter().map(|debt| debt["count"].as_u64().unwrap()).sum();
    assert_eq!(undone as usize, operation.debts.len());
    assert_eq!(found["hold"], Value::Null);
    let resumed = golden().into_iter().find(|fact| of_run(fact) && matches!(fact.body, Body::Resumed(_))).unwrap().time;
    let holds = found["holds"].as_array().unwrap();
    assert!(holds.iter().all(|hold| hold["since"].as_str() < hold["until"].as_str()), "{holds:?}");
    assert!(holds.iter().any(|hold| hold["until"] == json!(resumed)), "{holds:?}");
    assert!(found["locks"][0]["released"].is_string(), "{}", found["locks"]);
    let possible: Vec<_> = found["actions"].as_array().unwrap().iter().filter(|a| a["possible"] == true).collect();
    assert!(possible.is_empty(), "nothing can be asked of what is over: {possible:?}");
    assert!(
        found["forecast"]["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["p50_ms"].as_u64() <= step["p90_ms"].as_u64())
    );
}

#[tokio::test]
async fn what_holds_an_operation_is_told_with_its_numbers() {
    let log = log();
    let until = golden_until(|fact| of_run(fact) && matches!(fact.body, Body::Resumed(_)));
    tell(&log, &until).await;
    let api = without_store(log).await;
    let found = api.list(&path("")).await;
    let hold = &found["hold"];
    assert_eq!((&found["summary"]["phase"], &hold["reason"]), (&json!("Unknown"), &json!("RunnerSilent")));
    assert_eq!((&hold["stage"], &hold["hosts"], &hold["bad"]), (&json!(0), &json!(5), &json!(5)));
    assert_eq!((&hold["hold_at_hosts"], &hold["hold_at_percent"]), (&json!(2), &json!(5)));
    let present = found["holds"].as_array().unwrap().last().unwrap();
    assert_eq!((&present["until"], &present["since"], &present["stage"]), (&Value::Null, &hold["since"], &json!(0)));
    let possible =
        |name: &str| found["actions"].as_array().unwrap().iter().any(|a| a["action"] == name && a["possible"] == true);
    assert!(possible("retry") && possible("resume") && possible("cancel") && !possible("hold") && !possible("approve"));
}

#[tokio::test]
async fn who_asks_and_how_much_goes_on_is_one_call() {
    let log = log();
    let until = golden_until(|fact| of_run(fact) && matches!(fact.body, Body::Resumed(_)));
    tell(&log, &until).await;
    let api = without_store(log).await;
    let me = api.list("/api/v1/me").await;
    let board = Board::fold(&until);
    let still = board.operations.values().filter(|operation| operation.phase.stands_still()).count();
    assert!(still > 0, "the run stands still");
    assert_eq!((&me["subject"], &me["operations"]["held"]), (&json!("tester"), &json!(still)));
    assert_eq!(me["operations"]["active"], json!(count(&api, "phase=active").await));
    let tasks = api.list("/api/v1/tasks?phase=active").await["total"]["value"].clone();
    assert_eq!(me["tasks"]["active"], tasks);
    assert_eq!(api.get("/api/v1/me?cluster=c1").await.status, 400);
}

#[tokio::test]
async fn matrix_and_changes_replay_every_moment() {
    let (api, board) = recorded().await;
    let operation = run(&board);
    let bytes = |answer: &Value| STANDARD.decode(answer["bytes"].as_str().unwrap()).unwrap();
    let mut moments: Vec<Micros> = operation.changes.iter().map(|change| change.time).collect();
    moments.dedup();
    moments.insert(0, operation.created.plus(-1));
    for at in &moments {
        let answer = api.list(&path(&format!("/matrix?t={at}"))).await;
        let expected = view::matrix_at(operation, *at);
        assert_eq!((bytes(&answer), &answer["hosts"]), (expected.bytes, &json!(5)), "{at}");
    }
    let octets =
        crate::support::answer(api.request(&path("/matrix")).header("accept", "application/octet-stream")).await;
    assert_eq!((octets.header("x-beidou-steps"), octets.header("x-beidou-hosts")), ("4", "5"));
    assert_eq!(octets.text.into_bytes(), view::matrix_at(operation, Micros(i64::MAX)).bytes);
    // The matrix of one moment and the changes behind it give the matrix of every later one.
    for (place, from) in moments.iter().enumerate().skip(1) {
        for to in &moments[place..] {
            let mut cells = view::matrix_at(operation, *from).bytes;
            let answer = api.list(&path(&format!("/matrix/changes?from={from}&to={to}"))).await;
            for change in answer["changes"].as_array().unwrap() {
                let number = |at: usize| change[at].as_i64().unwrap();
                assert!(from.0 + number(0) > from.0 && from.0 + number(0) <= to.0);
                cells[(number(1) * 5 + number(2)) as usize] = number(3) as u8;
            }
            assert_eq!(cells, view::matrix_at(operation, *to).bytes, "{from} to {to}");
        }
    }
    let all = api.list(&path("/matrix/changes")).await;
    assert_eq!((all["changes"].as_array().unwrap().len(), &all["next"]), (operation.changes.len(), &Value::Null));
}

#[tokio::test]
async fn hosts_come_worst_first_and_grouped_by_error() {
    let (api, board) = recorded().await;
    let operation = run(&board);
    let whole = api.list(&path("/hosts?group=error")).await;
    assert_eq!((&whole["total"]["value"], whole["items"].as_array().unwrap().len()), (&json!(5), 5));
    let group = view::by_error(operation);
    assert_eq!(whole["groups"][0]["count"], json!(group[0].hosts.len()));
    assert_eq!(
        (&whole["groups"][0]["step"], &whole["groups"][0]["message"]),
        (&json!(group[0].step), &json!(group[0].message))
    );
    assert!(whole["items"][0]["bad"] == true && whole["items"][0]["error"]["step"].is_string());
    assert_eq!(api.all(&path("/hosts?sort=place&limit=2"), "host").await, operation.plan.hosts);
    assert_eq!(texts(&api.list(&path("/hosts?text=0.3")).await, "host"), ["10.0.0.3"]);
    // While the second attempt ran nothing was wrong any more; before it, everything was.
    let times: Vec<(Micros, bool)> = operation
        .changes
        .iter()
        .map(|c| (c.time, view::matrix_at(operation, c.time).bytes.iter().any(|b| matches!(b, 4 | 5 | 7 | 8))))
        .collect();
    let moment = |bad| times.iter().find(|(_, is)| *is == bad).unwrap().0;
    let then = api.list(&path(&format!("/hosts?state=bad&group=error&t={}", moment(true)))).await;
    assert!(then["total"]["value"].as_u64() > Some(0) && then["groups"][0]["count"].as_u64() > Some(0), "{then}");
    let well = api.list(&path(&format!("/hosts?state=bad&group=error&t={}", moment(false)))).await;
    assert_eq!((&well["total"]["value"], &well["groups"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn the_log_is_read_by_sequence_without_holes_of_our_own() {
    let log = log();
    tell(&log, &golden()).await;
    let (a, b) = ("00000000-precheck-b0-a1", "00000000-scaleup-b0-a1");
    let records = [
        said(a, "preCheck", 1, 1, 3),
        said(b, "scaleUp", 1, 1, 2),
        said(a, "preCheck", 1, 4, 5),
        // The same events of a writer that came later count, those of one that was left behind do not.
        said(a, "preCheck", 2, 4, 7),
        said(a, "preCheck", 1, 4, 4),
        said(b, "scaleUp", 2, 6, 8),
        said(a, "preCheck", 2, 8, 9),
    ];
    say(&log, &records).await;
    let api = without_store(log.clone()).await;
    let numbers = |page: &Value| -> Vec<(String, u64)> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| (item["step"].as_str().unwrap().to_owned(), item["seq"].as_u64().unwrap())).collect()
    };
    let of = |step: &str, all: &[u64]| all.iter().map(|n| (step.to_owned(), *n)).collect::<Vec<_>>();
    let whole = api.list(&path("/log")).await;
    let expected = [of("preCheck", &[1, 2, 3, 4, 5, 6, 7, 8, 9]), of("scaleUp", &[1, 2, 6, 7, 8])].concat();
    assert_eq!(numbers(&whole), expected);
    assert_eq!(whole["holes"], json!([{"attempt": b, "from": 3, "to": 5}]));
    for limit in [1, 2, 3, 5, 13] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.list(&path(&format!("/log?limit={limit}{cursor}"))).await;
            found.extend(numbers(&page));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, expected, "pages of {limit}");
    }
    for (query, wanted) in [
        ("tail=7".into(), expected[7..].to_vec()),
        ("tail=70".into(), expected.clone()),
        (format!("tail=3&attempt={a}"), of("preCheck", &[7, 8, 9])),
    ] {
        let begin = api.list(&path(&format!("/log?{query}"))).await;
        let cursor = begin["next"].as_str().unwrap();
        assert_eq!(begin["items"], json!([]), "{query}");
        assert_eq!(numbers(&api.list(&path(&format!("/log?{query}&cursor={cursor}"))).await), wanted, "{query}");
    }
    for (query, wanted) in [
        (format!("attempt={a}&seq=6"), of("preCheck", &[6, 7, 8, 9])),
        ("step=scaleUp".into(), of("scaleUp", &[1, 2, 6, 7, 8])),
        (format!("host=10.0.0.1&attempt={a}"), of("preCheck", &[1, 4, 7])),
        ("kind=task".into(), [of("preCheck", &[3, 6, 9]), of("scaleUp", &[6])].concat()),
        ("text=LINE%208".into(), [of("preCheck", &[8]), of("scaleUp", &[8])].concat()),
        ("attempt=00000000-nothing-b0-a1".into(), Vec::new()),
    ] {
        assert_eq!(numbers(&api.list(&path(&format!("/log?{query}"))).await), wanted, "{query}");
    }
    // What is told later is behind the last number.
    say(&log, &[said(a, "preCheck", 2, 10, 11)]).await;
    assert_eq!(numbers(&api.list(&path(&format!("/log?attempt={a}&seq=10"))).await), of("preCheck", &[10, 11]));
    // What programs printed is long: it is told to who asks for it.
    let mut printed = said(a, "preCheck", 2, 12, 13);
    printed.events[0].kind = TaskEventKind::Output;
    say(&log, &[printed]).await;
    assert_eq!(numbers(&api.list(&path(&format!("/log?attempt={a}&seq=11"))).await), of("preCheck", &[11, 13]));
    assert_eq!(numbers(&api.list(&path("/log?kind=output")).await), of("preCheck", &[12]));
}

#[tokio::test]
async fn facts_are_told_in_order_and_whole() {
    let (api, _) = recorded().await;
    for (object, path) in [
        (Object::Operation(OperationId(RUN)), path("/facts")),
        (Object::Task(TaskId(TASK)), format!("/api/v1/tasks/{TASK}/facts")),
    ] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.list(&format!("{path}?limit=7{cursor}")).await;
            found.extend(page["items"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let facts: Vec<_> = golden().into_iter().filter(|fact| fact.object == object).collect();
        assert_eq!(found.len(), facts.len());
        for (told, fact) in found.iter().zip(&facts) {
            assert_eq!(
                (&told["seq"], &told["kind"], &told["body"]),
                (&json!(fact.seq), &json!(fact.body.number()), &fact.body.value())
            );
            assert_eq!((&told["name"], &told["time"]), (&json!(fact.body.name()), &json!(fact.time)));
            assert_eq!(
                told["cause"]["command"].as_str().map(str::to_owned),
                fact.cause.map(|cause| cause.command.to_string())
            );
        }
    }
}

#[tokio::test]
async fn tasks_bundles_and_calendar_are_told() {
    let (api, board) = recorded().await;
    let list = api.list("/api/v1/tasks?cluster=c1&type=ScaleUp&phase=Succeeded&text=10.0.0.50").await;
    assert_eq!((&list["total"]["value"], texts(&list, "name")), (&json!(1), vec!["ops/q3".to_owned()]));
    assert_eq!(api.list("/api/v1/tasks?phase=active").await["total"]["value"], json!(0));
    let task = api.list(&format!("/api/v1/tasks/{TASK}")).await;
    assert_eq!(
        texts(&json!({"items": task["operations"]}), "name"),
        ["ops/q3-scaleupprecheck", "ops/q3-scaleup", "ops/q3-uncordonnodes"]
    );
    let gate = &task["summary"]["steps"][1]["gate"];
    assert_eq!((&gate["mode"], &gate["open"], &gate["ticket"]), (&json!("webhook"), &json!(true), &json!("CHG-4711")));
    assert_eq!(task["spec"], serde_json::to_value(&board.tasks[&TaskId(TASK)].spec).unwrap());
    let bundles = api.list("/api/v1/operations/bundles").await;
    assert_eq!(texts(&bundles, "name"), ["reboot", "scale-up", "uncordon"]);
    assert_eq!(
        (&bundles["items"][2]["built_in"], &bundles["items"][1]["steps"][0]["name"]),
        (&json!(true), &json!("preCheck"))
    );
    let calendar = api.list("/api/v1/operations/calendar?cluster=c1").await;
    assert_eq!((&calendar["clusters"][0]["pool"], &calendar["clusters"][0]["open"]), (&json!(100), &json!(true)));
    let spans: usize = board.operations.values().map(|operation| operation.locks.len()).sum();
    assert_eq!((calendar["ledger"].as_array().unwrap().len(), &calendar["locks"]), (spans, &json!([])));
    assert_eq!(api.list("/api/v1/operations/calendar?cluster=c2").await["clusters"], json!([]));
}

#[tokio::test]
async fn a_lock_that_is_held_stands_in_the_calendar_and_before_a_plan() {
    let log = log();
    tell(&log, &golden_until(|fact| matches!(fact.body, Body::LockReleased(_)))).await;
    let api = without_store(log).await;
    let calendar = api.list("/api/v1/operations/calendar").await;
    assert_eq!(
        (&calendar["locks"][0]["name"], &calendar["locks"][0]["lock"]["scope"]),
        (&json!("ops/1"), &json!("cluster"))
    );
    assert_eq!((&calendar["locks"][0]["lock"]["count"], &calendar["ledger"]), (&json!(5), &json!([])));
}

#[tokio::test]
async fn windows_are_told_in_their_zone() {
    let window = |time_zone: Option<&str>, utc_offset_minutes| {
        let time_zone = time_zone.map(str::to_owned);
        Window { days: vec![6], start_minute: 1350, minutes: 90, time_zone, utc_offset_minutes }
    };
    let (log, mut facts) = (log(), board_facts());
    for fact in &mut facts {
        if let Body::ClusterRuled(ruled) = &mut fact.body {
            let rules = ruled.rules.as_mut().unwrap();
            rules.windows = vec![window(Some("Asia/Shanghai"), 0), window(None, -300)];
        }
    }
    tell(&log, &facts).await;
    let api = without_store(log).await;
    let calendar = api.list("/api/v1/operations/calendar").await;
    let windows = calendar["clusters"][0]["windows"].as_array().unwrap();
    let told: Vec<_> = windows.iter().map(|window| (&window["time_zone"], &window["utc_offset_minutes"])).collect();
    assert_eq!(told, [(&json!("Asia/Shanghai"), &json!(480)), (&Value::Null, &json!(-300))]);
}

#[tokio::test]
async fn a_fact_that_this_version_does_not_know_stops_the_answers() {
    let (log, mut facts) = (log(), golden());
    let newer = facts.pop().unwrap();
    tell(&log, &facts).await;
    let api = without_store(log.clone()).await;
    assert_eq!(api.get("/readyz").await.json()["parts"]["query-api/operations"], json!("ready"));
    let text = String::from_utf8(newer.to_json()).unwrap();
    let text = text.replace(&format!("\"kind\":{}", newer.body.number()), "\"kind\":250");
    let record = beidou_schemas::Record { value: text.into_bytes().into(), ..newer.to_record() };
    crate::support::operations::append(&log, beidou_schemas::operation::FACTS, vec![record]).await;
    until("the role says so", async || {
        let parts = api.get("/readyz").await.json();
        parts["parts"]["query-api/operations"].as_str().is_some_and(|state| state.contains("cannot be read"))
    })
    .await;
    let refused = api.get("/api/v1/operations").await;
    assert_eq!((refused.status, &refused.json()["type"]), (503, &json!("/problems/log-away")), "{}", refused.text);
}
