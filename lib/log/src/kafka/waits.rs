//! Appends of fenced writers that are not stored yet: each waits for as long as it takes, and whoever runs this is told.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use beidou_schemas::TopicPartition;

/// A writer: its partition and its epoch.
pub(super) type Who = (TopicPartition, u64);

/// What writers wait for. Asked and not told, since a writer stands in the middle of an act while no broker answers.
#[derive(Default)]
pub(super) struct Waits(Mutex<BTreeMap<Who, Wait>>);

struct Wait {
    since: Instant,
    why: Option<String>,
}

impl Waits {
    pub(super) fn begin(&self, who: Who) {
        self.lock().insert(who, Wait { since: Instant::now(), why: None });
    }

    /// A try has failed.
    pub(super) fn failed(&self, who: Who, why: &impl Display) {
        if let Some(wait) = self.lock().get_mut(&who) {
            wait.why = Some(why.to_string());
        }
    }

    pub(super) fn end(&self, who: Who) {
        self.lock().remove(&who);
    }

    /// The longest wait, once it is longer than `silence`.
    pub(super) fn trouble(&self, silence: Duration) -> Option<String> {
        let all = self.lock();
        let ((at, _), wait) = all.iter().min_by_key(|(_, wait)| wait.since)?;
        let waited = wait.since.elapsed();
        let why = wait.why.as_deref().unwrap_or("no broker has answered");
        let text =
            || format!("{at} has acknowledged nothing for {} s: {why}; nothing is lost meanwhile", waited.as_secs());
        (waited >= silence).then(text)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Who, Wait>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::Topic;

    use super::*;

    #[test]
    fn the_longest_wait_is_told_until_it_ends() {
        let (waits, silence) = (Waits::default(), Duration::ZERO);
        let [first, second] = [Topic::Ledger, Topic::Operation].map(|topic| (TopicPartition::new(topic, 0), 7));
        assert_eq!(waits.trouble(silence), None, "nobody waits");
        waits.begin(first);
        waits.begin(second);
        assert_eq!(waits.trouble(Duration::from_secs(3600)), None, "not for long");
        assert!(waits.trouble(silence).unwrap().starts_with("beidou.ledger.v1/0 has acknowledged nothing for 0 s"));
        waits.failed(first, &"timed out");
        assert!(waits.trouble(silence).unwrap().contains(": timed out; nothing is lost"));
        // The one that was fenced ends beside the newer one.
        waits.end((first.0, 6));
        assert!(waits.trouble(silence).unwrap().contains("beidou.ledger.v1"));
        waits.end(first);
        assert!(waits.trouble(silence).unwrap().contains("beidou.operation.v1"));
    }
}
