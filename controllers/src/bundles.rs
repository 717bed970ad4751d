//! The bundles that there are: those of the team in place of shipped ones of the same name; and what the fold must know of each.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use beidou_playbooks::{
    Act, ApiAct, ArtifactName, Bundle, GroupSource, LockScope as Scope, Manifest, Place, Registries,
    RetryScope as Retry, Step, TargetApi,
};
use beidou_schemas::{
    numbered::UnknownKind,
    operation::{
        Actor, Batches, LockScope, OperationType, Order, RetryScope, SuccessRule, UndoBy, UndoKind, UndoPlan,
        bundle::{BundleShape, MachineCount, StepShape},
    },
};
use futures::future::join_all;

use crate::{error::chain, token::digest};

/// The step that controllers do themselves is known without a bundle.
const BUILT_IN: &str = "uncordon";

/// Where artifacts are kept, so that a start does not need their registry.
const KEPT: &str = "bundles";

/// Bundles by name.
pub(crate) type Bundles = BTreeMap<String, Bundle>;

/// Reads all of them. A bundle that cannot be read is left out, loudly: the others are usable.
pub(crate) async fn read(places: &[Place], logins: Option<&Path>, folder: &Path) -> Bundles {
    let registries = logins.map_or_else(|| Ok(Registries::default()), Registries::with_logins);
    let registries = registries.unwrap_or_else(|error| {
        tracing::error!(error = chain(&error), "registries of bundles are asked without a login");
        Registries::default()
    });
    let kept = folder.join(KEPT);
    let own = places.iter().map(|place| async {
        let read = match place {
            Place::Path(path) => Bundle::of_path(path).map_err(|error| chain(&error)),
            Place::Registry(name) => fetch(&registries, name, &kept).await,
        };
        (place.to_string(), read)
    });
    let shipped = beidou_playbooks::shipped_names().filter_map(|name| {
        let bundle = beidou_playbooks::shipped(name)?;
        Some((name.to_owned(), bundle.map_err(|error| chain(&error))))
    });
    let keep = |(place, read): (String, Result<Bundle, String>)| match read {
        Ok(bundle) => Some((bundle.manifest().name.clone(), bundle)),
        Err(error) => {
            tracing::error!(bundle = place, error, "a bundle is not usable, operations with it are refused");
            None
        }
    };
    shipped.chain(join_all(own).await).filter_map(keep).filter(|(name, _)| name != BUILT_IN).collect()
}

/// Fetches an artifact, and keeps it: what was fetched last stands in while its registry gives no answer.
async fn fetch(registries: &Registries, name: &ArtifactName, kept: &Path) -> Result<Bundle, String> {
    let file = kept_as(kept, name);
    let refused = match registries.pull(name).await {
        Ok((bundle, digest)) => {
            tracing::info!(artifact = %name.at(&digest), bundle = bundle.digest(), "a bundle was fetched");
            if let Err(error) = keep(&file, &bundle.to_tar()) {
                tracing::warn!(%error, file = %file.display(), "a bundle cannot be kept: the next start needs its registry");
            }
            return Ok(bundle);
        }
        Err(error) => chain(&error),
    };
    match Bundle::of_path(&file) {
        Ok(bundle) => {
            tracing::warn!(artifact = %name, error = refused, "the bundle that was fetched last stands in");
            Ok(bundle)
        }
        Err(_) => Err(refused),
    }
}

fn kept_as(kept: &Path, name: &ArtifactName) -> PathBuf {
    kept.join(format!("{}.tar", digest(name.to_string().as_bytes())))
}

/// Whole or not at all.
fn keep(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = file.with_extension("new");
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    fs::write(&new, bytes)?;
    fs::rename(new, file)
}

/// What the fold must know of a bundle.
pub(crate) fn shape(bundle: &Bundle) -> Result<BundleShape, UnknownKind> {
    let manifest = bundle.manifest();
    let kind: OperationType = manifest.operation_type.parse()?;
    let joins = kind.joins();
    Ok(BundleShape {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: bundle.digest().to_owned(),
        operation_type: kind,
        steps: manifest.steps.iter().map(|step| step_shape(manifest, step, joins)).collect(),
        flow: manifest.flow.clone(),
        lock: match manifest.lock {
            Scope::Cluster => LockScope::Cluster,
            Scope::Node => LockScope::Node,
            Scope::None => LockScope::None,
        },
        success: SuccessRule { min_percent: manifest.success.min_percent, max_failed: manifest.success.max_failed },
        batches: manifest.batches.as_ref().map(batches).unwrap_or_default(),
        order: if joins || kind == OperationType::Command { Order::Steps } else { Order::Batches },
        needs_cluster: manifest.target_api == TargetApi::Required,
        machines: machines(manifest),
        parameters: manifest.parameters.clone(),
    })
}

/// The narrowest of what its groups of machines take.
fn machines(manifest: &Manifest) -> Option<MachineCount> {
    let of = manifest.groups.values().filter(|group| group.from == GroupSource::Machines);
    let counts = of.map(|group| MachineCount { least: group.min, most: group.max.unwrap_or(u32::MAX) });
    counts.reduce(|one, other| MachineCount { least: one.least.max(other.least), most: one.most.min(other.most) })
}

