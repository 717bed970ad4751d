//! The runner on real SSH hosts with real Ansible, against a door that promises what the controllers promise.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code")]

mod door;
mod faults;
#[path = "../../../tests/src/installed.rs"]
mod installed;
mod join;
mod secrets;
mod site;
#[allow(dead_code, reason = "shared with the tests of the whole house")]
#[path = "../../../tests/src/ssh_hosts.rs"]
mod ssh_hosts;
mod users;
#[path = "../../../tests/src/wait.rs"]
mod wait;
