//! What is written down for a run: inventory, variables, secrets, keys. None of its text is ever taken for a template: a
//! parameter such as `{{ lookup('pipe', …) }}` would otherwise be run here. And no variable of a host says how it is reached.

use std::{fmt::Write, fs, io, path::PathBuf};

use beidou_schemas::runner::{Assignment, Unfit, host_variable};
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

/// What keys are called where they are spoken of.
const HOST_KEY: &str = "ssh private key";
const HOP_KEY: &str = "bastion private key";

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
    let hop = assignment.ssh.bastion.as_ref().and_then(|hop| hop.private_key_path.as_deref()).unwrap_or_default();
    let mut keys = Vec::new();
    for (name, path) in [(HOST_KEY, assignment.ssh.private_key_path.as_str()), (HOP_KEY, hop)] {
        if !path.is_empty() {
            keys.push(read(name, path)?);
        }
    }
    // A cluster whose hosts nobody reaches by SSH has none: there is nothing to keep secret then.
    keys.retain(|(_, text)| !text.trim().is_empty());
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
    // A copy: ssh refuses keys that a mounted Secret shows to a group.
    let key = |name: &str, file: &str| {
        let text = keys.iter().find(|(key, _)| key == name).map(|(_, text)| format!("{}\n", text.trim_end()));
        text.map(|text| private.write(file, text.as_bytes())).transpose()
    };
    let (host_key, hop_key) = (key(HOST_KEY, "key")?, key(HOP_KEY, "hop-key")?);
    let secrets: Map<String, Value> =
        variables.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let secrets = match secrets.is_empty() {
        true => None,
        false => Some(private.write("secrets.yml", yaml(&secrets.into()).as_bytes())?),
    };
    let key = match host_key {
        Some(key) => key,
        None => private.write("no-key", b"")?,
    };
    Ok(Material {
        inventory: private.write("inventory.yml", inventory(assignment).as_bytes())?,
        variables: private.write("variables.yml", yaml(&Value::Object(assignment.variables.clone())).as_bytes())?,
        secrets,
        key,
        hop_key,
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
        // Controllers refuse them before: but for operations that an older version has accepted.
        for (name, value) in &host.vars {
            match host_variable(name, value) {
                Ok(()) => {}
                Err(Unfit::Name(allowed)) => return refuse("variable", name, allowed),
                Err(Unfit::Value(allowed)) => return refuse("variable", &format!("{name}={value}"), allowed),
            }
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
    let first = assignment.first.iter().flat_map(|first| &first.limit);
    let mut named = assignment.limit.iter().chain(&assignment.reach).chain(first);
    if let Some(host) = named.find(|host| !assignment.inventory.hosts.contains_key(*host)) {
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

/// YAML in which every text is marked as no template, keys among them: Ansible runs those too, once a playbook takes them out of
/// their mapping (`dict2items`).
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
                // Names of variables and hosts stay plain.
                if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte)) {
                    out.push_str("!unsafe ");
                }
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
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn assignment(host_key: &str, hop_key: &str) -> Assignment {
        let host = json!({"ansible_host": "10.0.0.1", "user": "admin", "port": 22});
        let hop = json!({"host": "10.0.0.9", "user": "jump", "port": 22, "private_key_path": hop_key});
        serde_json::from_value(json!({
            "attempt": "00000000-check-b0-a1", "operation": Uuid::nil(), "step": "check", "batch": 0,
            "bundle": {"name": "b", "digest": "00"}, "kind": "command", "playbook": "run", "limit": ["n1"],
            "inventory": {"groups": {}, "hosts": {"n1": host}},
            "ssh": {"private_key_path": host_key, "known_hosts": "", "bastion": hop},
            "forks": 1, "mutates": false, "fence": 1, "fence_wait_s": 3, "deadline_ms": 1000, "heartbeat_ms": 1000,
        }))
        .unwrap()
    }

    #[test]
    fn a_key_that_is_not_there_is_no_secret_and_each_key_has_its_own_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (none, one, other) = (file("none", "\n"), file("one", "KEY ONE\n\n"), file("other", "KEY TWO"));
        for (host_key, hop_key, in_host, in_hop) in [
            (&none, &none, "", None),
            (&String::new(), &other, "", Some("KEY TWO\n")),
            (&one, &none, "KEY ONE\n", None),
            (&one, &other, "KEY ONE\n", Some("KEY TWO\n")),
        ] {
            let assignment = assignment(host_key, hop_key);
            let (variables, keys) = secrets(&assignment).unwrap();
            assert!(keys.iter().all(|(_, text)| text.starts_with("KEY")), "{keys:?}");
            let private = Private::create(Some(folder.path())).unwrap();
            let written = write(&private, &assignment, &variables, &keys).unwrap();
            let hop = written.hop_key.map(|path| fs::read_to_string(path).unwrap());
            assert_eq!((fs::read_to_string(written.key).unwrap().as_str(), hop.as_deref()), (in_host, in_hop));
        }
    }

    #[test]
    fn text_is_marked_and_escaped() {
        let value = json!({"a\"": ["{{ x }}", 1, null, {"ü": "\u{7f}\n\\"}], "b": {"{{ x }}": 1}});
        let wanted = concat!(
            r#"{!unsafe "a\"": [!unsafe "{{ x }}", 1, null, {!unsafe "\U000000fc": !unsafe "\U0000007f\U0000000a\\"}], "#,
            r#""b": {!unsafe "{{ x }}": 1}}"#,
            "\n"
        );
        assert_eq!(yaml(&value), wanted);
    }

    #[test]
    fn a_variable_that_says_how_a_host_is_reached_is_refused() {
        let refused = |name: &str, value: &str| {
            let mut assignment = assignment("", "");
            let host = assignment.inventory.hosts.get_mut("n1").unwrap();
            host.vars = Map::from_iter([("rack".to_owned(), 7.into()), (name.to_owned(), value.into())]);
            check(&assignment).err().map(|error| error.to_string())
        };
        assert_eq!(refused("node_name", "worker-7"), None);
        assert_eq!(refused("ansible_python_interpreter", "/usr/bin/python3"), None);
        let names = refused("ansible_ssh_common_args", "-o ProxyCommand=x").unwrap();
        assert!(
            names.starts_with(r#"variable "ansible_ssh_common_args" is not allowed: names that do not begin"#),
            "{names}"
        );
        let values = refused("ansible_python_interpreter", "/sbin/reboot").unwrap();
        assert!(values.contains("/sbin/reboot") && values.contains("the absolute path of a Python"), "{values}");
    }
}
