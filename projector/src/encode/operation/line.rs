//! What a fact says, by columns. A new kind of fact does not compile until it has its line here.

use std::borrow::Cow;

use beidou_schemas::operation::{
    AttemptId, HostState, Phase, Reason, UndoKind,
    fact::{Body, Lock},
};

use super::runs::{Live, Run};

/// The columns that depend on a fact's kind; what does not apply is empty.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    /// In place of that of its object.
    pub cluster: Option<&'a str>,
    pub attempt: &'a str,
    pub purpose: &'a str,
    pub step: &'a str,
    pub batch: u32,
    pub number: u32,
    pub host: &'a str,
    pub hosts: usize,
    pub action: &'a str,
    pub outcome: &'a str,
    pub reason: &'a str,
    pub message: Cow<'a, str>,
    pub subject: &'a str,
}

/// What was refused has no phase of its own.
const REFUSED: &str = "Refused";

impl<'a> Line<'a> {
    /// The line of a fact that was taken in.
    pub(super) fn of(run: &'a Run, body: &'a Body) -> Self {
        match body {
            Body::WriterStarted(_)
            | Body::BundleKnown(_)
            | Body::BundleLost(_)
            | Body::ClusterRuled(_)
            | Body::CommandRefused(_) => Self::of_board(body),
            Body::AttemptIntended(_)
            | Body::AttemptOffered(_)
            | Body::AttemptLaunched(_)
            | Body::AttemptClaimed(_)
            | Body::Heard(_)
            | Body::HostResult(_)
            | Body::StopAsked(_)
            | Body::AttemptEnded(_) => Self::of_attempt(run, body),
            Body::LockTaken(_)
            | Body::LockRenewed(_)
            | Body::LockReleased(_)
            | Body::UndoOwed(_)
            | Body::UndoStarted(_)
            | Body::UndoDone(_)
            | Body::UndoFailed(_)
            | Body::UndoSettled(_) => Self::of_debt(body),
            Body::TaskAccepted(_)
            | Body::TaskStepStarted(_)
            | Body::OperationAsked(_)
            | Body::GateAsked(_)
            | Body::GateAnswered(_)
            | Body::TaskStepEnded(_) => Self::of_task(run, body),
            Body::Accepted(_)
            | Body::Refused(_)
            | Body::Started(_)
            | Body::StageEnded(_)
            | Body::StepSkipped(_)
            | Body::RetryAsked(_)
            | Body::WarningsRose(_) => Self::of_operation(run, body),
            Body::Held(_)
            | Body::Resumed(_)
            | Body::Approved(_)
            | Body::Rejected(_)
            | Body::CancelAsked(_)
            | Body::Ending(_)
            | Body::Finished(_)
            | Body::Notified(_)
            | Body::NotifyFailed(_) => Self::of_way(run, body),
        }
    }

    fn of_board(body: &'a Body) -> Self {
        match body {
            Body::WriterStarted(said) => Self { subject: &said.writer, ..Self::default() },
            Body::BundleKnown(said) => Self { action: &said.bundle.name, ..Self::default() },
            Body::BundleLost(said) => Self { action: &said.name, ..Self::default() },
            Body::ClusterRuled(said) => Self { cluster: Some(&said.cluster), ..Self::default() },
            Body::CommandRefused(said) => {
                let message = refusal(&said.field, &said.value, &said.allowed);
                Self { outcome: REFUSED, subject: &said.subject, message, ..Self::default() }
            }
            _ => Self::default(),
        }
    }

