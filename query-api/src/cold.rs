//! Questions that begin before what the tables hold: what the archive is asked for, how much that may be, and whether an
//! answer still counts when it is there.
//!
//! ```text
//!  range ─► bounds of the clusters ─► files (catalogue) ─► statement over both ─► bounds and generation as before? ─► answer
//!                     └─ none reaches back so far ─► over the tables ┤                      └─ no: once more
//!                                                                    └─ listed with its progress, and stopped, as SQL is
//! ```

use std::{sync::Arc, time::Duration};

use beidou_schemas::Micros;
use beidou_store::{
    StoreError,
    archive::{Archive, ArchiveError, Catalogue, Shelf},
    hot::Hot,
    query::{
        QueryError, Reader,
        cold::{Cold, ColdSize, Place, can_be_named},
        neighbours::AnchorQuery,
    },
    retention::NOTICE,
};
use tokio::{sync::Mutex, time::Instant};

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
    /// Apart from one another: who asks the tables alone does not wait for an archive that answers slowly.
    bounds: Fresh<Hot>,
    catalogue: Fresh<Catalogue>,
}

/// What is read anew where it is too old. One reads at a time, and who waits meanwhile takes what was read.
struct Fresh<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Fresh<T> {
    fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// What was at most so old when this was called. It is as old as the begin of its reading: what changed since may be missing
    /// in it.
    async fn younger_than<F>(&self, age: Duration, read: impl FnOnce(Option<Arc<T>>) -> F) -> Result<Arc<T>, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let asked = Instant::now();
        let mut known = self.0.lock().await;
        if let Some((_, value)) = known.as_ref().filter(|(at, _)| *at + age > asked) {
            return Ok(value.clone());
        }
        let at = Instant::now();
        let value = Arc::new(read(known.take().map(|(_, value)| value)).await?);
        *known = Some((at, value.clone()));
        Ok(value)
    }
}

impl Colds {
    pub(crate) fn new(archive: Option<Archive>, config: &QueryApiConfig) -> Self {
        let most = ColdSize { files: config.archive_files.into(), bytes: config.archive_bytes, rows: 0 };
        let in_bucket = archive.clone().filter(|archive| archive.root().is_none());
        let copies = in_bucket.zip(config.archive_copies_folder.clone());
        let copies = copies.map(|(archive, folder)| Shelf::new(archive, folder, config.archive_copies_bytes));
        Self { archive, copies, most, bounds: Fresh::new(), catalogue: Fresh::new() }
    }

    /// What a question needs of the archive; `None` where the tables have all of its ranges.
    pub(crate) async fn plan(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
        ranges: &[Range],
    ) -> Result<Option<Cold>, Problem> {
        self.plan_with(reader, clusters, ranges, self.most).await
    }

    /// The same for an export: it may read as many bytes as there are.
    pub(crate) async fn plan_export(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
        range: Range,
    ) -> Result<Option<Cold>, Problem> {
        let most = ColdSize { files: *ARCHIVE_FILES.end(), bytes: u64::MAX, rows: 0 };
        let plan = self.plan_with(reader, clusters, &[range], most).await?;
        match plan.as_ref().map(Cold::check) {
            Some(Err(error)) => Err(error.into()),
            Some(Ok(())) | None => Ok(plan),
        }
    }

    async fn plan_with(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
        ranges: &[Range],
        most: ColdSize,
    ) -> Result<Option<Cold>, Problem> {
        let hot = self.hot(reader).await?;
        let concerned = |uid: &String| clusters.is_none_or(|clusters| clusters.contains(uid));
        let Some(from) = ranges.iter().map(|range| range.from).min() else { return Ok(None) };
        if !hot.iter().any(|(uid, bound)| from < *bound && concerned(uid)) {
            return Ok(None);
        }
        let archive = self.archive.as_ref().ok_or_else(|| unreadable("`archive` is switched off"))?;
        let place = self.place(reader, archive)?;
        let catalogue = self.catalogue(archive, LONGEST_AGE).await?;
        Ok(Cold::plan(place, (&catalogue, &hot), clusters, ranges, most))
    }

