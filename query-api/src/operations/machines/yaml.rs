//! An Ansible inventory as YAML: groups with `hosts`, `vars` and `children`, or a plain list of machines.
//!
//! The library reads the document; lines are found again by the names that stand there, in their order.

use std::collections::BTreeMap;

use super::{
    Draft, Fault, Found, MOST_HOSTS,
    document::{self, Node},
    hosts::{Hosts, LONGEST_NAME, Vars},
};

/// Groups within groups: an inventory has three or four.
const DEEPEST: usize = 32;
/// Names that do not stand in the text behind the one before, as those of aliases: so often the whole text is looked through.
const MOST_LOOKS_BACK: usize = 1000;
const GROUP: &str = "a group with hosts, vars or children";
const HOSTS: &str = "a mapping, as Ansible wants it: each host with a colon behind it";
const VARS: &str = "a mapping: name: value";

struct Reader<'a> {
    text: Place<'a>,
    faults: Vec<Fault>,
    hosts: Hosts,
    /// Machines of a plain list.
    drafts: Vec<Draft>,
    /// Whether there were more than are looked at.
    is_full: bool,
}

pub(super) fn read(lines: &[&str]) -> Found {
    let text = lines.join("\n");
    let document = match document::read(&text) {
        Ok(document) => document,
        Err(error) => {
            let line = error.location().map_or(1, |place| place.line()).clamp(1, lines.len().max(1));
            let stands = lines.get(line - 1).copied().unwrap_or_default();
            let faults = vec![Fault::new(line, "line", stands.trim(), format!("YAML: {error}"))];
            return Found { faults, ..Found::default() };
        }
    };
    let shown: Vec<&str> =
        lines.iter().map(|line| if line.trim_start().starts_with('#') { "" } else { line }).collect();
    let shown = shown.join("\n");
    let (faults, hosts, drafts) = (Vec::new(), Hosts::default(), Vec::new());
    let mut reader =
        Reader { text: Place { text: &shown, at: 0, line: 1, looks_back: 0 }, faults, hosts, drafts, is_full: false };
    match &document {
        Node::Map(groups) => {
            for (name, group) in groups {
                reader.group(name, group, &Vars::default(), 0);
            }
        }
        Node::List(machines) => machines.iter().for_each(|machine| reader.machine(machine)),
        Node::Empty => {}
        Node::Text(_) => {
            let stands = lines.first().copied().unwrap_or_default();
            reader.faults.push(Fault::new(1, "line", stands, "groups with hosts, or a list of machines"));
        }
    }
    let Reader { faults, hosts, mut drafts, .. } = reader;
    drafts.extend(hosts.drafts(&BTreeMap::new()));
    Found { drafts, faults }
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, field: &'static str, value: &str, allowed: impl Into<String>) {
        self.faults.push(Fault::new(line, field, value, allowed));
    }

    fn group(&mut self, name: &str, group: &Node, around: &Vars, depth: usize) {
        let line = self.text.key(name);
        let parts = match group {
            Node::Map(parts) if name.len() <= LONGEST_NAME => parts,
            Node::Empty => return,
            Node::Map(_) | Node::Text(_) | Node::List(_) => return self.fault(line, "group", name, GROUP),
        };
        if depth > DEEPEST {
            return self.fault(line, "children", name, format!("groups {DEEPEST} deep at most"));
        }
        // Wherever they stand, they count for all hosts of the group.
        let own = parts.iter().find(|(key, _)| key == "vars");
        let mut all = own.map(|(_, vars)| vars_of(vars)).unwrap_or_default();
        all.or(around);
        for (key, part) in parts {
            let line = self.text.key(key);
            match (key.as_str(), part) {
                ("vars", Node::Map(_)) | ("vars" | "hosts" | "children", Node::Empty) => {}
                ("hosts", Node::Map(hosts)) => {
                    hosts.iter().for_each(|(host, vars)| self.host(name, host, vars, &all));
                }
                ("children", Node::Map(children)) => {
                    children.iter().for_each(|(child, group)| self.group(child, group, &all, depth + 1));
                }
                // As Ansible takes it: one host, or one group in which nothing is said.
                ("hosts", Node::Text(host)) => self.host(name, host, &Node::Empty, &all),
                ("children", Node::Text(_)) => {}
                ("hosts", Node::List(_)) => self.fault(line, "hosts", "a list", HOSTS),
                ("vars", _) => self.fault(line, "vars", "no mapping", VARS),
                ("children", Node::List(_)) => self.fault(line, "children", "a list", GROUP),
                _ => self.fault(line, "group", key, "hosts, vars, children"),
            }
        }
    }

    fn host(&mut self, group: &str, host: &str, vars: &Node, around: &Vars) {
        if !self.has_room(host) {
            return;
        }
        let line = self.text.key(host);
        match vars {
            Node::Map(_) | Node::Empty => {
                let draft = Draft { line, host: host.to_owned(), ..Draft::default() };
                self.hosts.mention(group, draft, &vars_of(vars), around);
            }
            Node::Text(_) | Node::List(_) => self.fault(line, "vars", host, VARS),
        }
    }

    /// `{ip: …, name: …, role: …, user: …}`, as in a manifest, or an address alone.
    fn machine(&mut self, machine: &Node) {
        let parts: &[(String, Node)] = if let Node::Map(parts) = machine { parts } else { &[] };
        let own = |name: &str| parts.iter().find(|(key, _)| key == name).map(|(_, value)| value.text().to_owned());
        let named = own("ip").or_else(|| own("address")).or_else(|| own("name"));
        let host = named.unwrap_or_else(|| machine.text().to_owned());
        if !self.has_room(&host) {
            return;
        }
        let line = self.text.word(&host);
        let name = own("name").filter(|name| *name != host);
        let draft =
            Draft { line, host, name, role: own("role"), user: own("user"), port: own("port"), ..Draft::default() };
        self.drafts.push(draft);
    }

    /// Whether one more is looked at. The first that is not is an error.
    fn has_room(&mut self, host: &str) -> bool {
        let room = self.hosts.has_room(self.drafts.len() + 1);
        if !room && !self.is_full {
            self.is_full = true;
            let line = self.text.word(host);
            self.fault(line, "text", host, format!("{MOST_HOSTS} machines at most; the rest was not read"));
        }
        room
    }
}

