//! Whether a specification can be followed. What is refused names field, value, and what is allowed.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use beidou_schemas::operation::{
    LockScope, MOST_BUNDLES, MOST_CELLS, MOST_HOSTS, MOST_STEPS, OperationSpec, OperationType, TaskSpec, TaskStepKind,
    bundle::{BundleShape, MachineCount},
};

use super::{
    Board, Refused, parameters,
    plan::{flow, flow_in, prepared},
    refused::names,
};

/// Names that a refusal lists at most.
const MOST_NAMES: usize = 20;

/// The bundle that an operation uses: the one that it names; else the one of its type that is not shipped, where there are several
/// one must be named; else the shipped one.
pub(crate) fn bundle_of<'a>(
    board: &'a Board,
    spec: &OperationSpec,
    built_in: &'a BundleShape,
) -> Result<&'a BundleShape, Refused> {
    if let Some(name) = &spec.bundle {
        let known = board.bundles.get(name).or_else(|| (*name == built_in.name).then_some(built_in));
        let allowed = || format!("one of: {}", names(board.bundles.keys().map(String::as_str), MOST_NAMES));
        let bundle = known.ok_or_else(|| Refused::new("bundle", name, allowed()))?;
        if !bundle.operation_type.does(spec.operation_type) {
            let fitting = board.bundles.values().filter(|bundle| bundle.operation_type.does(spec.operation_type));
            let fitting = names(fitting.map(|bundle| &*bundle.name), MOST_NAMES);
            return Err(Refused::new("bundle", name, format!("a bundle for {}: {fitting}", spec.operation_type)));
        }
        return Ok(bundle);
    }
    let of_type = board.bundles.values().filter(|bundle| bundle.operation_type == spec.operation_type);
    let shipped = shipped(spec.operation_type);
    let (shipped, brought): (Vec<_>, Vec<_>) = of_type.partition(|bundle| bundle.name == shipped);
    if brought.len() > 1 {
        let all = names(brought.iter().chain(&shipped).map(|bundle| &*bundle.name), MOST_NAMES);
        let allowed = format!("the name of one: there are several for {}: {all}", spec.operation_type);
        return Err(Refused::new("bundle", "", allowed));
    }
    let own = (spec.operation_type == built_in.operation_type).then_some(built_in);
    brought.first().or(shipped.first()).copied().or(own).ok_or_else(|| {
        let mut types: Vec<&str> = board.bundles.values().map(|bundle| bundle.operation_type.name()).collect();
        types.sort_unstable();
        types.dedup();
        let allowed = format!("a type that a bundle is there for: {}", names(types, MOST_NAMES));
        Refused::new("operationType", spec.operation_type, allowed)
    })
}

/// What the shipped bundle of a type is called, and one of the team that stands in its place: `ScaleUp` is done by `scale-up`.
fn shipped(of: OperationType) -> String {
    let mut name = String::new();
    for letter in of.name().chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Cluster, machines and flow.
pub(crate) fn operation(board: &Board, spec: &OperationSpec, bundle: &BundleShape) -> Result<(), Refused> {
    if bundle.needs_cluster {
        cluster(board, "clusterName", &spec.cluster_name)?;
    }
    let stands = !spec.operation_type.joins();
    let machines: Vec<Place<'_>> = spec
        .operation_machines
        .iter()
        .map(|m| {
            let (node, user) = (m.name.as_deref().unwrap_or_default(), m.user.as_deref());
            Place { address: &m.ip, node, stands, user, port: m.port }
        })
        .collect();
    addresses("operationMachines", "ip", &machines)?;
    count("operationMachines", machines.len(), bundle)?;
    if spec.dry_run && bundle.lock == LockScope::None && !bundle.steps.iter().any(|step| step.mutates) {
        return Err(Refused::new("dryRun", true, "false: the bundle changes nothing anyway"));
    }
    let flow = flow(bundle, spec);
    if flow.is_empty() {
        return Err(Refused::new("operationFlow", 0, format!("1 to {} steps", MOST_STEPS - 1)));
    }
    size(bundle, ("operationFlow", flow), ("operationMachines", machines.len()))?;
    let known = || names(bundle.steps.iter().map(|step| &*step.name), MOST_NAMES);
    for (place, name) in flow.iter().enumerate() {
        let field = || format!("operationFlow[{place}]");
        if !bundle.steps.iter().any(|step| step.name == *name) {
            return Err(Refused::new(field(), name, format!("a step of bundle {}: {}", bundle.name, known())));
        }
        if flow[..place].contains(name) {
            return Err(Refused::new(field(), name, "each step once"));
        }
    }
    parameters::of_machines(bundle, &spec.operation_machines)?;
    parameters::check(&[bundle], &spec.parameters, &spec.secrets)?;
    let brought = brought(board, &spec.cluster_name);
    let missing = parameters::missing(bundle, &spec.parameters, &spec.secrets, brought);
    missing.map_or(Ok(()), |missing| Err(instead(board, bundle, spec.operation_type, missing)))
}

/// Names of the parameters that a cluster gives, where they are known.
fn brought<'a>(board: &'a Board, cluster: &str) -> Option<&'a BTreeSet<String>> {
    board.clusters.get(cluster)?.parameters.as_ref()
}

