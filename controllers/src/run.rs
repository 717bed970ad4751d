//! Everything together, until the end of the process.

use std::{path::PathBuf, sync::Arc};

use beidou_log::Log;
use beidou_model::operation::Seen;
use beidou_schemas::operation::{ASKED, SAID, WISHED};
use beidou_service::{CancellationToken, Part};
use tokio::sync::watch;

use crate::{
    act::{Hands, Inner},
    bundles,
    commands::{Wisher, follow},
    config::{ControllersConfig, ExecutorKind},
    door::{self, Door},
    error::{ControllersError, chain},
    execute::{Executor, KubernetesJob, LocalProcess},
    fault::Faults,
    gate::{self, Hook, Notes},
    keeper::{self, Keeper, patiently},
    metrics::ControllersMetrics,
    resources::{self, Resources},
    target::{self, KnownNodes, Targets},
    token::Tokens,
    warnings,
};

/// Our name as a writer of the log.
const WRITER: &str = "controllers";

/// What controllers stand on.
pub struct Inputs {
    /// The log.
    pub log: Arc<dyn Log>,
    /// A folder of their own below the data directory.
    pub folder: PathBuf,
    /// Where they report that they serve.
    pub part: Part,
    /// Their metrics.
    pub metrics: ControllersMetrics,
    /// Fail points, for tests.
    pub faults: Faults,
    /// Makes runners in place of what the settings say, for tests.
    pub executor: Option<Arc<dyn Executor>>,
}

/// Runs until `stop`, or until the log refuses for good.
///
/// # Errors
/// When settings, management cluster, log or listener cannot be used.
pub async fn run(config: ControllersConfig, inputs: Inputs, stop: CancellationToken) -> Result<(), ControllersError> {
    config.validate()?;
    let faults = inputs.faults.clone();
    let work = work(config, inputs);
    tokio::select! {
        done = work => done,
        () = stop.cancelled() => Ok(()),
        point = faults.ended() => Err(ControllersError::FailPoint(point)),
    }
}

