//! Asks the cluster which of the needed rights are missing, and names the exact rule to add.
//!
//! It only tells people; what is really forbidden shows when it is asked for. A server without access reviews is not
//! asked twice.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use crate::watch::{Content, Link};

/// A verb that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Right {
    verb: &'static str,
    resource: &'static str,
    /// In the heartbeat's namespace only.
    heartbeat: bool,
}

const NEEDED: [Right; 6] = [
    Right { verb: "get", resource: "namespaces", heartbeat: false },
    Right { verb: "list", resource: "events", heartbeat: false },
    Right { verb: "watch", resource: "events", heartbeat: false },
    Right { verb: "create", resource: "events", heartbeat: true },
    Right { verb: "patch", resource: "events", heartbeat: true },
    Right { verb: "get", resource: "events", heartbeat: true },
];

/// A notice for each group of missing rights: what is lost without it, and the rule that grants it.
pub(crate) async fn missing_rights(link: &Link, namespace: &str, identified: bool, heartbeat: bool) -> Vec<String> {
    let mut missing = Vec::new();
    for right in NEEDED {
        if (right.heartbeat && !heartbeat) || (right.resource == "namespaces" && identified) {
            continue;
        }
        match allowed(link, right, namespace).await {
            Some(true) => {}
            Some(false) => missing.push(right),
            None => return Vec::new(),
        }
    }
    notices(&missing, namespace)
}

async fn allowed(link: &Link, right: Right, namespace: &str) -> Option<bool> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        allowed: bool,
    }
    let attributes = match (right.resource, right.heartbeat) {
        ("namespaces", _) => json!({ "verb": right.verb, "resource": right.resource, "name": "kube-system" }),
        (_, true) => json!({ "verb": right.verb, "resource": right.resource, "namespace": namespace }),
        (_, false) => json!({ "verb": right.verb, "resource": right.resource }),
    };
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": attributes },
    });
    let content = Content { kind: "application/json", json: review.to_string().into_bytes() };
    let uri = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    match link.read(Method::POST, uri, Some(content)).await {
        Ok(answer) => serde_json::from_slice::<Review>(&answer).ok().map(|review| review.status.allowed),
        Err(error) => {
            tracing::debug!(%error, "the cluster answers no access review");
            None
        }
    }
}

fn notices(missing: &[Right], namespace: &str) -> Vec<String> {
    let verbs = |wanted: &dyn Fn(&Right) -> bool| -> Vec<&str> {
        missing.iter().filter(|right| wanted(right)).map(|right| right.verb).collect()
    };
    let mut notices = Vec::new();
    let collect = verbs(&|right| right.resource == "events" && !right.heartbeat);
    if !collect.is_empty() {
        notices.push(format!("Events cannot be collected; add to a ClusterRole: {}", rule("events", &collect)));
    }
    if missing.iter().any(|right| right.resource == "namespaces") {
        let rule = r#"{apiGroups: [""], resources: [namespaces], resourceNames: [kube-system], verbs: [get]}"#;
        notices.push(format!("the cluster cannot be identified; add to a ClusterRole: {rule}, or set an explicit id"));
    }
    let beat = verbs(&|right| right.heartbeat);
    if !beat.is_empty() {
        notices.push(format!(
            "no heartbeat can be written, so completeness of a quiet cluster is proven late; add to a Role in namespace \
             {namespace}: {}, or set heartbeat: false",
            rule("events", &beat)
        ));
    }
    notices
}

fn rule(resource: &str, verbs: &[&str]) -> String {
    format!(r#"{{apiGroups: [""], resources: [{resource}], verbs: [{}]}}"#, verbs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_the_exact_rule() {
        let only = |verb: &str, heartbeat| -> Vec<Right> {
            NEEDED.iter().copied().filter(|r| r.verb == verb && r.heartbeat == heartbeat).collect()
        };
        let watch = notices(&only("watch", false), "default");
        assert_eq!(
            watch,
            [
                r#"Events cannot be collected; add to a ClusterRole: {apiGroups: [""], resources: [events], verbs: [watch]}"#
            ]
        );
        let create = notices(&only("create", true), "ops");
        assert!(create[0].contains("Role in namespace ops") && create[0].contains("verbs: [create]"), "{create:?}");
        assert_eq!(notices(&NEEDED, "default").len(), 3);
        assert!(notices(&[], "default").is_empty());
    }
}
