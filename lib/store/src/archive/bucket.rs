//! A bucket as an object store that puts if absent, and knows after an unclear answer whose put it was.
//!
//! ```text
//!  put ─► PUT, If-None-Match: *                             ─► 200: ours
//!     └─► above WHOLE: parts, ended with If-None-Match: *   ─► 412, 409, 5xx, no answer ─► HEAD ─► our mark: ours
//!                                                                                            ├─► another's: taken
//!                                                                                            └─► nothing: unknown
//! ```
//!
//! Each put carries a mark of its own as metadata. The client repeats a request that failed, and its repetition may be
//! refused because of its own first try: without the mark, a compaction would take its own manifest for another's and
//! remove the files that it names.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderValue, Method, header::IF_NONE_MATCH};
use object_store::{
    Attribute, AttributeValue, ClientOptions, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    aws::AmazonS3,
    client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector},
    path::Path,
    prefix::PrefixStore,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::s3::S3;

/// The metadata that names a put.
const MARK: &str = "beidou-put";
/// Up to this a file is sent in one request, and again from its beginning when that fails.
const WHOLE: usize = 16 << 20;
/// A part of a larger one: services want 5 MiB or more.
const PART: usize = 8 << 20;

/// A bucket, or what lies below a prefix of it.
#[derive(Debug)]
pub(super) struct Bucket {
    objects: PrefixStore<AmazonS3>,
    /// The same, whose uploads in parts end only where nobody has the name.
    creating: PrefixStore<AmazonS3>,
    /// Whether it keeps to the condition for parts too; known from the first put on.
    parts: OnceCell<bool>,
    place: String,
}

impl Bucket {
    pub(super) fn open(s3: &S3) -> Result<Self> {
        // Fails only where the process has done it before.
        let _set_before = rustls::crypto::ring::default_provider().install_default();
        let prefix = Path::parse(&s3.prefix)?;
        let objects = s3.builder()?.build()?;
        let shared = objects.credentials().clone();
        let creating = s3.builder()?.with_credentials(shared).with_http_connector(IfAbsent).build()?;
        let (objects, creating) = (PrefixStore::new(objects, prefix.clone()), PrefixStore::new(creating, prefix));
        Ok(Self { objects, creating, parts: OnceCell::new(), place: s3.place() })
    }

    async fn create(&self, at: &Path, content: PutPayload, options: PutOptions) -> Result<PutResult> {
        let parts = *self.parts.get_or_try_init(|| self.prove()).await?;
        let (mark, length) = (mark(), content.content_length());
        let put = if length > WHOLE && parts {
            in_parts(&self.creating, at, content, marked(options, &mark)).await
        } else {
            self.objects.put_opts(at, content, marked(options, &mark)).await
        };
        match put {
            Ok(put) => Ok(put),
            Err(error) => self.whose(at, &mark, length as u64, error).await,
        }
    }

    /// What came of a put, where its answer does not tell.
    async fn whose(&self, at: &Path, mark: &str, length: u64, error: Error) -> Result<PutResult> {
        let found = match self.head(at).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Err(unknown(error)),
            Err(away) => return Err(away),
        };
        if found.attributes.get(&key()) != Some(&AttributeValue::from(mark.to_owned())) || found.meta.size != length {
            return Err(Error::AlreadyExists { path: at.to_string(), source: error.into() });
        }
        tracing::info!(path = %at, error = &error as &dyn std::error::Error, "a put without a clear answer had succeeded");
        Ok(PutResult { e_tag: found.meta.e_tag, version: found.meta.version, extensions: found.extensions })
    }

    async fn head(&self, at: &Path) -> Result<GetResult> {
        self.objects.get_opts(at, GetOptions { head: true, ..GetOptions::default() }).await
    }

    /// Refuses a service that puts over what is there, or forgets marks, before it loses anything of ours.
    async fn prove(&self) -> Result<bool> {
        let at = Path::from_iter(["probe", &mark()]);
        let proven = self.prove_at(&at).await;
        if let Err(error) = self.objects.delete(&at).await {
            tracing::warn!(path = %at, error = &error as &dyn std::error::Error, "a probe stays in the archive's bucket");
        }
        proven
    }

    async fn prove_at(&self, at: &Path) -> Result<bool> {
        let (content, own) = (PutPayload::from_static(b"probe"), mark());
        let options = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.objects.put_opts(at, content.clone(), marked(options(), &own)).await {
            // Refused because of its own first try.
            Ok(_) | Err(Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(unknown(error)),
        }
        if self.head(at).await?.attributes.get(&key()) != Some(&AttributeValue::from(own)) {
            return Err(refused("does not give back the metadata of an object (x-amz-meta-…)"));
        }
        match self.objects.put_opts(at, content.clone(), marked(options(), &mark())).await {
            Err(Error::AlreadyExists { .. }) => {}
            Ok(_) => return Err(refused("puts over what is there (it ignores If-None-Match)")),
            Err(error) => return Err(unknown(error)),
        }
        let parts = in_parts(&self.creating, at, content, options()).await;
        let kept = matches!(parts, Err(Error::AlreadyExists { .. }));
        if !kept {
            tracing::info!("the object storage knows no condition for uploads in parts: large files are sent whole");
        }
        Ok(kept)
    }
}

