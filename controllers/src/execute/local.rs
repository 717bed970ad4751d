//! Runners as processes beside this one, each the leader of its own group. They outlive a restart of controllers, which
//! finds them again by process id and start time; only the exit code of one that ended meanwhile is not known.
//!
//! ```text
//!  <folder>/<attempt>/   order       the digest of what it was made of
//!                        process     its id and start time, written when it is there
//!                        runner.log  what the runner says of itself
//!                        work/       its own, gone when what became of it is known; all else goes two weeks after
//!  <private>/<attempt>/  token and secrets, in memory where there is /dev/shm
//! ```

use std::{
    collections::HashMap,
    fs, io,
    os::unix::{fs::DirBuilderExt, fs::OpenOptionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use beidou_schemas::runner::AttemptId;
use tokio::process::{Child, Command};

use super::{ExecuteError, Executor, Order, Standing};

const ORDER: &str = "order";
const PROCESS: &str = "process";
const TOKEN: &str = "token";
const WORK: &str = "work";
/// How long what a runner says of itself is kept.
const KEPT: Duration = Duration::from_secs(14 * 86_400);
/// Where secrets lie: memory that is never written to disk.
const MEMORY: &str = "/dev/shm";

/// Makes runners as processes.
pub struct LocalProcess {
    folder: PathBuf,
    private: PathBuf,
    program: Vec<String>,
    children: Mutex<HashMap<AttemptId, Child>>,
}

impl LocalProcess {
    /// With a folder of its own; `program` and its first arguments are what is run.
    #[must_use]
    pub fn new(folder: PathBuf, program: Vec<String>) -> Self {
        let memory = Path::new(MEMORY);
        // Two installations on one machine must not meet in memory.
        let name = format!("beidou-{}", &crate::token::digest(folder.as_os_str().as_encoded_bytes())[..16]);
        let private = if memory.is_dir() { memory.join(name) } else { folder.join("private") };
        Self { folder, private, program, children: Mutex::default() }
    }

    fn children(&self) -> MutexGuard<'_, HashMap<AttemptId, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, attempt: &AttemptId) -> PathBuf {
        self.folder.join(attempt.as_str())
    }

    fn write_secrets(&self, order: &Order) -> Result<PathBuf, ExecuteError> {
        let folder = self.private.join(order.attempt.as_str());
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(local("make", &folder))?;
        let token = std::iter::once((TOKEN.to_owned(), order.token.clone()));
        for (name, secret) in token.chain(order.secrets.iter().cloned()) {
            write(&folder.join(&name), secret.0.as_bytes()).map_err(local("write", &folder.join(name)))?;
        }
        Ok(folder)
    }

    fn spawn(&self, order: &Order, private: &Path) -> io::Result<Child> {
        let (program, first) =
            self.program.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let place = self.place(&order.attempt);
        let said = fs::OpenOptions::new().create(true).append(true).open(place.join("runner.log"))?;
        let mut command = Command::new(program);
        command.args(first).args(["--server", &order.door, "--attempt", order.attempt.as_str()]);
        command.arg("--token-file").arg(private.join(TOKEN)).arg("--work").arg(place.join(WORK));
        // Its own folder it makes itself, with a short name: paths of sockets are short.
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said).process_group(0).kill_on_drop(false);
        command.spawn()
    }

    /// Removes what is left of runners that ended long ago.
    fn sweep(&self) {
        let is_old = |place: &PathBuf| {
            let made = fs::metadata(place.join(ORDER)).and_then(|about| about.modified());
            let age = made.ok().and_then(|made| made.elapsed().ok());
            age.is_some_and(|age| age > KEPT) && !Known::read(place).is_some_and(|known| known.lives())
        };
        let all = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for place in all.map(|entry| entry.path()).filter(is_old) {
            if let Err(error) = fs::remove_dir_all(&place) {
                tracing::warn!(%error, place = %place.display(), "what is left of a runner cannot be removed");
            }
        }
    }

    /// Takes the exit of a child of this process.
    fn reap(&self, attempt: &AttemptId) -> Option<Standing> {
        let mut children = self.children();
        let status = children.get_mut(attempt)?.try_wait();
        Some(match status {
            Ok(None) => Standing::Running,
            Ok(Some(status)) => {
                let (exit, signal) = (status.code(), status.signal());
                Standing::Gone { exit, signal, message: status.to_string() }
            }
            Err(error) => Standing::Gone { exit: None, signal: None, message: error.to_string() },
        })
    }
}

