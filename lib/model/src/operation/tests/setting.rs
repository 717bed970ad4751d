//! Bundles, clusters, specifications and commands that the tests share.

use beidou_schemas::{
    Micros,
    operation::{
        Actor, Batches, ClusterRules, LockScope, Machine, Object, OperationId, OperationSpec, OperationType, Order,
        Owner, RetryScope, SuccessRule, TaskId, TaskSpec, UndoBy, UndoKind, UndoPlan, Via,
        bundle::{BundleShape, StepShape},
        command::{Ask, Command, RequestOperation, RequestTask},
    },
    runner::{HostOutcome, HostState},
};
use uuid::Uuid;

pub const START: Micros = Micros(1_795_444_800_000_000);

fn step(name: &str, mutates: bool, checks: bool, undo: Vec<UndoPlan>) -> StepShape {
    let (name, actor, retry) = (name.to_owned(), Actor::Ansible, RetryScope::Host);
    StepShape { name, actor, mutates, deadline_ms: 600_000, retry, undo, checks, prepare: None }
}

pub fn scale_up() -> BundleShape {
    let undo = vec![
        UndoPlan { kind: UndoKind::Join, by: UndoBy::Playbook, purpose: false, deadline_ms: None },
        UndoPlan { kind: UndoKind::Taint, by: UndoBy::Api, purpose: false, deadline_ms: None },
    ];
    BundleShape {
        name: "scale-up".into(),
        version: "1.0.0".into(),
        digest: "ab".repeat(32),
        operation_type: OperationType::ScaleUp,
        steps: vec![
            step("preCheck", false, false, Vec::new()),
            step("scaleUp", true, false, undo),
            step("postCheck", false, true, Vec::new()),
        ],
        flow: Vec::new(),
        lock: LockScope::Cluster,
        success: SuccessRule { min_percent: 50, max_failed: None },
        batches: Batches { size: Some(3), ..Batches::default() },
        order: Order::Steps,
        needs_cluster: true,
        machines: None,
        parameters: serde_json::json!({"type": "object"}),
    }
}

pub fn reboot() -> BundleShape {
    let undo = vec![UndoPlan { kind: UndoKind::Cordon, by: UndoBy::Api, purpose: false, deadline_ms: None }];
    BundleShape {
        name: "reboot".into(),
        operation_type: OperationType::Reboot,
        steps: vec![
            step("drain", true, false, undo),
            step("reboot", true, false, Vec::new()),
            step("postCheck", false, true, Vec::new()),
        ],
        lock: LockScope::Node,
        order: Order::Batches,
        ..scale_up()
    }
}

/// What is done to nodes beside their joining, and looked at.
pub fn label() -> BundleShape {
    BundleShape {
        name: "label".into(),
        steps: vec![step("label", true, false, Vec::new()), step("postCheck", false, true, Vec::new())],
        lock: LockScope::Node,
        ..scale_up()
    }
}

pub fn commands() -> BundleShape {
    BundleShape {
        name: "command".into(),
        operation_type: OperationType::Command,
        steps: vec![step("command", true, false, Vec::new())],
        lock: LockScope::Node,
        ..scale_up()
    }
}

pub fn rules() -> ClusterRules {
    ClusterRules { pool: 100, approve_above_hosts: Some(6), ..ClusterRules::default() }
}

fn machines(hosts: std::ops::Range<u8>) -> Vec<Machine> {
    hosts.map(|host| Machine { ip: format!("10.0.0.{host}"), ..Machine::default() }).collect()
}

pub fn spec(kind: OperationType, flow: &[&str], hosts: std::ops::Range<u8>) -> OperationSpec {
    OperationSpec {
        cluster_name: "c1".into(),
        operation_type: kind,
        operation_flow: flow.iter().map(|step| (*step).to_owned()).collect(),
        operation_machines: machines(hosts),
        bundle: None,
        parameters: Default::default(),
        secrets: Vec::new(),
        batches: Batches::default(),
        require_approval: false,
        dry_run: false,
        ignore_windows: false,
        suspend: false,
        labels: Default::default(),
    }
}

pub fn scale_up_spec(hosts: std::ops::Range<u8>) -> OperationSpec {
    spec(OperationType::ScaleUp, &["preCheck", "scaleUp", "postCheck"], hosts)
}

pub fn task_spec() -> TaskSpec {
    serde_json::from_str(
        r#"{"cluster": "c1", "clusterType": "native", "operationIds": ["scale-up"],
            "operationTaskMachines": [{"name": "10.0.0.50"}, {"name": "10.0.0.51"}, {"name": "10.0.0.52"}],
            "operationTaskStep": [{"step": "ScaleUpPreCheck"}, {"step": "ScaleUpWorkprocess"}, {"step": "ScaleUp"},
                {"step": "UncordonNodes"}, {"step": "ScaleUpSubWorkprocess"}],
            "operationTaskType": "ScaleUp",
            "workprocess": {"mode": "webhook", "webhook": "tickets"}}"#,
    )
    .unwrap()
}

pub fn command(number: u128, object: Object, subject: &str, ask: Ask) -> Command {
    Command { id: Uuid::from_u128(number), object, subject: subject.into(), via: Via::Api, time: START, ask }
}

pub fn request(id: OperationId, spec: OperationSpec, owner: Option<Owner>) -> (Object, Ask) {
    let name = format!("ops/{}", id.0.as_u128());
    (Object::Operation(id), RequestOperation { name, spec, owner, why: String::new() }.into())
}

pub fn request_task(id: TaskId, spec: TaskSpec) -> (Object, Ask) {
    (Object::Task(id), RequestTask { name: "ops/q3".into(), spec, why: String::new() }.into())
}

pub fn outcome(state: HostState) -> HostOutcome {
    let bad = state != HostState::Ok;
    HostOutcome {
        state,
        failed_task: bad.then(|| "pull the images".into()),
        message: bad.then(|| "no route to 10.9.9.9 after 30 s".into()),
        code: bad.then(|| "RegistryUnreachable".into()),
        remedy: None,
        changed: 2,
        ok: 9,
        duration_ms: 4_000,
    }
}
