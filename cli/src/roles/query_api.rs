//! `beidou query-api`: serves the HTTP API over the store and the log.

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context;
use beidou_log::Log;
use beidou_query_api::{Bound, QueryApiConfig, ServeError, TokenConfig, bind};
use beidou_store::Store;

use super::Process;
use crate::{
    args::roles::{QueryApi, listen_flag},
    exit::{Code, Failure},
    places, token,
};

/// Who the token of the data directory belongs to, in the records of requests.
const OWNER: &str = "owner";

/// Runs the role alone.
///
/// # Errors
/// When the address is taken, or the configuration is not valid.
pub async fn main(args: QueryApi) -> anyhow::Result<()> {
    let process = Process::start(&args.role, listen_flag(args.listen.as_ref()).into_iter().collect())?;
    let bound = listen(&process).await?;
    let Some(log) = process.light_log().await? else { return Ok(()) };
    let store = process.store()?;
    run(process, bound, log, store).await
}

/// Takes the port, before anything else is begun.
///
/// # Errors
/// When it is taken, or the configuration is not valid.
pub async fn listen(process: &Process) -> anyhow::Result<Bound> {
    let own = token::of(&process.data)?;
    let archive = process.site.archive.enabled.then(|| process.site.archive.open(&process.data)).transpose();
    let archive = archive.context("cannot open the archive")?;
    let config = with_defaults(process.site.query_api.clone(), &process.data, own);
    Ok(bind(config).await.map_err(failure)?.with_archive(archive))
}

/// The token and the cursor key of the data directory, unless the configuration names others.
fn with_defaults(mut config: QueryApiConfig, data: &Path, own: String) -> QueryApiConfig {
    config.tokens.insert(0, TokenConfig { subject: OWNER.into(), token: Some(own), ..TokenConfig::default() });
    config.cursor_key_file.get_or_insert_with(|| places::cursor_key(data));
    config.exports_folder.get_or_insert_with(|| places::exports(data));
    config.archive_copies_folder.get_or_insert_with(|| places::archive_copies(data));
    config
}

fn failure(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Listen { address, source } => {
            let next = "stop what listens there, or choose another address with --listen (port 0: any free one)";
            Failure::new(Code::Failure, format!("cannot listen on {address}"), next).because(source).into()
        }
        ServeError::Config(error) => {
            let next = "correct `query_api`; `beidou config` shows where each value comes from";
            Failure::new(Code::Usage, "`query_api` is not valid", next).because(error).into()
        }
        other => other.into(),
    }
}

/// Whether the address of a configuration is taken by somebody else.
pub fn is_taken(error: &anyhow::Error) -> bool {
    let in_use = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::AddrInUse;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(in_use))
}

/// An address on this machine with any free port.
pub fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Serves until the process shall end.
///
/// # Errors
/// When the listener breaks.
pub async fn run(process: Process, bound: Bound, log: Arc<dyn Log>, store: Store) -> anyhow::Result<()> {
    let Process { metrics, readiness, stop, .. } = process;
    Ok(beidou_query_api::serve(bound, log, store, metrics, readiness, stop).await?)
}
