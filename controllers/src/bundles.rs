//! The bundles that there are: those of the team before those that are shipped; and what the fold must know of each.

use std::{collections::BTreeMap, path::PathBuf};

use beidou_playbooks::{
    Act, ApiAct, Bundle, BundleError, LockScope as Scope, Manifest, RetryScope as Retry, Step, TargetApi,
};
use beidou_schemas::{
    numbered::UnknownKind,
    operation::{
        Actor, Batches, LockScope, OperationType, Order, RetryScope, SuccessRule, UndoBy, UndoKind, UndoPlan,
        bundle::{BundleShape, StepShape},
    },
};

/// The step that controllers do themselves is known without a bundle.
const BUILT_IN: &str = "uncordon";

/// Bundles by name.
pub(crate) type Bundles = BTreeMap<String, Bundle>;

/// Reads all of them. A bundle that cannot be read is left out, loudly: the others are usable.
pub(crate) fn read(folders: &[PathBuf]) -> Bundles {
    let shipped =
        beidou_playbooks::shipped_names().filter_map(|name| Some((name.to_owned(), beidou_playbooks::shipped(name)?)));
    let own = folders.iter().map(|folder| (folder.display().to_string(), Bundle::of_folder(folder)));
    let keep = |(place, read): (String, Result<Bundle, BundleError>)| match read {
        Ok(bundle) => Some((bundle.manifest().name.clone(), bundle)),
        Err(error) => {
            tracing::error!(
                bundle = place,
                error = crate::error::chain(&error),
                "a bundle is not usable, operations with it are refused"
            );
            None
        }
    };
    shipped.chain(own).filter_map(keep).filter(|(name, _)| name != BUILT_IN).collect()
}

/// What the fold must know of a bundle.
pub(crate) fn shape(bundle: &Bundle) -> Result<BundleShape, UnknownKind> {
    let manifest = bundle.manifest();
    let kind: OperationType = manifest.operation_type.parse()?;
    let joins = matches!(kind, OperationType::ScaleUp | OperationType::NodeJoin);
    Ok(BundleShape {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: bundle.digest().to_owned(),
        operation_type: kind,
        steps: manifest.steps.iter().map(|step| step_shape(manifest, step, joins)).collect(),
        lock: match manifest.lock {
            Scope::Cluster => LockScope::Cluster,
            Scope::Node => LockScope::Node,
            Scope::None => LockScope::None,
        },
        success: SuccessRule { min_percent: manifest.success.min_percent, max_failed: manifest.success.max_failed },
        batches: manifest.batches.as_ref().map(batches).unwrap_or_default(),
        order: if joins || kind == OperationType::Command { Order::Steps } else { Order::Batches },
        needs_cluster: manifest.target_api == TargetApi::Required,
        parameters: manifest.parameters.clone(),
    })
}

fn batches(of: &beidou_playbooks::Batches) -> Batches {
    let soak = u32::try_from(of.soak.0 / 1000).unwrap_or(u32::MAX);
    Batches { canary: Some(of.canary), soak_seconds: Some(soak), size: Some(of.size), ..Batches::default() }
}

fn step_shape(manifest: &Manifest, step: &Step, joins: bool) -> StepShape {
    let undoes = step.undo.as_deref().and_then(|name| manifest.step(name));
    let mut undo = Vec::new();
    match undoes.map(|step| &step.act) {
        Some(Act::Api(_)) => undo.push(UndoPlan { kind: UndoKind::Cordon, by: UndoBy::Api, purpose: false }),
        Some(Act::Playbook(_) | Act::Command(_)) if joins => {
            undo.push(UndoPlan { kind: UndoKind::Taint, by: UndoBy::Api, purpose: false });
            undo.push(UndoPlan { kind: UndoKind::Join, by: UndoBy::Playbook, purpose: true });
        }
        Some(Act::Playbook(_) | Act::Command(_)) => {
            undo.push(UndoPlan { kind: UndoKind::Cordon, by: UndoBy::Playbook, purpose: false });
        }
        None => {}
    }
    // Cordoning by itself is what a Cordon is for: taken back when it fails, and kept when all ends well.
    if undo.is_empty() && matches!(step.act, Act::Api(ApiAct::Cordon)) {
        undo.push(UndoPlan { kind: UndoKind::Cordon, by: UndoBy::Api, purpose: true });
    }
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_bundle_has_a_shape() {
        let all = read(&[]);
        assert!(all.len() >= 7, "{:?}", all.keys());
        for (name, bundle) in &all {
            let shape = shape(bundle).unwrap();
            assert_eq!((&shape.name, shape.digest.len()), (name, 64));
        }
        let join = shape(&all["node-join"]).unwrap();
        let up = join.steps.iter().find(|step| step.name == "scaleUp").unwrap();
        assert_eq!(up.undo.iter().map(|undo| undo.kind).collect::<Vec<_>>(), [UndoKind::Taint, UndoKind::Join]);
        assert!(join.steps.iter().any(|step| step.checks));
        let drain = shape(&all["drain"]).unwrap();
        assert_eq!((drain.steps[0].actor, drain.order), (Actor::Command, Order::Batches));
    }
}
