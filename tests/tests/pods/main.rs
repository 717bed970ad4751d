//! Beidou in real Pods, on a node with a kubelet and containerd: its server as the chart has it, and its runners.
#![allow(clippy::unwrap_used, reason = "test code")]

mod runners;
mod server;
