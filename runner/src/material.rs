//! What is written down for a run: inventory, variables, secrets, keys. None of its text is ever taken for a template: a
//! parameter such as `{{ lookup('pipe', …) }}` would otherwise be run here.

use std::{fmt::Write, fs, io, path::PathBuf};

use beidou_schemas::runner::Assignment;
use serde_json::{Map, Value};

use crate::{fence, private::Private};

/// Why nothing could be prepared. Nothing has been touched then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MaterialError {
    #[error("{what} {value:?} is not allowed: {allowed}")]
    Refused { what: &'static str, value: String, allowed: &'static str },
    #[error("read the file of {what}")]
    Read { what: String, source: io::Error },
    #[error("write down what the run needs")]
    Write(#[from] io::Error),
}

/// A secret parameter and its value.
pub(crate) type Secrets = Vec<(String, String)>;

/// Where everything lies.
pub(crate) struct Material {
    pub inventory: PathBuf,
    pub variables: PathBuf,
    pub secrets: Option<PathBuf>,
    pub key: PathBuf,
    pub hop_key: Option<PathBuf>,
    pub known_hosts: PathBuf,
}

/// Reads the secrets of an assignment, the private keys among them.
pub(crate) fn secrets(assignment: &Assignment) -> Result<(Secrets, Secrets), MaterialError> {
    let read = |what: &str, path: &str| {
        let text = fs::read_to_string(path).map_err(|source| MaterialError::Read { what: what.into(), source })?;
        Ok::<_, MaterialError>((what.to_owned(), text))
    };
    let mut variables = Vec::new();
    for secret in &assignment.secrets {
        let (name, text) = read(&secret.name, &secret.path)?;
        variables.push((name, text.strip_suffix('\n').unwrap_or(&text).to_owned()));
    }
    let mut keys = Vec::new();
    if !assignment.ssh.private_key_path.is_empty() {
        keys.push(read("ssh private key", &assignment.ssh.private_key_path)?);
    }
    if let Some(path) = assignment.ssh.bastion.as_ref().and_then(|hop| hop.private_key_path.as_ref()) {
        keys.push(read("bastion private key", path)?);
    }
    Ok((variables, keys))
}

/// Writes everything down.
pub(crate) fn write(
    private: &Private,
    assignment: &Assignment,
    variables: &Secrets,
    keys: &Secrets,
) -> Result<Material, MaterialError> {
    check(assignment)?;
    let mut key_files = Vec::new();
    for (index, (_, text)) in keys.iter().enumerate() {
        // A copy: ssh refuses keys that a mounted Secret shows to a group.
        key_files.push(private.write(&format!("key{index}"), format!("{}\n", text.trim_end()).as_bytes())?);
    }
    let secrets: Map<String, Value> =
        variables.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let secrets = match secrets.is_empty() {
        true => None,
        false => Some(private.write("secrets.yml", yaml(&secrets.into()).as_bytes())?),
    };
    let mut key_files = key_files.into_iter();
    let key = match key_files.next() {
        Some(key) => key,
        None => private.write("no-key", b"")?,
    };
    Ok(Material {
        inventory: private.write("inventory.yml", inventory(assignment).as_bytes())?,
        variables: private.write("variables.yml", yaml(&Value::Object(assignment.variables.clone())).as_bytes())?,
        secrets,
        key,
        hop_key: key_files.next(),
        known_hosts: private.write("known_hosts", assignment.ssh.known_hosts.as_bytes())?,
    })
}

/// Names that become words of a command line, patterns or paths.
fn check(assignment: &Assignment) -> Result<(), MaterialError> {
    let refuse = |what, value: &str, allowed| Err(MaterialError::Refused { what, value: value.into(), allowed });
    let word = |text: &str, signs: &str| {
        let fits = |character: char| character.is_ascii_alphanumeric() || signs.contains(character);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
    };
    for (name, host) in &assignment.inventory.hosts {
        if !word(name, "-._:") {
            return refuse("host name", name, "letters, digits and - . _ :, no hyphen at the front");
        }
        if !word(&host.ansible_host, "-._:%") {
            return refuse("address", &host.ansible_host, "an IP address or a DNS name");
        }
        if !word(&host.user, "-._") {
            return refuse("user", &host.user, "letters, digits and - . _, no hyphen at the front");
        }
    }
    if let Some(hop) =
        assignment.ssh.bastion.as_ref().filter(|hop| !word(&hop.host, "-._:%") || !word(&hop.user, "-._"))
    {
        return refuse("bastion", &format!("{}@{}", hop.user, hop.host), "a user and an IP address or a DNS name");
    }
    if assignment.limit.is_empty() {
        return refuse("limit", "", "at least one host");
    }
    if let Some(host) = assignment.limit.iter().find(|host| !assignment.inventory.hosts.contains_key(*host)) {
        return refuse("limit", host, "hosts of the inventory");
    }
    Ok(())
}

/// On hosts that the step changes, modules are started through the fence.
fn inventory(assignment: &Assignment) -> String {
    let Assignment { inventory, limit, .. } = assignment;
    let mut hosts = Map::new();
    for (name, host) in &inventory.hosts {
        let mut vars = host.vars.clone();
        if fence::needed(assignment) && limit.contains(name) {
            vars.insert("ansible_python_interpreter".into(), fence::interpreter(assignment).into());
        }
        vars.insert("ansible_host".into(), host.ansible_host.clone().into());
        vars.insert("ansible_user".into(), host.user.clone().into());
        vars.insert("ansible_port".into(), host.port.into());
        hosts.insert(name.clone(), Value::Object(vars));
    }
    let groups = inventory.groups.iter().map(|(group, members)| {
        let members: Map<_, _> = members.iter().map(|member| (member.clone(), Value::Object(Map::new()))).collect();
        (group.clone(), serde_json::json!({"hosts": members}))
    });
    let children: Map<String, Value> = groups.collect();
    yaml(&serde_json::json!({"all": {"hosts": hosts, "children": children}}))
}

/// YAML in which every text is marked as no template.
fn yaml(value: &Value) -> String {
    let mut out = String::new();
    emit(value, &mut out);
    out.push('\n');
    out
}

fn emit(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => {
            out.push_str("!unsafe ");
            quoted(text, out);
        }
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                emit(value, out);
            }
            out.push(']');
        }
        Value::Object(values) => {
            out.push('{');
            for (index, (name, value)) in values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                quoted(name, out);
                out.push_str(": ");
                emit(value, out);
            }
            out.push('}');
        }
    }
}

/// A double-quoted scalar: all but plain ASCII is escaped, for YAML does not take every character.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            ' '..='~' => out.push(character),
            _ => write!(out, "\\U{:08x}", u32::from(character)).expect("a String takes any text"),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_marked_and_escaped() {
        let value = serde_json::json!({"a\"": ["{{ x }}", 1, null, {"ü": "\u{7f}\n\\"}]});
        let text = yaml(&value);
        assert_eq!(
            text,
            r#"{"a\"": [!unsafe "{{ x }}", 1, null, {"\U000000fc": !unsafe "\U0000007f\U0000000a\\"}]}"#.to_owned()
                + "\n"
        );
    }
}
