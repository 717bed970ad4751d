#!/usr/bin/python3
"""Brings a kubelet its settings, starts it and waits until it has joined, in one go: each task of its own would cost as much
as all of this."""
import json
import os
import re
import socket
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: beidou_kubelet
short_description: A kubelet runs with its present program and settings, and has joined
description:
  - Writes files of root, each whole or not at all; fails where one cannot be written.
  - Starts the service at boot and now; starts it anew where program or settings are newer than the process.
  - What the service and the kubelet do not do is said in its place.
options:
  program: {type: path, required: true, description: The kubelet's program.}
  folders: {type: list, elements: path, default: [], description: 'Folders that must be there, mode 0755.'}
  files: {type: dict, required: true, description: 'What it reads at its start, by path; what is no text is written as JSON.'}
  systemd_unit: {type: str, required: true, description: Its service where there is systemd.}
  init_script: {type: str, required: true, description: Its service elsewhere.}
  bootstrap: {type: str, required: true, description: 'The credentials to ask for its own: there only as long as it has none.'}
  port: {type: int, default: 10248, description: Where it answers on this machine.}
  limit_s: {type: int, default: 120, description: 'How long it may take to answer, and to get its certificate.'}
"""
RETURN = """
refused: {type: str, description: Why the service does not start; empty where it does.}
answers: {type: bool, description: Whether the kubelet answers.}
joined: {type: bool, description: Whether it has its certificate.}
"""
CREDENTIALS = "/etc/kubernetes/kubelet.conf"
BOOTSTRAP = "/etc/kubernetes/bootstrap-kubelet.conf"
SECRET = 0o600
EVERY_S = 0.5


def has_systemd():
    return os.path.isdir("/run/systemd/system")


def files_of(wanted):
    """Path, text and mode of each."""
    for path, content in wanted["files"].items():
        # Some versions of Ansible take text that looks like a dictionary for one.
        text = content if isinstance(content, str) else json.dumps(content, indent=4, sort_keys=True) + "\n"
        yield path, text, 0o644
    if has_systemd():
        yield "/etc/systemd/system/kubelet.service", wanted["systemd_unit"], 0o644
    else:
        yield "/etc/init.d/kubelet", wanted["init_script"], 0o755
    if not has_certificate():
        yield BOOTSTRAP, wanted["bootstrap"], SECRET


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None


def has_certificate():
    """A kubelet writes its credentials at its first start; the certificate that they name it gets later, or never."""
    credentials = read(CREDENTIALS)
    named = re.search(r"^ *client-certificate: *(\S+)", credentials or "", re.MULTILINE)
    return credentials is not None and (named is None or os.path.exists(named.group(1)))


def as_wanted(path, mode):
    found = os.stat(path)
    return (found.st_mode & 0o7777, found.st_uid) == (mode, 0)


def write(module, path, text, mode):
    """A full disk leaves nothing behind, and what was there before."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handle, new = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".beidou-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        module.atomic_move(new, path)
    finally:
        if os.path.exists(new):
            os.unlink(new)
    os.chown(path, 0, 0)
    os.chmod(path, mode)


def bring(module, path, text, mode):
    """What is new in a file, for people; nothing where it is as it should be."""
    before = read(path)
    if before == text and as_wanted(path, mode):
        return []
    if not module.check_mode:
        write(module, path, text, mode)
    shown = {"before": before or "", "after": text} if mode != SECRET else {"before": "", "after": ""}
    return [{"before_header": path, "after_header": path, **shown}]


def attempt(module, path, act, *words):
    try:
        return act(*words)
    except OSError as error:
        return module.fail_json(msg=f"{path}: {error.strerror or error}")


def started_at(program):
    """When each process of the program began; a script has its interpreter in front."""
    begins = re.compile(rf"^(\S*python3 )?{re.escape(program)} --config")
    ticks, up = os.sysconf("SC_CLK_TCK"), float(open("/proc/uptime").read().split()[0])
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline") as line, open(f"/proc/{name}/stat") as stat:
                if begins.match(line.read().replace("\0", " ")):
                    yield time.time() - up + int(stat.read().rpartition(")")[2].split()[19]) / ticks
        except OSError:
            continue  # It has ended.


def is_fresh(program, files):
    """Whether it runs, and nothing that it read at its start was written since. A process of the same second is started anew."""
    running = list(started_at(program))
    read_at = [os.stat(path).st_ctime for path in [program, *files] if os.path.exists(path)]
    return bool(running) and min(running) > max(read_at, default=0)


def start(module):
    """Also after a start that failed, or was broken off. Why it does not; empty where it does."""
    systemctl = [["systemctl", "daemon-reload"], ["systemctl", "enable", "kubelet"], ["systemctl", "restart", "kubelet"]]
    for command in systemctl if has_systemd() else [["/etc/init.d/kubelet", "restart"]]:
        code, said, error = module.run_command(command)
        if code != 0:
            return f"{' '.join(command)}: {(error or said).strip() or code}"
    return ""


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def wait(limit, holds):
    end = time.monotonic() + limit
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(EVERY_S)
    return True


def main():
    module = AnsibleModule(
        argument_spec={
            "program": {"type": "path", "required": True},
            "folders": {"type": "list", "elements": "path", "default": []},
            "files": {"type": "dict", "required": True},
            "systemd_unit": {"type": "str", "required": True},
            "init_script": {"type": "str", "required": True},
            "bootstrap": {"type": "str", "required": True, "no_log": True},
            "port": {"type": "int", "default": 10248},
            "limit_s": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    wanted, files = module.params, list(files_of(module.params))
    missing = [folder for folder in wanted["folders"] if not os.path.isdir(folder)]
    for folder in [] if module.check_mode else missing:
        attempt(module, folder, os.makedirs, folder, 0o755)
    differences = [new for file in files for new in attempt(module, file[0], bring, module, *file)]
    begin = bool(differences) or not is_fresh(wanted["program"], [path for path, _, _ in files])
    told = {"changed": begin or bool(missing), "diff": differences if module._diff else []}
    if module.check_mode:
        module.exit_json(refused="", answers=True, joined=True, **told)
    found = {"refused": start(module) if begin else "", "answers": False, "joined": False}
    if not found["refused"]:
        found["answers"] = wait(wanted["limit_s"], lambda: answers(wanted["port"]))
    if found["answers"]:
        found["joined"] = wait(wanted["limit_s"], has_certificate)
    if found["joined"] and os.path.exists(BOOTSTRAP):
        os.unlink(BOOTSTRAP)
    module.exit_json(**found, **told)


if __name__ == "__main__":
    main()
