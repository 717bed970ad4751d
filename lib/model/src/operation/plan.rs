//! A specification becomes a plan: steps with their limits, hosts in batches, what is done one after the other.

use beidou_schemas::{
    operation::{
        Actor, Batches, Limits, LockScope, Machine, OperationSpec, OperationType, Order, Owner, Plan, RetryScope,
        Stage, StepPlan, SuccessRule, TaskStepKind, UndoKind,
        bundle::{BundleShape, StepShape},
    },
    runner::BundleRef,
};

use super::{Board, Refused, check};

/// How long an operation may wait for its start: a week has every maintenance window in it.
const PENDING_MS: u64 = 7 * 86_400_000;
/// How long a runner may take to claim: an image is pulled meanwhile.
const CLAIM_MS: u64 = 300_000;
/// How long nothing may be heard of a runner: twelve heartbeats, so that a restart of controllers is no silence.
const SILENCE_MS: u64 = 120_000;
/// How long a runner may take to stop: a minute of grace for what it runs, and its last words.
const STOP_MS: u64 = 90_000;
/// How long one undoing may take that says nothing else.
const UNDO_MS: u64 = 600_000;
/// How often it is tried.
const UNDO_TRIES: u32 = 3;
/// How long a lock holds while its operation stands still.
const LOCK_MS: u64 = 3_600_000;
/// How long a canary is watched, in seconds.
const SOAK_SECONDS: u32 = 30;
/// Machines that join at the same time: more have overrun control planes.
const JOIN_LIMIT: u32 = 20;
/// Nodes in service that are acted on at the same time: a share of the pool, and a number.
const POOL_PERCENT: u32 = 10;
/// Failed hosts of a batch that hold, and their share.
const HOLD_AT_HOSTS: u32 = 2;
/// See [`HOLD_AT_HOSTS`].
const HOLD_AT_PERCENT: u32 = 5;
/// How long lifting cordon and taint of all hosts of a stage may take.
const RELEASE_MS: u64 = 300_000;
/// The step that lifts cordon and taint.
const RELEASE: &str = "uncordon";

/// The bundle that controllers carry themselves: lifting cordon and taint needs no runner.
pub fn built_in() -> BundleShape {
    BundleShape {
        name: RELEASE.into(),
        version: "1".into(),
        digest: "0".repeat(64),
        operation_type: OperationType::Uncordon,
        steps: vec![StepShape {
            name: RELEASE.into(),
            actor: Actor::Release,
            mutates: true,
            deadline_ms: RELEASE_MS,
            retry: RetryScope::Host,
            undo: Vec::new(),
            checks: false,
            prepare: None,
        }],
        flow: vec![RELEASE.into()],
        lock: LockScope::Node,
        success: SuccessRule { min_percent: 100, max_failed: None },
        batches: Batches::default(),
        order: Order::Steps,
        needs_cluster: true,
        machines: None,
        parameters: serde_json::json!({"type": "object", "properties": {}, "additionalProperties": false}),
    }
}

/// The plan of a specification, by what the board knows.
///
/// # Errors
/// When the specification is not valid.
pub fn plan(board: &Board, spec: &OperationSpec, owner: Option<&Owner>) -> Result<Plan, Refused> {
    let built_in = built_in();
    let bundle = check::bundle_of(board, spec, &built_in)?;
    check::operation(board, spec, bundle)?;
    let rules = board.clusters.get(&spec.cluster_name).cloned().unwrap_or_default();
    let mut plan = plan_of(bundle, spec, owner.map(|owner| owner.step), rules.pool);
    let many = rules.approve_above_hosts.is_some_and(|most| plan.hosts.len() as u64 > u64::from(most));
    let changes = plan.lock != LockScope::None;
    let gated = owner.is_some_and(|owner| {
        board.tasks.get(&owner.task).is_some_and(|task| task.is_approved(board, owner.step, &bundle.name))
    });
    plan.approval = spec.require_approval || spec.ignore_windows || (changes && many && !gated);
    Ok(plan)
}

