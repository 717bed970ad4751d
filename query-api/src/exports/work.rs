//! One export from its begin to its end, in a task of its own: its caller need not wait.

use std::sync::Arc;

use beidou_store::{
    query::Caller,
    sql::{ExportError, Exported, Question, export},
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Export, State};
use crate::{
    answer::ColdRead,
    app::{App, now},
    problem::{Kind, Problem},
    sql::{self, Limits, Listed},
};

/// Notes the export, and begins it.
pub(crate) fn begin(app: &Arc<App>, note: &Export, question: Question) -> Result<(), Problem> {
    let busy = |_| Problem::new(Kind::Busy, "too many exports at once; /api/v1/running lists them");
    let place = app.exports.places.clone().try_acquire_owned().map_err(busy)?;
    let unwritten = |error: std::io::Error| Problem {
        cause: error.to_string(),
        ..Problem::new(Kind::Internal, "the folder of exports cannot be written")
    };
    app.exports.note(note).map_err(unwritten)?;
    // Listed before its caller knows of it: who cancels it at once finds it.
    let listed = app.running.list(&note.id.to_string(), sql::Kind::Export, &note.subject, &note.question);
    tokio::spawn(run(app.clone(), note.clone(), question, listed, place));
    Ok(())
}

async fn run(app: Arc<App>, note: Export, question: Question, listed: Listed, _place: OwnedSemaphorePermit) {
    let ended = tokio::select! {
        written = write(&app, &note, &question) => match written {
            Ok((Exported { rows, bytes }, cold)) => Export { state: State::Done, rows, bytes, cold, ..note },
            Err(why) => Export { state: State::Failed, why: Some(why), ..note },
        },
        () = listed.stop.cancelled() => Export { state: State::Cancelled, ..note },
        () = app.stop.cancelled() => {
            Export { state: State::Interrupted, why: Some("the process ended; begin it anew".into()), ..note }
        }
    };
    tracing::info!(id = %ended.id, state = ?ended.state, rows = ended.rows, bytes = ended.bytes, "export ended");
    app.exports.end(Export { ended: Some(now()), ..ended });
}

/// Files of the archive are replaced once a day; an export that reads them for longer begins anew.
const TRIES: u32 = 3;

type Written = (Exported, Option<ColdRead>);

async fn write(app: &Arc<App>, note: &Export, question: &Question) -> Result<Written, String> {
    let in_words = |problem: Problem| problem.detail;
    let Question::Events { filter, range, .. } = question else {
        return Ok((write_once(app, note, question).await.map_err(|error| why(note, error))?, None));
    };
    let caller = Caller { request_id: note.id.to_string(), subject: note.subject.clone() };
    let reader = app.reader(caller);
    for _ in 0..TRIES {
        let begun = Instant::now();
        let cold = app.colds.plan_export(&reader, filter.clusters.as_deref(), *range).await.map_err(in_words)?;
        let question = Question::Events { filter: filter.clone(), range: *range, cold: cold.clone() };
        let brought = match &cold {
            Some(cold) => cold.bring().await.map_err(|error| ExportError::Sql(error.into())),
            None => Ok(()),
        };
        let written = match brought {
            Ok(()) => write_once(app, note, &question).await,
            Err(error) => Err(error),
        };
        let counts = match &cold {
            Some(cold) => app.colds.still(&reader, cold).await.map_err(in_words)?,
            None => {
                let (clusters, ranges) = (filter.clusters.as_deref(), std::slice::from_ref(range));
                app.colds.tables_had_all(begun, &reader, clusters, ranges).await.map_err(in_words)?
            }
        };
        if counts {
            let written = written.map_err(|error| why(note, error))?;
            return Ok((written, cold.and_then(|cold| ColdRead::of(cold.read()))));
        }
    }
    Err("files of the archive were replaced while they were read; begin it anew".into())
}

async fn write_once(app: &Arc<App>, note: &Export, question: &Question) -> Result<Exported, ExportError> {
    let caller = Caller { request_id: note.id.to_string(), subject: note.subject.clone() };
    let format = note.format.of_store();
    let chunks = sql::reader(app, caller, Limits::Export).stream(question, format)?;
    let part = app.exports.part(note).unwrap_or_default();
    let (exports, id) = (app.exports.clone(), note.id);
    export(chunks, format, part, move |exported| exports.at(id, exported)).await
}

/// In words for its owner; what is behind it is for our log.
fn why(note: &Export, error: ExportError) -> String {
    tracing::warn!(id = %note.id, %error, "export failed");
    match error {
        ExportError::Sql(error) => Problem::from(error).detail,
        ExportError::Write { source, .. } => format!("its file cannot be written: {source}"),
        ExportError::Form(_) | ExportError::TooLarge(_) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use beidou_log::memory::MemoryLog;
    use beidou_schemas::Topic;
    use beidou_store::query::Between;

    use super::{super::tests::export, *};

    #[tokio::test]
    async fn who_cancels_an_export_at_once_finds_it() {
        let app = App::for_tests(MemoryLog::new([(Topic::KubeEvent, 1), (Topic::Ledger, 3)]));
        let note = export(State::Running, None);
        let question = Question::Events { filter: Box::default(), range: Between::ALL, cold: None };
        begin(&app, &note, question).unwrap();
        assert!(app.running.cancel(&note.id.to_string()));
    }
}
