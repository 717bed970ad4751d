//! The engine as a process: it ends with its parent, refuses a second one, is restarted after a crash.

use crate::support::{self, DEADLINE, EngineProcess, errors_of, wait_for};
use beidou_service::held_port::HeldPort;
use beidou_store::engine::{Credentials, Endpoint, EndpointError, EngineState, Supervisor};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: plain system call; the process is a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(pid.try_into().unwrap(), signal) }, 0);
}

fn is_missing(data: &Path) -> bool {
    matches!(Endpoint::read(data), Err(EndpointError::Missing { .. }))
}

#[test]
fn the_end_of_standard_input_ends_the_engine_cleanly() {
    let mut engine = EngineProcess::start();
    drop(engine.stdin.take());
    let status = engine.wait();
    assert!(status.success(), "{status}: {}", errors_of(&mut engine.child));
    assert!(is_missing(engine.data()), "a clean end removes the endpoint file");
}

#[test]
fn sigterm_ends_the_engine_and_ctrl_c_is_left_to_the_parent() {
    let mut engine = EngineProcess::start();
    signal(engine.child.id(), libc::SIGINT);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(engine.ok("SELECT 1")), "1");
    signal(engine.child.id(), libc::SIGTERM);
    let status = engine.wait();
    assert!(status.success(), "{status}: {}", errors_of(&mut engine.child));
    assert!(is_missing(engine.data()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_ever_for_running_statements() {
    let mut engine = EngineProcess::start();
    let request = engine.request().body("SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1");
    let waiting = tokio::spawn(request.send());
    support::wait_until("the statement to run", async || {
        engine.ok("SELECT count() FROM system.processes").await.parse::<u64>().unwrap() == 2
    })
    .await;
    drop(engine.stdin.take());
    assert!(engine.wait().success(), "{}", errors_of(&mut engine.child));
    drop(waiting.await);
}

#[test]
fn a_second_engine_on_the_same_data_is_refused_by_name() {
    let engine = EngineProcess::start();
    let mut second = support::command(engine.data()).spawn().unwrap();
    let status = wait_for("the second engine to give up", || second.try_wait().unwrap());
    let errors = errors_of(&mut second);
    assert!(!status.success());
    assert!(errors.contains("in use by another engine"), "{errors}");
    assert!(errors.contains(&format!("process {}", engine.child.id())), "{errors}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(engine.ok("SELECT 1")), "1", "the first one is not disturbed");
    assert_eq!(Endpoint::read(engine.data()).unwrap(), engine.endpoint);
}

#[test]
fn a_clean_restart_has_new_secrets() {
    let data = tempfile::tempdir().unwrap();
    let mut engine = EngineProcess::start_on(data.path());
    drop(engine.stdin.take());
    assert!(engine.wait().success());
    let again = EngineProcess::start_on(data.path());
    assert_ne!(again.endpoint.writer.password, engine.endpoint.writer.password);
    assert_ne!(again.endpoint.reader.password, engine.endpoint.reader.password);
}

fn supervised(data: &Path) -> Supervisor {
    let path = data.to_path_buf();
    support::library();
    Supervisor::start(path.clone(), move || {
        let mut command = support::command(&path);
        command.stderr(Stdio::inherit());
        command.into()
    })
}

/// A port that the engine had before a crash.
fn port_of_before(data: &Path) -> HeldPort {
    let port = HeldPort::any().unwrap();
    let nobody = || Credentials { user: String::new(), password: String::new() };
    let endpoint = Endpoint {
        url: format!("http://{}", port.address()),
        database: String::new(),
        writer: nobody(),
        reader: nobody(),
        archive_reader: nobody(),
        pid: u32::MAX,
        version: String::new(),
    };
    let path = Endpoint::path(data);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, serde_json::to_vec(&endpoint).unwrap()).unwrap();
    port
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_supervisor_restarts_a_killed_engine_and_stops_it_in_order() {
    let data = tempfile::tempdir().unwrap();
    let port = port_of_before(data.path());
    let supervisor = supervised(data.path());
    let first = within("the first start", supervisor.ready()).await.unwrap();
    let mut state = supervisor.state();
    signal(first.pid, libc::SIGKILL);
    let restarted = |state: &EngineState| matches!(state, EngineState::Ready(endpoint) if endpoint.pid != first.pid);
    let seen = within("the restart", state.wait_for(restarted)).await.unwrap().clone();
    let EngineState::Ready(second) = seen else { unreachable!("waited for ready") };
    let before = format!("http://{}", port.address());
    assert_eq!([&first.url, &second.url], [&before; 2], "clients find the restarted engine where it was");
    let ping = support::answer(support::http().get(format!("{}/ping", second.url))).await;
    assert_eq!(ping, (200, "Ok.\n".to_owned()));
    within("the stop", supervisor.stop()).await;
    assert_eq!(*state.borrow_and_update(), EngineState::Stopped);
    assert!(is_missing(data.path()), "the engine ended in order");
}

#[tokio::test]
async fn the_supervisor_tells_why_an_engine_does_not_start() {
    let data = tempfile::tempdir().unwrap();
    let supervisor =
        Supervisor::start(data.path().to_path_buf(), || tokio::process::Command::new("/nonexistent/engine"));
    let mut state = supervisor.state();
    let failed = |state: &EngineState| matches!(state, EngineState::Waiting { failures: 2, .. });
    let seen = within("the second failure", state.wait_for(failed)).await.unwrap().clone();
    let EngineState::Waiting { reason, delay, .. } = seen else { unreachable!("waited for it") };
    assert!(reason.contains("start the engine process"), "{reason}");
    assert_eq!(delay, Duration::from_millis(500));
    within("the stop", supervisor.stop()).await;
}
