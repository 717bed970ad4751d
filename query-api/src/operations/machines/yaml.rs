//! An Ansible inventory as YAML: groups with `hosts`, `vars` and `children`, or a plain list of machines.
//!
//! The library reads the document; lines are found again by the keys that stand there, in their order.

use serde_yaml_ng::{Mapping, Value};

use super::{
    Draft, Fault, Found,
    ini::{Hosts, Vars},
};

/// Groups within groups: an inventory has three or four.
const DEEPEST: usize = 32;

struct Reader<'a> {
    lines: Vec<&'a str>,
    /// Where the next host is looked for.
    at: usize,
    found: Found,
    hosts: Hosts,
}

pub(super) fn read(lines: &[&str]) -> Found {
    let text = lines.join("\n");
    let value: Value = match serde_yaml_ng::from_str(&text) {
        Ok(value) => value,
        Err(error) => {
            let line = error.location().map_or(1, |place| place.line()).clamp(1, lines.len().max(1));
            let stands = lines.get(line - 1).copied().unwrap_or_default();
            let faults = vec![Fault::new(line, "line", stands.trim(), format!("YAML: {error}"))];
            return Found { faults, ..Found::default() };
        }
    };
    let mut reader = Reader { lines: lines.to_vec(), at: 0, found: Found::default(), hosts: Hosts::default() };
    match &value {
        Value::Mapping(groups) => {
            for (name, group) in groups {
                reader.group(&text_of(name), group, &[], 0);
            }
        }
        Value::Sequence(machines) => machines.iter().for_each(|machine| reader.machine(machine)),
        Value::Null => {}
        _ => {
            let stands = lines.first().copied().unwrap_or_default();
            reader.found.faults.push(Fault::new(1, "line", stands, "groups with hosts, or a list of machines"));
        }
    }
    let Reader { mut found, hosts, .. } = reader;
    found.drafts.extend(hosts.drafts(|_| Vec::new()));
    found
}

impl Reader<'_> {
    fn group(&mut self, name: &str, group: &Value, around: &[Vars], depth: usize) {
        let Value::Mapping(parts) = group else {
            if !group.is_null() {
                let line = self.line_of(name);
                self.found.faults.push(Fault::new(line, "group", name, "a group with hosts, vars or children"));
            }
            return;
        };
        let own = parts.get("vars").and_then(Value::as_mapping).map(vars_of).unwrap_or_default();
        let all: Vec<Vars> = std::iter::once(own).chain(around.iter().cloned()).collect();
        if let Some(Value::Mapping(hosts)) = parts.get("hosts") {
            for (host, vars) in hosts {
                self.host(name, &text_of(host), vars.as_mapping(), &all);
            }
        }
        if let Some(Value::Mapping(children)) = parts.get("children") {
            for (child, group) in children {
                match depth < DEEPEST {
                    true => self.group(&text_of(child), group, &all, depth + 1),
                    false => {
                        let line = self.line_of(&text_of(child));
                        let allowed = format!("groups {DEEPEST} deep at most");
                        self.found.faults.push(Fault::new(line, "children", &text_of(child), allowed));
                    }
                }
            }
        }
    }

    fn host(&mut self, group: &str, host: &str, vars: Option<&Mapping>, around: &[Vars]) {
        let line = self.line_of(host);
        let own = vars.map(vars_of).unwrap_or_default();
        self.hosts.mention(group, Draft { line, host: host.to_owned(), ..Draft::default() }, own, around);
    }

    /// `{ip: …, name: …, role: …, user: …}`, as in a manifest, or an address alone.
    fn machine(&mut self, machine: &Value) {
        let Value::Mapping(parts) = machine else {
            let host = text_of(machine);
            let line = self.line_of(&host);
            return self.found.drafts.push(Draft { line, host, ..Draft::default() });
        };
        let vars = vars_of(parts);
        let own = |name: &str| vars.get(name).cloned();
        let host = own("ip").or_else(|| own("address")).or_else(|| own("name")).unwrap_or_default();
        let line = self.line_of(&host);
        let name = own("name").filter(|name| *name != host);
        let draft =
            Draft { line, host, name, role: own("role"), user: own("user"), port: own("port"), ..Draft::default() };
        self.found.drafts.push(draft);
    }

    /// The next line that names this; else the last one that was found.
    fn line_of(&mut self, name: &str) -> usize {
        let names = |line: &str| !name.is_empty() && !line.trim_start().starts_with('#') && line.contains(name);
        if let Some(behind) = self.lines[self.at.min(self.lines.len())..].iter().position(|line| names(line)) {
            self.at += behind + 1;
            return self.at;
        }
        match self.lines.iter().position(|line| names(line)) {
            Some(place) => place + 1,
            None => self.at.max(1),
        }
    }
}

fn vars_of(mapping: &Mapping) -> Vars {
    mapping.iter().map(|(key, value)| (text_of(key), text_of(value))).collect()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => String::new(),
    }
}