    fn of_way(run: &'a Run, body: &'a Body) -> Self {
        match body {
            Body::Held(said) => Self {
                outcome: held(said.reason).name(),
                reason: said.reason.name(),
                message: said.message.as_str().into(),
                subject: said.subject.as_deref().unwrap_or_default(),
                ..Self::default()
            },
            Body::Resumed(said) => {
                let started = run.live().is_some_and(|live| live.started);
                let outcome = if started { Phase::Running } else { Phase::Pending }.name();
                Self { outcome, ..Self::by(said.subject.as_deref().unwrap_or_default(), &said.why) }
            }
            Body::Approved(said) => Self { outcome: "approved", ..Self::by(&said.subject, &said.why) },
            Body::Rejected(said) => Self { outcome: "rejected", ..Self::by(&said.subject, &said.why) },
            Body::CancelAsked(said) => {
                let (outcome, reason) = (Phase::Cancelling.name(), Reason::CancelledOnRequest.name());
                Self { outcome, reason, ..Self::by(&said.subject, &said.why) }
            }
            Body::Ending(said) => Self::ended(said.phase.name(), said.reason, &said.message),
            Body::Finished(said) => Self::ended(said.phase.name(), said.reason, &said.message),
            Body::NotifyFailed(said) => Self::by("", &said.why),
            _ => Self::default(),
        }
    }

    fn of_operation(run: &'a Run, body: &'a Body) -> Self {
        match body {
            Body::Accepted(said) => {
                let (outcome, hosts) = (Phase::Pending.name(), said.plan.hosts.len());
                Self { outcome, hosts, ..Self::by(&said.subject, &said.why) }
            }
            Body::Refused(said) => {
                let (message, reason) = (refusal(&said.field, &said.value, &said.allowed), Reason::SpecRefused.name());
                Self { outcome: REFUSED, reason, subject: &said.subject, message, ..Self::default() }
            }
            Body::Started(_) => Self { outcome: Phase::Running.name(), ..Self::default() },
            Body::StageEnded(said) => {
                let (outcome, hosts) = (ok(said.bad == 0), (said.ok + said.bad) as usize);
                Self { outcome, hosts, ..Self::in_stage(run, said.stage) }
            }
            Body::StepSkipped(said) => {
                Self { step: &said.step, outcome: HostState::Skipped.name(), ..Self::by(&said.subject, &said.why) }
            }
            Body::RetryAsked(said) => {
                let message = said.why.as_str().into();
                Self { hosts: said.hosts.len(), subject: &said.subject, message, ..Self::in_stage(run, said.stage) }
            }
            Body::WarningsRose(said) => {
                let message = format!("{} Warnings, {} in as much time before", said.count, said.before).into();
                Self { hosts: said.hosts.len(), reason: &said.reason, message, ..Self::default() }
            }
            _ => Self::default(),
        }
    }

    fn of_attempt(run: &'a Run, body: &'a Body) -> Self {
        match body {
            Body::AttemptIntended(said) => Self { hosts: said.hosts.len(), ..Self::in_attempt(run, &said.attempt) },
            Body::AttemptOffered(said) => Self::in_attempt(run, &said.attempt),
            Body::AttemptLaunched(said) => Self {
                action: &said.executor,
                message: said.place.as_str().into(),
                ..Self::in_attempt(run, &said.attempt)
            },
            Body::AttemptClaimed(said) => Self::in_attempt(run, &said.attempt),
            Body::Heard(said) => Self::in_attempt(run, &said.attempt),
            Body::HostResult(said) => Self {
                host: &said.host,
                hosts: 1,
                action: said.outcome.failed_task.as_deref().unwrap_or_default(),
                outcome: HostState::from(said.outcome.state).name(),
                reason: said.outcome.code.as_deref().unwrap_or_default(),
                message: said.outcome.message.as_deref().unwrap_or_default().into(),
                ..Self::in_attempt(run, &said.attempt)
            },
            Body::StopAsked(said) => Self { reason: said.reason.name(), ..Self::in_attempt(run, &said.attempt) },
            Body::AttemptEnded(said) => Self {
                outcome: said.end.name(),
                message: said.message.as_str().into(),
                ..Self::in_attempt(run, &said.attempt)
            },
            _ => Self::default(),
        }
    }

