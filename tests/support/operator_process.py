"""`notify` in a process of its own, about a test's system: so that it can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.support.system import PROJECT, STACK_NAME, System, wait_for

PROGRAM = """
import sys
from datetime import UTC, datetime
from ops import aws, cli, targets
from ops.targets import Deployed
endpoint, name, outputs, *arguments = sys.argv[1:]
outputs = dict(line.split("=", 1) for line in outputs.splitlines())
found = Deployed(name, aws.local(endpoint), outputs, datetime.now(UTC))
targets.find = lambda env, region: found
sys.argv = ["notify", *arguments]
cli.main()
"""


def kill_at(system: System, fault: dict[str, Any], *command: str) -> None:
    """Run a command and kill it (SIGKILL) at a call to AWS.

    Parameters
    ----------
    fault
        Which call: `operation`, `match` and `phase`, `before` or `after` AWS has done it.
    """
    system.control.set_faults([fault | {"name": "killed", "effect": "no_answer", "limit": 1}])
    outputs = "\n".join(f"{name}={value}" for name, value in system.outputs.items())
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, system.emulator.endpoint_url, STACK_NAME, outputs, *command],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for("the call", _was_hit(system))
        os.kill(process.pid, signal.SIGKILL)
    system.control.clear_faults()


def _was_hit(system: System) -> Callable[[], bool]:
    return lambda: bool(system.control.faults()[0]["hits"])
