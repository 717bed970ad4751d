//! The API document: OpenAPI 3.1, made from the routes, committed as `openapi.json`, and compared by a test.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Beidou query API",
        description = "Kubernetes Events of many clusters, kept and found again.\n\n\
            Every answer over a range of time, but for proposals, carries `coverage`: how completely that range is known, \
            cluster by cluster. \
            Where it is not complete, \"nothing found\" is no proof that nothing happened.\n\n\
            An Event is an object with a `uid`. Kubernetes updates it when the same thing happens again; each version, with a \
            `resourceVersion` of its own, is a state. Lists of Events hold states. Occurrences are what `count` adds up to.\n\n\
            Lists are paged: pass `next` as `cursor`. No list is larger than 1 MB. Unknown parameters are refused. Errors are \
            problem details (RFC 9457); each `type` has a page that explains it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "Events", description = "What happened."),
        (name = "Clusters", description = "What is known, and how completely."),
        (name = "SQL", description = "Questions that no call foresaw."),
        (name = "Operations", description = "What is to be done to hosts, and how it goes."),
        (name = "Maintenance", description = "Audits and rebuilds."),
        (name = "Process", description = "Of this process.")
    ),
    modifiers(&Token)
)]
struct Head;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token from `query_api.tokens`; `beidou up` and `beidou demo` make one."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Title, licence, tags and the token, without the calls.
pub(crate) fn head() -> openapi::OpenApi {
    Head::openapi()
}

/// The whole document as JSON.
pub fn document() -> String {
    let document = crate::routes::api()
        .merge(crate::routes::operating())
        .merge(crate::routes::taking())
        .merge(crate::routes::open())
        .into_openapi();
    document.to_pretty_json().expect("an API document has string keys") + "\n"
}
