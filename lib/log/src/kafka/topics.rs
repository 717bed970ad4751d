//! The topics in Kafka: made with the right settings, or checked, with a message that says what to do.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use beidou_schemas::Topic;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication},
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode as Code},
    metadata::Metadata,
};

use super::{
    client::{Ear, Quiet, denied, refused},
    options::KafkaOptions,
    settings::{MESSAGE_BYTES, TOPIC},
};
use crate::{LogError, off_thread};

/// How long a broker has to answer.
const ANSWER: Duration = Duration::from_secs(15);
/// How long one question may take, before what went wrong is looked at.
const SLICE: Duration = Duration::from_secs(1);
/// How long is listened to what went wrong.
const LISTEN: Duration = Duration::from_millis(100);
/// How long a new topic may take to have leaders.
const LEADERS: Duration = Duration::from_secs(60);

/// A topic as it should be.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    topic: Topic,
    pub name: String,
    pub partitions: u32,
    replicas: u16,
    settings: BTreeMap<&'static str, String>,
}

impl Wanted {
    fn new(options: &KafkaOptions, topic: Topic, partitions: u32) -> Self {
        let share = options.retention.share(topic, partitions);
        let mut settings: BTreeMap<_, _> = TOPIC.iter().map(|set| (set.key, set.value.to_owned())).collect();
        let age = share.max_age.map_or_else(|| "-1".into(), |age| age.as_millis().to_string());
        settings.insert("retention.ms", age);
        let bytes = if share.max_bytes == u64::MAX { "-1".into() } else { share.max_bytes.to_string() };
        settings.insert("retention.bytes", bytes);
        let replicas = options.kafka.replicas;
        // One copy may be away, and an acknowledged record still stands on two.
        settings.insert("min.insync.replicas", if replicas >= 3 { "2" } else { "1" }.into());
        Self { topic, name: options.name(topic), partitions, replicas, settings }
    }

    /// The command that makes it.
    fn recipe(&self) -> String {
        let settings: Vec<String> =
            self.settings.iter().map(|(key, value)| format!("--config {key}={value}")).collect();
        format!(
            "kafka-topics.sh --create --topic {} --partitions {} --replication-factor {} {}",
            self.name,
            self.partitions,
            self.replicas,
            settings.join(" ")
        )
    }

    fn refuse(&self, what: String) -> LogError {
        LogError::Topic { topic: self.name.clone(), what }
    }
}

/// What differs from what should be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Records would be lost, reordered or refused.
    wrong: Vec<String>,
    /// Only more or less is kept than the site says.
    other: Vec<String>,
}

/// Makes what is missing, checks what is there.
pub(super) async fn ensure(options: &KafkaOptions, connection: &ClientConfig) -> Result<(), LogError> {
    let kafka = Arc::new(Connected::open(options, connection)?);
    for (topic, partitions) in &options.partitions {
        let wanted = Wanted::new(options, *topic, *partitions);
        let (mut found, mut is_new) = (kafka.find(&wanted).await?, false);
        if found.partitions.is_empty() && options.kafka.create_topics {
            is_new = create(&kafka, &wanted).await?;
            found = leaders(&kafka, &wanted, is_new).await?;
        }
        match found.partitions.len() as u32 {
            0 => {
                let recipe = wanted.recipe();
                let what = format!("it is missing, and `log.kafka.create_topics` is false; make it with: {recipe}");
                return Err(wanted.refuse(what));
            }
            partitions if partitions != wanted.partitions => {
                let what = format!(
                    "it has {partitions} partitions, and {} are configured; the number is fixed when a topic is made, since \
                     states of one Event would meet in two places: set `log.event_partitions` so that it fits, or use \
                     another `log.kafka.prefix`",
                    wanted.partitions
                );
                return Err(wanted.refuse(what));
            }
            _ if found.copies() < usize::from(wanted.replicas) => {
                let what = format!(
                    "a partition of it has {} of the {} copies that are configured: give it more with \
                     kafka-reassign-partitions.sh, or set `log.kafka.replicas` so that it fits",
                    found.copies(),
                    wanted.replicas
                );
                return Err(wanted.refuse(what));
            }
            _ if is_new => {}
            _ => check(&kafka.admin, &wanted, found.copies()).await?,
        }
    }
    Ok(())
}

/// A topic as a broker tells of it.
struct Found {
    error: Option<Code>,
    /// Of each its leader, negative where there is none, and how many copies it has.
    partitions: Vec<(i32, usize)>,
}

impl Found {
    /// Those of the partition with the fewest.
    fn copies(&self) -> usize {
        self.partitions.iter().map(|(_, copies)| *copies).min().unwrap_or_default()
    }
}

/// Connections for the time of a start.
struct Connected {
    brokers: String,
    admin: AdminClient<Quiet>,
    /// A consumer tells what went wrong with a connection; the admin client does not.
    asking: BaseConsumer<Ear>,
}

