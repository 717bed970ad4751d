//! What consumers have released, as offsets of groups that any Kafka tool shows; and how near retention has come.
//!
//! The broker's retention does not wait for consumers. So whoever reads is told in time: when more than half of what the
//! topic keeps, by age or by room, lies unread. No client is told how many bytes a partition has on a broker's disk. Once the
//! broker has removed something, what is there is what it keeps. Before that, as many records have room in any case as have it
//! without compression: far fewer than in truth, so that this alarm comes early rather than late.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use beidou_schemas::{Offset, TopicPartition};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    topic_partition_list::{Offset as Place, TopicPartitionList},
};

use super::client::{Quiet, listen};
use crate::Threat;

/// How long a broker has to answer.
const ANSWER: Duration = Duration::from_secs(15);

/// The groups of this process.
#[derive(Default)]
pub(super) struct Releases {
    groups: Mutex<BTreeMap<String, Arc<Group>>>,
}

struct Group {
    consumer: BaseConsumer<Quiet>,
    /// Held over a commit: two releases must not overtake one another.
    released: Mutex<BTreeMap<TopicPartition, Offset>>,
}

impl Releases {
    /// Commits what `group` has released; it only grows. Blocking.
    pub(super) fn release(
        &self,
        (config, group): (&ClientConfig, &str),
        (topic, at): (&str, TopicPartition),
        upto: Offset,
    ) -> Result<(), KafkaError> {
        let group = self.group(config, group)?;
        listen(&group.consumer);
        let mut released = group.released.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match released.get(&at) {
            Some(before) => Some(*before),
            None => committed(&group.consumer, topic, at)?,
        };
        if before.is_none_or(|before| before < upto) {
            group.consumer.commit(&one(topic, at, upto)?, CommitMode::Sync)?;
        }
        released.insert(at, before.unwrap_or(0).max(upto));
        Ok(())
    }

    fn group(&self, config: &ClientConfig, name: &str) -> Result<Arc<Group>, KafkaError> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(name) {
            return Ok(Arc::clone(group));
        }
        let mut config = config.clone();
        config.set("group.id", name);
        let consumer = config.create_with_context(Quiet)?;
        let group = Arc::new(Group { consumer, released: Mutex::default() });
        groups.insert(name.to_owned(), Arc::clone(&group));
        Ok(group)
    }
}

fn one(topic: &str, at: TopicPartition, offset: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, at.partition as i32, Place::Offset(offset as i64))?;
    Ok(list)
}

fn committed(consumer: &BaseConsumer<Quiet>, topic: &str, at: TopicPartition) -> Result<Option<Offset>, KafkaError> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, at.partition as i32);
    let answer = consumer.committed_offsets(asked, ANSWER)?;
    Ok(answer.elements().first().and_then(|found| offset(found.offset())))
}

fn offset(place: Place) -> Option<Offset> {
    match place {
        Place::Offset(offset) => Some(offset as Offset),
        _ => None,
    }
}

/// The first record that came at `since` or later; the end where there is none. Blocking.
pub(super) fn first_since(
    consumer: &BaseConsumer<Quiet>,
    (topic, at): (&str, TopicPartition),
    since: SystemTime,
    end: Offset,
) -> Result<Offset, KafkaError> {
    let millis = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as Offset;
    let answer = consumer.offsets_for_times(one(topic, at, millis)?, ANSWER)?;
    Ok(answer.elements().first().and_then(|found| offset(found.offset())).unwrap_or(end))
}

/// Whether retention comes near a reader that goes on at `next`. `young` is the first record that has lived less than
/// half of what the topic keeps by age, where it keeps by age. `room` is how many records have room in any case, where that is
/// known.
pub(super) fn threat(bounds: &Range<Offset>, young: Option<Offset>, room: Option<u64>, next: Offset) -> Option<Threat> {
    let unread = bounds.end.saturating_sub(next.max(bounds.start));
    if next >= bounds.end {
        return None;
    }
    let by_age = young.is_some_and(|young| next < young);
    let by_room = match bounds.start {
        0 => room.is_some_and(|room| unread > room),
        start => next < start + (bounds.end - start) / 2,
    };
    (by_age || by_room).then_some(Threat { unread, overtaken: next < bounds.start })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_by_table() {
        let near = |overtaken| move |unread| Some(Threat { unread, overtaken });
        let table = [
            ("caught up", 100..200, Some(150), Some(10), 200, None),
            ("caught up, all old", 0..200, Some(200), Some(10), 200, None),
            ("young", 0..200, Some(50), None, 50, None),
            ("old", 0..200, Some(50), None, 49, near(false)(151)),
            ("nothing was removed yet, and nothing read that tells of sizes", 0..200, None, None, 0, None),
            ("nothing was removed yet, and what is unread has room in any case", 0..200, None, Some(150), 50, None),
            ("nothing was removed yet, and it has not", 0..200, None, Some(149), 50, near(false)(150)),
            ("more than half of the room is unread", 100..200, None, Some(10), 149, near(false)(51)),
            ("half of it", 100..200, None, Some(10), 150, None),
            ("overtaken", 100..200, Some(150), None, 99, near(true)(100)),
            ("empty", 100..100, Some(100), None, 100, None),
        ];
        for (case, bounds, young, room, next, expected) in table {
            assert_eq!(threat(&bounds, young, room, next), expected, "{case}");
        }
    }
}
