//! Hosts that did not come through, grouped by what was wrong: one cause or many?

use std::collections::BTreeMap;

use beidou_schemas::operation::{HostState, Purpose};

use crate::operation::Operation;

/// Hosts with one error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorGroup {
    /// The step.
    pub step: String,
    /// Where they stand.
    pub state: HostState,
    /// The stable word for it; may be empty.
    pub code: String,
    /// The task that failed; may be empty.
    pub task: String,
    /// What the first of them said.
    pub message: String,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// The hosts, by address.
    pub hosts: Vec<String>,
}

/// Groups, the largest first. Messages that differ in numbers and addresses alone are one.
pub fn by_error(operation: &Operation) -> Vec<ErrorGroup> {
    let mut groups: BTreeMap<(u32, HostState, String, String, String), ErrorGroup> = BTreeMap::new();
    for (step, cells) in operation.cells.iter().enumerate() {
        for (host, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.state.is_bad()) {
            let (step, host) = (step as u32, host as u32);
            let acts = operation.attempts.iter().rev().filter(|a| a.purpose == Purpose::Act && a.step == step);
            let outcome = acts.filter(|attempt| attempt.hosts.contains(&host)).find_map(|a| a.results.get(&host));
            let text = |of: fn(&beidou_schemas::runner::HostOutcome) -> &Option<String>| {
                outcome.and_then(|outcome| of(outcome).clone()).unwrap_or_default()
            };
            let (code, task, message) = (text(|o| &o.code), text(|o| &o.failed_task), text(|o| &o.message));
            let key = (step, cell.state, code.clone(), task.clone(), without_numbers(&message));
            let group = groups.entry(key).or_insert_with(|| ErrorGroup {
                step: operation.step(step).name.clone(),
                state: cell.state,
                code,
                task,
                message,
                remedy: text(|o| &o.remedy),
                hosts: Vec::new(),
            });
            group.hosts.push(operation.plan.hosts[host as usize].clone());
        }
    }
    let mut groups: Vec<ErrorGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.hosts.len()));
    groups
}

/// The message with every run of digits and hex made one sign.
fn without_numbers(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for sign in message.chars() {
        match sign.is_ascii_digit() {
            true if text.ends_with('#') => {}
            true => text.push('#'),
            false => text.push(sign),
        }
    }
    text
}
