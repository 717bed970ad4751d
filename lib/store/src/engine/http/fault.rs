//! Refusals and engine errors as ClickHouse answers them: a status, an exception code, one line of text.
//!
//! Invariants: every fault carries a ClickHouse error code, so that clients can tell kinds apart; the text always reads
//! `Code: N. DB::Exception: … (version …)`; the status follows the server's own mapping of codes.

use super::super::session::EngineError;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// ClickHouse error codes that the shim itself raises.
pub(super) mod code {
    pub const BAD_ARGUMENTS: u32 = 36;
    pub const NOT_IMPLEMENTED: u32 = 48;
    pub const LOGICAL_ERROR: u32 = 49;
    pub const SYNTAX_ERROR: u32 = 62;
    pub const UNKNOWN_SETTING: u32 = 115;
    pub const READONLY: u32 = 164;
    pub const TOO_MANY_QUERIES: u32 = 202;
    pub const NETWORK_ERROR: u32 = 210;
    pub const QUERY_IS_TOO_LARGE: u32 = 307;
    pub const INTO_OUTFILE: u32 = 348;
    pub const ACCESS_DENIED: u32 = 497;
    pub const AUTHENTICATION_FAILED: u32 = 516;
    /// What a server says when it knows no better.
    pub const UNKNOWN_EXCEPTION: u32 = 1002;
}

/// A request that failed, before or after the engine saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: u32,
    pub status: StatusCode,
    text: String,
}

impl Fault {
    /// A fault of the shim; `name` is the code's name in capitals.
    pub(super) fn new(code: u32, name: &str, message: impl std::fmt::Display) -> Fault {
        let text = format!("Code: {code}. DB::Exception: {message} ({name})");
        Fault { code, status: status_of(code), text }
    }

    pub(super) fn bad_request(message: impl std::fmt::Display) -> Fault {
        Fault::new(code::BAD_ARGUMENTS, "BAD_ARGUMENTS", message)
    }

    pub(super) fn broken_body(message: impl std::fmt::Display) -> Fault {
        Fault::new(code::NETWORK_ERROR, "NETWORK_ERROR", message).with_status(StatusCode::BAD_REQUEST)
    }

    pub(super) fn too_large(message: impl std::fmt::Display) -> Fault {
        Fault::new(code::QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", message)
    }

    pub(super) fn internal(message: impl std::fmt::Display) -> Fault {
        Fault::new(code::LOGICAL_ERROR, "LOGICAL_ERROR", message)
    }

    pub(super) fn with_status(self, status: StatusCode) -> Fault {
        Fault { status, ..self }
    }

    /// The line that a client sees, with the engine's version as clients expect it.
    pub(super) fn line(&self, version: &str) -> String {
        let text = self.text.trim_end();
        if text.contains("(version ") { text.to_owned() } else { format!("{text} (version {version} (embedded))") }
    }

    /// The whole HTTP answer.
    pub(super) fn into_response(self, version: &str) -> Response {
        let mut response = Response::new(Body::from(self.line(version) + "\n"));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert("x-clickhouse-exception-code", HeaderValue::from(self.code));
        headers.insert("x-clickhouse-server-display-name", HeaderValue::from_static(super::reply::DISPLAY_NAME));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
        response
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Fault {
        match error {
            EngineError::Exception(text) => {
                let code = code_of(&text).unwrap_or(code::UNKNOWN_EXCEPTION);
                Fault { code, status: status_of(code), text }
            }
            EngineError::Load { .. } | EngineError::Open { .. } | EngineError::Session | EngineError::Argument(_) => {
                Fault::internal(error)
            }
        }
    }
}

/// Reads the first `Code: N.` of an exception text.
fn code_of(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    rest.split_once('.')?.0.trim().parse().ok()
}

/// The server's mapping of exception codes to HTTP statuses (its `exceptionCodeToHTTPStatus`), and 503 for a full queue.
fn status_of(code: u32) -> StatusCode {
    match code {
        // wrong user or secret, no right, read-only
        164 | 192 | 193 | 497 | 516 => StatusCode::FORBIDDEN,
        // the statement or its data cannot be parsed, or does not fit the columns
        6 | 25 | 26 | 27 | 36 | 38 | 41 | 42 | 43 | 44 | 53 | 62 | 69 | 70 | 72 | 117 | 130 | 348 | 376 | 386 | 456
        | 457 => StatusCode::BAD_REQUEST,
        // an unknown column, function, type, engine, table, format, database or setting
        16 | 46 | 47 | 50 | 56 | 60 | 63 | 73 | 81 | 115 => StatusCode::NOT_FOUND,
        159 => StatusCode::REQUEST_TIMEOUT,
        307 => StatusCode::PAYLOAD_TOO_LARGE,
        48 => StatusCode::NOT_IMPLEMENTED,
        202 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_exception_keeps_its_code_and_gets_the_servers_status() {
        for (text, code, status) in [
            ("Code: 62. DB::Exception: Syntax error: failed (SYNTAX_ERROR)", 62, 400),
            ("Code: 60. DB::Exception: no table (UNKNOWN_TABLE)", 60, 404),
            ("Code: 241. DB::Exception: memory limit (MEMORY_LIMIT_EXCEEDED)", 241, 500),
            ("Code: 159. DB::Exception: Timeout exceeded", 159, 408),
            ("Code: 164. DB::Exception: readonly (READONLY)", 164, 403),
            ("something odd", 1002, 500),
        ] {
            let fault = Fault::from(EngineError::Exception(text.into()));
            assert_eq!((fault.code, fault.status.as_u16()), (code, status), "{text}");
        }
    }

    #[test]
    fn the_version_is_added_once() {
        let fault = Fault::bad_request("no");
        assert_eq!(fault.line("26.7"), "Code: 36. DB::Exception: no (BAD_ARGUMENTS) (version 26.7 (embedded))");
        let told = Fault::from(EngineError::Exception("Code: 1. x (version 26.7)\n".into()));
        assert_eq!(told.line("26.7"), "Code: 1. x (version 26.7)");
    }
}
