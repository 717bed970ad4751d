//! Getting the package: through the user's npm, or straight from the user's registry.
//!
//! Flow: [`Source::fetch`] leaves one `.tgz` in a temporary folder beside the library's final place and returns its
//! path; `unpack.rs` checks it. npm comes first because it knows the user's proxies, mirrors and logins.
//! Invariants: nothing of an unchecked package is used; a fetch always ends ([`FETCH_TIMEOUT`], [`READ_TIMEOUT`]).

use super::registry::Registry;
use super::release::Release;
use super::{InstallError, OnProgress, Progress, Stage};
use futures::StreamExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Longest fetch: 178 MB at 50 kB/s.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest silence of a registry inside a download.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the growing download of npm is measured.
const NPM_POLL: Duration = Duration::from_millis(200);
/// So much of npm's own complaint is repeated.
const NPM_TAIL_LINES: usize = 6;

/// Where the package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The npm program at this path.
    Npm(PathBuf),
    /// A plain GET from this registry.
    Registry(Registry),
}

impl Source {
    /// npm where it is on PATH, else the configured registry.
    pub(super) fn from_environment(scope: &str) -> Option<Source> {
        let npm = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join("npm"))
            .find(|program| program.is_file());
        npm.map(Source::Npm).or_else(|| Registry::configured(scope).map(Source::Registry))
    }

    /// Fetches the package into `folder`.
    pub(super) async fn fetch(
        &self,
        release: &Release,
        folder: &Path,
        progress: &OnProgress,
    ) -> Result<PathBuf, InstallError> {
        let fetching = async {
            match self {
                Source::Npm(program) => by_npm(program, release, folder, progress).await,
                Source::Registry(registry) => by_http(registry, release, folder, progress).await,
            }
        };
        tokio::time::timeout(FETCH_TIMEOUT, fetching).await.unwrap_or_else(|_| {
            let reason = format!("not done within {} s", FETCH_TIMEOUT.as_secs());
            Err(InstallError::Fetch { from: self.to_string(), reason })
        })
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Npm(program) => write!(f, "{}", program.display()),
            Source::Registry(registry) => f.write_str(&registry.url),
        }
    }
}

/// `npm pack` with a cache of its own: so the download can be measured while it grows, and leaves no second copy behind.
async fn by_npm(
    program: &Path,
    release: &Release,
    folder: &Path,
    progress: &OnProgress,
) -> Result<PathBuf, InstallError> {
    let fail = |reason: String| InstallError::Fetch { from: program.display().to_string(), reason };
    let mut command = Command::new(program);
    command
        .arg("pack")
        .arg(format!("{}@{}", release.package(), release.version))
        .args(["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"])
        .arg("--cache")
        .arg(folder.join("npm-cache"))
        .arg("--pack-destination")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn().map_err(|error| fail(error.to_string()))?;
    let mut ended = std::pin::pin!(child.wait_with_output());
    let mut poll = tokio::time::interval(NPM_POLL);
    let output = loop {
        tokio::select! {
            output = &mut ended => break output.map_err(|error| fail(error.to_string()))?,
            _ = poll.tick() => {
                let done = bytes_below(folder).min(release.package_bytes);
                progress(Progress::new(Stage::Download, done, release.package_bytes));
            }
        }
    };
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = complaint.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = lines[lines.len().saturating_sub(NPM_TAIL_LINES)..].join("\n  ");
        return Err(fail(format!("`npm pack` ended with {}:\n  {tail}", output.status)));
    }
    packed_file(folder).ok_or_else(|| fail("`npm pack` left no package behind".to_owned()))
}

/// All bytes of the files below `folder`, as far as they can be seen.
fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

fn packed_file(folder: &Path) -> Option<PathBuf> {
    let mut paths = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    paths.find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
}

async fn by_http(
    registry: &Registry,
    release: &Release,
    folder: &Path,
    progress: &OnProgress,
) -> Result<PathBuf, InstallError> {
    let Release { scope, name, version, .. } = release;
    let url = format!("{}/{scope}/{name}/-/{name}-{version}.tgz", registry.url);
    let fail = |error: &dyn std::error::Error| InstallError::Fetch { from: url.clone(), reason: chain(error) };
    let client = client().map_err(|error| fail(&error))?;
    let mut request = client.get(&url);
    if let Some(token) = &registry.token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(|error| fail(&error))?;
    let path = folder.join("package.tgz");
    let write = |source| InstallError::File { act: "write the download to", path: path.clone(), source };
    let mut file = tokio::fs::File::create(&path).await.map_err(write)?;
    let mut chunks = response.bytes_stream();
    let mut done = 0u64;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| fail(&error))?;
        done += chunk.len() as u64;
        if done > release.package_bytes {
            let reason = format!("the package is larger than the expected {} bytes", release.package_bytes);
            return Err(InstallError::Fetch { from: url, reason });
        }
        file.write_all(&chunk).await.map_err(write)?;
        progress(Progress::new(Stage::Download, done, release.package_bytes));
    }
    file.flush().await.map_err(write)?;
    Ok(path)
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    // The process may have chosen its provider already; then that one counts.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()
}

/// An error with all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error).chain(causes).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
