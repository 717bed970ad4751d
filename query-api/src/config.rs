//! Configuration of the role, and what is wrong with it.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::door::Tokens;

/// Configuration of `beidou query-api`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryApiConfig {
    /// Address and port; port 0 takes a free one. An address that is not loopback needs `tls_cert` and `tls_key`.
    pub listen: SocketAddr,
    /// PEM file with the certificate chain.
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the private key.
    pub tls_key: Option<PathBuf>,
    /// Who may ask.
    pub tokens: Vec<TokenConfig>,
    /// Answers requests without a token as subject `anonymous`.
    pub anonymous: bool,
    /// Where the key that signs cursors is kept; made at the first start. Without it cursors end with the process.
    pub cursor_key_file: Option<PathBuf>,
    /// A query may take so many seconds.
    pub query_time_limit_seconds: u32,
    /// A query may take so much of the store's memory.
    pub query_memory_bytes: u64,
    /// So many requests are worked on at once; the next one waits briefly, then is told to come back.
    pub max_requests: u32,
    /// So many live tails run at once.
    pub max_tails: u32,
    /// Answers may tell a coverage that was read so many milliseconds ago: 0 (asked each time) to 4000.
    pub coverage_age_ms: u32,
    /// A question whose range begins before what the tables hold may read so many files of the archive: 1 to 2000.
    pub archive_files: u32,
    /// And files of so many bytes. An export has no such bound.
    pub archive_bytes: u64,
    /// Where copies of files are kept whose archive is in a bucket: the embedded engine reads them there. Without it what is older
    /// than the tables cannot be asked for. A process alone names one below its data directory.
    pub archive_copies_folder: Option<PathBuf>,
    /// All copies together may take so many bytes.
    pub archive_copies_bytes: u64,
    /// Where exports are kept; without it there are none. A process alone names one below its data directory.
    pub exports_folder: Option<PathBuf>,
    /// All exports together may take so many bytes.
    pub exports_bytes: u64,
    /// An export is removed so many days after its end: 1 to 365.
    pub exports_days: u32,
}

impl Default for QueryApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)),
            tls_cert: None,
            tls_key: None,
            tokens: Vec::new(),
            anonymous: false,
            cursor_key_file: None,
            query_time_limit_seconds: 10,
            // A third of the embedded engine's memory: two heavy queries leave room for the inserts.
            query_memory_bytes: 1_000_000_000,
            // Each holds at most about two pages of 1 MB: 128 MB at the worst.
            max_requests: 64,
            // They share reads of the log. Each holds a short queue, 4 MB at the worst; behind, a batch a partition.
            max_tails: 32,
            // It is read every two seconds; a reading may be late once.
            coverage_age_ms: 4000,
            // A month of 30 clusters.
            archive_files: 1000,
            // At some 50 bytes a row, 80 million rows: a few seconds of two cores.
            archive_bytes: 4_000_000_000,
            archive_copies_folder: None,
            // Two of the largest questions.
            archive_copies_bytes: 10_000_000_000,
            exports_folder: None,
            // A few exports of a large fleet's week as Parquet, and no more than a small disk can spare.
            exports_bytes: 20_000_000_000,
            exports_days: 7,
        }
    }
}

/// Chosen freely, below the range of ports that systems give to outgoing connections.
const DEFAULT_PORT: u16 = 7480;

/// A token and whom it belongs to. Exactly one of the three forms.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenConfig {
    /// Recorded with every request.
    pub subject: String,
    /// The token itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// SHA-256 of the token, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_sha256: Option<String>,
    /// A file that holds the token, white space around it aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

