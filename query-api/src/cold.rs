//! Questions that begin before what the tables hold: what the archive is asked for, how much that may be, and whether an
//! answer still counts when it is there.
//!
//! ```text
//!  range ─► bounds of the clusters ─► files (catalogue) ─► statement over both ─► bounds and generation as before? ─► answer
//!                                                               │                          └─ no: once more
//!                                                               └─ listed with its progress, and stopped, as SQL is
//! ```

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use beidou_schemas::Micros;
use beidou_store::{
    archive::{Archive, ArchiveError, Catalogue, Shelf},
    hot::Hot,
    query::{
        QueryError, Reader,
        cold::{Cold, ColdSize, Place, can_be_named},
        neighbours::AnchorQuery,
    },
    retention::NOTICE,
};
use tokio::sync::Mutex;

use crate::{
    answer::ColdRead,
    app::Ask,
    ask::Range,
    config::{ARCHIVE_FILES, QueryApiConfig},
    problem::{Kind, Problem},
    sql,
};

/// Bounds and catalogue may be this old when a question is planned: rows leave the tables only five seconds after that was noted.
const LONGEST_AGE: Duration = Duration::from_secs(2);
/// What is asked within this time of a plan is asked before a bound that the plan did not know takes rows away.
const SURE: Duration = NOTICE.saturating_sub(LONGEST_AGE);
/// Files are removed once a day, and a question takes seconds.
const TRIES: u32 = 3;
/// Times the limit of a question to the tables: files have no index of their own. As much as for SQL of callers.
pub(crate) const TIME_FACTOR: u32 = 2;

/// What is known of the archive, and how much of it a question may read.
pub(crate) struct Colds {
    archive: Option<Archive>,
    copies: Option<Arc<Shelf>>,
    most: ColdSize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    hot: Option<(Instant, Arc<Hot>)>,
    catalogue: Option<(Instant, Arc<Catalogue>)>,
}

impl Colds {
    pub(crate) fn new(archive: Option<Archive>, config: &QueryApiConfig) -> Self {
        let most = ColdSize { files: config.archive_files.into(), bytes: config.archive_bytes, rows: 0 };
        let in_bucket = archive.clone().filter(|archive| archive.root().is_none());
        let copies = in_bucket.zip(config.archive_copies_folder.clone());
        let copies = copies.map(|(archive, folder)| Shelf::new(archive, folder, config.archive_copies_bytes));
        Self { archive, copies, most, known: Mutex::default() }
    }

    /// What a question needs of the archive; `None` where the tables have all of its range.
    pub(crate) async fn plan(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
        range: Range,
    ) -> Result<Option<Cold>, Problem> {
        self.plan_with(reader, clusters, range, self.most).await
    }

    /// The same for an export: it may read as many bytes as there are.
    pub(crate) async fn plan_export(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
        range: Range,
    ) -> Result<Option<Cold>, Problem> {
        let most = ColdSize { files: *ARCHIVE_FILES.end(), bytes: u64::MAX, rows: 0 };
        let plan = self.plan_with(reader, clusters, range, most).await?;
        match plan.as_ref().map(Cold::check) {
            Some(Err(error)) => Err(error.into()),
            Some(Ok(())) | None => Ok(plan),
        }
    }

    async fn plan_with(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
        range: Range,
        most: ColdSize,
    ) -> Result<Option<Cold>, Problem> {
        let mut known = self.known.lock().await;
        let hot = known.hot(reader, LONGEST_AGE).await?;
        let concerned = |uid: &String| clusters.is_none_or(|clusters| clusters.contains(uid));
        if !hot.iter().any(|(uid, bound)| range.from < *bound && concerned(uid)) {
            return Ok(None);
        }
        let archive = self.archive.as_ref().ok_or_else(|| unreadable("`archive` is switched off"))?;
        let place = self.place(archive)?;
        let catalogue = known.catalogue(archive, LONGEST_AGE).await?;
        drop(known);
        Ok(Cold::plan(place, (&catalogue, &hot), clusters, range, most))
    }

    /// Where the engine finds the files.
    fn place(&self, archive: &Archive) -> Result<Place, Problem> {
        let place = match (archive.root(), &self.copies) {
            (Some(folder), _) => Place::Folder(folder.into()),
            (None, Some(copies)) => Place::Copies(copies.clone()),
            (None, None) => {
                return Err(unreadable(
                    "it is in a bucket, and there is no folder for copies: set query_api.archive_copies_folder",
                ));
            }
        };
        if !can_be_named(place.folder()) {
            return Err(unreadable(
                "the path of its folder, or of its copies, has one of * ? { } [ ] , in it: move it",
            ));
        }
        Ok(place)
    }

    /// How much a question may read.
    pub(crate) fn most(&self) -> ColdSize {
        self.most
    }

    /// Where the tables end, by cluster uid.
    pub(crate) async fn hot(&self, reader: &Reader) -> Result<Arc<Hot>, Problem> {
        self.known.lock().await.hot(reader, LONGEST_AGE).await
    }

    /// From when on the tables have the rows of all these clusters; `None` where they have all.
    pub(crate) async fn tables_from(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
    ) -> Result<Option<Micros>, Problem> {
        let hot = self.hot(reader).await?;
        let concerned = |uid: &String| clusters.is_none_or(|clusters| clusters.contains(uid));
        Ok(hot.iter().filter(|(uid, _)| concerned(uid)).map(|(_, bound)| *bound).max())
    }

