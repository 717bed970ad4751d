//! Hosts as an Ansible inventory mentions them, and what its variables say of them.

use std::collections::BTreeMap;

use super::{Draft, MOST_HOSTS};

/// Names of hosts and groups are no longer than this.
pub(super) const LONGEST_NAME: usize = 253;
/// How often hosts may be mentioned: as many as an operation may have, each in ten groups.
const MOST_MENTIONS: usize = 10 * MOST_HOSTS;
/// So much of a value is kept, in characters: one more than any may have, so that what is too long is refused.
const KEPT_CHARS: usize = LONGEST_NAME + 1;
/// Variables that say the same in inventories of different ages; of several in one place the first one counts. The address is that
/// of a host: a group has none.
const NAMES: [&[&str]; 5] = [
    &["ansible_host", "ansible_ssh_host"],
    &["node_name", "name"],
    &["role", "node_role"],
    &["ansible_user", "ansible_ssh_user", "user"],
    &["ansible_port", "ansible_ssh_port", "port"],
];

/// What the variables of a host or a group say of a machine: of each field the place of the name among those that say the same, and
/// the value. All else is left out: copies of it for thousands of hosts would fill the memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Vars([Option<(usize, String)>; 5]);

impl Vars {
    /// Takes a variable in.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let place = |names: &&[&str]| names.iter().position(|known| *known == name);
        let Some((field, place)) = NAMES.iter().enumerate().find_map(|(field, names)| Some((field, place(names)?)))
        else {
            return;
        };
        if self.0[field].as_ref().is_none_or(|(before, _)| place <= *before) {
            self.0[field] = Some((place, value.chars().take(KEPT_CHARS).collect()));
        }
    }

    /// What these do not say the others do.
    pub(super) fn or(&mut self, others: &Self) {
        for (own, other) in self.0.iter_mut().zip(&others.0) {
            if own.is_none() {
                own.clone_from(other);
            }
        }
    }
}

/// Hosts. One that stands in several groups is one machine; twice in one group it is a mistake.
#[derive(Default)]
pub(super) struct Hosts {
    all: Vec<Mention>,
    places: BTreeMap<String, usize>,
    mentions: usize,
}

struct Mention {
    draft: Draft,
    own: Vars,
    groups: Vec<String>,
    around: Vars,
}

impl Hosts {
    /// Whether so many more may be mentioned.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.mentions + more <= MOST_MENTIONS
    }

    /// Takes a mention in: `around` is what its groups say.
    pub(super) fn mention(&mut self, group: &str, draft: Draft, own: &Vars, around: &Vars) {
        self.mentions += 1;
        let known = self.places.get(&draft.host).map(|place| &mut self.all[*place]);
        if let Some(known) = known.filter(|known| !known.groups.iter().any(|of| of == group)) {
            known.groups.push(group.to_owned());
            known.own.or(own);
            known.around.or(around);
        } else {
            self.places.entry(draft.host.clone()).or_insert(self.all.len());
            let (own, groups, around) = (own.clone(), vec![group.to_owned()], around.clone());
            self.all.push(Mention { draft, own, groups, around });
        }
    }

    /// The machines; `more` is what groups say beside that.
    pub(super) fn drafts(self, more: &BTreeMap<&str, Vars>) -> Vec<Draft> {
        let settle = |mention: Mention| {
            let Mention { draft, own, groups, around } = mention;
            let mut all = own.clone();
            all.or(&around);
            for group in groups.iter().map(String::as_str).chain(["all"]) {
                if let Some(vars) = more.get(group) {
                    all.or(vars);
                }
            }
            let [_, name, role, user, port] = all.0.map(told);
            let [address, ..] = own.0.map(told);
            let group = groups.into_iter().find(|group| !matches!(group.as_str(), "all" | "ungrouped"));
            Draft { address, name, role, user, port, group, ..draft }
        };
        self.all.into_iter().map(settle).collect()
    }
}

/// An empty value says nothing, and hides what stands further away.
fn told(said: Option<(usize, String)>) -> Option<String> {
    said.map(|(_, value)| value).filter(|value| !value.is_empty())
}
