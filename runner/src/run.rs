//! One step from the claim to its end.

use std::{
    collections::BTreeMap,
    error::Error,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use beidou_playbooks::Bundle;
use beidou_schemas::runner::{Assignment, Ended, Finish, First, HostOutcome, LARGEST_BODY, RunKind};
use beidou_service::{CancellationToken, telemetry::chain};
use tempfile::TempDir;
use tokio::{
    process::Child,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Arguments, DoorError, TooShort,
    door::Door,
    fence,
    material::{self, Material, MaterialError},
    outcome::{self, Outcomes},
    play::{self, Play},
    private::Private,
    process,
    redact::Redactor,
    report::{Listener, Report},
    ship::{ShipError, Shipper, patiently},
    spool::Spool,
};

const PLUGIN: &str = include_str!("callback/beidou_events.py");
/// A fact cache is for speed: a door that does not answer is not waited for.
const FACTS_PATIENCE: Duration = Duration::from_secs(20);
/// What ends a tar.
const TAR_END: usize = 1024;

/// Why a step was not run, or not to an end that the door knows.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The door cannot be spoken to at all.
    #[error(transparent)]
    Door(DoorError),
    /// The claim was not granted: nothing was touched.
    #[error("the step is not ours, and nothing was touched")]
    Claim(#[source] DoorError),
    /// It was stopped before it had anything to do.
    #[error("stopped before the step was claimed")]
    Stopped,
    /// The spool cannot be made: nothing was touched.
    #[error("make the spool in {path}")]
    Spool {
        /// Where.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The run is over, and the door does not know all of it.
    #[error("the run is over, but the door does not have all that it said")]
    Report(#[source] Box<dyn Error + Send + Sync>),
    /// The run is over, and the door has not taken its end.
    #[error("the run is over, but the door did not take its end")]
    Finish(#[source] DoorError),
}

/// What happened before anything could be started. Nothing was touched then.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error("the bundle {0}")]
    Bundle(String),
    #[error(transparent)]
    Material(#[from] MaterialError),
    #[error(transparent)]
    TooShort(#[from] TooShort),
    #[error("prepare the run")]
    Prepare(#[from] io::Error),
    #[error("start {program}")]
    Start { program: String, source: io::Error },
}

/// How a run ended.
struct Ending {
    ended: Ended,
    exit: Option<i32>,
    signal: Option<i32>,
    reason: Option<String>,
    hosts: BTreeMap<String, HostOutcome>,
}

/// Claims the step, runs it, and tells the door everything. `stop` is cancelled by SIGTERM.
///
/// # Errors
/// When the claim is not granted, or the door does not know how the run ended.
pub async fn run_step(arguments: Arguments, stop: CancellationToken) -> Result<(), StepError> {
    let door = Arc::new(Door::new(&arguments).map_err(StepError::Door)?);
    let assignment = tokio::select! {
        claimed = patiently(arguments.patience(), async || door.claim().await) => claimed.map_err(StepError::Claim)?,
        () = stop.cancelled() => return Err(StepError::Stopped),
    };
    tracing::info!(attempt = %assignment.attempt, hosts = assignment.limit.len(), "claimed");
    let folder = arguments.work.join(assignment.attempt.as_str());
    let spool =
        Spool::create(&folder).map_err(|source| StepError::Spool { path: folder.display().to_string(), source })?;
    let spool = Arc::new(spool);
    let (over, is_over) = watch::channel(None);
    let heartbeat = Duration::from_millis(assignment.heartbeat_ms);
    let shipper = Shipper::new(door.clone(), spool.clone(), heartbeat, stop.clone(), is_over);
    let shipper = tokio::spawn(shipper.run());

    let mut ending = match run(&arguments, &assignment, &door, &spool, &stop).await {
        Ok(ending) => ending,
        Err(error) => unready(&assignment, &error),
    };
    ending.hosts.retain(|host, _| assignment.limit.contains(host));
    tracing::info!(attempt = %assignment.attempt, ended = %ending.ended, reason = ending.reason, "over");
    // Nobody is left who would look whether it is full.
    let _ = over.send(Some(Instant::now() + arguments.patience()));
    let shipped = shipper.await.unwrap_or_else(|error| Err(ShipError::Spool(io::Error::other(error))));
    shipped.map_err(|error| StepError::Report(error.into()))?;
    let finish = Finish {
        attempt: door.attempt().clone(),
        runner: door.runner(),
        ended: ending.ended,
        exit: ending.exit,
        signal: ending.signal,
        reason: ending.reason,
        hosts: ending.hosts,
        last_seq: spool.last_seq(),
    };
    patiently(arguments.patience(), async || door.finish(&finish).await).await.map_err(StepError::Finish)?;
    Ok(())
}

fn unready(assignment: &Assignment, error: &Unready) -> Ending {
    tracing::error!(error = error as &dyn Error, "the step cannot be started");
    let reason = chain(error);
    let mut hosts = Outcomes::new(&assignment.limit).decide(false);
    // Where people look for what is wrong with a host.
    for host in hosts.values_mut() {
        host.message.get_or_insert_with(|| reason.clone());
    }
    Ending { ended: Ended::Missing, exit: None, signal: None, reason: Some(reason), hosts }
}

async fn run(
    arguments: &Arguments,
    assignment: &Assignment,
    door: &Door,
    spool: &Arc<Spool>,
    stop: &CancellationToken,
) -> Result<Ending, Unready> {
    let deadline = Instant::now() + Duration::from_millis(assignment.deadline_ms);
    process::adopt_orphans()?;
    let private = Private::create(arguments.private.as_deref())?;
    let (variables, keys) = material::secrets(assignment)?;
    let known = variables.iter().chain(&keys).map(|(name, value)| (name.as_str(), value.as_str()));
    let redactor = Redactor::new(known.chain([("token", door.token())]))?;
    let material = material::write(&private, assignment, &variables, &keys)?;
    let mut folders = Folders::create(&private, &arguments.work.join(assignment.attempt.as_str()))?;
    let bundle = bundle(arguments, assignment, door).await?;
    bundle.write(&folders.bundle).map_err(|error| Unready::Bundle(error.to_string()))?;
    private.write("patterns.json", &serde_json::to_vec(&redactor.patterns()).map_err(io::Error::from)?)?;
    fs::write(folders.plugins.join("beidou_events.py"), PLUGIN)?;
    folders.config = settings(&bundle, assignment, &folders.bundle, private.write("ansible.cfg", b"")?)?;
    restore_facts(door, &folders.facts).await;

    let report = Report::new(spool.clone(), redactor, &[&assignment.limit[..], &assignment.reach].concat());
    let run = Run { arguments, assignment, material: &material, private: &private, folders: &folders, report: &report };
    let ending = run.to_its_end(stop, deadline).await?;
    keep_facts(door, &folders.facts, report.redactor()).await;
    Ok(ending)
}

/// Folders of a run. Keys and secrets are in memory, of which there is little; what may be large lies beside the spool, for
/// this user alone.
struct Folders {
    bundle: PathBuf,
    sockets: PathBuf,
    facts: PathBuf,
    plugins: PathBuf,
    config: PathBuf,
    /// Gone with the run: no value is redacted in facts before they are kept.
    _large: TempDir,
}

impl Folders {
    fn create(private: &Private, work: &Path) -> io::Result<Self> {
        private.folder("home")?;
        private.folder("temporary")?;
        let mine = fs::Permissions::from_mode(0o700);
        let large = tempfile::Builder::new().prefix("run-").permissions(mine).tempdir_in(work)?;
        let (bundle, facts) = (large.path().join("bundle"), large.path().join("facts"));
        fs::create_dir(&bundle)?;
        fs::create_dir(&facts)?;
        let (sockets, plugins) = (private.folder("s")?, private.folder("plugins")?);
        Ok(Self { bundle, sockets, facts, plugins, config: PathBuf::new(), _large: large })
    }
}

/// The bundle of that digest: in the binary, in the folder of bundles, or from the door.
async fn bundle(arguments: &Arguments, assignment: &Assignment, door: &Door) -> Result<Bundle, Unready> {
    let wanted = &assignment.bundle;
    let right = |bundle: &Bundle| bundle.digest() == wanted.digest;
    if let Some(bundle) = beidou_playbooks::shipped(&wanted.name).and_then(Result::ok).filter(right) {
        return Ok(bundle);
    }
    let folder = arguments.bundles.as_ref().map(|folder| folder.join(&wanted.name));
    if let Some(bundle) = folder.and_then(|folder| Bundle::of_folder(&folder).ok()).filter(right) {
        return Ok(bundle);
    }
    let tar = patiently(arguments.patience(), async || door.bundle().await).await;
    let tar = tar.map_err(|error| Unready::Bundle(format!("{} is not at hand: {error}", wanted.name)))?;
    let bundle = Bundle::of_tar(&tar).map_err(|error| Unready::Bundle(format!("{}: {error}", wanted.name)))?;
    if right(&bundle) {
        return Ok(bundle);
    }
    Err(Unready::Bundle(format!("{} has the digest {}, not {}", wanted.name, bundle.digest(), wanted.digest)))
}

/// Ansible's settings: those of the folder that the bundle names, its own, or none; never those of whoever runs us. What
/// the runner sets itself counts more.
fn settings(bundle: &Bundle, assignment: &Assignment, own: &Path, none: PathBuf) -> Result<PathBuf, Unready> {
    let own = own.join("ansible.cfg");
    match bundle.manifest().config(&assignment.variables) {
        None if own.exists() => Ok(own),
        None => Ok(none),
        Some(file) if file.is_file() => Ok(file),
        Some(file) => Err(Unready::Bundle(format!("asks for {}, which is not in the runner's image", file.display()))),
    }
}

/// All of one run.
struct Run<'a> {
    arguments: &'a Arguments,
    assignment: &'a Assignment,
    material: &'a Material,
    private: &'a Private,
    folders: &'a Folders,
    report: &'a Arc<Report>,
}

impl Run<'_> {
    /// Fences the hosts, does what comes first, and then the step.
    async fn to_its_end(&self, stop: &CancellationToken, deadline: Instant) -> Result<Ending, Unready> {
        let Self { assignment, report, .. } = self;
        let mut limit = assignment.limit.clone();
        if fence::needed(assignment) {
            let forks = play::forks(assignment, limit.len());
            let taking = fence::take(assignment, self.material, &self.folders.sockets, forks);
            for event in stop.run_until_cancelled(taking).await.unwrap_or_default() {
                limit.retain(|host| Some(host) != event.host.as_ref());
                report.event(event);
            }
        }
        if let Some(first) = assignment.first.as_ref().filter(|_| !limit.is_empty() && !stop.is_cancelled())
            && let Some(ending) = self.first(first, &limit, stop, deadline).await?
        {
            return Ok(ending);
        }
        if limit.is_empty() || stop.is_cancelled() {
            process::kill_all(None).await;
            let hosts = report.outcomes(|outcomes| outcomes.decide(stop.is_cancelled()));
            let reason = if limit.is_empty() { "no host could be taken" } else { "cancelled" };
            // Nothing was begun, so nothing is unknown: the run has ended.
            let ended = if limit.is_empty() { Ended::Stats } else { Ended::Missing };
            return Ok(Ending { ended, exit: None, signal: None, reason: Some(reason.into()), hosts });
        }
        let reach = &assignment.reach;
        let hosts = if reach.is_empty() { &limit } else { reach };
        let mut ending = self.act("limit", &assignment.playbook, hosts, stop, deadline).await?;
        if !reach.is_empty() && ending.ended == Ended::Stats {
            outcome::of_reach(&mut ending.hosts, &assignment.limit, reach);
        }
        Ok(ending)
    }

    /// What comes first. Where it does not end well on all of its hosts, that is the end of the run, and nothing was begun.
    async fn first(
        &self,
        first: &First,
        limit: &[String],
        stop: &CancellationToken,
        deadline: Instant,
    ) -> Result<Option<Ending>, Unready> {
        let lost = |host: &String| self.assignment.limit.contains(host) && !limit.contains(host);
        let hosts: Vec<_> = first.limit.iter().filter(|host| !lost(host)).cloned().collect();
        let own = self.report.turn(Outcomes::new(&hosts));
        let ending = self.act("limit-first", &first.playbook, &hosts, stop, deadline).await;
        self.report.turn(own);
        let ending = ending?;
        let why = match (ending.ended, outcome::wrong(ending.hosts.iter())) {
            (_, Some(wrong)) => wrong,
            (Ended::Missing, None) => "the run did not come to its end".to_owned(),
            (Ended::Stats, None) => return Ok(None),
        };
        let cancelled = ending.reason.is_some();
        let mut hosts = self.report.outcomes(|outcomes| outcomes.decide(cancelled));
        if !cancelled {
            outcome::fail(hosts.values_mut(), &format!("{} comes first, and failed: {why}", first.step));
        }
        let ended = if cancelled { Ended::Missing } else { Ended::Stats };
        Ok(Some(Ending { ended, hosts, ..ending }))
    }

    /// Starts the program on hosts and brings it to its end.
    async fn act(
        &self,
        list: &str,
        file: &str,
        hosts: &[String],
        stop: &CancellationToken,
        deadline: Instant,
    ) -> Result<Ending, Unready> {
        let Self { arguments, assignment, material, private, folders, report } = self;
        let Folders { bundle, sockets, facts, config, .. } = folders;
        let limit = private.write(list, (hosts.join("\n") + "\n").as_bytes())?;
        let mut listener = Listener::bind(&private.path().join("events.sock"), Arc::clone(report))?;
        let (private, limit) = (private.path(), &*limit);
        let play =
            Play { arguments, assignment, material, bundle, private, sockets, facts, config, file, hosts, limit };
        let command = play.command();
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let mut child = process::start(command).map_err(|source| Unready::Start { program, source })?;
        let pid = child.id().unwrap_or_default();
        let outputs = [
            child.stdout.take().map(|out| tokio::spawn(Arc::clone(report).output(out))),
            child.stderr.take().map(|out| tokio::spawn(Arc::clone(report).output(out))),
        ];
        let (status, reason) = tokio::select! {
            never = listener.accept() => match never {},
            () = process::reap_orphans(pid) => unreachable!("it ends with what it is polled beside"),
            ended = supervise(&mut child, pid, report, stop, deadline, arguments.grace()) => ended?,
        };
        // Workers, connections and whatever they started: from here on nothing of this run acts any more, on this side.
        if !process::kill_all(None).await {
            report.note("a process of the run could not be ended");
        }
        listener.end().await;
        for output in outputs.into_iter().flatten() {
            // A reader that panicked has lost output, no outcome.
            let _ = output.await;
        }
        let (exit, signal) = process::ending(status);
        let cancelled = reason.is_some();
        let ended = match assignment.kind {
            RunKind::Ansible if report.outcomes(|outcomes| outcomes.has_stats()) => Ended::Stats,
            RunKind::Command if exit.is_some() && !cancelled => Ended::Stats,
            RunKind::Ansible | RunKind::Command => Ended::Missing,
        };
        let mut hosts = report.outcomes(|outcomes| outcomes.decide(cancelled));
        if assignment.kind == RunKind::Command {
            outcome::of_program(&mut hosts, exit, signal, cancelled);
        }
        Ok(Ending { ended, exit, signal, reason, hosts })
    }
}

/// Waits for the end of a program, and brings it about where it must end: the reason is given then.
async fn supervise(
    child: &mut Child,
    pid: u32,
    report: &Report,
    stop: &CancellationToken,
    deadline: Instant,
    grace: Duration,
) -> io::Result<(std::process::ExitStatus, Option<String>)> {
    let reason = tokio::select! {
        status = child.wait() => return Ok((status?, None)),
        () = stop.cancelled() => "cancelled",
        () = report.broken.cancelled() => "what it said could not be kept",
        () = sleep_until(deadline) => "its deadline is over",
    };
    report.note(&format!("the run is being ended: {reason}"));
    process::terminate(pid);
    if timeout(grace, child.wait()).await.is_err() {
        report.note(&format!("it did not end within {} s: it is killed", grace.as_secs()));
        child.start_kill()?;
    }
    Ok((child.wait().await?, Some(reason.into())))
}

async fn restore_facts(door: &Door, folder: &Path) {
    let result = patiently(FACTS_PATIENCE, async || door.facts().await).await;
    let unpacked = match result {
        Ok(None) => return,
        Ok(Some(tar)) => unpack(&tar, folder).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = unpacked {
        tracing::warn!(error, "there are no facts of earlier runs: they are gathered anew");
    }
}

fn unpack(tar: &[u8], folder: &Path) -> io::Result<()> {
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.file_name().map(ToOwned::to_owned);
        if let Some(name) = name.filter(|_| entry.header().entry_type().is_file()) {
            io::copy(&mut entry, &mut fs::File::create(folder.join(name))?)?;
        }
    }
    Ok(())
}

async fn keep_facts(door: &Door, folder: &Path, redactor: &Redactor) {
    let kept = match pack(folder, redactor) {
        Ok(None) => return,
        Ok(Some(tar)) => patiently(FACTS_PATIENCE, async || door.keep_facts(tar.clone()).await).await,
        Err(source) => Err(DoorError::File { path: folder.display().to_string(), source }),
    };
    if let Err(error) = kept {
        tracing::warn!(error = &error as &dyn Error, "facts are not kept: the next run gathers them anew");
    }
}

/// As tar, where there are any and the door would take them.
fn pack(folder: &Path, redactor: &Redactor) -> io::Result<Option<Vec<u8>>> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let text = redactor.text(&String::from_utf8_lossy(&fs::read(entry.path())?));
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, entry.file_name(), text.as_bytes())?;
        if archive.get_ref().len() + TAR_END > LARGEST_BODY {
            return Err(io::Error::other(format!("more than {LARGEST_BODY} bytes of facts")));
        }
    }
    if archive.get_ref().is_empty() { Ok(None) } else { archive.into_inner().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_packed_for_as_long_as_the_door_takes_them() {
        let folder = tempfile::tempdir().unwrap();
        let redactor = Redactor::new([("token", "hunter2-hunter2")]).unwrap();
        let packed = |bytes: usize| {
            fs::write(folder.path().join("host1"), vec![b' '; bytes]).unwrap();
            pack(folder.path(), &redactor)
        };
        assert_eq!(pack(folder.path(), &redactor).unwrap(), None);
        // Beside the text there are a header and the end.
        let most = LARGEST_BODY - 512 - TAR_END;
        assert_eq!(packed(most).unwrap().unwrap().len(), LARGEST_BODY);
        assert!(packed(most + 1).is_err());
    }
}