/// Who lacks what a bundle needs may name another one.
fn instead(board: &Board, bundle: &BundleShape, kind: OperationType, mut missing: Refused) -> Refused {
    let does = |other: &&BundleShape| other.name != bundle.name && other.operation_type.does(kind);
    let others: Vec<&str> = board.bundles.values().filter(does).map(|other| &*other.name).collect();
    if !others.is_empty() {
        let others = names(others, MOST_NAMES);
        missing.allowed = format!("{} (another bundle could be named: {others})", missing.allowed);
    }
    missing
}

fn cluster(board: &Board, field: &str, name: &str) -> Result<(), Refused> {
    if board.clusters.contains_key(name) {
        return Ok(());
    }
    let known = names(board.clusters.keys().map(String::as_str), MOST_NAMES);
    Err(Refused::new(field, name, format!("a cluster that Beidou knows: {known}")))
}

/// Where a machine is.
struct Place<'a> {
    address: &'a str,
    /// The name of its node, where one is told.
    node: &'a str,
    /// Whether that stands for an address that is not there.
    stands: bool,
    user: Option<&'a str>,
    port: Option<u16>,
}

impl<'a> Place<'a> {
    /// The name of its node, where only that is told.
    fn by_node(&self) -> Option<&'a str> {
        (self.stands && self.address.is_empty() && !self.node.is_empty()).then_some(self.node)
    }
}

/// Addresses of machines: valid, each once; users and ports valid. The same node twice is a slip of the pen: one of both addresses is
/// that of another machine.
fn addresses(field: &str, key: &str, machines: &[Place<'_>]) -> Result<(), Refused> {
    if machines.is_empty() || machines.len() > MOST_HOSTS {
        return Err(Refused::new(field, machines.len(), format!("1 to {MOST_HOSTS} machines")));
    }
    let (mut seen, mut nodes) = (BTreeMap::new(), BTreeMap::new());
    for (place, machine) in machines.iter().enumerate() {
        let at = format!("{field}[{place}].{key}");
        let node = machine.by_node();
        if node.is_none() {
            usual(&at, machine.address)?;
        }
        let known = node.unwrap_or(machine.address);
        if let Some(before) = seen.insert(known, place) {
            return Err(Refused::new(at, known, format!("each address once; {field}[{before}] has it too")));
        }
        if let Some(before) = nodes.insert(machine.node, place).filter(|_| !machine.node.is_empty()) {
            let allowed = format!("each node once; {field}[{before}] has it too");
            return Err(Refused::new(format!("{field}[{place}].name"), machine.node, allowed));
        }
        if let Some(user) = machine.user.filter(|user| !is_login(user)) {
            let allowed = "letters, digits, '.', '_' and '-', no hyphen at the front";
            return Err(Refused::new(format!("{field}[{place}].user"), user, allowed));
        }
        if machine.port == Some(0) {
            return Err(Refused::new(format!("{field}[{place}].port"), 0, "1 to 65535"));
        }
    }
    Ok(())
}

/// Whether a runner takes it: it becomes a word of a command line.
fn is_login(user: &str) -> bool {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || "-._".contains(sign);
    !user.is_empty() && !user.starts_with('-') && user.chars().all(fits)
}

/// Locks, nodes and results know a machine by these letters.
fn usual(at: &str, address: &str) -> Result<(), Refused> {
    let parsed = address.parse::<IpAddr>().map_err(|_| Refused::new(at, address, "an IPv4 or IPv6 address"))?;
    let usual = parsed.to_canonical().to_string();
    if usual == address { Ok(()) } else { Err(Refused::new(at, address, format!("its usual spelling, {usual}"))) }
}

/// A bundle's groups may take fewer machines than any operation may have, or need more than one.
fn count(field: &str, machines: usize, bundle: &BundleShape) -> Result<(), Refused> {
    let fits = |count: &MachineCount| (count.least as usize..=count.most as usize).contains(&machines);
    match bundle.machines.filter(|count| !fits(count)) {
        None => Ok(()),
        Some(MachineCount { least, most }) => {
            let most = (most as usize).min(MOST_HOSTS);
            let allowed = format!("{least} to {most} machines, as the groups of bundle {} take", bundle.name);
            Err(Refused::new(field, machines, allowed))
        }
    }
}

/// The steps of a flow, and machines that they are done on: neither may be too many. Each beside the field that it stands in.
fn size(bundle: &BundleShape, (of, flow): (&str, &[String]), (on, machines): (&str, usize)) -> Result<(), Refused> {
    let steps = prepared(bundle, flow).len();
    if steps >= MOST_STEPS {
        return Err(Refused::new(of, steps.max(flow.len()), format!("1 to {} steps", MOST_STEPS - 1)));
    }
    // The plan may open its nodes in a step of its own.
    let most = MOST_CELLS / (steps + 1);
    match machines > most {
        true => Err(Refused::new(on, machines, format!("1 to {most} machines with {steps} steps"))),
        false => Ok(()),
    }
}

/// Types that a task can be of, and the order in which steps of each may stand.
fn order(of: OperationType) -> Option<&'static [TaskStepKind]> {
    use TaskStepKind as Step;
    match of {
        OperationType::ScaleUp | OperationType::NodeJoin => Some(&[
            Step::ScaleUpPreCheck,
            Step::ScaleUpWorkprocess,
            Step::ScaleUp,
            Step::UncordonNodes,
            Step::ScaleUpSubWorkprocess,
        ]),
        OperationType::ScaleDown | OperationType::NodeRemove => {
            Some(&[Step::ScaleDownPreCheck, Step::ScaleDownWorkprocess, Step::ScaleDown, Step::ScaleDownSubWorkprocess])
        }
        OperationType::Cordon
        | OperationType::Uncordon
        | OperationType::Drain
        | OperationType::Reboot
        | OperationType::Command => None,
    }
}

