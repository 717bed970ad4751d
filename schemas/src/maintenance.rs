//! What an audit found and what a rebuild did: the bodies of facts, and of answers.
//!
//! Rows are counted and hashed as in [`crate::kube_event`]. A place is as narrow as the finding: a cluster and an hour of
//! the Event's own time for rows, a path for a file, a range of a log partition for what was compared with the log.

pub mod fact;

use serde::{Deserialize, Serialize};

use crate::{Micros, kube_event::RangeHash};

/// Findings that a report lists; those beyond are counted. A report stays below 1 MB, well below a record's bound.
pub const MOST_FINDINGS: usize = 1000;

/// What is wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Rows that archive or log have, and the table has not.
    Missing,
    /// Rows that stand in the table more than once.
    Doubled,
    /// Rows whose content differs from the archive's or the log's.
    Changed,
    /// Rows of the table that neither archive nor log know.
    Unknown,
    /// A file of the archive that counts is not there.
    FileMissing,
    /// A file of the archive is not what was stored.
    FileDamaged,
    /// The manifests of the archive cannot be followed.
    ManifestBroken,
    /// Records of the log cannot be read any more.
    LogDamaged,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Missing,
        Self::Doubled,
        Self::Changed,
        Self::Unknown,
        Self::FileMissing,
        Self::FileDamaged,
        Self::ManifestBroken,
        Self::LogDamaged,
    ];

    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Doubled => "doubled",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
            Self::FileMissing => "file_missing",
            Self::FileDamaged => "file_damaged",
            Self::ManifestBroken => "manifest_broken",
            Self::LogDamaged => "log_damaged",
        }
    }
}

/// Something that is not as it must be, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// The uid of the cluster; empty where a file or range holds several, and for operations, which know it by name.
    pub cluster_uid: String,
    /// The hour of the Events' own time, UTC, as `2026-11-23T14`; empty where it is about a file or a range.
    pub hour: String,
    /// The file, or the range of the log; empty where it is about rows of an hour.
    pub place: String,
    /// How many rows; for a file those that it must hold, 0 where that is not known.
    pub rows: u64,
    /// Whether it is as it must be now.
    pub repaired: bool,
    /// What was done, or why nothing could be done.
    pub detail: String,
}

/// What an audit compared, found and repaired.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditReport {
    /// Everything was compared, not only what is new and a share of the rest.
    pub full: bool,
    /// When it began.
    pub started: Micros,
    /// When it ended.
    pub ended: Micros,
    /// Files of the archive that were read to their end.
    pub files: u64,
    /// Clusters' hours that were compared between table and archive.
    pub hours: u64,
    /// Rows in these hours, by the archive.
    pub rows: u64,
    /// States of Events and rows of operations that the log has, and that were looked for in the table.
    pub log_states: u64,
    /// What was found, at most [`MOST_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Findings beyond those that are listed.
    pub not_listed: u64,
    /// Findings that are repaired, of all.
    pub repaired: u64,
    /// Findings that stay, of all.
    pub unrepaired: u64,
}

impl AuditReport {
    /// Takes a finding in.
    pub fn find(&mut self, finding: Finding) {
        match finding.repaired {
            true => self.repaired += 1,
            false => self.unrepaired += 1,
        }
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        } else {
            self.not_listed += 1;
        }
    }
}

/// What a rebuild did. It is told only when the new table is in place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuildReport {
    /// When it began.
    pub started: Micros,
    /// When the new table was in place.
    pub ended: Micros,
    /// Rows in the new table.
    pub rows: u64,
    /// Their hash: the sum of what archive and log say.
    pub hash: RangeHash,
    /// Rows of the archive.
    pub from_archive: u64,
    /// Rows of the log behind the archive.
    pub from_log: u64,
    /// Rows that only the table before held: of a time when the archive was off.
    pub from_table: u64,
    /// How long the projection of Events stood still, in milliseconds.
    pub paused_ms: u64,
    /// Rows and hash of the table before: other ones where the rebuild has mended something.
    pub before_rows: u64,
    /// See `before_rows`.
    pub before_hash: RangeHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_golden_and_read_back() {
        let finding = |fault, repaired| Finding {
            fault,
            cluster_uid: "0f8fad5b-d9cb-469f-a165-70867728950e".into(),
            hour: "2026-11-23T14".into(),
            place: String::new(),
            rows: 3,
            repaired,
            detail: "inserted from the archive".into(),
        };
        let mut audit = AuditReport { full: true, files: 2, hours: 24, rows: 9, log_states: 4, ..Default::default() };
        Fault::ALL.into_iter().for_each(|fault| audit.find(finding(fault, fault != Fault::ManifestBroken)));
        let rebuild =
            RebuildReport { rows: 9, hash: RangeHash(255), from_archive: 8, from_log: 1, ..Default::default() };
        let text = [serde_json::to_string_pretty(&audit).unwrap(), serde_json::to_string_pretty(&rebuild).unwrap()];
        insta::assert_snapshot!(text.join("\n"));
        assert_eq!(serde_json::from_str::<AuditReport>(&text[0]).unwrap(), audit);
        assert_eq!(serde_json::from_str::<RebuildReport>(&text[1]).unwrap(), rebuild);
        for fault in Fault::ALL {
            assert_eq!(serde_json::to_string(&fault).unwrap(), format!("\"{}\"", fault.name()));
        }
    }

    #[test]
    fn findings_beyond_the_bound_are_counted() {
        let mut report = AuditReport::default();
        for number in 0..MOST_FINDINGS + 5 {
            let (fault, repaired) = (Fault::Missing, number % 2 == 0);
            let (cluster_uid, hour, place, detail) = Default::default();
            report.find(Finding { fault, cluster_uid, hour, place, rows: 1, repaired, detail });
        }
        assert_eq!((report.findings.len(), report.not_listed), (MOST_FINDINGS, 5));
        assert_eq!((report.repaired, report.unrepaired), (503, 502));
    }
}
