//! Successful answers: ClickHouse's headers around an empty, whole or streamed body.

use super::super::session::Counters;
use super::Shim;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use std::time::Instant;

/// What clients show as the server's name.
pub(super) const DISPLAY_NAME: &str = "embedded";

/// The facts that the headers of an answer tell.
pub(super) struct Reply<'a> {
    pub query_id: &'a str,
    /// The output format; empty for statements without a result.
    pub format: &'a str,
    pub counters: Counters,
    pub started: Instant,
    /// The tag that marks a later exception inside the body; empty if none can come.
    pub exception_tag: &'a str,
}

impl Reply<'_> {
    pub(super) fn with_body(&self, shim: &Shim, body: Body) -> Response {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert("x-clickhouse-server-display-name", HeaderValue::from_static(DISPLAY_NAME));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(self.format)));
        put(headers, "x-clickhouse-query-id", self.query_id);
        put(headers, "x-clickhouse-timezone", &shim.timezone);
        put(headers, "x-clickhouse-summary", &self.summary());
        put(headers, "x-clickhouse-format", self.format);
        put(headers, "x-clickhouse-exception-tag", self.exception_tag);
        response
    }

    /// Numbers as strings, as the server writes them.
    fn summary(&self) -> String {
        let Counters { read_rows, read_bytes, written_rows, written_bytes, result_rows } = self.counters;
        let result_rows = if written_rows > 0 { written_rows } else { result_rows };
        let elapsed = self.started.elapsed().as_nanos();
        serde_json::json!({
            "read_rows": read_rows.to_string(),
            "read_bytes": read_bytes.to_string(),
            "written_rows": written_rows.to_string(),
            "written_bytes": written_bytes.to_string(),
            "total_rows_to_read": "0",
            "result_rows": result_rows.to_string(),
            "result_bytes": "0",
            "elapsed_ns": elapsed.to_string(),
        })
        .to_string()
    }
}

/// Sets a header; an empty value, or one that no header can hold, is left out.
fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if !value.is_empty()
        && let Ok(value) = HeaderValue::from_str(value)
    {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn content_type(format: &str) -> &'static str {
    let name = format.to_ascii_lowercase();
    match name.as_str() {
        "" => "text/plain; charset=UTF-8",
        "jsonlines" | "jsonl" | "ndjson" => "application/x-ndjson; charset=UTF-8",
        _ if name.starts_with("jsoneachrow") || name.starts_with("jsoncompacteachrow") => {
            "application/x-ndjson; charset=UTF-8"
        }
        _ if name.starts_with("json") => "application/json; charset=UTF-8",
        _ if name.starts_with("tabseparated") || name.starts_with("tsv") => "text/tab-separated-values; charset=UTF-8",
        "csv" => "text/csv; charset=UTF-8; header=absent",
        _ if name.starts_with("csvwithnames") => "text/csv; charset=UTF-8; header=present",
        _ if name.starts_with("pretty") => "text/plain; charset=UTF-8",
        "arrowstream" => "application/vnd.apache.arrow.stream",
        _ => "application/octet-stream",
    }
}
