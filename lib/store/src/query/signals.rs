//! How often each of several lines matched, cluster by cluster, in two ranges: one reading for all of them.
//!
//! Lines over the message are asked apart from the others, beside them: its column is larger than all others together, and
//! those need not read it. What the others look at the roll-up by hour mostly knows. The score is that of [`super::explain`].

use beidou_model::query_line::{Field, QueryLine};
use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, QueryError, Reader,
    events::EventFilter,
    line::all_terms,
    rolled_up::{BASE_EDGES, BASE_WHOLE_HOURS, EDGES, HOUR, WHOLE_HOURS, Whole, is_rolled_up_line},
    statement::{Condition, Statement},
};

/// Which lines to count.
#[derive(Debug, Clone)]
pub struct SignalsQuery {
    /// Cluster uids; `None`: all clusters.
    pub clusters: Option<Vec<String>>,
    /// The lines; what they say of clusters is not looked at.
    pub lines: Vec<QueryLine>,
    /// The range.
    pub range: Between,
    /// What it is compared with.
    pub baseline: Between,
}

/// One line in one cluster, where it matched in one of the ranges.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
pub struct SignalRow {
    /// The cluster.
    pub cluster_uid: String,
    /// The place of the line, counted from 0.
    pub line: u32,
    /// States in the range.
    pub after: u64,
    /// States in the baseline.
    pub before: u64,
    /// G.
    pub score: f64,
}

impl Reader {
    /// A row for each line and cluster where it matched. At most so many clusters.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn signals(&self, query: &SignalsQuery, most: u64) -> Result<Vec<SignalRow>, QueryError> {
        let of_message = |line: &QueryLine| line.names(Field::Message) || line.names(Field::Pattern);
        let places = 0..query.lines.len();
        let (heavy, light): (Vec<_>, Vec<_>) = places.partition(|place| of_message(&query.lines[*place]));
        let (mut found, of_messages) =
            tokio::try_join!(self.signals_of(query, light, most), self.signals_of(query, heavy, most))?;
        found.extend(of_messages);
        Ok(found)
    }

    /// The same for the lines of these places, by one statement.
    async fn signals_of(
        &self,
        query: &SignalsQuery,
        places: Vec<usize>,
        most: u64,
    ) -> Result<Vec<SignalRow>, QueryError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let lines = places.iter().map(|place| query.lines[*place].clone()).collect();
        let part = SignalsQuery { lines, ..query.clone() };
        let rows: Vec<SignalRow> = self.all(signals(&part), most * part.lines.len() as u64).await?;
        let placed = |row: SignalRow| Some(SignalRow { line: *places.get(row.line as usize)? as u32, ..row });
        Ok(rows.into_iter().filter_map(placed).collect())
    }
}

pub(super) fn signals(query: &SignalsQuery) -> Statement {
    match hours(query) {
        Some(hours) => from_cells(query, hours),
        None => from_rows(query),
    }
}

/// The whole hours of range and baseline, where both have some and the roll-up knows all that the lines look at.
fn hours(query: &SignalsQuery) -> Option<(Whole, Whole)> {
    let known = query.lines.iter().all(|line| is_rolled_up_line(line, HOUR));
    let whole = |range| Whole::of(range, &EventFilter::default(), HOUR).filter(|_| known);
    Some((whole(query.range)?, whole(query.baseline)?))
}

/// Each line as an element of an array, 1 or 0; and the rows where any of them holds.
fn conditions(query: &SignalsQuery) -> (Condition, Condition) {
    let mut hits = Condition::new("hit", 0);
    let mut any = Condition::new("any", 0);
    any.push("(");
    for (place, line) in query.lines.iter().enumerate() {
        hits.push(if place == 0 { "    [" } else { ",\n     " });
        all_terms(&mut hits, line);
        any.push(if place == 0 { "" } else { " OR " });
        all_terms(&mut any, line);
    }
    hits.push("] AS hits");
    any.push(")");
    (hits, any)
}

fn from_rows(query: &SignalsQuery) -> Statement {
    let (hits, any) = conditions(query);
    Statement::new(HEAD)
        .line(INSIDE)
        .made(hits)
        .line(COUNTS)
        .when_some("cluster_uid IN {clusters:Array(String)}", "clusters", query.clusters.as_deref())
        .when(EITHER)
        .when_made(any)
        .line(FOOT)
        .with("from", query.range.from)
        .with("until", query.range.until)
        .with("base_from", query.baseline.from)
        .with("base_until", query.baseline.until)
}

/// Lines are applied to cells, of which there are few: those of whole hours come from the roll-up, the others are counted.
fn from_cells(query: &SignalsQuery, (whole, base): (Whole, Whole)) -> Statement {
    let (hits, any) = conditions(query);
    let picked = Statement::new("WITH picked AS\n(\nSELECT * FROM kube_event")
        .when_some("cluster_uid IN {clusters:Array(String)}", "clusters", query.clusters.as_deref())
        .when_made(any)
        .line(")");
    let statement = picked.line(HEAD).line("    WITH").made(hits).line(SUMS);
    let parts = [(NOW, WHOLE_HOURS), (NOW, EDGES), (EARLIER, BASE_WHOLE_HOURS), (EARLIER, BASE_EDGES)];
    let cells = parts.into_iter().enumerate().fold(statement, |statement, (place, (cells, within))| {
        let statement = if place == 0 { statement } else { statement.line("    UNION ALL") };
        statement.line(cells).line(within).line(BY_CELL)
    });
    let statement = cells.line("    )").line(FOOT);
    base.bound(whole.bound(statement, "", query.range), "base_", query.baseline)
}

const HEAD: &str = "SELECT cluster_uid, toUInt32(place - 1) AS line, after, before,
    2 * (if(after > 0, after * log(2 * after / (after + before)), 0) + if(before > 0, before * log(2 * before / (after + before)), 0)) AS score
FROM
(";

const INSIDE: &str = "    WITH time >= fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AS inside,";

const COUNTS: &str = "    SELECT cluster_uid, sumForEachIf(hits, inside) AS a, sumForEachIf(hits, NOT inside) AS b
    FROM kube_event";

const EITHER: &str = "(inside OR (time >= fromUnixTimestamp64Micro({base_from:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({base_until:Int64}, 'UTC')))";

const SUMS: &str = "    SELECT cluster_uid, sumForEach(arrayMap(hit -> hit * counted, hits)) AS a, sumForEach(arrayMap(hit -> hit * earlier, hits)) AS b
    FROM
    (";

const NOW: &str =
    "    SELECT cluster_uid, cluster, namespace, kind, reason, type, count() AS counted, toUInt64(0) AS earlier
    FROM picked";

const EARLIER: &str =
    "    SELECT cluster_uid, cluster, namespace, kind, reason, type, toUInt64(0) AS counted, count() AS earlier
    FROM picked";

const BY_CELL: &str = "    GROUP BY cluster_uid, cluster, namespace, kind, reason, type";

const FOOT: &str = "    GROUP BY cluster_uid
)
ARRAY JOIN arrayResize(a, greatest(length(a), length(b))) AS after, arrayResize(b, greatest(length(a), length(b))) AS before,
    arrayEnumerate(arrayResize(a, greatest(length(a), length(b)))) AS place
WHERE after > 0 OR before > 0
ORDER BY cluster_uid, line";