impl Connected {
    fn open(options: &KafkaOptions, connection: &ClientConfig) -> Result<Self, LogError> {
        let brokers = options.kafka.brokers.join(", ");
        let act = |error| refused(format_args!("reach Kafka at {brokers}"), error);
        let admin = connection.create_with_context(Quiet).map_err(act)?;
        let asking = connection.create_with_context(Ear::default()).map_err(act)?;
        Ok(Self { brokers, admin, asking })
    }

    /// The topic; without partitions where it is not there.
    async fn find(self: &Arc<Self>, wanted: &Wanted) -> Result<Found, LogError> {
        let name = &wanted.name;
        let found = self.look(name).await?;
        match found.error {
            None => Ok(found),
            Some(Code::UnknownTopicOrPartition) => Ok(Found { error: None, partitions: Vec::new() }),
            Some(Code::TopicAuthorizationFailed) => {
                let recipe = wanted.recipe();
                let what =
                    "the user may not see it: allow Describe, DescribeConfigs, Read and Write on it; if it is missing";
                Err(wanted.refuse(format!("{what}, allow Create, or make it with: {recipe}")))
            }
            Some(error) => Err(refused(format_args!("look for the topic {name}"), KafkaError::MetadataFetch(error))),
        }
    }

    async fn look(self: &Arc<Self>, topic: &str) -> Result<Found, LogError> {
        let (this, topic) = (Arc::clone(self), topic.to_owned());
        off_thread(move || {
            let metadata = this.ask(&topic)?;
            let topic = metadata.topics().first();
            let error = topic.and_then(|topic| topic.error()).map(Code::from);
            let partitions = topic.into_iter().flat_map(|topic| topic.partitions());
            Ok(Found { error, partitions: partitions.map(|one| (one.leader(), one.replicas().len())).collect() })
        })
        .await
    }

    /// Blocking. Asks in slices, so that a login that was refused is told at once; and no longer than somebody waits for it.
    fn ask(self: &Arc<Self>, topic: &str) -> Result<Metadata, LogError> {
        let end = Instant::now() + ANSWER;
        loop {
            if Arc::strong_count(self) == 1 {
                return Err(LogError::Closed);
            }
            let error = match self.asking.fetch_metadata(Some(topic), SLICE) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => error,
            };
            let heard = Instant::now() + LISTEN;
            while Instant::now() < heard {
                let _told_by_the_context = self.asking.poll(LISTEN / 4);
            }
            let ear = self.asking.context();
            if ear.is_denied() || Instant::now() >= end {
                let why = ear.heard().map(|heard| format!(" ({heard})")).unwrap_or_default();
                let act = format!("reach Kafka at {}{why}", self.brokers);
                return Err(if ear.is_denied() { denied(act) } else { refused(act, error) });
            }
        }
    }
}

/// Makes a topic, unless somebody else made it in the same moment: then it is theirs, and may be another one than is wanted.
async fn create(kafka: &Arc<Connected>, wanted: &Wanted) -> Result<bool, LogError> {
    let new =
        NewTopic::new(&wanted.name, wanted.partitions as i32, TopicReplication::Fixed(i32::from(wanted.replicas)));
    let new = wanted.settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    let options = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
    let answers = kafka.admin.create_topics([&new], &options).await;
    let answers = answers.map_err(|error| refused(format_args!("make the topic {}", wanted.name), error))?;
    match answers.into_iter().next() {
        None | Some(Ok(_)) => Ok(true),
        Some(Err((_, Code::TopicAlreadyExists))) => Ok(false),
        Some(Err((
            _,
            code @ (Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed | Code::PolicyViolation),
        ))) => {
            let what = format!(
                "it is missing, and the broker does not let us make it ({code}); allow Create, or make it with: {}",
                wanted.recipe()
            );
            Err(wanted.refuse(what))
        }
        Some(Err((_, Code::InvalidReplicationFactor))) => {
            let what = format!("there are fewer than {} brokers; set `log.kafka.replicas`", wanted.replicas);
            Err(wanted.refuse(what))
        }
        Some(Err((_, code))) => {
            Err(refused(format_args!("make the topic {}", wanted.name), KafkaError::MetadataFetch(code)))
        }
    }
}

