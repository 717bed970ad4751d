//! Ansible's own look at the playbooks of a bundle.

use std::{io, path::Path, process::Command};

use crate::{Act, Bundle, Fault};

/// Ansible could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("run {program}")]
pub struct SyntaxError {
    program: String,
    source: io::Error,
}

/// Lets `ansible-playbook --syntax-check` read each playbook of the bundle, which lies in `folder`.
///
/// # Errors
/// When the program cannot be started.
pub fn check_syntax(bundle: &Bundle, folder: &Path, ansible_playbook: &Path) -> Result<Vec<Fault>, SyntaxError> {
    let mut found = Vec::new();
    for step in &bundle.manifest().steps {
        let Act::Playbook(playbook) = &step.act else { continue };
        // Groups that exist nowhere are only warned of; the comma makes a list of no hosts.
        let output = Command::new(ansible_playbook)
            .args(["--syntax-check", "-i", ",", playbook])
            .current_dir(folder)
            .env("ANSIBLE_NOCOLOR", "1")
            .output()
            .map_err(|source| SyntaxError { program: ansible_playbook.display().to_string(), source })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            found.push(Fault::new(playbook, "", said.trim()));
        }
    }
    Ok(found)
}
