//! An export as it is noted and told.

use beidou_schemas::Micros;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    answer::{ColdRead, RangeAnswer},
    routes::SqlFormat,
};

/// How an export fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ExportState)]
pub(crate) enum State {
    /// It is being written.
    Running,
    /// Its file is whole.
    Done,
    /// See `why`.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// The process ended while it ran.
    Interrupted,
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportFormat {
    /// With a line of names.
    Csv,
    /// An object a line.
    Ndjson,
    /// Arrow IPC, the stream format.
    Arrow,
    /// Parquet.
    Parquet,
}

impl ExportFormat {
    /// All of them: JSON is one document, and whoever reads it holds it whole.
    pub(crate) const ALLOWED: &'static str = "csv, ndjson, arrow, parquet";

    /// The same form of an answer.
    pub(crate) fn of_sql(self) -> SqlFormat {
        match self {
            Self::Csv => SqlFormat::Csv,
            Self::Ndjson => SqlFormat::Ndjson,
            Self::Arrow => SqlFormat::Arrow,
            Self::Parquet => SqlFormat::Parquet,
        }
    }
}

/// An export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Export {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Uuid,
    /// Who asked for it.
    pub subject: String,
    /// The statement, or the parameters of the request.
    pub question: String,
    /// The form of its file.
    #[schema(value_type = ExportFormat)]
    pub format: SqlFormat,
    /// How it fares.
    pub state: State,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began: Micros,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Micros>,
    /// Rows so far; in the end all.
    pub rows: u64,
    /// Bytes so far; in the end those of the file.
    pub bytes: u64,
    /// Why it is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The range of its Events, or of the request for its statement; null where that had none.
    pub range: Option<RangeAnswer>,
    /// How completely the range is known, for each cluster concerned; empty without a range.
    #[schema(value_type = Vec<crate::answer::coverage::ClusterCoverage>)]
    pub coverage: serde_json::Value,
    /// What was read of the archive; missing where the tables had all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<ColdRead>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::body::one_of;

    #[test]
    fn forms_of_files_are_those_of_the_list() {
        for name in ExportFormat::ALLOWED.split(", ") {
            one_of::<ExportFormat>("format", name, ExportFormat::ALLOWED).unwrap();
        }
        let json = one_of::<ExportFormat>("format", "json", ExportFormat::ALLOWED).unwrap_err();
        assert_eq!(json.detail, "format is \"json\"; allowed: csv, ndjson, arrow, parquet");
    }
}
