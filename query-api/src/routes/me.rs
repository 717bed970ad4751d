//! `GET /api/v1/me`: who asks, and what goes on. A console shows it beside every page, and asks for nothing else of it there.

use axum::Json;
use beidou_schemas::operation::{Phase, Reason};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::Ask,
    problem::{Problem, ProblemBody},
};

/// How many operations, or tasks, are not over.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Going {
    /// All that are not over.
    active: u32,
    /// Those that stand still until somebody decides: `Held`, `Unknown`.
    held: u32,
    /// Those that wait for the approval of another subject.
    awaiting_approval: u32,
}

impl Going {
    fn of(all: impl Iterator<Item = (Phase, Option<Reason>)>) -> Self {
        let mut going = Self::default();
        for (phase, reason) in all.filter(|(phase, _)| !phase.is_over()) {
            going.active += 1;
            going.held += u32::from(phase.stands_still());
            going.awaiting_approval += u32::from(reason == Some(Reason::AwaitingApproval));
        }
        going
    }
}

/// Who asks, and what goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// Whom the token belongs to: as whom the caller approves, and whom the log names.
    subject: String,
    /// Of all clusters.
    operations: Going,
    /// Of all clusters; the operations of tasks are among the operations as well.
    tasks: Going,
}

/// Who asks, and how much goes on: what stands beside every page of a console, in one call.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "Operations",
    responses((status = 200, body = Me), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn me(ask: Ask) -> Result<Json<Me>, Problem> {
    ask.params(&[])?;
    let subject = ask.caller().subject.clone();
    let look = ask.app.operations.look(|known| {
        let (operations, tasks) = (known.board.operations.values(), known.board.tasks.values());
        Me {
            subject,
            operations: Going::of(operations.map(|operation| (operation.phase, operation.reason))),
            tasks: Going::of(tasks.map(|task| (task.phase, task.reason))),
        }
    });
    Ok(Json(look.await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_does_not_go_on_and_what_waits_for_somebody_is_counted_apart() {
        let all = [
            (Phase::Pending, Some(Reason::AwaitingApproval)),
            (Phase::Running, None),
            (Phase::Held, Some(Reason::HeldOnRequest)),
            (Phase::Unknown, None),
            (Phase::Succeeded, None),
            (Phase::Cancelled, Some(Reason::AwaitingApproval)),
        ];
        let Going { active, held, awaiting_approval } = Going::of(all.into_iter());
        assert_eq!((active, held, awaiting_approval), (4, 2, 1));
    }
}