/// Waits until each partition of a new topic has a leader; all that are wanted, where it is ours.
async fn leaders(kafka: &Arc<Connected>, wanted: &Wanted, is_new: bool) -> Result<Found, LogError> {
    let end = Instant::now() + LEADERS;
    loop {
        let found = kafka.look(&wanted.name).await?;
        let partitions = &found.partitions;
        let whole = if is_new { partitions.len() == wanted.partitions as usize } else { !partitions.is_empty() };
        match whole && partitions.iter().all(|(leader, _)| *leader >= 0) {
            true => return Ok(found),
            false if Instant::now() >= end => {
                return Err(wanted.refuse(format!("it was made, and has no leaders after {} s", LEADERS.as_secs())));
            }
            false => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn check(admin: &AdminClient<Quiet>, wanted: &Wanted, copies: usize) -> Result<(), LogError> {
    let options = AdminOptions::new().request_timeout(Some(ANSWER));
    let answers = admin.describe_configs([&ResourceSpecifier::Topic(&wanted.name)], &options).await;
    let answers = answers.map_err(|error| refused(format_args!("read the settings of {}", wanted.name), error))?;
    let found: ConfigResource = match answers.into_iter().next() {
        Some(Ok(found)) => found,
        Some(Err(code)) => {
            tracing::warn!(
                topic = wanted.name,
                %code,
                "the settings of a topic cannot be read, so they are not checked: allow DescribeConfigs on it"
            );
            return Ok(());
        }
        None => return Ok(()),
    };
    let value = |key: &str| found.get(key).and_then(|entry| entry.value.clone());
    let Differences { wrong, other } = differences(wanted, copies, value);
    if !other.is_empty() {
        tracing::warn!(
            topic = wanted.name,
            settings = other.join("; "),
            "a topic is kept otherwise than the site says"
        );
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let what = format!(
        "{}; change it with: kafka-configs.sh --alter --topic {} --add-config {}",
        wrong.join("; "),
        wanted.name,
        wanted.settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    );
    Err(wanted.refuse(what))
}

/// Compares; pure. What the broker does not tell is taken as right.
pub(super) fn differences(wanted: &Wanted, copies: usize, found: impl Fn(&str) -> Option<String>) -> Differences {
    let mut all = Differences::default();
    for (key, wanted_value) in &wanted.settings {
        let Some(value) = found(key).filter(|value| value != wanted_value) else { continue };
        let number = value.parse::<i64>().unwrap_or_default();
        let says = format!("`{key}` is {value}, and {wanted_value} is needed");
        let harmless = match *key {
            "max.message.bytes" => number >= MESSAGE_BYTES as i64,
            "segment.bytes" | "compression.type" => true,
            // More than there are copies, and no record is ever acknowledged.
            "min.insync.replicas" => number > 1 && number <= copies as i64,
            // Who pays for the disks decides how much is kept, but what is the control plane's memory does not go by age, and
            // the facts that operations are the fold of do not go at all.
            "retention.ms" if wanted.topic.expires() => true,
            "retention.bytes" if !wanted.topic.is_kept() => true,
            _ => false,
        };
        let tell = matches!(*key, "retention.ms" | "retention.bytes");
        match (harmless, tell) {
            (false, _) => all.wrong.push(says),
            (true, true) => all.other.push(format!("`{key}` is {value}, and {wanted_value} is configured")),
            (true, false) => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Kafka;

    fn wanted(topic: Topic) -> Wanted {
        Wanted::new(&KafkaOptions::new(Kafka::default(), [(topic, 4)]), topic, 4)
    }

    fn found(topic: Topic, changed: &[(&str, &str)]) -> Differences {
        let wanted = wanted(topic);
        differences(&wanted, 3, |key| {
            let changed = changed.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
            changed.or_else(|| wanted.settings.get(key).cloned())
        })
    }

    #[test]
    fn what_endangers_records_is_wrong_and_named() {
        assert_eq!(found(Topic::KubeEvent, &[]), Differences::default());
        for (key, value) in [
            ("cleanup.policy", "compact"),
            ("max.message.bytes", "1048588"),
            ("message.timestamp.type", "CreateTime"),
            ("unclean.leader.election.enable", "true"),
            ("min.insync.replicas", "1"),
            ("min.insync.replicas", "4"),
        ] {
            let Differences { wrong, other } = found(Topic::KubeEvent, &[(key, value)]);
            assert!(wrong.len() == 1 && wrong[0].contains(key) && wrong[0].contains(value), "{wrong:?}");
            assert!(other.is_empty(), "{other:?}");
        }
        for (topic, key, value) in [
            (Topic::Ledger, "retention.ms", "604800000"),
            (Topic::Operation, "retention.ms", "604800000"),
            (Topic::Operation, "retention.bytes", "10737418240"),
            (Topic::OperationTask, "retention.bytes", "10737418240"),
        ] {
            let Differences { wrong, other } = found(topic, &[(key, value)]);
            let says = format!("`{key}` is {value}, and -1 is needed");
            assert!(wrong == [says] && other.is_empty(), "{topic}: {wrong:?} {other:?}");
        }
    }

    #[test]
    fn what_only_keeps_more_or_less_is_told() {
        for (topic, change) in [
            (Topic::KubeEvent, ("retention.ms", "1000")),
            (Topic::KubeEvent, ("retention.bytes", "-1")),
            (Topic::Ledger, ("retention.bytes", "-1")),
        ] {
            let Differences { wrong, other } = found(topic, &[change]);
            assert!(wrong.is_empty() && other.len() == 1, "{wrong:?} {other:?}");
        }
        let quiet = [("max.message.bytes", "99999999"), ("segment.bytes", "1073741824"), ("min.insync.replicas", "3")];
        assert_eq!(found(Topic::KubeEvent, &quiet), Differences::default());
    }

    #[test]
    fn the_recipe_makes_what_is_wanted() {
        let recipe = wanted(Topic::Ledger).recipe();
        for part in
            ["beidou.ledger.v1", "--partitions 4", "--replication-factor 3", "retention.ms=-1", "min.insync.replicas=2"]
        {
            assert!(recipe.contains(part), "{recipe} lacks {part}");
        }
    }
}
