//! The kinds of Kubernetes objects that people call by other names too.

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// As in a manifest.
    pub name: &'static str,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// What people type for it, besides its own name in any case: kubectl's short names and plurals.
    pub others: &'static [&'static str],
}

const fn kind(name: &'static str, namespaced: bool, others: &'static [&'static str]) -> Kind {
    Kind { name, namespaced, others }
}

/// The kinds of Kubernetes itself, and some that nearly every cluster has.
pub const KINDS: [Kind; 31] = [
    kind("ConfigMap", true, &["cm", "configmaps"]),
    kind("CronJob", true, &["cj", "cronjobs"]),
    kind("CustomResourceDefinition", false, &["crd", "crds", "customresourcedefinitions"]),
    kind("DaemonSet", true, &["ds", "daemonsets"]),
    kind("Deployment", true, &["deploy", "deployments"]),
    kind("Endpoints", true, &["ep"]),
    kind("EndpointSlice", true, &["endpointslices"]),
    kind("Event", true, &["ev", "events"]),
    kind("HelmRelease", true, &["hr", "helmreleases"]),
    kind("HorizontalPodAutoscaler", true, &["hpa", "horizontalpodautoscalers"]),
    kind("Ingress", true, &["ing", "ingresses"]),
    kind("Job", true, &["jobs"]),
    kind("Lease", true, &["leases"]),
    kind("LimitRange", true, &["limits", "limitranges"]),
    kind("Namespace", false, &["ns", "namespaces"]),
    kind("NetworkPolicy", true, &["netpol", "networkpolicies"]),
    kind("Node", false, &["no", "nodes"]),
    kind("PersistentVolume", false, &["pv", "persistentvolumes"]),
    kind("PersistentVolumeClaim", true, &["pvc", "persistentvolumeclaims"]),
    kind("Pod", true, &["po", "pods"]),
    kind("PodDisruptionBudget", true, &["pdb", "poddisruptionbudgets"]),
    kind("PriorityClass", false, &["pc", "priorityclasses"]),
    kind("ReplicaSet", true, &["rs", "replicasets"]),
    kind("ReplicationController", true, &["rc", "replicationcontrollers"]),
    kind("ResourceQuota", true, &["quota", "resourcequotas"]),
    kind("Secret", true, &["secrets"]),
    kind("Service", true, &["svc", "services"]),
    kind("ServiceAccount", true, &["sa", "serviceaccounts"]),
    kind("StatefulSet", true, &["sts", "statefulsets"]),
    kind("StorageClass", false, &["sc", "storageclasses"]),
    kind("VolumeAttachment", false, &["volumeattachments"]),
];

impl Kind {
    /// The kind that a text means, in any case; `None` for kinds that are not in the table.
    pub fn of(text: &str) -> Option<&'static Self> {
        let is = |name: &&str| name.eq_ignore_ascii_case(text);
        KINDS.iter().find(|kind| is(&kind.name) || kind.others.iter().any(is))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unambiguous() {
        let mut names: Vec<String> = KINDS.iter().map(|kind| kind.name.to_lowercase()).collect();
        names.extend(KINDS.iter().flat_map(|kind| kind.others).map(|other| (*other).to_owned()));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
