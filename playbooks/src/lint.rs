//! What a valid bundle should still not do: known traps of Ansible, and missing help for people.

use crate::{Act, Bundle, Fault};

/// Text in a playbook that does not do what it seems to, and why.
const TRAPS: [(&str, &str); 3] = [
    (
        "any_errors_fatal: \"{{",
        "a template always counts as true in ansible-core 2.18 and 2.19: write true or false, or use max_fail_percentage",
    ),
    ("ansible_date_time", "is as old as the fact cache: ask the host for its time in the same task"),
    ("--start-at-task", "skips facts and registered results: make the step repeatable instead"),
];

/// Looks for what is probably a mistake. All findings are warnings: such a bundle runs.
#[must_use]
pub fn lint(bundle: &Bundle) -> Vec<Fault> {
    let mut found = Vec::new();
    help(bundle, &mut found);
    parameters(bundle, &mut found);
    steps(bundle, &mut found);
    for file in bundle.file_names().filter(|file| file.ends_with(".yml") || file.ends_with(".yaml")) {
        for (number, line) in bundle.text(file).unwrap_or_default().lines().enumerate() {
            let line = line.trim_start();
            for (trap, why) in TRAPS.iter().filter(|(trap, _)| line.contains(trap) && !line.starts_with('#')) {
                found.push(Fault::new(file, &format!("line {}", number + 1), format!("{trap}: {why}")));
            }
        }
    }
    found
}

fn help(bundle: &Bundle, found: &mut Vec<Fault>) {
    let Some(readme) = bundle.text("README.md") else {
        found.push(Fault::new("README.md", "", "is missing: say what the bundle does and what its parameters mean"));
        return;
    };
    let properties = bundle.manifest().parameters.get("properties").and_then(|value| value.as_object());
    for name in properties.into_iter().flatten().map(|(name, _)| name) {
        if !readme.contains(&format!("`{name}`")) {
            found.push(Fault::new("README.md", name, "this parameter is not explained"));
        }
    }
}

/// A parameter counts more than anything else that Ansible knows of a host.
fn parameters(bundle: &Bundle, found: &mut Vec<Fault>) {
    let properties = bundle.manifest().parameters.get("properties").and_then(|value| value.as_object());
    for name in properties.into_iter().flatten().map(|(name, _)| name).filter(|name| name.starts_with("ansible_")) {
        let why = "sets how Ansible reaches machines, over known hosts and fence: call it otherwise, and use it in the plays that need it";
        found.push(Fault::new("bundle.yaml", &format!("parameters/properties/{name}"), why));
    }
}

fn steps(bundle: &Bundle, found: &mut Vec<Fault>) {
    let manifest = bundle.manifest();
    let runs_ansible = manifest.steps.iter().any(|step| matches!(step.act, Act::Playbook(_)));
    if runs_ansible && manifest.ansible.is_none() {
        found.push(Fault::new("bundle.yaml", "ansible", "is missing: say which versions of ansible-core were tried"));
    }
    for step in manifest.steps.iter().filter(|step| step.name.ends_with("Check") && step.mutates) {
        found.push(Fault::new("bundle.yaml", &step.name, "is a check that says it changes something"));
    }
}
