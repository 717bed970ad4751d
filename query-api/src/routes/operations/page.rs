//! Pages of lists that are sorted by any key: the cursor holds the last row's place.

use std::cmp::Ordering;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    app::{Ask, MOST_ROWS, USUAL_ROWS},
    ask::{
        Params,
        cursor::{Purpose, query_of},
    },
    problem::{Kind, Problem},
};

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

/// One page out of all rows with their keys: the rows, the key of the last one where more follow, and how many there are.
pub(super) fn cut<K: Ord + Clone + Serialize + DeserializeOwned, T>(
    mut rows: Vec<(K, T)>,
    page: &Page<K>,
    direction: Direction,
) -> (Vec<T>, Option<K>, u64) {
    let total = rows.len() as u64;
    rows.sort_by(|(a, _), (b, _)| direction.of(a.cmp(b)));
    if let Some(after) = &page.after {
        rows.retain(|(key, _)| direction.of(key.cmp(after)) == Ordering::Greater);
    }
    let more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let last = rows.last().map(|(key, _)| key.clone()).filter(|_| more);
    (rows.into_iter().map(|(_, row)| row).collect(), last, total)
}
