#!/usr/bin/python3
"""Writes small files, all of them in one go: each by a task of its own would cost as much as all together."""
import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: beidou_files
short_description: Writes small files of root, each whole or not at all
options:
  folders: {type: list, elements: path, default: [], description: Folders that must be there, mode 0755.}
  files:
    type: list
    elements: dict
    required: true
    description: The files, in the order in which they are written.
    options:
      path: {type: path, required: true, description: Where.}
      content: {type: raw, required: true, description: 'What; what is no text is written as JSON.'}
      mode: {type: str, default: '0644', description: 'Its mode, octal.'}
  unless: {type: path, description: Nothing is written where this is there.}
"""
RETURN = """
written: {type: list, elements: str, description: Paths of what was not as it should be.}
"""


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None


def text_of(content):
    """Some versions of Ansible take text that looks like a dictionary for one."""
    return content if isinstance(content, str) else json.dumps(content, indent=4, sort_keys=True) + "\n"


def write(module, path, text, mode):
    """A full disk leaves nothing behind, and what was there before."""
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


def as_wanted(path, mode):
    found = os.stat(path)
    return (found.st_mode & 0o7777, found.st_uid) == (mode, 0)


def attempt(module, path, act):
    try:
        return act()
    except OSError as error:
        return module.fail_json(msg=f"{path}: {error.strerror or error}")


def main():
    module = AnsibleModule(
        argument_spec={
            "folders": {"type": "list", "elements": "path", "default": []},
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "raw", "required": True},
                    "mode": {"type": "str", "default": "0644"},
                },
            },
            "unless": {"type": "path"},
        },
        supports_check_mode=True,
    )
    unless = module.params["unless"]
    if unless and os.path.exists(unless):
        module.exit_json(changed=False, written=[])
    written, differences = [], []
    for folder in filter(lambda path: not os.path.isdir(path), module.params["folders"]):
        written.append(folder)
        if not module.check_mode:
            attempt(module, folder, lambda: os.makedirs(folder, mode=0o755))
    for file in module.params["files"]:
        path, text, mode = file["path"], text_of(file["content"]), int(file["mode"], 8)
        before = attempt(module, path, lambda: read(path))
        if before == text and as_wanted(path, mode):
            continue
        written.append(path)
        differences.append({"before_header": path, "after_header": path, "before": before or "", "after": text})
        if not module.check_mode:
            attempt(module, path, lambda: write(module, path, text, mode))
    module.exit_json(changed=bool(written), written=written, diff=differences if module._diff else [])


if __name__ == "__main__":
    main()
