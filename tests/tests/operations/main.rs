//! Operations on real servers: the API server with our resources, Jobs, nodes; hosts to log in to.
#![allow(clippy::unwrap_used, reason = "test code")]

mod broken_off;
mod canaries;
mod cluster;
mod definitions;
mod dry_run;
mod kills;
mod log_away;
mod reboot;
mod receiver;
mod scale_up;
mod task;
mod told;
mod work;