    /// Answers a question as [`Ask::over`] does; `check` refuses a plan. The answer is told whether it reads the archive.
    pub(crate) async fn over<T, A, F>(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
        range: Range,
        check: impl Fn(&Cold) -> Result<(), QueryError>,
        answer: A,
    ) -> Result<(T, Option<ColdRead>), Problem>
    where
        A: Fn(Reader, bool) -> F,
        F: Future<Output = Result<T, Problem>>,
    {
        for _ in 0..TRIES {
            let begun = Instant::now();
            let Some(plan) = self.plan(reader, clusters, range).await? else {
                let answer = answer(reader.clone(), false).await?;
                if self.tables_had_all(begun, reader, clusters, range).await? {
                    return Ok((answer, None));
                }
                continue;
            };
            check(&plan)?;
            let answer = answer(reader.over(Some(&plan)).patient(TIME_FACTOR), true).await;
            // What the tables alone have answered counts in any case.
            let of_tables = answer.is_ok() && plan.read() == ColdSize::default();
            if of_tables || self.still(reader, &plan).await? {
                return Ok((answer?, ColdRead::of(plan.read())));
            }
        }
        Err(Problem::new(Kind::Busy, "files of the archive were replaced while they were read"))
    }

    /// Whether the tables alone, planned and asked from `begun` on, had all of a range to the end: rows may have left between two
    /// statements of an answer that took long.
    pub(crate) async fn tables_had_all(
        &self,
        begun: Instant,
        reader: &Reader,
        clusters: Option<&[String]>,
        range: Range,
    ) -> Result<bool, Problem> {
        Ok(begun.elapsed() < SURE || self.plan(reader, clusters, range).await?.is_none())
    }

    /// Whether an answer of this plan counts: nothing has left files or tables since.
    pub(crate) async fn still(&self, reader: &Reader, plan: &Cold) -> Result<bool, Problem> {
        let Some(archive) = &self.archive else { return Ok(false) };
        let mut known = self.known.lock().await;
        let generation = known.catalogue(archive, Duration::ZERO).await?.generation;
        Ok(generation == plan.generation() && known.hot(reader, Duration::ZERO).await?.as_ref() == plan.hot())
    }
}

impl Known {
    async fn hot(&mut self, reader: &Reader, age: Duration) -> Result<Arc<Hot>, Problem> {
        if let Some((_, hot)) = self.hot.as_ref().filter(|(at, _)| at.elapsed() < age) {
            return Ok(hot.clone());
        }
        let hot = Arc::new(reader.hot().await?);
        self.hot = Some((Instant::now(), hot.clone()));
        Ok(hot)
    }

    async fn catalogue(&mut self, archive: &Archive, age: Duration) -> Result<Arc<Catalogue>, Problem> {
        let before = match self.catalogue.take() {
            Some((at, known)) if at.elapsed() < age => {
                self.catalogue = Some((at, known.clone()));
                return Ok(known);
            }
            Some((_, known)) => Arc::unwrap_or_clone(known),
            None => Catalogue::default(),
        };
        let at = Instant::now();
        let catalogue = Arc::new(archive.days_since(before).await.map_err(away)?);
        self.catalogue = Some((at, catalogue.clone()));
        Ok(catalogue)
    }
}

fn unreadable(why: &str) -> Problem {
    let detail = format!("the range begins before what the tables hold, and the archive cannot be read: {why}");
    Problem::new(Kind::ArchiveAway, detail)
}

fn away(error: ArchiveError) -> Problem {
    Problem { cause: format!("{error:?}"), ..unreadable("its manifests are away or damaged, see `beidou audit`") }
}

impl Ask {
    /// Answers a question over a range, of these clusters or of all: over tables and archive where the range begins before what
    /// the tables hold. The answer may be asked for more than once.
    pub(crate) async fn over<T, A, F>(
        &self,
        clusters: Option<&[String]>,
        range: Range,
        answer: A,
    ) -> Result<(T, Option<ColdRead>), Problem>
    where
        A: Fn(Reader) -> F,
        F: Future<Output = Result<T, Problem>>,
    {
        let answer = |reader, is_cold| self.listed(is_cold, answer(reader));
        self.app.colds.over(&self.reader, clusters, range, Cold::check, answer).await
    }

    /// The same for a list whose newest rows come first: it reads as much of the archive as its page takes.
    pub(crate) async fn over_list<T, A, F>(
        &self,
        clusters: Option<&[String]>,
        range: Range,
        answer: A,
    ) -> Result<(T, Option<ColdRead>), Problem>
    where
        A: Fn(Reader) -> F,
        F: Future<Output = Result<T, Problem>>,
    {
        let answer = |reader, is_cold| self.listed(is_cold, answer(reader));
        self.app.colds.over(&self.reader, clusters, range, |_| Ok(()), answer).await
    }

    /// The range that has all states of an Event; `None` where there is none that matches. The archive is read where the tables
    /// have none, no further back than to the newest.
    pub(crate) async fn life(&self, query: &AnchorQuery) -> Result<Option<Range>, Problem> {
        self.app.standing(&self.reader).await?;
        if let Some(life) = self.reader.life(query).await? {
            // Of an Event with a state in the tables newer ones may have left them.
            return Ok(Some(Range { until: Range::ALL.until, ..life }));
        }
        let life = async |reader: Reader| Ok(reader.life(query).await?);
        Ok(self.over_list(Some(&query.clusters), Range::ALL, life).await?.0)
    }

    /// Lists a question that reads the archive among what runs, so that its progress is told and somebody can stop it.
    async fn listed<T>(&self, is_cold: bool, answer: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        if !is_cold {
            return answer.await;
        }
        let (id, subject) = (&self.caller.request_id, &self.caller.subject);
        let question = format!("{}?{}", self.path(), self.query());
        let listed = self.app.running.list(id, sql::Kind::Events, subject, &question);
        tokio::select! {
            answer = answer => answer,
            () = listed.stop.cancelled() => Err(Problem::new(Kind::Cancelled, "somebody cancelled the question")),
        }
    }
}
