//! Ansible's own look at the playbooks of a bundle.

use std::{io, path::Path, process::Command};

use serde_json::{Map, Value, json};

use crate::{Act, Bundle, Fault};

/// Ansible could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("run {program}")]
pub struct SyntaxError {
    program: String,
    source: io::Error,
}

/// Lets `ansible-playbook --syntax-check` read each playbook of the bundle, which lies in `folder`. Playbooks that import others
/// from a folder that a parameter names can be read only where its value is given.
///
/// # Errors
/// When the program cannot be started.
pub fn check_syntax(
    bundle: &Bundle,
    folder: &Path,
    ansible_playbook: &Path,
    parameters: &Map<String, Value>,
) -> Result<Vec<Fault>, SyntaxError> {
    // That one alone: others may be secret, and everybody sees what stands in a command line.
    let given = bundle.manifest().config_from.as_ref().map(|name| json!({name: parameters.get(name)}).to_string());
    let config = bundle.manifest().config(parameters);
    let mut found = Vec::new();
    for step in &bundle.manifest().steps {
        let Act::Playbook(playbook) = &step.act else { continue };
        // Groups that exist nowhere are only warned of; the comma makes a list of no hosts.
        let mut command = Command::new(ansible_playbook);
        command
            .args(["--syntax-check", "-i", ",", "-e", given.as_deref().unwrap_or("{}"), playbook])
            .current_dir(folder);
        // A bundle stays as it is: Python would leave what it made of its plugins.
        command.env("ANSIBLE_NOCOLOR", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(config.iter().map(|config| ("ANSIBLE_CONFIG", config)));
        let output = command
            .output()
            .map_err(|source| SyntaxError { program: ansible_playbook.display().to_string(), source })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            found.push(Fault::new(playbook, "", said.trim()));
        }
    }
    Ok(found)
}
