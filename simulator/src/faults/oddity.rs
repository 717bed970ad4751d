//! Events that are strange but legal, so that a collector must keep them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::DAY_US;
use crate::generate::stamp;
use crate::server::object;
use crate::server::shared::Shared;

/// Message length of [`Oddity::HugeMessage`].
const HUGE_BYTES: usize = 5 * 1024 * 1024;
/// How far ahead [`Oddity::FarFuture`] lies: about a century.
const FAR_FUTURE_US: i64 = 36_500 * DAY_US;

/// Which strangeness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// A message of 5 MB.
    HugeMessage,
    /// Fields that no version of the API has, at top level, in metadata and in the object reference.
    UnknownFields,
    /// All timestamps null.
    NullTimestamps,
    /// Times a century ahead.
    FarFuture,
    /// Times that are no times, and a negative count.
    OddTimes,
    /// A message with control characters, quotes, and text outside the basic plane.
    OddText,
}

impl Oddity {
    pub(super) fn commit(self, shared: &Shared) -> (Uuid, u64) {
        let mut state = shared.lock();
        let name = format!("odd-{}.{:x}", self.name(), state.storage.resource_version);
        let event = self.event(&name, shared.clock.now_us());
        let Value::Object(event) = event else { return (Uuid::nil(), 0) };
        let change = object::commit(shared, &mut state, event).expect("the event above has a namespace and a name");
        (change.object.uid, change.resource_version())
    }

    fn name(self) -> &'static str {
        match self {
            Self::HugeMessage => "huge-message",
            Self::UnknownFields => "unknown-fields",
            Self::NullTimestamps => "null-timestamps",
            Self::FarFuture => "far-future",
            Self::OddTimes => "odd-times",
            Self::OddText => "odd-text",
        }
    }

    fn event(self, name: &str, now_us: i64) -> Value {
        let mut event = json!({
            "metadata": { "name": name, "namespace": "default" },
            "involvedObject": { "kind": "Pod", "namespace": "default", "name": self.name(), "apiVersion": "v1" },
            "reason": "Strange", "message": "an Event made to be strange", "type": "Normal",
            "source": { "component": "beidou-simulator" },
            "firstTimestamp": text(now_us), "lastTimestamp": text(now_us), "count": 1, "eventTime": null,
            "reportingComponent": "beidou-simulator", "reportingInstance": "",
        });
        match self {
            Self::HugeMessage => event["message"] = Value::String("0123456789abcdef".repeat(HUGE_BYTES / 16)),
            Self::UnknownFields => {
                event["futureField"] =
                    json!({ "list": [1, 2.5, null, { "deep": true }], "big": 18_446_744_073_709_551_615_u64 });
                event["metadata"]["futureMeta"] = json!("kept");
                event["involvedObject"]["futureRef"] = json!(["kept"]);
            }
            Self::NullTimestamps => {
                event["firstTimestamp"] = Value::Null;
                event["lastTimestamp"] = Value::Null;
                event["metadata"]["managedFields"] = Value::Null;
            }
            Self::FarFuture => {
                event["firstTimestamp"] = text(now_us + FAR_FUTURE_US);
                event["lastTimestamp"] = text(now_us + FAR_FUTURE_US);
            }
            Self::OddTimes => {
                event["firstTimestamp"] = json!("0001-01-01T00:00:00Z");
                event["lastTimestamp"] = json!("yesterday");
                event["count"] = json!(-3);
            }
            Self::OddText => event["message"] = json!("quote \" slash \\ bell \u{7} line\nend, 北斗, 🛰, \u{2028}"),
        }
        event
    }
}

fn text(us: i64) -> Value {
    let mut out = Vec::new();
    stamp::seconds(&mut out, us);
    Value::String(String::from_utf8_lossy(&out).into_owned())
}
