//! Pages of lists that are sorted by any key: the cursor holds the last row's place.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    answer::{Total, fill},
    app::{Ask, MOST_ROWS, USUAL_ROWS},
    ask::{
        Params,
        cursor::{Purpose, query_of},
    },
    problem::{Kind, Problem},
};

/// Which page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `Page` reads them")]
pub(super) struct CursorParams {
    /// At most so many rows; a page ends earlier where it would be larger than 1 MB.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the answer before.
    cursor: Option<String>,
}

/// The names in [`CursorParams`].
pub(super) const CURSOR: [&str; 2] = ["limit", "cursor"];

/// Which page is wanted; `K` is the place of its last row in the order of the list.
pub(super) struct Page<K> {
    pub after: Option<K>,
    pub limit: usize,
    query: Vec<u8>,
}

impl<K: Serialize + DeserializeOwned> Page<K> {
    /// Reads `limit` and `cursor`; `path` is the path as it was asked.
    pub(super) fn read(ask: &Ask, params: &Params) -> Result<Self, Problem> {
        let limit = params.number("limit", 1..=MOST_ROWS, USUAL_ROWS)? as usize;
        let query = query_of(ask.path(), &params.meaning());
        let Some(cursor) = params.one("cursor")? else { return Ok(Self { after: None, limit, query }) };
        let opened = ask.app.signer.open(Purpose::Page, &query, cursor);
        let after = opened.ok_or_else(|| {
            let allowed = "the `next` of the answer before, with all other parameters unchanged";
            Problem { kind: Kind::BadCursor, ..Problem::parameter("cursor", cursor, allowed) }
        })?;
        Ok(Self { after: Some(after), limit, query })
    }

    /// The cursor of the page behind this key.
    pub(super) fn next(&self, ask: &Ask, key: &K) -> String {
        ask.app.signer.seal(Purpose::Page, &self.query, key)
    }
}

/// A page of a sorted list.
pub(super) struct Cut<T> {
    pub items: Vec<T>,
    /// The cursor of the page behind it.
    pub next: Option<String>,
    /// How many rows there are in all.
    pub total: Total,
}

impl<K: Ord + Serialize + DeserializeOwned> Page<K> {
    /// This page out of all rows with their keys, each told as an item, and as many of them as have room.
    pub(super) fn of<R, T: Serialize>(
        &self,
        ask: &Ask,
        mut rows: Vec<(K, R)>,
        direction: Direction,
        room: usize,
        item: impl FnMut(R) -> T,
    ) -> Cut<T> {
        let total = Total { value: rows.len() as u64, exact: true };
        rows.sort_by(|(a, _), (b, _)| direction.of(a.cmp(b)));
        if let Some(after) = &self.after {
            rows.retain(|(key, _)| direction.of(key.cmp(after)) == Ordering::Greater);
        }
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let (keys, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let (items, whole) = fill(rows.into_iter().map(item), room);
        let next = keys[..items.len()].last().filter(|_| more || !whole).map(|last| self.next(ask, last));
        Cut { items, next, total }
    }
}

/// The direction of a sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

impl Direction {
    /// Reads `order`.
    pub(super) fn read(params: &Params) -> Result<Self, Problem> {
        match params.one("order")? {
            None | Some("desc") => Ok(Self::Down),
            Some("asc") => Ok(Self::Up),
            Some(other) => Err(Problem::parameter("order", other, "asc, desc")),
        }
    }

    fn of(self, ordering: Ordering) -> Ordering {
        match self {
            Self::Up => ordering,
            Self::Down => ordering.reverse(),
        }
    }
}

/// The place of a row: what its list is sorted by, then the id.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    number: i64,
    text: String,
    id: Uuid,
}

impl Place {
    pub(super) fn by_number(number: i64, id: Uuid) -> Self {
        Self { number, text: String::new(), id }
    }

    pub(super) fn by_text(text: &str, id: Uuid) -> Self {
        Self { number: 0, text: text.into(), id }
    }
}
