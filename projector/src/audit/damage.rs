//! Records of the log that cannot be read any more: each range is a finding, and the audit goes on without it.
//!
//! The log is written once and never mended. What matters is who else holds the rows: table and archive, or the table
//! alone.

use beidou_schemas::{
    TopicPartition,
    archive::PartitionRange,
    maintenance::{AuditReport, Fault, Finding},
};
use beidou_store::audit::rows_at;

use super::{Auditor, Facts, files::tell, of_rows};
use crate::{ProjectorError, readable::Damage};

impl Auditor {
    /// Tells a damaged range of Events, and who else holds its rows. `covered`: what believed files hold of the log.
    pub(super) async fn tell_damage(
        &self,
        at: TopicPartition,
        damage: &Damage,
        covered: &[PartitionRange],
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let range = PartitionRange { partition: at.partition, from: damage.offsets.start, to: damage.offsets.end };
        let rows = rows_at(&self.store, range).await?;
        let held = match (covers(covered, range), rows) {
            (true, _) => "archive and table cover these records, a rebuild takes them from the archive",
            (false, 0) => "neither files of the archive nor rows of the table are of all these records",
            (false, _) => "files of the archive do not cover all of it: the table alone has the other rows",
        };
        tell(report, log_finding(at, damage, rows, held));
        Ok(())
    }
}

/// Tells what of the ledgers cannot be read.
pub(super) fn tell_damaged_ledgers(facts: &Facts, report: &mut AuditReport) {
    let held = "of archive files that it named only what they say of themselves is known";
    for (at, damage) in facts.damaged() {
        tell(report, log_finding(at, damage, 0, held));
    }
}

/// A range of the log that cannot be read; `held` says who has its rows.
pub(super) fn log_finding(at: TopicPartition, damage: &Damage, rows: u64, held: &str) -> Finding {
    let place = format!("{at} {}-{}", damage.offsets.start, damage.offsets.end);
    let detail = format!("{}; not repairable in the log, it was not compared there; {held}", damage.what);
    Finding { detail, ..of_rows(Fault::LogDamaged, "", None, place, rows) }
}

/// Whether one of these joined ranges holds all of a range.
fn covers(joined: &[PartitionRange], range: PartitionRange) -> bool {
    let holds = |one: &PartitionRange| one.partition == range.partition && one.from <= range.from && one.to >= range.to;
    joined.iter().any(holds)
}
