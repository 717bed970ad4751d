//! The log in Kafka, on a real broker: the contract of the log, and what only Kafka has to prove.
#![allow(clippy::unwrap_used, reason = "a test may panic; the lint only knows functions marked as tests")]

mod contract;
mod proxy;
mod reading;
mod rights;
mod secured;
mod site;
mod start;
mod topics;
mod writing;
