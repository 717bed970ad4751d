//! When silence is told, and when it is ended by a fresh producer. Pure but for the probe that it is given.
//!
//! A broker that is away is no reason for a fresh producer: the old one repeats its requests under their numbers, and
//! nothing is stored twice. A partition that stays silent while its broker answers is: such a producer has been seen to
//! stay silent until its process was restarted.

use std::time::{Duration, Instant};

use beidou_schemas::TopicPartition;

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// A broker answers and leads the partition.
    Led,
    /// It does not; why.
    Away(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Wait on.
    Nothing,
    /// All is well again, or still.
    Well,
    /// Tell this.
    Tell(String),
    /// Take a fresh producer, for this reason.
    Renew(String),
}

/// Watches one producer.
#[derive(Debug, Clone)]
pub(super) struct Watchdog {
    silence: Duration,
    /// When the next probe is due, while something is silent.
    due: Option<Instant>,
    /// Since when the brokers have answered all probes of this silence.
    answered: Option<Instant>,
}

impl Watchdog {
    pub(super) fn new(silence: Duration) -> Self {
        Self { silence, due: None, answered: None }
    }

    /// `oldest` is how long the most silent partition has had something to acknowledge and has not.
    pub(super) fn act(
        &mut self,
        now: Instant,
        oldest: Option<(Duration, TopicPartition)>,
        probe: impl FnOnce(TopicPartition) -> Look,
    ) -> Act {
        let Some((silent, at)) = oldest.filter(|(silent, _)| *silent >= self.silence) else {
            (self.due, self.answered) = (None, None);
            return Act::Well;
        };
        if self.due.is_some_and(|due| now < due) {
            return Act::Nothing;
        }
        self.due = Some(now + self.silence / 2);
        let seconds = silent.as_secs();
        match probe(at) {
            Look::Away(why) => {
                self.answered = None;
                Act::Tell(format!("{at} has acknowledged nothing for {seconds} s: {why}; nothing is lost meanwhile"))
            }
            Look::Led => {
                let since = *self.answered.get_or_insert(now);
                if now.saturating_duration_since(since) < self.silence {
                    return Act::Tell(format!("{at} has acknowledged nothing for {seconds} s, and its broker answers"));
                }
                (self.due, self.answered) = (None, None);
                Act::Renew(format!("{at} has acknowledged nothing for {seconds} s while its broker answers"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::Topic;

    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 3 };
    const SILENCE: Duration = Duration::from_secs(30);

    /// Looks once a second, at a partition that has been silent since the beginning; gives what was done and when.
    fn watched(looks: impl Fn(u64) -> Look, seconds: u64) -> Vec<(u64, &'static str)> {
        let (mut dog, begun) = (Watchdog::new(SILENCE), Instant::now());
        let mut done = Vec::new();
        for second in 0..seconds {
            let since = Duration::from_secs(second);
            let name = match dog.act(begun + since, Some((since, AT)), |_| looks(second)) {
                Act::Nothing | Act::Well => continue,
                Act::Tell(_) => "tell",
                Act::Renew(_) => "renew",
            };
            done.push((second, name));
        }
        done
    }

    #[test]
    fn a_broker_that_is_away_is_told_and_waited_for() {
        let done = watched(|_| Look::Away("no answer".into()), 600);
        assert!(done.len() > 30 && done.iter().all(|(_, name)| *name == "tell"), "{done:?}");
        assert_eq!(done[0].0, 30, "not before the silence is over");
    }

    #[test]
    fn a_silent_partition_of_a_broker_that_answers_gets_a_fresh_producer() {
        let done = watched(|_| Look::Led, 61);
        assert_eq!(done, [(30, "tell"), (45, "tell"), (60, "renew")]);
    }

    #[test]
    fn a_broker_that_comes_back_has_time_to_answer() {
        let away = |second| if second < 100 { Look::Away("no answer".into()) } else { Look::Led };
        let first = watched(away, 600).into_iter().find(|(_, name)| *name == "renew").unwrap();
        assert!(first.0 >= 130, "{first:?}");
    }

    #[test]
    fn an_acknowledgement_ends_the_silence() {
        let (mut dog, begun) = (Watchdog::new(SILENCE), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(matches!(dog.act(at(30), Some((SILENCE, AT)), |_| Look::Led), Act::Tell(_)));
        let young = Some((Duration::from_secs(1), AT));
        assert_eq!(dog.act(at(31), young, |_| unreachable!("nothing is silent")), Act::Well);
        assert_eq!(dog.act(at(32), None, |_| unreachable!("nothing waits")), Act::Well);
        assert!(matches!(dog.act(at(100), Some((SILENCE, AT)), |_| Look::Led), Act::Tell(_)), "it counts anew");
    }
}