    /// Where the engine finds the files.
    fn place(&self, reader: &Reader, archive: &Archive) -> Result<Place, Problem> {
        let server = match reader.archive_collection() {
            Err(StoreError::NoArchiveReader) => {
                return Err(unreadable("the ClickHouse server has no user for it: set store.archive_reader_user"));
            }
            collection => collection.map_err(QueryError::Away)?,
        };
        let place = match (archive.root(), server, &self.copies) {
            (Some(_), Some(_), _) => {
                return Err(unreadable("a ClickHouse server reads it in a bucket alone: set archive.s3.bucket"));
            }
            (Some(folder), None, _) => Place::Folder(folder.into()),
            (None, Some(collection), _) => Place::Bucket(collection.into()),
            (None, None, Some(copies)) => Place::Copies(copies.clone()),
            (None, None, None) => {
                return Err(unreadable(
                    "it is in a bucket, and there is no folder for copies: set query_api.archive_copies_folder",
                ));
            }
        };
        if place.folder().is_some_and(|folder| !can_be_named(folder)) {
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
        self.hot_younger_than(LONGEST_AGE, reader).await
    }

    async fn hot_younger_than(&self, age: Duration, reader: &Reader) -> Result<Arc<Hot>, Problem> {
        self.bounds.younger_than(age, async |_| Ok(reader.hot().await?)).await
    }

    async fn catalogue(&self, archive: &Archive, age: Duration) -> Result<Arc<Catalogue>, Problem> {
        let read = async |before: Option<Arc<Catalogue>>| {
            let before = before.map(Arc::unwrap_or_clone).unwrap_or_default();
            archive.days_since(before).await.map_err(away)
        };
        self.catalogue.younger_than(age, read).await
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

    /// Answers a question as [`Ask::over`] does; `check` refuses a plan.
    pub(crate) async fn over<T, A, F>(
        &self,
        reader: &Reader,
        clusters: Option<&[String]>,
        ranges: &[Range],
        check: impl Fn(&Cold) -> Result<(), Problem>,
        answer: A,
    ) -> Result<(T, Option<ColdRead>), Problem>
    where
        A: Fn(Reader) -> F,
        F: Future<Output = Result<T, Problem>>,
    {
        for _ in 0..TRIES {
            let begun = Instant::now();
            let Some(plan) = self.plan(reader, clusters, ranges).await? else {
                let answer = answer(reader.clone()).await?;
                if self.tables_had_all(begun, reader, clusters, ranges).await? {
                    return Ok((answer, None));
                }
                continue;
            };
            check(&plan)?;
            let answer = answer(reader.over(Some(&plan)).patient(TIME_FACTOR)).await;
            let counts = answer.is_ok() && is_sure(plan.read(), begun.elapsed());
            if counts || self.still(reader, &plan).await? {
                return Ok((answer?, ColdRead::of(plan.read())));
            }
        }
        Err(Problem::new(Kind::Busy, "files of the archive were replaced while they were read"))
    }

    /// Whether the tables alone, planned and asked from `begun` on, had all of these ranges to the end: rows may have left between
    /// two statements of an answer that took long.
    pub(crate) async fn tables_had_all(
        &self,
        begun: Instant,
        reader: &Reader,
        clusters: Option<&[String]>,
        ranges: &[Range],
    ) -> Result<bool, Problem> {
        Ok(begun.elapsed() < SURE || self.plan(reader, clusters, ranges).await?.is_none())
    }

    /// Whether an answer of this plan counts: nothing has left files or tables since.
    pub(crate) async fn still(&self, reader: &Reader, plan: &Cold) -> Result<bool, Problem> {
        let Some(archive) = &self.archive else { return Ok(false) };
        let generation = self.catalogue(archive, Duration::ZERO).await?.generation;
        let hot = self.hot_younger_than(Duration::ZERO, reader).await?;
        Ok(generation == plan.generation() && hot.as_ref() == plan.hot())
    }
}

/// Whether an answer counts without another look: no file was read that may have been replaced, and it was there before rows
/// could leave the tables behind the back of its plan.
fn is_sure(read: ColdSize, took: Duration) -> bool {
    read == ColdSize::default() && took < SURE
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
        self.over_ranges(clusters, &[range], answer).await
    }

    /// The same over several ranges: what lies between them is not read.
    pub(crate) async fn over_ranges<T, A, F>(
        &self,
        clusters: Option<&[String]>,
        ranges: &[Range],
        answer: A,
    ) -> Result<(T, Option<ColdRead>), Problem>
    where
        A: Fn(Reader) -> F,
        F: Future<Output = Result<T, Problem>>,
    {
        self.over_where(Cold::check, clusters, ranges, answer).await
    }

    /// The same where nobody waits for much to be copied from a bucket.
    pub(crate) async fn over_near<T, A, F>(
        &self,
        clusters: Option<&[String]>,
        range: Range,
        answer: A,
    ) -> Result<(T, Option<ColdRead>), Problem>
    where
        A: Fn(Reader) -> F,
        F: Future<Output = Result<T, Problem>>,
    {
        self.over_where(Cold::check_near, clusters, &[range], answer).await
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
        self.over_where(|_| Ok(()), clusters, &[range], answer).await
    }

    async fn over_where<T, A, F>(
        &self,
        check: fn(&Cold) -> Result<(), QueryError>,
        clusters: Option<&[String]>,
        ranges: &[Range],
        answer: A,
    ) -> Result<(T, Option<ColdRead>), Problem>
    where
        A: Fn(Reader) -> F,
        F: Future<Output = Result<T, Problem>>,
    {
        let answer = |reader| self.listed(answer(reader));
        let check = |cold: &Cold| check(cold).map_err(Problem::from);
        self.app.colds.over(&self.reader, clusters, ranges, check, answer).await
    }

    /// The range that has all states of an Event; `None` where there is none that matches. The archive is read where the tables have
    /// none, no further back than to the newest.
    pub(crate) async fn life(&self, query: &AnchorQuery) -> Result<Option<Range>, Problem> {
        self.app.standing(&self.reader).await?;
        if let Some(life) = self.reader.life(query).await? {
            // Of an Event with a state in the tables newer ones may have left them.
            return Ok(Some(Range { until: Range::ALL.until, ..life }));
        }
        let life = async |reader: Reader| Ok(reader.life(query).await?);
        Ok(self.over_list(Some(query.clusters.as_slice()), Range::ALL, life).await?.0)
    }

    /// What of a range can be read: all of it, else what the tables have of it, which is told all the same.
    pub(crate) async fn readable(&self, clusters: &[String], all: Range) -> Result<Range, Problem> {
        let (clusters, colds) = (Some(clusters), &self.app.colds);
        let is_near = |plan: Option<Cold>| plan.is_none_or(|plan| plan.check().is_ok());
        if colds.plan(&self.reader, clusters, &[all]).await.is_ok_and(is_near) {
            return Ok(all);
        }
        let from = colds.tables_from(&self.reader, clusters).await?.unwrap_or(all.from).max(all.from);
        Ok(if from < all.until { Range { from, ..all } } else { all })
    }

    /// Lists a question among what runs, so that its progress is told and somebody can stop it.
    async fn listed<T>(&self, answer: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        let (id, subject) = (&self.caller.request_id, &self.caller.subject);
        let question = format!("{}?{}", self.path(), self.query());
        let listed = self.app.running.list(id, sql::Kind::Events, subject, &question);
        tokio::select! {
            answer = answer => answer,
            () = listed.stop.cancelled() => Err(Problem::new(Kind::Cancelled, "somebody cancelled the question")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use beidou_schemas::{
        archive::{FILE_SCHEMA, FileEntry, FileNote},
        kube_event::RangeHash,
        time::DAY,
    };
    use beidou_store::{
        Credentials, Server, Store,
        query::{Bounds, Caller},
    };

    use super::*;

    const CLUSTER: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    /// The catalogue of an archive that has one file.
    fn one_file() -> Catalogue {
        let note = FileNote {
            schema: FILE_SCHEMA,
            rows: 1,
            hash: RangeHash::default(),
            ranges: Vec::new(),
            min_time: Micros(DAY),
            max_time: Micros(DAY),
            observed: Micros(DAY),
        };
        let entry = FileEntry {
            path: "events/a".into(),
            dt: Micros(DAY).day_text(),
            cluster_uid: CLUSTER.into(),
            cluster: "a".into(),
            bytes: 1,
            sha256: String::new(),
            note,
        };
        let mut catalogue = Catalogue::default();
        catalogue.days.insert(entry.path.clone(), entry);
        catalogue
    }

    fn reader(store: Store) -> Reader {
        let caller = Caller { request_id: "r".into(), subject: "s".into() };
        Reader::new(store, caller, Bounds { time: Duration::from_secs(1), memory_bytes: 1 })
    }

    #[test]
    fn a_server_that_cannot_read_the_archive_is_told_with_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::folder(folder.path()).unwrap();
        let colds = Colds::new(Some(archive.clone()), &QueryApiConfig::default());
        let user = || Credentials { user: "u".into(), password: String::new() };
        for (archive_reader, key) in [(None, "store.archive_reader_user"), (Some(user()), "archive.s3.bucket")] {
            let server = Server::at("http://127.0.0.1:1".into(), "beidou".into(), user(), user());
            let server = Server { archive_reader, archive_collection: Some("c".into()), ..server };
            let refused = colds.place(&reader(Store::server(server).unwrap()), &archive).unwrap_err();
            assert!(refused.kind == Kind::ArchiveAway && refused.detail.contains(key), "{}", refused.detail);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_the_tables_does_not_count_where_rows_left_them_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::folder(folder.path()).unwrap();
        let colds = Colds::new(Some(archive), &QueryApiConfig::default());
        let never_old = Instant::now() + Duration::from_secs(3600);
        *colds.bounds.0.lock().await = Some((never_old, Arc::default()));
        *colds.catalogue.0.lock().await = Some((never_old, Arc::new(one_file())));
        let reader = reader(Store::embedded(folder.path()));
        let (known, range) = (&colds.bounds, Range { from: Micros(0), until: Micros(9 * DAY) });
        let asked = Cell::new(0);
        let answer = |_reader: Reader| {
            asked.set(asked.get() + 1);
            async move {
                tokio::time::advance(SURE).await;
                *known.0.lock().await = Some((never_old, Arc::new(Hot::from([(CLUSTER.to_owned(), Micros(5 * DAY))]))));
                Ok(())
            }
        };
        colds.over(&reader, None, &[range], |_| Ok(()), answer).await.unwrap();
        assert_eq!(asked.get(), 2, "the first answer was of the tables alone");
    }

    async fn slowly(value: u32) -> Result<u32, Problem> {
        // Whoever else asks does so before.
        tokio::task::yield_now().await;
        tokio::time::advance(LONGEST_AGE * 5).await;
        Ok(value)
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_long_to_read_is_as_old_as_its_begin_and_serves_who_waited() {
        let fresh = Fresh::new();
        let first = fresh.younger_than(LONGEST_AGE, |_| slowly(1)).await.unwrap();
        let second = fresh.younger_than(LONGEST_AGE, |_| slowly(2)).await.unwrap();
        assert_eq!((*first, *second), (1, 2), "it was ten seconds old when it was there");
        let (third, waited) = tokio::join!(
            fresh.younger_than(LONGEST_AGE, |_| slowly(3)),
            fresh.younger_than(LONGEST_AGE, |_| slowly(4))
        );
        assert_eq!((*third.unwrap(), *waited.unwrap()), (3, 3));
    }

    #[test]
    fn an_answer_of_the_tables_that_took_long_is_looked_at_again() {
        let one = ColdSize { files: 1, rows: 1, bytes: 1 };
        for (read, took, sure) in
            [(ColdSize::default(), SURE / 2, true), (ColdSize::default(), SURE, false), (one, Duration::ZERO, false)]
        {
            assert_eq!(is_sure(read, took), sure, "{read:?} {took:?}");
        }
    }
}
