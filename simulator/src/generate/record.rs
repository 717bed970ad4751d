//! One Event object as a reporter knows it, and its core/v1 JSON in the field order of a real API server.

use std::sync::Arc;

use uuid::Uuid;

use super::stamp;

/// Start of every stored object; items of a list go without it, as from a real server.
pub const TYPE_META: &[u8] = br#"{"kind":"Event","apiVersion":"v1","#;

/// What an Event is about.
#[derive(Debug, Clone)]
pub struct ObjectRef {
    /// Kind, such as `Pod`.
    pub kind: &'static str,
    /// API version, such as `apps/v1`.
    pub api_version: &'static str,
    /// Namespace; empty for what has none.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Uid as reported. A kubelet writes the node's *name* here for Events about its node.
    pub uid: Arc<str>,
    /// The object's resourceVersion as the reporter saw it; 0 leaves the field out.
    pub resource_version: u64,
    /// Container that is meant; empty leaves the field out.
    pub container: &'static str,
}

/// `Normal` or `Warning`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Type `Normal`.
    Normal,
    /// Type `Warning`.
    Warning,
}

/// How the reporter writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Legacy recorder: `count`, `firstTimestamp` and `lastTimestamp`, updated in place.
    Legacy,
    /// events.k8s.io recorder: `eventTime`, `action` and, from the second occurrence on, `series`.
    Series {
        /// What was being done, such as `Binding`.
        action: &'static str,
    },
}

/// One Event object with the state of its last occurrence.
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// `metadata.uid`.
    pub uid: Uuid,
    /// `metadata.name`.
    pub name: Box<str>,
    /// `metadata.namespace`.
    pub namespace: Arc<str>,
    /// What it is about.
    pub object: ObjectRef,
    /// Reason in CamelCase.
    pub reason: &'static str,
    /// Text for people.
    pub message: Box<str>,
    /// Type.
    pub severity: Severity,
    /// Reporting component, such as `kubelet`.
    pub component: &'static str,
    /// Host of a legacy reporter that names one; otherwise empty.
    pub host: Arc<str>,
    /// How it is written.
    pub form: Form,
    /// First occurrence, in microseconds; also `metadata.creationTimestamp`.
    pub first_us: i64,
    /// Last occurrence, in microseconds.
    pub last_us: i64,
    /// Occurrences so far; 0 before the first.
    pub count: u32,
}

impl EventRecord {
    /// Notes `by` further occurrences at `now_us`.
    pub fn occur(&mut self, now_us: i64, by: u32) {
        if self.count == 0 {
            self.first_us = now_us;
        }
        // A reporter's clock never runs backwards here; real skew is not simulated.
        self.last_us = self.last_us.max(now_us);
        self.count += by;
    }

    /// Appends the object's JSON. `managed_fields` adds what a live server would keep beside it.
    pub fn write_json(&self, out: &mut Vec<u8>, resource_version: u64, managed_fields: bool) {
        out.extend_from_slice(TYPE_META);
        self.write_metadata(out, resource_version, managed_fields);
        self.write_object(out);
        text_field(out, b",\"reason\":", self.reason);
        text_field(out, b",\"message\":", &self.message);
        match self.form {
            Form::Legacy => self.write_legacy(out),
            Form::Series { action } => self.write_series(out, action),
        }
        out.push(b'}');
    }

    fn write_metadata(&self, out: &mut Vec<u8>, resource_version: u64, managed_fields: bool) {
        text_field(out, b"\"metadata\":{\"name\":", &self.name);
        text_field(out, b",\"namespace\":", &self.namespace);
        out.extend_from_slice(b",\"uid\":\"");
        let mut uid = [0; uuid::fmt::Hyphenated::LENGTH];
        out.extend_from_slice(self.uid.hyphenated().encode_lower(&mut uid).as_bytes());
        out.extend_from_slice(b"\",\"resourceVersion\":\"");
        stamp::number(out, resource_version);
        out.extend_from_slice(b"\",\"creationTimestamp\":\"");
        stamp::seconds(out, self.first_us);
        out.push(b'"');
        if managed_fields {
            self.write_managed_fields(out);
        }
        out.push(b'}');
    }

