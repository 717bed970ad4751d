//! Proof of the whole house: what the tests in `tests/tests/` share.
//!
//! `control_plane` starts a real Kubernetes API server, `kafka` a real broker, `s3` a real object storage, `registry` a real registry of artifacts, `ssh_hosts` hosts to
//! run playbooks on, `machines` all of it together for operations, `node` a node whose Pods are real, `pods` such a site, `cluster` a cluster that runs
//! whatever is applied, `name_server` its DNS, `jobs` looks at Jobs of runners, `helm` renders the chart, `proxy` breaks and slows
//! what goes to a server, `clock` steps for the processes of a test, `wait` is the only place where a test lets time pass, `tidy` checks the shape of the source tree itself.

pub mod beidou;
pub mod clock;
pub mod cluster;
pub mod control_plane;
pub mod faults;
pub mod helm;
mod http_server;
pub mod installed;
pub mod jobs;
pub mod kafka;
pub mod machines;
mod name_server;
pub mod node;
pub mod pods;
pub mod proxy;
pub mod registry;
pub mod s3;
pub mod ssh_hosts;
pub mod tidy;
pub mod wait;
