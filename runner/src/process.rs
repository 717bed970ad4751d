//! The duties of the first process: everything below it is its own. It takes up orphans, hands on signals, and leaves nothing
//! behind: Ansible's workers have sessions of their own, and masters of SSH connections outlive the run on purpose.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

/// How often what was killed is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A killed process is gone in milliseconds, unless a disk holds it: then nobody can help.
const GONE_LIMIT: Duration = Duration::from_secs(10);

/// Orphans of our children become our own.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    // SAFETY: prctl takes no pointers here.
    match unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Starts a program in a process group of its own, that dies with us.
pub(crate) fn start(mut command: Command) -> io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    // SAFETY: prctl is async-signal-safe and touches nothing that is shared with the parent.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    command.spawn()
}

/// How a program ended: its exit code, or the signal that ended it.
pub(crate) fn ending(status: ExitStatus) -> (Option<i32>, Option<i32>) {
    (status.code(), status.signal())
}

/// Asks a program and its group to end.
pub(crate) fn terminate(pid: u32) {
    send(-pid.cast_signed(), libc::SIGTERM);
}

fn send(pid: i32, signal: i32) {
    // SAFETY: kill takes no pointers. The process is our descendant, so its id is not another's.
    // It fails where the process has ended: then all is as it should be.
    let _ = unsafe { libc::kill(pid, signal) };
}

/// Takes up ended orphans, for as long as this is polled; `except` is waited for by somebody else.
pub(crate) async fn reap_orphans(except: u32) {
    let Ok(mut children) = signal(SignalKind::child()) else { return };
    loop {
        children.recv().await;
        reap(Some(except));
    }
}

/// Kills everything below us, and returns when it is gone.
pub(crate) async fn kill_all(except: Option<u32>) -> bool {
    let end = Instant::now() + GONE_LIMIT;
    loop {
        let alive = descendants();
        if alive.is_empty() {
            return true;
        }
        for pid in &alive {
            send(*pid, libc::SIGKILL);
        }
        reap(except);
        if Instant::now() >= end {
            return false;
        }
        sleep(LOOK_EVERY).await;
    }
}

fn reap(except: Option<u32>) {
    let own = std::process::id().cast_signed();
    for (pid, process) in processes() {
        if process.parent == own && process.ended && Some(pid.cast_unsigned()) != except {
            // SAFETY: a null pointer is allowed for the status.
            let _ = unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
        }
    }
}

struct Process {
    parent: i32,
    ended: bool,
}

/// Everything that lives below us.
fn descendants() -> Vec<i32> {
    let all = processes();
    let own = std::process::id().cast_signed();
    let below = |mut pid: i32| {
        // The chain of parents cannot be longer than there are processes.
        for _ in 0..all.len() {
            match all.get(&pid) {
                Some(process) if process.parent == own => return true,
                Some(process) => pid = process.parent,
                None => return false,
            }
        }
        false
    };
    all.iter().filter(|(pid, process)| !process.ended && below(**pid)).map(|(pid, _)| *pid).collect()
}

fn processes() -> HashMap<i32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return HashMap::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// `pid (name) state parent …`; the name may hold anything.
fn parse(stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    Some(Process { ended: matches!(state, "Z" | "X"), parent: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let process = parse("12 (a) Z 1) S 7 12 12").unwrap();
        assert_eq!((process.parent, process.ended), (7, false));
        assert!(parse("12 (a) Z 7 12").unwrap().ended);
    }
}
