//! What labels are to say, as kubectl writes it.

use std::collections::BTreeMap;

use crate::{ask::Params, problem::Problem};

/// What one label is to say.
#[derive(Debug)]
pub(super) struct Selector {
    name: String,
    /// Any, where it is absent.
    value: Option<String>,
    /// It is not to say so.
    not: bool,
}

impl Selector {
    /// All of them are to hold.
    pub(super) fn read(params: &Params) -> Result<Vec<Self>, Problem> {
        let allowed = "name=value, name!=value, name or !name";
        let words = params.many("label")?.into_iter();
        words.map(|word| Self::of(&word).ok_or_else(|| Problem::parameter("label", &word, allowed))).collect()
    }

    fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, value, not) = match text.split_once('=') {
            None => (text.strip_prefix('!').unwrap_or(text), None, text.starts_with('!')),
            Some((name, value)) => {
                let value = value.strip_prefix('=').unwrap_or(value).trim();
                (name.strip_suffix('!').unwrap_or(name), Some(value.to_owned()), name.ends_with('!'))
            }
        };
        let name = name.trim();
        // `team in (a, b)` is none of ours, and no label has such a name.
        let fits = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "!()".contains(c));
        fits.then(|| Self { name: name.to_owned(), value, not })
    }

    pub(super) fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.name);
        let says = found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found));
        says != self.not
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_kubectl_writes_them() {
        let labels = [("team", "infra"), ("tier", "db")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let labels = BTreeMap::from(labels);
        let holds = |text: &str| Selector::of(text).map(|selector| selector.holds(&labels));
        for text in ["team=infra", "team==infra", " team = infra ", "tier!=web", "old!=yes", "team", "!old"] {
            assert_eq!(holds(text), Some(true), "{text}");
        }
        for text in ["team=in", "team=", "team!=infra", " tier != db", "old=yes", "old", "!team"] {
            assert_eq!(holds(text), Some(false), "{text}");
        }
        for text in ["=", "!", "=infra", "!=infra", "!team=infra", "team in (infra", "db)"] {
            assert_eq!(holds(text), None, "{text}");
        }
    }
}
