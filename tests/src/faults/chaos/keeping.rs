//! What keeps the rows: rebuilds under load, an engine that is wiped, files and rows that are broken for the audit.

use std::fs;

use anyhow::{Context, ensure};
use beidou_schemas::maintenance::Fault;

use super::{LIMIT, Run};
use crate::{
    faults::{
        site::Role,
        verdict::kept::{Broken, misjudged, unequal},
    },
    wait::until,
};

/// A rebuild of few rows may be over before it is seen: then another one is asked for.
const REBUILDS: u32 = 8;
/// Is there while a rebuild runs; what a killed one leaves goes at the next start.
const NEXT_TABLE: &str = "SELECT count() FROM system.tables WHERE name = 'kube_event_next'";

/// What the projector logs when it begins to restore, and when it is done.
const RESTORING: &str = "restoring it from archive and log";
const RESTORED: &str = "restored the tables";

impl Run {
    /// Rebuilds the table while the load goes on. What the kills before have left wrong would be mended by that; so it
    /// must end as it began.
    pub(super) async fn rebuild(&mut self) -> anyhow::Result<()> {
        let asked = self.site.ask_rebuild().await?;
        self.rebuilt(&asked).await
    }

    async fn rebuilt(&mut self, asked: &str) -> anyhow::Result<()> {
        let report = self.site.rebuilt(asked).await?;
        match unequal(&report) {
            Some(wrong) => self.outcome.wrong.push(wrong),
            None => self.outcome.rebuilt += 1,
        }
        Ok(())
    }

    /// Kills the projector in the middle of a rebuild; the next one finds the request without an answer, and repeats it.
    pub(super) async fn kill_amid_rebuild(&mut self) -> anyhow::Result<()> {
        for _ in 0..REBUILDS {
            let asked = self.site.ask_rebuild().await?;
            let seen = until("a rebuild has begun, or is over", LIMIT, async || {
                let begun = self.has_next_table().await.ok()?;
                let over = self.site.work(&asked).await.ok()?.is_some();
                (begun || over).then_some(begun && !over)
            });
            if seen.await? {
                self.site.kill(Role::Projector)?;
                *self.outcome.kills.entry(Role::Projector.name()).or_default() += 1;
                let amid = self.has_next_table().await?;
                self.site.start(Role::Projector)?;
                self.outcome.amid_rebuild += usize::from(amid);
            }
            self.rebuilt(&asked).await?;
            if self.outcome.amid_rebuild > 0 {
                break;
            }
        }
        Ok(())
    }

    async fn has_next_table(&mut self) -> anyhow::Result<bool> {
        Ok(self.site.sql(NEXT_TABLE).await?.first().context("a count")? != "0")
    }

    /// Puts the range files so far together, as it happens after each day. No audit and no rebuild runs meanwhile: those
    /// who ask for the last one know that.
    pub(super) async fn compact(&mut self) -> anyhow::Result<()> {
        self.nothing_to_find().await?;
        self.site.run(&["archive", "compact"])?;
        let catalogue = self.site.archive()?.catalogue().await?;
        ensure!(!catalogue.days.is_empty() && catalogue.ranges.is_empty(), "not compacted: {catalogue:?}");
        self.judge_archive().await
    }

    /// All that the audits have found so far, those that ran by themselves and one of everything, was broken by nobody.
    async fn nothing_to_find(&mut self) -> anyhow::Result<()> {
        let report = self.site.audit().await?;
        self.outcome.wrong.extend(misjudged(&report, &[]));
        let found = self.site.log_lines()?.into_iter().filter(|line| line.contains("the audit found a difference"));
        self.outcome.wrong.extend(found.map(|line| format!("nothing was broken, yet {line}")));
        Ok(())
    }

    /// Wipes the engine under load: all rows and coverage are restored from archive and log. The projector is killed while
    /// it does that: what it has done by then is thrown away, and done again.
    pub(super) async fn wipe_engine(&mut self) -> anyhow::Result<()> {
        self.site.kill(Role::Projector)?;
        self.site.kill(Role::Engine)?;
        fs::remove_dir_all(self.site.data().join("clickhouse"))?;
        self.site.start(Role::Engine)?;
        self.site.start(Role::Projector)?;
        let begun = until("the restore has begun", LIMIT, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            let log = self.site.log(Role::Projector).ok()?;
            log.contains(RESTORING).then_some(Ok(()))
        });
        begun.await??;
        self.site.kill(Role::Projector)?;
        self.outcome.amid_restore = !self.site.log(Role::Projector)?.contains(RESTORED);
        self.site.start(Role::Projector)?;
        // Events come in at the end of the restore, all at once.
        self.rows_are_there().await?;
        self.site.hide_nothing().await
    }

    /// Breaks files and rows: the audit finds each under its name and repairs it, and the next one finds nothing.
    pub(super) async fn break_and_audit(&mut self) -> anyhow::Result<()> {
        // After an audit that was asked for, none runs by itself for an hour: what is broken now the next one must find.
        self.nothing_to_find().await?;
        let broken = self.break_some().await?;
        let wrong = misjudged(&self.site.audit().await?, &broken);
        let again = misjudged(&self.site.audit().await?, &[]);
        if wrong.is_empty() && again.is_empty() {
            self.outcome.mended = broken.iter().map(|broken| broken.fault.name()).collect();
        }
        self.outcome.wrong.extend(wrong);
        self.outcome.wrong.extend(again);
        Ok(())
    }

    /// Flips a byte of a day file, removes a range file, and inserts all rows of a partition of the log once more: rows of
    /// both files among them, and of files that are whole.
    async fn break_some(&mut self) -> anyhow::Result<Vec<Broken>> {
        let archive = self.site.archive()?;
        let catalogue = archive.catalogue().await?;
        let (day, range) = (catalogue.days.values().next(), catalogue.ranges.first());
        let (day, range) = (day.context("a day file")?, range.context("a range file")?);
        let of_partition = format!("FROM kube_event WHERE log_partition = {}", range.range.partition);
        let count = self.site.sql(&format!("SELECT count() {of_partition}")).await?;
        let of_range = archive.open(&range.path).await?.note().rows;
        let broken = vec![
            Broken { fault: Fault::FileDamaged, place: day.path.clone(), rows: day.note.rows },
            Broken { fault: Fault::FileMissing, place: range.path.clone(), rows: of_range },
            Broken { fault: Fault::Doubled, place: String::new(), rows: count.first().context("a count")?.parse()? },
        ];
        let file = |path: &str| self.site.data().join("archive").join(path);
        let mut content = fs::read(file(&day.path))?;
        let middle = content.len() / 2;
        content[middle] ^= 1;
        fs::write(file(&day.path), content)?;
        fs::remove_file(file(&range.path))?;
        self.site.command(&format!("INSERT INTO kube_event SELECT * {of_partition}")).await?;
        Ok(broken)
    }
}
