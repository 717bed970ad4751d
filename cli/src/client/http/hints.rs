//! What to do after a refusal, by its status and the kind of its problem.

use reqwest::StatusCode;

use crate::exit::Code;

/// The exit code and the next step, which is empty where the refusal itself says it. `kind` is the last part of the
/// problem's `type`. A statement has no filters to add, and a range only where it says `{from}` and `{to}`.
pub(super) fn hint(status: StatusCode, kind: &str, is_statement: bool) -> (Code, &'static str) {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => (Code::Usage, ""),
        StatusCode::NOT_FOUND => (Code::NotFound, of_unknown(kind)),
        StatusCode::CONFLICT if kind == "cancelled" => (Code::Failure, ""),
        StatusCode::CONFLICT if kind == "exports-full" => {
            (Code::Failure, "`beidou exports` lists what takes the room, `beidou exports remove ID` frees it")
        }
        StatusCode::CONFLICT if kind == "not-possible" => {
            (Code::Failure, "`beidou operation show` and `beidou task show` tell what is possible now")
        }
        StatusCode::CONFLICT if kind == "key-reused" => (Code::Usage, "leave --key out, or make a new UUID"),
        StatusCode::SERVICE_UNAVAILABLE => (Code::Failure, "try again in a moment; /readyz of the server says more"),
        StatusCode::GATEWAY_TIMEOUT if is_statement => (
            Code::Failure,
            "let it read less: a condition on `time`, as in time > now() - INTERVAL 1 DAY, or time >= {from} AND time < {to} \
             with --since",
        ),
        StatusCode::GATEWAY_TIMEOUT => (Code::Failure, "narrow the range with --since, or add filters"),
        _ => (Code::Failure, "the log of the server says more"),
    }
}

/// Where to find what there is, for whoever named what there is not.
fn of_unknown(kind: &str) -> &'static str {
    match kind {
        "unknown-cluster" => "`beidou clusters` lists what is collected",
        "unknown-event" => {
            "`beidou events -o json` shows the uid of each Event; `beidou coverage` tells what is missing of the history"
        }
        "unknown-query" => "`beidou queries` lists the saved ones",
        "unknown-work" => "ask for it again with `beidou audit` or `beidou rebuild`",
        "no-export" => "`beidou exports` lists all; only those that are done have a file",
        "unknown-operation" => "`beidou operation list` shows names and ids",
        "unknown-task" => "`beidou task list` shows names and ids",
        "not-running" => "`beidou running` lists what runs, `beidou exports` all exports",
        _ => "check the URL; client and server should have the same version",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hint_leads_to_what_was_asked_for() {
        for (status, kind, is_statement, code, next) in [
            (404, "unknown-cluster", false, Code::NotFound, "beidou clusters"),
            (404, "unknown-event", false, Code::NotFound, "beidou events"),
            (404, "unknown-query", false, Code::NotFound, "beidou queries"),
            (404, "no-export", false, Code::NotFound, "beidou exports"),
            (404, "not-running", false, Code::NotFound, "beidou running"),
            (404, "not-found", false, Code::NotFound, "same version"),
            (404, "", false, Code::NotFound, "same version"),
            (409, "exports-full", false, Code::Failure, "beidou exports remove"),
            (404, "unknown-operation", false, Code::NotFound, "beidou operation list"),
            (404, "unknown-task", false, Code::NotFound, "beidou task list"),
            (409, "not-possible", false, Code::Failure, "possible now"),
            (409, "key-reused", false, Code::Usage, "new UUID"),
            (504, "time-limit", false, Code::Failure, "--since, or add filters"),
            (504, "time-limit", true, Code::Failure, "time >= {from}"),
            (500, "internal", true, Code::Failure, "log of the server"),
        ] {
            let (found, said) = hint(StatusCode::from_u16(status).unwrap(), kind, is_statement);
            assert!(found == code && said.contains(next), "{status} {kind}: {said}");
        }
        assert_eq!(hint(StatusCode::UNPROCESSABLE_ENTITY, "too-much", true), (Code::Usage, ""));
    }
}
