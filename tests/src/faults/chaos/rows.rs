//! The rows of the matrix: how each fault is made, and how often it struck by a count of its own.

use std::{fs, time::Duration};

use anyhow::{Context, ensure};

use super::{
    LIMIT, Run, Window,
    kills::is_in,
    matrix::{Load, Measure, Row},
    network::Line,
    rolling::LISTENS,
    tail::Tail,
};
use crate::{
    faults::site::{GAVE, Role, TOOK},
    proxy::Mode,
    s3::faulty::Fault,
    wait::until,
};

/// The clock steps by so much: beyond every wait of the roles, within the hour for which Events live.
const STEP: Duration = Duration::from_secs(1200);
/// The engine remembers the tokens of so few blocks while a projector stands still, and of so many as the table is made with.
const FEW_TOKENS: usize = 2;
const ALL_TOKENS: usize = 10_000;
/// The topic of a step, after its name.
const EVENTS: &str = " beidou.kube.event.v1/";
/// What a role says when the disk of the log is full.
const DISK_FULL: &str = "no space left on the disk of";

impl Run {
    /// Makes the fault, and ends it.
    pub(super) async fn strike(&mut self, row: Row, load: Load, measure: Measure) -> anyhow::Result<u64> {
        match row {
            Row::IngestKilled => self.kill(Role::Ingest, load, measure).await,
            Row::EngineKilled => self.kill(Role::Engine, load, measure).await,
            Row::ProjectorKilled => {
                let role = match load {
                    Load::Idle => Role::Projector,
                    Load::Steady | Load::Burst => {
                        self.pass(load, measure).await?;
                        self.projector_in(Window::Table).await?
                    }
                };
                self.kill(role, load, measure).await
            }
            Row::QueryApiKilled => self.kill_under_a_tail(load, measure).await,
            Row::BrokerKilled => self.kill_and_restart_broker(load, measure).await,
            Row::BrokerAway => self.away_and_asked(load, measure).await,
            Row::ApiCut => self.strike_line(Line::Api, &[Mode::Cut], load, measure).await,
            Row::KafkaCut => self.strike_line(Line::Kafka, &[Mode::Cut], load, measure).await,
            Row::EngineCut => self.strike_engine(&[Mode::Cut], load, measure).await,
            Row::EngineSlow => self.strike_engine(&[Line::Engine.slow(), Mode::Stalled], load, measure).await,
            Row::StoreCut => self.strike_line(Line::Store, &[Mode::Cut], load, measure).await,
            Row::ApiSlow => self.slow(Line::Api, load, measure).await,
            Row::KafkaSlow => self.slow(Line::Kafka, load, measure).await,
            Row::StoreSlow => self.slow(Line::Store, load, measure).await,
            Row::ApiCutTooLong => self.lose(load, measure).await,
            Row::IngestPaused => self.pause_ingest(load, measure).await,
            Row::ProjectorPaused => self.pause_before_an_insert(load, measure).await,
            Row::DiskFull => self.fill_disk(load, measure).await,
            Row::ClockSteps => self.step_clock(load, measure).await,
            Row::StoreRefuses => self.strike_store(&[Fault::Refuses(5)], load, measure).await,
            Row::StoreUnclear => {
                let faults = [Fault::DoesAndIsSilent(2), Fault::DoesAndRefuses(2)];
                self.strike_store(&faults, load, measure).await
            }
        }
    }

    async fn kill(&mut self, role: Role, load: Load, measure: Measure) -> anyhow::Result<u64> {
        self.site.kill(role)?;
        self.pass(load, measure).await?;
        self.starts_again(role).await?;
        self.pass(load, measure).await?;
        Ok(1)
    }

    async fn kill_and_restart_broker(&mut self, load: Load, measure: Measure) -> anyhow::Result<u64> {
        self.broker.as_mut().context("the log is in a broker")?.kill()?;
        self.pass(load, measure).await?;
        self.broker.as_mut().context("the log is in a broker")?.restart().await?;
        self.pass(load, measure).await?;
        Ok(1)
    }