impl std::fmt::Debug for TokenConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenConfig").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Plain HTTP beyond this machine.
    #[error(
        "query_api.listen is {0}, which other machines can reach, and there is no TLS: set query_api.tls_cert and \
         query_api.tls_key to PEM files, or listen on 127.0.0.1"
    )]
    PlainHttp(SocketAddr),
    /// One of the two TLS files is missing.
    #[error("query_api.{missing} is not set: TLS needs both tls_cert and tls_key")]
    HalfTls {
        /// The key that is not set.
        missing: &'static str,
    },
    /// Nobody could ask anything.
    #[error("query_api.tokens is empty: add an entry with subject and token, or set query_api.anonymous to true")]
    NoTokens,
    /// A token entry without a subject, or with more or less than one form of the token.
    #[error("query_api.tokens[{index}] {what}")]
    Token {
        /// Which, counted from 0.
        index: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A token file cannot be read.
    #[error("query_api.tokens[{index}].token_file: cannot read {path}")]
    TokenFile {
        /// Which, counted from 0.
        index: usize,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A limit that lets nothing through, or is none.
    #[error("query_api.{key} is {value}; allowed: {allowed}")]
    Limit {
        /// Which.
        key: &'static str,
        /// Its value.
        value: u64,
        /// What is allowed.
        allowed: String,
    },
}

/// Shorter tokens can be guessed: 16 characters of base64 carry 96 bits.
const SHORTEST_TOKEN: usize = 16;
/// Who wants to keep an export longer than a year keeps the file; a day is the least that a night of work takes.
const EXPORTS_DAYS: RangeInclusive<u64> = 1..=365;
/// All of them are named in one statement, which the engine bounds at 256 KiB.
pub(crate) const ARCHIVE_FILES: RangeInclusive<u64> = 1..=2000;
/// Retention gives notice a second longer than this before it removes rows, which makes an older coverage false.
const COVERAGE_AGE_MS: RangeInclusive<u64> = 0..=4000;
const _: () = assert!(beidou_store::retention::NOTICE.as_millis() > *COVERAGE_AGE_MS.end() as u128);

impl QueryApiConfig {
    /// Checks the limits, which neither files nor the network decide.
    ///
    /// # Errors
    /// When one is not allowed.
    pub fn check_limits(&self) -> Result<(), ConfigError> {
        let any = 1..=u64::MAX;
        let limits = [
            ("query_time_limit_seconds", u64::from(self.query_time_limit_seconds), &any),
            ("query_memory_bytes", self.query_memory_bytes, &any),
            ("max_requests", self.max_requests.into(), &any),
            ("max_tails", self.max_tails.into(), &any),
            ("coverage_age_ms", self.coverage_age_ms.into(), &COVERAGE_AGE_MS),
            ("archive_files", self.archive_files.into(), &ARCHIVE_FILES),
            ("archive_bytes", self.archive_bytes, &any),
            ("archive_copies_bytes", self.archive_copies_bytes, &any),
            ("exports_bytes", self.exports_bytes, &any),
            ("exports_days", self.exports_days.into(), &EXPORTS_DAYS),
        ];
        let Some((key, value, allowed)) = limits.into_iter().find(|(_, value, allowed)| !allowed.contains(value))
        else {
            return Ok(());
        };
        let allowed = match *allowed.end() {
            u64::MAX => format!("{} or more", allowed.start()),
            most => format!("{} to {most}", allowed.start()),
        };
        Err(ConfigError::Limit { key, value, allowed })
    }

    /// Checks what can be checked without the network, and reads the tokens.
    pub(crate) fn check(&self) -> Result<Tokens, ConfigError> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), Some(_)) => {}
            (Some(_), None) => return Err(ConfigError::HalfTls { missing: "tls_key" }),
            (None, Some(_)) => return Err(ConfigError::HalfTls { missing: "tls_cert" }),
            (None, None) if self.listen.ip().is_loopback() => {}
            (None, None) => return Err(ConfigError::PlainHttp(self.listen)),
        }
        self.check_limits()?;
        if self.tokens.is_empty() && !self.anonymous {
            return Err(ConfigError::NoTokens);
        }
        let known = self.tokens.iter().enumerate().map(|(index, token)| token.digest(index));
        Ok(Tokens::new(known.collect::<Result<_, _>>()?, self.anonymous))
    }
}

