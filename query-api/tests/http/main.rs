//! The door and everything that needs no store: tokens, errors, pages, documents, the live tail.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../support/mod.rs"]
mod support;

mod door;
mod drafts;
mod operation_commands;
mod operation_stream;
mod operations;
mod pages;
mod store;
mod tail;
mod upkeep;