    async fn kill_under_a_tail(&mut self, load: Load, measure: Measure) -> anyhow::Result<u64> {
        self.site.start(Role::QueryApi)?;
        let tail = Tail::start(self.site.listening().await?);
        while !tail.runs() {
            self.report(1, 20.0).await?;
        }
        let (before, listened) = (self.states(), self.site.told(Role::QueryApi, LISTENS)?);
        self.site.kill(Role::QueryApi)?;
        self.pass(load, measure).await?;
        self.site.start(Role::QueryApi)?;
        self.site.changed(Role::QueryApi, LISTENS, listened).await?;
        tail.goes_on_at(self.site.listening().await?);
        self.pass(load, measure).await?;
        let shown = self.tail_shows(&tail, &before).await?;
        ensure!(shown > 0 && tail.resumed() > 0, "the tail has shown {shown} states after {} cuts", tail.resumed());
        Ok(1)
    }

    async fn strike_line(&mut self, line: Line, modes: &[Mode], load: Load, measure: Measure) -> anyhow::Result<u64> {
        let first = self.network()?.struck(line);
        for mode in modes {
            let before = self.network()?.struck(line);
            self.network()?.set(line, *mode);
            self.pass(load, measure).await?;
            self.felt("the network's fault is felt", |run| run.struck_since(line, before) > 0).await?;
            self.lasts(measure.still).await?;
        }
        self.network()?.set(line, Mode::Passes);
        self.pass(load, measure).await?;
        Ok(self.struck_since(line, first))
    }

    /// The engine tells itself where it listens: while this lasts, it tells where the proxy does.
    async fn strike_engine(&mut self, modes: &[Mode], load: Load, measure: Measure) -> anyhow::Result<u64> {
        let url = self.site.endpoint().await?.url;
        let proxy = self.network()?.before_engine(&url)?;
        self.site.tell_engine(&proxy)?;
        let struck = self.strike_line(Line::Engine, modes, load, measure).await?;
        self.site.tell_engine(&url)?;
        Ok(struck)
    }

    fn struck_since(&self, line: Line, before: u64) -> u64 {
        self.network().map_or(0, |network| network.struck(line) - before)
    }

    async fn slow(&mut self, line: Line, load: Load, measure: Measure) -> anyhow::Result<u64> {
        self.strike_line(line, &[line.slow(), Mode::Stalled], load, measure).await
    }

    /// Cuts the line to the first API server until that has forgotten what happened meanwhile.
    async fn lose(&mut self, load: Load, measure: Measure) -> anyhow::Result<u64> {
        let (server, line) = (self.servers[0].clone(), Line::Api);
        self.every_cluster_watched().await?;
        let (before, reported) = (self.network()?.struck(line), self.coverage_facts(&server).await?);
        self.network()?.set(line, Mode::Cut);
        self.felt("nobody watches", |run| run.servers.iter().all(|s| s.faults().running_streams() == 0)).await?;
        self.pass(load, measure).await?;
        self.overwrite(0).await?;
        server.faults().compact_now();
        self.network()?.set(line, Mode::Passes);
        let told = until("the loss is reported", LIMIT, async || {
            let now = self.coverage_facts(&server).await.unwrap_or(reported);
            (now > reported).then_some(())
        });
        told.await?;
        self.pass(load, measure).await?;
        Ok(self.struck_since(line, before))
    }

    async fn pause_ingest(&mut self, load: Load, measure: Measure) -> anyhow::Result<u64> {
        self.site.signal(Role::Ingest, libc::SIGSTOP)?;
        self.pass(load, measure).await?;
        self.lasts(measure.still).await?;
        self.site.signal(Role::Ingest, libc::SIGCONT)?;
        self.pass(load, measure).await?;
        Ok(1)
    }

    /// Stops the clock of a projector that has said what it will insert and has not done it. The other one repeats that, and
    /// brings more blocks than the engine remembers tokens of; what the first one sends then, nobody knows again.
    async fn pause_before_an_insert(&mut self, load: Load, measure: Measure) -> anyhow::Result<u64> {
        self.share_again().await?;
        self.remember_tokens(FEW_TOKENS).await?;
        let zombie = self.stand_still_before_an_insert().await?;
        let other = if zombie == Role::Projector { Role::SecondProjector } else { Role::Projector };
        let (took, gave, taken) =
            (self.site.told(zombie, TOOK)?, self.site.told(zombie, GAVE)?, self.site.told(other, TOOK)?);
        self.pass(load, measure).await?;
        self.site.changed(other, TOOK, taken).await?;
        let done = self.inserted_by(other);
        while self.inserted_by(other) < done + 4 * FEW_TOKENS {
            self.report(1, 20.0).await?;
        }
        self.set_rate(0.0);
        self.site.signal(zombie, libc::SIGCONT)?;
        self.site.changed(zombie, GAVE, gave).await?;
        self.site.changed(zombie, TOOK, took).await?;
        self.remember_tokens(ALL_TOKENS).await?;
        self.pass(load, measure).await?;
        Ok(1)
    }

