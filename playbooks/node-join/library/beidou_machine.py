#!/usr/bin/python3
"""What a machine looks like from the inside, measured in one go: each task of its own would cost as much as all of this."""
import os
import re
import socket
import time
import urllib.request

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: beidou_machine
short_description: Measures a machine that joins a cluster, or has joined one
description: Changes nothing and fails for nothing - what cannot be measured is said in its place.
options:
  kubelet_path: {type: path, required: true, description: The kubelet's program.}
  kubelet_conf: {type: path, default: /etc/kubernetes/kubelet.conf, description: Where a kubelet that has joined has its credentials.}
  runtime_socket: {type: path, description: The container runtime's socket.}
  api_host: {type: str, description: Where the API server is to be reached.}
  api_port: {type: int, default: 443, description: Its port.}
  health_url: {type: str, description: Where the kubelet says whether it is healthy.}
  limit_s: {type: int, default: 5, description: How long a connection may take.}
  patience_s: {type: int, default: 15, description: How long a kubelet may take to become healthy.}
"""
RETURN = """
ansible_facts: {type: dict, description: 'Kernel, memory, addresses and machine id, named as setup names them.'}
clock: {type: list, elements: float, description: 'The time at the beginning and at the end. Its action says how far it is off the runner''s.'}
free_mb: {type: int, description: Free space below /var/lib.}
inodes: {type: int, description: All inodes below /var/lib, 0 where the file system does not count them.}
inodes_free: {type: int, description: Free ones.}
server: {type: str, description: The API server that the kubelet belongs to; empty for none.}
kubelets: {type: int, description: Kubelets that run, whatever their path.}
own_kubelets: {type: int, description: Kubelets of the path, started with a configuration.}
program: {type: bool, description: Whether the kubelet's program is there.}
runtime: {type: bool, description: Whether the runtime's socket is there.}
way: {type: str, description: Why the API server is not reached; empty where it is.}
health: {type: str, description: Why the kubelet is not healthy; empty where it is.}
"""
EVERY_S = 0.5


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def facts(module):
    """What `setup` takes longer for than all of this."""
    memory = dict(re.findall(r"^(\w+): *([0-9]+)", read("/proc/meminfo"), re.MULTILINE))
    ip = module.get_bin_path("ip")
    listed = module.run_command([ip, "-o", "addr", "show"])[1] if ip else ""
    addresses = re.findall(r"\binet6? ([0-9a-f.:]+)", listed)
    found = {
        "kernel": os.uname().release,
        "memtotal_mb": int(memory["MemTotal"]) // 1024,
        "swaptotal_mb": int(memory.get("SwapTotal", 0)) // 1024,
        "all_ipv4_addresses": [one for one in addresses if ":" not in one and not one.startswith("127.")],
        "all_ipv6_addresses": [one for one in addresses if ":" in one and one != "::1"],
    }
    machine_id = read("/var/lib/dbus/machine-id").strip() or read("/etc/machine-id").strip()
    if machine_id:
        found["machine_id"] = machine_id
    return {f"ansible_{name}": value for name, value in found.items()}


def processes():
    """Name and command line of each process."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/comm") as comm, open(f"/proc/{name}/cmdline") as line:
                yield comm.read().strip(), line.read().replace("\0", " ").strip()
        except OSError:
            continue  # It has ended.


def server_of(path):
    found = re.search(r"^ *server: *(\S+)", read(path), re.MULTILINE)
    return found.group(1).strip("\"'") if found else ""


def way_to(host, port, limit):
    try:
        socket.create_connection((host, port), timeout=limit).close()
    except OSError as error:
        return f"{host}:{port}: {error}"
    return ""


def health_of(url, limit):
    # Not through a proxy of the machine: it is asked itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=limit) as answer:
            return "" if answer.status == 200 else f"{answer.status}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def becomes_healthy(url, limit, patience):
    """As it stands last."""
    end = time.monotonic() + patience
    while True:
        health = health_of(url, limit)
        if not health or time.monotonic() > end:
            return health
        time.sleep(EVERY_S)


def main():
    module = AnsibleModule(
        argument_spec={
            "kubelet_path": {"type": "path", "required": True},
            "kubelet_conf": {"type": "path", "default": "/etc/kubernetes/kubelet.conf"},
            "runtime_socket": {"type": "path"},
            "api_host": {"type": "str"},
            "api_port": {"type": "int", "default": 443},
            "health_url": {"type": "str"},
            "limit_s": {"type": "int", "default": 5},
            "patience_s": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    begin = time.time()
    health = becomes_healthy(wanted["health_url"], wanted["limit_s"], wanted["patience_s"]) if wanted["health_url"] else None
    disk = os.statvfs("/var/lib")
    path = re.escape(wanted["kubelet_path"])
    own = re.compile(rf"^(\S*python3 )?{path} --config")
    running = list(processes())
    found = {
        "ansible_facts": facts(module),
        "free_mb": disk.f_bavail * disk.f_frsize >> 20,
        "inodes": disk.f_files,
        "inodes_free": disk.f_ffree,
        "server": server_of(wanted["kubelet_conf"]),
        "kubelets": sum(name == "kubelet" for name, _ in running),
        "own_kubelets": sum(bool(own.match(line)) for _, line in running),
        "program": os.path.isfile(wanted["kubelet_path"]),
    }
    if wanted["runtime_socket"]:
        found["runtime"] = os.path.exists(wanted["runtime_socket"])
    if wanted["api_host"]:
        found["way"] = way_to(wanted["api_host"], wanted["api_port"], wanted["limit_s"])
    if health is not None:
        found["health"] = health
    module.exit_json(changed=False, clock=[begin, time.time()], **found)


if __name__ == "__main__":
    main()
