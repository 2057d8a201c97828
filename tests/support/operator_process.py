"""`notify` in a process of its own, about a test's system: so that it can be stopped at any call."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Container
from typing import Any

from tests.support.system import PROJECT, STACK_NAME, System, wait_for

PROGRAM = """
import signal, sys
from datetime import UTC, datetime
from ops import aws, cli, targets
from ops.targets import Deployed
# As at a terminal: what runs in the background inherits that SIGINT is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
endpoint, name, outputs, *arguments = sys.argv[1:]
outputs = dict(line.split("=", 1) for line in outputs.splitlines())
found = Deployed(name, aws.local(endpoint), outputs, datetime.now(UTC))
targets.find = lambda env, region: found
sys.argv = ["notify", *arguments]
cli.main()
"""


def start(system: System, *command: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start a command."""
    outputs = "\n".join(f"{name}={value}" for name, value in system.outputs.items())
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, system.emulator.endpoint_url, STACK_NAME, outputs, *command],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def notify(system: System, *command: str, exit_codes: Container[int] = (0,)) -> str:
    """Run a command to its end; returns what it answers."""
    answer, told = (process := start(system, *command)).communicate()
    assert process.returncode in exit_codes, answer + told
    return answer


def found(system: System, *what: str) -> list[dict[str, Any]]:
    """What `notify find` tells of an order or an address."""
    records: list[dict[str, Any]] = json.loads(notify(system, "find", *what, "--json", exit_codes=(0, 1)))
    return records


def stop_at(
    system: System, fault: dict[str, Any], *command: str, signal_: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """Run a command, stop it at a call to AWS, and return its exit code and what it said.

    Parameters
    ----------
    fault
        Which call: `operation`, `match`, `calls` and `phase`, `before` or `after` AWS has done it.
    signal_
        What stops it.
    """
    system.control.set_faults([{"limit": 1} | fault | {"name": "stands still", "effect": "no_answer"}])
    with start(system, *command, stderr=subprocess.STDOUT) as process:
        wait_for("the call", lambda: system.control.faults()[0]["hits"] or process.poll() is not None)
        assert process.poll() is None, process.communicate()[0]
        process.send_signal(signal_)
        said, _ = process.communicate()
    system.control.clear_faults()
    return process.returncode, said
