//! Claim, events, heartbeat, finish.

use std::time::Duration;

use axum::{Json, extract::State, http::HeaderMap};
use beidou_model::operation::{Ignored, Seen};
use beidou_schemas::{
    operation::{
        AttemptEnd,
        fact::{AttemptClaimed, AttemptEnded, Heard},
        said::Said,
    },
    runner::{Assignment, Claim, Command, Ended, Events, Finish, Heartbeat, Refusal, Taken},
};
use tokio::time::Instant;

use super::{
    Desk, Door,
    answer::{Known, No},
};
use crate::{
    assign,
    fault::Point,
    keeper::{TellError, now},
    metrics::ControllersMetrics,
};

/// That a runner was heard is a fact no more often than this: a third of a heartbeat's patience.
const TELL_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn claim(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(claim): Json<Claim>,
) -> Result<Json<Assignment>, No> {
    let result = grant(&door, &headers, claim).await;
    ControllersMetrics::count(&door.metrics.claims, if result.is_ok() { "granted" } else { "refused" });
    result.map(Json)
}

async fn grant(door: &Door, headers: &HeaderMap, claim: Claim) -> Result<Assignment, No> {
    let Claim { attempt, runner } = claim;
    let known = Known::of(door, headers, &attempt)?;
    if known.attempt.over.is_some() {
        return Err(No::refused(Refusal::Over, "the attempt has ended"));
    }
    // It was made, and controllers may have begun anew with other bundles before it came.
    let is_its = known.attempt.runner.is_none_or(|holder| holder == runner);
    if let Some(why) = door.hands.bundle_of(known.operation).err().filter(|_| is_its) {
        door.hands.give_up(known.operation, &known.attempt, why.clone()).await.map_err(No::Later)?;
        return Err(No::refused(Refusal::Over, why));
    }
    // Made before the claim, which says by digests what the runner is told.
    let made = door.hands.assignment(known.operation, &attempt).await;
    let inputs = made.as_ref().map(assign::inputs).unwrap_or_default();
    let claimed = AttemptClaimed { inputs, ..AttemptClaimed::new(attempt.clone(), runner) };
    match door.keeper.tell(Seen::Claimed(known.operation, claimed)).await {
        Ok(()) => tracing::info!(%attempt, %runner, "a runner has claimed its step"),
        // The same runner asks again: its answer got lost.
        Err(TellError::Ignored(Ignored::Known)) => {}
        Err(error) => return Err(error.into()),
    }
    door.faults.reach(Point::AfterClaim).await;
    let fence = door.keeper.look(|board| board.attempt(&attempt).map(|(_, found)| assign::fence(found)));
    Ok(Assignment { fence: fence.unwrap_or_default(), ..made.map_err(No::Later)? })
}

pub(super) async fn events(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(sent): Json<Events>,
) -> Result<Json<Taken>, No> {
    let known = Known::of(&door, &headers, &sent.attempt)?.claimed_by(sent.runner)?;
    let mut desk = door.desks.take(&door.keeper, &known).await?;
    let next = wanted(&desk, &known);
    let numbered = sent.events.iter().zip(sent.first..).all(|(event, number)| event.seq == number);
    if !numbered || sent.first == 0 {
        return Err(No::Bad("events are numbered from `first` on, without gaps".into()));
    }
    if sent.first > next {
        return Err(No::gap(next));
    }
    // Before the append, which waits as long as the log does not take what it said: it is no less alive meanwhile.
    desk.next = next;
    heard(&door, &mut desk, &known).await?;
    let new: Vec<_> = sent.events.into_iter().filter(|event| event.seq >= next).collect();
    let count = new.len() as u64;
    if count > 0 {
        let (step, epoch) = door.keeper.look(|board| {
            let step = board.operations.get(&known.operation).map(|found| found.step(known.attempt.step).name.clone());
            (step.unwrap_or_default(), board.epoch)
        });
        let (attempt, batch, number) = (known.attempt.id.clone(), known.attempt.batch, known.attempt.number);
        let said = Said { operation: known.operation, attempt, step, batch, number, epoch, time: now(), events: new };
        let appended = door.said.append(vec![said.to_record()]).await;
        appended.map_err(|error| No::Later(format!("the log does not take it: {error}")))?;
        door.faults.reach(Point::AfterSaid).await;
        door.metrics.events.inc_by(count);
    }
    desk.next = next + count;
    taken(&door, &known, desk.next)
}

pub(super) async fn heartbeat(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(beat): Json<Heartbeat>,
) -> Result<Json<Taken>, No> {
    let known = Known::of(&door, &headers, &beat.attempt)?.claimed_by(beat.runner)?;
    let mut desk = door.desks.take(&door.keeper, &known).await?;
    desk.next = wanted(&desk, &known);
    heard(&door, &mut desk, &known).await?;
    taken(&door, &known, desk.next)
}

pub(super) async fn finish(
    State(door): State<Door>,
    headers: HeaderMap,
    Json(finish): Json<Finish>,
) -> Result<Json<Taken>, No> {
    let known = Known::of(&door, &headers, &finish.attempt)?;
    // Its answer got lost, or is on its way: it has ended as it said.
    let over = Taken { next: finish.last_seq + 1, command: Command::None };
    if known.attempt.over.is_some() && known.attempt.runner == Some(finish.runner) {
        return Ok(Json(over));
    }
    let known = known.claimed_by(finish.runner)?;
    let Ok(desk) = door.desks.take(&door.keeper, &known).await else { return Ok(Json(over)) };
    let next = wanted(&desk, &known);
    if finish.last_seq >= next {
        return Err(No::gap(next));
    }
    let stopped = door.keeper.look(|board| {
        let open = board.operations.get(&known.operation).and_then(|operation| operation.open_attempt());
        open.is_some_and(|open| open.stop.is_some())
    });
    let end = match finish.ended {
        Ended::Stats => AttemptEnd::Finished,
        Ended::Missing if stopped => AttemptEnd::Stopped,
        Ended::Missing => AttemptEnd::Missing,
    };
    let message = finish.reason.unwrap_or_default();
    let ended =
        AttemptEnded { attempt: finish.attempt.clone(), end, exit: finish.exit, signal: finish.signal, message };
    match door.keeper.tell(Seen::Ended(known.operation, ended, finish.hosts)).await {
        Ok(()) | Err(TellError::Ignored(_)) => {}
        Err(error) => return Err(error.into()),
    }
    drop(desk);
    door.desks.close(&finish.attempt);
    Ok(Json(Taken { next, command: Command::None }))
}

/// After a restart, what the facts know: what is on the log beyond that comes once more, with a higher epoch.
fn wanted(desk: &Desk, known: &Known) -> u64 {
    desk.next.max(known.attempt.next).max(1)
}

async fn heard(door: &Door, desk: &mut Desk, known: &Known) -> Result<(), No> {
    if desk.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
        return Ok(());
    }
    let heard = Heard { attempt: known.attempt.id.clone(), next: desk.next };
    door.keeper.tell(Seen::Heard(known.operation, heard)).await?;
    desk.told = Some(Instant::now());
    Ok(())
}

fn taken(door: &Door, known: &Known, next: u64) -> Result<Json<Taken>, No> {
    let stops = door.keeper.look(|board| {
        let open = board.operations.get(&known.operation).and_then(|operation| operation.open_attempt());
        open.is_none_or(|open| open.id != known.attempt.id || open.stop.is_some())
    });
    Ok(Json(Taken { next, command: if stops { Command::Cancel } else { Command::None } }))
}
