#!/usr/bin/python3
"""Starts a kubelet and waits until it has joined, in one go: each task of its own would cost as much as all of this."""
import os
import re
import socket
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: beidou_kubelet
short_description: A kubelet runs with its present program and settings, and has joined
description:
  - Starts the service at boot and now; starts it anew where program or settings are newer than the process.
  - Fails where the service does not start. What the kubelet does not do in time is said in its place.
options:
  program: {type: path, required: true, description: The kubelet's program.}
  settings: {type: list, elements: path, default: [], description: 'What it reads at its start, the service among it.'}
  port: {type: int, default: 10248, description: Where it answers on this machine.}
  certificate: {type: path, required: true, description: What is there once it has a certificate of its own.}
  bootstrap: {type: path, required: true, description: 'The credentials to ask for one: removed when they are no longer needed.'}
  limit_s: {type: int, default: 120, description: 'How long it may take to answer, and to get its certificate.'}
"""
RETURN = """
answers: {type: bool, description: Whether it answers.}
joined: {type: bool, description: Whether it has its certificate.}
"""
EVERY_S = 0.5


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


def is_fresh(wanted):
    """Whether it runs, and nothing that it read at its start was written since. A process of the same second is started anew."""
    running = list(started_at(wanted["program"]))
    files = [wanted["program"], wanted["bootstrap"], *wanted["settings"]]
    read = [os.stat(path).st_ctime for path in files if os.path.exists(path)]
    return bool(running) and min(running) > max(read, default=0)


def run(module, *command):
    code, said, error = module.run_command(list(command))
    if code != 0:
        module.fail_json(msg=f"{' '.join(command)}: {(error or said).strip() or code}")


def start(module):
    """Also after a start that failed, or was broken off."""
    if os.path.isdir("/run/systemd/system"):
        run(module, "systemctl", "daemon-reload")
        run(module, "systemctl", "enable", "kubelet")
        run(module, "systemctl", "restart", "kubelet")
    else:
        run(module, "/etc/init.d/kubelet", "restart")


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
            "settings": {"type": "list", "elements": "path", "default": []},
            "port": {"type": "int", "default": 10248},
            "certificate": {"type": "path", "required": True},
            "bootstrap": {"type": "path", "required": True},
            "limit_s": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    begin = not is_fresh(wanted)
    if module.check_mode:
        module.exit_json(changed=begin, answers=True, joined=True)
    if begin:
        start(module)
    found = {"answers": wait(wanted["limit_s"], lambda: answers(wanted["port"])), "joined": False}
    if found["answers"]:
        found["joined"] = wait(wanted["limit_s"], lambda: os.path.exists(wanted["certificate"]))
    if found["joined"] and os.path.exists(wanted["bootstrap"]):
        os.unlink(wanted["bootstrap"])
    module.exit_json(changed=begin, **found)


if __name__ == "__main__":
    main()
