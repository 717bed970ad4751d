//! `beidou engine`: serves the embedded ClickHouse, installs it, verifies it; and how `up` and `demo` supervise it.

use std::{net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context;
use beidou_service::CancellationToken;
use beidou_store::engine::{
    self, EngineOptions, EngineState, Supervisor,
    install::{InstallError, Installer},
};
use tokio::{process::Command, sync::watch};

use super::Process;
use crate::{
    args::roles::{Engine, EngineAction, Role},
    progress,
};

const MIB: u64 = 1 << 20;
/// How long another engine on the data directory has to answer before it counts as gone.
const PING: Duration = Duration::from_secs(1);

/// Runs `beidou engine`.
///
/// # Errors
/// When the engine is not installed, not the pinned one, or cannot be started.
pub async fn main(args: Engine) -> anyhow::Result<()> {
    match args.action {
        None => serve(args.role).await,
        Some(EngineAction::Install) => {
            let path = install().await?;
            crate::say(&format!("engine {} is installed: {}", engine::install::VERSION, path.display()));
            Ok(())
        }
        Some(EngineAction::Verify) => {
            let path = with_progress(async |installer, on| installer.verify(on).await).await?;
            crate::say(&format!("engine {} has the pinned checksum: {}", engine::install::VERSION, path.display()));
            Ok(())
        }
    }
}

async fn serve(role: Role) -> anyhow::Result<()> {
    // The engine watches signals and stdin by itself, with a last resort for a library that hangs.
    let process = Process::prepare(&role, Vec::new(), CancellationToken::new())?;
    let library = install().await?;
    let options = EngineOptions {
        data_dir: process.data.clone(),
        library,
        memory_limit_bytes: process.site.engine.memory_mib * MIB,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tie_to_stdin: role.tied_to_stdin,
    };
    let never = process.stop.clone().cancelled_owned();
    engine::serve(options, never).await.context("the engine ended")
}

/// The engine's library; downloaded when missing, with a progress bar.
///
/// # Errors
/// When it cannot be downloaded, or is not the pinned one.
pub async fn install() -> anyhow::Result<PathBuf> {
    let installer = Installer::from_environment().context("cannot look for the engine")?;
    if let Some(path) = installer.locate().context("cannot use the engine")? {
        return Ok(path);
    }
    progress::note(&format!("the ClickHouse engine {} is missing, getting it (once)", engine::install::VERSION));
    with_progress(async |installer, on| installer.install(on).await).await
}

async fn with_progress(
    act: impl AsyncFnOnce(Installer, engine::install::OnProgress) -> Result<PathBuf, InstallError>,
) -> anyhow::Result<PathBuf> {
    let installer = Installer::from_environment().context("cannot look for the engine")?;
    let (bar, on_progress) = progress::of_install();
    let result = act(installer, on_progress).await;
    bar.finish_and_clear();
    result.context("cannot get the engine")
}

/// Starts the engine of this process's data directory as a child and keeps it running.
///
/// # Errors
/// When another engine answers on the data directory, or this program cannot find itself.
pub async fn supervise(process: &Process, quiet: bool) -> anyhow::Result<Supervisor> {
    if let Ok(other) = engine::Endpoint::read(&process.data)
        && answers(&other.url).await
    {
        return Err(process.in_use(&format!("another engine (process {})", other.pid)).into());
    }
    let program = std::env::current_exe().context("cannot find the program that is running")?;
    let (data, config) = (process.data.clone(), process.role.config.clone());
    let level = process.site.telemetry.level.clone();
    let command = move || {
        let mut command = Command::new(&program);
        command.args(["engine", "--tied-to-stdin", "--log-level", &level, "--data"]).arg(&data);
        if let Some(config) = &config {
            command.arg("--config").arg(config);
        }
        command.stdout(Stdio::null());
        if quiet {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(data.join("engine.log"));
            command.stderr(file.map_or_else(|_| Stdio::null(), Stdio::from));
        }
        command
    };
    Ok(Supervisor::start(process.data.clone(), command))
}

async fn answers(url: &str) -> bool {
    let Ok(client) = reqwest::Client::builder().no_proxy().timeout(PING).build() else { return false };
    client.get(format!("{url}/ping")).send().await.is_ok_and(|answer| answer.status().is_success())
}

/// Ends when the supervisor has given up.
///
/// # Errors
/// The last failure of the engine.
pub async fn given_up(mut state: watch::Receiver<EngineState>, stop: CancellationToken) -> anyhow::Result<()> {
    loop {
        if let EngineState::Failed { reason } = &*state.borrow_and_update() {
            anyhow::bail!("it failed again and again: {reason}");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = state.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}
