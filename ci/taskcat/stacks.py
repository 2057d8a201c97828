"""Create the stacks of one test, hold them until told to go on, delete them.

This runs in taskcat's own environment. It says what happens in lines of JSON on stdout: region, name, id,
status, reason and outputs of each stack whose status has changed; `{"held": true}` once none is under way;
and the statuses again while the stacks are deleted. A line on stdin, or its end, tells it to delete. What
taskcat itself has to say goes to stderr.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Progress:
    """What taskcat calls to wait for its stacks: its own looks at them once a minute."""

    def __init__(self, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._told: dict[str, str] = {}

    def report_test_progress(self, stacker: Any) -> None:
        """Return once no stack is under way."""
        while True:
            for stack in stacker.stacks:
                stack.refresh()
                self._tell(stack)
            if not stacker.status()["IN_PROGRESS"]:
                return
            time.sleep(self._poll_seconds)

    def _tell(self, stack: Any) -> None:
        key = f"{stack.region_name} {stack.id}"
        if self._told.get(key) == stack.status:
            return
        self._told[key] = stack.status
        tell(
            region=stack.region_name,
            name=stack.name,
            id=stack.id,
            status=stack.status,
            reason=reason_of(stack),
            outputs={output.key: output.value for output in stack.outputs},
        )


def reason_of(stack: Any) -> str:
    """Why a stack failed: the first failure in it or in what it nests, of a resource if there is one."""
    if "FAILED" not in stack.status:
        return ""
    failures = sorted(stack.error_events(refresh=True), key=lambda event: event.timestamp)
    of_resources = [event for event in failures if event.type != "AWS::CloudFormation::Stack"]
    for event in of_resources or failures:
        return f"{event.logical_id}: {event.status_reason}"
    return str(stack.status_reason)


def tell(**said: Any) -> None:
    """Say one thing."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def allow_loopback_only() -> None:
    """Let this process reach nothing but this machine, whatever a library may try."""

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        elif event == "socket.getaddrinfo":
            host = arguments[0]
        else:
            return
        try:
            allowed = ipaddress.ip_address(host).is_loopback
        except ValueError:
            allowed = False
        if not allowed:
            raise PermissionError(f"{host!r} is not this machine")

    sys.addaudithook(check)


def deploy_and_hold(project: Path, test: str, regions: list[str], poll_seconds: float) -> None:
    """Create, hold, delete."""
    # Only taskcat's own environment has these.
    from taskcat import Config  # type: ignore[import-not-found]  # noqa: PLC0415
    from taskcat.exceptions import TaskCatException  # type: ignore[import-not-found]  # noqa: PLC0415
    from taskcat.testing import CFNTest  # type: ignore[import-not-found]  # noqa: PLC0415

    nowhere = project / "nowhere.yml"  # neither the user's settings nor anybody's overrides
    config = Config.create(
        args={"tests": {test: {"regions": regions}}},
        project_root=project,
        project_config_path=project / ".taskcat.yml",
        global_config_path=nowhere,
        overrides_path=nowhere,
        env_vars={},
    )
    stacks = CFNTest(
        config,
        printer=Progress(poll_seconds),
        test_names=test,
        lint_disable=True,  # `make lint` has linted
        dont_wait_for_delete=False,
    )
    try:
        with stacks:
            tell(held=True)
            sys.stdin.readline()
    except TaskCatException as error:
        sys.stderr.write(f"{error}\n")


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("test")
    parser.add_argument("regions", nargs="+")
    parser.add_argument("--poll-seconds", type=float, required=True)
    parser.add_argument("--loopback-only", action="store_true")
    arguments = parser.parse_args()
    if arguments.loopback_only:
        allow_loopback_only()
    deploy_and_hold(arguments.project, arguments.test, arguments.regions, arguments.poll_seconds)
    sys.stdout.flush()
    # taskcat leaves a timer behind for each stack that was refused; it would hold the process for a minute.
    os._exit(0)


if __name__ == "__main__":
    main()
