//! SQL of callers: bounds, places, what runs now, and what is told when it fails.
//!
//! ```text
//!  body ─► guard (store) ─► place ─► estimate ─► run, listed while it does ─► answer
//! ```

mod limits;
mod refused;
mod running;

pub(crate) use limits::{Limits, MOST_BYTES, MOST_READ_ROWS, MOST_ROWS, PLACES, USUAL_ROWS, answer_seconds};
pub(crate) use running::{Kind, Listed, Running};

use std::sync::Arc;

use beidou_store::{
    query::Caller,
    sql::{Checked, Estimate, SqlReader, check_in},
};

use crate::{app::App, ask::Range, problem::Problem};

/// Reads the statement of this field; `{from}` and `{to}` stand for the ends of the range.
pub(crate) fn checked(field: &str, sql: &str, range: Option<Range>) -> Result<Checked, Problem> {
    check_in(sql, range).map_err(|refusal| refused::problem(field, sql, refusal))
}

/// A reader for one statement.
pub(crate) fn reader(app: &Arc<App>, caller: Caller, limits: Limits) -> SqlReader {
    SqlReader::new(app.store.clone(), caller, limits.bounds(app.limits))
}

/// What a statement would read, refused where it is too much.
pub(crate) async fn affordable(reader: &SqlReader, statement: &Checked, most: u64) -> Result<Estimate, Problem> {
    let estimate = reader.estimate(statement).await?;
    if estimate.rows() > most {
        let detail = format!(
            "this would read about {} rows, and {most} are allowed: bound `time`, as in time > now() - INTERVAL 1 DAY",
            estimate.rows()
        );
        return Err(Problem::new(crate::problem::Kind::TooMuch, detail));
    }
    Ok(estimate)
}
