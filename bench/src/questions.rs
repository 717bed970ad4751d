//! An operator's four questions, asked through the store's own reader: what happened to an object, which Warnings are new in
//! the fleet, how much of what happened in a day, where a rare word stands.
//!
//! Literals vary, and each that counts is asked once: no cache can answer. The first half warms up and is not counted, so that
//! a peer with a compiler at run time is not measured cold.

use std::time::{Duration, Instant};

use anyhow::Context;
use beidou_model::query_line::parse;
use beidou_schemas::Micros;
use beidou_store::{
    Store,
    query::{
        Between, Bounds, Caller, Field, Reader,
        events::{EventFilter, EventsQuery},
        facets::{FacetSort, FacetsQuery},
        histogram::{Bins, HistogramQuery},
        timeline::{Object, TimelineQuery},
    },
};

use crate::{report::Report, usage::cpu_of};

/// Asked and counted: enough for a p99 that is not the maximum.
const COUNTED: usize = 120;
/// With those that warm up.
const LITERALS: usize = 2 * COUNTED;
/// Days of whole hours that begin in a week. Those that do not count are for the warm-up, which repeats them.
const DAYS: usize = 6 * 24;
const DAYS_TO_WARM: usize = DAYS - COUNTED;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// Rows of a page.
pub const PAGE: u64 = 200;
/// Rows of a timeline.
pub const TIMELINE: u64 = 1000;
/// Values of each facet.
pub const TOP: u64 = 10;
/// What the questions are called in every table.
pub const NAMES: [&str; 4] = [
    "timeline of an object",
    "newest Warnings, 15 min, fleet-wide",
    "histogram and facets, 24 h",
    "rare word, newest first",
];
const MOST_BYTES: usize = 1 << 20;

/// What is asked for: taken from the rows themselves.
#[derive(Debug)]
pub struct Literals {
    /// Cluster uid, kind, namespace, name.
    pub objects: Vec<(String, String, String, String)>,
    /// Words that few messages have, letters and digits only, so that every tokenizer sees them alike.
    pub words: Vec<String>,
    /// The time of the newest row.
    pub newest: Micros,
}

/// How fast a question was answered.
#[derive(Debug, Clone, Copy)]
pub struct Timed {
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
    /// CPU milliseconds of the server for each.
    pub cpu: f64,
    /// Rows or hits of each, on average.
    pub rows: usize,
}

impl Literals {
    /// Takes them from the table.
    pub async fn of(store: &Store) -> anyhow::Result<Self> {
        let client = store.reader()?;
        let objects = format!(
            "SELECT cluster_uid, kind, namespace, name FROM kube_event GROUP BY ALL ORDER BY cityHash64(name), name LIMIT {LITERALS}"
        );
        let words = format!(
            "SELECT arrayJoin(arrayDistinct(tokens(lower(message)))) AS word FROM kube_event WHERE cityHash64(event_uid) % 64 = 1 \
             GROUP BY word HAVING match(word, '[0-9]') AND match(word, '^[a-z][a-z0-9]{{4,}}$') ORDER BY cityHash64(word) LIMIT {LITERALS}"
        );
        let newest = "SELECT toUnixTimestamp64Micro(max(time)) FROM kube_event";
        Ok(Self {
            objects: client.query(&objects).fetch_all().await?,
            words: client.query(&words).fetch_all().await?,
            newest: Micros(client.query(newest).fetch_one().await?),
        })
    }

    /// A quarter of an hour, each time another.
    pub fn quarter(&self, place: usize) -> Between {
        let until = self.newest.plus(-(place as i64) * MINUTE / 7);
        Between { from: until.plus(-15 * MINUTE), until }
    }

    /// A day of whole hours: one that counts is not asked for before.
    pub fn day(&self, place: usize) -> Between {
        let hours = if place < COUNTED { place % DAYS_TO_WARM } else { place - COUNTED + DAYS_TO_WARM };
        let until = Micros(self.newest.0 / HOUR * HOUR - hours as i64 * HOUR);
        Between { from: until.plus(-24 * HOUR), until }
    }

    fn everything(&self) -> Between {
        Between { from: Micros(0), until: self.newest.plus(1) }
    }
}

/// A reader as the API has it.
pub fn reader(store: &Store) -> Reader {
    let caller = Caller { request_id: "bench".into(), subject: "bench".into() };
    let bounds = Bounds { time: Duration::from_secs(30), memory_bytes: 1 << 30 };
    Reader::new(store.clone(), caller, bounds)
}

