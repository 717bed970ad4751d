//! Why a checked statement gave no answer, told apart by what its author can do.

use super::SqlBounds;
use crate::query::{QueryError, engine_code};

/// A statement without an answer.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The engine does not take it: its own words, for the author.
    #[error("{text}")]
    Engine {
        /// ClickHouse's number of the error.
        code: u32,
        /// What it says, without what is of no use to a caller.
        text: String,
    },
    /// It needs more than the limits of this call allow: its own words.
    #[error("{0}")]
    TooMuch(String),
    /// Its answer has more rows than this call allows.
    #[error("the answer has more than {0} rows")]
    TooManyRows(u64),
    /// Its answer has more bytes than this call allows.
    #[error("the answer has more than {0} bytes")]
    TooManyBytes(u64),
    /// Somebody stopped it.
    #[error("the statement was cancelled")]
    Cancelled,
    /// All else.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Errors of ClickHouse that speak of the statement or of the values that it met: syntax, names, types, arguments,
/// aggregation, parsing. No other text reaches a caller.
const OF_THE_STATEMENT: [u32; 42] = [
    6, 9, 10, 16, 20, 27, 34, 35, 36, 38, 41, 42, 43, 44, 46, 47, 48, 53, 62, 63, 69, 70, 72, 131, 133, 134, 153, 167,
    168, 179, 184, 190, 206, 207, 215, 306, 309, 321, 352, 386, 403, 427,
];
/// What the reader's user may not do: the guard lets little of it through, and the engine says too much about users.
const DENIED: [u32; 2] = [164, 497];
/// Limits of one statement: rows read, bytes, memory.
const LIMITS: [u32; 4] = [158, 161, 241, 307];
/// The limit of its result, in rows or in bytes: the text says which.
const RESULT: u32 = 396;
const CANCELLED: u32 = 394;
/// So much of the engine's text is passed on; it repeats the statement.
const SHOWN_CHARS: usize = 600;

impl SqlError {
    pub(super) fn of(source: clickhouse::error::Error, bounds: SqlBounds) -> Self {
        let limit = bounds.time;
        let clickhouse::error::Error::BadResponse(text) = &source else { return QueryError::of(source, limit).into() };
        match engine_code(text) {
            Some(code) if OF_THE_STATEMENT.contains(&code) => Self::Engine { code, text: plain(text) },
            Some(code) if DENIED.contains(&code) => Self::Engine { code, text: "a reader may not do this".into() },
            Some(code) if LIMITS.contains(&code) => Self::TooMuch(plain(text)),
            Some(RESULT) => match bounds.result {
                Some((_, most)) if text.contains("max bytes") => Self::TooManyBytes(most),
                Some((most, _)) => Self::TooManyRows(most),
                None => Self::TooMuch(plain(text)),
            },
            Some(CANCELLED) => Self::Cancelled,
            Some(_) | None => QueryError::of(source, limit).into(),
        }
    }
}

/// The engine's words without number, version and the names that the guard made.
fn plain(text: &str) -> String {
    let text = text.split_once("DB::Exception: ").map_or(text, |(_, said)| said);
    let text = text.split(" (version ").next().unwrap_or(text).trim();
    text.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_words_about_the_statement_are_passed_on() {
        let of = |text: &str| {
            let source = clickhouse::error::Error::BadResponse(text.into());
            let time = Duration::from_secs(1);
            let bounds = SqlBounds { time, memory_bytes: 1, read_rows: None, result: Some((7, 900)) };
            SqlError::of(source, bounds).to_string()
        };
        assert_eq!(
            of("Code: 47. DB::Exception: Unknown x (UNKNOWN_IDENTIFIER) (version 26.7 (e))"),
            "Unknown x (UNKNOWN_IDENTIFIER)"
        );
        assert_eq!(of("Code: 158. DB::Exception: Limit for rows (TOO_MANY_ROWS)"), "Limit for rows (TOO_MANY_ROWS)");
        let result = "Code: 396. DB::Exception: Limit for result exceeded, max";
        assert_eq!(
            of(&format!("{result} rows: 7.00, current rows: 65.41 thousand.")),
            "the answer has more than 7 rows"
        );
        assert_eq!(of(&format!("{result} bytes: 900.00 B, current")), "the answer has more than 900 bytes");
        assert_eq!(of("Code: 394. DB::Exception: killed"), "the statement was cancelled");
        for hidden in ["Code: 243. DB::Exception: no space on /secret/disk", "Code: 497. DB::Exception: user secret"] {
            assert!(!of(hidden).contains("secret"), "{hidden}");
        }
    }
}