fn batches(of: &beidou_playbooks::Batches) -> Batches {
    let soak = u32::try_from(of.soak.0 / 1000).unwrap_or(u32::MAX);
    Batches { canary: Some(of.canary), soak_seconds: Some(soak), size: Some(of.size), ..Batches::default() }
}

fn step_shape(manifest: &Manifest, step: &Step, joins: bool) -> StepShape {
    let undoes = step.undo.as_deref().and_then(|name| manifest.step(name));
    let by_api = |kind, purpose| UndoPlan { kind, by: UndoBy::Api, purpose, deadline_ms: None };
    let by_playbook = |kind, purpose| {
        let deadline_ms = undoes.map(|step| step.deadline.0);
        UndoPlan { kind, by: UndoBy::Playbook, purpose, deadline_ms }
    };
    let undo = match undoes.map(|step| &step.act) {
        Some(Act::Api(_)) => vec![by_api(UndoKind::Cordon, false)],
        Some(Act::Playbook(_) | Act::Command(_)) if joins => {
            vec![by_api(UndoKind::Taint, false), by_playbook(UndoKind::Join, true)]
        }
        Some(Act::Playbook(_) | Act::Command(_)) => vec![by_playbook(UndoKind::Cordon, false)],
        // Cordoning by itself is what a Cordon is for: taken back when it fails, and kept when all ends well.
        None if matches!(step.act, Act::Api(ApiAct::Cordon)) => vec![by_api(UndoKind::Cordon, true)],
        None => Vec::new(),
    };
    StepShape {
        name: step.name.clone(),
        actor: match step.act {
            Act::Playbook(_) => Actor::Ansible,
            Act::Api(ApiAct::Uncordon) => Actor::Release,
            Act::Command(_) | Act::Api(_) => Actor::Command,
        },
        mutates: step.mutates,
        deadline_ms: step.deadline.0,
        retry: match step.retry {
            Retry::Host => RetryScope::Host,
            Retry::Step => RetryScope::Step,
            Retry::None => RetryScope::None,
        },
        undo,
        checks: step.name == "postCheck",
        prepare: step.prepare.clone(),
    }
}

#[cfg(test)]
mod tests {
    use beidou_service::held_port::HeldPort;

    use super::*;

    #[tokio::test]
    async fn every_shipped_bundle_has_a_shape() {
        let all = read(&[], None, Path::new("")).await;
        assert!(all.len() >= 7, "{:?}", all.keys());
        for (name, bundle) in &all {
            let shape = shape(bundle).unwrap();
            assert_eq!((&shape.name, shape.digest.len()), (name, 64));
        }
        let join = shape(&all["node-join"]).unwrap();
        assert_eq!(join.flow, ["preCheck", "scaleUp", "postCheck"]);
        let up = join.steps.iter().find(|step| step.name == "scaleUp").unwrap();
        assert_eq!(up.undo.iter().map(|undo| undo.kind).collect::<Vec<_>>(), [UndoKind::Taint, UndoKind::Join]);
        assert!(join.steps.iter().any(|step| step.checks));
        assert_eq!(join.machines, Some(MachineCount { least: 1, most: 500 }));
        let up = shape(&all["scale-up"]).unwrap();
        let up = up.steps.iter().find(|step| step.name == "scaleUp").unwrap();
        let limits: Vec<_> = up.undo.iter().map(|undo| undo.deadline_ms).collect();
        assert_eq!(limits, [None, Some(30 * 60_000)], "that of the step which undoes, and controllers have their own");
        let drain = shape(&all["drain"]).unwrap();
        assert_eq!((drain.steps[0].actor, drain.order), (Actor::Command, Order::Batches));
    }

    #[tokio::test]
    async fn what_was_fetched_stands_in_while_the_registry_is_away() {
        // Of two tests of this process only the first makes it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        // The port is held, and nobody listens there.
        let held = HeldPort::any().unwrap();
        let name: ArtifactName = format!("oci://{}/team/drain:1", held.address()).parse().unwrap();
        let places = [Place::Registry(name.clone())];
        let shipped = read(&[], None, folder.path()).await["drain"].digest().to_owned();
        let error = fetch(&Registries::default(), &name, folder.path()).await.unwrap_err();
        assert!(error.contains("cannot pull the manifest of oci://127.0.0.1"), "{error}");

        let own = folder.path().join("own");
        beidou_playbooks::shipped("drain").unwrap().unwrap().write(&own).unwrap();
        fs::write(own.join("README.md"), "ours").unwrap();
        let own = Bundle::of_folder(&own).unwrap();
        keep(&kept_as(&folder.path().join(KEPT), &name), &own.to_tar()).unwrap();
        let all = read(&places, None, folder.path()).await;
        assert_eq!(all["drain"].digest(), own.digest());
        assert_ne!(own.digest(), shipped);
    }
}