impl TokenConfig {
    fn digest(&self, index: usize) -> Result<([u8; 32], String), ConfigError> {
        let bad = |what| ConfigError::Token { index, what };
        if self.subject.is_empty() {
            return Err(bad("has no subject"));
        }
        let digest = match (&self.token, &self.token_sha256, &self.token_file) {
            (Some(token), None, None) => of_text(token).ok_or(bad("has a token of less than 16 characters"))?,
            (None, Some(hex), None) => {
                of_hex(hex).ok_or(bad("has a token_sha256 that is not 64 hexadecimal digits"))?
            }
            (None, None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConfigError::TokenFile {
                    index,
                    path: path.clone(),
                    source,
                })?;
                of_text(text.trim()).ok_or(bad("has a token_file with less than 16 characters"))?
            }
            _ => return Err(bad("needs exactly one of token, token_sha256, token_file")),
        };
        Ok((digest, self.subject.clone()))
    }
}

fn of_text(token: &str) -> Option<[u8; 32]> {
    (token.len() >= SHORTEST_TOKEN).then(|| Sha256::digest(token.as_bytes()).into())
}

fn of_hex(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(token: &str) -> TokenConfig {
        TokenConfig { subject: "ops".into(), token: Some(token.into()), ..TokenConfig::default() }
    }

    fn valid() -> QueryApiConfig {
        QueryApiConfig { tokens: vec![token("0123456789abcdef")], ..QueryApiConfig::default() }
    }

    #[test]
    fn errors_name_the_setting() {
        let public = SocketAddr::from(([0, 0, 0, 0], 1));
        let two = TokenConfig { token_sha256: Some("00".repeat(32)), ..token("0123456789abcdef") };
        let nameless = TokenConfig { subject: String::new(), ..token("0123456789abcdef") };
        let gone = TokenConfig { token: None, token_file: Some("/does/not/exist".into()), ..token("") };
        let odd = TokenConfig { token: None, token_sha256: Some("zz".repeat(32)), ..token("") };
        for (config, expected) in [
            (QueryApiConfig { listen: public, ..valid() }, "query_api.tls_cert"),
            (QueryApiConfig { tls_cert: Some("c".into()), ..valid() }, "query_api.tls_key is not set"),
            (QueryApiConfig { tls_key: Some("k".into()), ..valid() }, "query_api.tls_cert is not set"),
            (QueryApiConfig::default(), "query_api.tokens is empty"),
            (QueryApiConfig { tokens: vec![token("short")], ..valid() }, "less than 16"),
            (QueryApiConfig { tokens: vec![two], ..valid() }, "exactly one"),
            (QueryApiConfig { tokens: vec![nameless], ..valid() }, "no subject"),
            (QueryApiConfig { tokens: vec![gone], ..valid() }, "/does/not/exist"),
            (QueryApiConfig { tokens: vec![odd], ..valid() }, "64 hexadecimal"),
            (QueryApiConfig { max_requests: 0, ..valid() }, "query_api.max_requests is 0; allowed: 1 or more"),
            (
                QueryApiConfig { coverage_age_ms: 4001, ..valid() },
                "query_api.coverage_age_ms is 4001; allowed: 0 to 4000",
            ),
            (QueryApiConfig { exports_days: 0, ..valid() }, "query_api.exports_days is 0; allowed: 1 to 365"),
            (QueryApiConfig { exports_days: 366, ..valid() }, "query_api.exports_days is 366; allowed: 1 to 365"),
        ] {
            let error = config.check().err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        }
        assert!(valid().check().is_ok());
        assert!(QueryApiConfig { exports_days: 365, ..valid() }.check().is_ok());
        assert!(QueryApiConfig { anonymous: true, ..QueryApiConfig::default() }.check().is_ok());
    }

    #[test]
    fn tokens_are_not_printed() {
        assert!(!format!("{:?}", valid()).contains("0123456789abcdef"));
    }
}
