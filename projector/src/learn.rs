//! What an encoder must know of the facts of operations before it encodes a cut.
//!
//! ```text
//!  beidou.operation.v1       ├── learnt ──┤ cut ├         all before the cut: it is one of these facts
//!  beidou.operation.task.v1  ├─────────── learnt ──────┤  all that is there: what was told comes behind what it is about
//! ```

use std::time::Duration;

use beidou_log::{Log, ReadLimit};
use beidou_schemas::{Offset, operation::FACTS};

use crate::{
    ProjectorError,
    encode::Encoder,
    readable::{Damage, Readable},
};

/// How much of the facts is read at once.
const READ: ReadLimit = ReadLimit { max_bytes: 8 << 20, max_wait: Duration::ZERO };

/// Lets the encoder see what it needs to encode the cut that begins at `from`, and has not seen yet. Encoders of other topics
/// need nothing. What cannot be read of the facts is noted, and told by the worker that projects them.
///
/// # Errors
/// When the log gives no answer, or this version is too old for a fact.
pub(crate) async fn learn(log: &dyn Log, encoder: &mut Encoder, from: Offset) -> Result<(), ProjectorError> {
    if log.partitions(FACTS.topic) == 0 {
        return Ok(());
    }
    let (encoder, end) = match encoder {
        Encoder::Operation(encoder) => (encoder, from),
        Encoder::Told(encoder) => {
            (encoder, log.bounds(FACTS).await.map_err(ProjectorError::log("find the end of", FACTS))?.end)
        }
        Encoder::Event(_) | Encoder::Coverage(_) | Encoder::Reject(_) => return Ok(()),
    };
    let mut past = Readable::starting(encoder.knows());
    while let Some((_, batch)) = past.read(log, FACTS, end, READ).await? {
        encoder.learn(FACTS, &batch.records, past.next)?;
    }
    let gone = past.lost.into_iter().map(|offsets| Damage { offsets, what: "the log has these facts no more".into() });
    if let Some(damage) = past.damaged.into_iter().chain(gone).next() {
        encoder.miss(damage);
    }
    Ok(())
}
