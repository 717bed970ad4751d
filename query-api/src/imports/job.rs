//! One import from the first byte of the dump to its answer.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::{Body, BodyDataStream, Bytes};
use beidou_model::import::{Entry, Format, Found, Imported, Reader as Dump, Reject, RejectReason};
use beidou_schemas::{Topic, TopicPartition, ids::cluster_name};
use beidou_store::query::Reader;
use futures::StreamExt;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    arrive::Arrival,
    lines::{ClusterLine, Counts, Done, Lines},
    settle::{Batch, Settled, Settler},
    target::{Target, Targets},
};
use crate::{
    app::{App, now},
    problem::{Kind, Problem},
};

const AT: TopicPartition = TopicPartition { topic: Topic::KubeImport, partition: 0 };
/// Our name as a writer of the log.
const WRITER: &str = "query-api";
/// States that may be under way to the table: well within what the projector recognises of one partition by default, with
/// live Events between them.
const MOST_UNDER_WAY: usize = 100_000;
/// A body that sends nothing for so long gives the only place back. An API server ends any list after so long
/// (`--request-timeout`), so that none of its pages takes longer; and our command line begins with the first byte it has.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// Between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// So much of a refused name is repeated.
const SHOWN_CHARS: usize = 120;
/// What every answer says.
const COVERAGE: &str = "an import proves nothing: its time stays as it was, unknown where no watch was";

/// What the caller wants.
pub(crate) struct Wish {
    /// The cluster of all Events; that of the dump if missing.
    pub cluster: Option<String>,
    /// What the dump is made of.
    pub format: Format,
    /// Nothing is to be stored.
    pub dry_run: bool,
}

/// An import.
pub(crate) struct Job {
    pub app: Arc<App>,
    pub reader: Reader,
    pub wish: Wish,
    pub lines: Lines,
    pub place: OwnedSemaphorePermit,
}

/// What an import has come to.
struct Under<'a> {
    targets: Targets<'a>,
    /// The cluster that the caller named.
    named: Option<Arc<Target>>,
    settler: Settler<'a>,
    arrival: Option<Arrival>,
    batch: Batch,
    counts: Counts,
    of_targets: Vec<(Arc<Target>, u64)>,
    told: Instant,
}

impl Job {
    /// Runs until the body has ended, or nobody waits for the answer any more.
    pub(crate) async fn run(mut self, body: Body) {
        let stop = self.app.stop.clone();
        let ended = tokio::select! {
            ended = self.import(body.into_data_stream()) => ended,
            () = stop.cancelled() => Err(Problem::new(Kind::Busy, "the server stops; import the dump again, nothing is stored twice")),
        };
        match ended {
            Ok(done) => {
                tracing::info!(
                    imported = done.counts.imported,
                    known = done.counts.known,
                    rejected = done.counts.rejected,
                    "import done"
                );
                self.lines.done(done);
            }
            Err(problem) => {
                let why = if problem.cause.is_empty() { &problem.detail } else { &problem.cause };
                tracing::warn!(why, "import failed");
                self.lines.failed(problem);
            }
        }
        drop(self.place);
    }

    async fn import(&mut self, mut body: BodyDataStream) -> Result<Done, Problem> {
        let Self { app, reader, wish, lines, .. } = self;
        let mut under = Under::begin(app, reader, wish).await?;
        let mut dump = Dump::new(wish.format, under.settler.observed);
        while let Some(chunk) = next(&mut body).await? {
            if lines.abandoned() {
                return Err(Problem::new(Kind::BadParameter, "the caller went away"));
            }
            under.counts.bytes += chunk.len() as u64;
            under.take(dump.push(&chunk), lines).await?;
        }
        under.take(dump.finish(), lines).await?;
        under.settle().await?;
        under.arrive().await?;
        Ok(under.done(wish.dry_run, lines.rejects_left_out()))
    }
}

/// The next piece of the dump; `None` at its end.
async fn next(body: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    let broken = |error| Problem::new(Kind::BadParameter, format!("the dump broke off: {error}"));
    match tokio::time::timeout(LONGEST_SILENCE, body.next()).await {
        Ok(chunk) => chunk.transpose().map_err(broken),
        Err(_) => Err(silent()),
    }
}

fn silent() -> Problem {
    let seconds = LONGEST_SILENCE.as_secs();
    let detail = format!(
        "the dump sent nothing for {seconds} s, which is the longest: the import ends and makes room for others. What was \
         imported of it stays; import the whole dump again, nothing is stored twice"
    );
    Problem::new(Kind::TimeLimit, detail)
}

impl<'a> Under<'a> {
    async fn begin(app: &'a App, reader: &'a Reader, wish: &Wish) -> Result<Self, Problem> {
        let mut targets = Targets::new(&app.catalogue, reader).await?;
        let named = match &wish.cluster {
            Some(name) => Some(targets.of(name).await?),
            None => None,
        };
        let (writer, arrival) = match wish.dry_run {
            true => (None, None),
            false => {
                let arrival = Arrival::new(app.log.clone(), app.projected.clone()).await?;
                (Some(app.log.writer(AT, WRITER).await?), Some(arrival))
            }
        };
        let (reader, under_way) = (reader.clone(), HashSet::new());
        let settler = Settler { colds: &app.colds, reader, writer, observed: now(), under_way, end: 0 };
        let (batch, counts, of_targets) = (Batch::default(), Counts::default(), Vec::new());
        Ok(Self { targets, named, settler, arrival, batch, counts, of_targets, told: Instant::now() })
    }

