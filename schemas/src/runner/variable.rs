//! Variables of a machine, which whoever asks for an operation may give.
//!
//! Of a host's variables Ansible takes how it is reached, whom it becomes there, and which programs it starts for that, on the host and
//! on the runner: `ansible_ssh_common_args` may name a program of the runner, `ansible_connection: local` makes the runner the host,
//! `ansible_ssh_host` counts more than `ansible_host`. In ansible-core 2.18 and 2.19 the options of all plugins that variables set begin
//! with `ansible_` or `_`. So all of them are refused, those of plugins to come too, but for the Python of the machine.

use serde_json::Value;

/// The one that Ansible reads and that may be given: the fence starts this Python on the machine.
pub const PYTHON: &str = "ansible_python_interpreter";
/// The one that Beidou makes: the name of the machine's node, which it takes from the machine or finds by its address.
pub const NODE_NAME: &str = "node_name";
/// Names that Ansible makes itself, or that templates call. Of some a host's own variable wins: a playbook then writes elsewhere
/// (`inventory_dir`), or passes what it wanted to leave out (`omit`). Of the others it only seems to be given.
const OWN: [&str; 23] = [
    "delegated_vars",
    "environment",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "item",
    "lookup",
    "now",
    "omit",
    "play_hosts",
    "playbook_dir",
    "q",
    "query",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
    "undef",
    "vars",
];
const REACHED: &str = "names that do not begin with ansible_, and ansible_python_interpreter; how a machine is reached is said by its ip, \
                       user and port, and by ssh of its Cluster";
const MADE: &str = "names that Ansible does not make itself";
const WORDS: &str = "letters, digits and _, a letter at the front";
const PATHS: &str = "the absolute path of a Python on the machine, such as /usr/bin/python3.11";

/// What is wrong with a variable of a machine. It says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// None may be called so.
    Name(&'static str),
    /// It may not have this value.
    Value(&'static str),
}

/// Whether a machine may have this variable.
///
/// # Errors
/// When it may not.
pub fn host_variable(name: &str, value: &Value) -> Result<(), Unfit> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match name {
        PYTHON if value.as_str().is_some_and(is_python) => Ok(()),
        PYTHON => Err(Unfit::Value(PATHS)),
        _ if name.starts_with("ansible_") || name.starts_with('_') => Err(Unfit::Name(REACHED)),
        _ if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.bytes().all(is_word) => {
            Err(Unfit::Name(WORDS))
        }
        _ if OWN.contains(&name) => Err(Unfit::Name(MADE)),
        _ => Ok(()),
    }
}

/// A Python by its name: Ansible would start any program, with whatever stands behind it, also for a check that nobody approves.
fn is_python(path: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let program = path.rsplit('/').next().unwrap_or_default();
    let version = program.strip_prefix("platform-").unwrap_or(program).strip_prefix("python");
    let is_version = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    path.starts_with('/') && path.bytes().all(fits) && version.is_some_and(is_version)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_of_playbooks_may_be_given_and_the_python_of_the_machine() {
        for (name, value) in [
            ("rack", json!("{{ lookup('pipe', 'id') }}")),
            ("node_ip", json!("10.0.0.1")),
            ("Etcd_member9", json!({"a": [1]})),
            (PYTHON, json!("/usr/bin/python3")),
            (PYTHON, json!("/usr/libexec/platform-python")),
            (PYTHON, json!("/opt/venv-1/bin/python3.11")),
        ] {
            assert_eq!(host_variable(name, &value), Ok(()), "{name} {value}");
        }
    }

    #[test]
    fn what_ansible_reaches_machines_by_is_refused() {
        for name in [
            "ansible_ssh_args",
            "ansible_ssh_common_args",
            "ansible_ssh_host",
            "ansible_host",
            "ansible_connection",
            "ansible_become_exe",
            "ansible_remote_tmp",
            "ansible_perl_interpreter",
            "ansible_facts",
            "_ansible_coverage_remote_output",
        ] {
            assert_eq!(host_variable(name, &json!("x")), Err(Unfit::Name(REACHED)), "{name}");
        }
        for name in ["inventory_hostname", "inventory_dir", "hostvars", "groups", "omit", "lookup"] {
            assert_eq!(host_variable(name, &json!("x")), Err(Unfit::Name(MADE)), "{name}");
        }
        for name in ["", "7up", "a-b", "a b", "ä", "{{ lookup('pipe', 'id') }}", "delegated_vars['ansible_host']"] {
            assert_eq!(host_variable(name, &json!("x")), Err(Unfit::Name(WORDS)), "{name}");
        }
    }

    #[test]
    fn a_python_is_a_path_and_no_command() {
        for value in [
            json!("python3"),
            json!("auto"),
            json!("/sbin/reboot"),
            json!("/bin/sh -c 'reboot' #"),
            json!("/usr/bin/python3 -c 1"),
            json!("/usr/bin/python3;id"),
            json!("/usr/bin/python-config"),
            json!("/usr/bin/"),
            json!(3),
            json!(["/usr/bin/python3"]),
        ] {
            assert_eq!(host_variable(PYTHON, &value), Err(Unfit::Value(PATHS)), "{value}");
        }
    }
}