/// The plan of a valid specification, which may be that of a task's step: `pool` is the number of the cluster's nodes, 0 where that is
/// not known. Of what is only looked at beforehand, a host without an address has the name of its node.
pub fn plan_of(bundle: &BundleShape, spec: &OperationSpec, of: Option<TaskStepKind>, pool: u32) -> Plan {
    let host = |machine: &Machine| match &machine.name {
        Some(name) if machine.ip.is_empty() => name.clone(),
        _ => machine.ip.clone(),
    };
    let hosts: Vec<String> = spec.operation_machines.iter().map(host).collect();
    let steps = steps(bundle, spec, of.is_some());
    // What joins serves nobody yet; nor does what a task has just joined, whatever its other bundles do there.
    let in_service = !bundle.operation_type.joins() && of != Some(TaskStepKind::ScaleUp);
    let batches = Cut::new(bundle, &spec.batches, in_service, pool).batches(hosts.len() as u32);
    let soak = spec.batches.soak_seconds.or(bundle.batches.soak_seconds).unwrap_or(SOAK_SECONDS);
    let soak_ms = u64::from(soak) * 1000;
    let stages = stages(bundle.order, &steps, &batches, hosts.len() as u32, soak_ms);
    let from = |of: fn(&Batches) -> Option<u32>, default| of(&spec.batches).or(of(&bundle.batches)).unwrap_or(default);
    let limits = Limits {
        hold_at_hosts: from(|batches| batches.hold_at_hosts, HOLD_AT_HOSTS).max(1),
        hold_at_percent: from(|batches| batches.hold_at_percent, HOLD_AT_PERCENT),
        pending_ms: PENDING_MS,
        claim_ms: CLAIM_MS,
        silence_ms: SILENCE_MS,
        stop_ms: STOP_MS,
        undo_ms: UNDO_MS,
        undo_tries: UNDO_TRIES,
        lock_ms: LOCK_MS,
    };
    let locks = !spec.dry_run && steps.iter().any(|step| step.mutates);
    Plan {
        bundle: BundleRef { name: bundle.name.clone(), digest: bundle.digest.clone() },
        version: bundle.version.clone(),
        hosts,
        steps,
        stages,
        lock: if locks { bundle.lock } else { LockScope::None },
        limits,
        success: bundle.success.clone(),
        approval: false,
    }
}

/// The steps that are asked for, or those that the bundle does by itself.
pub(super) fn flow<'a>(bundle: &'a BundleShape, spec: &'a OperationSpec) -> &'a [String] {
    if spec.operation_flow.is_empty() { &bundle.flow } else { &spec.operation_flow }
}

/// The steps of a flow. A bundle has others beside them: those that undo.
fn shapes<'a>(bundle: &'a BundleShape, flow: &'a [String]) -> impl Iterator<Item = &'a StepShape> {
    flow.iter().filter_map(|name| bundle.steps.iter().find(|step| step.name == *name))
}

/// The same, each behind the step that readies machines for it, also where the flow names that one later.
pub(super) fn prepared<'a>(bundle: &'a BundleShape, flow: &'a [String]) -> Vec<&'a StepShape> {
    let readies = |step: &'a StepShape| bundle.steps.iter().find(|other| step.prepare.as_ref() == Some(&other.name));
    with_prerequisites(shapes(bundle, flow), readies)
}

/// Steps in this order, each once and behind its prerequisite, if it has one.
pub fn with_prerequisites<'a, T: PartialEq + 'a>(
    steps: impl IntoIterator<Item = &'a T>,
    prerequisite: impl Fn(&'a T) -> Option<&'a T>,
) -> Vec<&'a T> {
    let mut all: Vec<&T> = Vec::new();
    for step in steps {
        for step in prerequisite(step).into_iter().chain([step]) {
            if !all.contains(&step) {
                all.push(step);
            }
        }
    }
    all
}

/// What the bundle does by itself: what comes before the first change, and the change with all behind it.
fn halves(bundle: &BundleShape) -> (Vec<&StepShape>, Vec<&StepShape>) {
    let own: Vec<&StepShape> = match bundle.flow.is_empty() {
        true => bundle.steps.iter().collect(),
        false => shapes(bundle, &bundle.flow).collect(),
    };
    let change = own.iter().position(|step| step.mutates).unwrap_or(own.len());
    (own[..change].to_vec(), own[change..].to_vec())
}

/// The steps of a bundle that are a step of a task. Nodes stay cordoned and tainted until the step that lifts it.
pub(super) fn flow_in(bundle: &BundleShape, kind: TaskStepKind) -> Vec<String> {
    let (before, change) = halves(bundle);
    let part = if looks(kind) { before } else { change };
    let kept = part.into_iter().filter(|step| kind == TaskStepKind::UncordonNodes || step.actor != Actor::Release);
    kept.map(|step| step.name.clone()).collect()
}

/// Whether a step of a task is what a bundle does before its first change.
pub(super) fn looks(kind: TaskStepKind) -> bool {
    matches!(kind, TaskStepKind::ScaleUpPreCheck | TaskStepKind::ScaleDownPreCheck)
}

