//! How a step is done: bundles of playbooks, each a folder with a `bundle.yaml`.
//!
//! ```text
//!  shipped (in the binary) ──┐
//!  a team's folder or tar  ──┼─► files ──► bundle.yaml ──► schema ──► Manifest     errors: file, field, value, allowed
//!  an artifact of a registry ┘     └─────► digest (SHA-256 over names and contents)
//!  an Operation's parameters ─────────────► the bundle's own schema, secrets apart
//! ```
//!
//! The platform reads `bundle.yaml` alone; it never looks into playbooks, but for what [`lint`](lint::lint) warns of.
//!
//! Invariants: the same files have the same digest on every machine. A secret parameter has no value here: only its name
//! is known, and no message repeats what was given for it.

mod bundle;
mod fault;
pub mod lint;
mod manifest;
mod parameters;
mod place;
mod registry;
pub mod rehearse;
mod shipped;
mod syntax;

pub use self::{
    bundle::{Bundle, BundleError},
    fault::Fault,
    manifest::{
        Act, ApiAct, Batches, Group, GroupSource, LockScope, Manifest, Milliseconds, RetryScope, RunnerNeed, Step,
        Success, TargetApi,
    },
    parameters::{Parameters, SECRET_KEYWORD},
    place::{ArtifactName, Place, PlaceError},
    registry::{Registries, RegistryError},
    shipped::{shipped, shipped_names},
    syntax::{SyntaxError, check_syntax},
};
