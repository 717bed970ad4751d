//! Every setting that Beidou gives to Kafka, with its value and the reason: this is the one place.
//!
//! `docs/kafka.md` shows the same tables; a test compares them. What a site chooses (addresses, TLS, SASL) is in `options`.
//! Names are those of librdkafka and of Kafka's topic configuration.

use rdkafka::ClientConfig;

use crate::MAX_RECORD_BYTES;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Why it has this value.
    pub why: &'static str,
}

const fn set(key: &'static str, value: &'static str, why: &'static str) -> Setting {
    Setting { key, value, why }
}

/// The largest stored batch, in bytes: the largest record, and room for the frames around its headers.
pub const MESSAGE_BYTES: usize = MAX_RECORD_BYTES + 4 * 1024 * 1024;

/// Of every connection.
pub const CLIENT: &[Setting] = &[
    set("client.id", "beidou", "the broker's log and quotas name us"),
    set("allow.auto.create.topics", "false", "a topic made in passing would have the broker's settings, not ours"),
    set("socket.keepalive.enable", "true", "a firewall between forgets idle connections"),
    set(
        "socket.timeout.ms",
        "30000",
        "a broker that stands still is noticed within half the default; 20 MB pass in it at 6 Mbit/s",
    ),
    set("reconnect.backoff.max.ms", "2000", "a broker that comes back is used within 2 s; 10 s is the default"),
    set(
        "topic.metadata.refresh.interval.ms",
        "60000",
        "a new leader is found by an error at once, a moved broker by this",
    ),
    set("message.max.bytes", "20971520", "the largest record (16 MiB) and the frames around its headers"),
];

/// Of every producer.
pub const PRODUCER: &[Setting] = &[
    set("enable.idempotence", "true", "a repeated request is stored once; order is kept over retries"),
    set("acks", "all", "acknowledged means: on every replica that is in sync"),
    set(
        "compression.codec",
        "zstd",
        "half the bytes of lz4 on disk and on the wire, measured on Events, at a quarter more CPU",
    ),
    set("compression.level", "1", "higher levels cost more CPU than they save bytes"),
    set("batch.size", "1000000", "a request carries up to a megabyte of each partition"),
    set("batch.num.messages", "10000", "the bytes bound a batch, not the count"),
    set(
        "queue.buffering.max.messages",
        "0",
        "no bound by count: our own buffer bounds bytes, and waits where this one would refuse",
    ),
    set("queue.buffering.max.kbytes", "2097151", "above any buffer that may be configured, for the same reason"),
];

/// Of the producer of Events, rejects and imports, beside [`PRODUCER`].
pub const BULK: &[Setting] = &[
    set(
        "max.in.flight.requests.per.connection",
        "5",
        "the most that idempotence allows; a repetition at a change of leader (known of librdkafka) is dropped by identity",
    ),
    set("linger.ms", "5", "fills batches while Events come one by one; a fiftieth of what a person notices"),
    set(
        "message.timeout.ms",
        "0",
        "librdkafka never gives a record up: one that it gave up may be stored all the same. The watchdog decides",
    ),
];

/// Of the producer of coverage and requests, beside [`PRODUCER`].
pub const FACTS: &[Setting] = &[
    set(
        "max.in.flight.requests.per.connection",
        "1",
        "facts are few, and one at a time cannot be repeated at a change of leader",
    ),
    set("linger.ms", "0", "whoever appends a fact waits for it"),
    set("message.timeout.ms", "0", "as for Events"),
];

/// Of the one writer of a ledger partition, beside [`PRODUCER`]. `transactional.id` is prefix, topic and partition.
pub const EXCLUSIVE: &[Setting] = &[
    set("max.in.flight.requests.per.connection", "1", "as for facts"),
    set("linger.ms", "0", "as for facts"),
    set(
        "transaction.timeout.ms",
        "60000",
        "a writer that stands still longer is fenced by the broker, and readers go on",
    ),
];

