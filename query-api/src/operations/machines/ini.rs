//! An Ansible inventory as INI: groups of hosts, variables beside a host and of a group.
//!
//! Groups of groups (`[x:children]`) give their variables on; ranges (`node[01:20]`) are made many machines of one line.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Fault, Found, is_comment, is_section};

/// Machines that one line may stand for.
const MOST_OF_A_LINE: usize = 5000;
/// Variables that say the same in inventories of different ages.
const USER: [&str; 3] = ["ansible_user", "ansible_ssh_user", "user"];
const PORT: [&str; 3] = ["ansible_port", "ansible_ssh_port", "port"];
const HOST: [&str; 2] = ["ansible_host", "ansible_ssh_host"];

/// What a variable says of a machine.
pub(super) type Vars = BTreeMap<String, String>;

#[derive(Default)]
struct Inventory {
    vars: BTreeMap<String, Vars>,
    children: BTreeMap<String, Vec<String>>,
}

/// Hosts as an inventory mentions them. One that stands in several groups is one machine; twice in one group it is a mistake.
#[derive(Default)]
pub(super) struct Hosts {
    all: Vec<Mention>,
    places: BTreeMap<String, usize>,
}

struct Mention {
    draft: Draft,
    own: Vars,
    groups: Vec<String>,
    around: Vec<Vars>,
}

impl Hosts {
    /// Takes a mention in: `around` are the variables of its groups, the nearest first.
    pub(super) fn mention(&mut self, group: &str, draft: Draft, own: Vars, around: &[Vars]) {
        let known = self.places.get(&draft.host).map(|place| &mut self.all[*place]);
        if let Some(known) = known.filter(|known| !known.groups.iter().any(|of| of == group)) {
            known.groups.push(group.to_owned());
            known.around.extend(around.iter().cloned());
            for (name, value) in own {
                known.own.entry(name).or_insert(value);
            }
        } else {
            self.places.entry(draft.host.clone()).or_insert(self.all.len());
            self.all.push(Mention { draft, own, groups: vec![group.to_owned()], around: around.to_vec() });
        }
    }

    /// The machines; `more` are further variables of groups.
    pub(super) fn drafts(self, more: impl Fn(&[String]) -> Vec<Vars>) -> Vec<Draft> {
        let settle = |mention: Mention| {
            let more = more(&mention.groups);
            let all: Vec<Vars> = std::iter::once(mention.own).chain(mention.around).chain(more).collect();
            let told = |group: &&String| !matches!(group.as_str(), "all" | "ungrouped");
            let group = mention.groups.iter().find(told).cloned();
            fill(Draft { group, ..mention.draft }, &all)
        };
        self.all.into_iter().map(settle).collect()
    }
}

/// What the lines below a heading are.
enum Part {
    Hosts,
    Vars,
    Children,
}

pub(super) fn read(lines: &[&str]) -> Found {
    let (mut found, mut inventory) = (Found::default(), Inventory::default());
    let (mut group, mut part) = ("ungrouped".to_owned(), Part::Hosts);
    let mut hosts = Hosts::default();
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| !is_comment(line.trim())) {
        let (number, line) = (place + 1, line.trim());
        if is_section(line) {
            let (name, kind) = line[1..line.len() - 1].split_once(':').unwrap_or((&line[1..line.len() - 1], ""));
            part = match kind {
                "" => Part::Hosts,
                "vars" => Part::Vars,
                "children" => Part::Children,
                other => {
                    found.faults.push(Fault::new(number, "section", other, "[group], [group:vars], [group:children]"));
                    continue;
                }
            };
            name.trim().clone_into(&mut group);
            continue;
        }
        match part {
            Part::Children => inventory.children.entry(group.clone()).or_default().push(line.to_owned()),
            Part::Vars => match line.split_once('=') {
                Some((key, value)) => {
                    inventory.vars.entry(group.clone()).or_default().insert(key.trim().into(), unquoted(value.trim()));
                }
                None => found.faults.push(Fault::new(number, "vars", line, "name=value")),
            },
            Part::Hosts => match machines(number, line) {
                Ok((machines, vars)) => {
                    machines.into_iter().for_each(|draft| hosts.mention(&group, draft, vars.clone(), &[]));
                }
                Err(fault) => found.faults.push(fault),
            },
        }
    }
    found.drafts = hosts.drafts(|groups| inventory.vars_of(groups));
    found
}

