//! Whoever is killed, and when: no step acts twice, none ends well that did not, and none hangs. Each machine counts.

use std::{collections::BTreeMap, env, fs};

use beidou_controllers::fault::{FAIL_POINT, Point};
use beidou_tests::{
    machines::{LIMIT, Site},
    wait,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

use crate::work::{self, Work};

/// One of each in `make test`, two more in the middle of a join, and one where Beidou ends itself at a fail point;
/// BEIDOU_OPERATION_KILLS makes more of them.
const VICTIMS: [Victim; 4] = [Victim::Beidou, Victim::Runner, Victim::Ansible, Victim::ApiServer];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    /// Log, controllers and engine in one.
    Beidou,
    Runner,
    Ansible,
    ApiServer,
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_nothing_is_done_twice_and_nothing_hangs() {
    let kills = env::var("BEIDOU_OPERATION_KILLS").ok().map_or(VICTIMS.len(), |text| text.parse().unwrap());
    let seed: u64 = env::var("BEIDOU_SEED").ok().map_or_else(rand::random, |text| text.parse().unwrap());
    let mut course =
        Course { site: Site::start(2).await.unwrap(), random: SmallRng::seed_from_u64(seed), ended: BTreeMap::new() };
    let first = course.random.random_range(0..VICTIMS.len());
    let tallies = (0..kills).map(|number| (format!("kill-{number}"), number, Work::Tally));
    let joins = (0..(kills / 4).max(2)).map(|number| (format!("join-{number}"), first + number, Work::Join));
    for (name, number, work) in tallies.chain(joins) {
        let victim = VICTIMS[number % VICTIMS.len()];
        course.run(&name, victim, work).await.unwrap_or_else(|error| {
            panic!("{name}, {victim:?} was killed, BEIDOU_SEED={seed}: {error:#}\n{:?}", course.ended)
        });
    }
    let point = course.random.random_range(0..Point::ALL.len());
    for number in 0..(kills / 4).max(1) {
        let (name, point) = (format!("point-{number}"), Point::ALL[(point + number) % Point::ALL.len()]);
        course.run_to_a_point(&name, point).await.unwrap_or_else(|error| {
            panic!("{name}, {}, BEIDOU_SEED={seed}: {error:#}\n{:?}", point.name(), course.ended)
        });
    }
    work::drains_outlive_a_kill(&mut course.site).await.unwrap();
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

/// How it stands when nothing happens to it by itself any more.
const STANDS: [&str; 5] = ["Succeeded", "Failed", "Cancelled", "Held", "Unknown"];

impl Course {
    async fn run(&mut self, name: &str, victim: Victim, work: Work) -> anyhow::Result<()> {
        let spec = work.spec(name, &self.site.addresses());
        let before = self.site.records().await?;
        self.site.beidou("Operation", json!({"metadata": {"name": name}, "spec": spec})).await?;
        let moment = before + self.random.random_range(1..work.records());
        wait::until("it has come so far, or is over", LIMIT, async || {
            let far = self.site.records().await.is_ok_and(|records| records >= moment);
            (far || self.is_over(name).await).then_some(())
        })
        .await?;
        self.kill(victim).await?;
        self.ends(name, victim, work, spec).await
    }

    /// Beidou ends itself at a fail point that it comes to for the first time, or some times later. What it does at an API server
    /// it does for joins.
    async fn run_to_a_point(&mut self, name: &str, point: Point) -> anyhow::Result<()> {
        let work = if matches!(point, Point::BeforeApi | Point::AfterApi) { Work::Join } else { Work::Tally };
        let spec = work.spec(name, &self.site.addresses());
        let (file, times) = (self.site.home.path().join("site.yaml"), self.random.random_range(1..=4));
        let operations = self.site.api("caas.beidou.io", "v1alpha1", "Operation");
        self.site.home.kill();
        self.site.beidou("Operation", json!({"metadata": {"name": name}, "spec": spec})).await?;
        let (up, point) = (file.display().to_string(), format!("{}:{times}", point.name()));
        let stands = async || {
            let found = operations.get(name).await;
            found.is_ok_and(|found| STANDS.contains(&found.data["status"]["phase"].as_str().unwrap_or_default()))
        };
        self.site.home.serve_until_it_ends(&["up", "--config", &up], (FAIL_POINT, &point), stands).await?;
        self.site.restart().await?;
        self.ends(name, Victim::Beidou, work, spec).await
    }

    async fn ends(&mut self, name: &str, victim: Victim, work: Work, mut spec: Value) -> anyhow::Result<()> {
        let mut status = self.site.phase("Operation", name, &STANDS).await?;
        let phase = status["phase"].as_str().unwrap_or_default().to_owned();
        // Nobody but a person decides what becomes of it.
        if ["Held", "Unknown"].contains(&&*phase) {
            spec["cancel"] = true.into();
            self.site.beidou("Operation", json!({"metadata": {"name": name}, "spec": spec})).await?;
            status = self.site.phase("Operation", name, &["Cancelled", "Failed"]).await?;
        }
        work.check(&self.site, name, &phase, &status).await?;
        *self.ended.entry((victim, phase)).or_default() += 1;
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
