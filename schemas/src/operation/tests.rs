//! Each kind of fact, written and read back.

use uuid::Uuid;

use super::{fact::*, *};
use crate::{Micros, operation::bundle::*, runner};

pub(crate) mod samples {
    use super::*;

    pub(crate) fn operation() -> OperationSpec {
        serde_json::from_str(
            r#"{"clusterName": "product-cluster", "operationType": "ScaleUp",
                "operationFlow": ["preCheck", "scaleUp", "postCheck"],
                "operationMachines": [{"ip": "10.0.0.11", "role": "Compute", "user": "admin"}]}"#,
        )
        .unwrap()
    }

    pub(crate) fn task() -> TaskSpec {
        serde_json::from_str(
            r#"{"cluster": "cluster-example", "clusterType": "native", "operationIds": ["scale-up"],
                "operationTaskMachines": [{"name": "10.0.0.11"}, {"name": "10.0.0.12"}],
                "operationTaskStep": [{"step": "ScaleUpPreCheck"}, {"step": "ScaleUpWorkprocess"}, {"step": "ScaleUp"},
                    {"step": "UncordonNodes"}, {"step": "ScaleUpSubWorkprocess"}],
                "operationTaskType": "ScaleUp"}"#,
        )
        .unwrap()
    }

    pub(crate) fn bundle() -> BundleShape {
        let undo = vec![UndoPlan { kind: UndoKind::Join, by: UndoBy::Playbook, purpose: false, deadline_ms: None }];
        let (name, actor, retry) = ("scaleUp".to_owned(), Actor::Ansible, RetryScope::Host);
        BundleShape {
            name: "scale-up".into(),
            version: "1.0.0".into(),
            digest: "ab".repeat(32),
            operation_type: OperationType::ScaleUp,
            steps: vec![StepShape {
                name,
                actor,
                mutates: true,
                deadline_ms: 600_000,
                retry,
                undo,
                checks: false,
                prepare: None,
            }],
            flow: Vec::new(),
            lock: LockScope::Cluster,
            success: SuccessRule { min_percent: 100, max_failed: None },
            batches: Batches { canary: Some(1), ..Batches::default() },
            order: Order::Steps,
            needs_cluster: true,
            machines: None,
            parameters: serde_json::json!({"type": "object"}),
        }
    }

    pub(crate) fn plan() -> Plan {
        let BundleShape { name, digest, version, lock, success, .. } = bundle();
        let (undo, actor, retry) = (bundle().steps[0].undo.clone(), Actor::Ansible, RetryScope::Host);
        let step = "scaleUp".to_owned();
        Plan {
            bundle: runner::BundleRef { name, digest },
            version,
            hosts: vec!["10.0.0.11".into()],
            steps: vec![StepPlan {
                name: step,
                actor,
                mutates: true,
                deadline_ms: 600_000,
                retry,
                undo,
                checks: false,
                readies: false,
            }],
            stages: vec![Stage { step: 0, batch: 0, hosts: vec![0], canary: true, soak_ms: 30_000 }],
            lock,
            limits: Limits {
                hold_at_hosts: 2,
                hold_at_percent: 5,
                pending_ms: 1,
                claim_ms: 2,
                silence_ms: 3,
                stop_ms: 4,
                undo_ms: 5,
                undo_tries: 6,
                lock_ms: 7,
            },
            success,
            approval: true,
        }
    }
}

fn accepted(why: String) -> Accepted {
    let (name, subject) = ("ops/scaleup-2024".to_owned(), "sre-team".to_owned());
    Accepted { name, subject, spec: samples::operation(), owner: None, plan: samples::plan(), why }
}

/// What is said beside, where it was left out before.
fn said() -> Vec<Body> {
    let (why, subject) = (|| "the rack is dark".to_owned(), "sre-team".to_owned());
    let (host, hosts) = (|| "10.0.0.11".to_owned(), || vec!["10.0.0.11".to_owned()]);
    let (kind, step, again) = (UndoKind::Join, || Some("scaleUp".to_owned()), Some(Micros(60_000_000)));
    vec![
        accepted(why()).into(),
        RetryAsked { stage: 1, hosts: hosts(), subject, why: why() }.into(),
        UndoStarted { kind, step: step(), host: host(), number: 1 }.into(),
        UndoFailed { kind, step: step(), host: host(), why: why(), again }.into(),
        UndoDone { kind, step: step(), host: host() }.into(),
        UndoSettled { kind, step: step(), hosts: hosts(), why: Settled::Taken }.into(),
    ]
}

