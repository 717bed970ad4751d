//! SQL that is refused or fails, as problems.

use beidou_store::sql::{Refusal, SqlError};

use super::MOST_ROWS;
use crate::problem::{BadLine, BadParameter, Kind, Problem};

/// What the guard refused, with its place in the field of the body that holds the statement.
pub(super) fn problem(field: &str, sql: &str, refusal: Refusal) -> Problem {
    let detail = refusal.to_string();
    let line = BadLine {
        fault: refusal.fault,
        character: refusal.character,
        byte: refusal.byte,
        found: refusal.found,
        suggestion: None,
    };
    let of = Problem::parameter(field, sql, refusal.allowed);
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
            SqlError::TooManyRows(most) => too_many_rows(most),
            SqlError::TooManyBytes(most) => Self::new(
                Kind::TooMuch,
                format!(
                    "the answer has more than {most} bytes, the most: ask for fewer rows or columns, or make an export"
                ),
            ),
            SqlError::Cancelled => Self::new(Kind::Cancelled, "the statement was cancelled"),
            SqlError::Query(error) => error.into(),
        }
    }
}

/// More rows than the call asked for, in a form that cannot say that it was cut.
fn too_many_rows(most: u64) -> Problem {
    let allowed = format!("1 to {MOST_ROWS}");
    let detail = format!(
        "max_rows is {most}, and the answer has more rows; allowed: {allowed}. Or use LIMIT, the format json, which is cut \
         and says so, or an export, which has no such limit"
    );
    Problem { detail, kind: Kind::TooMuch, ..Problem::parameter("max_rows", &most.to_string(), allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_an_answer_names_the_field_its_value_and_what_is_allowed() {
        let rows = Problem::from(SqlError::TooManyRows(7));
        let parameter = rows.parameter.unwrap();
        assert_eq!(
            (rows.kind, parameter.name.as_str(), parameter.value.as_deref()),
            (Kind::TooMuch, "max_rows", Some("7"))
        );
        for said in ["max_rows is 7", "1 to 100000", "LIMIT", "json", "export"] {
            assert!(rows.detail.contains(said), "{said} in {}", rows.detail);
        }
        let bytes = Problem::from(SqlError::TooManyBytes(900));
        assert!(bytes.kind == Kind::TooMuch && bytes.detail.contains("900 bytes"), "{bytes:?}");
    }
}