/// Asks all four, and adds a row for each.
pub async fn measure(store: &Store, engine: u32, report: &mut Report) -> anyhow::Result<()> {
    let literals = Literals::of(store).await?;
    let reader = reader(store);
    let floor = timed(engine, async |_| {
        reader.ping().await?;
        Ok(0)
    })
    .await?;
    let answers = ask(&reader, engine, &literals).await?;
    for (name, timed) in NAMES.into_iter().zip(answers) {
        let beside =
            format!("SELECT 1: {:.1} / {:.1}; {:.1} CPU-ms, {} rows each", floor.p50, floor.p99, timed.cpu, timed.rows);
        report.row(&format!("{name}, p50 / p99"), format!("{:.1} / {:.1} ms", timed.p50, timed.p99), beside);
    }
    Ok(())
}

/// Asks all four.
pub async fn ask(reader: &Reader, engine: u32, literals: &Literals) -> anyhow::Result<[Timed; 4]> {
    let timeline = timed(engine, async |place| {
        let (cluster, kind, namespace, name) = of(&literals.objects, place)?.clone();
        let object = Object { clusters: vec![cluster], kind, namespace, name };
        let query = TimelineQuery {
            object,
            line: None,
            range: literals.everything(),
            after: None,
            limit: TIMELINE,
            most_bytes: MOST_BYTES,
        };
        Ok(reader.timeline(&query).await?.rows.len())
    });
    let timeline = timeline.await?;
    let page = async |filter, range| {
        let query = EventsQuery { filter, range, after: None, limit: PAGE, most_bytes: MOST_BYTES };
        anyhow::Ok(reader.events(&query).await?.rows.len())
    };
    let warnings = timed(engine, async |place| {
        let filter = EventFilter { types: vec!["Warning".into()], ..EventFilter::default() };
        page(filter, literals.quarter(place)).await
    });
    let warnings = warnings.await?;
    let sums = timed(engine, async |place| {
        let range = literals.day(place);
        let bins = Bins { begin: range.from, width: HOUR, count: 24 };
        let histogram = HistogramQuery { filter: EventFilter::default(), range, bins };
        let fields = vec![Field::Cluster, Field::Namespace, Field::Kind, Field::Reason, Field::Type];
        let facets = FacetsQuery { filter: EventFilter::default(), range, fields, top: TOP, sort: FacetSort::States };
        let bins = reader.histogram(&histogram).await?;
        reader.facets(&facets).await?;
        Ok(bins.iter().map(|bin| bin.states as usize).sum())
    });
    let sums = sums.await?;
    let words = timed(engine, async |place| {
        let line = Some(parse(of(&literals.words, place)?)?);
        page(EventFilter { line, ..EventFilter::default() }, literals.everything()).await
    });
    Ok([timeline, warnings, sums, words.await?])
}

/// The literal at a place, again from the first where there are too few.
pub fn of<T>(all: &[T], place: usize) -> anyhow::Result<&T> {
    all.get(place % all.len().max(1)).context("the rows have literals to ask for")
}

/// Asks for every literal, and counts the second half.
pub async fn timed<F>(server: u32, mut ask: F) -> anyhow::Result<Timed>
where
    F: AsyncFnMut(usize) -> anyhow::Result<usize>,
{
    for place in 0..COUNTED {
        ask(place).await?;
    }
    let (cpu, mut times, mut rows) = (cpu_of(server)?, Vec::with_capacity(COUNTED), 0);
    for place in COUNTED..LITERALS {
        let begun = Instant::now();
        rows += ask(place).await?;
        times.push(begun.elapsed());
    }
    let cpu = (cpu_of(server)? - cpu) * 1e3 / COUNTED as f64;
    Ok(Timed { p50: percentile(&mut times, 50)?, p99: percentile(&mut times, 99)?, cpu, rows: rows / COUNTED })
}

/// In milliseconds.
pub fn percentile(times: &mut [Duration], share: usize) -> anyhow::Result<f64> {
    times.sort_unstable();
    let at = (times.len() * share).div_ceil(100).saturating_sub(1);
    Ok(times.get(at).context("something was measured")?.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_range_that_counts_is_asked_for_twice() {
        let newest = Micros(20_000 * 24 * HOUR);
        let literals = Literals { objects: Vec::new(), words: Vec::new(), newest };
        for range in [Literals::day, Literals::quarter] {
            let ends = |places: std::ops::Range<usize>| -> BTreeSet<i64> {
                places.map(|place| range(&literals, place).until.0).collect()
            };
            let (warm, counted) = (ends(0..COUNTED), ends(COUNTED..LITERALS));
            assert!(counted.len() == COUNTED && warm.is_disjoint(&counted));
            assert!(counted.iter().all(|until| *until > newest.0 - DAYS as i64 * HOUR), "a week has them");
        }
    }
}
