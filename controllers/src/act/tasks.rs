//! What tasks need: their operations, work orders at ticket systems, and notes to people.

use beidou_model::operation::{Board, Seen, Stood, view};
use beidou_schemas::{
    Micros,
    operation::{
        GateMode, Object, Owner, TaskId, Via,
        command::{Command, RequestOperation},
        fact::{NotifyFailed, OperationAsked},
    },
    time::{HOUR, SECOND},
};
use serde_json::json;

use super::Hands;
use crate::{commands::id_of, error::chain, gate, keeper::now, target::TargetError};

/// A message that was not taken is sent again after this, then after four times as long each time, an hour at most: five tries,
/// which the model counts, reach over more than an hour.
const FIRST_AGAIN: i64 = 60 * SECOND;

impl Hands {
    /// As a resource where tasks are resources, else by a command.
    pub(super) async fn create(&self, task: TaskId, asked: &OperationAsked) -> Result<(), String> {
        let Some((step, subject)) = self.keeper.look(|board| {
            let task = board.tasks.get(&task)?;
            Some((task.steps.get(asked.step as usize)?.clone(), task.subject.clone()))
        }) else {
            return Err(format!("task {task} is not known"));
        };
        if let Some(resources) = &self.resources {
            match resources.create_operation(task, &step, asked).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error @ TargetError::NameTaken { leaves: false, .. }) => {
                    return self.tell(Seen::NotMade(task, error.to_string())).await;
                }
                Err(error) => return Err(chain(&error)),
            }
        }
        let owner = Some(Owner { task, step: step.kind });
        let request =
            RequestOperation { name: asked.name.clone(), spec: asked.spec.clone(), owner, why: String::new() };
        let id = id_of(&["task", &task.to_string(), &asked.step.to_string(), &asked.operation.to_string()]);
        if self.keeper.look(|board| board.commands.contains(&id)) {
            return Ok(());
        }
        let object = Object::Operation(asked.operation);
        self.ask(&[Command { id, object, subject, via: Via::Task, time: now(), ask: request.into() }]).await
    }

    /// A ticket system is asked, or told of a closing; where nobody is asked by a message, people are told.
    pub(super) async fn open_gate(&self, task: TaskId, step: u32, of_seq: u64) -> Result<(), String> {
        let found = self.keeper.look(|board| {
            let found = board.tasks.get(&task)?;
            let place = found.steps.get(step as usize)?;
            let gate = found.gate_of(place.kind)?;
            let role = self.targets.borrow().get(&found.spec.cluster).and_then(|target| target.role.clone());
            let report = place.kind.closes().then(|| view::report(board, found, role.as_deref()));
            let body = json!({
                "task": task,
                "name": found.name,
                "step": step,
                "kind": place.kind,
                "cluster": found.spec.cluster,
                "type": found.spec.operation_task_type,
                "machines": found.spec.operation_task_machines.iter().map(|machine| &machine.name).collect::<Vec<_>>(),
                "requester": found.subject,
                "until": place.gate.as_ref().map(|gate| gate.until),
                "answer": (gate.mode == GateMode::Webhook).then(|| format!("{}{}", self.callbacks, gate::answer_path(task, step))),
                "steps": found.steps.iter().map(|one| json!({"kind": one.kind, "bundle": one.bundle, "state": one.state, "operation": one.operation, "message": one.message})).collect::<Vec<_>>(),
                "report": report,
            });
            let asks = format!(
                "Beidou: {} waits for an approval: {} of {} machines of {}, asked for by {}",
                found.name,
                found.spec.operation_task_type,
                found.spec.operation_task_machines.len(),
                found.spec.cluster,
                found.subject
            );
            Some((gate.webhook.clone(), body, asks))
        });
        let Some((hook, body, asks)) = found else { return Ok(()) };
        let sent = match hook {
            Some(hook) => match self.webhook(&hook) {
                Some(hook) => hook.send(&self.http, &body, now()).await,
                // Nor is it with the next try: whoever changes the configuration starts controllers anew.
                None => return self.never_told(Object::Task(task), of_seq, self.no_webhook(&hook)).await,
            },
            None => self.notes.tell(&self.http, (Object::Task(task), of_seq), &asks).await,
        };
        self.told(Object::Task(task), of_seq, sent).await
    }

    /// People are told of what is held or over, or waits for their approval.
    pub(super) async fn notify(&self, object: Object, of_seq: u64) -> Result<(), String> {
        let moment = self.keeper.now();
        let found = self.keeper.look(|board| {
            let stood = board.notice(object, of_seq).and_then(|notice| notice.stood.clone());
            stood.or_else(|| stands(board, object, moment))
        });
        let Some(Stood { phase, reason, message }) = found else { return Ok(()) };
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let text = format!("Beidou: {} is {phase}{reason}. {message}", self.object_name(object));
        let sent = self.notes.tell(&self.http, (object, of_seq), text.trim()).await;
        self.told(object, of_seq, sent).await
    }

    fn no_webhook(&self, name: &str) -> String {
        let known: Vec<_> = self.hooks.iter().map(|hook| &*hook.name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!("no webhook is called {name:?}; those of `controllers.webhooks`: {known}")
    }

    /// Where no try would do better.
    async fn never_told(&self, object: Object, of_seq: u64, why: String) -> Result<(), String> {
        let again = self.keeper.now();
        self.tell(Seen::NotTold(object, NotifyFailed { of_seq, why, again, for_good: true })).await
    }

    async fn told(&self, object: Object, of_seq: u64, sent: Result<(), String>) -> Result<(), String> {
        let told = match sent {
            Ok(()) => self.tell(Seen::Told(object, of_seq)).await,
            Err(why) => {
                let tries = self.keeper.look(|board| board.notice(object, of_seq).map_or(0, |notice| notice.tries));
                let again = self.keeper.now().plus((FIRST_AGAIN << (2 * tries.min(3))).min(HOUR));
                self.tell(Seen::NotTold(object, NotifyFailed { of_seq, why, again, for_good: false })).await
            }
        };
        self.keeper.look(|board| self.notes.keep(|(object, seq)| board.notice(object, seq).is_some()));
        told
    }
}

/// How it stands now. What an operation waits for is not in its state: it depends on the moment.
fn stands(board: &Board, object: Object, moment: Micros) -> Option<Stood> {
    match object {
        Object::Board => None,
        Object::Operation(id) => {
            let view::Summary { phase, reason, message, .. } = view::summary(board, board.operations.get(&id)?, moment);
            Some(Stood { phase, reason, message })
        }
        Object::Task(id) => {
            let found = board.tasks.get(&id)?;
            Some(Stood { phase: found.phase, reason: found.reason, message: found.message.clone() })
        }
    }
}
