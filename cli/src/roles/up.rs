//! `beidou up`: all roles of a site in one process, with the engine as a child.
//!
//! ```text
//!  take the data directory ─► take the port ─► log ─► engine ─► projector, ingest, controllers, query-api ─► say where it is
//!  end: roles first, engine last, so that nothing is left to repeat
//! ```

use std::path::Path;

use beidou_projector::Projector;
use beidou_service::CancellationToken;
use beidou_store::engine::{EngineState, Supervisor};

use super::{Process, Together, controllers, engine, ingest, projector, query_api};
use crate::{
    args::roles::{Up, listen_flag},
    contexts::{Context, Contexts},
    output::{Cell, Column, Look, Paint, Table},
    places::Places,
    token,
};

/// The name of its context.
const NAME: &str = "up";

/// Runs the site until it is told to stop.
///
/// # Errors
/// When the data directory or the port is taken, a cluster cannot be configured, or a role ends.
pub async fn main(args: Up) -> anyhow::Result<()> {
    let process = Process::start(&args.role, listen_flag(args.listen.as_ref()).into_iter().collect())?;
    let _owned = process.own_data().await?;
    let clusters = ingest::follow(&process, &args.kubeconfig)?;
    let bound = query_api::listen(&process).await?;
    let context = Context::of_this_process(NAME, bound.url(), token::of(&process.data)?);
    let names: Vec<String> = clusters.borrow().iter().map(|cluster| cluster.name.clone()).collect();
    if process.site.probe.listen.is_some() {
        tracing::warn!(
            "`probe.listen` is for roles that serve no API; here the API serves /healthz, /readyz and /metrics"
        );
    }
    let Some(log) = process.log().await? else { return Ok(()) };
    let engine = start_engine(&process, false).await?;

    let mut roles = Together::new(process.stop.clone());
    let store = process.store()?;
    let projector = projector::prepare(&process, log.clone(), store.clone())?;
    roles.spawn("projector", project(projector, engine.as_ref(), process.stop.clone()));
    roles.spawn("ingest", ingest::run(process.clone(), log.clone(), clusters));
    roles.spawn("controllers", controllers::run(process.clone(), log.clone(), None));
    if let Some(engine) = &engine {
        roles.spawn("engine", engine::given_up(engine.state(), process.stop.clone()));
    }
    roles.spawn("query-api", query_api::run(process.clone(), bound, log, store));

    remember(&context);
    let banner = banner(&process, &context, &names);
    let ready = engine.as_ref().map(Supervisor::state);
    tokio::spawn(async move {
        if let Some(mut state) = ready
            && state.wait_for(|state| matches!(state, EngineState::Ready(_))).await.is_err()
        {
            return;
        }
        crate::say(&banner);
    });
    let result = roles.join().await;
    if let Some(engine) = engine {
        engine.stop().await;
    }
    result
}

/// The engine, unless a server takes its place.
///
/// # Errors
/// When it cannot be installed, or another one has the data directory.
pub async fn start_engine(process: &Process, quiet: bool) -> anyhow::Result<Option<Supervisor>> {
    if process.site.server_endpoint()?.is_some() {
        return Ok(None);
    }
    engine::install().await?;
    engine::supervise(process, quiet).await.map(Some)
}

/// Runs the projector once there is an engine: one that is just being started is no trouble to be told of.
pub fn project(
    projector: Projector,
    engine: Option<&Supervisor>,
    stop: CancellationToken,
) -> impl Future<Output = anyhow::Result<()>> + use<> {
    let state = engine.map(Supervisor::state);
    async move {
        if let Some(mut state) = state {
            let ready = state.wait_for(|state| matches!(state, EngineState::Ready(_)));
            // An engine that has given up ends the process by itself.
            if stop.run_until_cancelled(ready).await.is_none() {
                return Ok(());
            }
        }
        Ok(projector.run(stop).await?)
    }
}

/// Makes the context known to the clients. Not worth an end: the banner tells URL and token too.
fn remember(context: &Context) {
    let written = Places::from_environment().contexts().map_err(anyhow::Error::from).and_then(|path| {
        let mut contexts = Contexts::read(&path)?;
        contexts.remember(context.clone());
        contexts.write(&path)
    });
    if let Err(error) = written {
        tracing::warn!(error = format!("{error:#}"), "the context file is not written, use --url and --token");
    }
}

fn banner(process: &Process, context: &Context, clusters: &[String]) -> String {
    let look = Look::of_stdout();
    let mut table = Table::new([Column::whole(""), Column::whole("")]);
    let mut row = |name: &str, value: String| table.row(vec![Cell::new(name, Paint::Dim), Cell::from(value)]);
    row("API", context.url.clone());
    if beidou_query_api::has_console() {
        row("console", format!("{}/#token=TOKEN in a browser", context.url));
    }
    row("token", format!("{} (whole: {})", token::hint(&context.token), crate::places::token(&process.data).display()));
    row("data", process.data.display().to_string());
    row("clusters", if clusters.is_empty() { "none yet".into() } else { clusters.join(", ") });
    let program = crate::speak::program();
    let mut text = format!("beidou is up\n{}\nnext\n", table.lines_alone(look));
    if clusters.is_empty() {
        text += &no_clusters(&program, process.role.config.as_deref());
    }
    text += &format!("  {program} clusters                 how far each cluster is collected\n");
    text += &format!("  {program} events --since 1h        what happened\n");
    text + &format!("  {program} events --follow          what happens\n")
}

/// How to get clusters. A second `up` beside this one would be refused, so none is proposed.
fn no_clusters(program: &str, config: Option<&Path>) -> String {
    match config {
        Some(config) => {
            format!("  add clusters to {}: they are taken up while this runs\n", config.display())
        }
        None => format!(
            "  Ctrl-C, then {program} up --kubeconfig ~/.kube/config: collect the cluster of its current context\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_clusters_only_that_is_proposed_which_works() {
        assert!(no_clusters("beidou", None).contains("Ctrl-C, then beidou up --kubeconfig"));
        let of_file = no_clusters("beidou", Some(Path::new("/etc/site.yaml")));
        assert!(of_file.contains("/etc/site.yaml") && !of_file.contains("beidou up"), "{of_file}");
    }
}
