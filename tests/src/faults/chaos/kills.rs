//! Kills and cuts that lose nothing.

use std::{collections::HashMap, fs};

use anyhow::Context;
use beidou_simulator::Cut;
use rand::{
    RngExt,
    seq::{IndexedRandom, SliceRandom},
};

use super::{LIMIT, Run, Window};
use crate::{faults::site::Role, wait::until};

/// Of so many kills one is aimed at the window between PENDING and DONE.
const WINDOW_SHARE: u32 = 2;
/// Of so many kills one is aimed at the window between ARCHIVING and ARCHIVED: an odd one, the even ones are taken.
const ARCHIVE_SHARE: u32 = 8;

impl Run {
    /// Kills a role at random, or the projector (or the engine below it) inside a window, and starts it again.
    pub(super) async fn kill_one(&mut self) -> anyhow::Result<()> {
        let aim = self.aim();
        let mut role = match self.course.only {
            _ if aim.is_some() => Role::Projector,
            Some(role) => role,
            None if self.course.fleet => self.next_turn()?,
            None => *[Role::Engine, Role::Ingest, Role::Projector].choose(&mut self.random).context("some roles")?,
        };
        match aim {
            Some(window) => role = self.projector_in(window).await?,
            None => self.some_records_pass().await?,
        }
        let pid = self.site.pid(role).context("the role runs")?;
        self.site.kill(role)?;
        *self.outcome.kills.entry(role.label()).or_default() += 1;
        if role.name() == Role::Projector.name() {
            let steps = self.steps();
            self.outcome.in_window += usize::from(is_in(&steps, pid, Window::Table));
            self.outcome.in_archive += usize::from(is_in(&steps, pid, Window::Archive));
        }
        self.site.start(role)
    }

    /// Kills the broker, and starts it again when some Events have passed without it.
    pub(super) async fn kill_broker(&mut self) -> anyhow::Result<()> {
        self.some_records_pass().await?;
        self.broker.as_mut().context("the log is in a broker")?.kill()?;
        *self.outcome.kills.entry("broker").or_default() += 1;
        self.some_records_pass().await?;
        self.broker.as_mut().context("the log is in a broker")?.restart().await
    }

    /// Each role of a fleet once in a round, in any order.
    fn next_turn(&mut self) -> anyhow::Result<Role> {
        if self.turns.is_empty() {
            let mut all = [Role::Engine, Role::Ingest, Role::SecondIngest, Role::Projector, Role::SecondProjector];
            all.shuffle(&mut self.random);
            self.turns = all.to_vec();
        }
        self.turns.pop().context("some roles")
    }

    /// The window of the next kill, if it is aimed at one.
    fn aim(&self) -> Option<Window> {
        let kills = self.outcome.kills.values().sum::<u32>();
        match self.course.only {
            Some(Role::Ingest) => None,
            _ if self.course.aim.is_some() => self.course.aim,
            _ if kills.is_multiple_of(WINDOW_SHARE) => Some(Window::Table),
            _ => (kills % ARCHIVE_SHARE == 1).then_some(Window::Archive),
        }
    }

    /// Lets a random number of Events pass, so that kills fall into all moments.
    pub(super) async fn some_records_pass(&mut self) -> anyhow::Result<()> {
        let wanted = self.feeds[0].reported() + self.random.random_range(1..self.course.rate.max(2.0) as u64);
        let feed = self.feeds[0].clone();
        Ok(until("Events pass", LIMIT, async || (feed.reported() >= wanted).then_some(())).await?)
    }

    pub(super) fn steps(&self) -> Vec<String> {
        let text = fs::read_to_string(self.site.file("steps")).unwrap_or_default();
        text.lines().map(String::from).collect()
    }

    /// Waits until a projector is inside the window, and says which.
    pub(super) async fn projector_in(&mut self, window: Window) -> anyhow::Result<Role> {
        let running = [Role::Projector, Role::SecondProjector].map(|role| Some((role, self.site.pid(role)?)));
        let inside = until("the projector is inside the window", LIMIT, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            let steps = self.steps();
            let inside = running.iter().flatten().find(|(_, pid)| is_in(&steps, *pid, window));
            inside.map(|(role, _)| Ok(*role))
        });
        inside.await?
    }

    /// Breaks streams in the ways that lose nothing.
    pub(super) fn cut_some(&mut self) {
        for server in &self.servers {
            match self.random.random_range(0..5) {
                0 => server.faults().cut_streams(Cut::MidFrame),
                1 => server.faults().cut_connections(),
                2 => server.faults().empty_next_watches(1),
                _ => {}
            }
        }
    }
}

/// Whether the last step of this process for any partition lies inside the window.
pub(super) fn is_in(steps: &[String], pid: u32, window: Window) -> bool {
    let mut last = HashMap::new();
    for step in steps {
        let fields: Vec<_> = step.split(' ').collect();
        if let [by, step, partition, _] = fields[..]
            && by == pid.to_string()
        {
            last.insert(partition, step);
        }
    }
    last.values().any(|step| window.steps().contains(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_known_by_the_last_step() {
        let is_in = |text: &str, window| is_in(&text.lines().map(String::from).collect::<Vec<_>>(), 7, window);
        assert!(is_in("7 pending e/0 0-5", Window::Table));
        assert!(is_in("7 pending e/0 0-5\n7 pending e/1 0-5\n7 inserted e/0 0-5\n7 done e/0 0-5", Window::Table));
        assert!(!is_in("7 pending e/0 0-5\n7 done e/0 0-5", Window::Table));
        assert!(!is_in("8 pending e/0 0-5", Window::Table));
        let archiving = "7 done e/0 0-5\n7 archiving archive:e/0 0-5";
        assert!(is_in(archiving, Window::Archive) && !is_in(archiving, Window::Table));
        assert!(!is_in(archiving, Window::Put) && is_in("7 put archive:e/0 0-5", Window::Put));
        assert!(!is_in("7 put archive:e/0 0-5\n7 archived archive:e/0 0-5", Window::Archive));
    }
}
