//! Operations and tasks as state machines without I/O, clock and random: facts go in, what is due comes out.
//!
//! ```text
//!              command, now ──► decide ──┐
//!   log ─► apply ─► Board                ├─► facts ─► log ─► apply …
//!              seen, now ─────► observe ─┤
//!              now ───────────► next ────┴─► actions: what the shell does, and tells of by observe
//! ```
//!
//! | file | is |
//! |---|---|
//! | `board`, `apply` | the fold of `beidou.operation.v1`: the only truth |
//! | `kept` | operations and tasks by id, and those among them that do not rest |
//! | `run`, `attempt`, `undo`, `task` | what the fold knows of an operation, its attempts, its undo ledger, a task |
//! | `plan`, `check` | a specification becomes a plan, or is refused with what is allowed |
//! | `decide/` | commands of people, resources and callbacks |
//! | `observe` | what the shell saw |
//! | `next/` | what is due now |
//! | `view/` | what readers want: summary, matrix, groups of errors, durations, forecast |
//!
//! What holds at every moment:
//! - An act is recorded as intended before it is asked for: `next` answers facts to be written first, and asks for the act
//!   only when it finds them on the board. After a crash the refolded board asks for the same acts.
//! - An attempt (operation, step, batch, number) is intended once. What became of it may stay unknown; then nobody tries
//!   again but a person.
//! - A lock has one holder. It is taken with the first step, kept while anything moves, and free when the operation is
//!   over or stood still for longer than the lock holds.
//! - What must be undone is owed before it is done. An operation is over only when each entry is undone, settled, or
//!   given up and named.
//! - Everything that waits for others has a deadline.

mod apply;
mod attempt;
mod board;
mod calendar;
mod check;
mod decide;
mod draft;
mod kept;
mod next;
mod observe;
mod parameters;
mod plan;
mod refused;
mod run;
mod task;
mod undo;
pub mod view;

pub use attempt::{Attempt, Launch, Over, Stop};
pub use board::{Applied, Board, RefusedObject};
pub use calendar::{Closed, closed};
pub use decide::{Arrived, decide, does_same, foresee, refusal};
pub use kept::{Kept, Rests};
pub use next::{Action, locks, next, wake};
pub use observe::{Ignored, Seen, begin, observe};
pub use parameters::{EXISTING_NODES, secret_given};
pub use plan::{built_in, plan, plan_of, with_prerequisites};
pub use refused::Refused;
pub use run::{Cell, Change, LockSpan, Notice, Operation, Stood};
pub use task::{GateState, StepState, Task, TaskStep};
pub use undo::{Debt, DebtState};

#[cfg(test)]
mod tests;