impl Inventory {
    /// The variables of these groups, then those of the groups around them.
    fn vars_of(&self, groups: &[String]) -> Vec<Vars> {
        let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
        let mut next: Vec<String> = groups.iter().rev().cloned().collect();
        while let Some(name) = next.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            all.extend(self.vars.get(&name).cloned());
            next.extend(self.children.iter().filter(|(_, of)| of.contains(&name)).map(|(around, _)| around.clone()));
        }
        all.extend(self.vars.get("all").cloned());
        all
    }
}

/// A draft with what the variables say, those of the first map first.
fn fill(draft: Draft, all: &[Vars]) -> Draft {
    let find = |names: &[&str]| {
        let mut found = all.iter().flat_map(|vars| names.iter().filter_map(|name| vars.get(*name)));
        found.next().filter(|value| !value.is_empty()).cloned()
    };
    let address = all.first().and_then(|own| HOST.iter().find_map(|name| own.get(*name))).cloned();
    Draft {
        address,
        name: find(&["node_name", "name"]),
        role: find(&["role", "node_role"]),
        user: find(&USER),
        port: find(&PORT),
        ..draft
    }
}

/// The machines of one line, and what stands beside them.
fn machines(line: usize, text: &str) -> Result<(Vec<Draft>, Vars), Fault> {
    let words = words(text).ok_or_else(|| Fault::new(line, "line", text, "quotation marks in pairs"))?;
    let mut words = words.into_iter();
    let pattern = words.next().unwrap_or_default();
    let mut vars = Vars::new();
    for word in words.take_while(|word| !word.starts_with('#')) {
        let Some((key, value)) = word.split_once('=') else {
            return Err(Fault::new(line, "line", &word, "a host, then name=value"));
        };
        vars.insert(key.to_owned(), value.to_owned());
    }
    let hosts = expand(&pattern).ok_or_else(|| {
        let allowed = format!("a host, or a range such as node[01:20], of {MOST_OF_A_LINE} machines at most");
        Fault::new(line, "ip", &pattern, allowed)
    })?;
    Ok((hosts.into_iter().map(|host| Draft { line, host, ..Draft::default() }).collect(), vars))
}

/// `node[01:03].x` as three hosts; a range of more than allowed, or none, is refused.
fn expand(pattern: &str) -> Option<Vec<String>> {
    let range = pattern.split_once('[').and_then(|(head, rest)| {
        let (inner, tail) = rest.split_once(']')?;
        let (from, to) = inner.split_once(':').filter(|(_, to)| !to.contains(':'))?;
        Some((head, from, to, tail))
    });
    let Some((head, from, to, tail)) = range else { return Some(vec![pattern.to_owned()]) };
    let (first, last): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
    let count = last.checked_sub(first)?.checked_add(1)?;
    let width = if from.starts_with('0') { from.len() } else { 0 };
    if count > MOST_OF_A_LINE || width > 20 {
        return None;
    }
    Some((first..=last).map(|number| format!("{head}{number:0width$}{tail}")).collect())
}

/// Words of a line; quotation marks hold blanks together.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut all, mut word, mut open) = (Vec::new(), String::new(), None);
    for sign in text.chars() {
        match (open, sign) {
            (Some(mark), sign) if mark == sign => open = None,
            (Some(_), sign) => word.push(sign),
            (None, '"' | '\'') => open = Some(sign),
            (None, sign) if sign.is_whitespace() => {
                if !word.is_empty() {
                    all.push(std::mem::take(&mut word));
                }
            }
            (None, sign) => word.push(sign),
        }
    }
    if !word.is_empty() {
        all.push(word);
    }
    open.is_none().then_some(all)
}

fn unquoted(text: &str) -> String {
    text.trim_matches(|sign| sign == '"' || sign == '\'').to_owned()
}
