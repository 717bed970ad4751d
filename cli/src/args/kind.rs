//! Kinds and objects as kubectl users type them: `po/web-0`, `deployments.apps/web`, `HelmRelease/web`.

use beidou_model::query_line::Kind;

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
        Kind::of(&self.kind).is_some_and(|kind| kind.name == self.kind && !kind.namespaced)
    }
}

/// The kind that a text means. A kind unknown to us must be typed as in a manifest.
///
/// # Errors
/// A sentence with what is allowed.
pub fn kind(text: &str) -> Result<String, String> {
    let plain = text.split_once('.').map_or(text, |(kind, _group)| kind);
    match Kind::of(plain) {
        Some(kind) => Ok(kind.name.to_owned()),
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
    fn objects_have_kind_and_name() {
        let pod = object("po/web-0").unwrap();
        assert_eq!((pod.kind.as_str(), pod.name.as_str(), pod.is_cluster_scoped()), ("Pod", "web-0", false));
        assert!(object("no/n1").unwrap().is_cluster_scoped());
        for text in ["web-0", "pod/", "pod/a/b", "what/x", ""] {
            assert!(object(text).is_err(), "{text}");
        }
    }
}
