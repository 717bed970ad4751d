//! `POST /api/v1/operations/machines`: a pasted list becomes rows, each with its line.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::Ask,
    ask::body::Body,
    operations::machines::{Format, Parsed, parse},
    problem::{Problem, ProblemBody},
};

/// Errors of one answer.
const MOST_ERRORS: usize = 1000;

/// A list of machines, in whatever form people have it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MachinesText {
    /// The text: 20,000 lines and 2 MB at most.
    text: String,
    /// `lines` (address, name, role, user), `csv` (with a header), `ini` or `yaml` (an Ansible inventory), `auto`.
    #[serde(default = "auto")]
    format: String,
    /// A cluster: then the name of a node may stand alone, for the cluster tells its address when the operation is accepted.
    #[serde(default)]
    cluster: Option<String>,
}

fn auto() -> String {
    "auto".into()
}

/// A machine that was read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MachineRow {
    /// Its line, counted from 1.
    line: usize,
    /// Its address; null where only its node is named, which has its address from the cluster when the operation is accepted.
    ip: Option<String>,
    /// The name of its node.
    name: Option<String>,
    /// Its role.
    role: Option<String>,
    /// Who logs in.
    user: Option<String>,
    /// The port of its SSH server.
    port: Option<u16>,
    /// The first group of the inventory that it is in.
    group: Option<String>,
    /// The first line that has the same address or node; null where none has.
    duplicate_of: Option<usize>,
}

/// A line that is no machine.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MachineError {
    /// The line, counted from 1.
    line: usize,
    /// What is wrong: `ip`, `name`, `role`, `user`, `port`, `header`, `line` and so on.
    #[schema(value_type = String)]
    field: &'static str,
    /// What stands there, shortened.
    value: String,
    /// What is allowed.
    allowed: String,
}

/// What a list says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MachinesAnswer {
    /// The form that it was read as: `lines`, `csv`, `ini`, `yaml`.
    #[schema(value_type = String)]
    format: &'static str,
    /// How many lines the text has. Those without a row or an error are blank, comments, or structure.
    lines: usize,
    /// In order of lines; 5,000 at most, the rest are errors.
    rows: Vec<MachineRow>,
    /// How many rows have the address or node of an earlier line.
    duplicates: usize,
    /// In order of lines, one per line at most.
    errors: Vec<MachineError>,
    /// Errors that are left out: one answer has a thousand.
    more_errors: usize,
}

/// Reads a pasted list of machines: lines, CSV with a header, or an Ansible inventory (INI or YAML). Nothing is stored.
#[utoipa::path(
    post, path = "/api/v1/operations/machines", tag = "Operations", request_body = MachinesText,
    responses((status = 200, body = MachinesAnswer), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn parse_machines(ask: Ask, Body(list): Body<MachinesText>) -> Result<Json<MachinesAnswer>, Problem> {
    ask.params(&[])?;
    let format = match &*list.format {
        "auto" => None,
        word => Some(Format::ALL.into_iter().find(|format| format.name() == word).ok_or_else(|| {
            let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
            Problem::parameter("format", word, format!("auto, {}", names.join(", ")))
        })?),
    };
    // Two megabytes of an inventory take longer than other callers should wait.
    let reading = tokio::task::spawn_blocking(move || parse(&list.text, format, list.cluster.is_some()));
    Ok(Json(answer(reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))))
}

fn answer(parsed: Parsed) -> MachinesAnswer {
    let Parsed { format, lines, rows, faults } = parsed;
    let rows: Vec<MachineRow> = rows
        .into_iter()
        .map(|row| MachineRow {
            line: row.line,
            ip: Some(row.ip).filter(|ip| !ip.is_empty()),
            name: row.name,
            role: row.role,
            user: row.user,
            port: row.port,
            group: row.group,
            duplicate_of: row.duplicate_of,
        })
        .collect();
    let more_errors = faults.len().saturating_sub(MOST_ERRORS);
    let errors = faults.into_iter().take(MOST_ERRORS).map(|fault| MachineError {
        line: fault.line,
        field: fault.field,
        value: fault.value,
        allowed: fault.allowed,
    });
    let duplicates = rows.iter().filter(|row| row.duplicate_of.is_some()).count();
    MachinesAnswer { format: format.name(), lines, duplicates, rows, errors: errors.collect(), more_errors }
}