    fn write_managed_fields(&self, out: &mut Vec<u8>) {
        text_field(out, b",\"managedFields\":[{\"manager\":", self.component);
        out.extend_from_slice(b",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"");
        stamp::seconds(out, self.last_us);
        out.extend_from_slice(
            br#"","fieldsType":"FieldsV1","fieldsV1":{"f:count":{},"f:firstTimestamp":{},"f:involvedObject":{},"f:lastTimestamp":{},"f:message":{},"f:reason":{},"f:reportingComponent":{},"f:reportingInstance":{},"f:source":{"f:component":{},"f:host":{}},"f:type":{}}}]"#,
        );
    }

    fn write_object(&self, out: &mut Vec<u8>) {
        let object = &self.object;
        text_field(out, b",\"involvedObject\":{\"kind\":", object.kind);
        if !object.namespace.is_empty() {
            text_field(out, b",\"namespace\":", &object.namespace);
        }
        text_field(out, b",\"name\":", &object.name);
        text_field(out, b",\"uid\":", &object.uid);
        text_field(out, b",\"apiVersion\":", object.api_version);
        if object.resource_version > 0 {
            out.extend_from_slice(b",\"resourceVersion\":\"");
            stamp::number(out, object.resource_version);
            out.push(b'"');
        }
        if !object.container.is_empty() {
            out.extend_from_slice(b",\"fieldPath\":\"spec.containers{");
            out.extend_from_slice(object.container.as_bytes());
            out.extend_from_slice(b"}\"");
        }
        out.push(b'}');
    }

    fn write_legacy(&self, out: &mut Vec<u8>) {
        text_field(out, b",\"source\":{\"component\":", self.component);
        if !self.host.is_empty() {
            text_field(out, b",\"host\":", &self.host);
        }
        out.extend_from_slice(b"},\"firstTimestamp\":\"");
        stamp::seconds(out, self.first_us);
        out.extend_from_slice(b"\",\"lastTimestamp\":\"");
        stamp::seconds(out, self.last_us);
        out.extend_from_slice(b"\",\"count\":");
        stamp::number(out, u64::from(self.count));
        self.write_type(out);
        out.extend_from_slice(b",\"eventTime\":null");
        text_field(out, b",\"reportingComponent\":", self.component);
        text_field(out, b",\"reportingInstance\":", &self.host);
    }

    fn write_series(&self, out: &mut Vec<u8>, action: &str) {
        out.extend_from_slice(br#","source":{},"firstTimestamp":null,"lastTimestamp":null"#);
        self.write_type(out);
        out.extend_from_slice(b",\"eventTime\":\"");
        stamp::micros(out, self.first_us);
        out.push(b'"');
        if self.count > 1 {
            out.extend_from_slice(b",\"series\":{\"count\":");
            stamp::number(out, u64::from(self.count));
            out.extend_from_slice(b",\"lastObservedTime\":\"");
            stamp::micros(out, self.last_us);
            out.extend_from_slice(b"\"}");
        }
        text_field(out, b",\"action\":", action);
        text_field(out, b",\"reportingComponent\":", self.component);
        out.extend_from_slice(b",\"reportingInstance\":\"");
        out.extend_from_slice(self.component.as_bytes());
        out.push(b'-');
        out.extend_from_slice(self.host.as_bytes());
        out.push(b'"');
    }

    fn write_type(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.severity {
            Severity::Normal => br#","type":"Normal""#.as_slice(),
            Severity::Warning => br#","type":"Warning""#.as_slice(),
        });
    }
}

fn text_field(out: &mut Vec<u8>, key: &[u8], text: &str) {
    out.extend_from_slice(key);
    stamp::string(out, text);
}
