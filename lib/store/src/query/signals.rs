//! How often each of several lines matched, cluster by cluster, in two ranges: one reading for all of them.
//!
//! Lines over the message are asked apart from the others, beside them: its column is larger than all others together, and
//! those need not read it. The score is that of [`super::explain`].

use beidou_model::query_line::{Field, QueryLine};
use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, QueryError, Reader,
    line::all_terms,
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
    Statement::new(HEAD)
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

const HEAD: &str = "SELECT cluster_uid, toUInt32(place - 1) AS line, after, before,
    2 * (if(after > 0, after * log(2 * after / (after + before)), 0) + if(before > 0, before * log(2 * before / (after + before)), 0)) AS score
FROM
(
    WITH time >= fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AS inside,";

const COUNTS: &str = "    SELECT cluster_uid, sumForEachIf(hits, inside) AS a, sumForEachIf(hits, NOT inside) AS b
    FROM kube_event";

const EITHER: &str = "(inside OR (time >= fromUnixTimestamp64Micro({base_from:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({base_until:Int64}, 'UTC')))";

const FOOT: &str = "    GROUP BY cluster_uid
)
ARRAY JOIN arrayResize(a, greatest(length(a), length(b))) AS after, arrayResize(b, greatest(length(a), length(b))) AS before,
    arrayEnumerate(arrayResize(a, greatest(length(a), length(b)))) AS place
WHERE after > 0 OR before > 0
ORDER BY cluster_uid, line";
