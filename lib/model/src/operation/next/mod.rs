//! What is due now: facts to be written first, then acts, then moments to look again.
//!
//! The answer is a function of board and time. The shell writes the facts, takes them in, and asks again; when there are
//! none left it does the acts, and tells of them by `observe`. An act is asked for until it was told of, so each must be
//! harmless when repeated.

mod attempts;
mod ending;
mod gates;
mod stages;
mod tasks;

use std::collections::BTreeSet;

use beidou_schemas::{
    Micros,
    operation::{
        AttemptId, Object, OperationId, TaskId, UndoKind,
        fact::{Body, Fact, Lock, OperationAsked},
    },
};

use super::{Board, Operation, draft::Draft};

pub use gates::locks;
pub(crate) use gates::waits;

/// Something that is due.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Append these facts, in one piece and before anything else.
    Record(Vec<Fact>),
    /// Make the runner of an attempt, unless it is there. Tell `Offered`, `Launched`, or `Ended` with `NotStarted`.
    StartAttempt {
        /// The operation.
        operation: OperationId,
        /// The attempt: the board has the rest.
        attempt: AttemptId,
    },
    /// Stop the runner of an attempt, and tell `Ended` with `Stopped` when it is gone.
    StopAttempt {
        /// The operation.
        operation: OperationId,
        /// The attempt.
        attempt: AttemptId,
    },
    /// Lift cordon and taint of a host. Tell `Result`.
    Release {
        /// The operation.
        operation: OperationId,
        /// The attempt that it belongs to.
        attempt: AttemptId,
        /// The host, by address.
        host: String,
    },
    /// Undo an entry at the API server. Tell `UndoDone` or `UndoFailed`.
    Undo {
        /// The operation.
        operation: OperationId,
        /// What.
        kind: UndoKind,
        /// On which host, by address.
        host: String,
    },
    /// Make an operation for a task, by its resource or by a command, unless it is there.
    CreateOperation {
        /// The task.
        task: TaskId,
        /// What is to be made. Its request has `Owner { task, step }`.
        asked: Box<OperationAsked>,
    },
    /// Tell a webhook of a work order: of a gate, or of a closing. Tell `Told` or `NotTold`.
    OpenGate {
        /// The task.
        task: TaskId,
        /// The step's place in it.
        step: u32,
        /// The fact that opened it.
        of_seq: u64,
    },
    /// Tell people of a fact: it is held, or over. Tell `Told` or `NotTold`.
    Notify {
        /// Whose fact.
        object: Object,
        /// Which.
        of_seq: u64,
    },
    /// Look again then.
    Wait {
        /// For what.
        object: Object,
        /// When.
        until: Micros,
    },
}

/// One look at the board.
struct Turn<'a> {
    board: &'a Board,
    now: Micros,
    draft: Draft<'a>,
    actions: Vec<Action>,
    /// Locks that facts of this turn take.
    taken: BTreeSet<Lock>,
}

impl Turn<'_> {
    fn record(&mut self, object: Object, body: impl Into<Body>) {
        self.draft.add(object, body);
    }

    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn wait(&mut self, object: Object, until: Micros) {
        self.actions.push(Action::Wait { object, until });
    }

    /// Tells people, of each fact that waits for it.
    fn tell(&mut self) {
        let runs = self.board.operations.awake();
        for (object, notice) in
            runs.flat_map(|run| run.notices.iter().map(|notice| (Object::Operation(run.id), notice)))
        {
            match notice.after <= self.now {
                true => self.actions.push(Action::Notify { object, of_seq: notice.of_seq }),
                false => self.actions.push(Action::Wait { object, until: notice.after }),
            }
        }
        for task in self.board.tasks.awake() {
            let object = Object::Task(task.id);
            for notice in &task.notices {
                let of_seq = notice.of_seq;
                let gate = |step: &&super::TaskStep| step.gate.as_ref().is_some_and(|gate| gate.seq == of_seq);
                let step = task.steps.iter().filter(|_| !task.broken).find(gate);
                let place = step.and_then(|step| task.steps.iter().position(|other| other.kind == step.kind));
                self.actions.push(match place {
                    _ if notice.after > self.now => Action::Wait { object, until: notice.after },
                    Some(place) => Action::OpenGate { task: task.id, step: place as u32, of_seq },
                    None => Action::Notify { object, of_seq },
                });
            }
        }
    }
}

/// What is due now.
pub fn next(board: &Board, now: Micros) -> Vec<Action> {
    let draft = Draft::new(board, now);
    let mut turn = Turn { board, now, draft, actions: Vec::new(), taken: BTreeSet::new() };
    for task in board.tasks.awake().filter(|task| !task.broken && !task.phase.is_over()) {
        tasks::due(&mut turn, task);
    }
    // Who came first locks first.
    let mut open: Vec<&Operation> =
        board.operations.awake().filter(|found| !found.broken && !found.phase.is_over()).collect();
    open.sort_by_key(|operation| (operation.created, operation.id));
    for operation in open {
        // What its task has written of it counts first.
        if !turn.draft.has(Object::Operation(operation.id)) {
            run(&mut turn, operation);
        }
    }
    turn.tell();
    let Turn { draft, mut actions, .. } = turn;
    if !draft.facts().is_empty() {
        actions.insert(0, Action::Record(draft.done()));
    }
    actions
}

/// When to look again, if nothing happens before.
pub fn wake(actions: &[Action]) -> Option<Micros> {
    let at = |action: &Action| match action {
        Action::Wait { until, .. } => Some(*until),
        _ => None,
    };
    actions.iter().filter_map(at).min()
}

fn run(turn: &mut Turn<'_>, operation: &Operation) {
    gates::keep_locks(turn, operation);
    if turn.draft.has(Object::Operation(operation.id)) {
        return;
    }
    if let Some(attempt) = operation.open_attempt() {
        return attempts::due(turn, operation, attempt);
    }
    if operation.ending.is_some() {
        return ending::due(turn, operation);
    }
    stages::due(turn, operation);
}
