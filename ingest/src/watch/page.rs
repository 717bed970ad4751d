//! Reads a page of a list: its version, the token of the next page, and each item as it came.
//!
//! Lists leave out `kind` and `apiVersion` of their items; they are added, so that the stored JSON of a state has the
//! same value whether it was found by the watch or by a list.

use beidou_schemas::{InvalidId, ResourceVersion};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    cut::place,
    frame::{FrameError, Object, State},
};

/// An item of a list.
#[derive(Debug)]
pub enum Item {
    /// A state to store.
    State(State),
    /// A collector's heartbeat.
    Heartbeat,
    /// An item that is not understood, as it came.
    Rejected(FrameError, Bytes),
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// The version of the whole list.
    pub version: ResourceVersion,
    /// The token of the next page.
    pub next: Option<String>,
    /// The items.
    pub items: Vec<Item>,
}

/// A page that is not understood.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It is not a list.
    #[error("the answer is not a list of Events: {0}")]
    Json(#[source] serde_json::Error),
    /// Its resource version is not usable.
    #[error(transparent)]
    Version(#[from] InvalidId),
}

#[derive(Deserialize)]
struct List<'a> {
    metadata: ListMetadata,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(default)]
    r#continue: Option<String>,
}

/// Reads a page. An item of invalid UTF-8 is rejected alone, for the page cannot be asked for without it.
///
/// # Errors
/// When the page as a whole is not a list.
pub fn decode_page(body: &Bytes) -> Result<Page, PageError> {
    match std::str::from_utf8(body) {
        Ok(_) => read(body, false),
        Err(_) => read(&Bytes::from(String::from_utf8_lossy(body).into_owned()), true),
    }
}

fn read(body: &Bytes, repaired: bool) -> Result<Page, PageError> {
    let list: List<'_> = serde_json::from_slice(body).map_err(PageError::Json)?;
    let items = list.items.unwrap_or_default();
    Ok(Page {
        version: list.metadata.resource_version.parse()?,
        next: list.metadata.r#continue.filter(|token| !token.is_empty()),
        items: items.into_iter().map(|item| read_item(body, item, repaired)).collect(),
    })
}

fn read_item(body: &Bytes, item: &RawValue, repaired: bool) -> Item {
    let range = place(body, item.get());
    if repaired && item.get().contains('\u{fffd}') {
        let error = serde::de::Error::custom("the item is not UTF-8; bad bytes are replaced");
        return Item::Rejected(FrameError::Json(error), body.slice(range));
    }
    match Object::read(item) {
        Ok(object) if object.heartbeat => Item::Heartbeat,
        Ok(object) => {
            // Copied, for a slice of the page would keep the whole page in memory.
            let json = Bytes::copy_from_slice(&object.cut(body, range, true));
            Item::State(State { uid: object.uid, version: object.version, json })
        }
        Err(error) => Item::Rejected(error, body.slice(range)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_completed_and_bad_ones_rejected_alone() {
        let body = br#"{"kind":"EventList","metadata":{"resourceVersion":"40","continue":"t"},"items":[
            {"metadata":{"uid":"a","resourceVersion":"1","managedFields":[]},"reason":"R"},
            {"kind":"Event","metadata":{"uid":"b","resourceVersion":"2"}},
            {"metadata":{"uid":"c","resourceVersion":"3"},"message":"BAD"},
            {"metadata":{"resourceVersion":"4"}},
            {"metadata":{"uid":"h","resourceVersion":"5"},"reason":"BeidouHeartbeat","reportingComponent":"beidou-ingest"}]}"#;
        for invalid in [false, true] {
            let mut body = body.to_vec();
            if invalid {
                let at = body.windows(3).position(|w| w == b"BAD").unwrap();
                body[at] = 0xff;
            }
            let page = decode_page(&body.into()).unwrap();
            assert_eq!((page.version, page.next.as_deref()), (ResourceVersion(40), Some("t")));
            let kinds: Vec<&str> = page
                .items
                .iter()
                .map(|item| match item {
                    Item::State(state) => std::str::from_utf8(&state.json).unwrap(),
                    Item::Heartbeat => "heartbeat",
                    Item::Rejected(error, _) => error.reason().name(),
                })
                .collect();
            assert_eq!(
                kinds,
                [
                    r#"{"kind":"Event","apiVersion":"v1","metadata":{"uid":"a","resourceVersion":"1"},"reason":"R"}"#,
                    r#"{"kind":"Event","metadata":{"uid":"b","resourceVersion":"2"}}"#,
                    if invalid {
                        "not_json"
                    } else {
                        r#"{"kind":"Event","apiVersion":"v1","metadata":{"uid":"c","resourceVersion":"3"},"message":"BAD"}"#
                    },
                    "not_an_event",
                    "heartbeat",
                ]
            );
        }
    }

    #[test]
    fn odd_lists() {
        let page =
            decode_page(&Bytes::from_static(br#"{"metadata":{"resourceVersion":"1","continue":""},"items":null}"#));
        assert!(page.is_ok_and(|page| page.next.is_none() && page.items.is_empty()));
        for bad in ["", "{}", r#"{"metadata":{}}"#, r#"{"metadata":{"resourceVersion":"x"}}"#] {
            assert!(decode_page(&Bytes::copy_from_slice(bad.as_bytes())).is_err(), "{bad}");
        }
    }
}