/// What a bundle does in a task: what the task is of, or commands beside that. `None`, if it has no place there.
pub(crate) fn type_in(bundle: &BundleShape, task: OperationType) -> Option<OperationType> {
    match bundle.operation_type {
        own if own.does(task) => Some(task),
        OperationType::Command => Some(OperationType::Command),
        _ => None,
    }
}

/// The bundles of a task, in its order: each known, fitting, and there once; one of them at least does what the task is of.
fn bundles<'a>(board: &'a Board, ids: &[String], kind: OperationType) -> Result<Vec<&'a BundleShape>, Refused> {
    let fitting = |fits: &dyn Fn(OperationType) -> bool| {
        let fitting = board.bundles.values().filter(|bundle| fits(bundle.operation_type));
        names(fitting.map(|bundle| &*bundle.name), MOST_NAMES)
    };
    let own = || format!("a bundle for {kind}: {}", fitting(&|of: OperationType| of.does(kind)));
    if ids.is_empty() || ids.len() > MOST_BUNDLES {
        return Err(Refused::new("operationIds", ids.len(), format!("the names of 1 to {MOST_BUNDLES} bundles")));
    }
    let mut found = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        let field = format!("operationIds[{place}]");
        if let Some(before) = ids[..place].iter().position(|other| other == id) {
            return Err(Refused::new(field, id, format!("each bundle once; operationIds[{before}] has it too")));
        }
        let Some(bundle) = board.bundles.get(id).filter(|bundle| type_in(bundle, kind).is_some()) else {
            let beside = fitting(&|of: OperationType| of == OperationType::Command);
            return Err(Refused::new(field, id, format!("{}; beside it also one for Command: {beside}", own())));
        };
        found.push(bundle);
    }
    match found.iter().any(|bundle| bundle.operation_type.does(kind)) {
        true => Ok(found),
        false => Err(Refused::new("operationIds", ids.join(", "), format!("among them {}", own()))),
    }
}

