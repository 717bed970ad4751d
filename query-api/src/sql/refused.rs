//! SQL that is refused or fails, as problems.

use beidou_store::sql::{Refusal, SqlError};

use crate::problem::{BadLine, BadParameter, Kind, Problem};

/// The field of the body that holds the statement.
const QUERY: &str = "query";

/// What the guard refused, with its place.
pub(super) fn problem(sql: &str, refusal: Refusal) -> Problem {
    let detail = refusal.to_string();
    let line = BadLine {
        fault: refusal.fault,
        character: refusal.character,
        byte: refusal.byte,
        found: refusal.found,
        suggestion: None,
    };
    let of = Problem::parameter(QUERY, sql, refusal.allowed);
    let parameter = of.parameter.map(|parameter| Box::new(BadParameter { line: Some(line), ..*parameter }));
    Problem { parameter, ..Problem::new(Kind::BadSql, detail) }
}

impl From<SqlError> for Problem {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Engine { code, text } => {
                Self::new(Kind::BadSql, format!("the engine refuses it: {text} (code {code})"))
            }
            SqlError::TooMuch(text) => Self::new(Kind::TooMuch, format!("{text}; bound `time`, or make an export")),
            SqlError::Cancelled => Self::new(Kind::Cancelled, "the statement was cancelled"),
            SqlError::Query(error) => error.into(),
        }
    }
}
