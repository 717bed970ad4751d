//! The four questions, with literals that vary. Each literal is asked three times, and the best time counts.

use std::time::Instant;

use anyhow::Context;
use beidou_store::Store;

use super::shape::Layout;
use crate::usage::cpu_of;

/// Literals of each question: enough for a p99 that is not the maximum.
const LITERALS: usize = 101;
/// Questions over a day of all clusters take longer; fewer of them.
const DAYS: i64 = 31;
const BEST_OF: u32 = 3;
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1440 * MINUTE;

const FIELDS: &str = "cluster_uid, cluster, epoch, event_uid, resource_version, time, time_flags, observed, found_by, \
    occurrences, occurrences_delta, type, reason, action, message, kind, namespace, name, object_uid, field_path, \
    component, host, reporting_component, reporting_instance, node, meta_name, meta_namespace";
/// The same from the roll-ups: conditions and groups are those of the projections.
const ROLLED_UP: &str = "SELECT toStartOfHour(toStartOfMinute(time)) AS at, type, count(), sum(occurrences_delta)";
const CELLS: &str = "SELECT kind, namespace, reason, cluster_uid, type, sum(cells) AS states, sum(delta) FROM (SELECT kind, \
    namespace, reason, cluster_uid, type, count() AS cells, sum(occurrences_delta) AS delta";
const CELLS_BY: &str = "GROUP BY kind, namespace, reason, cluster_uid, type)";
const HISTOGRAM: &str = "SELECT toStartOfHour(time) AS at, type, count(), sum(occurrences_delta)";
const FACETS: &str = "SELECT kind, namespace, reason, cluster_uid, type, count() AS states, sum(occurrences_delta)";
const FACETS_BY: &str = "GROUP BY GROUPING SETS ((kind), (namespace), (reason), (cluster_uid), (type)) ORDER BY states DESC \
    LIMIT 500";

/// What every statement is sent with: no cache answers, lists are read only as far as needed, and offsets by object serve
/// small ranges as well.
const SETTINGS: &[(&str, &str)] = &[
    ("use_query_cache", "0"),
    ("use_query_condition_cache", "0"),
    ("read_in_order_use_buffering", "0"),
    ("min_table_rows_to_use_projection_index", "0"),
    ("max_projection_rows_to_use_projection_index", "65536"),
    ("query_plan_max_limit_for_lazy_materialization", "1001"),
    ("max_memory_usage", "1000000000"),
];

/// Asks layouts, always the same.
#[derive(Debug)]
pub struct Asker {
    store: Store,
    engine: u32,
    /// Cluster, kind, namespace, name.
    objects: Vec<(String, String, String, String)>,
    words: Vec<String>,
    /// The time of the newest row, in microseconds.
    newest: i64,
}

impl Asker {
    /// Takes literals from the source table; `engine` is the engine's process.
    pub async fn new(store: Store, engine: u32) -> anyhow::Result<Self> {
        let client = store.reader()?;
        let objects = format!(
            "SELECT cluster_uid, kind, namespace, name FROM source GROUP BY ALL ORDER BY cityHash64(name, namespace) LIMIT {LITERALS}"
        );
        let objects = client.query(&objects).fetch_all().await?;
        let words = format!(
            "SELECT arrayJoin(arrayDistinct(tokens(lower(message)))) AS word FROM source WHERE cityHash64(event_uid) % 64 = 1 \
             GROUP BY word HAVING match(word, '[0-9]') AND match(word, '^[a-z0-9]{{5,}}$') ORDER BY cityHash64(word) LIMIT {LITERALS}"
        );
        let words = client.query(&words).fetch_all().await?;
        let newest = client.query("SELECT toUnixTimestamp64Micro(max(time)) FROM source").fetch_one().await?;
        Ok(Self { store, engine, objects, words, newest })
    }