/// All parts are pieces of this one future: when it is dropped, nothing of it goes on but runners.
async fn work(config: ControllersConfig, inputs: Inputs) -> Result<(), ControllersError> {
    let Inputs { log, folder, part, metrics, faults, executor } = inputs;
    part.waiting("it folds the facts");
    let listener = door::listen(&config.listen, &folder).await?;
    let address = listener.local_addr().map_err(door::error(&config.listen))?;
    let resources = management(&config).await?;
    let executor = executor.unwrap_or_else(|| make_executor(&config, &folder, resources.as_ref()));
    let (keeper, writing) = keeper::open(Arc::clone(&log), WRITER, faults.clone(), metrics.clone()).await?;
    let wisher = Wisher::open(&*log, WRITER, metrics.clone()).await?;
    let said = patiently(&metrics, "become the writer of", SAID, || async { log.writer(SAID, WRITER).await }).await?;
    let (targets, seen_targets) = watch::channel(Targets::new());
    let (nodes, seen_nodes) = watch::channel(KnownNodes::default());
    let hands = Hands::new(Inner {
        keeper: keeper.clone(),
        executor,
        making: Default::default(),
        tokens: Tokens::open(&folder)?,
        bundles: bundles::read(&config.bundles, config.registry_logins.as_deref(), &folder).await,
        targets: seen_targets,
        wisher,
        resources: resources.clone(),
        hooks: hooks(&config)?,
        notes: notes(&config)?,
        http: reqwest::Client::new(),
        door: config.door(address),
        callbacks: config.callbacks(address),
        folder: folder.clone(),
        faults: faults.clone(),
        metrics: metrics.clone(),
    });
    let desks = door::Desks::default();
    let routes = door::router(Door {
        keeper: keeper.clone(),
        hands: hands.clone(),
        said,
        folder,
        faults,
        metrics: metrics.clone(),
        desks,
    });
    tracing::info!(%address, "controllers take commands, runners come to the door");
    let served = async { axum::serve(listener, routes).await.map_err(door::error(&config.listen)) };
    let followed = async {
        tell_bundles(&hands, &keeper).await;
        metrics.leads.set(1);
        part.ready();
        let follow = |at| follow(Arc::clone(&log), at, keeper.clone(), seen_nodes.clone(), metrics.clone());
        tokio::try_join!(follow(ASKED), follow(WISHED)).map(drop)
    };
    let warned = warnings::hold_at_rise(Arc::clone(&log), keeper.clone(), targets.subscribe(), config.hold_at_warnings);
    let clusters =
        resources::follow_clusters(resources.clone(), config.clusters.clone(), keeper.clone(), targets, nodes);
    let of_resources = async {
        match resources {
            Some(resources) => resources::follow(resources, hands.clone()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        done = writing.run(hands.clone()) => done,
        done = served => done,
        done = followed => done,
        () = crate::act::watch(hands.clone()) => Ok(()),
        () = crate::act::carry_out(hands.clone()) => Ok(()),
        () = clusters => Ok(()),
        () = of_resources => Ok(()),
        () = warned => Ok(()),
    }
}

/// What is followed, where anything is.
async fn management(config: &ControllersConfig) -> Result<Option<Resources>, ControllersError> {
    let Some(management) = &config.management else { return Ok(None) };
    Ok(Some(Resources { client: target::management(management).await?, namespace: management.namespace.clone() }))
}

fn make_executor(
    config: &ControllersConfig,
    folder: &std::path::Path,
    resources: Option<&Resources>,
) -> Arc<dyn Executor> {
    match (config.executor, resources) {
        (ExecutorKind::Job, Some(resources)) => {
            let (client, namespace) = (resources.client.clone(), resources.namespace.clone());
            Arc::new(KubernetesJob::new(client, namespace, config.job.clone()))
        }
        // `validate` has refused a Job without a management cluster.
        (ExecutorKind::Local | ExecutorKind::Job, _) => {
            let own =
                || std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_else(|_| "beidou".into());
            let mut program = config.local.program.clone();
            if program.is_empty() {
                program = vec![own(), "run-step".into()];
            }
            if let Some(ansible) = &config.local.ansible_playbook {
                program.extend(["--ansible-playbook".into(), ansible.display().to_string()]);
            }
            Arc::new(LocalProcess::new(folder.join("runners"), program))
        }
    }
}

fn hooks(config: &ControllersConfig) -> Result<Vec<Hook>, ControllersError> {
    let read = |hook: &crate::config::Webhook| {
        Hook::read(hook).map_err(|source| ControllersError::File { path: hook.secret_file.clone(), source })
    };
    config.webhooks.iter().map(read).collect()
}

fn notes(config: &ControllersConfig) -> Result<Notes, ControllersError> {
    let read = |note: &crate::config::Notification| match &note.url_file {
        None => Ok(note.url.clone().unwrap_or_default()),
        Some(path) => gate::read_url(path).map_err(|source| ControllersError::File { path: path.clone(), source }),
    };
    config.notifications.iter().map(read).collect::<Result<_, _>>().map(Notes::new)
}

/// Before any command: what it may name must be known.
async fn tell_bundles(hands: &Hands, keeper: &Keeper) {
    let gone: Vec<String> =
        keeper.look(|board| board.bundles.keys().filter(|name| !hands.bundles.contains_key(*name)).cloned().collect());
    for (name, bundle) in &hands.bundles {
        match bundles::shape(bundle) {
            // Nothing new is no news.
            Ok(shape) => drop(keeper.tell(Seen::Bundle(Box::new(shape))).await),
            Err(error) => tracing::error!(bundle = name, error = chain(&error), "a bundle is of no known type"),
        }
    }
    for name in gone {
        drop(keeper.tell(Seen::BundleGone(name)).await);
    }
}