    async fn take(&mut self, entries: Vec<Entry>, lines: &mut Lines) -> Result<(), Problem> {
        for Entry { line, found } in entries {
            self.counts.items += 1;
            match found {
                Found::Event(state) => self.state(line, *state, lines).await?,
                Found::Passed(_) => self.counts.passed += 1,
                Found::Rejected(reject) => self.reject(line, reject, lines),
            }
        }
        if self.told.elapsed() >= PROGRESS_EVERY {
            lines.progress(&self.counts);
            self.told = Instant::now();
        }
        Ok(())
    }

    fn reject(&mut self, line: u64, reject: Reject, lines: &mut Lines) {
        self.counts.rejected += 1;
        lines.reject(line, reject);
    }

    async fn state(&mut self, line: u64, state: Imported, lines: &mut Lines) -> Result<(), Problem> {
        let target = match (&self.named, &state.cluster) {
            (Some(named), _) => Arc::clone(named),
            (None, Some(name)) if cluster_name(name).is_ok() => self.targets.of(name).await?,
            (None, name) => {
                let detail = no_cluster(name.as_deref());
                let excerpt = state.json.chars().take(120).collect();
                let reject = Reject { reason: RejectReason::NoCluster, detail, excerpt };
                self.reject(line, reject, lines);
                return Ok(());
            }
        };
        self.batch.push(target, state);
        if self.batch.is_full() {
            self.settle().await?;
            lines.progress(&self.counts);
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Problem> {
        let batch = std::mem::take(&mut self.batch);
        for Settled { target, imported, hashed, known } in self.settler.settle(batch).await? {
            self.counts.imported += imported;
            self.counts.hashed += hashed;
            self.counts.known += known;
            match self.of_targets.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &target)) {
                Some((_, all)) => *all += imported,
                None => self.of_targets.push((target, imported)),
            }
        }
        if self.settler.under_way.len() >= MOST_UNDER_WAY { self.arrive().await } else { Ok(()) }
    }

    /// Waits until all that was appended is in the table, so that look-ups find it.
    async fn arrive(&mut self) -> Result<(), Problem> {
        if let Some(arrival) = &mut self.arrival
            && !self.settler.under_way.is_empty()
        {
            arrival.all_below(self.settler.end).await?;
        }
        self.settler.under_way.clear();
        Ok(())
    }

    fn done(self, dry_run: bool, rejects_left_out: u64) -> Done {
        let mut clusters: Vec<_> = self
            .of_targets
            .into_iter()
            .map(|(target, imported)| ClusterLine {
                name: target.name.clone(),
                uid: target.uid.to_string(),
                known: target.known,
                imported,
            })
            .collect();
        clusters.sort_by(|a, b| (&a.name, &a.uid).cmp(&(&b.name, &b.uid)));
        Done { counts: self.counts, clusters, dry_run, rejects_left_out, coverage: COVERAGE }
    }
}

/// Why an item belongs to no cluster: the dump names none, or calls it what no cluster can be called.
fn no_cluster(name: Option<&str>) -> String {
    let next = "name it with --cluster, or the parameter `cluster`";
    match name.map(|name| (name, cluster_name(name))) {
        Some((name, Err(refused))) => {
            let name: String = name.chars().take(SHOWN_CHARS).collect();
            format!("the dump calls its cluster {name:?}, allowed: {}; {next}", refused.allowed)
        }
        Some((_, Ok(()))) | None => format!("the dump does not name its cluster: {next}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_without_a_cluster_says_what_to_do() {
        for (name, expected) in [
            (None, "the dump does not name its cluster: name it with --cluster"),
            (Some("  "), "the dump calls its cluster \"  \", allowed: 1 to 128 characters"),
            (Some("a/b\n"), "the dump calls its cluster \"a/b\\n\", allowed: 1 to 128 characters"),
        ] {
            let told = no_cluster(name);
            assert!(told.starts_with(expected) && told.contains("--cluster"), "{told}");
        }
        assert!(no_cluster(Some(&"x".repeat(1 << 20))).len() < 400, "a long name is shortened");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_sends_nothing_ends_and_a_slow_one_does_not() {
        let begun = tokio::time::Instant::now();
        let ticks = tokio::time::interval(LONGEST_SILENCE.mul_f64(0.9));
        let slow = tokio_stream::wrappers::IntervalStream::new(ticks).take(3).enumerate();
        let pieces = slow.map(|(number, _)| Ok::<_, std::io::Error>(Bytes::from(number.to_string())));
        let pieces = pieces.chain(futures::stream::pending());
        let mut body = Body::from_stream(pieces).into_data_stream();
        for number in 0..3 {
            assert_eq!(next(&mut body).await, Ok(Some(Bytes::from(number.to_string()))));
        }
        assert!(begun.elapsed() > LONGEST_SILENCE);
        let ended = next(&mut body).await.unwrap_err();
        assert!(ended.kind == Kind::TimeLimit && ended.detail.contains("nothing for 60 s"), "{ended:?}");
        assert_eq!(next(&mut Body::empty().into_data_stream()).await, Ok(None));
    }
}