    fn of_debt(body: &'a Body) -> Self {
        match body {
            Body::LockTaken(said) => {
                let hosts = said.locks.iter().filter_map(Lock::address).count();
                Self { hosts, ..Self::by("", &said.why) }
            }
            Body::LockReleased(said) => Self { reason: said.why.name(), ..Self::default() },
            Body::UndoOwed(said) => {
                Self { step: &said.step, action: said.kind.name(), hosts: said.hosts.len(), ..Self::default() }
            }
            Body::UndoStarted(said) => {
                let line = Self::of_undo(said.step.as_deref(), said.kind);
                Self { host: &said.host, hosts: 1, number: said.number, ..line }
            }
            Body::UndoDone(said) => {
                let line = Self::of_undo(said.step.as_deref(), said.kind);
                Self { host: &said.host, hosts: 1, outcome: ok(true), ..line }
            }
            Body::UndoFailed(said) => {
                let line = Self::of_undo(said.step.as_deref(), said.kind);
                Self { host: &said.host, hosts: 1, outcome: ok(false), message: said.why.as_str().into(), ..line }
            }
            Body::UndoSettled(said) => {
                let line = Self::of_undo(said.step.as_deref(), said.kind);
                Self { hosts: said.hosts.len(), reason: said.why.name(), ..line }
            }
            _ => Self::default(),
        }
    }

    /// Facts of before name no step.
    fn of_undo(step: Option<&'a str>, kind: UndoKind) -> Self {
        Self { step: step.unwrap_or_default(), action: kind.name(), ..Self::default() }
    }

    fn of_task(run: &'a Run, body: &'a Body) -> Self {
        let at = |place: u32| Self { step: run.live().map_or("", |live| live.step(place)), ..Self::default() };
        match body {
            Body::TaskAccepted(said) => {
                let hosts = said.spec.operation_task_machines.len();
                Self { outcome: Phase::Pending.name(), hosts, ..Self::by(&said.subject, &said.why) }
            }
            Body::TaskStepStarted(said) => Self { outcome: Phase::Running.name(), ..at(said.step) },
            Body::OperationAsked(said) => Self { message: said.name.as_str().into(), ..at(said.step) },
            Body::GateAsked(said) => Self { action: said.mode.name(), ..at(said.step) },
            Body::GateAnswered(said) => Self {
                outcome: if said.open { "approved" } else { "rejected" },
                subject: &said.subject,
                message: said.why.as_str().into(),
                ..at(said.step)
            },
            Body::TaskStepEnded(said) => {
                let (outcome, reason) = (ok(said.ok), said.reason.name());
                let subject = said.subject.as_deref().unwrap_or_default();
                Self { outcome, reason, subject, message: said.message.as_str().into(), ..at(said.step) }
            }
            _ => Self::default(),
        }
    }

    fn by(subject: &'a str, why: &'a str) -> Self {
        Self { subject, message: why.into(), ..Self::default() }
    }

    fn ended(outcome: &'a str, reason: Reason, message: &'a str) -> Self {
        Self { outcome, reason: reason.name(), message: message.into(), ..Self::default() }
    }

    fn in_stage(run: &'a Run, stage: u32) -> Self {
        let (step, batch) = run.live().map_or(("", 0), |live: &Live| live.stage(stage));
        Self { step, batch, ..Self::default() }
    }

    fn in_attempt(run: &'a Run, id: &'a AttemptId) -> Self {
        let line = Self { attempt: id.as_str(), ..Self::default() };
        match run.live().and_then(|live| live.attempt(id)) {
            Some(found) => Self {
                step: &found.step,
                batch: found.batch,
                number: found.number,
                purpose: found.purpose.name(),
                ..line
            },
            None => line,
        }
    }
}

fn ok(ok: bool) -> &'static str {
    if ok { HostState::Ok } else { HostState::Failed }.name()
}

/// The phase that a hold leads to, as the model has it.
fn held(reason: Reason) -> Phase {
    match reason {
        Reason::OutcomeUnknown | Reason::RunnerSilent => Phase::Unknown,
        _ => Phase::Held,
    }
}

fn refusal(field: &str, value: &str, allowed: &str) -> Cow<'static, str> {
    format!("{field}: {value}; allowed: {allowed}").into()
}
