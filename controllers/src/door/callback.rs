//! The signed callback of a ticket system: it opens a gate, or keeps it shut.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use beidou_schemas::operation::{
    GateMode, Object, TaskId, Via,
    command::{Answer, Ask, Command, LONGEST_WORD},
};
use serde::Deserialize;

use super::{Door, answer::No};
use crate::{commands::id_of, gate, keeper::now};

/// The body of a callback.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Called {
    /// It may go on.
    open: bool,
    /// The number of the work order.
    #[serde(default)]
    ticket: String,
    /// For people.
    #[serde(default)]
    why: String,
}

pub(super) async fn answer(
    State(door): State<Door>,
    Path((task, step)): Path<(TaskId, u32)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, No> {
    let hook = door.keeper.look(|board| {
        let task = board.tasks.get(&task)?;
        let kind = task.steps.get(step as usize)?.kind;
        task.gate_of(kind).filter(|gate| gate.mode == GateMode::Webhook)?.webhook.clone()
    });
    let hook = hook.and_then(|name| door.hands.webhook(&name)).ok_or(No::NotFound)?;
    let signed = [gate::answer_path(task, step).as_bytes(), b".", &body].concat();
    if !gate::is_signed(&hook.secret, &headers, &signed, now()) {
        return Err(No::Unauthenticated);
    }
    let present =
        door.keeper.look(|board| board.tasks.get(&task).and_then(|task| task.present()).map(|(place, _)| place));
    if present != Some(step) {
        return Err(No::Bad("this gate is not open for an answer".into()));
    }
    let ask = asked(&body)?;
    let said = if matches!(ask, Ask::Approve(_)) { "open" } else { "shut" };
    let id = id_of(&["callback", &task.to_string(), &step.to_string(), said]);
    let (object, subject) = (Object::Task(task), format!("webhook:{}", hook.name));
    let command = Command { id, object, subject, via: Via::Callback, time: now(), ask };
    door.hands.ask(&[command]).await.map_err(No::Later)?;
    Ok(StatusCode::ACCEPTED)
}

/// What is called for. It is refused here: the same answer again would be the same command.
fn asked(body: &[u8]) -> Result<Ask, No> {
    let called: Called = serde_json::from_slice(body).map_err(|error| No::Bad(error.to_string()))?;
    let said = Answer { ticket: called.ticket, why: called.why };
    let ask = if called.open { Ask::Approve(said) } else { Ask::Reject(said) };
    match ask.too_long() {
        Some((field, bytes)) => Err(No::Bad(format!("{field} has {bytes} bytes; at most {LONGEST_WORD}"))),
        None => Ok(ask),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_have_a_bound() {
        let called = |bytes| asked(json!({"open": true, "why": "x".repeat(bytes)}).to_string().as_bytes());
        assert!(matches!(called(4096), Ok(Ask::Approve(_))));
        assert!(matches!(called(4097), Err(No::Bad(why)) if why == "why has 4097 bytes; at most 4096"));
    }
}
