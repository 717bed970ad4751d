//! A compaction that dies at any point leaves an archive that reads the same, and the next one finishes the work.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use beidou_store::archive::Archive;
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use super::{
    compaction::all,
    rows::{end, events, fill, hash_of, read_all},
};

/// An object store that dies at one of its changes: before it, or after it and before the answer.
#[derive(Debug)]
pub struct Mortal {
    objects: Arc<InMemory>,
    /// Half steps of changes that are left: each change takes two.
    left: AtomicUsize,
    read: Mutex<Vec<String>>,
}

impl Mortal {
    /// Dies after so many half steps.
    pub fn after(objects: Arc<InMemory>, steps: usize) -> Arc<Self> {
        Arc::new(Self { objects, left: AtomicUsize::new(steps), read: Mutex::default() })
    }

    /// The paths that were read since this was called last, each as often as it was.
    pub fn read(&self) -> Vec<String> {
        std::mem::take(&mut self.read.lock().unwrap())
    }

    fn step(&self) -> Result<()> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| dead())
    }
}

fn dead() -> Error {
    Error::Generic { store: "mortal", source: "it is dead".into() }
}

impl fmt::Display for Mortal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mortal")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Mortal {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.step()?;
        let put = self.objects.put_opts(at, payload, options).await?;
        self.step()?;
        Ok(put)
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.read.lock().unwrap().push(at.to_string());
        self.objects.get_opts(at, options).await
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if let Err(dead) = self.step() {
            return futures::stream::once(async { Err(dead) }).boxed();
        }
        let deleted = self.objects.delete_stream(at);
        match self.step() {
            Ok(()) => deleted,
            Err(_) => deleted.map(|_| Err(dead())).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_reads_the_same_after_a_crash_at_any_point() {
    let mut crashes = 0;
    for steps in 0.. {
        let objects = Arc::new(InMemory::new());
        let archive = Archive::on(objects.clone());
        let rows = fill(&archive).await;
        let (wanted, compaction) = ((events(&rows), hash_of(&rows)), all(end(&rows)));
        let mortal = Archive::on(Mortal::after(objects, steps));
        let outcome = mortal.compact(&compaction).await;
        assert_eq!(read_all(&archive).await, wanted, "after {steps} half steps");
        let again = all(end(&rows));
        archive.compact(&again).await.unwrap();
        assert_eq!(read_all(&archive).await, wanted, "compacted after {steps} half steps");
        archive.compact(&again).await.unwrap();
        let catalogue = archive.catalogue().await.unwrap();
        assert_eq!((catalogue.ranges.len(), catalogue.days.len()), (0, 6), "after {steps} half steps");
        assert_eq!(catalogue.leftovers, Vec::<String>::new(), "after {steps} half steps");
        if outcome.is_ok() {
            break;
        }
        crashes += 1;
    }
    // Six files put, the manifest, six files removed; before and after each.
    assert_eq!(crashes, 26);
}
