# Says what a playbook does, one line of JSON per event, over the unix socket of the runner.
#
# The runner is the only one who hears it: where it is gone, nobody could fence or stop this run, so the run ends itself.
# Secrets are replaced here and once more by the runner. Lines come from the first process alone; its workers only work.
import hashlib
import json
import os
import socket
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: beidou_events
    type: notification
    short_description: events of plays, tasks and hosts for the runner of Beidou
    description: Writes one line of JSON per event to a unix socket.
    options: {}
"""

CLIP_BYTES = 2048
KEPT = ("rc", "dest", "path", "state", "status", "attempts", "elapsed", "skip_reason")
KEPT_OF_FAILURES = ("stdout", "stderr", "module_stdout", "module_stderr", "exception")
GONE = 75


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "beidou_events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.process = os.getpid()
        self.play, self.began = None, {}
        self.last, self.reached, self.begun = None, None, None
        self.strict, self.fatal, self.lost = set(), set(), set()
        try:
            with open(os.environ["BEIDOU_PATTERNS"], encoding="utf-8") as patterns:
                self.patterns = json.load(patterns)
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(os.environ["BEIDOU_EVENTS"])
        except (OSError, KeyError, ValueError):
            os._exit(GONE)

    def say(self, kind, **fields):
        if os.getpid() != self.process:
            return
        line = {"time_us": time.time_ns() // 1000, "kind": kind}
        line.update((name, value) for name, value in fields.items() if value not in (None, "", {}))
        try:
            self.socket.sendall((json.dumps(line, default=str) + "\n").encode())
        except OSError:
            os._exit(GONE)

    def clean(self, value):
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        found = []
        for pattern in self.patterns:
            at = text.find(pattern)
            while at >= 0:
                found.append((at, at + len(pattern)))
                at = text.find(pattern, at + 1)
        clean, done = [], 0
        # Where secrets overlap, nothing of any is left.
        for start, end in sorted(found):
            if start >= done:
                clean += [text[done:start], "***"]
            done = max(done, end)
        text = "".join(clean) + text[done:]
        whole = text.encode("utf-8", "replace")
        if len(whole) <= CLIP_BYTES:
            return text
        digest = hashlib.sha256(whole).hexdigest()[:12]
        return "%s… (%d bytes, sha256 %s)" % (whole[:CLIP_BYTES].decode("utf-8", "ignore"), len(whole), digest)

    def task_fields(self, task):
        return {"play": self.play, "task": self.clean(task.get_name()), "task_uuid": task._uuid, "action": task.action}

    def ended(self, result, state, kind="host"):
        task = result.task if hasattr(result, "task") else result._task
        host = (result.host if hasattr(result, "host") else result._host).get_name()
        said = dict(result.result if hasattr(result, "result") else result._result)
        fields = result.task_fields if hasattr(result, "task_fields") else result._task_fields
        if kind == "host" and state in ("failed", "unreachable"):
            if task._uuid in self.strict or fields.get("run_once") is True:
                self.fatal.add(host)
        hidden = bool(said.get("_ansible_no_log") or task.no_log)
        bad = state in ("failed", "unreachable", "ignored") or kind == "retry"
        code, remedy, message = self.finding(task, said, hidden) if bad else (None, None, None)
        if not bad and not hidden and isinstance(said.get("msg"), str):
            message = self.clean(said["msg"])
        began = self.began.get((task._uuid, host), self.began.get(task._uuid))
        item = None
        if kind == "item" and not hidden:
            item = said.get("_ansible_item_label", said.get("item"))
            item = None if item is None else self.clean(item)
        self.say(
            kind, host=host, state=state, item=item, message=message, code=code, remedy=remedy,
            duration_ms=None if began is None or kind == "item" else int((time.time() - began) * 1000),
            results={"censored": True} if hidden else self.results(said, bad), **self.task_fields(task))

    def results(self, said, bad):
        names = KEPT + (KEPT_OF_FAILURES if bad else ())
        kept = {name: said[name] for name in names if said.get(name) not in (None, "", [], {})}
        return {name: value if isinstance(value, (bool, int, float)) else self.clean(value) for name, value in kept.items()}

    def finding(self, task, said, hidden):
        """Code, remedy and message of a failure: of the items that failed, or of the task."""
        failed = [part for part in said.get("results", ()) if isinstance(part, dict) and part.get("failed")]
        items = [part.get("item") for part in failed] if failed else [said.get("item")]
        codes = [item for item in items if isinstance(item, dict) and "code" in item]
        variables = task.vars or {}
        code = str(codes[0]["code"]) if codes else variables.get("beidou_code")
        remedy = codes[0].get("remedy") if codes else variables.get("beidou_remedy")
        if hidden:
            message = "hidden: the task has no_log"
        elif failed:
            message = "; ".join(self.clean(part.get("msg", "failed")) for part in failed)
        else:
            message = self.clean(said.get("msg") or said.get("module_stderr") or said.get("stderr") or "failed")
            if said.get("stderr") and said.get("msg") and str(said["stderr"]) not in message:
                message = self.clean("%s: %s" % (said["msg"], said["stderr"]))
        clean = lambda text: None if text is None else self.clean(str(text))
        return clean(code), clean(remedy), self.clean(message)

    def v2_playbook_on_start(self, playbook):
        self.last = playbook.get_plays()[-1]._uuid
        self.say("start", message=os.path.basename(playbook._file_name))

    def v2_playbook_on_play_start(self, play):
        self.play, self.reached = self.clean(play.get_name()), play
        self.say("play", play=self.play)

    def v2_playbook_on_task_start(self, task, is_conditional):
        if self.begun is not self.reached:
            # Hosts that a play before this one has lost take no part in it.
            self.begun = self.reached
            self.lost.update(self.reached._removed_hosts)
        # As it stands there: to Ansible itself, each template counts as true.
        if task.any_errors_fatal:
            self.strict.add(task._uuid)
        self.began[task._uuid] = time.time()
        self.say("task", **self.task_fields(task))

    def v2_playbook_on_handler_task_start(self, task):
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_start(self, host, task):
        self.began[(task._uuid, host.get_name())] = time.time()
        self.say("host_start", host=host.get_name(), **self.task_fields(task))

    def changed(self, result):
        said = result.result if hasattr(result, "result") else result._result
        return "changed" if said.get("changed") else "ok"

    def v2_runner_on_ok(self, result):
        self.ended(result, self.changed(result))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.ended(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result):
        self.ended(result, "unreachable")

    def v2_runner_on_skipped(self, result):
        self.ended(result, "skipped")

    def v2_runner_retry(self, result):
        self.ended(result, None, "retry")

    def v2_runner_item_on_ok(self, result):
        self.ended(result, self.changed(result), "item")

    def v2_runner_item_on_failed(self, result):
        self.ended(result, "failed", "item")

    def v2_runner_item_on_skipped(self, result):
        self.ended(result, "skipped", "item")

    def v2_playbook_on_no_hosts_matched(self):
        self.say("note", play=self.play, message="no host matched the play")

    def v2_playbook_on_no_hosts_remaining(self):
        self.say("no_hosts", message="the run stops before its end")

    def v2_playbook_on_stats(self, stats):
        # Where a failure ends more than the work on its host, Ansible counts it for that host alone: the others look done.
        counted = {*stats.failures, *stats.dark}
        if self.reached._uuid != self.last or self.fatal & counted or self.lost - counted:
            self.v2_playbook_on_no_hosts_remaining()
        self.say("stats", results={host: stats.summarize(host) for host in sorted(stats.processed)})
