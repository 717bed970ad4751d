//! The envelope of a record: CloudEvents 1.0 in binary mode. Attributes are record headers, the value stays raw.
//!
//! | header | for an Event state |
//! |---|---|
//! | `ce_specversion` | `1.0` |
//! | `ce_id` | `epoch.uid.resourceVersion`: with `ce_source` the identity of the state |
//! | `ce_source` | `/clusters/<cluster uid>` |
//! | `ce_type` | the topic's name |
//! | `ce_time` | when Beidou observed the state (the Event's own times stand in the value) |
//! | `ce_partitionkey` | `<cluster uid>/<event uid>`, also the record's key |
//! | `ce_clustername` | the name people gave the cluster at that time |
//! | `ce_foundby` | `watch`, `list`, `seed`, `import` |
//! | `ce_counted` | of an imported state alone: how many occurrences of its Event were in the table before |
//! | `content-type` | `application/json` |

use bytes::Bytes;

use crate::{
    ClusterUid, Identity, InvalidId, Micros, Record, Topic,
    numbered::{UnknownKind, numbered},
    record::HeadersBuilder,
};

numbered! {
    /// How a state came to be known.
    pub enum FoundBy {
        /// Delivered by the watch.
        Watch = 1 => "watch",
        /// Found by a list: after the chain broke, or at the first start.
        List = 2 => "list",
        /// Made by a demonstration or a test, not by a cluster.
        Seed = 3 => "seed",
        /// Read from a dump by `beidou import`.
        Import = 4 => "import",
    }
}

/// What the headers of an Event record say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEnvelope {
    /// Which state this is.
    pub identity: Identity,
    /// The cluster's name at that time.
    pub cluster_name: String,
    /// When Beidou observed it.
    pub observed: Micros,
    /// How it was found.
    pub found_by: FoundBy,
}

