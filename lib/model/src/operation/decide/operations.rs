//! Commands to an operation.

use beidou_schemas::operation::{
    HostState, Object, Phase, Reason, RetryScope,
    command::{Answer, Ask, Command, Retry, Skip},
    fact::{Approved, CancelAsked, Ending, Held, Rejected, Resumed, RetryAsked, StepSkipped},
};

use crate::operation::{Operation, Refused, draft::Draft, refused::names};

/// Names that a refusal lists at most.
const MOST_NAMES: usize = 20;

/// What `spec.suspend` makes.
pub(super) fn suspended() -> Held {
    Held { reason: Reason::Suspended, message: "spec.suspend is set".into(), subject: None }
}

/// Follows a command, or refuses.
pub(super) fn follow(draft: &mut Draft<'_>, operation: &Operation, command: &Command) -> Result<(), Refused> {
    let (object, subject) = (Object::Operation(operation.id), command.subject.clone());
    if operation.broken {
        return Err(Refused::new(
            "object",
            operation.id,
            "its facts do not follow one another: nothing is done any more",
        ));
    }
    if operation.phase.is_over() || operation.ending.is_some() {
        return Err(Refused::new("phase", operation.phase, "an operation that is not over, and not at its end"));
    }
    match &command.ask {
        Ask::Approve(answer) => {
            approver(operation, &subject)?;
            draft.add(object, Approved { subject, why: why_of(answer) });
        }
        Ask::Reject(answer) => {
            approver(operation, &subject)?;
            let message = format!("{subject} rejected it: {}", why_of(answer));
            draft.add(object, Rejected { subject, why: why_of(answer) });
            draft.add(object, Ending { phase: Phase::Failed, reason: Reason::Rejected, message });
        }
        Ask::Hold(hold) => {
            in_phase(operation, &[Phase::Pending, Phase::Running])?;
            let reason = if hold.suspend { Reason::Suspended } else { Reason::HeldOnRequest };
            let message = if hold.why.is_empty() { format!("{subject} held it") } else { hold.why.clone() };
            draft.add(object, Held { reason, message, subject: Some(subject) });
        }
        Ask::Resume(word) => {
            in_phase(operation, &[Phase::Held, Phase::Unknown])?;
            draft.add(object, Resumed { subject: Some(subject), why: word.why.clone() });
        }
        Ask::Cancel(word) => {
            let all = [Phase::Pending, Phase::Running, Phase::Held, Phase::Unknown];
            in_phase(operation, &all)?;
            draft.add(object, CancelAsked { subject, why: word.why.clone() });
        }
        Ask::Retry(retry) => again(draft, operation, retry, subject)?,
        Ask::Skip(skip) => leave_out(draft, operation, skip, subject)?,
        Ask::RequestOperation(_) | Ask::RequestTask(_) => {
            return Err(Refused::new("object", operation.id, "a request names what is not there yet"));
        }
    }
    Ok(())
}

fn why_of(answer: &Answer) -> String {
    match (answer.ticket.is_empty(), answer.why.is_empty()) {
        (true, _) => answer.why.clone(),
        (false, true) => answer.ticket.clone(),
        (false, false) => format!("{}: {}", answer.ticket, answer.why),
    }
}

fn in_phase(operation: &Operation, allowed: &[Phase]) -> Result<(), Refused> {
    let all: Vec<&str> = allowed.iter().map(|phase| phase.name()).collect();
    let fits = allowed.contains(&operation.phase);
    fits.then_some(()).ok_or_else(|| Refused::new("phase", operation.phase, format!("possible in: {}", all.join(", "))))
}

fn approver(operation: &Operation, subject: &str) -> Result<(), Refused> {
    if !operation.plan.approval || operation.started.is_some() {
        return Err(Refused::new("approval", operation.phase, "an operation that waits for an approval"));
    }
    if let Some(before) = &operation.approved {
        return Err(Refused::new("approval", before, "it was approved already"));
    }
    if subject == operation.subject {
        return Err(Refused::new("subject", subject, "another subject than the one that asked for it"));
    }
    Ok(())
}

