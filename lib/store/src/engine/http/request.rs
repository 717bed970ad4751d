//! From an HTTP request to a [`Call`]: who asks, which statement, with which settings and parameters.
//!
//! Flow: URL parameters (and a multipart form, which the `clickhouse` crate sends as soon as a parameter is bound) →
//! role → statement out of `query`, the body, or both joined by a line break → insert data told apart from the statement.
//! Invariants: the body is only streamed when the whole INSERT stands in `query`; otherwise it is held, up to
//! [`MAX_STATEMENT_BYTES`]. Nothing of the body is read before the caller proved its role, but for a multipart form
//! whose size is bounded too.

use super::access::{Access, Role};
use super::body::{Encoding, MAX_STATEMENT_BYTES, collect, statement_too_large};
use super::fault::{Fault, code};
use super::settings::{ReadOnly, Settings};
use super::statement::split_insert;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use bytes::Bytes;

/// The statement and where its data comes from.
pub(super) enum Statement {
    /// Anything that carries no data.
    Query(String),
    /// `INSERT … FORMAT f`; the data is `inline`, then `body`.
    Insert { head: String, format: String, inline: Bytes, body: Option<(Body, Encoding)> },
}

/// All that is needed to run one statement.
pub(super) struct Call {
    pub statement: Statement,
    pub options: Options,
}

/// How a statement is to be run and answered.
pub(super) struct Options {
    pub role: Role,
    pub query_id: String,
    pub database: Option<String>,
    pub default_format: String,
    pub parameters: Vec<(String, String)>,
    pub settings: Settings,
    /// Answer in ClickHouse's LZ4 frames.
    pub compress: bool,
    /// Hold the whole result, so that an error never comes in the middle of it.
    pub wait_for_end: bool,
}

/// Names with a meaning in the protocol; every other parameter is a setting. Those of sessions, quotas and progress are
/// accepted and ignored: each request has a session of its own here.
const PROTOCOL_NAMES: [&str; 18] = [
    "query",
    "database",
    "default_format",
    "session_id",
    "session_timeout",
    "session_check",
    "close_session",
    "query_id",
    "user",
    "password",
    "compress",
    "decompress",
    "wait_end_of_query",
    "buffer_size",
    "quota_key",
    "stacktrace",
    "role",
    "client_protocol_version",
];

/// Name and value pairs in the order of their coming; the last of a name counts.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn is_on(&self, name: &str) -> bool {
        matches!(self.last(name), Some("1" | "true"))
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Reads a request; `None` for a greeting (GET without a statement).
pub(super) async fn read(parts: &Parts, body: Body, access: &Access) -> Result<Option<Call>, Fault> {
    let query = parts.uri.query().unwrap_or_default();
    let mut fields = Fields(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    let safe_method = matches!(parts.method, Method::GET | Method::HEAD);
    if safe_method && fields.last("query").is_none() {
        return Ok(None);
    }
    if !safe_method && parts.method != Method::POST {
        return Err(Fault::bad_request("only GET, HEAD and POST are understood"));
    }
    let mut body = Some(body);
    if let Some(boundary) = boundary(&parts.headers)
        && let Some(form) = body.take()
    {
        fields.0.extend(read_form(form, boundary).await?);
    }
    let role = access.role(&parts.headers, fields.last("user"), fields.last("password"))?;
    let options = options(&parts.headers, &fields, role, safe_method)?;
    let encoding = match fields.is_on("decompress") {
        true => Encoding::Native,
        false => Encoding::named(header_text(&parts.headers, header::CONTENT_ENCODING.as_str()).unwrap_or_default())?,
    };
    let sql = fields.last("query").unwrap_or_default();
    let statement = statement(sql, body, encoding).await?;
    Ok(Some(Call { statement, options }))
}

fn options(headers: &HeaderMap, fields: &Fields, role: Role, safe_method: bool) -> Result<Options, Fault> {
    let mut parameters = Vec::new();
    let mut settings = Vec::new();
    for (name, value) in &fields.0 {
        if let Some(parameter) = name.strip_prefix("param_") {
            parameters.push((parameter.to_owned(), value.clone()));
        } else if !PROTOCOL_NAMES.contains(&name.as_str()) {
            settings.push((name.clone(), value.clone()));
        }
    }
    let least = match (role, safe_method) {
        (Role::Reader, _) => ReadOnly::Strict,
        // With more, the engine would take no function that reads a file.
        (Role::ArchiveReader, _) | (Role::Writer, true) => ReadOnly::Settings,
        (Role::Writer, false) => ReadOnly::No,
    };
    let query_id = fields.last("query_id").filter(|id| !id.is_empty());
    let default_format = fields.last("default_format").or(header_text(headers, "x-clickhouse-format"));
    Ok(Options {
        role,
        query_id: query_id.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned),
        database: fields.last("database").or(header_text(headers, "x-clickhouse-database")).map(str::to_owned),
        default_format: default_format.unwrap_or("TabSeparated").to_owned(),
        parameters,
        settings: Settings::checked(settings, role, least)?,
        compress: fields.is_on("compress"),
        wait_for_end: fields.is_on("wait_end_of_query"),
    })
}