fn run() -> Vec<Body> {
    let (why, subject, name) = (|| "why".to_owned(), || "sre-team".to_owned(), || "ops/scaleup-2024".to_owned());
    let (field, value, allowed) = ("field".to_owned(), "value".to_owned(), "allowed".to_owned());
    let (phase, reason, message) = (Phase::Failed, Reason::FailedHosts, "2 of 20 hosts failed".to_owned());
    let hosts = vec!["10.0.0.11".to_owned()];
    let rules = ClusterRules {
        pool: 200,
        windows: vec![Window {
            days: vec![1, 7],
            start_minute: 1320,
            minutes: 240,
            time_zone: None,
            utc_offset_minutes: 480,
        }],
        freezes: vec![Freeze { from: Micros(0), until: Micros(1_000_000), why: why() }],
        approve_above_hosts: Some(20),
        parameters: None,
        cluster_uid: None,
    };
    vec![
        WriterStarted { writer: "controllers-0".into() }.into(),
        BundleKnown { bundle: samples::bundle() }.into(),
        BundleLost { name: "scale-up".into() }.into(),
        ClusterRuled { cluster: "product-cluster".into(), rules: Some(rules) }.into(),
        CommandRefused { subject: subject(), field: field.clone(), value: value.clone(), allowed: allowed.clone() }
            .into(),
        Held { reason, message: message.clone(), subject: Some(subject()) }.into(),
        Resumed { subject: None, why: why() }.into(),
        Approved { subject: subject(), why: why() }.into(),
        Rejected { subject: subject(), why: why() }.into(),
        CancelAsked { subject: subject(), why: why() }.into(),
        Ending { phase, reason, message: message.clone() }.into(),
        Finished { phase, reason, message }.into(),
        Notified { of_seq: 3 }.into(),
        NotifyFailed { of_seq: 3, why: why(), again: Micros(1), for_good: false }.into(),
        accepted(String::new()).into(),
        Refused { name: name(), subject: subject(), cluster: "c".into(), field, value, allowed }.into(),
        Started {}.into(),
        StageEnded { stage: 1, ok: 18, bad: 1 }.into(),
        StepSkipped { step: "postCheck".into(), subject: subject(), why: why() }.into(),
        RetryAsked { stage: 1, hosts: hosts.clone(), subject: subject(), why: String::new() }.into(),
        WarningsRose { hosts, count: 40, before: 2, reason: "FailedCreatePodSandBox".into() }.into(),
    ]
}

fn acts() -> Vec<Body> {
    let attempt = || "00000000-scaleup-b0-a1".parse::<AttemptId>().unwrap();
    let (host, hosts, cluster) = (|| "10.0.0.11".to_owned(), vec!["10.0.0.11".to_owned()], || "c".to_owned());
    let outcome = runner::HostOutcome {
        state: runner::HostState::Failed,
        failed_task: Some("pull the images".into()),
        message: Some("no route to registry".into()),
        code: Some("RegistryUnreachable".into()),
        remedy: None,
        changed: 3,
        ok: 12,
        duration_ms: 41_000,
    };
    let locks = vec![Lock::Cluster { cluster: cluster() }, Lock::Node { cluster: cluster(), host: host() }];
    let (stage, step, batch, number, deadline_ms) = (1, "scaleUp".to_owned(), 0, 1, 600_000);
    let purpose = Purpose::Act;
    let (kind, why) = (UndoKind::Taint, || "why".to_owned());
    let intended = AttemptIntended {
        attempt: attempt(),
        stage,
        step: step.clone(),
        batch,
        number,
        purpose,
        hosts: hosts.clone(),
        deadline_ms,
    };
    vec![
        intended.into(),
        AttemptOffered { attempt: attempt(), token_sha256: "cd".repeat(32) }.into(),
        AttemptLaunched {
            attempt: attempt(),
            executor: "job".into(),
            place: "beidou/00000000".into(),
            nodes: Default::default(),
        }
        .into(),
        AttemptClaimed::new(attempt(), Uuid::from_u128(9)).into(),
        Heard { attempt: attempt(), next: 12 }.into(),
        HostResult { attempt: attempt(), host: host(), outcome }.into(),
        StopAsked { attempt: attempt(), reason: Reason::CancelledOnRequest }.into(),
        AttemptEnded { attempt: attempt(), end: AttemptEnd::Missing, exit: Some(2), signal: None, message: why() }
            .into(),
        LockTaken { locks, until: Micros(1), why: why() }.into(),
        LockRenewed { until: Micros(2) }.into(),
        LockReleased { why: Released::Over }.into(),
        UndoOwed { step, kind, hosts: hosts.clone() }.into(),
        UndoStarted { kind, step: None, host: host(), number }.into(),
        UndoDone { kind, step: None, host: host() }.into(),
        UndoFailed { kind, step: None, host: host(), why: why(), again: None }.into(),
        UndoSettled { kind, step: None, hosts, why: Settled::Task }.into(),
    ]
}