/// A task: cluster, machines, bundles, steps.
pub(crate) fn task(board: &Board, spec: &TaskSpec) -> Result<(), Refused> {
    cluster(board, "cluster", &spec.cluster)?;
    let machines: Vec<Place<'_>> = spec
        .operation_task_machines
        .iter()
        .map(|m| Place { address: &m.name, node: "", stands: false, user: m.user.as_deref(), port: m.port })
        .collect();
    addresses("operationTaskMachines", "name", &machines)?;
    let kind = spec.operation_task_type;
    let Some(order) = order(kind) else {
        return Err(Refused::new("operationTaskType", kind, "ScaleUp, NodeJoin, ScaleDown or NodeRemove"));
    };
    let bundles = bundles(board, &spec.operation_ids, kind)?;
    bundles.iter().try_for_each(|bundle| count("operationTaskMachines", machines.len(), bundle))?;
    parameters::check(&bundles, &spec.parameters, &spec.secrets)?;
    let steps: Vec<TaskStepKind> = spec.operation_task_step.iter().map(|named| named.step).collect();
    let places: Vec<Option<usize>> = steps.iter().map(|step| order.iter().position(|known| known == step)).collect();
    let rises = places.windows(2).all(|pair| pair[0] < pair[1]);
    if steps.is_empty() || places.contains(&None) || !rises {
        let given: Vec<&str> = steps.iter().map(|step| step.name()).collect();
        let allowed = format!("some of, in this order: {}", names(order.iter().map(|step| step.name()), MOST_NAMES));
        return Err(Refused::new("operationTaskStep", given.join(", "), allowed));
    }
    let gates = [("workprocess", &spec.workprocess), ("subWorkprocess", &spec.sub_workprocess)];
    for (field, gate) in gates {
        if gate.mode == beidou_schemas::operation::GateMode::Webhook && gate.webhook.is_none() {
            return Err(Refused::new(format!("{field}.webhook"), "", "the name of a webhook of the configuration"));
        }
    }
    for kind in steps.iter().copied().filter(|step| step.is_by_bundle()) {
        for (place, bundle) in bundles.iter().enumerate() {
            let of = format!("operationIds[{place}]");
            size(bundle, (&*of, &*flow_in(bundle, kind)), ("operationTaskMachines", machines.len()))?;
        }
    }
    // Work orders need no parameters, and what opens nodes has its own bundle.
    let brought = brought(board, &spec.cluster).filter(|_| steps.iter().any(|step| step.is_by_bundle()));
    let missing = bundles.iter().find_map(|bundle| {
        let (given, secrets) = parameters::own(bundle, &spec.parameters, &spec.secrets);
        let missing = parameters::missing(bundle, &given, &secrets, brought)?;
        Some(instead(board, bundle, type_in(bundle, kind)?, missing))
    });
    missing.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::{super::built_in, *};

    fn board(bundles: &[(&str, OperationType)]) -> Board {
        let shape = |(name, kind): &(&str, OperationType)| {
            ((*name).to_owned(), BundleShape { name: (*name).into(), operation_type: *kind, ..built_in() })
        };
        Board { bundles: bundles.iter().map(shape).collect(), ..Board::default() }
    }

    fn taken(bundles: &[(&str, OperationType)], kind: OperationType, named: Option<&str>) -> Result<String, String> {
        let spec =
            serde_json::json!({"clusterName": "c", "operationType": kind, "operationMachines": [], "bundle": named});
        let spec: OperationSpec = serde_json::from_value(spec).unwrap();
        let (board, built_in) = (board(bundles), built_in());
        let found = bundle_of(&board, &spec, &built_in).map(|bundle| bundle.name.clone());
        found.map_err(|refused| refused.to_string())
    }

    #[test]
    fn without_a_name_it_is_the_one_that_the_team_brought_else_the_shipped_one() {
        use OperationType::{Drain, NodeJoin, ScaleUp, Uncordon};
        let shipped = [("scale-up", ScaleUp), ("node-join", NodeJoin), ("drain", Drain)];
        let and = |more: &[(&'static str, OperationType)]| [&shipped[..], more].concat();
        for (bundles, kind, wanted) in [
            (and(&[]), ScaleUp, "scale-up"),
            (and(&[("acme-up", ScaleUp)]), ScaleUp, "acme-up"),
            (and(&[("team-up", ScaleUp)]), ScaleUp, "team-up"),
            (and(&[("acme-join", NodeJoin)]), ScaleUp, "scale-up"),
            (and(&[("acme-join", NodeJoin)]), NodeJoin, "acme-join"),
            (and(&[("a", ScaleUp), ("b", ScaleUp)]), Drain, "drain"),
            (and(&[]), Uncordon, "uncordon"),
            (and(&[("gentle", Uncordon)]), Uncordon, "gentle"),
        ] {
            assert_eq!(taken(&bundles, kind, None).as_deref(), Ok(wanted), "{bundles:?}");
        }
        let several = and(&[("acme-up", ScaleUp), ("team-up", ScaleUp)]);
        let wanted =
            "bundle: \"\" is not possible; the name of one: there are several for ScaleUp: acme-up, team-up, scale-up";
        assert_eq!(taken(&several, ScaleUp, None), Err(wanted.into()));
        for name in ["acme-up", "scale-up", "node-join"] {
            assert_eq!(taken(&several, ScaleUp, Some(name)).as_deref(), Ok(name));
        }
        assert!(taken(&several, Drain, Some("acme-up")).unwrap_err().ends_with("a bundle for Drain: drain"));
        assert!(taken(&shipped, OperationType::Reboot, None).unwrap_err().contains("operationType"));
    }

    #[test]
    fn shipped_bundles_are_called_as_their_type() {
        let all = [(OperationType::ScaleUp, "scale-up"), (OperationType::NodeRemove, "node-remove")];
        for (kind, name) in all.into_iter().chain([(OperationType::Cordon, "cordon")]) {
            assert_eq!(shipped(kind), name);
        }
    }
}