fn vars_of(node: &Node) -> Vars {
    let mut vars = Vars::default();
    if let Node::Map(parts) = node {
        parts.iter().for_each(|(name, value)| vars.set(name, value.text()));
    }
    vars
}

/// Where names stand in a text: each is looked for behind the one before.
struct Place<'a> {
    text: &'a str,
    /// Behind the name that was found last, in bytes.
    at: usize,
    /// The line there, counted from 1.
    line: usize,
    looks_back: usize,
}

impl Place<'_> {
    /// The line of a key.
    fn key(&mut self, name: &str) -> usize {
        self.line_of(name, is_key)
    }

    /// The line of a key or a value.
    fn word(&mut self, name: &str) -> usize {
        self.line_of(name, |_| true)
    }

    /// Where it stands next; else where it stands first, for an alias repeats it; else where the one before stands.
    fn line_of(&mut self, name: &str, fits: fn(&str) -> bool) -> usize {
        if name.is_empty() || self.looks_back > MOST_LOOKS_BACK {
            return self.line;
        }
        if let Some(place) = find(self.text, self.at, name, fits) {
            let line = self.line + breaks(&self.text[self.at..place]);
            (self.at, self.line) = (place + name.len(), line + breaks(name));
            return line;
        }
        self.looks_back += 1;
        find(self.text, 0, name, fits).map_or(self.line, |place| 1 + breaks(&self.text[..place]))
    }
}

/// Where a whole word stands, from a place on; `fits` looks at what is behind it.
fn find(text: &str, from: usize, name: &str, fits: fn(&str) -> bool) -> Option<usize> {
    let goes_on = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_' | '.');
    text[from..].match_indices(name).map(|(place, _)| from + place).find(|place| {
        let (before, behind) = (&text[..*place], &text[place + name.len()..]);
        !before.ends_with(goes_on) && !behind.starts_with(goes_on) && fits(behind)
    })
}

/// Whether this is what stands behind a key.
fn is_key(behind: &str) -> bool {
    let (rest, is_quoted) = match behind.strip_prefix(['"', '\'']) {
        Some(rest) => (rest, true),
        None => (behind, false),
    };
    let ends = |sign: char| sign.is_whitespace() || matches!(sign, ',' | '}');
    let value = rest.trim_start_matches(' ').strip_prefix(':');
    value.is_some_and(|value| is_quoted || value.is_empty() || value.starts_with(ends))
}

fn breaks(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}