/// The boundary of a multipart form, if the request is one.
fn boundary(headers: &HeaderMap) -> Option<String> {
    multer::parse_boundary(header_text(headers, header::CONTENT_TYPE.as_str())?).ok()
}

async fn read_form(body: Body, boundary: String) -> Result<Vec<(String, String)>, Fault> {
    let limits = multer::SizeLimit::new().whole_stream(MAX_STATEMENT_BYTES as u64);
    let constraints = multer::Constraints::new().size_limit(limits);
    let mut form = multer::Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(form_fault)? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.bytes().await.map_err(form_fault)?;
        let value = String::from_utf8(value.into()).map_err(|_| Fault::bad_request("a form field is not UTF-8"))?;
        fields.push((name, value));
    }
    Ok(fields)
}

fn form_fault(error: multer::Error) -> Fault {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => statement_too_large(),
        other => Fault::broken_body(format!("read the multipart form: {other}")),
    }
}

/// Tells the statement from its data.
async fn statement(sql: &str, body: Option<Body>, encoding: Encoding) -> Result<Statement, Fault> {
    if let Some(head) = split_insert(sql) {
        return Ok(Statement::Insert {
            inline: Bytes::copy_from_slice(&sql.as_bytes()[head.data..]),
            head: sql[..head.end].to_owned(),
            format: head.format,
            body: body.map(|body| (body, encoding)),
        });
    }
    let rest = match body {
        Some(body) => collect(body, encoding).await?,
        None => Bytes::new(),
    };
    let all = match (sql.is_empty(), rest.is_empty()) {
        (true, _) => rest,
        (false, true) => Bytes::copy_from_slice(sql.as_bytes()),
        (false, false) => Bytes::from([sql.as_bytes(), b"\n", &rest].concat()),
    };
    joined(all)
}

/// A statement that is held whole; insert data behind it may be binary.
fn joined(all: Bytes) -> Result<Statement, Fault> {
    let readable = match std::str::from_utf8(&all) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&all[..error.valid_up_to()]).unwrap_or_default(),
    };
    if let Some(head) = split_insert(readable) {
        let (end, data) = (head.end, head.data);
        let statement = readable[..end].to_owned();
        return Ok(Statement::Insert { head: statement, format: head.format, inline: all.slice(data..), body: None });
    }
    if readable.len() < all.len() {
        return Err(Fault::new(code::SYNTAX_ERROR, "SYNTAX_ERROR", "the statement is not UTF-8"));
    }
    if readable.trim().is_empty() {
        return Err(Fault::new(code::SYNTAX_ERROR, "SYNTAX_ERROR", "Empty query."));
    }
    Ok(Statement::Query(readable.to_owned()))
}
