//! `/api/v1/links`: addresses of the console that are too long to be passed on, kept on the log under a short id.

use axum::{Json, extract::Path};
use beidou_schemas::{
    Micros,
    maintenance::fact::{LinkSaved, Request},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::{Ask, now},
    ask::body::Body,
    problem::{Kind, Problem, ProblemBody},
    upkeep::Board,
};

/// The longest query line fits, percent-encoded, with what stands beside it; a body has 16 KiB.
const LONGEST_ADDRESS: usize = 15 * 1024;
const ADDRESS: &str = "path and query of a page, as a browser writes them: at most 15360 printable characters of ASCII, \
                       beginning with one '/', without '#'";

/// What is to get an id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// Path and query of a page, percent-encoded: at most 15360 characters, without host and fragment.
    #[schema(example = "/events?from=-6h&q=reason%3ABackOff")]
    address: String,
}

/// A short link: `/s/{id}` of the console leads to its address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkItem {
    /// Its id, made of the address.
    id: String,
    /// Path and query.
    address: String,
    /// Who saved it first.
    subject: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
}

/// Keeps an address of the console under a short id: the same address gets the same id.
#[utoipa::path(
    post, path = "/api/v1/links", tag = "Events", request_body = LinkBody,
    responses((status = 200, body = LinkItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn shorten(ask: Ask, Body(LinkBody { address }): Body<LinkBody>) -> Result<Json<LinkItem>, Problem> {
    ask.params(&[])?;
    if !is_address(&address) {
        return Err(Problem::parameter("address", &address, ADDRESS));
    }
    let find = |board: &Board| {
        let id = board.links().id_of(&address);
        (board.links().get(&id).cloned(), id)
    };
    let (known, id) = ask.app.upkeep.board(find).await?;
    if let Some(link) = known {
        return Ok(Json(item(link)));
    }
    let link = LinkSaved { id, address, subject: ask.caller().subject.clone(), time: now() };
    ask.app.upkeep.ask(Request::LinkSaved(link.clone()), |_| Ok(())).await?;
    Ok(Json(item(link)))
}

/// The address that a short link leads to.
#[utoipa::path(
    get, path = "/api/v1/links/{id}", tag = "Events", params(("id" = String, Path, description = "The link's id.")),
    responses((status = 200, body = LinkItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn link(ask: Ask, Path(id): Path<String>) -> Result<Json<LinkItem>, Problem> {
    ask.params(&[])?;
    let found = ask.app.upkeep.board(|board| board.links().get(&id).cloned()).await?;
    let unknown = || Problem::new(Kind::UnknownLink, format!("no short link has the id {id:?}"));
    found.map(|link| Json(item(link))).ok_or_else(unknown)
}

fn is_address(address: &str) -> bool {
    // Browsers take two slashes of either kind for the begin of a host, and a fragment may hold a token.
    address.len() <= LONGEST_ADDRESS
        && address.strip_prefix('/').is_some_and(|rest| !rest.starts_with(['/', '\\']))
        && address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

fn item(LinkSaved { id, address, subject, time }: LinkSaved) -> LinkItem {
    LinkItem { id, address, subject, time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stays_on_this_site_and_has_no_fragment() {
        for (address, fits) in [
            ("/", true),
            ("/events?q=reason%3ABackOff&from=-6h", true),
            (r"/events?q=a\b//c", true),
            ("/o/hz-prod-02/pod/recsys/a?t1=2026-11-23T14:40:00Z", true),
            ("", false),
            ("events", false),
            ("//evil.example", false),
            (r"/\evil.example", false),
            ("https://evil.example/", false),
            ("javascript:alert(1)", false),
            ("/#token=bd_secret", false),
            ("/events?q=a b", false),
            ("/events\n", false),
            ("/\t/evil.example", false),
            ("/events?q=é", false),
        ] {
            assert_eq!(is_address(address), fits, "{address}");
        }
        let long = |length: usize| format!("/{}", "x".repeat(length - 1));
        assert!(is_address(&long(LONGEST_ADDRESS)) && !is_address(&long(LONGEST_ADDRESS + 1)));
    }
}