/// A record whose headers are not those of an Event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// A header is missing or no UTF-8.
    #[error("header {0:?} is missing or not UTF-8")]
    Missing(&'static str),
    /// A header has a value that is not allowed.
    #[error("header {name:?} has the value {value:?}; expected {expected}")]
    Value {
        /// The header.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// An identifier is not valid.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// A kind that this version does not know.
    #[error(transparent)]
    Kind(#[from] UnknownKind),
}

const SOURCE_PREFIX: &str = "/clusters/";
pub(crate) const JSON: &str = "application/json";
/// Room for the headers of an Event with uids of 36 characters.
const HEADERS_BYTES: usize = 512;
/// Room for id and time of such an Event.
const TEXT_BYTES: usize = 96;

impl EventEnvelope {
    /// Puts the Event's JSON into its envelope. One buffer holds key and all header values that differ.
    pub fn wrap(&self, json: Bytes) -> Record {
        self.wrap_for(Topic::KubeEvent, json)
    }

    /// The same on its way to the writer of the Event topic; `counted` as [`counted`] reads it.
    pub fn wrap_import(&self, json: Bytes, counted: u32) -> Record {
        with_counted(self.wrap_for(Topic::KubeImport, json), counted)
    }

    /// An import record as it goes onto the Event topic.
    ///
    /// # Errors
    /// When the record is none of [`EventEnvelope::wrap_import`].
    pub fn publish_import(record: &Record) -> Result<(Self, Record), EnvelopeError> {
        let envelope = Self::read_of(Topic::KubeImport, record)?;
        let event = with_counted(envelope.wrap(record.value.clone()), counted(record));
        Ok((envelope, event))
    }

    fn wrap_for(&self, topic: Topic, json: Bytes) -> Record {
        let Identity { cluster, event, .. } = &self.identity;
        let mut text = String::with_capacity(TEXT_BYTES);
        self.identity.write_id(&mut text);
        let id = text.len();
        self.observed.write_micros(&mut text);
        let (id, time) = text.split_at(id);
        let mut headers = HeadersBuilder::with_room(HEADERS_BYTES);
        headers.add("ce_specversion", ["1.0"]);
        headers.add("ce_id", [id]);
        headers.add("ce_source", [SOURCE_PREFIX, cluster.as_str()]);
        headers.add("ce_type", [topic.name()]);
        headers.add("ce_time", [time]);
        let key = headers.add("ce_partitionkey", [cluster.as_str(), "/", event.as_str()]);
        headers.add("ce_clustername", [&*self.cluster_name]);
        headers.add("ce_foundby", [self.found_by.name()]);
        headers.add("content-type", [JSON]);
        let (headers, key) = headers.build_with(key);
        Record { key, headers, value: json }
    }

    /// Reads the headers of an Event record.
    ///
    /// # Errors
    /// When a header is missing, malformed, or of a newer version.
    pub fn read(record: &Record) -> Result<Self, EnvelopeError> {
        Self::read_of(Topic::KubeEvent, record)
    }

    fn read_of(topic: Topic, record: &Record) -> Result<Self, EnvelopeError> {
        let get = |name: &'static str| record.header(name).ok_or(EnvelopeError::Missing(name));
        let bad = |name, value: &str, expected| EnvelopeError::Value { name, value: value.into(), expected };
        let version = get("ce_specversion")?;
        if version != "1.0" {
            return Err(bad("ce_specversion", version, "1.0"));
        }
        let kind = get("ce_type")?;
        if kind != topic.name() {
            return Err(bad("ce_type", kind, topic.name()));
        }
        let source = get("ce_source")?;
        let cluster: ClusterUid = source
            .strip_prefix(SOURCE_PREFIX)
            .ok_or_else(|| bad("ce_source", source, "/clusters/<cluster uid>"))?
            .parse()?;
        let time = get("ce_time")?;
        Ok(Self {
            identity: Identity::parse(cluster, get("ce_id")?)?,
            cluster_name: get("ce_clustername")?.into(),
            observed: Micros::parse(time).ok_or_else(|| bad("ce_time", time, "an RFC 3339 time"))?,
            found_by: get("ce_foundby")?.parse()?,
        })
    }
}

const COUNTED: &str = "ce_counted";

/// How many occurrences of the record's Event were in the table when it was imported; 0 for a state of a watch. The
/// state counts only for what it has beyond them, however long ago they came.
pub fn counted(record: &Record) -> u32 {
    record.header(COUNTED).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn with_counted(mut record: Record, counted: u32) -> Record {
    if counted > 0 {
        record.headers = record.headers.with(COUNTED, &counted.to_string());
    }
    record
}

/// The envelope of the control plane's own facts (coverage, reject, ledger): same headers, JSON value.
pub fn own_fact(topic: Topic, id: &str, key: &str, time: Micros, json: Bytes) -> Record {
    fact(topic, id, key, time, (JSON, json), &[])
}

/// The same with a value of any type, and with more headers behind those that all have.
pub(crate) fn fact(
    topic: Topic,
    id: &str,
    key: &str,
    time: Micros,
    (content_type, value): (&str, Bytes),
    more: &[(&str, &str)],
) -> Record {
    let time = time.micros_text();
    let own = [
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_source", "/beidou"),
        ("ce_type", topic.name()),
        ("ce_time", &time),
        ("ce_partitionkey", key),
        ("content-type", content_type),
    ];
    let headers = own.iter().chain(more).copied().collect();
    Record { key: Bytes::copy_from_slice(key.as_bytes()), headers, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Epoch, ResourceVersion};

    fn sample() -> EventEnvelope {
        EventEnvelope {
            identity: Identity {
                cluster: "0f8fad5b-d9cb-469f-a165-70867728950e".parse().unwrap(),
                epoch: Epoch(1),
                event: "7c9e6679-7425-40de-944b-e07fc1f90ae7".parse().unwrap(),
                resource_version: ResourceVersion(4711),
            },
            cluster_name: "hz-prod-02".into(),
            observed: Micros(1_795_444_800_000_001),
            found_by: FoundBy::Watch,
        }
    }

    #[test]
    fn an_import_becomes_an_event_record() {
        let imported = EventEnvelope { found_by: FoundBy::Import, ..sample() };
        let json = Bytes::from_static(b"{}");
        let (envelope, record) = EventEnvelope::publish_import(&imported.wrap_import(json.clone(), 0)).unwrap();
        assert_eq!((&envelope, record), (&imported, imported.wrap(json.clone())));
        let on_its_way = imported.wrap_import(json.clone(), 7);
        assert!(EventEnvelope::read(&on_its_way).is_err(), "nobody takes it for an Event record");
        let (_, record) = EventEnvelope::publish_import(&on_its_way).unwrap();
        assert_eq!((EventEnvelope::read(&record).unwrap(), counted(&record)), (imported, 7));
        assert_eq!(counted(&sample().wrap(json)), 0);
    }

    #[test]
    fn headers_are_golden() {
        let record = sample().wrap(Bytes::from_static(b"{}"));
        let text: Vec<String> = record
            .headers
            .iter()
            .map(|(name, value)| format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
            .collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    #[test]
    fn reads_back_what_it_wrote_and_names_what_is_wrong() {
        let record = sample().wrap(Bytes::from_static(b"{}"));
        assert_eq!(EventEnvelope::read(&record).unwrap(), sample());
        let names = record.headers.iter().map(|(name, _)| str::from_utf8(name).unwrap());
        for name in names.filter(|name| !["ce_partitionkey", "content-type"].contains(name)) {
            let mut broken = record.clone();
            broken.headers = record.headers.iter().filter(|(other, _)| *other != name.as_bytes()).collect();
            assert!(EventEnvelope::read(&broken).unwrap_err().to_string().contains(name));
        }
    }
}
