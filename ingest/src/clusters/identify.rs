//! Who a cluster is: the uid of its `kube-system` namespace, unless an explicit id is configured.

use beidou_schemas::{ClusterUid, InvalidId};
use http::Method;
use serde::Deserialize;

use super::config::ClusterConfig;
use crate::watch::{ApiError, Link};

/// Why a cluster's identity is unknown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentifyError {
    #[error("cannot read the namespace kube-system, whose uid identifies the cluster: {0}{advice}", advice = advice(.0))]
    Api(ApiError),
    #[error("the namespace kube-system has no usable uid; set an explicit id for this cluster")]
    Uid(#[source] InvalidId),
}

/// Rights are the matter only where the server knows the caller and says no.
fn advice(error: &ApiError) -> &'static str {
    match error.code() {
        Some(403) => ". Grant the verb get on namespaces, or set an explicit id for this cluster",
        Some(_) | None => error.advice(),
    }
}

pub(crate) async fn identify(cluster: &ClusterConfig, link: &Link) -> Result<ClusterUid, IdentifyError> {
    #[derive(Deserialize)]
    struct Namespace {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        uid: String,
    }
    if let Some(id) = &cluster.id {
        return Ok(id.clone());
    }
    let answer = link.read(Method::GET, "/api/v1/namespaces/kube-system", None).await.map_err(IdentifyError::Api)?;
    let namespace: Namespace = serde_json::from_slice(&answer)
        .map_err(|error| IdentifyError::Api(ApiError::Answer(format!("the answer is no namespace: {error}"))))?;
    namespace.metadata.uid.parse().map_err(IdentifyError::Uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_asked_for_only_where_it_is_missing() {
        let refused = |code| ApiError::Status { code, message: "no".into(), wait: None };
        for (error, said) in [
            (refused(403), Some("Grant the verb get on namespaces")),
            (refused(401), Some("check the token")),
            (refused(500), None),
            (ApiError::Connection("https://h:6443: cannot connect: refused".into()), None),
        ] {
            let told = IdentifyError::Api(error).to_string();
            for advice in ["Grant", "check the token"] {
                assert_eq!(told.contains(advice), said.is_some_and(|said| said.contains(advice)), "{told}");
            }
        }
    }
}
