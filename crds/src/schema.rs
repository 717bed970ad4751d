//! Pieces of schemas that derives do not make.

use beidou_schemas::operation::{GateMode, OperationType, TaskStepKind};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use schemars::{Schema, SchemaGenerator, json_schema};

/// The longest text for people.
const LONGEST_TEXT: u32 = 4096;

/// A DNS name (RFC 1123).
pub(crate) fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"})
}

/// A word: a step, a parameter, a role, a user.
pub(crate) fn short(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$"})
}

/// The name of a cluster, as people give it.
pub(crate) fn cluster(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 253})
}

/// The address of a machine: IPv4, or IPv6 without a zone.
pub(crate) fn address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 2, "maxLength": 45, "pattern": "^[0-9a-fA-F.:]+$"})
}

/// The same, or nothing: a key of a list of machines has a value in any case.
pub(crate) fn address_if_told(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 45, "pattern": "^[0-9a-fA-F.:]*$"})
}

pub(crate) fn operation_type(_: &mut SchemaGenerator) -> Schema {
    named(OperationType::ALL.iter().map(|kind| kind.name()))
}

pub(crate) fn task_step(_: &mut SchemaGenerator) -> Schema {
    named(TaskStepKind::ALL.iter().map(|kind| kind.name()))
}

pub(crate) fn gate_mode(_: &mut SchemaGenerator) -> Schema {
    named(GateMode::ALL.iter().map(|kind| kind.name()))
}

/// A closed set: the API server's refusal lists the values.
fn named(names: impl Iterator<Item = &'static str>) -> Schema {
    json_schema!({"type": "string", "maxLength": 63, "enum": names.collect::<Vec<_>>()})
}

/// Any JSON object.
pub(crate) fn free(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// A text that people may write at length.
pub(crate) fn text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": LONGEST_TEXT})
}

/// A PEM file, or lines of known hosts.
pub(crate) fn file(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 1 << 20})
}

/// Conditions as KEP-1623 has them; one of each type.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "type": "string",
                    "maxLength": 316,
                    "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                },
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
                "lastTransitionTime": {"type": "string", "format": "date-time"},
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {"type": "string", "maxLength": 32768},
            },
        },
    })
}

/// Takes out what only tells Rust's types: `format: uint32` and a minimum of 0.0 that goes with it.
pub(crate) fn tidied(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            tidy(schema);
        }
    }
    definition
}

fn tidy(schema: &mut JSONSchemaProps) {
    if schema.format.as_deref().is_some_and(|format| format.starts_with("uint")) {
        schema.format = None;
    }
    schema.properties.iter_mut().flatten().for_each(|(_, property)| tidy(property));
    if let Some(k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray::Schema(
        items,
    )) = &mut schema.items
    {
        tidy(items);
    }
}
