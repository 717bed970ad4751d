//! A dump from its first byte to its last: entries in the order in which they stand.

use beidou_schemas::Micros;
use serde::{Deserialize, Serialize};

use super::{
    event::{Imported, is_heartbeat, normal},
    json::Members,
    layers::{Format, Inner, Passed, peel},
    split::{MAX_ITEM_BYTES, Piece, Splitter},
};

/// With what UTF-16 begins.
const UTF_16: [[u8; 2]; 2] = [[0xFF, 0xFE], [0xFE, 0xFF]];
/// Characters of a refused item that are shown.
const SHOWN_CHARS: usize = 120;

/// Why an item is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Not JSON, or not UTF-8.
    NotJson,
    /// JSON that is no Event.
    NotAnEvent,
    /// Its uid or resourceVersion is of no form that Kubernetes writes.
    Identity,
    /// The time that it gives cannot be read, or lies in the future or more than ten years back.
    Time,
    /// Its line, or the file, ends in the middle of it.
    CutOff,
    /// Longer than [`MAX_ITEM_BYTES`].
    TooLarge,
    /// Not of the format that was asked for.
    OtherFormat,
    /// The caller does not name its cluster, and the dump does not either, or calls it what no cluster can be called.
    NoCluster,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    pub reason: RejectReason,
    pub detail: String,
}

/// An item that is not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub reason: RejectReason,
    /// The same in words.
    pub detail: String,
    /// How the item begins; what is no UTF-8 is replaced.
    pub excerpt: String,
}

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A state to import.
    Event(Box<Imported>),
    /// Counted and passed over.
    Passed(Passed),
    /// Refused.
    Rejected(Reject),
}

/// An item with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// What it is.
    pub found: Found,
}

/// Reads a dump.
#[derive(Debug)]
pub struct Reader {
    splitter: Splitter,
    format: Format,
    observed: Micros,
}

impl Reader {
    /// A reader of a dump of this format; `observed` is the time of the import.
    pub fn new(format: Format, observed: Micros) -> Self {
        Self { splitter: Splitter::default(), format, observed }
    }

    /// Takes the next bytes, and gives what has ended within them.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Entry> {
        let mut cuttings = Vec::new();
        self.splitter.push(bytes, &mut cuttings);
        cuttings
            .into_iter()
            .map(|(line, piece)| Entry { line, found: read(piece, self.format, self.observed) })
            .collect()
    }

    /// The dump has ended.
    pub fn finish(self) -> Vec<Entry> {
        let Self { splitter, format, observed } = self;
        let mut cuttings = Vec::new();
        splitter.finish(&mut cuttings);
        cuttings.into_iter().map(|(line, piece)| Entry { line, found: read(piece, format, observed) }).collect()
    }
}

fn read(piece: Piece, format: Format, observed: Micros) -> Found {
    let refused =
        |reason, detail: String, bytes: &[u8]| Found::Rejected(Reject { reason, detail, excerpt: excerpt(bytes) });
    match piece {
        Piece::Item(bytes) => match item(&bytes, format, observed) {
            Ok(found) => found,
            Err(Rejected { reason, detail }) => refused(reason, detail, &bytes),
        },
        Piece::TooLong(bytes) => {
            refused(RejectReason::TooLarge, format!("the item is longer than {MAX_ITEM_BYTES} bytes"), &bytes)
        }
        Piece::Cut(bytes) => {
            refused(RejectReason::CutOff, "the line or the file ends in the middle of it".into(), &bytes)
        }
        Piece::Stray(bytes) if UTF_16.iter().any(|mark| bytes.starts_with(mark)) => {
            let detail = "the dump is UTF-16, as `>` of Windows PowerShell writes it; it must be UTF-8";
            refused(RejectReason::NotJson, detail.into(), &bytes)
        }
        Piece::Stray(bytes) => refused(RejectReason::NotJson, "it is no JSON object".into(), &bytes),
    }
}

fn item(bytes: &[u8], format: Format, observed: Micros) -> Result<Found, Rejected> {
    let members: Members<'_> = serde_json::from_slice(bytes)
        .map_err(|error| Rejected { reason: RejectReason::NotJson, detail: error.to_string() })?;
    match peel(members, format)? {
        Inner::Passed(passed) => Ok(Found::Passed(passed)),
        Inner::Event { event, .. } if is_heartbeat(&event) => Ok(Found::Passed(Passed::Heartbeat)),
        Inner::Event { event, cluster } => Ok(Found::Event(Box::new(normal(&event, cluster, observed)?))),
    }
}

/// How an item begins.
fn excerpt(bytes: &[u8]) -> String {
    // A character has at most four bytes.
    let head = &bytes[..bytes.len().min(4 * SHOWN_CHARS)];
    let text = String::from_utf8_lossy(head);
    let words: Vec<&str> = text.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(SHOWN_CHARS).collect()
}
