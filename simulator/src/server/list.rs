//! List of Events: paged, each page at the snapshot of the first, tokens that die with compaction.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::access;
use super::shared::{Shared, State as ServerState};
use super::status::Status;
use super::watch;
use crate::generate::record::TYPE_META;
use crate::oracle::Entry;
use crate::oracle::reckoning::Answered;
use crate::storage::Page;

/// Query of a list or watch. Names are the API's.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    #[serde(default)]
    pub watch: String,
    pub resource_version: Option<String>,
    pub resource_version_match: Option<String>,
    pub limit: Option<usize>,
    #[serde(rename = "continue")]
    pub token: Option<String>,
    pub timeout_seconds: Option<u64>,
    #[serde(default)]
    pub allow_watch_bookmarks: String,
    #[serde(default)]
    pub send_initial_events: String,
    pub field_selector: Option<String>,
    pub label_selector: Option<String>,
}

/// What a continue token carries.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    rv: u64,
    start: String,
}

impl Asked {
    /// The resourceVersion asked for; 0 and none both mean "any".
    pub fn version(&self) -> Result<u64, Status> {
        let text = self.resource_version.as_deref().unwrap_or_default();
        if text.is_empty() {
            return Ok(0);
        }
        text.parse()
            .map_err(|_| Status::bad_request(format!("resourceVersion: Invalid value: \"{text}\": must be a number")))
    }
}

/// True for the ways in which clients write a true flag.
pub(super) fn is_true(flag: &str) -> bool {
    matches!(flag, "1" | "true")
}

/// The name under which the oracle keeps a client.
pub(super) fn client_of(headers: &HeaderMap) -> String {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unnamed").to_owned()
}

/// `GET /api/v1/events`.
pub(super) async fn all(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    answer(&shared, "", &asked, &headers)
}

/// `GET /api/v1/namespaces/{namespace}/events`.
pub(super) async fn in_namespace(
    State(shared): State<Arc<Shared>>,
    Path(namespace): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    answer(&shared, &namespace, &asked, &headers)
}

fn answer(shared: &Arc<Shared>, namespace: &str, asked: &Asked, headers: &HeaderMap) -> Response {
    let client = client_of(headers);
    let given = [&asked.field_selector, &asked.label_selector];
    if given.into_iter().flatten().any(|selector| !selector.is_empty()) {
        return Status::bad_request("the simulator knows no selectors on Events").into_response();
    }
    let answered = if is_true(&asked.watch) {
        watch::open(shared, namespace, asked, client)
    } else {
        list(shared, namespace, asked, &client)
    };
    answered.unwrap_or_else(IntoResponse::into_response)
}

fn list(shared: &Shared, namespace: &str, asked: &Asked, client: &str) -> Result<Response, Status> {
    let mut state = shared.lock();
    access::check(shared, &state.access, "list", namespace)?;
    let token = asked.token.as_deref().filter(|token| !token.is_empty()).map(decode).transpose()?;
    let prefix = prefix_of(namespace);
    refuse(&mut state, asked, token.as_ref())?;
    let after = match &token {
        // An inconsistent continuation: the present state, from the named key on.
        Some(token) if token.rv == 0 => None,
        Some(token) => Some((token.start.as_str(), token.rv)),
        None => None,
    };
    let limit = asked.limit.unwrap_or(0);
    let skip = token.as_ref().filter(|token| token.rv == 0).map(|token| token.start.clone());
    let resume = token.as_ref().map_or_else(String::new, |token| encode(&Token { rv: 0, start: token.start.clone() }));
    let mut page = state.storage.list(&prefix, limit, after).map_err(|_| Status::expired_list(resume))?;
    if let Some(start) = &skip {
        page.items.retain(|item| *item.key > **start);
    }
    if page.rest.is_none() && namespace.is_empty() && skip.is_none() {
        note_listed(shared, &mut state, client, &page);
    }
    Ok(render(&page).into_response())
}

/// Answers that come before any look at the data: forced 410, versions that are too old or not there yet.
fn refuse(state: &mut ServerState, asked: &Asked, token: Option<&Token>) -> Result<(), Status> {
    if state.knobs.expire_lists > 0 {
        state.knobs.expire_lists -= 1;
        return Err(Status::expired_list(encode(&Token { rv: 0, start: String::new() })));
    }
    if token.is_some() {
        return Ok(());
    }
    let version = asked.version()?;
    let current = state.storage.resource_version;
    if version > current {
        return Err(Status::new(504, "Timeout", format!("Too large resource version: {version}, current: {current}")));
    }
    if asked.resource_version_match.as_deref() == Some("Exact") && version < current {
        // Only the present is kept as a whole; older exact versions are as good as compacted.
        return Err(Status::expired_watch(version, current));
    }
    Ok(())
}

/// Tells the oracle that a client has got a full list, and settles what that client lost before.
pub(super) fn note_listed(shared: &Shared, state: &mut ServerState, client: &str, page: &Page) {
    let at_us = shared.clock.now_us();
    let incarnation = state.storage.incarnation;
    let resource_version = page.resource_version;
    shared.ledger.append(Entry::Listed {
        cluster: shared.cluster.uid,
        incarnation,
        client: client.to_owned(),
        resource_version,
        items: page.snapshot.len() as u64,
        at_us,
    });
    let listed: HashSet<_> = page.snapshot.iter().map(|object| (object.uid, object.resource_version)).collect();
    let answered = Answered { client, incarnation, resource_version, at_us };
    for loss in state.reckoning.listed(&answered, |uid, version| listed.contains(&(*uid, version))) {
        shared.ledger.append(Entry::Lost(loss));
    }
}

/// The key prefix of a namespace; empty for all.
pub(super) fn prefix_of(namespace: &str) -> String {
    if namespace.is_empty() { String::new() } else { format!("{namespace}/") }
}

fn render(page: &Page) -> impl IntoResponse + use<> {
    let mut out = Vec::with_capacity(256 + page.items.iter().map(|item| item.json.len()).sum::<usize>());
    out.extend_from_slice(br#"{"kind":"EventList","apiVersion":"v1","metadata":{"resourceVersion":""#);
    out.extend_from_slice(page.resource_version.to_string().as_bytes());
    out.push(b'"');
    if let Some((start, left)) = &page.rest {
        let token = encode(&Token { rv: page.resource_version, start: start.to_string() });
        out.extend_from_slice(format!(",\"continue\":\"{token}\",\"remainingItemCount\":{left}").as_bytes());
    }
    out.extend_from_slice(b"},\"items\":[");
    for (at, item) in page.items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.push(b'{');
        out.extend_from_slice(item.json.strip_prefix(TYPE_META).unwrap_or(&item.json[1..]));
    }
    out.extend_from_slice(b"]}");
    ([(header::CONTENT_TYPE, "application/json")], out)
}

fn encode(token: &Token) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(token).unwrap_or_default())
}

fn decode(text: &str) -> Result<Token, Status> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let token = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    token.ok_or_else(|| Status::bad_request("continue key is not valid: cannot be decoded"))
}
