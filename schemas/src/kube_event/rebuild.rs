//! Columns → JSON: the value that was decoded, order of keys aside.

use serde_json::{Map, Value};

use super::{EventState, Field, Presence};
use crate::Micros;

/// A stored state: owned columns as they come back from a table.
pub type Stored = EventState<'static>;

/// A stored row that cannot be turned back into its Event.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The residual is no JSON object.
    #[error("the residual of a stored Event is not a JSON object")]
    Residual(#[source] serde_json::Error),
    /// The shape says that a field is in the residual, and it is not there.
    #[error("the residual of a stored Event lacks {0}")]
    Missing(Field),
}

/// Rebuilds the Event's JSON value.
///
/// # Errors
/// When shape and residual do not fit together: the row was damaged or not written by this schema.
pub fn rebuild(state: &EventState<'_>) -> Result<Value, RebuildError> {
    let mut top = match state.residual.as_str() {
        "" => Map::new(),
        text => serde_json::from_str(text).map_err(RebuildError::Residual)?,
    };
    for &field in Field::ALL {
        let (parent, key) = match field.name().split_once('.') {
            None => (None, field.name()),
            Some((parent, key)) => (Some(parent), key),
        };
        let presence = state.shape.get(field);
        if presence == Presence::Absent {
            continue;
        }
        let level = match parent {
            None => &mut top,
            Some(name) => match top.get_mut(name).and_then(Value::as_object_mut) {
                Some(level) => level,
                None => return Err(RebuildError::Missing(field)),
            },
        };
        match presence {
            Presence::Residual if level.contains_key(key) => {}
            Presence::Residual => return Err(RebuildError::Missing(field)),
            Presence::Null => drop(level.insert(key.into(), Value::Null)),
            Presence::Column if is_object(field) => drop(level.entry(key).or_insert_with(|| Map::new().into())),
            Presence::Column => drop(level.insert(key.into(), column(state, field))),
            Presence::Absent => {}
        }
    }
    Ok(top.into())
}

fn is_object(field: Field) -> bool {
    matches!(field, Field::Metadata | Field::Object | Field::Source | Field::Series)
}

fn column(state: &EventState<'_>, field: Field) -> Value {
    let time = |time: Micros| field.time_text(time).map_or(Value::Null, Value::from);
    match field {
        Field::Kind => "Event".into(),
        Field::ApiVersion => "v1".into(),
        Field::Metadata | Field::Object | Field::Source | Field::Series => Value::Null,
        Field::MetaName => state.name.as_ref().into(),
        Field::MetaNamespace => state.namespace.as_ref().into(),
        Field::MetaUid => state.uid.to_string().into(),
        Field::MetaVersion => state.resource_version.to_string().into(),
        Field::MetaCreation => time(state.creation),
        Field::ObjectKind => state.object_kind.as_ref().into(),
        Field::ObjectNamespace => state.object_namespace.as_ref().into(),
        Field::ObjectName => state.object_name.as_ref().into(),
        Field::ObjectUid => state.object_uid.to_string().into(),
        Field::ObjectApiVersion => state.object_api_version.as_ref().into(),
        Field::ObjectVersion => state.object_version.to_string().into(),
        Field::ObjectFieldPath => state.object_field_path.as_ref().into(),
        Field::Reason => state.reason.as_ref().into(),
        Field::Message => state.message.as_ref().into(),
        Field::SourceComponent => state.source_component.as_ref().into(),
        Field::SourceHost => state.source_host.as_ref().into(),
        Field::First => time(state.first),
        Field::Last => time(state.last),
        Field::Count => state.count.into(),
        Field::Type => state.event_type.as_ref().into(),
        Field::EventTime => time(state.event_time),
        Field::SeriesCount => state.series_count.into(),
        Field::SeriesTime => time(state.series_time),
        Field::Action => state.action.as_ref().into(),
        Field::ReportingComponent => state.reporting_component.as_ref().into(),
        Field::ReportingInstance => state.reporting_instance.as_ref().into(),
    }
}