/// Of every reader.
pub const READER: &[Setting] = &[
    set(
        "enable.auto.commit",
        "false",
        "positions stand in the ledger; a group's offset says only what retention need not keep",
    ),
    set("enable.auto.offset.store", "false", "as above"),
    set(
        "auto.offset.reset",
        "error",
        "records that are gone are told, never skipped; records that are there are never read twice",
    ),
    set("isolation.level", "read_committed", "half a transaction of a writer that died is not read"),
    set("enable.partition.eof", "true", "a read that may not wait must know where the end is"),
    set("check.crcs", "true", "a damaged batch is refused here, not by who decodes it"),
    set(
        "fetch.wait.max.ms",
        "50",
        "an empty fetch returns so soon: it stands in the way of a seek. New records return it at once",
    ),
    set("fetch.message.max.bytes", "4194304", "one fetch brings some 20,000 Events as they are compressed"),
    set("queued.min.messages", "100000", "fetches ahead until so many records wait"),
    set("queued.max.messages.kbytes", "8192", "or so many bytes: two fetches, one is read while the next one comes"),
    set(
        "fetch.queue.backoff.ms",
        "10",
        "once a bound is reached, fetching rests so long. The default is a full second, with idle cores",
    ),
];

/// Of every reader of a query-api alone, instead of the same in [`READER`].
pub const LIGHT_READER: &[Setting] = &[
    set(
        "fetch.message.max.bytes",
        "131072",
        "a tail has a reader in each partition; where it stands behind, each holds one such fetch, some 600 Events",
    ),
    set("queued.max.messages.kbytes", "512", "two reads of a tail"),
];

/// Of a member of a group that shares partitions; `session.timeout.ms` is `session_seconds` of the configuration.
pub const MEMBER: &[Setting] = &[
    set("enable.auto.commit", "false", "members share work and nothing else: positions stand in the ledger"),
    set("auto.offset.reset", "latest", "assigned partitions are paused at once, and nothing is read through the group"),
    set("fetch.message.max.bytes", "1024", "as above, for what is under way before they are paused"),
    set(
        "partition.assignment.strategy",
        "cooperative-sticky",
        "only partitions that move are asked back; work on the others goes on",
    ),
    set("heartbeat.interval.ms", "1000", "a member learns within a second that partitions are to move"),
    set(
        "max.poll.interval.ms",
        "60000",
        "a member may take so long to end its work before partitions go on; later it is fenced in the middle of it",
    ),
];

/// Of every topic. What a topic keeps comes from the configuration: `retention.ms` and `retention.bytes`.
pub const TOPIC: &[Setting] = &[
    set("cleanup.policy", "delete", "compaction would remove states of an Event"),
    set("max.message.bytes", "20971520", "as `message.max.bytes` of the clients"),
    set("compression.type", "producer", "batches are stored as they come"),
    set(
        "message.timestamp.type",
        "LogAppendTime",
        "retention goes by the broker's clock: a collector whose clock is wrong neither loses records early nor keeps them for ever",
    ),
    set("unclean.leader.election.enable", "false", "a replica that was left behind must not become the truth"),
    set("segment.bytes", "67108864", "the unit in which retention frees space, as in the file log"),
];

/// Puts settings into a client's configuration.
pub(super) fn apply(config: &mut ClientConfig, tables: &[&[Setting]]) {
    for setting in tables.iter().copied().flatten() {
        config.set(setting.key, setting.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_record_fits_everywhere() {
        for (table, key) in [(CLIENT, "message.max.bytes"), (TOPIC, "max.message.bytes")] {
            let found = table.iter().find(|setting| setting.key == key).unwrap();
            assert_eq!(found.value, MESSAGE_BYTES.to_string());
        }
    }

    #[test]
    fn a_light_reader_fetches_less_ahead() {
        let mut config = ClientConfig::new();
        apply(&mut config, &[READER, LIGHT_READER]);
        for setting in LIGHT_READER {
            let usual = READER.iter().find(|usual| usual.key == setting.key).expect("a setting of all readers");
            let [light, usual] =
                [config.get(setting.key).unwrap(), usual.value].map(|value| value.parse::<u64>().unwrap());
            assert!(light < usual, "{}", setting.key);
        }
    }

    #[test]
    fn the_page_shows_what_is_set() {
        let page = include_str!("../../../../docs/kafka.md");
        let tables = [CLIENT, PRODUCER, BULK, FACTS, EXCLUSIVE, READER, LIGHT_READER, MEMBER, TOPIC];
        let rows = tables.into_iter().flatten();
        let missing: Vec<String> = rows
            .map(|Setting { key, value, why }| format!("| `{key}` | {value} | {why} |"))
            .filter(|row| !page.contains(row.as_str()))
            .collect();
        assert!(missing.is_empty(), "docs/kafka.md lacks:\n{}", missing.join("\n"));
    }
}
