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

use std::{sync::Arc, time::Duration};

use beidou_store::{
    query::Caller,
    sql::{Checked, Estimate, SqlError, SqlReader, check_in},
};

use crate::{
    app::{App, Ask},
    ask::Range,
    problem::{self, Problem},
};

/// Who finds both places taken waits so long: most statements take less.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Reads the statement of this field; `{from}` and `{to}` stand for the ends of the range.
pub(crate) fn checked(field: &str, sql: &str, range: Option<Range>) -> Result<Checked, Problem> {
    check_in(sql, range).map_err(|refusal| refused::problem(field, sql, refusal))
}

/// A reader for one statement.
pub(crate) fn reader(app: &Arc<App>, caller: Caller, limits: Limits) -> SqlReader {
    SqlReader::new(app.store.clone(), caller, limits.bounds(app.limits))
}

/// Works on a statement in one of the places, listed among what runs. An estimate needs a place as well: the engine runs
/// subqueries whose values its plan needs.
pub(crate) async fn in_place<T, E: Into<Problem>>(
    ask: &Ask,
    text: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Problem> {
    let _place = tokio::time::timeout(LONGEST_WAIT, ask.app.sql_places.acquire())
        .await
        .map_err(|_| Problem::new(problem::Kind::Busy, "too many statements at once; /api/v1/running lists them"))?;
    let caller = ask.caller();
    let listed = ask.app.running.list(&caller.request_id, Kind::Sql, &caller.subject, text);
    tokio::select! {
        answer = work => answer.map_err(Into::into),
        () = listed.stop.cancelled() => Err(SqlError::Cancelled.into()),
    }
}

/// What a statement would read, refused where it is too much.
pub(crate) async fn affordable(reader: &SqlReader, statement: &Checked, most: u64) -> Result<Estimate, Problem> {
    let estimate = reader.estimate(statement).await?;
    if estimate.rows() > most {
        let detail = format!(
            "this would read about {} rows, and {most} are allowed: bound `time`, as in time > now() - INTERVAL 1 DAY",
            estimate.rows()
        );
        return Err(Problem::new(problem::Kind::TooMuch, detail));
    }
    Ok(estimate)
}