/// Nothing may act at the time.
fn is_quiet(operation: &Operation) -> Result<(), Refused> {
    match operation.open_attempt() {
        None => Ok(()),
        Some(attempt) => Err(Refused::new("attempt", &attempt.id, "possible when no runner acts: wait for its end")),
    }
}

fn again(draft: &mut Draft<'_>, operation: &Operation, retry: &Retry, subject: String) -> Result<(), Refused> {
    in_phase(operation, &[Phase::Held, Phase::Unknown])?;
    is_quiet(operation)?;
    let object = Object::Operation(operation.id);
    let said = if retry.why.is_empty() { "retry".into() } else { format!("retry: {}", retry.why) };
    let resumed = Resumed { subject: Some(subject.clone()), why: said };
    let Some(stage) = operation.present() else {
        return Err(Refused::new("stage", operation.stage, "all steps are through: there is nothing to retry"));
    };
    let step = operation.step(stage.step);
    let state = |host: u32| operation.cell(stage.step, host).state;
    let bad: Vec<u32> = stage.hosts.iter().copied().filter(|host| state(*host).is_bad()).collect();
    let waits = |host: &str| operation.place(host).is_some_and(|host| state(host) == HostState::Waiting);
    if bad.is_empty() && retry.hosts.iter().all(|host| waits(host)) && !operation.todo(stage).is_empty() {
        // No runner came: there is nothing to be repeated, only to be begun.
        draft.add(object, resumed);
        return Ok(());
    }
    if step.retry == RetryScope::None {
        return Err(Refused::new("step", &step.name, "the bundle says that this step must not be repeated"));
    }
    let addresses = operation.addresses(&bad);
    let failed = || names(addresses.iter().map(String::as_str), MOST_NAMES);
    if let Some(other) = retry.hosts.iter().find(|host| !addresses.contains(host)) {
        return Err(Refused::new("hosts", other, format!("hosts that step {} failed on: {}", step.name, failed())));
    }
    if bad.is_empty() {
        return Err(Refused::new("hosts", "none", format!("step {} failed on no host: resume", step.name)));
    }
    let hosts = match step.retry {
        // Hosts depend on one another: all that went into the step go again.
        RetryScope::Step => {
            let took = |host: &u32| operation.may_take(stage.step, *host) && state(*host) != HostState::Skipped;
            operation.addresses(&stage.hosts.iter().copied().filter(took).collect::<Vec<_>>())
        }
        RetryScope::Host | RetryScope::None if retry.hosts.is_empty() => addresses,
        RetryScope::Host | RetryScope::None => retry.hosts.clone(),
    };
    draft.add(object, resumed);
    draft.add(object, RetryAsked { stage: operation.stage, hosts, subject, why: retry.why.clone() });
    Ok(())
}

fn leave_out(draft: &mut Draft<'_>, operation: &Operation, skip: &Skip, subject: String) -> Result<(), Refused> {
    in_phase(operation, &[Phase::Pending, Phase::Held, Phase::Unknown])?;
    is_quiet(operation)?;
    let ahead: Vec<u32> = operation.plan.stages[operation.stage as usize..].iter().map(|stage| stage.step).collect();
    let possible = |(place, _): &(usize, _)| ahead.contains(&(*place as u32));
    let steps: Vec<&str> =
        operation.plan.steps.iter().enumerate().filter(possible).map(|(_, step)| &*step.name).collect();
    if !steps.contains(&&*skip.step) {
        let allowed = format!("steps that are not through: {}", names(steps, MOST_NAMES));
        return Err(Refused::new("step", &skip.step, allowed));
    }
    let (object, why) = (Object::Operation(operation.id), skip.why.clone());
    if operation.phase != Phase::Pending {
        draft.add(object, Resumed { subject: Some(subject.clone()), why: format!("skip {}", skip.step) });
    }
    draft.add(object, StepSkipped { step: skip.step.clone(), subject, why });
    Ok(())
}
