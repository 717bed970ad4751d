//! One started program of the control plane: its process, its log file, its certain end.
//!
//! Invariant: no process outlives the test. `Drop` kills it by its pid; where the test itself is killed, the kernel
//! does it. Linux sends that signal when the *thread* that started the child ends, and a test's thread may end before
//! its control plane does, so one thread that never ends starts them all.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        LazyLock,
        mpsc::{Sender, channel},
    },
    thread,
};

/// How much of a log an error message shows: some forty lines, enough for the reason of an early end.
const TAIL_BYTES: u64 = 6_000;

/// A running program.
pub struct Part {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Part {
    /// Starts `folder`/`name` with these flags; what it prints goes to `logs`/`name`.log.
    ///
    /// # Errors
    /// When the log cannot be made or the program cannot be started.
    pub fn start(folder: &Path, name: &'static str, flags: &[String], logs: &Path) -> io::Result<Self> {
        let mut command = Command::new(folder.join(name));
        command.args(flags);
        Self::launch(name, command, logs)
    }

    /// Starts `command`; what it prints is added to `logs`/`name`.log.
    ///
    /// # Errors
    /// When the log cannot be made or the program cannot be started.
    pub fn launch(name: &'static str, mut command: Command, logs: &Path) -> io::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let out = fs::File::options().create(true).append(true).open(&log)?;
        command.current_dir(logs).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        Ok(Self { name, child: spawn(command)?, log })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as `kill -9` does, and waits for its end.
    ///
    /// # Errors
    /// When it has ended by itself before.
    pub fn kill(mut self) -> io::Result<()> {
        if let Some(status) = self.ended()? {
            return Err(io::Error::other(format!("{} had ended by itself: {status}\n{}", self.name, self.log_tail())));
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the system does not know the process.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        // SAFETY: kill takes no pointers; the process is our child and has not been waited for, so the id is its own.
        match unsafe { libc::kill(self.child.id() as i32, signal) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system does not know the process.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The end of its log, for an error message; says so where it cannot be read.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log).unwrap_or_else(|error| format!("(cannot read {}: {error})", self.log.display()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Both fail only where the process has ended and been waited for: then all is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

type Order = (Command, Sender<io::Result<Child>>);

/// The thread that starts all children and lives as long as the process.
static STARTER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (orders, received) = channel::<Order>();
    thread::spawn(move || {
        for (mut command, answer) in received {
            // A caller that no longer waits is gone with its test: the child is dropped, and with us it ends.
            let _ = answer.send(command.spawn());
        }
    });
    orders
});

fn spawn(mut command: Command) -> io::Result<Child> {
    #[cfg(target_os = "linux")]
    // SAFETY: prctl is async-signal-safe and touches nothing that is shared with the parent.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    let (answer, answered) = channel();
    STARTER.send((command, answer)).map_err(|_| io::Error::other("the thread that starts programs has ended"))?;
    answered.recv().map_err(|_| io::Error::other("the thread that starts programs has ended"))?
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::until;

    #[tokio::test]
    async fn keeps_the_log_and_ends_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let flags = ["-c", "echo started; echo trouble >&2; exec tail -f /dev/null"].map(String::from);
        let part = Part::start(Path::new("/bin"), "sh", &flags, folder.path()).unwrap();
        let process = PathBuf::from(format!("/proc/{}", part.child.id()));
        assert!(process.exists());
        until("the log has both lines", Duration::from_secs(30), async || {
            (part.log_tail() == "started\ntrouble\n").then_some(())
        })
        .await
        .unwrap();
        drop(part);
        assert!(!process.exists());
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Part::start(folder.path(), "etcd", &[], folder.path()).is_err());
    }
}
