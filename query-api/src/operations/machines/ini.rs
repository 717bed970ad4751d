//! An Ansible inventory as INI: groups of hosts, variables beside a host and of a group.
//!
//! Groups of groups (`[x:children]`) give their variables on; ranges (`node[01:20]`) are made many machines of one line.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use super::{
    Draft, Fault, Found, MOST_HOSTS,
    hosts::{Hosts, LONGEST_NAME, Vars},
    is_comment, section,
};

/// Machines that one line may stand for.
const MOST_OF_A_LINE: usize = MOST_HOSTS;
/// Digits of the numbers of a range at most.
const MOST_DIGITS: usize = 20;

#[derive(Default)]
struct Inventory {
    vars: BTreeMap<String, Vars>,
    /// The groups around each.
    around: BTreeMap<String, BTreeSet<String>>,
}

/// What the lines below a heading are.
enum Part {
    Hosts,
    Vars,
    Children,
}

pub(super) fn read(lines: &[&str]) -> Found {
    let (mut faults, mut inventory, mut hosts) = (Vec::new(), Inventory::default(), Hosts::default());
    let (mut group, mut part) = ("ungrouped".to_owned(), Part::Hosts);
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| !is_comment(line.trim())) {
        let (number, line) = (place + 1, line.trim());
        let taken = match section(line) {
            Some(inside) => {
                let found = heading(number, inside);
                // Below a heading that is none, hosts are of no group.
                let fault = found.as_ref().err().cloned();
                (group, part) = found.unwrap_or_else(|_| ("ungrouped".to_owned(), Part::Hosts));
                fault.map_or(Ok(()), Err)
            }
            None => match part {
                Part::Children => inventory.child(number, &group, line),
                Part::Vars => inventory.variable(number, &group, line),
                Part::Hosts => mention(number, &group, line, &mut hosts),
            },
        };
        faults.extend(taken.err());
    }
    Found { drafts: hosts.drafts(&inventory.settled()), faults }
}

/// The group of a heading, and what stands below it.
fn heading(line: usize, inside: &str) -> Result<(String, Part), Fault> {
    let refused = || Fault::new(line, "section", inside, "[group], [group:vars], [group:children]");
    let (name, kind) = inside.split_once(':').unwrap_or((inside, "hosts"));
    let part = match kind.trim() {
        "hosts" => Part::Hosts,
        "vars" => Part::Vars,
        "children" => Part::Children,
        _ => return Err(refused()),
    };
    group(name.trim()).map(|name| (name, part)).ok_or_else(refused)
}

/// The name of a group.
fn group(name: &str) -> Option<String> {
    let fits = |sign: char| !sign.is_whitespace() && !matches!(sign, ':' | '[' | ']' | ',' | '"' | '\'' | '{' | '}');
    (!name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fits)).then(|| name.to_owned())
}

impl Inventory {
    fn child(&mut self, line: usize, around: &str, text: &str) -> Result<(), Fault> {
        let name = text.split('#').next().unwrap_or_default().trim();
        let inner = group(name).ok_or_else(|| Fault::new(line, "children", text, "the name of a group"))?;
        self.around.entry(inner).or_default().insert(around.to_owned());
        Ok(())
    }

    fn variable(&mut self, line: usize, group: &str, text: &str) -> Result<(), Fault> {
        let (name, value) = text.split_once('=').ok_or_else(|| Fault::new(line, "vars", text, "name=value"))?;
        let value = value.trim().trim_matches(|sign| sign == '"' || sign == '\'');
        self.vars.entry(group.to_owned()).or_default().set(name.trim(), value);
        Ok(())
    }

    /// What each group says, and what the groups around it say beside that: the outer ones first. Those that stand in a circle,
    /// which Ansible refuses, have what they say themselves.
    fn settled(&self) -> BTreeMap<&str, Vars> {
        let mut open: BTreeMap<&str, usize> = BTreeMap::new();
        let mut inside: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, around) in &self.around {
            open.insert(name, around.len());
            for outer in around {
                open.entry(outer).or_default();
                inside.entry(outer).or_default().push(name);
            }
        }
        let mut settled: BTreeMap<&str, Vars> =
            self.vars.iter().map(|(name, vars)| (name.as_str(), vars.clone())).collect();
        let mut next: Vec<&str> = open.iter().filter(|(_, left)| **left == 0).map(|(name, _)| *name).collect();
        while let Some(name) = next.pop() {
            let mut vars = settled.remove(name).unwrap_or_default();
            for outer in self.around.get(name).into_iter().flatten().rev() {
                if let Some(more) = settled.get(outer.as_str()) {
                    vars.or(more);
                }
            }
            settled.insert(name, vars);
            for &inner in inside.get(name).into_iter().flatten() {
                let left = open.entry(inner).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    next.push(inner);
                }
            }
        }
        settled
    }
}

/// The hosts of a line, with what stands beside them.
fn mention(line: usize, group: &str, text: &str, hosts: &mut Hosts) -> Result<(), Fault> {
    let words = words(text).ok_or_else(|| Fault::new(line, "line", text, "quotation marks in pairs"))?;
    let mut words = words.into_iter();
    let pattern = words.next().unwrap_or_default();
    let mut vars = Vars::default();
    for word in words.take_while(|word| !word.starts_with('#')) {
        let (name, value) =
            word.split_once('=').ok_or_else(|| Fault::new(line, "line", &word, "a host, then name=value"))?;
        vars.set(name, value);
    }
    let named = Named::of(&pattern).ok_or_else(|| {
        let allowed = format!("a host, or a range such as node[01:20], of {MOST_OF_A_LINE} machines at most");
        Fault::new(line, "ip", &pattern, allowed)
    })?;
    if !hosts.has_room(named.count()) {
        return Err(Fault::new(line, "line", &pattern, format!("{MOST_HOSTS} machines at most")));
    }
    for host in named.hosts() {
        hosts.mention(group, Draft { line, host, ..Draft::default() }, &vars, &Vars::default());
    }
    Ok(())
}

/// What the first word of a line stands for.
enum Named<'a> {
    One(&'a str),
    /// `node[01:03].x` is three hosts.
    Many {
        head: &'a str,
        numbers: RangeInclusive<usize>,
        width: usize,
        tail: &'a str,
    },
}

impl<'a> Named<'a> {
    /// A range of more than allowed, or none, is refused.
    fn of(pattern: &'a str) -> Option<Self> {
        let range = pattern.split_once('[').and_then(|(head, rest)| {
            let (inner, tail) = rest.split_once(']')?;
            let (from, to) = inner.split_once(':').filter(|(_, to)| !to.contains(':'))?;
            Some((head, from, to, tail))
        });
        let Some((head, from, to, tail)) = range else { return Some(Self::One(pattern)) };
        let numbers: RangeInclusive<usize> = from.parse().ok()?..=to.parse().ok()?;
        let count = numbers.end().checked_sub(*numbers.start())?.checked_add(1)?;
        let width = if from.starts_with('0') { from.len() } else { 0 };
        let fits = count <= MOST_OF_A_LINE && width <= MOST_DIGITS && head.len() + tail.len() <= LONGEST_NAME;
        fits.then_some(Self::Many { head, numbers, width, tail })
    }

    fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many { numbers, .. } => numbers.end() - numbers.start() + 1,
        }
    }

    fn hosts(&self) -> Vec<String> {
        match self {
            Self::One(host) => vec![(*host).to_owned()],
            Self::Many { head, numbers, width, tail } => {
                numbers.clone().map(|number| format!("{head}{number:0width$}{tail}")).collect()
            }
        }
    }
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