#[async_trait]
impl Executor for LocalProcess {
    fn name(&self) -> &'static str {
        "local"
    }

    fn secret_path(&self, attempt: &AttemptId, name: &str) -> String {
        self.private.join(attempt.as_str()).join(name).display().to_string()
    }

    async fn launch(&self, order: &Order) -> Result<String, ExecuteError> {
        let place = self.place(&order.attempt);
        fs::create_dir_all(place.join(WORK)).map_err(local("make", &place))?;
        match fs::read_to_string(place.join(ORDER)) {
            Ok(input) if input != order.input => return Err(ExecuteError::Other(place.display().to_string())),
            Ok(_) => {}
            Err(_) => write(&place.join(ORDER), order.input.as_bytes()).map_err(local("write", &place))?,
        }
        // Whether it lives or not: it was made, and is not made again.
        if let Some(known) = Known::read(&place) {
            return Ok(known.to_string());
        }
        let private = self.write_secrets(order)?;
        let child = self.spawn(order, &private).map_err(local("start", Path::new(&self.program.join(" "))))?;
        let known = child.id().and_then(Known::of).unwrap_or(Known { id: 0, started: 0 });
        // A crash before this leaves a runner that nobody knows. The next one is told the same token, and of both one claims.
        write(&place.join(PROCESS), known.text().as_bytes()).map_err(local("write", &place))?;
        self.children().insert(order.attempt.clone(), child);
        Ok(known.to_string())
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, ExecuteError> {
        if let Some(standing) = self.reap(attempt) {
            return Ok(standing);
        }
        Ok(match Known::read(&self.place(attempt)) {
            None => Standing::Absent,
            Some(known) if known.lives() => Standing::Running,
            Some(_) => Standing::Gone { exit: None, signal: None, message: "it ended while nobody looked".into() },
        })
    }

    async fn stop(&self, attempt: &AttemptId, force: bool) -> Result<(), ExecuteError> {
        let Some(known) = Known::read(&self.place(attempt)) else { return Ok(()) };
        if known.lives() {
            known.signal(if force { libc::SIGKILL } else { libc::SIGTERM });
        }
        Ok(())
    }

    async fn forget(&self, attempt: &AttemptId) -> Result<(), ExecuteError> {
        self.children().remove(attempt);
        for folder in [self.private.join(attempt.as_str()), self.place(attempt).join(WORK)] {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(local("remove", &folder)(error)),
                Ok(()) | Err(_) => {}
            }
        }
        self.sweep();
        Ok(())
    }
}

fn local(act: &'static str, what: &Path) -> impl FnOnce(io::Error) -> ExecuteError {
    let what = what.display().to_string();
    move |source| ExecuteError::Local { act, what, source }
}

/// Whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

/// A process that cannot be taken for another one: numbers are used again, start times with them are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    id: u32,
    started: u64,
}

impl Known {
    fn of(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name in parentheses may hold anything; state is the first field behind it, start time the twentieth.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (state != "Z").then_some(Self { id, started })
    }

    fn read(place: &Path) -> Option<Self> {
        let text = fs::read_to_string(place.join(PROCESS)).ok()?;
        let (id, started) = text.trim().split_once(' ')?;
        Some(Self { id: id.parse().ok()?, started: started.parse().ok()? })
    }

    fn text(self) -> String {
        format!("{} {}\n", self.id, self.started)
    }

    fn lives(self) -> bool {
        self.id != 0 && Self::of(self.id) == Some(self)
    }

    /// To its whole group, of which it is the leader.
    fn signal(self, signal: i32) {
        let Ok(id) = i32::try_from(self.id) else { return };
        if id > 1 {
            // SAFETY: a plain system call with two numbers; the process is ours, by its start time.
            let _ = unsafe { libc::kill(-id, signal) };
        }
    }
}

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[tokio::test]
    async fn what_is_left_of_runners_is_removed_two_weeks_after_they_were_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let executor = LocalProcess::new(folder.path().to_owned(), Vec::new());
        let made = |name: &str, days: u64, process: Option<Known>| {
            let place = folder.path().join(name);
            fs::create_dir_all(place.join(WORK)).unwrap();
            if let Some(process) = process {
                fs::write(place.join(PROCESS), process.text()).unwrap();
            }
            let order = fs::File::create(place.join(ORDER)).unwrap();
            order.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
        };
        let own = Known::of(std::process::id()).unwrap();
        made("old", 15, None);
        made("dead", 15, Some(Known { started: own.started + 1, ..own }));
        made("young", 13, None);
        made("alive", 15, Some(own));
        executor.forget(&"00000000-first-b0-a1".parse().unwrap()).await.unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["alive", "young"]);
    }
}
