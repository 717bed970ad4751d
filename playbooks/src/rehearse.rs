//! A bundle on hosts that may be spoiled: a dry run, one that is killed at its first change, a real one, the same once more,
//! which must change nothing, and one beside a host that does not answer, which must fail alone.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Map, Value};

use crate::{Act, Bundle, Fault, Step};

/// What Ansible is started with.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The folder of the bundle.
    pub folder: PathBuf,
    /// The program.
    pub ansible_playbook: PathBuf,
    /// Hosts, in the groups that the bundle names.
    pub inventory: PathBuf,
    /// All parameters, secret ones too: a file in JSON.
    pub variables: PathBuf,
    /// Ansible's settings, where they are not those of the folder.
    pub config: Option<PathBuf>,
    /// A folder for what is only needed meanwhile.
    pub private: PathBuf,
}

/// One way through a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// With `--check`: nothing is changed.
    Dry,
    /// For real, killed as soon as something has changed: what comes next must cope with what is half done.
    Killed,
    /// For real.
    Run,
    /// For real, once more.
    Again,
    /// For real, with one more host, which does not answer: it fails, and no other does.
    Lost,
}

/// The host that does not answer: nobody listens on that port.
const LOST: &str = "beidou-lost-host";
const NOBODY: &str = "ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=9";

impl Pass {
    /// What is tried with a step, in order. Of a check that changes nothing one pass says all; what must not be seen twice is
    /// not done twice.
    pub fn of(step: &Step, dry_run: bool) -> &'static [Self] {
        match (dry_run, step.mutates) {
            (true, _) => &[Self::Dry],
            (false, true) => &[Self::Dry, Self::Killed, Self::Run, Self::Again, Self::Lost],
            (false, false) => &[Self::Run, Self::Lost],
        }
    }
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dry => "dry run",
            Self::Killed => "killed",
            Self::Run => "run",
            Self::Again => "again",
            Self::Lost => "lost host",
        })
    }
}

/// What a pass came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// The step.
    pub step: String,
    /// Which pass.
    pub pass: Pass,
    /// Hosts that it ran on.
    pub hosts: usize,
    /// Tasks that changed something, on all hosts together.
    pub changed: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// A line of Ansible's recap.
#[derive(Debug, PartialEq, Eq)]
struct Recap {
    host: String,
    ok: u64,
    changed: u64,
    failed: u64,
}

/// One pass of a step. None where the step is no playbook: controllers and programs have tests of their own.
///
/// # Errors
/// When the program cannot be started.
pub fn rehearse(step: &Step, pass: Pass, stage: &Stage) -> Option<io::Result<Rehearsed>> {
    let Act::Playbook(playbook) = &step.act else { return None };
    let mut command = Command::new(&stage.ansible_playbook);
    command.current_dir(&stage.folder).arg("-i").arg(&stage.inventory).arg("--limit").arg(&step.limit);
    command.arg("-e").arg(format!("@{}", stage.variables.display())).arg(playbook);
    command.env("ANSIBLE_NOCOLOR", "1").env("ANSIBLE_RETRY_FILES_ENABLED", "False");
    // A bundle stays as it is: Python would leave what it made of its plugins.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.envs(stage.config.iter().map(|config| ("ANSIBLE_CONFIG", config)));
    let judged = |output: io::Result<std::process::Output>| {
        let output = output?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(judge(step, pass, &said, &String::from_utf8_lossy(&output.stderr)))
    };
    Some(match pass {
        Pass::Dry => judged(command.args(["--check", "--diff"]).output()),
        Pass::Run | Pass::Again => judged(command.output()),
        Pass::Lost => {
            lost_host(&step.limit, &stage.private).and_then(|more| judged(command.arg("-i").arg(more).output()))
        }
        Pass::Killed => kill_at_change(&mut command).map(|changed| Rehearsed {
            step: step.name.clone(),
            pass,
            hosts: usize::from(changed),
            changed: changed.into(),
            faults: Vec::new(),
        }),
    })
}

/// An inventory that adds the host that does not answer to the group of the step.
fn lost_host(group: &str, folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("lost-host.ini");
    std::fs::write(&path, format!("[{group}]\n{LOST} {NOBODY}\n"))?;
    Ok(path)
}