    /// For each question `p50 / p99 ms (CPU ms)`.
    pub async fn ask(&self, layout: &Layout) -> anyhow::Result<Vec<String>> {
        let (table, order) = (layout.table, layout.newest_first());
        let from = format!("FROM {table} WHERE");
        let timelines = self.objects.iter().map(|object| self.timeline(layout, object)).collect();
        // Ends spread over the newest part, which each table has.
        let recent = |minutes: i64| {
            let end = |i: usize| self.newest - i as i64 * MINUTE / 7;
            let page = |i| {
                let within = within(end(i) - minutes * MINUTE, end(i));
                format!("SELECT {FIELDS} {from} type = 'Warning' AND {within} {order} LIMIT 201")
            };
            (0..LITERALS).map(page).collect()
        };
        let rare = |word: &String| {
            format!(
                "SELECT {FIELDS} {from} hasAllTokens(lower(message), '{word}') AND {} {order} LIMIT 201",
                within(0, self.newest)
            )
        };
        Ok(vec![
            self.time(timelines).await?,
            self.time(recent(15)).await?,
            self.time(recent(1440)).await?,
            self.time(self.histograms(layout)).await?,
            self.time(self.facets(layout)).await?,
            self.time(self.words.iter().map(rare).collect()).await?,
        ])
    }

    /// Days of whole hours, as seconds.
    fn days(&self) -> impl Iterator<Item = (i64, i64)> {
        let last = self.newest / (60 * MINUTE);
        (0..DAYS).map(move |back| (last - back) * 3600).map(|until| (until - DAY / 1_000_000, until))
    }

    fn histograms(&self, layout: &Layout) -> Vec<String> {
        let (table, group) = (layout.table, "GROUP BY at, type ORDER BY at, type");
        let rows = |(from, until)| format!("{HISTOGRAM} FROM {table} WHERE {} {group}", between("time", from, until));
        let minutes = |(from, until)| {
            let whole = between("toStartOfMinute(time)", from, until);
            format!("{ROLLED_UP} FROM {table} WHERE {whole} {group}")
        };
        self.days().map(|day| if layout.rolled_up() { minutes(day) } else { rows(day) }).collect()
    }

    fn facets(&self, layout: &Layout) -> Vec<String> {
        let table = layout.table;
        let rows = |(from, until)| format!("{FACETS} FROM {table} WHERE {} {FACETS_BY}", between("time", from, until));
        let hours = |(from, until)| {
            let whole = between("toStartOfHour(time)", from, until);
            format!("{CELLS} FROM {table} WHERE {whole} {CELLS_BY} {FACETS_BY}")
        };
        self.days().map(|day| if layout.rolled_up() { hours(day) } else { rows(day) }).collect()
    }

    fn timeline(&self, layout: &Layout, object: &(String, String, String, String)) -> String {
        let table = layout.table;
        let (cluster, kind, namespace, name) = object;
        let object =
            format!("cluster_uid = '{cluster}' AND kind = '{kind}' AND namespace = '{namespace}' AND name = '{name}'");
        let seen = if layout.look_up {
            format!("AND toStartOfHour(time) IN (SELECT hour FROM {table}_seen WHERE {object})")
        } else {
            String::new()
        };
        let within = within(self.newest - 7 * DAY, self.newest);
        format!("SELECT {FIELDS} FROM {table} WHERE {object} AND {within} {seen} ORDER BY time DESC LIMIT 1001")
    }

    /// Asks each statement, and sums up.
    async fn time(&self, statements: Vec<String>) -> anyhow::Result<String> {
        // A reader may not set all of these.
        let client = self.store.writer()?;
        let client = SETTINGS.iter().fold(client, |client, (name, value)| client.with_setting(*name, *value));
        let begun = cpu_of(self.engine)?;
        let mut best = Vec::with_capacity(statements.len());
        for sql in &statements {
            let mut times = Vec::new();
            for _ in 0..BEST_OF {
                let begun = Instant::now();
                let mut answer = client.query_raw(sql).fetch_bytes("RowBinary")?;
                while answer.next().await?.is_some() {}
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            best.push(times.into_iter().fold(f64::INFINITY, f64::min));
        }
        let cpu = (cpu_of(self.engine)? - begun) * 1e3 / (statements.len() * BEST_OF as usize) as f64;
        best.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| best.get((best.len() * share).div_ceil(100) - 1).context("something was asked");
        Ok(format!("{:.0} / {:.0} ({cpu:.0})", at(50)?, at(99)?))
    }
}

fn within(from: i64, until: i64) -> String {
    format!("time >= fromUnixTimestamp64Micro({from}, 'UTC') AND time < fromUnixTimestamp64Micro({until}, 'UTC')")
}

fn between(time: &str, from: i64, until: i64) -> String {
    format!("{time} >= toDateTime({from}, 'UTC') AND {time} < toDateTime({until}, 'UTC')")
}
