//! Operations on real servers: the API server with our resources, Jobs, nodes; hosts to log in to.
#![allow(clippy::unwrap_used, reason = "test code")]

mod cluster;
mod definitions;
mod kills;
mod scale_up;