fn task() -> Vec<Body> {
    let (subject, name, message) = ("sre-team".to_owned(), || "ops/q3".to_owned(), "done".to_owned());
    let operation = OperationId(Uuid::from_u128(1));
    let (ticket, why) = ("CHG-4711".to_owned(), String::new());
    let ended = TaskStepEnded { step: 1, ok: true, reason: Reason::Completed, message, subject: None };
    vec![
        TaskAccepted { name: name(), subject: subject.clone(), spec: samples::task(), why: String::new() }.into(),
        TaskStepStarted { step: 2, kind: TaskStepKind::ScaleUp }.into(),
        OperationAsked { step: 2, operation, name: name(), spec: samples::operation() }.into(),
        GateAsked { step: 1, mode: GateMode::Webhook, until: Micros(1) }.into(),
        GateAnswered { step: 1, open: true, subject: subject.clone(), ticket, why }.into(),
        ended.clone().into(),
        TaskStepEnded { subject: Some(subject), ..ended }.into(),
    ]
}

#[test]
fn facts_are_golden_and_read_back() {
    let of = |object: Object, bodies: Vec<Body>| bodies.into_iter().map(move |body| (object, body));
    let operation = Object::Operation(OperationId(Uuid::from_u128(1)));
    let all = of(Object::Board, run())
        .chain(of(operation, acts()))
        .chain(of(Object::Task(TaskId(Uuid::from_u128(2))), task()))
        .chain(of(operation, said()));
    let mut text = Vec::new();
    for (at, (object, body)) in all.enumerate() {
        let (seq, time) = (at as u64 + 1, Micros(1_795_444_800_000_000));
        let cause = (at % 9 == 4).then(|| Cause { command: Uuid::from_u128(7), partition: 1, offset: 42 });
        let fact = Fact { object, seq, epoch: 3, time, cause, body };
        let read = Fact::from_json(&fact.to_json()).unwrap();
        assert_eq!(read, fact);
        assert!(!fact.body.name().is_empty() && fact.to_record().header("ce_id") == Some(&*fact.id()));
        text.push(String::from_utf8(fact.to_json()).unwrap());
    }
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_claim_of_before_says_nothing_of_what_the_runner_was_told() {
    let before = r#"{"attempt":"0f1e2d3c-scaleup-b0-a1","runner":"00000000-0000-0000-0000-000000000009"}"#;
    let claimed: AttemptClaimed = serde_json::from_str(before).unwrap();
    assert!(claimed.inputs.is_empty());
    assert_eq!(serde_json::to_string(&claimed).unwrap(), before, "nor does one of now where it is not known");
    let told = AttemptClaimed { inputs: [("inventory".to_owned(), "ab".repeat(32))].into(), ..claimed };
    let text = serde_json::to_string(&told).unwrap();
    assert!(text.contains(r#","inputs":{"inventory":"abab"#), "{text}");
    assert_eq!(serde_json::from_str::<AttemptClaimed>(&text).unwrap(), told);
}

#[test]
fn what_a_newer_version_wrote_stops_the_reader() {
    let fact = Fact {
        object: Object::Board,
        seq: 1,
        epoch: 1,
        time: Micros(0),
        cause: None,
        body: WriterStarted { writer: "w".into() }.into(),
    };
    let text = String::from_utf8(fact.to_json()).unwrap();
    for (from, to) in [("\"kind\":1", "\"kind\":200"), ("\"schema\":1", "\"schema\":2")] {
        let newer = text.replace(from, to);
        assert!(Fact::from_json(newer.as_bytes()).unwrap_err().to_string().contains("upgrade"), "{newer}");
    }
}

#[test]
fn of_several_bundles_each_has_its_turn_at_what_bundles_do() {
    let names = |bundles: &[&str]| {
        let operation_ids = bundles.iter().map(|name| (*name).to_owned()).collect();
        let spec = TaskSpec { operation_ids, ..samples::task() };
        spec.steps().map(|(step, bundle)| step.name_of(bundle)).collect::<Vec<_>>()
    };
    let one = ["ScaleUpPreCheck", "ScaleUpWorkprocess", "ScaleUp", "UncordonNodes", "ScaleUpSubWorkprocess"];
    assert_eq!(names(&["node-join"]), one);
    let two = ["ScaleUpPreCheck/node-join", "ScaleUpPreCheck/command", one[1], "ScaleUp/node-join", "ScaleUp/command"];
    assert_eq!(names(&["node-join", "command"]), [&two[..], &one[3..]].concat());
}
