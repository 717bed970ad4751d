//! When an Event of a dump happened, by its own account.
//!
//! A watch stores an Event of an impossible time under that of its observation, and flags it: then and there it was seen.
//! A dump is of any age, so the time of its import says nothing of the Event, which is refused.

use beidou_schemas::{
    Micros,
    kube_event::{EventState, FUTURE_TOLERANCE, PAST_TOLERANCE, TimeFlags},
};
use serde_json::Value;

use super::{
    event::shown,
    reader::{RejectReason, Rejected},
};

/// Where an Event tells its time, in the order of [`EventState::time`].
const PLACES: [&str; 5] =
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"];
/// How programs in Go write a time that was never set.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The time, and whether the Event gives it; one that gives none has that of the import.
///
/// Only the first time that is given counts: what is odd about the others is kept, and changes nothing.
///
/// # Errors
/// When the first time that is given cannot be read, or lies beyond what an Event of this day can have.
pub(super) fn time_of(state: &EventState<'_>, json: &str, observed: Micros) -> Result<(Micros, bool), Rejected> {
    let (time, TimeFlags(flags)) = state.time(observed);
    if flags == 0 {
        return Ok((time, true));
    }
    let Some((field, told)) = given(json) else { return Ok((time, false)) };
    let (first, last) = (observed.plus(-PAST_TOLERANCE), observed.plus(FUTURE_TOLERANCE));
    if told.as_str().and_then(Micros::parse).is_some_and(|read| (first..=last).contains(&read)) {
        return Ok((time, true));
    }
    let detail = format!(
        "{field} is {}, allowed: an RFC 3339 time from {first} (ten years before the import) to {last} (a quarter of an \
         hour after it)",
        shown(&told.to_string())
    );
    Err(Rejected { reason: RejectReason::Time, detail })
}

/// The first time that is given, with its field.
fn given(json: &str) -> Option<(String, Value)> {
    let mut event: Value = serde_json::from_str(json).ok()?;
    PLACES.iter().find_map(|place| {
        let told = event.pointer_mut(place)?.take();
        let missing = told.is_null() || told.as_str().is_some_and(|text| matches!(text, "" | NEVER));
        (!missing).then(|| (place[1..].replace('/', "."), told))
    })
}