fn mark() -> String {
    Uuid::new_v4().to_string()
}

fn key() -> Attribute {
    Attribute::Metadata(MARK.into())
}

fn marked(mut options: PutOptions, mark: &str) -> PutOptions {
    options.attributes.insert(key(), mark.to_owned().into());
    options
}

/// Nobody has the name, whatever the answer was: a conflict that ended, a removal between, an upload that is gone.
fn unknown(error: Error) -> Error {
    match error {
        Error::AlreadyExists { source, .. } | Error::NotFound { source, .. } => Error::Generic { store: "S3", source },
        other => other,
    }
}

fn refused(what: &str) -> Error {
    let source = format!("this object storage {what}, so that two writers could undo one another: use another one");
    Error::NotSupported { source: source.into() }
}

/// Sends a large file part by part; only a part is sent again when it fails.
async fn in_parts(
    objects: &PrefixStore<AmazonS3>,
    at: &Path,
    content: PutPayload,
    options: PutOptions,
) -> Result<PutResult> {
    let PutOptions { tags, attributes, extensions, mode: _ } = options;
    let mut upload = objects.put_multipart_opts(at, PutMultipartOptions { tags, attributes, extensions }).await?;
    let sent = send(upload.as_mut(), content.into()).await;
    let Err(error) = sent else { return sent };
    if let Err(stays) = upload.abort().await {
        tracing::debug!(path = %at, error = &stays as &dyn std::error::Error, "parts of an upload stay in the bucket");
    }
    Err(match error {
        Error::Precondition { path, source } => Error::AlreadyExists { path, source },
        other => other,
    })
}

async fn send(upload: &mut dyn MultipartUpload, content: Bytes) -> Result<PutResult> {
    for from in (0..content.len()).step_by(PART) {
        upload.put_part(content.slice(from..content.len().min(from + PART)).into()).await?;
    }
    upload.complete().await
}

/// Ends uploads in parts only where nobody has the name: the library has no option for that.
#[derive(Debug)]
struct IfAbsent;

#[derive(Debug)]
struct EndsIfAbsent(HttpClient);

impl HttpConnector for IfAbsent {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        Ok(HttpClient::new(EndsIfAbsent(ReqwestConnector::default().connect(options)?)))
    }
}

#[async_trait]
impl HttpService for EndsIfAbsent {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let of_upload = request.uri().query().is_some_and(|query| query.contains("uploadId="));
        if request.method() == Method::POST && of_upload {
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        self.0.execute(request).await
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, at: &Path, content: PutPayload, options: PutOptions) -> Result<PutResult> {
        match options.mode {
            PutMode::Create => self.create(at, content, options).await,
            PutMode::Overwrite if content.content_length() > WHOLE => {
                in_parts(&self.objects, at, content, options).await
            }
            PutMode::Overwrite | PutMode::Update(_) => self.objects.put_opts(at, content, options).await,
        }
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.objects.get_opts(at, options).await
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
