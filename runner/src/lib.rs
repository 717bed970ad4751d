//! The runner of a step: the first process of its Job or a process beside the controllers. One run, then it ends.
//!
//! ```text
//!  claim ─► bundle, secrets, inventory ─► fence on each host ─► ansible-playbook, or a program
//!    │ refused: ends, nothing touched            │ busy: the host is left out      │ events (unix socket)   │ stdout, stderr
//!    ▼                                           ▼                                 ▼                        ▼
//!  door ◄─ heartbeat, events by number, output by offset ◄──── spool on disk ◄── redaction, numbers ◄───────┘
//!    └──── cancel ─► SIGTERM, grace, SIGKILL for everything that was started
//! ```
//!
//! Invariants:
//! - No host is touched before the claim is granted, and none by an earlier attempt after the fence of a later one.
//! - No value of a secret is in an argument, in the environment, in an event, in the output or in the spool.
//! - An outcome is decided by host from task events. Without the final `stats` a host that something was begun on is unknown.
//! - Whatever happens after the claim, the door gets a `finish`, if it can be reached at all.
//!
//! [`run_step`] owns its process: it ends every process that it finds below itself.

mod arguments;
mod classify;
mod door;
mod fence;
mod line;
mod material;
mod outcome;
mod play;
mod private;
mod process;
mod redact;
mod report;
mod run;
mod ship;
mod spool;

pub use self::{
    arguments::Arguments,
    door::DoorError,
    redact::{Redactor, TooShort},
    run::{StepError, run_step},
};
