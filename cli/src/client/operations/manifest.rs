//! Manifests: YAML or JSON documents of the kinds Operation and AutoOperationTask, as `kubectl apply` takes them.

use std::{io::Read, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Kind;
use crate::exit::{Code, Failure};

/// Largest file that is read: two of the largest bodies that a server takes.
const MOST_BYTES: u64 = 4 << 20;
/// Group and version of the resources: the server is told neither, and takes another one for this.
const VERSION: &str = "caas.beidou.io/v1alpha1";
/// Of the namespace where nobody says one, as `kubectl` does.
const NAMESPACE: &str = "default";

/// What a document asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest {
    pub kind: Kind,
    /// `namespace/name`.
    pub name: String,
    /// `{name, spec}` of the call's body.
    pub body: Value,
}

/// Text of a file, or of stdin for `-`.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let named = path.display();
    let failed = |error| Failure::new(Code::Usage, format!("cannot read {named}"), "").because(error);
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().take(MOST_BYTES + 1).read_to_string(&mut text),
        false => std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text)),
    };
    match read.map_err(failed)? as u64 {
        0..=MOST_BYTES => Ok(text),
        _ => Err(Failure::new(Code::Usage, format!("{named} is larger than {} MB", MOST_BYTES >> 20), "split it")),
    }
}

/// Reads all documents; empty ones are left out.
pub(super) fn read(text: &str) -> Result<Vec<Manifest>, Failure> {
    let mut manifests = Vec::new();
    for (place, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let number = place + 1;
        let value = Value::deserialize(document).map_err(|error| {
            let said = format!("document {number} is no YAML");
            Failure::new(Code::Usage, said, "write one manifest per document, `---` between them").because(error)
        })?;
        if !value.is_null() {
            manifests.push(manifest(number, value)?);
        }
    }
    match manifests.is_empty() {
        true => Err(Failure::new(
            Code::Usage,
            "there is no manifest in the file",
            "write apiVersion, kind, metadata and spec",
        )),
        false => Ok(manifests),
    }
}

fn manifest(number: usize, value: Value) -> Result<Manifest, Failure> {
    let bad = |field: &str, value: &Value, allowed: &str| {
        let stands = match value {
            Value::Null => "missing".to_owned(),
            other => other.to_string(),
        };
        Failure::new(Code::Usage, format!("document {number}: {field} is {stands}; allowed: {allowed}"), "")
    };
    let Value::Object(mut document) = value else {
        return Err(bad("it", &value, "a manifest with apiVersion, kind, metadata and spec"));
    };
    let version = document.get("apiVersion").cloned().unwrap_or_default();
    if version != VERSION {
        return Err(bad("apiVersion", &version, VERSION));
    }
    let kind = match document.get("kind").and_then(Value::as_str) {
        Some("Operation") => Kind::Operation,
        Some("AutoOperationTask") => Kind::Task,
        _ => return Err(bad("kind", &document.remove("kind").unwrap_or_default(), "Operation, AutoOperationTask")),
    };
    let metadata = document.get("metadata").cloned().unwrap_or_default();
    let Some(name) = metadata["name"].as_str().filter(|name| !name.is_empty()) else {
        return Err(bad("metadata.name", &metadata["name"], "a name"));
    };
    let namespace = metadata["namespace"].as_str().unwrap_or(NAMESPACE);
    let name = format!("{namespace}/{name}");
    let Some(Value::Object(mut spec)) = document.remove("spec") else {
        return Err(bad("spec", &Value::Null, "what is to be done"));
    };
    // The resource can be cancelled by its spec; here that is a command of its own.
    match spec.remove("cancel") {
        None | Some(Value::Bool(false)) => {}
        Some(other) => {
            return Err(bad("spec.cancel", &other, "false; use `beidou operation cancel`, `beidou task cancel`"));
        }
    }
    if kind == Kind::Operation {
        label(&mut spec, &metadata["labels"]);
    }
    let body = json!({"name": name, "spec": spec});
    Ok(Manifest { kind, name, body })
}

/// Labels of the resource are labels of the operation.
fn label(spec: &mut Map<String, Value>, labels: &Value) {
    if let Some(labels) = labels.as_object().filter(|labels| !labels.is_empty()) {
        let all = spec.entry("labels").or_insert_with(|| json!({}));
        if let Some(all) = all.as_object_mut() {
            for (name, value) in labels {
                all.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}
