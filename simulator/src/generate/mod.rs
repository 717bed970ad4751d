//! Realistic Events from small scripts, one file per kind of story.
//!
//! A script is a function that plans Events on a [`scene::Scene`]; [`stream::EventStream`] starts scripts by chance and
//! hands their occurrences out in time order. Nothing here knows of servers, and nothing reads a clock.

pub mod incident;
pub mod plan;
pub mod record;
pub mod scene;
pub mod stamp;
pub mod stream;

mod autoscale;
mod crash_loop;
mod image_pull;
mod job;
mod node_outage;
mod pod;
mod probe;
mod rollout;
mod scheduling;
mod storm;

pub use incident::Incident;
pub use record::{EventRecord, Form, ObjectRef, Severity};
pub use stream::EventStream;