/// Kills Ansible with all that it has started as soon as it tells of a change; whether it did so before its end.
fn kill_at_change(command: &mut Command) -> io::Result<bool> {
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
    let (mut line, mut changed) = (String::new(), false);
    while !changed && said.read_line(&mut line)? > 0 {
        changed = line.starts_with("changed: [");
        line.clear();
    }
    if changed {
        let group = i32::try_from(child.id()).expect("process ids are 32 bits");
        // SAFETY: kill takes no pointers. The child is not waited for yet, so that its id is not another's.
        let _may_have_ended = unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    said.read_to_end(&mut Vec::new())?;
    child.wait()?;
    Ok(changed)
}

fn judge(step: &Step, pass: Pass, said: &str, error: &str) -> Rehearsed {
    let recap = recap(said);
    let wrong = |host: &str, message: String| Fault::new(&step.name, host, format!("{pass}: {message}"));
    let mut faults = Vec::new();
    if recap.is_empty() {
        let why = if error.trim().is_empty() { said.trim() } else { error.trim() };
        faults.push(wrong("", format!("it ran on no host: is there a group {} in the inventory? {why}", step.limit)));
    }
    // Where every task was left out nobody was asked anything, that host neither.
    let acted = recap.iter().any(|host| host.ok + host.failed > 0);
    if pass == Pass::Lost && acted && !recap.iter().any(|host| host.host == LOST && host.failed > 0) {
        faults.push(wrong(LOST, "it does not answer, and is not told to have failed".into()));
    }
    for host in recap.iter().filter(|host| host.host != LOST) {
        if host.failed > 0 && pass == Pass::Lost {
            faults.push(wrong(
                &host.host,
                format!("it fails because another host does not answer: {}", failure(said, &host.host)),
            ));
        } else if host.failed > 0 {
            faults.push(wrong(&host.host, failure(said, &host.host)));
        } else if host.changed > 0 && matches!(pass, Pass::Again | Pass::Lost) && step.mutates {
            faults.push(wrong(
                &host.host,
                format!("{} tasks changed something again: it is not repeatable", host.changed),
            ));
        } else if host.changed > 0 && !step.mutates {
            faults.push(wrong(&host.host, "it changes something, and mutates is false".into()));
        }
    }
    let changed = recap.iter().map(|host| host.changed).sum();
    Rehearsed { step: step.name.clone(), pass, hosts: recap.len(), changed, faults }
}

/// Lines such as `10.0.0.1 : ok=3 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0`.
fn recap(said: &str) -> Vec<Recap> {
    let lines = said.lines().skip_while(|line| !line.starts_with("PLAY RECAP")).skip(1);
    let read = |line: &str| {
        let (host, counts) = line.split_once(" : ").or_else(|| line.split_once(": "))?;
        let count = |name: &str| -> Option<u64> {
            counts.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        let failed = count("failed")? + count("unreachable")?;
        Some(Recap { host: host.trim().into(), ok: count("ok")?, changed: count("changed")?, failed })
    };
    lines.filter_map(read).collect()
}

/// The line in which Ansible says why a host failed.
fn failure(said: &str, host: &str) -> String {
    let begins = [format!("fatal: [{host}]"), format!("failed: [{host}]")];
    let line = said.lines().find(|line| begins.iter().any(|begin| line.starts_with(begin)));
    line.map_or_else(|| "it failed".into(), |line| line.chars().take(500).collect())
}

/// Makes one file of the variables that a step gets: defaults filled in, secret ones with their values.
///
/// # Errors
/// What is wrong with them, all at once.
pub fn variables(bundle: &Bundle, given: &Map<String, Value>) -> Result<Map<String, Value>, Vec<Fault>> {
    let secret: BTreeSet<String> =
        bundle.secret_names().filter(|name| given.contains_key(*name)).map(str::to_owned).collect();
    let (secrets, plain): (Map<_, _>, Map<_, _>) =
        given.clone().into_iter().partition(|(name, _)| secret.contains(name));
    let mut all = bundle.parameters(&plain, &secret)?.plain;
    all.extend(secrets);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipped;

    const SAID: &str = "\
TASK [x] ***
fatal: [10.0.0.2]: FAILED! => {\"msg\": \"no\"}

PLAY RECAP *********************************************************************
10.0.0.1                   : ok=3    changed=2    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
10.0.0.2                   : ok=0    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
";

    fn step(name: &str) -> Step {
        shipped("node-join").unwrap().unwrap().manifest().step(name).unwrap().clone()
    }

    fn told(name: &str, pass: Pass) -> Vec<String> {
        judge(&step(name), pass, SAID, "").faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_changes_when_it_should_not_is_a_fault() {
        let failed = "scaleUp: 10.0.0.2: run: fatal: [10.0.0.2]: FAILED! => {\"msg\": \"no\"}";
        assert_eq!(told("scaleUp", Pass::Run), [failed]);
        let again = told("scaleUp", Pass::Again);
        assert_eq!(again[0], "scaleUp: 10.0.0.1: again: 2 tasks changed something again: it is not repeatable");
        assert_eq!(
            told("preCheck", Pass::Run)[0],
            "preCheck: 10.0.0.1: run: it changes something, and mutates is false"
        );
        let all = judge(&step("scaleUp"), Pass::Run, SAID, "");
        assert_eq!((all.hosts, all.changed), (2, 2));
    }

    #[test]
    fn a_host_that_does_not_answer_fails_and_no_other_does() {
        let lost = format!("{LOST} : ok=0 changed=0 unreachable=1 failed=0\n");
        let told = |said: &str| -> Vec<String> {
            judge(&step("postCheck"), Pass::Lost, said, "").faults.iter().map(ToString::to_string).collect()
        };
        let alone = "PLAY RECAP ***\n10.0.0.1 : ok=3 changed=0 unreachable=0 failed=0\n";
        assert_eq!(told(&format!("{alone}{lost}")), Vec::<String>::new());
        assert!(told(alone)[0].contains("not told to have failed"));
        let skipped = "PLAY RECAP ***\n10.0.0.1 : ok=0 changed=0 unreachable=0 failed=0 skipped=2\n";
        assert_eq!(told(skipped), Vec::<String>::new(), "nothing was to be done");
        let two = told(&format!("{SAID}{lost}"));
        assert!(
            two.iter().any(|one| one.contains("because another host does not answer: fatal: [10.0.0.2]")),
            "{two:?}"
        );
    }

    #[test]
    fn ansible_is_killed_with_all_its_children_at_the_first_change() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            kill_at_change(&mut command).unwrap()
        };
        assert!(shell("echo 'ok: [a]'; echo 'changed: [a]'; sleep 1000 & cat"));
        assert!(!shell("echo 'ok: [a]'"));
    }

    #[test]
    fn no_host_is_a_fault() {
        let none = judge(&step("scaleUp"), Pass::Dry, "", "ERROR! no such file");
        let text = none.faults[0].to_string();
        assert!(text.contains("a group new in the inventory") && text.contains("no such file"), "{text}");
    }
}
