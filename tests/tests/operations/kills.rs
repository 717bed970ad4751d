//! Whoever is killed, and when: no step acts twice, none ends well that did not, and none hangs. Each machine counts.

use std::{collections::BTreeMap, env, fs};

use beidou_tests::{
    machines::{LIMIT, Site},
    wait,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

/// Records that an operation of two steps makes, roughly: a kill falls at any of them.
const RECORDS: u64 = 32;
/// One of each in `make test`; BEIDOU_OPERATION_KILLS makes more of them.
const VICTIMS: [Victim; 4] = [Victim::Beidou, Victim::Runner, Victim::Ansible, Victim::ApiServer];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    /// Log, controllers and engine in one.
    Beidou,
    Runner,
    Ansible,
    ApiServer,
}

fn spec(run: &str, machines: &[String]) -> Value {
    json!({
        "clusterName": "product-cluster", "operationType": "Command", "bundle": "tally",
        "operationFlow": ["first", "second"],
        "operationMachines": machines.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
        "parameters": {"run": run}, "batches": {"canary": 0},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_nothing_is_done_twice_and_nothing_hangs() {
    let kills = env::var("BEIDOU_OPERATION_KILLS").ok().map_or(VICTIMS.len(), |text| text.parse().unwrap());
    let seed: u64 = env::var("BEIDOU_SEED").ok().map_or_else(rand::random, |text| text.parse().unwrap());
    let mut course =
        Course { site: Site::start(2).await.unwrap(), random: SmallRng::seed_from_u64(seed), ended: BTreeMap::new() };
    for number in 0..kills {
        let victim = VICTIMS[number % VICTIMS.len()];
        course.run(&format!("kill-{number}"), victim).await.unwrap_or_else(|error| {
            panic!("kill {number} of {victim:?}, BEIDOU_SEED={seed}: {error:#}\n{:?}", course.ended)
        });
    }
    course.site.record("kills").await.unwrap();
    let good: usize = course.ended.iter().filter(|((_, phase), _)| phase == "Succeeded").map(|(_, count)| count).sum();
    assert!(good > 0, "BEIDOU_SEED={seed}: nothing goes on after a kill: {:?}", course.ended);
}

struct Course {
    site: Site,
    random: SmallRng,
    /// How operations ended, by whom was killed.
    ended: BTreeMap<(Victim, String), usize>,
}

impl Course {
    async fn run(&mut self, name: &str, victim: Victim) -> anyhow::Result<()> {
        let machines = self.site.addresses();
        let before = self.site.records().await?;
        self.site.beidou("Operation", json!({"metadata": {"name": name}, "spec": spec(name, &machines)})).await?;
        let moment = before + self.random.random_range(1..RECORDS);
        wait::until("it has come so far, or is over", LIMIT, async || {
            let far = self.site.records().await.is_ok_and(|records| records >= moment);
            (far || self.is_over(name).await).then_some(())
        })
        .await?;
        self.kill(victim).await?;
        let phases = ["Succeeded", "Failed", "Cancelled", "Held", "Unknown"];
        let mut status = self.site.phase("Operation", name, &phases).await?;
        let phase = status["phase"].as_str().unwrap_or_default().to_owned();
        // Nobody but a person decides what becomes of it.
        if ["Held", "Unknown"].contains(&&*phase) {
            let mut cancelled = spec(name, &machines);
            cancelled["cancel"] = true.into();
            self.site.beidou("Operation", json!({"metadata": {"name": name}, "spec": cancelled})).await?;
            status = self.site.phase("Operation", name, &["Cancelled", "Failed"]).await?;
        }
        self.check(name, &phase, &status)?;
        *self.ended.entry((victim, phase)).or_default() += 1;
        Ok(())
    }

    /// The machines' own count.
    fn check(&self, name: &str, phase: &str, status: &Value) -> anyhow::Result<()> {
        for host in self.site.hosts.hosts() {
            let acts = self.site.hosts.print(host.number, "cat /var/lib/acts 2> /dev/null || true")?;
            for step in ["first", "second"] {
                let wanted = format!("{name} {step}");
                let times = acts.lines().filter(|line| *line == wanted).count();
                anyhow::ensure!(times <= 1, "{step} acted {times} times on {}: {status:#}", host.address);
                let missing = phase == "Succeeded" && times == 0;
                anyhow::ensure!(!missing, "it succeeded, and {step} did not act on {}: {status:#}", host.address);
            }
        }
        Ok(())
    }

    async fn is_over(&self, name: &str) -> bool {
        let found = self.site.api("caas.beidou.io", "v1alpha1", "Operation").get(name).await;
        found.is_ok_and(|found| {
            ["Succeeded", "Failed"].contains(&found.data["status"]["phase"].as_str().unwrap_or_default())
        })
    }

    async fn kill(&mut self, victim: Victim) -> anyhow::Result<()> {
        match victim {
            Victim::Beidou => self.site.restart().await,
            Victim::ApiServer => self.site.restart_api_server().await,
            Victim::Runner => {
                self.runners()?.into_iter().for_each(kill);
                Ok(())
            }
            Victim::Ansible => {
                let runners = self.runners()?;
                processes().into_iter().filter(|(_, parent)| runners.contains(parent)).for_each(|(pid, _)| kill(pid));
                Ok(())
            }
        }
    }

    /// Process ids of runners, those that have ended among them.
    fn runners(&self) -> anyhow::Result<Vec<i32>> {
        let folder = self.site.home.data().join("controllers/runners");
        let attempts = fs::read_dir(folder)?.flatten().map(|attempt| attempt.path().join("process"));
        let told = attempts.filter_map(|file| fs::read_to_string(file).ok());
        let known: Vec<i32> = told.filter_map(|text| text.split(' ').next()?.parse().ok()).collect();
        Ok(processes().into_iter().map(|(pid, _)| pid).filter(|pid| known.contains(pid) && is_runner(*pid)).collect())
    }
}

/// A process id is given to another one some day.
fn is_runner(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.windows(8).any(|part| part == b"run-step"))
}

/// All processes, each with its parent.
fn processes() -> Vec<(i32, i32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        Some((pid, parent))
    })
    .collect()
}

fn kill(pid: i32) {
    // SAFETY: kill takes no pointers. It may have ended meanwhile, which is as good.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}
