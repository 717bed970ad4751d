//! The parameters of an operation, held against the bundle's own JSON Schema.
//!
//! A property with `x-secret: true` is given by reference only. Its value is no part of what is checked here, and so can
//! stand in no message; the runner reads it from a file.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{Bundle, Fault};

/// Marks a property of the schema as secret.
pub const SECRET_KEYWORD: &str = "x-secret";
const FILE: &str = "parameters";

/// What a runner gets: defaults filled in, secrets by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// All that may be read by anybody.
    pub plain: Map<String, Value>,
    /// Names of the secret ones that were given.
    pub secrets: BTreeSet<String>,
}

impl Bundle {
    /// Names of the secret parameters.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        secret_names(&self.manifest().parameters)
    }

    /// Checks parameters, and fills in defaults.
    ///
    /// # Errors
    /// All that is wrong at once.
    pub fn parameters(&self, plain: &Map<String, Value>, secrets: &BTreeSet<String>) -> Result<Parameters, Vec<Fault>> {
        let schema = &self.manifest().parameters;
        let known: BTreeSet<&str> = secret_names(schema).collect();
        let mut faults = Vec::new();
        for name in plain.keys().filter(|name| known.contains(name.as_str())) {
            faults.push(Fault::new(FILE, name, "is secret: give it by reference to a Secret, never as a value"));
        }
        for name in secrets.iter().filter(|name| !known.contains(name.as_str())) {
            let allowed = known.iter().copied().collect::<Vec<_>>().join(", ");
            faults.push(Fault::new(FILE, name, format!("is no secret of this bundle; its secrets: {allowed}")));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut filled = plain.clone();
        for (name, property) in properties(schema) {
            if let Some(default) = property.get("default")
                && !filled.contains_key(name)
            {
                filled.insert(name.clone(), default.clone());
            }
        }
        let mut checked = filled.clone();
        checked.extend(secrets.iter().map(|name| (name.clone(), Value::Bool(true))));
        let validator = jsonschema::validator_for(&without_secrets(schema)).expect("checked with the manifest");
        let faults: Vec<_> =
            validator.iter_errors(&Value::Object(checked)).map(|error| Fault::of(FILE, &error)).collect();
        if faults.is_empty() { Ok(Parameters { plain: filled, secrets: secrets.clone() }) } else { Err(faults) }
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn is_secret(property: &Value) -> bool {
    property.get(SECRET_KEYWORD) == Some(&json!(true))
}

fn secret_names(schema: &Value) -> impl Iterator<Item = &str> {
    properties(schema).filter(|(_, property)| is_secret(property)).map(|(name, _)| name.as_str())
}

/// The schema with anything allowed for a secret: whether it is there can still be asked.
fn without_secrets(schema: &Value) -> Value {
    let mut schema = schema.clone();
    for (_, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if is_secret(property) {
            *property = Value::Bool(true);
        }
    }
    schema
}
