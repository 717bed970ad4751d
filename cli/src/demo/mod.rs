//! `beidou demo`: a fleet that does not exist, kept by the Beidou that does.
//!
//! ```text
//!  simulator: a week of history ──► log ──► projector ──► engine ──► query-api ──► the commands it prints
//!  simulator: API servers, live ──► ingest ──┘
//!  simulator: runners ──► door of the controllers ──► log
//! ```
//!
//! Nothing is faked behind the log: history takes the way of real Events, and goes on through real watches.

mod live;
mod mark;
mod operations;
mod seed;
mod story;
mod tell;

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::Context as _;
use beidou_log::Log;
use beidou_projector::Status;
use beidou_query_api::Bound;
use beidou_service::config::Flag;
use beidou_simulator::HistoryOptions;
use jiff::Timestamp;
use mark::Mark;
use tokio::sync::watch;

use crate::{
    args::roles::{Demo, Role, listen_flag},
    contexts::{Context, Contexts},
    exit::{Code, Failure},
    places::Places,
    roles::{Process, Together, engine, projector, query_api, up},
    token,
};

/// The name of its context.
const NAME: &str = "demo";
/// At a terminal the picture stays calm; what is wrong is still seen.
const LOG_LEVEL: &str = "warn";

/// What the parts of the demo share.
struct Stage {
    args: Demo,
    process: Process,
    options: HistoryOptions,
    log: Arc<dyn Log>,
    projected: watch::Receiver<Status>,
    context: Context,
    data_is_kept: bool,
    /// The history of this data directory.
    mark: Mark,
    /// It is there already.
    is_told: bool,
}

/// Runs the demo until Ctrl-C.
///
/// # Errors
/// When the data directory or the port is taken, or a role ends.
pub async fn main(args: Demo) -> anyhow::Result<()> {
    let (data, temporary) = data(&args)?;
    let kept = temporary.is_none();
    let result = on_stage(args, data.clone(), kept).await;
    if let Some(folder) = temporary {
        folder.close().with_context(|| format!("cannot remove {}; remove it by hand", data.display()))?;
    }
    if result.is_ok() {
        crate::tell(&tell::end(&data, kept));
    }
    result
}

fn data(args: &Demo) -> anyhow::Result<(PathBuf, Option<tempfile::TempDir>)> {
    match &args.data {
        Some(data) => Ok((data.clone(), None)),
        None => {
            let folder = tempfile::Builder::new().prefix("beidou-demo-").tempdir();
            let folder = folder.map_err(|error| {
                let next = "name a directory with --data, or set TMPDIR";
                Failure::new(Code::Failure, "cannot make a temporary directory", next).because(error)
            })?;
            Ok((folder.path().to_owned(), Some(folder)))
        }
    }
}

async fn on_stage(args: Demo, data: PathBuf, data_is_kept: bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    let role = Role { data: Some(data), ..Role::default() };
    let level = args.log_level.clone().unwrap_or_else(|| LOG_LEVEL.into());
    let level = Flag { name: "--log-level", key: "telemetry.level", value: level.into() };
    let flags = listen_flag(args.listen.as_ref()).into_iter().chain([level]).collect();
    let mut process = Process::start(&role, flags)?;
    let _owned = process.own_data().await?;
    let bound = listen(&mut process, args.listen.is_some()).await?;
    let context = Context::of_this_process(NAME, bound.url(), token::of(&process.data)?);
    let Some(log) = process.log().await? else { return Ok(()) };
    let engine = up::start_engine(&process, true).await?;

    let mut roles = Together::new(process.stop.clone());
    let store = process.store()?;
    let projector = projector::prepare(&process, log.clone(), store.clone())?;
    let projected = projector.status();
    roles.spawn("projector", up::project(projector, engine.as_ref(), process.stop.clone()));
    roles.spawn("query-api", query_api::run(process.clone(), bound, log.clone(), store));
    if let Some(engine) = &engine {
        roles.spawn("engine", engine::given_up(engine.state(), process.stop.clone()));
        process.stop.run_until_cancelled(engine.ready()).await.transpose().context("the engine does not start")?;
    }
    let before = remember(&context);
    crate::say(&tell::beginning(&context, begun.elapsed()));
    let told = Mark::read(&process.data)?;
    let mark = told.unwrap_or(Mark { seed: args.seed, now_us: Timestamp::now().as_microsecond() });
    let options = HistoryOptions { states: args.states, ..HistoryOptions::demo(mark.seed, mark.now_us) };
    let (is_told, context_known) = (told.is_some(), context.clone());
    let stage = Stage { args, process, options, log, projected, context: context_known, data_is_kept, mark, is_told };
    roles.spawn("demo", stage.play());
    let result = roles.join().await;
    if let Some(engine) = engine {
        engine.stop().await;
    }
    forget(&context, before);
    result
}

/// The usual port, or any where that is taken and none was asked for.
async fn listen(process: &mut Process, asked: bool) -> anyhow::Result<Bound> {
    match query_api::listen(process).await {
        Err(error) if !asked && query_api::is_taken(&error) => {
            process.site.query_api.listen = query_api::any_port();
            query_api::listen(process).await
        }
        bound => bound,
    }
}

impl Stage {
    /// The history, then what goes on.
    async fn play(self) -> anyhow::Result<()> {
        let stop = self.process.stop.clone();
        let seeded = match stop.run_until_cancelled(self.seed()).await {
            None => return Ok(()),
            Some(seeded) => seeded?,
        };
        crate::say(&tell::history(&self, seeded.as_ref()));
        crate::speak::give_memory_back();
        if self.args.exit_after_seed {
            stop.cancel();
        } else if self.args.no_live {
            stop.cancelled().await;
        } else {
            live::go_on(&self, seeded).await?;
        }
        Ok(())
    }
}

/// Makes the context known; returns the one that was current before. Without the file URL and token still work.
fn remember(context: &Context) -> Option<String> {
    let path = Places::from_environment().contexts().ok()?;
    let mut contexts = Contexts::read(&path).unwrap_or_default();
    let before = contexts.remember(context.clone());
    match contexts.write(&path) {
        Ok(()) => before,
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "the context file is not written, use --url and --token");
            None
        }
    }
}

fn forget(context: &Context, before: Option<String>) {
    let forgotten = Places::from_environment().contexts().map_err(anyhow::Error::from).and_then(|path| {
        let mut contexts = Contexts::read(&path)?;
        contexts.forget(context, before.as_deref());
        contexts.write(&path)
    });
    if let Err(error) = forgotten {
        tracing::warn!(error = format!("{error:#}"), "the demo's context stays in the context file");
    }
}
