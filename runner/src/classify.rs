//! What a failure is called that no check has named, and what to do about it.

use beidou_schemas::runner::TaskState;

/// Part of what is said → code and remedy. The first that fits counts.
const KNOWN: [(&str, &str, &str); 17] = [
    (
        "beidou-fence: busy",
        "host-busy",
        "A command of an earlier attempt still runs on the host. Wait until it ends, or end it there.",
    ),
    ("beidou-fence: newer", "fenced", "A later attempt has this host. Look at that one."),
    ("No space left on device", "disk-full", "Free space on the host."),
    ("Disk quota exceeded", "disk-full", "Free space on the host."),
    ("Read-only file system", "disk-readonly", "Look at the host's disk: the kernel makes it read-only after errors."),
    ("beidou-fence: cannot", "fence-failed", "Look at /var/lib/beidou on the host, and at its disk."),
    (
        "Host key verification failed",
        "host-key",
        "The host's key is not the one that is known. Look whether it is the right machine, then correct known_hosts.",
    ),
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "host-key",
        "The host's key is not the one that is known. Look whether it is the right machine, then correct known_hosts.",
    ),
    ("Permission denied (", "auth-refused", "The host refuses the key. Look at the user's authorized_keys there."),
    (
        "Too many authentication failures",
        "auth-refused",
        "The host refuses the key. Look at the user's authorized_keys there.",
    ),
    ("sudo: a password is required", "sudo-refused", "Let the user become root without a password."),
    ("Missing sudo password", "sudo-refused", "Let the user become root without a password."),
    ("Could not resolve hostname", "name-unknown", "Use an address, or correct the host's name."),
    ("Connection refused", "ssh-refused", "Start the SSH server of the host, or correct the port."),
    ("No route to host", "no-route", "Look at the host's power and network."),
    ("Network is unreachable", "no-route", "Look at the routes of the runner."),
    ("timed out", "timeout", "Look at the host's power and network; it may be overloaded."),
];
const NOT_RESPONDING: &str = "not responding";

/// Code and remedy of a failure.
pub(crate) fn classify(state: TaskState, message: &str) -> (&'static str, &'static str) {
    let known = KNOWN.iter().find(|(part, _, _)| message.contains(part)).map(|(_, code, remedy)| (*code, *remedy));
    known.unwrap_or_else(|| match state {
        TaskState::Unreachable if message.contains(NOT_RESPONDING) => {
            ("timeout", "The host stopped answering. Look at its power and network.")
        }
        TaskState::Unreachable => ("unreachable", "Look at the host's power, network and SSH server."),
        TaskState::Ok | TaskState::Changed | TaskState::Failed | TaskState::Skipped | TaskState::Ignored => {
            ("task-failed", "Read what the task said.")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_reason_wins() {
        let code = |state, message| classify(state, message).0;
        let full = "Failed to create temporary directory. mkdir: No space left on device. Failed to connect to the host via ssh";
        assert_eq!(code(TaskState::Unreachable, full), "disk-full");
        assert_eq!(
            code(TaskState::Unreachable, "Failed to connect to the host via ssh: Permission denied (publickey)."),
            "auth-refused"
        );
        assert_eq!(code(TaskState::Unreachable, "Timeout, server 10.0.0.1 not responding."), "timeout");
        assert_eq!(code(TaskState::Unreachable, "?"), "unreachable");
        assert_eq!(code(TaskState::Failed, "non-zero return code"), "task-failed");
    }
}
