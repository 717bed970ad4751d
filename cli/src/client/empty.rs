//! Nothing was found: why, and the nearest thing to try. A few questions for one row each find it out.

use super::{
    Client,
    events::read,
    http::Parameter,
    query::{Found, plain},
};

/// How far back the nearest match is looked for.
const LONG_AGO: &str = "-365d";
/// So many filters are left out in turn; each costs one question.
const MOST_QUESTIONS: usize = 4;

impl Client {
    /// Why the list is empty, and what to try.
    pub async fn why_empty(
        &self,
        path: &str,
        since: &str,
        filters: &[(&'static str, Parameter)],
        found: &Found,
    ) -> String {
        let text = format!("nothing matches since {since}");
        if found.coverage.is_empty() {
            return format!("{text}: no cluster has been collected yet\ntry: `beidou clusters`");
        }
        match self.nearest(path, filters, found).await {
            Some(hint) => format!("{text}\ntry: {hint}"),
            None => text,
        }
    }

    async fn nearest(&self, path: &str, filters: &[(&'static str, Parameter)], found: &Found) -> Option<String> {
        let all = plain(filters.to_vec());
        let range = vec![("from", LONG_AGO.to_owned()), ("to", found.range.to.to_string())];
        if let Some(event) = self.newest(path, [range, all.clone()].concat()).await {
            let when = self.local(event);
            let age = self.now.duration_since(event).as_secs() / 3600 + 1;
            return Some(format!("--since {age}h: the newest that matches is of {when}"));
        }
        let range = vec![("from", found.range.from.to_string()), ("to", found.range.to.to_string())];
        let mut flags: Vec<&str> = filters.iter().map(|(flag, _)| *flag).filter(|flag| *flag != "--cluster").collect();
        flags.dedup();
        for flag in flags.into_iter().rev().take(MOST_QUESTIONS) {
            let others = filters.iter().filter(|(other, _)| *other != flag).cloned().collect();
            if self.newest(path, [range.clone(), plain(others)].concat()).await.is_some() {
                return Some(format!("without {flag}: then there are some"));
            }
        }
        (!filters.is_empty()).then(|| "fewer filters, or a longer --since".to_owned())
    }

    /// The time of the newest row; none also where the question failed: a hint is not worth an error.
    async fn newest(&self, path: &str, query: Vec<Parameter>) -> Option<jiff::Timestamp> {
        let found = self.list(path, &query, 1).await.ok()?;
        found.items.first().and_then(|item| read(item).ok()).map(|event| event.time)
    }
}
