//! The engine in a process of its own, for the tests of every room that needs one.
//!
//! The engine owns its whole process, so a test binary starts itself again: the child runs just `engine_process` below,
//! which serves until its standard input ends. Other rooms take in `engine.rs`, which has it. The engine
//! library is installed for real when it is not there yet; without it the tests fail.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]
#![allow(clippy::unwrap_used, missing_docs, reason = "all of this is test code")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use beidou_store::engine::{
    EngineOptions,
    install::{Installer, no_progress},
    serve,
};

const DATA: &str = "BEIDOU_TEST_ENGINE_DATA";
const LIBRARY: &str = "BEIDOU_TEST_ENGINE_LIBRARY";
/// Enough for every test here, and low enough that the test of the limit is quick.
pub const MEMORY_LIMIT_BYTES: u64 = 2 << 30;

/// The child's side; does nothing in a normal run.
#[test]
fn engine_process() {
    let (Some(data), Some(library)) = (std::env::var_os(DATA), std::env::var_os(LIBRARY)) else { return };
    let options = EngineOptions {
        data_dir: data.into(),
        library: library.into(),
        memory_limit_bytes: MEMORY_LIMIT_BYTES,
        listen: ([127, 0, 0, 1], 0).into(),
        tie_to_stdin: true,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Err(error) = runtime.block_on(serve(options, std::future::pending())) {
        panic!("engine: {error}");
    }
}

/// The engine library, installed on first use.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let installed = std::thread::spawn(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(Installer::from_environment().unwrap().install(no_progress()))
        });
        installed.join().unwrap().expect("the engine library can be installed")
    })
}

/// The command that runs an engine on `data`.
pub fn command(data: &Path) -> Command {
    let (_binary, module) = module_path!().split_once("::").unwrap();
    let name = format!("{module}::engine_process");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([name.as_str(), "--exact", "--nocapture", "--test-threads=1"])
        .env(DATA, data)
        .env(LIBRARY, library())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}