fn steps(bundle: &BundleShape, spec: &OperationSpec, owned: bool) -> Vec<StepPlan> {
    let shapes = prepared(bundle, flow(bundle, spec));
    let changes_before = |place: usize| shapes[..place].iter().any(|step| step.mutates);
    // Of a dry run nothing can be checked behind a change that was not made.
    let kept =
        shapes.iter().enumerate().filter(|(place, step)| !(spec.dry_run && step.checks && changes_before(*place)));
    let mut steps: Vec<StepPlan> = kept
        .map(|(_, step)| StepPlan {
            name: step.name.clone(),
            actor: step.actor,
            mutates: step.mutates,
            deadline_ms: step.deadline_ms,
            retry: step.retry,
            undo: if spec.dry_run { Vec::new() } else { step.undo.clone() },
            checks: step.checks,
            readies: bundle.steps.iter().any(|other| other.prepare.as_ref() == Some(&step.name)),
        })
        .collect();
    let shut = |step: &StepPlan| {
        step.undo.iter().any(|undo| matches!(undo.kind, UndoKind::Cordon | UndoKind::Taint) && !undo.purpose)
    };
    let opens = steps.iter().any(|step| step.actor == Actor::Release);
    let changed = steps.iter().position(shut);
    let proven = changed.is_some_and(|at| steps[at..].iter().any(|step| step.checks));
    // Of a node that is taken away nothing is opened again.
    let removes = matches!(bundle.operation_type, OperationType::ScaleDown | OperationType::NodeRemove);
    if !owned && proven && !opens && !removes {
        let [release] = &built_in().steps[..] else { return steps };
        let StepShape { name, actor, mutates, deadline_ms, retry, undo, checks, prepare: _ } = release.clone();
        steps.push(StepPlan { name, actor, mutates, deadline_ms, retry, undo, checks, readies: false });
    }
    steps
}

/// How hosts are cut into batches.
struct Cut {
    canary: u32,
    size: u32,
}

impl Cut {
    fn new(bundle: &BundleShape, asked: &Batches, in_service: bool, pool: u32) -> Self {
        let from = |of: fn(&Batches) -> Option<u32>| of(asked).or(of(&bundle.batches));
        let share = from(|batches| batches.pool_percent).or(in_service.then_some(POOL_PERCENT));
        // Of a pool that is not known a share is one node; the whole of it bounds nothing.
        let share = share.filter(|percent| *percent < 100);
        let of_pool = share.map(|percent| (u64::from(pool) * u64::from(percent) / 100) as u32);
        let size = from(|batches| batches.size).unwrap_or(JOIN_LIMIT);
        Self {
            canary: from(|batches| batches.canary).unwrap_or(1),
            size: of_pool.map_or(size, |share| size.min(share)).max(1),
        }
    }

    fn batches(&self, hosts: u32) -> Vec<Vec<u32>> {
        let canary = self.canary.min(hosts);
        let rest: Vec<u32> = (canary..hosts).collect();
        let first = (canary > 0).then(|| (0..canary).collect());
        first.into_iter().chain(rest.chunks(self.size as usize).map(<[u32]>::to_vec)).collect()
    }
}

/// A step that readies machines for another one takes all of them at once, before the first batch of any.
fn stages(order: Order, steps: &[StepPlan], batches: &[Vec<u32>], hosts: u32, soak_ms: u64) -> Vec<Stage> {
    let all: Vec<u32> = (0..hosts).collect();
    let whole = |step: usize| Stage { step: step as u32, batch: 0, hosts: all.clone(), canary: false, soak_ms: 0 };
    let several = batches.len() > 1;
    let part = |step: usize, batch: usize, soak: bool| Stage {
        step: step as u32,
        batch: batch as u32,
        hosts: batches[batch].clone(),
        canary: several && batch == 0,
        soak_ms: if several && batch == 0 && soak { soak_ms } else { 0 },
    };
    let cut = |step: &StepPlan| step.mutates && step.actor != Actor::Release && !step.readies;
    match order {
        Order::Steps => (0..steps.len())
            .flat_map(|step| match cut(&steps[step]) {
                true => (0..batches.len()).map(|batch| part(step, batch, true)).collect(),
                false => vec![whole(step)],
            })
            .collect(),
        Order::Batches => {
            let change = steps.iter().position(|step| step.mutates && !step.readies).unwrap_or(steps.len());
            let (before, after): (Vec<usize>, Vec<usize>) =
                (0..steps.len()).partition(|step| *step < change || steps[*step].readies);
            let of_batch = |batch| after.iter().map(move |step| (batch, *step));
            let after = (0..batches.len()).flat_map(of_batch);
            let last = |step| step + 1 == steps.len();
            let after = after.map(|(batch, step)| part(step, batch, last(step)));
            before.into_iter().map(whole).chain(after).collect()
        }
    }
}
