//! Commands of people, resources and callbacks become facts, or are refused.

mod operations;
mod tasks;

use beidou_schemas::{
    Micros, Offset,
    operation::{
        Object, OperationSpec,
        command::{Ask, Command, LONGEST_WORD},
        fact::{Accepted, Cause, CommandRefused, Fact, Refused as RefusedFact, TaskAccepted},
    },
};

pub use self::tasks::does_same;
use super::{Board, Refused, check, draft::Draft, plan::plan};

/// A command, and where it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// The command.
    pub command: Command,
    /// Its partition of the command topic.
    pub partition: u32,
    /// Its offset there.
    pub offset: Offset,
}

impl Arrived {
    fn cause(&self) -> Cause {
        Cause { command: self.command.id, partition: self.partition, offset: self.offset }
    }
}

/// The facts that follow from a command. None, if it was followed already.
///
/// # Errors
/// When it is not followed: [`refusal`] has the facts that say so.
pub fn decide(board: &Board, arrived: &Arrived, now: Micros) -> Result<Vec<Fact>, Refused> {
    let facts = foresee(board, arrived, now)?;
    match &arrived.command.ask {
        Ask::RequestOperation(request) if !facts.is_empty() => placed(&request.spec).map(|()| facts),
        _ => Ok(facts),
    }
}

/// Locks, fences and results know a machine by its address: whoever decides has asked the cluster for those of nodes.
fn placed(spec: &OperationSpec) -> Result<(), Refused> {
    let mut machines = spec.operation_machines.iter().enumerate();
    machines.find(|(_, machine)| machine.ip.is_empty()).map_or(Ok(()), |(place, machine)| {
        let (field, cluster) = (format!("operationMachines[{place}].name"), &spec.cluster_name);
        let allowed = format!(
            "a node that the API server of {cluster} has with an InternalIP; one that came just now is known within a minute, else \
             name its ip"
        );
        Err(Refused::new(field, machine.name.as_deref().unwrap_or_default(), allowed))
    })
}

/// The same for who cannot ask the cluster where its nodes are: that a request names nodes without their addresses is nothing
/// against it.
///
/// # Errors
/// When it would not be followed.
pub fn foresee(board: &Board, arrived: &Arrived, now: Micros) -> Result<Vec<Fact>, Refused> {
    let command = &arrived.command;
    if board.commands.contains(&command.id) {
        return Ok(Vec::new());
    }
    if let Some((field, bytes)) = command.ask.too_long() {
        return Err(Refused::new(field, format!("{bytes} bytes"), format!("at most {LONGEST_WORD} bytes")));
    }
    let mut draft = Draft::caused_by(board, now, arrived.cause());
    match (&command.ask, command.object) {
        (Ask::RequestOperation(_) | Ask::RequestTask(_), object) if is_there(board, object) => {
            let what = object.to_string();
            return Err(Refused::new("spec", what, "what was accepted stays as it is: make a new one, or cancel it"));
        }
        (Ask::RequestOperation(request), Object::Operation(_)) => {
            if let Some(owner) = request.owner {
                tasks::may_make(board, owner, &request.spec)?;
            }
            let plan = plan(board, &request.spec, request.owner.as_ref())?;
            let (name, subject) = (request.name.clone(), command.subject.clone());
            let (spec, owner, why) = (request.spec.clone(), request.owner, request.why.clone());
            let suspend = spec.suspend;
            draft.add(command.object, Accepted { name, subject, spec, owner, plan, why });
            if suspend {
                draft.add(command.object, operations::suspended());
            }
        }
        (Ask::RequestTask(request), Object::Task(_)) => {
            check::task(board, &request.spec)?;
            let (name, subject, spec) = (request.name.clone(), command.subject.clone(), request.spec.clone());
            let (suspend, why) = (spec.suspend, request.why.clone());
            draft.add(command.object, TaskAccepted { name, subject, spec, why });
            if suspend {
                draft.add(command.object, operations::suspended());
            }
        }
        (_, Object::Operation(id)) => operations::follow(&mut draft, known(board.operations.get(&id), id)?, command)?,
        (_, Object::Task(id)) => tasks::follow(board, &mut draft, known(board.tasks.get(&id), id)?, command)?,
        (_, Object::Board) => return Err(Refused::new("object", "board", "an operation or a task")),
    }
    Ok(draft.done())
}

fn is_there(board: &Board, object: Object) -> bool {
    board.seq_of(object) > 0
}

fn known<T>(found: Option<&T>, id: impl std::fmt::Display) -> Result<&T, Refused> {
    found.ok_or_else(|| Refused::new("object", id, "an operation or a task that was accepted"))
}

/// The facts that say that a command was not followed.
pub fn refusal(board: &Board, arrived: &Arrived, refused: &Refused, now: Micros) -> Vec<Fact> {
    let command = &arrived.command;
    let mut draft = Draft::caused_by(board, now, arrived.cause());
    let (field, value, allowed) = (refused.field.clone(), refused.value.clone(), refused.allowed.clone());
    let subject = command.subject.clone();
    let asked = match &command.ask {
        Ask::RequestOperation(request) => Some((request.name.clone(), request.spec.cluster_name.clone())),
        Ask::RequestTask(request) => Some((request.name.clone(), request.spec.cluster.clone())),
        _ => None,
    };
    match asked.filter(|_| !is_there(board, command.object) && command.object != Object::Board) {
        Some((name, cluster)) => {
            draft.add(command.object, RefusedFact { name, subject, cluster, field, value, allowed });
        }
        // On the board, for the object may not be there, or be over.
        None => draft.add(Object::Board, CommandRefused { subject, field, value, allowed }),
    }
    draft.done()
}
