//! What the runner of a step and the controllers say to each other over HTTP: the door protocol.
//!
//! ```text
//!  runner (PID 1 of a step)                                controllers (the door)
//!    POST /runner/v1/claim      Claim       ──────────────►  Assignment, or Refused: at most one runner acts
//!    GET  /runner/v1/bundle                 ──────────────►  tar, where the runner does not carry the bundle
//!    GET  /runner/v1/facts                  ──────────────►  tar of the cluster's fact cache, or 404
//!    POST /runner/v1/events     Events      ──────────────►  Taken: the next number, and whether to cancel
//!    POST /runner/v1/heartbeat  Heartbeat   ──────────────►  Taken
//!    PUT  /runner/v1/facts      tar         ──────────────►  the cache as this run left it
//!    POST /runner/v1/finish     Finish      ──────────────►  Taken, once every event is in
//! ```
//!
//! All requests bear a token that is good for one attempt. Requests without a JSON body name attempt and runner in the
//! query ([`Caller`]). Events are numbered from 1 without gaps and bytes of the output from 0, so that a repeated request
//! changes nothing: the server drops what it has and answers what it wants next.

mod assignment;
mod attempt;
mod door;
mod event;
mod variable;

pub use self::{
    assignment::{Assignment, BundleRef, First, Hop, Inventory, InventoryHost, RunKind, SecretFile, Ssh},
    attempt::AttemptId,
    door::{
        BUNDLE_PATH, CLAIM_PATH, Caller, Claim, Command, EVENTS_PATH, Ended, Events, FACTS_PATH, FINISH_PATH, Finish,
        HEARTBEAT_PATH, Heartbeat, HostOutcome, HostState, LARGEST_BODY, Refusal, Refused, Taken,
    },
    event::{TaskEvent, TaskEventKind, TaskState},
    variable::{NODE_NAME, PYTHON, Unfit, host_variable},
};