    async fn remember_tokens(&mut self, blocks: usize) -> anyhow::Result<()> {
        let change = format!("ALTER TABLE kube_event MODIFY SETTING non_replicated_deduplication_window = {blocks}");
        self.site.command(&change).await
    }

    /// Blocks of Events that a projector has inserted, by its fail points.
    fn inserted_by(&self, role: Role) -> usize {
        let mark = self.site.pid(role).map(|pid| format!("{pid} inserted{EVENTS}")).unwrap_or_default();
        self.steps().iter().filter(|step| step.starts_with(&mark)).count()
    }

    /// A stop that came late is taken back, and tried again.
    async fn stand_still_before_an_insert(&mut self) -> anyhow::Result<Role> {
        loop {
            self.report(1, 20.0).await?;
            for role in [Role::Projector, Role::SecondProjector] {
                let pid = self.site.pid(role).context("the projector runs")?;
                if !self.is_before_an_insert(pid) {
                    continue;
                }
                self.site.signal(role, libc::SIGSTOP)?;
                if self.is_before_an_insert(pid) {
                    return Ok(role);
                }
                self.site.signal(role, libc::SIGCONT)?;
            }
        }
    }

    /// Whether a projector has said of Events that it will insert them, and has not done it.
    fn is_before_an_insert(&self, pid: u32) -> bool {
        let of_events: Vec<String> = self.steps().into_iter().filter(|step| step.contains(EVENTS)).collect();
        is_in(&of_events, pid, Window::Insert)
    }

    async fn fill_disk(&mut self, load: Load, measure: Measure) -> anyhow::Result<u64> {
        let said = |run: &Self| {
            let lines = run.site.log(Role::Ingest).unwrap_or_default();
            lines.lines().filter(|line| line.contains(DISK_FULL)).count()
        };
        let before = said(self);
        fs::write(self.site.file("full"), "")?;
        self.pass(load, measure).await?;
        self.felt("the full disk is told", |run| said(run) > before).await?;
        self.lasts(measure.still).await?;
        fs::remove_file(self.site.file("full"))?;
        self.pass(load, measure).await?;
        Ok((said(self) - before) as u64)
    }

    /// The roles' clock runs ahead, then behind, then right; each long enough for a heartbeat by any clock.
    async fn step_clock(&mut self, load: Load, measure: Measure) -> anyhow::Result<u64> {
        self.every_cluster_watched().await?;
        for ahead in [true, false] {
            let clock = self.site.clock()?;
            if ahead { clock.runs_ahead(STEP) } else { clock.runs_behind(STEP) }?;
            self.pass(load, measure).await?;
            self.lasts(super::HEARTBEAT + measure.still).await?;
        }
        self.site.clock()?.is_right()?;
        self.pass(load, measure).await?;
        self.lose(load, measure).await?;
        self.stepping().map(|roles| roles as u64)
    }

    /// Roles that go by the clock which stepped.
    fn stepping(&self) -> anyhow::Result<usize> {
        let mut all = 0;
        for role in [Role::Engine, Role::Ingest, Role::Projector, Role::SecondProjector] {
            let pid = self.site.pid(role).with_context(|| format!("{} runs", role.label()))?;
            let loaded = fs::read_to_string(format!("/proc/{pid}/maps"))?;
            ensure!(loaded.contains("/clock.so"), "{} goes by another clock", role.label());
            all += 1;
        }
        Ok(all)
    }

    async fn strike_store(&mut self, faults: &[Fault], load: Load, measure: Measure) -> anyhow::Result<u64> {
        let mut struck = 0;
        for fault in faults {
            self.network()?.store.set(*fault);
            self.pass(load, measure).await?;
            let wanted = match fault {
                Fault::Refuses(times) | Fault::DoesAndRefuses(times) | Fault::DoesAndIsSilent(times) => *times,
                Fault::PutsOver => 1,
            };
            while self.network()?.store.happened() < wanted {
                self.report(1, 20.0).await?;
            }
            struck += self.network()?.store.happened();
            self.set_rate(0.0);
        }
        self.network()?.store.set(Fault::Refuses(0));
        self.pass(load, measure).await?;
        Ok(struck as u64)
    }
}
