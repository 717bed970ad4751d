//! The fence on each host: while a command of an earlier attempt runs there, a later one does not act, and once the later one
//! has the host, the earlier one starts nothing any more. `fence.sh` says how.
//!
//! Modules are covered; the `raw` module is not, for it is started without Python.

use std::{path::Path, process::Stdio, time::Duration};

use beidou_schemas::runner::{Assignment, InventoryHost, RunKind, TaskEvent, TaskEventKind, TaskState};
use futures::{StreamExt, stream};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::{line, material::Material, play, spool::now};

const SCRIPT: &str = include_str!("fence.sh");
/// Connects and writes two small files; the wait for the lock comes beside.
const LIMIT: Duration = Duration::from_secs(42);
const TASK: &str = "fence";

/// Whether hosts are fenced: a program of its own is not known to reach them by modules.
pub(crate) fn needed(assignment: &Assignment) -> bool {
    assignment.mutates && !assignment.check && assignment.kind == RunKind::Ansible
}

/// The Python of an attempt on a host.
pub(crate) fn interpreter(assignment: &Assignment) -> String {
    format!("/var/lib/beidou/fence/attempts/{}/python", assignment.attempt)
}

/// Takes all hosts; gives those that cannot be, as events.
pub(crate) async fn take(assignment: &Assignment, material: &Material, sockets: &Path, forks: usize) -> Vec<TaskEvent> {
    let hosts = assignment.limit.iter().filter_map(|name| Some((name, assignment.inventory.hosts.get(name)?)));
    stream::iter(hosts)
        .map(|(name, host)| async move {
            let begun = std::time::Instant::now();
            let (state, message) = take_one(assignment, material, sockets, host).await.err()?;
            let mut event = TaskEvent {
                task: Some(TASK.into()),
                host: Some(name.clone()),
                state: Some(state),
                duration_ms: u64::try_from(begun.elapsed().as_millis()).ok(),
                message: Some(line::clip(message)),
                ..TaskEvent::new(0, now(), TaskEventKind::Host)
            };
            line::name_failure(&mut event);
            Some(event)
        })
        .buffer_unordered(forks)
        .filter_map(async |event| event)
        .collect()
        .await
}

async fn take_one(
    assignment: &Assignment,
    material: &Material,
    sockets: &Path,
    host: &InventoryHost,
) -> Result<(), (TaskState, String)> {
    let python = host.vars.get("ansible_python_interpreter").and_then(|value| value.as_str()).unwrap_or("-");
    if !python.chars().all(|character| character.is_ascii_alphanumeric() || "/._-".contains(character)) {
        return Err((TaskState::Failed, format!("ansible_python_interpreter {python:?} is no path")));
    }
    let words = format!("{} {} {python} {}", assignment.fence, assignment.attempt, assignment.fence_wait_s);
    let remote = format!("if [ \"$(id -u)\" = 0 ]; then exec sh -s -- {words}; else exec sudo -n sh -s -- {words}; fi");
    let failed = |error: std::io::Error| (TaskState::Failed, format!("cannot start ssh: {error}"));
    let mut ssh = Command::new("ssh")
        .args(play::ssh_words(assignment, material, sockets))
        .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-T", "-p", &host.port.to_string()])
        .arg(format!("{}@{}", host.user, host.ansible_host))
        .arg(remote)
        .env_clear()
        .env("PATH", play::path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut stdin = ssh.stdin.take();
    let spoken = async {
        if let Some(stdin) = &mut stdin {
            // It fails where ssh has ended: its own words say why.
            let _ = stdin.write_all(SCRIPT.as_bytes()).await;
        }
        drop(stdin);
        ssh.wait_with_output().await
    };
    let output = match timeout(LIMIT + Duration::from_secs(assignment.fence_wait_s.into()), spoken).await {
        Ok(output) => output.map_err(failed)?,
        Err(_) => return Err((TaskState::Unreachable, "timed out: the host does not answer".into())),
    };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(0) => Ok(()),
        // ssh's own failures.
        Some(255) => Err((TaskState::Unreachable, said.trim().to_owned())),
        _ => Err((TaskState::Failed, said.trim().to_owned())),
    }
}
