//! The object store of the archive: the library's own in memory, behind a network.

use std::{fmt, sync::Arc};

use futures::stream::BoxStream;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use super::{
    hands::{Hands, pass},
    trace::Trace,
    weather::{Fate, Weather},
};

/// The objects as a process with these hands has them.
pub struct Bucket {
    pub objects: Arc<InMemory>,
    pub weather: Weather,
    pub trace: Trace,
    pub who: String,
    pub hands: Hands,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated bucket")
    }
}

fn no_answer() -> Error {
    Error::Generic { store: "simulated", source: "no answer".into() }
}

#[async_trait::async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.hands.pass().await;
        let (fate, there, back) = self.weather.next();
        let (objects, trace, who, at) = (self.objects.clone(), self.trace.clone(), self.who.clone(), at.clone());
        let arriving = tokio::spawn(async move {
            pass(there).await;
            if fate == Fate::Refused {
                return Err(no_answer());
            }
            let put = objects.put_opts(&at, payload, options).await;
            trace.note(&who, format_args!("puts {at}: {} {fate:?}", if put.is_ok() { "new" } else { "there" }));
            put
        });
        let put = arriving.await.map_err(|_| no_answer())?;
        pass(back).await;
        self.hands.pass().await;
        if fate == Fate::Unclear { Err(no_answer()) } else { put }
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.hands.pass().await;
        let (fate, there, _) = self.weather.next();
        pass(there).await;
        self.hands.pass().await;
        if fate == Fate::Done { self.objects.get_opts(at, options).await } else { Err(no_answer()) }
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(at)
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
