//! Who a cluster is: the uid of its `kube-system` namespace, unless an explicit id is configured.

use beidou_schemas::{ClusterUid, InvalidId};
use http::Method;
use serde::Deserialize;

use super::config::ClusterConfig;
use crate::watch::{ApiError, Link};

/// Why a cluster's identity is unknown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentifyError {
    #[error(
        "cannot read the namespace kube-system, whose uid identifies the cluster: {0}. Grant the verb get on namespaces, \
         or set an explicit id for this cluster"
    )]
    Api(ApiError),
    #[error("the namespace kube-system has no usable uid; set an explicit id for this cluster")]
    Uid(#[source] InvalidId),
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
