//! Who asks, and what the door says when it says no.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use beidou_model::operation::{Attempt, Ignored};
use beidou_schemas::{
    operation::OperationId,
    runner::{AttemptId, Refusal, Refused},
};
use uuid::Uuid;

use super::Door;
use crate::{
    keeper::{Keeper, TellError},
    token,
};

/// Why a request is not followed.
#[derive(Debug)]
pub(crate) enum No {
    /// Nobody knows the token, or it is of another attempt.
    Unauthenticated,
    /// 409, with its reason.
    Refused(Refused),
    /// There is no such thing.
    NotFound,
    /// The request makes no sense.
    Bad(String),
    /// Not now: the runner tries again.
    Later(String),
}

impl No {
    pub(super) fn refused(reason: Refusal, message: impl Into<String>) -> Self {
        Self::Refused(Refused { reason, message: message.into(), next: None })
    }

    pub(super) fn gap(next: u64) -> Self {
        let message = format!("number {next} is wanted next");
        Self::Refused(Refused { reason: Refusal::Gap, message, next: Some(next) })
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthenticated => {
                (StatusCode::UNAUTHORIZED, "the token is not one of an open attempt\n").into_response()
            }
            Self::Refused(refused) => (StatusCode::CONFLICT, Json(refused)).into_response(),
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Bad(why) => (StatusCode::BAD_REQUEST, why).into_response(),
            Self::Later(why) => (StatusCode::SERVICE_UNAVAILABLE, why).into_response(),
        }
    }
}

impl From<TellError> for No {
    fn from(error: TellError) -> Self {
        match error {
            TellError::Ignored(Ignored::Claimed { attempt, runner }) => {
                Self::refused(Refusal::Claimed, format!("attempt {attempt} is claimed by runner {runner}"))
            }
            TellError::Ignored(other) => Self::refused(Refusal::Over, other.to_string()),
            TellError::Gone => Self::Later("controllers end".into()),
        }
    }
}

/// An attempt that a token is good for.
pub(super) struct Known {
    pub operation: OperationId,
    pub attempt: Attempt,
}

impl Known {
    /// The last attempt of its operation, open or just ended: its runner may still have to be told so.
    pub(super) fn of(door: &Door, headers: &HeaderMap, attempt: &AttemptId) -> Result<Self, No> {
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.strip_prefix("Bearer ")).ok_or(No::Unauthenticated)?;
        let digest = token::digest(sent.as_bytes());
        let found = door.keeper.look(|board| {
            let (operation, attempt) = board.attempt(attempt)?;
            let good = attempt.token_sha256.as_deref().is_some_and(|known| token::same(known, &digest));
            good.then(|| Self { operation: operation.id, attempt: attempt.clone() })
        });
        found.ok_or(No::Unauthenticated)
    }

    /// Whether it is the open attempt still.
    pub(super) fn is_open(&self, keeper: &Keeper) -> bool {
        keeper.look(|board| {
            let open = board.operations.get(&self.operation).and_then(|operation| operation.open_attempt());
            open.is_some_and(|open| open.id == self.attempt.id)
        })
    }

    /// For a runner that has the work.
    pub(super) fn claimed_by(self, runner: Uuid) -> Result<Self, No> {
        match self.attempt.runner {
            _ if self.attempt.over.is_some() => Err(No::refused(Refusal::Over, "the attempt has ended")),
            Some(holder) if holder == runner => Ok(self),
            Some(holder) => Err(No::refused(Refusal::Claimed, format!("runner {holder} has claimed it"))),
            None => Err(No::refused(Refusal::Unclaimed, "claim it first")),
        }
    }
}
