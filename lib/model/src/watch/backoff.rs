//! How long to wait between two tries: doubled with each failure in a row, never zero, never above a limit.

use super::act::{Action, Refusal, Settings};

/// From here on the wait no longer doubles: 2^20 times the shortest wait is beyond any limit.
const MOST_DOUBLINGS: u32 = 20;
/// A server that asks for more patience than this is asked again after this: 5 minutes, an etcd compaction interval.
const LONGEST_OBEYED: i64 = 300_000_000;

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Something went well.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Something failed: the wait before the next try.
    pub(super) fn after(&mut self, why: Refusal, settings: &Settings) -> Action {
        let doubled = settings.shortest_wait.saturating_mul(1 << self.failures.min(MOST_DOUBLINGS));
        self.failures = self.failures.saturating_add(1);
        let longest = doubled.clamp(settings.shortest_wait, settings.longest_wait.max(settings.shortest_wait));
        let shortest = (longest / 2).max(settings.shortest_wait);
        match why {
            Refusal::Busy { wait } => {
                let asked = wait.clamp(0, LONGEST_OBEYED);
                Action::Wait { shortest: shortest.max(asked), longest: longest.max(asked + asked / 10) }
            }
            Refusal::Expired | Refusal::Unauthorized | Refusal::Failed => Action::Wait { shortest, longest },
        }
    }

    /// Nothing failed, yet the server is not asked without a pause.
    pub(super) fn pause(settings: &Settings) -> Action {
        Action::Wait { shortest: settings.shortest_wait, longest: settings.shortest_wait * 2 }
    }
}
