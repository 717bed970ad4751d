//! What the demo says: where it is, what to try, how to go on, how to get rid of it.

use std::{path::Path, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::{Stage, seed::Seeded};
use crate::{
    contexts::Context,
    output::{Look, Paint, time},
    speak,
};

/// Minutes shown around the incident.
const AROUND_US: i64 = 10 * 60 * 1_000_000;

/// What stands at the beginning, before the history.
pub fn beginning(context: &Context, took: Duration) -> String {
    let title = Paint::Bold.on("beidou demo", Look::of_stdout().colour);
    format!(
        "{title}: three simulated clusters, 300 nodes, seven days of Events. Not for production.\n\n  \
         {console}URL    {url}    (up in {took:.1} s)\n  \
         token  {token}\n  \
         curl   curl -H 'Authorization: Bearer {token}' {url}/api/v1/clusters\n",
        console = console(context),
        url = context.url,
        token = context.token,
        took = took.as_secs_f64(),
    )
}

/// The address for a browser: it takes the token out of it at once.
fn console(context: &Context) -> String {
    match beidou_query_api::has_console() {
        true => format!("open   {}/#token={}\n  ", context.url, context.token),
        false => String::new(),
    }
}

/// What stands after the history.
pub fn history(stage: &Stage, seeded: Option<&Seeded>) -> String {
    let made = match seeded {
        Some(seeded) => format!(
            "{} states of Events went through the log into the tables in {:.0} s.",
            thousands(seeded.states),
            seeded.took.as_secs_f64()
        ),
        None => "The history of an earlier demo is there, and goes on.".into(),
    };
    format!("{made}\n{}{}", incident(stage), further(stage))
}

/// Three commands that find the planted incident.
fn incident(stage: &Stage) -> String {
    let (program, zone) = (speak::program(), TimeZone::system());
    let Some(incident) = stage.options.incident() else { return String::new() };
    let moment = |micros| Timestamp::from_microsecond(micros).unwrap_or_default();
    let minute = |micros| moment(micros).to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string();
    let cluster = &incident.cluster;
    let since = minute(incident.from_us - AROUND_US);
    format!(
        "An incident is hidden in it ({cause}, {cluster}, {when}). Find it:\n\n  \
         {program} timeline pod/{pod} -n {namespace} -c {cluster} --since {since}\n  \
         {program} events -c {cluster} --text mirror.hz --since {since} --until {until}\n  \
         {program} timeline node/{node} -c {cluster} --since {since}\n\n",
        cause = incident.cause,
        when = time::local(moment(incident.from_us), Timestamp::now(), &zone),
        pod = incident.pod,
        namespace = incident.namespace,
        until = minute(incident.until_us + AROUND_US),
        node = incident.not_ready_node,
    )
}

fn further(stage: &Stage) -> String {
    let program = speak::program();
    let data = stage.process.data.display();
    let live =
        if stage.args.no_live { "no live Events (--no-live)".into() } else { format!("{program} events --follow") };
    let wipe = match stage.data_is_kept {
        true => format!("Ctrl-C stops; the data stays in {data}: rm -r {data}"),
        false => format!("Ctrl-C stops and removes {data} (--data DIR keeps it)"),
    };
    format!(
        "  live      {live}\n  \
         gaps      {program} coverage --since 7d\n  \
         nodes     {program} operation list    (a rack of machines that do not exist joins hz-prod-02)\n  \
         yours     Ctrl-C, then {program} up --kubeconfig ~/.kube/config\n  \
         wipe      {wipe}\n\
         Context {name:?} is the current one of the command line.",
        name = stage.context.name
    )
}

/// What stands at the end.
pub fn end(data: &Path, kept: bool) -> String {
    let data = data.display();
    if kept { format!("stopped; the data is kept in {data}") } else { format!("stopped; {data} is removed") }
}

/// `1,030,112`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let all = [0, 999, 1_000, 1_030_112].map(thousands);
        assert_eq!(all, ["0", "999", "1,000", "1,030,112"]);
    }
}
