//! A bundle on hosts that may be spoiled: a dry run, a real one, and the same once more, which must change nothing.

use std::{collections::BTreeSet, fmt, io, path::PathBuf, process::Command};

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
}

/// One way through a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// With `--check`: nothing is changed.
    Dry,
    /// For real.
    Run,
    /// For real, once more.
    Again,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dry => "dry run",
            Self::Run => "run",
            Self::Again => "again",
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
    if pass == Pass::Dry {
        command.args(["--check", "--diff"]);
    }
    command.env("ANSIBLE_NOCOLOR", "1").env("ANSIBLE_RETRY_FILES_ENABLED", "False");
    Some(command.output().map(|output| {
        let said = String::from_utf8_lossy(&output.stdout);
        judge(step, pass, &said, &String::from_utf8_lossy(&output.stderr))
    }))
}

fn judge(step: &Step, pass: Pass, said: &str, error: &str) -> Rehearsed {
    let recap = recap(said);
    let wrong = |host: &str, message: String| Fault::new(&step.name, host, format!("{pass}: {message}"));
    let mut faults = Vec::new();
    if recap.is_empty() {
        let why = if error.trim().is_empty() { said.trim() } else { error.trim() };
        faults.push(wrong("", format!("it ran on no host: is there a group {} in the inventory? {why}", step.limit)));
    }
    for host in &recap {
        if host.failed > 0 {
            faults.push(wrong(&host.host, failure(said, &host.host)));
        } else if host.changed > 0 && pass == Pass::Again {
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
        Some(Recap { host: host.trim().into(), changed: count("changed")?, failed })
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
    fn no_host_is_a_fault() {
        let none = judge(&step("scaleUp"), Pass::Dry, "", "ERROR! no such file");
        let text = none.faults[0].to_string();
        assert!(text.contains("a group new in the inventory") && text.contains("no such file"), "{text}");
    }
}
