//! Installation from a registry of our own on loopback, with small packages and every kind of damage.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use beidou_store::engine::install::{
    InstallError, Installer, OnProgress, Registry, Release, Source, Stage, no_progress,
};
use sha2::{Digest, Sha512};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const LIBRARY: &[u8] = b"not really an engine, but whole";
const TOKEN: &str = "of-the-registry";

fn sha512(bytes: &[u8]) -> String {
    Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A package as npm packs it.
fn package(member: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in [("package/index.js", b"{}".as_slice()), (member, content)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        archive.append_data(&mut header, name, content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn release(package: &[u8]) -> Release {
    Release {
        platform: "test",
        scope: "@scope",
        name: "engine",
        version: "1.2.3",
        package_bytes: package.len() as u64,
        package_sha512: sha512(package).leak(),
        member: "package/libchdb.so",
        library_bytes: LIBRARY.len() as u64,
        library_sha512: sha512(LIBRARY).leak(),
    }
}

struct Shop {
    package: Vec<u8>,
    served: AtomicU32,
}

async fn serve(State(shop): State<Arc<Shop>>, uri: Uri, headers: HeaderMap) -> (StatusCode, Body) {
    let authorised = headers.get("authorization").is_some_and(|value| value == &format!("Bearer {TOKEN}"));
    if !authorised {
        return (StatusCode::UNAUTHORIZED, Body::empty());
    }
    if uri.path() != "/npm/@scope/engine/-/engine-1.2.3.tgz" {
        return (StatusCode::NOT_FOUND, Body::empty());
    }
    shop.served.fetch_add(1, Ordering::SeqCst);
    (StatusCode::OK, Body::from(shop.package.clone()))
}

/// Starts a registry that serves `package`; an installer for it that expects `release`.
async fn shop(package: Vec<u8>, release: Release, cache: &Path) -> (Installer, Arc<Shop>) {
    let shop = Arc::new(Shop { package, served: AtomicU32::new(0) });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/npm", listener.local_addr().unwrap());
    let router = Router::new().fallback(serve).with_state(shop.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let source = Some(Source::Registry(Registry { url, token: Some(TOKEN.into()) }));
    (Installer { release, library_override: None, cache_dir: cache.to_path_buf(), source }, shop)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_package_is_fetched_checked_and_used_from_then_on() {
    let cache = tempfile::tempdir().unwrap();
    let good = package("package/libchdb.so", LIBRARY);
    let (installer, shop) = shop(good.clone(), release(&good), cache.path()).await;
    assert_eq!(installer.locate().unwrap(), None);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener: OnProgress = {
        let seen = seen.clone();
        Arc::new(move |progress| seen.lock().unwrap().push(progress))
    };
    let library = installer.install(listener).await.unwrap();
    assert_eq!(library, cache.path().join("engine/1.2.3/libchdb.so"));
    assert_eq!(std::fs::read(&library).unwrap(), LIBRARY);
    assert_eq!(names(library.parent().unwrap()), [".lock", "libchdb.so", "libchdb.so.verified"]);
    for stage in [Stage::Download, Stage::Verify, Stage::Unpack] {
        let last = seen.lock().unwrap().iter().rfind(|progress| progress.stage == stage).copied().unwrap();
        assert_eq!(last.done_bytes, last.total_bytes, "{stage:?}");
    }
    assert_eq!(installer.install(no_progress()).await.unwrap(), library);
    assert_eq!(installer.verify(no_progress()).await.unwrap(), library);
    assert_eq!(shop.served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn two_installations_at_once_fetch_once() {
    let cache = tempfile::tempdir().unwrap();
    let good = package("package/libchdb.so", LIBRARY);
    let (installer, shop) = shop(good.clone(), release(&good), cache.path()).await;
    let (one, two) = tokio::join!(installer.install(no_progress()), installer.install(no_progress()));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(shop.served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_package_with_a_wrong_checksum_is_refused_and_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let good = package("package/libchdb.so", LIBRARY);
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let got = sha512(&bad);
    let (installer, _) = shop(bad, release(&good), cache.path()).await;
    let error = installer.install(no_progress()).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, InstallError::Checksum { .. }), "{text}");
    for part in ["engine-1.2.3.tgz", &sha512(&good), &got, "beidou engine install"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert_eq!(names(&cache.path().join("engine/1.2.3")), [".lock"]);
}

#[tokio::test]
async fn a_package_without_or_with_another_library_is_refused() {
    for (member, content, part) in [
        ("package/other.so", LIBRARY, "has no package/libchdb.so"),
        ("package/libchdb.so", b"other".as_slice(), "checksum"),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let odd = package(member, content);
        let (installer, _) = shop(odd.clone(), release(&odd), cache.path()).await;
        let error = installer.install(no_progress()).await.unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error} {source}").contains(part), "{error} {source}");
        assert_eq!(names(&cache.path().join("engine/1.2.3")), [".lock"]);
    }
}

#[tokio::test]
async fn a_changed_library_is_noticed_and_replaced() {
    let cache = tempfile::tempdir().unwrap();
    let good = package("package/libchdb.so", LIBRARY);
    let (installer, shop) = shop(good.clone(), release(&good), cache.path()).await;
    let library = installer.install(no_progress()).await.unwrap();
    let mut changed = LIBRARY.to_vec();
    changed[0] ^= 1;
    std::fs::write(&library, &changed).unwrap();
    // Clocks of file systems stand still for some milliseconds: two writes may have one time.
    let file = std::fs::File::options().write(true).open(&library).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(installer.locate().unwrap(), None, "another modification time is enough to doubt");
    let error = installer.verify(no_progress()).await.unwrap_err().to_string();
    for part in [library.to_str().unwrap(), &sha512(LIBRARY), &sha512(&changed), "remove it"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
    installer.install(no_progress()).await.unwrap();
    assert_eq!(std::fs::read(&library).unwrap(), LIBRARY);
    assert_eq!(shop.served.load(Ordering::SeqCst), 2);
    // A whole library without a mark is taken as it is, after a full check.
    std::fs::remove_file(library.with_extension("so.verified")).unwrap();
    assert_eq!(installer.install(no_progress()).await.unwrap(), library);
    assert_eq!(shop.served.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let good = package("package/libchdb.so", LIBRARY);
    let (installer, _) = shop(good.clone(), release(&good), cache.path()).await;
    let nowhere = Installer { source: None, ..installer.clone() };
    let error = nowhere.install(no_progress()).await.unwrap_err().to_string();
    assert!(error.contains("npm_config_registry") && error.contains("BEIDOU_ENGINE_LIBRARY"), "{error}");
    let Some(Source::Registry(registry)) = installer.source.clone() else { unreachable!("made above") };
    let refused = Source::Registry(Registry { token: None, ..registry });
    let error = Installer { source: Some(refused), ..installer.clone() }.install(no_progress()).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    let override_missing = Installer { library_override: Some("/nonexistent/lib.so".into()), ..installer.clone() };
    let error = override_missing.locate().unwrap_err().to_string();
    assert!(error.contains("BEIDOU_ENGINE_LIBRARY") && error.contains("/nonexistent/lib.so"), "{error}");
    let broken_npm = Installer { source: Some(Source::Npm("/bin/false".into())), ..installer };
    let error = broken_npm.install(no_progress()).await.unwrap_err().to_string();
    assert!(error.contains("npm pack"), "{error}");
}
