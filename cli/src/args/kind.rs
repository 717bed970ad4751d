//! Kinds and objects as kubectl users type them: `po/web-0`, `deployments.apps/web`, `HelmRelease/web`.

/// Kind, whether it lives in a namespace, and the names that people type for it, besides its own in lower case.
const KINDS: [(&str, bool, &[&str]); 31] = [
    ("ConfigMap", true, &["cm", "configmaps"]),
    ("CronJob", true, &["cj", "cronjobs"]),
    ("CustomResourceDefinition", false, &["crd", "crds", "customresourcedefinitions"]),
    ("DaemonSet", true, &["ds", "daemonsets"]),
    ("Deployment", true, &["deploy", "deployments"]),
    ("Endpoints", true, &["ep"]),
    ("EndpointSlice", true, &["endpointslices"]),
    ("Event", true, &["ev", "events"]),
    ("HelmRelease", true, &["hr", "helmreleases"]),
    ("HorizontalPodAutoscaler", true, &["hpa", "horizontalpodautoscalers"]),
    ("Ingress", true, &["ing", "ingresses"]),
    ("Job", true, &["jobs"]),
    ("Lease", true, &["leases"]),
    ("LimitRange", true, &["limits", "limitranges"]),
    ("Namespace", false, &["ns", "namespaces"]),
    ("NetworkPolicy", true, &["netpol", "networkpolicies"]),
    ("Node", false, &["no", "nodes"]),
    ("PersistentVolume", false, &["pv", "persistentvolumes"]),
    ("PersistentVolumeClaim", true, &["pvc", "persistentvolumeclaims"]),
    ("Pod", true, &["po", "pods"]),
    ("PodDisruptionBudget", true, &["pdb", "poddisruptionbudgets"]),
    ("PriorityClass", false, &["pc", "priorityclasses"]),
    ("ReplicaSet", true, &["rs", "replicasets"]),
    ("ReplicationController", true, &["rc", "replicationcontrollers"]),
    ("ResourceQuota", true, &["quota", "resourcequotas"]),
    ("Secret", true, &["secrets"]),
    ("Service", true, &["svc", "services"]),
    ("ServiceAccount", true, &["sa", "serviceaccounts"]),
    ("StatefulSet", true, &["sts", "statefulsets"]),
    ("StorageClass", false, &["sc", "storageclasses"]),
    ("VolumeAttachment", false, &["volumeattachments"]),
];

/// An object as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its kind, as in a manifest.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)
    }
}

impl Object {
    /// Whether objects of the kind live in a namespace, as far as is known.
    pub fn is_cluster_scoped(&self) -> bool {
        KINDS.iter().any(|(kind, namespaced, _)| *kind == self.kind && !namespaced)
    }
}

/// The kind that a text means. A kind unknown to us must be typed as in a manifest.
///
/// # Errors
/// A sentence with what is allowed.
pub fn kind(text: &str) -> Result<String, String> {
    let plain = text.split_once('.').map_or(text, |(kind, _group)| kind).to_lowercase();
    let known = KINDS.iter().find(|(kind, _, names)| kind.to_lowercase() == plain || names.contains(&plain.as_str()));
    match known {
        Some((kind, _, _)) => Ok((*kind).to_owned()),
        None if text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            Ok(text.to_owned())
        }
        None => Err(format!(
            "{text:?} is no kind that I know; write it as in a manifest, such as HelmRelease, or as in kubectl: po, deploy, no, …"
        )),
    }
}

/// The object that `KIND/NAME` means.
///
/// # Errors
/// A sentence with what is allowed.
pub fn object(text: &str) -> Result<Object, String> {
    match text.split_once('/') {
        Some((kind_text, name)) if !name.is_empty() && !name.contains('/') => {
            Ok(Object { kind: kind(kind_text)?, name: name.to_owned() })
        }
        _ => Err(format!("{text:?} is no object; write KIND/NAME, such as pod/web-0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_all_their_names() {
        for (text, expected) in [
            ("po", "Pod"),
            ("pod", "Pod"),
            ("Pods", "Pod"),
            ("POD", "Pod"),
            ("deploy", "Deployment"),
            ("deployments.apps", "Deployment"),
            ("no", "Node"),
            ("hpa", "HorizontalPodAutoscaler"),
            ("helmrelease", "HelmRelease"),
            ("VirtualMachine", "VirtualMachine"),
        ] {
            assert_eq!(kind(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "virtualmachine", "Po d", "x/y"] {
            assert!(kind(text).unwrap_err().contains("HelmRelease"), "{text}");
        }
    }

    #[test]
    fn names_are_unambiguous() {
        let mut names: Vec<_> = KINDS.iter().flat_map(|(_, _, names)| names.iter().copied()).collect();
        names.extend(KINDS.iter().map(|(kind, _, _)| *kind));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn objects_have_kind_and_name() {
        let pod = object("po/web-0").unwrap();
        assert_eq!((pod.kind.as_str(), pod.name.as_str(), pod.is_cluster_scoped()), ("Pod", "web-0", false));
        assert!(object("no/n1").unwrap().is_cluster_scoped());
        for text in ["web-0", "pod/", "pod/a/b", "what/x", ""] {
            assert!(object(text).is_err(), "{text}");
        }
    }
}
