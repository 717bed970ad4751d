"""Reads the runner's clock beside the machine's, in one task: between tasks lies their queue, which is no skew."""
import time

from ansible.plugins.action.normal import ActionModule as Normal


class ActionModule(Normal):
    def run(self, tmp=None, task_vars=None):
        before = time.time()
        result = super().run(tmp, task_vars)
        after = time.time()
        if "clock" in result:
            first, last = result["clock"]
            result["clock"] = {"runner": before, "machine": first, "off_s": max(before - first, last - after, 0)}
        return result
