//! `GET …/export`: one operation as one file that proves itself: facts, what runners told, digests of what went in.

use axum::{
    body::{Body, Bytes},
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use beidou_model::operation::Operation;
use beidou_schemas::{Offset, operation::OperationId};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;

use super::{id_of, operation_of};
use crate::{
    app::{Ask, now},
    operations::{
        Operations,
        chain::{Chain, FORMAT, digests},
    },
    problem::{Kind, Problem, ProblemBody},
};

/// Pieces between the log and a connection: each has the lines of one read.
const QUEUE: usize = 4;
/// Records that are read for one piece.
const RECORDS: usize = 200;

/// One operation as one file: NDJSON with a hash chain.
///
/// The first line names format and operation, `digest` lines what went into it, `fact` lines are its facts and `said` lines
/// what runners told, both in the order of the log and as they stand there. The last line has the number of lines before it
/// and the head of the chain. docs/operations-api.md has the rule; `beidou operation replay FILE` verifies and opens it.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}/export", tag = "Operations",
    params(("id" = String, Path, description = "The operation's id.")),
    responses(
        (status = 200, description = "Lines of JSON", content((String = "application/x-ndjson"))),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn export_operation(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    ask.params(&[])?;
    let id = id_of(&id)?;
    let look = ask.app.operations.look(|known| {
        let operation = operation_of(known, id)?;
        Ok::<_, Problem>((head(operation), known.facts(id).to_vec()))
    });
    let (head, facts) = look.await??;
    let said = ask.app.operations.told(OperationId(id)).await?.offsets();
    let place = ask.app.tail_places.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::new(Kind::Busy, "as many streams as allowed are running"))?;
    let (queue, pieces) = mpsc::channel::<Result<Bytes, std::io::Error>>(QUEUE);
    let operations = ask.app.operations.clone();
    let write = async move {
        if let Err(problem) = write(&operations, head, &facts, &said, &queue).await {
            tracing::warn!(detail = problem.detail, cause = problem.cause, "an export was cut, the log cannot be read");
            // A body that breaks off is no export: its last line is missing, and the connection says so too.
            let _gone = queue.send(Err(std::io::Error::other(problem.detail))).await;
        }
        drop(place);
    };
    tokio::spawn(write.in_current_span());
    let name = format!("attachment; filename=\"operation-{id}.ndjson\"");
    let told = [(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((told, Body::from_stream(ReceiverStream::new(pieces))).into_response())
}

/// The lines before the facts.
fn head(operation: &Operation) -> Vec<Value> {
    let head = json!({"kind": "head", "format": FORMAT, "operation": operation.id, "name": operation.name,
        "cluster": operation.spec.cluster_name, "exported": now(), "seq": operation.seq});
    let digest = |(name, sha256): (&str, String)| json!({"kind": "digest", "name": name, "sha256": sha256});
    std::iter::once(head).chain(digests(operation).map(digest)).collect()
}

async fn write(
    operations: &Operations,
    head: Vec<Value>,
    facts: &[Offset],
    said: &[Offset],
    queue: &mpsc::Sender<Result<Bytes, std::io::Error>>,
) -> Result<(), Problem> {
    let (mut chain, mut piece) = (Chain::default(), String::new());
    let push = |chain: &mut Chain, piece: &mut String, line: String| {
        chain.push(line.as_bytes());
        piece.push_str(&line);
        piece.push('\n');
    };
    for line in head {
        push(&mut chain, &mut piece, line.to_string());
    }
    for (kind, at, offsets) in
        [("fact", beidou_schemas::operation::FACTS, facts), ("said", beidou_schemas::operation::SAID, said)]
    {
        for some in offsets.chunks(RECORDS) {
            for (offset, json) in operations.records(at, some).await? {
                let json = String::from_utf8_lossy(&json);
                push(&mut chain, &mut piece, format!(r#"{{"kind":"{kind}","offset":{offset},"{kind}":{json}}}"#));
            }
            if queue.send(Ok(std::mem::take(&mut piece).into())).await.is_err() {
                return Ok(());
            }
        }
    }
    piece.push_str(&chain.end());
    piece.push('\n');
    let _gone = queue.send(Ok(piece.into())).await;
    Ok(())
}
